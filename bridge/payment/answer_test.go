package payment

import (
	"context"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"bizbridge/bridge/message"
)

// All that a replica may remember, that a provider may say, and that a phone may say, put together.
func TestTheEndOfASheetIsTheProvidersWord(t *testing.T) {
	t.Parallel()
	const none = message.PaymentStatus("none")
	type found struct {
		charge *Charge
		err    error
	}
	finds := map[string]*found{
		"cannot be asked": nil, "fails": {nil, message.Failuref(message.Transient, "cannot be reached")}, "knows of none": {nil, nil},
		"authorized":     {&Charge{Status: Authorized, Amount: 1000, Currency: "USD", Ref: "ch_9"}, nil},
		"another amount": {&Charge{Status: Authorized, Amount: 1234, Currency: "USD", Ref: "ch_9"}, nil},
		"declined":       {&Charge{Status: Declined}, nil}, "pending": {&Charge{Status: Pending, Amount: 1234, Currency: "USD"}, nil},
		"no amount": {&Charge{Status: Authorized, Currency: "USD"}, nil}, "negative": {&Charge{Status: Authorized, Amount: -5, Currency: "USD"}, nil},
		"no currency": {&Charge{Status: Authorized, Amount: 5}, nil}, "no status": {&Charge{Amount: 5, Currency: "USD"}, nil},
	}
	const (
		completed, authorized = message.PaymentCompleted, message.PaymentAuthorized
		failed, canceled      = message.PaymentFailed, message.PaymentCanceled
		uncertain             = message.PaymentUncertain
	)
	n := 0
	for _, memory := range []message.PaymentStatus{none, authorized, failed, uncertain} {
		for name, find := range finds {
			for _, device := range []message.PaymentStatus{"", completed, failed, canceled} {
				n++
				var provider Provider = charges
				if find != nil {
					provider = finding{charges, func(_ context.Context, asked Request) (*Charge, error) {
						if asked != (Request{ID: requestID, Business: business, Customer: customer}) {
							t.Errorf("asked for %+v", asked)
						}
						return find.charge, find.err
					}}
				}
				r := newRig(t, provider)
				if memory != none {
					known := message.Payment{Status: memory, TransactionID: "t", Summary: "Paid 10.00 USD."}
					if memory == authorized {
						known.Amount, known.Currency = "10.00", "USD"
					}
					remember(r.Memory, known)
				}
				got := r.Answer(t.Context(), business, customer, requestID, device)

				said := name
				if memory == authorized || memory == none && name == "another amount" {
					said = "authorized" // it need not be asked, or nobody can compare
				}
				denied, answered := device == failed || device == canceled, find != nil && name != "fails"
				left := map[bool]message.PaymentStatus{true: canceled, false: failed}[device == canceled]
				want := uncertain // where nobody who can know has said anything
				switch {
				case said == "authorized":
					if want = completed; denied {
						want = authorized
					}
				case answered && name == "declined" && device != completed:
					want = left
				case answered && name != "knows of none": // contradictory, or open
				case memory == failed && device != completed:
					want = left
				case memory == none && answered && device == canceled: // the sheet was only looked at
					want = canceled
				}
				id := string(memory) + ", " + name + ", " + string(device)
				if got.Status != want || got.RequestID != requestID || got.Summary == "" {
					t.Errorf("%s: %+v, want %s", id, got, want)
				}
				if (got.Amount != "") != (said == "authorized") || memory == authorized && got.Amount != "10.00" {
					t.Errorf("%s: the amount of %+v", id, got)
				}
				if got.Status == completed && said != "authorized" {
					t.Errorf("%s: completed without the provider's word", id)
				}
				if (memory == authorized || memory == uncertain && want == uncertain && find == nil) && got.TransactionID != "t" {
					t.Errorf("%s: the transaction of %+v", id, got)
				}
				if got.Status == uncertain && !strings.Contains(got.Summary, "Look it up") {
					t.Errorf("%s: the agent is told nothing to do: %s", id, got.Summary)
				}
			}
		}
	}
	if n != 4*len(finds)*4 {
		t.Errorf("%d combinations", n)
	}
}

// Of what is none of the bridge's the provider is not asked.
func TestOnlyRequestsOfABusinessAreLookedUp(t *testing.T) {
	t.Parallel()
	r := newRig(t, finding{charges, func(context.Context, Request) (*Charge, error) {
		t.Error("the provider was asked")
		return nil, nil
	}})
	for _, id := range [][2]string{{string(business), ""}, {"another", requestID}} {
		got := r.Answer(t.Context(), message.BusinessID(id[0]), customer, id[1], message.PaymentCompleted)
		if got == nil {
			if id[0] == string(business) {
				t.Error("no answer")
			}
			continue
		}
		if got.Status != message.PaymentUncertain {
			t.Errorf("%v: %+v", id, got)
		}
	}
}

// remember puts a word of the provider's into a memory.
func remember(memory *Memory, payment message.Payment) {
	known := memory.enter(context.Background(), asked().Request)
	defer known.leave()
	known.learn(asked().Request, payment)
}

// Whatever comes in whatever order: money that was taken stays taken, and what is open of one consent stays open until it is
// known of that one.
func TestMemoryForgetsNoMoney(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		memory, paid, open := NewMemory(), false, ""
		for i := range rapid.IntRange(1, 20).Draw(t, "steps") {
			step := message.Payment{
				Status:        rapid.SampledFrom([]message.PaymentStatus{message.PaymentAuthorized, message.PaymentFailed, message.PaymentUncertain}).Draw(t, "status"),
				TransactionID: strconv.Itoa(rapid.IntRange(0, 2).Draw(t, "transaction")), Summary: strconv.Itoa(i),
			}
			remember(memory, step)
			switch paid = paid || step.Status == message.PaymentAuthorized; {
			case step.Status == message.PaymentUncertain && open == "":
				open = step.TransactionID
			case step.Status == message.PaymentFailed && open == step.TransactionID:
				open = ""
			}
			known := memory.enter(context.Background(), asked().Request)
			if got := known.payment.Status; !known.heard || paid != (got == message.PaymentAuthorized) || !paid && (open != "") != (got == message.PaymentUncertain) {
				t.Fatalf("after %+v it knows %+v", step, known.payment)
			}
			known.leave()
		}
	})
}

// Two consents to a request go to the provider one after the other; who cannot wait any longer is told so.
func TestARequestHasOneTurnAtATime(t *testing.T) {
	t.Parallel()
	memory, inside := NewMemory(), atomic.Int32{}
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			known := memory.enter(context.Background(), asked().Request)
			defer known.leave()
			if inside.Add(1) != 1 {
				t.Error("two at once")
			}
			runtime.Gosched()
			inside.Add(-1)
		})
	}
	group.Wait()
	held := memory.enter(context.Background(), asked().Request)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if memory.enter(ctx, asked().Request) != nil {
		t.Error("entered while another holds the turn")
	}
	held.leave()
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	memory := NewMemory()
	for i := range 3 * maxRemembered {
		memory.enter(context.Background(), Request{ID: strconv.Itoa(i)}).leave()
	}
	if n := memory.requests.Len(); n != maxRemembered {
		t.Errorf("%d", n)
	}
}
