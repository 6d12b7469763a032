package stripe

import (
	"strings"
	"testing"

	"bizbridge/bridge/message"
	"bizbridge/bridge/payment/stripe/stripetest"
)

// Nothing that is secret, and nothing that Stripe or the customer put into words, is in what the bridge is told: whatever goes
// wrong, wherever. authorize itself looks for it.
func TestNothingLeaks(t *testing.T) {
	cards := []string{stripetest.CardGood, stripetest.CardDeclined + secret, stripetest.CardAction, stripetest.CardRefused, stripetest.CardDead, stripetest.CardInvalid}
	faults := []stripetest.Fault{
		stripetest.ResetBefore, stripetest.ResetAfter, stripetest.ErrorBefore, stripetest.ErrorAfter, stripetest.Unavailable, stripetest.RateLimited,
		stripetest.LockTimeout, stripetest.InUse, stripetest.Unauthorized, stripetest.Malformed, stripetest.Page,
	}
	for _, fault := range faults {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			for _, card := range cards {
				r := newRig(t)
				r.plan(stripetest.Confirm, fault)
				_, _ = r.authorize(ask("T1", card))
				r.plan(stripetest.Search, fault)
				_, _ = r.authorize(ask("T2", card))
				r.stripe.Index()
				_, _ = r.find()
			}
		})
	}
}

// The words for agents are written here, all of them: none repeats what Stripe said.
func TestWordsAreFixed(t *testing.T) {
	for _, f := range []fault{{}, {Code: secret}, {DeclineCode: secret}, {Code: secret, DeclineCode: secret}, {Code: "card_declined"}} {
		if f.words() != wordsDeclined {
			t.Errorf("%v: %q", f, f.words())
		}
	}
	for _, code := range []string{"lost_card", "stolen_card", "fraudulent", "merchant_blacklist", "pickup_card", "restricted_card"} {
		if _, told := declineWords[code]; told {
			t.Errorf("%s is told", code)
		}
	}
	for code, words := range declineWords {
		if (fault{DeclineCode: code}).words() != words || strings.ContainsAny(words, "0123456789{}\"") {
			t.Errorf("%s: %q", code, words)
		}
	}
	for code := range codeWords {
		if (fault{Code: code}).words() == wordsDeclined {
			t.Errorf("%s has no words", code)
		}
	}
}

func TestFailuresNeverHaveTheirOwnWords(t *testing.T) {
	r := scripted(t, &script{confirmStatus: 400, confirm: errorJSON(typeInvalid, secret), getStatus: 500, get: secret})
	_, failure := r.authorize(ask("T1", stripetest.CardGood))
	if failure == nil || failure.Class != message.Permanent {
		t.Errorf("%v", failure)
	}
}
