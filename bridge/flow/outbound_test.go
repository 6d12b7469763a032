package flow

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bizbridge/bridge/apple"
	"bizbridge/bridge/message"
	"bizbridge/bridge/signature"
)

// long becomes three parts.
var long = strings.Repeat("a", apple.MaxText) + " " + strings.Repeat("b", apple.MaxText) + " " + strings.Repeat("c", 10)

// failing makes the calls to Apple fail one by one, nil meaning success; later ones succeed.
func (g *gateway) failing(errs ...error) {
	g.send = func(context.Context, apple.Outgoing) error {
		g.mu.Lock()
		defer g.mu.Unlock()
		if len(errs) == 0 {
			return nil
		}
		err := errs[0]
		errs = errs[1:]
		return err
	}
}

// ids gives the first letter and the id of every call.
func (g *gateway) ids() []string {
	var ids []string
	for _, out := range g.sent {
		ids = append(ids, fmt.Sprintf("%.1s %s", textOf(out.Content), out.ID))
	}
	return ids
}

func TestOutboundIsAnsweredOnlyAfterApple(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.gateway.send = func(ctx context.Context, _ apple.Outgoing) error { return after(ctx, time.Second) }
		began := time.Now()
		result, failure := r.Outbound(t.Context(), agents, reply("hello"))
		wantNil(t, failure)
		wantEqual(t, "time until the answer", time.Since(began), time.Second)
		want := message.SendResult{ID: "key of hello", Status: message.StatusAccepted, Parts: []message.Part{
			{ID: r.gateway.sent[0].ID, Kind: message.KindText, Status: message.StatusAccepted},
		}}
		if !reflect.DeepEqual(result, want) {
			t.Errorf("result %+v, want %+v", result, want)
		}
		wantEqual(t, "sender", r.gateway.sent[0].Sender.Kind, message.SenderAgent) // the door's default
		r.wantOutbound(t, message.KindText, outcomes{message.OutcomeAccepted: 1})
		wantEqual(t, "outbound_duration_seconds", value(t, r.Metrics.OutboundDuration.WithLabelValues("desk")), 1)
		r.idle(t)
	})
}

func TestOutboundPartIDsAreTheSameOnEveryReplica(t *testing.T) {
	one, other := newRig(t), newRig(t, func(o *Options) { o.Ring = ring(t, 2, 1) })
	first, failure := one.Outbound(t.Context(), agents, reply(long))
	wantNil(t, failure)
	again := reply(long)
	again.BusinessID = message.BusinessID(strings.ToLower(string(business))) // written in the other case
	second, failure := other.Outbound(t.Context(), agents, again)
	wantNil(t, failure)
	wantEqual(t, "parts", len(first.Parts), 3)
	if !reflect.DeepEqual(first, second) {
		t.Errorf("two replicas gave\n%+v\n%+v", first, second)
	}
	bot := agents
	bot.Source = "api:bot"
	third, failure := other.Outbound(t.Context(), bot, again)
	wantNil(t, failure)
	if third.Parts[0].ID == first.Parts[0].ID {
		t.Error("the same key through another door gave the same id")
	}
}

func TestOutboundRepeatSendsNothing(t *testing.T) {
	r := newRig(t)
	first, failure := r.Outbound(t.Context(), agents, reply("hello"))
	wantNil(t, failure)
	again := reply("hello")
	again.Sealed = r.sealDevice(business, customer, message.Device{}) // only the context is newer
	second, failure := r.Outbound(t.Context(), agents, again)
	wantNil(t, failure)
	if !reflect.DeepEqual(first, second) {
		t.Errorf("the repeat was answered with\n%+v, the first with\n%+v", second, first)
	}
	wantEqual(t, "calls", len(r.gateway.sent), 1)
	wantEqual(t, "duplicates", value(t, r.Metrics.DuplicatesDropped.WithLabelValues("desk")), 1)
	r.wantOutbound(t, message.KindText, outcomes{message.OutcomeAccepted: 1, message.OutcomeDuplicate: 1})
}

func TestOutboundWithoutAKeyIsAlwaysNew(t *testing.T) {
	r := newRig(t)
	out := reply("hello")
	out.Key = ""
	for range 2 {
		result, failure := r.Outbound(t.Context(), agents, out)
		wantNil(t, failure)
		if result.ID == "" {
			t.Error("the answer names no key")
		}
	}
	wantEqual(t, "calls", len(r.gateway.sent), 2)
}

