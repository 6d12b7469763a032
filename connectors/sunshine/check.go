package sunshine

import (
	"context"
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/connectors"
)

// hook is a webhook as the app has it.
type hook struct {
	Version  string   `json:"version"`
	Target   string   `json:"target"`
	Triggers []string `json:"triggers"`
	Secret   string   `json:"secret"`
}

// Check looks at the key, at the webhook and, where control is to be passed, at the switchboard.
func (c *Connector) Check(ctx context.Context) []connectors.Finding {
	access := c.checkAccess(ctx)
	if access.Verdict != connectors.Good {
		return []connectors.Finding{access}
	}
	findings := []connectors.Finding{access, c.checkWebhook(ctx)}
	if c.settings.PassControl != "" {
		findings = append(findings, c.checkSwitchboard(ctx))
	}
	return findings
}

// get reads something of the app's set-up.
func (c *Connector) get(ctx context.Context, path string, target any) error {
	return c.call(ctx, request{operation: opCheck, method: http.MethodGet, path: path, target: target, retry: httpclient.RetryIdempotent})
}

// checkAccess asks for the conversations of a user who cannot exist: every key that the bridge can work with may.
func (c *Connector) checkAccess(ctx context.Context) connectors.Finding {
	finding := connectors.Finding{Subject: "API access"}
	query := url.Values{"filter[userExternalId]": {"bizbridge-check"}}
	err := c.get(ctx, "/conversations?"+query.Encode(), nil)
	switch status := connectors.StatusOf(err); {
	case err == nil:
	case status == http.StatusNotFound && message.FailureOf(err).Class == message.Transient: // that user: all is well
	case status == http.StatusNotFound:
		finding.Verdict, finding.Cause = connectors.Broken, "the app is not known at this address"
		finding.Fix = "Compare app_id and url with Admin Center > Apps and integrations > APIs > Conversations API."
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		finding.Verdict, finding.Cause = connectors.Broken, fmt.Sprintf("the key is refused (%d)", status)
		finding.Fix = "Make a new key in Admin Center > Apps and integrations > APIs > Conversations API, and write its id and secret into key_id and key_secret."
	default:
		finding.Verdict, finding.Cause = connectors.Broken, err.Error()
		finding.Fix = "Check that url is right and that this machine may reach it."
	}
	return finding
}

// checkWebhook looks for the webhook that leads to this connector.
func (c *Connector) checkWebhook(ctx context.Context) connectors.Finding {
	finding := connectors.Finding{Subject: "webhook"}
	hooks, err := c.hooks(ctx)
	if err != nil {
		finding.Verdict, finding.Cause = connectors.Doubtful, "the webhooks cannot be listed: "+err.Error()
		finding.Fix = "Use a key of the app, or look yourself whether its integration of type custom has the webhook."
		return finding
	}
	i := slices.IndexFunc(hooks, func(h hook) bool { return c.LeadsHere(h.Target) })
	if i < 0 {
		finding.Verdict, finding.Cause = connectors.Broken, "no webhook of the app leads to <public_url>"+c.WebhookPath()
		finding.Fix = "Make an integration of type custom with that target and the triggers conversation:message and conversation:typing."
		return finding
	}
	found := hooks[i]
	switch {
	case found.Version != "v2":
		finding.Verdict, finding.Cause = connectors.Broken, "the webhook is not of version v2"
		finding.Fix = "Make it again with v2 of the API."
	case !slices.Contains(found.Triggers, eventMessage):
		finding.Verdict, finding.Cause = connectors.Broken, "the webhook has no trigger conversation:message, so nothing that agents write comes"
		finding.Fix = "Add the trigger."
	case found.Secret != "" && !c.knows(found.Secret):
		finding.Verdict, finding.Cause = connectors.Broken, "the webhook has another secret than webhook_secrets"
		finding.Fix = "Write the webhook's secret into webhook_secrets."
	case !slices.Contains(found.Triggers, eventTyping):
		finding.Verdict, finding.Cause = connectors.Doubtful, "the webhook has no trigger conversation:typing, so customers do not see that agents type"
		finding.Fix = "Add the trigger."
	}
	return finding
}

func (c *Connector) knows(secret string) bool {
	known := 0
	for _, ours := range c.settings.WebhookSecrets {
		known |= subtle.ConstantTimeCompare([]byte(ours.Reveal()), []byte(secret))
	}
	return known == 1
}

// hooks lists the webhooks of all integrations that can have some. An app has ten at most.
func (c *Connector) hooks(ctx context.Context) ([]hook, error) {
	var list struct {
		Integrations []struct {
			ID string `json:"id"`
		} `json:"integrations"`
	}
	query := url.Values{"filter[types]": {"custom"}, "page[size]": {"100"}}
	if err := c.get(ctx, "/integrations?"+query.Encode(), &list); err != nil {
		return nil, err
	}
	var hooks []hook
	for _, integration := range list.Integrations {
		var page struct {
			Webhooks []hook `json:"webhooks"`
		}
		if !inPath.MatchString(integration.ID) {
			continue
		}
		if err := c.get(ctx, "/integrations/"+integration.ID+"/webhooks", &page); err != nil {
			return nil, err
		}
		hooks = append(hooks, page.Webhooks...)
	}
	return hooks, nil
}

// checkSwitchboard looks whether there is whom control is to be passed to.
func (c *Connector) checkSwitchboard(ctx context.Context) connectors.Finding {
	finding := connectors.Finding{Subject: "pass_control"}
	known, err := c.switchboard(ctx)
	switch {
	case err != nil:
		finding.Verdict, finding.Cause = connectors.Doubtful, "the switchboard cannot be read: "+err.Error()
		finding.Fix = "Look yourself whether it has " + c.settings.PassControl + "."
	case len(known) == 0:
		finding.Verdict, finding.Cause = connectors.Broken, "the app has no switchboard that is enabled and has integrations"
		finding.Fix = "Remove pass_control, or set the switchboard up."
	case c.settings.PassControl == next:
	case !slices.ContainsFunc(known, func(s switchboardIn) bool { return s.is(c.settings.PassControl) }):
		var names []string
		for _, one := range known {
			names = append(names, one.Name)
		}
		finding.Verdict, finding.Cause = connectors.Broken, fmt.Sprintf("the switchboard does not know %q", c.settings.PassControl)
		finding.Fix = "It has: " + strings.Join(names, ", ") + "."
	}
	return finding
}

func (c *Connector) switchboard(ctx context.Context) ([]switchboardIn, error) {
	var list struct {
		Switchboards []struct {
			ID      string `json:"id"`
			Enabled bool   `json:"enabled"`
		} `json:"switchboards"`
	}
	if err := c.get(ctx, "/switchboards", &list); err != nil {
		return nil, err
	}
	var known []switchboardIn
	for _, one := range list.Switchboards {
		var page struct {
			Integrations []switchboardIn `json:"switchboardIntegrations"`
		}
		if !one.Enabled || !inPath.MatchString(one.ID) {
			continue
		}
		if err := c.get(ctx, "/switchboards/"+one.ID+"/switchboardIntegrations", &page); err != nil {
			return nil, err
		}
		known = append(known, page.Integrations...)
	}
	return known, nil
}
