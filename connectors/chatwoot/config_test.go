package chatwoot_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"bizbridge/bridge/message"
	"bizbridge/config"
	"bizbridge/connectors/chatwoot"
	"bizbridge/connectors/chatwoot/chatwoottest"
	"bizbridge/connectors/connectortest/fake"
)

func TestValidateSaysWhatIsWrongAndWhatToDo(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*chatwoot.Config)
		want   []string
	}{
		"right":            {func(*chatwoot.Config) {}, nil},
		"a slash":          {func(c *chatwoot.Config) { c.URL += "/" }, nil},
		"below a path":     {func(c *chatwoot.Config) { c.URL += "/chat" }, nil},
		"two secrets":      {func(c *chatwoot.Config) { c.WebhookSecrets = append(c.WebhookSecrets, "other") }, nil},
		"a token":          {func(c *chatwoot.Config) { c.WebhookSecrets, c.WebhookToken = nil, "0123456789abcdef" }, nil},
		"relative":         {func(c *chatwoot.Config) { c.URL = "chat.example.com" }, []string{"url: is not an absolute http or https URL"}},
		"a query":          {func(c *chatwoot.Config) { c.URL += "/?x=1" }, []string{"url: has a query (?…), behind which no path can stand"}},
		"a page":           {func(c *chatwoot.Config) { c.URL += "/app/accounts/1/dashboard" }, []string{"url: is more than the address of Chatwoot"}},
		"an API":           {func(c *chatwoot.Config) { c.URL += "/api/v1/" }, []string{"url: is more than the address of Chatwoot"}},
		"nothing verifies": {func(c *chatwoot.Config) { c.WebhookSecrets = nil }, []string{"webhook_secrets: are missing: nothing would prove that a webhook is Chatwoot's"}},
		"both verify":      {func(c *chatwoot.Config) { c.WebhookToken = "0123456789abcdef" }, []string{"webhook_token: is for a Chatwoot that does not sign"}},
		"a short token":    {func(c *chatwoot.Config) { c.WebhookSecrets, c.WebhookToken = nil, "short" }, []string{"webhook_token: is shorter than 16 characters"}},
		"a token for no URL": {func(c *chatwoot.Config) { c.WebhookSecrets, c.WebhookToken = nil, "0123456789&abcdef" }, []string{
			"webhook_token: has characters that would have to be escaped in a URL",
		}},
		"empty": {func(c *chatwoot.Config) {
			c.APIToken, c.InboxIdentifier, c.WebhookSecrets = "", "", []config.Secret{""}
		}, []string{
			"api_token: is empty", "inbox_identifier: is empty", "webhook_secrets[0]: is empty",
		}},
		"white space": {func(c *chatwoot.Config) {
			c.APIToken, c.HMACToken, c.WebhookSecrets = "to ken", "token\n", []config.Secret{"a", "ä"}
		}, []string{
			"api_token: has white space, or characters that no token has", "hmac_token: has white space, or characters that no token has",
			"webhook_secrets[1]: has white space, or characters that no token has",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			settings("https://chat.example.com", c.change).Validate(func(path, message, hint string) {
				got = append(got, path+": "+message)
				if hint == "" {
					t.Errorf("%s has no hint", path)
				}
			})
			slices.Sort(got)
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// lines is a log that can be read.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// TestNothingLeaks lets every call fail in turn, and looks into errors, findings and the log.
func TestNothingLeaks(t *testing.T) {
	desk := startDesk(t, chatwoottest.Options{HMACMandatory: true})
	log := &lines{}
	to := connectAt(t, desk.URL, clock, slog.New(slog.NewTextHandler(log, nil)), func(c *chatwoot.Config) { c.HMACToken = chatwoottest.HMACToken })
	open(t, desk, to)
	const said = "what-was-said"
	files := []message.Attachment{stream("a.txt", "text/plain", said)}
	for failing := range 5 {
		for _, fault := range []fake.Fault{{Status: 400}, {Status: 422}, {Reset: true}, {Raw: "HTTP/1.1 banana\r\n\r\n"}} {
			for _, call := range []func() error{
				func() error {
					_, err := try(t, to, event(message.EventReceived, "x", func(data *message.Data) { data.Text, data.Intent, data.Agent = said, said, said }))
					return err
				},
				func() error {
					_, err := try(t, to, event(message.EventReceived, "y", func(data *message.Data) { data.Text, data.Attachments = said, files }))
					return err
				},
				func() error { return to.RelayClose(t.Context(), event(message.EventClosed, "z")) },
				func() error { return to.WriteNote(t.Context(), business, customer, said) },
				func() error { return to.KeepChoice(t.Context(), business, customer, said) },
				func() error { return fmt.Errorf("%+v", to.Check(t.Context())) },
			} {
				desk.Script.Next(append(make([]fake.Fault, failing), fault)...)
				err := call()
				desk.Script.Heal()
				printed := fmt.Sprintf("%v %+v %s", err, err, log.text.String())
				for _, secret := range []string{
					said, chatwoottest.Token, chatwoottest.WebhookSecret, chatwoottest.Identifier, chatwoottest.HMACToken, string(customer), source,
				} {
					if strings.Contains(printed, secret) {
						t.Fatalf("%q is in an error, a finding or the log: %s", secret, printed)
					}
				}
			}
		}
	}
	if printed := fmt.Sprintf("%v %+v", settings("https://x"), *settings("https://x")); strings.Contains(printed, chatwoottest.Token) {
		t.Errorf("the settings show their secrets: %s", printed)
	}
}
