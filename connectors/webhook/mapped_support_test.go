package webhook_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bizbridge/config"
	"bizbridge/connectors/webhook"
	"bizbridge/connectors/webhook/webhooktest"
)

// ownMapping is the mapping for [webhooktest.OwnDesk].
const ownMapping = "testdata/desk.mapping.yaml"

// ownDesk are the settings for it.
func ownDesk(c *webhook.Config) {
	c.Mapping, c.Vars = ownMapping, map[string]config.Secret{"token": webhooktest.Token}
}

// byFile are settings with a mapping of the test's own; lines say what comes after its head.
func byFile(t testing.TB, vars map[string]config.Secret, lines ...string) func(*webhook.Config) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "desk.mapping.yaml")
	if err := os.WriteFile(path, []byte(strings.Join(append([]string{"mapping: 1"}, lines...), "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return func(c *webhook.Config) { c.Mapping, c.Vars = path, vars }
}

// byPreset are settings with a mapping that comes with the bridge.
func byPreset(name string, vars map[string]config.Secret) func(*webhook.Config) {
	return func(c *webhook.Config) { c.Mapping, c.Vars = "preset:"+name, vars }
}

// byToken lets webhooks come with one of these tokens in a header.
func byToken(tokens ...config.Secret) func(*webhook.Config) {
	return func(c *webhook.Config) { c.VerifyHeader, c.VerifySecrets = webhooktest.TokenHeader, tokens }
}
