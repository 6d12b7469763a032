package bridge

import (
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// TestDemoPays goes through the sheet as customers do: with another address and another way to ship, after a card that is
// declined, without paying, and on a device that cannot pay.
func TestDemoPays(t *testing.T) {
	demo := newDemo(t)
	b := openBrowser(t, demo.URL(), 1440, 900)
	b.typeInto("phone-input", "I take the lamp"+kb.Enter)
	b.shows("desk-entry", `[data-kind="customer"]`, "I take the lamp")

	b.sendSample("payment")
	b.openNewest("payment")
	b.shows("pay-line", `[data-label="Ground"]`, "")
	b.choosePay("contact", "ben")
	b.choosePay("method", "express")
	b.waitFor(`document.querySelector('[data-testid="phone-sheet"]').dataset.busy === ""`)
	b.picture("payment")
	b.press("pay-authorize", "")
	b.shows("pay-result", `[data-result="success"]`, "")
	b.shot("pay_done")
	b.press("pay-done", "")
	b.shows("desk-payment", `[data-status="completed"][data-currency="USD"]`, "Paid")
	b.shot("pay_at_the_desk")

	b.sendSample("payment")
	b.press("fault-till_declines", "")
	b.openNewest("payment")
	b.press("pay-authorize", "")
	b.shows("sheet-error", "", "")
	b.shot("pay_declined")
	b.press("fault-till_declines", "")
	b.press("pay-authorize", "") // another try
	b.shows("pay-result", `[data-result="success"]`, "")
	b.press("pay-done", "")

	b.sendSample("payment")
	b.openNewest("payment")
	b.shows("pay-total", "", "")
	b.press("sheet-cancel", "")
	b.shows("desk-payment", `[data-status="canceled"]`, "")

	b.press("phone-apple-pay", "")
	b.sendSample("payment")
	b.openNewest("payment")
	b.shows("pay-page", "", "cannot use Apple Pay")
	b.shot("pay_fallback")
	b.noFaults()
}

// choosePay opens one of the lists of the payment sheet and chooses from it.
func (b *browser) choosePay(what, id string) {
	b.Helper()
	b.script(`document.querySelector('[data-testid="pay-` + what + `s"]').open = true`)
	b.press("pay-"+what, `[data-id="`+id+`"]`)
	b.waitFor(`document.querySelector('[data-testid="pay-` + what + `"][data-id="` + id + `"][aria-checked="true"]')`) // the list closes
}
