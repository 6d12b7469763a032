package bridge

import (
	"bytes"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"bizbridge/bridge/picture"
)

// TestDemoShowsEveryKind sends every sample of the gallery through the real bridge and answers what can be answered, the
// way a customer does.
func TestDemoShowsEveryKind(t *testing.T) {
	demo := newDemo(t)
	b := openBrowser(t, demo.URL(), 1440, 900)
	b.typeInto("phone-input", "Hello"+kb.Enter)
	b.shows("desk-entry", `[data-kind="customer"]`, "Hello")

	b.sendSample("quick_reply")
	b.shows("phone-chip", `[data-index="2"]`, "Talk to an agent")
	b.picture("quick_reply")
	b.press("phone-chip", `[data-index="2"]`)
	b.shows("desk-reply", `[data-kind="quick_reply"]`, "Talk to an agent")
	b.gone("phone-chip", "")

	b.sendSample("list_picker_text")
	b.openNewest("list_picker")
	b.press("sheet-item", `[data-id="latte"]`)
	b.picture("list_picker_text")
	b.press("sheet-send", "")
	b.shows("desk-selection", `[data-id="latte"]`, "Latte")

	b.sendSample("list_picker_images") // its answer echoes the pictures: it comes by reference
	b.openNewest("list_picker")
	b.press("sheet-item", `[data-id="aurora"]`)
	b.press("sheet-item", `[data-id="lagoon"]`)
	b.press("sheet-item", `[data-id="store"]`)
	b.picture("list_picker_images")
	b.press("sheet-send", "")
	for _, id := range []string{"aurora", "lagoon", "store"} {
		b.shows("desk-selection", fmt.Sprintf(`[data-id=%q]`, id), "")
	}

	for _, sample := range []string{"time_picker_device", "time_picker_fixed"} {
		b.sendSample(sample)
		b.openNewest("time_picker")
		b.press("sheet-slot", `[data-id="slot-2"]`)
		b.picture(sample)
		b.press("sheet-send", "")
		b.shows("desk-selection", `[data-id="slot-2"]`, "")
	}

	b.sendSample("form")
	b.fillForm()
	b.shows("desk-reply", `[data-kind="form"]`, "name@example.com")
	b.shows("desk-selection", `[data-page="parts"][data-id="cable"]`, "The cable")

	for _, sample := range []string{"rich_link_image", "rich_link_video", "rich_link_app_clip"} {
		b.sendSample(sample)
		b.picture(sample)
	}
	b.shows("phone-rich-link", `[data-video="true"]`, "Aurora in 30 seconds")
	b.shows("phone-rich-link", `[data-clip="true"]`, "")
	b.sendSample("text_url")
	b.shows("phone-rich-link", `[data-url="https://www.example.com/manual"]`, "example.com")
	b.shows("phone-rich-link", `[data-url="https://www.example.com/lamps"]`, "")
	b.picture("text_url")

	b.sendSample("app")
	b.openNewest("app")
	b.script(`document.querySelector('[data-testid="sheet-url"]').value = "?event=42&seats=A1,A2"`)
	b.picture("app")
	b.press("sheet-send", "")
	b.shows("desk-reply", `[data-kind="app"]`, "seats=A1,A2")

	b.typeInto("desk-input", "/help"+kb.Enter)
	b.shows("desk-agent-note", "", "opening-hours")
	b.typeInto("desk-input", `/opening-hours store="Main Street"`+kb.Enter)
	b.shows("phone-interactive", "", "Main Street")
	b.typeInto("desk-input", "/no-such-template"+kb.Enter)
	b.shows("desk-entry", `[data-status="failed"]`, "no-such-template")
	b.noFaults()
}

