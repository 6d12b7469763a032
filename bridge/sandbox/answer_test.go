package sandbox

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	testSession = "00000000-0000-4000-8000-000000000800"
	someTime    = "2030-02-24T10:00+0000"
)

// answers answers a bubble and gives what Apple posted to the bridge.
func (w *world) answers(bubbleID string, more map[string]any) (posted map[string]any, answerID string) {
	w.Helper()
	call := map[string]any{"customer": w.customer, "id": bubbleID}
	for name, value := range more {
		call[name] = value
	}
	answerID, _ = w.call("/api/phone/answer", call, 202)["id"].(string)
	w.eventually("the answer", func(s state) bool {
		b := s.Threads[0].bubble(answerID)
		return b != nil && b.Status == delivered
	})
	for _, p := range w.bridge.posts() {
		if p.body["id"] == answerID {
			return p.body, answerID
		}
	}
	w.Fatalf("the answer %s was not posted", answerID)
	return nil, ""
}

func (w *world) refusesAnswer(bubbleID string, answer any, status int, reason string) {
	w.Helper()
	got := w.call("/api/phone/answer", map[string]any{"customer": w.customer, "id": bubbleID, "answer": answer}, status)
	if words, _ := got["error"].(string); !strings.Contains(words, reason) {
		w.Errorf("%v: %q, want %q", answer, words, reason)
	}
}

// surveyPages are pages that lead to the answers in in-form-response.
func surveyPages(t *testing.T) []any {
	data := fixture(t, "out-form")["interactiveData"].(map[string]any)["data"].(map[string]any)
	pages := data["dynamic"].(map[string]any)["data"].(map[string]any)["pages"].([]any)
	remarks := pages[3].(map[string]any)
	remarks["pageIdentifier"] = "2"
	for _, page := range pages {
		delete(page.(map[string]any), "subtitle")
	}
	return []any{pages[0], pages[1], remarks}
}

// goldens are messages, made of the out-* examples, whose answers are exactly the in-* examples.
func goldens(t *testing.T) []struct {
	out, in string
	edits   []edit
	answer  map[string]any
} {
	return []struct {
		out, in string
		edits   []edit
		answer  map[string]any
	}{
		{"out-quick-reply", "in-quick-reply-response", nil, map[string]any{"index": 2}},
		{"out-list-picker-text", "in-list-picker-response", []edit{
			{top + "receivedMessage/style", "small"}, {top + "replyMessage/style", "small"},
			{inner + "listPicker/sections/0/multipleSelection", true},
		}, map[string]any{"items": []string{"1"}}},
		{"out-time-picker-fixed-tz", "in-time-picker-response", []edit{
			{top + "receivedMessage/subtitle", gone}, {inner + "event/title", "Available times"}, {inner + "event/timezoneOffset", -300},
			{inner + "event/timeslots/1/startTime", someTime},
		}, map[string]any{"slot": "slot-2"}},
		{"out-form", "in-form-response", []edit{
			{top + "receivedMessage", map[string]any{"style": "icon", "title": "Quick survey"}}, {top + "replyMessage/title", "Thank you"},
			{inner + "images", gone}, {inner + "dynamic/data/splash", gone}, {inner + "dynamic/data/pages", surveyPages(t)},
		}, map[string]any{"pages": []any{
			map[string]any{"page": "0", "items": []string{"0_1"}}, map[string]any{"page": "1", "value": "2030-02-24"},
			map[string]any{"page": "2", "value": "Please ring the bell"},
		}}},
		{"out-custom-app", "in-custom-app-response", []edit{{top + "receivedMessage", map[string]any{"title": "Example"}}}, map[string]any{"url": "?choice=2&order=A-1"}},
	}
}

// TestAnswersAreApples: composed answers have exactly the shape of Apple's examples.
func TestAnswersAreApples(t *testing.T) {
	w := newWorld(t)
	w.phoneSays("Hello", delivered)
	for _, c := range goldens(t) {
		t.Run(c.in, func(t *testing.T) {
			id := w.asks(edited(fixture(t, c.out), append(c.edits, edit{top + "sessionIdentifier", testSession})...))
			got, answerID := w.answers(id, map[string]any{"answer": c.answer})
			want := edited(fixture(t, c.in), edit{"id", got["id"]}, edit{"sourceId", got["sourceId"]}, edit{"destinationId", got["destinationId"]})
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			thread := w.state().Threads[0]
			asked, shown := thread.bubble(id).Interactive, thread.bubble(answerID).Interactive
			if !asked.Answered || shown.Answerable || shown.ByRef || !shown.Supported || shown.Kind != asked.Kind || shown.Title == "" {
				t.Errorf("%+v %+v", asked, shown)
			}
		})
	}
}

