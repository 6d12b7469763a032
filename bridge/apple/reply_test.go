package apple

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bizbridge/bridge/message"
)

const (
	foreignBID = "com.apple.messages.MSMessageExtensionBalloonPlugin:ABCDE12345:com.example.app.MessagesExtension"
	appleBID   = "com.apple.messages.MSMessageExtensionBalloonPlugin:0000000000:com.apple.icloud.apps.messages.business.extension"
)

// Both generations of every shape, and shapes that nobody documents. Each is an interactiveData object, or its data
// alone where it begins with "data:".
func TestEveryShapeOfAnAnswer(t *testing.T) {
	type selections = []message.Selection
	const quick, list, timed, form, app, unknown = message.ReplyQuickReply, message.ReplyListPicker, message.ReplyTimePicker, message.ReplyForm, message.ReplyApp, message.ReplyUnknown
	one := func(selection message.Selection) selections { return selections{selection} }
	slot := one(message.Selection{ID: "s", Start: &tenOClock, Duration: 3600})
	for name, test := range map[string]struct {
		data string
		want message.Reply
	}{
		// What all kinds share.
		"sessionIdentifier":      {`{"sessionIdentifier":"S","data":{"requestIdentifier":"R","listPicker":{}}}`, message.Reply{Kind: list, RequestID: "R", SessionID: "S"}},
		"sessionId":              {`{"data":{"listPicker":{}},"sessionId":"S"}`, message.Reply{Kind: list, SessionID: "S"}},
		"both of them":           {`{"sessionId":"old","data":{"listPicker":{}},"sessionIdentifier":"S"}`, message.Reply{Kind: list, SessionID: "S"}},
		"a session in data":      {`{"data":{"listPicker":{},"sessionIdentifier":"S"}}`, message.Reply{Kind: list, SessionID: "S"}},
		"mspVersion":             {`data:{"mspVersion":"1.0","requestIdentifier":"R","listPicker":{}}`, message.Reply{Kind: list, RequestID: "R"}},
		"ids that are numbers":   {`{"sessionIdentifier":8,"data":{"requestIdentifier":900,"listPicker":{}}}`, message.Reply{Kind: list, RequestID: "900", SessionID: "8"}},
		"ids with space":         {`data:{"requestIdentifier":" R\n","listPicker":{}}`, message.Reply{Kind: list, RequestID: "R"}},
		"words inside data":      {`data:{"listPicker":{},"replyMessage":{"title":" T ","subtitle":"S"},"receivedMessage":{"title":"Q"}}`, message.Reply{Kind: list, Title: "T", Subtitle: "S"}},
		"words beside data":      {`{"replyMessage":{"title":"T","subtitle":"S"},"data":{"listPicker":{}}}`, message.Reply{Kind: list, Title: "T", Subtitle: "S"}},
		"in both places":         {`{"replyMessage":{"title":"old","subtitle":"older"},"data":{"listPicker":{},"replyMessage":{"title":"T"}}}`, message.Reply{Kind: list, Title: "T"}},
		"no words inside":        {`{"replyMessage":{"title":"T"},"data":{"listPicker":{},"replyMessage":{"style":"icon","title":" "}}}`, message.Reply{Kind: list, Title: "T"}},
		"a subtitle alone":       {`data:{"listPicker":{},"replyMessage":{"subtitle":"S"}}`, message.Reply{Kind: list, Subtitle: "S"}},
		"an alternate title":     {`data:{"event":{},"replyMessage":{"title":"Thanks","alternateTitle":"Feb 24","subtitle":"S"}}`, message.Reply{Kind: timed, Title: "Feb 24", Subtitle: "S"}},
		"numbers as words":       {`data:{"listPicker":{},"replyMessage":{"title":5,"subtitle":-1.5e3}}`, message.Reply{Kind: list, Title: "5", Subtitle: "-1.5e3"}},
		"the question is no one": {`data:{"listPicker":{},"receivedMessage":{"title":"Q"}}`, message.Reply{Kind: list}},
		"pictures":               {`data:{"images":[{"identifier":"1","data":"AA=="}],"listPicker":{}}`, message.Reply{Kind: list}},

		// Quick replies.
		"a quick reply":           {`data:{"quick-reply":{"items":[{"identifier":"a","title":"A"},{"identifier":"b","title":"B"}],"selectedIndex":1,"selectedIdentifier":"b"}}`, message.Reply{Kind: quick, Title: "B", Selections: one(message.Selection{ID: "b", Title: "B"})}},
		"an index only":           {`data:{"quick-reply":{"selectedIndex":0,"items":[{"identifier":"a","title":"A"},{"identifier":"b","title":"B"}]}}`, message.Reply{Kind: quick, Title: "A", Selections: one(message.Selection{ID: "a", Title: "A"})}},
		"an index as a string":    {`data:{"quick-reply":{"selectedIndex":"1","items":[{"identifier":"a","title":"A"},{"identifier":"b","title":"B"}]}}`, message.Reply{Kind: quick, Title: "B", Selections: one(message.Selection{ID: "b", Title: "B"})}},
		"an index with a point":   {`data:{"quick-reply":{"selectedIndex":1.0,"selectedIdentifier":null,"items":[{"identifier":"a","title":"A"},{"identifier":"b","title":"B"}]}}`, message.Reply{Kind: quick, Title: "B", Selections: one(message.Selection{ID: "b", Title: "B"})}},
		"an index of odd items":   {`data:{"quick-reply":{"selectedIndex":2,"items":[null,7,{"identifier":"b","title":"B"}]}}`, message.Reply{Kind: quick, Title: "B", Selections: one(message.Selection{ID: "b", Title: "B"})}},
		"an index of nothing":     {`data:{"quick-reply":{"selectedIndex":2,"items":[{"identifier":"a","title":"A"}]}}`, message.Reply{Kind: quick}},
		"an index below":          {`data:{"quick-reply":{"selectedIndex":-1,"items":[{"identifier":"a","title":"A"}]}}`, message.Reply{Kind: quick}},
		"an index of an odd one":  {`data:{"quick-reply":{"selectedIndex":0,"items":["a"]}}`, message.Reply{Kind: quick}},
		"an identifier only":      {`data:{"quick-reply":{"selectedIdentifier":"b"}}`, message.Reply{Kind: quick, Selections: one(message.Selection{ID: "b"})}},
		"both disagree":           {`data:{"quick-reply":{"selectedIndex":0,"selectedIdentifier":"b","items":[{"identifier":"a","title":"A"},{"identifier":"b","title":"B"}]}}`, message.Reply{Kind: quick, Title: "B", Selections: one(message.Selection{ID: "b", Title: "B"})}},
		"a stranger":              {`data:{"quick-reply":{"selectedIndex":0,"selectedIdentifier":"x","items":[{"identifier":"a","title":"A"}]}}`, message.Reply{Kind: quick, Selections: one(message.Selection{ID: "x"})}},
		"a number as identifier":  {`data:{"quick-reply":{"selectedIdentifier":3,"items":[{"identifier":"3","title":"C"}]}}`, message.Reply{Kind: quick, Title: "C", Selections: one(message.Selection{ID: "3", Title: "C"})}},
		"numbers everywhere":      {`data:{"quick-reply":{"selectedIdentifier":"3","items":[{"identifier":3,"title":33}]}}`, message.Reply{Kind: quick, Title: "33", Selections: one(message.Selection{ID: "3", Title: "33"})}},
		"nothing selected":        {`data:{"quick-reply":{"items":[{"identifier":"a","title":"A"}]}}`, message.Reply{Kind: quick}},
		"a bubble of a quick one": {`data:{"quick-reply":{"selectedIdentifier":"a","items":[{"identifier":"a","title":"A"}]},"replyMessage":{"title":"T"}}`, message.Reply{Kind: quick, Title: "T", Selections: one(message.Selection{ID: "a", Title: "A"})}},

		// List pickers.
		"two sections": {`data:{"listPicker":{"sections":[{"items":[{"title":"B","order":1,"identifier":"b"},{"identifier":"a","title":"A","subtitle":"S"}]},{"title":"T","items":[{"identifier":"c","title":"C"}]}]}}`,
			message.Reply{Kind: list, Selections: selections{{ID: "b", Title: "B"}, {ID: "a", Title: "A", Subtitle: "S"}, {ID: "c", Title: "C"}}}},
		"items that are numbers": {`data:{"listPicker":{"sections":[{"items":[{"identifier":1,"title":2,"subtitle":3}]}]}}`, message.Reply{Kind: list, Selections: one(message.Selection{ID: "1", Title: "2", Subtitle: "3"})}},
		"no sections":            {`data:{"listPicker":{"sections":[]}}`, message.Reply{Kind: list}},
		"no items":               {`data:{"listPicker":{"sections":[{"items":[]},{"title":"T"},{}]}}`, message.Reply{Kind: list}},
		"odd elements":           {`data:{"listPicker":{"sections":[null,[],"x",{"items":"x"},{"items":[null,1,[],"x",{},{"identifier":null,"title":[]},{"identifier":"a","title":{}}]}]}}`, message.Reply{Kind: list, Selections: one(message.Selection{ID: "a"})}},
		"a subtitle is no item":  {`data:{"listPicker":{"sections":[{"items":[{"subtitle":"S"}]}]}}`, message.Reply{Kind: list}},
		// The decoder would mend the second list with what is left of the first.
		"items twice":    {`data:{"listPicker":{"sections":[{"items":[{"identifier":"a","title":"A"},{"identifier":"b"}],"items":[{"identifier":"c"}]}]}}`, message.Reply{Kind: list, Selections: one(message.Selection{ID: "c"})}},
		"a kind twice":   {`data:{"listPicker":{"sections":[{"items":[{"identifier":"a","title":"A"}]}]},"listPicker":{"sections":[{"items":[{"identifier":"c"}]}]}}`, message.Reply{Kind: list, Selections: one(message.Selection{ID: "c"})}},
		"a title twice":  {`data:{"listPicker":{},"replyMessage":{"title":"old","title":"T"}}`, message.Reply{Kind: list, Title: "T"}},
		"a title undone": {`data:{"listPicker":{},"replyMessage":{"title":"old","title":null}}`, message.Reply{Kind: list}},

		// Time pickers.
		"a slot":              {`data:{"event":{"identifier":"e","timezoneOffset":-300,"timeslots":[{"identifier":"s","startTime":"2030-02-24T10:00+0000","duration":3600}]}}`, message.Reply{Kind: timed, Selections: slot}},
		"timePicker.event":    {`data:{"timePicker":{"event":{"timeslots":[{"identifier":"s","startTime":"2030-02-24T10:00+0000","duration":3600}]}}}`, message.Reply{Kind: timed, Selections: slot}},
		"both events":         {`data:{"timePicker":{"event":{"timeslots":[{"identifier":"x"}]}},"event":{"timeslots":[{"identifier":"s","startTime":"2030-02-24T10:00+0000","duration":3600}]}}`, message.Reply{Kind: timed, Selections: slot}},
		"timePicker alone":    {`data:{"timePicker":{}}`, message.Reply{Kind: timed}},
		"event null":          {`data:{"event":null,"timePicker":{"event":{"timeslots":[{"identifier":"s","startTime":"2030-02-24T10:00+0000","duration":3600}]}}}`, message.Reply{Kind: timed, Selections: slot}},
		"seconds":             {`data:{"event":{"timeslots":[{"identifier":"s","startTime":"2030-02-24T10:00:00+0000","duration":"3600"}]}}`, message.Reply{Kind: timed, Selections: slot}},
		"Z":                   {`data:{"event":{"timeslots":[{"identifier":"s","startTime":"2030-02-24T10:00Z","duration":3600.0}]}}`, message.Reply{Kind: timed, Selections: slot}},
		"seconds and Z":       {`data:{"event":{"timeslots":[{"identifier":"s","startTime":"2030-02-24T10:00:00Z","duration":3600}]}}`, message.Reply{Kind: timed, Selections: slot}},
		"fractions":           {`data:{"event":{"timeslots":[{"identifier":"s","startTime":"2030-02-24T10:00:00.000Z","duration":3600}]}}`, message.Reply{Kind: timed, Selections: slot}},
		"another zone":        {`data:{"event":{"timeslots":[{"identifier":"s","startTime":"2030-02-24T05:00-0500","duration":3600}]}}`, message.Reply{Kind: timed, Selections: slot}},
		"RFC 3339":            {`data:{"event":{"timeslots":[{"identifier":"s","startTime":"2030-02-24T05:00:00-05:00","duration":3600}]}}`, message.Reply{Kind: timed, Selections: slot}},
		"no time":             {`data:{"event":{"timeslots":[{"identifier":"s","startTime":"tomorrow","duration":-1}]}}`, message.Reply{Kind: timed, Selections: one(message.Selection{ID: "s", Title: "tomorrow"})}},
		"a time as number":    {`data:{"event":{"timeslots":[{"identifier":7,"startTime":1900000000,"duration":99999999999}]}}`, message.Reply{Kind: timed, Selections: one(message.Selection{ID: "7", Title: "1900000000"})}},
		"the year 10000":      {`data:{"event":{"timeslots":[{"startTime":"9999-12-31T23:59-0100"}]}}`, message.Reply{Kind: timed, Selections: one(message.Selection{Title: "9999-12-31T23:59-0100"})}},
		"the year 0":          {`data:{"event":{"timeslots":[{"startTime":"0000-01-01T00:00+0100"}]}}`, message.Reply{Kind: timed, Selections: one(message.Selection{Title: "0000-01-01T00:00+0100"})}},
		"a length is no time": {`data:{"event":{"timeslots":[{"duration":60},{"identifier":"s","startTime":"2030-02-24T10:00+0000","duration":3600}]}}`, message.Reply{Kind: timed, Selections: slot}},

		// Forms.
		"a form": {`data:{"dynamic":{"template":"messageForms","version":"1.2","private":true,"selections":[{"pageIdentifier":"p","title":"Q","items":[{"identifier":"a","title":"A","value":"1"},{"identifier":"b","title":"B"}]},{"pageIdentifier":"q","items":[{"value":"W"}]}]}}`,
			message.Reply{Kind: form, Private: true, Selections: selections{{ID: "a", Title: "A", Value: "1", Page: "p", Subtitle: "Q"}, {ID: "b", Title: "B", Page: "p", Subtitle: "Q"}, {Value: "W", Page: "q"}}}},
		"a form of the old template": {`data:{"dynamic":{"template":"form","version":"1.1","data":{"private":"true","selections":[{"pageIdentifier":0,"title":1,"items":[{"value":5}]}]}}}`,
			message.Reply{Kind: form, Private: true, Selections: one(message.Selection{Value: "5", Page: "0", Subtitle: "1"})}},
		"selections of an archive": {`data:{"selections":[{"pageIdentifier":"p","title":"Q","items":[{"value":"W"}]}]}`, message.Reply{Kind: form, Selections: one(message.Selection{Value: "W", Page: "p", Subtitle: "Q"})}},
		"selections twice":         {`data:{"selections":[{"items":[{"value":"archive"}]}],"dynamic":{"selections":[{"items":[{"value":"W"}]}],"data":{"selections":[]}}}`, message.Reply{Kind: form, Selections: one(message.Selection{Value: "W"})}},
		"no selections":            {`data:{"dynamic":{"selections":[]}}`, message.Reply{Kind: form}},
		"selections null":          {`data:{"dynamic":{"selections":null,"private":false}}`, message.Reply{Kind: form}},
		"pages without an answer":  {`data:{"dynamic":{"selections":[{"pageIdentifier":"p","title":"Q","items":[]},{"pageIdentifier":"p","items":[{}]},{"title":"Q"},null,5]}}`, message.Reply{Kind: form}},
		"odd pages":                {`data:{"dynamic":{"private":{},"selections":[{"pageIdentifier":[],"title":{},"items":[{"value":{}},{"value":" W\n","title":null}]}]}}`, message.Reply{Kind: form, Selections: one(message.Selection{Value: " W\n"})}},
		"a question without end":   {`data:{"dynamic":{"selections":[{"pageIdentifier":"` + strings.Repeat("p", 257) + `","title":"` + strings.Repeat("é", 201) + `","items":[{"value":"W"}]}]}}`, message.Reply{Kind: form, Selections: one(message.Selection{Value: "W", Subtitle: strings.Repeat("é", 199) + "…"})}},

		// Invitations and apps.
		"an invitation":            {`data:{"notification":{"referenceId":7,"displayContent":{"determinateResponse":{"title":"Yes"}}}}`, message.Reply{Kind: message.ReplyInvitation, Title: "Yes", Selections: one(message.Selection{ID: "7", Title: "Yes"})}},
		"an empty invitation":      {`data:{"notification":{"displayContent":[]}}`, message.Reply{Kind: message.ReplyInvitation}},
		"an app":                   {`{"bid":"` + foreignBID + `","URL":"?a=1","sessionIdentifier":"S","appId":"1","receivedMessage":{"title":"T","subtitle":"S"}}`, message.Reply{Kind: app, SessionID: "S", URL: "?a=1", Title: "T", Subtitle: "S"}},
		"an app with an answer":    {`{"bid":"` + foreignBID + `","URL":"?a=1","replyMessage":{"title":"R"},"receivedMessage":{"title":"T","subtitle":"S"}}`, message.Reply{Kind: app, URL: "?a=1", Title: "R"}},
		"an app without address":   {`{"bid":"` + foreignBID + `","URL":7}`, message.Reply{Kind: app}},
		"an address without app":   {`{"URL":"?a=1"}`, message.Reply{Kind: app, URL: "?a=1"}},
		"an app with data null":    {`{"bid":"` + foreignBID + `","URL":"?a=1","data":null}`, message.Reply{Kind: app, URL: "?a=1"}},
		"an app with data":         {`{"bid":"` + foreignBID + `","URL":"?a=1","data":{"requestIdentifier":"R"}}`, message.Reply{Kind: app, URL: "?a=1", RequestID: "R"}},
		"Apple's own address":      {`{"bid":"` + appleBID + `","URL":"?receivedMessage=e30","receivedMessage":{"title":"Q"}}`, message.Reply{Kind: unknown}},
		"an extension of tomorrow": {`{"bid":"` + appleBID + `2","URL":"?a","replyMessage":{"title":"T"}}`, message.Reply{Kind: unknown, Title: "T"}},

		// The order of kinds, and what is none of them.
		"all kinds":       {`data:{"notification":{},"dynamic":{},"event":{},"listPicker":{},"quick-reply":{}}`, message.Reply{Kind: quick}},
		"but for one":     {`data:{"notification":{},"dynamic":{},"event":{},"listPicker":{},"quick-reply":null}`, message.Reply{Kind: list}},
		"and another":     {`data:{"notification":{},"dynamic":{},"event":{},"listPicker":[]}`, message.Reply{Kind: timed}},
		"the last two":    {`data:{"notification":{},"dynamic":{},"event":"x","timePicker":1}`, message.Reply{Kind: form}},
		"the last":        {`data:{"notification":{},"dynamic":true}`, message.Reply{Kind: message.ReplyInvitation}},
		"an unknown kind": {`data:{"hologram":{"items":[]},"replyMessage":{"title":"T","subtitle":"S"}}`, message.Reply{Kind: unknown, Title: "T", Subtitle: "S"}},
		"an odd kind":     {`data:{"listPicker":"x","replyMessage":{"title":"T"}}`, message.Reply{Kind: unknown, Title: "T"}},
		"null everywhere": {`{"bid":null,"URL":null,"sessionIdentifier":null,"sessionId":null,"replyMessage":null,"receivedMessage":null,"data":{"version":null,"requestIdentifier":null,"replyMessage":null,"authenticate":null,"payment":null,"quick-reply":null,"listPicker":null,"event":null,"timePicker":null,"dynamic":null,"notification":null,"selections":null,"images":null}}`, message.Reply{Kind: unknown}},
		"odd everywhere":  {`{"bid":[],"URL":{},"sessionIdentifier":true,"replyMessage":"x","receivedMessage":5,"data":{"requestIdentifier":{},"replyMessage":[],"quick-reply":"x","listPicker":5,"event":true,"timePicker":[],"dynamic":"x","notification":[],"selections":{}}}`, message.Reply{Kind: unknown}},
		"data a string":   {`{"data":"x","replyMessage":{"title":"T"}}`, message.Reply{Kind: unknown, Title: "T"}},
		"data null":       {`{"data":null}`, message.Reply{Kind: unknown}},
		"no object":       {`[]`, message.Reply{Kind: unknown}},
		"null":            {`null`, message.Reply{Kind: unknown}},
		"no JSON":         {`{"data":`, message.Reply{Kind: unknown}},
		"nothing":         {``, message.Reply{Kind: unknown}},
	} {
		raw := test.data
		if data, alone := strings.CutPrefix(raw, "data:"); alone {
			raw = `{"bid":"` + appleBID + `","data":` + data + `}`
		}
		got, hidden := parseReply(json.RawMessage(raw))
		if diff := cmp.Diff(test.want, got); diff != "" || hidden {
			t.Errorf("%s: hidden %v, %s", name, hidden, diff)
		}
	}
}

