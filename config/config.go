// Package config reads the bridge's configuration file: YAML with ${env:…} and
// ${file:…} placeholders, checked against a JSON Schema and against the rules
// that no schema can say. Every mistake in a file is reported at once, each
// with its line and a hint.
//
// The comments of the types below are the documentation of the file: they
// become the descriptions in the JSON Schema and the comments of the example.
package config

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

//go:generate go run ./internal/schemagen

// Config is the configuration of the bridge.
type Config struct {
	// The bridge's own listeners and its address on the internet.
	Server Server `json:"server" jsonschema:"required"`
	// Master keys: base64, 32 bytes each. The first seals, all open. To rotate, append a new key on
	// every replica, roll out, then move it to the front. "bizbridge keygen" makes one.
	Keys []Secret `json:"keys" jsonschema:"required,minItems=1,example=${env:BIZBRIDGE_KEY}"`
	// Apple's side: the gateway and your accounts as a messaging service provider (MSP).
	Apple Apple `json:"apple" jsonschema:"required"`
	// The businesses that customers write to, and the helpdesk of each.
	Businesses []Business `json:"businesses" jsonschema:"required,minItems=1"`
	// The helpdesks, each under a name of your choice (lower-case letters, digits, "-" and "_").
	Connectors map[string]Connector `json:"connectors" jsonschema:"required"`
	// How messages are handed over.
	Delivery Delivery `json:"delivery"`
	// The files that customers send and get.
	Media Media `json:"media"`
	// The bridge's own HTTP API.
	API API `json:"api"`
	// Which network addresses are trusted.
	Network Network `json:"network"`
	// What the bridge takes on at once.
	Limits Limits `json:"limits"`
	// How customers prove who they are.
	SignIn SignIn `json:"signin"`
	// Whom customers pay with Apple Pay.
	ApplePay ApplePay `json:"apple_pay"`
	// Files with rich messages that agents and bots send by name: patterns, relative to this file.
	Templates []string `json:"templates" jsonschema:"example=./templates/*.yaml"`
	// What the bridge writes to its log.
	Log Log `json:"log"`

	// Dir is the folder of the file, to which the paths in it are relative.
	Dir string `json:"-"`
	// Files names the files that values are the content of, as ${file:…} does: by the value's path,
	// "connectors.desk.auth[0].grant".
	Files map[string]string `json:"-"`
}

// Server is where the bridge listens and how the world reaches it.
type Server struct {
	// Where the public listener binds. ":8080" is port 8080 on every interface.
	Listen string `json:"listen"`
	// Where metrics and health are served. Never make it public.
	AdminListen string `json:"admin_listen"`
	// The address that Apple and the helpdesks call, as they see it. Its path, if any, prefixes every
	// public route. HTTPS; plain HTTP only on loopback.
	PublicURL string `json:"public_url" jsonschema:"required,format=uri,example=https://bridge.example.com"`
	// The certificate of the public listener. Leave both empty where TLS ends before the bridge.
	TLS TLS `json:"tls"`
	// How long requests in flight may take to finish after SIGTERM.
	ShutdownGrace Duration `json:"shutdown_grace"`
}

// TLS is a certificate and its private key, both as PEM text.
type TLS struct {
	// The certificate chain: PEM text, so usually a ${file:…}.
	Cert string `json:"cert" jsonschema:"example=${file:/etc/bizbridge/tls.crt}"`
	// Its private key: PEM text.
	Key Secret `json:"key" jsonschema:"example=${file:/etc/bizbridge/tls.key}"`
}

// Apple is the gateway and the accounts that the bridge has there.
type Apple struct {
	// Apple's gateway. HTTPS; plain HTTP only on loopback (a sandbox).
	GatewayURL string `json:"gateway_url" jsonschema:"format=uri"`
	// How far the issue time of Apple's tokens may be from the bridge's clock.
	TokenLeeway Duration `json:"token_leeway"`
	// Your MSP accounts in Apple Business Register.
	Accounts []Account `json:"accounts" jsonschema:"required,minItems=1"`
}

