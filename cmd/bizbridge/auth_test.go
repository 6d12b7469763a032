package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// startProvider is an OAuth server whose page agrees at once. Of scope it does what the test wants: "deny", "expire"
// (the code, so that it cannot be exchanged), "brief" (no refresh token).
func startProvider(env *testscript.Env) string {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /authorize", func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		back, err := url.Parse(query.Get("redirect_uri"))
		if err != nil || query.Get("response_type") != "code" || query.Get("client_id") != "bridge" || query.Get("code_challenge_method") != "S256" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		answer := url.Values{"state": {query.Get("state")}, "code": {query.Get("scope") + " " + query.Get("code_challenge")}}
		if query.Get("scope") == "deny" {
			answer = url.Values{"state": {query.Get("state")}, "error": {"access_denied"}}
		}
		back.RawQuery = answer.Encode()
		http.Redirect(w, r, back.String(), http.StatusFound)
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		scope, challenge, _ := strings.Cut(r.FormValue("code"), " ")
		sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
		switch {
		case r.FormValue("grant_type") != "authorization_code", r.FormValue("client_secret") != "S3cret-of-the-client",
			base64.RawURLEncoding.EncodeToString(sum[:]) != challenge, scope == "expire":
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":"invalid_grant"}`)
		case scope == "brief":
			_, _ = io.WriteString(w, `{"access_token":"S3cret-token","token_type":"IBSSO"}`)
		default:
			_, _ = io.WriteString(w, `{"access_token":"S3cret-token","token_type":"bearer","refresh_token":"S3cret-refresh","expires_in":3600}`)
		}
	})
	server := httptest.NewServer(mux)
	env.Defer(server.Close)
	return server.URL
}

// agree is an operator: it runs "bizbridge auth", opens the page that this shows, and lets the browser come back
// ("browser") or pastes where it ended ("paste", after two mistakes). What the program said is in the files out and err.
//
//	[!] agree browser|paste ARGUMENT…
func agree(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: agree browser|paste ARGUMENT…")
	}
	stdin, terminal := io.Pipe()
	defer terminal.Close()
	var out bytes.Buffer
	said := &page{found: make(chan string, 1)}
	done := make(chan int, 1)
	go func() { done <- run(append([]string{"auth"}, args[1:]...), streams{stdin, &out, said}) }()
	code := -1
	select {
	case code = <-done:
	case shown := <-said.found:
		ts.Check(browse(shown, args[0] == "paste", terminal))
	case <-time.After(10 * time.Second):
		ts.Fatalf("no page was shown: %s", said)
	}
	if code < 0 {
		select {
		case code = <-done:
		case <-time.After(10 * time.Second):
			ts.Fatalf("it does not end: %s", said)
		}
	}
	ts.Check(os.WriteFile(ts.MkAbs("out"), out.Bytes(), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("err"), []byte(said.String()), 0o600))
	if neg != (code != exitOK) {
		ts.Fatalf("exit code %d: %s", code, said)
	}
	if strings.Contains(said.String(), "S3cret") {
		ts.Fatalf("a secret was told: %s", said)
	}
}

// browse opens the page. A browser that is elsewhere does not reach this program.
func browse(page string, elsewhere bool, terminal io.Writer) error {
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error {
		if elsewhere {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	resp, err := client.Get(page)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if !elsewhere {
		return nil
	}
	ended := resp.Header.Get("Location")
	_, err = fmt.Fprintf(terminal, "\n%s\nhttp://127.0.0.1/?code=1&state=2\n%s\n", page[:len("http://")], ended)
	return err
}

// page finds the address in what the program says.
type page struct {
	mu    sync.Mutex
	text  bytes.Buffer
	found chan string
}

var shownPage = regexp.MustCompile(`\n  (http\S+)\n`)

func (p *page) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n, err := p.text.Write(data)
	if match := shownPage.FindSubmatch(p.text.Bytes()); match != nil {
		select {
		case p.found <- string(match[1]):
		default:
		}
	}
	return n, err
}

func (p *page) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// expand writes the provider's address into a file: agree runs in the test's own process, whose environment is another.
//
//	expand FILE
func expand(ts *testscript.TestScript, _ bool, args []string) {
	text := strings.ReplaceAll(ts.ReadFile(args[0]), "$PROVIDER", ts.Getenv("PROVIDER"))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// mode compares who may use a file, and sees that nothing half-written lies beside it.
//
//	mode 600 FILE
func mode(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[1])
	info, err := os.Stat(path)
	ts.Check(err)
	if got := fmt.Sprintf("%o", info.Mode().Perm()); got != args[0] {
		ts.Fatalf("%s has the mode %s", args[1], got)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"-*")); len(left) > 0 {
		ts.Fatalf("left behind: %s", left)
	}
}

// What cannot be put in its place is not lost: the code that it came for works no more.
func TestAGrantThatCannotBePutInItsPlaceIsKept(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "grant.json")
	file, err := newGrantFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	err = file.Write([]byte("the grant"))
	kept, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".grant.json-*"))
	if err == nil || len(kept) != 1 || !strings.Contains(err.Error(), kept[0]) {
		t.Fatalf("%v; kept: %s", err, kept)
	}
	if content, err := os.ReadFile(kept[0]); string(content) != "the grant" {
		t.Errorf("%q, %v", content, err)
	}
}

// A symbolic link stays one: what it leads to is replaced.
func TestAGrantGoesWhereALinkLeads(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target, link := filepath.Join(dir, "data", "grant.json"), filepath.Join(dir, "grant.json")
	if err := os.Mkdir(filepath.Dir(target), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(target, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Skip(err)
	}
	file, err := newGrantFile(link)
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Write([]byte("the grant")); err != nil {
		t.Fatal(err)
	}
	if content, err := os.ReadFile(target); string(content) != "the grant" {
		t.Errorf("%q, %v", content, err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v", err)
	}
}
