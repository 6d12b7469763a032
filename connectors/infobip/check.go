package infobip

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/connectors"
)

// Check looks whether Infobip takes our credentials.
func (c *Connector) Check(ctx context.Context) []connectors.Finding {
	return []connectors.Finding{c.checkOpenChannel(ctx)}
}

// Check also looks at what agents need.
func (a agents) Check(ctx context.Context) []connectors.Finding {
	findings := append(a.Connector.Check(ctx), a.checkConversations(ctx))
	if a.closing != "" {
		findings = append(findings, a.checkEvents(ctx))
	}
	return findings
}

// checkOpenChannel sends a message that is refused for being empty: the Open Channel has nothing that could be read.
func (c *Connector) checkOpenChannel(ctx context.Context) connectors.Finding {
	err := c.call(ctx, http.MethodPost, "/open-channel/1/messages/inbound", struct{}{}, opCheck, httpclient.RetryUnsent, nil)
	finding := connectors.Finding{Subject: "Open Channel", Verdict: connectors.Broken}
	failure := message.FailureOf(err)
	switch {
	case failure == nil:
		finding.Verdict = connectors.Doubtful
		finding.Cause = "an empty message was not refused: something other than Infobip may answer at url"
		finding.Fix = "Write the base URL of your account, as Infobip's portal shows it."
	case failure.Status == http.StatusBadRequest || failure.Status == http.StatusUnprocessableEntity:
		return connectors.Finding{Subject: finding.Subject} // who we are and what we may do was looked at first
	case failure.Status == http.StatusNotFound:
		finding.Cause = "there is no Open Channel at this address (404)"
		finding.Fix = "Write the base URL of your account, and ask your account manager whether the Open Channel is switched on: it is in early access."
	default:
		return refused(finding.Subject, failure, "message:send")
	}
	return finding
}

func (a agents) checkConversations(ctx context.Context) connectors.Finding {
	const subject = "Conversations: notes and closing"
	err := a.call(ctx, http.MethodGet, conversationsPath+"?limit=1", nil, opCheck, httpclient.RetryIdempotent, nil)
	if failure := message.FailureOf(err); failure != nil {
		return refused(subject, failure, "conversations:manage")
	}
	return connectors.Finding{Subject: subject}
}

// checkEvents looks for a subscription that tells of closed conversations.
func (a agents) checkEvents(ctx context.Context) connectors.Finding {
	const subject = "Conversations: events"
	var page struct {
		Results []struct {
			Events []json.RawMessage `json:"events"` // names, or objects
		} `json:"results"`
	}
	err := a.call(ctx, http.MethodGet, "/subscriptions/1/subscription/CUSTOMER_ENGAGEMENT?size=100", nil, opCheck, httpclient.RetryIdempotent, &page)
	if failure := message.FailureOf(err); failure != nil {
		finding := refused(subject, failure, "subscriptions:manage")
		finding.Verdict = connectors.Doubtful // it may be there all the same
		return finding
	}
	for _, subscription := range page.Results {
		if slices.ContainsFunc(subscription.Events, func(name json.RawMessage) bool { return string(name) == `"`+eventStatusUpdated+`"` }) {
			return connectors.Finding{Subject: subject}
		}
	}
	return connectors.Finding{
		Subject: subject, Verdict: connectors.Broken, Cause: "no subscription tells of conversations that are closed, so closing_text is never sent",
		Fix: "In Infobip's portal, under Subscriptions Management, create a subscription for Customer engagement with the event " + eventStatusUpdated + ".",
	}
}

// refused words why a call failed, and which scope it needs.
func refused(subject string, failure *message.Failure, scope string) connectors.Finding {
	finding := connectors.Finding{Subject: subject, Verdict: connectors.Broken, Cause: failure.Error()}
	switch failure.Class {
	case message.Auth:
		finding.Fix = "Make an API key with the scope " + scope + " in Infobip's portal under Developer tools, API keys; or see whether the key has expired or is bound to other IP addresses."
	case message.Transient, message.Throttled, message.Uncertain, message.Canceled:
		finding.Verdict, finding.Fix = connectors.Doubtful, "Try again later; see whether url is the base URL of your account."
	default:
		finding.Fix = "See whether url is the base URL of your account, as Infobip's portal shows it."
	}
	return finding
}
