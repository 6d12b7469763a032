package sandbox

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

const helpDeskSecret = "the-secret-of-the-helpdesk-0123456789"

// newHelpDeskWorld has a helpdesk that echoes what it gets, and says where its calls are served.
func newHelpDeskWorld(t *testing.T) (*world, string) {
	t.Helper()
	o := testOptions()
	o.HelpDesk = &HelpDesk{Name: "Acme Desk", URL: "https://desk.example:8443/inbox", Secrets: []string{helpDeskSecret}}
	w := newWorldWith(t, o)
	calls := httptest.NewServer(w.s.Calls(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", r.Header.Get("Content-Type"))
		_, _ = io.Copy(rw, r.Body)
	})))
	t.Cleanup(calls.Close)
	return w, calls.URL
}

// lastHop is the newest that went one way.
func (w *world) lastHop(way string) hop {
	w.Helper()
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	for _, x := range slices.Backward(w.s.traffic.hops) {
		if x.Hop == way {
			return *x
		}
	}
	return hop{}
}

func (w *world) send(address, kind, body string, header http.Header) (int, string) {
	w.Helper()
	request, err := http.NewRequest(http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	request.Header.Set("Content-Type", kind)
	for name, values := range header {
		request.Header[name] = values
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.Fatal(err)
	}
	defer response.Body.Close()
	answer, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(answer)
}

// TestHelpDeskCalls: the helpdesk gets every byte, the traffic panel neither secrets nor files.
func TestHelpDeskCalls(t *testing.T) {
	w, calls := newHelpDeskWorld(t)
	for kind, body := range map[string]string{
		"application/json":    `{"message": "Hello", "key": "` + helpDeskSecret + `", "session_token": "abcdefgh", "jwt": "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl"}`,
		"multipart/form-data": "--x\r\n" + helpDeskSecret,
	} {
		status, answer := w.send(calls+"/contacts/"+helpDeskSecret+"/notes", kind, body, http.Header{"Api_access_token": {helpDeskSecret}})
		if status != http.StatusOK || answer != body {
			t.Errorf("%s: %d %s", kind, status, answer)
		}
		x := w.lastHop(bridgeToDesk)
		shown := x.Path + x.Body + x.Answer + x.Summary + strings.Join(flat(x.Headers), " ")
		for _, secret := range []string{helpDeskSecret, "abcdefgh", "e30.c2ln"} {
			if strings.Contains(shown, secret) {
				t.Errorf("%s: the traffic shows %q: %s", kind, secret, shown)
			}
		}
		if x.Status != http.StatusOK || !strings.HasPrefix(x.Path, "/contacts/the-… (") {
			t.Errorf("%s: %+v", kind, x)
		}
		if wants := map[string]string{"application/json": "“Hello”", "multipart/form-data": ""}[kind]; x.Summary != wants {
			t.Errorf("%s: summary %q", kind, x.Summary)
		}
	}
}

func flat(pairs [][2]string) (all []string) {
	for _, pair := range pairs {
		all = append(all, pair[0], pair[1])
	}
	return all
}

// TestHelpDeskWebhooks pass byte for byte, and so do the bridge's answers.
func TestHelpDeskWebhooks(t *testing.T) {
	w, calls := newHelpDeskWorld(t)
	body := `{"event": "message.created",  "payload": {"text_content": "On its way"}}`
	status, _ := w.send(w.desk.URL+"/webhooks/desk", "application/json", body, http.Header{"X-Acme-Signature": {"sha256=00"}})
	x := w.lastHop(deskToBridge)
	if x.Status != status || x.Summary != "message.created · “On its way”" || x.Check != (check{"signed", "X-Acme-Signature"}) {
		t.Errorf("%d: %+v", status, x)
	}
	w.s.SetBridgeURL("http://127.0.0.1:1")
	if status, _ := w.send(w.desk.URL+"/webhooks/desk", "application/json", body, nil); status != http.StatusBadGateway {
		t.Errorf("without a bridge: %d", status)
	}
	if status, _ := w.send(w.desk.URL+"/webhooks/desk", "application/json", strings.Repeat(" ", maxHook+1), nil); status != http.StatusRequestEntityTooLarge {
		t.Errorf("too large: %d", status)
	}
	before := w.lastHop(bridgeToDesk).Seq
	if w.send(calls+"/", "text/plain", "", http.Header{"Sec-Fetch-Mode": {"navigate"}}); w.lastHop(bridgeToDesk).Seq != before {
		t.Error("what an agent's browser does is shown as the bridge's")
	}
}

func TestHelpDeskInTheState(t *testing.T) {
	w, _ := newHelpDeskWorld(t)
	_, header, state := w.do("GET", "/api/state", "localhost", nil, "")
	if !strings.Contains(state, `"help_desk":{"name":"Acme Desk","url":"https://desk.example:8443/inbox"}`) || strings.Contains(state, helpDeskSecret) {
		t.Errorf("state %.300s", state)
	}
	if policy := header.Get("Content-Security-Policy"); !strings.HasSuffix(policy, "; frame-src https://desk.example:8443") {
		t.Errorf("policy %q", policy)
	}
}
