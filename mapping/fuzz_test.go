package mapping

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"bizbridge/bridge/message"
)

// FuzzParse wants every file to give either a mapping or problems with places, and what loads to run its tests.
func FuzzParse(f *testing.F) {
	for _, name := range Presets() {
		text, _ := PresetSource(name)
		f.Add(text)
	}
	for _, c := range badFiles {
		f.Add([]byte(c.file))
	}
	f.Add([]byte(lookup))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, problems := Parse("f", text)
		if (m == nil) != (len(problems) > 0) {
			t.Fatalf("mapping %v with problems %v", m != nil, problems)
		}
		for _, problem := range problems {
			if problem.Line < 1 || problem.Column < 1 || problem.Message == "" {
				t.Fatalf("%+v", problem)
			}
		}
		if m != nil && len(m.tests) < 5 && len(m.inbound)+len(m.outbound) < 10 {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			m.Test(ctx)
		}
	})
}

// FuzzReceive sends bodies through the presets.
func FuzzReceive(f *testing.F) {
	var presets []*Mapping
	for _, name := range Presets() {
		m, err := Preset(name)
		if err != nil {
			f.Fatal(err)
		}
		presets = append(presets, m)
		for _, test := range m.tests {
			if !test.inbound {
				body, _ := json.Marshal(test.input["body"])
				f.Add(body, "application/json")
			}
		}
	}
	f.Add([]byte("0"), "") // the condition of an ignoring rule fails: an error, and not ignored
	f.Add([]byte("a=1&b=%20"), "application/x-www-form-urlencoded")
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		for _, m := range presets {
			in := Incoming{Method: "POST", Header: http.Header{"Content-Type": {contentType}}, Body: body}
			messages, ignored, err := m.Receive(t.Context(), in, Vars{})
			if err != nil && (ignored || len(messages) > 0) {
				t.Fatalf("an error and more: %v, %v", messages, err)
			}
			for _, out := range messages {
				text, err := message.EncodeSend(out, happened)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := message.DecodeSend(text); err != nil {
					t.Fatalf("a message that cannot be sent: %s: %v", text, err)
				}
			}
		}
	})
}

// FuzzQuery wants every query to end, whatever it is. What the README excepts is left out: writing and comparing values
// that hold themselves many times over.
func FuzzQuery(f *testing.F) {
	for _, text := range []string{".a", `"x" * .n`, "def f: f; f", "[range(.n)]", ".a[.n] = 1", "reduce range(40) as $i (1; [., .])", ". as [$a] | $a", `.s | gsub("a*"; "b")`, `.s | [match(.; "gi"), scan("(?<x>a)"), splits("a|^")]`, `.s | sub("(?<x>a)"; .x, "c"; "m"), test("\\b"), capture("(?<y>.)?")`, "@json", "path(..)", "to_entries | add", "label $x | ., break $x", "$vars.x", `"\(.a | rfc3339? // path_safe)"`} {
		f.Add(text, `{"a": [1, {"b": null}], "n": 1e9, "s": "aaa"}`)
	}
	f.Fuzz(func(t *testing.T, text, data string) {
		input, err := decodeJSON([]byte(data))
		if err != nil || len(data) > 1000 || len(text) > 200 || doubling(text) {
			return
		}
		s := &source{time: queryTime}
		q := s.query(&node{Text: text}, text, 0, scope{where: "test", vars: []string{"x"}})
		if q == nil {
			if len(s.Problems) == 0 {
				t.Fatal("neither a query nor a problem")
			}
			return
		}
		began := time.Now()
		result, err := q.first(t.Context(), input, map[string]any{"x": "y"})
		if took := time.Since(began); took > 5*time.Second {
			t.Fatalf("%s", took)
		}
		if err != nil {
			return
		}
		encoded, err := encode(result)
		if err != nil || len(encoded) > 8*maxOutput {
			t.Fatalf("%d bytes, %v", len(encoded), err)
		}
	})
}

// doubling tells whether a query could build what holds itself many times over.
func doubling(text string) bool {
	for _, word := range []string{"reduce", "foreach", "def", "repeat", "recurse", "until", "while", "..", "walk", "limit", "range"} {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}