// Account is one MSP account.
type Account struct {
	// The account's MSP id (a UUID).
	MSPID string `json:"msp_id" jsonschema:"required,format=uuid,example=11111111-2222-3333-4444-555555555555"`
	// The account's API secrets: base64, as Apple Business Register shows them. The first signs, all verify.
	Secrets []Secret `json:"secrets" jsonschema:"required,minItems=1,example=${env:APPLE_MSP_SECRET}"`
}

// Business is one business that customers write to.
type Business struct {
	// Apple's id of the business (a UUID).
	ID string `json:"id" jsonschema:"required,format=uuid,example=aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"`
	// A name for logs and for the helpdesk.
	Name string `json:"name" jsonschema:"example=Example"`
	// The account that the business belongs to, one of apple.accounts.
	MSPID string `json:"msp_id" jsonschema:"required,format=uuid,example=11111111-2222-3333-4444-555555555555"`
	// The helpdesk that serves it: a name under connectors.
	Connector string `json:"connector" jsonschema:"example=desk"`
	// For several helpdesks, instead of connector: the first route whose patterns match the beginning of a conversation takes
	// it. The last one has no patterns: it takes the rest.
	Routes []Route `json:"routes"`
	// With routes: how it is found out which helpdesk has a conversation. lookup asks them all.
	Affinity string `json:"affinity" jsonschema:"enum=,enum=lookup,example=lookup"`
	// The provider with which its customers sign in: a name under signin.providers.
	SignIn string `json:"signin" jsonschema:"example=acme"`
	// The merchant that its customers pay: a name under apple_pay.merchants.
	ApplePay string `json:"apple_pay" jsonschema:"example=acme"`
	// What becomes of links in texts to its customers.
	RichLinks RichLinks `json:"rich_links"`
}

// Route is one of several helpdesks of a business.
type Route struct {
	// The helpdesk: a name under connectors.
	Connector string `json:"connector" jsonschema:"required,example=desk"`
	// Which new conversations it takes.
	Match *RouteMatch `json:"match"`
}

// RouteMatch is what a conversation begins with. In each pattern * stands for anything, also for nothing.
type RouteMatch struct {
	// The intent of the link by which the customer came.
	Intent string `json:"intent" jsonschema:"example=billing*"`
	// The group of that link.
	Group string `json:"group" jsonschema:"example=vip"`
	// The customer's language and country, as the phone says them.
	Locale string `json:"locale" jsonschema:"example=en_*"`
}

// ConnectorNames are the helpdesks of a business, each once; the last takes what no route matches.
func (b *Business) ConnectorNames() []string {
	if len(b.Routes) == 0 {
		return []string{b.Connector}
	}
	var names []string
	for _, route := range b.Routes {
		names = slices.DeleteFunc(names, func(name string) bool { return name == route.Connector })
		names = append(names, route.Connector)
	}
	return names
}

// RichLinks is how links in texts are shown.
type RichLinks struct {
	// Every link in an agent's or bot's text is also sent as a card, as Apple asks of messaging service providers.
	Enabled bool `json:"enabled" jsonschema:"default=true"`
	// The card's title and picture are taken from the page, which the bridge fetches for that. Private addresses are refused.
	OpenGraph bool `json:"open_graph" jsonschema:"default=false"`
	// The picture of cards for pages without one: a file, relative to this one. Without it, such links stay text.
	DefaultImage string `json:"default_image" jsonschema:"example=logo.png"`
}

// UnmarshalJSON sets the defaults of a business.
func (b *Business) UnmarshalJSON(data []byte) error {
	type fields Business // without this method
	filled := fields{RichLinks: RichLinks{Enabled: true}}
	err := json.Unmarshal(data, &filled)
	*b = Business(filled)
	return err
}

// Connector is one helpdesk. Beside type and delivery stand the keys of its type.
type Connector struct {
	// The kind of helpdesk. The README's table lists them.
	Type string `json:"type" jsonschema:"required,example=webhook"`
	// How messages reach this helpdesk. Without it, delivery.mode holds.
	Delivery string `json:"delivery" jsonschema:"enum=direct,example=direct"`
	// Hosts (host or host:port) beside the helpdesk's own whose file URLs are trusted, even at private addresses.
	AttachmentHosts []string `json:"attachment_hosts" jsonschema:"example=files.example.com"`
	// Tokens that tell this helpdesk who a customer is. Without it, there are none.
	Identity *Identity `json:"identity"`
	// Settings is what ConnectorType.New returned, filled from the file.
	Settings any `json:"-"`
}

