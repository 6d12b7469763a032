package signin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/bridge/seal"
	"bizbridge/bridge/secureurl"
	"bizbridge/bridge/signature"
)

// UnknownProvider stands in the metrics for a provider that is no longer configured.
const UnknownProvider = "unknown"

// Operations are the calls to providers, as the metrics name them.
var Operations = []string{opDiscovery, opKeys, opToken, opUserinfo}

// Options is what a Service needs. Ring, RedirectURL, Subject and Deliver are required.
type Options struct {
	Providers map[string]Provider
	Ring      *seal.Ring
	// RedirectURL is the address of [Service.Callback], to which providers send back.
	RedirectURL string

	// Subject makes out of the provider's name of a person one that is the same at this business only and tells nothing.
	Subject func(business message.BusinessID, provider, sub string) string
	// Deliver hands the outcome to the business's helpdesk, and tells only when it has it, or why not.
	Deliver func(ctx context.Context, business message.BusinessID, customer message.CustomerID, signIn message.SignIn) *message.Failure

	// Transport makes the calls to providers; nil: one of the Service's own.
	Transport http.RoundTripper
	// Memory outlives a Service that is replaced; nil: one of the Service's own.
	Memory *Memory
	Logger *slog.Logger     // nil: none
	Now    func() time.Time // nil: time.Now

	// Count hears how sign-ins end, Refused of states that do not open, Observe of each call to a provider: status is 0
	// where there was no answer. Each may be nil.
	Count   func(provider string, status message.SignInStatus)
	Refused func(reason signature.Reason)
	Observe func(operation string, status int, took time.Duration)
}

// Service makes states and answers the requests that come of them. It serves many at once.
type Service struct {
	providers   map[string]*provider
	ring        *seal.Ring
	redirectURL string
	subject     func(message.BusinessID, string, string) string
	deliver     func(context.Context, message.BusinessID, message.CustomerID, message.SignIn) *message.Failure
	memory      *Memory
	logger      *slog.Logger
	now         func() time.Time
	count       func(string, message.SignInStatus)
	refused     func(signature.Reason)
	close       func()
}

// New makes a Service. It calls nobody: what is to be discovered is when it is needed first.
func New(options Options) (*Service, error) {
	if options.Ring == nil || options.Subject == nil || options.Deliver == nil {
		return nil, errors.New("a key ring, Subject and Deliver are needed")
	}
	if fault := secureurl.Fault(options.RedirectURL); fault != "" {
		return nil, errors.New("the redirect URL " + fault)
	}
	s := &Service{
		providers: make(map[string]*provider, len(options.Providers)), ring: options.Ring, redirectURL: options.RedirectURL,
		subject: options.Subject, deliver: options.Deliver, memory: options.Memory, logger: options.Logger, now: options.Now,
		count: options.Count, refused: options.Refused,
	}
	s.fill()
	calls := newCaller(options.Transport, options.Observe)
	s.close = calls.close
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(options.Providers)) {
		settings := options.Providers[name]
		faults = append(faults, validate(name, &settings))
		s.providers[name] = &provider{
			name: name, settings: settings, redirectURL: options.RedirectURL, calls: calls, now: s.now, logger: s.logger,
		}
	}
	if err := errors.Join(faults...); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// fill sets what may be left out.
func (s *Service) fill() {
	if s.memory == nil {
		s.memory = NewMemory()
	}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.count == nil {
		s.count = func(string, message.SignInStatus) {}
	}
	if s.refused == nil {
		s.refused = func(signature.Reason) {}
	}
}

func validate(name string, settings *Provider) error {
	var faults []error
	if name == "" || len(name) > maxProviderName {
		faults = append(faults, fmt.Errorf("provider %q: its name has no or more than %d characters", name, maxProviderName))
	}
	settings.Validate(func(path, message, hint string) {
		faults = append(faults, fmt.Errorf("provider %s: %s %s. %s", name, path, message, hint))
	})
	return errors.Join(faults...)
}

// Close lets go of idle connections. Requests under way are not disturbed.
func (s *Service) Close() { s.close() }
