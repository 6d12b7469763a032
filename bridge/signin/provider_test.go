package signin

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// fakeProvider is a small OpenID Connect provider that keeps the rules, and breaks the one that a test wants broken.
type fakeProvider struct {
	t      testing.TB
	server *httptest.Server
	now    func() time.Time

	mu       sync.Mutex
	keys     []signingKey // all are published, the last signs
	grants   map[string]*grant
	tokens   map[string]string // access token → sub
	calls    map[string]int
	secrets  []string // everything that was given out and must not be seen
	methods  []string // of authentication at the token endpoint that are advertised
	accepts  string   // the one that is taken; "": both
	extra    map[string]any
	userinfo map[string]any

	// How to go wrong. instead answers a path in the provider's place.
	instead   map[string]http.HandlerFunc
	change    func(claims jwt.MapClaims)
	sign      func(claims jwt.MapClaims) string
	noIDToken bool
}

type signingKey struct {
	id      string
	private crypto.Signer
}

type grant struct {
	clientID, redirect, nonce, challenge, sub string
	used                                      bool
}

const (
	clientID     = "client-1"
	clientSecret = "the-clients-secret/+ &="
)

var (
	rsaKey   = sync.OnceValue(func() crypto.Signer { k, _ := rsa.GenerateKey(rand.Reader, 2048); return k })
	otherRSA = sync.OnceValue(func() crypto.Signer { k, _ := rsa.GenerateKey(rand.Reader, 2048); return k })
	ecKey    = sync.OnceValue(func() crypto.Signer { k, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader); return k })
)

func newFakeProvider(t testing.TB, now func() time.Time) *fakeProvider {
	f := &fakeProvider{
		t: t, now: now, keys: []signingKey{{"k1", rsaKey()}}, grants: map[string]*grant{}, tokens: map[string]string{},
		calls: map[string]int{}, extra: map[string]any{}, instead: map[string]http.HandlerFunc{}, secrets: []string{clientSecret},
		userinfo: map[string]any{"sub": "ada", "name": "Ada", "email": "ada@example.com"},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", f.discovery)
	mux.HandleFunc("GET /keys", f.serveKeys)
	mux.HandleFunc("POST /token", f.token)
	mux.HandleFunc("GET /userinfo", f.serveUserinfo)
	f.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.calls[r.URL.Path]++
		instead := f.instead[r.URL.Path]
		f.mu.Unlock()
		if instead != nil {
			instead(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(f.server.Close)
	return f
}

func (f *fakeProvider) locked(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
}

func (f *fakeProvider) called(path string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[path]
}

func (f *fakeProvider) answerWith(path string, status int, contentType, body string) {
	f.locked(func() {
		f.instead[path] = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	})
}

func (f *fakeProvider) secret(prefix string) string {
	s := prefix + "-" + rand.Text()
	f.secrets = append(f.secrets, s)
	return s
}

func (f *fakeProvider) discovery(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	document := map[string]any{
		"issuer": f.server.URL, "authorization_endpoint": f.server.URL + "/authorize?tenant=1", "token_endpoint": f.server.URL + "/token",
		"userinfo_endpoint": f.server.URL + "/userinfo", "jwks_uri": f.server.URL + "/keys",
		"id_token_signing_alg_values_supported": []string{"RS256", "ES256", "HS256", "none"},
	}
	if f.methods != nil {
		document["token_endpoint_auth_methods_supported"] = f.methods
	}
	for name, value := range f.extra {
		document[name] = value
	}
	writeJSON(w, 200, document)
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}

func (f *fakeProvider) serveKeys(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b64 := base64.RawURLEncoding.EncodeToString
	var keys []map[string]any
	for _, key := range f.keys {
		switch public := key.private.Public().(type) {
		case *rsa.PublicKey:
			keys = append(keys, map[string]any{"kty": "RSA", "kid": key.id, "use": "sig", "n": b64(public.N.Bytes()), "e": b64(big.NewInt(int64(public.E)).Bytes())})
		case *ecdsa.PublicKey:
			point, _ := public.Bytes()
			keys = append(keys, map[string]any{"kty": "EC", "kid": key.id, "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:])})
		}
	}
	writeJSON(w, 200, map[string]any{"keys": keys})
}

// authorize is what the browser sees of the provider: somebody signs in, and is sent back with a code.
func (f *fakeProvider) authorize(query url.Values, sub string) (code string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	code = f.secret("code")
	f.grants[code] = &grant{
		clientID: query.Get("client_id"), redirect: query.Get("redirect_uri"), nonce: query.Get("nonce"),
		challenge: query.Get("code_challenge"), sub: sub,
	}
	return code
}

func (f *fakeProvider) token(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fail := func(status int, code string) {
		writeJSON(w, status, map[string]any{"error": code, "error_description": "about " + r.PostFormValue("code")})
	}
	id, secret, basic := r.BasicAuth()
	if basic {
		id, _ = url.QueryUnescape(id)
		secret, _ = url.QueryUnescape(secret)
	} else {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	wrongWay := f.accepts == ClientSecretBasic && !basic || f.accepts == ClientSecretPost && basic
	if id != clientID || secret != clientSecret || wrongWay {
		fail(401, "invalid_client")
		return
	}
	g := f.grants[r.PostFormValue("code")]
	if g == nil || g.used || g.clientID != id || g.redirect != r.PostFormValue("redirect_uri") || r.PostFormValue("grant_type") != "authorization_code" {
		fail(400, "invalid_grant")
		return
	}
	verifier := r.PostFormValue("code_verifier")
	sum := sha256.Sum256([]byte(verifier))
	if g.challenge != "" && base64.RawURLEncoding.EncodeToString(sum[:]) != g.challenge || g.challenge == "" && verifier != "" {
		fail(400, "invalid_grant")
		return
	}
	g.used = true
	access := f.secret("access")
	f.tokens[access] = g.sub
	answer := map[string]any{"access_token": access, "token_type": "bearer", "expires_in": 3600, "refresh_token": f.secret("refresh")}
	if !f.noIDToken {
		answer["id_token"] = f.idToken(g)
	}
	writeJSON(w, 200, answer)
}

func (f *fakeProvider) idToken(g *grant) string {
	now := f.now()
	claims := jwt.MapClaims{
		"iss": f.server.URL, "sub": g.sub, "aud": clientID, "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "email": g.sub + "@example.com",
		"number": json.Number("9007199254740993"),
	}
	if g.nonce != "" {
		claims["nonce"] = g.nonce
	}
	if f.change != nil {
		f.change(claims)
	}
	var token string
	if f.sign != nil {
		token = f.sign(claims)
	} else {
		token = signWith(f.t, f.keys[len(f.keys)-1], claims)
	}
	f.secrets = append(f.secrets, token)
	return token
}

func signWith(t testing.TB, key signingKey, claims jwt.MapClaims) string {
	var method jwt.SigningMethod = jwt.SigningMethodRS256
	if _, ec := key.private.(*ecdsa.PrivateKey); ec {
		method = jwt.SigningMethodES256
	}
	token := jwt.NewWithClaims(method, claims)
	token.Header["kid"] = key.id
	signed, err := token.SignedString(key.private)
	if err != nil {
		t.Error(err)
	}
	return signed
}

func (f *fakeProvider) serveUserinfo(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var access string
	if _, err := fmt.Sscanf(r.Header.Get("Authorization"), "Bearer %s", &access); err != nil || f.tokens[access] == "" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	writeJSON(w, 200, f.userinfo)
}
