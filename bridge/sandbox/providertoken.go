package sandbox

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"math/big"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// told records a request of the bridge's for the traffic panel. Those of the phone's browser are there already.
func (p *provider) told(do func(http.ResponseWriter, *http.Request, []byte)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxTokenBody))
		if err != nil {
			http.Error(w, "the body could not be read, or is too large", http.StatusRequestEntityTooLarge)
			return
		}
		if r.Header.Get("User-Agent") == webAgent {
			do(w, r, body)
			return
		}
		header := r.Header.Clone()
		if value := header.Get("Authorization"); value != "" {
			scheme, secret, _ := strings.Cut(value, " ")
			header.Set("Authorization", scheme+" "+masked(secret))
		}
		x := p.s.openHop(bridgeToProvider, r.Method, p.base+maskedURL(r.URL, false), header)
		p.s.carry(x, []byte(maskedQuery(string(body))), "", check{})
		answer := &keptAnswer{ResponseWriter: w, status: http.StatusOK}
		do(answer, r, body)
		p.s.closeHop(x, answer.status, string(answer.body), "")
	}
}

// keptAnswer keeps what is answered.
type keptAnswer struct {
	http.ResponseWriter
	status int
	body   []byte
}

func (k *keptAnswer) WriteHeader(status int) {
	k.status = status
	k.ResponseWriter.WriteHeader(status)
}

func (k *keptAnswer) Write(p []byte) (int, error) {
	k.body = append(k.body, p...)
	return k.ResponseWriter.Write(p)
}

func (p *provider) serveDiscovery(w http.ResponseWriter, _ *http.Request, _ []byte) {
	base := strings.TrimRight(p.o.Issuer, "/")
	writeJSON(w, http.StatusOK, obj{
		"issuer": p.o.Issuer, "authorization_endpoint": base + "/authorize", "token_endpoint": base + "/token",
		"userinfo_endpoint": base + "/userinfo", "jwks_uri": base + "/jwks",
		"response_types_supported": arr{"code"}, "response_modes_supported": arr{"query"}, "grant_types_supported": arr{"authorization_code"},
		"subject_types_supported": arr{"public"}, "id_token_signing_alg_values_supported": arr{"RS256"},
		"scopes_supported":                               arr{"openid", "profile", "email"},
		"claims_supported":                               arr{"sub", "name", "given_name", "family_name", "email", "email_verified", "locale"},
		"token_endpoint_auth_methods_supported":          arr{"client_secret_basic", "client_secret_post"},
		"code_challenge_methods_supported":               arr{"S256"},
		"authorization_response_iss_parameter_supported": true,
	})
}

func (p *provider) serveKeys(w http.ResponseWriter, _ *http.Request, _ []byte) {
	key := p.key().PublicKey
	writeJSON(w, http.StatusOK, obj{"keys": arr{obj{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": keyID(&key),
		"n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()), "e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
	}}})
}

