package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"bizbridge/bridge/message"
	"bizbridge/config"
	"bizbridge/connectors"
	"bizbridge/connectors/registry"
)

// Report is what [Check] found in a configuration that works.
type Report struct {
	Templates int // templates that agents and bots can send
	Tests     int // tests of mappings that ran
	Warnings  []string
	// Abilities is what each connector can do as it is configured, by name.
	Abilities map[string]connectors.Abilities
}

// Check builds everything that a configuration describes, without listening or calling anyone, and runs the tests that
// its mappings bring. The error has a line for every problem.
func Check(ctx context.Context, cfg *config.Config) (Report, error) {
	site, err := newApp(Options{Logger: slog.New(slog.DiscardHandler), Version: "check"}).newSite(cfg)
	if err != nil {
		return Report{}, err
	}
	defer site.close()
	report := Report{Templates: site.templates, Warnings: cfg.Warnings(), Abilities: site.abilities()}
	for _, doubt := range site.doubts {
		report.Warnings = append(report.Warnings, strings.Replace(doubt, ": warning: ", ": ", 1))
	}
	report.Warnings = append(report.Warnings, untold(cfg, report.Abilities)...)
	var failures []string
	for _, name := range slices.Sorted(maps.Keys(site.desks)) {
		var testers []selfTester
		if tester, ok := site.desks[name].Connector.(connectors.SelfTester); ok {
			testers = append(testers, tester)
		}
		if lookUp := site.lookUps[name]; lookUp != nil {
			testers = append(testers, lookUp)
		}
		for _, tester := range testers {
			run, failed, warnings := tester.SelfTest(ctx)
			report.Tests += run
			report.Warnings = append(report.Warnings, warnings...)
			failures = append(failures, failed...)
		}
	}
	if len(failures) > 0 {
		return report, errors.New(strings.Join(failures, "\n"))
	}
	return report, nil
}

// untold finds businesses whose helpdesk is never told what their customers do.
func untold(cfg *config.Config, abilities map[string]connectors.Abilities) (warnings []string) {
	for i, business := range cfg.Businesses {
		for _, name := range business.ConnectorNames() {
			for _, needed := range []struct {
				key   string
				used  bool
				event message.EventType
				so    string
			}{
				{"connector", true, message.EventReceived, "what customers write is not shown"},
				{"signin", business.SignIn != "", message.EventSignIn, "nobody hears who signs in"},
				{"apple_pay", business.ApplePay != "", message.EventPayment, "nobody hears who has paid"},
			} {
				if level := abilities[name].Takes(needed.event); needed.used && level <= connectors.Dropped {
					warnings = append(warnings, fmt.Sprintf(
						"businesses[%d].%s: the connector %s does not take %s (%s), so %s. Add a rule for it, if it has a mapping.",
						i, needed.key, name, needed.event, level, needed.so))
				}
			}
		}
	}
	return warnings
}

// selfTester is a [connectors.SelfTester], or a look-up.
type selfTester interface {
	SelfTest(ctx context.Context) (run int, failed, warnings []string)
}

func (s *site) abilities() map[string]connectors.Abilities {
	all := make(map[string]connectors.Abilities, len(s.desks))
	for name, desk := range s.desks {
		if able, ok := desk.Connector.(connectors.Able); ok {
			all[name] = able.Abilities()
			continue
		}
		factory, _ := registry.Find(s.config.Connectors[name].Type)
		all[name] = factory.Abilities
	}
	return all
}
