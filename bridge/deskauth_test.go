package bridge

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// authorizations are those of all requests so far.
func (f *far) authorizations() string {
	var all []string
	for _, got := range f.all() {
		all = append(all, got.header.Get("Authorization"))
	}
	return strings.Join(all, ", ")
}

// withAuth gives the first helpdesk a login, and loads that.
func (w *world) withAuth(entries string) {
	w.t.Helper()
	const desk = "  desk: {type: webhook, "
	if !strings.Contains(w.configText, desk) {
		w.t.Fatal("the configuration has another form")
	}
	w.configText = strings.Replace(w.configText, desk, desk+"auth: ["+entries+"], ", 1)
	if err := w.app.Reload(); err != nil {
		w.t.Fatal(err)
	}
}

func TestEventsAndFilesOfAHelpdeskWithALogin(t *testing.T) {
	w := newWorld(t)
	store := newFar(t)
	w.configText = strings.Replace(w.configText, "  desk: {type: webhook, ", "  desk: {type: webhook, attachment_hosts: [\""+strings.TrimPrefix(store.server.URL, "http://")+"\"], ", 1)
	w.withAuth("{kind: bearer, token: t0ken}")
	if got := w.fromPhone(phoneText("00000000-0000-4000-8000-000000000001", "Hello")); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	site := w.app.site.Load()
	open := func(source, address string) {
		t.Helper()
		file, err := site.files[source].Open(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, file.Body)
		_ = file.Body.Close()
	}
	open("desk", w.desk.server.URL+"/file")
	open("desk", store.server.URL+"/file")
	open("other", w.desk.server.URL+"/file") // the same address, of a helpdesk without a login
	if got, want := w.desk.authorizations(), "Bearer t0ken, Bearer t0ken, "; got != want {
		t.Errorf("the helpdesk got %q, want %q", got, want)
	}
	if got := store.authorizations(); got != "" || len(store.all()) != 1 {
		t.Errorf("another host got %q", got)
	}
	if _, err := site.files[""].Open(t.Context(), w.desk.server.URL+"/file"); err == nil || len(w.desk.all()) != 3 {
		t.Errorf("a program that uses the API got a file of the helpdesk: %v", err)
	}
}

// A grant that its provider replaces with every use survives new configurations, and what is under way survives too.
func TestAGrantSurvivesAReload(t *testing.T) {
	w := newWorld(t)
	var asked atomic.Int32
	var used atomic.Value
	provider := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		used.Store(r.FormValue("refresh_token"))
		n := asked.Add(1)
		rw.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(rw, `{"access_token":"t0ken-%d","refresh_token":"r3fresh-%d","expires_in":3600}`, n, n)
	}))
	t.Cleanup(provider.Close)
	grant := filepath.Join(t.TempDir(), "grant.json")
	if err := os.WriteFile(grant, []byte(`{"refresh_token":"r3fresh-0"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	w.withAuth(fmt.Sprintf(`{kind: oauth2_authorization_code, authorize_url: %q, token_url: %q, client_id: bridge, grant: "${file:%s}"}`, provider.URL, provider.URL, grant))
	if n := w.metric(`bizbridge_upstream_request_duration_seconds_count{code="2xx",operation="token",peer="desk"}`); n != 0 {
		t.Errorf("%v tokens were asked for already", n)
	}
	send := func(n int) {
		t.Helper()
		if got := w.fromPhone(phoneText(fmt.Sprintf("00000000-0000-4000-8000-00000000000%d", n), "Hello")); got.status != 200 {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	send(1)
	if !strings.Contains(w.logs.String(), grant) {
		t.Error("the log does not name the file whose refresh token is no longer good")
	}
	old := w.app.site.Load()
	if err := w.app.Reload(); err != nil {
		t.Fatal(err)
	}
	send(2)
	if got := w.desk.authorizations(); got != "Bearer t0ken-1, Bearer t0ken-1" || asked.Load() != 1 {
		t.Errorf("sent %q; %d tokens were asked for", got, asked.Load())
	}
	// The helpdesk refuses the token: a request that began before the reload still gets another.
	w.desk.respond(func(r received) int {
		if r.header.Get("Authorization") == "Bearer t0ken-1" {
			return 401
		}
		return 200
	})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	file, err := old.files["desk"].Open(ctx, w.desk.server.URL+"/file")
	if err != nil {
		t.Fatal(err)
	}
	_ = file.Body.Close()
	if used.Load() != "r3fresh-1" {
		t.Errorf("used %v", used.Load())
	}
	send(3)
	if got := w.desk.authorizations(); !strings.HasSuffix(got, "Bearer t0ken-1, Bearer t0ken-2, Bearer t0ken-2") {
		t.Errorf("sent %q", got)
	}
}
