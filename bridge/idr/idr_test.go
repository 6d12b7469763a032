package idr

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"bizbridge/bridge/attachment"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func zip(t testing.TB, content []byte) []byte {
	t.Helper()
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return zipped.Bytes()
}

func sameJSON(t testing.TB, got []byte, want string) bool {
	t.Helper()
	var a, b any
	if err := json.Unmarshal(got, &a); err != nil {
		return false
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatalf("%s: %v", want, err)
	}
	return reflect.DeepEqual(a, b)
}

const received = `{"style":"small","title":"Select produce","subtitle":"Farm fresh"}`
const reply = `{"style":"small","title":"Selected produce","subtitle":"Apple"}`
const picked = `{"sections":[{"title":"Fruit","order":0,"multipleSelection":true,
	"items":[{"identifier":"1","title":"Apple","subtitle":"Red","order":0,"style":"icon"}]}]}`

func TestTheFixtureIsReadFromItsCiphertext(t *testing.T) {
	var sent struct {
		InteractiveDataRef struct {
			Key  string
			Size int64
		}
	}
	if err := json.Unmarshal(fixture(t, "in-interactive-data-ref.json"), &sent); err != nil {
		t.Fatal(err)
	}
	key, err := attachment.ParseKey(sent.InteractiveDataRef.Key)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(key.Stream(bytes.NewReader(fixture(t, "in-idr.cipher.bin")), 0))
	if err != nil || int64(len(plain)) != sent.InteractiveDataRef.Size || !bytes.Equal(plain, fixture(t, "in-idr.plain.bplist.gz")) {
		t.Fatalf("%d bytes, %v", len(plain), err)
	}
	got, err := Decode(plain)
	want := `{"sessionIdentifier":"00000000-0000-4000-8000-000000000800","data":{
		"requestIdentifier":"00000000-0000-4000-8000-000000000900",
		"receivedMessage":` + received + `,"replyMessage":` + reply + `,"listPicker":` + picked + `}}`
	if err != nil || !sameJSON(t, got, want) {
		t.Errorf("%s, %v", got, err)
	}
}

func TestBothEnvelopesGiveTheSame(t *testing.T) {
	raw := fixture(t, "in-decode-payload-response-a.json")
	var outer struct{ InteractiveData json.RawMessage }
	if err := json.Unmarshal(raw, &outer); err != nil {
		t.Fatal(err)
	}
	want := string(outer.InteractiveData)
	for name, input := range map[string][]byte{"A": raw, "B": outer.InteractiveData, "B with white space": []byte(" \n" + want + "\n")} {
		if got, err := Envelope(input); err != nil || !sameJSON(t, got, want) || got[0] != '{' {
			t.Errorf("%s: %s, %v", name, got, err)
		}
		for form, plain := range map[string][]byte{"plain": input, "gzip": zip(t, input)} {
			if got, err := Decode(plain); err != nil || !sameJSON(t, got, want) {
				t.Errorf("%s, %s: %s, %v", name, form, got, err)
			}
		}
	}
}

func TestEnvelopes(t *testing.T) {
	for input, want := range map[string]string{
		`{"interactiveData":{"data":{}}}`:                                   `{"data":{}}`,
		`{"interactiveData":{}}`:                                            `{}`,
		`{"data":{"a":1},"bid":"b","sessionIdentifier":"s"}`:                `{"data":{"a":1},"bid":"b","sessionIdentifier":"s"}`,
		`{"bid":"b","URL":"?x=1"}`:                                          `{"bid":"b","URL":"?x=1"}`,
		`{"interactiveData":null,"data":{"a":1}}`:                           `{"interactiveData":null,"data":{"a":1}}`,
		`{"interactiveData":{"data":{"n":12345678901234567890}},"data":{}}`: `{"data":{"n":12345678901234567890}}`,
		`{}`:                         "",
		`{"error":"no"}`:             "",
		`{"interactiveData":"x"}`:    "",
		`{"InteractiveData":{}}`:     "",
		`null`:                       "",
		`[]`:                         "",
		`"data"`:                     "",
		``:                           "",
		`{"data":{}`:                 "",
		`{"data":{}} {"data":{}}`:    "",
		"\xef\xbb\xbf{\"data\":{}}":  "",
		`<html>`:                     "",
		strings.Repeat("[", 100_000): "",
		`{"data":` + strings.Repeat("[", 100_000): "",
	} {
		got, err := Envelope([]byte(input))
		if string(got) != want || (err == nil) != (want != "") {
			t.Errorf("%.80s: %s, %v; want %s", input, got, err, want)
		}
	}
}

