package connectortest

import (
	"testing"

	"go.uber.org/goleak"
)

// law is one clause of the contract.
type law struct {
	name  string
	check func(t testing.TB, r *rig)
}

// laws is the contract, in the order in which somebody who writes a connector wants to hear of it.
var laws = []law{
	{"the factory is complete and claims what it implements", claims},
	{"the settings' schema accepts the example and nothing else", settings},
	{"a message is in the helpdesk when it is acknowledged", acknowledged},
	{"every status of the helpdesk has its class", func(t testing.TB, r *rig) { statusTable(t, r) }},
	{"a refusal for good is reported and not tried again", refusals},
	{"a lost answer is uncertain, and repeated only where that cannot double", lostAnswers},
	{"a helpdesk that hangs does not outlast the deadline", deadlines},
	{"under random failures nothing is lost, doubled, reordered or acknowledged early", chaos},
	{"a shutdown in the middle loses nothing", shutdown},
	{"typing is never tried twice and never blocks a message", typing},
	{"the customer's leaving is told", closing},
	{"an answer to an interactive message is delivered like a message", answers},
	{"a note is for agents alone", notes},
	{"a kept choice comes back byte for byte", choices},
	{"webhooks are taken only when they are genuine", webhooks},
	{"what an agent sends reaches Apple once and in order", replies},
	{"a message that fails is shown where answers are not read", failures},
	{"errors hold no secret", secrets},
}

// Run checks the whole contract.
func Run(t *testing.T, subject Subject) {
	for _, law := range laws {
		t.Run(law.name, func(t *testing.T) { law.run(t, subject) })
	}
}

// run checks one law with a fresh fake. Whatever the law, nothing may be left running, and the log may not hold what was
// said, to whom, or a secret.
func (l law) run(t testing.TB, subject Subject) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	defer func() {
		if err := goleak.Find(before); err != nil && !t.Failed() {
			t.Errorf("the connector leaves goroutines behind: %v", err)
		}
	}()
	r := start(t, subject)
	defer r.stop()
	l.check(t, r)
}
