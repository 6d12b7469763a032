package fallback

import (
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"bizbridge/bridge/message"
	"bizbridge/bridge/message/messagetest"
)

// path writes the steps as from>to(reason), and what was numbered as how many options.
func path(fitted Fitted) string {
	var words []string
	for _, step := range fitted.Steps {
		words = append(words, fmt.Sprintf("%s>%s(%s)", step.From, step.To, step.Reason))
	}
	if fitted.Choice != nil {
		words = append(words, fmt.Sprint(len(fitted.Choice.Options), " numbers"))
	}
	return strings.Join(words, " ")
}

func TestEveryDeviceGetsTheBestThatItShows(t *testing.T) {
	long := question
	long.Pages = slices.Clone(question.Pages)
	long.Pages[0].Title = message.Label(strings.Repeat("w", message.MaxLabel)) // no room beside the form's title
	wordy := sizeList
	wordy.Sections = []message.Section{{Items: []message.Item{
		{ID: "s", Title: "Small", Subtitle: message.Label(strings.Repeat("w", message.MaxLabel))}, {ID: "l", Title: "Large"},
	}}}
	private := question
	private.Private = true
	several := question
	several.Pages = slices.Clone(question.Pages)
	several.Pages[0].Multiple = true
	for name, test := range map[string]struct {
		content message.Content
		want    map[string]string // by device; "" for what is sent as it is
	}{
		"quick reply": {sizes, map[string]string{
			"old phone": "quick_reply>list_picker(device)", "watch": "quick_reply>text(device) 2 numbers",
			"unknown": "quick_reply>quick_reply(unknown_device)",
		}},
		"quick reply of six": {sixSizes, map[string]string{
			"phone": "quick_reply>list_picker(limit)", "old phone": "quick_reply>list_picker(limit)", "mac": "quick_reply>list_picker(limit)",
			"watch":   "quick_reply>list_picker(limit) list_picker>text(device) 6 numbers",
			"buttons": "quick_reply>list_picker(limit) list_picker>text(device) 6 numbers",
			"unknown": "quick_reply>list_picker(limit) list_picker>list_picker(unknown_device)",
		}},
		"list picker": {sizeList, map[string]string{
			"watch": "list_picker>text(device) 2 numbers", "buttons": "list_picker>quick_reply(device)",
			"unknown": "list_picker>list_picker(unknown_device)",
		}},
		"list picker of many words": {wordy, map[string]string{
			"watch": "list_picker>text(device) 2 numbers", "buttons": "list_picker>text(device) 2 numbers",
			"unknown": "list_picker>list_picker(unknown_device)",
		}},
		"list picker of several choices": {extras, map[string]string{
			"watch": "list_picker>text(device) 3 numbers", "buttons": "list_picker>text(device) 3 numbers",
			"unknown": "list_picker>list_picker(unknown_device)",
		}},
		"time picker": {slots, map[string]string{
			"watch": "time_picker>text(device) 3 numbers", "buttons": "time_picker>text(device) 3 numbers",
			"unknown": "time_picker>time_picker(unknown_device)",
		}},
		"form of one question": {question, map[string]string{
			"old phone": "form>list_picker(device)", "mac": "form>list_picker(device)", "buttons": "form>quick_reply(device)",
			"watch": "form>text(device) 2 numbers", "unknown": "form>form(unknown_device)",
		}},
		"form of one long question": {long, map[string]string{
			"old phone": "form>list_picker(device)", "mac": "form>list_picker(device)", "buttons": "form>text(device) 2 numbers",
			"watch": "form>text(device) 2 numbers", "unknown": "form>form(unknown_device)",
		}},
		"form of one question with several answers": {several, map[string]string{
			"old phone": "form>list_picker(device)", "mac": "form>list_picker(device)", "buttons": "form>text(device) 2 numbers",
			"watch": "form>text(device) 2 numbers", "unknown": "form>form(unknown_device)",
		}},
		"private form of one question": {private, map[string]string{
			"old phone": "form>text(device) 2 numbers", "mac": "form>text(device) 2 numbers", "buttons": "form>text(device) 2 numbers",
			"watch": "form>text(device) 2 numbers", "unknown": "form>form(unknown_device)",
		}},
		"form of several questions": {questions, map[string]string{
			"old phone": "form>text(device)", "mac": "form>text(device)", "buttons": "form>text(device)", "watch": "form>text(device)",
			"unknown": "form>form(unknown_device)",
		}},
		"app": {game, map[string]string{
			"mac": "app>text(device)", "watch": "app>text(device)", "buttons": "app>text(device)", "unknown": "app>app(unknown_device)",
			"silent": "app>text(device)",
		}},
		"app with a link": {linkedGame, map[string]string{
			"mac": "app>rich_link(device)", "watch": "app>rich_link(device)", "buttons": "app>rich_link(device)", "unknown": "app>app(unknown_device)",
			"silent": "app>rich_link(device)",
		}},
		"text":      {message.Text{Text: "Hi"}, nil},
		"files":     {message.Files{Text: "Hi"}, nil},
		"rich link": {message.RichLink{URL: "https://example.com"}, nil},
		"saved":     {message.Saved{}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if _, ok := test.want["silent"]; !ok && test.want != nil { // but for apps, it is as unknown as the nameless one
				test.want["silent"] = test.want["unknown"]
			}
			for device, what := range devices {
				fitted := fit(t, test.content, what)
				if got := path(fitted); got != test.want[device] {
					t.Errorf("%s: %s, want %s", device, got, test.want[device])
				}
				if test.want[device] == "" && !cmp.Equal(fitted.Content, test.content) {
					t.Errorf("%s: sent is %+v", device, fitted.Content)
				}
			}
		})
	}
}

