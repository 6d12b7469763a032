package flow

import (
	"context"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"bizbridge/bridge/apple"
	"bizbridge/bridge/identity"
	"bizbridge/bridge/message"
)

// signIns is one provider for every business.
type signIns struct {
	name   string
	legacy bool
	asked  []bool // legacy or not
	answer func(apple.SignInAnswer) (message.SignIn, *message.Failure)
}

func (s *signIns) Provider(message.BusinessID) (string, bool) { return s.name, s.legacy }

func (s *signIns) Ask(_ message.BusinessID, _ message.CustomerID, requestID string, legacy bool) apple.OAuth {
	s.asked = append(s.asked, legacy)
	return apple.OAuth{State: "state of " + requestID}
}

func (s *signIns) Answer(_ context.Context, _ message.BusinessID, _ message.CustomerID, answer apple.SignInAnswer) (message.SignIn, *message.Failure) {
	return s.answer(answer)
}

func withSignIns(s *signIns) func(*Options) { return func(o *Options) { o.SignIns = s } }

// TestASignInUsesTheFlowThatTheDeviceHas asks devices of every kind.
func TestASignInUsesTheFlowThatTheDeviceHas(t *testing.T) {
	const phone = "iPhone OS"
	for name, test := range map[string]struct {
		device  message.Device
		signIns *signIns
		content message.SignInRequest
		code    message.Code // "": it is sent
		legacy  bool
	}{
		"new":                {device(phone, "AUTH2"), &signIns{name: "acme", legacy: true}, message.SignInRequest{}, "", false},
		"both":               {device(phone, "AUTH", "AUTH2"), &signIns{name: "acme", legacy: true}, message.SignInRequest{Provider: "acme"}, "", false},
		"old":                {device(phone, "AUTH"), &signIns{name: "acme", legacy: true}, message.SignInRequest{}, "", true},
		"old, which is off":  {device(phone, "AUTH"), &signIns{name: "acme"}, message.SignInRequest{}, message.CodeUnsupported, false},
		"neither":            {device("Watch OS"), &signIns{name: "acme", legacy: true}, message.SignInRequest{}, message.CodeUnsupported, false},
		"unknown":            {message.Device{Agent: phone}, &signIns{name: "acme", legacy: true}, message.SignInRequest{}, message.CodeDeviceUnknown, false},
		"another provider":   {device(phone, "AUTH2"), &signIns{name: "acme"}, message.SignInRequest{Provider: "other"}, message.CodeInvalid, false},
		"a business without": {device(phone, "AUTH2"), &signIns{}, message.SignInRequest{}, message.CodeUnsupported, false},
		"a bridge without":   {device(phone, "AUTH2"), nil, message.SignInRequest{}, message.CodeUnsupported, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var change []func(*Options)
				if test.signIns != nil {
					change = append(change, withSignIns(test.signIns))
				}
				r := newRig(t, change...)
				r.Memory.devices.Add(conversation(business, customer), test.device)
				result, failure := r.Outbound(t.Context(), agents, message.Outbound{Key: "k", BusinessID: business, CustomerID: customer, Content: test.content})
				if test.code != "" {
					wantClass(t, failure, message.Invalid)
					wantEqual(t, "code", failure.SenderCode(), test.code)
					wantEqual(t, "messages to Apple", len(r.gateway.sent), 0)
					return
				}
				wantNil(t, failure)
				sent := r.gateway.sent[0]
				wantEqual(t, "state", sent.OAuth.State, "state of "+result.Parts[0].RequestID)
				wantEqual(t, "request id", sent.RequestID, result.Parts[0].RequestID)
				wantEqual(t, "legacy", test.signIns.asked[0], test.legacy)
				r.idle(t)
			})
		})
	}
}

func device(agent string, capabilities ...message.Capability) message.Device {
	return message.Device{Agent: agent, Capabilities: append([]message.Capability{}, capabilities...)}
}

func signInAnswer(status message.SignInStatus) *apple.Incoming {
	in := incoming(message.EventUnsupported, "interactive", customer, "")
	in.Event.Data.Note = "cannot be shown"
	in.SignIn = &apple.SignInAnswer{RequestID: "r", Status: status}
	return in
}

