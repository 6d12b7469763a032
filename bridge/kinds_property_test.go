package bridge

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/bridge/message/messagetest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestKindsProperty sends what the generators give through the real bridge. The strict simulator must take every content
// that validates, and every answer that its phone can give must come to the desk as the choice that was made.
func TestKindsProperty(t *testing.T) {
	visit := newKindsVisit(t)
	contents := rapid.OneOf(messagetest.Interactive(), messagetest.Interactive(), messagetest.Interactive(), messagetest.Content()).Filter(known)
	checks, answered := 0, make(map[message.Kind]int)
	rapid.Check(t, func(t *rapid.T) {
		content := disturbed(t, withPictures(contents.Draw(t, "content")))
		sent := visit.send(t, content)
		choice := choose(t, content)
		checks++
		if sent == nil || choice == nil {
			return
		}
		visit.answer(t, *sent, *choice)
		answered[content.Kind()]++
	})
	for _, kind := range answerable {
		if checks >= 100 && answered[kind] == 0 {
			t.Errorf("no %s was answered: the property says nothing of it", kind)
		}
	}
}

// answerable are the kinds that this test knows how to answer; other are those that nobody answers.
var (
	answerable = []message.Kind{message.KindQuickReply, message.KindListPicker, message.KindTimePicker, message.KindForm, message.KindApp}
	other      = []message.Kind{message.KindText, message.KindFiles, message.KindRichLink, message.KindTyping}
)

func interactive(content message.Content) bool { return slices.Contains(answerable, content.Kind()) }

// known leaves out kinds that refer to something which the demo does not have, such as a template.
func known(content message.Content) bool {
	return interactive(content) || slices.Contains(other, content.Kind())
}

// kindsVisit drives a demo and follows its stream of changes.
type kindsVisit struct {
	demo    *Demo
	changes chan change
	visits  int
}

// change is what the stream tells of a line at the desk, of a bubble on the phone or of a request.
type change struct {
	Entry *struct {
		ID, Kind, Status, Code, Reason string
		Errors                         []message.Fault
		Reply                          json.RawMessage
	}
	Bubble *struct {
		ID, From, Status, Reason string
		Interactive              *struct{ Kind string }
	}
	Hop, Answer string
	Status      int
	Done        bool
}

func newKindsVisit(t *testing.T) *kindsVisit {
	visit := &kindsVisit{demo: startDemo(t, &wiretap{}, slog.DiscardHandler), changes: make(chan change, 1000)}
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, visit.demo.URL()+"events", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp, err)
	}
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		visit.listen(ctx, resp.Body)
	}()
	t.Cleanup(func() {
		cancel()
		<-finished
		_ = resp.Body.Close()
	})
	visit.post(t, "/api/phone/send", map[string]any{"customer": "c1", "text": "Hello"})
	visit.wait(t, "the conversation", func(c change) bool { return c.Entry != nil && c.Entry.Kind == "customer" })
	return visit
}

// listen reads server-sent events, of which each has one line of data.
func (v *kindsVisit) listen(ctx context.Context, stream io.Reader) {
	for lines := bufio.NewReader(stream); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return // closed, or a visitor waits in vain and says so
		}
		data, ok := strings.CutPrefix(line, "data: ")
		var next change
		if !ok || json.Unmarshal([]byte(data), &next) != nil {
			continue
		}
		select {
		case v.changes <- next:
		case <-ctx.Done():
			return
		}
	}
}

