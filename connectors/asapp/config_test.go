package asapp_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/bridge/signature"
	"bizbridge/config"
	"bizbridge/connectors/asapp"
	"bizbridge/connectors/asapp/asapptest"
	"bizbridge/connectors/connectortest/fake"
)

func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*asapp.Config)
		want   string
	}{
		"right":          {func(*asapp.Config) {}, ""},
		"no URL":         {func(c *asapp.Config) { c.URL = "api.asapp.com" }, "url"},
		"a query":        {func(c *asapp.Config) { c.URL = "https://api.asapp.com?x=1" }, "url"},
		"a path of it":   {func(c *asapp.Config) { c.URL = "https://api.asapp.com/conversation/v1/" }, "url"},
		"no id":          {func(c *asapp.Config) { c.APIID = "" }, "api_id"},
		"a line break":   {func(c *asapp.Config) { c.APISecret = "secret\n" }, "api_secret"},
		"the same":       {func(c *asapp.Config) { c.APISecret = c.APIID }, "api_secret"},
		"no time":        {func(c *asapp.Config) { c.ConversationEnds = 0 }, "conversation_ends"},
		"a novel":        {func(c *asapp.Config) { c.HandOverText = strings.Repeat("x", 60_001) }, "hand_over_text"},
		"for nobody":     {func(c *asapp.Config) { c.HandOverText, c.GenerativeAgent = "x", false }, "hand_over_text"},
		"no whsec":       {func(c *asapp.Config) { c.WebhookSecrets = []config.Secret{"secret"} }, "webhook_secrets[0]"},
		"a login":        {func(c *asapp.Config) { c.CustomerLogin = login("https://a.example/login", "{sub}") }, ""},
		"no login":       {func(c *asapp.Config) { c.CustomerLogin = login("a.example", "{sub}") }, "customer_login.url"},
		"a login of all": {func(c *asapp.Config) { c.CustomerLogin = login("https://a.example", "ada") }, "customer_login.fields"},
	} {
		cfg := asapp.Factory().NewConfig().(*asapp.Config)
		cfg.APIID, cfg.APISecret = "id", "secret"
		c.change(cfg)
		var reported []string
		cfg.Validate(func(path, problem, hint string) {
			reported = append(reported, path)
			if problem == "" || hint == "" || strings.Contains(problem+hint, "secret\n") {
				t.Errorf("%s: %q %q", name, problem, hint)
			}
		})
		if strings.Join(reported, " ") != c.want {
			t.Errorf("%s: reported is %v, want %q", name, reported, c.want)
		}
	}
}

func login(url string, username config.Secret) *asapp.CustomerLogin {
	return &asapp.CustomerLogin{URL: url, Fields: map[string]config.Secret{"username": username, "password": "x{sub}"}}
}

// TestReceive: without secrets nobody is heard, and a message without an id has that of its webhook.
func TestReceive(t *testing.T) {
	desk := startDesk(t)
	deaf := connect(t, desk, func(c *asapp.Config) { c.WebhookSecrets = nil })
	reply := fake.Reply{Business: string(business), Customer: string(customer), Text: "Hi"}
	_, err := deaf.Receive(t.Context(), asapptest.Webhook(reply, fake.Genuine))
	if _, ok := errors.AsType[*signature.Error](err); !ok {
		t.Errorf("%v", err)
	}
	connector := connect(t, desk)
	body := strings.Replace(asapptest.Send(reply), `"id":"",`, "", 1)
	outs, err := connector.Receive(t.Context(), asapptest.Post(asapptest.WebhookSecret, "msg_7", time.Now(), body))
	if err != nil || len(outs) != 1 || outs[0].Key != "msg_7" || outs[0].Sealed != "c2VhbGVk" || outs[0].Sender.Kind != message.SenderAgent {
		t.Errorf("%+v, %v", outs, err)
	}
	if _, err := connector.Receive(t.Context(), asapptest.Post(asapptest.WebhookSecret, strings.Repeat("x", 600), time.Now(), body)); message.FailureOf(err).Class != message.Invalid {
		t.Errorf("an endless key: %v", err)
	}
	if len(desk.Calls()) > 0 {
		t.Error("ASAPP was called")
	}
}

// BenchmarkDeliver hands GenerativeAgent a message over a loopback socket: three calls.
func BenchmarkDeliver(b *testing.B) {
	desk := startDesk(b)
	connector := connect(b, desk)
	mustDeliver(b, connector, text("Hi"))
	next := text("Hi")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		next.Data.ID, next.Timestamp = message.DeriveID("bench", string(rune(i))), happened.Add(time.Duration(i)*time.Millisecond)
		ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
		if _, err := connector.Deliver(ctx, next); err != nil {
			b.Fatal(err)
		}
		cancel()
		if i%100 == 99 { // else the fake would be what is measured
			desk.Change(desk.Conversations()[0].ID, func(c *asapptest.Conversation) { c.Messages = nil })
		}
	}
}

// BenchmarkReceive verifies and reads one message.
func BenchmarkReceive(b *testing.B) {
	connector := connect(b, startDesk(b))
	signed := asapptest.Webhook(fake.Reply{ID: "1", Business: string(business), Customer: string(customer), Text: "Hi"}, fake.Genuine)
	b.ReportAllocs()
	for b.Loop() {
		req := (*http.Request)(signed).Clone(b.Context())
		req.Body, _ = signed.GetBody()
		if _, err := connector.Receive(b.Context(), req); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkEvent reads one event of a stream.
func BenchmarkEvent(b *testing.B) {
	connector := connect(b, startDesk(b))
	data := strings.ReplaceAll(string(fixture(b, "sse.reply")), "\n", "")
	stream := "event: generative-agent-message\ndata: " + data + "\n\n"
	b.ReportAllocs()
	for b.Loop() {
		_, datas, _ := asapp.Events(stream)
		if content, _, _, err := connector.ContentOf(datas[0]); content == nil {
			b.Fatal(err)
		}
	}
}
