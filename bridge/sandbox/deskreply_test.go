package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestDeskReplies(t *testing.T) {
	w := newWorld(t)
	type o = map[string]any
	for i, c := range []struct {
		reply any
		want  string
	}{
		{o{"kind": "list_picker", "title": "Selected produce", "subtitle": "Apple", "selections": []any{o{"id": "1", "title": "Apple"}}}, "Selected produce – Apple"},
		{o{"kind": "quick_reply", "title": "Order status"}, "Order status"},
		{o{"kind": "form", "selections": []any{o{"page": "0", "title": "Blue", "value": "blue"}, o{"page": "1", "value": "02/24/2030"}, o{"page": "2"}}}, "Blue, 02/24/2030"},
		{o{"kind": "app", "url": "?choice=2"}, "?choice=2"},
		{o{"kind": "unknown"}, "(unknown)"},
		{o{"kind": 7, "title": "Still read", "selections": "x"}, "Still read"},
		{"nonsense", "(unknown)"},
		{nil, "(unknown)"},
	} {
		id := fmt.Sprint("reply-", i)
		event := o{"type": "message.replied", "schema": 1, "data": o{"id": id, "business_id": testBusiness, "customer_id": "urn:mbid:x", "reply": c.reply}}
		if got := postEvent(t, w.desk.URL, id, event); got != 200 {
			t.Fatalf("%v: %d", c.reply, got)
		}
		e := w.state().Conversations[0].entry(id)
		if e.Kind != entryReply || e.Text != c.want {
			t.Errorf("%v: %s %q, want %q", c.reply, e.Kind, e.Text, c.want)
		}
		var kept any
		if len(e.Reply) > 0 {
			decodeInto(t, e.Reply, &kept)
		}
		whole, _ := json.Marshal(c.reply)
		again, _ := json.Marshal(kept)
		if string(whole) != string(again) {
			t.Errorf("%s became %s", whole, again)
		}
	}
	if c := w.state().Conversations[0]; c.Unread != 8 || c.Preview != "(unknown)" {
		t.Errorf("%d unread, preview %q", c.Unread, c.Preview)
	}
}

// TestDeskReadsAnswers: what the bridge did instead, what it tells the agent, and what is wrong with a content.
func TestDeskReadsAnswers(t *testing.T) {
	w := newWorld(t)
	w.phoneSays("Hello", delivered)
	status, body := 200, ""
	bridge := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(status); fmt.Fprint(rw, body) }))
	t.Cleanup(bridge.Close)
	w.s.SetBridgeURL(bridge.URL)
	send := func() *entry {
		t.Helper()
		content := map[string]any{"kind": "quick_reply", "prompt": "Which?", "options": []any{}}
		id, _ := w.call("/api/desk/send", map[string]any{"conversation": "k1", "content": content}, 202)["id"].(string)
		w.eventually("an answer", func(s state) bool { return s.Conversations[0].entry(id).Status != statusSending })
		return w.state().Conversations[0].entry(id)
	}
	body = `{"id":"x","status":"accepted","parts":[{"id":"p","kind":"text","status":"accepted"}],"fallbacks":[{"from":"quick_reply","to":"text","reason":"capability"}],"note":"1 Order\n2 Hours"}`
	e := send()
	if diff := cmp.Diff([]fallback{{"quick_reply", "text", "capability"}}, e.Fallbacks); diff != "" || e.Note != "1 Order\n2 Hours" || e.Status != statusAccepted || e.Text != "Which?\n(quick_reply)" {
		t.Errorf("%+v %s", e, diff)
	}
	status, body = 422, `{"status":422,"code":"invalid","detail":"The content does not fit.","errors":[{"pointer":"/data/content/options","rule":"minItems","message":"has 0 entries"}]}`
	e = send()
	if diff := cmp.Diff([]contentError{{"/data/content/options", "minItems", "has 0 entries"}}, e.Errors); diff != "" || e.Status != statusFailed || e.Code != "invalid" {
		t.Errorf("%+v %s", e, diff)
	}
	status, body = 200, `{"id":"x","status":"failed","code":"unsupported","reason":"No such capability."}`
	if e = send(); e.Reason != "No such capability." || e.Status != statusFailed {
		t.Errorf("%+v", e)
	}
}