// fataler is a test, or a check of a property.
type fataler interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// post gives the id of what was begun.
func (v *kindsVisit) post(t fataler, path string, body any) string {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(strings.TrimSuffix(v.demo.URL(), "/")+path, "application/json", bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	var begun struct{ ID string }
	if err != nil || resp.StatusCode >= 300 || json.Unmarshal(answer, &begun) != nil {
		t.Fatalf("%s %s: %d %s %v", path, text, resp.StatusCode, answer, err)
	}
	return begun.ID
}

func (v *kindsVisit) wait(t fataler, what string, is func(change) bool) {
	t.Helper()
	for timeout := time.After(20 * time.Second); ; {
		select {
		case next := <-v.changes:
			if is(next) {
				return
			}
		case <-timeout:
			t.Fatalf("%s does not come", what)
		}
	}
}

// sentKind is what the bridge and the phone made of a content.
type sentKind struct {
	message.Part
	bubble string // id of the last one that can be answered
}

// send gives a content to the desk and wants it to reach the phone; nil where it was all in the past.
func (v *kindsVisit) send(t *rapid.T, content message.Content) *sentKind {
	id := v.post(t, "/api/desk/send", map[string]any{"conversation": "k1", "content": content})
	var result message.SendResult
	var refused []string
	sent := &sentKind{}
	v.wait(t, "the answer to a send", func(c change) bool {
		switch {
		case c.Bubble != nil && c.Bubble.From == "business" && c.Bubble.Interactive != nil:
			sent.bubble = c.Bubble.ID
		case c.Hop == "bridge-gateway" && c.Done && c.Status >= 400:
			refused = append(refused, fmt.Sprint(c.Status, " ", c.Answer))
		case c.Hop == "desk-bridge" && c.Done:
			_ = json.Unmarshal([]byte(c.Answer), &result) // the page shortens long ones, which cannot be answered
		case c.Entry != nil && c.Entry.ID == id && c.Entry.Status != "sending":
			past := len(c.Entry.Errors) == 1 && c.Entry.Errors[0].Rule == "past"
			if past && allPast(content) {
				sent = nil
			} else if c.Entry.Status != "accepted" {
				t.Fatalf("%s: %s %s %v\nthe gateway: %q\n%s", c.Entry.Status, c.Entry.Code, c.Entry.Reason, c.Entry.Errors, refused, shown(t, content))
			}
			return true
		}
		return false
	})
	if sent != nil && interactive(content) {
		if len(result.Parts) != 1 || sent.bubble == "" {
			t.Fatalf("it went out as %+v\n%s", result, shown(t, content))
		}
		sent.Part = result.Parts[0]
	}
	return sent
}

func allPast(content message.Content) bool {
	picker, ok := content.(message.TimePicker)
	return ok && len(upcoming(picker)) == 0
}

// kindsChoice is what a customer answers, and how the desk must hear of it.
type kindsChoice struct {
	answer map[string]any
	want   message.Reply
}

// answer lets the phone answer, and compares.
func (v *kindsVisit) answer(t *rapid.T, sent sentKind, choice kindsChoice) {
	if choice.want.Kind == message.ReplyApp { // the same answer to two bubbles of one session is one answer for the bridge
		v.visits++
		choice.want.URL += "#" + strconv.Itoa(v.visits)
		choice.answer["url"] = choice.want.URL
	}
	v.post(t, "/api/phone/answer", map[string]any{
		"customer": "c1", "id": sent.bubble, "answer": choice.answer,
		"format": rapid.SampledFrom([]string{"", "inline", "json", "bplist"}).Draw(t, "format"),
	})
	var raw json.RawMessage
	v.wait(t, "the answer at the desk", func(c change) bool {
		if c.Bubble != nil && c.Bubble.Status == "not_delivered" {
			t.Fatalf("the bridge does not take the answer: %s\n%s", c.Bubble.Reason, asJSON(t, choice.answer))
		}
		if c.Entry != nil {
			raw = c.Entry.Reply
		}
		return c.Entry != nil
	})
	var got message.Reply
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatalf("no reply came to the desk: %v", err)
	}
	want := choice.want
	want.RequestID = sent.RequestID
	if want.SessionID == "" { // then the phone makes one
		want.SessionID = got.SessionID
	}
	want.Title, want.Subtitle = got.Title, got.Subtitle // the phone's words
	if got.SessionID == "" || string(sent.Kind) != string(want.Kind) || sent.Kind.Interactive() && sent.RequestID == "" {
		t.Errorf("the bridge sent it as %+v, and hears of the session %q", sent, got.SessionID)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("answered with %s\n%s", asJSON(t, choice.answer), diff)
	}
}

// shown is a content for people: its pictures are cut short.
func shown(t fataler, content message.Content) []byte {
	return longText.ReplaceAll(asJSON(t, content), []byte(`"$1…"`))
}

