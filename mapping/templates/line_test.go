package templates

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"bizbridge/bridge/message"
)

type vars = map[string]string

// TestLines has what agents write, in the spelling of their editors.
func TestLines(t *testing.T) {
	t.Parallel()
	cases := map[string]Line{
		`/hours`:                                    {Name: "hours"},
		"  /hours \n":                               {Name: "hours"},
		"\u200b/hours\u00a0store=Mitte":             {"hours", vars{"store": "Mitte"}, nil},
		`/Opening-Hours Store=Mitte`:                {"opening-hours", vars{"store": "Mitte"}, nil},
		`/hours store="Berlin Mitte" count=3`:       {"hours", vars{"store": "Berlin Mitte", "count": "3"}, nil},
		`/hours store='Berlin Mitte'`:               {"hours", vars{"store": "Berlin Mitte"}, nil},
		`/hours store='Kim's Place' count=3`:        {"hours", vars{"store": "Kim's Place", "count": "3"}, nil},
		`/hours store=“Berlin Mitte”`:               {"hours", vars{"store": "Berlin Mitte"}, nil},
		`/hours store=„Berlin Mitte“ count=3`:       {"hours", vars{"store": "Berlin Mitte", "count": "3"}, nil},
		`/hours store=”Berlin Mitte”`:               {"hours", vars{"store": "Berlin Mitte"}, nil},
		"/hours store=«\u00a0Berlin Mitte\u00a0»":   {"hours", vars{"store": "Berlin Mitte"}, nil},
		`/hours store=»Berlin Mitte«`:               {"hours", vars{"store": "Berlin Mitte"}, nil},
		`/hours store=‘Kim’s Place’`:                {"hours", vars{"store": "Kim’s Place"}, nil},
		`/hours store=‚Berlin Mitte‘`:               {"hours", vars{"store": "Berlin Mitte"}, nil},
		`/hours store=“Berlin Mitte" count=3`:       {"hours", vars{"store": "Berlin Mitte", "count": "3"}, nil},
		`/hours store="the “old” one"`:              {"hours", vars{"store": "the “old” one"}, nil},
		`/hours store="say \"hi\" \\ C:\temp \n."`:  {"hours", vars{"store": "say \"hi\" \\ C:\\temp \n."}, nil},
		`/hours store="" count=`:                    {"hours", vars{"store": "", "count": ""}, nil},
		`/hours size=5"`:                            {"hours", vars{"size": `5"`}, nil},
		`/hours url=https://example.com/?a=b&c="d"`: {"hours", vars{"url": `https://example.com/?a=b&c="d"`}, nil},
		"/hours note=\"10\u00a0€\"":                 {"hours", vars{"note": "10\u00a0€"}, nil},
		`/help`:                                     {Name: "help"},
		`/help Hours`:                               {"help", nil, []string{"hours"}},
		`/help "hours"`:                             {"help", nil, []string{"hours"}},
	}
	for text, want := range cases {
		line, is, err := ParseLine(text)
		if !is || err != nil {
			t.Errorf("%q: %v, %v", text, is, err)
		} else if diff := cmp.Diff(want, line); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func TestNoLines(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "/", "/ hours", "hours", "//hours", "see /hours", "/etc/hosts", "/hours.", "/-a", "/_a", "/" + strings.Repeat("a", 65), "Hello\n/hours", "/höhe",
	} {
		if line, is, err := ParseLine(text); is || err != nil {
			t.Errorf("%q: %v, %v", text, line, err)
		}
	}
}

func TestBadLines(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"/hours store=a\nand more":      "several lines",
		`/hours store="a`:               "not closed",
		`/hours store='a`:               "not closed",
		`/hours store=„a`:               "not closed",
		`/hours store="a"b`:             "a space is missing",
		`/hours store="a"count=3`:       "a space is missing",
		`/hours Mitte`:                  `"mitte" stands without`,
		`/hours store = Mitte`:          `"" cannot be the name of a variable. Write name=value, without spaces`,
		`/hours store= Mitte`:           `"mitte" stands without`,
		`/hours "store=a"`:              `"store=a" stands without`,
		`/hours =a`:                     `"" cannot be`,
		`/hours größe=a`:                `"größe" cannot be`,
		`/hours store=a Store=b`:        "store stands here twice",
		`/help a b`:                     `"b" stands without`,
		`/help store=a`:                 "/help takes",
		"/hours store=\"a\u2028b":       "not closed",
		"/hours " + `x` + "=\"\\\"":     "not closed",
		"/hours store=a\r\n\r\ncount=3": "several lines",
	} {
		line, is, err := ParseLine(text)
		if _, ok := errors.AsType[*LineError](err); !is || !ok || !strings.Contains(err.Error(), want) || line.Name == "" {
			t.Errorf("%q: %v, %v, %v", text, line, is, err)
		}
	}
}

