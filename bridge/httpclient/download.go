package httpclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strings"
	"syscall"
	"time"

	"code.dny.dev/ssrf"

	"bizbridge/bridge/message"
	"bizbridge/bridge/metrics"
)

const (
	maxRedirects     = 5
	downloadDialTime = 5 * time.Second
)

// downloadHeaderTime is how long a server may think about one request. A variable for tests only.
var downloadHeaderTime = 15 * time.Second

// Downloader fetches what a URL inside a message names. Such a URL may come from anyone, so it is not trusted: private,
// loopback, link-local and metadata addresses are refused after DNS, at the moment of connecting, on every redirect.
// Only the origins that the operator wrote pass without that.
type Downloader struct {
	peer    string
	origin  map[string]bool // scheme://host:port of the sender itself
	trusted map[string]bool // the same of every host that the operator wrote
	own     *http.Transport
	foreign *http.Transport
	metrics *metrics.Metrics
	auth    func(*url.URL) Credentials
}

// DownloaderOptions says what a downloader may reach.
type DownloaderOptions struct {
	Peer         string         // whose messages name the URLs: its name in the metrics
	Origins      []string       // URLs whose scheme, host and port are trusted
	Hosts        []string       // host or host:port, trusted over HTTPS and HTTP
	AllowPrivate []netip.Prefix // addresses that are not refused
	Metrics      *metrics.Metrics
	// Auth, when not nil, gives the credentials for an address, wherever a redirect may have led; nil for one that must
	// not get any.
	Auth     func(address *url.URL) Credentials
	resolver *net.Resolver // nil: the system's; tests have one that changes its mind
}

// Download is a file that is being fetched.
type Download struct {
	Body     io.ReadCloser
	Size     int64    // -1: the server does not say
	MIMEType string   // "": the server does not say
	Name     string   // from Content-Disposition or the URL's path; "" for neither
	URL      *url.URL // where it came from in the end, after all redirects; nil: it came from nowhere
}

// NewDownloader makes a downloader; it fails for origins that are no URLs.
func NewDownloader(options DownloaderOptions) (*Downloader, error) {
	d := &Downloader{peer: options.Peer, origin: make(map[string]bool), trusted: make(map[string]bool), metrics: options.Metrics, auth: options.Auth}
	for _, text := range options.Origins {
		origin, err := url.Parse(text)
		if err != nil || origin.Host == "" {
			return nil, errors.New("an origin is not a URL")
		}
		d.origin[originOf(origin)], d.trusted[originOf(origin)] = true, true
	}
	for _, host := range options.Hosts {
		for _, scheme := range []string{"https", "http"} {
			d.trusted[originOf(&url.URL{Scheme: scheme, Host: host})] = true
		}
	}
	d.own = downloadTransport(&net.Dialer{Timeout: downloadDialTime, Resolver: options.resolver})
	d.own.Proxy = http.ProxyFromEnvironment
	// No proxy here: it would connect in our place, where nobody checks the address.
	d.foreign = downloadTransport(&net.Dialer{Timeout: downloadDialTime, Resolver: options.resolver, Control: guard(options.AllowPrivate)})
	return d, nil
}

// platformServices is an address of the public internet that virtual machines of Azure have for themselves: metadata and
// the certificates of the machine.
var platformServices = netip.MustParsePrefix("168.63.129.16/32")

// guard refuses addresses that are not on the public internet, when a connection is about to be made: what DNS said
// before does not matter.
func guard(allowed []netip.Prefix) func(network, address string, _ syscall.RawConn) error {
	var v4, v6 []netip.Prefix
	for _, prefix := range allowed {
		if prefix.Addr().Is4() {
			v4 = append(v4, prefix)
		} else {
			v6 = append(v6, prefix)
		}
	}
	return ssrf.New(
		ssrf.WithAnyPort(), ssrf.WithDeniedV4Prefixes(platformServices),
		ssrf.WithAllowedV4Prefixes(v4...), ssrf.WithAllowedV6Prefixes(v6...),
	).Safe
}

func downloadTransport(dialer *net.Dialer) *http.Transport {
	return &http.Transport{
		DialContext: dialer.DialContext, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 4, IdleConnTimeout: 30 * time.Second,
		TLSHandshakeTimeout: downloadDialTime, ResponseHeaderTimeout: downloadHeaderTime, MaxResponseHeaderBytes: 64 << 10,
		DisableCompression: true,
	}
}

// originOf is scheme, host and port, with the port that the scheme implies.
func originOf(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[strings.ToLower(u.Scheme)]
	}
	return strings.ToLower(u.Scheme) + "://" + strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")) + ":" + port
}

// Owns tells whether a URL is at the sender's own origin: only there may its credentials go.
func (d *Downloader) Owns(u *url.URL) bool { return d.origin[originOf(u)] }

