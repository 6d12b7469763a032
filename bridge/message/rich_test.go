package message_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"bizbridge/bridge/message"

	"github.com/google/go-cmp/cmp"
)

// Contents of every kind with most of their members, which the tables below change.
const (
	goodQuick = `{"kind":"quick_reply","prompt":"How?","options":[{"id":"a","title":"A"},{"id":"b","title":"B"}]}`
	goodList  = `{"kind":"list_picker","received":{"title":"Select","subtitle":"Fresh","style":"small","image":"i"},"reply":{"title":"Selected"},
		"sections":[{"title":"Fruit","multiple":true,"items":[{"id":"1","title":"Apple","subtitle":"Red","image":"i","style":"icon"},{"id":"2","title":"Pear"}]},
		{"items":[{"id":"3","title":"Leek"}]}],"images":[{"id":"i","url":"https://example.com/i.png","description":"fruit"},{"id":"j","data":"aGk="}]}`
	goodTime = `{"kind":"time_picker","received":{"title":"Book"},"event":{"id":"e","title":"Visit","timezone":"Europe/Berlin",
		"location":{"title":"Store","latitude":52.5,"longitude":13.4,"radius":100},"image":"i","slots":[{"id":"1","start":"2030-02-24T09:00:00Z","duration":3600},
		{"id":"2","start":"2030-02-24T12:00:00+02:00","duration":0}]},"images":[{"id":"i","data":"aGk="}]}`
	goodForm = `{"kind":"form","received":{"title":"Survey"},"splash":{"header":"Hi","text":"Short","button":"Go","image":"i"},"private":true,"summary":true,
		"start":"0","pages":[
		{"id":"0","type":"select","title":"Colour?","items":[{"id":"r","title":"Red","value":"red","image":"i"},{"id":"b","title":"Blue","next":"2"}]},
		{"id":"1","type":"date_picker","title":"Day?","format":"dd.MM.yyyy","min":"2030-01-01","start":"2030-02-24","max":"2030-12-31"},
		{"id":"2","type":"picker","title":"Size?","selected":"l","items":[{"id":"s","title":"S"},{"id":"l","title":"L"}]},
		{"id":"3","type":"input","title":"Remarks","multiline":true,"max_length":300,"keyboard":"URL","content_type":"postalCode","regex":"^.$"}],
		"images":[{"id":"i","data":"aGk="}]}`
	goodLink = `{"kind":"rich_link","url":"https://example.com/x","title":"X","image":{"url":"https://example.com/x.png"},
		"video":{"url":"https://example.com/x.mp4","mime_type":"video/mp4"},"store_region":"US"}`
	goodApp = `{"kind":"app","app_id":1,"app_name":"App","team_id":"ABCDE12345","extension_id":"com.example.app.Ext","url":"?a=b","received":{"title":"Play"},
		"live_layout":false,"icon":{"data":"aGk="},"session_id":"00000000-0000-4000-8000-000000000800","link":"https://example.com"}`
	goodTemplate = `{"kind":"template","name":"order-status","vars":{"order":"4711","n":1},"locale":"de_DE"}`
)

var goodContents = []string{goodQuick, goodList, goodTime, goodForm, goodLink, goodApp, goodTemplate}

// change sets values in a document: pairs of pointer and JSON. A pointer that ends in - appends, an empty JSON removes.
func change(t testing.TB, document string, edits ...string) string {
	t.Helper()
	var root any
	if err := json.Unmarshal([]byte(document), &root); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(edits); i += 2 {
		var value any
		if edits[i+1] != "" {
			if err := json.Unmarshal([]byte(edits[i+1]), &value); err != nil {
				t.Fatalf("%s: %v", edits[i+1], err)
			}
		}
		root = set(root, strings.Split(edits[i], "/")[1:], value, edits[i+1] == "")
	}
	return string(encode(t, root))
}

func set(in any, path []string, value any, remove bool) any {
	if len(path) == 0 {
		return value
	}
	switch in := in.(type) {
	case map[string]any:
		if remove && len(path) == 1 {
			delete(in, path[0])
			return in
		}
		in[path[0]] = set(in[path[0]], path[1:], value, remove)
		return in
	case []any:
		if path[0] == "-" {
			return append(in, value)
		}
		i, _ := strconv.Atoi(path[0])
		if remove && len(path) == 1 {
			return slices.Delete(in, i, i+1)
		}
		in[i] = set(in[i], path[1:], value, remove)
		return in
	}
	panic("the document has no " + strings.Join(path, "/"))
}

// wrong is a good content with changes, and the faults they make as "pointer rule".
type wrong struct {
	edits  []string
	want   []string
	beyond bool // the schema cannot say it
}