// TestWhatADeviceSaysOfASignInIsTold hands on what the providers make of it.
func TestWhatADeviceSaysOfASignInIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, withSignIns(&signIns{name: "acme", answer: func(answer apple.SignInAnswer) (message.SignIn, *message.Failure) {
			return message.SignIn{RequestID: answer.RequestID, Status: answer.Status, Confirmed: true}, nil
		}}))
		r.Metrics.ExpectProvider("acme")
		wantNil(t, r.Inbound(t.Context(), signInAnswer(message.SignInSucceeded)))
		event := r.desk.got[0]
		wantEqual(t, "type", event.Type, message.EventSignIn)
		wantEqual(t, "sign-in", *event.Data.SignIn, message.SignIn{Provider: "acme", RequestID: "r", Status: message.SignInSucceeded, Confirmed: true})
		wantEqual(t, "note", event.Data.Note, "")
		wantEqual(t, "signins_total", value(t, r.Metrics.SignIns.WithLabelValues("acme", "succeeded")), 1)
	})
}

func TestAnAnswerToNobodysSignInStaysWhatCannotBeShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, change := range [][]func(*Options){nil, {withSignIns(&signIns{})}} {
			r := newRig(t, change...)
			wantNil(t, r.Inbound(t.Context(), signInAnswer(message.SignInSucceeded)))
			wantEqual(t, "type", r.desk.got[0].Type, message.EventUnsupported)
		}
	})
}

// TestWhatAProviderCannotSayNowIsAskedAgain: Apple hears that it was not delivered, and comes again.
func TestWhatAProviderCannotSayNowIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		r := newRig(t, withSignIns(&signIns{name: "acme", answer: func(answer apple.SignInAnswer) (message.SignIn, *message.Failure) {
			switch tries++; tries {
			case 1:
				return message.SignIn{}, message.Failuref(message.Transient, "the provider is down")
			case 2:
				panic("provider")
			}
			return message.SignIn{RequestID: answer.RequestID, Status: answer.Status, Confirmed: true}, nil
		}}))
		for range 2 {
			wantClass(t, r.Inbound(t.Context(), signInAnswer(message.SignInSucceeded)), message.Transient)
		}
		wantEqual(t, "events", len(r.desk.got), 0)
		wantNil(t, r.Inbound(t.Context(), signInAnswer(message.SignInSucceeded)))
		wantEqual(t, "status", r.desk.got[0].Data.SignIn.Status, message.SignInSucceeded)
	})
}

// TestASecondPersonIsASecondEvent: with one id for both, a helpdesk that drops repeats would take the first for the one
// whom Apple confirms.
func TestASecondPersonIsASecondEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, withSignIns(&signIns{name: "acme"}))
		for _, done := range []message.SignIn{
			{Status: message.SignInSucceeded, Identity: &message.Identity{Subject: "amb_1"}},
			{Status: message.SignInSucceeded, Identity: &message.Identity{Subject: "amb_2"}},
			{Status: message.SignInFailed, Error: "the provider is down"},
			{Status: message.SignInFailed, Error: "the client is unknown"},
		} {
			done.Provider, done.RequestID = "acme", "r"
			wantNil(t, r.TellSignIn(t.Context(), business, customer, done))
		}
		seen := map[message.ID]bool{}
		for _, event := range r.desk.got {
			seen[event.Data.ID] = true
		}
		wantEqual(t, "ids", len(seen), 4)
	})
}

// TestASignInForgetsNoDevice tells of a sign-in on a replica that has not seen the customer.
func TestASignInForgetsNoDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, withSignIns(&signIns{name: "acme"}))
		done := message.SignIn{Provider: "acme", RequestID: "r", Status: message.SignInSucceeded, Identity: &message.Identity{Subject: "amb_1"}}
		wantNil(t, r.TellSignIn(t.Context(), business, customer, done))
		wantEqual(t, "context", r.desk.got[0].Data.Sealed, "")
		r.Memory.devices.Add(conversation(business, customer), device("iPhone OS", "AUTH2"))
		wantNil(t, r.TellSignIn(t.Context(), business, customer, done))
		if r.desk.got[1].Data.Sealed == "" {
			t.Error("a device that is known is not told")
		}
		// An older context that knew nothing does not hide what the memory knows.
		empty := r.sealDevice(business, customer, message.Device{})
		out := message.Outbound{Key: "k", BusinessID: business, CustomerID: customer, Sealed: empty, Content: message.SignInRequest{}}
		_, failure := r.Outbound(t.Context(), agents, out)
		wantNil(t, failure)
	})
}

