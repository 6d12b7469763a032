package iadvize_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"bizbridge/bridge/message"
	"bizbridge/bridge/signature"
	"bizbridge/config"
	"bizbridge/connectors"
	"bizbridge/connectors/connectortest/fake"
	"bizbridge/connectors/iadvize/iadvizetest"
)

// outcome is what became of a request: a status, as the bridge answers it.
func outcome(err error) int {
	if err == nil {
		return http.StatusOK
	}
	if _, forged := errors.AsType[*signature.Error](err); forged {
		return http.StatusUnauthorized
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return http.StatusRequestEntityTooLarge
	}
	if errors.Is(err, message.ErrMalformed) {
		return http.StatusBadRequest
	}
	if message.FailureOf(err).Class == message.Invalid {
		return http.StatusUnprocessableEntity
	}
	return http.StatusServiceUnavailable
}

func mustGive(t *testing.T, connector connectors.Connector, what string, req *http.Request, want int) {
	t.Helper()
	outs, err := connector.Receive(t.Context(), req)
	if got := outcome(err); got != want || len(outs) > 0 {
		t.Errorf("%s: %d messages and %d (%v), want none and %d", what, len(outs), got, err, want)
	}
}

// TestEveryPayload has each file of testdata. The bodies of bots hold words of a visitor and of a bot: neither
// may reach a phone.
func TestEveryPayload(t *testing.T) {
	want := map[string]int{
		"v2.conversation.pushed.json": 200, "v2.conversation.closed.json": 200,
		"bot.post_conversations.request.json": 422, "bot.post_message.visitor.request.json": 422,
		"bot.post_message.operator_echo.request.json": 422, "bot.reply.response.json": 422,
		"headers.json": 422, "auth.jws_claims.json": 422, "vector-jws-jwe.json": 422, // no bodies of webhooks; the token's test reads them
	}
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) != len(want) {
		t.Fatalf("%d files, want %d", len(files), len(want))
	}
	connector := connect(t, nil)
	for _, file := range files {
		name := filepath.Base(file)
		mustGive(t, connector, name, iadvizetest.Post(iadvizetest.Secret, testdata(t, name)), want[name])
	}
	headers := testdata(t, "headers.json")
	for _, name := range []string{iadvizetest.SignatureHeader, iadvizetest.DeliveryHeader, iadvizetest.CorrelationHeader} {
		if !strings.Contains(headers, `"`+name+`"`) {
			t.Errorf("iAdvize has no header %s", name)
		}
	}
}

// events are all that iAdvize documents, and one that it may add.
var events = map[string]map[string]any{
	"v2.conversation.pushed":    {"operatorId": 789, "channel": "APPLE_BUSINESS_CHAT", "visitorId": "5b7f0d6e-0000-4000-8000-000000000001"},
	"v2.conversation.closed":    {"operatorIds": []int{789}, "channel": "CHAT"},
	"user.created":              {"userId": 1},
	"user.updated":              {"userId": 1},
	"user.connected":            {"userId": 1},
	"user.disconnected":         {"userId": 1},
	"user.availability.updated": {"userId": 1, "availabilities": []any{map[string]any{"channel": "THIRD_PARTY", "status": "AVAILABLE"}}},
	"visitor.updated":           {"operatorId": 1, "visitorId": "593de0891b628a50"},
	"satisfaction.answered":     {"satisfactionComment": said},
	"transaction.attributed":    {"amount": 300.20, "source": "Offsite"},
	"v3.something.new":          {"messages": []any{map[string]any{"author": map[string]any{"role": "operator"}, "text": said}}},
}

