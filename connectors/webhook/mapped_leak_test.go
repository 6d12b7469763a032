package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/bridge/signature"
	"bizbridge/config"
	"bizbridge/connectors/webhook"
	"bizbridge/connectors/webhook/webhooktest"
)

// hunter is a secret in every test of this file, and secret is what a customer wrote.
const (
	hunter = "hunter2-hunter2-hunter2"
	secret = "the-customer-said-this"
)

func mustBeSilent(t *testing.T, situation string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error", situation)
		return
	}
	printed := fmt.Sprintf("%v %+v %q %s", err, err, err, err.Error())
	for _, word := range []string{hunter, secret} {
		if strings.Contains(printed, word) {
			t.Errorf("%s: the error holds %q: %v", situation, word, err)
		}
	}
}

func TestNoErrorOfAMappingHoldsASecret(t *testing.T) {
	answer, status := "", 0
	desk := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "https://elsewhere.example/?token="+hunter)
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, answer)
	}))
	defer desk.Close()
	inbound := func(request string, more ...string) []string {
		return append([]string{
			"vars: {base: null, token: null}", "inbound:", "  - name: text", "    steps:", "      - name: post", "        request: " + request,
		}, more...)
	}
	const good = `{method: POST, url: '\($vars.base)/\($vars.token)?t=\(.data.text)', headers: {X-Token: '\($vars.token)'}, body: '{t: $vars.token}'}`
	event := written(1, secret)

	for situation, lines := range map[string][]string{
		"a query that fails on it":     inbound(`{method: POST, url: '\($vars.base)/x', body: '$vars.token | tonumber'}`),
		"a query that fails on both":   inbound(`{method: POST, url: '\($vars.base)/x', body: '$vars.token - .data.text'}`),
		"an index into it":             inbound(`{method: POST, url: '\($vars.base)/x', body: '$vars.token.a'}`),
		"a header with a line break":   inbound(`{method: POST, url: '\($vars.base)/x', headers: {X-Token: '\($vars.token + "\n" + .data.text)'}}`),
		"a path that leads elsewhere":  inbound(`{method: POST, url: '\($vars.base)/\($vars.token)/../\(".")'}`),
		"an address that is no url":    inbound(`{method: POST, url: '\($vars.token)/x'}`),
		"a status":                     inbound(good),
		"an answer that is unexpected": inbound(good, "        ok: [404]", "        expect: .body.token == $vars.token"),
		"a receipt of it":              inbound(good, "        ok: [404]", "    receipt: '[$vars.token, .data.text]'"),
		"an answer that is too much":   inbound(good, "        ok: [404]", "    messages: '[range(21)] | map({kind: \"text\", text: $vars.token})'"),
		"an answer that is invalid":    inbound(good, "        ok: [404]", "    messages: '{kind: $vars.token, text: $event.data.text}'"),
		"an answer to nobody":          inbound(good, "        ok: [404]", "    messages: '{customer_id: $vars.token, content: {kind: \"text\", text: .data.text}}'"),
	} {
		for _, status = range []int{302, 400, 401, 404, 429, 500} {
			answer = `{"error": "` + hunter + ` is wrong: ` + secret + `"}`
			if status != 404 && strings.Contains(strings.Join(lines, ""), "ok: [404]") {
				continue
			}
			connector := connect(t, desk.URL, time.Now, byFile(t, map[string]config.Secret{"token": hunter}, lines...))
			_, err := connector.Deliver(t.Context(), event)
			mustBeSilent(t, fmt.Sprintf("%s, %d", situation, status), err)
		}
	}
	for situation, base := range map[string]config.Secret{
		"nobody listens":       "http://127.0.0.1:1/" + hunter,
		"no address":           hunter,
		"with a password":      "http://u:" + hunter + "@127.0.0.1:1",
		"a port that is none":  "http://127.0.0.1:" + hunter,
		"a percent that lacks": "http://127.0.0.1:1/%" + hunter,
	} {
		connector := connect(t, desk.URL, time.Now, byFile(t, map[string]config.Secret{"token": hunter, "base": base}, inbound(good)...))
		_, err := connector.Deliver(t.Context(), event)
		mustBeSilent(t, situation, err)
	}
}

