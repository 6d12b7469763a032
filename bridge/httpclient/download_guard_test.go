package httpclient

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/bridge/metrics"
)

// init shortens the times that only somebody patient would see end.
func init() { stallTime, downloadHeaderTime = 400*time.Millisecond, 400*time.Millisecond }

func newDownloader(t testing.TB, options DownloaderOptions) *Downloader {
	t.Helper()
	options.Peer = "desk"
	if options.Metrics == nil {
		options.Metrics = metrics.New("test", "test")
	}
	d, err := NewDownloader(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// opened reads the whole file, or gives the class of what went wrong.
func opened(t testing.TB, d *Downloader, address string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	download, err := d.Open(ctx, address)
	if err != nil {
		if _, ok := errors.AsType[*message.Failure](err); !ok {
			t.Errorf("%v is no failure", err)
		}
		return message.FailureOf(err).Class.String(), err
	}
	defer download.Body.Close()
	body, err := io.ReadAll(download.Body)
	if err != nil {
		t.Error(err)
	}
	return string(body), nil
}

// secretService is what nobody outside may reach: it answers on every address of this machine.
func secretService(t testing.TB) (port string, connections *atomic.Int32) {
	t.Helper()
	connections = new(atomic.Int32)
	listener, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "secret") }))
	server.Listener.Close()
	server.Listener = listener
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	_, port, _ = net.SplitHostPort(listener.Addr().String())
	return port, connections
}

func TestAddressesThatAreNotOnThePublicInternetAreNeverConnectedTo(t *testing.T) {
	port, connections := secretService(t)
	d := newDownloader(t, DownloaderOptions{Origins: []string{"https://desk.example.com"}, Hosts: []string{"files.example.com"}})
	hosts := []string{
		"127.0.0.1", "127.255.255.254", "[::1]", "[0:0:0:0:0:0:0:1]", "localhost", "LocalHost", "localhost.", // loopback
		"127.1", "127.0.1", "2130706433", "017700000001", "0x7f000001", "0x7f.1", "0X7F.0.0.1", "0177.0.0.1", "127.0.0.01", "0",
		"127.0.0.1.", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[::ffff:10.0.0.1]", // other ways to write it
		"１２７.0.0.1", "127。0。0。1", "ⓛocalhost", "%31%32%37.0.0.1",
		"0.0.0.0", "[::]", "255.255.255.255", "224.0.0.1", "240.0.0.1", "[ff02::1]", // this machine, everybody
		"169.254.169.254", "[fd00:ec2::254]", "100.100.100.200", "192.0.0.192", "168.63.129.16", "[::ffff:169.254.169.254]", // metadata
		"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "198.18.0.1", "192.0.2.1", "[fd00::1]", "[fc00::1]", // private
		"169.254.1.1", "[fe80::1]", "[fe80::1%25lo]", "[fe80::1%25eth0]", "[fec0::1]", // link-local, site-local
		"[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::7f00:1]", // NAT64
		"[2002:7f00:1::]", "[2001::7f00:1]", "[2001:db8::1]", // 6to4, Teredo, documentation
	}
	local, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range local {
		if prefix, err := netip.ParsePrefix(address.String()); err == nil && (prefix.Addr().IsPrivate() || prefix.Addr().IsLoopback()) {
			hosts = append(hosts, strings.TrimSuffix(net.JoinHostPort(prefix.Addr().String(), ""), ":"))
		}
	}
	for _, host := range hosts {
		for _, scheme := range []string{"http", "https"} {
			address := scheme + "://" + host + ":" + port + "/file?token=hunter2"
			got, err := opened(t, d, address)
			if got != "invalid" && (host != "localhost." || got != "transient") { // not every resolver knows that one
				t.Errorf("%s: %s, %v", address, got, err)
				continue
			}
			noSecretIn(t, err, "hunter2", port)
		}
	}
	if n := connections.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
}

func TestWhatIsNoAbsoluteHTTPAddressIsRefused(t *testing.T) {
	port, connections := secretService(t)
	host := "127.0.0.1:" + port
	d := newDownloader(t, DownloaderOptions{Origins: []string{"http://" + host}}) // trusted, and yet
	for _, address := range []string{
		"", "/", "file", "//" + host + "/", host + "/file", "http:", "http:/" + host, "http:" + host, "http://", "http:///file", "http://:" + port + "/",
		"file:///etc/passwd", "file://" + host + "/", "ftp://" + host + "/", "gopher://" + host + "/", "ws://" + host + "/", "javascript:alert(1)",
		"data:text/plain,secret", "unix:///run/x.sock", "http+unix://" + host, "http://user@" + host + "/", "http://user:hunter2@" + host + "/", "http://@" + host + "/",
		"http://desk.example.com@" + host + "/", "http://" + host + "\\@desk.example.com/", "http://" + host + "@[::1]/", "http://[::1", "http://[::1]:x/",
		"http://a b/", "http://" + host + "/\n", "http://" + host + "/\x00", " http://" + host + "/", "http://%zz/",
	} {
		got, err := opened(t, d, address)
		if got != "invalid" {
			t.Errorf("%q: %s, %v", address, got, err)
			continue
		}
		noSecretIn(t, err, "hunter2", port)
	}
	if n := connections.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
}

