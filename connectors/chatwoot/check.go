package chatwoot

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/config"
	"bizbridge/connectors"
)

// Check looks at the token, the inbox and its webhook. It only reads.
func (c *Connector) Check(ctx context.Context) []connectors.Finding {
	access := c.checkToken(ctx)
	if access.Verdict == connectors.Broken {
		return []connectors.Finding{access}
	}
	inbox, failure := c.readInbox(ctx)
	if failure != nil {
		return []connectors.Finding{access, *failure}
	}
	findings := []connectors.Finding{access, c.checkInbox(inbox), c.checkIdentity(inbox), c.checkWebhook(inbox), c.checkSecret(inbox)}
	if twice := c.checkAccountWebhooks(ctx); twice != nil {
		findings = append(findings, *twice)
	}
	if wide := c.checkScope(ctx); wide != nil {
		findings = append(findings, *wide)
	}
	return findings
}

// checkScope finds a token that sees other inboxes, too; nil where it does not, or nobody can tell. A customer's conversations
// there, such as long mails, would crowd out those of the inbox: Chatwoot lists twenty.
func (c *Connector) checkScope(ctx context.Context) *connectors.Finding {
	var answer struct {
		Payload []struct {
			ID int64 `json:"id"`
		} `json:"payload"`
	}
	if c.read(ctx, c.app+"/inboxes", &answer) != nil {
		return nil
	}
	for _, each := range answer.Payload {
		if each.ID != c.config.InboxID {
			finding := doubtful("other inboxes", "the agent of api_token sees other inboxes, too: an administrator does, or a collaborator of them. Where a customer has many conversations there, Chatwoot may not list that of this inbox",
				"Use the token of an agent who is no administrator and a collaborator of inbox "+number(c.config.InboxID)+" alone.")
			return &finding
		}
	}
	return nil
}

func good(subject string) connectors.Finding { return connectors.Finding{Subject: subject} }

func broken(subject, cause, fix string) connectors.Finding {
	return connectors.Finding{Subject: subject, Verdict: connectors.Broken, Cause: cause, Fix: fix}
}

func doubtful(subject, cause, fix string) connectors.Finding {
	return connectors.Finding{Subject: subject, Verdict: connectors.Doubtful, Cause: cause, Fix: fix}
}

func (c *Connector) read(ctx context.Context, address string, answer any) *message.Failure {
	return message.FailureOf(c.do(ctx, request{
		operation: "check", method: http.MethodGet, url: address, retry: httpclient.RetryIdempotent, agent: true,
	}, into(answer)))
}

func (c *Connector) checkToken(ctx context.Context) connectors.Finding {
	const subject = "API access"
	const fix = "Sign in to Chatwoot as the agent in whose name the bridge writes, and copy the access token from the profile settings into api_token."
	var profile struct {
		Accounts []struct {
			ID int64 `json:"id"`
		} `json:"accounts"`
	}
	root := strings.TrimRight(c.config.URL, "/")
	failure := c.read(ctx, root+"/api/v1/profile", &profile)
	switch {
	case failure == nil:
	case failure.Class == message.Auth:
		return broken(subject, "Chatwoot does not accept api_token, or it is one of an agent bot", fix)
	case failure.Status == http.StatusNotFound:
		return broken(subject, "url is not the address of a Chatwoot", "Write the address in front of /app in the browser.")
	default:
		return broken(subject, failure.Error(), "See whether Chatwoot runs, and whether the bridge can reach url.")
	}
	for _, account := range profile.Accounts {
		if account.ID == c.config.AccountID {
			return good(subject)
		}
	}
	return broken(subject, "the agent of api_token has no part in account "+number(c.config.AccountID), "Correct account_id, or invite the agent to the account.")
}

// inboxSettings is what Chatwoot tells of an inbox. Secrets are for administrators only.
type inboxSettings struct {
	ChannelType     string `json:"channel_type"`
	InboxIdentifier string `json:"inbox_identifier"`
	WebhookURL      string `json:"webhook_url"`
	HMACMandatory   bool   `json:"hmac_mandatory"`
	HMACToken       string `json:"hmac_token"`
	Secret          string `json:"secret"`
}

const subjectInbox = "inbox"

