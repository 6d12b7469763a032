package httpclient

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"bizbridge/bridge/message"
	"bizbridge/bridge/metrics"
)

// badge are credentials of a test: "first", and "second" once that was refused.
type badge struct {
	refused bool
	fault   error
}

func (b *badge) Prepare(_ context.Context, attempt *http.Request, _ []byte) error {
	attempt.Header.Set("X-Badge", map[bool]string{false: "first", true: "second"}[b.refused])
	return b.fault
}

func (b *badge) Refused(status int) bool {
	again := status == http.StatusUnauthorized && !b.refused
	b.refused = b.refused || again
	return again
}

func (*badge) ReadsBody() bool { return false }

// badges are for one host alone.
func badges(base string) func(*url.URL) Credentials {
	return func(address *url.URL) Credentials {
		if "http://"+address.Host != base {
			return nil
		}
		return &badge{}
	}
}

// shown are the badges of all requests.
func (p *peer) shown() string {
	var all []string
	for _, r := range p.list() {
		all = append(all, r.Header.Get("X-Badge"))
	}
	return strings.Join(all, ",")
}

func TestCredentialsOfOptionsGoWithEveryCallToTheirAddress(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]func(c *Client, address string) error{
		"Do": func(c *Client, address string) error {
			_, err := c.Do(t.Context(), post(address, RetryUnsent))
			return err
		},
		"Open": func(c *Client, address string) error {
			stream, err := c.Open(t.Context(), Call{Operation: "x", Method: http.MethodGet, URL: address})
			if err == nil {
				_ = stream.Body.Close()
			}
			return err
		},
		"Upload": func(c *Client, address string) error {
			_, err := c.Upload(t.Context(), Call{Operation: "x", Method: http.MethodPut, URL: address}, strings.NewReader("x"), 1)
			return err
		},
		"its own are stronger": func(c *Client, address string) error {
			own := post(address, RetryUnsent)
			own.Auth = &badge{refused: true}
			_, err := c.Do(t.Context(), own)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			desk, other := newPeer(t, answer(200)), newPeer(t, answer(200))
			c := New(Options{Peer: "desk", Metrics: metrics.New("test", "test"), Auth: badges(desk.URL)})
			t.Cleanup(c.Close)
			if err := call(c, desk.URL+"/a?b=1"); err != nil {
				t.Fatal(err)
			}
			if err := call(c, other.URL); err != nil {
				t.Fatal(err)
			}
			wantDesk, wantOther := "first", ""
			if name == "its own are stronger" {
				wantDesk, wantOther = "second", "second"
			}
			if desk.shown() != wantDesk || other.shown() != wantOther {
				t.Errorf("shown %q and %q", desk.shown(), other.shown())
			}
			if err := call(c, "http://[::1"); message.FailureOf(err).Class != message.Permanent {
				t.Errorf("an address that is none: %v", err)
			}
		})
	}
}

// Each call has credentials of its own, and one refusal of them is answered with others.
func TestRefusedCredentialsOfOptionsAreReplacedOnce(t *testing.T) {
	t.Parallel()
	desk := newPeer(t, answer(401))
	c := New(Options{Peer: "desk", Metrics: metrics.New("test", "test"), Auth: badges(desk.URL)})
	t.Cleanup(c.Close)
	for range 2 {
		if resp, err := do(t, c, time.Second, post(desk.URL, RetryUnsent)); err != nil || resp.Status != 401 {
			t.Fatalf("%v, %v", resp, err)
		}
	}
	if got := desk.shown(); got != "first,second,first,second" {
		t.Errorf("shown %q", got)
	}
}

func TestAFileIsFetchedWithCredentialsAtItsOriginOnly(t *testing.T) {
	t.Parallel()
	store := newPeer(t, answer(200))
	desk := newPeer(t, answer(401), answer(302, "Location", store.URL+"/file"))
	m := metrics.New("test", "test")
	d := newDownloader(t, DownloaderOptions{Origins: []string{desk.URL}, Hosts: []string{store.Listener.Addr().String()}, Auth: badges(desk.URL), Metrics: m})
	if got, err := opened(t, d, desk.URL+"/file"); got != "body of OK" {
		t.Errorf("%q, %v", got, err)
	}
	if desk.shown() != "first,second" || store.shown() != "" || len(store.list()) != 1 {
		t.Errorf("shown %q and %q", desk.shown(), store.shown())
	}
	if got := retries(t, m); got["refused"] != 1 || len(got) != 1 {
		t.Errorf("retries: %v", got)
	}

	// Refused again, it is as any file that cannot be had.
	desk = newPeer(t, answer(401))
	d = newDownloader(t, DownloaderOptions{Origins: []string{desk.URL}, Auth: badges(desk.URL)})
	if got, _ := opened(t, d, desk.URL); got != "invalid" || desk.shown() != "first,second" {
		t.Errorf("%s, shown %q", got, desk.shown())
	}

	// Without credentials there is no request.
	desk = newPeer(t, answer(200))
	broken := func(*url.URL) Credentials { return &badge{fault: message.Failuref(message.Auth, "nothing is granted")} }
	d = newDownloader(t, DownloaderOptions{Origins: []string{desk.URL}, Auth: broken})
	if got, err := opened(t, d, desk.URL); got != "auth" || len(desk.list()) != 0 {
		t.Errorf("%s: %v, %d requests", got, err, len(desk.list()))
	}
}
