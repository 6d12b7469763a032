package bridge

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	cryptorand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestReloadKeepsTheOldConfigurationWhenTheNewOneIsNotValid(t *testing.T) {
	w := newWorld(t)
	good := w.configText
	w.configText += "\nunknown: true\n"
	err := w.app.Reload()
	if err == nil || !strings.Contains(err.Error(), `unknown key "unknown"`) {
		t.Errorf("Reload: %v", err)
	}
	if w.metric(`bizbridge_config_reloads_total{outcome="rejected"}`) != 1 {
		t.Error("the rejected reload was not counted")
	}
	if checks := w.admin("/readyz").json(t)["checks"].(map[string]any); checks["config"] == "ok" {
		t.Error("readiness does not tell of the rejected configuration")
	}
	if got := w.fromPhone(phoneText("00000000-0000-4000-8000-000000000001", "Hello")); got.status != 200 {
		t.Errorf("the old configuration does not serve: %d", got.status)
	}

	w.configText = strings.Replace(good, "connector: other}", "connector: desk}", 1)
	if err := w.app.Reload(); err != nil {
		t.Fatal(err)
	}
	if got := w.fromDesk("1", sendBody(map[string]any{"business_id": otherID})); got.status != 200 {
		t.Errorf("the new configuration is not in force: %d %s", got.status, got.body)
	}
	if checks := w.admin("/readyz").json(t)["checks"].(map[string]any); checks["config"] != "ok" {
		t.Errorf("readiness still says %v", checks["config"])
	}
}

func TestRepeatIsRecognisedAcrossAReload(t *testing.T) {
	w := newWorld(t)
	body := phoneText("00000000-0000-4000-8000-000000000001", "Hello")
	w.fromPhone(body)
	if err := w.app.Reload(); err != nil {
		t.Fatal(err)
	}
	if got := w.fromPhone(body); got.status != 200 {
		t.Errorf("the repeat: %d", got.status)
	}
	if got := w.desk.all(); len(got) != 1 {
		t.Errorf("the desk got %d events", len(got))
	}
	if w.metric(`bizbridge_duplicates_dropped_total{source="apple"}`) != 1 {
		t.Error("the duplicate was not counted")
	}
}

func TestDrainFinishesWhatIsUnderWay(t *testing.T) {
	w := newWorld(t)
	w.desk.respond(func(received) int { time.Sleep(300 * time.Millisecond); return 200 })
	answered := make(chan answer, 1)
	go func() { answered <- w.fromPhone(phoneText("00000000-0000-4000-8000-000000000001", "Hello")) }()
	w.desk.wait(t, 1)
	if err := w.stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
	if got := <-answered; got.status != 200 {
		t.Errorf("the message under way: %d %s", got.status, got.body)
	}
}

func TestDrainTellsTheSendersOfWhatCannotFinish(t *testing.T) {
	w := newWorld(t)
	w.configText = strings.NewReplacer("shutdown_grace: 2s", "shutdown_grace: 200ms", "timeout: 1s", "timeout: 30s").Replace(w.configText)
	if err := w.app.Reload(); err != nil {
		t.Fatal(err)
	}
	release := make(chan struct{})
	defer close(release)
	w.desk.respond(func(received) int { <-release; return 200 })
	answered := make(chan answer, 1)
	go func() { answered <- w.fromPhone(phoneText("00000000-0000-4000-8000-000000000001", "Hello")) }()
	w.desk.wait(t, 1)
	began := time.Now()
	if err := w.stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("the shutdown took %v", took)
	}
	if got := <-answered; got.status != 503 {
		t.Errorf("the message under way: %d %s", got.status, got.body)
	}
}

