package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// maxHook is how long a webhook of another helpdesk's may be.
const maxHook = 4 << 20

// HelpDesk is another helpdesk in the place of the sandbox's own desk. The pages show the page at which its agents work, and
// the requests between it and the bridge.
type HelpDesk struct {
	Name string `json:"name"` // as people know it
	URL  string `json:"url"`  // of its agents' page
	// Secrets are shown nowhere.
	Secrets []string `json:"-"`
}

func (h *HelpDesk) check() error {
	if h == nil {
		return nil
	}
	if h.Name == "" {
		return errors.New("sandbox: HelpDesk.Name is empty")
	}
	if u, err := url.Parse(h.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("sandbox: HelpDesk.URL %q is not an absolute URL", h.URL)
	}
	return nil
}

// policy is the page's: contentPolicy, and the frame of the helpdesk's page.
func (h *HelpDesk) policy() string {
	if h == nil {
		return contentPolicy
	}
	u, _ := url.Parse(h.URL) // was checked
	return contentPolicy + "; frame-src " + u.Scheme + "://" + u.Host
}

// hider masks the helpdesk's secrets in a text.
func (h *HelpDesk) hider() *strings.Replacer {
	if h == nil {
		return strings.NewReplacer()
	}
	var pairs []string
	for _, secret := range h.Secrets {
		pairs = append(pairs, secret, masked(secret))
	}
	return strings.NewReplacer(pairs...)
}

// Calls is what stands before the other helpdesk's server. The bridge's calls show in the traffic panel and meet the desk's
// faults; what an agent's browser asks for goes past both. As for the pages, foreign host names are refused.
func (s *Sandbox) Calls(next http.Handler) http.Handler {
	hide := s.helpDesk.hider()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !s.knownHost(r.Host):
			http.Error(w, "this host name is not served here", http.StatusForbidden)
		case r.Header.Get("Sec-Fetch-Mode") != "": // only browsers send it
			next.ServeHTTP(w, r)
		default:
			s.serveCallOf(w, r, next, hide)
		}
	})
}

func (s *Sandbox) serveCallOf(w http.ResponseWriter, r *http.Request, next http.Handler, hide *strings.Replacer) {
	x := s.openHop(bridgeToDesk, r.Method, hide.Replace(r.URL.RequestURI()), hidden(r.Header, hide))
	body, kind := peek(r)
	s.carry(x, []byte(hide.Replace(string(body))), kind, check{})
	if s.hookFault(w, x) {
		return
	}
	answer := &keptAnswer{ResponseWriter: w, status: http.StatusOK}
	next.ServeHTTP(answer, r)
	told, note := hide.Replace(string(answer.body)), ""
	if kind, _, _ := mime.ParseMediaType(w.Header().Get("Content-Type")); kind != "application/json" && len(answer.body) > 0 {
		told, note = "", fmt.Sprintf("answered %s, %d bytes", kind, len(answer.body))
	}
	s.closeHop(x, answer.status, told, note)
}

// peek gives the JSON of a request, which can be read once more. Of anything else it says what it is.
func peek(r *http.Request) (body []byte, kind string) {
	kind, _, _ = mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case r.ContentLength == 0:
		return nil, ""
	case kind != "application/json" && r.ContentLength < 0:
		return nil, kind
	case kind != "application/json":
		return nil, fmt.Sprintf("%s, %d bytes", kind, r.ContentLength)
	}
	body, _ = io.ReadAll(io.LimitReader(r.Body, maxHook)) // who reads on meets the error
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), r.Body), r.Body}
	return body, ""
}

// hidden is a header without secrets, also where it is not named as one that has them.
func hidden(h http.Header, hide *strings.Replacer) http.Header {
	shown := h.Clone()
	for _, values := range shown {
		for i, value := range values {
			values[i] = hide.Replace(value)
		}
	}
	return shown
}

// serveRelay passes a webhook of the other helpdesk's on to the bridge, byte for byte, so that it can be shown.
func (s *Sandbox) serveRelay(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxHook))
	if err != nil {
		http.Error(w, "the body could not be read, or is too large", http.StatusRequestEntityTooLarge)
		return
	}
	header := r.Header.Clone()
	header.Del("Accept-Encoding") // the answer is shown, too
	path := "/webhooks/" + s.connector
	if r.URL.RawQuery != "" {
		path += "?" + r.URL.RawQuery
	}
	hide := s.helpDesk.hider()
	status, answer, err := s.post(r.Context(), post{
		hop: deskToBridge, path: path, header: header, body: body, shown: []byte(hide.Replace(string(body))),
		check: signedBy(header), timeout: deskTimeout,
	})
	if err != nil {
		http.Error(w, "the bridge does not answer", http.StatusBadGateway)
		return
	}
	w.WriteHeader(status)
	_, _ = w.Write(answer)
}

// signedBy says which header holds a webhook's signature. The bridge is who checks it.
func signedBy(h http.Header) check {
	for name := range h {
		if strings.HasSuffix(name, "-Signature") {
			return check{"signed", name}
		}
	}
	return check{}
}

// agentWords are those of a message as the other helpdesks write it, in a call or in a webhook.
type agentWords struct {
	Event   string `json:"event"`
	Message string `json:"message"`
	Content string `json:"content"`
	Payload struct {
		Text string `json:"text_content"`
	} `json:"payload"`
}

func (a agentWords) list() []string {
	return slices.DeleteFunc([]string{a.Message, a.Content, a.Payload.Text}, func(text string) bool { return text == "" })
}
