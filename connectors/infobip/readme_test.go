package infobip_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"bizbridge/connectors/connectortest/readme"
	"bizbridge/connectors/infobip"
)

func TestReadmeNamesEverythingThereIs(t *testing.T) {
	can := infobip.Factory().Abilities
	readme.Tells(t, slices.Collect(maps.Keys(can.Inbound))...)
	readme.Tells(t, slices.Collect(maps.Keys(can.Outbound))...)
	readme.HasKeys(t, infobip.Config{})
	readme.LinksLeadSomewhere(t)
}

func TestReadmeContentsAreRight(t *testing.T) {
	connector := connect(t, "http://127.0.0.1:1")
	n := 0
	for content := range strings.Lines(readme.Blocks(t, "json content")[0]) {
		n++
		if outs, err := receive(t, connector, outbound(`{"type":"JSON","json":`+content+`}`)); err != nil || len(outs) != 1 {
			t.Errorf("%s: %v", content, err)
		}
	}
	if n != 4 {
		t.Errorf("%d examples", n)
	}
}

func TestReadmeSettingsAreRight(t *testing.T) {
	examples := readme.Blocks(t, "yaml")
	if len(examples) != 3 {
		t.Fatalf("%d examples, want 3", len(examples))
	}
	for i, example := range examples {
		t.Run(fmt.Sprint(i+1), func(t *testing.T) {
			cfg, _ := readme.Load(t, example, map[string]string{"infobip.json": ""}, infobip.Factory().ConfigType())
			settings := cfg.Connectors["infobip"].Settings.(*infobip.Config)
			connect(t, "", func(c *infobip.Config) { *c = *settings })
		})
	}
}
