package templates

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"bizbridge/bridge/message"
)

func asJSON(t testing.TB, content message.Content) string {
	t.Helper()
	text, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// allTypes has a variable of each type in one text, so that a test sees what becomes of it.
const allTypes = `
templates:
  types:
    vars:
      text: {max_length: 5}
      choice: {enum: [Small one, L]}
      form: {pattern: '[A-Z]\d', example: A1}
      whole: {type: integer, min: 1, max: 9}
      number: {type: number, max: 2.5}
      flag: {type: boolean}
      day: {type: date}
      time: {type: datetime}
      link: {type: url}
      words: {list: true, max_items: 3}
      numbers: {type: integer, list: true, min_items: 2}
    content:
      kind: list_picker
      received: {title: Always}
      sections:
        - items:
            - {id: always, title: Always}
            - {id: a, title: Texts, subtitle: "{{text}}"}
            - {id: b, title: Choice, subtitle: "{{choice}}"}
            - {id: c, title: Form, subtitle: "{{form}}"}
            - {id: d, title: Whole, subtitle: "{{whole}}"}
            - {id: e, title: Number, subtitle: "{{number}}"}
            - {id: f, title: Flag, subtitle: "is {{flag}}"}
            - {id: g, title: Day, subtitle: "{{day}}"}
            - {id: h, title: Time, subtitle: "{{time}}"}
            - {id: i, title: Link, subtitle: "{{link}}"}
            - {id: "w{{words}}", title: "{{words}}"}
            - {id: "n{{numbers}}", title: "{{numbers}}"}
`

// TestValues: every type takes JSON and text, and says what it does not take.
func TestValues(t *testing.T) {
	t.Parallel()
	s := set(t, allTypes)
	cases := []struct {
		name  string
		given any
		want  string // what stands in the content; "!": the fault, as rule and pointer below the variable
	}{
		{"text", "abc", `"subtitle":"abc"`},
		{"text", "äöüßé", `"subtitle":"äöüßé"`},
		{"text", "äöüßéx", "!maxLength"},
		{"text", 5.0, "!type"},
		{"text", map[string]any{}, "!type"},
		{"text", []any{"a"}, "!type"},
		{"choice", "L", `"subtitle":"L"`},
		{"choice", "small\u00a0ONE", `"subtitle":"Small one"`},
		{"choice", "M", "!enum"},
		{"form", "B7", `"subtitle":"B7"`},
		{"form", "xB7", "!pattern"},
		{"form", "B7\n", "!pattern"},
		{"whole", 7.0, `"subtitle":"7"`},
		{"whole", json.Number("7"), `"subtitle":"7"`},
		{"whole", " +7 ", `"subtitle":"7"`},
		{"whole", "7.0", "!type"},
		{"whole", 7.5, "!type"},
		{"whole", "0", "!minimum"},
		{"whole", "10", "!maximum"},
		{"whole", "99999999999999999999", "!type"},
		{"number", "-2.5", `"subtitle":"-2.5"`},
		{"number", 0.1, `"subtitle":"0.1"`},
		{"number", "2,5", "!type"},
		{"number", "1e3", "!type"},
		{"number", 2.6, "!maximum"},
		{"flag", true, `"subtitle":"is true"`},
		{"flag", "No", `"subtitle":"is false"`},
		{"flag", "maybe", "!type"},
		{"flag", 1.0, "!type"},
		{"day", "2030-02-24", `"subtitle":"2030-02-24"`},
		{"day", "24.2.2030", "!type"},
		{"day", "2030-02-30", "!type"},
		{"time", "2030-02-24T09:00:00+01:00", `"subtitle":"2030-02-24T09:00:00+01:00"`},
		{"time", "2030-02-24T09:00", "!type"},
		{"link", "https://example.com/ä?b=c", `"subtitle":"https://example.com/ä?b=c"`},
		{"link", "example.com", "!type"},
		{"link", "javascript:alert(1)", "!type"},
		{"link", "https://user:word@example.com", "!type"},
		{"words", "One; Two;", `{"id":"wOne","title":"One"},{"id":"wTwo","title":"Two"}`},
		{"words", []any{"One; Two"}, `{"id":"wOne; Two","title":"One; Two"}`},
		{"words", "a;b;c;d", "!maxItems"},
		{"words", "a;b;a", "!uniqueItems/2"},
		{"words", []any{"a", 3.0}, "!type/1"},
		{"numbers", "1; 2", `{"id":"n1","title":"1"},{"id":"n2","title":"2"}`},
		{"numbers", 1.0, "!minItems"},
		{"numbers", "1; x", "!type/1"},
		{"numbers", []any{1.0, 2.0, map[string]any{}}, "!type/2"},
	}
	for _, c := range cases {
		t.Run(fmt.Sprintf("%s=%v", c.name, c.given), func(t *testing.T) {
			t.Parallel()
			content, failure := s.Expand(message.Template{Name: "types", Vars: map[string]any{c.name: c.given}}, "")
			wanted, isFault := strings.CutPrefix(c.want, "!")
			if !isFault {
				if failure != nil {
					t.Fatal(failure)
				}
				if got := strings.ReplaceAll(asJSON(t, content), `\u0026`, "&"); !strings.Contains(got, wanted) {
					t.Errorf("got %s, want %s", got, wanted)
				}
				return
			}
			rule, below, _ := strings.Cut(wanted, "/")
			if below != "" {
				below = "/" + below
			}
			if failure == nil || len(failure.Faults) != 1 {
				t.Fatalf("got %v, %v", content, failure)
			}
			fault := failure.Faults[0]
			if failure.Class != message.Invalid || fault.Rule != rule || fault.Pointer != "/data/content/vars/"+c.name+below {
				t.Errorf("got %+v", failure)
			}
		})
	}
}

// TestNotGiven: a text with a variable that was not given is left out, and an empty text is not given.
func TestNotGiven(t *testing.T) {
	t.Parallel()
	s := set(t, allTypes)
	for _, nothing := range []any{nil, "", " ", []any{}} {
		content, failure := s.Expand(message.Template{Name: "types", Vars: map[string]any{"text": nothing, "words": nothing}}, "")
		if failure != nil {
			t.Fatal(failure)
		}
		items := content.(message.ListPicker).Sections[0].Items
		if len(items) != 10 || items[1].Subtitle != "" {
			t.Errorf("%v: got %+v", nothing, items)
		}
	}
}

const languages = `
templates:
  hello:
    vars: {name: {required: true, description: Who it is}, place: {default: here}}
    languages:
      default: {content: {kind: text, text: "Hello {{name}}, {{place}}"}}
      de: {content: {kind: text, text: "Hallo {{name}}"}}
      de_AT: {content: {kind: text, text: "Servus {{name}}"}}
      zh-Hant: {content: {kind: text, text: "您好 {{name}}"}}
  two:
    vars: {a: {required: true}, b: {default: b}}
    content:
      kind: quick_reply
      prompt: "{{a}} and {{b}}"
      options: [{id: "{{a}}", title: Yes}, {id: "{{b}}", title: "No, {{b}}"}]
`

func TestLocales(t *testing.T) {
	t.Parallel()
	s := set(t, languages)
	cases := []struct{ asked, device, want string }{
		{"", "", "Hello X, here"}, {"", "en_US", "Hello X, here"}, {"", "de", "Hallo X"}, {"", "de_DE", "Hallo X"}, {"", "DE-at", "Servus X"},
		{"de_AT", "en_US", "Servus X"}, {"fr_FR", "de_DE", "Hello X, here"}, {"", "zh-Hant_TW", "您好 X"}, {"", "zh_CN", "Hello X, here"},
		{"", "not a locale", "Hello X, here"}, {"", "deutsch", "Hello X, here"},
	}
	for _, c := range cases {
		content, failure := s.Expand(message.Template{Name: "hello", Locale: c.asked, Vars: map[string]any{"name": "X"}}, c.device)
		if failure != nil || content != (message.Text{Text: c.want}) {
			t.Errorf("%+v: got %v, %v", c, content, failure)
		}
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	s := set(t, languages)
	fault := func(pointer, rule, words string) message.Fault {
		return message.Fault{Pointer: pointer, Rule: rule, Message: words}
	}
	long := strings.Repeat("x", 210)
	cases := map[string]struct {
		template message.Template
		want     []message.Fault
	}{
		"unknown": {message.Template{Name: "helo"}, []message.Fault{fault("/data/content/name", "reference", "is not the name of a template; did you mean hello?")}},
		"unlike":  {message.Template{Name: "something"}, []message.Fault{fault("/data/content/name", "reference", "is not the name of a template")}},
		"several": {message.Template{Name: "hello", Locale: "german", Vars: map[string]any{"nam": "X"}}, []message.Fault{
			fault("/data/content/vars/name", "required", "is required: Who it is"),
			fault("/data/content/vars/nam", "additionalProperties", "is not a variable of this template; it has name, place"),
			fault("/data/content/locale", "format", "must be a language and perhaps a country, such as de or de_AT"),
		}},
		"too long": {message.Template{Name: "two", Vars: map[string]any{"a": long}}, []message.Fault{
			fault("/data/content/vars/a", "maxLength", "with this value the prompt of the template has 216 characters; Apple shows at most 200"),
		}},
		"two in one text": {message.Template{Name: "two", Vars: map[string]any{"a": long[:100], "b": long[:120]}}, []message.Fault{
			fault("/data/content/vars/b", "maxLength", "with this value the prompt of the template has 225 characters; Apple shows at most 200"),
		}},
		"same id": {message.Template{Name: "two", Vars: map[string]any{"a": "b"}}, []message.Fault{
			fault("/data/content/vars/b", "uniqueItems", "with this value the options/1/id of the template is used twice: an answer could not tell which was meant"),
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			content, failure := s.Expand(c.template, "")
			if failure == nil || content != nil || failure.Class != message.Invalid {
				t.Fatalf("got %v, %v", content, failure)
			}
			if unknown := failure.SenderCode() == message.CodeUnknownTemplate; unknown != (name == "unknown" || name == "unlike") {
				t.Errorf("got code %s", failure.SenderCode())
			}
			if diff := cmp.Diff(c.want, failure.Faults); diff != "" {
				t.Error(diff)
			}
			if strings.Contains(failure.Error(), "xxx") {
				t.Error("shows the value of a variable")
			}
		})
	}
}

// TestSizeIsBounded: long values in repeated entries do not take all memory.
func TestSizeIsBounded(t *testing.T) {
	t.Parallel()
	s := set(t, `
templates:
  a:
    vars: {long: {default: x}, many: {list: true, required: true, min_items: 2}}
    content: {kind: quick_reply, prompt: Choose, options: [{id: "{{many}}", title: "{{many}} {{long}}"}]}
`)
	many := make([]any, 500)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	_, failure := s.Expand(message.Template{Name: "a", Vars: map[string]any{"many": many, "long": strings.Repeat("x", 50_000)}}, "")
	if failure == nil || len(failure.Faults) != 1 || !strings.Contains(failure.Faults[0].Message, "too large") {
		t.Errorf("got %v", failure)
	}
}

// TestValuesStayValues: no value changes the structure or is expanded again.
func TestValuesStayValues(t *testing.T) {
	t.Parallel()
	s := set(t, `
templates:
  a:
    vars: {x: {required: true}, y: {default: secret}}
    content: {kind: text, text: "<{{x}}> {{y}}"}
`)
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{`"}`, "{{y}}", "{{{{", `\`, "a: b\n- c", "$1"})).Draw(t, "x")
		if missing(value) || strings.ContainsRune(value, message.AttachmentMark) {
			return
		}
		content, failure := s.Expand(message.Template{Name: "a", Vars: map[string]any{"x": value}}, "")
		if failure != nil || content != (message.Text{Text: "<" + value + "> secret"}) {
			t.Fatalf("got %q, %v", content, failure)
		}
	})
}

// TestContentsAreTheirOwn: what one call gives, another does not share.
func TestContentsAreTheirOwn(t *testing.T) {
	t.Parallel()
	s, _ := Load([]string{"products.yaml"}, "examples")
	first, _ := s.Expand(message.Template{Name: "mugs"}, "")
	before := asJSON(t, first)
	picker := first.(message.ListPicker)
	picker.Images[0].Data, picker.Sections[0].Items[0].Title = "", "changed"
	second, _ := s.Expand(message.Template{Name: "mugs"}, "")
	if got := asJSON(t, second); got != before {
		t.Errorf("got %.200s", got)
	}
}

func BenchmarkExpand(b *testing.B) {
	s, problems := Load([]string{"*.yaml"}, "examples")
	if Fatal(problems) {
		b.Fatal(lines(problems))
	}
	line, _, _ := ParseLine(`/appointment times="2030-02-24T09:00:00Z; 2030-02-25T09:00:00Z; 2030-02-26T09:00:00Z" place="Berlin Mitte"`)
	template := line.Template()
	b.ReportAllocs()
	for b.Loop() {
		if _, failure := s.Expand(template, "de_DE"); failure != nil {
			b.Fatal(failure)
		}
	}
}

// TestPicturesInPlace: the bytes of a file come into every place that can have them, also behind repeated entries.
func TestPicturesInPlace(t *testing.T) {
	t.Parallel()
	pixel, err := os.ReadFile("testdata/pixel.png")
	if err != nil {
		t.Fatal(err)
	}
	const images = `images: [{id: "{{x}}", url: "https://example.com/{{x}}"}, {id: p, file: p.png}]`
	contents := map[string]string{
		"link":  `{kind: rich_link, url: "https://example.com/", image: {file: p.png}}`,
		"app":   `{kind: app, team_id: ABCDE12345, extension_id: com.example.app, url: "?a=b", received: {title: A}, icon: {file: p.png}}`,
		"files": `{kind: files, files: [{url: "https://example.com/{{x}}"}, {file: p.png}]}`,
		"list":  `{kind: list_picker, received: {title: A, image: p}, sections: [{items: [{id: a, title: A}]}], ` + images + `}`,
		"time":  `{kind: time_picker, received: {title: A, image: p}, event: {slots: [{id: a, start: 2030-01-01T09:00:00Z, duration: 60}]}, ` + images + `}`,
		"form":  `{kind: form, received: {title: A, image: p}, pages: [{id: a, type: input, title: A}], ` + images + `}`,
	}
	text := "templates:\n"
	for name, content := range contents {
		text += fmt.Sprintf("  %s:\n    vars: {x: {list: true}}\n    content: %s\n", name, content)
	}
	s, problems := Load([]string{"t.yaml"}, write(t, map[string]string{"t.yaml": text, "p.png": string(pixel)}))
	if Fatal(problems) {
		t.Fatal(lines(problems))
	}
	want := `"data":"` + base64.StdEncoding.EncodeToString(pixel) + `"`
	for name := range contents {
		content, failure := s.Expand(message.Template{Name: name, Vars: map[string]any{"x": "a;b;c"}}, "")
		if failure != nil {
			t.Error(name, failure)
		} else if got := asJSON(t, content); strings.Count(got, want) != 1 {
			t.Errorf("%s: got %s", name, got)
		}
	}
}
