package stripe

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/bridge/payment"
	"bizbridge/bridge/payment/stripe/stripetest"
)

// attempt is one authorisation and what came of it.
type attempt struct {
	ask     payment.Authorization
	card    string
	paid    bool // when it began, the request was
	charge  payment.Charge
	failure *message.Failure
}

// A thousand authorisations of forty requests, repeated and in any order, by three bridges, while Stripe fails at random: no
// request is charged twice, and what is said is true. In the second run the first call never fails for good, so that every
// attempt gets to know the PaymentIntent: nobody says then that nothing was taken when something had been.
func TestNobodyPaysTwice(t *testing.T) {
	for name, spared := range map[string]string{"everything fails": "", "the first call does not": stripetest.Create} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkThousand(t, spared)
		})
	}
}

var (
	anyCall  = []stripetest.Fault{stripetest.ResetBefore, stripetest.ResetAfter, stripetest.Unavailable, stripetest.RateLimited, stripetest.Malformed, stripetest.Page}
	aConfirm = append([]stripetest.Fault{
		stripetest.ErrorBefore, stripetest.ErrorAfter, stripetest.LockTimeout, stripetest.InUse, stripetest.Hang, stripetest.Unauthorized,
	}, anyCall...)
)

func checkThousand(t *testing.T, spared string) {
	server := stripetest.New()
	defer server.Close()
	calm := false
	server.Latency = func() time.Duration { return rand.N(15 * time.Millisecond) }
	server.Plan = func(operation string) stripetest.Fault {
		if calm || operation == spared || rand.N(100) >= 30 {
			return stripetest.None
		}
		if operation == stripetest.Confirm {
			return aConfirm[rand.N(len(aConfirm))]
		}
		return anyCall[rand.N(len(anyCall))]
	}
	bridges := []*Provider{newProvider(t, server.URL, ""), newProvider(t, server.URL, ""), newProvider(t, server.URL, "")}
	attempts := thousand()
	run(t, server, bridges, attempts)
	checkTruth(t, server, attempts, spared != "")

	calm = true
	charged := len(server.Charges())
	for _, a := range attempts { // whoever is asked again says the same
		charge, err := bridges[0].Authorize(t.Context(), a.ask)
		taken := chargeOf(server, a.ask.ID)
		switch {
		case taken != nil && (err != nil || charge.Status != payment.Authorized || charge.Ref != taken.Intent):
			t.Errorf("%s is paid, and later it is %v, %v", a.ask.ID, charge, err)
		case err == nil && charge.Status == payment.Declined && taken != nil:
			t.Errorf("%s is declined and paid", a.ask.ID)
		}
	}
	t.Logf("%d of %d requests were paid, %d after the trouble; %d calls", charged, 40, len(server.Charges())-charged, len(server.Calls("")))
}

// thousand are five consents to each of forty requests, five times each, in any order. Of most requests, two of the five
// cards are good.
func thousand() []*attempt {
	var all []*attempt
	for n := range 40 {
		for consent, card := range []string{"declined:insufficient_funds", stripetest.CardGood, "requires_action", stripetest.CardGood, "declined:do_not_honor"} {
			if n%5 == 0 && card == stripetest.CardGood {
				card = "declined:expired_card" // nobody pays these
			}
			a := ask(fmt.Sprintf("T%d-%d", n, consent), card)
			a.ID = fmt.Sprintf("%08d-2222-4333-8444-555555555555", n)
			for range 5 {
				all = append(all, &attempt{ask: a, card: card})
			}
		}
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

func run(t *testing.T, server *stripetest.Server, bridges []*Provider, attempts []*attempt) {
	next := make(chan *attempt)
	var workers sync.WaitGroup
	for n := range 48 {
		workers.Go(func() {
			for a := range next {
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				a.paid = chargeOf(server, a.ask.ID) != nil
				charge, err := bridges[n%len(bridges)].Authorize(ctx, a.ask)
				cancel()
				if a.charge = charge; err != nil {
					a.failure = message.FailureOf(err)
				}
			}
		})
	}
	for _, a := range attempts {
		next <- a
	}
	close(next)
	workers.Wait()
}

func chargeOf(server *stripetest.Server, request string) *stripetest.Charge {
	for _, charge := range server.Charges() {
		if charge.Request == request {
			return &charge
		}
	}
	return nil
}

func checkTruth(t *testing.T, server *stripetest.Server, attempts []*attempt, strict bool) {
	t.Helper()
	seen := map[string]bool{}
	for _, charge := range server.Charges() {
		if seen[charge.Request] {
			t.Errorf("%s is charged twice", charge.Request)
		}
		seen[charge.Request] = true
	}
	outcomes := map[string]int{}
	for _, a := range attempts {
		taken := chargeOf(server, a.ask.ID)
		outcome := string(a.charge.Status)
		if a.failure != nil {
			outcome = a.failure.Class.String()
		}
		outcomes[outcome]++
		switch outcome {
		case "authorized":
			if taken == nil || a.charge.Ref != taken.Intent || int64(a.charge.Amount) != taken.Amount {
				t.Errorf("%s is said to be paid: %v, Stripe has %v", a.ask.ID, a.charge, taken)
			}
		case "declined":
			if a.paid || taken != nil && taken.Transaction == a.ask.TransactionID || a.card == stripetest.CardGood {
				t.Errorf("%s %s (%s) is said to be declined: %q", a.ask.ID, a.ask.TransactionID, a.card, a.charge.Reason)
			}
		case "uncertain":
		default:
			if strict && a.paid {
				t.Errorf("%s was paid, and it is said that nothing was taken: %v", a.ask.ID, a.failure)
			}
			if known := []string{"transient", "throttled", "auth"}; !slices.Contains(known, outcome) {
				t.Errorf("%s: %v %v", a.ask.ID, a.charge, a.failure)
			}
		}
	}
	t.Log(outcomes)
}