// Delivery is how messages are handed over, in both directions.
type Delivery struct {
	// direct: a message is acknowledged only when the other side has it.
	Mode string `json:"mode" jsonschema:"enum=direct"`
	// The time that one delivery may take, retries included (100ms to 60s).
	Timeout Duration `json:"timeout"`
	// Files of customers up to this size are uploaded into a helpdesk that takes uploads; larger ones go as links.
	InlineMax Size `json:"inline_max"`
}

// Media is the files that customers send and get.
type Media struct {
	// How long a link to a customer's file works. How long Apple keeps the file is not known: copy it at once.
	TTL Duration `json:"ttl"`
	// The largest file, in either direction; Apple takes up to 100MB.
	MaxSize Size `json:"max_size"`
}

// API is who may use the bridge's own HTTP API.
type API struct {
	// One key for each program that sends through the bridge.
	Keys []APIKey `json:"keys"`
}

// APIKey is one program that may use the API.
type APIKey struct {
	// A name for logs and metrics.
	Name string `json:"name" jsonschema:"required,minLength=1,example=bot"`
	// The bearer token, 16 characters or more.
	Token Secret `json:"token" jsonschema:"required,example=${env:BIZBRIDGE_API_TOKEN}"`
	// The ids of the businesses that it may speak for, or "*" for all.
	Businesses []string `json:"businesses" jsonschema:"required,minItems=1,example=*"`
	// The connector that hears what became of its messages.
	EventsTo string `json:"events_to" jsonschema:"example=desk"`
}

// Network is which addresses are trusted.
type Network struct {
	// Private addresses that URLs inside messages may lead to: networks (10.0.0.0/8) or single addresses.
	AllowPrivate []netip.Prefix `json:"allow_private" jsonschema:"example=10.20.0.0/16"`
	// The proxies whose X-Forwarded-For is believed: networks or single addresses.
	TrustedProxies []netip.Prefix `json:"trusted_proxies" jsonschema:"example=10.0.0.1"`
}

// Limits is what the bridge takes on at once.
type Limits struct {
	// The largest request body. MB is decimal, MiB binary.
	MaxBody Size `json:"max_body"`
	// How many messages from Apple may be in work at the same time.
	InboundConcurrency int `json:"inbound_concurrency" jsonschema:"minimum=1,maximum=1000000"`
	// How many messages to Apple may be in work at the same time.
	OutboundConcurrency int `json:"outbound_concurrency" jsonschema:"minimum=1,maximum=1000000"`
}

// Log is what the bridge writes to its log.
type Log struct {
	// The least important lines to write: debug, info, warn or error.
	Level string `json:"level" jsonschema:"enum=debug,enum=info,enum=warn,enum=error"`
	// json for machines, text for people.
	Format string `json:"format" jsonschema:"enum=json,enum=text"`
}

// ConnectorType is what the loader needs to know of a kind of helpdesk.
type ConnectorType struct {
	Name string
	// New returns a pointer to the type's settings, with defaults set. Its fields carry json tags.
	New func() any
	// Schema is the JSON Schema of the type's own keys.
	Schema []byte
}

// Validator is implemented by settings that have rules beyond their schema.
// Validate is called even where the schema is broken: what broke it is at its
// default then, and reports about it are dropped. The path is relative to the
// connector: "url", "secrets[0]", "" for the whole. The loader puts
// the whole path before the message ("connectors.desk.url: is not a URL"). The
// message never holds a secret's value.
type Validator interface {
	Validate(report func(path string, message, hint string))
}