func TestOutboundSameKeyWithOtherContentIsAConflict(t *testing.T) {
	conflict := func(t *testing.T, r *rig) {
		t.Helper()
		other := reply(long)
		other.Content = message.Text{Text: "other"}
		result, failure := r.Outbound(t.Context(), agents, other)
		wantClass(t, failure, message.Invalid)
		wantEqual(t, "code", failure.SenderCode(), message.CodeConflict)
		wantEqual(t, "status", result.Status, "")
		r.wantOutbound(t, message.KindText, outcomes{message.OutcomeAccepted: int(value(t, r.Metrics.Outbound.WithLabelValues(string(business), "desk", "text", "accepted"))),
			message.OutcomeTransient: int(value(t, r.Metrics.Outbound.WithLabelValues(string(business), "desk", "text", "failed_transient"))), message.OutcomeInvalid: 1})
	}
	t.Run("after success", func(t *testing.T) {
		r := newRig(t)
		_, failure := r.Outbound(t.Context(), agents, reply(long))
		wantNil(t, failure)
		conflict(t, r)
	})
	t.Run("half sent", func(t *testing.T) {
		r := newRig(t)
		r.gateway.failing(nil, message.Failuref(message.Transient, "down"))
		_, failure := r.Outbound(t.Context(), agents, reply(long))
		wantClass(t, failure, message.Transient)
		conflict(t, r)
		wantEqual(t, "calls", len(r.gateway.sent), 2)
	})
	t.Run("in flight", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.gateway.send = func(ctx context.Context, _ apple.Outgoing) error { return after(ctx, time.Second) }
			go func() { _, _ = r.Outbound(context.Background(), agents, reply(long)) }()
			synctest.Wait()
			conflict(t, r)
			pass(timeout)
		})
	})
}

func TestOutboundResumesOnlyTheMissingParts(t *testing.T) {
	r := newRig(t)
	r.gateway.failing(nil, message.Failuref(message.Throttled, "slow down"), message.Failuref(message.Uncertain, "no answer"))
	result, failure := r.Outbound(t.Context(), agents, reply(long))
	wantClass(t, failure, message.Throttled)
	var parts []string
	for _, part := range result.Parts {
		parts = append(parts, fmt.Sprint(part.Status, part.Code))
	}
	if want := []string{"accepted", "failedrate_limited", "failedrate_limited"}; !slices.Equal(parts, want) {
		t.Errorf("parts %q, want %q", parts, want)
	}
	wantEqual(t, "status", result.Status, message.StatusFailed)
	wantEqual(t, "code", result.Code, message.CodeRateLimited)

	_, failure = r.Outbound(t.Context(), agents, reply(long))
	wantClass(t, failure, message.Uncertain)
	result, failure = r.Outbound(t.Context(), agents, reply(long))
	wantNil(t, failure)
	wantEqual(t, "status", result.Status, message.StatusAccepted)
	a, b, c := "a "+string(result.Parts[0].ID), "b "+string(result.Parts[1].ID), "c "+string(result.Parts[2].ID)
	if got, want := r.gateway.ids(), []string{a, b, b, b, c}; !slices.Equal(got, want) {
		t.Errorf("calls\n%q, want\n%q", got, want)
	}
	wantEqual(t, "half-sent messages remembered", r.Memory.half.Len(), 0)
	r.wantOutbound(t, message.KindText, outcomes{message.OutcomeThrottled: 1, message.OutcomeUncertain: 1, message.OutcomeAccepted: 1})
}

func TestOutboundPassesEveryClassOn(t *testing.T) {
	for class := message.Transient; class <= message.Canceled; class++ {
		t.Run(class.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.gateway.failing(message.Failuref(class, "said Apple"))
				result, failure := r.Outbound(t.Context(), agents, reply("hello"))
				wantClass(t, failure, class)
				wantEqual(t, "status", result.Status, message.StatusFailed)
				wantEqual(t, "code", result.Code, class.Code())
				wantEqual(t, "reason", result.Reason, "said Apple")
				wantEqual(t, "code of the part", result.Parts[0].Code, class.Code())
				_, failure = r.Outbound(t.Context(), agents, reply("hello")) // forgotten, so tried again
				wantNil(t, failure)
				synctest.Wait()
				closed := 0
				if class == message.Closed {
					closed = 1
				}
				wantEqual(t, "conversation.closed events", len(r.desk.closed), closed)
				r.wantOutbound(t, message.KindText, outcomes{class.Outcome(): 1, message.OutcomeAccepted: 1})
				r.idle(t)
			})
		})
	}
}

