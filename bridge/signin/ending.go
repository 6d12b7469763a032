package signin

import "bizbridge/bridge/message"

// ending is how a visit of the browser can end: what the person reads, what Messages hears and what the helpdesk is told.
type ending struct {
	status message.SignInStatus
	code   string // for Messages; "": success
	title  string
	text   string
	next   string // what the person can do
	agent  string // how the words for the helpdesk begin
}

const (
	tapAgain = "Go back to the conversation and tap the sign-in message again."
	askAgain = "Go back to the conversation and ask for a new link."
	tellThem = "Go back to the conversation and tell the business that signing in does not work."
)

// All texts for people are here.
var (
	endSucceeded = ending{
		status: message.SignInSucceeded, title: "You are signed in",
		text: "The business now knows who you are.", next: "You can close this page and go back to the conversation.",
	}
	endRepeated = ending{
		status: message.SignInSucceeded, title: "You have already signed in",
		text: "This page was opened a second time. Nothing more needs to be done.", next: "You can close this page and go back to the conversation.",
	}
	endCanceled = ending{
		status: message.SignInCanceled, code: "access_denied", title: "You did not sign in",
		text: "The sign-in was canceled, and nothing was shared with the business.", next: "To try again: " + tapAgain,
		agent: "The customer canceled the sign-in, or the provider denied it",
	}
	endLeft = ending{
		status: message.SignInCanceled, code: "closed", title: "You did not sign in",
		text: "The page was closed before the sign-in was done.", next: "To try again: " + tapAgain,
		agent: "The customer closed the page before the sign-in was done",
	}

	// Of these nobody is told but who reads the page: the state says nothing that can be believed.
	endInvalid = ending{
		status: message.SignInFailed, code: "invalid_state", title: "This link does not work",
		text: "It is incomplete, altered, or not a sign-in link of this business.", next: askAgain,
	}
	endExpired = ending{
		status: message.SignInFailed, code: "expired", title: "This link has expired",
		text: "Sign-in links work only for a short time.", next: askAgain,
	}
	endUsed = ending{
		status: message.SignInFailed, code: "already_used", title: "This link was used already",
		text: "Somebody has signed in with it, and it works only once. If that was you, nothing more needs to be done.", next: "If it was not you: " + askAgain,
	}
	endTooOften = ending{
		status: message.SignInFailed, code: "too_often", title: "Too many attempts",
		text: "This link was tried too often without a sign-in.", next: askAgain,
	}

	endNoCode = ending{
		status: message.SignInFailed, code: "no_code", title: "Signing in did not work",
		text: "The sign-in service sent you back without an answer.", next: tapAgain,
		agent: "The provider sent the customer back without a code",
	}
	endRefused = ending{
		status: message.SignInFailed, code: "provider_error", title: "Signing in did not work",
		text: "The sign-in service refused the request.", next: tapAgain + " If it fails again, tell the business.",
		agent: "The provider refused the sign-in",
	}
	endSpent = ending{
		status: message.SignInFailed, code: "invalid_grant", title: "This sign-in cannot be used any more",
		text: "It was used before, or it took too long. If you are signed in already, nothing more needs to be done.", next: "If not: " + tapAgain,
		agent: "The provider did not take the code: it was used before, is too old, or is of another client or redirect URL",
	}
	endUnavailable = ending{
		status: message.SignInFailed, code: "unavailable", title: "The sign-in service does not answer",
		text: "It may be back soon.", next: "Wait a minute. " + tapAgain,
		agent: "The provider is not available",
	}
	endUnverified = ending{
		status: message.SignInFailed, code: "unverified", title: "Signing in did not work",
		text: "What the sign-in service said could not be verified, so nobody was signed in.", next: tapAgain + " If it fails again, tell the business.",
		agent: "What the provider said cannot be trusted",
	}
	endMixedUp = ending{
		status: message.SignInFailed, code: "wrong_issuer", title: "Signing in did not work",
		text: "The answer did not come from the sign-in service that was asked, so nobody was signed in.", next: askAgain,
		agent: "The answer came from another provider than the one that was asked",
	}
	endMisconfigured = ending{
		status: message.SignInFailed, code: "not_configured", title: "Signing in does not work here yet",
		text: "It is not set up correctly. This is not your mistake.", next: tellThem,
		agent: "Sign-in is not set up correctly",
	}
	endUndelivered = ending{
		status: message.SignInFailed, code: "not_delivered", title: "The business did not hear that you signed in",
		text: "You did sign in, but the message about it could not be delivered.", next: "Wait a minute. " + tapAgain,
	}
)

// endings lists them all.
var endings = []*ending{
	&endSucceeded, &endRepeated, &endCanceled, &endLeft, &endInvalid, &endExpired, &endUsed, &endTooOften, &endNoCode, &endRefused,
	&endSpent, &endUnavailable, &endUnverified, &endMixedUp, &endMisconfigured, &endUndelivered,
}

// fault is why a sign-in did not succeed. Its detail is for agents and operators, and is made of fixed words, names of
// settings, numbers and the error codes of the standards: nothing that a provider or a browser wrote, and no secret.
type fault struct {
	end    *ending
	detail string
}

func (f *fault) Error() string {
	if f.detail == "" {
		return f.end.agent + "."
	}
	return f.end.agent + ": " + f.detail + "."
}

func (e *ending) because(detail string) *fault { return &fault{e, detail} }
