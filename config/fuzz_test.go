package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// FuzzParse has no text make the loader panic, take long, report a problem
// without a place, or accept what its own accessors cannot decode. It reads
// neither the environment nor files: the resolver is a fake.
func FuzzParse(f *testing.F) {
	paths, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add(Example())
	f.Fuzz(func(t *testing.T, data []byte) {
		start := time.Now()
		c, err := parse("fuzz.yaml", data, testTypes(), fakeResolver())
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("took %v", took)
		}
		if err == nil {
			c.MasterKeys()
			c.PublicURL()
			for _, account := range c.Apple.Accounts {
				account.SecretBytes()
			}
			for name, connector := range c.Connectors {
				if connector.Settings == nil {
					t.Errorf("connector %s has no settings", name)
				}
			}
			return
		}
		var problems Problems
		if !errors.As(err, &problems) || len(problems) == 0 {
			t.Fatalf("no problems, but %v", err)
		}
		for _, p := range problems {
			if p.Line < 1 || p.Column < 1 || p.Message == "" || p.File != "fuzz.yaml" || strings.ContainsAny(p.String(), "\n") {
				t.Errorf("%+v", p)
			}
		}
		for _, secret := range []string{goodKey, appleKey, deskKey, apiToken} {
			if strings.Contains(err.Error(), secret) && !strings.Contains(string(data), secret) {
				t.Errorf("shows %q: %v", secret, err)
			}
		}
	})
}
