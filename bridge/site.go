package bridge

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"bizbridge/bridge/apple"
	"bizbridge/bridge/attachment"
	"bizbridge/bridge/flow"
	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/httpclient/auth"
	"bizbridge/bridge/media"
	"bizbridge/bridge/message"
	"bizbridge/bridge/metrics"
	"bizbridge/bridge/seal"
	"bizbridge/bridge/signature"
	"bizbridge/config"
	"bizbridge/connectors"
	"bizbridge/connectors/registry"
)

// site is everything that one configuration makes: replaced as a whole when the configuration changes. Requests that
// began under the old one end under it.
type site struct {
	config   *config.Config
	metrics  *metrics.Metrics
	logger   *slog.Logger
	receiver *apple.Receiver
	flow     *flow.Flow
	desks    map[string]*flow.Desk // by connector name
	speaks   map[string]map[message.BusinessID]bool
	apiKeys  []apiKey
	media    *media.Links
	signIns  *signIns  // nil: there are no providers
	payments *payments // nil: there are no merchants

	templates int      // how many there are
	doubts    []string // what is doubtful about them, and about certificates
	identity  *identityTokens
	files     map[string]flow.FileOpener    // by connector name; "" for the API
	auth      map[string]*auth.Authorizer   // by connector name, or by that of a look-up; only of those that have one
	lookUps   map[string]*connectors.LookUp // of customers' profiles, by connector name
	closers   []func()
	runners   sync.WaitGroup // connectors that read from their helpdesk
	stop      func()         // ends them

	certificate *tls.Certificate // of the public listener; nil: TLS ends before the bridge
	handler     http.Handler
}

func (a *App) newSite(cfg *config.Config) (built *site, err error) {
	defer func() {
		if cause := recover(); cause != nil { // a configuration that no check foresaw must not end a bridge that runs
			built, err = nil, fmt.Errorf("the configuration cannot be used: %v", cause)
		}
	}()
	ring, err := seal.NewRing(cfg.MasterKeys()...)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	s := &site{
		config: cfg, metrics: a.metrics, logger: a.logger,
		desks:  make(map[string]*flow.Desk),
		speaks: make(map[string]map[message.BusinessID]bool),
		files:  make(map[string]flow.FileOpener),
		auth:   make(map[string]*auth.Authorizer),

		lookUps: make(map[string]*connectors.LookUp),
		stop:    func() {},
	}
	defer func() {
		if built == nil { // nobody else will
			s.close()
		}
	}()
	if err := s.loadCertificate(); err != nil {
		return nil, err
	}
	if s.files[""], err = s.downloader(apiSource, nil, nil, nil); err != nil {
		return nil, err
	}
	var former map[string]*auth.Authorizer
	if previous := a.site.Load(); previous != nil {
		former = previous.auth
	}
	var faults []error // all are told at once
	for _, name := range slices.Sorted(maps.Keys(cfg.Connectors)) {
		if err := s.addDesk(name, cfg.Connectors[name], former[name]); err != nil {
			faults = append(faults, fmt.Errorf("connectors.%s: %w", name, err))
		}
	}
	richLinks, err := readRichLinks(cfg)
	faults = append(faults, err)
	s.identity, err = newIdentityTokens(cfg, ring)
	faults = append(faults, err)
	templates, err := s.loadTemplates()
	if err := errors.Join(append(faults, err)...); err != nil {
		return nil, err
	}
	directory := newDirectory(cfg)
	s.receiver = &apple.Receiver{
		Directory: directory, Leeway: cfg.Apple.TokenLeeway.Std(), MaxBody: cfg.Limits.MaxBody.Bytes(), Now: time.Now,
	}
	gateway := apple.NewClient(apple.ClientOptions{
		GatewayURL: cfg.Apple.GatewayURL, Version: a.options.Version, Directory: directory,
		HTTP: s.client(apple.Peer, cfg.Limits.OutboundConcurrency, nil), Files: s.client(apple.Peer, maxFileStreams, nil),
		Metrics: a.metrics, Now: time.Now,
	})
	s.media = s.newLinks(ring, gateway.Fetch)
	pages, err := s.downloader(linksPeer, nil, nil, nil)
	if err != nil {
		return nil, err
	}
	ins, err := s.newSignIns(a, ring)
	if err != nil {
		return nil, fmt.Errorf("signin: %w", err)
	}
	s.signIns = ins
	if s.payments, err = s.newPayments(a, ring); err != nil {
		return nil, fmt.Errorf("apple_pay: %w", err)
	}
	desks := s.businessDesks()
	routes, err := s.businessRoutes()
	if err != nil {
		return nil, err
	}
	s.flow = flow.New(flow.Options{
		Memory: a.memory, Ring: ring, Metrics: a.metrics, Logger: a.logger, Now: time.Now,
		Gateway: gateway, Links: s.media, Pages: pages, RichLinks: richLinks, Templates: templates, SignIns: s.flowSignIns(),
		Payments: s.flowPayments(),
		MaxFile:  cfg.Media.MaxSize.Bytes(), InlineMax: cfg.Delivery.InlineMax.Bytes(),
		Desks: desks, Routes: routes,
		Timeout:             cfg.Delivery.Timeout.Std(),
		InboundConcurrency:  int64(cfg.Limits.InboundConcurrency),
		OutboundConcurrency: int64(cfg.Limits.OutboundConcurrency),
	})
	s.apiKeys = newAPIKeys(cfg.API.Keys)
	s.handler = s.routes()
	return s, nil
}

