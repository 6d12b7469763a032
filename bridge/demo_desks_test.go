package bridge

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"bizbridge/connectors/chatwoot/chatwoottest"
	"bizbridge/connectors/libredesk/libredesktest"
)

// otherDesk is what a test has to know of a helpdesk's page.
type otherDesk struct {
	desk, title string
	path        string // of the agents' forms
	button      string // what sends is named so
	secrets     []string
}

// customerLeft is what agents read when a customer has deleted the conversation.
const customerLeft = "The customer has left the conversation"

var otherDesks = []otherDesk{
	{"chatwoot", "Chatwoot", "/agent", "action", []string{
		chatwoottest.Token, chatwoottest.WebhookSecret, chatwoottest.Identifier,
	}},
	{"libredesk", "LibreDesk", "/", "do", []string{
		libredesktest.APIKey, libredesktest.APISecret, libredesktest.InboxSecret, libredesktest.WebhookSecret, "session-of-", "eyJhbGciOi",
	}},
}

// TestTheTestsKnowEveryDemoDesk reminds of a test for a new one.
func TestTheTestsKnowEveryDemoDesk(t *testing.T) {
	known := []string{ownDesk}
	for _, each := range otherDesks {
		known = append(known, each.desk)
	}
	if !slices.Equal(known, demoDesks()) {
		t.Errorf("the demo has %v, tests are for %v", demoDesks(), known)
	}
}

func TestUnknownDemoDesk(t *testing.T) {
	_, err := NewDemo(DemoOptions{Listen: "127.0.0.1:0", Desk: "zendesk", Logger: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), `"zendesk"; it has webhook, chatwoot, libredesk`) {
		t.Error(err)
	}
}

// deskWorld is a demo with another helpdesk, and its page as an agent's browser asks for it.
type deskWorld struct {
	control
	otherDesk
	url string // of the page
}

type deskHop struct {
	Hop, Method, Path, Summary string
	Status                     int
}

type deskState struct {
	HelpDesk struct{ Name, URL string } `json:"help_desk"`
	Threads  []struct {
		Bubbles []struct{ From, Status, Text string }
	}
	Hops          []deskHop
	Conversations []any
}

func newDeskWorld(t *testing.T, desk otherDesk) *deskWorld {
	t.Helper()
	w := &deskWorld{control{t, startDemoWith(t, desk.desk, &wiretap{}, slog.NewTextHandler(t.Output(), nil))}, desk, ""}
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	shown := w.now().HelpDesk
	if shown.Name != desk.title {
		t.Fatalf("the page shows %q", shown.Name)
	}
	w.url = strings.TrimSuffix(shown.URL, "/")
	return w
}

func (w *deskWorld) now() (state deskState) {
	w.t.Helper()
	if err := json.Unmarshal(w.call(http.MethodGet, "/api/state", nil, ""), &state); err != nil {
		w.t.Fatal(err)
	}
	return state
}

