package flow

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"strings"
	"time"

	"bizbridge/bridge/apple"
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

// halfSent is a message of which some parts were accepted and some not.
type halfSent struct {
	digest   string
	accepted map[message.ID]apple.Accepted
}

// Outbound sends one message to a customer. A failure with a result (its Status set) tells how far each part came; one
// without was refused before anything was tried.
func (f *Flow) Outbound(ctx context.Context, sender Sender, out message.Outbound) (message.SendResult, *message.Failure) {
	business, ok := f.businesses[strings.ToLower(string(out.BusinessID))]
	if !ok {
		f.countOutbound("", "", out, message.OutcomeInvalid)
		return message.SendResult{}, &message.Failure{Class: message.Invalid, Code: message.CodeUnknownBusiness, Reason: "no business of this id is configured"}
	}
	desk := f.Desks[business]
	out.BusinessID = business
	if !sender.MaySpeakFor(business) {
		f.countOutbound(business, desk.Name, out, message.OutcomeInvalid)
		return message.SendResult{}, &message.Failure{Class: message.Invalid, Code: message.CodeForbidden, Reason: "this sender may not write for this business"}
	}
	if out.Sender.Kind == "" {
		out.Sender.Kind = sender.Default
	}
	if out.Key == "" {
		out.Key = rand.Text()
	}
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
	device, err := f.openDevice(out.BusinessID, out.CustomerID, out.Sealed)
	if err == nil {
		return device
	}
	if !errors.Is(err, errNoContext) {
		f.Metrics.CountSignatureFailure(sender.Label, seal.Reason(err))
	}
	device, _ = f.Memory.devices.Get(conversation(out.BusinessID, out.CustomerID))
	return device
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
		half, failure := f.halfSent(key, content)
		if failure != nil {
			return message.SendResult{}, failure
		}
		result, failure := f.send(ctx, sender, out, half)
		f.rememberHalf(key, half, failure)
		switch {
		case failure != nil && failure.Class == message.Closed:
			f.Memory.devices.Remove(conversation(out.BusinessID, out.CustomerID))
			f.tellClosed(ctx, desk, out, device, result)
		case failure == nil && out.Save:
			f.tellSent(ctx, sender.Events, out, device, result)
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
// notes in half what was accepted.
func (f *Flow) send(ctx context.Context, sender Sender, out message.Outbound, half halfSent) (message.SendResult, *message.Failure) {
	began := time.Now()
	ctx, waits := httpclient.WithWaits(ctx)
	result := message.SendResult{ID: out.Key, Status: message.StatusAccepted}
	key := conversation(out.BusinessID, out.CustomerID)
	turn := f.Memory.outboundLanes.join(key)
	defer turn.leave()
	f.Memory.outboundTyping.supersede(key)
	var failure *message.Failure
	if err := turn.wait(ctx); err != nil {
		failure = f.busy(err)
	}
	waited := time.Since(began)
	files := &outgoingFiles{close: func() {}}
	if content, ok := out.Content.(message.Files); ok && failure == nil {
		var prepared *outgoingFiles
		if prepared, failure = f.prepareFiles(ctx, sender.Files, content); failure == nil {
			files = prepared
			defer files.close()
		} else if failure.Class == message.Invalid {
			return message.SendResult{}, failure // Apple was not asked: the content is wrong
		}
	}
	for i, content := range apple.Parts(out.Content) {
		part := message.Part{ID: out.PartID(sender.Source, i), Kind: content.Kind(), Status: message.StatusAccepted}
		accepted, before := half.accepted[part.ID]
		if failure == nil && !before {
			var queued time.Duration
			accepted, queued, failure = f.sendPart(ctx, out, part.ID, content, files.files)
			waited += queued
			if failure == nil {
				half.accepted[part.ID] = accepted
			}
		}
		if before || failure == nil {
			part.DataRef = accepted.DataRef
		} else {
			part.Status, part.Code = message.StatusFailed, failure.SenderCode()
		}
		result.Parts = append(result.Parts, part)
	}
	if out.Content.Kind() != message.KindFiles { // streams wait in places that nobody measures
		f.Metrics.Overhead.WithLabelValues("outbound").Observe((time.Since(began) - waited - waits.Total()).Seconds())
	}
	if failure != nil {
		result.Status, result.Code, result.Reason = message.StatusFailed, failure.SenderCode(), failure.Reason
	}
	return result, failure
}

// sendPart sends one Apple message as soon as one of the places at the gateway is free; queued is how long that took.
func (f *Flow) sendPart(ctx context.Context, out message.Outbound, id message.ID, content message.Content, files []apple.File) (
	accepted apple.Accepted, queued time.Duration, failure *message.Failure) {
	began := time.Now()
	err := f.outbound.Acquire(ctx, 1)
	queued = time.Since(began)
	if err != nil {
		return accepted, queued, message.FailureOf(err)
	}
	defer f.outbound.Release(1)
	outgoing := apple.Outgoing{
		ID: id, Business: out.BusinessID, Customer: out.CustomerID, Sender: out.Sender, Content: content, Save: out.Save,
	}
	if content.Kind() == message.KindFiles {
		outgoing.Files = files
	}
	failure = f.protect(apple.Peer, func() (err error) {
		accepted, err = f.Gateway.Send(ctx, outgoing)
		return err
	})
	f.countFiles(outgoing.Files, failure)
	return accepted, queued, failure
}

// halfSent recalls what an earlier try left behind, or begins with nothing. A failure is a conflict.
func (f *Flow) halfSent(key, digest string) (halfSent, *message.Failure) {
	known, ok := f.Memory.half.Get(key)
	if !ok {
		return halfSent{digest: digest, accepted: make(map[message.ID]apple.Accepted)}, nil
	}
	if known.digest != digest {
		conflict := errConflict
		return halfSent{}, &conflict
	}
	return halfSent{digest: digest, accepted: maps.Clone(known.accepted)}, nil
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
			_, _, failure = f.sendPart(ctx, out, id, out.Content, nil)
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