func TestOutboundToAClosedConversationTellsTheHelpdeskOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		device := message.Device{Locale: "fr_FR", Group: "vip", Capabilities: []message.Capability{message.CapabilityForm}}
		r.gateway.send = func(context.Context, apple.Outgoing) error {
			time.Sleep(time.Second)
			return message.Failuref(message.Closed, "the customer left")
		}
		out := reply("hello")
		out.Sealed = newRig(t).sealDevice(business, customer, device)
		go func() { _, _ = r.Outbound(context.Background(), agents, out) }()
		synctest.Wait()
		result, failure := r.Outbound(t.Context(), agents, out) // the helpdesk is impatient and asks twice
		wantClass(t, failure, message.Closed)
		wantEqual(t, "code", result.Code, message.CodeClosed)
		synctest.Wait()
		wantEqual(t, "conversation.closed events", len(r.desk.closed), 1)
		event := r.desk.closed[0]
		wantEqual(t, "type", event.Type, message.EventClosed)
		wantEqual(t, "id", event.Data.ID, message.Subject(message.EventClosed, business, customer, string(result.Parts[0].ID)))
		if !reflect.DeepEqual(event.Data.Device, device) {
			t.Errorf("device %+v, want that of the echoed context %+v", event.Data.Device, device)
		}
		if again, err := r.openDevice(business, customer, event.Data.Sealed); err != nil || !reflect.DeepEqual(again, device) {
			t.Errorf("the event's own context opens to %+v, %v", again, err)
		}
		r.idle(t)
	})
}

func TestOutboundIgnoresAContextThatIsNotItsOwnAndCountsIt(t *testing.T) {
	r := newRig(t)
	foreign := newRig(t, func(o *Options) { o.Ring = ring(t, 9) })
	device := message.Device{Locale: "xx_XX"}
	good := r.sealDevice(business, customer, device)
	past := newRig(t, func(o *Options) { o.Now = func() time.Time { return time.Now().Add(-2 * contextTTL) } })
	remembered := message.Device{Locale: "de_DE"}
	r.Memory.devices.Add(conversation(business, customer), remembered)
	for name, c := range map[string]struct {
		sealed string
		reason signature.Reason
		want   message.Device
	}{
		"genuine":          {good, "", device},
		"none":             {"", "", remembered},
		"altered":          {good[:len(good)-6] + "AAAAAA", signature.Mismatch, remembered},
		"no token":         {"!", signature.Malformed, remembered},
		"expired":          {past.sealDevice(business, customer, device), signature.Expired, remembered},
		"another customer": {r.sealDevice(business, "urn:mbid:b3RoZXI=", device), signature.Mismatch, remembered},
		"another bridge":   {foreign.sealDevice(business, customer, device), signature.UnknownKey, remembered},
	} {
		t.Run(name, func(t *testing.T) {
			count := func() (n float64) {
				for _, reason := range signature.Reasons {
					n += value(t, r.Metrics.SignatureFailures.WithLabelValues("desk", string(reason)))
				}
				return n
			}
			before := count()
			got := r.device(agents, message.Outbound{BusinessID: business, CustomerID: customer, Sealed: c.sealed})
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("device %+v, want %+v", got, c.want)
			}
			if c.reason == "" {
				wantEqual(t, "signature failures", count()-before, 0)
				return
			}
			wantEqual(t, "signature failures", count()-before, 1)
			if value(t, r.Metrics.SignatureFailures.WithLabelValues("desk", string(c.reason))) == 0 {
				t.Errorf("not counted as %s", c.reason)
			}
		})
	}
}