func TestAppsAreForDevicesThatRunThem(t *testing.T) {
	for agent, want := range map[string]answer{
		"iPhone OS": yes, "iPad OS": yes, "iPadOS": yes, "iOS": yes, "Mac OS X": no, "Watch OS": no, "Apple TVOS": no, "visionOS": no, "": unknown,
	} {
		if got := showsApps(message.Device{Agent: agent}); got != want {
			t.Errorf("%q: %v, want %v", agent, got, want)
		}
	}
}

func TestWhatCustomersRead(t *testing.T) {
	deviceZone := slots
	deviceZone.Appoint.Timezone, deviceZone.Appoint.Location = "", nil
	for name, test := range map[string]struct {
		content message.Content
		want    string
	}{
		"quick reply": {sizes, "Which size?\n1. Small\n2. Large"},
		"list":        {sizeList, "Your shirt\nMade to order\n\nSize\n1. Small – 10 €\n2. Large"},
		"sections":    {extras, "Extras\n1. Cheese\n2. Ham\n\nDrinks\n3. Water – still"}, // a heading is not said twice
		"times":       {slots, "Your visit\nRepair\nMain Street\nEurope/Berlin\n1. 2030-03-01 09:00–09:30\n2. 2030-03-01 23:30 – 2030-03-02 01:30\n3. 2030-03-02 09:00"},
		"times of the device's zone": {deviceZone,
			"Your visit\nRepair\nGMT\n1. 2030-03-01 08:00–08:30\n2. 2030-03-01 22:30 – 2030-03-02 00:30\n3. 2030-03-02 08:00"},
		"a question":  {question, "A question\n\nWhich colour?\n1. Red\n2. Blue"},
		"questions":   {questions, "About you\nIt takes a minute\n\n1. Which colour? – One\n– Red\n– Blue\n\n2. Your name"},
		"app":         {game, "Your move\nWhite to play\nChess"},
		"six options": {sixSizes, "Which size?\n1. XS\n2. S\n3. M\n4. L\n5. XL\n6. XXL"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(message.Content(message.Text{Text: test.want}), fit(t, test.content, watch).Content); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestSimplerContentsKeepTheWordsAndTheIDs(t *testing.T) {
	for name, test := range map[string]struct {
		content message.Content
		device  message.Device
		want    message.Content
	}{
		"buttons become a list": {sizes, oldPhone, message.ListPicker{
			Received: message.Bubble{Title: "Which size?"},
			Sections: []message.Section{{Title: "Which size?", Items: []message.Item{{ID: "a", Title: "Small"}, {ID: "b", Title: "Large"}}}},
		}},
		"a list becomes buttons": {sizeList, buttons, message.QuickReply{
			Prompt: "Your shirt – Made to order – Size", Options: []message.Option{{ID: "s", Title: "Small – 10 €"}, {ID: "l", Title: "Large"}},
		}},
		"a form becomes a list": {question, mac, message.ListPicker{
			Received: message.Bubble{Title: "A question"},
			Sections: []message.Section{{Title: "Which colour?", Items: []message.Item{{ID: "r", Title: "Red"}, {ID: "b", Title: "Blue"}}}},
		}},
		"a form becomes buttons": {question, buttons, message.QuickReply{
			Prompt: "A question – Which colour?", Options: []message.Option{{ID: "r", Title: "Red"}, {ID: "b", Title: "Blue"}},
		}},
		"an app becomes its link": {linkedGame, mac, message.RichLink{URL: "https://example.com/chess", Title: "Your move"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, fit(t, test.content, test.device).Content); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// A step that is not among Steps would be a series of the metrics that nobody has seen before.
func TestWhateverIsSentIsShownOrUnknown(t *testing.T) {
	t.Parallel()
	all := []string{"phone", "old phone", "mac", "watch", "buttons", "unknown"}
	rapid.Check(t, func(t *rapid.T) {
		content := messagetest.Content().Draw(t, "content")
		name := rapid.SampledFrom(all).Draw(t, "device")
		device := devices[name]
		fitted, failure := Fit(content, device)
		if failure != nil {
			if failure.Class != message.Invalid || Shows(content.Kind(), device) {
				t.Fatalf("on the %s a %s is refused: %v", name, content.Kind(), failure)
			}
			return
		}
		if !Shows(fitted.Content.Kind(), device) && name != "unknown" {
			t.Fatalf("the %s does not show a %s", name, fitted.Content.Kind())
		}
		kind := content.Kind()
		for _, step := range fitted.Steps {
			if !slices.Contains(Steps, message.Fallback{From: step.From, To: step.To, Reason: step.Reason}) || step.From != kind {
				t.Fatalf("step %+v from a %s", step, kind)
			}
			kind = step.To
		}
		if kind != fitted.Content.Kind() {
			t.Fatalf("the steps lead to a %s, sent is a %s", kind, fitted.Content.Kind())
		}
		if _, isText := fitted.Content.(message.Text); isText {
			return
		}
		raw, err := json.Marshal(fitted.Content)
		if err != nil {
			t.Fatal(err)
		}
		if _, faults := message.DecodeContent(raw); len(faults) > 0 {
			t.Fatalf("what is sent is not valid: %+v\n%s", faults, raw)
		}
	})
}

func TestStepsAreListedOnce(t *testing.T) {
	for i, step := range Steps {
		if slices.Contains(Steps[:i], step) {
			t.Errorf("%+v is listed twice", step)
		}
	}
}

// wide is a form of so many pages with so many choices each, with words of so many characters.
func wide(pages, items, words int) message.Form {
	form := message.Form{Received: message.Bubble{Title: "Many questions"}}
	title := message.Label(strings.Repeat("w", words))
	for p := range pages {
		page := message.Page{ID: fmt.Sprint(p), Type: message.PageSelect, Title: title}
		for i := range items {
			page.Items = append(page.Items, message.FormItem{ID: fmt.Sprint(p, " ", i), Title: title})
		}
		form.Pages = append(form.Pages, page)
	}
	return form
}

func longList(items int, title message.Label) message.ListPicker {
	list := message.ListPicker{Received: message.Bubble{Title: "Many"}, Sections: []message.Section{{}}}
	for i := range items {
		list.Sections[0].Items = append(list.Sections[0].Items, message.Item{ID: fmt.Sprint(i), Title: title})
	}
	return list
}

// One content must not become hundreds of messages.
func TestWhatIsTooLongForATextIsRefused(t *testing.T) {
	words := message.Label(strings.Repeat("w", message.MaxLabel))
	many := slots
	for i := range 400 {
		many.Appoint.Slots = append(many.Appoint.Slots, message.Slot{ID: fmt.Sprint("s", i), Start: slots.Appoint.Slots[0].Start, Duration: 60})
	}
	quick := message.QuickReply{Prompt: "Which?"}
	for i := range 60 {
		quick.Options = append(quick.Options, message.Option{ID: fmt.Sprint(i), Title: words})
	}
	for name, test := range map[string]struct {
		content message.Content
		device  message.Device
		want    string // "": it is sent
	}{
		"a form":            {wide(100, 90, 200), watch, "this device shows no forms, and the form is too long to be sent as a text"},
		"a form, on a Mac":  {wide(100, 90, 200), mac, "this device shows no forms, and the form is too long to be sent as a text"},
		"one question":      {wide(1, 90, 200), watch, "this device shows no forms, and the form is too long to be sent as a text"},
		"a question a list": {wide(1, 90, 200), mac, ""},
		"a list":            {longList(500, words), watch, "this device shows no list pickers, and the list picker is too long to be sent as a text"},
		"times":             {many, watch, "this device shows no time pickers, and the time picker is too long to be sent as a text"},
		"buttons":           {quick, watch, "this device shows no quick replies, and the quick reply is too long to be sent as a text"},
		"shown":             {wide(100, 90, 200), phone, ""},
		"unknown":           {wide(100, 90, 200), nameless, ""},
		"just short enough": {longList(100, message.Label(strings.Repeat("ü", 80))), watch, ""},
	} {
		fitted, failure := Fit(test.content, test.device)
		if test.want == "" {
			if failure != nil || fitted.Content == nil {
				t.Errorf("%s: %v", name, failure)
			}
			continue
		}
		if failure == nil {
			t.Errorf("%s: is sent", name)
			continue
		}
		want := &message.Failure{Class: message.Invalid, Code: message.CodeUnsupported, Reason: test.want, Faults: []message.Fault{
			{Pointer: "/data/content", Rule: "unsupported", Message: test.want},
		}}
		if diff := cmp.Diff(want, failure); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
}

func TestTheLongestTextIsSent(t *testing.T) {
	for extra, refused := range map[int]bool{0: false, 1: true} {
		list := longList(1, "")
		list.Received.Title = message.Label(strings.Repeat("ü", MaxText-len("\n1. ")+extra))
		if _, failure := Fit(list, watch); (failure != nil) != refused {
			t.Errorf("%d characters: %v", MaxText+extra, failure)
		}
	}
}

// The text is written once: adding to it piece by piece copied gigabytes.
func TestALongTextCostsItsLength(t *testing.T) {
	form, list := wide(100, 90, 200), longList(500, message.Label(strings.Repeat("w", 200)))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _ = Fit(form, watch)
	_, _ = Fit(list, watch)
	_ = listChoice(list).Numbering()
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 64<<20 {
		t.Errorf("%d MB were allocated for less than 3 MB of text", took>>20)
	}
}

func TestWhatADeviceGetsOfAKind(t *testing.T) {
	for kind, want := range map[message.Kind]string{ // of phone, mac, watch, a device that says nothing
		message.KindText: "full full full full", message.KindFiles: "full full full full", message.KindRichLink: "full full full full",
		message.KindQuickReply: "full full fallback unknown", message.KindListPicker: "full full fallback unknown",
		message.KindTimePicker: "full full fallback unknown", message.KindForm: "full partial partial unknown",
		message.KindApp: "full partial partial unknown", message.KindSignIn: "full full rejected rejected",
		message.KindTyping: "full full full full", message.KindTemplate: "full full full full", message.KindSaved: "full full full full",
	} {
		got := fmt.Sprint(Grade(kind, phone), " ", Grade(kind, mac), " ", Grade(kind, watch), " ", Grade(kind, nameless))
		if got != want {
			t.Errorf("%s: %s, want %s", kind, got, want)
		}
	}
	if got := Grade(message.KindSignIn, oldPhone); got != Partial {
		t.Errorf("a device of the old sign-in: %s", got)
	}
}
