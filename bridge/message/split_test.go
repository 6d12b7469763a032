package message

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Taking a document apart must give what encoding/json gives.
func FuzzSplitJSON(f *testing.F) {
	for _, document := range []string{
		`{}`, `[]`, ` { "a" : 1 , "b":[ 1, {"c":"}"} ,"]"], "a":"\"\\" } `, `["\\\"",",","\u0041\ud83d\ude00",-1e5,true ,null]`,
		"{\"\xff\":\"\xff\"}", `{"\u006b":{"":[[[]]]}}`, `[1]`, `[ ]`, `{ }`, `["\\",{"a":"\\\\\""}]`,
	} {
		f.Add([]byte(document))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		document = bytes.TrimSpace(document)
		if !json.Valid(document) {
			return
		}
		switch document[0] {
		case '{':
			var want map[string]json.RawMessage
			if err := json.Unmarshal(document, &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, jsonMembers(document, slices.Collect(maps.Keys(want))...)); diff != "" {
				t.Fatal(diff)
			}
		case '[':
			want := []json.RawMessage{}
			if err := json.Unmarshal(document, &want); err != nil {
				t.Fatal(err)
			}
			got := slices.AppendSeq([]json.RawMessage{}, jsonElements(document))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatal(diff)
			}
		case '"':
			var want string
			if err := json.Unmarshal(document, &want); err != nil {
				t.Fatal(err)
			}
			if got := jsonString(document); got != want {
				t.Fatalf("got %q, want %q", got, want)
			}
		}
	})
}
