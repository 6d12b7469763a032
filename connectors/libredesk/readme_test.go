package libredesk_test

import (
	"maps"
	"slices"
	"testing"

	"bizbridge/bridge/message"
	"bizbridge/config"
	"bizbridge/connectors/connectortest/readme"
	"bizbridge/connectors/libredesk"
	"bizbridge/connectors/libredesk/libredesktest"
)

func TestReadmeNamesEverythingThereIs(t *testing.T) {
	readme.Tells(t, message.EventTypes...)
	readme.HasKeys(t, libredesk.Config{})
	readme.Tells(t, libredesktest.AllPermissions()...)
	connector, desk := rig(t)
	deliver(t, connector, event(message.EventReceived, func(d *message.Data) { d.Text, d.Device.Group = "Hello", "sales" }))
	readme.Tells(t, slices.Collect(maps.Keys(only(t, desk).Attributes))...)
	readme.LinksLeadSomewhere(t)
}

func TestReadmesConfigurationLoads(t *testing.T) {
	cfg, _ := readme.Load(t, readme.Blocks(t, "yaml")[0], nil, libredesk.Factory().ConfigType())
	loaded := cfg.Connectors["desk"].Settings.(*libredesk.Config)
	if loaded.InboxID != libredesktest.InboxID || !slices.Equal(loaded.WebhookSecrets, []config.Secret{"secret-of-LIBREDESK_WEBHOOK_SECRET"}) {
		t.Errorf("%+v", loaded)
	}
}
