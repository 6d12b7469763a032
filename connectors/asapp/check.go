package asapp

import (
	"context"
	"net/http"

	"bizbridge/bridge/message"
	"bizbridge/connectors"
)

// Check looks whether ASAPP takes the key, for all that it is needed for, and whether answers can come back.
func (c *Connector) Check(ctx context.Context) []connectors.Finding {
	findings := []connectors.Finding{c.checkConversations(ctx)}
	if c.settings.GenerativeAgent {
		findings = append(findings, c.checkGenerativeAgent(ctx))
	}
	return append(findings, c.checkAnswers())
}

// checkConversations looks for a conversation that does not exist.
func (c *Connector) checkConversations(ctx context.Context) connectors.Finding {
	const subject = "Conversations API"
	err := c.call(ctx, opCheck, http.MethodGet, conversationsPath+"?externalId=bizbridge-check", nil, nil)
	if unknown(err) {
		err = nil
	}
	return finding(subject, err)
}

// checkGenerativeAgent asks for the address of a stream, which nobody opens.
func (c *Connector) checkGenerativeAgent(ctx context.Context) connectors.Finding {
	_, err := c.streamURL(ctx, string(message.DeriveID("asapp check", c.stream)))
	return finding("GenerativeAgent", err)
}

// checkAnswers looks who could answer at all.
func (c *Connector) checkAnswers() connectors.Finding {
	found := connectors.Finding{Subject: "answers of people"}
	if c.verify != nil {
		return found
	}
	found.Verdict, found.Cause = connectors.Doubtful, "customers who are handed over to people cannot be answered: there are no webhook_secrets"
	if !c.settings.GenerativeAgent {
		found.Verdict, found.Cause = connectors.Broken, "nobody can answer: generative_agent is off, and there are no webhook_secrets"
	}
	found.Fix = `Let the program that has your agents' answers send them to the connector's webhook, with a secret of "bizbridge keygen --webhook" in webhook_secrets.`
	return found
}

func finding(subject string, err error) connectors.Finding {
	failure := message.FailureOf(err)
	if failure == nil {
		return connectors.Finding{Subject: subject}
	}
	found := connectors.Finding{Subject: subject, Verdict: connectors.Broken, Cause: failure.Error()}
	switch failure.Class {
	case message.Auth:
		found.Fix = "See whether api_id and api_secret are those of the environment of url; if so, ask your ASAPP account team to let the key use the " + subject + "."
	case message.Throttled:
		found.Verdict, found.Fix = connectors.Doubtful, "The day's requests may be used up: it goes on at midnight UTC. Ask your ASAPP account team for more."
	case message.Transient, message.Uncertain, message.Canceled:
		found.Verdict, found.Fix = connectors.Doubtful, "Try again later; see https://status.asapp.com, and whether url is right."
	default:
		found.Fix = "See whether url is https://api.asapp.com or https://api.sandbox.asapp.com."
	}
	return found
}
