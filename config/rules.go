package config

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"bizbridge/bridge/secureurl"
	"bizbridge/config/yamlfile"
)

// rules are what no schema can say. Each reports the path of the value that is
// to be changed; document.add keeps quiet where the schema has spoken already.
type rules struct {
	*document
	config *Config
	// connectors are the names under connectors in the file: a connector whose
	// own keys are wrong still exists.
	connectors []string
}

func checkRules(d *document, c *Config) {
	r := &rules{document: d, config: c}
	if connectors := d.tree.Child("connectors"); connectors != nil {
		for _, f := range connectors.Fields {
			r.connectors = append(r.connectors, f.Name)
		}
	}
	slices.Sort(r.connectors)
	r.server()
	r.keys()
	r.apple()
	r.businesses()
	r.settings()
	r.delivery()
	r.media()
	r.api()
	r.signIn()
	r.applePay()
	r.identities()
}

func (r *rules) server() {
	s := r.config.Server
	r.listenAddress("server.listen", s.Listen)
	r.listenAddress("server.admin_listen", s.AdminListen)
	if s.Listen == s.AdminListen && !strings.HasSuffix(s.Listen, ":0") {
		r.add("server.admin_listen", "server.admin_listen is the same as server.listen", "Metrics and health are not public: give them a port of their own.")
	}
	r.address("server.public_url", s.PublicURL, "Apple and the helpdesks call it")
	r.publicPath(s.PublicURL)
	r.tls(s.TLS)
	if s.ShutdownGrace.Std() > time.Hour {
		r.add("server.shutdown_grace", "server.shutdown_grace is longer than an hour", "20s is usual; an orchestrator kills after 30s by default.")
	}
}

func (r *rules) listenAddress(path, address string) {
	const hint = `Write host:port, or :port for every interface: ":8080".`
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		r.add(path, path+" is not an address", hint)
		return
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		r.add(path, path+" has no port from 0 to 65535", hint)
	}
	if strings.ContainsAny(host, "/ @") {
		r.add(path, path+" is not an address", hint)
	}
}

// address checks a URL that is the base of others.
func (r *rules) address(path, raw, why string) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Hostname() == "":
		r.add(path, path+" is not an absolute URL", "Write it whole: https://host/path.")
	case u.Scheme != "https" && u.Scheme != "http":
		r.add(path, path+" is not an HTTPS URL", "It starts with https://.")
	case u.Scheme == "http" && !secureurl.Loopback(u.Hostname()):
		r.add(path, path+" is plain HTTP", "Use https:// ("+why+"); http:// is for loopback only.")
	case u.User != nil:
		r.add(path, path+" holds a user name", "Remove what stands before the @.")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(raw, "#"):
		r.add(path, path+` has a query or a fragment`, `Remove "?" or "#" and what follows.`)
	case strings.HasSuffix(u.Host, ":") || badPort(u.Port()):
		r.add(path, path+" has no port from 1 to 65535", "Remove the colon, or correct the port.")
	}
}

