package sandbox

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	_ "embed"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	codeLife    = time.Minute
	tokenLife   = 10 * time.Minute
	consentLife = 10 * time.Minute

	maxGrants    = 500
	maxTokenBody = 64 << 10

	consentCookie = "demo-consent"
)

// person is one of those who can sign in.
type person struct {
	Key      string `json:"key"`
	Name     string `json:"name"`
	Email    string `json:"email"`
	Verified bool   `json:"-"`

	sub, given, family, locale string
}

// people are who the provider knows. One has an email address that nobody verified, which a business should not trust.
var people = []person{
	{"ada", "Ada Lovelace", "ada@example.com", true, "demo-18151210", "Ada", "Lovelace", "en-GB"},
	{"grace", "Grace Hopper", "grace@example.com", true, "demo-19061209", "Grace", "Hopper", "en-US"},
	{"alan", "Alan Turing", "alan@example.com", false, "demo-19120623", "Alan", "Turing", "en-GB"},
}

func personNamed(key string) *person {
	i := slices.IndexFunc(people, func(p person) bool { return p.Key == key })
	if i < 0 {
		return nil
	}
	return &people[i]
}

// claims are what the scopes give away.
func (p *person) claims(scopes []string) map[string]any {
	told := map[string]any{"sub": p.sub}
	if slices.Contains(scopes, "profile") {
		maps.Copy(told, map[string]any{"name": p.Name, "given_name": p.given, "family_name": p.family, "locale": p.locale})
	}
	if slices.Contains(scopes, "email") {
		maps.Copy(told, map[string]any{"email": p.Email, "email_verified": p.Verified})
	}
	return told
}

// provider is a small OpenID provider with one client.
type provider struct {
	s    *Sandbox
	o    SignIn
	base string // path of the issuer
	key  func() *rsa.PrivateKey

	mu       sync.Mutex
	consents memory[*grant] // by ticket: what is asked of somebody
	codes    memory[*grant]
	tokens   memory[*grant] // by access token
}

// grant is an authorization: asked for, then given by somebody, then exchanged.
type grant struct {
	query       url.Values // of the request, found in order
	scopes      []string
	redirectURI string
	browser     [sha256.Size]byte // of the cookie
	until       time.Time

	person *person
	at     time.Time // when it was given
	spent  bool
	tokens []string // that were given out
}

func newProvider(s *Sandbox, o SignIn) *provider {
	issuer, _ := url.Parse(o.Issuer) // was checked
	return &provider{
		s: s, o: o, base: strings.TrimRight(issuer.Path, "/"),
		key: sync.OnceValue(func() *rsa.PrivateKey {
			key, err := rsa.GenerateKey(rand.Reader, 2048)
			if err != nil {
				panic(err) // the system gives no random numbers
			}
			return key
		}),
		consents: newMemory[*grant](maxGrants), codes: newMemory[*grant](maxGrants), tokens: newMemory[*grant](maxGrants),
	}
}

// Provider is the OpenID provider at which the customers of the phone sign in, for a listener of its own.
func (s *Sandbox) Provider() http.Handler {
	if s.signInAt == nil {
		return http.NotFoundHandler()
	}
	p := newProvider(s, *s.signInAt)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.told(p.serveDiscovery))
	mux.HandleFunc("GET /jwks", p.told(p.serveKeys))
	mux.HandleFunc("POST /token", p.told(p.serveToken))
	mux.HandleFunc("GET /userinfo", p.told(p.serveUserInfo))
	mux.HandleFunc("POST /userinfo", p.told(p.serveUserInfo))
	mux.HandleFunc("GET /authorize", p.serveAuthorize)
	mux.HandleFunc("POST /authorize", p.serveDecision)
	mux.HandleFunc("GET /consent.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		_, _ = w.Write(consentStyle)
	})
	return http.StripPrefix(p.base, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		mux.ServeHTTP(w, r)
	}))
}

//go:embed consent/page.html
var consentHTML string

//go:embed consent/page.css
var consentStyle []byte

var consentPage = template.Must(template.New("consent").Parse(consentHTML))

type consentView struct {
	Base, Ticket, Client, Scopes, Back, Fault string

	People []person
}

// show writes a page that loads nothing but its style, and whose form leads on to one address only.
func (p *provider) show(w http.ResponseWriter, status int, view consentView, onTo string) {
	view.Base, view.Client, view.People = p.base, p.o.ClientID, people
	form := "'none'"
	if onTo != "" { // browsers check the redirects that follow a form, too
		form = "'self' " + onTo + " messages-auth:"
	}
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action "+form)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = consentPage.Execute(w, view) // a browser that has gone needs no page
}

// refuse is for where the browser cannot be sent back, for want of a client or an address that can be trusted.
func (p *provider) refuse(w http.ResponseWriter, fault string) {
	p.show(w, http.StatusBadRequest, consentView{Fault: fault}, "")
}