func (c *Connector) readInbox(ctx context.Context) (inboxSettings, *connectors.Finding) {
	var inbox inboxSettings
	failure := c.read(ctx, c.app+"/inboxes/"+number(c.config.InboxID), &inbox)
	if failure == nil {
		return inbox, nil
	}
	finding := broken(subjectInbox, failure.Error(), "Try again when Chatwoot is well.")
	if failure.Class == message.Auth || failure.Status == http.StatusNotFound {
		finding = broken(subjectInbox, "there is no inbox "+number(c.config.InboxID)+", or the agent of api_token is no collaborator of it",
			"Correct inbox_id, or add the agent under Collaborators in the settings of the inbox.")
	}
	return inbox, &finding
}

func (c *Connector) checkInbox(inbox inboxSettings) connectors.Finding {
	switch {
	case inbox.ChannelType != "Channel::Api":
		return broken(subjectInbox, "it is no inbox of the API channel", "Make one under Settings, Inboxes, Add Inbox, API, and write its number into inbox_id.")
	case inbox.InboxIdentifier == "":
		return doubtful(subjectInbox, "Chatwoot does not tell its identifier, so that inbox_identifier cannot be compared", "Compare inbox_identifier with the configuration of the inbox.")
	case inbox.InboxIdentifier != c.config.InboxIdentifier.Reveal():
		return broken(subjectInbox, "inbox_identifier is not that of inbox "+number(c.config.InboxID), "Copy it from the configuration of the inbox.")
	}
	return good(subjectInbox)
}

func (c *Connector) checkIdentity(inbox inboxSettings) connectors.Finding {
	const subject = "identity validation"
	const fix = "Copy the HMAC token from the configuration of the inbox into hmac_token."
	switch token := c.config.HMACToken.Reveal(); {
	case inbox.HMACMandatory && token == "":
		return broken(subject, "the inbox enforces it, and hmac_token is missing: Chatwoot would answer 500 to every message", fix)
	case token != "" && inbox.HMACToken != "" && token != inbox.HMACToken:
		return broken(subject, "hmac_token is not that of the inbox", fix)
	}
	return good(subject)
}

func (c *Connector) checkWebhook(inbox inboxSettings) connectors.Finding {
	const subject = "webhook"
	path := c.WebhookPath()
	fix := "Write <server.public_url>" + path + " as Webhook URL into the configuration of the inbox."
	address, _ := url.Parse(inbox.WebhookURL)
	switch {
	case inbox.WebhookURL == "":
		return broken(subject, "the inbox has no webhook URL: nothing that agents write would reach the bridge", fix)
	case !c.LeadsHere(inbox.WebhookURL): // nor if it is none
		return broken(subject, "the webhook URL of the inbox does not end in "+path, fix)
	case c.verify == nil && address.Query().Get(tokenQuery) != c.config.WebhookToken.Reveal():
		return broken(subject, "the webhook URL of the inbox has not webhook_token as its "+tokenQuery, "Add ?"+tokenQuery+"= and webhook_token to the webhook URL.")
	case address.Scheme != "https":
		return doubtful(subject, "the webhook URL of the inbox is not https: what agents write can be read on its way", fix)
	}
	return good(subject)
}

func (c *Connector) checkSecret(inbox inboxSettings) connectors.Finding {
	const subject = "webhook secret"
	switch {
	case c.verify == nil && inbox.Secret != "":
		return doubtful(subject, "this Chatwoot signs its webhooks", "Write its secret into webhook_secrets, and remove webhook_token.")
	case c.verify == nil:
		return good(subject)
	case inbox.Secret == "":
		return doubtful(subject, "it cannot be compared: api_token is not an administrator's, or Chatwoot is older than 4.13 and does not sign",
			"Compare webhook_secrets with the configuration of the inbox. If there is no secret, use webhook_token.")
	case !slices.Contains(c.config.WebhookSecrets, config.Secret(inbox.Secret)):
		return broken(subject, "webhook_secrets has not the one of the inbox", "Copy it from the configuration of the inbox.")
	}
	return good(subject)
}

// checkAccountWebhooks finds a webhook of the account that tells the bridge everything twice; nil where there is none, or
// where only administrators may see.
func (c *Connector) checkAccountWebhooks(ctx context.Context) *connectors.Finding {
	var answer struct {
		Payload struct {
			Webhooks []struct {
				URL string `json:"url"`
			} `json:"webhooks"`
		} `json:"payload"`
	}
	if c.read(ctx, c.app+"/webhooks", &answer) != nil {
		return nil
	}
	for _, each := range answer.Payload.Webhooks {
		if c.LeadsHere(each.URL) {
			finding := doubtful("account webhooks", "a webhook of the account posts to the bridge, beside that of the inbox",
				"Remove it under Settings, Integrations, Webhooks: the inbox tells of everything.")
			return &finding
		}
	}
	return nil
}