// Open begins to fetch. The body must be closed; it fails when nothing comes for a while, or when ctx ends. The error is
// a [*message.Failure]: Invalid for an address that is not allowed or answers that there is no such file, Canceled when
// the caller gave up.
func (d *Downloader) Open(ctx context.Context, text string) (*Download, error) {
	began := time.Now()
	defer func() { waitsOf(ctx).add(time.Since(began)) }()
	ctx, cancel := context.WithCancelCause(ctx)
	resp, err := d.follow(ctx, text)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	return &Download{
		Body: guardStall(ctx, resp.Body, cancel, 0),
		Size: resp.ContentLength, MIMEType: mediaType(resp.Header.Get("Content-Type")), Name: fileName(resp),
		URL: resp.Request.URL,
	}, nil
}

func (d *Downloader) follow(ctx context.Context, text string) (*http.Response, error) {
	target, err := url.Parse(text)
	if err != nil {
		return nil, message.Failuref(message.Invalid, "the file's address is not a URL")
	}
	for range maxRedirects + 1 {
		resp, err := d.get(ctx, target)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode == http.StatusOK {
			return resp, nil
		}
		_ = resp.Body.Close()
		location := resp.Header.Get("Location")
		if resp.StatusCode < 300 || resp.StatusCode >= 400 || location == "" {
			return nil, downloadFailure(resp.StatusCode)
		}
		if target, err = target.Parse(location); err != nil {
			return nil, message.Failuref(message.Invalid, "the file's address redirects to something that is not a URL")
		}
	}
	return nil, message.Failuref(message.Invalid, "the file's address redirects too often")
}

func downloadFailure(status int) *message.Failure {
	failure := &message.Failure{Class: message.Invalid, Status: status, Reason: fmt.Sprintf("the file's address answers %d", status)}
	if status == http.StatusTooManyRequests || status == http.StatusRequestTimeout || status >= 500 {
		failure.Class = message.Transient
	}
	return failure
}

// get asks for a file, with credentials where the address may have them. If they are refused and others can be had, it
// asks once more.
func (d *Downloader) get(ctx context.Context, target *url.URL) (*http.Response, error) {
	var credentials Credentials
	if d.auth != nil {
		credentials = d.auth(target)
	}
	for {
		resp, err := d.attempt(ctx, target, credentials)
		if err != nil || credentials == nil || !credentials.Refused(resp.StatusCode) {
			return resp, err
		}
		_ = resp.Body.Close()
		d.metrics.UpstreamRetries.WithLabelValues(d.peer, "refused").Inc()
	}
}

func (d *Downloader) attempt(ctx context.Context, target *url.URL, credentials Credentials) (*http.Response, error) {
	switch host := target.Hostname(); {
	case (target.Scheme != "https" && target.Scheme != "http") || host == "" || target.User != nil:
		return nil, message.Failuref(message.Invalid, "the file's address must be an absolute http or https URL without a user name")
	case oddAddress(host):
		return nil, message.Failuref(message.Invalid, "the file's address has an IP address in a form that is not used")
	}
	transport := d.foreign
	if d.trusted[originOf(target)] {
		transport = d.own
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, message.Failuref(message.Invalid, "the file's address is not a URL")
	}
	req.Header.Set("User-Agent", "bizbridge")
	if credentials != nil {
		if err := credentials.Prepare(ctx, req, nil); err != nil {
			return nil, message.FailureOf(err)
		}
	}
	began := time.Now()
	resp, err := transport.RoundTrip(req) // an http.Client would follow redirects, and word errors with the address in them
	status := 0
	if resp != nil {
		status = resp.StatusCode
	}
	d.metrics.UpstreamDuration.WithLabelValues(d.peer, "open_file", metrics.StatusCode(status)).Observe(time.Since(began).Seconds())
	if err == nil {
		return resp, nil
	}
	if errors.Is(err, ssrf.ErrProhibitedIP) || errors.Is(err, ssrf.ErrProhibitedNetwork) || errors.Is(err, ssrf.ErrInvalidHostPort) {
		return nil, message.Failuref(message.Invalid, "the file's address leads into a private network; attachment_hosts and network.allow_private can allow it")
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil, &message.Failure{Class: message.Canceled, Reason: "stopped before the file came", Err: err}
	}
	return nil, &message.Failure{Class: message.Transient, Reason: "the file cannot be fetched", Err: err}
}

// oddAddress tells whether a host is a number, or ends in one, and yet no address in its usual form: 127.1, 0x7f000001,
// 2130706433, 0177.0.0.1, 127.0.0.1 with a dot at its end. No name on the internet looks so, and resolvers differ in what
// they make of it (WHATWG URL, "ends in a number").
func oddAddress(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return false
	}
	last := strings.TrimSuffix(host, ".")
	last = strings.ToLower(last[strings.LastIndexByte(last, '.')+1:])
	if digits, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(digits, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}

func mediaType(header string) string {
	parsed, _, err := mime.ParseMediaType(header)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) { // with which the type itself is there
		return ""
	}
	return parsed
}

func fileName(resp *http.Response) string {
	if _, params, err := mime.ParseMediaType(resp.Header.Get("Content-Disposition")); err == nil && params["filename"] != "" {
		return params["filename"]
	}
	if name := path.Base(resp.Request.URL.Path); name != "/" && name != "." {
		return name
	}
	return ""
}

// Close lets go of idle connections.
func (d *Downloader) Close() {
	d.own.CloseIdleConnections()
	d.foreign.CloseIdleConnections()
}
