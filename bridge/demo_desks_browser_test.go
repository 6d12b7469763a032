package bridge

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestDemoWithOtherDesksInABrowser has the conversation as people have it: the customer on the phone, the agent on the
// helpdesk's own page in the frame.
func TestDemoWithOtherDesksInABrowser(t *testing.T) {
	for _, desk := range otherDesks {
		t.Run(desk.desk, func(t *testing.T) {
			demo := newDeskWorld(t, desk).demo
			b := openBrowser(t, demo.URL(), 1440, 900)
			b.shows("desk-title", "", desk.title)
			b.gone("desk-input", "")
			f := frameOf(b)
			f.shows("conversation")
			b.shot("0-empty")

			b.typeInto("phone-input", "Is my lamp <ready>?"+kb.Enter)
			b.shows("phone-status", "", "Delivered")
			f.shows("Is my lamp <ready>?")
			f.answers("Yes, it is & waits for you.")
			b.shows("phone-bubble", `[data-from="business"]`, "Yes, it is & waits for you.")
			f.shows("Yes, it is & waits for you.")
			b.shows("hop", `[data-hop="desk-bridge"][data-status="200"]`, "waits for you")
			b.shot("1-answered")

			b.typeInto("phone-input", "Like this one?")
			b.setFile("phone-file-input", "sandbox/demo.png")
			b.shows("phone-pending", `[data-state="ready"]`, "")
			b.typeInto("phone-input", kb.Enter)
			f.shows("demo.png")
			f.answers("Thank you!")
			b.shows("phone-bubble", `[data-from="business"]`, "Thank you!")
			b.shot("2-picture")

			b.click("phone-delete")
			b.click("delete-confirm")
			f.shows(customerLeft)
			b.shot("3-left")
			b.noFaults()
		})
	}
}

// TestDemoWithOtherDesksOnAPhone looks at a narrow window in the dark.
func TestDemoWithOtherDesksOnAPhone(t *testing.T) {
	for _, desk := range otherDesks {
		t.Run(desk.desk, func(t *testing.T) {
			demo := newDeskWorld(t, desk).demo
			b := openBrowser(t, demo.URL(), 390, 844, dark)
			b.typeInto("phone-input", "Hello from a small screen"+kb.Enter)
			b.shows("phone-status", "", "Delivered")
			b.shows("tab-desk", ".news", desk.title)
			b.click("tab-desk")
			f := frameOf(b)
			f.shows("Hello from a small screen")
			f.answers("Welcome")
			b.click("tab-phone")
			b.shows("phone-bubble", `[data-from="business"]`, "Welcome")
			b.click("tab-desk")
			b.shot("0-desk")
			b.waitFor(`document.documentElement.scrollWidth <= 390`)
			b.run(chromedp.EmulateViewport(1440, 900))
			b.shot("1-wide")
			b.noFaults()
		})
	}
}

// frame is the helpdesk's page within the demo's. It is of another origin: only the browser itself can look into it.
type frame struct{ b *browser }

func frameOf(b *browser) frame {
	b.Helper()
	b.waitFor(`document.querySelector('iframe[data-testid="helpdesk"]').checkVisibility()`)
	return frame{b}
}

// eval runs an expression in the page, as it is now: a page that is loaded again is another one.
func eval[T any](f frame, expression string) (T, error) {
	var none T
	tree, err := chromedp.Call(f.b.ctx, page.GetFrameTree, cdp.Empty{})
	if err != nil {
		return none, err
	}
	if len(tree.FrameTree.ChildFrames) != 1 {
		return none, fmt.Errorf("%d frames", len(tree.FrameTree.ChildFrames))
	}
	of := page.CreateIsolatedWorldParams{FrameID: tree.FrameTree.ChildFrames[0].Frame.ID}
	world, err := chromedp.Call(f.b.ctx, page.CreateIsolatedWorld, of)
	if err != nil {
		return none, err
	}
	return chromedp.Run(f.b.ctx, chromedp.Evaluate[T](expression, func(p *runtime.EvaluateParams) { p.ContextID = world.ExecutionContextID }))
}

// until waits until an expression is true on the page.
func (f frame) until(expression string) {
	f.b.Helper()
	var err error
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		var yes bool
		if yes, err = eval[bool](f, "Boolean("+expression+")"); err == nil && yes {
			return
		}
	}
	f.b.shot("failure")
	f.b.Fatalf("waited in vain for %s in the frame: %v", expression, err)
}

// shows waits until a text can be read, and scrolls to it as people do.
func (f frame) shows(text string) {
	f.b.Helper()
	want, _ := json.Marshal(text)
	f.until(`(() => {
		const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
		while (texts.nextNode()) {
			if (!texts.currentNode.data.includes(` + string(want) + `)) continue
			texts.currentNode.parentElement.scrollIntoView({ block: "nearest" })
			return texts.currentNode.parentElement.checkVisibility()
		}
	})()`)
}

// answers types into the newest conversation, with a real mouse and keyboard.
func (f frame) answers(text string) {
	f.b.Helper()
	const field = `document.querySelector('input[name="text"]')`
	f.until(`document.readyState === "complete" && ` + field)
	at, err := eval[[2]float64](f, `(() => {
		`+field+`.scrollIntoView({ block: "nearest" })
		const { x, y, width, height } = `+field+`.getBoundingClientRect()
		return [x + width / 2, y + height / 2]
	})()`)
	if err != nil {
		f.b.Fatal(err)
	}
	place, err := chromedp.Run(f.b.ctx, chromedp.Evaluate[[2]float64](`(({ x, y }) => [x, y])(document.querySelector('iframe[data-testid="helpdesk"]').getBoundingClientRect())`))
	if err != nil {
		f.b.Fatal(err)
	}
	f.b.run(chromedp.MouseClickXY(place[0]+at[0], place[1]+at[1]), chromedp.KeyEvent(text))
	want, _ := json.Marshal(text)
	f.until(field + `.value === ` + string(want))
	f.b.run(chromedp.KeyEvent(kb.Enter))
}