func TestEventsAreTakenAndNothingComesOfThem(t *testing.T) {
	var log bytes.Buffer
	connector := connect(t, &log)
	for name, more := range events {
		for range 2 { // a repeat
			mustGive(t, connector, name, iadvizetest.Post(iadvizetest.Secret, iadvizetest.Event(name, more)), 200)
		}
		if strings.Count(log.String(), "event="+name+"\n") != 2 {
			t.Errorf("the log does not tell twice of %s", name)
		}
	}
	for _, secret := range []string{said, "593de0891b628a50", iadvizetest.Secret} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

func TestForgeriesAreRefused(t *testing.T) {
	var log bytes.Buffer
	connector := connect(t, &log)
	mustGive(t, connector, "genuine", iadvizetest.Closed("c-1", fake.Genuine), 200)
	log.Reset()
	for _, forgery := range fake.Forgeries {
		if req := iadvizetest.Closed("c-1", forgery); req != nil {
			mustGive(t, connector, forgery.String(), req, 401)
		}
	}
	for name, value := range map[string]string{
		"no prefix": strings.TrimPrefix(iadvizetest.Sign(iadvizetest.Secret, "{}"), "sha256="), "another algorithm": "sha1=" + strings.Repeat("0", 40),
		"no hex": "sha256=" + strings.Repeat("g", 64), "cut short": iadvizetest.Sign(iadvizetest.Secret, "{}")[:20], "empty hash": "sha256=",
	} {
		req := iadvizetest.Post(iadvizetest.Secret, "{}")
		req.Header.Set(iadvizetest.SignatureHeader, value)
		mustGive(t, connector, name, req, 401)
	}
	if log.Len() > 0 {
		t.Errorf("a forgery counts as an event: %s", &log)
	}
}

func TestSignedGETs(t *testing.T) {
	connector := connect(t, nil)
	for _, query := range []string{"", "idOperator=ha-1&x=2", "a=%20%2b+&a=%C3%A9;b", "?", "x=1?y=2"} {
		mustGive(t, connector, "GET ?"+query, iadvizetest.Get(iadvizetest.Secret, query), 200)
		mustGive(t, connector, "another secret, ?"+query, iadvizetest.Get(iadvizetest.OtherSecret, query), 401)
	}
	altered := iadvizetest.Get(iadvizetest.Secret, "a=1")
	altered.URL.RawQuery = "a=2"
	mustGive(t, connector, "an altered query", altered, 401)
	recoded := iadvizetest.Get(iadvizetest.Secret, "a=%2B")
	recoded.URL.RawQuery = "a=%2b"
	mustGive(t, connector, "a query that was written anew", recoded, 401)
	unsigned := iadvizetest.Get(iadvizetest.Secret, "")
	unsigned.Header.Del(iadvizetest.SignatureHeader)
	mustGive(t, connector, "a GET without a signature", unsigned, 401)
	smuggled := iadvizetest.Get(iadvizetest.Secret, "a=1")
	smuggled.Body = io.NopCloser(strings.NewReader(iadvizetest.Event("v2.conversation.closed", nil)))
	mustGive(t, connector, "a GET with a body", smuggled, 401)
	turned := iadvizetest.Get(iadvizetest.Secret, "a=1")
	turned.Method = http.MethodPost
	mustGive(t, connector, "a GET that became a POST", turned, 401)
	head := iadvizetest.Get(iadvizetest.Secret, "")
	head.Method = http.MethodHead
	mustGive(t, connector, "a HEAD", head, 400)
}

// TestVectors has two signatures that were not made by the fake.
func TestVectors(t *testing.T) {
	connector := connect(t, nil, "iadvize-secret")
	post := iadvizetest.Post("", `{"event":"message_created","id":501,"content":"Hi é😀"}`)
	post.Header.Set(iadvizetest.SignatureHeader, "sha256=84659781c5d76f3bc93cabc9c287f8bfe560a563317f957de8574419309cf3aa")
	mustGive(t, connector, "POST", post, 422) // it is genuine, and has no eventType
	get := iadvizetest.Get("", "idOperator=ha-1&x=2")
	get.Header.Set(iadvizetest.SignatureHeader, "sha256=59e0b782584f7b0984289da4c75c04e4d0546c3be94871ec8b27c9c28d8a7e84")
	mustGive(t, connector, "GET", get, 200)
}

func TestEverySecretCounts(t *testing.T) {
	connector := connect(t, nil, iadvizetest.OtherSecret, iadvizetest.Secret)
	for _, secret := range []config.Secret{iadvizetest.Secret, iadvizetest.OtherSecret} {
		mustGive(t, connector, "one of two", iadvizetest.Post(secret.Reveal(), iadvizetest.Event("user.updated", nil)), 200)
	}
	mustGive(t, connector, "a third", iadvizetest.Post("a-third-secret", iadvizetest.Event("user.updated", nil)), 401)
}

func TestOddBodies(t *testing.T) {
	connector := connect(t, nil)
	for body, want := range map[string]int{
		"": 400, " ": 400, "null": 422, "{}": 422, "[]": 400, `"x"`: 400, "1": 400, "{": 400, "\xff": 400, `{"eventType":1}`: 400, `{"eventType":null}`: 422,
		`{"eventType":""}`: 422, `{"eventType":"x"} {}`: 400, `{"eventType":"x"}`: 200, strings.Repeat("[", 20000): 400,
	} {
		mustGive(t, connector, fmt.Sprintf("%.20q", body), iadvizetest.Post(iadvizetest.Secret, body), want)
	}
	mustGive(t, connector, "signed, but a text", iadvizetest.Closed("c-1", fake.Malformed), 400)
	tooLarge := iadvizetest.Closed("c-1", fake.Genuine)
	tooLarge.Body = http.MaxBytesReader(nil, tooLarge.Body, 8)
	mustGive(t, connector, "too large", tooLarge, 413)
	broken := iadvizetest.Closed("c-1", fake.Genuine)
	broken.Body = io.NopCloser(io.MultiReader(io.LimitReader(broken.Body, 8), iotest.ErrReader(io.ErrUnexpectedEOF)))
	mustGive(t, connector, "broken off", broken, 400)
}

// TestErrorsHoldNoSecret looks at everything that can go wrong, with words of a visitor in each body.
func TestErrorsHoldNoSecret(t *testing.T) {
	var log bytes.Buffer
	connector := connect(t, &log)
	body := iadvizetest.Event("satisfaction.answered", map[string]any{"satisfactionComment": said})
	unsigned := iadvizetest.Post(iadvizetest.Secret, body)
	unsigned.Header.Del(iadvizetest.SignatureHeader)
	genuine := iadvizetest.Sign(iadvizetest.Secret, body)
	for what, req := range map[string]*http.Request{
		"unsigned": unsigned, "another secret": iadvizetest.Post(iadvizetest.OtherSecret, body), "a query": iadvizetest.Get(iadvizetest.OtherSecret, "q="+genuine),
		"no JSON": iadvizetest.Post(iadvizetest.Secret, body[1:]), "a number": iadvizetest.Post(iadvizetest.Secret, `{"eventType":4711}`),
		"a bot's": iadvizetest.Post(iadvizetest.Secret, testdata(t, "bot.post_message.visitor.request.json")),
	} {
		_, err := connector.Receive(t.Context(), req)
		if err == nil {
			t.Errorf("%s is taken", what)
			continue
		}
		printed := fmt.Sprintf("%v %+v %q %s", err, err, err, &log)
		for _, secret := range []string{iadvizetest.Secret, genuine, said, "Large", "4711"} {
			if strings.Contains(printed, secret) {
				t.Errorf("%s: the error or the log holds %q: %s", what, secret, printed)
			}
		}
	}
}

// TestIAdvizeTriesAgainUntilItIsHeard sends over a socket, where headers and queries go through net/http, to a bridge whose
// first answer is lost.
func TestIAdvizeTriesAgainUntilItIsHeard(t *testing.T) {
	connector, busy := connect(t, nil), 0
	bridge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if busy > 0 {
			busy--
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		outs, err := connector.Receive(req.Context(), req)
		if len(outs) > 0 {
			t.Errorf("%d messages", len(outs))
		}
		w.WriteHeader(outcome(err))
	}))
	defer bridge.Close()
	post := func() *http.Request { return iadvizetest.Closed("c-1", fake.Genuine) }
	for name, c := range map[string]struct {
		busy int
		make func() *http.Request
		want []int
	}{
		"at once":          {0, post, []int{200}},
		"after a failure":  {1, post, []int{503, 200}},
		"given up":         {3, post, []int{503, 503, 503}},
		"forged":           {0, func() *http.Request { return iadvizetest.Closed("c-1", fake.Altered) }, []int{401, 401, 401}},
		"GET":              {0, func() *http.Request { return iadvizetest.Get(iadvizetest.Secret, "a=%20%2b+&a=;b") }, []int{200}},
		"GET, bare":        {0, func() *http.Request { return iadvizetest.Get(iadvizetest.Secret, "") }, []int{200}},
		"a call to a bot":  {0, func() *http.Request { return iadvizetest.Post(iadvizetest.Secret, `{"idOperator":"ha-1"}`) }, []int{422, 422, 422}},
		"closed, repeated": {0, post, []int{200}},
	} {
		busy = c.busy
		if got, err := iadvizetest.Call(bridge.Client(), bridge.URL, c.make); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %v; want %v", name, got, err, c.want)
		}
	}
}