func TestTheOperatorsOwnHostsPassAndNothingBesideThem(t *testing.T) {
	own, other := newPeer(t, answer(200)), newPeer(t, answer(200))
	_, ownPort, _ := net.SplitHostPort(own.Listener.Addr().String())
	const whole = "body of OK"
	for name, test := range map[string]struct {
		options DownloaderOptions
		address string
		want    string
	}{
		"nobody is trusted":                 {DownloaderOptions{}, own.URL, "invalid"},
		"the origin":                        {DownloaderOptions{Origins: []string{own.URL}}, own.URL, whole},
		"the origin, its path aside":        {DownloaderOptions{Origins: []string{own.URL + "/hooks?x=y"}}, own.URL + "/file", whole},
		"the origin in capitals":            {DownloaderOptions{Origins: []string{"HTTP://LOCALHOST:" + ownPort}}, "http://localhost:" + ownPort, whole},
		"the origin by a name":              {DownloaderOptions{Origins: []string{"http://localhost:" + ownPort}}, "http://localhost:" + ownPort, whole},
		"the same machine by another name":  {DownloaderOptions{Origins: []string{"http://localhost:" + ownPort}}, own.URL, "invalid"},
		"another port":                      {DownloaderOptions{Origins: []string{own.URL}}, other.URL, "invalid"},
		"another scheme":                    {DownloaderOptions{Origins: []string{own.URL}}, "https://127.0.0.1:" + ownPort, "invalid"},
		"a host with its port":              {DownloaderOptions{Hosts: []string{"127.0.0.1:" + ownPort}}, own.URL, whole},
		"a host with another port":          {DownloaderOptions{Hosts: []string{"127.0.0.1:" + ownPort}}, other.URL, "invalid"},
		"a host stands for the usual ports": {DownloaderOptions{Hosts: []string{"127.0.0.1"}}, own.URL, "invalid"},
		"allowed by address":                {DownloaderOptions{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, own.URL, whole},
		"another address is allowed":        {DownloaderOptions{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}}, own.URL, "invalid"},
		"allowed in the other family only":  {DownloaderOptions{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("::/0")}}, own.URL, "invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := opened(t, newDownloader(t, test.options), test.address); got != test.want {
				t.Errorf("%s, %v", got, err)
			}
		})
	}
}

func TestAPrivateIPv6AddressIsAllowedByItsPrefix(t *testing.T) {
	port, _ := secretService(t)
	address := "http://[::1]:" + port
	if conn, err := net.Dial("tcp", "[::1]:"+port); err != nil {
		t.Skip("there is no IPv6 here")
	} else {
		conn.Close()
	}
	allowing := newDownloader(t, DownloaderOptions{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("::1/128")}})
	if got, err := opened(t, allowing, address); got != "secret" {
		t.Error(got, err)
	}
}

func TestOnlyTheOriginGetsCredentials(t *testing.T) {
	d := newDownloader(t, DownloaderOptions{Origins: []string{"https://desk.example.com/api"}, Hosts: []string{"files.example.com"}})
	for address, want := range map[string]bool{
		"https://desk.example.com/file": true, "https://desk.example.com:443/": true, "HTTPS://DESK.example.com./": true,
		"http://desk.example.com/": false, "https://desk.example.com:8443/": false, "https://files.example.com/": false,
		"https://desk.example.com.evil.example/": false, "https://evil.example/desk.example.com": false, "https://desk.example.com@evil.example/": false,
	} {
		parsed, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if d.Owns(parsed) != want {
			t.Errorf("%s: %v", address, !want)
		}
	}
	if _, err := NewDownloader(DownloaderOptions{Origins: []string{"desk"}}); err == nil {
		t.Error("an origin that is no URL was taken")
	}
	// What a proxy connects to nobody checks.
	if d.foreign.Proxy != nil || d.own.Proxy == nil {
		t.Error("only what the operator wrote may go through the proxy")
	}
}

