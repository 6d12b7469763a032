package config

import (
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bizbridge/config/yamlfile"
)

var update = flag.Bool("update", false, "write the golden files")

// Values that no problem, log line or dump may show.
const (
	goodKey   = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	otherKey  = "_-7dzLuqmYh3ZlVEMyIRAP_u3cy7qpmId2ZVRDMiEQA"
	appleKey  = "c2VjcmV0LW9mLWFwcGxl"
	deskKey   = "whsec_c2VjcmV0LW9mLWRlc2s="
	apiToken  = "0123456789abcdef-token"
	mspID     = "11111111-2222-3333-4444-555555555555"
	exampleID = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
)

var environment = map[string]string{
	"BIZBRIDGE_KEY":        goodKey,
	"APPLE_MSP_SECRET":     appleKey,
	"DESK_SECRET":          deskKey,
	"SUBJECT_KEY":          goodKey,
	"SIGNIN_CLIENT_SECRET": "client-secret", "STRIPE_SECRET_KEY": "sk_test_1", "PAYMENT_SECRET": "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
	"BIZBRIDGE_API_TOKEN": apiToken,
	"CRM_PASSWORD":        "hunter2-short",
	"CRM_TOKEN":           "hunter2-short",
	"CRM_API_KEY":         "hunter2-short",
	"CRM_SIGNING_SECRET":  "hunter2-short",
	"CRM_CLIENT_SECRET":   "hunter2-short",
	"SHORT":               "hunter2-short",
	"NUMBER":              "12",
	"TRUE":                "true",
	"FRACTION":            "4.0",
	"DURATION":            "1500ms",
	"SIZE":                "1MiB",
	"EMPTY":               "",
	"PLACEHOLDER":         "${env:BIZBRIDGE_KEY}",
	"BINARY":              "\xff\xfe",
}

var files = map[string]string{
	"/run/one-line": "one line\n",
	"/run/crlf":     "one line\r\n",
	"/run/pem":      "-----BEGIN X-----\nAAAA\n-----END X-----\n",
	"/run/blank":    "\n",
}

func fakeResolver() resolver {
	return resolver{
		env: func(name string) (string, bool) { value, ok := environment[name]; return value, ok },
		file: func(path string) (string, error) {
			if text, ok := files[path]; ok {
				return text, nil
			}
			return "", os.ErrNotExist
		},
	}
}

// webhookSettings is a kind of helpdesk to test with.
type webhookSettings struct {
	URL           string   `json:"url"`
	Secrets       []Secret `json:"secrets"`
	VerifySecrets []Secret `json:"verify_secrets"`
	Retries       int      `json:"retries"`
	Verbose       bool     `json:"verbose"`
	Wait          Duration `json:"wait"`
	Auth          struct {
		Kind  string `json:"kind"`
		Token Secret `json:"token"`
	} `json:"auth"`
	Number evenNumber `json:"number"`
}

// Validate implements Validator.
func (w *webhookSettings) Validate(report func(path, message, hint string)) {
	if strings.HasPrefix(w.URL, "ftp:") {
		report("url", "is FTP", "Use https://.")
	}
	for i, s := range w.Secrets {
		if !strings.HasPrefix(s.Reveal(), "whsec_") {
			report(yamlfile.ItemPath("secrets", i), "does not start with whsec_", "")
		}
	}
}

// evenNumber refuses values that its schema allows.
type evenNumber string

func (n *evenNumber) UnmarshalText(text []byte) error {
	if text[len(text)-1]%2 != 0 {
		return errors.New("odd: " + string(text))
	}
	*n = evenNumber(text)
	return nil
}

const webhookSchema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "required": ["url", "secrets"],
  "properties": {
    "url": {"type": "string", "format": "uri", "description": "Where the helpdesk takes events.", "examples": ["https://desk.example.com/hooks"]},
    "secrets": {"type": "array", "minItems": 1, "items": {"type": "string", "writeOnly": true}, "description": "Signs what the bridge sends. The first signs."},
    "verify_secrets": {"type": "array", "items": {"type": "string", "writeOnly": true}},
    "retries": {"type": "integer", "minimum": 0, "maximum": 9},
    "verbose": {"type": "boolean"},
    "wait": {"type": "string", "pattern": "^([0-9]{1,5}(\\.[0-9]{1,3})?(ms|s|m|h)){1,4}$", "examples": ["2s"]},
    "auth": {"$ref": "#/$defs/Auth"},
    "number": {"type": "string", "minLength": 1, "maxLength": 5}
  },
  "$defs": {
    "Auth": {
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "kind": {"enum": ["none", "bearer"]},
        "token": {"type": "string", "writeOnly": true}
      }
    }
  }
}`

func testTypes() []ConnectorType {
	return []ConnectorType{
		{Name: "webhook", Schema: []byte(webhookSchema), New: func() any { return &webhookSettings{Wait: seconds(2)} }},
		{Name: "chatwoot", New: func() any { return &struct{}{} }},
	}
}

// golden compares with a file, or writes it with -update.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", path, diff)
	}
}

func mustParse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := parse("test.yaml", []byte(text), testTypes(), fakeResolver())
	if err != nil {
		t.Fatal(err)
	}
	return c
}
