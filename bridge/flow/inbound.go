package flow

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"log/slog"
	"time"

	"bizbridge/bridge/apple"
	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/bridge/metrics"
	"bizbridge/connectors"
)

// appleSource is the source of duplicates that Apple delivers, in the metrics.
const appleSource = "apple"

// Inbound carries one message of Apple to its helpdesk. nil means that the helpdesk has it, or that it was typing, which
// nobody waits for.
func (f *Flow) Inbound(ctx context.Context, in *apple.Incoming) *message.Failure {
	event := in.Event
	data := &event.Data
	desk := f.Desks[data.BusinessID]
	if desk == nil {
		return &message.Failure{Class: message.Permanent, Code: message.CodeUnknownBusiness, Reason: "no helpdesk is configured for this business"}
	}
	began := f.Now()
	everywhere := desk
	f.Metrics.LastInbound.WithLabelValues(string(data.BusinessID)).Set(metrics.Seconds(began))
	data.Sealed = f.sealDevice(data.BusinessID, data.CustomerID, f.remember(event))
	prepared := *in
	prepared.Event = event
	desk, failure := f.routed(ctx, event)
	if desk == nil {
		outcome := message.OutcomeUnsupported // nobody has the conversation that is left, or typed in
		if failure != nil {
			outcome = failure.Class.Outcome()
		}
		f.countInbound(ctx, everywhere, in.Type, event, outcome, failure, f.Now().Sub(began))
		return failure
	}
	if event.Type.Typing() {
		f.inboundTyping(ctx, desk, in.Type, event)
		return nil
	}
	outcome, failure := f.inboundMessage(ctx, desk, prepared)
	f.countInbound(ctx, desk, in.Type, event, outcome, failure, f.Now().Sub(began))
	return failure
}

// routed is [Flow.routeInbound] within the time of a delivery.
func (f *Flow) routed(ctx context.Context, event message.Event) (*Desk, *message.Failure) {
	ctx, cancel := f.bounded(ctx, f.Timeout/2)
	defer cancel()
	return f.routeInbound(ctx, event)
}

// remember keeps what is known of a customer's device, as far as this replica has seen it. Apple sends intent and group
// only with the first text of a conversation: they hold until the customer leaves, or comes with others.
func (f *Flow) remember(event message.Event) message.Device {
	key, device := conversation(event.Data.BusinessID, event.Data.CustomerID), event.Data.Device
	if event.Type == message.EventClosed {
		f.Memory.devices.Remove(key)
		return device
	}
	known, ok := f.Memory.devices.Get(key)
	if ok && device.Intent == "" && device.Group == "" {
		device.Intent, device.Group = known.Intent, known.Group
	}
	if ok && device.Capabilities == nil { // the header is missing: that says nothing new
		device.Capabilities = known.Capabilities
	}
	if ok && device.Agent == "" {
		device.Agent = known.Agent
	}
	f.Memory.devices.Add(key, device)
	return device
}

func (f *Flow) inboundMessage(ctx context.Context, desk *Desk, in apple.Incoming) (message.Outcome, *message.Failure) {
	inflight := f.Metrics.Inflight.WithLabelValues("inbound")
	inflight.Inc()
	defer inflight.Dec()

	ctx, cancel := f.bounded(ctx, f.Timeout)
	defer cancel()
	outcome := message.OutcomeAccepted
	_, repeated, failure := f.Memory.inbound.do(ctx, repeatKey(in.Event), "", func() (struct{}, *message.Failure) {
		var failure *message.Failure
		outcome, failure = f.deliver(ctx, desk, in)
		return struct{}{}, failure
	})
	switch {
	case failure != nil:
		return failure.Class.Outcome(), failure
	case repeated:
		f.Metrics.DuplicatesDropped.WithLabelValues(appleSource).Inc()
		return message.OutcomeDuplicate, nil
	}
	return outcome, nil
}

func repeatKey(event message.Event) string {
	return string(event.Data.BusinessID) + " " + string(event.Data.ID)
}

