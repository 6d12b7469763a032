package bridge

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp/cmpopts"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.uber.org/goleak"

	gocmp "github.com/google/go-cmp/cmp"

	"bizbridge/config"
	"bizbridge/connectors/registry"
)

const (
	mspID        = "11111111-2222-3333-4444-555555555555"
	businessID   = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
	otherID      = "bbbbbbbb-bbbb-4ccc-8ddd-eeeeeeeeeeee"
	appleSecret  = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	deskSecret   = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	masterKey    = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
	apiToken     = "a-token-of-sixteen-or-more"
	limitedToken = "another-token-for-one-business"
	customerID   = "urn:mbid:AQAAYwG2ZUKZPdu//LTRt0G/RchWT+YhFnTqjOFSrO/8Ufq9Ev3Jrs0WOA6o6aEBG6w4eVVMw1MN9o4XzJfpJMouAapcC5Ilrwd3JjBLfWGS8uJfW/61d6M5rcf1K24pw+FriEZ3u0qLphl6D5ZPrXkHOJ8QhFU="
)

func TestMain(m *testing.M) {
	if store, address, ok := strings.Cut(os.Getenv(copierVariable), " "); ok {
		panic(serveCopies(store, address))
	}
	goleak.VerifyTestMain(m)
}

// far is a peer of the bridge that records what it is sent and answers as it is told.
type far struct {
	server *httptest.Server
	mu     sync.Mutex
	got    []received
	answer func(received) int // nil: 200
}

type received struct {
	header http.Header
	body   []byte
}

func newFar(t testing.TB) *far {
	f := &far{}
	f.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		f.mu.Lock()
		got := received{r.Header.Clone(), body}
		f.got = append(f.got, got)
		answer := f.answer
		f.mu.Unlock()
		if answer != nil {
			w.WriteHeader(answer(got))
		}
	}))
	t.Cleanup(f.server.Close)
	return f
}

func (f *far) respond(answer func(received) int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = answer
}

func (f *far) status(status int) { f.respond(func(received) int { return status }) }

func (f *far) all() []received {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]received(nil), f.got...)
}

