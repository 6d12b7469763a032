package sandbox

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"image"
	"image/jpeg"
	"strings"
	"testing"
)

// refusal cases: one thing of a good message is altered, and the reason names it.
type spoilt struct {
	edit   edit
	reason string
}

var long = strings.Repeat("ü", 201)

// spoiltLabel is what is wrong with a string that is rendered.
func spoiltLabel(path string) []spoilt {
	name := path[strings.LastIndexByte(path, '/')+1:]
	return []spoilt{
		{edit{path, long}, name + " has 201 characters"}, {edit{path, "a\nb"}, name + " contains U+000A"},
		{edit{path, 7}, name + " is not a string"}, {edit{path, nil}, name + " is not a string"},
		{edit{path, "\u2028"}, ""}, {edit{path, "\ue000"}, ""}, {edit{path, "\uFFFC"}, ""},
	}
}

func spoiltTitle(path string) []spoilt {
	return append(spoiltLabel(path), spoilt{edit{path, gone}, "is missing"}, spoilt{edit{path, " "}, "is empty"})
}

func all(groups ...[]spoilt) (list []spoilt) {
	for _, group := range groups {
		list = append(list, group...)
	}
	return list
}

func refuses(t *testing.T, name, member string, parse func(json.RawMessage) error, list []spoilt) {
	t.Helper()
	if len(list) < 10 {
		t.Errorf("%d cases", len(list))
	}
	for _, c := range list {
		raw, _ := json.Marshal(edited(fixture(t, name), c.edit)[member])
		switch err := parse(raw); {
		case err == nil:
			t.Errorf("%s = %.60v was taken", c.edit.path, c.edit.value)
		case !strings.Contains(err.Error(), c.reason) || !strings.Contains(err.Error(), member):
			t.Errorf("%s = %.60v: %v, want %s", c.edit.path, c.edit.value, err, c.reason)
		}
	}
}

func parsesInteractive(raw json.RawMessage) error {
	_, err := parseInteractive(raw)
	return err
}

func refusesInteractive(t *testing.T, name string, list []spoilt) {
	t.Helper()
	refuses(t, name, "interactiveData", parsesInteractive, list)
}

const (
	inner = "interactiveData/data/"
	top   = "interactiveData/"
)

func TestEnvelopeRules(t *testing.T) {
	refusesInteractive(t, "out-list-picker-images", all(spoiltTitle(top+"receivedMessage/title"), spoiltTitle(top+"replyMessage/title"),
		spoiltLabel(top+"receivedMessage/subtitle"), spoiltLabel(top+"replyMessage/imageTitle"), []spoilt{
			{edit{top + "bid", gone}, "bid is missing"},
			{edit{top + "bid", "com.apple.messages"}, "bid"},
			{edit{top + "bid", bidPrefix + "short:com.example"}, "bid"},
			{edit{top + "bid", bidPrefix + "0000000000:com.example"}, "Apple's team"},
			{edit{top + "data", gone}, "data is missing"},
			{edit{top + "data", []any{}}, "not an object"},
			{edit{top + "sessionIdentifier", "1"}, "UUID"},
			{edit{top + "useLiveLayout", "true"}, "neither true nor false"},
			{edit{top + "images", []any{}}, "belong into interactiveData.data"},
			{edit{top + "receivedMessage", gone}, "receivedMessage is missing"},
			{edit{top + "receivedMessage", "x"}, "not an object"},
			{edit{top + "receivedMessage/style", "default"}, "style"},
			{edit{top + "receivedMessage/imageIdentifier", "3"}, "not among"},
			{edit{top + "replyMessage/imageIdentifier", "02"}, "not among"},
			{edit{top + "replyMessage/style", "huge"}, "style"},
			{edit{inner + "mspVersion", gone}, "version"},
			{edit{inner + "mspVersion", 1.0}, "mspVersion"},
			{edit{inner + "version", "1.1"}, "version"},
			{edit{inner + "requestIdentifier", gone}, "requestIdentifier is missing"},
			{edit{inner + "requestIdentifier", "42"}, "UUID"},
			{edit{inner + "listPicker", gone}, "none of"},
			{edit{inner + "event", map[string]any{}}, "too many"},
			{edit{inner + "authenticate", map[string]any{}}, "/v1/authenticate"},
		}))
}

