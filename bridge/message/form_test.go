package message_test

import (
	"fmt"
	"strings"
	"testing"

	"bizbridge/bridge/message"
	"bizbridge/bridge/message/messagetest"

	"pgregory.net/rapid"
)

// Whoever answers a generated form, with whatever choices, sends it in the end, and some choice shows every page.
func TestEveryWayThroughAFormEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		form := messagetest.Form().Draw(t, "form")
		places := make(map[string]int)
		for i, page := range form.Pages {
			places[page.ID] = i
		}
		shown := make(map[int]bool)
		var answer func(i, steps int)
		answer = func(i, steps int) {
			if steps > len(form.Pages) {
				t.Fatal("a way through the form comes back")
			}
			if shown[i] = true; form.Submits(i) {
				return
			}
			page, next := form.Pages[i], map[string]bool{form.NextOf(i): true}
			if page.Type == message.PageSelect && !page.Multiple {
				next = map[string]bool{}
				for _, item := range page.Items {
					if item.Next == "" {
						next[form.NextOf(i)] = true
					} else {
						next[item.Next] = true
					}
				}
			}
			for id := range next {
				place, exists := places[id]
				if !exists {
					t.Fatalf("page %d leads to %q", i, id)
				}
				answer(place, steps+1)
			}
		}
		answer(places[form.First()], 1)
		if len(shown) != len(form.Pages) {
			t.Fatalf("%d of %d pages are shown to somebody", len(shown), len(form.Pages))
		}
	})
}

// A hundred pages of which each leads to all later ones have 2^98 ways. Judging them must not try each.
func TestFormsWithManyWaysAreCheap(t *testing.T) {
	form := message.Form{Received: message.Bubble{Title: "T"}}
	for i := range 100 {
		page := message.Page{ID: fmt.Sprint(i), Type: message.PageSelect, Title: "T"}
		for j := i + 1; j < 100; j++ {
			page.Items = append(page.Items, message.FormItem{ID: fmt.Sprint(j), Title: "T", Next: fmt.Sprint(j)})
		}
		if i == 99 {
			page.Items = []message.FormItem{{ID: "a", Title: "T"}}
		}
		form.Pages = append(form.Pages, page)
	}
	document := encode(t, form)
	if _, faults := message.DecodeContent(document); faults != nil {
		t.Error(faults)
	}
	document = []byte(change(t, string(document), "/pages/99/next", `"0"`))
	_, faults := message.DecodeContent(document)
	if got := fmt.Sprint(list(t, string(document), faults)); got != "[/pages/99/next cycle]" {
		t.Error(got)
	}
}

// Lists within lists are bounded together: 25 pages of 500 items each are within every limit of their own.
func TestAllListsOfAContentAreBoundedTogether(t *testing.T) {
	items := entries(500, `{"id":"%d","title":"T"}`)
	pages := make([]string, 25)
	for i := range pages {
		pages[i] = fmt.Sprintf(`{"id":"%d","type":"picker","title":"T","items":%s}`, i, items)
	}
	for n, want := range map[int]string{19: "[]", 20: "[/pages/19/items maxItems]", 21: "[/pages/19/items maxItems /pages/20/items maxItems]"} {
		document := `{"kind":"form","received":{"title":"T"},"pages":[` + strings.Join(pages[:n], ",") + `]}`
		_, faults := message.DecodeContent([]byte(document))
		if got := fmt.Sprint(list(t, document, faults)); got != want {
			t.Errorf("%d pages: %s", n, got)
		}
	}
}

func TestFaultsOfAFormComeInTheSameOrder(t *testing.T) {
	document := change(t, goodForm, "/pages/0/items/0/next", `"3"`, "/pages/2/next", `"1"`, "/pages/3/next", `"0"`, "/splash/image", `"k"`)
	_, first := message.DecodeContent([]byte(document))
	for range 20 {
		if _, again := message.DecodeContent([]byte(document)); fmt.Sprint(again) != fmt.Sprint(first) || len(first) < 3 {
			t.Fatalf("%v\n%v", first, again)
		}
	}
}

func TestWhatFollowsAPage(t *testing.T) {
	yes, no := true, false
	form := message.Form{Pages: []message.Page{
		{ID: "a"}, {ID: "b", Next: "d"}, {ID: "c", Submit: &yes}, {ID: "d", Submit: &no, Next: "c"}, {ID: "e"},
	}}
	for i, want := range []string{"b false", "d false", " true", "c false", " true"} {
		if got := fmt.Sprint(form.NextOf(i), " ", form.Submits(i)); got != want {
			t.Errorf("page %d: %q, want %q", i, got, want)
		}
	}
	if form.First() != "a" || (message.Form{Start: "c"}).First() != "c" || (message.Form{}).First() != "" {
		t.Error("First")
	}
	last := message.Page{ID: "z", Type: message.PageSelect, Items: []message.FormItem{{ID: "1", Next: "a"}}}
	if (message.Form{Pages: []message.Page{last}}).Submits(0) {
		t.Error("a last page whose items lead on does not submit")
	}
	last.Type = message.PagePicker
	if !(message.Form{Pages: []message.Page{last}}).Submits(0) {
		t.Error("only the items of a select page lead on")
	}
}

