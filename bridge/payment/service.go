package payment

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/sync/singleflight"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
	"bizbridge/bridge/seal"
	"bizbridge/bridge/signature"
)

// DefaultTTL is how long a request can be paid when nothing is set. Apple's own session may end sooner.
const DefaultTTL = time.Hour

// MaxTTL bounds it: providers remember for a day what they charged under a request's id.
const MaxTTL = 12 * time.Hour

// maxCallbacks is how many callbacks are worked on at once.
const maxCallbacks = 256

// Merchant is a business's merchant id at Apple, and who takes its money.
type Merchant struct {
	ID        string // merchant.com.example
	HashID    bool   // Apple Pay is shown its SHA-256, as in Apple's tutorial of 2020
	Domain    string // as registered and verified at Apple
	Name      string // shown to customers, at most 64 characters
	Countries []string
	Networks  []string
	TTL       time.Duration // how long a request can be paid; 0: DefaultTTL

	SessionURL string
	Session    *httpclient.Client // with the merchant identity certificate

	Provider Provider
	// Updates are what the Provider, who is an [Updater] then, prices anew, OrderTracking that it is an [OrderTracker]. Apple
	// gets the addresses of these callbacks only.
	Updates       []What
	OrderTracking bool
	Rules         *Rules // nil: none; never with Updates
}

// Options is what a Service needs. All but Shutdown, Logger, Now, Count and Refused are required.
type Options struct {
	Merchants  map[string]*Merchant          // by name
	Businesses map[message.BusinessID]string // → name of the merchant
	Ring       *seal.Ring
	PublicURL  string  // up to /pay
	Memory     *Memory // outlives a Service that is replaced
	// Deliver tells the helpdesk. The failure is for the log: it has been dealt with.
	Deliver func(ctx context.Context, business message.BusinessID, customer message.CustomerID, payment message.Payment) *message.Failure

	// Shutdown ends when the bridge stops waiting for what is under way; nil: never. What a provider was asked and has not
	// answered then is uncertain.
	Shutdown context.Context

	Logger *slog.Logger     // nil: none
	Now    func() time.Time // nil: time.Now
	// Count hears of each step of a payment, Refused of callbacks that are not of a request of the bridge's. Each may be nil.
	Count   func(status message.PaymentStatus)
	Refused func(reason signature.Reason)
}

// Service makes requests for money and answers the callbacks that come of them. It serves many at once.
type Service struct {
	Options
	flights singleflight.Group  // consents under way, by request and transaction
	places  *semaphore.Weighted // callbacks under way
}

// New makes a Service. It calls nobody.
func New(options Options) (*Service, error) {
	s := &Service{Options: options, places: semaphore.NewWeighted(maxCallbacks)}
	s.PublicURL = strings.TrimRight(s.PublicURL, "/")
	if s.Ring == nil || s.Deliver == nil || s.Memory == nil || s.PublicURL == "" {
		return nil, errors.New("a key ring, a public URL, a memory and Deliver are needed")
	}
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	if s.Shutdown == nil {
		s.Shutdown = context.Background()
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Count == nil {
		s.Count = func(message.PaymentStatus) {}
	}
	if s.Refused == nil {
		s.Refused = func(signature.Reason) {}
	}
	return s, nil
}

// merchant finds whom a business's customers pay; nil for none.
func (s *Service) merchant(business message.BusinessID) (name string, merchant *Merchant) {
	name = s.Businesses[business]
	return name, s.Merchants[name]
}

func (m *Merchant) ttl() time.Duration {
	if m.TTL > 0 {
		return min(m.TTL, MaxTTL)
	}
	return DefaultTTL
}