// Default returns a Config in which everything optional has its default.
func Default() *Config {
	return &Config{
		Server: Server{
			Listen:        ":8080",
			AdminListen:   "127.0.0.1:9464",
			ShutdownGrace: seconds(20),
		},
		Apple: Apple{
			GatewayURL:  "https://mspgw.push.apple.com/v1",
			TokenLeeway: seconds(3600),
		},
		Delivery: Delivery{Mode: "direct", Timeout: seconds(4), InlineMax: 2_000_000},
		Media:    Media{TTL: seconds(168 * 3600), MaxSize: 100_000_000},
		Limits:   Limits{MaxBody: 16_000_000, InboundConcurrency: 256, OutboundConcurrency: 20},
		Log:      Log{Level: "info", Format: "json"},
	}
}

// Path finds a file that the configuration names.
func (c *Config) Path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(c.Dir, name)
}

// MasterKeys returns the decoded master keys, the sealing one first.
func (c *Config) MasterKeys() [][]byte {
	return mustDecode(c.Keys, decodeMasterKey)
}

// SecretBytes returns the decoded secrets of the account, the signing one first.
func (a Account) SecretBytes() [][]byte {
	return mustDecode(a.Secrets, decodeAppleSecret)
}

// PublicURL returns server.public_url, parsed. Its path has no trailing slash.
func (c *Config) PublicURL() *url.URL {
	u, err := url.Parse(strings.TrimRight(c.Server.PublicURL, "/"))
	if err != nil {
		panic("config: server.public_url was not checked") // url.Error would quote it
	}
	return u
}

// mustDecode panics on a Config that did not come from Load: the loader has
// reported every secret that does not decode.
func mustDecode(secrets []Secret, decode func(Secret) ([]byte, error)) [][]byte {
	decoded := make([][]byte, len(secrets))
	for i, s := range secrets {
		b, err := decode(s)
		if err != nil {
			panic(fmt.Sprintf("config: secret %d was not checked: %v", i, err))
		}
		decoded[i] = b
	}
	return decoded
}

// decodeMasterKey accepts every base64 alphabet, padded or not, since each tool
// that makes keys prints another one.
func decodeMasterKey(s Secret) ([]byte, error) {
	text := strings.NewReplacer("-", "+", "_", "/").Replace(s.Reveal())
	key, err := decodeBase64(text)
	if err != nil {
		return nil, err
	}
	if len(key) != 32 {
		return nil, fmt.Errorf("is %d bytes long, not 32", len(key))
	}
	return key, nil
}

// decodeAppleSecret accepts standard base64 only, as Apple shows it.
func decodeAppleSecret(s Secret) ([]byte, error) {
	return decodeBase64(s.Reveal())
}

// decodeBase64 says no more of a bad value than that it is bad: it is a secret.
func decodeBase64(text string) ([]byte, error) {
	text = strings.TrimRight(strings.TrimSpace(text), "=")
	decoded, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("is not base64")
	}
	if len(decoded) == 0 {
		return nil, fmt.Errorf("is empty")
	}
	return decoded, nil
}

// slowestUpload is a pace that files should be expected to move at, in bytes per second, over both legs of their way.
const slowestUpload = 5_000_000

// Warnings are what is valid and may still not be what was wanted. Each is a sentence.
func (c *Config) Warnings() []string {
	var warnings []string
	if needed := time.Duration(c.Media.MaxSize.Bytes()/slowestUpload) * time.Second; needed > c.Delivery.Timeout.Std() {
		warnings = append(warnings, fmt.Sprintf(
			"a file of media.max_size (%s) takes about %s at 5 MB/s and will not get through within delivery.timeout (%s). Raise the timeout (up to 60s), or lower media.max_size.",
			c.Media.MaxSize, needed, c.Delivery.Timeout.Std()))
	}
	for i, business := range c.Businesses {
		if links := business.RichLinks; links.Enabled && !links.OpenGraph && links.DefaultImage == "" {
			warnings = append(warnings, fmt.Sprintf(
				"businesses[%d].rich_links makes no cards: it has neither open_graph nor default_image, so links stay text. Apple's list of features asks for cards.", i))
		}
	}
	if len(c.SignIn.Providers) > 0 && c.SignIn.SubjectKey == "" {
		warnings = append(warnings, "signin.subject_key is not set: when keys are rotated, helpdesks will know everybody who signs in by another subject. Make one with: bizbridge keygen.")
	}
	return append(warnings, c.testPayments()...)
}
