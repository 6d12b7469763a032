package sandbox

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Business is one Messages for Business account that the simulated gateway knows.
type Business struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Options configure a Sandbox.
type Options struct {
	// BridgeURL is the base URL of the bridge's public listener, such as
	// "http://127.0.0.1:41234". It may be set later by SetBridgeURL.
	BridgeURL string
	// MSPID is the id of the Messaging Service Provider, the aud and iss of tokens.
	MSPID string
	// Secret is the MSP's API secret, in base64 as Apple shows it.
	Secret string
	// Businesses are the accounts that the gateway knows. The phone opens the first.
	Businesses []Business
	// Connector is the webhook connector's name in the bridge's configuration: the
	// desk posts to {BridgeURL}/webhooks/{Connector}.
	Connector string
	// DeskSecret is the whsec_… secret shared with the bridge. It signs both ways.
	DeskSecret string
	// Hosts are further host names that the pages may be reached by. Loopback
	// addresses and localhost always are; others are refused, against DNS rebinding.
	Hosts []string
	// SignIn is what customers can sign in at. Without it signing in fails on the phone.
	SignIn *SignIn
	// MerchantSessions is the merchant that customers can pay with Apple Pay. Without it every payment is refused.
	MerchantSessions *MerchantSessions
	// HelpDesk takes the place of the sandbox's own desk.
	HelpDesk *HelpDesk
	// Logger is optional.
	Logger *slog.Logger
}

// Bounds of everything that is kept in memory.
const (
	maxCustomers     = 50
	maxBubbles       = 300 // per thread
	maxConversations = 100
	maxEntries       = 300 // per conversation
	maxHops          = 500
	maxSeenIDs       = 5000
	maxStreams       = 16
	maxWaiting       = 64      // requests waiting in one lane
	maxMessage       = 8 << 20 // of a message to Apple: interactive ones carry images
	maxPayload       = 32 << 20
	maxBody          = 1 << 20 // of an event without files
	maxForm          = maxFile + maxBody
	maxControlBody   = 4 << 20 // of a call: contents may carry images
	maxTextRunes     = 20_000

	maxFilesPerMessage = 20
	maxShownFiles      = 2000 // files that the pages can still open, per side
	maxSaved           = 300  // interactive messages that can be answered or sent again
)

// Sandbox simulates Apple's gateway, a phone and a helpdesk. Make one with New.
type Sandbox struct {
	mspID     string
	secret    string // as given, to recognise tokens signed with the undecoded text
	key       []byte
	deskKey   []byte
	connector string
	hosts     []string
	log       *slog.Logger
	now       func() time.Time

	twiceAfter time.Duration // from an answer to the same once more, where Apple delivers one twice
	lateAfter  time.Duration // from a sign-in to word of it, where that is late
	signInAt   *SignIn
	patience   time.Duration // of a payment sheet, with each of the business's answers
	sessions   *MerchantSessions
	helpDesk   *HelpDesk
	chance     func() bool // whether a fault that comes now and then comes now

	ctx    context.Context
	cancel context.CancelFunc
	client *http.Client
	lanes  *lanes

	mu         sync.Mutex
	bridgeURL  string
	businesses []Business
	phones     phones
	accepted   idMemory // message ids that the gateway took
	states     idMemory // digests of the states of sign-ins
	mmcs       mmcs
	desk       desk
	tills      till
	traffic    traffic
	faults     faults
	streams    streams
}

// New checks the options and makes a Sandbox with one customer. Close it after use.
func New(o Options) (*Sandbox, error) {
	key, deskKey, err := o.keys()
	if err != nil {
		return nil, err
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	log := o.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Sandbox{
		mspID: o.MSPID, secret: o.Secret, key: key, deskKey: deskKey,
		connector: o.Connector, hosts: o.Hosts, log: log, now: time.Now, twiceAfter: time.Second, lateAfter: reportLate, signInAt: o.SignIn,
		patience: sheetPatience, sessions: o.MerchantSessions, helpDesk: o.HelpDesk, chance: func() bool { return rand.IntN(2) == 0 },
		ctx: ctx, cancel: cancel, client: newClient(), lanes: newLanes(ctx),
		bridgeURL:  strings.TrimRight(o.BridgeURL, "/"),
		businesses: append([]Business(nil), o.Businesses...),
		phones:     newPhones(), accepted: newIDMemory(maxSeenIDs), states: newIDMemory(maxOAuthStates), mmcs: newMMCS(), desk: newDesk(), tills: newTill(),
		faults: newFaults(), streams: newStreams(),
	}
	if _, err := s.addCustomer(customerSpec{}); err != nil {
		return nil, err
	}
	return s, nil
}

// keys decodes the two secrets.
func (o Options) keys() (key, deskKey []byte, err error) {
	if key, err = base64.StdEncoding.DecodeString(o.Secret); err != nil || len(key) == 0 {
		return nil, nil, errors.New("sandbox: Secret must be non-empty standard base64")
	}
	encoded, ok := strings.CutPrefix(o.DeskSecret, "whsec_")
	if deskKey, err = base64.StdEncoding.DecodeString(encoded); !ok || err != nil || len(deskKey) == 0 {
		return nil, nil, errors.New(`sandbox: DeskSecret must be "whsec_" followed by base64`)
	}
	return key, deskKey, nil
}

var connectorName = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

func (o Options) check() error {
	if o.MSPID == "" {
		return errors.New("sandbox: MSPID is empty")
	}
	if !connectorName.MatchString(o.Connector) {
		return fmt.Errorf("sandbox: Connector %q must be letters, digits, '-', '_' or '.'", o.Connector)
	}
	if len(o.Businesses) == 0 {
		return errors.New("sandbox: Businesses is empty")
	}
	seen := map[string]bool{}
	for i, b := range o.Businesses {
		if b.ID == "" || seen[b.ID] {
			return fmt.Errorf("sandbox: Businesses[%d].ID is empty or used twice", i)
		}
		seen[b.ID] = true
	}
	if o.BridgeURL != "" {
		if u, err := url.Parse(o.BridgeURL); err != nil || u.Host == "" {
			return fmt.Errorf("sandbox: BridgeURL %q is not an absolute URL", o.BridgeURL)
		}
	}
	return errors.Join(o.SignIn.check(), o.HelpDesk.check())
}

// SetBridgeURL tells the sandbox where the bridge listens.
func (s *Sandbox) SetBridgeURL(u string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bridgeURL = strings.TrimRight(u, "/")
}

// Close stops everything that the sandbox has running and waits for it. Requests
// that the three handlers still serve end soon after.
func (s *Sandbox) Close() {
	s.cancel()
	s.lanes.close()
	s.mmcs.vault.close()
	s.desk.vault.close()
	s.client.CloseIdleConnections()
}

// newClient makes the client of both the phone and the desk. It uses no proxy,
// follows no redirect, and leaves compression alone: Apple's requests are compressed
// by hand.
func newClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			MaxIdleConnsPerHost: 4,
			IdleConnTimeout:     30 * time.Second,
			DisableCompression:  true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// business finds an account by id; an empty id means the first.
func (s *Sandbox) business(id string) (Business, bool) {
	if id == "" {
		return s.businesses[0], true
	}
	for _, b := range s.businesses {
		if b.ID == id {
			return b, true
		}
	}
	return Business{}, false
}

// pause waits for d, or until the sandbox is closed.
func (s *Sandbox) pause(d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.ctx.Done():
	}
}
