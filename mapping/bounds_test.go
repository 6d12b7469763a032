package mapping

import (
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"bizbridge/bridge/message"
)

// compileQuery compiles one query on its own.
func compileQuery(t testing.TB, text string) *query {
	t.Helper()
	s := &source{time: patience}
	q := s.query(&node{Text: text}, text, 0, scope{where: "test", vars: []string{"x"}})
	if q == nil {
		t.Fatalf("%s: %v", text, s.Problems)
	}
	return q
}

func TestEveryQueryEnds(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	const (
		huge = "took more than"
		slow = "took longer than"
	)
	for text, want := range map[string]string{
		"def f: f; f":                               huge,
		"def f: 1 + f; f":                           huge,
		"[range(1e9)]":                              huge,
		"[repeat(1)]":                               huge,
		"last(range(1e12))":                         huge,
		"[limit(1e9; repeat(1))] | length":          huge,
		"until(false; .)":                           huge,
		"[recurse(.; true)]":                        huge,
		`reduce range(40) as $i ("a"; . + .)`:       slow,
		`"x" * 1e9`:                                 "a text times a number",
		`1e9 * "x"`:                                 "a text times a number",
		`"x" * .n`:                                  "a text times a number",
		`reduce range(20) as $i ("x"; . * 100)`:     "a text times a number",
		`.s |= . * 1e9`:                             "a text times a number",
		`reduce range(40) as $i (10; . * .)`:        "the product is too long",
		`.big * .big`:                               "a number is too long to multiply",
		`.a[.n] = 1`:                                "an index is larger than",
		`setpath(["a", .n]; 1)`:                     "an index is larger than",
		`getpath(["a", .n]) = 1`:                    "an index is larger than",
		`. as $d | {} | .a[$d.n] |= 1`:              "an index is larger than",
		`reduce range(40) as $i (1; [., .])`:        "its result is larger than",
		`reduce range(40) as $i ({}; {a: ., b: .})`: "its result is larger than",
		`reduce range(101) as $i (1; [.])`:          "its result nests deeper than",
		`.s * 60000 | index(.[30000:])`:             "a text is too long to look for",
		`.s * 60000 | indices(.[30000:])`:           "a text is too long to look for",
		`.s * 60000 | rindex(.[30000:])`:            "a text is too long to look for",
		`"x" * 900000 + .s * 900000`:                "its result is larger than",
	} {
		t.Run(text, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began := time.Now()
			q := compileQuery(t, text)
			if want == slow {
				q.time = 50 * time.Millisecond
			}
			_, err := q.first(t.Context(), map[string]any{
				"n": json.Number("500000000"), "s": "x", "big": json.Number(strings.Repeat("9", 100_000)), "a": []any{},
			}, map[string]any{})
			took := time.Since(began)
			runtime.ReadMemStats(&after)
			if err == nil || !strings.Contains(err.Error()+detail(err), want) {
				t.Errorf("error %v, want %q", err, want)
			}
			if took > 10*time.Second {
				t.Errorf("took %s", took)
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 3<<30 {
				t.Errorf("allocated %d MB", grown>>20)
			}
			if failure := message.FailureOf(asFailure(err, message.Permanent)); (want == slow) != (failure.Class == message.Transient) {
				t.Errorf("class %s", failure.Class)
			}
		})
	}
}

func TestALimitIsNotTheCallersDeadline(t *testing.T) {
	q := compileQuery(t, "def f: f; f")
	_, err := q.first(t.Context(), nil, map[string]any{})
	if !errors.Is(err, errTooLong) {
		t.Errorf("error %v, want the query's own limit", err)
	}
	q.time = 0
	if _, err = q.first(t.Context(), nil, map[string]any{}); !errors.Is(err, errTooSlow) {
		t.Errorf("error %v, want the query's own time", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	if _, err := q.first(ctx, nil, map[string]any{}); err != context.DeadlineExceeded {
		t.Errorf("error %v, want the caller's deadline", err)
	}
}

// TestGuardsChangeNothing compares guarded queries with jq's own, on small values.
func TestGuardsChangeNothing(t *testing.T) {
	for _, text := range []string{".a * .b", "(.a, 2) * (.b, 3)", ".c[.i]", ".c[.i:]", `.["a"]`, ".c[.i] = 9", "getpath([\"c\", .i])", "setpath([\"c\", .i]; 5)", ".a * .b + .c[.i] * 2", "[.c[] * 2]", "[.c, (.c | tojson)] | .[] | index((.[0:1], .[1:2])), rindex(.[1:2]), indices(.[0:2])", ".c | index(1, 2)", "null | indices(1)", "path(.c[.i])", "{a: {x: 1}} * {a: {y: 2}}"} {
		guarded, plain := compileQuery(t, text), mustCompile(text)
		rapid.Check(t, func(t *rapid.T) {
			scalar := rapid.OneOf(rapid.Custom(func(t *rapid.T) any { return rapid.IntRange(-3, 3).Draw(t, "n") }), rapid.SampledFrom([]any{"", "ab", nil, 2.5, json.Number("7")}))
			input := map[string]any{"a": scalar.Draw(t, "a"), "b": scalar.Draw(t, "b"), "i": rapid.IntRange(-4, 6).Draw(t, "i"), "c": []any{1, 2, 3}}
			outputs, free := guarded.code.Run(input, map[string]any{}), plain.Run(input)
			for {
				got, more := outputs.Next()
				want, wanted := free.Next()
				if more != wanted {
					t.Fatalf("%s of %v: another number of outputs", text, input)
				}
				if !more {
					return
				}
				gotErr, failed := got.(error)
				wantErr, shouldFail := want.(error)
				if failed != shouldFail || failed && gotErr.Error() != wantErr.Error() || !failed && brief(got) != brief(want) {
					t.Fatalf("%s of %v: %v, want %v", text, input, got, want)
				}
				if failed {
					return
				}
			}
		})
	}
}

func TestMeasureIsCloseToTheEncoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var value func(depth int) any
		value = func(depth int) any {
			switch kind := rapid.IntRange(0, 5).Draw(t, "kind"); {
			case kind == 0 && depth < 4:
				return []any{value(depth + 1), value(depth + 1)}
			case kind == 1 && depth < 4:
				return map[string]any{rapid.StringMatching("[a-zé]*").Draw(t, "key"): value(depth + 1)}
			case kind == 2:
				return json.Number(rapid.StringMatching("[1-9][0-9]{0,20}").Draw(t, "number"))
			case kind == 3:
				return nil
			}
			return rapid.StringMatching("[ -~é]*").Draw(t, "text")
		}
		v, size := value(0), 0
		if err := measure(v, &size, 0); err != nil {
			t.Fatal(err)
		}
		if text, _ := encode(v); size > 3*len(text)+3 || len(text) > 3*size+3 {
			t.Fatalf("measured %d, has %d bytes: %s", size, len(text), text)
		}
	})
}
