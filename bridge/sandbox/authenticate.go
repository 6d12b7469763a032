package sandbox

import (
	"crypto/ecdh"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

const (
	maxOAuthState   = 1024 // bytes
	maxOAuthStates  = 5000 // that are remembered
	encryptionChars = 132  // of base64, of an uncompressed point on P-384
)

// signInRequest is what a business asks of the customer's device, found well-formed. The new way has a redirectURI, the old
// one a key to which the device encrypts the token that it fetches itself.
type signInRequest struct {
	responseType, state string
	scope               []string
	redirectURI         string // new
	clientSecret        string // old, as is the next
	encryptionKey       *ecdh.PublicKey
	encodedKey          string
}

// old tells which of the two ways it is.
func (r *signInRequest) old() bool { return r.redirectURI == "" }

// fits tells whether a device knows this way to sign in.
func (r *signInRequest) fits(d device) bool {
	return slices.Contains(d.Capabilities, "AUTH2") || r.old() && slices.Contains(d.Capabilities, "AUTH")
}

// parseAuthenticate is parseMessage for /v1/authenticate, which takes nothing else.
func parseAuthenticate(h http.Header, body []byte) (*outbound, *refusal) {
	f, err := parseBody(h, body)
	if err != nil {
		return nil, malformed(err)
	}
	m := &outbound{}
	if err := m.takeEnvelope(h, f); err != nil {
		return nil, malformed(err)
	}
	attachments := strings.Join(strings.Fields(string(f["attachments"])), "")
	switch {
	case m.Type != "interactive":
		return nil, malformed(errors.New(`type is not "interactive": a request to sign in is an interactive message`))
	case f["interactiveDataRef"] != nil:
		return nil, malformed(errors.New("interactiveDataRef must not be there: every request to sign in is a new one"))
	case attachments != "" && attachments != "[]":
		return nil, malformed(errors.New("attachments is not an empty list: an interactive message has no files"))
	}
	if m.interactive, err = parseSignIn(f["interactiveData"]); err != nil {
		return nil, malformed(err)
	}
	m.wantsRef = false // there is nothing to send again
	m.content = digest(h, body)
	return m, nil
}

// parseSignIn checks the interactiveData of a request to sign in.
func parseSignIn(raw json.RawMessage) (*interactiveData, error) {
	top, faults := examine(raw, "interactiveData")
	if faults.err != nil {
		return nil, faults.err
	}
	d := &interactiveData{raw: raw, kind: kindAuth, signIn: &signInRequest{}}
	var own bool
	if d.bid, own = checkBID(top); own {
		top.wrong("bid", "is not that of Apple's extension, which is the one that signs in")
	}
	d.session = top.uuid("sessionIdentifier")
	top.boolean("useLiveLayout")
	top.forbid("images belong into interactiveData.data", "images")
	data := top.object("data")
	d.checkCommon(data)
	for _, known := range appleKinds {
		data.forbid("a request to sign in is nothing else", known.member)
	}
	authenticate := data.object("authenticate")
	authenticate.knows("oauth2")
	d.signIn.take(authenticate.object("oauth2"))
	d.checkBubbles(top)
	return d, faults.err
}

// knows forbids all members but some. It is for where a name that is a little wrong would leave something out in silence.
func (n node) knows(names ...string) {
	for _, name := range sortedKeys(n.fields) {
		if !slices.Contains(names, name) {
			n.wrong(shorten(name, 40), "is no member that is known here: %s", strings.Join(names, ", "))
		}
	}
}

func sortedKeys(f fields) []string {
	names := make([]string, 0, len(f))
	for name := range f {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// take checks the oauth2 of either way.
func (r *signInRequest) take(oauth node) {
	oauth.knows("responseType", "scope", "state", "redirectURI", "responseEncryptionKey", "clientSecret")
	oauth.need("responseType")
	r.scope = oauth.scopes("scope")
	r.state = oauth.oauthState("state")
	switch {
	case oauth.has("redirectURI"):
		oauth.forbid("the new way has redirectURI, and the token does not come by the device", "responseEncryptionKey", "clientSecret")
		r.responseType = oauth.oneOf("responseType", "code")
		r.redirectURI = oauth.need("redirectURI")
		if fault := redirectFault(r.redirectURI); fault != "" {
			oauth.wrong("redirectURI", "%s", fault)
		}
	case oauth.has("responseEncryptionKey"):
		r.responseType = oauth.oneOf("responseType", "code", "token")
		r.encodedKey = oauth.need("responseEncryptionKey")
		r.encryptionKey = oauth.p384("responseEncryptionKey")
		if r.responseType == "code" {
			oauth.need("clientSecret")
		}
		r.clientSecret = oauth.str("clientSecret")
	default:
		oauth.wrong("redirectURI", "is missing, and so is the old way's responseEncryptionKey")
	}
}

// scopeForm has what RFC 6749 allows in one scope.
var scopeForm = regexp.MustCompile(`^[\x21\x23-\x5B\x5D-\x7E]+$`)

func (n node) scopes(name string) (list []string) {
	var entries []json.RawMessage
	switch {
	case !n.has(name):
		n.wrong(name, "is missing")
		return nil
	case json.Unmarshal(n.fields[name], &entries) != nil || entries == nil:
		n.wrong(name, "is not a list of strings")
		return nil
	}
	for i, entry := range entries {
		var scope string
		if entry[0] != '"' || json.Unmarshal(entry, &scope) != nil || !scopeForm.MatchString(scope) {
			n.wrong(name, "has as entry %d what is no scope: a string of printable ASCII without spaces and quotes", i)
		}
		list = append(list, scope)
	}
	return list
}

// oauthState is a string of printable ASCII.
func (n node) oauthState(name string) string {
	state := n.need(name)
	if len(state) > maxOAuthState {
		n.wrong(name, "has %d bytes, of at most %d", len(state), maxOAuthState)
	}
	if strings.ContainsFunc(state, func(r rune) bool { return r < ' ' || r > '~' }) {
		n.wrong(name, "is not printable ASCII")
	}
	return state
}

// p384 is a key in the one form that devices know.
func (n node) p384(name string) *ecdh.PublicKey {
	text := n.str(name)
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	switch {
	case len(text) != encryptionChars:
		n.wrong(name, "has %d characters, not the %d of an uncompressed point on P-384 in base64", len(text), encryptionChars)
	case err != nil:
		n.wrong(name, "is not standard base64")
	default:
		key, err := ecdh.P384().NewPublicKey(raw)
		if err != nil {
			n.wrong(name, "is not an uncompressed point on P-384")
		}
		return key
	}
	return nil
}

var hostForm = regexp.MustCompile(`^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$`)

// redirectFault says what keeps a browser with a code from being sent to an address, if anything does.
func redirectFault(text string) string {
	u, err := url.Parse(text)
	switch {
	case len(text) > maxURL:
		return "is too long"
	case err != nil || !hostForm.MatchString(u.Host) || u.Opaque != "" || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "is not an absolute URL"
	case u.User != nil:
		return "has a user in it"
	case strings.Contains(text, "#"):
		return "has a fragment"
	case u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		return "is neither https nor http of the loopback"
	}
	return ""
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// claimState takes the state of a request, which no other request may have.
func (s *Sandbox) claimState(m *outbound) error {
	if m.interactive == nil || m.interactive.signIn == nil {
		return nil
	}
	sum := sha256.Sum256([]byte(m.interactive.signIn.state))
	name := hex.EncodeToString(sum[:])
	if _, used := s.states.get(name); used {
		return errors.New("interactiveData.data.authenticate.oauth2.state was used before: every request needs its own, that nobody can guess")
	}
	s.states.put(name, m.ID)
	return nil
}
