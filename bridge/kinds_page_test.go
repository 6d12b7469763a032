package bridge

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the files that tests compare with")

const kindsPage = "message/KINDS.md"

// TestKindsPage writes the page that shows every kind, from what really passes through the bridge, and compares it with
// the one that is there: -update replaces it, and its pictures where a browser is installed.
func TestKindsPage(t *testing.T) {
	tap := &wiretap{}
	demo := newTappedDemo(t, tap)
	page := newKindsPage(t, demo, tap)
	text := page.write()
	if *update {
		if err := os.WriteFile(kindsPage, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(kindsPage)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("%s is not what the bridge does now; run go test ./bridge -run TestKindsPage -update, and look at the difference\n%s",
			kindsPage, firstDifference(string(want), text))
	}
}

func firstDifference(want, got string) string {
	wants, gots := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range wants {
		if i >= len(gots) || wants[i] != gots[i] {
			return fmt.Sprintf("line %d:\n- %s\n+ %s", i+1, wants[i], strings.Join(gots[min(i, len(gots)-1):min(i+1, len(gots))], ""))
		}
	}
	return "there are more lines now"
}

// wiretap keeps what each server has handled, by server and path: who finds it here finds what the server made of it there.
type wiretap struct {
	mu     sync.Mutex
	bodies map[string][]json.RawMessage
}

func (w *wiretap) listen(server string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.Header.Get("Content-Type") == "application/json" {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			defer w.keep(server+r.URL.Path, body)
		}
		next.ServeHTTP(rw, r)
	})
}

func (w *wiretap) keep(where string, body json.RawMessage) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.bodies == nil {
		w.bodies = make(map[string][]json.RawMessage)
	}
	w.bodies[where] = append(w.bodies[where], body)
}

// take gives what came since the last time.
func (w *wiretap) take(where string) []json.RawMessage {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer delete(w.bodies, where)
	return w.bodies[where]
}

// kindOnPage is what the page says of a kind beside what it shows.
type kindOnPage struct {
	sample, title, limits string
	answer                string // the body of POST /api/phone/answer's answer; "" where nothing is answered
}

var kindText = []kindOnPage{
	{"text_url", "Text with links", "At most 60,000 characters; above 3,000 it reaches the phone as several messages. Every link also goes out as a card, up to five (`rich_links` of the business).", ""},
	{"quick_reply", "Quick reply", "Two to five options; six or more are sent as a list picker. The buttons vanish when the conversation goes on. Needs `QUICK`.", `{"index":2}`},
	{"list_picker_text", "List picker", "Up to 500 items with ids that differ in the whole picker; a section takes one choice, or several with `multiple`. Needs `LIST`.", `{"items":["latte"]}`},
	{"list_picker_images", "List picker with pictures", "Pictures of any usual format: the bridge makes PNGs of at most 200 KB of them, and all of them stay below 5 MB.", `{"items":["aurora","lagoon","store"]}`},
	{"time_picker_fixed", "Time picker", "Slots are RFC 3339 times in whole minutes; past ones are left out. With `timezone` all show at that zone's offset, so one picker cannot straddle a change of the clocks; without it the device's zone counts. Needs `TIME`.", `{"slot":"slot-2"}`},
	{"form", "Form", "Pages of four types, each leading to the one that follows it, to its `next`, or to the `next` of the item that was chosen; every way has to end. Page ids have at most 19 characters. iPhone and iPad only (`FORM`).", `{"pages":[{"page":"topic","items":["praise"]},{"page":"words","value":"Lovely lamps"}]}`},
	{"rich_link_image", "Rich link", "Title and picture may be left out: they come from the page with `rich_links.open_graph`, else the picture is `rich_links.default_image`. Without a picture the link is sent as text.", ""},
	{"rich_link_video", "Rich link with video", "The picture is what shows before the video plays.", ""},
	{"rich_link_app_clip", "App Clip", "Apple makes the card (`constructPayload`). Where it knows no App Clip, the link is sent as an ordinary one.", ""},
	{"app", "iMessage app", "`team_id` and `extension_id` (or `bid`) name the Messages extension; `url` has at most 5,000 bytes. A device without iMessage apps gets `link` as a rich link. iPhone and iPad only.", `{"url":"?event=42&seats=A1,A2"}`},
	{"payment", "Payment", "Needs a merchant ([Apple Pay](../payment/README.md)). Items and total must add up exactly; amounts are decimals in quotes. Shipping that costs something needs a payment provider that keeps the cart. What was paid comes as `payment.updated`, and is the provider's word.", ""},
	{"signin", "Sign-in", "Needs a provider ([sign-in](../signin/README.md)) and `AUTH2`, or `AUTH` where the old flow is allowed. Who the customer is comes as `signin.completed`, in two events that only count together.", ""},
}