// TestSamples checks the gallery by the rules of the canonical contents, as far as these can be told without the bridge.
func TestSamples(t *testing.T) {
	w := newWorld(t)
	response, err := http.Get(w.pages.URL + "/api/desk/samples")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var list []sample
	if err := json.NewDecoder(response.Body).Decode(&list); err != nil || response.StatusCode != 200 {
		t.Fatal(response.StatusCode, err)
	}
	seen, kinds := map[string]bool{}, map[string]int{}
	for _, s := range list {
		if seen[s.Name] || s.Title == "" || s.Content["kind"] != s.Kind {
			t.Errorf("%s: %s %q", s.Name, s.Kind, s.Title)
		}
		seen[s.Name] = true
		kinds[s.Kind]++
		raw, _ := json.Marshal(s.Content)
		if len(raw) > 64<<10 {
			t.Errorf("%s has %d bytes", s.Name, len(raw))
		}
		checkSample(t, s.Name, s.Content)
	}
	if diff := cmp.Diff(map[string]int{"quick_reply": 1, "list_picker": 2, "time_picker": 2, "form": 1, "rich_link": 3, "app": 1, "signin": 1, "payment": 1, "text": 1}, kinds); diff != "" {
		t.Error(diff)
	}
}

func checkSample(t *testing.T, name string, content obj) {
	t.Helper()
	images, pages := map[string]bool{}, map[string]bool{}
	var collect, walk func(path string, v any)
	collect = func(path string, v any) {
		for _, image := range sampleList(content, "images") {
			images[image["id"].(string)] = true
		}
		for _, page := range sampleList(content, "pages") {
			pages[page["id"].(string)] = true
		}
	}
	walk = func(path string, v any) {
		switch v := v.(type) {
		case []any:
			ids := map[any]bool{}
			for _, each := range v {
				if m, ok := each.(obj); ok && m["id"] != nil {
					if ids[m["id"]] {
						t.Errorf("%s: %s has %v twice", name, path, m["id"])
					}
					ids[m["id"]] = true
				}
				walk(path, each)
			}
		case obj:
			for key, each := range v {
				walk(path+"/"+key, each)
			}
		case string:
			checkSampleText(t, name, path, v, images, pages)
		}
	}
	collect("", content)
	walk("", content)
}

func sampleList(content obj, name string) (list []obj) {
	entries, _ := content[name].([]any)
	for _, each := range entries {
		list = append(list, each.(obj))
	}
	return list
}

func checkSampleText(t *testing.T, name, path, text string, images, pages map[string]bool) {
	t.Helper()
	switch member := path[strings.LastIndexByte(path, '/')+1:]; {
	case member == "data":
		if _, err := decodePNG(text, maxImage); err != nil {
			t.Errorf("%s: %s: %v", name, path, err)
		}
	case member == "image" && !images[text]:
		t.Errorf("%s: %s names %q", name, path, text)
	case slices.Contains([]string{"next", "start"}, member) && len(pages) > 0 && !strings.Contains(text, "-") && !pages[text]:
		t.Errorf("%s: %s names %q", name, path, text)
	case member == "start" && strings.Contains(path, "/slots"):
		if at, err := time.Parse(time.RFC3339, text); err != nil || at.Before(time.Now()) || at.After(time.Now().AddDate(0, 0, 7)) {
			t.Errorf("%s: %s is %s", name, path, text)
		}
	case utf8.RuneCountInString(text) > maxLabel:
		t.Errorf("%s: %s is long", name, path)
	}
}