// edit is for changes that make one fault.
func edit(pointer, value string, want ...string) wrong {
	return wrong{edits: []string{pointer, value}, want: want}
}

// The rules that the schema holds too. The others need more than one value, or what JSON Schema cannot say.
var schemaRules = []string{"type", "required", "minItems", "maxLength", "enum", "oneOf", "range", "minimum"}

func testWrong(t *testing.T, good string, table map[string]wrong) {
	t.Helper()
	schema := definition(t, "Content")
	if _, faults := message.DecodeContent([]byte(good)); faults != nil {
		t.Fatal(faults)
	}
	if err := matches(schema, []byte(good)); err != nil {
		t.Fatal(err)
	}
	for name, test := range table {
		t.Run(name, func(t *testing.T) {
			document := change(t, good, test.edits...)
			content, faults := message.DecodeContent([]byte(document))
			if len(faults) > 0 && content != nil {
				t.Error("a wrong content was given back")
			}
			if diff := cmp.Diff(test.want, list(t, document, faults)); diff != "" {
				t.Errorf("%s\n%s", document, diff)
			}
			held := slices.ContainsFunc(faults, func(f message.Fault) bool { return slices.Contains(schemaRules, f.Rule) })
			if held && !test.beyond && matches(schema, []byte(document)) == nil {
				t.Errorf("the schema takes it: %s", document)
			}
		})
	}
}

// list gives faults as "pointer rule". Each must lead to something in the document, or name what is missing there.
func list(t testing.TB, document string, faults []message.Fault) []string {
	t.Helper()
	var root any
	if err := json.Unmarshal([]byte(document), &root); err != nil {
		root = nil
	}
	var got []string
	for _, fault := range faults {
		got = append(got, fault.Pointer+" "+fault.Rule)
		if fault.Rule == "" || fault.Message == "" || strings.Contains(fault.Message, "%!") {
			t.Errorf("a fault without proper words: %+v", fault)
		}
		if rest := unresolved(root, fault.Pointer); strings.Count(rest, "/") > 2 {
			t.Errorf("%s leads nowhere: %s is not there", fault.Pointer, rest)
		}
	}
	return got
}

// unresolved is what of a pointer leads to nothing in the document.
func unresolved(in any, pointer string) string {
	for pointer != "" {
		name, _, _ := strings.Cut(pointer[1:], "/")
		var ok bool
		switch at := in.(type) {
		case map[string]any:
			in, ok = at[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)]
		case []any:
			var i int
			if i, _ = strconv.Atoi(name); i < len(at) {
				in, ok = at[i], true
			}
		}
		if !ok {
			return pointer
		}
		pointer = pointer[1+len(name):]
	}
	return ""
}

// entries is an array of n entries; %d in them is their number.
func entries(n int, format string) string {
	all := make([]string, n)
	for i := range all {
		all[i] = strings.ReplaceAll(format, "%d", strconv.Itoa(i))
	}
	return "[" + strings.Join(all, ",") + "]"
}

func long(n int) string { return `"` + strings.Repeat("é", n) + `"` }

func TestWrongQuickReplies(t *testing.T) {
	const option = `{"id":"%d","title":"T"}`
	testWrong(t, goodQuick, map[string]wrong{
		"no prompt":             edit("/prompt", ``, "/prompt required"),
		"prompt of white space": edit("/prompt", `" \t\n"`, "/prompt required"),
		"prompt of controls":    {edits: []string{"/prompt", `"\u0007\u001b"`, "/options", ``}, want: []string{"/prompt required", "/options minItems"}},
		"prompt null":           edit("/prompt", `null`, "/prompt required"),
		"prompt a number":       edit("/prompt", `5`, "/prompt type"),
		"prompt too long":       edit("/prompt", long(201), "/prompt maxLength"),
		"one option":            edit("/options/1", ``, "/options minItems"),
		"one wrong option":      edit("/options", `[{"title":"x"}]`, "/options minItems", "/options/0/id required"),
		"no options":            edit("/options", `[]`, "/options minItems"),
		"options missing":       edit("/options", ``, "/options minItems"),
		"options an object":     edit("/options", `{"id":"a"}`, "/options type"),
		"501 options":           edit("/options", entries(501, option), "/options maxItems"),
		"1001 options":          edit("/options", entries(1001, option), "/options maxItems"),
		"an option null":        edit("/options/1", `null`, "/options/1 type"),
		"an option a string":    edit("/options/0", `"A"`, "/options/0 type"),
		"an id twice":           edit("/options/1/id", `"a"`, "/options/1/id uniqueItems"),
		"an id missing":         edit("/options/0/id", ``, "/options/0/id required"),
		"an id a number":        edit("/options/1/id", `2`, "/options/1/id type"),
		"an id with a space":    edit("/options/1/id", `"b "`, "/options/1/id character"),
		"an id with a control":  edit("/options/1/id", `"b\u0000"`, "/options/1/id character"),
		"an id too long":        edit("/options/1/id", `"`+strings.Repeat("b", 257)+`"`, "/options/1/id maxLength"),
		"a title missing":       edit("/options/0/title", ``, "/options/0/title required"),
		"a title too long":      edit("/options/1/title", long(201), "/options/1/title maxLength"),
		"everything": {edits: []string{"/prompt", `[]`, "/options/0", `{"id":7,"title":""}`, "/options/1/title", `{}`}, want: []string{
			"/prompt type", "/options/0/id type", "/options/1/title type", "/options/0/title required"}},
	})
}