// TestDemoFallsBackToWhatADeviceShows switches the customer's device.
func TestDemoFallsBackToWhatADeviceShows(t *testing.T) {
	demo := newDemo(t)
	b := openBrowser(t, demo.URL(), 1440, 900, dark)
	b.press("phone-device", `[data-device="mac"]`)
	b.typeInto("phone-input", "From my Mac"+kb.Enter)
	b.shows("desk-entry", `[data-kind="customer"]`, "From my Mac")
	b.sendSample("form")
	b.shows("desk-fallback", `[data-from="form"][data-to="text"][data-reason="device"]`, "")
	b.shows("phone-bubble-text", "", "1. What is it about?")
	b.shot("form_on_a_mac")

	b.press("phone-device", `[data-device="watch"]`)
	b.typeInto("phone-input", "And now from my watch"+kb.Enter)
	b.shows("desk-entry", `[data-kind="customer"]`, "from my watch")
	b.sendSample("time_picker_fixed")
	b.shows("phone-bubble-text", "", "America/Phoenix")
	b.sendSample("quick_reply")
	b.shows("phone-bubble-text", "", "3. Talk to an agent")
	b.shows("desk-agent-note", "", "3 = Talk to an agent (agent)")
	b.sendSample("app")
	b.shows("desk-fallback", `[data-from="app"][data-to="rich_link"]`, "")
	b.shot("on_a_watch")
	b.noFaults()
}

// TestDemoNamesWhatIsWrongWithAContent lets the editor send what the bridge refuses.
func TestDemoNamesWhatIsWrongWithAContent(t *testing.T) {
	demo := newDemo(t)
	b := openBrowser(t, demo.URL(), 1440, 900)
	b.typeInto("phone-input", "Hello"+kb.Enter)
	b.shows("desk-entry", `[data-kind="customer"]`, "Hello")
	b.click("desk-rich")
	b.press("gallery-item", `[data-name="quick_reply"]`)
	b.script(`const editor = document.querySelector('[data-testid="editor"]');
		editor.value = JSON.stringify({kind: "quick_reply", prompt: "x".repeat(201), options: [{id: "1", title: "One"}]}, null, 2);
		editor.dispatchEvent(new Event("input", {bubbles: true}))`)
	b.click("editor-send")
	b.shows("editor-error", `[data-pointer$="/prompt"]`, "200")
	b.shows("editor-error", `[data-pointer$="/options"]`, "")
	b.shot("errors")
	b.noFaults()
}

// sendSample sends a sample of the gallery and waits until Apple has it.
func (b *browser) sendSample(name string) {
	b.Helper()
	sent := `document.querySelectorAll('[data-testid="desk-entry"][data-kind="agent"][data-status="accepted"]').length`
	before, err := chromedp.Run(b.ctx, chromedp.Evaluate[int](sent))
	if err != nil {
		b.Fatal(err)
	}
	b.click("desk-rich")
	b.press("gallery-item", fmt.Sprintf(`[data-name=%q]`, name))
	b.waitFor(`document.querySelector('[data-testid="editor-status"]').dataset.state === "valid"`)
	b.click("editor-send")
	b.gone("gallery", "")
	b.waitFor(fmt.Sprintf(`%s > %d`, sent, before))
}

// openNewest opens the sheet of the newest message of a kind.
func (b *browser) openNewest(kind string) {
	b.Helper()
	bubbles := fmt.Sprintf(`[...document.querySelectorAll('[data-testid="phone-bubble"][data-from="business"] [data-testid="phone-interactive"][data-kind=%q] [data-testid="phone-interactive-open"], [data-testid="phone-bubble"][data-from="business"] [data-testid="phone-interactive-open"]')]`, kind)
	b.waitFor(bubbles + `.length > 0`)
	b.script(bubbles + `.at(-1).click()`)
	b.shows("phone-sheet", fmt.Sprintf(`[data-kind=%q]`, kind), "")
}