// TestEveryKindHasAFirstChoice: nothing need be chosen, and each answer survives MMCS.
func TestEveryKindHasAFirstChoice(t *testing.T) {
	w := newWorld(t)
	w.phoneSays("Hello", delivered)
	for _, name := range []string{"out-quick-reply", "out-list-picker-images", "out-time-picker-user-tz", "out-form", "out-custom-app"} {
		for _, format := range []string{formatInline, formatJSON, formatBplist} {
			t.Run(name+" "+format, func(t *testing.T) {
				id := w.asks(fixture(t, name))
				got, _ := w.answers(id, map[string]any{"format": format})
				data, _ := got["interactiveData"].(map[string]any)
				if ref, ok := got["interactiveDataRef"].(map[string]any); ok != (format != formatInline) {
					t.Fatalf("%v", got)
				} else if ok {
					bid, _ := ref["bid"].(string)
					_, answer := w.apple("POST", "decodePayload", bytes.NewReader(w.fetched(ref)), "bid", bid)
					data, _ = answer["interactiveData"].(map[string]any)
				}
				inside, _ := data["data"].(map[string]any)
				request := fixture(t, name)["interactiveData"].(map[string]any)["data"]
				if name == "out-custom-app" {
					if inside != nil || data["URL"] != "?order=A-1&step=pick" {
						t.Errorf("%v", data)
					}
				} else if inside["requestIdentifier"] != request.(map[string]any)["requestIdentifier"] || inside["version"] != "1.0" {
					t.Errorf("%v", data)
				}
				if data["sessionIdentifier"] == nil || data["bid"] == nil {
					t.Errorf("%v", data)
				}
			})
		}
	}
}

// TestLargeAnswersGoByReference is Messages' rule: up to 10 KB inline. Images are echoed, and so decide.
func TestLargeAnswersGoByReference(t *testing.T) {
	w := newWorld(t)
	w.phoneSays("Hello", delivered)
	for data, byRef := range map[string]bool{noisePNG(20): false, noisePNG(60): true} {
		id := w.asks(edited(fixture(t, "out-list-picker-images"), edit{inner + "images/0/data", data}))
		got, answerID := w.answers(id, map[string]any{"answer": map[string]any{"items": []string{"2", "1"}}})
		if (got["interactiveDataRef"] != nil) != byRef || (got["interactiveData"] == nil) != byRef {
			t.Errorf("an image of %d characters: %v", len(data), got)
		}
		b := w.state().Threads[0].bubble(answerID).Interactive
		if b.ByRef != byRef || b.Subtitle != "Apple, Leek" || bytes.Contains(b.Content, []byte(data[:40])) || b.Images["0"] == "" {
			t.Errorf("%+v", b)
		}
		if inline, _ := w.answers(id, map[string]any{"format": "inline"}); inline["interactiveData"] == nil {
			t.Error("inline was asked for")
		}
	}
}

// TestTwice: Apple delivers one answer under two ids, with one session.
func TestTwice(t *testing.T) {
	w := newWorld(t)
	w.s.twiceAfter = 10 * time.Millisecond
	w.phoneSays("Hello", delivered)
	id := w.asks(fixture(t, "out-list-picker-text"))
	w.answers(id, map[string]any{"twice": true})
	w.eventually("the second", func(state) bool { return len(w.bridge.posts()) == 3 })
	posts := w.bridge.posts()
	one, two := posts[1].body, posts[2].body
	if one["id"] == two["id"] || one["id"] != posts[1].header.Get("id") || two["id"] != posts[2].header.Get("id") {
		t.Errorf("ids %v %v", one["id"], two["id"])
	}
	if diff := cmp.Diff(one["interactiveData"], two["interactiveData"]); diff != "" {
		t.Error(diff)
	}
	if n := len(w.state().Threads[0].Bubbles); n != 3 {
		t.Errorf("the phone shows %d bubbles", n)
	}
	again, _ := w.answers(id, nil)
	if session := again["interactiveData"].(map[string]any)["sessionIdentifier"]; session != one["interactiveData"].(map[string]any)["sessionIdentifier"] {
		t.Error("one bubble has two sessions")
	}
}