type kindsWriter struct {
	control
	tap     *wiretap
	samples map[string]json.RawMessage
	text    strings.Builder
}

func newKindsPage(t *testing.T, demo *Demo, tap *wiretap) *kindsWriter {
	k := &kindsWriter{control: control{t, demo}, tap: tap, samples: map[string]json.RawMessage{}}
	k.post("/api/phone/send", map[string]any{"customer": "c1", "text": "Hello"})
	k.event("message.received")
	var listed []struct {
		Name    string
		Content json.RawMessage
	}
	if err := json.Unmarshal(k.call(http.MethodGet, "/api/desk/samples", nil, ""), &listed); err != nil {
		t.Fatal(err)
	}
	for _, sample := range listed {
		k.samples[sample.Name] = sample.Content
	}
	return k
}

func (k *kindsWriter) write() string {
	k.text.WriteString(`# Every kind of message

<!-- written by go test ./bridge -run TestKindsPage -update -->

What a helpdesk or a bot sends as ` + "`data.content`" + `, what Apple gets, and what comes back when the customer answers: recorded
between the demo's desk, the bridge and the simulated gateway. Ids and bytes of pictures are shortened. Where a device or a
helpdesk cannot show a kind, the bridge falls back: form → list picker → quick reply → numbered text, time picker → numbered
text, app → rich link, rich link → text. The answer to the send tells of it in ` + "`fallbacks` and `note`" + `. All strings that the phone
shows have at most 200 characters.

The whole format, with saved messages, typing and templates: ` + "[connectors/webhook](../../connectors/webhook/README.md)" + `, as a JSON
Schema: ` + "`bizbridge schema message`" + `.
`)
	for _, kind := range kindText {
		k.kind(kind.sample, kind.title, kind.limits, kind.answer)
	}
	return k.text.String()
}

func (k *kindsWriter) kind(sample, title, limits, answer string) {
	content := k.samples[sample]
	if content == nil {
		k.t.Fatalf("the gallery has no sample %s", sample)
	}
	before := len(k.state().Conversations[0].Entries)
	k.post("/api/desk/send", map[string]any{"conversation": k.state().Conversations[0].Key, "content": content})
	k.accepted(before)
	fmt.Fprintf(&k.text, "\n## %s\n\n![%s](kinds/%s.png)\n\n%s\n\nSent:\n\n```json\n%s\n```\n", title, title, sample, limits, k.tidy(content))
	for i, out := range append(k.tap.take("gateway/v1/message"), k.tap.take("gateway/v1/authenticate")...) {
		words := "Apple gets:"
		if i > 0 {
			words = "And:"
		}
		fmt.Fprintf(&k.text, "\n%s\n\n```json\n%s\n```\n", words, k.tidy(k.content(out)))
	}
	if answer == "" {
		return
	}
	bubbles := k.state().Threads[0].Bubbles
	k.post("/api/phone/answer", map[string]any{"customer": "c1", "id": bubbles[len(bubbles)-1].ID, "answer": json.RawMessage(answer)})
	event := k.event("message.replied")
	fmt.Fprintf(&k.text, "\nThe answer comes back as `message.replied` with `data.reply`:\n\n```json\n%s\n```\n", k.tidy(event.Data.Reply))
}

