package infobip

import (
	"fmt"
	"net/url"
	"strings"

	"bizbridge/bridge/message"
	"bizbridge/bridge/signature"
	"bizbridge/connectors"
)

type report = func(path, message, hint string)

// Validate checks what the schema cannot say.
func (c *Config) Validate(report report) {
	const base = "Write the base URL of your account, such as https://xyz123.api.infobip.com."
	if fault := connectors.BaseURLFault(c.URL); fault != "" {
		report("url", fault, base)
	}
	c.validateLogin(report)
	c.validateChannels(report)
	c.validateWebhooks(report)
	if c.ClosingText != "" && c.Product == productAnswers {
		report("closing_text", "is for agents, who close conversations", "Remove it, or set product: conversations.")
	}
	if len([]rune(c.ClosingText)) > message.MaxTextLength {
		report("closing_text", "is too long", "Write a sentence.")
	}
}

func (c *Config) validateLogin(report report) {
	switch key := c.APIKey.Reveal(); {
	case key == "" && len(c.Auth) == 0:
		report("api_key", "is missing", "Make a key in Infobip's portal under Developer tools, API keys; or write auth.")
	case key != "" && len(c.Auth) > 0:
		report("auth", "cannot stand beside api_key", "Remove one of them.")
	case strings.HasPrefix(strings.ToLower(key), "app "):
		report("api_key", `begins with "App"`, "Write the key alone.")
	case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }):
		report("api_key", "has white space or a character in it that no header keeps", "Remove it; a file may end with a line break.")
	}
	connectors.ValidateAuth(c.Auth, report)
}

func (c *Config) validateChannels(report report) {
	ids, businesses := map[string]bool{}, map[string]bool{}
	for i, channel := range c.Channels {
		at := fmt.Sprintf("channels[%d]", i)
		id, business := strings.ToLower(channel.ID), strings.ToLower(string(channel.BusinessID))
		switch {
		case !connectors.IsUUID(channel.ID):
			report(at+".id", "is no UUID", "Write the id of the Open Channel that Infobip has given you.")
		case ids[id]:
			report(at+".id", "is there twice", "Each business needs a channel of its own: an answer names nothing but the channel.")
		}
		switch {
		case business == "":
			report(at+".business_id", "is missing", "Write the id of the business, as under businesses.")
		case businesses[business]:
			report(at+".business_id", "is there twice", "Leave one channel to it.")
		}
		ids[id], businesses[business] = true, true
	}
}

func (c *Config) validateWebhooks(report report) {
	if len(c.SigningSecrets) == 0 && len(c.WebhookSecrets) == 0 {
		report("webhook_secrets", "are missing, and signing_secrets too: anybody could write to your customers",
			"Let Infobip send a header that only you and it know, and write its value here; openssl rand -hex 24 makes one.")
	}
	scheme, _ := signature.Lookup(exchangeScheme)
	for i, secret := range c.SigningSecrets {
		if err := scheme.CheckSecret(secret.Reveal()); err != nil {
			report(fmt.Sprintf("signing_secrets[%d]", i), err.Error(), "Write the Signing Secret as your Exchange app shows it.")
		}
	}
	for i, secret := range c.WebhookSecrets {
		connectors.ValidateToken(fmt.Sprintf("webhook_secrets[%d]", i), secret, report)
	}
	connectors.ValidateHeader("webhook_header", c.WebhookHeader, report)
	if c.WebhookURL == "" {
		return
	}
	const address = "Write the bridge's own address, such as https://bridge.example.com/webhooks/infobip."
	if fault := connectors.URLFault(c.WebhookURL); fault != "" {
		report("webhook_url", fault, address)
	} else if parsed, _ := url.Parse(c.WebhookURL); parsed.Scheme != "https" {
		report("webhook_url", "is plain HTTP, which Infobip refuses", address)
	}
}
