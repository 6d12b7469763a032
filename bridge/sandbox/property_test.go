package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// composer makes answers without a wire.
type composer struct{ s *Sandbox }

func newComposer(t testing.TB) composer {
	s, err := New(testOptions())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	s.now = func() time.Time { return now }
	return composer{s}
}

// answer is the interactiveData of an answer to a message, or why there is none.
func (c composer) answer(message, answer json.RawMessage) (json.RawMessage, error) {
	d, err := parseInteractive(message)
	if err != nil {
		return nil, err
	}
	choice, err := parseChoice(answer, d.kind)
	if err != nil {
		return nil, err
	}
	var original fields
	if err := json.Unmarshal(message, &original); err != nil {
		return nil, err
	}
	asked := interactive{Kind: d.kind, Title: d.title, RequestID: d.requestID, session: first(d.session, newUUID()), saved: &savedMessage{message: *d}}
	r, err := c.s.composeReply(asked, original, choice)
	if err != nil {
		return nil, err
	}
	return r.interactiveData(), nil
}

// mustAnswer is the data of the answer to one of Apple's own kinds.
func (c composer) mustAnswer(t *rapid.T, kind string, member any, answer obj) obj {
	message := obj{
		"bid": appleBID, "receivedMessage": obj{"title": "Choose"},
		"data": obj{"version": "1.0", "requestIdentifier": "00000000-0000-4000-8000-000000000900", kind: member},
	}
	if kind == "quick-reply" {
		delete(message, "receivedMessage")
	}
	raw, _ := json.Marshal(message)
	chosen, _ := json.Marshal(answer)
	got, err := c.answer(raw, chosen)
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, raw, chosen)
	}
	var reply struct{ Data obj }
	if err := json.Unmarshal(got, &reply); err != nil {
		t.Fatal(err)
	}
	return reply.Data
}

// decoded is a value after a way through JSON.
func decoded(v any) (again any) {
	raw, _ := json.Marshal(v)
	_ = json.Unmarshal(raw, &again)
	return again
}

func randomTitle(t *rapid.T, name string) string {
	return rapid.StringMatching(`[A-Za-zäöü][ A-Za-zäöü👍]{0,12}`).Draw(t, name)
}

// TestPickersAnswerWhatWasChosen: of random lists, random choices come back, and nothing else.
func TestPickersAnswerWhatWasChosen(t *testing.T) {
	c := newComposer(t)
	rapid.Check(t, func(t *rapid.T) {
		sections, kept := arr{}, arr{}
		var chosen, titles []string
		count := rapid.IntRange(1, 4).Draw(t, "sections")
		for s := range count {
			multiple := rapid.Bool().Draw(t, "multiple")
			items, picked := arr{}, arr{}
			for i := range rapid.IntRange(1, 5).Draw(t, "items") {
				item := obj{"identifier": fmt.Sprint(s, "/", i), "title": randomTitle(t, "title"), "order": i}
				items = append(items, item)
				last := s == count-1 && len(chosen) == 0 // at least one must be
				if (multiple || len(picked) == 0) && (last || rapid.Bool().Draw(t, "pick")) {
					picked = append(picked, item)
					chosen = append(chosen, item["identifier"].(string))
					titles = append(titles, item["title"].(string))
				}
			}
			section := obj{"title": randomTitle(t, "section"), "order": s, "multipleSelection": multiple, "items": items}
			sections = append(sections, section)
			if len(picked) > 0 {
				kept = append(kept, obj{"title": section["title"], "order": s, "multipleSelection": multiple, "items": picked})
			}
		}
		shuffled := rapid.Permutation(chosen).Draw(t, "order")
		got := c.mustAnswer(t, "listPicker", obj{"sections": sections}, obj{"items": shuffled})
		if diff := cmp.Diff(decoded(kept), got["listPicker"].(obj)["sections"]); diff != "" {
			t.Fatal(diff)
		}
		if words := got["replyMessage"].(obj)["subtitle"]; words != strings.Join(titles, ", ") {
			t.Fatalf("%v for %v", words, titles)
		}
	})
}

