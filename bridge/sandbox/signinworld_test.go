package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

const (
	testClient       = "demo-client"
	testClientSecret = "a client/secret+with=signs"
)

// signInWorld is a world with a provider, and a bridge that knows how to sign customers in.
type signInWorld struct {
	*world
	provider string // its address

	mu      sync.Mutex
	asked   map[string]string // request ids by state
	secrets []string          // whatever must not be shown
	steps   int
}

func newSignInWorld(t *testing.T) *signInWorld {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	address := "http://" + server.Listener.Addr().String() + "/id"
	o := testOptions()
	o.SignIn = &SignIn{Issuer: address, OAuthURL: address + "/authorize", TokenURL: address + "/token", ClientID: testClient, ClientSecret: testClientSecret}
	w := &signInWorld{world: newWorldWith(t, o), provider: address, asked: map[string]string{}, secrets: []string{testClientSecret, url.QueryEscape(testClientSecret)}}
	server.Config.Handler = w.s.Provider()
	server.Start()
	t.Cleanup(server.Close)
	w.bridge.pages = map[string]http.HandlerFunc{"/oauth/callback": w.serveCallback, "/oauth/start": w.serveStart}
	maps.Copy(w.bridge.pages, oddPages())
	w.bridge.signsIn = w.hearsOf
	w.phoneSays("Hello", delivered)
	return w
}

func (w *signInWorld) keepSecret(texts ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, text := range texts {
		if text != "" {
			w.secrets = append(w.secrets, text, url.QueryEscape(text))
		}
	}
}

// asks posts a request to sign in, with a state and a request id of its own, and gives the bubble's id.
func (w *signInWorld) asksToSignIn(m map[string]any, edits ...edit) string {
	w.Helper()
	state, requestID := newToken()+"-of-the-bridge", newUUID()
	w.keepSecret(state)
	w.mu.Lock()
	w.asked[state] = requestID
	w.mu.Unlock()
	change := []edit{{inner + "requestIdentifier", requestID}, {oauth + "state", state}}
	if m["interactiveData"].(map[string]any)["data"].(map[string]any)["authenticate"].(map[string]any)["oauth2"].(map[string]any)["redirectURI"] != nil {
		change = append(change, edit{oauth + "redirectURI", w.bridge.url + "/oauth/callback"})
	} else {
		change = append(change, edit{oauth + "clientSecret", testClientSecret})
	}
	got, id := w.authenticates(edited(m, append(change, edits...)...))
	if got.status != 200 || got.body != "" {
		w.Fatalf("%d %s", got.status, got.body)
	}
	return id
}

// authenticates posts to /v1/authenticate.
func (w *world) authenticates(m map[string]any, spoil ...func(*gatewayRequest)) (gatewayAnswer, string) {
	w.Helper()
	id := newUUID()
	return postToGateway(w.T, w.gateway.URL, func(q *gatewayRequest) {
		q.path, q.body = "/v1/authenticate", m
		q.set("id", id)
		q.set("sourceId", testBusiness)
		q.set("destinationId", w.s.phones.threads[0].OpaqueID)
		for _, each := range spoil {
			each(q)
		}
	}), id
}

// taps does a sign-in to its end. What Apple posted is given where it posts at all.
func (w *signInWorld) taps(bubbleID string, more map[string]any) (view signInView, posted map[string]any) {
	w.Helper()
	call := map[string]any{"customer": w.customer, "id": bubbleID}
	for name, value := range more {
		call[name] = value
	}
	reportID, _ := w.call("/api/phone/sign-in", call, 202)["id"].(string)
	w.eventually("the sign-in to be done", func(s state) bool {
		b := s.Threads[0].bubble(bubbleID)
		if b == nil || b.Interactive.SignIn.State != "done" {
			return false
		}
		view = *b.Interactive.SignIn
		report := s.Threads[0].bubble(reportID)
		return reportID == "" || report != nil && report.Status == delivered
	})
	for _, p := range w.bridge.posts() {
		if p.body["id"] == reportID {
			posted = p.body
		}
	}
	return view, posted
}

func authenticateOf(posted map[string]any) map[string]any {
	interactive, _ := posted["interactiveData"].(map[string]any)
	data, _ := interactive["data"].(map[string]any)
	told, _ := data["authenticate"].(map[string]any)
	return told
}

// serveStart is a page of the bridge's that leads to the provider.
func (w *signInWorld) serveStart(out http.ResponseWriter, r *http.Request) {
	http.SetCookie(out, &http.Cookie{Name: "bridge", Value: "kept", Path: "/oauth"})
	query := r.URL.Query()
	query.Set("nonce", "nonce-of-the-bridge")
	http.Redirect(out, r, w.provider+"/authorize?"+query.Encode(), http.StatusFound)
}