// TestSessionIsTheBubbles: where the business gives none, each of its bubbles gets one.
func TestSessionIsTheBubbles(t *testing.T) {
	w := newWorld(t)
	w.phoneSays("Hello", delivered)
	session := func(m map[string]any) any {
		got, _ := w.answers(w.asks(m), nil)
		return got["interactiveData"].(map[string]any)["sessionIdentifier"]
	}
	given := session(edited(fixture(t, "out-quick-reply"), edit{top + "sessionIdentifier", testSession}))
	if a, b := session(fixture(t, "out-quick-reply")), session(fixture(t, "out-quick-reply")); a == b || a == "" || given != testSession {
		t.Errorf("%v %v %v", a, b, given)
	}
}

func TestChipsVanish(t *testing.T) {
	w := newWorld(t)
	w.phoneSays("Hello", delivered)
	answerable := func(id string) bool { return w.state().Threads[0].bubble(id).Interactive.Answerable }
	list := w.asks(fixture(t, "out-list-picker-text"))
	quick := w.asks(fixture(t, "out-quick-reply"))
	if !answerable(quick) {
		t.Fatal("a new quick reply has no buttons")
	}
	w.call("/api/phone/typing", map[string]any{"customer": w.customer, "on": true}, 202)
	if !answerable(quick) {
		t.Error("typing took the buttons away")
	}
	w.answers(quick, nil)
	if answerable(quick) || !answerable(list) {
		t.Error("after the answer")
	}
	w.refusesAnswer(quick, map[string]any{"index": 1}, 409, "buttons are gone")
	quick = w.asks(fixture(t, "out-quick-reply"))
	w.phoneSays("Something else", delivered)
	if answerable(quick) {
		t.Error("after a text of the customer's")
	}
	quick = w.asks(fixture(t, "out-quick-reply"))
	w.asks(fixture(t, "out-rich-link-image"))
	if answerable(quick) {
		t.Error("after a link of the business's")
	}
	w.answers(list, map[string]any{"answer": map[string]any{"items": []string{"2"}}}) // an old bubble can be tapped again
	w.answers(list, nil)
}

func TestDevices(t *testing.T) {
	w := newPayWorld(t)
	for device, want := range map[string]struct{ agent, capabilities, shows string }{
		"iphone":     {"iPhone OS", "LIST,TIME,AUTH,AUTH2,QUICK,FORM", "quick_reply list_picker time_picker form app payment"},
		"mac":        {"Mac OS X", "LIST,TIME,AUTH,AUTH2,QUICK", "quick_reply list_picker time_picker payment"},
		"watch":      {"Watch OS", "", "payment"},
		"old_iphone": {"iPhone OS", "LIST,TIME,AUTH", "list_picker time_picker app payment"},
	} {
		w.call("/api/phone/device", map[string]any{"customer": w.customer, "device": device}, 202)
		w.phoneSays("Hi from "+device, delivered)
		posts := w.bridge.posts()
		h := posts[len(posts)-1].header
		if _, there := h["Capability-List"]; !there || h.Get("device-agent") != want.agent || h.Get("capability-list") != want.capabilities {
			t.Errorf("%s: %v", device, h)
		}
		var shows []string
		for _, name := range []string{"out-quick-reply", "out-list-picker-text", "out-time-picker-user-tz", "out-form", "out-custom-app", "out-apple-pay-basic"} {
			asked := fixture(t, name)
			if name == "out-apple-pay-basic" {
				asked = w.payment(name)
			}
			id := w.asks(asked)
			b := w.state().Threads[0].bubble(id).Interactive
			if b.Supported {
				shows = append(shows, b.Kind)
			} else if b.Answerable {
				t.Errorf("%s: %s can be answered unseen", device, name)
			}
		}
		if got := strings.Join(shows, " "); got != want.shows {
			t.Errorf("%s shows %s", device, got)
		}
	}
	w.call("/api/phone/device", map[string]any{"customer": w.customer, "device": "watch"}, 202)
	id := w.asks(fixture(t, "out-list-picker-text"))
	w.call("/api/phone/device", map[string]any{"customer": w.customer, "device": "iphone"}, 202)
	w.refusesAnswer(id, map[string]any{"items": []string{"1"}}, 409, "could not show") // it stays a placeholder
	if c := w.state().Customers[0]; c.Device.Name != "iphone" {
		t.Errorf("%+v", c)
	}
	w.call("/api/phone/device", map[string]any{"customer": w.customer, "device": "toaster"}, 400)
	w.call("/api/phone/device", map[string]any{"customer": w.customer, "device": ""}, 400)
	w.call("/api/phone/device", map[string]any{"customer": "c9", "device": "mac"}, 404)
	w.refusesAnswer(w.asks(w.payment("out-apple-pay-basic")), nil, 409, "/api/phone/pay/open")
}