func asJSON(t fataler, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// choose gives something that a customer can answer to a content; nil for nothing.
func choose(t *rapid.T, content message.Content) *kindsChoice {
	switch content := content.(type) {
	case message.QuickReply:
		return chooseOption(t, content)
	case message.ListPicker:
		return chooseItems(t, content)
	case message.TimePicker:
		return chooseSlot(t, content)
	case message.Form:
		return fillIn(t, content)
	case message.App:
		url := rapid.StringMatching(`\?[a-z]{1,8}=[A-Za-z0-9&=+/_%-]{0,200}`).Draw(t, "answered url")
		return &kindsChoice{map[string]any{}, message.Reply{Kind: message.ReplyApp, URL: url, SessionID: content.SessionID}}
	}
	return nil
}

// chooseOption presses a button, or picks the item that it became where there were too many.
func chooseOption(t *rapid.T, quick message.QuickReply) *kindsChoice {
	index := rapid.IntRange(0, len(quick.Options)-1).Draw(t, "index")
	option := quick.Options[index]
	want := message.Reply{Kind: message.ReplyQuickReply, Selections: []message.Selection{{ID: option.ID, Title: string(option.Title)}}}
	if len(quick.Options) > message.MaxOptions {
		want.Kind = message.ReplyListPicker
		return &kindsChoice{map[string]any{"items": []string{option.ID}}, want}
	}
	return &kindsChoice{map[string]any{"index": index}, want}
}

// chooseItems picks any number of items where several may be picked, and one at most elsewhere.
func chooseItems(t *rapid.T, list message.ListPicker) *kindsChoice {
	var ids []string
	want := message.Reply{Kind: message.ReplyListPicker}
	for i, section := range list.Sections {
		last := i == len(list.Sections)-1
		for _, item := range subset(t, section.Items, section.Multiple, last && len(ids) == 0) {
			ids = append(ids, item.ID)
			want.Selections = append(want.Selections, message.Selection{ID: item.ID, Title: string(item.Title), Subtitle: string(item.Subtitle)})
		}
	}
	return &kindsChoice{map[string]any{"items": shuffled(t, ids)}, want}
}

// subset gives some items in their order: none only where that is possible, several only where these are.
func subset[Item any](t *rapid.T, items []Item, several, needed bool) []Item {
	least, most := 0, 1
	if needed {
		least = 1
	}
	if several {
		most = len(items)
	}
	places := rapid.SliceOfNDistinct(rapid.IntRange(0, len(items)-1), least, most, rapid.ID).Draw(t, "places")
	slices.Sort(places)
	var some []Item
	for _, place := range places {
		some = append(some, items[place])
	}
	return some
}

func shuffled(t *rapid.T, ids []string) []string {
	return rapid.Permutation(ids).Draw(t, "tapped")
}

func upcoming(picker message.TimePicker) []message.Slot {
	later := time.Now().Add(time.Hour)
	return slices.DeleteFunc(slices.Clone(picker.Appoint.Slots), func(slot message.Slot) bool { return slot.Start.Before(later) })
}

func chooseSlot(t *rapid.T, picker message.TimePicker) *kindsChoice {
	slots := upcoming(picker)
	if len(slots) == 0 {
		return nil
	}
	slot := rapid.SampledFrom(slots).Draw(t, "slot")
	return &kindsChoice{map[string]any{"slot": slot.ID}, message.Reply{
		Kind:       message.ReplyTimePicker,
		Selections: []message.Selection{{ID: slot.ID, Start: &slot.Start, Duration: slot.Duration}},
	}}
}

// pageFilled is an answer to a page of a form.
type pageFilled struct {
	Page  string   `json:"page"`
	Items []string `json:"items,omitempty"`
	Value string   `json:"value,omitempty"`
}

// fillIn goes through a form on a way that its choices lead; nil where a page cannot be filled in.
func fillIn(t *rapid.T, form message.Form) *kindsChoice {
	want := message.Reply{Kind: message.ReplyForm, Private: form.Private}
	var pages []pageFilled
	for id := form.First(); ; {
		place := slices.IndexFunc(form.Pages, func(page message.Page) bool { return page.ID == id })
		if place < 0 {
			t.Fatalf("the form leads to %q", id)
		}
		page, next := form.Pages[place], form.NextOf(place)
		filled := pageFilled{Page: id}
		chosen := message.Selection{Page: id, Subtitle: string(page.Title)}
		switch page.Type {
		case message.PageSelect, message.PagePicker:
			for _, item := range subset(t, page.Items, page.Multiple, true) {
				filled.Items = append(filled.Items, item.ID)
				chosen.ID, chosen.Title, chosen.Value = item.ID, string(item.Title), item.Value
				if chosen.Value == "" {
					chosen.Value = item.ID
				}
				want.Selections = append(want.Selections, chosen)
				if item.Next != "" {
					next = item.Next
				}
			}
			filled.Items = shuffled(t, filled.Items)
		case message.PageDatePicker:
			if dayLayouts[page.Format] == "" || page.Min > "2030-01-01" || page.Max != "" && page.Max < "2031-12-31" {
				return nil // disturbed
			}
			filled.Value, chosen.Value = day(t, page)
			want.Selections = append(want.Selections, chosen)
		case message.PageInput:
			var ok bool
			if filled.Value, ok = words(t, page); !ok {
				return nil
			}
			if chosen.Value = filled.Value; chosen.Value != "" {
				want.Selections = append(want.Selections, chosen)
			}
		}
		if pages = append(pages, filled); form.Submits(place) {
			return &kindsChoice{map[string]any{"pages": pages}, want}
		}
		id = next
	}
}

// dayLayouts are those of the generated and the disturbed forms.
var dayLayouts = map[string]string{
	"": "01/02/2006", "dd.MM.yyyy": "02.01.2006", "yyyy-MM-dd": "2006-01-02", "d MMM yy": "2 Jan 06", "yy-M-d": "06-1-2",
}

// day turns the wheels to a day. Browsers say it as 2030-02-24, the phone in the page's format.
func day(t *rapid.T, page message.Page) (given, want string) {
	layout := dayLayouts[page.Format]
	chosen := time.Date(2030, 1, 1+rapid.IntRange(0, 729).Draw(t, "day"), 0, 0, 0, 0, time.UTC) // from the earliest to the latest
	want = chosen.Format(layout)
	return rapid.SampledFrom([]string{chosen.Format(time.DateOnly), want}).Draw(t, "date"), want
}

// words types something that the page takes; false where it takes nothing.
func words(t *rapid.T, page message.Page) (string, bool) {
	limit := page.MaxLength
	if limit == 0 && page.Multiline {
		limit = 300
	} else if limit == 0 {
		limit = 30
	}
	text := rapid.OneOf(
		rapid.StringN(0, min(limit, 300), -1), rapid.Just(strings.Repeat("é", limit)), rapid.Just(""),
	).Draw(t, "words")
	switch page.Regex {
	case "":
	case `^[0-9]{5}$`:
		text = rapid.SampledFrom([]string{"", "01234"}).Draw(t, "digits")
	case `^(?=.*\d).+$`:
		text = "7"
	default:
		return "", false // disturbed
	}
	if !page.Multiline {
		text = strings.NewReplacer("\r", "", "\n", "").Replace(text)
	}
	if page.Required && strings.TrimSpace(text) == "" {
		text = "x"
		if page.Regex == `^[0-9]{5}$` {
			text = "43210"
		}
	}
	return text, len([]rune(text)) <= limit
}

// disturbed puts something odd in the place of up to two values, where the content stays valid.
func disturbed(t *rapid.T, content message.Content) message.Content {
	if !interactive(content) && content.Kind() != message.KindRichLink {
		return content
	}
	var document any
	if err := json.Unmarshal(asJSON(t, content), &document); err != nil {
		t.Fatal(err)
	}
	places := make(map[string][]func(any)) // by name, so that a form's many titles do not get all
	leaves("", document, nil, func(name string, set func(any)) {
		if name != "data" { // what is no picture is refused when it is read
			places[name] = append(places[name], set)
		}
	})
	for range rapid.IntRange(0, 2).Draw(t, "disturbances") {
		name := rapid.SampledFrom(slices.Sorted(maps.Keys(places))).Draw(t, "name")
		value := rapid.SampledFrom(slices.Concat(odd[name], odd[""])).Draw(t, "odd")
		rapid.SampledFrom(places[name]).Draw(t, "place")(value)
	}
	changed, faults := message.DecodeContent(asJSON(t, document))
	if faults != nil || changed.Kind() != content.Kind() {
		return content
	}
	return changed
}

// leaves finds the values that hold no others, each with the name of its member and with how to replace it.
func leaves(name string, value any, set func(any), found func(name string, set func(any))) {
	switch value := value.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(value)) {
			leaves(name, value[name], func(v any) { value[name] = v }, found)
		}
	case []any:
		for i := range value {
			leaves(name, value[i], func(v any) { value[i] = v }, found)
		}
	default:
		found(name, set)
	}
}