// deliver waits for the conversation's turn and calls the connector.
func (f *Flow) deliver(ctx context.Context, desk *Desk, in apple.Incoming) (message.Outcome, *message.Failure) {
	event := in.Event
	began := time.Now()
	ctx, waits := httpclient.WithWaits(ctx)
	key := conversation(event.Data.BusinessID, event.Data.CustomerID)
	turn := f.Memory.inboundLanes.join(key)
	defer turn.leave()
	if turn.place > maxWaiting {
		return "", tooMany("too many messages of this conversation are waiting")
	}
	f.Memory.inboundTyping.supersede(key)
	if err := turn.wait(ctx); err != nil {
		return "", f.busy(err)
	}
	// Only what is worked on takes a place: one customer, however busy, takes one.
	if !f.inbound.TryAcquire(1) {
		return "", tooMany("too many messages are being delivered")
	}
	defer f.inbound.Release(1)
	waited := time.Since(began)

	if in.Reference != nil {
		in = f.expand(ctx, in)
		event = in.Event
	}
	if failure := f.readAnswer(ctx, desk, in, &event); failure != nil {
		return "", failure
	}
	tap := f.tap(event)
	if at, ok := f.Memory.taps.Get(tap); ok && f.Now().Sub(at) < tapWindow {
		f.Metrics.DuplicatesDropped.WithLabelValues(appleSource).Inc()
		return message.OutcomeDuplicate, nil
	}
	f.placeFiles(ctx, desk, &event, in.Files)
	forget := f.chosen(ctx, desk, &event)
	event.Data.PossibleRepeat = f.Memory.uncertain.Contains(repeatKey(event))
	outcome, failure := f.handOver(ctx, desk, event)
	if failure == nil {
		f.delivered(desk, event, tap)
		forget()
	}
	if in.Reference == nil && len(in.Files) == 0 { // streams wait in places that nobody measures
		f.Metrics.Overhead.WithLabelValues("inbound").Observe((time.Since(began) - waited - waits.Total()).Seconds())
	}
	if failure != nil && failure.Class == message.Uncertain {
		f.Memory.uncertain.Add(repeatKey(event), struct{}{})
	}
	return outcome, failure
}

// readAnswer finds out what the answer to a sign-in or to a payment means, which its device alone cannot tell.
func (f *Flow) readAnswer(ctx context.Context, desk *Desk, in apple.Incoming, event *message.Event) *message.Failure {
	switch {
	case in.SignIn != nil:
		return f.signedIn(ctx, desk, *in.SignIn, event)
	case in.Payment != nil:
		return f.paid(ctx, *in.Payment, event)
	}
	return nil
}

// delivered remembers a tap, and counts an answer that the helpdesk shows as a text.
func (f *Flow) delivered(desk *Desk, event message.Event, tap string) {
	f.countSignIn(event)
	if event.Type == message.EventPayment { // of what callbacks bring, the payments themselves count
		f.Metrics.Payments.WithLabelValues(string(event.Data.Payment.Status)).Inc()
	}
	if tap != "" {
		f.Memory.taps.Add(tap, f.Now())
	}
	if event.Type == message.EventReplied && desk.Replies == connectors.Fallback {
		f.Metrics.Fallbacks.WithLabelValues(string(event.Data.Reply.Kind), string(message.KindText), string(message.FallbackHelpdesk)).Inc()
	}
}

// tapWindow is how long the same answer counts as the same tap: devices send some answers twice, a moment apart, under
// different ids but with one session (protocol §3.7).
const tapWindow = 10 * time.Second

// tap names an answer by what it says; "" for what is no answer of a session, which cannot be told from a new one. The
// bubble's words count only where nothing else tells what was chosen.
func (f *Flow) tap(event message.Event) string {
	var answer any
	switch {
	case event.Type == message.EventReplied && event.Data.Reply.SessionID != "":
		reply := *event.Data.Reply
		reply.Files = nil
		if len(reply.Selections) > 0 {
			reply.Title, reply.Subtitle = "", ""
		}
		answer = reply
	case event.Type == message.EventSignIn: // proofs differ each time
		told := event.Data.SignIn
		answer = message.SignIn{RequestID: told.RequestID, Status: told.Status, Confirmed: told.Confirmed, Error: told.Error}
	case event.Type == message.EventPayment:
		answer = *event.Data.Payment
	default:
		return ""
	}
	said, err := json.Marshal(answer)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(append(said, conversation(event.Data.BusinessID, event.Data.CustomerID)...))
	return string(sum[:])
}

// maxWaiting is how many messages of one conversation may wait for their turn.
const maxWaiting = 32

func tooMany(reason string) *message.Failure {
	return &message.Failure{Class: message.Throttled, Reason: reason, RetryAfter: time.Second}
}

func (f *Flow) busy(err error) *message.Failure {
	failure := message.FailureOf(err)
	if failure.Class == message.Transient {
		failure.Reason = "earlier messages of this conversation took all the time"
	}
	return failure
}

// handOver calls the method of the connector that is for this type of event.
func (f *Flow) handOver(ctx context.Context, desk *Desk, event message.Event) (message.Outcome, *message.Failure) {
	outcome := message.OutcomeAccepted
	var call func() error
	var answers []message.Outbound
	f.lookUp(ctx, desk, &event)
	switch event.Type {
	case message.EventClosed:
		relay, ok := desk.Connector.(connectors.CloseRelay)
		if !ok {
			return message.OutcomeUnsupported, nil
		}
		call = func() error { return relay.RelayClose(ctx, event) }
	case message.EventUnsupported:
		outcome = message.OutcomeUnsupported
		fallthrough
	default:
		call = func() error {
			receipt, err := desk.Connector.Deliver(ctx, event)
			answers = receipt.Messages
			return err
		}
	}
	failure := f.protect(desk.Name, call)
	if failure == nil {
		f.meet(desk, event)
		if failure = f.sendAnswers(ctx, desk, answers); failure != nil { // the next try repeats what the helpdesk has
			f.Memory.uncertain.Add(repeatKey(event), struct{}{})
		}
	}
	return outcome, failure
}