func keyID(key *rsa.PublicKey) string {
	sum := sha256.Sum256(key.N.Bytes())
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// oauthError is an error of the token endpoint, by RFC 6749.
type oauthError struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

func (e *oauthError) answer(w http.ResponseWriter) {
	status := http.StatusBadRequest
	if e.Code == "invalid_client" {
		status = http.StatusUnauthorized
		w.Header().Set("WWW-Authenticate", `Basic realm="demo"`)
	}
	writeJSON(w, status, e)
}

// serveToken exchanges a code.
func (p *provider) serveToken(w http.ResponseWriter, r *http.Request, body []byte) {
	form, wrong := tokenForm(r.Header, body)
	if wrong == nil {
		wrong = p.checkClient(r, form)
	}
	if wrong == nil && form.Get("grant_type") != "authorization_code" {
		wrong = &oauthError{"unsupported_grant_type", "grant_type is authorization_code"}
	}
	if wrong != nil {
		wrong.answer(w)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	g, wrong := p.redeem(form)
	if wrong != nil {
		wrong.answer(w)
		return
	}
	given := obj{"token_type": "Bearer", "expires_in": int(tokenLife.Seconds()), "scope": strings.Join(g.scopes, " ")}
	if !p.withholds() {
		token := p.accessToken(g)
		given["access_token"] = token
		if strings.Contains(" "+given["scope"].(string)+" ", " openid ") {
			given["id_token"] = p.idToken(g, token)
		}
	}
	writeJSON(w, http.StatusOK, given)
}

func tokenForm(h http.Header, body []byte) (url.Values, *oauthError) {
	if kind, _, err := mime.ParseMediaType(h.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, &oauthError{"invalid_request", "Content-Type is not application/x-www-form-urlencoded"}
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, &oauthError{"invalid_request", "the form is not well-formed"}
	}
	for name, values := range form {
		if len(values) > 1 {
			return nil, &oauthError{"invalid_request", shorten(name, 40) + " is there more than once"}
		}
	}
	return form, nil
}

// checkClient wants the client's secret, in one of the two places.
func (p *provider) checkClient(r *http.Request, form url.Values) *oauthError {
	id, secret := form.Get("client_id"), form.Get("client_secret")
	if basicID, basicSecret, ok := r.BasicAuth(); ok {
		if secret != "" {
			return &oauthError{"invalid_request", "the client's secret is in the header and in the form: it belongs in one"}
		}
		plainID, idErr := url.QueryUnescape(basicID) // both are encoded as in forms, by RFC 6749
		plainSecret, secretErr := url.QueryUnescape(basicSecret)
		if idErr != nil || secretErr != nil || id != "" && id != plainID {
			return &oauthError{"invalid_client", "client_id differs, or is not well-formed"}
		}
		id, secret = plainID, plainSecret
	}
	if id != p.o.ClientID || subtle.ConstantTimeCompare([]byte(secret), []byte(p.o.ClientSecret)) != 1 {
		return &oauthError{"invalid_client", "no such client, or another secret"}
	}
	return nil
}

// redeem takes a code, which is spent with that whatever comes of it. One that comes twice was stolen: what was given for
// it is taken back. The caller holds p.mu.
func (p *provider) redeem(form url.Values) (*grant, *oauthError) {
	invalid := func(words string) (*grant, *oauthError) { return nil, &oauthError{"invalid_grant", words} }
	g, ok := p.codes.get(form.Get("code"))
	if !ok {
		return invalid("no such code")
	}
	if g.spent {
		for _, token := range g.tokens {
			p.tokens.put(token, nil)
		}
		return invalid("this code was used before")
	}
	g.spent = true
	challenge, verifier := g.query.Get("code_challenge"), form.Get("code_verifier")
	proof := sha256.Sum256([]byte(verifier))
	switch {
	case p.s.now().After(g.until):
		return invalid("this code is older than a minute")
	case form.Get("redirect_uri") != g.redirectURI:
		return invalid("redirect_uri is not that of the authorization")
	case challenge == "" && verifier != "":
		return invalid("code_verifier is there, but the authorization had no code_challenge")
	case challenge != "" && (len(verifier) < 43 || len(verifier) > 128 || base64.RawURLEncoding.EncodeToString(proof[:]) != challenge):
		return invalid("code_verifier does not fit code_challenge")
	}
	return g, nil
}

// accessToken gives one out. The caller holds p.mu.
func (p *provider) accessToken(g *grant) string {
	token := newToken() + newToken()
	g.until = p.s.now().Add(tokenLife)
	g.tokens = append(g.tokens, token)
	p.tokens.put(token, g)
	return token
}

func (p *provider) idToken(g *grant, accessToken string) string {
	now := p.s.now()
	half := sha256.Sum256([]byte(accessToken))
	claims := g.person.claims(g.scopes)
	maps.Copy(claims, obj{
		"iss": p.o.Issuer, "aud": p.o.ClientID, "iat": now.Unix(), "exp": now.Add(tokenLife).Unix(), "auth_time": g.at.Unix(),
		"at_hash": base64.RawURLEncoding.EncodeToString(half[:16]),
	})
	if nonce := g.query.Get("nonce"); nonce != "" {
		claims["nonce"] = nonce
	}
	return signRS256(p.key(), claims)
}

// signRS256 makes a JWT.
func signRS256(key *rsa.PrivateKey, claims obj) string {
	part := func(v any) string {
		raw, _ := json.Marshal(v) // strings and numbers
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	signed := part(obj{"alg": "RS256", "typ": "JWT", "kid": keyID(&key.PublicKey)}) + "." + part(claims)
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err) // the key is large enough
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// serveUserInfo tells who a token is about.
func (p *provider) serveUserInfo(w http.ResponseWriter, r *http.Request, _ []byte) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	p.mu.Lock()
	defer p.mu.Unlock()
	g, ok := p.tokens.get(token)
	if !strings.EqualFold(scheme, "Bearer") || !ok || g == nil || p.s.now().After(g.until) {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		writeJSON(w, http.StatusUnauthorized, &oauthError{"invalid_token", "no such token, or it is too old"})
		return
	}
	writeJSON(w, http.StatusOK, g.person.claims(g.scopes))
}
