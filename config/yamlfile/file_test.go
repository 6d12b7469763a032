package yamlfile

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestProblemsAreReportedWhereTheyAre(t *testing.T) {
	t.Parallel()
	merging := Format{Merge: true, TooLarge: "too large"}
	deep := strings.Repeat("[", 60) + strings.Repeat("]", 60)
	for name, c := range map[string]struct {
		text   string
		format Format
		want   []string
	}{
		"empty":                  {" \n", Format{Empty: "Write."}, []string{"1:1: the file is empty. Write."}},
		"comments only":          {"# a\n---\n", Format{}, []string{"1:1: the file is empty."}},
		"too large":              {strings.Repeat("# comment\n", MaxFile/10+1), Format{}, []string{"1:1: the file is larger than 1048576 bytes. Is this the right file?"}},
		"not UTF-8":              {"a: b\nc: \xff\n", Format{}, []string{"2:1: the file is not UTF-8. Save it as UTF-8 text."}},
		"two documents":          {"a: 1\n---\nb: 1", Format{}, []string{`3:1: the file holds a second YAML document. Keep one document: remove "---" and what follows.`}},
		"a bracket":              {"a: [1", Format{}, []string{"1:4: invalid YAML: sequence end token ']' not found. Check indentation, quotes and brackets here and in the line above."}},
		"a bracket, hint":        {"a: [1", Format{Syntax: func(line string) string { return "It is " + line + "." }}, []string{"1:4: invalid YAML: sequence end token ']' not found. It is a: [1."}},
		"a tab":                  {"a:\n\tb: 1", Format{Syntax: func(string) string { return "No." }}, []string{"2:1: invalid YAML: found character 'tab' that cannot start any token. Indent with spaces, never with tabs."}},
		"duplicate keys":         {"a: 1\nb: {c: 1, c: 2}\na: 3", Format{}, []string{`2:11: duplicate key "c". It stands in line 2 already.`, `3:1: duplicate key "a". It stands in line 1 already.`}},
		"a tag and no number":    {"a: !!str b\nc: .nan", Format{ShowPath: true}, []string{"1:4: a: YAML tags have no meaning here. Remove the tag; put text in quotes.", "2:4: c: this value has no meaning here."}},
		"an alias as a key":      {"a: &a b\n*a : c", Format{}, []string{"2:1: a key must be plain text. Write the keys out; aliases stand for whole values only."}},
		"unknown alias":          {"a: *b", Format{}, []string{"1:4: alias *b has no anchor above it. Mark a value with &b first."}},
		"an alias of itself":     {"a: &b [*b]", merging, []string{"1:8: alias *b lies inside its own anchor. Write the value out."}},
		"merges that are not":    {"a: &a {b: 1}\nc: {<<: *a}", Format{}, []string{"2:5: a key must be plain text. Write the keys out; aliases stand for whole values only."}},
		"a merge of text":        {"a: {<<: b}", merging, []string{`1:9: "<<" takes a mapping. Write "<<: *name", where &name marks a mapping.`}},
		"an aliased mistake":     {"a: &a {b: !!str c}\nd: *a", Format{ShowPath: true}, []string{"1:11: a.b: YAML tags have no meaning here. Remove the tag; put text in quotes."}},
		"nests too deep":         {"a: " + deep, Format{}, []string{"1:53: the file nests too deep, or its aliases make it far too large. Write the values out."}},
		"nests too deep, words":  {"a: " + deep, merging, []string{"1:53: too large. Write the values out."}},
		"more than is read":      {"a: " + strings.Repeat("[", 200), Format{}, []string{"1:104: the file has too many keys or nests too deep. Is this the right file?"}},
		"keys":                   {strings.Repeat("a: 1\n", maxKeys+1), Format{}, []string{"10001:2: the file has too many keys or nests too deep. Is this the right file?"}},
		"a control in an anchor": {"a: *b\x01", Format{}, []string{"1:4: alias *b  has no anchor above it. Mark a value with &b  first."}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, got := read(c.text, c.format)
			same(t, name, got, c.want)
		})
	}
}