// publicPath refuses what a router or a proxy would read as something else than a path.
func (r *rules) publicPath(raw string) {
	u, err := url.Parse(raw)
	if err != nil || u.Path == "" || u.Path == "/" {
		return
	}
	if strings.Trim(u.Path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~/") != "" ||
		strings.Contains(u.Path, "//") || path.Clean(u.Path) != strings.TrimSuffix(u.Path, "/") {
		r.add("server.public_url", "server.public_url has a path that cannot prefix the routes", "Use letters, digits and - _ . ~ between single slashes: https://host/bridge.")
	}
}

func badPort(port string) bool {
	n, err := strconv.Atoi(port)
	return port != "" && (err != nil || n < 1 || n > 65535)
}

func (r *rules) tls(t TLS) {
	switch {
	case t.Cert == "" && t.Key == "" || r.hasBroken("server.tls"):
	case t.Cert == "":
		r.add("server.tls.cert", "server.tls.key is set, but server.tls.cert is not", "Set both, or neither where TLS ends before the bridge.")
	case t.Key == "":
		r.add("server.tls.key", "server.tls.cert is set, but server.tls.key is not", "Set both, or neither where TLS ends before the bridge.")
	default:
		r.pem("server.tls.cert", t.Cert)
		r.pem("server.tls.key", t.Key.Reveal())
		if _, err := tls.X509KeyPair([]byte(t.Cert), []byte(t.Key.Reveal())); err != nil && !r.isBroken("server.tls.key") {
			r.add("server.tls.cert", "server.tls.cert and server.tls.key are no pair", "Both must be whole, and the key must be the certificate's own.")
		}
	}
}

func (r *rules) pem(path, text string) {
	if !strings.Contains(text, "-----BEGIN") {
		r.add(path, path+" is not PEM text", "To take it from a file, write ${file:/path/to/it}.")
	}
}

func (r *rules) keys() {
	for i, key := range r.config.Keys {
		if _, err := decodeMasterKey(key); err != nil {
			path := yamlfile.ItemPath("keys", i)
			r.add(path, path+" "+err.Error(), "A master key is 32 bytes in base64. Make one with: bizbridge keygen.")
		}
	}
}

func (r *rules) apple() {
	a := r.config.Apple
	r.address("apple.gateway_url", a.GatewayURL, "messages and tokens travel over it")
	accounts := map[string]int{}
	for i, account := range a.Accounts {
		path := yamlfile.ItemPath("apple.accounts", i)
		r.unique(accounts, account.MSPID, i, path+".msp_id", "apple.accounts", "Put all secrets of an account under one entry.")
		for j, secret := range account.Secrets {
			if _, err := decodeAppleSecret(secret); err != nil {
				path := yamlfile.ItemPath(path+".secrets", j)
				r.add(path, path+" "+err.Error(), "Copy the secret as Apple Business Register shows it: it is base64 already.")
			}
		}
	}
}

// unique reports a value that an earlier entry of the list has already. Ids
// differ in more than case.
func (r *rules) unique(seen map[string]int, value string, i int, path, list, hint string) {
	if value == "" || r.isBroken(path) {
		return
	}
	if first, twice := seen[strings.ToLower(value)]; twice {
		r.add(path, fmt.Sprintf("%s is the same as in %s", path, yamlfile.ItemPath(list, first)), hint)
		return
	}
	seen[strings.ToLower(value)] = i
}

func (r *rules) businesses() {
	accounts := map[string]bool{}
	for _, account := range r.config.Apple.Accounts {
		accounts[strings.ToLower(account.MSPID)] = true
	}
	ids := map[string]int{}
	for i, business := range r.config.Businesses {
		path := yamlfile.ItemPath("businesses", i)
		r.unique(ids, business.ID, i, path+".id", "businesses", "A business stands in the list once.")
		if !accounts[strings.ToLower(business.MSPID)] && !r.hasBroken("apple.accounts") {
			r.add(path+".msp_id", path+".msp_id is none of apple.accounts", "Add the account there, or correct the id.")
		}
		r.routes(path, business)
		r.file(path+".rich_links.default_image", business.RichLinks.DefaultImage)
	}
}

// routes checks which helpdesks a business has.
func (r *rules) routes(path string, business Business) {
	const advice = `Set connector: the name of one under connectors, or routes for several.`
	switch {
	case len(business.Routes) == 0 && business.Connector == "":
		if !r.hasBroken(path+".routes") && !r.isBroken(path+".connector") {
			r.addKey(path+".connector", path+".connector is missing", advice)
		}
	case len(business.Routes) == 0:
		r.connector(path+".connector", business.Connector, path+" routes to nowhere: there is no such connector")
		if business.Affinity != "" {
			r.add(path+".affinity", path+".affinity is set, but there are no routes", "Remove it.")
		}
		return
	case business.Connector != "":
		r.add(path+".connector", path+" has connector and routes", "Remove one of them.")
	}
	for i, route := range business.Routes {
		at := yamlfile.ItemPath(path+".routes", i)
		r.connector(at+".connector", route.Connector, at+" leads to nowhere: there is no such connector")
		all := route.Match == nil || *route.Match == RouteMatch{}
		if last := i == len(business.Routes)-1; all && !last {
			r.add(at, at+" takes everything: the routes behind it take nothing", "Give it a match, or move it to the end.")
		} else if !all && last {
			r.add(at, at+" is the last route, and has a match", "Add a route without one: it takes the conversations that match nothing.")
		}
	}
	names := slices.DeleteFunc(business.ConnectorNames(), func(name string) bool { return name == "" }) // reported by the schema
	switch several := len(names) > 1; {
	case several && business.Affinity == "" && !r.isBroken(path+".affinity"):
		r.addKey(path+".affinity", path+" has several connectors, but no affinity", "Set affinity: lookup. Each message then goes where the conversation is open.")
	case !several && business.Affinity != "":
		r.add(path+".affinity", path+".affinity is set, but there is one connector only", "Remove it.")
	}
}

// file reports a file that is named and cannot be read.
func (r *rules) file(path, name string) {
	if name == "" {
		return
	}
	if info, err := os.Stat(r.config.Path(name)); err != nil || !info.Mode().IsRegular() {
		r.add(path, path+" names no file that can be read", "Paths are relative to the folder of the configuration file.")
	}
}

// connector reports a name that is not among the connectors.
func (r *rules) connector(path, name, message string) {
	if slices.Contains(r.connectors, name) || r.isBroken("connectors") {
		return
	}
	if !r.places[path].expanded {
		message += fmt.Sprintf(" %q", yamlfile.Clip(name))
	}
	r.add(path, message, yamlfile.Suggest(name, r.connectors, "Connectors"))
}

// reservedNames are what the metrics call other peers and sources.
var reservedNames = []string{"api", "apple", "links", "media", "oauth", "pay", "payment", "state", "unknown"}

// settings asks each connector's own settings.
func (r *rules) settings() {
	for _, name := range r.connectors {
		base := yamlfile.KeyPath("connectors", name)
		if slices.Contains(reservedNames, name) {
			r.addKey(base, base+" has a name that the metrics use for something else", "Choose another name, and use it in the businesses too.")
		}
		connector, filled := r.config.Connectors[name]
		if !filled {
			r.addKey(base, base+" is empty", "It needs a type at least.")
			continue
		}
		if validator, ok := connector.Settings.(Validator); ok {
			validator.Validate(func(path, message, hint string) {
				full := strings.TrimSuffix(base+"."+path, ".")
				r.add(full, full+": "+message, hint)
			})
		}
	}
}

func (r *rules) delivery() {
	if t := r.config.Delivery.Timeout.Std(); t < 100*time.Millisecond || t > time.Minute {
		r.add("delivery.timeout", "delivery.timeout is not between 100ms and 60s", "4s is the default; how long Apple waits for an answer is not documented.")
	}
	if r.config.Limits.MaxBody < 1 {
		r.add("limits.max_body", "limits.max_body is zero", "16MB is the default.")
	}
}

const appleMaxFile = 100_000_000

func (r *rules) media() {
	m := r.config.Media
	if size := m.MaxSize.Bytes(); size < 1 || size > appleMaxFile {
		r.add("media.max_size", "media.max_size is not between 1 and 100MB", "100MB is the default, and the most that Apple takes.")
	}
	if m.TTL.Std() < time.Minute || m.TTL.Std() > 90*24*time.Hour {
		r.add("media.ttl", "media.ttl is not between 1m and 90 days (2160h)", "168h is the default.")
	}
	for _, name := range r.connectors {
		for i, host := range r.config.Connectors[name].AttachmentHosts {
			if u, err := url.Parse("https://" + host); err != nil || u.Host != host || u.Hostname() == "" || badPort(u.Port()) {
				path := yamlfile.ItemPath(yamlfile.KeyPath("connectors", name)+".attachment_hosts", i)
				r.add(path, path+" is not a host", "Write a host name or address, with a port where it is not the usual one: files.example.com or 10.0.0.7:9000.")
			}
		}
	}
}

func (r *rules) api() {
	ids := map[string]bool{"*": true}
	for _, business := range r.config.Businesses {
		ids[strings.ToLower(business.ID)] = true
	}
	names, tokens := map[string]int{}, map[Secret]int{}
	for i, key := range r.config.API.Keys {
		path := yamlfile.ItemPath("api.keys", i)
		r.unique(names, key.Name, i, path+".name", "api.keys", "Logs and metrics tell keys apart by name.")
		r.token(tokens, key.Token, i, path+".token")
		for j, id := range key.Businesses {
			if !ids[strings.ToLower(id)] && !r.hasBroken("businesses") {
				path := yamlfile.ItemPath(path+".businesses", j)
				r.add(path, path+" is none of businesses", `Write the id of one of them, or "*" for all.`)
			}
		}
		if key.EventsTo != "" {
			r.connector(path+".events_to", key.EventsTo, path+".events_to is an unknown connector")
		}
	}
}

func (r *rules) token(seen map[Secret]int, token Secret, i int, path string) {
	const shortest = 16
	if r.isBroken(path) {
		return
	}
	if len(token) < shortest {
		r.add(path, fmt.Sprintf("%s is shorter than %d characters", path, shortest), "Make one with: openssl rand -hex 24.")
		return
	}
	if first, twice := seen[token]; twice {
		r.add(path, fmt.Sprintf("%s is the same as in %s", path, yamlfile.ItemPath("api.keys", first)), "Each key has a token of its own.")
		return
	}
	seen[token] = i
}
