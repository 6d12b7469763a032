package fallback

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"bizbridge/bridge/message"
	"bizbridge/bridge/message/messagetest"
)

// ids are those of the options that a text stands for; "" for a text that stays one.
func ids(choice Choice, text string) string {
	reply, ok := choice.Reply(text)
	if !ok {
		return ""
	}
	var chosen []string
	for _, selection := range reply.Selections {
		chosen = append(chosen, selection.ID)
	}
	return strings.Join(chosen, " ")
}

func TestWhatANumberedTextIsAnsweredWith(t *testing.T) {
	one := *quickChoice(options("Small", "Large", "Größe L", "twin", "Twin")) // a b c d e
	several := one
	several.Multiple = true
	for text, want := range map[string]struct{ one, several string }{
		"2": {"b", "b"}, " 2 ": {"b", "b"}, "2.": {"b", "b"}, "2)": {"b", "b"}, "(2)": {"b", "b"}, "#2": {"b", "b"}, "02": {"b", "b"}, "2\n": {"b", "b"},
		"2️⃣": {"b", "b"}, "２": {"b", "b"}, "２．": {"b", "b"}, "٢": {"b", "b"}, "२": {"b", "b"}, "𝟐": {"b", "b"}, "2\u00a0": {"b", "b"},
		"1, 3": {"", "a c"}, "1 3": {"", "a c"}, "3,1": {"", "c a"}, "1 & 3": {"", "a c"}, "1+3": {"", "a c"}, "1;3": {"", "a c"}, "1、3": {"", "a c"}, "1️⃣3️⃣": {"", ""},
		"1, 1": {"", ""}, "1, 9": {"", ""}, "1 and 3": {"", ""}, "1-3": {"", ""}, "1 2 3 4 5 6": {"", ""}, "1 2 3 4 5": {"", "a b c d e"},
		"large": {"b", "b"}, " LARGE ": {"b", "b"}, "GRÖSSE L": {"", ""}, "GRÖßE L": {"c", "c"}, "Small, Large": {"", ""},
		"twin": {"", ""}, "Twin": {"", ""}, // which of the two, nobody can tell
		"0": {"", ""}, "-2": {"", ""}, "99": {"", ""}, "6": {"", ""}, "99999999999999999999": {"", ""}, "two": {"", ""}, "2nd": {"", ""}, "2!": {"", ""}, "2 please": {"", ""},
		"": {"", ""}, " ": {"", ""}, ",": {"", ""}, "#": {"", ""}, "1.5": {"", ""}, "②": {"", ""}, "½": {"", ""}, "larger": {"", ""},
	} {
		if got := ids(one, text); got != want.one {
			t.Errorf("%q, one choice: %q, want %q", text, got, want.one)
		}
		if got := ids(several, text); got != want.several {
			t.Errorf("%q, several: %q, want %q", text, got, want.several)
		}
	}
}