// press clicks the first element with the test id and the attributes.
func (b *browser) press(id, attributes string) {
	b.Helper()
	b.shows(id, attributes, "")
	b.script(fmt.Sprintf(`document.querySelector(%q).click()`, strings.ReplaceAll(string(byTest(id)), `"`, `'`)+strings.ReplaceAll(attributes, `"`, `'`)))
}

// fillForm goes through the form of the gallery.
func (b *browser) fillForm() {
	b.Helper()
	b.openNewest("form")
	b.shot("form_splash")
	b.press("form-start", "")
	b.press("form-item", `[data-id="repair"]`)
	b.shot("form_select")
	b.press("form-next", "")
	b.press("form-item", `[data-id="shade"]`)
	b.press("form-item", `[data-id="cable"]`)
	b.press("form-next", "")
	b.shows("form-page", `[data-page="age"]`, "")
	b.press("form-next", "")
	b.shows("form-page", `[data-page="day"]`, "")
	b.shot("form_date")
	b.press("form-next", "")
	b.shows("form-page", `[data-page="mail"]`, "")
	b.typeInto("form-value", "name@example.com")
	b.press("form-next", "")
	b.shows("form-page", `[data-page="words"]`, "")
	b.typeInto("form-value", "Thank you")
	b.press("form-next", "")
	b.shows("form-summary", "", "name@example.com")
	b.picture("form")
	b.press("form-submit", "")
}

// picture keeps a picture of the phone for the page of kinds, where -update asks for it, and a screenshot.
func (b *browser) picture(name string) {
	b.Helper()
	b.shot(name)
	onPage := slices.ContainsFunc(kindText, func(kind kindOnPage) bool { return kind.sample == name })
	if !*update || !onPage {
		return
	}
	time.Sleep(500 * time.Millisecond) // animations
	frame, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]float64](`(r => [r.x, r.y, r.right, r.bottom])(document.querySelector('[data-testid="phone-thread"]').closest('.frame').getBoundingClientRect())`))
	if err != nil {
		b.Fatal(err)
	}
	shot, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.Fatal(err)
	}
	page, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		b.Fatal(err)
	}
	phone := image.NewNRGBA(image.Rect(0, 0, int(frame[2]-frame[0]), int(frame[3]-frame[1])))
	draw.Draw(phone, phone.Bounds(), page, image.Pt(int(frame[0]), int(frame[1])), draw.Src)
	var out bytes.Buffer
	if err := png.Encode(&out, phone); err != nil {
		b.Fatal(err)
	}
	small, err := picture.PNG(b.ctx, out.Bytes(), 80_000)
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile("message/kinds/"+name+".png", small, 0o644); err != nil {
		b.Fatal(err)
	}
}

// TestDemoSignsIn goes through the new flow in the sheet, and through the old one on an old iPhone.
func TestDemoSignsIn(t *testing.T) {
	demo := newDemo(t)
	b := openBrowser(t, demo.URL(), 1440, 900)
	b.typeInto("phone-input", "Where is my order?"+kb.Enter)
	b.shows("desk-entry", `[data-kind="customer"]`, "Where is my order?")
	b.sendSample("signin")
	b.openNewest("auth")
	b.press("sheet-person", `[data-person="ada"]`)
	b.picture("signin")
	b.press("sheet-approve", "")
	b.shows("desk-signin", `[data-status="succeeded"][data-confirmed="true"]`, "Ada Lovelace")
	b.shows("fact-person", "", "Ada Lovelace")
	b.press("sheet-done", "")
	b.shot("signed_in")

	b.press("phone-device", `[data-device="old_iphone"]`)
	b.typeInto("phone-input", "From an older phone"+kb.Enter)
	b.shows("desk-entry", `[data-kind="customer"]`, "From an older phone")
	b.sendSample("signin")
	b.openNewest("auth")
	b.press("sheet-person", `[data-person="grace"]`)
	b.press("sheet-approve", "")
	b.shows("desk-signin", `[data-status="succeeded"][data-confirmed="true"]`, "Grace Hopper")
	b.noFaults()
}