func TestASignInOrAPaymentIsNeverShown(t *testing.T) {
	for _, kind := range []string{"authenticate", "payment"} {
		for _, value := range []string{`{}`, `"x"`, `[]`, `1`, `false`, `{"status":"success"}`} {
			data := fmt.Sprintf(`{"listPicker":{"sections":[{"items":[{"identifier":"1","title":"A"}]}]},"replyMessage":{"title":"Paid"},%q:%s}`, kind, value)
			for _, data := range []string{`{"data":` + data + `}`, `{"bid":"` + foreignBID + `","URL":"?a","data":` + data + `}`} {
				event := eventOf(t, with(map[string]any{"type": "interactive", "interactiveData": json.RawMessage(data)}))
				if event.Type != message.EventUnsupported || event.Data.Reply != nil || event.Data.Note != noteSignIn || event.Data.AppleType != "interactive" {
					t.Errorf("%s: %+v", data, event)
				}
			}
		}
	}
}

// interactiveOf receives an answer; ref is "" for one without reference.
func interactiveOf(t testing.TB, data, ref string) *Incoming {
	t.Helper()
	members := map[string]any{"type": "interactive"}
	if data != "" {
		members["interactiveData"] = json.RawMessage(data)
	}
	if ref != "" {
		members["interactiveDataRef"] = json.RawMessage(ref)
	}
	return accepted(t, testReceiver(), sent(with(members), nil).request(t))
}

