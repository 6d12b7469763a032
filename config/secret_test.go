package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// TestSecretStaysSecret prints secrets in every way that Go knows, alone and
// inside of what holds them.
func TestSecretStaysSecret(t *testing.T) {
	const text = "correct-horse-battery"
	secret := Secret(text)
	c := Default()
	c.Keys = []Secret{secret}
	c.Server.TLS.Key = secret
	c.Apple.Accounts = []Account{{MSPID: mspID, Secrets: []Secret{secret}}}
	c.API.Keys = []APIKey{{Name: "bot", Token: secret}}
	c.Connectors = map[string]Connector{"desk": {Settings: webhookSettings{Secrets: []Secret{secret}}}}

	prints := map[string]string{}
	for name, value := range map[string]any{
		"secret": secret, "pointer": &secret, "list": []Secret{secret}, "map": map[string]Secret{"a": secret},
		"struct": struct{ S Secret }{secret}, "config": *c, "config pointer": c,
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%10s", "%T|%v"} {
			if verb == "%T|%v" {
				prints[name+verb] = fmt.Sprintf(verb, value, value)
				continue
			}
			prints[name+verb] = fmt.Sprintf(verb, value)
		}
		prints[name+" print"] = fmt.Sprint(value) + fmt.Sprintln(value)
		prints[name+" error"] = fmt.Errorf("failed: %w %v", errors.New("x"), value).Error()
		prints[name+" json"] = must(t, json.Marshal, value)
		prints[name+" yaml"] = must(t, yaml.Marshal, value)
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "value", value, slog.Group("g", "value", value))
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "value", value, slog.Group("g", "value", value))
		prints[name+" slog"] = log.String()
	}
	for how, printed := range prints {
		for _, shown := range []string{text, fmt.Sprintf("%x", text), fmt.Sprintf("%X", text), fmt.Sprintf("% x", text), "99 111 114"} {
			if strings.Contains(printed, shown) {
				t.Errorf("%s shows the secret: %s", how, printed)
			}
		}
	}
	for _, how := range []string{"secret%v", "secret%x", "secret json", "secret yaml", "secret slog"} {
		if !strings.Contains(prints[how], redacted) {
			t.Errorf("%s: %q", how, prints[how])
		}
	}
	if secret.Reveal() != text {
		t.Error("Reveal")
	}
	if texts := Reveal([]Secret{secret, "another"}); !slices.Equal(texts, []string{text, "another"}) || len(Reveal(nil)) != 0 {
		t.Errorf("Reveal gives %q", texts)
	}
}

func must(t *testing.T, marshal func(any) ([]byte, error), value any) string {
	t.Helper()
	data, err := marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestUncheckedConfigPanicsWithoutSecret has the decoded forms of a Config that
// no loader has checked keep its values to themselves.
func TestUncheckedConfigPanicsWithoutSecret(t *testing.T) {
	for name, decode := range map[string]func(){
		"key":    func() { (&Config{Keys: []Secret{"hunter2!"}}).MasterKeys() },
		"secret": func() { Account{Secrets: []Secret{"hunter2!"}}.SecretBytes() },
		"url":    func() { (&Config{Server: Server{PublicURL: "http://u:hunter2!@[::1"}}).PublicURL() },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if got := fmt.Sprint(recover()); got == "<nil>" || strings.Contains(got, "hunter2!") {
					t.Errorf("panic says %q", got)
				}
			}()
			decode()
		})
	}
}
