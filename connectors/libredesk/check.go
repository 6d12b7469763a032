package libredesk

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"bizbridge/bridge/message"
	"bizbridge/connectors"
)

// needed are the permissions without which messages stay behind.
var needed = []string{
	"conversations:read", "conversations:read_all", "conversations:update_status", "messages:write", "messages:write_as_contact",
}

// Check looks at LibreDesk's side, in the order of the set-up. Nothing is changed there.
func (c *Connector) Check(ctx context.Context) []connectors.Finding {
	findings := c.checkKey(ctx)
	if findings[0].Verdict == connectors.Broken {
		return findings
	}
	findings = append(findings, c.checkInbox(ctx))
	findings = append(findings, c.checkSecret(ctx))
	if finding, ok := c.checkContinuity(ctx); ok {
		findings = append(findings, finding)
	}
	return append(findings, c.checkWebhook(ctx))
}

func (c *Connector) checkKey(ctx context.Context) []connectors.Finding {
	var me struct {
		Permissions []string `json:"permissions"`
	}
	access := connectors.Finding{Subject: "API access"}
	err := c.ask(ctx, "/api/v1/agents/me", c.agent(), &me)
	switch status := connectors.StatusOf(err); {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		access.Verdict, access.Cause = connectors.Broken, err.Error()
		access.Fix = "Generate an API key under Admin → Agents → the bridge's agent, and write both halves as api_key and api_secret. The agent must be enabled."
		return []connectors.Finding{access}
	case err != nil:
		return []connectors.Finding{unreached(access, err)}
	}
	rights := connectors.Finding{Subject: "permissions"}
	missing := slices.DeleteFunc(slices.Clone(needed), func(one string) bool { return slices.Contains(me.Permissions, one) })
	if len(missing) > 0 {
		rights.Verdict, rights.Cause = connectors.Broken, "the agent's role lacks "+strings.Join(missing, ", ")
		rights.Fix = "Make a role of its own under Admin → Roles with these permissions, and give it to the bridge's agent. The role Admin has no messages:write_as_contact."
	}
	return []connectors.Finding{access, rights}
}

// checkInbox asks for what every visitor's browser is told.
func (c *Connector) checkInbox(ctx context.Context) connectors.Finding {
	finding := connectors.Finding{Subject: "live chat inbox"}
	var settings struct {
		Users struct {
			MayStart bool `json:"allow_start_conversation"`
		} `json:"users"`
	}
	err := c.ask(ctx, widget+"/settings", c.visitor(""), &settings)
	switch status := connectors.StatusOf(err); {
	case status == http.StatusBadRequest:
		finding.Verdict, finding.Cause = connectors.Broken, "there is no enabled live chat inbox with inbox_id"
		finding.Fix = "Enable the inbox under Admin → Inboxes, and copy its UUID from its Installation."
	case status == http.StatusForbidden:
		finding.Verdict, finding.Cause = connectors.Broken, "the inbox blocks the bridge's address"
		finding.Fix = "Take it out of the blocked IPs of the inbox, under Security."
	case err != nil:
		return unreached(finding, err)
	case !settings.Users.MayStart:
		finding.Verdict, finding.Cause = connectors.Broken, "users may not start conversations in the inbox"
		finding.Fix = "Allow it in the inbox's settings, under Users."
	}
	return finding
}

// checkSecret shows a token that is signed but names nobody. LibreDesk looks at the signature first, and then refuses the
// token: no contact is made.
func (c *Connector) checkSecret(ctx context.Context) connectors.Finding {
	finding := connectors.Finding{Subject: "inbox secret"}
	token, err := claims{Expires: c.Now().Add(tokenLife).Unix()}.signed(c.inboxSecret.Reveal())
	if err == nil {
		err = c.call(ctx, request{
			operation: opCheck, method: http.MethodPost, path: widget + "/auth/exchange", header: c.visitor(""),
			body: map[string]string{"jwt": token}, reads: true,
		}, nil)
	}
	switch status := connectors.StatusOf(err); {
	case status == http.StatusBadRequest:
	case status == http.StatusUnauthorized:
		finding.Verdict, finding.Cause = connectors.Broken, "LibreDesk refuses what is signed with inbox_secret"
		finding.Fix = "Copy the secret from the inbox's Security settings; generate one there if there is none. Compare the clocks, too."
	case err != nil:
		return unreached(finding, err)
	}
	return finding
}

// checkContinuity warns of mails to addresses that do not exist; false: it cannot be seen, or there are none.
func (c *Connector) checkContinuity(ctx context.Context) (connectors.Finding, bool) {
	var inboxes []struct {
		UUID   string `json:"uuid"`
		Linked *int   `json:"linked_email_inbox_id"`
	}
	if err := c.ask(ctx, "/api/v1/inboxes", c.agent(), &inboxes); err != nil {
		return connectors.Finding{}, false
	}
	for _, inbox := range inboxes {
		if strings.EqualFold(inbox.UUID, c.inbox) && inbox.Linked != nil {
			return connectors.Finding{
				Subject: "continuity mails", Verdict: connectors.Doubtful,
				Cause: "the inbox is linked to an e-mail inbox: LibreDesk mails missed answers to customers, whose addresses (…@amb.invalid) do not exist",
				Fix:   "Remove the linked e-mail inbox from the live chat inbox.",
			}, true
		}
	}
	return connectors.Finding{}, false
}

func (c *Connector) checkWebhook(ctx context.Context) connectors.Finding {
	finding := connectors.Finding{Subject: "webhook"}
	var hooks []struct {
		URL    string   `json:"url"`
		Events []string `json:"events"`
		Active bool     `json:"is_active"`
	}
	path := c.WebhookPath()
	err := c.ask(ctx, "/api/v1/webhooks", c.agent(), &hooks)
	switch status := connectors.StatusOf(err); {
	case status == http.StatusForbidden:
		finding.Verdict, finding.Cause = connectors.Doubtful, "the agent may not see webhooks, so this was not looked at"
		finding.Fix = "See for yourself under Admin → Webhooks: its address ends in " + path + ", it is active, and it has the event message.created. Or give the role webhooks:manage for a while."
		return finding
	case err != nil:
		return unreached(finding, err)
	}
	finding.Verdict, finding.Cause = connectors.Broken, "no active webhook with the event message.created has an address that ends in "+path
	finding.Fix = "Add it under Admin → Webhooks with server.public_url and " + path + ", the event message.created, and the first of webhook_secrets."
	for _, one := range hooks {
		if c.LeadsHere(one.URL) && one.Active && slices.Contains(one.Events, eventCreated) {
			return connectors.Finding{Subject: finding.Subject}
		}
	}
	return finding
}

// ask reads something for a check.
func (c *Connector) ask(ctx context.Context, path string, header http.Header, into any) error {
	return c.call(ctx, request{operation: opCheck, method: http.MethodGet, path: path, header: header, reads: true}, into)
}

// unreached is for a check that came to nothing.
func unreached(finding connectors.Finding, err error) connectors.Finding {
	finding.Verdict, finding.Cause = connectors.Broken, err.Error()
	finding.Fix = "Look whether url is where LibreDesk is, and whether the bridge gets there."
	if failure, ok := errors.AsType[*message.Failure](err); ok && failure.Class == message.Throttled {
		finding.Verdict, finding.Fix = connectors.Doubtful, "Try again in a minute, and raise the rate limits of LibreDesk: see this connector's README."
	}
	return finding
}
