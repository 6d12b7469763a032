package iadvize_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bizbridge/bridge/message"
	"bizbridge/config"
	"bizbridge/connectors"
	"bizbridge/connectors/connectortest"
	"bizbridge/connectors/iadvize"
	"bizbridge/connectors/iadvize/iadvizetest"
)

func TestEveryEventThatIsDeliveredIsRefusedForGood(t *testing.T) {
	connector, factory := connect(t, nil), iadvize.Factory()
	for _, kind := range message.EventTypes {
		if kind.Typing() || kind == message.EventClosed { // the flow drops them
			if level := factory.Abilities.Takes(kind); level != connectors.Dropped {
				t.Errorf("%s is declared as %s", kind, level)
			}
			continue
		}
		if level := factory.Abilities.Takes(kind); level != connectors.Rejected {
			t.Errorf("%s is declared as %s, and is refused", kind, level)
		}
		_, err := connector.Deliver(t.Context(), event(kind))
		failure := failureIn(t, err)
		if failure.Class != message.Permanent {
			t.Errorf("%s: %s, which somebody would try again", kind, failure.Class)
		}
		for _, part := range []string{"takes no messages", "connector of another type", "own Apple Messages channel", "connectors/iadvize/README.md"} {
			if !strings.Contains(failure.Error(), part) {
				t.Errorf("%s: the reason does not say %q: %s", kind, part, failure)
			}
		}
		if strings.Contains(failure.Error(), said) || strings.Contains(failure.Error(), "urn:mbid:") {
			t.Errorf("%s: the reason tells who said what: %s", kind, failure)
		}
	}
}

func TestNothingIsClaimedThatIsNotThere(t *testing.T) {
	connector, factory := connect(t, nil), iadvize.Factory()
	if err := factory.CheckClaims(connector); err != nil {
		t.Error(err)
	}
	for name, does := range map[string]bool{
		"typing": is[connectors.TypingRelay](connector), "leaving": is[connectors.CloseRelay](connector), "failures": is[connectors.FailureRelay](connector),
		"notes": is[connectors.NoteWriter](connector), "choices": is[connectors.ChoiceKeeper](connector), "files": is[connectors.Uploader](connector),
		"looking up conversations": is[connectors.ConversationFinder](connector), "streams": is[connectors.Runner](connector),
	} {
		if does {
			t.Errorf("it claims %s", name)
		}
	}
	if len(factory.Abilities.Outbound) > 0 || factory.Abilities.Idempotent || len(factory.Operations) > 0 || factory.Origin != nil {
		t.Errorf("it claims to send or to call: %+v", factory)
	}
	if factory.NewConfig() == factory.NewConfig() {
		t.Error("two connectors share their settings")
	}
}

func is[T any](connector connectors.Connector) bool {
	_, ok := connector.(T)
	return ok
}

// preamble is a configuration without connectors and businesses.
var preamble = map[string]any{
	"server": map[string]any{"public_url": "https://bridge.example.com"},
	"keys":   []string{"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="},
	"apple":  map[string]any{"accounts": []any{map[string]any{"msp_id": "11111111-2222-3333-4444-555555555555", "secrets": []string{"c2VjcmV0LW9mLWFwcGxl"}}}},
	"businesses": []any{map[string]any{
		"id": business, "msp_id": "11111111-2222-3333-4444-555555555555", "connector": "desk",
	}},
}

// load puts the keys of a connector beside another that has the conversations.
func load(t *testing.T, keys map[string]any) (*config.Config, error) {
	t.Helper()
	whole := map[string]any{"connectors": map[string]any{"desk": map[string]any{"type": "desk"}, "iadvize": keys}}
	for key, value := range preamble {
		whole[key] = value
	}
	document, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "bizbridge.yaml") // JSON is YAML
	if err := os.WriteFile(file, document, 0o600); err != nil {
		t.Fatal(err)
	}
	desk := config.ConnectorType{Name: "desk", New: func() any { return &struct{}{} }, Schema: []byte(`{"type": "object"}`)}
	return config.Load(file, []config.ConnectorType{iadvize.Factory().ConfigType(), desk})
}

func TestSettings(t *testing.T) {
	for name, c := range map[string]struct {
		keys  map[string]any
		fault string // in the problems; "" for settings that are right
	}{
		"one secret":                {map[string]any{"secrets": []string{iadvizetest.Secret}}, ""},
		"two secrets":               {map[string]any{"secrets": []string{iadvizetest.Secret, iadvizetest.OtherSecret}}, ""},
		"no secret":                 {map[string]any{}, "connectors.iadvize.secrets"},
		"an empty list":             {map[string]any{"secrets": []string{}}, "connectors.iadvize.secrets"},
		"an empty secret":           {map[string]any{"secrets": []string{""}}, "connectors.iadvize.secrets[0]"},
		"white space":               {map[string]any{"secrets": []string{iadvizetest.Secret, " " + iadvizetest.OtherSecret}}, "connectors.iadvize.secrets[1]"},
		"a key that does not exist": {map[string]any{"secrets": []string{iadvizetest.Secret}, "url": "https://api.iadvize.com"}, `unknown key "url" in connectors.iadvize`},
	} {
		t.Run(name, func(t *testing.T) {
			c.keys["type"] = "iadvize"
			loaded, err := load(t, c.keys)
			if c.fault != "" {
				problems, ok := errors.AsType[config.Problems](err)
				if !ok || !strings.Contains(problems.Error(), c.fault) {
					t.Fatalf("%v, want a problem at %s", err, c.fault)
				}
				if strings.Contains(err.Error(), iadvizetest.OtherSecret) {
					t.Errorf("the problem tells the secret: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := iadvize.Factory().New(connectors.Environment{}, loaded.Connectors["iadvize"].Settings); err != nil {
				t.Errorf("settings that passed the checks are refused: %v", err)
			}
		})
	}
}

func TestCheckTellsWhatItCannotLookUp(t *testing.T) {
	findings := connect(t, nil).(connectors.Checker).Check(t.Context())
	if len(findings) != 2 {
		t.Fatalf("%d findings", len(findings))
	}
	for _, finding := range findings {
		if finding.Verdict != connectors.Doubtful || finding.Subject == "" || finding.Cause == "" || finding.Fix == "" {
			t.Errorf("%+v", finding)
		}
		if strings.Contains(finding.Cause+finding.Fix, iadvizetest.Secret) {
			t.Errorf("%s tells the secret", finding.Subject)
		}
	}
}

func TestTheFakeSharesNoCodeWithTheConnector(t *testing.T) {
	connectortest.Independent(t, "bizbridge/connectors/iadvize/iadvizetest", "bizbridge/connectors/iadvize")
}