// TestTree: each value has its kind, its place, that of its key and its path; a value behind an alias those of the line
// in which it stands.
func TestTree(t *testing.T) {
	t.Parallel()
	const text = "\uFEFF# x\r\na:\r\n  - &x 'é'\r\n  - 1.50\r\nb c: *x\r\nd: {e: true, f: ~, 1: 0x10}\r\n"
	if _, problems := read(text+"]", Format{}); len(problems) != 1 || !strings.HasPrefix(problems[0], "7:1: ") {
		t.Errorf("line breaks of two characters are counted twice: %v", problems)
	}
	root, problems := read(text, Format{})
	same(t, "problems", problems, []string(nil))
	key := func(line, column int) *Place { return &Place{line, column} }
	want := &Node{At: Place{2, 1}, Kind: Mapping, Fields: []Field{
		{"a", Place{2, 1}, &Node{Path: "a", At: Place{3, 3}, Key: key(2, 1), Kind: List, Items: []*Node{
			{Path: "a[0]", At: Place{3, 8}, Kind: Text, Text: "é"},
			{Path: "a[1]", At: Place{4, 5}, Kind: Number, Text: "1.50"},
		}}},
		{"b c", Place{5, 1}, &Node{Path: `["b c"]`, At: Place{3, 8}, Key: key(5, 1), Kind: Text, Text: "é"}},
		{"d", Place{6, 1}, &Node{Path: "d", At: Place{6, 4}, Key: key(6, 1), Kind: Mapping, Fields: []Field{
			{"e", Place{6, 5}, &Node{Path: "d.e", At: Place{6, 8}, Key: key(6, 5), Kind: Boolean, Flag: true}},
			{"f", Place{6, 14}, &Node{Path: "d.f", At: Place{6, 17}, Key: key(6, 14), Kind: Null}},
			{"1", Place{6, 20}, &Node{Path: "d.1", At: Place{6, 23}, Key: key(6, 20), Kind: Number, Text: "16"}},
		}}},
	}}
	same(t, "tree", root, want)
	d := root.Child("d")
	if d.Child("f") == nil || d.Given("f") != nil || d.Given("e") == nil || d.Child("x") != nil {
		t.Error("Child tells what is there, Given what has a value")
	}
	same(t, "value", root.Value(), any(map[string]any{
		"a": []any{"é", json.Number("1.50")}, "b c": "é", "d": map[string]any{"e": true, "f": nil, "1": json.Number("16")},
	}))
}

// TestMerges: keys of its own come before those that a mapping takes over, wherever the merge stands.
func TestMerges(t *testing.T) {
	t.Parallel()
	root, problems := read("a: &a {x: 1, y: 1}\nb: &b {<<: *a, y: 2, z: ~}\nc: {<<: [*b, &d {z: 3, w: 3}], x: ~}\ne: *d", Format{Merge: true})
	same(t, "problems", problems, []string(nil))
	number := func(n string) json.Number { return json.Number(n) }
	same(t, "value", root.Value(), any(map[string]any{
		"a": map[string]any{"x": number("1"), "y": number("1")},
		"b": map[string]any{"x": number("1"), "y": number("2"), "z": nil},
		"c": map[string]any{"x": nil, "y": number("2"), "z": nil, "w": number("3")},
		"e": map[string]any{"z": number("3"), "w": number("3")},
	}))
}