func TestWrongListPickers(t *testing.T) {
	const item, image = `{"id":"x%d","title":"T"}`, `{"id":"i%d","url":"https://example.com/i.png"}`
	testWrong(t, goodList, map[string]wrong{
		"received missing":       edit("/received", ``, "/received/title required"),
		"received a string":      edit("/received", `"Select"`, "/received type"),
		"received's style":       edit("/received/style", `"huge"`, "/received/style enum"),
		"Apple's own style":      edit("/sections/0/items/0/style", `"default"`, "/sections/0/items/0/style enum"),
		"reply without a title":  edit("/reply", `{}`, "/reply/title required"),
		"reply an array":         edit("/reply", `[]`, "/reply type"),
		"sections missing":       edit("/sections", ``, "/sections minItems"),
		"a section null":         edit("/sections/1", `null`, "/sections/1 type"),
		"a section without":      edit("/sections/1/items", `[]`, "/sections/1/items minItems"),
		"items a string":         edit("/sections/0/items", `"Apple"`, "/sections/0/items type"),
		"an item null":           edit("/sections/0/items/1", `null`, "/sections/0/items/1 type"),
		"multiple a string":      edit("/sections/0/multiple", `"yes"`, "/sections/0/multiple type"),
		"ids of two sections":    edit("/sections/1/items/0/id", `"1"`, "/sections/1/items/0/id uniqueItems"),
		"a subtitle too long":    edit("/sections/0/items/0/subtitle", long(201), "/sections/0/items/0/subtitle maxLength"),
		"a section's title":      edit("/sections/0/title", long(201), "/sections/0/title maxLength"),
		"501 items":              edit("/sections/0/items", entries(501, item), "/sections maxItems"),
		"501 in two sections":    edit("/sections/0/items", entries(500, item), "/sections maxItems"),
		"1001 items":             edit("/sections/0/items", entries(1001, item), "/sections/0/items maxItems"),
		"more than lists may":    edit("/sections", entries(11, `{"items":`+entries(1000, `null`)+`}`), hundred("/sections/0/items/%d type")...),
		"an image that is none":  edit("/sections/0/items/0/image", `"k"`, "/sections/0/items/0/image reference"),
		"a bubble's image":       edit("/reply/image", `"k"`, "/reply/image reference"),
		"no images":              edit("/images", ``, "/received/image reference", "/sections/0/items/0/image reference"),
		"images an object":       edit("/images", `{"i":"aGk="}`, "/images type"), // what refers to them is not told too
		"an image's id a number": edit("/images/0/id", `1`, "/images/0/id type"),
		"an image twice":         edit("/images/1/id", `"i"`, "/images/1/id uniqueItems"),
		"an image of nothing":    edit("/images/1", `{"id":"j"}`, "/images/1 oneOf"),
		"an image of both":       edit("/images/1/url", `"https://a/b"`, "/images/1 oneOf"),
		"an image's URL":         edit("/images/0/url", `"/i.png"`, "/images/0/url format"),
		"an image's long URL":    edit("/images/0/url", `"https://a/`+strings.Repeat("b", 8200)+`"`, "/images/0/url maxLength"),
		"101 images": {edits: []string{"/images", entries(101, image), "/received/image", `"i0"`, "/sections/0/items/0/image", `"i1"`},
			want: []string{"/images maxItems"}},
		"a data URL":             edit("/images/1/data", `"data:image/png;base64,aGk="`, "/images/1/data contentEncoding"),
		"an image's description": edit("/images/0/description", long(201), "/images/0/description maxLength"),
		"a title a number":       edit("/sections/0/items/0/title", `5`, "/sections/0/items/0/title type"),
		"everything": {edits: []string{"/received/image", `"k"`, "/sections/0/items/0", `{"id":"2"}`, "/sections/1/items", `{}`, "/images/0/id", `""`}, want: []string{
			"/sections/1/items type", "/images/0/id required", "/received/image reference",
			"/sections/0/items/0/title required", "/sections/0/items/1/id uniqueItems"}},
	})
}

