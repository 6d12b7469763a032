package mapping

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"bizbridge/bridge/message"
)

// outputsOf runs a query to its end: what it gave, and whether it failed then.
func outputsOf(next func() (any, bool)) (texts []string, failed bool) {
	for {
		output, more := next()
		if !more {
			return texts, false
		}
		if _, failed := output.(error); failed {
			return texts, true
		}
		texts = append(texts, brief(output))
	}
}

// TestRegularExpressionsAreJqs compares the functions with those of gojq, which they replace.
func TestRegularExpressionsAreJqs(t *testing.T) {
	for _, call := range []string{
		`match($vars.x.re; $vars.x.flags)`, `match($vars.x.re)`, `match([$vars.x.re, $vars.x.flags])`, `test($vars.x.re; $vars.x.flags)`, `test($vars.x.re)`, `test([$vars.x.re, $vars.x.flags])`,
		`capture($vars.x.re; $vars.x.flags)`, `capture($vars.x.re)`, `capture([$vars.x.re, $vars.x.flags])`, `scan($vars.x.re; $vars.x.flags)`, `scan($vars.x.re)`,
		`split($vars.x.re; $vars.x.flags)`, `splits($vars.x.re; $vars.x.flags)`, `splits($vars.x.re)`,
		`sub($vars.x.re; "<\(.)>"; $vars.x.flags)`, `sub($vars.x.re; "x")`, `gsub($vars.x.re; "<\(.x)>"; $vars.x.flags)`, `gsub($vars.x.re; "x")`,
		`gsub($vars.x.re; "1", "2")`, `gsub($vars.x.re; empty)`, `gsub($vars.x.re; .x)`, `gsub($vars.x.re; .x, .y // empty)`, `gsub($vars.x.re; 1)`, `gsub($vars.x.re; if .x == "a" then "1", "2" else "3" end)`,
		`first(match($vars.x.re; "g"))`, `[limit(2; scan($vars.x.re))]`, `match($vars.x.re, "a"; "g", null)`, `gsub($vars.x.re, "b"; "x", "y"; "", "i")`, `test("a", "b"; "i", $vars.x.flags)`,
	} {
		own, plain := compileQuery(t, call), mustCompile(".v as $vars | .s | "+call)
		rapid.Check(t, func(t *rapid.T) {
			piece := rapid.SampledFrom([]string{"a", "b", "A", "é", "🙂", "\n", " ", "-", "ab", "\xff"})
			text := strings.Join(rapid.SliceOfN(piece, 0, 8).Draw(t, "text"), "")
			syntax := rapid.SampledFrom([]string{
				"a", "b", "é", ".", "\\s", "^", "$", "\\b", "\\B", "\\A", "\\z", "(?m:^)", "(?m:$)", "[ab]", "[^a]", "(a)", "(?<x>a)", "(?<x>.)", "(?<y>b)?", "(?:)", "()", "(b)?", "a*", "a*?", "b+", ".*", "|", "(?i)", "a|ab", "\\Q-\\E", "🙂", "(",
			})
			expression := strings.Join(rapid.SliceOfN(syntax, 0, 4).Draw(t, "expression"), "")
			flags := rapid.SampledFrom([]any{nil, "", "g", "i", "gi", "gm", "m", "gim", "x", 1}).Draw(t, "flags")
			var input any = text
			if rapid.IntRange(0, 20).Draw(t, "kind") == 0 {
				input = rapid.SampledFrom([]any{nil, 1, []any{}}).Draw(t, "input")
			}
			var re any = expression
			if rapid.IntRange(0, 20).Draw(t, "kind of expression") == 0 {
				re = rapid.SampledFrom([]any{nil, 1, []any{"a", "g"}, []any{}}).Draw(t, "re")
			}
			vars := map[string]any{"x": map[string]any{"re": re, "flags": flags}}
			got, failed := outputsOf(own.code.Run(input, vars).Next)
			want, shouldFail := outputsOf(plain.Run(map[string]any{"s": input, "v": vars}).Next)
			if failed != shouldFail || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("%s of %q with %q, %v:\ngot  %v, error %t\nwant %v, error %t", call, input, re, flags, got, failed, want, shouldFail)
			}
		})
	}
}

