package webhook_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/config"
	"bizbridge/connectors"
	"bizbridge/connectors/webhook"
	"bizbridge/connectors/webhook/webhooktest"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestReadmeNamesEverythingThereIs(t *testing.T) {
	text := readme(t)
	factory := webhook.Factory()
	for event := range factory.Abilities.Inbound {
		if !strings.Contains(text, "`"+string(event)+"`") {
			t.Errorf("it does not tell of %s", event)
		}
	}
	for kind := range factory.Abilities.Outbound {
		if !strings.Contains(text, `{"kind":"`+string(kind)+`"`) {
			t.Errorf("it does not tell how to send %s", kind)
		}
	}
	for _, code := range []message.Code{
		message.CodeMalformed, message.CodeUnauthorized, message.CodeForbidden, message.CodeUnknownBusiness, message.CodeUnknownConnector,
		message.CodeConflict, message.CodeTooLarge, message.CodeInvalid, message.CodeClosed, message.CodeUnreachable,
		message.CodeRateLimited, message.CodeUnavailable, message.CodeUncertain,
	} {
		if !strings.Contains(text, "`"+string(code)+"`") {
			t.Errorf("it does not tell of code %s", code)
		}
	}
	files, err := filepath.Glob("testdata/events/*.json")
	if err != nil || len(files) != len(events()) {
		t.Errorf("testdata/events has %d files (%v), want one for each of %d events", len(files), err, len(events()))
	}
}

// TestReadmeHelpdeskWorks builds the helpdesk of the README and lets a customer talk to it.
func TestReadmeHelpdeskWorks(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	blocks := regexp.MustCompile("(?s)```go\n(package main\n.*?)```").FindStringSubmatch(readme(t))
	if blocks == nil {
		t.Fatal("the README has no Go program")
	}
	folder := t.TempDir()
	source, program := filepath.Join(folder, "main.go"), filepath.Join(folder, "desk")
	if err := os.WriteFile(source, []byte(blocks[1]), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gofmt", "-l", source).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("gofmt: %v %s", err, out)
	}
	if out, err := exec.Command("go", "build", "-o", program, source).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	bridge := newBridge(t)
	address := startProgram(t, program, "DESK_SECRET="+webhooktest.Secret, "BRIDGE_URL="+bridge.URL)
	bridge.connector = connect(t, "http://"+address+"/hooks/apple", time.Now, func(c *webhook.Config) { c.VerifySecrets = nil })
	event := events()["message.received"]
	for range 2 { // a repeat is answered, and not answered twice by the agent
		if err := deliver(t, bridge.connector, event); err != nil {
			t.Fatal(err)
		}
	}
	for _, other := range []string{"typing.started", "conversation.closed", "message.unsupported"} {
		if err := deliver(t, bridge.connector, events()[other]); err != nil {
			t.Errorf("%s: %v", other, err)
		}
	}
	out := bridge.next(t)
	want := message.Outbound{
		Key: "reply to " + string(event.Data.ID), BusinessID: event.Data.BusinessID, CustomerID: event.Data.CustomerID, Sealed: event.Data.Sealed,
		Sender: message.Sender{Kind: message.SenderBot}, Content: message.Text{Text: "You wrote: " + event.Data.Text},
	}
	if !reflect.DeepEqual(out, want) {
		t.Errorf("the helpdesk sent\n%+v, want\n%+v", out, want)
	}
	select {
	case more := <-bridge.got:
		t.Errorf("the helpdesk sent more: %+v", more)
	case <-time.After(200 * time.Millisecond):
	}
	stranger := connect(t, "http://"+address+"/hooks/apple", time.Now, func(c *webhook.Config) { c.Secrets = []config.Secret{webhooktest.VerifySecret} })
	if failure, ok := errors.AsType[*message.Failure](deliver(t, stranger, event)); !ok || failure.Class != message.Auth {
		t.Errorf("the helpdesk takes events that are signed with another secret: %v", failure)
	}
}

// bridge is the address that the helpdesk sends to.
type bridge struct {
	*httptest.Server
	connector connectors.Connector
	got       chan message.Outbound
}

func newBridge(t *testing.T) *bridge {
	b := &bridge{got: make(chan message.Outbound, 10)}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		outs, err := b.connector.Receive(req.Context(), req)
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		for _, out := range outs {
			b.got <- out
		}
		_, _ = fmt.Fprint(w, `{"status":"accepted"}`)
	}))
	t.Cleanup(b.Close)
	return b
}

func (b *bridge) next(t *testing.T) message.Outbound {
	t.Helper()
	select {
	case out := <-b.got:
		return out
	case <-time.After(10 * time.Second):
		t.Fatal("the helpdesk sent nothing")
		return message.Outbound{}
	}
}

// startProgram runs a program on a free port until the test ends.
func startProgram(t *testing.T, program string, environment ...string) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = listener.Addr().String()
	_ = listener.Close()
	command := exec.Command(program)
	command.Env = slices.Concat(os.Environ(), environment, []string{"LISTEN=" + address})
	command.Stdout, command.Stderr = t.Output(), t.Output()
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	for range 200 {
		if conn, err := net.Dial("tcp", address); err == nil {
			_ = conn.Close()
			return address
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("the helpdesk does not listen")
	return ""
}