// loadCertificate reads server.tls, and shows when it expires.
func (s *site) loadCertificate() error {
	pem := s.config.Server.TLS
	if pem.Cert == "" {
		return nil
	}
	pair, err := tls.X509KeyPair([]byte(pem.Cert), []byte(pem.Key.Reveal()))
	if err != nil {
		return fmt.Errorf("server.tls: %w", err)
	}
	s.certificate = &pair
	s.metrics.CertificateNotAfter.WithLabelValues("server").Set(metrics.Seconds(pair.Leaf.NotAfter))
	return nil
}

func (s *site) client(peer string, conns int, credentials func(*url.URL) httpclient.Credentials) *httpclient.Client {
	client := httpclient.New(httpclient.Options{Peer: peer, MaxConns: conns, Metrics: s.metrics, Auth: credentials})
	s.closers = append(s.closers, client.Close)
	return client
}

// downloader fetches what the URLs in a sender's messages name. origins and credentials, if any, are the sender's own.
func (s *site) downloader(peer string, origins, hosts []string, credentials func(*url.URL) httpclient.Credentials) (*httpclient.Downloader, error) {
	downloader, err := httpclient.NewDownloader(httpclient.DownloaderOptions{
		Peer: peer, Origins: origins, Hosts: hosts, AllowPrivate: s.config.Network.AllowPrivate, Metrics: s.metrics, Auth: credentials,
	})
	if err != nil {
		return nil, err
	}
	s.metrics.ExpectPeer(peer, "open_file")
	s.closers = append(s.closers, downloader.Close)
	return downloader, nil
}

func (s *site) newLinks(ring *seal.Ring, fetch media.Fetch) *media.Links {
	return &media.Links{
		Ring: ring, Base: s.config.PublicURL(), TTL: s.config.Media.TTL.Std(), Now: time.Now, Fetch: fetch,
		Refused: func(reason signature.Reason) { s.metrics.CountSignatureFailure("media", reason) },
		Done: func(_ attachment.Source, sent int64, failure *message.Failure) {
			outcome := "streamed"
			if failure != nil {
				outcome = "failed"
				s.logger.Warn("a customer's file was not handed out whole", "sent", sent, "error", failure.Error())
			}
			s.metrics.Attachments.WithLabelValues("inbound", outcome).Inc()
			s.metrics.AttachmentBytes.WithLabelValues("inbound", outcome).Add(float64(sent))
		},
	}
}

// authorizer makes what authenticates the calls of a connector; nil where they need nothing.
func (s *site) authorizer(name string, cfg config.Connector, factory connectors.Factory, former *auth.Authorizer) (*auth.Authorizer, error) {
	authorizer, err := factory.Authorizer(cfg.Settings, auth.Deps{
		Peer: name, Metrics: s.metrics, Logger: s.logger, Previous: former, GrantFile: s.grantFile(name, factory.AuthSettings(cfg.Settings)),
	})
	if authorizer == nil {
		return nil, err
	}
	s.auth[name] = authorizer
	s.metrics.ExpectPeer(name, auth.Operation)
	return authorizer, nil
}

func (s *site) grantFile(name string, list []auth.Settings) string {
	for i := range list {
		if list[i].Granted() {
			return s.config.Files[auth.GrantPath(name, i)]
		}
	}
	return ""
}

