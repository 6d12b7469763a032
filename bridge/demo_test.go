package bridge

import (
	"context"
	"log/slog"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// newDemo runs the demo as the command does: the real bridge between the simulated gateway and the desk.
func newDemo(t *testing.T) *Demo {
	t.Helper()
	return newTappedDemo(t, &wiretap{})
}

func newTappedDemo(t *testing.T, tap *wiretap) *Demo {
	t.Helper()
	return startDemo(t, tap, slog.NewTextHandler(t.Output(), nil))
}

func startDemo(t *testing.T, tap *wiretap, log slog.Handler) *Demo {
	t.Helper()
	return startDemoWith(t, ownDesk, tap, log)
}

func startDemoWith(t *testing.T, desk string, tap *wiretap, log slog.Handler) *Demo {
	t.Helper()
	demo, err := newDemoWatched(DemoOptions{Listen: "127.0.0.1:0", Desk: desk, Logger: slog.New(log), Version: "test"}, tap.listen)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	finished := make(chan error, 1)
	go func() { finished <- demo.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-finished; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return demo
}

// TestDemo is a visit, from the first letter to the last resend.
func TestDemo(t *testing.T) {
	demo := newDemo(t)
	b := openBrowser(t, demo.URL(), 1440, 900)
	b.shows("phone-thread", "", "Start here")
	b.shot("0-empty")

	b.typeInto("phone-input", "H")
	b.shows("desk-typing", "", "")
	b.typeInto("phone-input", kb.Backspace)
	b.gone("desk-typing", "")
	b.typeInto("phone-input", "Hello, is my order ready?"+kb.Enter)
	b.shows("phone-bubble", `[data-from="customer"][data-status="delivered"]`, "is my order ready?")
	b.shows("phone-status", "", "Delivered")
	b.shows("desk-entry", `[data-kind="customer"]`, "is my order ready?")
	b.shows("fact-locale", "", "en_US")

	b.typeInto("desk-input", "Let me look")
	b.shows("phone-typing", "", "")
	b.shot("1-typing")
	b.typeInto("desk-input", kb.Enter)
	b.shows("phone-bubble", `[data-from="business"]`, "Let me look")
	b.gone("phone-typing", "")
	b.shows("desk-entry", `[data-kind="agent"][data-status="accepted"]`, "Let me look")

	b.run(chromedp.SetValue(byTest("desk-sender"), "bot"))
	b.typeInto("desk-input", "It is on its way."+kb.Enter)
	b.shows("phone-automated", "", "Automated")
	b.script(`[...document.querySelectorAll('[data-testid="phone-react"]')].at(-1).click()`)
	b.script(`[...document.querySelectorAll('[data-testid="phone-react-liked"]')].at(-1).click()`)
	b.shows("phone-reaction", `[data-status="delivered"]`, "👍")
	b.shows("desk-entry", `[data-kind="reaction"]`, "It is on its way.")

	b.click("fault-desk_down")
	b.shows("fault-desk_down", `[aria-pressed="true"]`, "")
	b.typeInto("phone-input", "Thank you! <b>Great</b>"+kb.Enter)
	b.shows("phone-resend", "", "Not Delivered")
	b.shows("hop", `[data-hop="bridge-desk"][data-status="503"]`, "")
	b.script(`document.querySelector('[data-testid="hop"][data-hop="phone-bridge"] summary').click()`)
	b.shows("hop-claims", "", demoMSPID)
	b.shot("2-fault")
	b.click("fault-desk_down")
	b.shows("fault-desk_down", `[aria-pressed="false"]`, "")
	b.click("phone-resend")
	b.shows("phone-bubble", `[data-status="delivered"]`, "<b>Great</b>")
	b.shows("desk-entry", `[data-kind="customer"]`, "<b>Great</b>")

	b.click("phone-delete")
	b.click("delete-confirm")
	b.shows("desk-closed", "", "deleted")
	b.shows("phone-thread", "", "Conversation deleted")
	b.gone("desk-input", "")
	b.shot("3-closed")
	b.noFaults()
}

// TestDemoFromAnEntryLink starts a second customer from a link.
func TestDemoFromAnEntryLink(t *testing.T) {
	demo := newDemo(t)
	b := openBrowser(t, demo.URL(), 1440, 900, dark)
	b.click("phone-new-customer")
	b.typeInto("customer-label", "Mia")
	b.shot("0-customer")
	b.click("customer-create")
	b.waitFor(`location.search === "?customer=c2"`)
	b.click("phone-link")
	b.typeInto("link-intent", "billing")
	b.typeInto("link-group", "invoices")
	b.typeInto("link-body", "Hello & good morning")
	b.waitFor(`document.querySelector('[data-testid="link-url"]').value.endsWith("biz-intent-id=billing&biz-group-id=invoices&body=Hello%20%26%20good%20morning")`)
	b.shot("1-link")
	b.click("link-open")
	b.shows("phone-launch", "", "billing")
	b.typeInto("phone-input", "!"+kb.Enter)
	b.shows("desk-entry", `[data-kind="customer"]`, "Hello & good morning!")
	b.shows("fact-intent", "", "billing")
	b.shows("fact-group", "", "invoices")
	b.click("phone-signed-out")
	b.shows("phone-signed-out", `[aria-pressed="true"]`, "Sign in")
	b.typeInto("desk-input", "Hello?"+kb.Enter)
	b.shows("desk-entry", `[data-status="failed"][data-code="unreachable"]`, "Hello?")
	b.shot("2-unreachable")
	b.noFaults()
}

// TestDemoOnAPhone walks the three tabs of a phone-sized window.
func TestDemoOnAPhone(t *testing.T) {
	demo := newDemo(t)
	b := openBrowser(t, demo.URL(), 390, 844)
	b.typeInto("phone-input", "Hello from a small screen"+kb.Enter)
	b.shows("phone-status", "", "Delivered")
	b.gone("desk-panel", "")
	b.click("tab-desk")
	b.shows("desk-entry", "", "small screen")
	b.typeInto("desk-input", "Welcome"+kb.Enter)
	b.shows("desk-entry", `[data-status="accepted"]`, "Welcome")
	b.shot("0-desk")
	b.click("tab-traffic")
	b.shows("hop", `[data-hop="bridge-gateway"][data-status="200"]`, "")
	b.shot("1-traffic")
	b.click("tab-phone")
	b.shows("phone-bubble", `[data-from="business"]`, "Welcome")
	b.shot("2-phone")
	b.waitFor(`document.documentElement.scrollWidth <= 390`)
	b.noFaults()
}