func TestWhatIsThereIsNotFetched(t *testing.T) {
	whole := string(unmarshal[map[string]json.RawMessage](t, fixture(t, "in-interactive-data-ref.json"))["interactiveDataRef"])
	list := message.Reply{Kind: message.ReplyListPicker, Title: "Selected produce", Selections: []message.Selection{{ID: "1"}}}
	for name, test := range map[string]struct {
		data, ref string
		want      message.Reply
		fetched   bool
	}{
		"a known kind":             {`{"data":{"listPicker":{"sections":[{"items":[{"identifier":"1"}]}]}}}`, whole, list, false},
		"a known kind with words":  {`{"data":{"listPicker":{},"replyMessage":{"title":"T"}}}`, whole, message.Reply{Kind: message.ReplyListPicker, Title: "T"}, false},
		"an app's address":         {`{"bid":"b","URL":"?a"}`, whole, message.Reply{Kind: message.ReplyApp, URL: "?a", Title: "Selected produce"}, false},
		"an app without one":       {`{"bid":"b"}`, whole, message.Reply{Kind: message.ReplyApp, Title: "Selected produce"}, true},
		"a copy to display":        {`{"sessionIdentifier":"S","data":{"requestIdentifier":"R","replyMessage":{"title":"T","subtitle":"S"}}}`, whole, message.Reply{Kind: message.ReplyUnknown, RequestID: "R", SessionID: "S", Title: "T", Subtitle: "S"}, true},
		"an odd kind":              {`{"data":{"listPicker":[]}}`, whole, message.Reply{Kind: message.ReplyUnknown, Title: "Selected produce"}, true},
		"null":                     {`null`, whole, message.Reply{Kind: message.ReplyUnknown, Title: "Selected produce"}, true},
		"the reference alone":      {``, whole, message.Reply{Kind: message.ReplyUnknown, Title: "Selected produce"}, true},
		"a title that is a number": {``, strings.Replace(whole, `"Selected produce"`, `5`, 1), message.Reply{Kind: message.ReplyUnknown, Title: "5"}, true},
		"half a reference":         {`{"data":{"replyMessage":{"title":"T"}}}`, `{"title":"R","url":"https://example.com"}`, message.Reply{Kind: message.ReplyUnknown, Title: "T"}, false},
		"no reference":             {`{"data":{"replyMessage":{"title":"T"}}}`, `"x"`, message.Reply{Kind: message.ReplyUnknown, Title: "T"}, false},
	} {
		in := interactiveOf(t, test.data, test.ref)
		if diff := cmp.Diff(&test.want, in.Event.Data.Reply); diff != "" || in.Event.Type != message.EventReplied || (in.Reference != nil) != test.fetched {
			t.Errorf("%s: %s, to be fetched: %v, %s", name, in.Event.Type, in.Reference != nil, diff)
		}
	}
	if in := interactiveOf(t, `{}`, strings.Replace(whole, `"Selected produce"`, `""`, 1)); in.Event.Type != message.EventUnsupported || in.Reference == nil {
		t.Errorf("%+v", in.Event)
	}
}

