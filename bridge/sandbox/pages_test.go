package sandbox

import (
	"bufio"
	"encoding/json"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func TestOptionsAreChecked(t *testing.T) {
	for field, spoil := range map[string]func(*Options){
		"MSPID":         func(o *Options) { o.MSPID = "" },
		"Secret":        func(o *Options) { o.Secret = "not base64!" },
		"DeskSecret":    func(o *Options) { o.DeskSecret = "MDEy" },
		"Connector":     func(o *Options) { o.Connector = "a/b" },
		"Businesses":    func(o *Options) { o.Businesses = nil },
		"Businesses[1]": func(o *Options) { o.Businesses[1].ID = o.Businesses[0].ID },
		"BridgeURL":     func(o *Options) { o.BridgeURL = "localhost" },
		"HelpDesk.Name": func(o *Options) { o.HelpDesk = &HelpDesk{URL: "http://127.0.0.1:1/"} },
		"HelpDesk.URL":  func(o *Options) { o.HelpDesk = &HelpDesk{Name: "Acme Desk", URL: "javascript://x"} },
	} {
		o := testOptions()
		spoil(&o)
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// do sends a request to the pages under a host name.
func (w *world) do(method, path, host string, header http.Header, body string) (int, http.Header, string) {
	w.Helper()
	request, err := http.NewRequest(method, w.pages.URL+path, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	request.Header = header.Clone()
	if request.Header == nil {
		request.Header = http.Header{}
	}
	request.Host = host
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.Fatal(err)
	}
	defer response.Body.Close()
	answer, _ := io.ReadAll(response.Body)
	return response.StatusCode, response.Header, string(answer)
}

func TestHosts(t *testing.T) {
	w := newWorld(t)
	w.s.hosts = []string{"demo.internal"}
	for host, want := range map[string]int{
		"localhost": 200, "LOCALHOST:8080": 200, "127.0.0.1:9": 200, "127.3.2.1": 200, "[::1]:80": 200, "[::1]": 200, "demo.internal:80": 200,
		"evil.example": 403, "localhost.evil.example": 403, "192.168.1.9": 403, "127.0.0.1.evil.example:80": 403, "0.0.0.0": 403,
	} {
		for _, path := range []string{"/", "/api/state"} {
			if got, _, _ := w.do("GET", path, host, nil, ""); got != want {
				t.Errorf("%s at %s: %d, want %d", path, host, got, want)
			}
		}
	}
}

func TestCrossSiteRequests(t *testing.T) {
	w := newWorld(t)
	kind := http.Header{"Content-Type": {"application/json"}}
	with := func(name, value string) http.Header {
		h := kind.Clone()
		h.Set(name, value)
		return h
	}
	for _, c := range []struct {
		name   string
		header http.Header
		want   int
	}{
		{"a program", kind, 202},
		{"the page", with("Sec-Fetch-Site", "same-origin"), 202},
		{"the page, older browser", with("Origin", "http://localhost:1"), 202},
		{"another site", with("Sec-Fetch-Site", "cross-site"), 403},
		{"another port", with("Sec-Fetch-Site", "same-site"), 403},
		{"another origin", with("Origin", "http://evil.example"), 403},
		{"a form", with("Content-Type", "text/plain"), 415},
		{"no content type", http.Header{}, 415},
	} {
		if got, _, body := w.do("POST", "/api/traffic/clear", "localhost:1", c.header, "{}"); got != c.want {
			t.Errorf("%s: %d %s, want %d", c.name, got, body, c.want)
		}
	}
	for body, want := range map[string]int{`{"x":1}`: 400, `nonsense`: 400, `{"text":"` + strings.Repeat("x", maxControlBody) + `"}`: 400} {
		if got, _, _ := w.do("POST", "/api/phone/send", "localhost", kind, body); got != want {
			t.Errorf("%.20s: %d", body, got)
		}
	}
	if got, _, _ := w.do("GET", "/api/phone/send", "localhost", nil, ""); got != 405 {
		t.Errorf("GET of a control: %d", got)
	}
}

func TestPageIsStrict(t *testing.T) {
	w := newWorld(t)
	status, header, page := w.do("GET", "/", "localhost", nil, "")
	if status != 200 || !strings.HasPrefix(header.Get("Content-Type"), "text/html") {
		t.Fatal(status, header)
	}
	policy := header.Get("Content-Security-Policy")
	if header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("headers %v", header)
	}
	if bad := regexp.MustCompile(`(?i)<script>|<style|\sstyle=|\son[a-z]+=|src="http|href="http`).FindString(page); bad != "" {
		t.Errorf("the page has %q inline", bad)
	}
	for _, ref := range regexp.MustCompile(`(?:href|src)="(/assets/[^"]+)"`).FindAllStringSubmatch(page, -1) {
		if status, _, _ := w.do("GET", ref[1], "localhost", nil, ""); status != 200 {
			t.Errorf("%s: %d", ref[1], status)
		}
	}
	_ = fs.WalkDir(assets, ".", func(path string, _ fs.DirEntry, _ error) error {
		if strings.HasSuffix(path, ".js") {
			source, _ := assets.ReadFile(path)
			if bad := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function`).Find(source); bad != nil {
				t.Errorf("%s uses %s", path, bad)
			}
		}
		return nil
	})
	if status, _, _ := w.do("GET", "/assets/../sandbox.go", "localhost", nil, ""); status == 200 {
		t.Error("a source file is served")
	}
}

// TestStream reads the snapshot and the changes that follow.
func TestStream(t *testing.T) {
	w := newWorld(t)
	response, err := http.Get(w.pages.URL + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if got := response.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatal(got)
	}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	next := func() (kind, data string) {
		for lines.Scan() {
			if v, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				kind = v
			}
			if v, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				return kind, v
			}
		}
		t.Fatal("the stream ended:", lines.Err())
		return "", ""
	}
	kind, data := next()
	var s state
	if err := json.Unmarshal([]byte(data), &s); kind != "snapshot" || err != nil || len(s.Customers) != 1 || len(s.Threads) != 2 || s.Hops == nil {
		t.Fatalf("%s %s (%v)", kind, data, err)
	}
	w.phoneSays("Hello", delivered)
	seen := map[string]bool{}
	for !seen["entry"] || !seen["conversation"] || !seen["hop"] || !seen["bubble"] || !seen["thread"] {
		kind, _ := next()
		seen[kind] = true
	}
}

func TestStreamsAreBounded(t *testing.T) {
	w := newWorld(t)
	for i := range maxStreams + 1 {
		response, err := http.Get(w.pages.URL + "/events")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if want := map[bool]int{true: 200, false: 503}[i < maxStreams]; response.StatusCode != want {
			t.Errorf("stream %d: %d", i, response.StatusCode)
		}
	}
	// Pages that do not read are cut off, and cost the others nothing.
	for range streamBuffer * 3 {
		w.s.clearTraffic()
	}
}

// TestTraffic checks that all four hops are shown and no token is.
func TestTraffic(t *testing.T) {
	w := newWorld(t)
	w.phoneSays("Hello", delivered)
	w.deskSays("Hi", statusAccepted)
	_, _, raw := w.do("GET", "/api/state", "localhost", nil, "")
	token, _ := strings.CutPrefix(w.bridge.posts()[0].header.Get("Authorization"), "Bearer ")
	if parts := strings.Split(token, "."); len(parts) != 3 || strings.Contains(raw, parts[1]) || strings.Contains(raw, parts[2]) {
		t.Error("the traffic panel gives a token away")
	}
	if strings.Contains(raw, testSecret) || strings.Contains(raw, testDesk) {
		t.Error("the state gives a secret away")
	}
	checks := map[string]string{}
	for _, h := range w.state().Hops {
		checks[h.Hop] = h.Check.State + " " + h.Method + " " + h.Path
		if !h.Done || h.Status != 200 || h.Body == "" || h.Summary == "" {
			t.Errorf("%+v", h)
		}
		if apple := h.Hop == phoneToBridge || h.Hop == bridgeToGateway; apple != (h.Claims != nil) {
			t.Errorf("%s: claims %s", h.Hop, h.Claims)
		}
	}
	want := map[string]string{
		phoneToBridge: "signed POST /message", bridgeToDesk: "ok POST /hooks/apple",
		deskToBridge: "signed POST /webhooks/desk", bridgeToGateway: "ok POST /v1/message",
	}
	for name, check := range want {
		if checks[name] != check {
			t.Errorf("%s: %q", name, checks[name])
		}
	}
	w.call("/api/traffic/clear", map[string]any{}, 202)
	if n := len(w.state().Hops); n != 0 {
		t.Errorf("%d hops after clearing", n)
	}
	for range maxHops + 20 {
		w.s.openHop(phoneToBridge, "POST", "/message", nil)
	}
	if n := len(w.state().Hops); n != maxHops {
		t.Errorf("%d hops kept", n)
	}
}

// TestIndependence: the sandbox shares no code with what it tests.
func TestIndependence(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !strings.HasSuffix(file.Name(), ".go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file.Name(), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range parsed.Imports {
			if path, _ := strconv.Unquote(spec.Path.Value); path == "bizbridge" || strings.HasPrefix(path, "bizbridge/") {
				t.Errorf("%s imports %s", file.Name(), path)
			}
		}
	}
}

// TestHooksAreListed: what browser tests may rely on stands in assets/README.md.
func TestHooksAreListed(t *testing.T) {
	list, err := os.ReadFile("assets/README.md")
	if err != nil {
		t.Fatal(err)
	}
	hooks := regexp.MustCompile("(?:data-testid=|testid: )[\"`]([a-z_-]+)")
	_ = fs.WalkDir(assets, ".", func(path string, d fs.DirEntry, _ error) error {
		if d.IsDir() {
			return nil
		}
		source, _ := assets.ReadFile(path)
		for _, hook := range hooks.FindAllSubmatch(source, -1) {
			listed := "`" + string(hook[1])
			if !strings.HasSuffix(listed, "-") { // else an ending follows
				listed += "`"
			}
			if !strings.Contains(string(list), listed) {
				t.Errorf("%s: %s is not listed", path, hook[1])
			}
		}
		return nil
	})
}
