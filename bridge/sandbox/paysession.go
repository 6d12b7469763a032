package sandbox

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Merchant is what is registered at Apple Pay: an identifier, the domain that was verified for it, and a name.
type Merchant struct {
	ID     string // such as "merchant.com.example"
	Domain string // a host, without a scheme
	Name   string
}

func (m Merchant) check() error {
	switch {
	case strings.TrimSpace(m.ID) == "" || strings.ContainsAny(m.ID, " /"):
		return fmt.Errorf("sandbox: Merchant.ID %q is no merchant identifier", m.ID)
	case m.Domain == "" || strings.ContainsAny(m.Domain, ":/ "):
		return fmt.Errorf("sandbox: Merchant.Domain %q is not a bare host", m.Domain)
	}
	return nil
}

// hash is what a session has in place of the identifier.
func (m Merchant) hash() string {
	sum := sha256.Sum256([]byte(m.ID))
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

const (
	sessionLife    = 5 * time.Minute
	maxSessions    = 1000
	maxSessionBody = 16 << 10
	maxDisplayName = 64
)

// MerchantSessions is Apple Pay's service of merchant sessions, for one merchant, with a certificate authority of its own.
type MerchantSessions struct {
	merchant Merchant
	certificates

	mu    sync.Mutex
	given memory[*merchantSession] // by merchantSessionIdentifier
}

// merchantSession is a session that was given out.
type merchantSession struct {
	raw   content // as it was given
	until time.Time
	used  bool // a message had it
}

// NewMerchantSessions makes the service, its authority, and the merchant's certificate. It is for Options.MerchantSessions.
func NewMerchantSessions(m Merchant) (*MerchantSessions, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	made, err := newCertificates(m)
	if err != nil {
		return nil, fmt.Errorf("sandbox: certificates of Apple Pay: %w", err)
	}
	return &MerchantSessions{merchant: m, certificates: *made, given: newMemory[*merchantSession](maxSessions)}, nil
}

// MerchantSessions is where a merchant gets sessions: POST /paymentservices/paymentSession. It wants to be served with
// the service's ServerTLS. Without Options.MerchantSessions, nobody is served.
func (s *Sandbox) MerchantSessions() http.Handler {
	mux := http.NewServeMux()
	if s.sessions != nil {
		mux.HandleFunc("POST /paymentservices/paymentSession", s.serveSession)
	}
	return mux
}

func (s *Sandbox) serveSession(w http.ResponseWriter, r *http.Request) {
	x := s.openHop(bridgeToPay, r.Method, r.URL.RequestURI(), r.Header)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxSessionBody))
	refused := s.sessions.checkCertificate(r)
	state := check{"ok", "certificate of " + s.sessions.merchant.ID + ", " + s.sessions.merchant.Name}
	if refused != nil {
		state = check{"bad", refused.reason}
	}
	s.carry(x, body, "", state)
	switch {
	case err != nil:
		s.answerGateway(w, x, unreadable(err, maxSessionBody))
		return
	case refused != nil:
		s.answerGateway(w, x, refused)
		return
	}
	session, refused := s.sessions.give(r.Header, body, s.now())
	if refused != nil {
		s.answerGateway(w, x, refused)
		return
	}
	s.answerJSON(w, x, result{answer: session})
}

// checkCertificate wants the merchant's own certificate. Another one that the authority made is no better than none.
func (m *MerchantSessions) checkCertificate(r *http.Request) *refusal {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return &refusal{http.StatusExpectationFailed, "there is no client certificate: this wants the merchant identity certificate"}
	}
	if got := merchantOf(r.TLS.PeerCertificates[0]); got != m.merchant.ID {
		return &refusal{http.StatusExpectationFailed, fmt.Sprintf("the certificate is that of %q, which is not registered", shorten(got, 100))}
	}
	return nil
}

// give checks a request for a session, and gives one.
func (m *MerchantSessions) give(h http.Header, body []byte, now time.Time) (content, *refusal) {
	if _, err := parseBody(h, body); err != nil {
		return nil, malformed(err)
	}
	asked, faults := examine(body, "request")
	asked.knows("merchantIdentifier", "domainName", "displayName", "initiative", "initiativeContext")
	merchant := asked.need("merchantIdentifier")
	if faults.err == nil && merchant != m.merchant.ID && !strings.EqualFold(merchant, m.merchant.hash()) {
		return nil, &refusal{http.StatusExpectationFailed, "request.merchantIdentifier is not that of the certificate"}
	}
	if domain := asked.need("domainName"); domain != m.merchant.Domain {
		asked.wrong("domainName", "is %q, which is not registered for this merchant: a host alone, as it was verified", shorten(domain, 100))
	}
	name := asked.needLabel("displayName")
	if utf8.RuneCountInString(name) > maxDisplayName {
		asked.wrong("displayName", "has more than %d characters", maxDisplayName)
	}
	asked.need("initiative")
	asked.oneOf("initiative", "messaging")
	gateway := asked.callbackURL("initiativeContext")
	if faults.err != nil {
		return nil, malformed(faults.err)
	}
	return m.remember(name, gateway, now), nil
}

// callbackURL is an address of the business's that Apple calls.
func (n node) callbackURL(name string) string {
	text := n.need(name)
	if fault := redirectFault(text); fault != "" {
		n.wrong(name, "%s", fault)
	}
	return text
}

// remember makes a session, shaped as Apple's are. Its signature is noise: nobody but the simulator looks at it.
func (m *MerchantSessions) remember(name, gateway string, now time.Time) content {
	id := "SSH" + strings.ToUpper(noiseHex(32))
	made := content{
		"epochTimestamp": now.UnixMilli(), "expiresAt": now.Add(sessionLife).UnixMilli(),
		"merchantSessionIdentifier": id, "nonce": noiseHex(4),
		"merchantIdentifier": m.merchant.hash(), "domainName": m.merchant.Domain, "displayName": name,
		"initiative": "messaging", "initiativeContext": gateway, "signature": "3080" + noiseHex(400),
		"signedProperties": []string{"merchantIdentifier", "merchantSessionIdentifier", "initiative", "initiativeContext", "displayName", "nonce"},
		"retries":          0, "pspId": m.merchant.hash(),
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.given.put(id, &merchantSession{raw: made, until: now.Add(sessionLife)})
	return made
}

// What becomes of a message by its session.
var (
	errFabricated = errors.New("this session is none that Apple Pay gave, or was altered: Apple takes the message, and the phone shows nothing")
	errStale      = errors.New("the session of this message has expired")
	errUsed       = errors.New("the session of this message was used before")
)

// use takes a session for a message. A session is good for one.
func (m *MerchantSessions) use(raw []byte, id string, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	session, ok := m.given.get(id)
	switch {
	case !ok || !sameValue(raw, session.raw):
		return errFabricated
	case session.used:
		return errUsed
	case now.After(session.until):
		return errStale
	}
	session.used = true
	return nil
}

func noiseHex(bytes int) string {
	raw := make([]byte, bytes)
	rand.Read(raw)
	return hex.EncodeToString(raw)
}