// What is fetched counts, and what it leaves out is taken from what was known before.
func TestTheFetchedAnswerCompletesTheEvent(t *testing.T) {
	ref := string(unmarshal[map[string]json.RawMessage](t, fixture(t, "in-interactive-data-ref.json"))["interactiveDataRef"])
	const display = `{"sessionIdentifier":"S","data":{"requestIdentifier":"R","replyMessage":{"title":"T","subtitle":"U"}}}`
	known := message.Reply{Kind: message.ReplyUnknown, RequestID: "R", SessionID: "S", Title: "T", Subtitle: "U"}
	for name, test := range map[string]struct {
		display, fetched string
		want             *message.Reply // nil: unsupported
	}{
		"all of it":      {display, `{"sessionIdentifier":"S2","data":{"requestIdentifier":"R2","replyMessage":{"title":"T2"},"listPicker":{}}}`, &message.Reply{Kind: message.ReplyListPicker, RequestID: "R2", SessionID: "S2", Title: "T2"}},
		"the answer":     {display, `{"data":{"listPicker":{}}}`, &message.Reply{Kind: message.ReplyListPicker, RequestID: "R", SessionID: "S", Title: "T", Subtitle: "U"}},
		"nothing":        {display, `{}`, &known},
		"an odd one":     {display, `[]`, &known},
		"the title only": {``, `{}`, &message.Reply{Kind: message.ReplyUnknown, Title: "Selected produce"}},
		"an app's":       {`{"bid":"b"}`, `{"data":{}}`, &message.Reply{Kind: message.ReplyApp, Title: "Selected produce"}},
		"a sign-in":      {display, `{"data":{"authenticate":{},"replyMessage":{"title":"You signed in"}}}`, nil},
	} {
		in := interactiveOf(t, test.display, ref)
		in.Answer(json.RawMessage(test.fetched))
		wanted := message.EventReplied
		if test.want == nil {
			wanted = message.EventUnsupported
		}
		if diff := cmp.Diff(test.want, in.Event.Data.Reply); diff != "" || in.Event.Type != wanted || (in.Event.Data.Note != "") != (test.want == nil) {
			t.Errorf("%s: %+v %s", name, in.Event, diff)
		}
	}
	// An event that somebody else made has the reference's title at least.
	in := &Incoming{Type: "interactive", Reference: &Reference{Title: "T"}}
	if in.Answer(json.RawMessage(`{}`)); in.Event.Data.Reply == nil || in.Event.Data.Reply.Title != "T" {
		t.Errorf("%+v", in.Event)
	}
}

