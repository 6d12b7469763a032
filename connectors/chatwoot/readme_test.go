package chatwoot_test

import (
	"os"
	"regexp"
	"testing"

	"bizbridge/bridge/message"
	"bizbridge/connectors/chatwoot"
	"bizbridge/connectors/connectortest/readme"
)

func TestReadmeNamesEverythingThereIs(t *testing.T) {
	readme.HasLevels(t, chatwoot.Factory().Abilities.Inbound)
	readme.HasKeys(t, chatwoot.Config{})
	source, err := os.ReadFile("attributes.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range regexp.MustCompile(`attr\w+ += "(apple_\w+)"`).FindAllStringSubmatch(string(source), -1) {
		readme.Tells(t, found[1])
	}
	readme.LinksLeadSomewhere(t)
}

func TestReadmeConfigurationLoads(t *testing.T) {
	readme.Load(t, readme.Blocks(t, "yaml")[0], nil, chatwoot.Factory().ConfigType())
}

func TestEveryEventHasALevel(t *testing.T) {
	if len(message.EventTypes) != len(chatwoot.Factory().Abilities.Inbound) {
		t.Error("an event has no level")
	}
}