func TestUnescape(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"//hours":            "/hours",
		"//Hours are long":   "/Hours are long",
		" \u200b//hours\nab": " \u200b/hours\nab",
		"///hours":           "//hours",
		"//server/share":     "//server/share",
		"// a comment":       "// a comment",
		"a //hours":          "a //hours",
		"/hours":             "/hours",
		"":                   "",
	} {
		if got := Unescape(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// TestLineRoundTrip: every line that String writes is read as what it was.
func TestLineRoundTrip(t *testing.T) {
	t.Parallel()
	name := rapid.StringMatching(`[a-z0-9][a-z0-9_-]{0,10}`).Filter(func(s string) bool { return s != helpName })
	value := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune("\\\"'“”„«»‘’n ab=\n\u00a0/"))))
	rapid.Check(t, func(t *rapid.T) {
		want := Line{Name: name.Draw(t, "name"), Vars: rapid.MapOfN(name, value, 1, 5).Draw(t, "vars")}
		got, is, err := ParseLine(want.String())
		if !is || err != nil {
			t.Fatalf("%s: %v, %v", want, is, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s: %s", want, diff)
		}
	})
}

// TestEscapeRoundTrip: whatever an agent wants to send, there is a way to write it.
func TestEscapeRoundTrip(t *testing.T) {
	t.Parallel()
	text := rapid.StringMatching(`[ /]{0,4}[a-z]{0,3}[ /\n]?.{0,5}`)
	rapid.Check(t, func(t *rapid.T) {
		want := text.Draw(t, "text")
		written := want
		if _, is, _ := ParseLine(want); is || Unescape(want) != want {
			at := strings.IndexByte(want, '/')
			written = want[:at] + "/" + want[at:]
		}
		if _, is, _ := ParseLine(written); is || Unescape(written) != want {
			t.Fatalf("%q is sent as %q", want, Unescape(written))
		}
	})
}

func TestExplain(t *testing.T) {
	t.Parallel()
	s, _ := Load([]string{"*.yaml"}, "examples")
	for text, want := range map[string]string{
		`/ask question=A answers="a; b"  now`: "The line was not sent: \"now\" stands without the name of a variable. Write name=value, without spaces around \"=\", and quotes around values with spaces.\n/ask – Any",
		`/ask answers=" a; a"`:                "The line was not sent:\n  question is required.\n  answers, value 2, has a value twice: the answer could not tell which was meant.\n/ask – Any question with buttons\n  question (text, required",
		`/asks`:                               "The line was not sent:\n  The name is not the name of a template; did you mean ask?\n/help lists the templates.",
	} {
		line, _, err := ParseLine(text)
		if err == nil {
			_, failure := s.Expand(line.Template(), "")
			err = failure
		}
		if got := s.Explain(line, err); !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %s", text, got)
		}
	}
	for name, want := range map[string]string{"aks": "There is no template \"aks\". Did you mean ask", "ASK": "/ask –", "zzzzzzzz": "There is no template \"zzzzzzzz\". /help"} {
		if got := s.Help(name); !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %s", name, got)
		}
	}
	if got := (&Set{}).Help(""); got != "There are no templates." {
		t.Errorf("got %s", got)
	}
}

// FuzzParseLine: no text makes it panic; a line that is read can be written and read again, and its values are the
// agent's.
func FuzzParseLine(f *testing.F) {
	for _, text := range []string{
		`/hours store="Berlin Mitte" count=3`, "/a b=„c“ d='e'", "/help x", "//a", "/a b=\"\\", "/a b=« c »", "/a\u00a0b=‘c’s’", "/a b=c\nd",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		line, is, err := ParseLine(text)
		if !is {
			if err != nil || len(line.Vars) > 0 {
				t.Fatalf("no line, but %v, %v", line, err)
			}
			Unescape(text)
			return
		}
		if Unescape(text) != text {
			t.Fatal("a line and an escaped text at once")
		}
		if !message.TemplateName.MatchString(line.Name) {
			t.Fatalf("name %q", line.Name)
		}
		if err != nil {
			return
		}
		for key, value := range line.Vars {
			if !message.TemplateName.MatchString(key) || utf8.ValidString(text) && !utf8.ValidString(value) {
				t.Fatalf("%q=%q", key, value)
			}
		}
		again, is, err := ParseLine(line.String())
		if diff := cmp.Diff(line, again); !is || err != nil || diff != "" && line.Name != helpName {
			t.Fatalf("%q: %v, %v, %s", line.String(), is, err, diff)
		}
	})
}
