package infobip_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/bridge/signature"
	"bizbridge/config"
	"bizbridge/connectors/infobip"
	"bizbridge/connectors/infobip/infobiptest"
)

// goldens are the payloads of testdata with what comes of them; nil: nothing, and no error.
var goldens = map[string]message.Content{
	"open_channel.outbound.text":  message.Text{Text: "Hi, how can I help?"},
	"open_channel.outbound.image": message.Files{Text: "photo", Files: []message.File{{URL: "https://media.example.test/photo.png"}}},
	"open_channel.outbound.file":  message.Files{Files: []message.File{{URL: "https://media.example.test/t.pdf", Name: "t.pdf"}}},
	"open_channel.outbound.json": message.ListPicker{
		Received: message.Bubble{Title: "Which size?"},
		Sections: []message.Section{{Items: []message.Item{{ID: "S", Title: "Small"}, {ID: "L", Title: "Large"}}}},
	},
	"conversations_event.outbound_message":      nil, // it comes through the Open Channel
	"conversations_event.inbound_message.echo":  nil, // the bridge wrote it
	"conversations_event.note_added":            nil, // for agents only
	"conversations_event.status_updated.closed": nil, // nothing, unless the operator wants it
	"exchange.request.body":                     nil, // of another app
	"open_channel.inbound.response":             nil, // no webhook at all
}

func TestPayloads(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := []string{"open_channel.inbound.request", "exchange.request.headers", "exchange.signature"}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		want, listed := goldens[name]
		if slices.Contains(elsewhere, name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			if !listed {
				t.Fatal("no test says what comes of it")
			}
			outs, err := receive(t, connect(t, "http://127.0.0.1:1"), payload(t, name))
			if err != nil {
				t.Fatal(err)
			}
			if want == nil {
				if len(outs) != 0 {
					t.Errorf("becomes %+v", outs)
				}
				return
			}
			if len(outs) != 1 || !reflect.DeepEqual(outs[0].Content, want) {
				t.Fatalf("becomes %+v, want %+v", outs, want)
			}
			if out := outs[0]; out.BusinessID != business || out.CustomerID != customer || out.Key == "" {
				t.Errorf("is addressed to %s of %s, with key %q", out.CustomerID, out.BusinessID, out.Key)
			}
		})
	}
}

// A text is sent as the payload has it, member for member.
func TestPayloadOfAText(t *testing.T) {
	desk := startDesk(t)
	connector := connect(t, desk.URL, func(c *infobip.Config) { c.WebhookURL = "https://bridge.example.test/infobip/open/biz1" })
	e := said("Hello from Messages")
	mustDeliver(t, connector, e)
	var got, want any
	if err := errors.Join(json.Unmarshal(desk.Messages()[0].Raw, &got), json.Unmarshal([]byte(payload(t, "open_channel.inbound.request")), &want)); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("sent %v\nwant %v", got, want)
	}
}

// TestExchangeSignature verifies the computed vector, and what the payload of headers has.
func TestExchangeSignature(t *testing.T) {
	var vector struct {
		Secret  string            `json:"secret"`
		Headers map[string]string `json:"headers"`
		Body    string            `json:"body"`
	}
	var shape map[string]string
	if err := errors.Join(json.Unmarshal([]byte(payload(t, "exchange.signature")), &vector), json.Unmarshal([]byte(payload(t, "exchange.request.headers")), &shape)); err != nil {
		t.Fatal(err)
	}
	connector := connect(t, "http://127.0.0.1:1", func(c *infobip.Config) {
		c.SigningSecrets = []config.Secret{"the-secret-before", config.Secret(vector.Secret)}
	})
	request := func() *http.Request {
		req, err := http.NewRequest(http.MethodPost, "http://bridge.test/webhooks/infobip", strings.NewReader(vector.Body))
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range shape {
			req.Header.Set(name, value)
		}
		for name, value := range vector.Headers {
			req.Header.Set(name, value)
		}
		return req
	}
	if outs, err := connector.Receive(t.Context(), request()); len(outs) > 0 || err != nil {
		t.Errorf("the vector gives %v, %v", outs, err)
	}
	if got := infobiptest.Sign(vector.Secret, vector.Headers["X-Ib-Exchange-Req-Timestamp"], []byte(vector.Body)); got != vector.Headers["X-Ib-Exchange-Req-Signature"] {
		t.Errorf("the fake signs as %s", got)
	}
	for name, spoil := range map[string]func(*http.Request){
		"another timestamp": func(r *http.Request) { r.Header.Set("X-Ib-Exchange-Req-Timestamp", "1785574920001") },
		"seconds":           func(r *http.Request) { r.Header.Set("X-Ib-Exchange-Req-Timestamp", "1785574920") },
		"no timestamp":      func(r *http.Request) { r.Header.Del("X-Ib-Exchange-Req-Timestamp") },
		"no signature":      func(r *http.Request) { r.Header.Del("X-Ib-Exchange-Req-Signature") },
		"the placeholder": func(r *http.Request) {
			r.Header.Set("X-Ib-Exchange-Req-Signature", shape["x-ib-exchange-req-signature"])
		},
	} {
		req := request()
		spoil(req)
		if _, err := connector.Receive(t.Context(), req); !refusedFor(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func refusedFor(err error) bool {
	_, refused := errors.AsType[*signature.Error](err)
	return refused
}

// With both ways configured, what is signed must be signed rightly, and what is not must have the token.
func TestBothWaysToVerify(t *testing.T) {
	connector := connect(t, "http://127.0.0.1:1", func(c *infobip.Config) {
		c.WebhookSecrets, c.WebhookHeader = []config.Secret{"Basic dXNlcjpwYXNzd29yZA=="}, "Authorization"
	})
	text := payload(t, "open_channel.outbound.text")
	basic := infobiptest.WithToken("Authorization", "Basic dXNlcjpwYXNzd29yZA==", text)
	wrong := infobiptest.Signed(hunter, happened, text)
	wrong.Header.Set("Authorization", "Basic dXNlcjpwYXNzd29yZA==")
	for name, c := range map[string]struct {
		req *http.Request
		ok  bool
	}{
		"signed":                {infobiptest.Signed(infobiptest.SigningSecret, happened, text), true},
		"basic":                 {basic, true},
		"another password":      {infobiptest.WithToken("Authorization", "Basic dXNlcjpwYXNzd29yZB==", text), false},
		"signed by another":     {wrong, false},
		"neither":               {infobiptest.WithToken("X-Other", "x", text), false},
		"signed, but too early": {infobiptest.Signed(infobiptest.SigningSecret, happened.Add(2*time.Hour), text), false},
	} {
		outs, err := connector.Receive(t.Context(), c.req)
		if c.ok && (err != nil || len(outs) != 1) || !c.ok && !refusedFor(err) {
			t.Errorf("%s: %d messages, %v", name, len(outs), err)
		}
	}
}