// wait gives what has come once it is n, or fails.
func (f *far) wait(t *testing.T, n int) []received {
	t.Helper()
	for range 200 {
		if got := f.all(); len(got) >= n {
			return got
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%d requests came, want %d", len(f.all()), n)
	return nil
}

// world is a bridge between two fars.
type world struct {
	t           *testing.T
	app         *App
	apple, desk *far
	url         string
	configText  string
	logs        *syncBuffer
	stop        func() error
}

type syncBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

const configTemplate = `
server: {public_url: "http://127.0.0.1/base", shutdown_grace: 2s}
keys: [%q]
apple: {gateway_url: "%s/v1", accounts: [{msp_id: %q, secrets: [%q]}]}
businesses:
  - {id: %q, name: Example, msp_id: %q, connector: desk}
  - {id: %q, name: Other, msp_id: %q, connector: other}
connectors:
  desk: {type: webhook, url: "%s/hook", secrets: [%q]}
  other: {type: webhook, url: "%s/other", secrets: [%q]}
delivery: {timeout: 1s}
api:
  keys:
    - {name: bot, token: %q, businesses: ["*"]}
    - {name: narrow, token: %q, businesses: [%q]}
limits: {max_body: 64KB}
`

// newWorld runs a bridge. Each change may alter its configuration.
func newWorld(t *testing.T, changes ...func(configText string) string) *world {
	w := &world{t: t, apple: newFar(t), desk: newFar(t), logs: &syncBuffer{}}
	w.configText = fmt.Sprintf(configTemplate, masterKey, w.apple.server.URL, mspID, appleSecret, businessID, mspID, otherID, mspID,
		w.desk.server.URL, deskSecret, w.desk.server.URL, deskSecret, apiToken, limitedToken, otherID)
	for _, change := range changes {
		w.configText = change(w.configText)
	}
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
	w.app, err = New(Options{
		Config: cfg, Load: w.parse, Version: "test", Public: public, Admin: admin,
		Logger: slog.New(slog.NewJSONHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	finished := make(chan error, 1)
	go func() { finished <- w.app.Run(ctx) }()
	w.stop = sync.OnceValue(func() error { cancel(); return <-finished })
	w.url = "http://" + public.Addr().String() + "/base"
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		if err := w.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return w
}

func (w *world) parse() (*config.Config, error) {
	return config.Parse("test.yaml", []byte(w.configText), registry.ConfigTypes())
}

// answer is an HTTP answer, read whole.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) json(t *testing.T) map[string]any {
	t.Helper()
	var value map[string]any
	if err := json.Unmarshal([]byte(a.body), &value); err != nil {
		t.Fatalf("%v in %q", err, a.body)
	}
	return value
}

func (w *world) do(method, path string, header map[string]string, body []byte) answer {
	w.t.Helper()
	req, err := http.NewRequest(method, w.url+path, bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	for name, value := range header {
		if value != "" {
			req.Header.Set(name, value)
		}
		if name == "Host" {
			req.Host = value
		}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(text)}
}

func appleToken(claims jwt.MapClaims, secret string) string {
	key, _ := base64.StdEncoding.DecodeString(secret)
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(key)
	if err != nil {
		panic(err)
	}
	return "Bearer " + token
}

func appleHeader(override map[string]string) map[string]string {
	header := map[string]string{
		"Authorization": appleToken(jwt.MapClaims{"aud": mspID, "iat": time.Now().Unix()}, appleSecret),
		"source-id":     customerID, "destination-id": businessID,
		"capability-list": "LIST,TIME,QUICK", "device-agent": "iPhone OS", "Content-Type": "application/json",
	}
	maps.Copy(header, override)
	return header
}

// fromPhone posts a body as Apple does.
func (w *world) fromPhone(body string) answer {
	w.t.Helper()
	return w.do("POST", "/message", appleHeader(nil), []byte(body))
}

func phoneText(id, text string) string {
	body, _ := json.Marshal(map[string]any{
		"v": 1, "id": id, "type": "text", "sourceId": customerID, "destinationId": businessID, "locale": "en_US", "body": text,
	})
	return string(body)
}

// deskHeader signs as a helpdesk does, written apart from the bridge's own code.
func deskHeader(id string, body []byte) map[string]string {
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(deskSecret, "whsec_"))
	at := fmt.Sprint(time.Now().Unix())
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", id, at, body)
	return map[string]string{
		"webhook-id": id, "webhook-timestamp": at, "webhook-signature": "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)),
	}
}

func (w *world) fromDesk(id, body string) answer {
	w.t.Helper()
	return w.do("POST", "/webhooks/desk", deskHeader(id, []byte(body)), []byte(body))
}

func sendBody(fields map[string]any) string {
	data := map[string]any{
		"business_id": businessID, "customer_id": customerID, "sender": map[string]any{"kind": "agent", "name": "Ada"},
		"content": map[string]any{"kind": "text", "text": "Hi"},
	}
	maps.Copy(data, fields)
	body, _ := json.Marshal(map[string]any{"type": "message.send", "timestamp": "2026-01-01T00:00:00Z", "data": data})
	return string(body)
}

// event reads what the desk got, after its signature has been checked by the library of Standard Webhooks itself.
func event(t *testing.T, got received) map[string]any {
	t.Helper()
	verifier, err := standardwebhooks.NewWebhook(deskSecret)
	if err != nil {
		t.Fatal(err)
	}
	if err := verifier.Verify(got.body, got.header); err != nil {
		t.Fatalf("the event's signature: %v", err)
	}
	var value map[string]any
	if err := json.Unmarshal(got.body, &value); err != nil {
		t.Fatal(err)
	}
	return value
}

func data(t *testing.T, got received) map[string]any {
	t.Helper()
	return event(t, got)["data"].(map[string]any)
}

// metric reads one series of the admin listener; 0 where it does not exist, which fails.
func (w *world) metric(series string) float64 {
	w.t.Helper()
	for line := range strings.Lines(w.admin("/metrics").body) {
		if rest, ok := strings.CutPrefix(line, series+" "); ok {
			var value float64
			if _, err := fmt.Sscan(rest, &value); err != nil {
				w.t.Fatal(err)
			}
			return value
		}
	}
	w.t.Errorf("there is no series %s", series)
	return 0
}

func (w *world) admin(path string) answer {
	w.t.Helper()
	resp, err := http.Get("http://" + w.app.AdminAddr().String() + path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

func diff(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := gocmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func fixture(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func problemOf(t *testing.T, a answer) (code string) {
	t.Helper()
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type is %q", got)
	}
	value := a.json(t)
	if status, _ := value["status"].(float64); int(status) != a.status {
		t.Errorf("the body says %v, the answer is %d", value["status"], a.status)
	}
	code, _ = value["code"].(string)
	return cmp.Or(code, "none")
}
