package asapp

import (
	"fmt"
	"strings"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/config"
	"bizbridge/connectors"
)

type report = func(path, message, hint string)

// Validate checks what the schema cannot say.
func (c *Config) Validate(report report) {
	const base = "Write https://api.asapp.com, or https://api.sandbox.asapp.com to try things out."
	switch fault := connectors.URLFault(c.URL); {
	case fault != "":
		report("url", fault, base)
	case strings.Contains(c.URL, "?"):
		report("url", "has a query", base)
	case strings.HasSuffix(strings.TrimRight(c.URL, "/"), "/v1"):
		report("url", "holds the path of one of ASAPP's APIs, which the bridge adds", base)
	}
	validateKey("api_id", c.APIID, report)
	validateKey("api_secret", c.APISecret, report)
	if c.APIID != "" && c.APIID == c.APISecret {
		report("api_secret", "is the same as api_id", "An API key of ASAPP has an id and a secret; write the secret here.")
	}
	if c.ConversationEnds.Std() < time.Minute {
		report("conversation_ends", "is shorter than a minute", "Write how long your agents take to answer at most, such as 24h.")
	}
	if len([]rune(c.HandOverText)) > message.MaxTextLength {
		report("hand_over_text", "is too long", "Write a sentence.")
	}
	if c.HandOverText != "" && !c.GenerativeAgent {
		report("hand_over_text", "is for GenerativeAgent, which is off", "Remove it, or set generative_agent: true.")
	}
	for i, secret := range c.WebhookSecrets {
		if err := webhookScheme.CheckSecret(secret.Reveal()); err != nil {
			report(fmt.Sprintf("webhook_secrets[%d]", i), err.Error(), `Make one with "bizbridge keygen --webhook".`)
		}
	}
	if c.CustomerLogin != nil {
		c.CustomerLogin.validate(report)
	}
}

func validateKey(path string, key config.Secret, report report) {
	const hint = "Copy it from AI Console, under Developers; ask your ASAPP account team for a key of the right environment."
	switch text := key.Reveal(); {
	case text == "":
		report(path, "is missing", hint)
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }):
		report(path, "has white space or a character in it that no header keeps", "Remove it; a file may end with a line break.")
	}
}

func (l *CustomerLogin) validate(report report) {
	if fault := connectors.URLFault(l.URL); fault != "" {
		report("customer_login.url", fault, "Write the address that gives tokens, such as https://api.example.com/auth/customer_authenticate.")
	}
	if len(l.placeholders()) == 0 {
		report("customer_login.fields", "name nobody: every customer would get the same token",
			`Let a field stand for something that your sign-in provider says of the customer, such as username: "{sub}".`)
	}
}
