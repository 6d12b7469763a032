package webhook_test

import (
	"flag"
	"log/slog"
	"testing"
	"time"

	"bizbridge/bridge/httpclient"
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
	client := httpclient.New(httpclient.Options{Peer: "desk", Metrics: metrics.New("test", "test")})
	t.Cleanup(client.Close)
	connector, err := webhook.Factory().New(connectors.Environment{
		Name: "desk", HTTP: client, Logger: slog.New(slog.DiscardHandler), Now: now,
	}, settings)
	if err != nil {
		t.Fatal(err)
	}
	return connector
}

func startDesk(t testing.TB, secrets ...string) *webhooktest.Desk {
	t.Helper()
	desk := webhooktest.Start(t, secrets...)
	t.Cleanup(desk.Stop)
	return desk
}
