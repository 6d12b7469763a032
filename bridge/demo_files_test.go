package bridge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// control drives the demo's pages through their JSON API.
type control struct {
	t    *testing.T
	demo *Demo
}

func (c *control) call(method, path string, body []byte, contentType string) []byte {
	c.t.Helper()
	req, err := http.NewRequest(method, strings.TrimSuffix(c.demo.URL(), "/")+path, bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		c.t.Fatalf("%s %s: %d %.300s %v", method, path, resp.StatusCode, answer, err)
	}
	return answer
}

func (c *control) post(path string, body any) {
	c.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		c.t.Fatal(err)
	}
	c.call(http.MethodPost, path, text, "application/json")
}

// upload gives a file to a page and returns the page's name for it.
func (c *control) upload(side, name, mimeType string, content []byte) string {
	c.t.Helper()
	var file struct{ ID string }
	answer := c.call(http.MethodPut, fmt.Sprintf("/api/%s/files?name=%s&type=%s", side, name, mimeType), content, mimeType)
	if err := json.Unmarshal(answer, &file); err != nil || file.ID == "" {
		c.t.Fatalf("%v in %s", err, answer)
	}
	return file.ID
}

type demoState struct {
	Threads []struct {
		Bubbles []struct {
			ID, From, Status, Text string
			Files                  []demoFile
		}
	}
	Conversations []struct {
		Key     string
		Entries []struct {
			ID, Kind, Status, Code, Text string
			Attachments                  []demoFile
		}
	}
}

type demoFile struct {
	Name, Href string
	MimeType   string `json:"mime_type"`
	Size       int
	Broken     bool
	Remote     bool
}

// wait gives what find finds in the state as soon as that is something.
func (c *control) wait(what string, find func(demoState) *demoFile) demoFile {
	c.t.Helper()
	var text []byte
	for range 500 {
		text = c.call(http.MethodGet, "/api/state", nil, "")
		var state demoState
		if err := json.Unmarshal(text, &state); err != nil {
			c.t.Fatal(err)
		}
		if file := find(state); file != nil {
			return *file
		}
		time.Sleep(10 * time.Millisecond)
	}
	c.t.Fatalf("%s does not come: %.3000s", what, text)
	return demoFile{}
}

func (c *control) atDesk(name string) demoFile {
	c.t.Helper()
	return c.wait(name+" at the desk", func(s demoState) *demoFile {
		for _, conversation := range s.Conversations {
			for _, entry := range conversation.Entries {
				for _, file := range entry.Attachments {
					if file.Name == name && entry.Kind == "customer" {
						return &file
					}
				}
			}
		}
		return nil
	})
}

func (c *control) onPhone(name string) demoFile {
	c.t.Helper()
	return c.wait(name+" on the phone", func(s demoState) *demoFile {
		for _, bubble := range s.Threads[0].Bubbles {
			for _, file := range bubble.Files {
				if file.Name == name && bubble.From == "business" {
					return &file
				}
			}
		}
		return nil
	})
}

func randomBytes(n int) []byte {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data)
	return data
}

// Files of every size go both ways through the real bridge, and arrive byte for byte.
func TestFilesGoThroughTheDemo(t *testing.T) {
	c := &control{t, newDemo(t)}
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	for i, size := range []int{1, 17, 70_000, 3_000_001} {
		name, content := fmt.Sprintf("phone-%d.bin", size), randomBytes(size)
		c.post("/api/phone/send", map[string]any{
			"customer": "c1", "text": "look", "files": []string{c.upload("phone", name, "application/octet-stream", content)},
		})
		file := c.atDesk(name)
		if got := c.call(http.MethodGet, file.Href, nil, ""); !bytes.Equal(got, content) {
			t.Errorf("%s: the desk gets %d bytes, and not the same", name, len(got))
		}
		name = fmt.Sprintf("desk-%d.bin", size)
		c.post("/api/desk/send", map[string]any{
			"conversation": "k1", "text": fmt.Sprintf("answer %d", i),
			"files": []string{c.upload("desk", name, "application/octet-stream", content)},
		})
		file = c.onPhone(name)
		if got := c.call(http.MethodGet, file.Href, nil, ""); !bytes.Equal(got, content) {
			t.Errorf("%s: the phone gets %d bytes, and not the same", name, len(got))
		}
		if file.Broken {
			t.Errorf("%s: the phone cannot show it as %s", name, file.MimeType)
		}
	}
}

// An image goes both ways in a browser.
func TestDemoWithImages(t *testing.T) {
	demo := newDemo(t)
	b := openBrowser(t, demo.URL(), 1440, 900)
	b.typeInto("phone-input", "Is this the right one?")
	b.setFile("phone-file-input", "sandbox/demo.png")
	b.shows("phone-pending", `[data-state="ready"]`, "")
	b.typeInto("phone-input", kb.Enter)
	b.shows("phone-bubble", `[data-from="customer"][data-status="delivered"]`, "")
	b.shows("desk-entry", `[data-kind="customer"]`, "right one")
	b.waitFor(`document.querySelector('[data-testid="desk-file-load"], [data-testid="desk-file"]')`)
	b.script(`document.querySelector('[data-testid="desk-file-load"]')?.click()`)
	b.waitFor(`[...document.querySelectorAll('[data-testid="desk-file"] img')].some(i => i.naturalWidth > 1000)`)
	b.setFile("desk-file-input", "sandbox/demo.png")
	b.shows("desk-pending", `[data-state="ready"]`, "")
	b.typeInto("desk-input", "No, this one."+kb.Enter)
	b.waitFor(`[...document.querySelectorAll('[data-testid="phone-bubble"][data-from="business"] img')].some(i => i.naturalWidth > 1000)`)
	b.shot("0-images")
	b.noFaults()
}

func (b *browser) setFile(id, path string) {
	b.Helper()
	b.run(chromedp.SetUploadFiles(byTest(id), []string{absolute(b.T, path)}))
}
