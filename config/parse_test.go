package config

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestMistakes has one small file per mistake in testdata, and beside it what
// the loader says of it.
func TestMistakes(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(paths) < 60 {
		t.Fatalf("%d files, %v", len(paths), err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".yaml")
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			_, err = parse(filepath.Base(path), data, testTypes(), fakeResolver())
			if strings.HasPrefix(name, "ok-") {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var problems Problems
			if !errors.As(err, &problems) {
				t.Fatalf("got %v, want problems", err)
			}
			golden(t, strings.TrimSuffix(path, ".yaml")+".txt", problems.Error()+"\n")
			for _, secret := range []string{goodKey, appleKey, deskKey, apiToken, "hunter2-short", "plain-secret-text", "not!base64", "not base64 at all"} {
				if strings.Contains(problems.Error(), secret) {
					t.Errorf("shows the secret %q:\n%v", secret, problems)
				}
			}
		})
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func minimal(t *testing.T) string { return read(t, "testdata/ok-minimal.yaml") }

func TestDefaults(t *testing.T) {
	got := mustParse(t, minimal(t))
	want := Default()
	want.Dir = "."
	want.Server.PublicURL = "https://bridge.example.com"
	want.Keys = []Secret{goodKey}
	want.Apple.Accounts = []Account{{MSPID: mspID, Secrets: []Secret{appleKey}}}
	want.Businesses = []Business{{ID: exampleID, MSPID: mspID, Connector: "desk", RichLinks: RichLinks{Enabled: true}}}
	want.Connectors = map[string]Connector{"desk": {Type: "webhook", Delivery: "direct", Settings: &webhookSettings{
		URL: "https://desk.example.com/hooks", Secrets: []Secret{deskKey}, Wait: seconds(2),
	}}}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	if got.Delivery.Timeout.Std() != 4*time.Second || got.Limits.MaxBody.Bytes() != 16_000_000 || got.Limits.OutboundConcurrency != 20 {
		t.Errorf("defaults: %+v %+v", got.Delivery, got.Limits)
	}
}

func TestEverySection(t *testing.T) {
	c := mustParse(t, read(t, "testdata/ok-everything.yaml"))
	want := &Config{
		Dir:    ".",
		Server: Server{Listen: "127.0.0.1:0", AdminListen: "[::1]:0", PublicURL: "http://localhost:8080/bridge", ShutdownGrace: seconds(90)},
		Keys:   []Secret{goodKey, otherKey},
		Apple: Apple{GatewayURL: "http://127.0.0.1:9000/v1", TokenLeeway: seconds(600),
			Accounts: []Account{{MSPID: mspID, Secrets: []Secret{appleKey}}}},
		Businesses: []Business{{ID: exampleID, Name: "Example", MSPID: mspID, Connector: "desk", RichLinks: RichLinks{OpenGraph: true, DefaultImage: "testdata/logo.png"}}},
		Templates:  []string{"./templates/*.yaml"},
		Connectors: map[string]Connector{
			"desk": {Type: "webhook", Delivery: "direct", AttachmentHosts: []string{"10.0.0.7:9000"}, Settings: &webhookSettings{
				URL: "https://desk.example.com", Secrets: []Secret{"whsec_a"}, Retries: 3, Verbose: true, Wait: seconds(2), Number: "12",
			}},
			"spare": {Type: "chatwoot", Delivery: "direct", Settings: &struct{}{}},
		},
		Delivery: Delivery{Mode: "direct", Timeout: Duration(1500 * time.Millisecond), InlineMax: 1_000_000},
		Media:    Media{TTL: seconds(3600), MaxSize: 10_000_000},
		API:      API{Keys: []APIKey{{Name: "bot", Token: apiToken, Businesses: []string{"*", strings.ToUpper(exampleID)}, EventsTo: "desk"}}},
		Network:  Network{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}},
		Limits:   Limits{MaxBody: 1 << 20, InboundConcurrency: 12, OutboundConcurrency: 5},
		Log:      Log{Level: "debug", Format: "text"},
	}
	if diff := cmp.Diff(want, c, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

func TestDecodedForms(t *testing.T) {
	text := strings.Replace(minimal(t), "https://bridge.example.com", "https://bridge.example.com/a/b/", 1)
	text = strings.Replace(text, "keys:\n", "keys:\n  - "+otherKey+"\n", 1)
	text = strings.Replace(text, "        - ${env:APPLE_MSP_SECRET}\n", "        - \" c2VjcmV0LW9mLWFwcGxl\\n\"\n        - c2VjcmV0LQ\n", 1)
	c := mustParse(t, text+`
network: {allow_private: [10.0.0.0/8], trusted_proxies: [192.0.2.1, "2001:db8::1", 10.1.2.3/16, "::ffff:192.0.2.7"]}
`)
	if got := c.PublicURL().String(); got != "https://bridge.example.com/a/b" {
		t.Errorf("PublicURL: %s", got)
	}
	keys := c.MasterKeys()
	if len(keys) != 2 || len(keys[0]) != 32 || keys[0][0] != 0xff || string(keys[1]) != "0123456789abcdef0123456789abcdef" {
		t.Errorf("MasterKeys: %q", keys)
	}
	secrets := c.Apple.Accounts[0].SecretBytes()
	if diff := cmp.Diff([][]byte{[]byte("secret-of-apple"), []byte("secret-")}, secrets); diff != "" {
		t.Error(diff)
	}
	want := []string{"192.0.2.1/32", "2001:db8::1/128", "10.1.0.0/16", "192.0.2.7/32"}
	for i, prefix := range c.Network.TrustedProxies {
		if prefix != netip.MustParsePrefix(want[i]) {
			t.Errorf("proxy %d: %v, want %s", i, prefix, want[i])
		}
	}
}

func TestAliasesAndMerges(t *testing.T) {
	c := mustParse(t, minimal(t)+`
log: &log {level: &level warn}
delivery: {}
network:
  allow_private: &nets [10.0.0.0/8]
  trusted_proxies: *nets
api:
  keys:
    - &first {name: one, token: 0123456789abcdef-1, businesses: ["*"], events_to: desk}
    - &second {<<: *first, name: two, token: 0123456789abcdef-2}
    - {<<: [*second], name: three, token: 0123456789abcdef-3}
`)
	if len(c.Network.TrustedProxies) != 1 || c.API.Keys[2].EventsTo != "desk" || c.API.Keys[1].Name != "two" {
		t.Errorf("%+v %+v", c.Network, c.API)
	}
}

func TestByteOrderMarkAndCRLF(t *testing.T) {
	mustParse(t, "\uFEFF"+minimal(t))
	mustParse(t, strings.ReplaceAll(minimal(t), "\n", "\r\n"))
}

func TestTLSPair(t *testing.T) {
	cert, key := selfSigned(t)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "tls.crt"), cert)
	write(t, filepath.Join(dir, "tls.key"), key)
	text := strings.Replace(minimal(t), "server:\n", "server:\n  tls: {cert: \"${file:tls.crt}\", key: \"${file:tls.key}\"}\n", 1)
	for name, value := range environment {
		if name != "BINARY" {
			t.Setenv(name, value)
		}
	}
	c, err := Parse(filepath.Join(dir, "bizbridge.yaml"), []byte(text), testTypes())
	if err != nil {
		t.Fatal(err)
	}
	if c.Server.TLS.Cert != cert {
		t.Error("PEM text changed on its way")
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(filepath.Join(dir, "missing.yaml"), testTypes()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	var problems Problems
	if _, err := Load(dir, testTypes()); err == nil || errors.As(err, &problems) {
		t.Errorf("folder: %v", err)
	}
	large := filepath.Join(dir, "large.yaml")
	write(t, large, strings.Repeat("# comment\n", maxFile/10+1))
	if _, err := Load(large, testTypes()); !errors.As(err, &problems) || !strings.Contains(problems[0].Message, "larger than") {
		t.Errorf("large file: %v", err)
	}
}

// TestHostileShapes has texts that are small, or under the limit, and grow large
// by placeholders. Those that would take the parser minutes are tested with it.
func TestHostileShapes(t *testing.T) {
	for name, text := range map[string]string{
		"placeholders":  "keys: " + strings.Repeat("${env:A}", 100_000),
		"large aliases": "x: &x " + strings.Repeat("y", 500_000) + "\nkeys: [" + strings.Repeat("*x, ", 40_000) + "]",
		"large files":   "keys: [" + strings.Repeat("\"${file:/run/one-line}\", ", 30_000) + "]",
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			if _, err := parse("x.yaml", []byte(text), testTypes(), fakeResolver()); err == nil {
				t.Error("no problem")
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("took %v", took)
			} else {
				t.Log(took)
			}
		})
	}
}

// TestLongestConnectorName: paths are clipped, names are not.
func TestLongestConnectorName(t *testing.T) {
	name := strings.Repeat("d", 63)
	text := strings.NewReplacer("connector: desk", "connector: "+name, "  desk:\n", "  "+name+":\n").Replace(minimal(t))
	if c := mustParse(t, text); c.Connectors[name].Settings == nil {
		t.Errorf("%+v", c.Connectors)
	}
	_, err := parse("x.yaml", []byte(strings.Replace(text, "    url: https:", "    url: ftp:", 1)), testTypes(), fakeResolver())
	if err == nil || !strings.Contains(err.Error(), "is FTP") {
		t.Errorf("its settings were not asked: %v", err)
	}
}
