package sunshine_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"bizbridge/connectors/connectortest/readme"
	"bizbridge/connectors/sunshine"
)

func TestReadmeNamesEverythingThereIs(t *testing.T) {
	readme.HasLevels(t, sunshine.Factory().Abilities.Inbound)
	readme.HasKeys(t, sunshine.Config{})
	source, err := os.ReadFile("api.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range regexp.MustCompile(`"(apple_[a-z_]+)"`).FindAllStringSubmatch(string(source), -1) {
		readme.Tells(t, key[1])
	}
	readme.LinksLeadSomewhere(t)
}

// TestReadmeSettingsAreRight loads the example, and makes a connector of it.
func TestReadmeSettingsAreRight(t *testing.T) {
	loaded, _ := readme.Load(t, readme.Blocks(t, "yaml")[0], nil, sunshine.Factory().ConfigType())
	connect(t, loaded.Connectors["desk"].Settings.(*sunshine.Config), nowhere, &strings.Builder{})
}
