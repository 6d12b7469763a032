package libredesk_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"bizbridge/bridge/message"
)

// TestThePageIsADeskToWorkAt: an agent reads what the customer wrote, answers, writes a note and resolves.
func TestThePageIsADeskToWorkAt(t *testing.T) {
	connector, desk := rig(t)
	var mu sync.Mutex
	var sent []string
	bridge := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		outs, err := connector.Receive(req.Context(), req)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, out := range outs {
			sent = append(sent, out.Content.(message.Text).Text)
		}
	}))
	defer bridge.Close()
	desk.HookURL = bridge.URL + "/webhooks/desk"
	deliver(t, connector, text("Where is <my> order?"))
	deliver(t, connector, withFiles("", file("cat.jpg", "meow")))
	act := func(do, words string) {
		t.Helper()
		resp, err := http.PostForm(desk.URL+"/", url.Values{"conversation": {desk.Conversations()[0].UUID}, "do": {do}, "text": {words}})
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatal(resp, err)
		}
		_ = resp.Body.Close()
	}
	act("reply", "On its <way> & soon there\nBye")
	act("note", "a good customer")
	act("resolve", "")
	desk.Wait()
	mu.Lock()
	if !slices.Equal(sent, []string{"On its <way> & soon there\nBye"}) {
		t.Errorf("the customer gets %q", sent)
	}
	mu.Unlock()
	resp, err := http.Get(desk.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Messages Guest", "Resolved", "intent order", "Where is &lt;my&gt; order?", ">cat.jpg</a>", "On its &lt;way&gt; &amp; soon there", "a good customer",
		"Alice Agent marked the conversation as Resolved",
	} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page does not show %q", want)
		}
	}
	if policy := resp.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") {
		t.Errorf("policy %q", policy)
	}
	forged, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, desk.URL+"/", strings.NewReader("do=close"))
	forged.Header.Set("Sec-Fetch-Site", "cross-site")
	answer, err := http.DefaultClient.Do(forged)
	if err != nil || answer.StatusCode != http.StatusForbidden {
		t.Errorf("another site may act: %v, %v", answer, err)
	}
	_ = answer.Body.Close()
}

// TestWebhooksOutOfOrder: the desk posts out of a queue that keeps no order, also while the call is under way that began the
// conversation.
func TestWebhooksOutOfOrder(t *testing.T) {
	connector, desk := rig(t)
	var mu sync.Mutex
	keys := map[string]int{}
	bridge := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		outs, err := connector.Receive(req.Context(), req)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, out := range outs {
			keys[out.Key]++
		}
	}))
	defer bridge.Close()
	desk.HookURL = bridge.URL + "/webhooks/desk"
	deliver(t, connector, text("Hello"))
	for range 20 {
		desk.Reply(string(customer), "<p>Hi</p>", false)
		desk.Reply(string(customer), "<p>a note</p>", true)
	}
	desk.Wait()
	mu.Lock()
	defer mu.Unlock()
	if len(keys) != 20 {
		t.Errorf("%d messages reach the customer, want 20", len(keys))
	}
	for key, times := range keys {
		if times != 1 {
			t.Errorf("%s comes %d times", key, times)
		}
	}
}