// TestTheExchangeIsToldUnderOneId lets the helpdesk fail once: the person tries again.
func TestTheExchangeIsToldUnderOneId(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, withSignIns(&signIns{name: "acme"}))
		r.desk.failing(message.Failuref(message.Transient, "down"))
		done := message.SignIn{Provider: "acme", RequestID: "r", Status: message.SignInSucceeded, Identity: &message.Identity{Subject: "amb_1"}}
		wantClass(t, r.TellSignIn(t.Context(), business, customer, done), message.Transient)
		wantEqual(t, "signins_total", value(t, r.Metrics.SignIns.WithLabelValues("acme", "succeeded")), 0)
		wantNil(t, r.TellSignIn(t.Context(), business, customer, done))
		wantEqual(t, "id", r.desk.got[1].Data.ID, r.desk.got[0].Data.ID)
		wantEqual(t, "subject", r.desk.got[1].Data.SignIn.Identity.Subject, "amb_1")
		wantEqual(t, "signins_total", value(t, r.Metrics.SignIns.WithLabelValues("acme", "succeeded")), 1)
		wantClass(t, r.TellSignIn(t.Context(), "nobody", customer, done), message.Permanent)
		r.idle(t)
	})
}

func withIdentityTokens(o *Options) { o.Desks[business].IdentityTokens = true }

// TestTheFactsOfASignInAreSealedForIdentityTokens lets each kind of fact become the proof that it is, and no other.
func TestTheFactsOfASignInAreSealedForIdentityTokens(t *testing.T) {
	who := func() *message.Identity {
		return &message.Identity{Subject: "amb_1", Claims: map[string]any{"email": "ada@example.com"}}
	}
	for name, test := range map[string]struct {
		told              message.SignIn
		assertion, isTold bool // isTold: Apple's word is told apart
	}{
		"the exchange":         {message.SignIn{Status: message.SignInSucceeded, Identity: who()}, true, false},
		"Apple's word":         {message.SignIn{Status: message.SignInSucceeded, Confirmed: true}, false, true},
		"both":                 {message.SignIn{Status: message.SignInSucceeded, Confirmed: true, Identity: who()}, true, false},
		"neither":              {message.SignIn{Status: message.SignInSucceeded}, false, false},
		"a failure":            {message.SignIn{Status: message.SignInFailed, Confirmed: true, Identity: who()}, false, false},
		"somebody who gave up": {message.SignIn{Status: message.SignInCanceled, Confirmed: true}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				test.told.Provider, test.told.RequestID = "acme", "r"
				asked := identity.Request{Business: string(business), Customer: string(customer), Provider: "acme", ID: "r"}
				r := newRig(t, withSignIns(&signIns{name: "acme", answer: func(apple.SignInAnswer) (message.SignIn, *message.Failure) {
					return test.told, nil
				}}), withIdentityTokens)
				wantNil(t, r.TellSignIn(t.Context(), business, customer, test.told))
				wantNil(t, r.Inbound(t.Context(), signInAnswer(message.SignInSucceeded)))
				for _, event := range r.desk.got {
					got := *event.Data.SignIn
					if got.Identity != nil && test.assertion {
						a, err := identity.OpenAssertion(r.Ring, got.Identity.Assertion, time.Now())
						if err != nil {
							t.Fatal(err)
						}
						want := identity.Assertion{Request: asked, Subject: "amb_1", Claims: test.told.Identity.Claims, Confirmed: test.told.Confirmed}
						if !reflect.DeepEqual(a, want) {
							t.Errorf("assertion: %+v, want %+v", a, want)
						}
					} else if test.assertion || got.Identity != nil && got.Identity.Assertion != "" {
						t.Errorf("identity: %+v", got.Identity)
					}
					confirmed, err := identity.OpenConfirmation(r.Ring, got.Confirmation, time.Now())
					if (err == nil) != test.isTold || err == nil && confirmed != asked {
						t.Errorf("confirmation: %+v, %v", confirmed, err)
					}
				}
				if test.told.Identity != nil {
					wantEqual(t, "the caller's assertion", test.told.Identity.Assertion, "")
				}
				wantEqual(t, "events", len(r.desk.got), 2)
				r.idle(t)
			})
		})
	}
}

// TestTheSameSignInIsToldOnce: devices send some answers twice, a moment apart, under different ids.
func TestTheSameSignInIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, withSignIns(&signIns{name: "acme", answer: func(answer apple.SignInAnswer) (message.SignIn, *message.Failure) {
			return message.SignIn{RequestID: answer.RequestID, Status: answer.Status, Confirmed: answer.Status == message.SignInSucceeded}, nil
		}}))
		again := func(id message.ID, status message.SignInStatus) {
			in := signInAnswer(status)
			in.Event.Data.ID = id
			wantNil(t, r.Inbound(t.Context(), in))
		}
		again("1", message.SignInCanceled)
		again("2", message.SignInSucceeded)
		again("3", message.SignInSucceeded)
		wantEqual(t, "events", len(r.desk.got), 2)
		pass(tapWindow)
		again("4", message.SignInSucceeded)
		wantEqual(t, "events later", len(r.desk.got), 3)
	})
}