func TestImageRules(t *testing.T) {
	pixel := fixture(t, "out-list-picker-images")["interactiveData"].(map[string]any)["data"].(map[string]any)["images"].([]any)[0].(map[string]any)["data"].(string)
	var photo bytes.Buffer
	_ = jpeg.Encode(&photo, image.NewGray(image.Rect(0, 0, 4, 4)), nil)
	data := inner + "images/1/data"
	refusesInteractive(t, "out-list-picker-images", all(spoiltLabel(inner+"images/1/description"), []spoilt{
		{edit{inner + "images", "x"}, "not a list"},
		{edit{inner + "images", gone}, "not among"},
		{edit{inner + "images/1", "x"}, "images[1] is not an object"},
		{edit{inner + "images/1/identifier", "0"}, "used twice"},
		{edit{inner + "images/1/identifier", ""}, "empty"},
		{edit{inner + "images/1/identifier", 1}, "not a string"},
		{edit{data, gone}, "data is missing"},
		{edit{data, "data:image/png;base64," + pixel}, "base64"},
		{edit{data, pixel[:20] + "\n" + pixel[20:]}, "base64"},
		{edit{data, pixel + "\n"}, "base64"},
		{edit{data, pixel[:20]}, "PNG"},
		{edit{data, pixel[:80]}, "PNG"},
		{edit{data, strings.ReplaceAll(pixel, "+", "-")}, "base64"},
		{edit{data, base64.StdEncoding.EncodeToString(photo.Bytes())}, "PNG"},
		{edit{data, noisePNG(230)}, "200000"},
	}))
	many := []any{}
	for i := range 28 {
		many = append(many, map[string]any{"identifier": itoa(i), "data": pixel})
	}
	crowded := edited(fixture(t, "out-list-picker-images"), edit{inner + "images", many})
	crowd := func() error {
		raw, _ := json.Marshal(crowded["interactiveData"])
		return parsesInteractive(raw)
	}
	if err := crowd(); err != nil {
		t.Error(err)
	}
	large := noisePNG(210)
	for i := range many {
		many[i].(map[string]any)["data"] = large
	}
	if err := crowd(); err == nil || !strings.Contains(err.Error(), "must have less than 5000000") {
		t.Errorf("28 images of %d characters: %v", len(large), err)
	}
}

func TestQuickReplyRules(t *testing.T) {
	quick := inner + "quick-reply/"
	item := map[string]any{"identifier": "x", "title": "X"}
	six := []any{}
	for i := range 6 {
		six = append(six, map[string]any{"identifier": itoa(i), "title": "X"})
	}
	refusesInteractive(t, "out-quick-reply", all(spoiltTitle(quick+"summaryText"), spoiltTitle(quick+"items/1/title"), []spoilt{
		{edit{inner + "quick-reply", []any{}}, "not an object"},
		{edit{quick + "items", gone}, "items is missing"},
		{edit{quick + "items", "x"}, "not a list"},
		{edit{quick + "items", []any{item}}, "at least 2"},
		{edit{quick + "items", six}, "at most 5"},
		{edit{quick + "items", []any{item, item}}, "used twice"},
		{edit{quick + "items", []any{item, "x"}}, "items[1] is not an object"},
		{edit{quick + "items/0/identifier", gone}, "items[0].identifier is missing"},
		{edit{quick + "items/0/identifier", 1}, "not a string"},
		{edit{top + "receivedMessage", map[string]any{"title": "x"}}, "receivedMessage must not"},
		{edit{top + "replyMessage", map[string]any{"title": "x"}}, "replyMessage must not"},
	}))
}