func hundred(format string) []string {
	all := make([]string, 100)
	for i := range all {
		all[i] = fmt.Sprintf(format, i)
	}
	return all
}

func TestWrongTimePickers(t *testing.T) {
	const slot = `{"id":"%d","start":"2030-02-24T09:00:00Z","duration":60}`
	start := func(text string, want ...string) wrong { return edit("/event/slots/1/start", `"`+text+`"`, want...) }
	badStart := "/event/slots/1/start format"
	zone := func(name string) wrong { return edit("/event/timezone", `"`+name+`"`, "/event/timezone timezone") }
	testWrong(t, goodTime, map[string]wrong{
		"event missing":       edit("/event", ``, "/event/slots minItems"),
		"event an array":      edit("/event", `[]`, "/event type"),
		"slots missing":       edit("/event/slots", ``, "/event/slots minItems"),
		"slots a string":      edit("/event/slots", `"09:00"`, "/event/slots type"),
		"501 slots":           edit("/event/slots", entries(501, slot), "/event/slots maxItems"),
		"1001 slots":          edit("/event/slots", entries(1001, slot), "/event/slots maxItems"),
		"a slot null":         edit("/event/slots/0", `null`, "/event/slots/0 type"),
		"a slot's id":         edit("/event/slots/1/id", `"1"`, "/event/slots/1/id uniqueItems"),
		"no start":            edit("/event/slots/0/start", ``, "/event/slots/0/start required"),
		"a start in seconds":  start("2030-02-24T09:00:30Z", badStart),
		"a start in parts":    start("2030-02-24T09:00:00.5Z", badStart),
		"a start of no zone":  start("2030-02-24T09:00:00", badStart),
		"Apple's start":       start("2030-02-24T09:00+0000", badStart),
		"an hour of a digit":  start("2030-02-24T9:00:00Z", badStart),
		"a comma in a start":  start("2030-02-24T09:00:00,0Z", badStart),
		"a day's offset":      start("2030-02-24T09:00:00+24:00", badStart),
		"the year 10000":      {edits: []string{"/event/slots/1/start", `"9999-12-31T23:59:00-01:00"`}, want: []string{"/event/slots/1/start range"}, beyond: true},
		"a start in words":    start("tomorrow", badStart),
		"a start as a number": edit("/event/slots/1/start", `1898154000`, "/event/slots/1/start type"),
		"no duration":         edit("/event/slots/1/duration", ``, "/event/slots/1/duration required"),
		"duration null":       edit("/event/slots/1/duration", `null`, "/event/slots/1/duration required"),
		"duration a string":   edit("/event/slots/1/duration", `"3600"`, "/event/slots/1/duration type"),
		"half a second":       edit("/event/slots/1/duration", `0.5`, "/event/slots/1/duration type"),
		"a duration below 0":  edit("/event/slots/1/duration", `-60`, "/event/slots/1/duration range"),
		"a duration of years": edit("/event/slots/1/duration", `99999999`, "/event/slots/1/duration range"),
		"an endless duration": edit("/event/slots/1/duration", `1e300`, "/event/slots/1/duration type"),

		"the machine's zone":      zone("Local"),
		"a file of zones":         zone("localtime"),
		"a zone of leap seconds":  zone("right/Europe/Berlin"),
		"a zone by offset":        zone("+01:00"),
		"a zone that is none":     zone("Europe/Bielefeld"),
		"a zone by letters":       zone("CEST"),
		"a zone with a space":     zone("Europe/Berlin "),
		"a path":                  zone("../../etc/passwd"),
		"a zone a number":         edit("/event/timezone", `1`, "/event/timezone type"),
		"the clocks change":       start("2030-04-24T09:00:00Z", "/event/slots/1/start timezone"),
		"the first start is none": {edits: []string{"/event/slots/0/start", `5`}, want: []string{"/event/slots/0/start type"}},

		"a place without a title": edit("/event/location/title", ``, "/event/location/title required"),
		"a place of no latitude":  edit("/event/location", `{"title":"Store","longitude":1}`, "/event/location/latitude required"),
		"too far north":           edit("/event/location/latitude", `90.1`, "/event/location/latitude range"),
		"too far west":            edit("/event/location/longitude", `-181`, "/event/location/longitude range"),
		"latitude a string":       edit("/event/location/latitude", `"52"`, "/event/location/latitude type"),
		"radius below 0":          edit("/event/location/radius", `-1`, "/event/location/radius range"),
		"radius beyond the Earth": edit("/event/location/radius", `9007199254740992`, "/event/location/radius range"),
		"an image that is none":   edit("/event/image", `"k"`, "/event/image reference"),
		"an id of controls":       edit("/event/id", `"\u0000"`, "/event/id character"),
		"everything": {edits: []string{"/received/title", ``, "/event/location/latitude", `99`, "/event/timezone", `"X"`, "/event/slots/0", `{"id":"2","start":"2030-02-24T09:00:01Z"}`}, want: []string{
			"/event/slots/0/duration required", "/received/title required", "/event/location/latitude range",
			"/event/slots/0/start format", "/event/slots/1/id uniqueItems", "/event/timezone timezone"}},
	})
}