func TestSlotsAndButtonsAnswerWhatWasChosen(t *testing.T) {
	c := newComposer(t)
	rapid.Check(t, func(t *rapid.T) {
		items, slots := arr{}, arr{}
		n := rapid.IntRange(2, 5).Draw(t, "n")
		for i := range n {
			items = append(items, obj{"identifier": fmt.Sprint(i), "title": randomTitle(t, "title")})
			at := time.Unix(rapid.Int64Range(1_900_000_000, 4_000_000_000).Draw(t, "start"), 0).UTC()
			slots = append(slots, obj{"identifier": fmt.Sprint(i), "startTime": at.Format("2006-01-02T15:04") + "+0000", "duration": rapid.IntRange(0, 1e6).Draw(t, "duration")})
		}
		index := rapid.IntRange(0, n-1).Draw(t, "index")
		quick := c.mustAnswer(t, "quick-reply", obj{"summaryText": "?", "items": items}, obj{"index": index})["quick-reply"]
		if diff := cmp.Diff(decoded(obj{"items": items, "selectedIndex": index, "selectedIdentifier": fmt.Sprint(index)}), quick); diff != "" {
			t.Fatal(diff)
		}
		offset := rapid.IntRange(-maxOffset, maxOffset).Draw(t, "offset")
		got := c.mustAnswer(t, "event", obj{"identifier": "e", "timezoneOffset": offset, "timeslots": slots}, obj{"slot": fmt.Sprint(index)})
		if diff := cmp.Diff(decoded(obj{"identifier": "e", "timezoneOffset": offset, "timeslots": arr{slots[index]}}), got["event"]); diff != "" {
			t.Fatal(diff)
		}
		start, _ := time.Parse(slotLayout, slots[index].(obj)["startTime"].(string))
		shown, err := time.Parse("Jan 2, 2006 at 15:04", got["replyMessage"].(obj)["title"].(string))
		if err != nil || shown.Sub(start) != time.Duration(offset)*time.Minute {
			t.Fatalf("%v is not %v and %d minutes (%v)", shown, start, offset, err)
		}
	})
}

// randomForm is a form whose pages lead on to later ones only, and a way through it.
func randomForm(t *rapid.T) (form obj, way arr, selections arr) {
	n := rapid.IntRange(1, 6).Draw(t, "pages")
	id := func(i int) string { return fmt.Sprint("p", i) }
	pages := make([]obj, n)
	answers, filled, nexts := make([]obj, n), make([]arr, n), make([]int, n)
	for i := range n {
		later := func() int { return rapid.IntRange(i+1, max(n-1, i+1)).Draw(t, "next") }
		page := obj{"pageIdentifier": id(i), "title": randomTitle(t, "title"), "submitForm": i == n-1}
		nexts[i] = later()
		answers[i] = obj{"page": id(i)}
		kind := rapid.SampledFrom([]string{"select", "several", "picker", "datePicker", "input"}).Draw(t, "type")
		page["type"] = kind
		switch kind {
		case "datePicker", "input":
			value := "02/24/2030"
			if kind == "input" {
				value = rapid.StringMatching(`[a-z]{0,30}`).Draw(t, "value")
			}
			answers[i]["value"], filled[i] = value, arr{obj{"value": value}}
		default:
			items, picks := arr{}, []string{}
			count := rapid.IntRange(1, 4).Draw(t, "items")
			pick := rapid.IntRange(0, count-1).Draw(t, "pick")
			for k := range count {
				item := obj{"identifier": fmt.Sprint(k), "title": randomTitle(t, "item"), "value": fmt.Sprint("v", k)}
				if k == pick || kind == "several" && rapid.Bool().Draw(t, "also") {
					picks = append(picks, fmt.Sprint(k))
					filled[i] = append(filled[i], obj{"identifier": item["identifier"], "title": item["title"], "value": item["value"]})
				}
				if kind == "select" && i < n-1 {
					next := nexts[i]
					if k != pick {
						next = later()
					}
					item["nextPageIdentifier"] = id(next)
				}
				items = append(items, item)
			}
			page["items"], answers[i]["items"] = items, picks
			if kind == "several" {
				page["type"], page["multipleSelection"] = "select", true
			}
		}
		if kind != "select" && i < n-1 {
			page["nextPageIdentifier"] = id(nexts[i])
		}
		pages[i] = page
	}
	for i := 0; i < n; i = nexts[i] {
		way = append(way, answers[i])
		selections = append(selections, obj{"pageIdentifier": id(i), "title": pages[i]["title"], "items": filled[i]})
	}
	form = obj{"version": "1.2", "template": "messageForms", "data": obj{"startPageIdentifier": id(0), "pages": pages}}
	return form, way, selections
}

