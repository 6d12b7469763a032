package bridge

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"bizbridge/bridge/apple"
	"bizbridge/bridge/flow"
	"bizbridge/bridge/message"
	"bizbridge/bridge/metrics"
	"bizbridge/bridge/signature"
)

const requestIDHeader = "X-Request-Id"

type clientIPKey struct{}

func withClientIP(ctx context.Context, ip string) context.Context {
	return context.WithValue(ctx, clientIPKey{}, ip)
}

// logRefusal writes why a request was turned away before any message was made of it.
func (s *site) logRefusal(w http.ResponseWriter, r *http.Request, source string, p *problem) {
	ip, _ := r.Context().Value(clientIPKey{}).(string)
	s.logger.LogAttrs(r.Context(), slog.LevelWarn, "refused",
		slog.String("source", source), slog.Int("status", p.Status), slog.String("code", string(p.Code)), slog.String("reason", p.Detail),
		slog.String("client", ip), slog.String("request_id", w.Header().Get(requestIDHeader)))
}

// postMessage takes what Apple sends. 200 means that the helpdesk has it; whatever keeps it from that is 503, and the
// phone shows that the message was not delivered.
func (s *site) postMessage(w http.ResponseWriter, r *http.Request) {
	incoming, err := s.receiver.Receive(r)
	if err != nil {
		s.refuseApple(w, r, err)
		return
	}
	s.metrics.ClockSkew.Set(incoming.TokenAge.Seconds())
	failure := s.flow.Inbound(r.Context(), incoming)
	if failure == nil {
		w.WriteHeader(http.StatusOK)
		return
	}
	p := failureProblem(failure)
	if p.Code != message.CodeUncertain && p.Code != message.CodeRateLimited {
		p.Code = message.CodeUnavailable // whatever it is, Apple can only try again
	}
	p.Status, p.Title = http.StatusServiceUnavailable, http.StatusText(http.StatusServiceUnavailable)
	p.write(w)
}

func (s *site) refuseApple(w http.ResponseWriter, r *http.Request, err error) {
	refusal, ok := errors.AsType[*apple.Refusal](err)
	if !ok {
		refusal = &apple.Refusal{Status: http.StatusServiceUnavailable, Code: message.CodeUnavailable, Detail: "the bridge failed"}
	}
	outcome := message.OutcomeInvalid
	if refusal.Signature != "" {
		outcome = message.OutcomeAuth
		s.metrics.CountSignatureFailure(apple.Peer, refusal.Signature)
	}
	business := string(refusal.Business)
	if business == "" {
		business = metrics.UnknownBusiness
	}
	s.metrics.Inbound.WithLabelValues(business, s.connectorOf(refusal.Business), "unknown", string(outcome)).Inc()
	p := newProblem(refusal.Code, refusal.Detail)
	p.Status, p.Title = refusal.Status, http.StatusText(refusal.Status)
	s.logRefusal(w, r, apple.Peer, p)
	p.write(w)
}

// webhook takes what a helpdesk sends: its connector verifies and reads it, the flow sends it.
func (s *site) webhook(w http.ResponseWriter, r *http.Request, name string) {
	desk := s.desks[name]
	if desk == nil {
		s.refuseSend(w, r, "unknown connector", "", &message.Failure{
			Class: message.Invalid, Code: message.CodeUnknownConnector, Reason: "no connector of this name is configured",
		})
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, s.config.Limits.MaxBody.Bytes())
	// It does not end with the helpdesk's request, since what an agent wrote is not to be lost, but in time for an answer.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), s.patience(desk))
	defer cancel()
	messages, err := desk.Connector.Receive(ctx, r)
	if err != nil {
		if failure, ok := errors.AsType[*message.Failure](err); ok {
			for _, out := range messages { // as far as they could be read
				s.flow.RelayFailure(ctx, desk, out, failure)
			}
		}
		s.refuseSend(w, r, name, name, err)
		return
	}
	if len(messages) == 0 {
		s.metrics.WebhooksIgnored.WithLabelValues(name).Inc()
	}
	results := make([]message.SendResult, 0, len(messages))
	for _, out := range messages {
		sender := desk.Sender
		if deadline, _ := ctx.Deadline(); sender.Timeout > 0 { // one answer for all of them
			sender.Timeout = max(time.Until(deadline), time.Millisecond)
		}
		result, failure := s.flow.Outbound(ctx, sender, out)
		if failure != nil {
			s.flow.RelayFailure(ctx, desk, out, failure)
		}
		if failure != nil && toldOtherwise(desk, len(messages), result, failure) {
			if result.Status == "" {
				p := failureProblem(failure)
				s.logRefusal(w, r, name, p)
				result = message.SendResult{ID: out.Key, Status: message.StatusFailed, Code: p.Code, Reason: p.Detail, Parts: []message.Part{}}
			}
			results = append(results, result)
			continue
		}
		// What Apple refuses for good is an outcome: another try would only meet it again.
		if failure != nil && (result.Status == "" || !failure.Class.Final()) {
			s.writeFailure(w, r, name, result, failure)
			return
		}
		results = append(results, result)
	}
	if len(results) == 1 {
		writeJSON(w, http.StatusOK, results[0])
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"results": results})
}

// patience is how long a helpdesk's webhook may take.
func (s *site) patience(desk *flow.Desk) time.Duration {
	if desk.AnswerWithin > 0 {
		return min(desk.AnswerWithin, s.config.Delivery.Timeout.Std())
	}
	return s.config.Delivery.Timeout.Std()
}

// toldOtherwise tells of a message that is not sent, of which the status of the answer need not tell: its helpdesk hears of it by
// message.failed, where it would not come again, or it is refused for good and others came with it, which it must not keep
// back.
func toldOtherwise(desk *flow.Desk, messages int, result message.SendResult, failure *message.Failure) bool {
	refused := failure.Class.Final() && result.Status == ""
	return flow.RelaysFailures(desk) && (refused || desk.PostsOnce) || refused && messages > 1
}

// writeFailure tells a sender why its message was not sent. What the flow refused before it asked Apple is logged here;
// the rest it has logged itself.
func (s *site) writeFailure(w http.ResponseWriter, r *http.Request, source string, result message.SendResult, failure *message.Failure) {
	p := failureProblem(failure)
	p.Parts = result.Parts
	if result.Status == "" {
		s.logRefusal(w, r, source, p)
	}
	p.write(w)
}

// refuseSend answers a request of a helpdesk or a bot of which no message could be made, and counts it.
func (s *site) refuseSend(w http.ResponseWriter, r *http.Request, source, connector string, err error) {
	p, outcome := s.refusal(source, err)
	s.metrics.Outbound.WithLabelValues(metrics.UnknownBusiness, connector, "unknown", string(outcome)).Inc()
	s.logRefusal(w, r, source, p)
	p.write(w)
}

// refusal words why nothing could be made of a request.
func (s *site) refusal(source string, err error) (*problem, message.Outcome) {
	if refused, ok := errors.AsType[*signature.Error](err); ok {
		s.metrics.CountSignatureFailure(source, refused.Reason)
		return newProblem(message.CodeUnauthorized, refused.Text), message.OutcomeAuth
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return newProblem(message.CodeTooLarge, "the body is larger than limits.max_body"), message.OutcomeInvalid
	}
	if errors.Is(err, message.ErrMalformed) {
		return newProblem(message.CodeMalformed, err.Error()), message.OutcomeInvalid
	}
	failure := message.FailureOf(err)
	return failureProblem(failure), failure.Class.Outcome()
}
