package flow

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"bizbridge/bridge/apple"
	"bizbridge/bridge/fallback"
	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/bridge/seal"
)

// Sender is a door through which messages for customers come.
type Sender struct {
	Source  string             // part of the derived ids: the same key from another door is another message
	Label   string             // source of its duplicates and signatures in the metrics
	Default message.SenderKind // who writes where the message does not say
	Timeout time.Duration      // how soon it wants an answer; 0: no sooner than the delivery's budget
	Files   FileOpener         // fetches what the URLs of its messages name
	Events  *Desk              // hears of what became of its messages later; nil: nobody does
	// MaySpeakFor tells whether it may write in the name of a business.
	MaySpeakFor func(message.BusinessID) bool
}

// halfSent is a message of which some parts were accepted and some not. What is sent depends on the device and on the
// time, so that those of the first try count for all.
type halfSent struct {
	digest   string
	device   message.Device
	began    time.Time
	accepted map[message.ID]sentPart
}

// sentPart is a part that Apple has, and what was made simpler of it.
type sentPart struct {
	message.Part
	steps []message.Fallback
}

// Outbound sends one message to a customer. A failure with a result (its Status set) tells how far each part came; one
// without was refused before anything was tried.
func (f *Flow) Outbound(ctx context.Context, sender Sender, out message.Outbound) (message.SendResult, *message.Failure) {
	business, ok := f.businesses[strings.ToLower(string(out.BusinessID))]
	if !ok {
		f.countOutbound("", "", out, message.OutcomeInvalid)
		return message.SendResult{}, &message.Failure{Class: message.Invalid, Code: message.CodeUnknownBusiness, Reason: "no business of this id is configured"}
	}
	out.BusinessID = business
	if !sender.MaySpeakFor(business) {
		f.countOutbound(business, f.Desks[business].Name, out, message.OutcomeInvalid)
		return message.SendResult{}, &message.Failure{Class: message.Invalid, Code: message.CodeForbidden, Reason: "this sender may not write for this business"}
	}
	if out.Sender.Kind == "" {
		out.Sender.Kind = sender.Default
	}
	if out.Key == "" {
		out.Key = rand.Text()
	}
	desk := f.routeOutbound(ctx, sender, business, out.CustomerID)
	device := f.device(sender, out)
	if out.Content.Kind() == message.KindTyping {
		return f.outboundTyping(desk, sender, out), nil
	}
	began := f.Now()
	result, outcome, failure := f.outboundMessage(ctx, desk, sender, out, device)
	f.finishOutbound(ctx, desk, out, result, outcome, failure, f.Now().Sub(began))
	return result, failure
}

// device finds out what is known of the customer's device: from the echoed context, else from this replica's memory,
// else nothing.
func (f *Flow) device(sender Sender, out message.Outbound) message.Device {
	device, err := f.knownDevice(out)
	if err != nil && !errors.Is(err, errNoContext) {
		f.Metrics.CountSignatureFailure(sender.Label, seal.Reason(err))
	}
	return device
}

// knownDevice is the device of the context; where that does not open or knows nothing, the one of the memory.
func (f *Flow) knownDevice(out message.Outbound) (message.Device, error) {
	device, err := f.openDevice(out.BusinessID, out.CustomerID, out.Sealed)
	if err != nil || device.Unknown() {
		if remembered, ok := f.Memory.devices.Get(conversation(out.BusinessID, out.CustomerID)); ok {
			device = remembered
		}
	}
	return device, err
}

func (f *Flow) outboundMessage(ctx context.Context, desk *Desk, sender Sender, out message.Outbound, device message.Device) (
	message.SendResult, message.Outcome, *message.Failure) {
	inflight := f.Metrics.Inflight.WithLabelValues("outbound")
	inflight.Inc()
	defer inflight.Dec()
	timeout := f.Timeout
	if sender.Timeout > 0 {
		timeout = min(timeout, sender.Timeout)
	}
	ctx, cancel := f.bounded(ctx, timeout)
	defer cancel()
	key, content := out.RepeatKey(sender.Source), digest(out.Content)
	result, repeated, failure := f.Memory.outbound.do(ctx, key, content, func() (message.SendResult, *message.Failure) {
		half, failure := f.halfSent(key, content, device)
		if failure != nil {
			return message.SendResult{}, failure
		}
		result, choice, failure := f.send(ctx, sender, out, half)
		f.rememberHalf(key, half, failure)
		switch {
		case failure != nil && failure.Class == message.Closed:
			f.Memory.devices.Remove(conversation(out.BusinessID, out.CustomerID))
			f.tellClosed(ctx, desk, out, device, result)
		case failure == nil:
			f.sent(ctx, desk, sender, out, device, result, choice)
		case refusedLine(out, result, failure):
			f.noteRefusal(desk, sender, out, failure)
		}
		return result, failure
	})
	switch {
	case failure != nil:
		return result, failure.Class.Outcome(), failure
	case repeated:
		f.Metrics.DuplicatesDropped.WithLabelValues(sender.Label).Inc()
		return result, message.OutcomeDuplicate, nil
	}
	return result, message.OutcomeAccepted, nil
}

