package payment

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"bizbridge/bridge/message"
	"bizbridge/bridge/signature"
)

func TestRealCallbacksAreRead(t *testing.T) {
	t.Parallel()
	posted, err := decodeCallback([]byte("\r\n \t" + fixture(t, "gateway-request")))
	if err != nil {
		t.Fatal(err)
	}
	transaction, token, err := posted.consent()
	if err != nil || posted.requestID != requestID || transaction != "<hex>" || token.DisplayName != "Visa 1234" || token.Network != "Visa" {
		t.Errorf("read as %q, %q, %+v, %v", posted.requestID, transaction, token, err)
	}
	var data struct{ Version string }
	if json.Unmarshal(token.Data, &data) != nil || data.Version != "EC_v1" {
		t.Errorf("paymentData is %s", token.Data)
	}
	want := &message.ShippingContact{GivenName: "Ann", FamilyName: "Example", EmailAddress: "ann@example.com", PhoneNumber: "+15555550100"}
	if diff := cmp.Diff(want, posted.deliverTo()); diff != "" {
		t.Error(diff)
	}
	if where, ok := posted.destination(); ok {
		t.Errorf("a contact without a country leads to %+v", where)
	}

	posted, err = decodeCallback([]byte(fixture(t, "shipping-contact-update-request")))
	if err != nil {
		t.Fatal(err)
	}
	if where, ok := posted.destination(); !ok || where != (destination{"US", "CA"}) {
		t.Errorf("the order goes to %+v, %v", where, ok)
	}
	want = &message.ShippingContact{Locality: "Sampletown", PostalCode: "00000", AdministrativeArea: "CA", Country: "United States", CountryCode: "US"}
	if diff := cmp.Diff(want, posted.deliverTo()); diff != "" {
		t.Error(diff)
	}
	if _, _, err := posted.consent(); err == nil {
		t.Error("an address is no consent")
	}
}