// sendAnswers sends what a bot answered at once. They are in nobody's hands yet: what cannot be sent now makes the
// delivery fail, so that the customer's message comes again. What cannot be sent at all is logged and told: nobody could
// mend it by trying again.
func (f *Flow) sendAnswers(ctx context.Context, desk *Desk, answers []message.Outbound) *message.Failure {
	for _, out := range answers {
		sender := desk.Sender
		if deadline, ok := ctx.Deadline(); ok {
			sender.Timeout = max(time.Until(deadline), time.Millisecond)
		}
		_, failure := f.Outbound(ctx, sender, out)
		if failure == nil {
			continue
		}
		if !failure.Class.Final() {
			return &message.Failure{Class: message.Transient, Reason: "the helpdesk's answer cannot be sent", Err: failure, RetryAfter: failure.RetryAfter}
		}
		f.Logger.Error("the helpdesk answered with a message that cannot be sent", "connector", desk.Name, "error", failure)
		f.tellFailed(ctx, desk, out, failure)
	}
	return nil
}

// inboundTyping answers at once and tells the helpdesk if that is possible soon. It waits for the messages before it,
// but nothing waits for it.
func (f *Flow) inboundTyping(ctx context.Context, desk *Desk, appleType string, event message.Event) {
	relay, ok := desk.Connector.(connectors.TypingRelay)
	if !ok {
		f.countInbound(ctx, desk, appleType, event, message.OutcomeUnsupported, nil, 0)
		return
	}
	if !f.Memory.typing.TryAcquire(1) {
		f.countInbound(ctx, desk, appleType, event, message.OutcomeThrottled, nil, 0)
		return
	}
	key := conversation(event.Data.BusinessID, event.Data.CustomerID)
	turn := f.Memory.inboundLanes.join(key)
	typing, free := f.Memory.inboundTyping.take(f.Memory.shutdown, key)
	f.background(func(context.Context) {
		defer f.Memory.typing.Release(1)
		defer free()
		err := turn.wait(typing)
		turn.leave()
		failure := message.FailureOf(err)
		if failure == nil {
			failure = f.protect(desk.Name, func() error { return relay.RelayTyping(typing, event) })
		}
		outcome := message.OutcomeAccepted
		if failure != nil {
			outcome = failure.Class.Outcome()
		}
		f.countInbound(ctx, desk, appleType, event, outcome, failure, f.Now().Sub(event.Timestamp))
	})
}

func (f *Flow) countInbound(ctx context.Context, desk *Desk, appleType string, event message.Event, outcome message.Outcome, failure *message.Failure, took time.Duration) {
	f.Metrics.Inbound.WithLabelValues(string(event.Data.BusinessID), desk.Name, appleType, string(outcome)).Inc()
	level := logLevel(failure)
	switch {
	case event.Type.Typing():
		level = slog.LevelDebug
	case failure != nil && failure.Class == message.Closed: // the helpdesk's address is gone: somebody has to mend it
		level = slog.LevelError
	}
	if !event.Type.Typing() {
		f.Metrics.InboundDuration.WithLabelValues(desk.Name).Observe(took.Seconds())
	}
	f.log(ctx, level, "inbound", event.Data.ID, event.Data.BusinessID, event.Data.CustomerID, desk.Name, string(event.Type), outcome, failure, took)
}

// logLevel raises refused credentials to an error: somebody has to mend them.
func logLevel(failure *message.Failure) slog.Level {
	switch {
	case failure == nil:
		return slog.LevelInfo
	case failure.Class == message.Auth:
		return slog.LevelError
	}
	return slog.LevelWarn
}

// log writes one line per message. The customer appears as a keyed hash, what was said not at all.
func (f *Flow) log(ctx context.Context, level slog.Level, direction string, id message.ID, business message.BusinessID, customer message.CustomerID,
	desk, kind string, outcome message.Outcome, failure *message.Failure, took time.Duration) {
	if !f.Logger.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("id", string(id)), slog.String("business", string(business)), slog.String("customer", f.Ring.Hash(string(customer))),
		slog.String("connector", desk), slog.String("type", kind), slog.String("outcome", string(outcome)), slog.Duration("took", took),
	}
	if requestID, ok := ctx.Value(requestIDKey{}).(string); ok {
		attrs = append(attrs, slog.String("request_id", requestID))
	}
	if failure != nil {
		attrs = append(attrs, slog.String("error", failure.Error()))
	}
	f.Logger.LogAttrs(ctx, level, direction, attrs...)
}

type requestIDKey struct{}

// WithRequestID names the request that brought a message, for the log.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}
