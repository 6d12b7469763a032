package auth

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"bizbridge/bridge/httpclient"
	"bizbridge/bridge/message"
)

// maxCustomers is for how many customers a token is kept.
const maxCustomers = 4096

type customerKey struct{}

// WithCustomer gives a context to calls about one customer. The values stand in the fields of customer_token: {name}.
func WithCustomer(ctx context.Context, values map[string]string) context.Context {
	return context.WithValue(ctx, customerKey{}, values)
}

// placeholder is a field that stands for something that is known of a customer. It is the whole field or none of it: a
// password may have braces in it.
var placeholder = regexp.MustCompile(`^\{([A-Za-z0-9_]+)\}$`)

// customerPart is customer_token: a login for each customer.
type customerPart struct {
	*keeper
	address *tokenAddress
	fields  []loginField // by name
	shared  bool         // no field depends on the customer
	slot    slot         // of all customers, if shared
	slots   *lru.Cache[[sha256.Size]byte, *slot]
}

type loginField struct {
	name, value string
	from        string // the customer's value that it is, instead
}

func newCustomerPart(k *keeper, s Settings) (*customerPart, error) {
	slots, err := lru.New[[sha256.Size]byte, *slot](maxCustomers)
	p := &customerPart{keeper: k, address: newTokenAddress(k, s), shared: true, slots: slots}
	for _, name := range slices.Sorted(maps.Keys(s.Fields)) {
		field := loginField{name: name, value: s.Fields[name].Reveal()}
		if match := placeholder.FindStringSubmatch(field.value); match != nil {
			field.from, p.shared = match[1], false
		}
		p.fields = append(p.fields, field)
	}
	return p, err
}

func (p *customerPart) prepare(ctx context.Context, attempt *http.Request, _ []byte) (*token, error) {
	values, _ := ctx.Value(customerKey{}).(map[string]string)
	place, err := p.place(values)
	if err != nil {
		return nil, err
	}
	t := place.fresh(p.now())
	if t == nil {
		if t, err = place.renew(ctx, p.keeper, func(ctx context.Context) (*token, error) { return p.login(ctx, values) }); err != nil {
			return nil, err
		}
	}
	if p.address.settings.Cookie != "" {
		addCookie(attempt.Header, t.value[0])
	} else {
		attempt.Header[p.address.settings.header()] = t.value
	}
	return t, nil
}

// addCookie keeps the cookies that a request has.
func addCookie(header http.Header, cookie string) {
	if others := header.Get("Cookie"); others != "" {
		cookie = others + "; " + cookie
	}
	header.Set("Cookie", cookie)
}

// place finds the slot of a login. Two customers share one only if they log in with the same.
func (p *customerPart) place(values map[string]string) (*slot, error) {
	if p.shared {
		return &p.slot, nil
	}
	var all []byte
	for _, field := range p.fields {
		if field.from == "" {
			continue
		}
		value := values[field.from]
		if value == "" {
			return nil, message.Failuref(message.Permanent, "the call to %s is about no customer with a %q, which a field of customer_token names", p.peer, field.from)
		}
		all = binary.AppendUvarint(all, uint64(len(value))) // so that no two lists look the same
		all = append(all, value...)
	}
	key := sha256.Sum256(all)
	if known, ok := p.slots.Get(key); ok {
		return known, nil
	}
	made := &slot{}
	if known, ok, _ := p.slots.PeekOrAdd(key, made); ok {
		return known, nil
	}
	return made, nil
}

func (p *customerPart) login(ctx context.Context, customer map[string]string) (*token, error) {
	values := url.Values{}
	for _, field := range p.fields {
		if field.from != "" {
			values.Set(field.name, customer[field.from])
		} else {
			values.Set(field.name, field.value)
		}
	}
	began := p.now()
	got, resp, err := p.address.ask(ctx, http.Header{}, values, httpclient.RetryUnsent)
	if p.address.settings.Cookie != "" && resp != nil {
		return p.cookie(resp, got, err, began)
	}
	if err != nil {
		return nil, err
	}
	return newToken(spaced(p.address.settings.Prefix)+got.token, began, got.life), nil
}

// cookie reads the cookie of a login. What else such an answer holds does not matter, be it a web page or a redirect.
func (p *customerPart) cookie(resp *httpclient.Response, got answer, err error, began time.Time) (*token, error) {
	name := p.address.settings.Cookie
	if resp.Status >= 200 && resp.Status < 400 {
		answered := http.Response{Header: resp.Header}
		for _, cookie := range answered.Cookies() {
			if cookie.Name == name && !deleted(cookie, began) && visible(cookie.Value) && len(cookie.Value) <= maxToken {
				return newToken(name+"="+cookie.Value, began, p.life(cookie, got, began)), nil
			}
		}
		return nil, p.address.failure(message.Auth, resp, "sets no cookie with the name that is configured")
	}
	return nil, err
}

// deleted tells whether the server takes a cookie away: it does so for a login that failed.
func deleted(cookie *http.Cookie, now time.Time) bool {
	return cookie.MaxAge < 0 || cookie.MaxAge == 0 && !cookie.Expires.IsZero() && !cookie.Expires.After(now)
}

func (p *customerPart) life(cookie *http.Cookie, got answer, began time.Time) time.Duration {
	switch {
	case cookie.MaxAge > 0:
		return min(time.Duration(cookie.MaxAge), longestLife/time.Second) * time.Second
	case !cookie.Expires.IsZero():
		return min(remaining(cookie.Expires, began), longestLife)
	}
	return got.life
}