// odd are values that may upset somebody, by the member; "": in any.
var odd = map[string][]any{
	"": {
		"", " ", "a b", "\u00a0", "\u200b", "\ue000", "\ufffd", "\u2028", "\u0301", "x\x00", "\u202e", `\`, `"`, "&<>", "%", "null", "0",
		strings.Repeat("é", 19), strings.Repeat("é", 128), strings.Repeat("é", 200), strings.Repeat("👩\u200d🔧", 60),
		-1.0, 0.0, 1.0, 0.5, 1e9, 9007199254740992.0, 1e300, true, false,
	},
	"url": {
		"?a b", "?\u00a0", "?\u0085", "?é", "?" + strings.Repeat("x", 4999), "?" + strings.Repeat("é", 2499), "app:x", "https://www./", "https://www.",
		"http://www.www./", "https://例え.jp/ü", "HTTPS://EXAMPLE.COM", "https://appclip.example.com/1", "https://%EE%80%80/", "https://example.com/%zz",
		"https://example.com/\u00a0", "https://a.example/?" + strings.Repeat("x", 8100), "https://[::1]:8080/", "http:/", "https://:1/",
	},
	"regex":     {"(", "a)", "[a", "*", `a\`, "(?<n>a", "a{1001}", `\Q(`, "(?#", "[]", "[[:x:]]"},
	"format":    {"yy-M-d", "dMyyyy", "ddMMMMyyyy", "d. MMMM yyyy", "MMMdd,yyyy", "yyyyMMdd", "yyMMdd"},
	"min":       oddDays,
	"max":       oddDays,
	"start":     append(oddDays, "0000-01-01T00:00:00Z", "2031-05-05T00:00:00+14:00", "9999-12-31T23:59:00-01:00", "9999-12-31T23:59:00Z"),
	"timezone":  {"Asia/Kathmandu", "Etc/GMT-14", "Etc/GMT+12", "GMT", "America/Argentina/Buenos_Aires"},
	"keyboard":  {"numbersAndPunctuation", "UIKeyboardTypeNumberPad", "UIKeyboardTypeDefault"},
	"mime_type": {"video/a!b", "video/VND.x", "video/"},
	"latitude":  {-90.0, 90.0, 1e-7},
	"longitude": {-180.0, 180.0, 1e-7},
	"radius":    {1e-7, 2e7, 1e15},
	"duration":  {31_622_400.0},
}

var oddDays = []any{"0000-12-31", "0001-01-01", "1930-01-01", "1969-01-01", "2068-12-31", "2069-01-01", "2130-12-31", "9999-12-31"}

// withPictures puts small pictures that are real in the place of all that have none, and bytes in that of addresses:
// nothing can be fetched in a test.
func withPictures(content message.Content) message.Content {
	switch content := content.(type) {
	case message.ListPicker:
		realImages(content.Images)
	case message.TimePicker:
		realImages(content.Images)
	case message.Form:
		realImages(content.Images)
	case message.RichLink:
		realAsset(content.Image)
	case message.App:
		realAsset(content.Icon)
	case message.Files:
		for i := range content.Files {
			content.Files[i].URL, content.Files[i].Data = "", smallPictures[i%len(smallPictures)]
		}
	}
	return content
}

func realImages(images []message.Image) {
	for i := range images {
		images[i].URL, images[i].Data = "", smallPictures[i%len(smallPictures)]
	}
}

func realAsset(asset *message.Asset) {
	if asset != nil {
		asset.URL, asset.Data = "", smallPictures[0]
	}
}

var smallPictures = func() (encoded []string) {
	shown := image.NewPaletted(image.Rect(0, 0, 12, 8), color.Palette{color.White, color.Black})
	shown.SetColorIndex(3, 3, 1)
	for _, encode := range []func(io.Writer) error{
		func(w io.Writer) error { return png.Encode(w, shown) },
		func(w io.Writer) error { return jpeg.Encode(w, shown, nil) },
		func(w io.Writer) error { return gif.Encode(w, shown, nil) },
	} {
		var file bytes.Buffer
		if err := encode(&file); err != nil {
			panic(err)
		}
		encoded = append(encoded, base64.StdEncoding.EncodeToString(file.Bytes()))
	}
	return encoded
}()
