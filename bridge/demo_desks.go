package bridge

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"bizbridge/connectors/chatwoot/chatwoottest"
	"bizbridge/connectors/libredesk/libredesktest"
)

// ownDesk is the small helpdesk of the sandbox, which the connector "webhook" talks to.
const ownDesk = "webhook"

// deskPlace is where a stand-in stands.
type deskPlace struct {
	url     string // its own
	hooks   string // where its webhooks go
	framers string // the origins of the pages that may show its page in a frame
}

// standIn is a product's helpdesk as its connector's tests know it, with a page for agents.
type standIn struct {
	name     string // as people know it
	settings string // of the connector
	secrets  []string
	handler  http.Handler
	wait     func() // until all webhooks are posted
}

// standIns makes them by the connector's type.
var standIns = map[string]func(deskPlace) standIn{
	"chatwoot":  chatwootStandIn,
	"libredesk": libreDeskStandIn,
}

// demoDesks are the helpdesks that the demo knows.
func demoDesks() []string {
	return append([]string{ownDesk}, slices.Sorted(maps.Keys(standIns))...)
}

func checkDemoDesk(name string) error {
	if known := demoDesks(); !slices.Contains(known, name) {
		return fmt.Errorf("the demo has no helpdesk %q; it has %s", name, strings.Join(known, ", "))
	}
	return nil
}

func libreDeskStandIn(at deskPlace) standIn {
	desk := libredesktest.New()
	desk.URL, desk.HookURL, desk.Framers = at.url, at.hooks, at.framers
	return standIn{
		name: "LibreDesk",
		settings: fmt.Sprintf("type: libredesk, url: %q, api_key: %q, api_secret: %q, inbox_id: %q, inbox_secret: %q, webhook_secrets: [%q]",
			at.url, libredesktest.APIKey, libredesktest.APISecret, libredesktest.InboxID, libredesktest.InboxSecret, libredesktest.WebhookSecret),
		secrets: []string{libredesktest.APIKey, libredesktest.APISecret, libredesktest.InboxSecret, libredesktest.WebhookSecret},
		handler: desk.Handler(), wait: desk.Wait,
	}
}

func chatwootStandIn(at deskPlace) standIn {
	desk := chatwoottest.New(at.url, chatwoottest.Options{Bridge: at.hooks})
	return standIn{
		name: "Chatwoot",
		settings: fmt.Sprintf("type: chatwoot, url: %q, account_id: %d, inbox_id: %d, inbox_identifier: %q, api_token: %q, webhook_secrets: [%q]",
			at.url, chatwoottest.AccountID, chatwoottest.InboxID, chatwoottest.Identifier, chatwoottest.Token, chatwoottest.WebhookSecret),
		secrets: []string{chatwoottest.Identifier, chatwoottest.Token, chatwoottest.WebhookSecret},
		handler: framedBy(at.framers, desk.Handler()), wait: desk.Wait,
	}
}

// framedBy lets only some origins show pages in a frame.
func framedBy(origins string, pages http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "frame-ancestors "+origins)
		pages.ServeHTTP(w, r)
	})
}