func FuzzReceive(f *testing.F) {
	for name, more := range events {
		f.Add(iadvizetest.Event(name, more), true)
	}
	for _, name := range []string{"bot.post_conversations.request.json", "v2.conversation.pushed.json"} {
		f.Add(testdata(f, name), true)
	}
	f.Add("idOperator=ha-1&x=2", false)
	connector := connect(f, nil)
	f.Fuzz(func(t *testing.T, text string, post bool) {
		req := iadvizetest.Post(iadvizetest.Secret, text)
		if !post {
			req = iadvizetest.Get(iadvizetest.Secret, "")
			req.URL.RawQuery = text
			req.Header.Set(iadvizetest.SignatureHeader, iadvizetest.Sign(iadvizetest.Secret, text))
		}
		outs, err := connector.Receive(t.Context(), req)
		if got := outcome(err); len(outs) > 0 || got != 200 && got != 400 && got != 422 || !post && got != 200 {
			t.Errorf("%d messages, %d (%v)", len(outs), got, err)
		}
	})
}

func BenchmarkReceive(b *testing.B) {
	connector, body := connect(b, nil), testdata(b, "v2.conversation.closed.json")
	signed := iadvizetest.Post(iadvizetest.Secret, body)
	b.ReportAllocs()
	for b.Loop() {
		req := *signed
		req.Body = io.NopCloser(strings.NewReader(body))
		if _, err := connector.Receive(context.Background(), &req); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDeliver(b *testing.B) {
	connector, received := connect(b, nil), event(message.EventReceived)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := connector.Deliver(context.Background(), received); err == nil {
			b.Fatal("taken")
		}
	}
}
