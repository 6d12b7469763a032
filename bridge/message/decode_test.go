package message

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDecodeSendReadsEveryField(t *testing.T) {
	sent := Outbound{
		Key: "order-7", BusinessID: businessID, CustomerID: customerID, Sealed: "c",
		Sender: Sender{Kind: SenderBot, Name: "Ada"},
	}
	for name, test := range map[string]struct {
		content string
		want    Content
	}{
		"text":                      {`{"kind":"text","text":"Hi"}`, Text{"Hi"}},
		"text with white space":     {`{"kind":"text","text":" a\n\tb "}`, Text{" a\n\tb "}},
		"text with an emoji":        {`{"kind":"text","text":"\ud83d\ude00 😀"}`, Text{"😀 😀"}},
		"text with an escaped u":    {`{"kind":"text","text":"C:\\ud800"}`, Text{`C:\ud800`}},
		"text with NUL":             {`{"kind":"text","text":"a\u0000b"}`, Text{"a\x00b"}},
		"text of the longest":       {`{"kind":"text","text":"` + strings.Repeat("é", MaxTextLength) + `"}`, Text{strings.Repeat("é", MaxTextLength)}},
		"typing on":                 {`{"kind":"typing","state":"on"}`, Typing{TypingOn}},
		"typing off":                {`{"kind":"typing","state":"off"}`, Typing{TypingOff}},
		"fields that nobody knows":  {`{"kind":"text","text":"Hi","bold":true,"x":[{}]}`, Text{"Hi"}},
		"the last of two texts":     {`{"kind":"text","text":"no","text":"Hi"}`, Text{"Hi"}},
		"fields of the other kinds": {`{"kind":"typing","state":"on","text":5}`, Typing{TypingOn}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := DecodeSend([]byte(sendBody(test.content)))
			if err != nil {
				t.Fatal(err)
			}
			want := sent
			want.Content = test.want
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecodeSendNeedsOnlyWhoAndWhat(t *testing.T) {
	want := Outbound{BusinessID: businessID, CustomerID: customerID, Content: Text{"Hi"}}
	required := `"business_id":"` + businessID + `","customer_id":"` + customerID + `","content":{"kind":"text","text":"Hi"}`
	for name, body := range map[string]string{
		"absent":             `{"type":"message.send","data":{` + required + `}}`,
		"null":               `{"type":"message.send","timestamp":null,"data":{"id":null,"context":null,"sender":null,` + required + `}}`,
		"null in the sender": "\r\n\t " + `{"type":"message.send","data":{"sender":{"kind":null,"name":null},` + required + `}} `,
	} {
		got, err := DecodeSend([]byte(body))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestDecodeSendRefusesWhatIsNoJSONObjectAsMalformed(t *testing.T) {
	for name, body := range map[string]string{
		"empty": "", "white space": " \n", "null": "null", "array": "[]", "string": `"{}"`, "number": "1", "HTML": "<html>",
		"broken off": `{"type":"message.send"`, "two documents": "{}{}", "comma": `{"type":"message.send",}`,
		"single quotes": `{'type':'message.send'}`, "form": "type=message.send", "byte order mark": "\uFEFF{}",
		"bad escape": `{"type":"\x"}`, "raw line end in a string": "{\"type\":\"a\nb\"}",
		"nested too deep": strings.Repeat(`{"a":`, 10_001) + "1" + strings.Repeat("}", 10_001),
	} {
		t.Run(name, func(t *testing.T) {
			out, err := DecodeSend([]byte(body))
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("got %v, %v; want ErrMalformed", out, err)
			}
			if _, ok := errors.AsType[*Failure](err); ok {
				t.Error("malformed JSON must not look like invalid content")
			}
		})
	}
}

func TestDecodeSendNamesEveryFaultWithItsPointer(t *testing.T) {
	const text = `{"kind":"text","text":"Hi"}`
	with := func(old, new string) string {
		body := strings.Replace(sendBody(text), old, new, 1)
		if body == sendBody(text) {
			t.Fatalf("%q is not in the body", old)
		}
		return body
	}
	for name, test := range map[string]struct {
		body string
		want []string
	}{
		"empty object":      {`{}`, []string{"/type const", "/data required"}},
		"type missing":      {with(`"type":"message.send",`, ``), []string{"/type const"}},
		"type of an event":  {with(`message.send`, `message.received`), []string{"/type const"}},
		"type a number":     {with(`"message.send"`, `5`), []string{"/type type"}},
		"type null":         {with(`"message.send"`, `null`), []string{"/type const"}},
		"time not RFC 3339": {with(`2026-01-01T00:00:00Z`, `yesterday`), []string{"/timestamp format"}},
		"time empty":        {with(`2026-01-01T00:00:00Z`, ``), []string{"/timestamp format"}},
		"time a number":     {with(`"2026-01-01T00:00:00Z"`, `1767225600`), []string{"/timestamp type"}},
		"time an object":    {with(`"2026-01-01T00:00:00Z"`, `{}`), []string{"/timestamp type"}},
		"data missing":      {`{"type":"message.send"}`, []string{"/data required"}},
		"data null":         {`{"type":"message.send","data":null}`, []string{"/data type"}},
		"data an array":     {`{"type":"message.send","data":[]}`, []string{"/data type"}},
		"data a string":     {`{"type":"message.send","data":"x"}`, []string{"/data type"}},
		"data empty": {`{"type":"message.send","data":{}}`, []string{
			"/data/business_id required", "/data/customer_id customer_id", "/data/content required"}},

		"key a number":           {with(`"order-7"`, `7`), []string{"/data/id type"}},
		"key an object":          {with(`"order-7"`, `{"a":"b"}`), []string{"/data/id type"}},
		"key too long":           {with(`order-7`, strings.Repeat("k", 513)), []string{"/data/id maxLength"}},
		"business missing":       {with(`"business_id":"`+businessID+`",`, ``), []string{"/data/business_id required"}},
		"business empty":         {with(businessID, ``), []string{"/data/business_id required"}},
		"business null":          {with(`"`+businessID+`"`, `null`), []string{"/data/business_id required"}},
		"business a number":      {with(`"`+businessID+`"`, `1`), []string{"/data/business_id type"}},
		"customer missing":       {with(`"customer_id":"`+customerID+`",`, ``), []string{"/data/customer_id customer_id"}},
		"customer a phone":       {with(customerID, `tel:+15555550100`), []string{"/data/customer_id customer_id"}},
		"customer only a prefix": {with(customerID, `urn:mbid:`), []string{"/data/customer_id customer_id"}},
		"customer of a header":   {with(customerID, customerID+`\r\nAuto-Reply: true`), []string{"/data/customer_id customer_id"}},
		"customer with a space":  {with(customerID, customerID+` `), []string{"/data/customer_id customer_id"}},
		"customer not ASCII":     {with(customerID, customerID+`é`), []string{"/data/customer_id customer_id"}},
		"customer too long":      {with(customerID, `urn:mbid:`+strings.Repeat("A", 504)), []string{"/data/customer_id customer_id"}},
		"customer an array":      {with(`"`+customerID+`"`, `["`+customerID+`"]`), []string{"/data/customer_id type"}},
		"context an object":      {with(`"c"`, `{}`), []string{"/data/context type"}},
		"sender a string":        {with(`{"kind":"bot","name":"Ada"}`, `"Ada"`), []string{"/data/sender type"}},
		"sender an array":        {with(`{"kind":"bot","name":"Ada"}`, `[]`), []string{"/data/sender type"}},
		"sender's kind unknown":  {with(`"bot"`, `"human"`), []string{"/data/sender/kind enum"}},
		"sender's kind a number": {with(`"bot"`, `1`), []string{"/data/sender/kind type"}},
		"sender's name a bool":   {with(`"Ada"`, `true`), []string{"/data/sender/name type"}},
		"sender's name too long": {with(`Ada`, strings.Repeat("A", 201)), []string{"/data/sender/name maxLength"}},
		"everything at once": {`{"type":1,"timestamp":2,"data":{"id":3,"business_id":4,"customer_id":5,"context":6,
			"sender":{"kind":7,"name":8},"content":{"kind":9}}}`, []string{
			"/type type", "/timestamp type", "/data/id type", "/data/business_id type", "/data/customer_id type", "/data/context type",
			"/data/sender/kind type", "/data/sender/name type", "/data/content/kind type"}},

		"content missing":            {with(`,"content":`+text, ``), []string{"/data/content required"}},
		"content null":               {sendBody(`null`), []string{"/data/content type"}},
		"content a string":           {sendBody(`"Hi"`), []string{"/data/content type"}},
		"content an array":           {sendBody(`[{"kind":"text"}]`), []string{"/data/content type"}},
		"kind missing":               {sendBody(`{"text":"Hi"}`), []string{"/data/content/kind enum"}},
		"kind unknown":               {sendBody(`{"kind":"carousel"}`), []string{"/data/content/kind enum"}},
		"kind in capitals":           {sendBody(`{"kind":"TEXT","text":"Hi"}`), []string{"/data/content/kind enum"}},
		"kind a number":              {sendBody(`{"kind":1}`), []string{"/data/content/kind type"}},
		"text missing":               {sendBody(`{"kind":"text"}`), []string{"/data/content/text minLength"}},
		"text empty":                 {sendBody(`{"kind":"text","text":""}`), []string{"/data/content/text minLength"}},
		"text of white space":        {sendBody(`{"kind":"text","text":" \n\t\u00a0"}`), []string{"/data/content/text minLength"}},
		"text null":                  {sendBody(`{"kind":"text","text":null}`), []string{"/data/content/text minLength"}},
		"text a number":              {sendBody(`{"kind":"text","text":5}`), []string{"/data/content/text type"}},
		"text an object":             {sendBody(`{"kind":"text","text":{"text":"Hi"}}`), []string{"/data/content/text type"}},
		"text one too long":          {sendBody(`{"kind":"text","text":"` + strings.Repeat("é", MaxTextLength+1) + `"}`), []string{"/data/content/text maxLength"}},
		"text with a place mark":     {sendBody(`{"kind":"text","text":"see \ufffc"}`), []string{"/data/content/text character"}},
		"typing without a state":     {sendBody(`{"kind":"typing"}`), []string{"/data/content/state enum"}},
		"typing in an unknown state": {sendBody(`{"kind":"typing","state":"ON"}`), []string{"/data/content/state enum"}},
		"typing with a bool":         {sendBody(`{"kind":"typing","state":true}`), []string{"/data/content/state type"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, faultsOf(t, test.body)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecodeSendNamesTheKindsItKnows(t *testing.T) {
	_, err := DecodeSend([]byte(sendBody(`{"kind":"carousel"}`)))
	for _, kind := range Kinds {
		if !strings.Contains(err.Error(), `"`+string(kind)+`"`) {
			t.Errorf("%q does not name %s", err, kind)
		}
	}
}

func TestDecodeSendRefusesTextThatIsNoUnicodeWithItsPointer(t *testing.T) {
	text := func(s string) string { return sendBody(`{"kind":"text","text":"` + s + `"}`) }
	for name, test := range map[string]struct {
		body string
		want []string
	}{
		"high half alone":              {text(`a\ud83d`), []string{"/data/content/text unicode"}},
		"low half alone":               {text(`\ude00b`), []string{"/data/content/text unicode"}},
		"halves the wrong way":         {text(`\ude00\ud83d`), []string{"/data/content/text unicode"}},
		"two high halves":              {text(`\ud83d\ud83d\ude00`), []string{"/data/content/text unicode"}},
		"high half and a letter":       {text(`\ud83d\u0041`), []string{"/data/content/text unicode"}},
		"capital escapes":              {text(`\uD83Dx`), []string{"/data/content/text unicode"}},
		"after an escaped slash":       {text(`\\\ud83d`), []string{"/data/content/text unicode"}},
		"invalid UTF-8":                {text("a\xff"), []string{"/data/content/text unicode"}},
		"half a character in UTF-8":    {text("a\xe2\x82"), []string{"/data/content/text unicode"}},
		"a surrogate in UTF-8":         {text("\xed\xa0\xbd"), []string{"/data/content/text unicode"}},
		"overlong UTF-8":               {text("\xc0\xaf"), []string{"/data/content/text unicode"}},
		"in the key":                   {strings.Replace(text("Hi"), "order-7", `\ud800`, 1), []string{"/data/id unicode"}},
		"in the sender's name":         {strings.Replace(text("Hi"), "Ada", "\xff", 1), []string{"/data/sender/name unicode"}},
		"in a field that nobody knows": {sendBody(`{"kind":"text","text":"Hi","x/y":[0,{"~":"\ud800"}]}`), []string{"/data/content/x~1y/1/~0 unicode"}},
		"in a name":                    {sendBody(`{"kind":"text","text":"Hi","a\ud800":1}`), []string{"/data/content/a\uFFFD unicode"}},
		"beside another fault":         {sendBody(`{"kind":"typing","state":"\ud800"}`), []string{"/data/content/state enum"}},
		"in both":                      {strings.Replace(text("\xff"), "order-7", `\udfff`, 1), []string{"/data/id unicode", "/data/content/text unicode"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, faultsOf(t, test.body)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecodeSendAnswersShortlyToABodyFullOfFaults(t *testing.T) {
	long := strings.Repeat("n", 100_000)
	faults := faultsOf(t, sendBody(`{"kind":"text","text":"Hi","`+long+`":"\ud800","x":[`+strings.Repeat(`"\ud800",`, 1000)+`0]}`))
	if len(faults) > 20 {
		t.Errorf("%d faults", len(faults))
	}
	for _, fault := range faults {
		if len(fault) > 1100 {
			t.Errorf("a pointer of %d bytes", len(fault))
		}
	}
}

func TestDecodeSendIsCheapForDeepNesting(t *testing.T) {
	const depth = 9_900
	body := []byte(sendBody(`{"kind":"text","text":"Hi","x":` + strings.Repeat(`{"a":`, depth) + `"\ud800"` + strings.Repeat("}", depth) + `}`))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := DecodeSend(body)
	runtime.ReadMemStats(&after)
	if err == nil {
		t.Error("half a surrogate pair was accepted")
	}
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 32<<20 {
		t.Errorf("%d bytes were allocated for a body of %d", allocated, len(body))
	}
}

func TestEncodeSendWritesWhatDecodeSendReads(t *testing.T) {
	for _, content := range []Content{Text{"Hi <b>&\u2028 \x00 😀"}, Typing{TypingOn}, Typing{TypingOff}} {
		want := Outbound{Key: "k", BusinessID: businessID, CustomerID: customerID, Sealed: "s", Sender: Sender{SenderAgent, "Zoë"}, Content: content}
		body, err := EncodeSend(want, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeSend(body)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	if len(contentDecoders) != len(Kinds) {
		t.Error("every kind needs a decoder, and every decoder a kind")
	}
	for _, kind := range Kinds {
		if contentDecoders[kind] == nil {
			t.Errorf("%s has no decoder", kind)
		}
	}
}

func FuzzDecodeSend(f *testing.F) {
	for _, content := range []string{
		`{"kind":"text","text":"Hi"}`, `{"kind":"typing","state":"off"}`, `{"kind":"text","text":"\ud83d\ude00"}`,
		`{"kind":"text","text":"\ud83d"}`, `null`, `{"kind":1}`,
	} {
		f.Add([]byte(sendBody(content)))
	}
	f.Add([]byte(`{"type":"message.send","timestamp":5,"data":{"sender":[]}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		out, err := DecodeSend(body)
		if err != nil {
			failure, invalid := errors.AsType[*Failure](err)
			if invalid == errors.Is(err, ErrMalformed) {
				t.Fatalf("%v must be either malformed or invalid", err)
			}
			for _, fault := range faultsIn(failure) {
				if fault.Pointer != "" && fault.Pointer[0] != '/' || fault.Rule == "" || fault.Message == "" {
					t.Fatalf("bad fault %+v", fault)
				}
			}
			return
		}
		encoded, err := EncodeSend(out, time.Unix(0, 0))
		if err != nil {
			t.Fatal(err)
		}
		again, err := DecodeSend(encoded)
		if err != nil {
			t.Fatalf("%s was accepted, but not its own encoding %s: %v", body, encoded, err)
		}
		if diff := cmp.Diff(out, again); diff != "" {
			t.Fatal(diff)
		}
	})
}

func faultsIn(failure *Failure) []Fault {
	if failure == nil {
		return nil
	}
	return failure.Faults
}

func ExampleDecodeSend() {
	_, err := DecodeSend([]byte(sendBody(`{"kind":"text","text":""}`)))
	fmt.Println(err)
	// Output: the message is not valid: /data/content/text must not be empty;
}