// TestHostileShapes has texts that are small, or under the limit, and could take the parser minutes.
func TestHostileShapes(t *testing.T) {
	for name, text := range map[string]string{
		"many keys":       strings.Repeat("a: 1\n", 200_000),
		"nested brackets": "keys: " + strings.Repeat("[", 500_000),
		"nested dashes":   strings.Repeat("- ", 500_000),
		"question marks":  strings.Repeat("? ", 500_000),
		"tags":            strings.Repeat("!a ", 300_000),
		"anchors":         strings.Repeat("&a ", 300_000),
		"long items":      "keys:\n" + strings.Repeat("- 1\n", 200_000),
		"indentation":     stairs(1000),
		"merges":          "a: &a {<<: &b {<<: *a, <<: *b}}",
		"aliases":         "a: &a [x, x, x, x, x, x, x, x, x]\n" + bomb(9),
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			if root, problems := read(text, Format{Merge: true}); root != nil || len(problems) == 0 {
				t.Errorf("a tree: %v, %v", root != nil, problems)
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// bomb has each line hold the one above nine times.
func bomb(lines int) string {
	var text strings.Builder
	for i := range lines {
		above := string(rune('a' + i))
		fmt.Fprintf(&text, "%[2]s: &%[2]s [%[1]s]\n", strings.Repeat("*"+above+", ", 9), string(rune('b'+i)))
	}
	return text.String()
}

// TestJSONIsRead: every JSON value is YAML, and comes out as it was. Only integers of more than 64 bits are text to the
// library.
func TestJSONIsRead(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var value func(depth int) any
		value = func(depth int) any {
			switch kind := rapid.IntRange(0, 5).Draw(t, "kind"); {
			case kind == 0 && depth < 5:
				return []any{value(depth + 1), value(depth + 1)}
			case kind == 1 && depth < 5:
				return map[string]any{rapid.StringMatching(`[a-zé -]{1,5}`).Draw(t, "key"): value(depth + 1)}
			case kind == 2:
				return json.Number(rapid.StringMatching(`-?[1-9][0-9]{0,17}(\.[0-9]{1,20})?`).Draw(t, "number"))
			case kind == 3:
				return rapid.Bool().Draw(t, "flag")
			case kind == 4:
				return nil
			}
			return rapid.StringMatching(`[ -~é]{0,20}`).Draw(t, "text")
		}
		want := map[string]any{"a": value(0)}
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		root, problems := read(strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(text)), Format{})
		if root == nil || len(problems) > 0 {
			t.Fatalf("%s: %v", text, problems)
		}
		if got, _ := json.Marshal(root.Value()); string(got) != string(text) {
			t.Fatalf("%s became %s", text, got)
		}
	})
}

// FuzzRead: no text makes the reader panic or take long; what is refused has problems on one line each with places, and
// what is read has places within the file, and is Unicode.
func FuzzRead(f *testing.F) {
	paths, err := filepath.Glob("../testdata/syntax-*.yaml")
	if err != nil || len(paths) < 15 {
		f.Fatal(len(paths), err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, true)
		f.Add(text, false)
	}
	f.Add([]byte("a: &a {<<: &b {<<: *a, <<: *b}}"), true)
	f.Add([]byte("a: \"\\xff\"\n? b\n: *a"), false)
	f.Fuzz(func(t *testing.T, text []byte, merge bool) {
		start := time.Now()
		file := File{Name: "f", Format: Format{Merge: merge, ShowPath: true}}
		root := file.Read(text)
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("took %v", took)
		}
		if root == nil && len(file.Problems) == 0 {
			t.Fatal("neither a tree nor a problem")
		}
		for _, p := range file.Problems.Sorted() {
			if p.Line < 1 || p.Column < 1 || p.Message == "" || p.File != "f" || strings.Contains(p.String(), "\n") || !utf8.ValidString(p.String()) {
				t.Errorf("%+v", p)
			}
		}
		var walk func(n *Node)
		walk = func(n *Node) {
			if n.At.Line < 1 || n.At.Column < 1 || n.At.Line > len(file.Lines)+1 || !utf8.ValidString(n.Text) {
				t.Fatalf("%+v", n)
			}
			for _, item := range n.Items {
				walk(item)
			}
			for _, field := range n.Fields {
				if ParentPath(field.Value.Path) != n.Path && plainKey.MatchString(field.Name) {
					t.Fatalf("%q below %q", field.Value.Path, n.Path)
				}
				walk(field.Value)
			}
		}
		if root != nil {
			walk(root)
		}
	})
}
