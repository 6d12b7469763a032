package webhook_test

import (
	"flag"
	"log/slog"
	"testing"
	"time"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/httpclient/auth"
	"bizbridge/bridge/metrics"
	"bizbridge/config"
	"bizbridge/connectors"
	"bizbridge/connectors/webhook"
	"bizbridge/connectors/webhook/webhooktest"
)

var update = flag.Bool("update", false, "write the golden files")

// connect makes a connector that is configured for a helpdesk. The secrets are those of webhooktest unless a test sets
// others.
func connect(t testing.TB, url string, now func() time.Time, changes ...func(*webhook.Config)) connectors.Connector {
	t.Helper()
	settings := &webhook.Config{
		URL:     url,
		Secrets: []config.Secret{webhooktest.Secret}, VerifySecrets: []config.Secret{webhooktest.VerifySecret},
	}
	for _, change := range changes {
		change(settings)
	}
	connector, err := build(t, ".", now, settings)
	if err != nil {
		t.Fatal(err)
	}
	return connector
}

// build makes a connector of settings that lie in a folder, checked or not.
func build(t testing.TB, dir string, now func() time.Time, settings *webhook.Config) (connectors.Connector, error) {
	m := metrics.New("test", "test")
	authorizer, err := webhook.Factory().Authorizer(settings, auth.Deps{Peer: "desk", Metrics: m})
	if err != nil {
		return nil, err
	}
	if authorizer != nil {
		t.Cleanup(authorizer.Close)
	}
	client := httpclient.New(httpclient.Options{Peer: "desk", Metrics: m, Auth: authorizer.For})
	t.Cleanup(client.Close)
	return webhook.Factory().New(connectors.Environment{
		Name: "desk", Dir: dir, HTTP: client, Logger: slog.New(slog.DiscardHandler), Now: now,
	}, settings)
}

func startDesk(t testing.TB, secrets ...string) *webhooktest.Desk {
	t.Helper()
	desk := webhooktest.Start(t, secrets...)
	t.Cleanup(desk.Stop)
	return desk
}
