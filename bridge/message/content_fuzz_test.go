package message_test

import (
	"encoding/json"
	"strings"
	"testing"

	"bizbridge/bridge/message"

	"github.com/google/go-cmp/cmp"
)

const maxFaults = 100

func decodeAny(t interface{ Fatal(...any) }, document string) any {
	var root any
	if err := json.Unmarshal([]byte(document), &root); err != nil {
		t.Fatal(err)
	}
	return root
}

func FuzzDecodeContent(f *testing.F) {
	for _, document := range goodContents {
		f.Add(document)
	}
	for _, document := range []string{
		change(f, goodQuick, "/options/1/id", `"a"`), change(f, goodQuick, "/options/0", `null`), change(f, goodList, "/images", `{}`),
		change(f, goodList, "/sections", `[{"items":[{},{"id":1}]},null,5]`), change(f, goodTime, "/event/slots/0/start", `"2026-10-25T02:30:00+02:00"`),
		change(f, goodTime, "/event/timezone", `"Local"`), change(f, goodForm, "/pages/3/next", `"0"`), change(f, goodForm, "/pages/1/next", `5`),
		change(f, goodForm, "/pages/0/items/0/next", `"2"`), change(f, goodLink, "/url", `"x"`), change(f, goodApp, "/bid", `"x"`),
		change(f, goodTemplate, "/vars", `{"A":[{}]}`), `null`, `{"kind":"files","files":[{"data":"!"}]}`, `{"kind":"saved","data_ref":null}`,
		`{"kind":"text","text":"\ud800"}`,
	} {
		f.Add(document)
	}
	schema := definition(f, "Content")
	f.Fuzz(func(t *testing.T, document string) {
		content, faults := message.DecodeContent([]byte(document))
		if len(faults) > maxFaults || (content == nil) != (len(faults) > 0) {
			t.Fatalf("%v with %d faults", content, len(faults))
		}
		if faults != nil {
			list(t, document, faults)
			return
		}
		text := encode(t, content)
		again, faults := message.DecodeContent(text)
		if faults != nil {
			t.Fatalf("%s was accepted, but not its own encoding %s: %v", document, text, faults)
		}
		if diff := cmp.Diff(content, again); diff != "" {
			t.Fatal(diff)
		}
		if err := matches(schema, text); err != nil {
			t.Fatalf("the schema refuses %s: %v", text, err)
		}
	})
}

// Bodies of the largest size that ask for as much work as they can. What bounds the work are the faults and the elements.
func TestHostileContentsAreRefusedEarly(t *testing.T) {
	const size = 16 << 20
	fill := func(part string) string { return strings.TrimSuffix(strings.Repeat(part+",", size/(len(part)+1)), ",") }
	list := func(sections string) string {
		return `{"kind":"list_picker","received":{"title":"T"},"sections":[` + sections + `]}`
	}
	full := `{"items":` + entries(1000, `{}`) + `}`
	for name, test := range map[string]struct {
		document string
		most     int // faults
	}{
		"millions of sections":         {list(fill(`{}`)), 1},
		"millions of items":            {list(strings.TrimSuffix(strings.Repeat(full+",", 1000), ",")), maxFaults},
		"valid items in many sections": {list(strings.TrimSuffix(strings.Repeat(`{"items":[`+strings.TrimSuffix(strings.Repeat(`{"id":"a","title":"T"},`, 900), ",")+`]},`, 700), ",")), maxFaults},
		"one long title":               {`{"kind":"quick_reply","prompt":"` + strings.Repeat("x", size) + `"}`, 3},
		"one long number":              {`{"kind":"app","app_id":` + strings.Repeat("1", size) + `}`, 10},
		"members by the million":       {`{"kind":"quick_reply",` + fill(`"options":[null]`) + `}`, 10},
		"nested as deep as it may":     {`{"kind":"form","pages":` + strings.Repeat(`[{"pages":`, 4990) + `0` + strings.Repeat(`}]`, 4990) + `}`, 10},
		"nested where nothing is read": {`{"kind":"typing","x":` + strings.Repeat(`[`, 9990) + strings.Repeat(`]`, 9990) + `}`, 1},
		"quotes by the million":        {`{"kind":"quick_reply","prompt":"` + strings.Repeat(`\\\"`, size/4) + `"}`, 3},
		"no end of variables":          {`{"kind":"template","name":"X","vars":{` + fill(`"A":[]`) + `}}`, 3},
	} {
		t.Run(name, func(t *testing.T) {
			content, faults := message.DecodeContent([]byte(test.document))
			if content != nil || len(faults) == 0 || len(faults) > test.most {
				t.Errorf("%d faults, want up to %d", len(faults), test.most)
			}
			for _, fault := range faults {
				if len(fault.Pointer)+len(fault.Message) > 1000 {
					t.Errorf("an answer of %d bytes", len(fault.Pointer)+len(fault.Message))
				}
			}
		})
	}
}
