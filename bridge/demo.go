package bridge

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"bizbridge/bridge/sandbox"
	"bizbridge/config"
	"bizbridge/connectors/registry"
	"bizbridge/mapping/templates"
)

// What the demo's gateway knows; the values are those of the documentation.
const (
	demoMSPID     = "11111111-2222-3333-4444-555555555555"
	demoBusiness  = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
	demoConnector = "desk"
	demoClient    = "demo-store" // as which the bridge is known to the demo's sign-in provider
	demoMerchant  = "merchant.com.example.demo"
)

// Demo is a bridge between a simulated gateway with a phone and a small webhook helpdesk, all in one process but talking
// over real sockets on the loopback.
type Demo struct {
	app     *App
	sandbox *sandbox.Sandbox
	servers []*http.Server
	serving sync.WaitGroup
	pages   net.Listener
	watch   func(server string, handler http.Handler) http.Handler
	folder  string // of templates and of a picture for links; removed at the end
}

// NewDemo opens the pages at listen, and everything else on free ports of the loopback.
func NewDemo(listen string, logger *slog.Logger, version, commit string) (*Demo, error) {
	return newDemoWatched(listen, logger, version, commit, func(_ string, handler http.Handler) http.Handler { return handler })
}

// newDemoWatched lets tests see what reaches the gateway and the desk.
func newDemoWatched(listen string, logger *slog.Logger, version, commit string, watch func(server string, handler http.Handler) http.Handler) (*Demo, error) {
	d := &Demo{watch: watch}
	listeners := make([]net.Listener, 0, 7)
	for range cap(listeners) {
		address := "127.0.0.1:0"
		if len(listeners) == 0 {
			address = listen
		}
		listener, err := net.Listen("tcp", address)
		if err != nil {
			for _, opened := range listeners {
				_ = opened.Close()
			}
			return nil, fmt.Errorf("%w; choose another address with --listen", err)
		}
		listeners = append(listeners, listener)
	}
	d.pages = listeners[0]
	if err := d.build(listeners[1:], logger, version, commit); err != nil {
		for _, opened := range listeners {
			_ = opened.Close()
		}
		_ = os.RemoveAll(d.folder)
		return nil, err
	}
	return d, nil
}

// writeFolder brings the templates of the documentation, and a picture for links.
func (d *Demo) writeFolder() (err error) {
	if d.folder, err = os.MkdirTemp("", "bizbridge-demo-*"); err != nil {
		return err
	}
	if err := os.CopyFS(filepath.Join(d.folder, "templates"), templates.Examples()); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(d.folder, "link.png"), sandbox.LinkPicture(), 0o600)
}

func (d *Demo) build(listeners []net.Listener, logger *slog.Logger, version, commit string) error {
	public, admin, gateway, desk, provider, applePay := listeners[0], listeners[1], listeners[2], listeners[3], listeners[4], listeners[5]
	if err := d.writeFolder(); err != nil {
		return err
	}
	sessions, err := sandbox.NewMerchantSessions(sandbox.Merchant{ID: demoMerchant, Domain: "demo.example.com", Name: "Demo Store"})
	if err != nil {
		return err
	}
	cert, key := sessions.ClientCertificate()
	secret, deskSecret, clientSecret := randomBase64(), "whsec_"+randomBase64(), randomBase64()
	issuer := "http://" + provider.Addr().String()
	text := fmt.Sprintf(`
server: {public_url: "http://%s"}
keys: [%q]
apple: {gateway_url: "http://%s/v1", accounts: [{msp_id: %q, secrets: [%q]}]}
businesses: [{id: %q, name: Demo, msp_id: %q, connector: %s, signin: demo, apple_pay: demo, rich_links: {default_image: link.png}}]
signin: {providers: {demo: {issuer: %q, client_id: %s, client_secret: %q, scopes: [openid, profile, email], pkce: true}}}
apple_pay:
  merchants:
    demo:
      {merchant_id: %s, domain: demo.example.com, name: Demo Store, cert: %q, key: %q, session_url: "https://%s/paymentservices/paymentSession",
       networks: [amex, masterCard, visa], provider: {type: webhook, url: "http://%s/hooks/payment", secrets: [%q], updates: [contact, shipping], order_tracking: true}}
templates: ["templates/*.yaml"]
connectors: {%s: {type: webhook, url: "http://%s/hooks/apple", secrets: [%q]}}
`, public.Addr(), randomBase64(), gateway.Addr(), demoMSPID, secret, demoBusiness, demoMSPID,
		demoConnector, issuer, demoClient, clientSecret,
		demoMerchant, cert, key, applePay.Addr(), desk.Addr(), deskSecret, demoConnector, desk.Addr(), deskSecret)
	cfg, err := config.Parse(filepath.Join(d.folder, "demo"), []byte(text), registry.ConfigTypes())
	if err != nil {
		return err
	}
	d.sandbox, err = sandbox.New(sandbox.Options{
		BridgeURL: cfg.Server.PublicURL, MSPID: demoMSPID, Secret: secret,
		Businesses: []sandbox.Business{{ID: demoBusiness, Name: "Demo Store"}},
		Connector:  demoConnector, DeskSecret: deskSecret, Logger: logger, MerchantSessions: sessions,
		SignIn: &sandbox.SignIn{
			Issuer: issuer, OAuthURL: cfg.Server.PublicURL + startPath, TokenURL: issuer + "/token", ClientID: demoClient, ClientSecret: clientSecret,
		},
	})
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(sessions.RootPEM())
	d.app, err = New(Options{Config: cfg, Logger: logger, Version: version, Commit: commit, SessionRoots: roots, Public: public, Admin: admin})
	if err != nil {
		d.sandbox.Close()
		return err
	}
	d.serve(d.pages, d.sandbox.Pages())
	d.serve(gateway, d.watch("gateway", d.sandbox.Gateway()))
	d.serve(desk, d.watch("desk", d.sandbox.Desk()))
	d.serve(provider, d.sandbox.Provider())
	d.serve(tls.NewListener(applePay, sessions.ServerTLS()), d.sandbox.MerchantSessions())
	return nil
}

func (d *Demo) serve(listener net.Listener, handler http.Handler) {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: readHeaderTimeout}
	d.servers = append(d.servers, server)
	d.serving.Go(func() { _ = server.Serve(listener) })
}

// URL is where the pages are.
func (d *Demo) URL() string { return "http://" + d.pages.Addr().String() + "/" }

// MetricsURL is where the demo's bridge shows its metrics.
func (d *Demo) MetricsURL() string { return "http://" + d.app.AdminAddr().String() + "/metrics" }

// Run serves until ctx ends.
func (d *Demo) Run(ctx context.Context) error {
	err := d.app.Run(ctx)
	d.sandbox.Close()
	for _, server := range d.servers {
		err = errors.Join(err, server.Close())
	}
	d.serving.Wait()
	return errors.Join(err, os.RemoveAll(d.folder))
}

func randomBase64() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return base64.StdEncoding.EncodeToString(key)
}