func (s *site) addDesk(name string, cfg config.Connector, former *auth.Authorizer) error {
	factory, ok := registry.Find(cfg.Type)
	if !ok {
		return fmt.Errorf("there is no connector type %q", cfg.Type)
	}
	authorizer, err := s.authorizer(name, cfg, factory, former)
	if err != nil {
		return err
	}
	connector, err := factory.New(connectors.Environment{
		Name: name, Dir: s.config.Dir, HTTP: s.client(name, s.config.Limits.InboundConcurrency, authorizer.For),
		Logger: s.logger.With("connector", name), Now: time.Now,
	}, cfg.Settings)
	if err != nil {
		return err
	}
	var origins []string
	if factory.Origin != nil {
		origins = append(origins, factory.Origin(cfg.Settings))
	}
	downloader, err := s.downloader(name, origins, cfg.AttachmentHosts, authorizer.For)
	if err != nil {
		return err
	}
	s.files[name] = downloader
	if opener, ok := connector.(connectors.FileOpener); ok {
		s.files[name] = &deskFiles{Downloader: downloader, desk: opener}
	}
	s.speaks[name] = make(map[message.BusinessID]bool)
	desk := &flow.Desk{
		Name: name, Connector: connector, AnswerWithin: factory.AnswerWithin, PostsOnce: factory.PostsOnce, Replies: factory.Abilities.Inbound[message.EventReplied],
		IdentityTokens: cfg.Identity != nil,
	}
	desk.Sender = flow.Sender{
		Source: "connector:" + name, Label: name, Default: message.SenderAgent, Timeout: desk.AnswerWithin,
		Files: s.files[name], Events: desk,
		MaySpeakFor: func(business message.BusinessID) bool { return s.speaks[name][business] },
	}
	if err := s.addLookUp(desk, factory.ProfileSettings(cfg.Settings)); err != nil {
		return err
	}
	s.desks[name] = desk
	s.metrics.ExpectConnector(name)
	s.metrics.ExpectPeer(name, factory.Operations...)
	return nil
}

// addLookUp lets a desk's customers be looked up, where its settings say how. The API is not the helpdesk: it has a client
// and credentials of its own.
func (s *site) addLookUp(desk *flow.Desk, settings *connectors.Profile) error {
	if settings == nil {
		return nil
	}
	authorizer, err := settings.Authorizer(auth.Deps{Peer: desk.Name, Metrics: s.metrics, Logger: s.logger})
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	if authorizer != nil {
		s.auth[desk.Name+" profile"] = authorizer // no connector has a space in its name
		s.metrics.ExpectPeer(desk.Name, auth.Operation)
	}
	lookUp, err := connectors.NewLookUp(connectors.Environment{
		Name: desk.Name, Dir: s.config.Dir, HTTP: s.client(desk.Name, s.config.Limits.InboundConcurrency, authorizer.For),
		Logger: s.logger.With("connector", desk.Name), Now: time.Now,
	}, settings)
	if err != nil {
		return err
	}
	s.lookUps[desk.Name], desk.Profile = lookUp, lookUp.Profile
	s.metrics.ExpectPeer(desk.Name, connectors.ProfileOperation)
	return nil
}

func (s *site) businessDesks() map[message.BusinessID]*flow.Desk {
	desks := make(map[message.BusinessID]*flow.Desk, len(s.config.Businesses))
	for _, business := range s.config.Businesses {
		id := message.BusinessID(business.ID)
		for _, name := range business.ConnectorNames() {
			desks[id] = s.desks[name] // the last takes what no route matches
			s.speaks[name][id] = true
			s.metrics.Expect(business.ID, name)
		}
	}
	return desks
}

// businessRoutes are those of businesses with several helpdesks, each of which has to say where a conversation is open.
func (s *site) businessRoutes() (map[message.BusinessID][]flow.Route, error) {
	routes := make(map[message.BusinessID][]flow.Route)
	var faults []error
	for i, business := range s.config.Businesses {
		if len(business.ConnectorNames()) < 2 {
			continue
		}
		for _, name := range business.ConnectorNames() {
			if _, ok := s.desks[name].Connector.(connectors.ConversationFinder); !ok {
				faults = append(faults, fmt.Errorf("businesses[%d].affinity: connectors.%s is of type %s, which cannot look up where a conversation is open; give it a business of its own",
					i, name, s.config.Connectors[name].Type))
			}
		}
		for _, configured := range business.Routes {
			route := flow.Route{Desk: s.desks[configured.Connector]}
			if match := configured.Match; match != nil {
				route.Intent, route.Group, route.Locale = match.Intent, match.Group, match.Locale
			}
			routes[message.BusinessID(business.ID)] = append(routes[message.BusinessID(business.ID)], route)
		}
	}
	return routes, errors.Join(faults...)
}

