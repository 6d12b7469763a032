package webhook_test

import (
	"encoding/json"
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
	"bizbridge/mapping"
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
		message.CodeRateLimited, message.CodeUnavailable, message.CodeUncertain, message.CodeUnknownTemplate, message.CodeDeviceUnknown,
		message.CodeUnsupported,
	} {
		if !strings.Contains(text, "`"+string(code)+"`") {
			t.Errorf("it does not tell of code %s", code)
		}
	}
	for _, kind := range message.ReplyKinds {
		if !strings.Contains(text, "`"+string(kind)+"`") {
			t.Errorf("it does not tell of answers of kind %s", kind)
		}
	}
	for _, preset := range mapping.Presets() {
		if !strings.Contains(text, "preset:"+preset) {
			t.Errorf("it does not tell of preset:%s", preset)
		}
	}
	for _, setting := range reflect.VisibleFields(reflect.TypeFor[webhook.Config]()) {
		name, _, _ := strings.Cut(setting.Tag.Get("json"), ",")
		if !strings.Contains(text, "| `"+name+"`") {
			t.Errorf("no table has the key %s", name)
		}
	}
	files, err := filepath.Glob("testdata/events/*.json")
	if err != nil || len(files) != len(events()) {
		t.Errorf("testdata/events has %d files (%v), want one for each of %d events", len(files), err, len(events()))
	}
}

// blocks are the code blocks of the README with an info string.
func blocks(t *testing.T, info string) []string {
	t.Helper()
	var found []string
	for _, block := range regexp.MustCompile("(?ms)^ *```"+info+"\n(.*?)^ *```$").FindAllStringSubmatch(readme(t), -1) {
		found = append(found, block[1])
	}
	if len(found) == 0 {
		t.Fatalf("no block of %s", info)
	}
	return found
}

// TestReadmeExamplesAreRight sends every example of a content, and reads those of events and answers.
func TestReadmeExamplesAreRight(t *testing.T) {
	seen := map[message.Kind]bool{}
	for content := range strings.Lines(blocks(t, "json content")[0]) {
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
	strict(blocks(t, "json event")[0], &event)
	if event.Type != message.EventReplied || event.Data.Reply == nil || len(event.Data.Reply.Selections) != 2 {
		t.Errorf("the example of an answer is %+v", event)
	}
	var answer message.SendResult
	strict(blocks(t, "json answer")[0], &answer)
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
	examples := blocks(t, "yaml")
	if len(examples) != 6 {
		t.Fatalf("%d examples, want 6", len(examples))
	}
	const head = `
server: {public_url: "https://bridge.example.com"}
keys: [MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=]
apple: {accounts: [{msp_id: 11111111-2222-3333-4444-555555555555, secrets: [c2VjcmV0LW9mLWFwcGxl]}]}
`
	const business = "businesses: [{id: aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee, msp_id: 11111111-2222-3333-4444-555555555555, connector: desk}]\n"
	lookUps := 0
	for i, example := range examples {
		indent := example[:len(example)-len(strings.TrimLeft(example, " "))] // of the list that it stands in
		text := head + strings.ReplaceAll("\n"+example, "\n"+indent, "\n")
		if !strings.Contains(text, "businesses:") {
			text += business
		}
		folder := t.TempDir()
		for file, content := range map[string]string{"bizbridge.yaml": text, "desk.mapping.yaml": string(preset), "profile.mapping.yaml": blocks(t, "yaml mapping")[0]} {
			if err := os.WriteFile(filepath.Join(folder, file), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cfg, err := config.Load(filepath.Join(folder, "bizbridge.yaml"), []config.ConnectorType{webhook.Factory().ConfigType()})
		if err != nil {
			t.Errorf("example %d: %v", i+1, err)
			continue
		}
		settings := cfg.Connectors["desk"].Settings.(*webhook.Config)
		if _, err := build(t, folder, time.Now, settings); err != nil {
			t.Errorf("example %d: %v", i+1, err)
		}
		if webhook.Factory().ProfileSettings(settings) == nil {
			continue
		}
		lookUps++
		lookUp, err := buildLookUp(t, folder, settings)
		if err != nil {
			t.Errorf("example %d: %v", i+1, err)
			continue
		}
		if run, failed, warnings := lookUp.SelfTest(t.Context()); run != 3 || len(failed)+len(warnings) > 0 {
			t.Errorf("example %d: %d tests, %q, %q", i+1, run, failed, warnings)
		}
	}
	if lookUps != 1 {
		t.Errorf("%d examples of look-ups, want 1", lookUps)
	}
}

// TestReadmeLinksLeadSomewhere looks for the files and headings that it links to.
func TestReadmeLinksLeadSomewhere(t *testing.T) {
	text := readme(t)
	headings := map[string]bool{}
	for _, heading := range regexp.MustCompile("(?m)^##+ (.*)$").FindAllStringSubmatch(text, -1) {
		anchor := regexp.MustCompile("[^a-z0-9 -]").ReplaceAllString(strings.ToLower(heading[1]), "")
		headings["#"+strings.ReplaceAll(anchor, " ", "-")] = true
	}
	for _, link := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(text, -1) {
		target := link[1]
		switch {
		case strings.HasPrefix(target, "https://"):
		case strings.HasPrefix(target, "#"):
			if !headings[target] {
				t.Errorf("no heading %s", target)
			}
		default:
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%v", err)
			}
		}
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