// "How many?" with 2, 4 and 6: what is the number of one option and the words of another is not guessed.
func TestANumberThatIsAnotherOptionsTitleStaysAText(t *testing.T) {
	choice := *quickChoice(options("2", "4", "6", "4"))
	for text, want := range map[string]string{"1": "a", "2": "", "3": "c", "4": "", "6": "c", "5": ""} {
		if got := ids(choice, text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := ids(*quickChoice(options("1", "2")), "2"); got != "b" {
		t.Errorf("number and words of the same option: %q", got)
	}
}

func TestTheAnswerIsWhatATapWouldHaveBeen(t *testing.T) {
	start := time.Date(2030, 3, 1, 22, 30, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		content message.Content
		text    string
		want    message.Reply
	}{
		"quick reply": {sizes, "2", message.Reply{Kind: message.ReplyQuickReply, Title: "Large", Selections: []message.Selection{{ID: "b", Title: "Large"}}}},
		"list": {sizeList, "1", message.Reply{Kind: message.ReplyListPicker, Title: "Small",
			Selections: []message.Selection{{ID: "s", Title: "Small", Subtitle: "10 €"}}}},
		"several of a list": {extras, "1, 3", message.Reply{Kind: message.ReplyListPicker, Title: "Cheese, Water",
			Selections: []message.Selection{{ID: "c", Title: "Cheese"}, {ID: "w", Title: "Water", Subtitle: "still"}}}},
		"times": {slots, "2", message.Reply{Kind: message.ReplyTimePicker, Title: "2030-03-01 23:30 – 2030-03-02 01:30",
			Selections: []message.Selection{{ID: "2", Title: "2030-03-01 23:30 – 2030-03-02 01:30", Start: &start, Duration: 7200}}}},
		"form, value given": {question, "1", message.Reply{Kind: message.ReplyForm, Title: "Red",
			Selections: []message.Selection{{ID: "r", Title: "Red", Value: "#f00", Page: "p", Subtitle: "Which colour?"}}}},
		"form, value not given": {question, "2", message.Reply{Kind: message.ReplyForm, Title: "Blue",
			Selections: []message.Selection{{ID: "b", Title: "Blue", Value: "b", Page: "p", Subtitle: "Which colour?"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			choice := *fit(t, test.content, watch).Choice
			choice.RequestID = "request"
			raw, err := json.Marshal(choice) // as helpdesks keep it
			if err != nil {
				t.Fatal(err)
			}
			var kept Choice
			if err := json.Unmarshal(raw, &kept); err != nil {
				t.Fatal(err)
			}
			test.want.RequestID = "request"
			reply, ok := kept.Reply(test.text)
			if diff := cmp.Diff(test.want, reply); !ok || diff != "" {
				t.Errorf("%t, -want +got\n%s", ok, diff)
			}
		})
	}
}

func TestAgentsReadTheNumbering(t *testing.T) {
	want := "The customer sees numbers:\n1 = Small (a)\n2 = Large (b)"
	if got := quickChoice(sizes).Numbering(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// The text and the choice are made apart: their numbers must say the same.
func TestEveryNumberInATextIsItsOption(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		fitted, _ := Fit(messagetest.Interactive().Draw(t, "content"), watch)
		if fitted.Choice == nil {
			return
		}
		text := fitted.Content.(message.Text).Text
		for i, option := range fitted.Choice.Options {
			number := strconv.Itoa(i + 1)
			if !strings.Contains(text, "\n"+number+". "+option.Title) {
				t.Fatalf("option %s is not in the text:\n%s", number, text)
			}
			got := ids(*fitted.Choice, number)
			if got != option.ID && !(got == "" && titledOther(*fitted.Choice, number, option.ID)) {
				t.Fatalf("%s is %q, want %q of\n%s", number, got, option.ID, text)
			}
		}
		if _, ok := fitted.Choice.Reply(strconv.Itoa(len(fitted.Choice.Options) + 1)); ok && len(fitted.Choice.named(strconv.Itoa(len(fitted.Choice.Options)+1))) != 1 {
			t.Fatal("a number beyond the last is an option")
		}
	})
}

// titledOther tells whether another option has this text as its title.
func titledOther(choice Choice, text, id string) bool {
	for _, option := range choice.named(text) {
		if option.ID != id {
			return true
		}
	}
	return false
}

func FuzzReply(f *testing.F) {
	for _, text := range []string{"2", "1, 3", "#2", "2️⃣", "large", "99999999999999999999", "٣", "\xff2"} {
		f.Add(text, true)
		f.Add(text, false)
	}
	choice := *quickChoice(options("Small", "Large", "XL"))
	f.Fuzz(func(t *testing.T, text string, multiple bool) {
		choice := choice
		choice.Multiple = multiple
		reply, ok := choice.Reply(text)
		if ok == (len(reply.Selections) == 0) || !multiple && len(reply.Selections) > 1 || len(reply.Selections) > 3 {
			t.Fatalf("%q: %t, %+v", text, ok, reply)
		}
		if again, ok2 := choice.Reply(" " + text + " "); ok != ok2 || !cmp.Equal(reply, again) {
			t.Fatalf("white space around %q changes it", text)
		}
	})
}