func TestNoErrorOfAWebhookHoldsASecret(t *testing.T) {
	for situation, rule := range map[string]string{
		"a condition that fails": `    when: $vars.token | tonumber`,
		"a query that fails":     `    messages: $vars.token - .body.text`,
		"a message of it":        `    messages: '{id: ([$vars.token] | tojson), business_id: $vars.token, customer_id: .body.text, content: {kind: .body.text}}'`,
		"no messages":            `    messages: '[$vars.token, .body.text]'`,
	} {
		lines := []string{"vars: {token: null}", "outbound:", "  - name: all", rule}
		if !strings.Contains(rule, "messages:") {
			lines = append(lines, "    ignored: true")
		}
		connector := connect(t, "http://127.0.0.1:1", time.Now, byFile(t, map[string]config.Secret{"token": hunter}, lines...), byToken(hunter))
		for name, token := range map[string]string{"right": hunter, "nearly right": secret + hunter[1:], "none": ""} {
			req, err := http.NewRequest(http.MethodPost, "http://bridge.test/webhooks/desk", strings.NewReader(`{"text":"`+secret+`"}`))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set(webhooktest.TokenHeader, token)
			_, err = connector.Receive(t.Context(), req)
			mustBeSilent(t, situation+", token "+name, err)
		}
	}
}

// FuzzReceiveMapped looks for webhooks that come through without a proof, or become what cannot be sent.
func FuzzReceiveMapped(f *testing.F) {
	now := func() time.Time { return happened }
	signed := connect(f, "http://127.0.0.1:1", now, byFile(f, nil, passThrough...))
	tokened := connect(f, "http://127.0.0.1:1", now, byFile(f, nil, passThrough...), byToken(hunter))
	for _, body := range []string{
		`{"messages":[` + said("Hi") + "," + said("again") + `]}`, `{"messages":[` + said("Hi", `"id":"1"`) + "," + said("a", `"id":"1"`) + `]}`,
		`{"messages":[{"kind":"text","text":"x"}]}`, `{"messages":` + said("Hi") + `}`, `{"messages":[null]}`, "", "{", "null", "[]", "1e999", `"x"`,
		`{"messages":[` + said(`\ud83d`) + `]}`, strings.Repeat("[", 200) + strings.Repeat("]", 200),
	} {
		f.Add(body, "msg_1", "key", hunter, "application/json")
		f.Add(body, "", "", "", "application/x-www-form-urlencoded")
	}
	f.Fuzz(func(t *testing.T, body, id, key, token, mediaType string) {
		for i, connector := range []interface {
			Receive(ctx context.Context, req *http.Request) ([]message.Outbound, error)
		}{signed, tokened} {
			genuine := i == 0 && id != "" || i == 1 && token == hunter
			receive := func() ([]message.Outbound, error) {
				req := webhooktest.Post(webhooktest.VerifySecret, id, happened, body)
				req.Header.Set("Idempotency-Key", key)
				req.Header.Set("Content-Type", mediaType)
				req.Header.Set(webhooktest.TokenHeader, token)
				return connector.Receive(t.Context(), req)
			}
			outs, err := receive()
			if err != nil {
				_, refused := errors.AsType[*signature.Error](err)
				failure, isFailure := errors.AsType[*message.Failure](err)
				slow := isFailure && failure.Class == message.Transient // a busy machine
				if len(outs) > 0 || refused == genuine || !refused && !slow && !errors.Is(err, message.ErrMalformed) && (!isFailure || failure.Class != message.Invalid) {
					t.Fatalf("%d messages and an error outside the contract: %T %v", len(outs), err, err)
				}
				continue
			}
			if !genuine {
				t.Fatal("what nobody proved is accepted")
			}
			if again, err := receive(); err == nil && !reflect.DeepEqual(again, outs) {
				t.Fatalf("the same again is %+v, was %+v", again, outs)
			}
			for _, out := range outs {
				if out.Content == nil || out.CustomerID.Fault() != "" || out.BusinessID == "" || len(out.Key) > 512 || out.Key == "" && i == 0 {
					t.Fatalf("accepted, but not fit to be sent: %+v", out)
				}
			}
		}
	})
}

// TestSecretsOfTheSettingsAreInNoError is about what New and Validate say.
func TestSecretsOfTheSettingsAreInNoError(t *testing.T) {
	for _, settings := range []*webhook.Config{
		{URL: "https://desk.example.com", Mapping: ownMapping, Vars: map[string]config.Secret{"other": hunter}},
		{URL: "https://desk.example.com/?t=" + hunter, Mapping: ownMapping, Vars: map[string]config.Secret{"token": hunter}},
		{URL: "https://desk.example.com", Mapping: "preset:ticket", Vars: map[string]config.Secret{"base": hunter, "nothing": hunter}},
		{URL: "https://desk.example.com", Mapping: ownMapping, VerifySecrets: []config.Secret{" " + hunter, "hunter2"}, VerifyHeader: "X-Token"},
	} {
		settings.Secrets = []config.Secret{webhooktest.Secret}
		settings.Validate(func(path, text, hint string) { mustBeSilent(t, "Validate", errors.New(path+text+hint)) })
		_, err := build(t, ".", time.Now, settings)
		mustBeSilent(t, "New", err)
	}
}