func TestImagesAreServed(t *testing.T) {
	w := newWorld(t)
	w.phoneSays("Hello", delivered)
	odd := "ä/b c?"
	id := w.asks(edited(fixture(t, "out-list-picker-images"), edit{inner + "images/2/identifier", odd}, edit{top + "receivedMessage/imageIdentifier", odd}))
	b := w.state().Threads[0].bubble(id).Interactive
	pixel := fixture(t, "out-list-picker-images")["interactiveData"].(map[string]any)["data"].(map[string]any)["images"].([]any)[0].(map[string]any)["data"].(string)
	if bytes.Contains(b.Content, []byte(pixel)) || !bytes.Contains(b.Content, []byte(`"description":"pear"`)) || len(b.Images) != 3 {
		t.Errorf("%s %v", b.Content, b.Images)
	}
	get := func(path string) (*http.Response, string) {
		t.Helper()
		response, err := http.Get(w.pages.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		return response, string(body)
	}
	want, _ := base64.StdEncoding.DecodeString(pixel)
	app := w.asks(edited(fixture(t, "out-custom-app"), edit{top + "appIcon", pixel}))
	icon := w.state().Threads[0].bubble(app).Interactive
	if bytes.Contains(icon.Content, []byte(pixel)) {
		t.Errorf("%s", icon.Content)
	}
	linked := w.asks(fixture(t, "out-rich-link-image"))
	link := w.state().Threads[0].bubble(linked).Link
	for _, href := range []string{b.Images["0"], b.Images[odd], icon.Images["appIcon"], link.Image} {
		response, body := get(href)
		if response.StatusCode != 200 || body != string(want) || response.Header.Get("Content-Type") != "image/png" || response.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", href, response.StatusCode, response.Header)
		}
	}
	for _, path := range []string{"/phone/images/" + id + "/9", "/phone/images/none/0", "/phone/images/" + app + "/image", "/phone/images/" + w.state().Threads[0].Bubbles[0].ID + "/0"} {
		if response, _ := get(path); response.StatusCode != 404 {
			t.Errorf("%s: %d", path, response.StatusCode)
		}
	}
	w.s.mmcs.vault.close() // as if all had been dropped to make room
	if response, _ := get(b.Images["0"]); response.StatusCode != 404 {
		t.Errorf("dropped: %d", response.StatusCode)
	}
	w.refusesAnswer(id, nil, 409, "no longer")
}

