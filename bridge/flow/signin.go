package flow

import (
	"context"
	"slices"

	"bizbridge/bridge/apple"
	"bizbridge/bridge/identity"
	"bizbridge/bridge/message"
)

// SignIns is the providers with which customers sign in.
type SignIns interface {
	// Provider names the one of a business; "" for none. legacy tells that devices may use Apple's old flow.
	Provider(business message.BusinessID) (name string, legacy bool)
	// Ask says what a sign-in message asks of the device. legacy asks in the words of the old flow.
	Ask(business message.BusinessID, customer message.CustomerID, requestID string, legacy bool) apple.OAuth
	// Answer says what a device's answer means. It may ask the provider, within ctx: the failure is for what another try of
	// Apple's may mend; what goes wrong for good is told.
	Answer(ctx context.Context, business message.BusinessID, customer message.CustomerID, answer apple.SignInAnswer) (message.SignIn, *message.Failure)
}

// askToSignIn chooses the flow that the customer's device has.
func (f *Flow) askToSignIn(content message.SignInRequest, business message.BusinessID, device message.Device) (legacy bool, failure *message.Failure) {
	var provider string
	if f.SignIns != nil {
		provider, legacy = f.SignIns.Provider(business)
	}
	has := func(capability message.Capability) bool { return slices.Contains(device.Capabilities, capability) }
	switch {
	case provider == "":
		return false, refuseSignIn(message.CodeUnsupported, "/provider", "the business has no provider to sign in with: set its signin, and signin.providers")
	case content.Provider != "" && content.Provider != provider:
		return false, refuseSignIn(message.CodeInvalid, "/provider", "is not the provider of the business; Apple allows one, so leave it out")
	case device.Capabilities == nil:
		return false, refuseSignIn(message.CodeDeviceUnknown, "", "nothing is known of the customer's device: echo the newest context of the customer's events")
	case has(message.CapabilityAuth2):
		return false, nil
	case has(message.CapabilityAuth) && legacy:
		return true, nil
	}
	return false, refuseSignIn(message.CodeUnsupported, "", "the customer's device cannot sign in")
}

func refuseSignIn(code message.Code, pointer, words string) *message.Failure {
	return &message.Failure{Class: message.Invalid, Code: code, Reason: words, Faults: []message.Fault{{
		Pointer: "/data/content" + pointer, Rule: string(code), Message: words,
	}}}
}

// signedIn makes the event of what a device says of a sign-in. Where no provider is configured, the answer to somebody
// else's request stays what cannot be shown.
func (f *Flow) signedIn(ctx context.Context, desk *Desk, answer apple.SignInAnswer, event *message.Event) *message.Failure {
	if f.SignIns == nil {
		return nil
	}
	provider, _ := f.SignIns.Provider(event.Data.BusinessID)
	if provider == "" {
		return nil
	}
	ctx, cancel := halfOf(ctx)
	defer cancel()
	var signIn message.SignIn
	failure := f.protect("the sign-in provider", func() error {
		told, refused := f.SignIns.Answer(ctx, event.Data.BusinessID, event.Data.CustomerID, answer)
		signIn = told
		if refused != nil {
			return refused
		}
		return nil
	})
	if failure != nil {
		return failure
	}
	signIn.Provider = provider
	event.Type, event.Data.SignIn = message.EventSignIn, &signIn
	event.Data.AppleType, event.Data.Note = "", ""
	f.prove(desk, event)
	return nil
}

// prove adds to a fact of a sign-in what the bridge will believe again when the helpdesk asks for an identity token: it
// stores nothing. An identity alone is no proof that the customer's device was there, and a confirmation alone is of
// nobody. Whoever tells both at once has one proof of both, so that no other identity can be put beside Apple's word.
func (f *Flow) prove(desk *Desk, event *message.Event) {
	signIn := event.Data.SignIn
	if !desk.IdentityTokens || signIn.Status != message.SignInSucceeded {
		return
	}
	request := identity.Request{
		Business: string(event.Data.BusinessID), Customer: string(event.Data.CustomerID), Provider: signIn.Provider, ID: signIn.RequestID,
	}
	switch {
	case signIn.Identity != nil:
		told := *signIn.Identity // that of the caller stays as it is
		told.Assertion = identity.SealAssertion(f.Ring, identity.Assertion{
			Request: request, Subject: told.Subject, Claims: told.Claims, Confirmed: signIn.Confirmed,
		}, f.Now())
		signIn.Identity = &told
	case signIn.Confirmed:
		signIn.Confirmation = identity.SealConfirmation(f.Ring, request, f.Now())
	}
}

// TellSignIn tells the helpdesk what the exchange with a provider gave. nil means that the helpdesk has it. Each request
// has one such event, however often it is told.
func (f *Flow) TellSignIn(ctx context.Context, business message.BusinessID, customer message.CustomerID, signIn message.SignIn) *message.Failure {
	desk := f.deskOf(ctx, business, customer)
	if desk == nil {
		return &message.Failure{Class: message.Permanent, Code: message.CodeUnknownBusiness, Reason: "no helpdesk is configured for this business"}
	}
	device, _ := f.Memory.devices.Get(conversation(business, customer))
	// A second person, or another cause, is another event: whoever drops repeats must see that there were two.
	about := []string{signIn.RequestID, string(signIn.Status), signIn.Error}
	if signIn.Identity != nil {
		about = append(about, signIn.Identity.Subject)
	}
	event := f.aftermath(message.EventSignIn, message.Outbound{BusinessID: business, CustomerID: customer}, device, message.DeriveID(about...))
	event.Data.SignIn = &signIn
	f.prove(desk, &event)
	return f.report(ctx, desk, event)
}

func (f *Flow) countSignIn(event message.Event) {
	if signIn := event.Data.SignIn; signIn != nil {
		f.Metrics.SignIns.WithLabelValues(signIn.Provider, string(signIn.Status)).Inc()
	}
}