func TestWrongForms(t *testing.T) {
	const page = `{"id":"%d","type":"input","title":"T"}`
	testWrong(t, goodForm, map[string]wrong{
		"pages missing":        edit("/pages", ``, "/pages minItems"),
		"pages an object":      edit("/pages", `{}`, "/pages type"),
		"101 pages":            edit("/pages", entries(101, page), "/pages maxItems"),
		"1001 pages":           edit("/pages", entries(1001, page), "/pages maxItems"),
		"a page null":          edit("/pages/1", `null`, "/pages/1 type"),
		"splash of nothing":    edit("/splash", `{}`, "/splash/header required"),
		"splash's image":       edit("/splash/image", `"k"`, "/splash/image reference"),
		"a page without title": edit("/pages/1/title", ``, "/pages/1/title required"),
		"a long page id":       edit("/pages/3/id", `"12345678901234567890"`, "/pages/3/id maxLength"),
		"a page id twice":      edit("/pages/3/id", `"0"`, "/pages/3/id uniqueItems"),
		"a page id a number":   edit("/pages/2/id", `2`, "/pages/2/id type"),
		"a page without id":    edit("/pages/3/id", ``, "/pages/3/id required"),
		"Apple's own type":     edit("/pages/1/type", `"datePicker"`, "/pages/1/type enum"),
		"no type":              edit("/pages/0/type", ``, "/pages/0/type enum"),
		"select of nothing":    edit("/pages/0/items", ``, "/pages/0/items minItems"),
		"picker of nothing":    edit("/pages/2/items", `[]`, "/pages/2/items minItems", "/pages/2/selected reference"),
		"an item id twice":     edit("/pages/0/items/1/id", `"r"`, "/pages/0/items/1/id uniqueItems"),
		"an item's image":      edit("/pages/0/items/0/image", `"k"`, "/pages/0/items/0/image reference"),
		"an item's long value": edit("/pages/0/items/0/value", `"`+strings.Repeat("v", 257)+`"`, "/pages/0/items/0/value maxLength"),
		"an item not read":     edit("/pages/2/items/1/id", `1`, "/pages/2/items/1/id type"),
		"selected is none":     edit("/pages/2/selected", `"xl"`, "/pages/2/selected reference"),
		"an item's next twice": {edits: []string{"/pages/0/multiple", `true`}, want: []string{"/pages/0/items/1/next not"}},
		"a picker's next":      edit("/pages/2/items/0/next", `"3"`, "/pages/2/items/0/next not"),

		"a format of times":   edit("/pages/1/format", `"yyyy-MM-dd HH:mm"`, "/pages/1/format format"),
		"a format of no year": edit("/pages/1/format", `"dd.MM."`, "/pages/1/format format"),
		"five years":          edit("/pages/1/format", `"yyyyy-MM-dd"`, "/pages/1/format format"),
		"capital years":       edit("/pages/1/format", `"MM/DD/YYYY"`, "/pages/1/format format"),
		"two months":          edit("/pages/1/format", `"MM/MM/yyyy"`, "/pages/1/format format"),
		"days that touch":     edit("/pages/1/format", `"yyyyMd"`, "/pages/1/format format"),
		"days touch months":   edit("/pages/1/format", `"dMM/yyyy"`, "/pages/1/format format"),
		"a lost century":      {edits: []string{"/pages/1/format", `"d.M.yy"`, "/pages/1/min", `"1930-01-01"`}, want: []string{"/pages/1/min format"}},
		"the year 0":          edit("/pages/1/min", `"0000-12-31"`, "/pages/1/min format"),
		"min in its format":   edit("/pages/1/min", `"01.01.2030"`, "/pages/1/min format"),
		"no such day":         edit("/pages/1/max", `"2030-02-30"`, "/pages/1/max format"),
		"start before min":    edit("/pages/1/start", `"2029-12-31"`, "/pages/1/start order"),
		"start after max":     edit("/pages/1/start", `"2031-01-01"`, "/pages/1/start order"),
		"max before min":      {edits: []string{"/pages/1/max", `"2029-01-01"`, "/pages/1/start", ``}, want: []string{"/pages/1/max order"}},

		"a keyboard of nobody":  edit("/pages/3/keyboard", `"emoji"`, "/pages/3/keyboard enum"),
		"an old keyboard":       {edits: []string{"/pages/3/keyboard", `"UIKeyboardTypeEmoji"`}, want: []string{"/pages/3/keyboard enum"}, beyond: true},
		"max_length below 0":    edit("/pages/3/max_length", `-1`, "/pages/3/max_length range"),
		"max_length a string":   edit("/pages/3/max_length", `"30"`, "/pages/3/max_length type"),
		"a long regex":          edit("/pages/3/regex", `"`+strings.Repeat(".", 501)+`"`, "/pages/3/regex maxLength"),
		"an open parenthesis":   edit("/pages/3/regex", `"(a"`, "/pages/3/regex format"),
		"an open class":         edit("/pages/3/regex", `"[a-z"`, "/pages/3/regex format"),
		"a backslash alone":     edit("/pages/3/regex", `"a\\"`, "/pages/3/regex format"),
		"closed too often":      edit("/pages/3/regex", `"a)"`, "/pages/3/regex format"),
		"content_type a header": edit("/pages/3/content_type", `"a\r\nb"`, "/pages/3/content_type pattern"),

		"start is none":        edit("/start", `"9"`, "/start reference"),
		"start a number":       edit("/start", `0`, "/start type"),
		"next is none":         edit("/pages/1/next", `"9"`, "/pages/1/next reference"),
		"a branch to nowhere":  edit("/pages/0/items/1/next", `"9"`, "/pages/0/items/1/next reference"),
		"an unused next":       {edits: []string{"/pages/0/items/0/next", `"1"`, "/pages/0/next", `"9"`}, want: []string{"/pages/0/next reference"}},
		"a page to itself":     edit("/pages/1/next", `"1"`, "/pages/1/next cycle"),
		"back to the first":    edit("/pages/3/next", `"0"`, "/pages/3/next cycle"),
		"a branch back":        {edits: []string{"/pages/2/type", `"select"`, "/pages/2/items/0/next", `"1"`}, want: []string{"/pages/2/items/0/next cycle"}},
		"the last goes on":     edit("/pages/3/submit", `false`, "/pages/3/next dead_end"),
		"a choice goes on":     {edits: []string{"/pages/3/type", `"select"`, "/pages/3/items", `[{"id":"a","title":"A"},{"id":"b","title":"B"}]`, "/pages/3/submit", `false`}, want: []string{"/pages/3/next dead_end"}},
		"sent and going on":    {edits: []string{"/pages/1/submit", `true`, "/pages/1/next", `"3"`}, want: []string{"/pages/1/submit not"}},
		"sent and branching":   edit("/pages/0/submit", `true`, "/pages/0/submit not"),
		"sent too early":       edit("/pages/2/submit", `true`, "/pages/3 unreachable"),
		"begun too late":       edit("/start", `"2"`, "/pages/0 unreachable", "/pages/1 unreachable"),
		"jumped over":          {edits: []string{"/pages/0/items/0/next", `"2"`}, want: []string{"/pages/1 unreachable"}},
		"a circle off the way": {edits: []string{"/pages/0/items/0/next", `"3"`, "/pages/0/items/1/next", `"3"`, "/pages/2/next", `"1"`}, want: []string{"/pages/1 unreachable", "/pages/2/next cycle", "/pages/2 unreachable"}},
		"submit a string":      edit("/pages/3/submit", `"no"`, "/pages/3/submit type"), // and no dead end of it
		"next a number":        edit("/pages/1/next", `2`, "/pages/1/next type"),
		"circles and no pages": {edits: []string{"/pages/1/next", `"9"`, "/pages/2/next", `"0"`}, want: []string{"/pages/1/next reference", "/pages/2/next cycle"}},
		"everything": {edits: []string{"/received", ``, "/splash/header", ``, "/pages/0/items/0/title", ``, "/pages/1/format", `"x"`, "/pages/2/next", `"9"`, "/pages/3/submit", `false`, "/pages/3/keyboard", `"x"`}, want: []string{
			"/received/title required", "/splash/header required", "/pages/0/items/0/title required", "/pages/1/format format",
			"/pages/3/keyboard enum", "/pages/2/next reference", "/pages/3/next dead_end"}},
	})
}

