package apple

import (
	"encoding/base64"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bizbridge/bridge/message"
)

// decodedContent reads what a helpdesk sends.
func decodedContent(t testing.TB, raw []byte) message.Content {
	t.Helper()
	content, faults := message.DecodeContent(raw)
	if len(faults) > 0 {
		t.Fatalf("%+v in %s", faults, raw)
	}
	return content
}

// prepared gives the pictures of a content as they are.
func prepared(t testing.TB, content message.Content) map[string][]byte {
	t.Helper()
	pictures := make(map[string][]byte)
	pictured, ok := content.(message.Pictured)
	if !ok {
		return nil
	}
	for _, picture := range pictured.Pictures() {
		data, err := base64.StdEncoding.DecodeString(picture.Data)
		if err != nil {
			t.Fatal(err)
		}
		pictures[picture.ID] = data
	}
	return pictures
}

// posted sends to a gateway that takes everything, and gives the body that it got.
func posted(t testing.TB, out Outgoing) map[string]any {
	t.Helper()
	g := newGateway(t)
	c, _ := newTestClient(t, g.URL)
	if failure := send(t, c, time.Second, out); failure != nil {
		t.Fatal(failure)
	}
	_, bodies := g.seen()
	if len(bodies) != 1 {
		t.Fatalf("%d requests", len(bodies))
	}
	return unmarshal[map[string]any](t, []byte(bodies[0]))
}

// today brings a fixture to what the bridge writes: its samples are of several years (protocol §12.3 and §12.23).
func today(value any) any {
	switch value := value.(type) {
	case []any:
		for i := range value {
			value[i] = today(value[i])
		}
	case map[string]any:
		for name, member := range value {
			value[name] = today(member)
		}
		if version, old := value["mspVersion"]; old {
			delete(value, "mspVersion")
			value["version"] = version
		}
		if value["style"] == "default" {
			value["style"] = "icon"
		}
	}
	return value
}