// serveCallback is the bridge's: it exchanges the code, verifies who it is, tells the desk, and leads back to Messages.
func (w *signInWorld) serveCallback(out http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	w.keepSecret(query.Get("code"))
	w.mu.Lock()
	requestID := w.asked[query.Get("state")]
	delete(w.asked, query.Get("state"))
	w.mu.Unlock()
	if requestID == "" {
		out.Header().Set("Content-Type", "text/html")
		out.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(out, `<html><head><title>x</title><style>p{}</style></head><body><h1>Not valid</h1><p>This link was used <b>before</b>.</p><script>secret()</script></body></html>`)
		return
	}
	if code := query.Get("error"); code != "" {
		http.Redirect(out, r, "messages-auth://?status=error&error="+url.QueryEscape(code), http.StatusSeeOther)
		return
	}
	given, err := w.exchange(query.Get("code"), w.bridge.url+"/oauth/callback", nil)
	if err != nil {
		http.Redirect(out, r, "messages-auth://?status=error&error=server_error", http.StatusSeeOther)
		return
	}
	claims, err := w.verified(given["id_token"].(string))
	if err != nil {
		w.Error(err)
	}
	w.tellsDesk(map[string]any{
		"provider": "demo", "request_id": requestID, "status": "succeeded",
		"identity": map[string]any{"subject": "hash-of-" + claims["sub"].(string), "claims": claims},
	})
	http.Redirect(out, r, "messages-auth://?status=success", http.StatusSeeOther)
}

// tellsDesk posts a signin.completed.
func (w *signInWorld) tellsDesk(signIn map[string]any) {
	w.mu.Lock()
	w.steps++
	id := fmt.Sprint("evt_step_", w.steps)
	w.mu.Unlock()
	if status := postEvent(w.T, w.bridge.deskURL, id, map[string]any{"type": "signin.completed", "schema": 1, "data": map[string]any{
		"id": id, "business_id": testBusiness, "customer_id": w.s.phones.threads[0].OpaqueID, "signin": signIn,
	}}); status != 200 {
		w.Errorf("the desk answered %d", status)
	}
}

// hearsOf is Apple's word of a sign-in.
func (w *signInWorld) hearsOf(authenticate, data map[string]any) {
	status, _ := authenticate["status"].(string)
	step := map[string]any{"provider": "demo", "request_id": data["request_id"], "confirmed": true}
	step["status"] = map[string]string{"success": "succeeded", "authenticated": "succeeded", "cancel": "canceled"}[status]
	if step["status"] == "" {
		step["status"], step["error"] = "failed", "The provider said no."
	}
	if encoded, _ := authenticate["token"].(string); encoded != "" {
		token, err := openByHand(testPrivateKey(w.T), encoded)
		if err != nil {
			w.Error(err)
			return
		}
		w.keepSecret(token, encoded)
		claims, _ := w.userInfo(token)
		step["identity"] = map[string]any{"subject": "hash-of-" + fmt.Sprint(claims["sub"]), "claims": claims}
	}
	delete(data, "request_id")
	data["signin"] = step
}

// exchange redeems a code at the provider, with the secret in the header.
func (w *signInWorld) exchange(code, redirectURI string, more url.Values) (map[string]any, error) {
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirectURI}}
	for name, values := range more {
		form[name] = values
	}
	got := w.token(form, url.QueryEscape(testClient), url.QueryEscape(testClientSecret))
	if got.status != 200 {
		return nil, fmt.Errorf("%d %s", got.status, got.raw)
	}
	for _, name := range []string{"access_token", "id_token"} {
		if text, ok := got.body[name].(string); ok {
			w.keepSecret(text)
		} else if name == "access_token" {
			return nil, fmt.Errorf("no access_token: %v", got.body)
		}
	}
	return got.body, nil
}

type providerAnswer struct {
	status int
	header http.Header
	raw    string
	body   map[string]any
}

func (w *signInWorld) token(form url.Values, user, password string) providerAnswer {
	request, _ := http.NewRequest(http.MethodPost, w.provider+"/token", strings.NewReader(form.Encode()))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if user != "" {
		request.SetBasicAuth(user, password)
	}
	return w.fetch(request)
}

func (w *signInWorld) fetch(request *http.Request) (got providerAnswer) {
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		w.Error(err)
		return got
	}
	defer response.Body.Close()
	raw, _ := io.ReadAll(response.Body)
	got = providerAnswer{status: response.StatusCode, header: response.Header, raw: string(raw)}
	_ = json.Unmarshal(raw, &got.body)
	return got
}

func (w *signInWorld) get(path string, headers ...string) providerAnswer {
	request, _ := http.NewRequest(http.MethodGet, w.provider+path, nil)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	return w.fetch(request)
}

func (w *signInWorld) userInfo(token string) (map[string]any, int) {
	got := w.get("/userinfo", "Authorization", "Bearer "+token)
	return got.body, got.status
}

// verified checks an ID token by the keys that the provider publishes.
func (w *signInWorld) verified(token string) (jwt.MapClaims, error) {
	claims := jwt.MapClaims{}
	_, err := jwt.ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) { return w.publicKey(t.Header["kid"]) },
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer(w.provider), jwt.WithAudience(testClient), jwt.WithExpirationRequired(), jwt.WithIssuedAt())
	return claims, err
}

// noSecrets wants nothing of what was handed about in what the pages are told.
func (w *signInWorld) noSecrets() {
	w.Helper()
	_, _, raw := w.do("GET", "/api/state", "localhost", nil, "")
	shown := html.UnescapeString(strings.NewReplacer(`\u0026`, "&", `\"`, `"`, `\/`, "/").Replace(raw))
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, secret := range slices.Compact(w.secrets) {
		if strings.Contains(raw, secret) || strings.Contains(shown, secret) {
			at := strings.Index(shown, secret)
			w.Errorf("the page is told a secret: …%s", shown[max(0, at-200):min(len(shown), at+60)])
		}
	}
	if bytes.Contains([]byte(raw), []byte("eyJhbGciOiJSUzI1NiI")) {
		w.Error("the page is told an ID token")
	}
}
