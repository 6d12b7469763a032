package apple

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bizbridge/bridge/message"
)

// card asks for an App Clip's card. The failure is nil where there is one.
func card(t testing.TB, c *Client, budget time.Duration, link message.RichLink) (json.RawMessage, *message.Failure) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), budget)
	defer cancel()
	card, err := c.AppClip(ctx, messageID, businessA, link)
	failure, ok := errors.AsType[*message.Failure](err)
	if (err != nil) != ok || (card == nil) != ok {
		t.Fatalf("%s, %v", card, err)
	}
	return card, failure
}

func TestTheCardOfAnAppClipIsAskedForAsAppleDocuments(t *testing.T) {
	g := newGateway(t, reply{status: 200, body: string(fixture(t, "construct-payload-response.json"))})
	c, _ := newTestClient(t, g.URL+"/v1/")
	got, failure := card(t, c, time.Second, message.RichLink{URL: "https://appclip.example.com/item/1", Title: "ignored", AppClip: true})
	if failure != nil {
		t.Fatal(failure)
	}
	want := unmarshal[map[string]any](t, fixture(t, "construct-payload-response.json"))["richLinkDataRef"]
	if diff := cmp.Diff(want, unmarshal[any](t, got)); diff != "" {
		t.Error(diff)
	}
	requests, bodies := g.seen()
	if diff := cmp.Diff(unmarshal[any](t, fixture(t, "construct-payload-request.json")), unmarshal[any](t, []byte(bodies[0]))); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(bodies[0], `"version":1.0`) { // as Apple's sample writes it
		t.Error(bodies[0])
	}
	r := requests[0]
	header := r.Header.Clone()
	header.Del("Content-Length")
	wanted := http.Header{
		"Authorization": {"Bearer " + unmarshal[vectors](t, fixture(t, "vector-jwt.json")).OutboundWithTyp.Token}, "Content-Type": {"application/json"}, "Id": {messageID}, "Source-Id": {businessA},
		"User-Agent": {"bizbridge/1.2.3"}, "Accept-Encoding": {"gzip"},
	}
	if diff := cmp.Diff(wanted, header); diff != "" || r.Method != http.MethodPost || r.URL.Path != "/v1/constructPayload" {
		t.Error(r.Method, r.URL, diff)
	}
}

func TestTheStoreOfAnAppClip(t *testing.T) {
	for region, want := range map[string]string{"": "US", "DE": "DE"} {
		g := newGateway(t, reply{status: 200, body: `{"richLinkDataRef":{"a&b":1}}`})
		c, _ := newTestClient(t, g.URL)
		got, failure := card(t, c, time.Second, message.RichLink{URL: "https://example.com/?a&b", StoreRegion: region})
		_, bodies := g.seen()
		asked := unmarshal[struct {
			Link struct{ URL, StoreRegion string }
		}](t, []byte(bodies[0])).Link
		if failure != nil || asked.URL != "https://example.com/?a&b" || asked.StoreRegion != want || string(got) != `{"a&b":1}` {
			t.Errorf("%q: %s, %s, %v", region, bodies[0], got, failure)
		}
	}
}

func TestAnAppClipWithoutACard(t *testing.T) {
	good := reply{status: 200, body: `{"richLinkDataRef":{}}`}
	for name, test := range map[string]struct {
		script   []reply
		class    message.Class
		ok       bool
		requests int // 0: one or more
	}{
		"no App Clip there":    {[]reply{{status: 400, body: "nothing here"}}, message.Invalid, false, 1},
		"a new token":          {[]reply{{status: 401}, good}, 0, true, 2},
		"forbidden, then fine": {[]reply{{status: 403}, good}, 0, true, 2},
		"no token helps":       {[]reply{{status: 401}}, message.Auth, false, 2},
		"not found":            {[]reply{{status: 404}}, message.Permanent, false, 1}, // no customer was asked for
		"gone":                 {[]reply{{status: 410}}, message.Permanent, false, 1},
		"too large":            {[]reply{{status: 413}}, message.Permanent, false, 1},
		"slow down":            {[]reply{{status: 429, retryAfter: "60"}}, message.Throttled, false, 1},
		"broken, then fine":    {[]reply{{status: 500}, good}, 0, true, 2},
		"broken":               {[]reply{{status: 500}}, message.Transient, false, 0},
		"busy":                 {[]reply{{status: 503, retryAfter: "60"}}, message.Transient, false, 1},
		"reset, then fine":     {[]reply{{}, good}, 0, true, 2},
		"reset":                {[]reply{{}}, message.Transient, false, 0}, // nothing was shown to anybody
		"nothing":              {[]reply{{status: 200}}, message.Transient, false, 1},
		"a page":               {[]reply{{status: 200, body: "<html>"}}, message.Transient, false, 1},
		"without the member":   {[]reply{{status: 200, body: `{"version":"1.0"}`}}, message.Permanent, false, 1},
		"null":                 {[]reply{{status: 200, body: `{"richLinkDataRef":null}`}}, message.Permanent, false, 1},
		"a text":               {[]reply{{status: 200, body: `{"richLinkDataRef":"x"}`}}, message.Permanent, false, 1},
		"a list":               {[]reply{{status: 200, body: `{"richLinkDataRef":[{}]}`}}, message.Permanent, false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t, test.script...)
			c, _ := newTestClient(t, g.URL)
			_, failure := card(t, c, 700*time.Millisecond, message.RichLink{URL: "https://example.com"})
			if (failure == nil) != test.ok || failure != nil && failure.Class != test.class {
				t.Errorf("ended with %+v", failure)
			}
			requests, _ := g.seen()
			if n := len(requests); n != test.requests && (test.requests > 0 || n == 0) {
				t.Errorf("%d requests", n)
			}
			if test.class == message.Invalid && !strings.Contains(failure.Reason, "no App Clip") {
				t.Error(failure)
			}
		})
	}
	c, _ := newTestClient(t, "http://127.0.0.1:1")
	if _, err := c.AppClip(t.Context(), messageID, stranger, message.RichLink{}); message.FailureOf(err).Class != message.Permanent {
		t.Error(err)
	}
}