func TestListPickerRules(t *testing.T) {
	sections := inner + "listPicker/sections"
	item := sections + "/0/items/0/"
	refusesInteractive(t, "out-list-picker-text", all(spoiltTitle(item+"title"), spoiltLabel(item+"subtitle"), spoiltLabel(sections+"/0/title"), []spoilt{
		{edit{inner + "listPicker", "x"}, "not an object"},
		{edit{sections, gone}, "sections is missing"},
		{edit{sections, []any{}}, "at least 1"},
		{edit{sections, map[string]any{}}, "not a list"},
		{edit{sections + "/0/items", gone}, "items is missing"},
		{edit{sections + "/0/items", []any{}}, "at least 1"},
		{edit{sections + "/0/order", "0"}, "not an integer"},
		{edit{sections + "/0/order", 0.5}, "not an integer"},
		{edit{sections + "/0/order", -1}, "order is -1"},
		{edit{sections + "/0/multipleSelection", 1}, "neither true nor false"},
		{edit{item + "identifier", "2"}, "used twice"},
		{edit{item + "identifier", gone}, "identifier is missing"},
		{edit{item + "order", "1"}, "not an integer"},
		{edit{item + "style", "big"}, "style"},
		{edit{item + "style", 1}, "style"},
		{edit{item + "imageIdentifier", "1"}, "not among"},
		{edit{item + "imageIdentifier", 1}, "not a string"},
	}))
	twice := edited(fixture(t, "out-list-picker-images"), edit{sections + "/1/items/0/identifier", "1"})
	raw, _ := json.Marshal(twice["interactiveData"])
	if err := parsesInteractive(raw); err == nil || !strings.Contains(err.Error(), "sections[1].items[0].identifier is used twice") {
		t.Errorf("one identifier in two sections: %v", err)
	}
}

