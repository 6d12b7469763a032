package apple

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bizbridge/bridge/message"
)

// referred stores the fixture's answer and gives the reference to it, as it comes out of Apple's message.
func referred(t testing.TB, s *appleStore) Reference {
	t.Helper()
	incoming := accepted(t, testReceiver(), sent(string(fixture(t, "in-interactive-data-ref.json")), map[string]string{"id": "", "source-id": "", "destination-id": ""}).request(t))
	if incoming.Reference == nil {
		t.Fatal("the message has no reference")
	}
	reference := *incoming.Reference
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[reference.Source.URL] = &object{
		url: reference.Source.URL, owner: reference.Source.Owner, signature: reference.Source.Signature, ciphertext: fixture(t, "in-idr.cipher.bin"),
	}
	return reference
}

// plainAnswer is the fixture's answer decrypted: what Apple is to decode.
func plainAnswer(t testing.TB) []byte {
	t.Helper()
	file := unmarshal[struct {
		InteractiveDataRef struct{ Key string }
	}](t, fixture(t, "in-interactive-data-ref.json"))
	return crypted(file.InteractiveDataRef.Key[2:], fixture(t, "in-idr.cipher.bin"))
}

// expanded reads a reference within a budget, which must be kept.
func expanded(t testing.TB, c *Client, budget time.Duration, reference Reference) (json.RawMessage, Expansion, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), budget)
	defer cancel()
	began := time.Now()
	data, expansion, err := c.Expand(ctx, reference)
	if took := time.Since(began); took > budget+time.Second {
		t.Errorf("took %s of %s", took, budget)
	}
	if (data == nil) != (err != nil) || (expansion == ExpansionFailed) != (err != nil) {
		t.Errorf("%s, %s, %v", data, expansion, err)
	}
	return data, expansion, err
}

// titleOf is the answer's own words.
func titleOf(t testing.TB, data json.RawMessage) string {
	t.Helper()
	reply := unmarshal[struct {
		Data struct {
			ReplyMessage struct{ Title, Subtitle string }
		}
	}](t, data).Data.ReplyMessage
	return reply.Title + ": " + reply.Subtitle
}

const (
	inner     = `{"bid":"b","data":{"replyMessage":{"title":"By Apple","subtitle":"Pear"}}}`
	envelopeA = `{"v":1,"type":"interactive","interactiveData":` + inner + `}`
)

func zipped(t testing.TB, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			t.Error("gzip was not offered")
		}
		w.Header().Set("Content-Encoding", "gzip")
		zip := gzip.NewWriter(w)
		_, _ = io.WriteString(zip, text)
		_ = zip.Close()
	}
}

func TestAppleDecodesAnAnswerInEitherEnvelope(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"A": says(200, envelopeA), "B": says(200, inner), "A, with space around": says(200, "\n"+envelopeA+"\n"),
		"A, gzip": zipped(t, envelopeA), "B, gzip": zipped(t, inner),
	} {
		s := newAppleStore(t)
		c, _ := newTestClient(t, s.URL+"/v1")
		reference := referred(t, s)
		s.always["decodePayload"] = answer
		data, expansion, err := expanded(t, c, 2*time.Second, reference)
		if err != nil || expansion != ExpansionDecoded || string(data) != inner {
			t.Errorf("%s: %s, %s, %v", name, data, expansion, err)
		}
		if steps := s.steps(); steps != "preDownload download decodePayload" {
			t.Errorf("%s: %s", name, steps)
		}
	}
}

func TestAppleGetsTheDecryptedBytesAsTheyAre(t *testing.T) {
	s := newAppleStore(t)
	c, _ := newTestClient(t, s.URL+"/v1")
	reference := referred(t, s)
	bodies := make(chan []byte, 1)
	s.always["decodePayload"] = func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies <- body
		_, _ = io.WriteString(w, envelopeA)
	}
	if _, _, err := expanded(t, c, 2*time.Second, reference); err != nil {
		t.Fatal(err)
	}
	plain := plainAnswer(t)
	if got := <-bodies; !bytes.Equal(got, plain) || !bytes.HasPrefix(plain, []byte{0x1f, 0x8b}) {
		t.Error("other bytes were sent")
	}
	asked := s.callsOf("decodePayload")[0]
	bearer := s.callsOf("preDownload")[0].header["Authorization"]
	asked.header.Del("Content-Length")
	want := http.Header{
		"Authorization": bearer, "Source-Id": {businessA}, "Accept": {"*/*"}, "Accept-Encoding": {"gzip"}, "Content-Type": {"application/octet-stream"}, "User-Agent": {"bizbridge/1.2.3"},
		"Bid": {"com.apple.messages.MSMessageExtensionBalloonPlugin:0000000000:com.apple.icloud.apps.messages.business.extension"},
	}
	if diff := cmp.Diff(want, asked.header); diff != "" || asked.uri != "/v1/decodePayload" || asked.length != int64(len(plain)) {
		t.Error(asked.uri, asked.length, diff)
	}
}