// sent is what follows when Apple has all of a message: what was made simpler is counted and told, what has to be kept is
// kept.
func (f *Flow) sent(ctx context.Context, desk *Desk, sender Sender, out message.Outbound, device message.Device, result message.SendResult, choice *fallback.Choice) {
	for _, step := range result.Fallbacks {
		f.Metrics.Fallbacks.WithLabelValues(string(step.From), string(step.To), string(step.Reason)).Inc()
	}
	if out.Save {
		f.tellSent(ctx, sender.Events, out, device, result)
	}
	switch {
	case choice != nil:
		f.keepChoice(desk, out, *choice)
	case slices.ContainsFunc(result.Parts, func(part message.Part) bool { return part.Kind == message.KindText }):
		f.forgetChoice(desk, out)
	}
	if result.Note != "" {
		f.tellNote(desk, out, result.Note)
	}
}

// digest stands for what a message says, so that a key used twice for different messages is noticed. What may differ
// between two tries of the same message, such as the context, is left out.
func digest(content message.Content) string {
	text, err := json.Marshal(content)
	if err != nil {
		panic(err) // it came from JSON
	}
	sum := sha256.Sum256(text)
	return string(sum[:])
}

// send waits for the conversation's turn and sends the parts that Apple has not accepted yet, one after the other. It
// notes in half what was accepted. choice is what the customer can answer by a number; nil for nothing.
func (f *Flow) send(ctx context.Context, sender Sender, out message.Outbound, half halfSent) (_ message.SendResult, choice *fallback.Choice, _ *message.Failure) {
	began := time.Now()
	ctx, waits := httpclient.WithWaits(ctx)
	key := conversation(out.BusinessID, out.CustomerID)
	turn := f.Memory.outboundLanes.join(key)
	defer turn.leave()
	f.Memory.outboundTyping.supersede(key)
	plain := &composed{parts: plainParts(out.Content)}
	plain.name(sender, out, half)
	if err := turn.wait(ctx); err != nil {
		result, _, failure := f.sendParts(ctx, out, plain, half, f.busy(err))
		return result, nil, failure
	}
	waited := time.Since(began)
	ready, failure := f.compose(ctx, sender, out, half)
	defer func() { ready.close() }()
	if failure != nil && failure.Class == message.Invalid {
		return message.SendResult{}, nil, failure // Apple was not asked: the content is wrong
	}
	if len(ready.parts) == 0 && failure != nil {
		ready.parts = plain.parts
	}
	result, queued, failure := f.sendParts(ctx, out, ready, half, failure)
	if !ready.fetched { // streams wait in places that nobody measures
		f.Metrics.Overhead.WithLabelValues("outbound").Observe((time.Since(began) - waited - queued - waits.Total()).Seconds())
	}
	return result, ready.choice, failure
}

// sendParts sends one part after the other until one fails; with a failure from before it only tells what became of each.
// queued is how long they waited for a place.
func (f *Flow) sendParts(ctx context.Context, out message.Outbound, ready *composed, half halfSent, failure *message.Failure) (
	result message.SendResult, queued time.Duration, _ *message.Failure) {
	result = message.SendResult{ID: out.Key, Status: message.StatusAccepted, Parts: []message.Part{}}
	var steps []message.Fallback // of single parts
	for i := range ready.parts {
		one := &ready.parts[i]
		if one.content != nil && !one.sent && failure == nil {
			var waited time.Duration
			waited, failure = f.sendPart(ctx, out, one, half)
			queued += waited
		}
		told, accepted := half.accepted[one.id]
		if !accepted {
			told = sentPart{one.told(), one.steps}
		}
		if !accepted && failure != nil {
			told.Status, told.Code = message.StatusFailed, failure.SenderCode()
		}
		steps = append(steps, told.steps...)
		if accepted || one.content != nil {
			result.Parts = append(result.Parts, told.Part)
		}
	}
	result.Fallbacks = slices.Concat(ready.fallbacks, steps)
	result.Note = strings.Join(append(ready.notes, stepNotes(steps)...), "\n")
	if failure != nil {
		result.Status, result.Code, result.Reason = message.StatusFailed, failure.SenderCode(), failure.Reason
	}
	return result, queued, failure
}

// sendPart sends one part, and notes in half that Apple has it. A card that nobody asked for must not fail the text that it
// came from.
func (f *Flow) sendPart(ctx context.Context, out message.Outbound, one *part, half halfSent) (queued time.Duration, failure *message.Failure) {
	told := one.told()
	accepted, queued, failure := f.sendMessage(ctx, out, told, *one)
	if failure != nil && one.made && told.Kind == message.KindRichLink && one.dispensable(failure.Class) {
		f.Logger.Warn("the card of a link is left out", "id", one.id, "error", failure)
		if one.giveUpCard(); one.content == nil {
			return queued, nil
		}
		again, failure := f.sendPart(ctx, out, one, half)
		return queued + again, failure
	}
	if failure == nil {
		told.DataRef = accepted.DataRef
		half.accepted[one.id] = sentPart{told, one.steps}
	}
	return queued, failure
}