// archived makes a keyed archive as a message has it around the address.
func archived(address any) []byte { return newArchive(address, "session").bytes() }

func encode(json string) string {
	return url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(json)))
}

func TestAddressesOfEveryForm(t *testing.T) {
	const want = `{"sessionIdentifier":"session","data":{"replyMessage":` + reply + `,"listPicker":` + picked + `}}`
	data := `{"listPicker":` + picked + `}`
	// The text needs the two characters in which alphabets differ, and padding.
	const odd = `{"title":"???>>>~~~ü"}`
	standard := base64.StdEncoding.EncodeToString([]byte(odd))
	if !strings.ContainsAny(standard, "+/") || !strings.HasSuffix(standard, "=") {
		t.Fatalf("%s shows nothing", standard)
	}
	replied := `{"sessionIdentifier":"session","data":{"replyMessage":` + odd + `}}`
	form := `{"sessionIdentifier":"session","data":{"replyMessage":` + reply + `,"dynamic":{"selections":[{"title":"Colour?"}]}}}`
	for name, test := range map[string]struct{ query, want string }{
		"usual":                {"?replyMessage=" + encode(reply) + "&data=" + encode(data), want},
		"a whole URL":          {"https://example.com/x?replyMessage=" + encode(reply) + "&data=" + encode(data), want},
		"unescaped":            {"?replyMessage=" + standard, replied},
		"escaped":              {"?replyMessage=" + url.QueryEscape(standard), replied},
		"no padding":           {"?replyMessage=" + strings.TrimRight(standard, "="), replied},
		"URL-safe":             {"?replyMessage=" + base64.URLEncoding.EncodeToString([]byte(odd)), replied},
		"URL-safe, no padding": {"?replyMessage=" + base64.RawURLEncoding.EncodeToString([]byte(odd)), replied},
		"plus became a space":  {"?replyMessage=" + strings.ReplaceAll(standard, "+", " "), replied},
		"or %20":               {"?replyMessage=" + strings.ReplaceAll(standard, "+", "%20"), replied},
		"empty and odd pairs":  {"?&&=&a=&%zz=x&b=%zz&c=!!&replyMessage=" + encode(reply) + "&data=" + encode(data) + "&", want},
		"the first counts":     {"?replyMessage=" + encode(reply) + "&replyMessage=" + encode(received) + "&data=" + encode(data), want},
		"white space in JSON":  {"?replyMessage=" + encode(" "+reply+"\n") + "&data=" + encode(data), want},
		"kind of its own":      {"?replyMessage=" + encode(reply) + "&listPicker=" + encode(picked), want},
		"data wins":            {"?replyMessage=" + encode(reply) + "&listPicker=" + encode(`{}`) + "&data=" + encode(data), want},
		"texts and JSON texts": {"?replyMessage=" + encode(reply) + "&data=" + encode(data) + "&x=hello&y=" + encode(`"text"`) + "&z=" + encode(`1`), want},
		"request and version": {"?replyMessage=" + encode(odd) + "&requestIdentifier=00000000-0000-4000-8000-000000000900&version=1.0",
			`{"sessionIdentifier":"session","data":{"replyMessage":` + odd + `,"requestIdentifier":"00000000-0000-4000-8000-000000000900","version":"1.0"}}`},
		"selections":          {"?replyMessage=" + encode(reply) + "&selections=" + encode(`[{"title":"Colour?"}]`), form},
		"wrapped selections":  {"?replyMessage=" + encode(reply) + "&selections=" + encode(`{"selections":[{"title":"Colour?"}]}`), form},
		"dynamic":             {"?replyMessage=" + encode(reply) + "&dynamic=" + encode(`{"selections":[{"title":"Colour?"}]}`), form},
		"dynamic inside data": {"?replyMessage=" + encode(reply) + "&data=" + encode(`{"dynamic":{"selections":[{"title":"Colour?"}]}}`) + "&selections=" + encode(`[]`), form},
	} {
		t.Run(name, func(t *testing.T) {
			for form, plain := range map[string][]byte{"plain": archived(test.query), "gzip": zip(t, archived(test.query))} {
				if got, err := Decode(plain); err != nil || !sameJSON(t, got, test.want) {
					t.Errorf("%s: %s, %v\nwant %s", form, got, err, test.want)
				}
			}
		})
	}
}