func TestWrongAnswers(t *testing.T) {
	w := newWorld(t)
	w.phoneSays("Hello", delivered)
	type o = map[string]any
	type l = []any
	list := w.asks(edited(fixture(t, "out-list-picker-images"), edit{inner + "listPicker/sections/0", o{
		"title": "Size", "items": l{o{"identifier": "s", "title": "Small"}, o{"identifier": "m", "title": "Medium"}},
	}}))
	slots := w.asks(edited(fixture(t, "out-time-picker-user-tz"), edit{inner + "event/timeslots/0/startTime", "2001-01-01T10:00+0000"}))
	past := w.asks(edited(fixture(t, "out-time-picker-user-tz"), edit{inner + "event/timeslots", l{o{"identifier": "x", "startTime": "2001-01-01T10:00+0000", "duration": 0}}}))
	options := inner + "dynamic/data/pages/3/options/"
	form := w.asks(edited(fixture(t, "out-form"), edit{options + "required", true}, edit{options + "regex", "[a-z ]+"}, edit{options + "maximumCharacterCount", 5}, edit{options + "inputType", "singleline"}))
	app := w.asks(fixture(t, "out-custom-app"))
	quick := w.asks(fixture(t, "out-quick-reply"))
	pages := func(changes ...edit) o {
		m := o{"pages": l{o{"page": "0", "items": l{"0_0"}}, o{"page": "1", "value": "02/24/2030"}, o{"page": "2", "items": l{"2_1"}}, o{"page": "3", "value": "fine"}}}
		return edited(m, changes...)
	}
	for _, c := range []struct {
		id     string
		answer any
		reason string
	}{
		{quick, o{"index": 3}, "no button"}, {quick, o{"index": -1}, "no button"}, {quick, o{"index": "1"}, "does not fit"}, {quick, o{"index": 1.5}, "does not fit"},
		{quick, o{}, "index is missing"}, {quick, o{"index": nil}, "index is missing"}, {quick, o{"items": l{"1"}}, "does not belong"}, {quick, o{"index": 1, "x": 1}, "does not belong"},
		{quick, "1", "not an object"}, {quick, l{}, "not an object"},
		{list, o{"items": l{}}, "at least one"}, {list, o{"items": l{"s", "m"}}, "one item only"}, {list, o{"items": l{"9"}}, "no item"},
		{list, o{"items": l{"2", "9"}}, "no item"}, {list, o{"items": l{"2", "2"}}, "twice"}, {list, o{"items": "2"}, "does not fit"}, {list, o{"slot": "2"}, "does not belong"},
		{slots, o{"slot": "slot-1"}, "passed"}, {slots, o{"slot": "x"}, "none of the slots"}, {slots, o{"slot": ""}, "none of the slots"}, {slots, o{"slot": 1}, "does not fit"},
		{past, nil, "No times available"}, {past, o{"slot": "x"}, "passed"},
		{app, o{"url": ""}, "empty"}, {app, o{"url": "?" + strings.Repeat("x", 5000)}, "5001"}, {app, o{"url": "a b"}, "white space"}, {app, o{"index": 1}, "does not belong"},
		{form, o{"pages": l{}}, `the page "0" follows`},
		{form, o{"pages": l{o{"page": "1"}}}, `the page "0" follows`},
		{form, o{"pages": l{o{"page": "0", "items": l{"0_0"}}}}, `ends too early: the page "1"`},
		{form, o{"pages": l{o{"page": "0", "items": l{"0_0"}, "x": 1}}}, "does not fit"},
		{form, pages(edit{"pages/0/items", l{}}), "nothing is chosen"}, {form, pages(edit{"pages/0/items", l{"0_0", "0_1"}}), "one item only"},
		{form, pages(edit{"pages/0/items", l{"9"}}), "not there"}, {form, pages(edit{"pages/0/value", "x"}), "not a value"},
		{form, pages(edit{"pages/1/value", "24.02.2030"}), "not a date"}, {form, pages(edit{"pages/1/value", ""}), "not a date"},
		{form, pages(edit{"pages/1/value", "12/31/2029"}), "before 01/01/2030"}, {form, pages(edit{"pages/1/value", "2031-01-01"}), "after 12/31/2030"},
		{form, pages(edit{"pages/1/items", l{"x"}}), "not items"}, {form, pages(edit{"pages/2/items", l{"2_0", "2_1"}}), "one item only"},
		{form, pages(edit{"pages/3/value", " "}), "required"}, {form, pages(edit{"pages/3/value", "toolong"}), "7 characters"},
		{form, pages(edit{"pages/3/value", "A1"}), "pattern"}, {form, pages(edit{"pages/3/value", "a\nb"}), "several lines"},
		{form, o{"pages": append(pages()["pages"].(l), o{"page": "0"})}, "goes on after"},
	} {
		w.refusesAnswer(c.id, c.answer, 400, c.reason)
	}
	got, _ := w.answers(form, o{"answer": pages()})
	selections := got["interactiveData"].(o)["data"].(o)["dynamic"].(o)["selections"].(l)
	want := l{
		o{"pageIdentifier": "0", "title": "Colour?", "subtitle": "Pick one", "items": l{o{"identifier": "0_0", "title": "Red", "value": "red"}}},
		o{"pageIdentifier": "1", "title": "Date?", "subtitle": "Preferred day", "items": l{o{"value": "02/24/2030"}}},
		o{"pageIdentifier": "2", "title": "Size?", "subtitle": "Pick one", "items": l{o{"identifier": "2_1", "title": "Large", "value": "L"}}},
		o{"pageIdentifier": "3", "title": "Remarks", "subtitle": "Optional", "items": l{o{"value": "fine"}}},
	}
	if diff := cmp.Diff(want, selections); diff != "" {
		t.Error(diff)
	}
	w.refusesAnswer("none", nil, 404, "no such")
}