// dispensable tells whether a card that nobody asked for is given up. Apple's patience and time are not lost on one whose
// text is accepted: only what says that nothing reaches the customer any more counts. One that stands for its text waits
// like a text, unless Apple refuses it.
func (p *part) dispensable(class message.Class) bool {
	switch class {
	case message.Closed, message.Unreachable, message.Auth:
		return false
	case message.Invalid, message.Permanent:
		return true
	}
	return p.instead == nil
}

// sendMessage sends one Apple message as soon as one of the places at the gateway is free; queued is how long that took.
func (f *Flow) sendMessage(ctx context.Context, out message.Outbound, told message.Part, content part) (
	accepted apple.Accepted, queued time.Duration, failure *message.Failure) {
	began := time.Now()
	err := f.outbound.Acquire(ctx, 1)
	queued = time.Since(began)
	if err != nil {
		return accepted, queued, message.FailureOf(err)
	}
	defer f.outbound.Release(1)
	outgoing := apple.Outgoing{
		ID: told.ID, RequestID: told.RequestID, Business: out.BusinessID, Customer: out.CustomerID, Sender: out.Sender, Save: out.Save,
		Content: content.content, Files: content.files, Pictures: content.pictures, Card: content.card, OAuth: content.oauth,
		Payment: content.payment,
	}
	failure = f.protect(apple.Peer, func() (err error) {
		accepted, err = f.Gateway.Send(ctx, outgoing)
		return err
	})
	f.countFiles(outgoing.Files, failure)
	return accepted, queued, failure
}

// halfSent recalls what an earlier try left behind, or begins with nothing. A failure is a conflict.
func (f *Flow) halfSent(key, digest string, device message.Device) (halfSent, *message.Failure) {
	known, ok := f.Memory.half.Get(key)
	if !ok {
		return halfSent{digest, device, f.Now(), make(map[message.ID]sentPart)}, nil
	}
	if known.digest != digest {
		conflict := errConflict
		return halfSent{}, &conflict
	}
	return halfSent{digest, known.device, known.began, maps.Clone(known.accepted)}, nil
}

func (f *Flow) rememberHalf(key string, half halfSent, failure *message.Failure) {
	if failure != nil && len(half.accepted) > 0 {
		f.Memory.half.Add(key, half)
		return
	}
	f.Memory.half.Remove(key)
}

// outboundTyping answers at once and shows the dots if Apple takes them soon.
func (f *Flow) outboundTyping(desk *Desk, sender Sender, out message.Outbound) message.SendResult {
	id := out.PartID(sender.Source, 0)
	result := message.SendResult{
		ID: out.Key, Status: message.StatusAccepted,
		Parts: []message.Part{{ID: id, Kind: message.KindTyping, Status: message.StatusAccepted}},
	}
	if !f.Memory.typing.TryAcquire(1) {
		f.countOutbound(out.BusinessID, desk.Name, out, message.OutcomeThrottled)
		return result
	}
	key := conversation(out.BusinessID, out.CustomerID)
	turn := f.Memory.outboundLanes.join(key)
	ctx, free := f.Memory.outboundTyping.take(f.Memory.shutdown, key)
	began := f.Now()
	f.background(func(context.Context) {
		defer f.Memory.typing.Release(1)
		defer free()
		err := turn.wait(ctx)
		turn.leave()
		failure := message.FailureOf(err)
		if failure == nil {
			_, _, failure = f.sendMessage(ctx, out, result.Parts[0], part{content: out.Content})
		}
		outcome := message.OutcomeAccepted
		if failure != nil {
			outcome = failure.Class.Outcome()
		}
		f.countOutbound(out.BusinessID, desk.Name, out, outcome)
		f.log(ctx, slog.LevelDebug, "outbound", id, out.BusinessID, out.CustomerID, desk.Name, string(message.KindTyping), outcome, failure, f.Now().Sub(began))
	})
	return result
}

func (f *Flow) countOutbound(business message.BusinessID, desk string, out message.Outbound, outcome message.Outcome) {
	if business == "" {
		business = "unknown"
	}
	f.Metrics.Outbound.WithLabelValues(string(business), desk, string(out.Content.Kind()), string(outcome)).Inc()
}

func (f *Flow) finishOutbound(ctx context.Context, desk *Desk, out message.Outbound, result message.SendResult, outcome message.Outcome, failure *message.Failure, took time.Duration) {
	f.countOutbound(out.BusinessID, desk.Name, out, outcome)
	f.Metrics.OutboundDuration.WithLabelValues(desk.Name).Observe(took.Seconds())
	var id message.ID
	if len(result.Parts) > 0 {
		id = result.Parts[0].ID
	}
	f.log(ctx, logLevel(failure), "outbound", id, out.BusinessID, out.CustomerID, desk.Name, string(out.Content.Kind()), outcome, failure, took)
}
