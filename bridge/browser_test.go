package bridge

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser is a page in headless Chromium, driven by the data-testid attributes that
// assets/README.md lists. It knows nothing of the sandbox's Go side.
type browser struct {
	*testing.T
	ctx context.Context

	mu     sync.Mutex
	faults []string // exceptions, console errors, refused loads
}

// openBrowser opens a URL. It skips the test where there is no Chromium.
func openBrowser(t *testing.T, url string, width, height int64, prepare ...chromedp.Action[chromedp.Void]) *browser {
	t.Helper()
	if testing.Short() {
		t.Skip("drives Chromium")
	}
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("no chromium, chromium-browser or google-chrome in PATH: the page is not tested in a browser")
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.WindowSize(int(width), int(height)), chromedp.WSURLReadTimeout(60*time.Second),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
	)
	allocator, closeAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, closePage := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		limited, stop := context.WithTimeout(ctx, 10*time.Second)
		_ = chromedp.Cancel(limited)
		stop()
		closePage()
		closeAllocator()
	})
	b := &browser{T: t, ctx: ctx}
	if err := chromedp.Do(ctx); err != nil { // no limit here: it would be the browser's
		t.Fatal(err)
	}
	if err := chromedp.Listen(ctx, b.note); err != nil {
		t.Fatal(err)
	}
	b.run(chromedp.EmulateViewport(width, height))
	b.run(append(prepare, chromedp.Navigate(url))...)
	b.waitFor(`document.querySelector('[data-testid="live"]')?.dataset.state === "live"`)
	return b
}

// dark prefers the dark colors.
func dark(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
	_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}},
	})
	return chromedp.Void{}, err
}

// note collects what the page complains about, such as a breach of its own policy.
func (b *browser) note(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.faults = append(b.faults, fmt.Sprint(e.ExceptionDetails))
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			b.faults = append(b.faults, fmt.Sprint(e.Entry))
		}
	}
}

func (b *browser) noFaults() {
	b.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, fault := range b.faults {
		b.Errorf("the page complains: %s", fault)
	}
}

func (b *browser) run(actions ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	limited, stop := context.WithTimeout(b.ctx, 15*time.Second)
	defer stop()
	if err := chromedp.Do(limited, actions...); err != nil {
		b.shot("failure")
		b.Fatal(err)
	}
}

// waitFor waits until a JavaScript expression is true.
func (b *browser) waitFor(expression string) {
	b.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(25 * time.Millisecond) {
		if yes, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("Boolean("+expression+")")); err == nil && yes {
			return
		}
	}
	b.shot("failure")
	b.Fatalf("waited in vain for %s", expression)
}

// script runs JavaScript for its effect.
func (b *browser) script(source string) {
	b.Helper()
	b.run(chromedp.Evaluate[chromedp.Void](source))
}

func byTest(id string) chromedp.CSS { return chromedp.CSS(fmt.Sprintf(`[data-testid=%q]`, id)) }

// shows waits until an element with the test id, and with attributes such as
// [data-status="delivered"], is visible and has the text in it.
func (b *browser) shows(id, attributes, text string) {
	b.Helper()
	selector, _ := json.Marshal(string(byTest(id)) + attributes)
	want, _ := json.Marshal(text)
	b.waitFor(fmt.Sprintf(`[...document.querySelectorAll(%s)].some(e => e.checkVisibility() && e.textContent.includes(%s))`, selector, want))
}

func (b *browser) gone(id, attributes string) {
	b.Helper()
	selector, _ := json.Marshal(string(byTest(id)) + attributes)
	b.waitFor(fmt.Sprintf(`![...document.querySelectorAll(%s)].some(e => e.checkVisibility())`, selector))
}

func (b *browser) click(id string) {
	b.Helper()
	b.run(chromedp.Click(byTest(id), chromedp.NodeVisible))
}

func (b *browser) typeInto(id, text string) {
	b.Helper()
	b.waitFor(fmt.Sprintf(`document.querySelector('%s')?.disabled === false`, byTest(id)))
	b.run(chromedp.SendKeys(byTest(id), text, chromedp.NodeVisible))
}

// shot keeps a picture where BIZBRIDGE_SCREENSHOTS names a folder.
func (b *browser) shot(name string) {
	folder := os.Getenv("BIZBRIDGE_SCREENSHOTS")
	if folder == "" {
		return
	}
	time.Sleep(500 * time.Millisecond) // animations
	picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.Log("no picture:", err)
		return
	}
	name = strings.ReplaceAll(b.Name(), "/", "_") + "_" + name + ".png"
	if err := os.WriteFile(filepath.Join(folder, name), picture, 0o644); err != nil {
		b.Log("no picture:", err)
	}
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	full, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return full
}