func TestOutboundRefusesWhatTheSenderMayNot(t *testing.T) {
	r := newRig(t)
	unknown := reply("hello")
	unknown.BusinessID = "11111111-2222-4333-8444-555555555555"
	_, failure := r.Outbound(t.Context(), agents, unknown)
	wantClass(t, failure, message.Invalid)
	wantEqual(t, "code", failure.SenderCode(), message.CodeUnknownBusiness)
	wantEqual(t, "counted", value(t, r.Metrics.Outbound.WithLabelValues("unknown", "", "text", "invalid")), 1)

	stranger := agents
	stranger.MaySpeakFor = func(message.BusinessID) bool { return false }
	_, failure = r.Outbound(t.Context(), stranger, reply("hello"))
	wantClass(t, failure, message.Invalid)
	wantEqual(t, "code", failure.SenderCode(), message.CodeForbidden)
	r.wantOutbound(t, message.KindText, outcomes{message.OutcomeInvalid: 1})
	wantEqual(t, "calls", len(r.gateway.sent), 0)
}

func TestOutboundAnswersWithinTheSendersPatience(t *testing.T) {
	for patience, want := range map[time.Duration]time.Duration{0: timeout, time.Second: time.Second, time.Hour: timeout} {
		t.Run(patience.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.gateway.send = func(ctx context.Context, _ apple.Outgoing) error { return after(ctx, time.Hour) }
				sender := agents
				sender.Timeout = patience
				began := time.Now()
				_, failure := r.Outbound(t.Context(), sender, reply("hello"))
				wantClass(t, failure, message.Transient)
				wantEqual(t, "time until the answer", time.Since(began), want)
			})
		})
	}
}

func TestOutboundKeepsTheOrderOfOneCustomerWhileOthersPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.gateway.send = func(ctx context.Context, out apple.Outgoing) error {
			if out.Customer == customer {
				return after(ctx, time.Second)
			}
			return nil
		}
		for _, words := range []string{"one", "two", "three"} {
			go func() { _, _ = r.Outbound(context.Background(), agents, reply(words)) }()
			synctest.Wait()
		}
		other := reply("other")
		other.CustomerID = "urn:mbid:b3RoZXI="
		_, failure := r.Outbound(t.Context(), agents, other)
		wantNil(t, failure)
		pass(timeout)
		if got, want := r.gateway.calls(), []string{"one", "other", "two", "three"}; !slices.Equal(got, want) {
			t.Errorf("sent in the order %v, want %v", got, want)
		}
		r.idle(t)
	})
}

func TestOutboundSendsNoMoreAtOnceThanAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *Options) { o.OutboundConcurrency = 3 })
		now, most := 0, 0
		r.gateway.send = func(ctx context.Context, _ apple.Outgoing) error {
			r.gateway.mu.Lock()
			now++
			most = max(most, now)
			r.gateway.mu.Unlock()
			defer func() { r.gateway.mu.Lock(); now--; r.gateway.mu.Unlock() }()
			return after(ctx, 1500*time.Millisecond)
		}
		for i := range 20 {
			out := reply(fmt.Sprint("number ", i))
			out.CustomerID = message.CustomerID(fmt.Sprint("urn:mbid:", i))
			go func() { _, _ = r.Outbound(context.Background(), agents, out) }()
		}
		pass(3 * timeout)
		wantEqual(t, "most at once", most, 3)
		r.wantOutbound(t, message.KindText, outcomes{message.OutcomeAccepted: 6, message.OutcomeTransient: 14}) // two waves of three fit into the budget
		wantEqual(t, "overhead observed", value(t, r.Metrics.Overhead.WithLabelValues("outbound")), 20)
		r.idle(t)
	})
}

func TestOutboundSurvivesAPanicOfTheGateway(t *testing.T) {
	r := newRig(t)
	calls := 0
	r.gateway.send = func(context.Context, apple.Outgoing) error {
		if calls++; calls == 2 {
			panic("nil map")
		}
		return nil
	}
	_, failure := r.Outbound(t.Context(), agents, reply(long))
	wantClass(t, failure, message.Transient)
	_, failure = r.Outbound(t.Context(), agents, reply(long))
	wantNil(t, failure)
	wantEqual(t, "calls", calls, 4) // the accepted part is not sent again
	r.idle(t)
}

func TestOutboundResultReadsAsTheContractSays(t *testing.T) {
	r := newRig(t)
	r.gateway.failing(message.Failuref(message.Unreachable, "signed out"))
	result, _ := r.Outbound(t.Context(), agents, reply("hello"))
	result.Parts[0].ID = "part-1"
	got, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "answer", string(got), `{"id":"key of hello","status":"failed","code":"unreachable","reason":"signed out",`+
		`"parts":[{"id":"part-1","kind":"text","status":"failed","code":"unreachable"}]}`)
}