// TestAFilesOwnFunctionStaysItsOwn names one like one of jq's.
func TestAFilesOwnFunctionStaysItsOwn(t *testing.T) {
	m := load(t, "mapping: 1\nfunctions: 'def test($x): \"mine\"; def lines: [splits(\"\\n\")];'\noutbound: [{name: a, messages: 'error(test(\"a\") + (\"b\\nc\" | lines | join(\"+\")))'}]")
	_, _, err := m.Receive(t.Context(), Incoming{}, Vars{})
	if err == nil || !strings.Contains(err.Error(), "mineb+c") {
		t.Errorf("error %v", err)
	}
}

// longTexts is what each function does with 60,000 characters, the longest text there is.
var longTexts = []string{
	`match("\n"; "g") | .offset`, `[match("(?<a>[a-z])+"; "g")] | length`, `[scan("[a-z]+")] | length`, `[scan("(é)|(\n)")] | length`, `gsub("\n"; "<br>")`, `gsub("^|$"; "x")`,
	`gsub("(?<a>\\s)"; "<\(.a)>")`, `gsub("(?<a>.)"; "\(.a)")`, `gsub("(?<a>[a-z]+ [a-z]+)"; "\(.a | ascii_upcase)")`, `gsub("\\b"; "|")`, `sub("z*$"; "x"; "g")`, `[sub("nothing"; "x")]`, `test("nothing$")`, `test("NOTHING"; "gi")`,
	`[capture("(?<a>\n)"; "g")] | length`, `split("\n"; null) | length`, `split("\\s+"; "g") | length`, `[splits(", *")] | length`, `[splits("\n")] | join("<br>")`,
}

// TestMatchesAfterQuotes is where gojq goes wrong: it wraps an expression whose \\Q has no end.
func TestMatchesAfterQuotes(t *testing.T) {
	got, err := compileQuery(t, `[match("(b)?|\\Q-"; "g").offset], gsub("^|\\b|\\Q-"; "x")`).first(t.Context(), "b-", map[string]any{})
	if brief(got) != "[0,1,2]" || err != nil {
		t.Errorf("%s, %v", brief(got), err)
	}
}

func TestRegularExpressionsOnLongTexts(t *testing.T) {
	lines := strings.Repeat("é\n", 15_000) + strings.Repeat("word ", 5_999) + "a🙂é\nx" // 60,000 characters
	if n := len([]rune(lines)); n != 60_000 {
		t.Fatalf("%d characters", n)
	}
	huge := strings.Repeat("é\n", 5<<20/3)
	for _, text := range longTexts {
		t.Run(text, func(t *testing.T) {
			q := compileQuery(t, text)
			began := time.Now()
			if _, err := q.first(t.Context(), lines, map[string]any{}); err != nil {
				t.Error(err)
			}
			if took := time.Since(began); took > time.Second { // on a busy machine; otherwise a twentieth
				t.Errorf("took %s", took)
			}
			began = time.Now()
			_, err := q.first(t.Context(), huge, map[string]any{})
			if failure := message.FailureOf(asFailure(err, message.Permanent)); err == nil || failure.Class != message.Permanent || !strings.Contains(err.Error(), "longer than") {
				t.Errorf("5 MB: error %v", err)
			}
			if took := time.Since(began); took > time.Second {
				t.Errorf("5 MB took %s", took)
			}
		})
	}
}

func TestBoundsOfRegularExpressions(t *testing.T) {
	text := strings.Repeat("a", 60_000)
	for query, want := range map[string]string{
		`test("x" * 5000)`:               "a regular expression is longer than",
		`test("(?:a?){1000}b")`:          "too long for so large a regular expression",
		`gsub("a"; "x" * 1000)`:          "a text with its replacements is larger than",
		`gsub("a"; range(100000) | "")`:  "a text with its replacements is larger than",
		`(. * 17) | [match("";"g")] | 1`: "took more than",
		`gsub("a(.*b)?"; "x")`:           "took longer than", // looks at the whole rest for every match
		`[scan("a(.*b)?")]`:              "took longer than",
		`[splits("a(.*b)?")] | length`:   "took longer than",
		`test("["; "g")`:                 "invalid regular expression",
		`test("a"; "y")`:                 "unsupported regular expression flag",
		`[range(300) | tostring as $n | "a" | test($n)] | all | not`: "",
	} {
		t.Run(query, func(t *testing.T) {
			q := compileQuery(t, query)
			if strings.Contains(want, "longer than") && strings.HasPrefix(want, "took") {
				q.time = 50 * time.Millisecond
			}
			began := time.Now()
			_, err := q.first(t.Context(), text, map[string]any{})
			if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want %q", err, want)
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
	if n := len(patterns.known); n > maxPatterns {
		t.Errorf("%d patterns are kept", n)
	}
}
