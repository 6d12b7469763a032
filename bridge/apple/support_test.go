package apple

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"

	"bizbridge/bridge/message"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	mspA      = "11111111-2222-3333-4444-555555555555"
	mspB      = "66666666-7777-8888-9999-AAAAAAAAAAAA"
	businessA = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
	businessB = "BBBBBBBB-bbbb-4ccc-8ddd-eeeeeeeeeeee" // registered in mixed case
	stranger  = "cccccccc-bbbb-4ccc-8ddd-eeeeeeeeeeee"
	customer  = "urn:mbid:AQAAYwG2ZUKZPdu//LTRt0G/RchWT+YhFnTqjOFSrO/8Ufq9Ev3Jrs0WOA6o6aEBG6w4eVVMw1MN9o4XzJfpJMouAapcC5Ilrwd3JjBLfWGS8uJfW/61d6M5rcf1K24pw+FriEZ3u0qLphl6D5ZPrXkHOJ8QhFU="
	messageID = "00000000-0000-4000-8000-000000000001"

	secretText = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	maxBody    = 1 << 20
)

var (
	clock     = time.Unix(1_700_000_000, 0)
	secretA   = decoded(secretText)
	secretOld = []byte("the secret of account A before its rotation")
	secretB   = []byte("the secret of account B")
)

func decoded(text string) []byte {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return raw
}

func testDirectory() *Directory {
	return NewDirectory(
		[]Account{{MSPID: mspA, Secrets: [][]byte{secretA, secretOld}}, {MSPID: mspB, Secrets: [][]byte{secretB}}},
		[]Business{{ID: businessA, MSPID: mspA}, {ID: businessB, MSPID: mspB}},
	)
}

func testReceiver() *Receiver {
	return &Receiver{Directory: testDirectory(), Leeway: time.Hour, MaxBody: maxBody, Now: func() time.Time { return clock }}
}

// minted signs claims; key is what the method takes.
func minted(t testing.TB, method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
	t.Helper()
	token, err := jwt.NewWithClaims(method, claims).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func tokenA(t testing.TB) string {
	return minted(t, jwt.SigningMethodHS256, secretA, jwt.MapClaims{"aud": mspA, "iat": clock.Unix()})
}

func tokenB(t testing.TB) string {
	return minted(t, jwt.SigningMethodHS256, secretB, jwt.MapClaims{"aud": mspB, "iat": clock.Unix()})
}

// post is one request of Apple: valid unless something is changed.
type post struct {
	header map[string]string // "": the header is missing
	body   io.Reader
	length int64 // -1: chunked
}

func textBody() map[string]any {
	return map[string]any{
		"v": 1, "id": messageID, "type": "text", "sourceId": customer, "destinationId": businessA, "locale": "en_US", "body": "Hello",
	}
}

// with makes the JSON of the text message with some members changed; nil removes one.
func with(members map[string]any) string {
	body := textBody()
	for name, value := range members {
		body[name] = value
		if value == nil {
			delete(body, name)
		}
	}
	raw, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

func gzipped(t testing.TB, text string) []byte {
	t.Helper()
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	if _, err := io.WriteString(zip, text); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func (p post) request(t testing.TB) *http.Request {
	t.Helper()
	header := map[string]string{
		"Authorization": "Bearer " + tokenA(t), "Content-Type": "application/json", "Content-Encoding": "gzip",
		"id": messageID, "source-id": customer, "destination-id": businessA,
		"capability-list": "LIST,TIME,AUTH,AUTH2,QUICK,FORM", "device-agent": "iPhone OS",
	}
	maps.Copy(header, p.header)
	if p.body == nil {
		raw := gzipped(t, with(nil))
		p.body, p.length = bytes.NewReader(raw), int64(len(raw))
	}
	req := httptest.NewRequest(http.MethodPost, "/message", p.body)
	req.ContentLength = p.length
	for name, value := range header {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	return req
}

// sent makes a post whose body is text, as it is.
func sent(text string, header map[string]string) post {
	return post{body: bytes.NewReader([]byte(text)), length: int64(len(text)), header: header}
}

// poison is a body that nobody may read.
type poison struct{ t testing.TB }

func (p poison) Read([]byte) (int, error) {
	p.t.Error("the body was read before the request was known to be Apple's")
	return 0, io.ErrUnexpectedEOF
}

// refusedAs receives a request that must be refused.
func refusedAs(t *testing.T, receiver *Receiver, req *http.Request) *Refusal {
	t.Helper()
	incoming, err := receiver.Receive(req)
	refusal, ok := errors.AsType[*Refusal](err)
	if !ok || incoming != nil {
		t.Fatalf("got %+v, %v; want a refusal", incoming, err)
	}
	if refusal.Detail == "" || refusal.Code == "" || refusal.Error() == "" {
		t.Errorf("a refusal must say what is wrong: %+v", refusal)
	}
	return refusal
}

func accepted(t testing.TB, receiver *Receiver, req *http.Request) *Incoming {
	t.Helper()
	incoming, err := receiver.Receive(req)
	if err != nil {
		t.Fatal(err)
	}
	return incoming
}

// eventOf receives plain JSON that must be accepted.
func eventOf(t testing.TB, body string) message.Event {
	t.Helper()
	return accepted(t, testReceiver(), sent(body, map[string]string{"id": "", "source-id": "", "destination-id": ""}).request(t)).Event
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func unmarshal[T any](t testing.TB, raw []byte) T {
	t.Helper()
	var value T
	if err := json.Unmarshal(raw, &value); err != nil {
		t.Fatal(err)
	}
	return value
}