func TestAddressesThatHoldNothing(t *testing.T) {
	for _, query := range []string{"", "?", "?a=b", "?data=" + encode(`"x"`), "?data=" + encode(`[]`), "?data=", "?replyMessage=e30x", "no query"} {
		if got, err := Decode(archived(query)); !errors.Is(err, ErrForm) {
			t.Errorf("%s: %s, %v", query, got, err)
		}
	}
}

func TestArchivesOfEveryShape(t *testing.T) {
	query := "?replyMessage=" + encode(reply)
	const inSession = `{"sessionIdentifier":"session","data":{"replyMessage":` + reply + `}}`
	const alone = `{"data":{"replyMessage":` + reply + `}}`
	for name, test := range map[string]struct {
		archive *archive
		want    string
	}{
		"usual":                   {newArchive(query, "session"), inSession},
		"UTF-16 address":          {newArchive(wide(query), "session"), inSession},
		"address as an object":    {newArchive(dict{"NS.string": query}, "session"), inSession},
		"URL as a plain string":   {newArchive(nil, "session").with("URL", query), inSession},
		"wide references":         {newArchive(query, "session").sizes(8, 8), inSession},
		"odd references":          {newArchive(query, "session").sizes(3, 5), inSession},
		"no session":              {newArchive(query, nil), alone},
		"endless session":         {newArchive(query, strings.Repeat("s", 5000)), alone},
		"address beside the root": {newArchive(nil, nil).with("URL", "no address").add(query), alone},
		"UTF-16 beside the root":  {newArchive(nil, nil).add(wide(query)), alone},
		"no root":                 {newArchive(query, "session").top("elsewhere"), alone},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := Decode(test.archive.bytes()); err != nil || !sameJSON(t, got, test.want) {
				t.Errorf("%s, %v", got, err)
			}
		})
	}
}

// bounded fails for what takes more time or memory than the size of its input allows.
func bounded(t *testing.T, name string, plain []byte) error {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := time.Now()
	_, err := Decode(plain)
	took := time.Since(began)
	runtime.ReadMemStats(&after)
	if allocated := after.TotalAlloc - before.TotalAlloc; took > 3*time.Second || allocated > 12*MaxSize {
		t.Errorf("%s: %v and %d MB for %d bytes", name, took, allocated>>20, len(plain))
	}
	return err
}

