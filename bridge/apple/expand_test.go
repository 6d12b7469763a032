package apple

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bizbridge/bridge/message"
)

// answerTo is the interactiveData of one of the fixtures.
func answerTo(t testing.TB, name string) []byte {
	t.Helper()
	return unmarshal[map[string]json.RawMessage](t, fixture(t, name))["interactiveData"]
}

// archived writes an answer as devices do where it is large: as a keyed archive of a message, whose address is a query
// with JSON in base64 (protocol §6.3). A form's selections stand in it on their own.
func archived(t testing.TB, interactiveData []byte) []byte {
	t.Helper()
	answer := unmarshal[struct {
		SessionIdentifier string
		Data              map[string]any
	}](t, interactiveData)
	query := url.Values{}
	set := func(name string, value any) {
		raw, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		query.Set(name, base64.StdEncoding.EncodeToString(raw))
	}
	for _, name := range []string{"receivedMessage", "replyMessage"} {
		if bubble, ok := answer.Data[name]; ok {
			set(name, bubble)
			delete(answer.Data, name)
		}
	}
	if form, ok := answer.Data["dynamic"].(map[string]any); ok {
		set("selections", form["selections"])
		delete(answer.Data, "dynamic")
	}
	set("data", answer.Data)
	return keyedArchive(answer.SessionIdentifier, "?"+query.Encode())
}

// keyedArchive is a binary property list of fixed shape: objects of the list are referred to by two bytes.
func keyedArchive(session, address string) []byte {
	var objects [][]byte
	add := func(object []byte) uint16 {
		objects = append(objects, object)
		return uint16(len(objects) - 1)
	}
	sized := func(kind byte, n int) []byte {
		return binary.BigEndian.AppendUint32([]byte{kind<<4 | 15, 0x12}, uint32(n))
	}
	text := func(s string) uint16 { return add(append(sized(5, len(s)), s...)) }
	uid := func(n byte) uint16 { return add([]byte{0x80, n}) }
	list := func(kind byte, n int, references ...uint16) uint16 {
		object := sized(kind, n)
		for _, reference := range references {
			object = binary.BigEndian.AppendUint16(object, reference)
		}
		return add(object)
	}
	dict := func(keysAndValues ...uint16) uint16 {
		n := len(keysAndValues) / 2
		return list(13, n, keysAndValues...)
	}
	archive := list(10, 7, text("$null"),
		dict(text("NS.keys"), text("NS.objects"), list(10, 2, uid(2), uid(3)), list(10, 2, uid(4), uid(5))),
		text("URL"), text("sessionIdentifier"),
		dict(text("NS.base"), text("NS.relative"), uid(0), uid(6)),
		text(session), text(address))
	top := dict(text("$archiver"), text("$objects"), text("$top"), text("NSKeyedArchiver"), archive, dict(text("root"), uid(1)))

	raw := []byte("bplist00")
	var offsets []byte
	for _, object := range objects {
		offsets = binary.BigEndian.AppendUint32(offsets, uint32(len(raw)))
		raw = append(raw, object...)
	}
	start := len(raw)
	raw = append(raw, offsets...)
	raw = append(raw, 0, 0, 0, 0, 0, 0, 4, 2)
	for _, n := range []int{len(objects), int(top), start} {
		raw = binary.BigEndian.AppendUint64(raw, uint64(n))
	}
	return raw
}

// However large an answer is, and whoever reads it, it is the same answer.
func TestALargeAnswerIsTheSameAsASmallOne(t *testing.T) {
	for _, name := range []string{
		"in-quick-reply-response.json", "in-list-picker-response.json", "in-time-picker-response.json", "in-form-response.json",
		"in-custom-app-response.json", "in-invitation-accepted.json", "decode-payload-response-a.json",
	} {
		answer := answerTo(t, name)
		inline := interactiveOf(t, string(answer), "").Event.Data.Reply
		ways := map[string]struct {
			plain     []byte
			decoder   http.HandlerFunc
			expansion Expansion
		}{
			"envelope A":        {[]byte("anything"), says(200, `{"v":1,"type":"interactive","interactiveData":`+string(answer)+`}`), ExpansionDecoded},
			"envelope B":        {[]byte("anything"), says(200, string(answer)), ExpansionDecoded},
			"JSON, here":        {answer, says(403, ""), ExpansionLocal},
			"zipped JSON, here": {gzipped(t, `{"interactiveData":`+string(answer)+`}`), says(403, ""), ExpansionLocal},
			"an archive, here":  {gzipped(t, string(archived(t, answer))), says(403, ""), ExpansionLocal},
		}
		if name == "in-custom-app-response.json" {
			delete(ways, "an archive, here") // an app's address is its own
		}
		for way, test := range ways {
			t.Run(name+" "+way, func(t *testing.T) {
				t.Parallel()
				s := newAppleStore(t)
				c, _ := newTestClient(t, s.URL+"/v1")
				s.always["decodePayload"] = test.decoder
				in := &Incoming{Type: "interactive", Reference: &Reference{Source: s.put(test.plain), BID: "b", Title: "of the reference"}}
				data, expansion, err := expanded(t, c, 5*time.Second, *in.Reference)
				if err != nil || expansion != test.expansion {
					t.Fatal(expansion, err)
				}
				in.Answer(data)
				if diff := cmp.Diff(inline, in.Event.Data.Reply); diff != "" || in.Event.Type != message.EventReplied {
					t.Error(in.Event.Type, diff)
				}
			})
		}
	}
}

func TestTheFixturesReferenceIsReadInBothWays(t *testing.T) {
	for expansion, decoder := range map[Expansion]http.HandlerFunc{
		ExpansionLocal: says(403, ""),
		ExpansionDecoded: func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = w.Write(fixture(t, "decode-payload-response-a.json"))
		},
	} {
		s := newAppleStore(t)
		c, _ := newTestClient(t, s.URL+"/v1")
		s.always["decodePayload"] = decoder
		in := accepted(t, testReceiver(), sent(string(fixture(t, "in-interactive-data-ref.json")), map[string]string{"id": ""}).request(t))
		data, how, err := expanded(t, c, 5*time.Second, referred(t, s))
		if err != nil || how != expansion {
			t.Fatal(how, err)
		}
		in.Answer(data)
		want := inbound["in-list-picker-response.json"].data.Reply
		if diff := cmp.Diff(want, in.Event.Data.Reply); diff != "" || strings.Contains(in.Event.Data.Note, "cannot") {
			t.Errorf("%s: %s", expansion, diff)
		}
	}
}