func TestDaysInTheFormatOfThePage(t *testing.T) {
	for format, want := range map[string]string{
		"": "02/04/2030", "MM/dd/yyyy": "02/04/2030", "dd.MM.yyyy": "04.02.2030", "yyyy-MM-dd": "2030-02-04", "d/M/yy": "4/2/30",
		"d MMM yyyy": "4 Feb 2030", "MMMM d, yyyy": "February 4, 2030", "ddMMyyyy": "04022030", "yyyyMMdd": "20300204", "ddMMMyyyy": "04Feb2030",
	} {
		page := message.Page{Format: format}
		if got := page.InFormat("2030-02-04"); got != want {
			t.Errorf("%s: %q, want %q", format, got, want)
		}
		document := change(t, goodForm, "/pages/1/format", `"`+format+`"`)
		if _, faults := message.DecodeContent([]byte(document)); faults != nil {
			t.Errorf("%s: %v", format, faults)
		}
	}
	if (message.Page{}).InFormat("") != "" || (message.Page{}).InFormat("04.02.2030") != "" {
		t.Error("what is no day")
	}
}

func TestKeyboards(t *testing.T) {
	for keyboard, want := range map[string]string{
		"": "default", "default": "default", "URL": "URL", "emailAddress": "emailAddress", "webSearch": "webSearch",
		"UIKeyboardTypeTwitter": "twitter", "UIKeyboardTypeASCIICapable": "asciiCapable", "UIKeyboardTypeDefault": "default",
		"UIKeyboardTypeURL": "URL", "UIKeyboardTypeNumbersAndPunctuation": "numbersAndPunctuation",
		"UIKeyboardType": "", "emoji": "", "EmailAddress": "", "UIKeyboardTypeEmoji": "",
	} {
		if got := (message.Page{Keyboard: keyboard}).KeyboardType(); got != want {
			t.Errorf("%s: %q, want %q", keyboard, got, want)
		}
	}
}

// What iOS may understand is not refused where Go does not.
func TestRegexesOfOtherDialects(t *testing.T) {
	for _, regex := range []string{`^(?=.*\d).+$`, `(?<zip>\d{5})(?!0)`, `a*+`, `\p{Alphabetic}`, `[a-z&&[^aeiou]]`, `(\w)\1`, `\R`} {
		document := change(t, goodForm, "/pages/3/regex", string(encode(t, regex)))
		if _, faults := message.DecodeContent([]byte(document)); faults != nil {
			t.Errorf("%s: %v", regex, faults)
		}
	}
}

func TestSelectedIndex(t *testing.T) {
	items := []message.FormItem{{ID: "s"}, {ID: "l"}}
	for selected, want := range map[string]int{"": 0, "s": 0, "l": 1, "xl": -1} {
		if got := (message.Page{Selected: selected, Items: items}).SelectedIndex(); got != want {
			t.Errorf("%q: %d", selected, got)
		}
	}
	if (message.Page{}).SelectedIndex() != -1 {
		t.Error("a page without items")
	}
}

func TestApps(t *testing.T) {
	no := false
	app := message.App{TeamID: "ABCDE12345", ExtensionID: "com.example.Ext"}
	if got := app.BundleID(); got != "com.apple.messages.MSMessageExtensionBalloonPlugin:ABCDE12345:com.example.Ext" {
		t.Error(got)
	}
	if (message.App{BID: "b"}).BundleID() != "b" || !app.Live() || (message.App{LiveLayout: &no}).Live() {
		t.Error("bid as it is; live unless it is said")
	}
	for _, url := range []string{"?a=b", "?", "https://example.com/?a=b", "data:,a", "myapp://order/1"} {
		if _, faults := message.DecodeContent([]byte(change(t, goodApp, "/url", `"`+url+`"`))); faults != nil {
			t.Errorf("%s: %v", url, faults)
		}
	}
}

// Pictures are those of the content that something shows, each where its pointer says.
func TestPicturesAreThoseThatAreShown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		content, ok := rapid.OneOf(messagetest.Interactive(), rapid.Map(messagetest.RichLink(), func(l message.RichLink) message.Content { return l })).
			Draw(t, "content").(message.Pictured)
		if !ok {
			return
		}
		document := string(encode(t, content))
		for _, picture := range content.Pictures() {
			if rest := unresolved(decodeAny(t, document), picture.Pointer); rest != "" || (picture.URL == "") == (picture.Data == "") {
				t.Fatalf("%+v: %q is not there", picture, rest)
			}
			if picture.ID != "" && !strings.Contains(document, `"image":`+string(encode(t, picture.ID))) {
				t.Fatalf("nothing shows %q", picture.ID)
			}
		}
	})
	content, _ := message.DecodeContent([]byte(goodList))
	if got := content.(message.Pictured).Pictures(); len(got) != 1 || got[0].Pointer != "/images/0" || got[0].ID != "i" {
		t.Errorf("%+v", got)
	}
	most := change(t, goodTime, "/images", entries(100, `{"id":"i%d","data":"aGk="}`), "/event/image", `"i99"`)
	for document, want := range map[string]string{most: "/images/99", goodTime: "/images/0", goodForm: "/images/0", goodLink: "/image", goodApp: "/icon"} {
		content, _ := message.DecodeContent([]byte(document))
		if got := content.(message.Pictured).Pictures(); len(got) != 1 || got[0].Pointer != want {
			t.Errorf("%s: %+v", want, got)
		}
	}
}