// TestPrivateForms: the business learns the answers, the transcript does not.
func TestPrivateForms(t *testing.T) {
	w := newWorld(t)
	w.phoneSays("Hello", delivered)
	got, id := w.answers(w.asks(edited(fixture(t, "out-form"), edit{inner + "dynamic/data/private", true})), nil)
	dynamic := got["interactiveData"].(map[string]any)["data"].(map[string]any)["dynamic"].(map[string]any)
	b := w.state().Threads[0].bubble(id).Interactive
	if dynamic["private"] != true || len(dynamic["selections"].([]any)) != 4 || bytes.Contains(b.Content, []byte("selections")) || !bytes.Contains(b.Content, []byte("Thanks")) {
		t.Errorf("%v\n%s", dynamic, b.Content)
	}
}

func TestTimesInTheShownZone(t *testing.T) {
	w := newWorld(t)
	w.phoneSays("Hello", delivered)
	for offset, want := range map[any]string{
		any(gone): "Oct 15, 2030 at 17:00", -420: "Oct 15, 2030 at 10:00", 345: "Oct 15, 2030 at 22:45", 840: "Oct 16, 2030 at 07:00", 0: "Oct 15, 2030 at 17:00",
	} {
		id := w.asks(edited(fixture(t, "out-time-picker-fixed-tz"), edit{inner + "event/timezoneOffset", offset}))
		got, _ := w.answers(id, nil)
		reply := got["interactiveData"].(map[string]any)["data"].(map[string]any)["replyMessage"].(map[string]any)
		if reply["title"] != want || reply["alternateTitle"] != want {
			t.Errorf("%v: %v", offset, reply)
		}
	}
}

// TestNothingIsDeliveredTwiceThatDidNotArrive: the second delivery follows the first.
func TestNothingIsDeliveredTwiceThatDidNotArrive(t *testing.T) {
	w := newWorld(t)
	w.s.twiceAfter = 0
	w.phoneSays("Hello", delivered)
	id := w.asks(fixture(t, "out-list-picker-text"))
	w.fault(faultDeskDown, true)
	answer, _ := w.call("/api/phone/answer", map[string]any{"customer": w.customer, "id": id, "twice": true}, 202)["id"].(string)
	w.eventually("failure", func(s state) bool { return s.Threads[0].bubble(answer).Status == notDelivered })
	w.fault(faultDeskDown, false)
	w.call("/api/phone/resend", map[string]any{"customer": w.customer, "id": answer}, 202)
	w.eventually("the second", func(s state) bool { return len(w.bridge.posts()) == 4 })
	var ids []any
	for _, p := range w.bridge.posts()[1:] {
		ids = append(ids, p.body["id"])
	}
	if ids[0] != answer || ids[1] != answer || ids[2] == answer {
		t.Errorf("%v", ids)
	}
}

func TestSummariesOfRichMessages(t *testing.T) {
	read := func(name string) []byte {
		raw, err := os.ReadFile("testdata/apple/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	for name, want := range map[string]string{
		"out-quick-reply": "interactive · “How can we help?”", "in-quick-reply-response": "interactive · “3”",
		"out-list-picker-text": "interactive · “Select produce”", "in-list-picker-response": "interactive · “Selected produce”",
		"out-rich-link-image": "richLink · “Example page”", "out-rich-link-data-ref": "richLink · “Example clip”",
	} {
		if got := summarize(read(name)); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := summarize([]byte(`{"type":"message.send","data":{"content":{"kind":"quick_reply","prompt":7,"title":"x"}}}`)); got != "message.send · quick_reply · “x”" {
		t.Error(got)
	}
	if got := summarize([]byte("{")); got != "" {
		t.Error(got)
	}
}

func TestTapbackOnALink(t *testing.T) {
	b := &bubble{Link: &link{URL: "https://example.com/x"}}
	if got := b.quoted(); got != "“https://example.com/x”" {
		t.Error(got)
	}
}