func TestTheFilesOfAnAppsAnswerAreListed(t *testing.T) {
	files := unmarshal[map[string]json.RawMessage](t, fixture(t, "in-text-attachment.json"))["attachments"]
	in := accepted(t, testReceiver(), sent(with(map[string]any{
		"type": "interactive", "body": nil, "attachments": files, "interactiveData": json.RawMessage(`{"bid":"` + foreignBID + `","URL":"?a=1"}`),
	}), nil).request(t))
	want := []message.Attachment{{ID: messageID + "-1", Name: "IMG_0001.png", MIMEType: "image/png", Size: 69}}
	if diff := cmp.Diff(want, in.Event.Data.Attachments); diff != "" || len(in.Files) != 1 || in.Files[0] == nil {
		t.Error(len(in.Files), diff)
	}
	if diff := cmp.Diff(&message.Reply{Kind: message.ReplyApp, URL: "?a=1"}, in.Event.Data.Reply); diff != "" || in.Event.Type != message.EventReplied {
		t.Error(in.Event.Type, diff)
	}
}

// A question is repeated beside each of its answers, which must not make a small message large.
func TestAnAnswerStaysInProportion(t *testing.T) {
	many := func(element string, n int) string { return "[" + strings.Repeat(element+",", n-1) + element + "]" }
	long := strings.Repeat("x", 500_000)
	for name, data := range map[string]string{
		"items":    `{"listPicker":{"sections":[{"items":` + many(`{"identifier":"1"}`, 20_000) + `}]}}`,
		"sections": `{"listPicker":{"sections":` + many(`{"items":[{"identifier":"1"}]}`, 20_000) + `}}`,
		"both":     `{"listPicker":{"sections":` + many(`{"items":`+many(`{"identifier":"1"}`, 200)+`}`, 200) + `}}`,
		"slots":    `{"event":{"timeslots":` + many(`{"identifier":"1"}`, 20_000) + `}}`,
		"pages":    `{"dynamic":{"selections":` + many(`{"items":[{"value":"1"}]}`, 20_000) + `}}`,
		"question": `{"dynamic":{"selections":[{"pageIdentifier":"` + long + `","title":"` + long + `","items":` + many(`{"value":"1"}`, 20_000) + `}]}}`,
	} {
		raw := `{"data":` + data + `}`
		reply, _ := parseReply(json.RawMessage(raw))
		if len(reply.Selections) != maxSelections {
			t.Errorf("%s: %d selections", name, len(reply.Selections))
		}
		checkReply(t, []byte(raw), reply)
	}
	raw := `{"data":{"listPicker":{"sections":[` + strings.Repeat("0,", 1_000_000) + `0]}}}`
	if allocated := testing.AllocsPerRun(1, func() { parseReply(json.RawMessage(raw)) }); allocated > 10_000 {
		t.Errorf("%v allocations for a list of a million", allocated)
	}
}

// checkReply wants an answer that can be handed on, and is not much larger than what it was read from.
func checkReply(t testing.TB, raw []byte, reply message.Reply) {
	t.Helper()
	written, err := json.Marshal(reply)
	if err != nil {
		t.Fatal(err)
	}
	const escaped, twice, question = 6, 2, 4096
	if limit := escaped*twice*len(raw) + question*(len(reply.Selections)+1); len(written) > limit {
		t.Fatalf("%d bytes became %d", len(raw), len(written))
	}
	if objects := strings.Count(string(raw), "{"); len(reply.Selections) > min(objects, maxSelections) {
		t.Fatalf("%d selections of %d objects", len(reply.Selections), objects)
	}
	for _, selection := range reply.Selections {
		if selection.ID == "" && selection.Title == "" && selection.Value == "" && selection.Start == nil || selection.Duration < 0 ||
			selection.Start != nil && selection.Start.Location() != time.UTC {
			t.Fatalf("%+v", selection)
		}
	}
}