func TestABombIsRefused(t *testing.T) {
	bomb := zip(t, make([]byte, 40<<20))
	twice := zip(t, bomb)
	for name, plain := range map[string][]byte{
		"bomb": bomb, "a bomb in gzip": twice, "many members": bytes.Repeat(zip(t, make([]byte, 1<<20)), 20),
		"large without gzip": make([]byte, MaxSize+1),
	} {
		if err := bounded(t, name, plain); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := bounded(t, "largest", zip(t, append([]byte(`{"data":{}}`), bytes.Repeat([]byte(" "), MaxSize-11)...))); err != nil {
		t.Error(err)
	}
}

func TestEveryTruncationAndAlterationEndsInAnError(t *testing.T) {
	zipped := fixture(t, "in-idr.plain.bplist.gz")
	whole, err := inflate(zipped)
	if err != nil {
		t.Fatal(err)
	}
	for size := range len(zipped) {
		if got, err := Decode(zipped[:size]); err == nil {
			t.Fatalf("the first %d of %d zipped bytes: %s", size, len(zipped), got)
		}
	}
	for size := range len(whole) {
		if got, err := Decode(whole[:size]); err == nil && !json.Valid(got) {
			t.Fatalf("the first %d of %d bytes: %s", size, len(whole), got)
		}
	}
	for i := range whole {
		for _, with := range []byte{0, 1, 0x0f, 0x7f, 0x80, 0xaf, 0xdf, 0xff} {
			altered := bytes.Clone(whole)
			altered[i] = with
			if got, err := Decode(altered); err == nil && !json.Valid(got) {
				t.Fatalf("byte %d as %x: %s", i, with, got)
			}
		}
	}
}

func TestHostileArchivesCostLittle(t *testing.T) {
	const many = 500_000
	query := "?replyMessage=" + encode(reply)
	cycle := newArchive(uid(1), nil)
	deep := newArchive(nil, nil)
	for range 20_000 {
		deep.add([]any{uid(1)})
	}
	nested := any("x")
	for range 5_000 {
		nested = []any{nested}
	}
	for name, plain := range map[string][]byte{
		"cycle of the root":         cycle.bytes(),
		"root is its own member":    newArchive(nil, nil).with("URL", uid(1)).bytes(),
		"UID far away":              newArchive(uid(1<<40), nil).bytes(),
		"many objects":              deep.bytes(),
		"deep nesting":              newArchive(nil, nil).add(nested).bytes(),
		"one text, many references": newArchive(nil, nil).repeat("?"+strings.Repeat("x=y&", 1000), many).bytes(),
		"separators":                archived("?" + strings.Repeat("&", 8<<20)),
		"parameters":                archived("?" + strings.Repeat("a=e30&", 1<<20)),
		"names":                     archived(manyNames(1 << 20)),
		"values":                    archived("?" + strings.Repeat("a=!&", 2<<20)),
		"escapes":                   archived("?a=" + strings.Repeat("%41", 4<<20)),
		"deep JSON":                 archived("?data=" + encode(strings.Repeat("[", 4<<20))),
		"deep JSON of objects":      archived("?data=" + encode(strings.Repeat(`{"a":`, 1<<20))),
		"wide text":                 archived(wide("?" + strings.Repeat("ü", 4<<20))),
		"every count is huge":       hugeCounts(query),
		"count of objects":          trailer(archived(query), 8, 1<<60),
		"top object":                trailer(archived(query), 16, 1<<63),
		"offset of the table":       trailer(archived(query), 24, 1<<63+5),
		"table at the header":       trailer(archived(query), 24, 0),
		"offsets of no bytes":       sizes(archived(query), 0, 1),
		"references of no bytes":    sizes(archived(query), 1, 0),
		"offsets of 255 bytes":      sizes(archived(query), 255, 255),
		"header and zeros":          append([]byte(binaryMagic), make([]byte, 1000)...),
		"only a header":             []byte(binaryMagic),
		"XML":                       []byte(`<?xml version="1.0"?><plist></plist>`),
		"nothing":                   nil,
		"only gzip's magic":         {0x1f, 0x8b},
	} {
		if err := bounded(t, name, plain); err == nil && name != "parameters" && name != "names" {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestErrorsHoldNothingOfTheAnswer(t *testing.T) {
	for _, plain := range [][]byte{
		[]byte(`{"secret":"s3cr3t"}`), []byte(`{"data":s3cr3t`), archived("?s3cr3t=s3cr3t"), newArchive("s3cr3t", "s3cr3t").bytes(), []byte("s3cr3t"),
	} {
		if _, err := Decode(plain); err == nil || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%q: %v", plain, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	whole, err := inflate(fixture(f, "in-idr.plain.bplist.gz"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(fixture(f, "in-idr.plain.bplist.gz"))
	f.Add(fixture(f, "in-decode-payload-response-a.json"))
	f.Add(archived(wide("?data=" + encode(`{"a":1}`))))
	f.Add(newArchive(dict{"NS.string": "?selections=" + encode(`[1]`)}, "s").sizes(3, 5).bytes())
	f.Fuzz(func(t *testing.T, plain []byte) { assertObject(t, Decode, plain) })
}

func FuzzEnvelope(f *testing.F) {
	f.Add(fixture(f, "in-decode-payload-response-a.json"))
	f.Add(fixture(f, "in-form-response.json"))
	f.Add([]byte(`{"data":{}}`))
	f.Fuzz(func(t *testing.T, raw []byte) { assertObject(t, Envelope, raw) })
}

func assertObject(t *testing.T, read func([]byte) (json.RawMessage, error), input []byte) {
	got, err := read(input)
	if err != nil {
		if got != nil {
			t.Fatalf("%s along with %v", got, err)
		}
		return
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(got, &members) != nil || members == nil {
		t.Fatalf("%q gave %q", input, got)
	}
}