func TestTimePickerRules(t *testing.T) {
	event := inner + "event/"
	slot := event + "timeslots/0/"
	refusesInteractive(t, "out-time-picker-fixed-tz", all(spoiltLabel(event+"title"), spoiltTitle(event+"location/title"), []spoilt{
		{edit{inner + "event", 1}, "not an object"},
		{edit{event + "identifier", gone}, "identifier is missing"},
		{edit{event + "timezoneOffset", "-420"}, "not an integer"},
		{edit{event + "timezoneOffset", -420.5}, "not an integer"},
		{edit{event + "timezoneOffset", -25200}, "timezoneOffset is -25200"},
		{edit{event + "timezoneOffset", 841}, "timezoneOffset is 841"},
		{edit{event + "location/latitude", 91}, "latitude"},
		{edit{event + "location/latitude", "37.33"}, "not a number"},
		{edit{event + "location/longitude", gone}, "longitude is missing"},
		{edit{event + "location/radius", -1}, "radius"},
		{edit{event + "imageIdentifier", "x"}, "not among"},
		{edit{event + "timeslots", gone}, "timeslots is missing"},
		{edit{event + "timeslots", []any{}}, "at least 1"},
		{edit{slot + "identifier", "slot-2"}, "used twice"},
		{edit{slot + "startTime", gone}, "startTime is missing"},
		{edit{slot + "startTime", "2030-10-15T17:00Z"}, "startTime"},
		{edit{slot + "startTime", "2030-10-15T17:00:00+0000"}, "startTime"},
		{edit{slot + "startTime", "2030-10-15T17:00-0700"}, "startTime"},
		{edit{slot + "startTime", "2030-10-15T17:00+00:00"}, "startTime"},
		{edit{slot + "startTime", "2030-02-30T17:00+0000"}, "startTime"},
		{edit{slot + "startTime", 1918314000}, "not a string"},
		{edit{slot + "duration", gone}, "duration is missing"},
		{edit{slot + "duration", -1}, "duration is -1"},
		{edit{slot + "duration", "3600"}, "not an integer"},
		{edit{slot + "duration", 0.5}, "not an integer"},
	}))
	for name, change := range map[string]edit{
		"unsorted": {slot + "startTime", "2031-10-15T17:00+0000"}, "past": {slot + "startTime", "2001-10-15T17:00+0000"},
		"days long": {slot + "duration", 864000}, "no duration": {slot + "duration", 0}, "no title": {event + "title", gone}, "no location": {event + "location", gone},
	} {
		raw, _ := json.Marshal(edited(fixture(t, "out-time-picker-fixed-tz"), change)["interactiveData"])
		if err := parsesInteractive(raw); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFormRules(t *testing.T) {
	form := inner + "dynamic/"
	data := form + "data/"
	page := func(n, member string) string { return data + "pages/" + n + "/" + member }
	refusesInteractive(t, "out-form", all(spoiltTitle(data+"splash/header"), spoiltLabel(data+"splash/splashtext"), spoiltLabel(data+"splash/buttonTitle"),
		spoiltTitle(page("0", "title")), spoiltLabel(page("1", "subtitle")), spoiltTitle(page("0", "items/0/title")), spoiltTitle(page("2", "items/1/title")),
		spoiltLabel(page("1", "hintText")), spoiltLabel(page("1", "options/labelText")), spoiltLabel(page("2", "pickerTitle")),
		spoiltLabel(page("3", "hintText")), spoiltLabel(page("3", "options/placeholder")), spoiltLabel(page("3", "options/labelText")), spoiltLabel(page("3", "options/prefixText")),
		[]spoilt{
			{edit{inner + "dynamic", 1}, "not an object"},
			{edit{form + "version", "1.1"}, "version"},
			{edit{form + "version", gone}, "version is missing"},
			{edit{form + "template", "form"}, "template"},
			{edit{form + "data", gone}, "data is missing"},
			{edit{data + "startPageIdentifier", gone}, "startPageIdentifier is missing"},
			{edit{data + "startPageIdentifier", "9"}, "no page"},
			{edit{data + "showSummary", "yes"}, "showSummary"},
			{edit{data + "private", 0}, "private"},
			{edit{data + "splash", "x"}, "not an object"},
			{edit{data + "splash/imageIdentifier", "x"}, "not among"},
			{edit{data + "pages", gone}, "pages is missing"},
			{edit{data + "pages", []any{}}, "at least 1"},
			{edit{page("0", "pageIdentifier"), gone}, "pageIdentifier is missing"},
			{edit{page("0", "pageIdentifier"), "1"}, "used twice"},
			{edit{page("3", "pageIdentifier"), strings.Repeat("x", 20)}, "less than 20"},
			{edit{page("0", "type"), "radio"}, "type"},
			{edit{page("0", "type"), gone}, "type is missing"},
			{edit{page("0", "items"), gone}, "items is missing"},
			{edit{page("0", "items"), []any{}}, "at least 1"},
			{edit{page("0", "items/0/identifier"), "0_1"}, "used twice"},
			{edit{page("0", "items/0/value"), gone}, "value is missing"},
			{edit{page("0", "items/0/value"), 1}, "not a string"},
			{edit{page("0", "items/0/imageIdentifier"), "x"}, "not among"},
			{edit{page("0", "items/0/nextPageIdentifier"), gone}, "nextPageIdentifier is missing"},
			{edit{page("0", "items/0/nextPageIdentifier"), "9"}, "no page"},
			{edit{page("0", "nextPageIdentifier"), "1"}, "each item"},
			{edit{page("0", "multipleSelection"), true}, "nextPageIdentifier must not"},
			{edit{page("0", "submitForm"), true}, "submits"},
			{edit{page("0", "submitForm"), "false"}, "neither"},
			{edit{page("1", "nextPageIdentifier"), gone}, "nextPageIdentifier is missing"},
			{edit{page("1", "nextPageIdentifier"), "9"}, "no page"},
			{edit{page("1", "options/dateFormat"), "dd.MM"}, "dateFormat"},
			{edit{page("1", "options/dateFormat"), "MM/dd/yyyy HH:mm"}, "dateFormat"},
			{edit{page("1", "options/startDate"), "2030-02-24"}, "startDate"},
			{edit{page("1", "options/startDate"), "02/30/2030"}, "startDate"},
			{edit{page("1", "options/startDate"), "01/01/2031"}, "out of order"},
			{edit{page("1", "options/maximumDate"), "01/01/2029"}, "out of order"},
			{edit{page("1", "options"), "x"}, "not an object"},
			{edit{page("2", "selectedItemIndex"), 2}, "selectedItemIndex is 2"},
			{edit{page("2", "selectedItemIndex"), "0"}, "not an integer"},
			{edit{page("3", "options/inputType"), "multi"}, "inputType"},
			{edit{page("3", "options/required"), "no"}, "required"},
			{edit{page("3", "options/maximumCharacterCount"), 0}, "maximumCharacterCount"},
			{edit{page("3", "options/keyboardType"), "UIKeyboardTypeTwitter"}, "keyboardType"},
			{edit{page("3", "options/keyboardType"), "UIKeyboardTypeEmailAddress"}, "keyboardType"},
			{edit{page("3", "options/textContentType"), ""}, "textContentType"},
			{edit{page("3", "options/regex"), "(a"}, "regex"},
			{edit{page("3", "options/regex"), 1}, "not a string"},
			{edit{page("3", "submitForm"), false}, "nextPageIdentifier is missing"},
			{edit{page("3", "nextPageIdentifier"), "0"}, "submits"},
		}))
	circle := edited(fixture(t, "out-form"), edit{page("3", "submitForm"), false}, edit{page("3", "nextPageIdentifier"), "0"})
	raw, _ := json.Marshal(circle["interactiveData"])
	if err := parsesInteractive(raw); err == nil || !strings.Contains(err.Error(), "has no end") {
		t.Errorf("a circle: %v", err)
	}
	for name, change := range map[string]edit{
		"looking ahead": {page("3", "options/regex"), `(?=.*\d)[[:word:]]{2,}+`}, "another format": {page("1", "options"), map[string]any{"dateFormat": "d. MMMM yyyy", "startDate": "2. March 2030"}},
		"no options": {page("1", "options"), gone}, "twitter": {page("3", "options/keyboardType"), "twitter"}, "no splash": {data + "splash", gone},
	} {
		raw, _ := json.Marshal(edited(fixture(t, "out-form"), change)["interactiveData"])
		if err := parsesInteractive(raw); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAppRules(t *testing.T) {
	refusesInteractive(t, "out-custom-app", all(spoiltTitle(top+"receivedMessage/title"), spoiltLabel(top+"appName"), []spoilt{
		{edit{top + "data", map[string]any{}}, "Third party interactive data disallows use of 'data'"},
		{edit{top + "bid", bidPrefix + "ABCDE12345:"}, "bid"},
		{edit{top + "bid", bidPrefix + "abcde12345:com.example"}, "bid"},
		{edit{top + "appId", "123456789"}, "appId is not an integer"},
		{edit{top + "appId", 0}, "appId"},
		{edit{top + "appIcon", "x"}, "appIcon"},
		{edit{top + "appIcon", noisePNG(64)}, "14999"},
		{edit{top + "URL", gone}, "URL is missing"},
		{edit{top + "URL", ""}, "URL is empty"},
		{edit{top + "URL", "?" + strings.Repeat("x", 5000)}, "URL has 5001"},
		{edit{top + "URL", "?a=b c"}, "URL contains"},
		{edit{top + "URL", 1}, "URL is not a string"},
		{edit{top + "receivedMessage", gone}, "receivedMessage is missing"},
		{edit{top + "receivedMessage/imageIdentifier", "0"}, "not among"},
		{edit{top + "images", []any{}}, "images"},
		{edit{top + "sessionIdentifier", "x"}, "UUID"},
	}))
}

func TestLinkRules(t *testing.T) {
	parse := func(raw json.RawMessage) error { _, err := parseLink(raw); return err }
	refuses(t, "out-rich-link-video", "richLinkData", parse, all(spoiltTitle("richLinkData/title"), []spoilt{
		{edit{"richLinkData", "x"}, "not an object"},
		{edit{"richLinkData/url", gone}, "url is missing"},
		{edit{"richLinkData/url", "/page"}, "absolute"},
		{edit{"richLinkData/url", "ftp://example.com"}, "absolute"},
		{edit{"richLinkData/url", "https://example.com/a b"}, "absolute"},
		{edit{"richLinkData/url", "https://example.com/" + strings.Repeat("x", 8192)}, "8192"},
		{edit{"richLinkData/assets", gone}, "assets is missing"},
		{edit{"richLinkData/assets/image", gone}, "image is missing"},
		{edit{"richLinkData/assets/image/data", gone}, "data is missing"},
		{edit{"richLinkData/assets/image/data", "AAAA"}, "PNG"},
		{edit{"richLinkData/assets/image/data", noisePNG(230)}, "200000"},
		{edit{"richLinkData/assets/image/url", "https://example.com/x.png"}, "url must not"},
		{edit{"richLinkData/assets/image/mimeType", "image/jpeg"}, "mimeType"},
		{edit{"richLinkData/assets/image/mimeType", gone}, "mimeType"},
		{edit{"richLinkData/assets/video", "x"}, "not an object"},
		{edit{"richLinkData/assets/video/url", "http://www.example.com/clip.mp4"}, "https"},
		{edit{"richLinkData/assets/video/url", gone}, "url is missing"},
		{edit{"richLinkData/assets/video/mimeType", "mp4"}, "mimeType"},
	}))
}

// TestVideoTypesThatAreFine: names of media types have more characters than the usual ones use.
func TestVideoTypesThatAreFine(t *testing.T) {
	for _, kind := range []string{"video/mp4", "video/x-m4v", "video/vnd.CCTV", "video/x_y+z", "video/a!b"} {
		raw, _ := json.Marshal(edited(fixture(t, "out-rich-link-video"), edit{"richLinkData/assets/video/mimeType", kind})["richLinkData"])
		if _, err := parseLink(raw); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// TestLabelsThatAreFine: joiners, marks and scripts of all kinds are printable.
func TestLabelsThatAreFine(t *testing.T) {
	for _, text := range []string{strings.Repeat("ü", 200), "👨‍👩‍👧‍👦 ❤️ 🇩🇪", "می\u200cخواهم", "שלום\u200f", "नमस्ते", "a\u00a0b", "日本語", "e\u0301"} {
		raw, _ := json.Marshal(edited(fixture(t, "out-list-picker-text"), edit{top + "receivedMessage/title", text})["interactiveData"])
		if err := parsesInteractive(raw); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestDateLayouts(t *testing.T) {
	for format, want := range map[string]string{
		"MM/dd/yyyy": "01/02/2006", "dd.MM.yy": "02.01.06", "d. MMMM yyyy": "2. January 2006", "yyyy-M-d": "2006-1-2", "MMM d, yyyy": "Jan 2, 2006",
		"yyyyMMdd": "20060102", "MM/yyyy": "", "MM/dd/yyyy/dd": "", "EEE MM/dd/yyyy": "", "MMMMM/dd/yyyy": "", "": "", "MM_d_yyyy": "", "MM/dd/yyyy 15": "", "'MM/dd/yyyy'": "",
	} {
		if got, ok := dateLayout(format); ok != (want != "") || ok && got != want {
			t.Errorf("%q: %q %v", format, got, ok)
		}
	}
}
