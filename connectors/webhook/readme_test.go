package webhook_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
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
	"bizbridge/connectors/connectortest/readme"
	"bizbridge/connectors/webhook"
	"bizbridge/connectors/webhook/webhooktest"
	"bizbridge/mapping"
)

func TestReadmeNamesEverythingThereIs(t *testing.T) {
	text, can := readme.Text(t), webhook.Factory().Abilities
	readme.Tells(t, slices.Collect(maps.Keys(can.Inbound))...)
	for kind := range can.Outbound {
		if !strings.Contains(text, `{"kind":"`+string(kind)+`"`) {
			t.Errorf("it does not tell how to send %s", kind)
		}
	}
	readme.Tells(t,
		message.CodeMalformed, message.CodeUnauthorized, message.CodeForbidden, message.CodeUnknownBusiness, message.CodeUnknownConnector,
		message.CodeConflict, message.CodeTooLarge, message.CodeInvalid, message.CodeClosed, message.CodeUnreachable,
		message.CodeRateLimited, message.CodeUnavailable, message.CodeUncertain, message.CodeUnknownTemplate, message.CodeDeviceUnknown,
		message.CodeUnsupported)
	readme.Tells(t, message.ReplyKinds...)
	for _, preset := range mapping.Presets() {
		if !strings.Contains(text, "preset:"+preset) {
			t.Errorf("it does not tell of preset:%s", preset)
		}
	}
	readme.HasKeys(t, webhook.Config{})
	readme.LinksLeadSomewhere(t)
	files, err := filepath.Glob("testdata/events/*.json")
	if err != nil || len(files) != len(events()) {
		t.Errorf("testdata/events has %d files (%v), want one for each of %d events", len(files), err, len(events()))
	}
}

// TestReadmeExamplesAreRight sends every example of a content, and reads those of events and answers.
func TestReadmeExamplesAreRight(t *testing.T) {
	seen := map[message.Kind]bool{}
	for content := range strings.Lines(readme.Blocks(t, "json content")[0]) {
		out, err := message.DecodeSend([]byte(strings.Replace(send(), `{"kind":"text","text":"Hi"}`, content, 1)))
		if err != nil {
			t.Errorf("%s: %v", content, err)
			continue
		}
		seen[out.Content.Kind()] = true
		if back, err := json.Marshal(out.Content); err != nil || len(members(t, back)) < len(members(t, []byte(content))) {
			t.Errorf("%s: it has a member that nobody reads: %s, %v", content, back, err)
		}
	}
	if len(seen) != len(webhook.Factory().Abilities.Outbound) {
		t.Errorf("%d kinds have an example, want %d", len(seen), len(webhook.Factory().Abilities.Outbound))
	}
	strict := func(text string, v any) {
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(v); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	var event message.Event
	strict(readme.Blocks(t, "json event")[0], &event)
	if event.Type != message.EventReplied || event.Data.Reply == nil || len(event.Data.Reply.Selections) != 2 {
		t.Errorf("the example of an answer is %+v", event)
	}
	var answer message.SendResult
	strict(readme.Blocks(t, "json answer")[0], &answer)
	if len(answer.Parts) != 1 || answer.Parts[0].RequestID == "" || len(answer.Fallbacks) != 1 || answer.Note == "" {
		t.Errorf("the example of what the bridge answers is %+v", answer)
	}
}

func members(t *testing.T, object []byte) map[string]json.RawMessage {
	t.Helper()
	var all map[string]json.RawMessage
	if err := json.Unmarshal(object, &all); err != nil {
		t.Error(err)
	}
	return all
}

// TestReadmeSettingsAreRight loads the settings of all examples.
func TestReadmeSettingsAreRight(t *testing.T) {
	for name, value := range map[string]string{
		"DESK_SECRET": webhooktest.Secret, "DESK_AUTHORIZATION": zendeskAuthorization, "DESK_TOKEN": webhooktest.WebhookToken,
		"CRM_TOKEN": "t0ken-of-the-bridge", "CRM_API_KEY": "k3y-of-the-api", "CRM_LOGIN_PASSWORD": "p4ssword",
		"DESK_SIGNING_SECRET": "s1gning-secret", "GATEWAY_KEY": "k3y-of-the-gateway", "DESK_CLIENT_SECRET": "s3cret-of-the-client",
	} {
		t.Setenv(name, value)
	}
	preset, err := mapping.PresetSource("ticket")
	if err != nil {
		t.Fatal(err)
	}
	examples := readme.Blocks(t, "yaml")
	if len(examples) != 6 {
		t.Fatalf("%d examples, want 6", len(examples))
	}
	files := map[string]string{"desk.mapping.yaml": string(preset), "profile.mapping.yaml": readme.Blocks(t, "yaml mapping")[0]}
	lookUps := 0
	for i, example := range examples {
		t.Run(fmt.Sprint(i+1), func(t *testing.T) {
			cfg, folder := readme.Load(t, example, files, webhook.Factory().ConfigType())
			settings := cfg.Connectors["desk"].Settings.(*webhook.Config)
			if _, err := build(t, folder, time.Now, settings); err != nil {
				t.Error(err)
			}
			if webhook.Factory().ProfileSettings(settings) == nil {
				return
			}
			lookUps++
			lookUp, err := buildLookUp(t, folder, settings)
			if err != nil {
				t.Fatal(err)
			}
			if run, failed, warnings := lookUp.SelfTest(t.Context()); run != 3 || len(failed)+len(warnings) > 0 {
				t.Errorf("%d tests, %q, %q", run, failed, warnings)
			}
		})
	}
	if lookUps != 1 {
		t.Errorf("%d examples of look-ups, want 1", lookUps)
	}
}

// TestReadmeHelpdeskWorks builds the helpdesk of the README and lets a customer talk to it.
func TestReadmeHelpdeskWorks(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	blocks := regexp.MustCompile("(?s)```go\n(package main\n.*?)```").FindStringSubmatch(readme.Text(t))
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