func TestWhatAppleWillNotDecodeIsDecodedHere(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"bad request": says(400, "bid"), "unauthorized": says(401, ""), "forbidden": says(403, ""), "not found": says(404, ""), "gone": says(410, ""), "too large": says(413, ""),
		"slow down": says(429, "", "Retry-After", "3600"), "broken": says(500, ""), "busy": says(503, ""), "created": says(201, envelopeA), "no content": says(204, ""),
		"a redirect": says(302, "", "Location", "/x"), "nothing": says(200, ""), "null": says(200, "null"), "a list": says(200, "[]"), "a text": says(200, `"x"`),
		"a page": says(200, "<html>Welcome</html>"), "an empty object": says(200, "{}"), "half": says(200, envelopeA[:40]), "hangs up": hangsUp(""),
		"breaks off": hangsUp("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + envelopeA), "no gzip though it says so": says(200, envelopeA, "Content-Encoding", "gzip"),
		"hangs": hangs,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newAppleStore(t)
			c, _ := newTestClient(t, s.URL+"/v1")
			reference := referred(t, s)
			s.always["decodePayload"] = answer
			began := time.Now()
			data, expansion, err := expanded(t, c, 2*time.Second, reference)
			if err != nil || expansion != ExpansionLocal {
				t.Fatalf("%s, %v", expansion, err)
			}
			if got := titleOf(t, data); got != "Selected produce: Apple" {
				t.Errorf("%q in %s", got, data)
			}
			// The answer still has to be handed on.
			if took := time.Since(began); took > 1500*time.Millisecond {
				t.Errorf("%s of two seconds went by", took)
			}
		})
	}
}

func TestABidThatFitsIntoNoHeaderIsNotSent(t *testing.T) {
	for _, bid := range []string{"a\nb", "a\r\nX: y", "a\x00", "\x7f"} {
		s := newAppleStore(t)
		c, _ := newTestClient(t, s.URL+"/v1")
		reference := referred(t, s)
		reference.BID = bid
		began := time.Now()
		_, expansion, err := expanded(t, c, 4*time.Second, reference)
		if err != nil || expansion != ExpansionLocal || s.steps() != "preDownload download" || time.Since(began) > time.Second {
			t.Errorf("%q: %s, %s, %v", bid, s.steps(), expansion, err)
		}
	}
}

func TestAnAnswerThatNobodyCanReadFails(t *testing.T) {
	t.Parallel()
	for name, plain := range map[string][]byte{
		"garbage": pattern(693), "one byte": {0}, "half a gzip": plainAnswer(t)[:300], "gzip of garbage": gzipped(t, "garbage"), "a property list without archive": []byte("bplist00" + strings.Repeat("\x00", 40)),
		"JSON of another form": []byte(`{"x":1}`), "an empty file": {},
	} {
		s := newAppleStore(t)
		c, _ := newTestClient(t, s.URL+"/v1")
		s.always["decodePayload"] = says(400, "")
		_, expansion, err := expanded(t, c, 2*time.Second, Reference{Source: s.put(plain), BID: "b", Title: "t"})
		if failure := message.FailureOf(err); failure == nil || failure.Class != message.Permanent || expansion != ExpansionFailed {
			t.Errorf("%s: %s, %v", name, expansion, err)
		}
	}
}

func TestAReferenceThatLeadsNowhereFails(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*appleStore, *Reference)
		want   message.Class
		steps  string
	}{
		"another owner": {func(_ *appleStore, r *Reference) { r.Source.Owner += "x" }, message.Permanent, "preDownload download"}, // garbage of another length
		"another size":  {func(_ *appleStore, r *Reference) { r.Source.Size++ }, message.Permanent, "preDownload download"},
		"another key":   {func(_ *appleStore, r *Reference) { r.Source.Key[0]++ }, message.Permanent, "preDownload download decodePayload"},
		"no business":   {func(_ *appleStore, r *Reference) { r.Source.Business = stranger }, message.Permanent, ""},
		"too large":     {func(_ *appleStore, r *Reference) { r.Source.Size = maxReference + 1 }, message.Permanent, ""},
		"expired":       {func(s *appleStore, _ *Reference) { s.always["download"] = says(403, "") }, message.Transient, "preDownload download"},
		"breaks off": {func(s *appleStore, _ *Reference) {
			s.always["download"] = hangsUp("HTTP/1.1 200 OK\r\nContent-Length: 693\r\n\r\nhalf")
		}, message.Transient, "preDownload download"},
		"refused": {func(s *appleStore, _ *Reference) { s.always["preDownload"] = says(400, "not authorized") }, message.Invalid, "preDownload"},
	} {
		s := newAppleStore(t)
		c, _ := newTestClient(t, s.URL+"/v1")
		reference := referred(t, s)
		test.change(s, &reference)
		s.always["decodePayload"] = says(400, "")
		_, expansion, err := expanded(t, c, 2*time.Second, reference)
		if failure := message.FailureOf(err); failure == nil || failure.Class != test.want || expansion != ExpansionFailed || s.steps() != test.steps {
			t.Errorf("%s: %s, %s, %v", name, s.steps(), expansion, err)
		}
	}
}

func TestAnAnswerOfApplesThatIsTooLargeIsNotKept(t *testing.T) {
	s := newAppleStore(t)
	c, _ := newTestClient(t, s.URL+"/v1")
	reference := referred(t, s)
	s.always["decodePayload"] = func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"data":"`)
		for part := bytes.Repeat([]byte("x"), 1<<20); r.Context().Err() == nil; {
			if _, err := w.Write(part); err != nil {
				return
			}
		}
	}
	data, expansion, err := expanded(t, c, 10*time.Second, reference)
	if err != nil || expansion != ExpansionLocal || len(data) > 1<<20 {
		t.Errorf("%d bytes, %s, %v", len(data), expansion, err)
	}
}
