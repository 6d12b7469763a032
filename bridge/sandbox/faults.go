package sandbox

import (
	"errors"
	"slices"
	"time"
)

// The faults that can be switched on.
const (
	faultDeskDown   = "desk_down"   // the desk answers 503
	faultDeskSlow   = "desk_slow"   // the desk takes its time, then takes the event
	faultDeskRefuse = "desk_refuse" // the desk answers 400
	faultAppleDown  = "apple_down"  // the gateway answers 503 with Retry-After
	faultAppleSlow  = "apple_slow"  // the gateway takes its time, then takes the message
	faultAppleDrop  = "apple_drop"  // the gateway takes the message and resets the connection
	faultDuplicate  = "duplicate"   // the phone's messages are posted twice, with one id

	faultDecodeForbidden = "decode_forbidden" // decodePayload answers 403
	faultDecodeFlat      = "decode_flat"      // decodePayload answers without the wrapping interactiveData
	faultMMCSGarbage     = "mmcs_garbage"     // downloads are noise of the right size
	faultMMCSSlow        = "mmcs_slow"        // uploads and downloads begin late
	faultMMCSCut         = "mmcs_cut"         // downloads break off in the middle
	faultSizeLie         = "size_lie"         // the phone announces another size than its files have
	faultBadKey          = "bad_key"          // the phone cannot use the key of an old sign-in
	faultNoToken         = "no_token"         // the provider's answer to a code lacks the tokens

	faultPayTwice     = "pay_twice"      // the phone posts a payment twice, at the same time
	faultPayReorder   = "pay_reorder"    // what the customer chose is told after they have paid
	faultPayUntold    = "pay_untold"     // the phone never tells what came of a payment
	faultTillDeclines = "till_declines"  // the payment provider declines
	faultTillLate     = "till_late"      // it takes its time, then answers
	faultTillRandom   = "till_random"    // it answers 503 now and then
	faultTillGarbage  = "till_malformed" // it answers what is no JSON
	faultTillAmount   = "till_amount"    // it says to have charged another amount
	faultTillPending  = "till_pending"   // it does not know yet
)

const (
	defaultDelay = 2 * time.Second
	maxDelay     = 30 * time.Second
)

// fault is one switch, with the number of requests that it has hit.
type fault struct {
	Name    string `json:"name"`
	On      bool   `json:"on"`
	DelayMS int64  `json:"delay_ms,omitempty"`
	Count   int    `json:"count"`
}

type faults []*fault

func newFaults() faults {
	names := []string{
		faultDeskDown, faultDeskSlow, faultDeskRefuse, faultAppleDown, faultAppleSlow, faultAppleDrop,
		faultDecodeForbidden, faultDecodeFlat, faultMMCSGarbage, faultMMCSSlow, faultMMCSCut, faultDuplicate, faultSizeLie,
		faultBadKey, faultPayTwice, faultPayReorder, faultPayUntold, faultNoToken,
		faultTillDeclines, faultTillLate, faultTillRandom, faultTillGarbage, faultTillAmount, faultTillPending,
	}
	list := make(faults, len(names))
	for i, name := range names {
		list[i] = &fault{Name: name}
		switch name {
		case faultDeskSlow, faultAppleSlow, faultMMCSSlow, faultTillLate:
			list[i].DelayMS = defaultDelay.Milliseconds()
		}
	}
	return list
}

func (f faults) find(name string) *fault {
	i := slices.IndexFunc(f, func(x *fault) bool { return x.Name == name })
	if i < 0 {
		return nil
	}
	return f[i]
}

// setFault switches a fault. A delay of zero leaves the delay as it is.
func (s *Sandbox) setFault(name string, on bool, delay time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.faults.find(name)
	if f == nil {
		return notFound("no such fault")
	}
	if delay != 0 {
		if f.DelayMS == 0 || delay < 0 || delay > maxDelay {
			return errors.New("delay_ms is out of range, or this fault has no delay")
		}
		f.DelayMS = delay.Milliseconds()
	}
	f.On = on
	s.publish("faults", s.faults)
	return nil
}

// hit answers whether a fault is on, counts it if so, and gives its delay.
func (s *Sandbox) hit(name string) (time.Duration, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.struck(name)
}

// struck is hit for who holds s.mu.
func (s *Sandbox) struck(name string) (time.Duration, bool) {
	f := s.faults.find(name)
	if !f.On {
		return 0, false
	}
	f.Count++
	s.publish("faults", s.faults)
	return time.Duration(f.DelayMS) * time.Millisecond, true
}