// content is what differs between Apple's messages.
func (k *kindsWriter) content(out json.RawMessage) json.RawMessage {
	k.t.Helper()
	var message map[string]json.RawMessage
	if err := json.Unmarshal(out, &message); err != nil {
		k.t.Fatal(err)
	}
	for _, name := range []string{"v", "id", "sourceId", "destinationId"} {
		delete(message, name)
	}
	text, err := json.Marshal(message)
	if err != nil {
		k.t.Fatal(err)
	}
	return text
}

func (k *kindsWriter) state() (state demoState) {
	k.t.Helper()
	if err := json.Unmarshal(k.call(http.MethodGet, "/api/state", nil, ""), &state); err != nil {
		k.t.Fatal(err)
	}
	return state
}

// accepted waits until Apple has what the desk has sent after the first entries.
func (k *kindsWriter) accepted(first int) {
	k.t.Helper()
	for range 500 {
		if entries := k.state().Conversations[0].Entries; len(entries) > first {
			switch entry := entries[first]; entry.Status {
			case "accepted":
				return
			case "failed":
				k.t.Fatalf("the bridge refused it: %s", entry.Code)
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	k.t.Fatal("Apple has not got it")
}

type deskEvent struct {
	Type string
	Data struct{ Reply json.RawMessage }
}

// event waits for an event of a type at the desk.
func (k *kindsWriter) event(eventType string) (event deskEvent) {
	k.t.Helper()
	for range 500 {
		for _, body := range k.tap.take("desk/hooks/apple") {
			if err := json.Unmarshal(body, &event); err != nil {
				k.t.Fatal(err)
			}
			if event.Type == eventType {
				return event
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	k.t.Fatalf("no %s came to the desk", eventType)
	return event
}

var (
	longText = regexp.MustCompile(`"([A-Za-z0-9+/_-]{40})[A-Za-z0-9+/_=-]{60,}"`)
	uuidText = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	dayText  = regexp.MustCompile(`\b(20\d\d-\d\d-\d\d|\d\d/\d\d/20\d\d|[A-Z][a-z]{2} \d{1,2}, 20\d\d)\b`)
	mmcsText = regexp.MustCompile(`(http://127\.0\.0\.1:\d+/mmcs/)[^"]*|"(owner|key|signature-base64|state|merchantSessionIdentifier|nonce|signature|pspId)": "[^"]*"|"(size|epochTimestamp|expiresAt)": \d+|/pay/[^/"]+/`)
)

// tidy makes the same text of every run: days are counted from 7 January 2030, ids and bytes are shortened.
func (k *kindsWriter) tidy(raw json.RawMessage) string {
	var text bytes.Buffer
	if err := json.Indent(&text, raw, "", "  "); err != nil {
		k.t.Fatal(err)
	}
	today := time.Now().UTC().Truncate(24 * time.Hour)
	shift := time.Date(2030, 1, 7, 0, 0, 0, 0, time.UTC).Sub(today)
	tidied := dayText.ReplaceAllStringFunc(text.String(), func(day string) string {
		for _, layout := range []string{time.DateOnly, "01/02/2006", "Jan 2, 2006"} {
			if at, err := time.Parse(layout, day); err == nil {
				return at.Add(shift).Format(layout)
			}
		}
		return day
	})
	tidied = mmcsText.ReplaceAllStringFunc(tidied, func(found string) string {
		if strings.HasPrefix(found, "/pay/") {
			return "/pay/…/"
		}
		if name, _, ok := strings.Cut(found, ": "); ok && !strings.HasPrefix(found, "http") {
			return name + `: "…"`
		}
		return "https://p00-content.icloud.com/…"
	})
	tidied = strings.ReplaceAll(tidied, "http://"+k.demo.app.PublicAddr().String(), "https://bridge.example.com")
	tidied = longText.ReplaceAllString(tidied, `"$1…"`)
	return uuidText.ReplaceAllString(tidied, "00000000-0000-4000-8000-000000000900")
}