func TestSummaryItemsAreReadWhereverTheyStand(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"requestIdentifier":"A-1","summaryItems":[{"label":"x"}],"errors":[]}`:        `[{"label":"x"}]`,
		`{"requestIdentifier":"a-1","payment":{"summaryItems":[1]}}`:                    `[1]`,
		`{"requestIdentifier":"a-1","payment":{"summaryItems":[1]},"summaryItems":[2]}`: `[2]`,
		`{"requestIdentifier":"a-1","payment":null}`:                                    ``,
		`{"requestIdentifier":"a-1"}`:                                                   ``,
	} {
		posted, err := decodeCallback([]byte(body))
		if err != nil || string(posted.items) != want || posted.requestID != "a-1" {
			t.Errorf("%s: %+v, %v", body, posted, err)
		}
	}
}

// Whatever a stranger posts to an address that is right, nobody is charged, and nobody is told.
func TestHostileCallbacksAreRefused(t *testing.T) {
	t.Parallel()
	good := fixture(t, "gateway-request")
	at := func(path string, value any) string { return change(t, good, path, value) }
	const token = "payment.paymentToken"
	for name, test := range map[string]struct {
		body   string
		code   int
		reason signature.Reason
	}{
		"empty":                         {"", 400, signature.Malformed},
		"spaces":                        {"  \n", 400, signature.Malformed},
		"no JSON":                       {"requestIdentifier=" + requestID, 400, signature.Malformed},
		"null":                          {"null", 400, signature.Malformed},
		"a list":                        {"[" + good + "]", 400, signature.Malformed},
		"a string":                      {`"` + requestID + `"`, 400, signature.Malformed},
		"cut off":                       {good[:len(good)-2], 400, signature.Malformed},
		"two":                           {good + good, 400, signature.Malformed},
		"with a byte order mark":        {"\ufeff" + good, 400, signature.Malformed},
		"in UTF-16":                     {"\xff\xfe{\x00}\x00", 400, signature.Malformed},
		"nested deeply":                 {strings.Repeat(`{"payment":`, 5000), 400, signature.Malformed},
		"nested and whole":              {`{"requestIdentifier":"` + requestID + `","payment":{"paymentToken":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}}`, 400, signature.Malformed},
		"without the request":           {at("requestIdentifier", gone{}), 400, signature.Malformed},
		"the request is null":           {at("requestIdentifier", nil), 400, signature.Malformed},
		"the request is empty":          {at("requestIdentifier", ""), 400, signature.Malformed},
		"the request is a number":       {at("requestIdentifier", 900), 400, signature.Malformed},
		"the request is a list":         {at("requestIdentifier", []string{requestID}), 400, signature.Malformed},
		"another request":               {at("requestIdentifier", "00000000-0000-4000-8000-000000000901"), 400, signature.Mismatch},
		"the request and a space":       {at("requestIdentifier", requestID+" "), 400, signature.Mismatch},
		"the request and a zero byte":   {at("requestIdentifier", requestID+"\x00"), 400, signature.Mismatch},
		"two requests, the last counts": {`{"requestIdentifier":"` + requestID + `","requestIdentifier":"b","payment":{}}`, 400, signature.Mismatch},
		"payment is a list":             {at("payment", []int{}), 400, signature.Malformed},
		"payment is a string":           {at("payment", "{}"), 400, signature.Malformed},
		"without payment":               {at("payment", gone{}), 400, ""},
		"payment is null":               {at("payment", nil), 400, ""},
		"payment is empty":              {at("payment", map[string]any{}), 400, ""},
		"without a token":               {at(token, gone{}), 400, ""},
		"the token is null":             {at(token, nil), 400, ""},
		"the token is a string":         {at(token, "4242424242424242"), 400, ""},
		"the token is a list":           {at(token, []int{1}), 400, ""},
		"without paymentData":           {at(token+".paymentData", gone{}), 400, ""},
		"paymentData is null":           {at(token+".paymentData", nil), 400, ""},
		"paymentData is a string":       {at(token+".paymentData", "4242424242424242"), 400, ""},
		"paymentData is a list":         {at(token+".paymentData", []any{}), 400, ""},
		"without a transaction":         {at(token+".transactionIdentifier", gone{}), 400, ""},
		"the transaction is empty":      {at(token+".transactionIdentifier", ""), 400, ""},
		"the transaction is a number":   {at(token+".transactionIdentifier", 7), 400, ""},
		"the transaction is an object":  {at(token+".transactionIdentifier", map[string]any{}), 400, ""},
		"the transaction is too long":   {at(token+".transactionIdentifier", strings.Repeat("a", 257)), 400, ""},
		"the transaction has a space":   {at(token+".transactionIdentifier", "a b"), 400, ""},
		"the transaction has a line":    {at(token+".transactionIdentifier", "a\r\nX-Evil: 1"), 400, ""},
		"the transaction is no ASCII":   {at(token+".transactionIdentifier", "é"), 400, ""},
		"larger than any":               {at("payment.padding", strings.Repeat("4242424242424242", 4<<10)), 413, ""},
		"64 KB of spaces and more":      {strings.Repeat(" ", 1<<20) + good, 413, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, charger(func(context.Context, Authorization) (Charge, error) {
				t.Error("the provider was asked")
				return Charge{}, nil
			}))
			if got := r.post(r.seal(), EndpointGateway, test.body); got != failureWith(test.code) {
				t.Errorf("got %+v, want %d", got, test.code)
			}
			var want []signature.Reason
			if test.reason != "" {
				want = []signature.Reason{test.reason}
			}
			if diff := cmp.Diff(want, r.refused); diff != "" {
				t.Errorf("refused as:\n%s", diff)
			}
			if told := r.payments(); told != nil {
				t.Errorf("the helpdesk heard %+v", told)
			}
		})
	}
}

// What is odd, but leaves no doubt of what is meant, is taken.
func TestOddCallbacksAreTaken(t *testing.T) {
	t.Parallel()
	good := fixture(t, "gateway-request")
	for name, body := range map[string]string{
		"another version":            change(t, good, "version", 2),
		"members that are new":       change(t, good, "payment.new", map[string]any{"a": []int{1}}),
		"no payment method":          change(t, good, "payment.paymentToken.paymentMethod", gone{}),
		"a strange payment method":   change(t, good, "payment.paymentToken.paymentMethod", []int{1}),
		"a strange name of the card": change(t, good, "payment.paymentToken.paymentMethod.displayName", map[string]any{}),
		"a long name of the card":    change(t, good, "payment.paymentToken.paymentMethod.displayName", strings.Repeat("V", 5000)),
		"a name in many lines":       change(t, good, "payment.paymentToken.paymentMethod.displayName", "V\r\n\x00\x1b[31m"),
		"a strange contact":          change(t, good, "payment.shippingContact", "Ann"),
		"a contact of numbers":       change(t, good, "payment.shippingContact", map[string]any{"givenName": 1, "addressLines": map[string]any{"a": 1}, "postalCode": 94000}),
		"lines upon lines":           change(t, good, "payment.shippingContact", map[string]any{"addressLines": names("1 Example Way ", 500)}),
		"the longest transaction":    consent(t, strings.Repeat("f", 256)),
		"printable characters":       consent(t, `!"#$%&'()~`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, charges)
			if got := r.post(r.seal(), EndpointGateway, body); got != success {
				t.Fatalf("%+v", got)
			}
			told := r.payments()
			if len(told) != 1 || told[0].Status != message.PaymentAuthorized || told[0].RequestID != requestID {
				t.Fatalf("%+v", told)
			}
			if summary := told[0].Summary; len(summary) > 120 || strings.ContainsAny(summary, "\r\n\x00\x1b") {
				t.Errorf("the summary is %q", summary)
			}
			if to := told[0].ShippingContact; to != nil && len(to.AddressLines) > maxAddressLines {
				t.Errorf("%d lines of an address", len(to.AddressLines))
			}
		})
	}
}

func TestDevicesWriteUUIDsInEitherCase(t *testing.T) {
	t.Parallel()
	const id = "0000abcd-0000-4000-8000-00000000beef"
	r := newRig(t, charges)
	token := r.seal(func(a *request) { a.ID = id })
	if got := r.post(token, EndpointGateway, change(t, fixture(t, "gateway-request"), "requestIdentifier", strings.ToUpper(id))); got != success {
		t.Errorf("%+v", got)
	}
	if told := r.payments(); len(told) != 1 || told[0].RequestID != id {
		t.Errorf("%+v", told)
	}
}

func TestABodyThatBreaksOffIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, charges)
	body := io.MultiReader(strings.NewReader(fixture(t, "gateway-request")), iotest.ErrReader(errors.New("4242424242424242")))
	recorder := httptest.NewRecorder()
	r.ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, "/", body), r.seal(), EndpointGateway)
	if recorder.Code != 400 || len(r.payments()) > 0 {
		t.Errorf("%d %s", recorder.Code, recorder.Body)
	}
}

// A phone that hangs up does not stop what it has begun: what became of it must be known.
func TestAConsentIsBroughtToItsEndWithoutThePhone(t *testing.T) {
	t.Parallel()
	ctx, hangUp := context.WithCancel(context.Background())
	r := newRig(t, charger(func(ctx context.Context, consent Authorization) (Charge, error) {
		hangUp()
		if ctx.Err() != nil {
			return Charge{}, message.Failuref(message.Uncertain, "stopped half way")
		}
		return charges(ctx, consent)
	}))
	request := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", strings.NewReader(fixture(t, "gateway-request")))
	r.ServeHTTP(httptest.NewRecorder(), request, r.seal(), EndpointGateway)
	if told := r.payments(); len(told) != 1 || told[0].Status != message.PaymentAuthorized {
		t.Errorf("%+v", told)
	}
}

func TestOrderTrackingIsAnsweredWhateverTheProviderSays(t *testing.T) {
	t.Parallel()
	const items = `[{"amount":"1.5","type":"Final","label":"Item A"}]`
	body := `{"requestIdentifier":"` + requestID + `","version":"1.0","summaryItems":` + items + `,"errors":[]}`
	for name, test := range map[string]struct {
		fails error
		off   bool
		body  string
		heard string
	}{
		"taken":            {nil, false, body, items},
		"refused":          {message.Failuref(message.Permanent, "no"), false, body, items},
		"out of time":      {context.DeadlineExceeded, false, body, items},
		"not configured":   {nil, true, body, ""},
		"without items":    {nil, false, `{"requestIdentifier":"` + requestID + `"}`, ""},
		"items of a sort":  {nil, false, `{"requestIdentifier":"` + requestID + `","summaryItems":"x"}`, ""},
		"items are null":   {nil, false, `{"requestIdentifier":"` + requestID + `","summaryItems":null}`, ""},
		"inside a payment": {nil, false, `{"requestIdentifier":"` + requestID + `","payment":{"summaryItems":` + items + `}}`, items},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			heard := ""
			r := newRig(t, tracking{charges, func(_ context.Context, request Request, items json.RawMessage) error {
				heard = string(items)
				if request.ID != requestID || request.Customer != customer {
					t.Errorf("of %+v", request)
				}
				return test.fails
			}})
			r.merchant.OrderTracking = !test.off
			if got := r.post(r.seal(), EndpointOrderTracking, test.body); got != (answer{200, "{}"}) {
				t.Errorf("%+v", got)
			}
			if heard != test.heard {
				t.Errorf("the provider heard %s", heard)
			}
		})
	}
	r := newRig(t, charges) // a provider that tracks nothing
	r.merchant.OrderTracking = true
	if got := r.post(r.seal(), EndpointOrderTracking, body); got != (answer{200, "{}"}) {
		t.Errorf("%+v", got)
	}
}

func TestTheFallbackSaysWhatIsAskedForAndNoMore(t *testing.T) {
	t.Parallel()
	r := newRig(t, charges)
	r.merchant.Name = `Shop <script>alert(1)</script>`
	got := r.post(r.seal(), EndpointFallback, "anything at all")
	if got.Code != 200 || !strings.Contains(got.Body, "10.00 USD") || !strings.Contains(got.Body, "Shop &lt;script&gt;") {
		t.Errorf("%+v", got)
	}
	for _, secret := range []string{requestID, string(customer), string(business), "<script>"} {
		if strings.Contains(got.Body, secret) {
			t.Errorf("%q is on the page", secret)
		}
	}
}

func TestTheServiceNeedsItsParts(t *testing.T) {
	t.Parallel()
	whole := newRig(t, charges).Options
	for name, change := range map[string]func(*Options){
		"ring": func(o *Options) { o.Ring = nil }, "deliver": func(o *Options) { o.Deliver = nil },
		"memory": func(o *Options) { o.Memory = nil }, "public URL": func(o *Options) { o.PublicURL = "/" },
	} {
		options := whole
		change(&options)
		if _, err := New(options); err == nil {
			t.Errorf("made without a %s", name)
		}
	}
	whole.Logger, whole.Now, whole.Count, whole.Refused = nil, nil, nil, nil
	service, err := New(whole)
	if err != nil {
		t.Fatal(err)
	}
	recorder := httptest.NewRecorder()
	service.ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, "/", strings.NewReader("{")), "x", EndpointGateway)
	if recorder.Code != http.StatusForbidden {
		t.Errorf("%d", recorder.Code)
	}
}
