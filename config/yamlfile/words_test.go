package yamlfile

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestProblemString(t *testing.T) {
	t.Parallel()
	p := Problem{File: "f", Line: 2, Column: 3, Path: "a.b", Message: "is wrong"}
	same(t, "plain", p.String(), "f:2:3: is wrong.")
	p.Hint, p.Warning, p.ShowPath = "Do it.", true, true
	same(t, "all", p.String(), "f:2:3: warning: a.b: is wrong. Do it.")
	p.Path = ""
	same(t, "no path", p.String(), "f:2:3: warning: is wrong. Do it.")
}

// TestSorted: in the order of the files, and what an alias repeats once.
func TestSorted(t *testing.T) {
	t.Parallel()
	at := func(file string, line, column int, path, message string) Problem {
		return Problem{File: file, Line: line, Column: column, Path: path, Message: message}
	}
	got := Problems{
		at("b", 1, 1, "", "x"), at("a", 10, 1, "", "x"), at("a", 2, 2, "q", "x"), at("a", 2, 2, "p", "x"), at("a", 2, 1, "", "y"), at("a", 2, 1, "", "x"),
	}.Sorted()
	same(t, "sorted", got, Problems{
		at("a", 2, 1, "", "x"), at("a", 2, 1, "", "y"), at("a", 2, 2, "p", "x"), at("a", 10, 1, "", "x"), at("b", 1, 1, "", "x"),
	})
	same(t, "error", got[3:].Error(), "a:10:1: x.\nb:1:1: x.")
}

func TestSuggest(t *testing.T) {
	t.Parallel()
	keys := []string{"listen", "log", "network", "not", "ok"}
	for got, want := range map[string]string{
		"lisen": `Did you mean "listen"?`, "LISTEN": `Did you mean "listen"?`, "netwrok": `Did you mean "network"?`, "lgo": `Did you mean "log"?`,
		"nope": "Keys: listen, log, network, not, ok.", "": "Keys: listen, log, network, not, ok.", "o": `Did you mean "ok"?`, "zz": "Keys: listen, log, network, not, ok.",
	} {
		same(t, got, Suggest(got, keys, "Keys"), want)
	}
	same(t, "no choices", Suggest("a", nil, "Keys"), "")
	same(t, "nearest", Nearest("tests", []string{"tents", "test", "texts", "rests", "other", "tests"}), []string{"tests", "tents", "test"})
}

// TestDistance: it is none only between the same, the same both ways, and one for one edit.
func TestDistance(t *testing.T) {
	t.Parallel()
	word := rapid.StringMatching(`[a-d]{0,8}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := word.Draw(t, "a"), word.Draw(t, "b")
		d := distance(a, b)
		if (d == 0) != (a == b) || d != distance(b, a) || d > max(len(a), len(b)) || d < max(len(a), len(b))-min(len(a), len(b)) {
			t.Fatalf("%q, %q: %d", a, b, d)
		}
		at := rapid.IntRange(0, len(a)).Draw(t, "at")
		if got := distance(a, a[:at]+"x"+a[at:]); got != 1 {
			t.Fatalf("one letter more: %d", got)
		}
		if at >= 2 && a[at-1] != a[at-2] {
			if got := distance(a, a[:at-2]+a[at-1:at]+a[at-2:at-1]+a[at:]); got != 1 {
				t.Fatalf("two letters changed places: %d", got)
			}
		}
	})
}

func TestClip(t *testing.T) {
	t.Parallel()
	same(t, "short", Clip("a\nb"), "a\nb")
	same(t, "one line", OneLine("a\nb\u2028c"), "a b c")
	same(t, "60 letters", Clip(strings.Repeat("é", 60)), strings.Repeat("é", 60))
	same(t, "61 letters", Clip(strings.Repeat("é", 61)), strings.Repeat("é", 60)+"…")
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		if got := OneLine(text + strings.Repeat("x", 61)); utf8.RuneCountInString(got) != 61 || strings.ContainsAny(got, "\n\r\t\x1b") {
			t.Fatalf("got %q", got)
		}
	})
}

// TestPaths: the parent of a key or an item is what holds it.
func TestPaths(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"", "a", "a.b", "a[0]", `["b c"]`, `a["b.c"]`} {
		for _, key := range []string{"k", "k-1", "a b", "a.b", `a"b`, "a[0]", "é", ""} {
			same(t, path+" "+key, ParentPath(KeyPath(path, key)), path)
		}
		same(t, path, ParentPath(ItemPath(path, 12)), path)
	}
	same(t, "key", KeyPath("a", "b"), "a.b")
	same(t, "odd key", KeyPath("a", "b c\n"), `a["b c\n"]`)
	same(t, "item", ItemPath("", 0), "[0]")
}
