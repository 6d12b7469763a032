package sandbox

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
)

// TestPhoneRequest checks one request against Apple's description, with a JWT library
// that is not the sandbox's.
func TestPhoneRequest(t *testing.T) {
	w := newWorld(t)
	id := w.phoneSays("Hellö & <welcome>", delivered)
	p := w.bridge.posts()[0]
	token, ok := strings.CutPrefix(p.header.Get("Authorization"), "Bearer ")
	key, _ := base64.StdEncoding.DecodeString(testSecret)
	claims := jwt.MapClaims{}
	parsed, err := jwt.ParseWithClaims(token, claims, func(*jwt.Token) (any, error) { return key, nil },
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithAudience(testMSP), jwt.WithIssuedAt())
	if !ok || err != nil || !parsed.Valid {
		t.Fatalf("token: %v", err)
	}
	if iat, _ := claims["iat"].(float64); iat < float64(time.Now().Unix()-60) || iat > float64(time.Now().Unix()) {
		t.Errorf("iat %v", claims["iat"])
	}
	opaque := w.s.phones.threads[0].OpaqueID
	for name, want := range map[string]string{
		"id": id, "source-id": opaque, "destination-id": testBusiness, "device-agent": "iPhone OS",
		"capability-list": "LIST,TIME,AUTH,AUTH2,QUICK,FORM", "Content-Type": "application/json", "Content-Encoding": "gzip",
	} {
		if got := p.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	unzip, err := gzip.NewReader(bytes.NewReader(p.raw))
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(unzip)
	want := `{"v":1,"id":"` + id + `","type":"text","sourceId":"` + opaque + `","destinationId":"` + testBusiness + `","locale":"en_US","body":"Hellö & <welcome>"}`
	if string(body) != want {
		t.Errorf("body\n%s, want\n%s", body, want)
	}
	if !strings.HasPrefix(opaque, "urn:mbid:") || len(opaque) != 169 || !strings.Contains(opaque, "/") || !strings.Contains(opaque, "+") {
		t.Errorf("opaque id %q", opaque)
	}
}

func TestTokenVector(t *testing.T) {
	key, _ := base64.StdEncoding.DecodeString(testSecret)
	want := "eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOiIxMTExMTExMS0yMjIyLTMzMzMtNDQ0NC01NTU1NTU1NTU1NTUiLCJpYXQiOjE3MDAwMDAwMDB9.xsAhb1OmPpCyQN1nzqT25bVVanpYXCGlUDm2E_ur3sU"
	if got := mintToken(key, testMSP, time.Unix(1700000000, 0)); got != want {
		t.Errorf("got %s", got)
	}
}

func TestEntryLink(t *testing.T) {
	w := newWorld(t)
	open := func(link string, want int) map[string]any {
		return w.call("/api/phone/link", map[string]any{"customer": w.customer, "url": link}, want)
	}
	got := open("https://bcrw.apple.com/urn:biz:"+testBusiness+"?biz-intent-id=billing+desk&biz-group-id=vip&body=Hello%20there", 200)
	want := map[string]any{"business_id": testBusiness, "body": "Hello there", "intent": "billing desk", "group": "vip"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
	w.call("/api/phone/typing", map[string]any{"customer": w.customer, "on": true}, 202)
	w.phoneSays("Hello there", delivered)
	w.phoneSays("And more", delivered)
	var seen []any
	for _, p := range w.bridge.posts() {
		seen = append(seen, p.body["type"], p.body["intent"], p.body["group"])
	}
	if diff := cmp.Diff([]any{"typing_start", nil, nil, "text", "billing desk", "vip", "text", nil, nil}, seen); diff != "" {
		t.Error(diff)
	}
	open("http://bcrw.apple.com/urn:biz:"+testBusiness, 400)
	open("https://example.com/urn:biz:"+testBusiness, 400)
	open("https://bcrw.apple.com/", 400)
	open("https://bcrw.apple.com/urn:biz:unknown", 404)
}

func TestTapbacks(t *testing.T) {
	w := newWorld(t)
	w.phoneSays("Hello", delivered)
	w.deskSays("Your order is ready", statusAccepted)
	bubble := w.state().Threads[0].Bubbles[1]
	var want, got []any
	react := func(verb, text string) {
		w.call("/api/phone/tapback", map[string]any{"customer": w.customer, "id": bubble.ID, "verb": verb}, 202)
		w.eventually("the reaction", func(s state) bool {
			r := s.Threads[0].Bubbles[1].Reaction
			return r != nil && r.Verb == verb && r.Status == delivered
		})
		want = append(want, text)
	}
	react("liked", "Liked “Your order is ready”")
	react("laughed", "Laughed at “Your order is ready”")
	react("reacted", "Reacted 🎉 to “Your order is ready”")
	react("loved", "Loved “Your order is ready”")
	w.call("/api/phone/tapback", map[string]any{"customer": w.customer, "id": bubble.ID, "verb": "loved"}, 202)
	want = append(want, "Removed a heart from “Your order is ready”")
	w.eventually("five reactions", func(state) bool { return len(w.bridge.posts()) == 6 })
	for _, p := range w.bridge.posts()[1:] {
		got = append(got, p.body["body"])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	w.eventually("the desk to show a reaction", func(s state) bool {
		for _, e := range s.Conversations[0].Entries {
			if e.Kind == entryReaction && e.Reaction.Verb == "liked" {
				return true
			}
		}
		return false
	})
	w.call("/api/phone/tapback", map[string]any{"customer": w.customer, "id": bubble.ID, "verb": "sneezed"}, 400)
	w.call("/api/phone/tapback", map[string]any{"customer": w.customer, "id": "none", "verb": "liked"}, 404)
}

func TestCustomers(t *testing.T) {
	w := newWorld(t)
	made := w.call("/api/customers", map[string]any{"label": "Mia", "device": "mac", "locale": "de_DE"}, 201)
	if made["key"] != "c2" || made["label"] != "Mia" {
		t.Fatal(made)
	}
	w.call("/api/customers", map[string]any{"device": "toaster"}, 400)
	w.call("/api/phone/send", map[string]any{"customer": "c2", "business": testOther, "text": "Hallo"}, 202)
	w.eventually("the message", func(state) bool { return len(w.bridge.posts()) == 1 })
	p := w.bridge.posts()[0]
	id, _ := p.body["id"].(string)
	if p.header.Get("device-agent") != "Mac OS X" || p.body["locale"] != "de_DE" || p.body["destinationId"] != testOther || id != strings.ToUpper(id) {
		t.Errorf("%v %v", p.header, p.body)
	}
	ids := map[string]bool{}
	for _, thread := range w.state().Threads {
		ids[thread.OpaqueID] = true
	}
	if len(ids) != 4 {
		t.Errorf("%d opaque ids for two customers and two businesses", len(ids))
	}
	for len(w.s.phones.customers) < maxCustomers {
		w.call("/api/customers", map[string]any{}, 201)
	}
	w.call("/api/customers", map[string]any{}, 409)
}

func TestNotDeliveredAndResend(t *testing.T) {
	w := newWorld(t)
	w.fault(faultDeskDown, true)
	id := w.phoneSays("Hello", notDelivered)
	if b := w.state().Threads[0].Bubbles[0]; !strings.Contains(b.Reason, "503") {
		t.Errorf("reason %q", b.Reason)
	}
	w.fault(faultDeskDown, false)
	w.call("/api/phone/resend", map[string]any{"customer": w.customer, "id": id}, 202)
	w.eventually("delivery", func(s state) bool { return s.Threads[0].Bubbles[0].Status == delivered })
	posts := w.bridge.posts()
	if len(posts) != 2 || !bytes.Equal(posts[0].raw, posts[1].raw) {
		t.Errorf("%d posts, which should be two alike", len(posts))
	}
	w.call("/api/phone/resend", map[string]any{"customer": w.customer, "id": id}, 404)
	w.s.SetBridgeURL("http://127.0.0.1:1")
	w.phoneSays("Anyone?", notDelivered)
	w.s.SetBridgeURL("")
	w.phoneSays("Still?", notDelivered)
}