// A load balancer that has not seen yet that readiness is false once met a closed port.
func TestDrainStillServesWhileReadinessIsSeenToBeFalse(t *testing.T) {
	w := newWorld(t) // 2s of grace, so 200ms of this
	stopped := make(chan error, 1)
	go func() { stopped <- w.stop() }()
	for range 100 {
		if w.admin("/readyz").status == 503 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if got := w.fromPhone(phoneText("00000000-0000-4000-8000-000000000001", "Hello")); got.status != 200 {
		t.Errorf("a message while draining: %d %s", got.status, got.body)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Run: %v", err)
	}
}

// SIGHUP in the middle of a drain once killed the process, and with it the answer to a message that was delivered.
func TestHangupWhileDrainingDoesNoHarm(t *testing.T) {
	desk := newFar(t)
	desk.respond(func(received) int { time.Sleep(500 * time.Millisecond); return 200 })
	p := newProcess(t, "http://127.0.0.1:1", desk.server.URL, "")
	answered := make(chan int, 1)
	go func() {
		resp, err := http.DefaultClient.Do(post("http://"+p.listen+"/message", appleHeader(nil), []byte(phoneText("00000000-0000-4000-8000-000000000001", "Hello"))))
		if err != nil {
			answered <- 0
			return
		}
		resp.Body.Close()
		answered <- resp.StatusCode
	}()
	desk.wait(t, 1)
	for _, signal := range []os.Signal{syscall.SIGTERM, syscall.SIGHUP} {
		if err := p.command.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if status := <-answered; status != 200 {
		t.Errorf("the message under way is answered with %d", status)
	}
	http.DefaultClient.CloseIdleConnections()
	if err := p.command.Wait(); err != nil {
		t.Errorf("the bridge ends with %v", err)
	}
}

func TestARenewedCertificateIsShownAfterAReload(t *testing.T) {
	w := newWorld(t)
	first, second := newCertificate(t, "first.example.com"), newCertificate(t, "second.example.com")
	w.configText = strings.Replace(w.configText, "shutdown_grace: 2s", "shutdown_grace: 2s, tls: {cert: "+strconv.Quote(first.cert)+", key: "+strconv.Quote(first.key)+"}", 1)
	cfg, err := w.parse()
	if err != nil {
		t.Fatal(err)
	}
	public, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	admin, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	app, err := New(Options{Config: cfg, Load: w.parse, Logger: slog.New(slog.DiscardHandler), Public: public, Admin: admin})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	finished := make(chan error, 1)
	go func() { finished <- app.Run(ctx) }()
	shown := func() string {
		conn, err := tls.Dial("tcp", public.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	if got := shown(); got != "first.example.com" {
		t.Errorf("shown is %s", got)
	}
	w.configText = strings.NewReplacer(strconv.Quote(first.cert), strconv.Quote(second.cert), strconv.Quote(first.key), strconv.Quote(second.key)).Replace(w.configText)
	if err := app.Reload(); err != nil {
		t.Fatal(err)
	}
	if got := shown(); got != "second.example.com" {
		t.Errorf("shown after the reload is %s", got)
	}
	cancel()
	if err := <-finished; err != nil {
		t.Error(err)
	}
}

type certificate struct{ cert, key string }

func newCertificate(t *testing.T, name string) certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), cryptorand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(cryptorand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return certificate{
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})),
	}
}

// The request id of an answer once stood nowhere in the log.
func TestARequestIDLeadsToTheLog(t *testing.T) {
	w := newWorld(t)
	w.desk.status(422)
	got := w.fromPhone(phoneText("00000000-0000-4000-8000-000000000001", "Hello"))
	if code := problemOf(t, got); code != "unavailable" {
		t.Errorf("Apple can only try again, whatever the helpdesk said; the code is %s", code)
	}
	refused := w.do("POST", "/webhooks/nobody", nil, nil)
	for _, answer := range []answer{got, refused} {
		if id := answer.header.Get("X-Request-Id"); id == "" || !strings.Contains(w.logs.String(), `"request_id":"`+id+`"`) {
			t.Errorf("request id %q of a %d is not in the log", id, answer.status)
		}
	}
	if w.metric(`bizbridge_outbound_messages_total{business="unknown",connector="",kind="unknown",outcome="invalid"}`) != 1 {
		t.Error("a request for an unknown connector is not counted")
	}
}
