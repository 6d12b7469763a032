package bridge

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"

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

// demoSecrets are made anew for every demo.
type demoSecrets struct{ apple, desk, client string }

func (d *Demo) build(at demoListeners, options DemoOptions) error {
	if err := d.writeFolder(); err != nil {
		return err
	}
	sessions, err := sandbox.NewMerchantSessions(sandbox.Merchant{ID: demoMerchant, Domain: "demo.example.com", Name: "Demo Store"})
	if err != nil {
		return err
	}
	secrets := demoSecrets{randomBase64(), "whsec_" + randomBase64(), randomBase64()}
	other, settings := d.helpDesk(at, secrets)
	cfg, err := d.config(at, secrets, sessions, settings)
	if err != nil {
		return err
	}
	issuer := "http://" + at.provider.Addr().String()
	shown := sandbox.Options{
		BridgeURL: cfg.Server.PublicURL, MSPID: demoMSPID, Secret: secrets.apple,
		Businesses: []sandbox.Business{{ID: demoBusiness, Name: "Demo Store"}},
		Connector:  demoConnector, DeskSecret: secrets.desk, Logger: options.Logger, MerchantSessions: sessions,
		SignIn: &sandbox.SignIn{
			Issuer: issuer, OAuthURL: cfg.Server.PublicURL + startPath, TokenURL: issuer + "/token", ClientID: demoClient, ClientSecret: secrets.client,
		},
	}
	if other != nil {
		shown.HelpDesk = &sandbox.HelpDesk{Name: other.name, URL: "http://" + at.standIn.Addr().String() + "/", Secrets: other.secrets}
	}
	if d.sandbox, err = sandbox.New(shown); err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(sessions.RootPEM())
	d.app, err = New(Options{
		Config: cfg, Logger: options.Logger, Version: options.Version, Commit: options.Commit, SessionRoots: roots, Public: at.public, Admin: at.admin,
	})
	if err != nil {
		d.sandbox.Close()
		return err
	}
	d.serveAll(at, sessions, other)
	return nil
}

// helpDesk makes the stand-in, if there is one, and gives the settings of the connector.
func (d *Demo) helpDesk(at demoListeners, secrets demoSecrets) (*standIn, string) {
	own, makes := "http://"+at.desk.Addr().String(), standIns[d.desk]
	if makes == nil {
		return nil, fmt.Sprintf("type: webhook, url: %q, secrets: [%q]", own+"/hooks/apple", secrets.desk)
	}
	// Its webhooks go by way of the sandbox, which shows them.
	other := makes(deskPlace{url: "http://" + at.standIn.Addr().String(), hooks: own + "/webhooks/" + demoConnector, framers: d.origins()})
	d.posted = other.wait
	return &other, other.settings
}

// config is the configuration of the demo's bridge, as a file would have it.
func (d *Demo) config(at demoListeners, secrets demoSecrets, sessions *sandbox.MerchantSessions, settings string) (*config.Config, error) {
	cert, key := sessions.ClientCertificate()
	text := fmt.Sprintf(`
server: {public_url: "http://%s"}
keys: [%q]
apple: {gateway_url: "http://%s/v1", accounts: [{msp_id: %q, secrets: [%q]}]}
businesses: [{id: %q, name: Demo, msp_id: %q, connector: %s, signin: demo, apple_pay: demo, rich_links: {default_image: link.png}}]
media: {max_size: 20MB} # what gets through in the time of a delivery
signin: {subject_key: %q, providers: {demo: {issuer: "http://%s", client_id: %s, client_secret: %q, scopes: [openid, profile, email], pkce: true}}}
apple_pay:
  merchants:
    demo:
      {merchant_id: %s, domain: demo.example.com, name: Demo Store, cert: %q, key: %q, session_url: "https://%s/paymentservices/paymentSession",
       networks: [amex, masterCard, visa], provider: {type: webhook, url: "http://%s/hooks/payment", secrets: [%q], updates: [contact, shipping], order_tracking: true}}
templates: ["templates/*.yaml"]
connectors: {%s: {%s}}
`, at.public.Addr(), randomBase64(), at.gateway.Addr(), demoMSPID, secrets.apple, demoBusiness, demoMSPID,
		demoConnector, randomBase64(), at.provider.Addr(), demoClient, secrets.client,
		demoMerchant, cert, key, at.applePay.Addr(), at.desk.Addr(), secrets.desk, demoConnector, settings)
	return config.Parse(filepath.Join(d.folder, "demo"), []byte(text), registry.ConfigTypes())
}

func (d *Demo) serveAll(at demoListeners, sessions *sandbox.MerchantSessions, other *standIn) {
	d.serve(at.pages, d.sandbox.Pages())
	d.serve(at.gateway, d.watch("gateway", d.sandbox.Gateway()))
	d.serve(at.desk, d.watch("desk", d.sandbox.Desk()))
	d.serve(at.provider, d.sandbox.Provider())
	d.serve(tls.NewListener(at.applePay, sessions.ServerTLS()), d.sandbox.MerchantSessions())
	if other != nil {
		d.serve(at.standIn, d.watch("stand-in", d.sandbox.Calls(other.handler)))
		return
	}
	_ = at.standIn.Close()
}

func randomBase64() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return base64.StdEncoding.EncodeToString(key)
}