func TestFormsAnswerWhatWasFilledIn(t *testing.T) {
	c := newComposer(t)
	rapid.Check(t, func(t *rapid.T) {
		form, way, selections := randomForm(t)
		got := c.mustAnswer(t, "dynamic", form, obj{"pages": way})["dynamic"]
		if diff := cmp.Diff(decoded(obj{"version": "1.2", "template": "messageForms", "selections": selections}), got); diff != "" {
			t.Fatal(diff)
		}
		c.mustAnswer(t, "dynamic", form, nil) // the first choices lead through, too
		if len(way) > 1 {                     // a way with a page left out leads nowhere
			gap := rapid.IntRange(0, len(way)-1).Draw(t, "gap")
			message, _ := json.Marshal(obj{"bid": appleBID, "receivedMessage": obj{"title": "x"}, "data": obj{"version": "1.0", "requestIdentifier": newUUID(), "dynamic": form}})
			broken, _ := json.Marshal(obj{"pages": slices.Delete(slices.Clone(way), gap, gap+1)})
			if _, err := c.answer(message, broken); err == nil {
				t.Fatalf("without page %d of %v", gap, way)
			}
		}
	})
}

// fuzzSeeds are the examples of what a business sends.
func fuzzSeeds(t testing.TB, member string, names ...string) (seeds [][]byte) {
	for _, name := range names {
		raw, _ := json.Marshal(fixture(t, name)[member])
		seeds = append(seeds, raw)
	}
	return seeds
}

var answerableFixtures = []string{"out-quick-reply", "out-list-picker-images", "out-time-picker-fixed-tz", "out-form", "out-custom-app"}

// FuzzInteractive: whatever passes the rules can be shown, and answered with the first choice or refused in words.
func FuzzInteractive(f *testing.F) {
	for _, seed := range fuzzSeeds(f, "interactiveData", append(answerableFixtures, "out-list-picker-text", "out-time-picker-user-tz", "out-apple-pay-rich")...) {
		f.Add(seed)
	}
	c := newComposer(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := parseInteractive(raw)
		if err != nil {
			if err.Error() == "" {
				t.Error("refused without a reason")
			}
			return
		}
		var top fields
		decodeInto(t, raw, &top)
		if bare := withoutBytes(top); len(bare) > 0 && !json.Valid(bare) {
			t.Errorf("%s", bare)
		}
		for _, name := range imageNames(top) {
			if encoded, ok := imageOf(top, name); !ok || encoded == "" {
				t.Errorf("no image %q", name)
			}
		}
		if !canAnswer(d.kind) {
			return
		}
		checkComposed(t, c, raw, nil)
	})
}

// FuzzAnswer: no answer to a good message does harm, and each is composed or refused in words.
func FuzzAnswer(f *testing.F) {
	for i, seed := range []string{
		`{"index":2}`, `{"items":["2","1"]}`, `{"slot":"slot-1"}`,
		`{"pages":[{"page":"0","items":["0_0"]},{"page":"1","value":"2030-02-24"},{"page":"2","items":["2_1"]},{"page":"3","value":"x"}]}`, `{"url":"?a=b"}`,
	} {
		f.Add(byte(i), []byte(seed))
	}
	c, messages := newComposer(f), fuzzSeeds(f, "interactiveData", answerableFixtures...)
	f.Fuzz(func(t *testing.T, which byte, answer []byte) {
		checkComposed(t, c, messages[int(which)%len(messages)], answer)
	})
}

// FuzzLink: the rules of rich links do not fall over.
func FuzzLink(f *testing.F) {
	for _, seed := range fuzzSeeds(f, "richLinkData", "out-rich-link-image", "out-rich-link-video") {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		l, err := parseLink(raw)
		if err == nil && (l.url == "" || l.title == "") {
			t.Errorf("taken without url or title: %s", raw)
		}
	})
}

func checkComposed(t *testing.T, c composer, message, answer []byte) {
	t.Helper()
	got, err := c.answer(message, answer)
	var known apiError
	switch {
	case err == nil:
		var reply fields
		decodeInto(t, got, &reply)
		if bid, ok := reply.text("bid"); !ok || bid == "" || reply["sessionIdentifier"] == nil {
			t.Errorf("%s", got)
		}
	case !errors.As(err, &known) || known.status != http.StatusBadRequest || known.text == "":
		t.Errorf("%v for %s", err, answer)
	}
}