func TestEveryInteractiveContentMeansWhatAppleDocuments(t *testing.T) {
	contents, err := filepath.Glob("testdata/content/*.json")
	if err != nil || len(contents) != 11 {
		t.Errorf("%d contents, %v", len(contents), err)
	}
	for _, path := range contents {
		name := filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw := fixture(t, "out-"+name)
			envelope := unmarshal[struct {
				ID              message.ID
				InteractiveData struct {
					Data struct{ RequestIdentifier string }
				}
				RichLinkDataRef json.RawMessage
			}](t, raw)
			out := outgoing(decodedContent(t, fixture(t, "content/"+name)))
			out.ID, out.RequestID, out.Card = envelope.ID, envelope.InteractiveData.Data.RequestIdentifier, envelope.RichLinkDataRef
			out.Pictures = prepared(t, out.Content)
			if diff := cmp.Diff(today(unmarshal[any](t, raw)), any(posted(t, out))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// wireOf is one part of what is sent for a content: the members on the way to it, separated by dots.
func wireOf(t testing.TB, content, path string) any {
	t.Helper()
	out := outgoing(decodedContent(t, []byte(content)))
	out.RequestID, out.Pictures = requestID, prepared(t, out.Content)
	part := any(posted(t, out))
	for name := range strings.SplitSeq(path, ".") {
		part = part.(map[string]any)[name]
	}
	return part
}

// What a content leaves out becomes Apple's default, or stays out; what is zero is sent where nothing would mean
// something else.
func TestWhatIsLeftOutAndWhatIsZero(t *testing.T) {
	const (
		quiet   = `"received":{"title":"Q"}`
		event   = `{"kind":"time_picker",` + quiet + `,"event":`
		picker  = `{"kind":"list_picker",` + quiet + `,"sections":`
		form    = `{"kind":"form",` + quiet + `,"pages":`
		app     = `{"kind":"app","team_id":"ABCDE12345","extension_id":"a.b","url":"?a",`
		data    = "interactiveData.data"
		pages   = data + ".dynamic.data.pages"
		noPages = `[{"id":"p","type":"input","title":"T"}]`
	)
	for name, test := range map[string]struct{ content, path, want string }{
		"a bubble":       {picker + `[{"items":[{"id":"1","title":"A"}]}]}`, "interactiveData.receivedMessage", `{"title":"Q","style":"icon"}`},
		"its answer":     {picker + `[{"items":[{"id":"1","title":"A"}]}]}`, "interactiveData.replyMessage", `{"title":"Q","style":"icon"}`},
		"a style":        {`{"kind":"list_picker","received":{"title":"Q","subtitle":"S","style":"large"},"sections":[{"items":[{"id":"1","title":"A"}]}]}`, "interactiveData.replyMessage", `{"title":"Q","style":"large"}`},
		"a section":      {picker + `[{"items":[{"id":"1","title":"A","style":"large"},{"id":"2","title":"B"}]},{"multiple":true,"title":"T","items":[{"id":"3","title":"C"}]}]}`, data + ".listPicker", `{"sections":[{"title":"","order":0,"multipleSelection":false,"items":[{"identifier":"1","title":"A","order":0,"style":"large"},{"identifier":"2","title":"B","order":1,"style":"icon"}]},{"title":"T","order":1,"multipleSelection":true,"items":[{"identifier":"3","title":"C","order":0,"style":"icon"}]}]}`},
		"no picture":     {picker + `[{"items":[{"id":"1","title":"A"}]}]}`, data + ".images", `null`},
		"an unused one":  {picker + `[{"items":[{"id":"1","title":"A"}]}],"images":[{"id":"i","data":"AA=="}]}`, data + ".images", `null`},
		"a quick reply":  {`{"kind":"quick_reply","prompt":"P","options":[{"id":"1","title":"A"},{"id":"2","title":"B"}]}`, "interactiveData", `{"bid":"` + messagesExtension + `","data":{"version":"1.0","requestIdentifier":"` + requestID + `","quick-reply":{"summaryText":"P","items":[{"identifier":"1","title":"A"},{"identifier":"2","title":"B"}]}}}`},
		"an appointment": {event + `{"slots":[{"id":"s","start":"2030-01-01T00:30:00+01:00","duration":0}]}}`, data + ".event", `{"identifier":"` + requestID + `","title":"Q","timeslots":[{"identifier":"s","startTime":"2029-12-31T23:30+0000","duration":0}]}`},
		"GMT":            {event + `{"timezone":"UTC","slots":[{"id":"s","start":"2030-01-01T00:00:00Z","duration":0}]}}`, data + ".event.timezoneOffset", `0`},
		"summer":         {event + `{"timezone":"Europe/Berlin","slots":[{"id":"s","start":"2030-07-01T00:00:00Z","duration":0}]}}`, data + ".event.timezoneOffset", `120`},
		"half an hour":   {event + `{"timezone":"Asia/Kolkata","slots":[{"id":"s","start":"2030-07-01T00:00:00Z","duration":0}]}}`, data + ".event.timezoneOffset", `330`},
		"the Gulf":       {event + `{"location":{"title":"Null Island","latitude":0,"longitude":0},"slots":[{"id":"s","start":"2030-01-01T00:00:00Z","duration":0}]}}`, data + ".event.location", `{"title":"Null Island","latitude":0,"longitude":0}`},
		"a picture":      {`{"kind":"time_picker",` + quiet + `,"event":{"image":"i","slots":[{"id":"s","start":"2030-01-01T00:00:00Z","duration":0}]},"images":[{"id":"i","data":"AA==","description":"D"}]}`, data + ".images", `[{"identifier":"i","data":"AA==","description":"D"}]`},
		"a form":         {form + noPages + `}`, data + ".dynamic", `{"version":"1.2","template":"messageForms","data":{"startPageIdentifier":"p","showSummary":false,"private":false,"pages":[{"pageIdentifier":"p","type":"input","title":"T","submitForm":true,"options":{"required":false,"inputType":"singleline","maximumCharacterCount":30,"keyboardType":"default"}}]}}`},
		"a private form": {`{"kind":"form",` + quiet + `,"private":true,"summary":true,"pages":` + noPages + `}`, data + ".dynamic.data.private", `true`},
		"a splash":       {`{"kind":"form",` + quiet + `,"splash":{"header":"H"},"pages":` + noPages + `}`, data + ".dynamic.data.splash", `{"header":"H","buttonTitle":"Start"}`},
		"another button": {`{"kind":"form",` + quiet + `,"splash":{"header":"H","button":"Go"},"pages":` + noPages + `}`, data + ".dynamic.data.splash.buttonTitle", `"Go"`},
		"the first page": {`{"kind":"form",` + quiet + `,"start":"b","pages":[{"id":"a","type":"input","title":"T","submit":true},{"id":"b","type":"input","title":"T","next":"a"}]}`, data + ".dynamic.data.startPageIdentifier", `"b"`},
		"a selection": {form + `[{"id":"a","type":"select","title":"T","items":[{"id":"1","title":"A"}]}]}`, pages,
			`[{"pageIdentifier":"a","type":"select","title":"T","multipleSelection":false,"submitForm":true,"items":[{"identifier":"1","title":"A","value":"1"}]}]`},
		"branches": {form + `[{"id":"a","type":"select","title":"T","items":[{"id":"1","title":"A","next":"c"},{"id":"2","title":"B"}]},{"id":"b","type":"input","title":"T"},{"id":"c","type":"input","title":"T","multiline":true,"max_length":5,"required":true,"prefix":"P","regex":"^x$","keyboard":"UIKeyboardTypeEmailAddress","content_type":"emailAddress"}]}`, pages,
			`[{"pageIdentifier":"a","type":"select","title":"T","multipleSelection":false,"submitForm":false,"items":[{"identifier":"1","title":"A","value":"1","nextPageIdentifier":"c"},{"identifier":"2","title":"B","value":"2","nextPageIdentifier":"b"}]},
			{"pageIdentifier":"b","type":"input","title":"T","submitForm":false,"nextPageIdentifier":"c","options":{"required":false,"inputType":"singleline","maximumCharacterCount":30,"keyboardType":"default"}},
			{"pageIdentifier":"c","type":"input","title":"T","submitForm":true,"options":{"required":true,"inputType":"multiline","maximumCharacterCount":5,"keyboardType":"emailAddress","prefixText":"P","regex":"^x$","textContentType":"emailAddress"}}]`},
		"several of them": {form + `[{"id":"a","type":"select","title":"T","multiple":true,"items":[{"id":"1","title":"A"}]},{"id":"b","type":"picker","title":"T","selected":"2","items":[{"id":"1","title":"A"},{"id":"2","title":"B","value":"b"}]}]}`, pages,
			`[{"pageIdentifier":"a","type":"select","title":"T","multipleSelection":true,"submitForm":false,"nextPageIdentifier":"b","items":[{"identifier":"1","title":"A","value":"1"}]},
			{"pageIdentifier":"b","type":"picker","title":"T","submitForm":true,"selectedItemIndex":1,"items":[{"identifier":"1","title":"A","value":"1"},{"identifier":"2","title":"B","value":"b"}]}]`},
		"a wheel without a choice": {form + `[{"id":"b","type":"picker","title":"T","items":[{"id":"1","title":"A"}]}]}`, pages, `[{"pageIdentifier":"b","type":"picker","title":"T","submitForm":true,"selectedItemIndex":0,"items":[{"identifier":"1","title":"A","value":"1"}]}]`},
		"a day":                    {form + `[{"id":"b","type":"date_picker","title":"T"}]}`, pages, `[{"pageIdentifier":"b","type":"datePicker","title":"T","submitForm":true,"options":{"dateFormat":"MM/dd/yyyy"}}]`},
		"a German day":             {form + `[{"id":"b","type":"date_picker","title":"T","format":"dd.MM.yyyy","min":"2030-02-24"}]}`, pages, `[{"pageIdentifier":"b","type":"datePicker","title":"T","submitForm":true,"options":{"dateFormat":"dd.MM.yyyy","minimumDate":"24.02.2030"}}]`},
		"an app":                   {app + quiet + `}`, "interactiveData", `{"bid":"com.apple.messages.MSMessageExtensionBalloonPlugin:ABCDE12345:a.b","URL":"?a","useLiveLayout":true,"receivedMessage":{"title":"Q"}}`},
		"an app of its own id":     {`{"kind":"app","bid":"com.apple.messages.MSMessageExtensionBalloonPlugin:ABCDE12345:a.b","url":"?a",` + quiet + `}`, "interactiveData.bid", `"com.apple.messages.MSMessageExtensionBalloonPlugin:ABCDE12345:a.b"`},
		"an app that is not live":  {app + `"live_layout":false,"icon":{"data":"AA=="},"session_id":"` + sessionID + `","received":{"title":"Q","style":"large"}}`, "interactiveData", `{"bid":"com.apple.messages.MSMessageExtensionBalloonPlugin:ABCDE12345:a.b","URL":"?a","useLiveLayout":false,"appIcon":"AA==","sessionIdentifier":"` + sessionID + `","receivedMessage":{"title":"Q","style":"large"}}`},
		"an app's files":           {app + quiet + `}`, "attachments", `[]`},
		"no files of a picker":     {picker + `[{"items":[{"id":"1","title":"A"}]}]}`, "attachments", `null`},
		"an address with &":        {app[:len(app)-len(`"?a",`)] + `"?a=1&b=<2>",` + quiet + `}`, "interactiveData.URL", `"?a=1&b=<2>"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(unmarshal[any](t, []byte(test.want)), wireOf(t, test.content, test.path)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestContentThatNobodyPutIntoWordsIsNotSent(t *testing.T) {
	g := newGateway(t)
	c, _ := newTestClient(t, g.URL)
	failure := send(t, c, time.Second, outgoing(message.Template{Name: "hello"}))
	if requests, _ := g.seen(); failure == nil || failure.Class != message.Invalid || len(requests) != 0 {
		t.Errorf("%v, %d requests", failure, len(requests))
	}
}