func TestWrongRichLinks(t *testing.T) {
	url := func(text string, want ...string) wrong { return edit("/url", `"`+text+`"`, want...) }
	testWrong(t, goodLink, map[string]wrong{
		"no URL":                edit("/url", ``, "/url required"),
		"a URL a number":        edit("/url", `5`, "/url type"),
		"a relative URL":        url("/x", "/url format"),
		"a URL of no scheme":    url("www.example.com/x", "/url format"),
		"a URL by mail":         url("mailto:a@example.com", "/url format"),
		"a URL of a script":     url("javascript:alert(1)", "/url format"),
		"a URL with a password": url("https://a:b@example.com/", "/url format"),
		"a URL with a space":    url("https://example.com/a b", "/url format"),
		"a long URL":            url("https://example.com/"+strings.Repeat("x", 8192), "/url maxLength"),
		"a long title":          edit("/title", long(201), "/title maxLength"),
		"an image of nothing":   edit("/image", `{}`, "/image oneOf"),
		"an image a string":     edit("/image", `"https://example.com/x.png"`, "/image type"),
		"an image's URL":        edit("/image/url", `5`, "/image/url type"),
		"a video without a URL": edit("/video/url", ``, "/video/url required"),
		"a video without TLS":   edit("/video/url", `"http://example.com/x.mp4"`, "/video/url format"), // as the strict simulator wants
		"a video's type":        edit("/video/mime_type", `"image/png"`, "/video/mime_type format"),
		"a video a string":      edit("/video", `"x.mp4"`, "/video type"),
		"an App Clip's video":   edit("/app_clip", `true`, "/video not"),
		"app_clip a string":     edit("/app_clip", `"yes"`, "/app_clip type"),
		"a region of words":     edit("/store_region", `"Germany"`, "/store_region pattern"),
		"everything": {edits: []string{"/url", `"x"`, "/image", `{"data":"!"}`, "/video", `{"mime_type":"x"}`, "/store_region", `"us"`}, want: []string{
			"/url format", "/image/data contentEncoding", "/video/url required", "/video/mime_type format", "/store_region pattern"}},
	})
}