// serveAuthorize asks somebody who they are, and whether the client may know it.
func (p *provider) serveAuthorize(w http.ResponseWriter, r *http.Request) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		p.refuse(w, "The address is not well-formed.")
		return
	}
	g := &grant{query: query, redirectURI: query.Get("redirect_uri"), scopes: strings.Fields(query.Get("scope"))}
	for _, name := range []string{"client_id", "redirect_uri"} {
		if len(query[name]) != 1 {
			p.refuse(w, name+" has to be there once.")
			return
		}
	}
	if query.Get("client_id") != p.o.ClientID {
		p.refuse(w, "client_id is that of no client known here.")
		return
	}
	if fault := redirectFault(g.redirectURI); fault != "" {
		p.refuse(w, "redirect_uri "+fault+".")
		return
	}
	if code, words := g.fault(); code != "" {
		p.sendBack(w, r, g, url.Values{"error": {code}, "error_description": {words}})
		return
	}
	ticket, cookie := newToken(), newToken()
	g.browser, g.until = sha256.Sum256([]byte(cookie)), p.s.now().Add(consentLife)
	p.mu.Lock()
	p.consents.put(ticket, g)
	p.mu.Unlock()
	http.SetCookie(w, &http.Cookie{Name: consentCookie, Value: cookie, Path: p.base + "/authorize", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	back, _ := url.Parse(g.redirectURI) // was checked
	p.show(w, http.StatusOK, consentView{Ticket: ticket, Scopes: strings.Join(g.scopes, ", "), Back: back.Host}, back.Scheme+"://"+back.Host)
}

// fault is what is wrong with a request whose sender is known.
func (g *grant) fault() (code, words string) {
	for name, values := range g.query {
		if len(values) > 1 {
			return "invalid_request", shorten(name, 40) + " is there more than once"
		}
	}
	kind, challenge := g.query.Get("response_type"), g.query.Get("code_challenge")
	mode := map[string]string{"code": "query", "token": "fragment"}[kind]
	switch {
	case kind == "":
		return "invalid_request", "response_type is missing"
	case mode == "", kind == "token" && g.redirectURI != oldRedirect:
		return "unsupported_response_type", "response_type is code; token is for Apple's own address only"
	case g.query.Get("response_mode") != "" && g.query.Get("response_mode") != mode:
		return "invalid_request", "response_mode is " + mode
	case g.query.Get("prompt") == "none":
		return "login_required", "nobody is signed in here"
	case challenge != "" && (g.query.Get("code_challenge_method") != "S256" || len(challenge) != 43):
		return "invalid_request", "code_challenge needs code_challenge_method S256 and has 43 characters"
	case challenge == "" && g.query.Get("code_challenge_method") != "":
		return "invalid_request", "code_challenge is missing"
	}
	for _, scope := range g.scopes {
		if !scopeForm.MatchString(scope) {
			return "invalid_scope", "scope has characters that scopes have not"
		}
	}
	return "", ""
}

// serveDecision is somebody approving or denying.
func (p *provider) serveDecision(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxTokenBody)
	if r.ParseForm() != nil {
		p.refuse(w, "The form could not be read.")
		return
	}
	g := p.decided(r)
	who := personNamed(r.PostForm.Get("person"))
	switch decision := r.PostForm.Get("decision"); {
	case g == nil:
		p.refuse(w, "This page is too old, was answered before, or was opened in another browser.")
	case decision == denies:
		p.sendBack(w, r, g, url.Values{"error": {"access_denied"}})
	case decision != approves || who == nil:
		p.refuse(w, "Choose a person, and approve or deny.")
	default:
		g.person, g.at = who, p.s.now()
		p.sendBack(w, r, g, p.grants(g))
	}
}

// decided takes what was asked, which can be answered once, by the browser that was asked.
func (p *provider) decided(r *http.Request) *grant {
	cookie, err := r.Cookie(consentCookie)
	if err != nil {
		return nil
	}
	browser := sha256.Sum256([]byte(cookie.Value))
	p.mu.Lock()
	defer p.mu.Unlock()
	g, ok := p.consents.get(r.PostForm.Get("ticket"))
	if !ok || g.spent || p.s.now().After(g.until) || subtle.ConstantTimeCompare(browser[:], g.browser[:]) != 1 {
		return nil
	}
	g.spent = true
	again := *g // it begins anew, as what was given
	again.spent = false
	return &again
}

// grants gives what the client asked for: a code, or at once a token.
func (p *provider) grants(g *grant) url.Values {
	p.mu.Lock()
	defer p.mu.Unlock()
	if g.query.Get("response_type") == "token" {
		given := url.Values{"token_type": {"Bearer"}, "expires_in": {"600"}}
		if !p.withholds() {
			given.Set("access_token", p.accessToken(g))
		}
		return given
	}
	code := newToken()
	g.until = p.s.now().Add(codeLife)
	p.codes.put(code, g)
	return url.Values{"code": {code}}
}

// withholds tells whether tokens are left out, for the fault.
func (p *provider) withholds() bool {
	_, no := p.s.hit(faultNoToken)
	return no
}

// sendBack redirects the browser to the client, with the state that it came with.
func (p *provider) sendBack(w http.ResponseWriter, r *http.Request, g *grant, answer url.Values) {
	if state := g.query["state"]; len(state) == 1 {
		answer.Set("state", state[0])
	}
	back, _ := url.Parse(g.redirectURI) // was checked
	if g.query.Get("response_type") == "token" && g.redirectURI == oldRedirect {
		http.Redirect(w, r, back.String()+"#"+answer.Encode(), http.StatusSeeOther)
		return
	}
	answer.Set("iss", p.o.Issuer)
	query := back.Query()
	for name, values := range answer {
		query[name] = values
	}
	back.RawQuery = query.Encode()
	http.Redirect(w, r, back.String(), http.StatusSeeOther)
}
