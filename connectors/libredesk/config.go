package libredesk

import (
	"fmt"
	"net/url"
	"strings"

	"bizbridge/bridge/signature"
	"bizbridge/config"
	"bizbridge/connectors"
)

// Config is LibreDesk 2.7: customers write into a live chat inbox, agents answer by a webhook to /webhooks/<name>.
type Config struct {
	// Where LibreDesk is.
	URL string `json:"url" jsonschema:"required,format=uri,example=https://desk.example.com"`
	// The API key of an agent for the bridge. Its role needs conversations:read, conversations:read_all,
	// conversations:update_status, messages:write and messages:write_as_contact.
	APIKey config.Secret `json:"api_key" jsonschema:"required,minLength=1,example=${env:LIBREDESK_KEY}"`
	// The secret that LibreDesk shows once, with the key.
	APISecret config.Secret `json:"api_secret" jsonschema:"required,minLength=1,example=${env:LIBREDESK_SECRET}"`
	// The UUID of the live chat inbox, from the code by which it is installed on a website.
	InboxID string `json:"inbox_id" jsonschema:"required,format=uuid,example=0b5ab8b2-3f6c-4b0e-9a6f-6f1f4f8f5b11"`
	// The secret of that inbox. By it the bridge says which customer writes.
	InboxSecret config.Secret `json:"inbox_secret" jsonschema:"required,minLength=1,example=${env:LIBREDESK_INBOX_SECRET}"`
	// Secrets of the webhook: two while you replace one.
	WebhookSecrets []config.Secret `json:"webhook_secrets" jsonschema:"required,minItems=1,example=${env:LIBREDESK_WEBHOOK_SECRET}"`
}

// Validate checks what the schema cannot say.
func (c *Config) Validate(report func(path, message, hint string)) {
	const example = "Write what agents open in their browser, such as https://desk.example.com."
	if fault := connectors.URLFault(c.URL); fault != "" {
		report("url", fault, example)
	} else if address, err := url.Parse(c.URL); err == nil && (address.RawQuery != "" || strings.Contains(address.Path, "/api/")) {
		report("url", "is more than where LibreDesk is", example)
	}
	if !connectors.IsUUID(c.InboxID) {
		report("inbox_id", "is no UUID", "Copy it from Admin → Inboxes → the inbox → Installation. The number in the address of that page is another one.")
	}
	for path, secret := range map[string]config.Secret{"api_key": c.APIKey, "api_secret": c.APISecret, "inbox_secret": c.InboxSecret} {
		if text := secret.Reveal(); strings.TrimSpace(text) != text || strings.ContainsAny(text, "\r\n\x00") {
			report(path, "has white space around it or a line break in it", "Remove it.")
		}
	}
	if strings.Contains(c.APIKey.Reveal(), ":") {
		report("api_key", "has a colon", "Write the key alone, and what follows the colon as api_secret.")
	}
	known, _ := signature.Lookup(scheme)
	for i, secret := range c.WebhookSecrets {
		if err := known.CheckSecret(secret.Reveal()); err != nil {
			report(fmt.Sprintf("webhook_secrets[%d]", i), err.Error(), "Write it as it stands in Admin → Webhooks.")
		}
	}
}
