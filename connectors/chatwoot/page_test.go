package chatwoot_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/connectors/chatwoot/chatwoottest"
)

// TestTheAgentsPage plays a conversation between the page and the connector, over sockets: what demo shows.
func TestTheAgentsPage(t *testing.T) {
	var mu sync.Mutex
	var got []message.Outbound
	var to connector
	refuse := false
	bridge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		outs, err := to.Receive(req.Context(), req)
		if err == nil && refuse && len(outs) > 0 {
			err = errors.New("refused")
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
			return
		}
		got = append(got, outs...)
	}))
	defer bridge.Close()
	desk := startDesk(t, chatwoottest.Options{Bridge: bridge.URL + "/webhooks/desk"})
	to = connect(t, desk.URL)
	id := open(t, desk, to)
	act := func(action, text string) {
		t.Helper()
		resp, err := http.PostForm(desk.URL+"/agent", url.Values{"conversation": {jsonText(t, id)}, "action": {action}, "text": {text}})
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s", action, resp.Status)
		}
		desk.Wait()
	}
	for _, action := range []string{"reply", "note", "select", "cards", "form", "article", "typing", "resolved", "open"} {
		act(action, "<b>Words & more</b>")
	}
	kindsOf := make(map[message.Kind]int)
	for _, out := range got {
		kindsOf[out.Content.Kind()]++
	}
	if kindsOf[message.KindText] != 2 || kindsOf[message.KindQuickReply] != 1 || kindsOf[message.KindListPicker] != 1 || kindsOf[message.KindForm] != 1 ||
		kindsOf[message.KindRichLink] != 1 || kindsOf[message.KindTyping] != 1 {
		t.Errorf("the customer gets %v", kindsOf)
	}
	for _, out := range got {
		if out.Content.Kind() == message.KindQuickReply {
			deliver(t, to, answer(message.ReplyQuickReply, "b", out, message.Selection{ID: "2", Title: "Large"}))
		}
	}
	mu.Lock()
	refuse = true
	mu.Unlock()
	act("reply", "too late")
	page := fetch(t, desk.URL+"/")
	for _, want := range []string{
		"Messages guest da23", "Hello", "&lt;b&gt;Words &amp; more&lt;/b&gt;", "Private note", "Answer: Large (L)", "Failed to send: 422", "apple_locale: en_US", "marked resolved",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not show %q", want)
		}
	}
	if strings.Contains(page, "<b>Words") {
		t.Error("the page shows what was written as HTML")
	}
}

func TestTheAgentsPageIsForItsOwnForms(t *testing.T) {
	desk, to := both(t, chatwoottest.Options{})
	id := open(t, desk, to)
	for site, want := range map[string]int{"cross-site": http.StatusForbidden, "same-origin": http.StatusOK} {
		req, err := http.NewRequest(http.MethodPost, desk.URL+"/agent", strings.NewReader(url.Values{"conversation": {jsonText(t, id)}, "action": {"reply"}}.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", site)
		client := http.Client{Timeout: 5 * time.Second}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %s", site, resp.Status)
		}
	}
}