func TestWrongApps(t *testing.T) {
	const bid = message.BalloonPlugin + ":ABCDE12345:com.example.Ext"
	testWrong(t, goodApp, map[string]wrong{
		"no team":              edit("/team_id", ``, "/team_id pattern"),
		"no extension":         edit("/extension_id", ``, "/extension_id pattern"),
		"neither":              {edits: []string{"/team_id", ``, "/extension_id", ``}, want: []string{"/team_id pattern", "/extension_id pattern"}},
		"Apple's team":         edit("/team_id", `"0000000000"`, "/team_id pattern"),
		"a short team":         edit("/team_id", `"ABC"`, "/team_id pattern"),
		"bid and team":         edit("/bid", `"`+bid+`"`, "/bid not"),
		"a bid of no plugin":   {edits: []string{"/team_id", ``, "/extension_id", ``, "/bid", `"com.example.Ext"`}, want: []string{"/bid pattern"}},
		"Apple's bid":          {edits: []string{"/team_id", ``, "/extension_id", ``, "/bid", `"` + message.BalloonPlugin + `:0000000000:com.example"`}, want: []string{"/bid pattern"}},
		"a bid a number":       {edits: []string{"/team_id", ``, "/extension_id", ``, "/bid", `7`}, want: []string{"/bid type"}},
		"no URL":               edit("/url", ``, "/url required"),
		"a URL of words":       edit("/url", `"order 1"`, "/url format"),
		"a URL with a space":   edit("/url", `"?a=b c"`, "/url format"),
		"a URL with controls":  {edits: []string{"/url", `"?a=\u0085"`}, want: []string{"/url format"}, beyond: true},
		"a long URL":           edit("/url", `"?`+strings.Repeat("x", 5000)+`"`, "/url maxLength"),
		"received with image":  edit("/received/image", `"i"`, "/received/image not"),
		"received missing":     edit("/received", ``, "/received/title required"),
		"app_id a string":      edit("/app_id", `"123"`, "/app_id type"),
		"app_id below 0":       edit("/app_id", `-1`, "/app_id minimum"),
		"app_id of a fraction": edit("/app_id", `1.5`, "/app_id type"),
		"live_layout a number": edit("/live_layout", `1`, "/live_layout type"),
		"icon of nothing":      edit("/icon", `{}`, "/icon oneOf"),
		"session of words":     edit("/session_id", `"mine"`, "/session_id format"),
		"link without TLS":     edit("/link", `"http://example.com"`, "/link format"),
		"link relative":        edit("/link", `"/app"`, "/link format"),
		"everything": {edits: []string{"/app_id", `true`, "/team_id", `""`, "/url", ``, "/icon/data", `"!"`, "/session_id", `"x"`, "/link", `"x"`}, want: []string{
			"/app_id type", "/team_id pattern", "/url required", "/icon/data contentEncoding", "/session_id format", "/link format"}},
	})
}