func TestRedirectsAreJudgedLikeTheFirstAddress(t *testing.T) {
	port, connections := secretService(t)
	var target atomic.Pointer[string]
	var status atomic.Int32
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/start" {
			_, _ = io.WriteString(w, "file at "+r.RequestURI)
			return
		}
		w.Header()["Location"] = []string{*target.Load()}
		w.Header().Set("Set-Cookie", "session=1; Path=/")
		w.WriteHeader(int(status.Load()))
	}))
	defer origin.Close()
	d := newDownloader(t, DownloaderOptions{Origins: []string{origin.URL}})
	host := strings.TrimPrefix(origin.URL, "http://")
	for location, want := range map[string]string{
		"/file?a=%2f": "file at /file?a=%2f", "file": "file at /file", "?x": "invalid" /* a loop */, "//" + host + "/x": "file at /x", origin.URL + "/y#z": "file at /y",
		"http://127.0.0.1:" + port + "/": "invalid", "http://localhost:" + port + "/": "invalid", "//[::1]:" + port + "/": "invalid", "http://2130706433:" + port + "/": "invalid",
		"http://169.254.169.254/latest/meta-data/": "invalid", "http://" + host + ".:" + port: "invalid", "https://" + host + "/": "invalid",
		"file:///etc/passwd": "invalid", "ftp://" + host + "/": "invalid", "javascript:1": "invalid", "http://user:hunter2@" + host + "/": "invalid",
		"http://[::1?hunter2": "invalid", "%zz-hunter2": "invalid", "http://": "invalid", "": "invalid",
	} {
		target.Store(&location)
		for _, code := range []int{301, 302, 303, 307, 308} {
			status.Store(int32(code))
			got, err := opened(t, d, origin.URL+"/start?token=hunter2")
			if got != want {
				t.Errorf("%d to %q: %s, %v", code, location, got, err)
			}
			if err != nil {
				noSecretIn(t, err, "hunter2", port)
			}
		}
	}
	if n := connections.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
}

func TestRedirectsEnd(t *testing.T) {
	p := newPeer(t, answer(302, "Location", "/again"))
	d := newDownloader(t, DownloaderOptions{Origins: []string{p.URL}})
	got, err := opened(t, d, p.URL)
	if requests, _ := p.seen(); got != "invalid" || requests != maxRedirects+1 {
		t.Errorf("%s, %v, %d requests", got, err, requests)
	}
	script := make([]action, maxRedirects)
	for i := range script {
		script[i] = answer(302, "Location", fmt.Sprint("/", i))
	}
	p = newPeer(t, append(script, answer(200))...)
	d = newDownloader(t, DownloaderOptions{Origins: []string{p.URL}})
	if got, err := opened(t, d, p.URL); got != "body of OK" {
		t.Errorf("%s, %v", got, err)
	}
}

// nameServer is a DNS server over UDP: it answers one question after the other, the last answer for all that follow.
func nameServer(t testing.TB, answers ...[]string) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		asked, packet := 0, make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(packet)
			if err != nil {
				return
			}
			question := packet[12:n]
			end := strings.IndexByte(string(question), 0) + 5 // the name, its type and its class
			reply := append([]byte{packet[0], packet[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, question[:end]...)
			if kind := binary.BigEndian.Uint16(question[end-4:]); kind == 1 { // an IPv4 address
				for _, address := range answers[min(asked, len(answers)-1)] {
					reply[7]++
					ip := netip.MustParseAddr(address).As4()
					reply = append(append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4), ip[:]...)
				}
				asked++
			}
			_, _ = conn.WriteTo(reply, from)
		}
	}()
	t.Cleanup(func() {
		conn.Close()
		<-done
	})
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func TestANameIsJudgedByWhereTheConnectionGoes(t *testing.T) {
	const public = "127.0.0.2" // it plays an address of the internet
	for name, test := range map[string]struct {
		answers [][]string
		want    []string
	}{
		"it changes its mind":              {[][]string{{public}, {"127.0.0.1"}}, []string{"public", "invalid"}},
		"it changes its mind and back":     {[][]string{{"127.0.0.1"}, {public}, {"10.0.0.1"}}, []string{"invalid", "public", "invalid"}},
		"metadata":                         {[][]string{{"169.254.169.254"}}, []string{"invalid"}},
		"this machine":                     {[][]string{{"0.0.0.0"}}, []string{"invalid"}},
		"a private address among public":   {[][]string{{"127.0.0.1", public}}, []string{"public"}},
		"nothing but private, in a bundle": {[][]string{{"127.0.0.1", "10.0.0.1", "192.168.0.1"}}, []string{"invalid"}},
		"no address":                       {[][]string{{}}, []string{"transient"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var secrets atomic.Int32
			open, err := net.Listen("tcp", public+":0")
			if err != nil {
				t.Skip("there is only one loopback address here")
			}
			_, port, _ := net.SplitHostPort(open.Addr().String())
			secret, err := net.Listen("tcp", "127.0.0.1:"+port)
			if err != nil {
				t.Skip(err)
			}
			server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasPrefix(r.Context().Value(http.LocalAddrContextKey).(net.Addr).String(), "127.0.0.1:") {
					secrets.Add(1)
				}
				w.Header().Set("Connection", "close") // each time there is a connection to judge
				_, _ = io.WriteString(w, "public")
			})}
			go func() { _ = server.Serve(open) }()
			go func() { _ = server.Serve(secret) }()
			t.Cleanup(func() { server.Close() })
			d := newDownloader(t, DownloaderOptions{
				AllowPrivate: []netip.Prefix{netip.MustParsePrefix(public + "/32")}, resolver: nameServer(t, test.answers...),
			})
			for i, want := range test.want {
				if got, err := opened(t, d, "http://files.example.com.:"+port+"/"); got != want {
					t.Errorf("%d: %s, %v", i, got, err)
				}
			}
			if n := secrets.Load(); n != 0 {
				t.Errorf("the private address was asked %d times", n)
			}
		})
	}
}