// maxFileStreams is how many files may be on their way to and from Apple's store at once. Each takes some 400 KB.
const maxFileStreams = 1024

func newDirectory(cfg *config.Config) *apple.Directory {
	accounts := make([]apple.Account, len(cfg.Apple.Accounts))
	for i, account := range cfg.Apple.Accounts {
		accounts[i] = apple.Account{MSPID: account.MSPID, Secrets: account.SecretBytes()}
	}
	businesses := make([]apple.Business, len(cfg.Businesses))
	for i, business := range cfg.Businesses {
		businesses[i] = apple.Business{ID: message.BusinessID(business.ID), MSPID: business.MSPID}
	}
	return apple.NewDirectory(accounts, businesses)
}

// connectorOf names the connector that serves a business; "" for a business that is not configured.
func (s *site) connectorOf(business message.BusinessID) string {
	if desk := s.flow.Desks[business]; desk != nil {
		return desk.Name
	}
	return ""
}

// run lets those connectors read that open a connection themselves.
func (s *site) run() {
	for _, desk := range s.desks {
		runner, ok := desk.Connector.(connectors.Runner)
		if !ok {
			continue
		}
		ctx, cancel := context.WithCancel(context.Background())
		previous := s.stop
		s.stop = func() { previous(); cancel() }
		s.runners.Go(func() {
			_ = s.survive(desk, func() *message.Failure {
				runner.Run(ctx, func(ctx context.Context, out message.Outbound) *message.Failure {
					return s.survive(desk, func() *message.Failure { return s.sendRead(ctx, desk, out) })
				})
				return nil
			})
		})
	}
}

// stopReading ends those connectors, and waits until what they have read is sent, or ctx ends.
func (s *site) stopReading(ctx context.Context) {
	s.stop()
	ended := make(chan struct{})
	go func() { s.runners.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done():
	}
}

// sendRead sends a message that a connector has read. What is refused before Apple was asked is logged nowhere else.
func (s *site) sendRead(ctx context.Context, desk *flow.Desk, out message.Outbound) *message.Failure {
	result, failure := s.flow.Outbound(ctx, desk.Sender, out)
	if failure == nil {
		return nil
	}
	if result.Status == "" {
		s.logger.Warn("a message that was read from a helpdesk is refused", "connector", desk.Name, "error", failure)
	}
	s.flow.RelayFailure(ctx, desk, out, failure)
	return failure
}

// survive keeps a panic of one helpdesk's from ending the others.
func (s *site) survive(desk *flow.Desk, work func() *message.Failure) (failure *message.Failure) {
	defer func() {
		if cause := recover(); cause != nil {
			s.logger.Error("panic while reading from a helpdesk", "connector", desk.Name, "panic", fmt.Sprint(cause), "stack", string(debug.Stack()))
			failure = message.Failuref(message.Transient, "the bridge failed while handling the message")
		}
	}()
	return work()
}

// warn writes to the log what is doubtful about the configuration: who does not run check hears it here.
func (s *site) warn() {
	for _, words := range append(s.config.Warnings(), s.doubts...) {
		s.logger.Warn("doubtful configuration", "doubt", words)
	}
}

// retire lets go of what the site holds; requests under way are not disturbed, and may still need tokens.
func (s *site) retire() {
	s.stop()
	for _, closeClient := range s.closers {
		closeClient()
	}
	time.AfterFunc(writeTimeout, s.closeAuth)
}

// close is for a site without requests.
func (s *site) close() {
	s.stop()
	s.runners.Wait() // they have ended unless the grace period has
	for _, closeClient := range s.closers {
		closeClient()
	}
	s.closeAuth()
}

func (s *site) closeAuth() {
	for _, authorizer := range s.auth {
		authorizer.Close()
	}
}

// deskFiles asks a helpdesk's connector for what is at the helpdesk's own origin, since that needs credentials, and
// fetches everything else like any URL.
type deskFiles struct {
	*httpclient.Downloader
	desk connectors.FileOpener
}

// Open implements [flow.FileOpener].
func (d *deskFiles) Open(ctx context.Context, address string) (*httpclient.Download, error) {
	if parsed, err := url.Parse(address); err == nil && d.Owns(parsed) {
		return d.desk.OpenFile(ctx, address)
	}
	return d.Downloader.Open(ctx, address)
}