func TestWrongTemplates(t *testing.T) {
	testWrong(t, goodTemplate, map[string]wrong{
		"no name":          edit("/name", ``, "/name pattern"),
		"a name null":      edit("/name", `null`, "/name pattern"),
		"a name a number":  edit("/name", `1`, "/name type"),
		"a path":           edit("/name", `"../x"`, "/name pattern"),
		"capitals":         edit("/name", `"Order"`, "/name pattern"),
		"a long name":      edit("/name", `"`+strings.Repeat("a", 65)+`"`, "/name pattern"),
		"vars an array":    edit("/vars", `[1]`, "/vars type"),
		"vars too large":   {edits: []string{"/vars", `{"a":"` + strings.Repeat("x", 64<<10) + `"}`}, want: []string{"/vars maxLength"}, beyond: true},
		"vars a string":    edit("/vars", `"a=b"`, "/vars type"),
		"vars of no name":  edit("/vars", `{"":1,"a b":2,"c/d":3}`, "/vars propertyNames"),
		"locale an object": edit("/locale", `{}`, "/locale type"),
		"everything":       {edits: []string{"/name", `""`, "/vars", `{"X":1}`, "/locale", `1`}, want: []string{"/locale type", "/name pattern", "/vars propertyNames"}},
	})
}

func TestDecodeContentRefusesWhatIsNoContent(t *testing.T) {
	for document, want := range map[string]string{
		``: " format", `{`: " format", `{}{}`: " format", `null`: " type", `[]`: " type", `"text"`: " type", `5`: " type",
		`{}`: "/kind enum", `{"KIND":"text","text":"Hi"}`: "/kind enum", `{"kind":null}`: "/kind enum", `{"kind":["text"]}`: "/kind type",
		`{"kind":"text","Text":"Hi"}`: "/text minLength", `{"kind":"quick_reply","prompt":"a\ud800","options":[{"id":"a","title":"A"},{"id":"b","title":"B"}]}`: "/prompt unicode",
	} {
		content, faults := message.DecodeContent([]byte(document))
		if got := list(t, document, faults); content != nil || len(got) != 1 || got[0] != want {
			t.Errorf("%s: %v, %v; want %s", document, content, got, want)
		}
	}
}

func TestLabelsAreMended(t *testing.T) {
	for text, want := range map[string]message.Label{
		`"  Hi \n"`: "Hi", `"a\r\nb\tc"`: "a b c", `"a\u0000b\u001bc\u007f"`: "abc", `"a\u0085b\u2028c"`: "a b c",
		`"👩\u200d🔧 ok"`: "👩\u200d🔧 ok", `"\ufeffa\ufffc\uffff"`: "a", `"<b>&"`: "<b>&",
		// what Apple does not print, found by the property test of all kinds
		`"\ue000a\uf8ff b\udb80\udc00c\udbff\udffd"`: "a bc", `"a\ufffdb"`: "ab", `"\ue000 a \ufffd"`: "a",
		// and what emoji and scripts need
		"\"❤\ufe0f 1\ufe0f\u20e3 🇩🇪\"":                                      "❤\ufe0f 1\ufe0f\u20e3 🇩🇪",
		"\"🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f\"": "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
		`"\u200eab\u200f \u2067\u05d0\u2069 \u0646\u200c\u0645"`:            "\u200eab\u200f \u2067\u05d0\u2069 \u0646\u200c\u0645",
		`"` + strings.Repeat(" ", 300) + strings.Repeat("é", 200) + `"`:     message.Label(strings.Repeat("é", 200)),
	} {
		content, faults := message.DecodeContent([]byte(change(t, goodQuick, "/prompt", text)))
		if faults != nil || content.(message.QuickReply).Prompt != want {
			t.Errorf("%s: %+v, %v", text, content, faults)
		}
	}
}

func TestCutLabel(t *testing.T) {
	word := strings.Repeat("é", 99)
	for text, want := range map[string]message.Label{
		" a\nb ": "a b", strings.Repeat("x", 200): message.Label(strings.Repeat("x", 200)),
		strings.Repeat("x", 201):                  message.Label(strings.Repeat("x", 199) + "…"),
		word + " " + word + " " + word:            message.Label(word + " " + word + "…"),
		"ab " + strings.Repeat("é", 300):          message.Label("ab " + strings.Repeat("é", 196) + "…"),
		word + "  \t " + strings.Repeat("y", 200): message.Label(word + "…"),
		strings.Repeat("x\ue000", 200):            message.Label(strings.Repeat("x", 200)),
		"a\ufffdb\xff\U000f0000":                  "ab", "👩\u200d🔧\ue123": "👩\u200d🔧", "\ue000": "",
	} {
		if got := message.CutLabel(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