// until waits for something in the state.
func (w *deskWorld) until(what string, holds func(deskState) bool) {
	w.t.Helper()
	for range 500 {
		if holds(w.now()) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	w.t.Fatalf("%s does not come: %+v", what, w.now())
}

// browse is a request of an agent's browser.
func (w *deskWorld) browse(method, path, host string, form url.Values) (int, http.Header, string) {
	w.t.Helper()
	req, err := http.NewRequest(method, w.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Host = host
	req.Header.Set("Sec-Fetch-Mode", "navigate")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(body)
}

// sees waits until the agents' page has a text.
func (w *deskWorld) sees(text string) (page string) {
	w.t.Helper()
	for range 500 {
		if _, _, page = w.browse(http.MethodGet, "/", "", nil); strings.Contains(page, text) {
			return page
		}
		time.Sleep(10 * time.Millisecond)
	}
	w.t.Fatalf("agents do not see %q: %s", text, page)
	return ""
}

var conversationField = regexp.MustCompile(`name="conversation" value="([^"]+)"`)

func (w *deskWorld) reply(page, text string) {
	w.t.Helper()
	found := conversationField.FindStringSubmatch(page)
	if found == nil {
		w.t.Fatal("there is no conversation on the page")
	}
	form := url.Values{"conversation": {found[1]}, w.button: {"reply"}, "text": {text}}
	if status, _, _ := w.browse(http.MethodPost, w.path, "", form); status != http.StatusOK {
		w.t.Fatal(status)
	}
}

func (w *deskWorld) says(text string, files ...string) {
	w.t.Helper()
	w.post("/api/phone/send", map[string]any{"customer": "c1", "text": text, "files": files})
}

func onPhone(from, status, text string) func(deskState) bool {
	return func(state deskState) bool {
		for _, bubble := range state.Threads[0].Bubbles {
			if bubble.From == from && bubble.Status == status && bubble.Text == text {
				return true
			}
		}
		return false
	}
}

// TestDemoWithOtherDesks has a conversation with each, over the pages' calls.
func TestDemoWithOtherDesks(t *testing.T) {
	for _, desk := range otherDesks {
		t.Run(desk.desk, func(t *testing.T) {
			w := newDeskWorld(t, desk)
			w.staysInItsFrame()
			w.meetsFaults()
			w.talks()
			w.showsItsTraffic()
		})
	}
}

// talks is a conversation from the first letter to the customer's leaving, with a file and an agent's command.
func (w *deskWorld) talks() {
	w.t.Helper()
	w.says("Where is <my> order?")
	page := w.sees("Where is &lt;my&gt; order?")
	w.reply(page, "On its way & soon there")
	w.until("the answer", onPhone("business", "", "On its way & soon there"))
	picture := []byte("\x89PNG\r\n\x1a\n not much of a picture")
	w.says("like this", w.upload("phone", "lamp.png", "image/png", picture))
	link := regexp.MustCompile(`href="([^"]*)">lamp\.png<`).FindStringSubmatch(w.sees("lamp.png</a>"))
	if got := w.file(link[1]); !bytes.Equal(got, picture) {
		w.t.Errorf("the agent gets %q", got)
	}
	w.reply(page, "/help")
	w.sees("/payment")
	w.post("/api/phone/delete", map[string]any{"customer": "c1"})
	w.sees(customerLeft)
}

// file is what an agent gets by a link of the page.
func (w *deskWorld) file(link string) []byte {
	w.t.Helper()
	at, err := url.Parse(strings.ReplaceAll(link, "&amp;", "&"))
	if err != nil || !strings.HasPrefix(at.String(), w.url) {
		w.t.Fatalf("%s: %v", link, err)
	}
	_, _, body := w.browse(http.MethodGet, at.RequestURI(), "", nil)
	return []byte(body)
}

// showsItsTraffic looks at the traffic panel: both ways are there, secrets are not, and what agents do on their page is not.
func (w *deskWorld) showsItsTraffic() {
	w.t.Helper()
	w.until("word of the agent's webhook", func(state deskState) bool {
		return slices.ContainsFunc(state.Hops, func(h deskHop) bool {
			return h.Hop == "desk-bridge" && h.Path == "/webhooks/desk" && h.Status == http.StatusOK && strings.Contains(h.Summary, "soon there")
		})
	})
	state, calls := w.now(), 0
	for _, hop := range state.Hops {
		if hop.Hop != "bridge-desk" {
			continue
		}
		calls++
		if hop.Path == "/" || hop.Path == w.path {
			w.t.Errorf("the traffic shows %s %s of an agent's", hop.Method, hop.Path)
		}
	}
	if calls < 4 || len(state.Conversations) != 0 {
		w.t.Errorf("%d calls, and %d conversations at the sandbox's own desk", calls, len(state.Conversations))
	}
	raw := string(w.call(http.MethodGet, "/api/state", nil, ""))
	for _, secret := range w.secrets {
		if at := strings.Index(raw, secret); at >= 0 {
			w.t.Errorf("the traffic shows %q: %.200s", secret, raw[max(0, at-100):])
		}
	}
}

// meetsFaults: the switches of the desk work for a stand-in, too.
func (w *deskWorld) meetsFaults() {
	w.t.Helper()
	w.post("/api/faults", map[string]any{"name": "desk_down", "on": true})
	w.says("Hello?")
	w.until("the failure", onPhone("customer", "not_delivered", "Hello?"))
	w.post("/api/faults", map[string]any{"name": "desk_down", "on": false})
	w.says("Hello again")
	w.sees("Hello again")
}

// staysInItsFrame: each page says which other it may be with, and the helpdesk's is not there under a foreign name.
func (w *deskWorld) staysInItsFrame() {
	w.t.Helper()
	_, header, _ := w.browse(http.MethodGet, "/", "", nil)
	_, port, _ := strings.Cut(w.demo.pages.Addr().String(), ":")
	want := "frame-ancestors http://127.0.0.1:" + port + " http://localhost:" + port
	if policy := header.Get("Content-Security-Policy"); !strings.HasSuffix(policy, want) {
		w.t.Errorf("the helpdesk's policy is %q", policy)
	}
	resp, err := http.Get(w.demo.URL())
	if err != nil {
		w.t.Fatal(err)
	}
	_ = resp.Body.Close()
	if policy := resp.Header.Get("Content-Security-Policy"); !strings.HasSuffix(policy, "; frame-src "+w.url) {
		w.t.Errorf("the demo's policy is %q", policy)
	}
	if status, _, _ := w.browse(http.MethodGet, "/", "evil.example", nil); status != http.StatusForbidden {
		w.t.Errorf("under a foreign name: %d", status)
	}
}
