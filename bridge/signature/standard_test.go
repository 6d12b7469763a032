package signature

import (
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"pgregory.net/rapid"
)

// The example of the Standard Webhooks specification.
const (
	vectorSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	vectorID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorBody      = `{"test": 2432232314}`
	vectorSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

	otherSecret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
)

var vectorTime = time.Unix(1614265330, 0)

func standard(t testing.TB, secrets ...string) *Standard {
	t.Helper()
	scheme, err := NewStandard(secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return scheme
}

func headers(id, timestamp, signature string) http.Header {
	header := http.Header{}
	for name, value := range map[string]string{HeaderID: id, HeaderTimestamp: timestamp, HeaderSignature: signature} {
		if value != "" {
			header.Set(name, value)
		}
	}
	return header
}

func TestSignGivesThePublishedVector(t *testing.T) {
	header := http.Header{}
	standard(t, vectorSecret).Sign(header, vectorID, vectorTime, []byte(vectorBody))
	if got := header.Get("webhook-signature"); got != vectorSignature {
		t.Errorf("got %s", got)
	}
	if header.Get("webhook-id") != vectorID || header.Get("webhook-timestamp") != "1614265330" {
		t.Errorf("%v", header)
	}
}

func TestVerifyTellsWhyASignatureIsRefused(t *testing.T) {
	ts := strconv.FormatInt(vectorTime.Unix(), 10)
	good := headers(vectorID, ts, vectorSignature)
	foreign := http.Header{}
	standard(t, otherSecret).Sign(foreign, vectorID, vectorTime, []byte(vectorBody))
	wrong := "v1," + base64.StdEncoding.EncodeToString(make([]byte, 32))
	for name, test := range map[string]struct {
		secrets []string
		header  http.Header
		body    string
		now     time.Time
		want    Reason
	}{
		"right":                               {header: good},
		"right after rotation":                {secrets: []string{otherSecret, vectorSecret}, header: good},
		"right before rotation":               {secrets: []string{vectorSecret, otherSecret}, header: good},
		"right secret in white space":         {secrets: []string{"  " + vectorSecret + "\n"}, header: good},
		"signed with old and new":             {header: headers(vectorID, ts, foreign.Get(HeaderSignature)+" "+vectorSignature)},
		"signed with new and old":             {header: headers(vectorID, ts, vectorSignature+" "+foreign.Get(HeaderSignature))},
		"beside an asymmetric one":            {header: headers(vectorID, ts, "v1a,AAAA "+vectorSignature)},
		"beside nonsense":                     {header: headers(vectorID, ts, "v1, v1,%%% x, ,, v2,"+wrong[3:]+" "+vectorSignature)},
		"tenth of many":                       {header: headers(vectorID, ts, strings.Repeat(wrong+" ", 9)+vectorSignature)},
		"five minutes late":                   {header: good, now: vectorTime.Add(5 * time.Minute)},
		"five minutes early":                  {header: good, now: vectorTime.Add(-5 * time.Minute)},
		"no headers":                          {header: http.Header{}, want: Missing},
		"no id":                               {header: headers("", ts, vectorSignature), want: Missing},
		"no timestamp":                        {header: headers(vectorID, "", vectorSignature), want: Missing},
		"no signature":                        {header: headers(vectorID, ts, ""), want: Missing},
		"timestamp not a number":              {header: headers(vectorID, "2021-02-25T15:02:10Z", vectorSignature), want: Malformed},
		"timestamp with a fraction":           {header: headers(vectorID, ts+".0", vectorSignature), want: Malformed},
		"timestamp too large":                 {header: headers(vectorID, "9223372036854775808", vectorSignature), want: Malformed},
		"timestamp in milliseconds":           {header: headers(vectorID, ts+"000", vectorSignature), want: Stale},
		"timestamp of the end of time":        {header: headers(vectorID, "9223372036854775807", vectorSignature), want: Stale},
		"timestamp before time":               {header: headers(vectorID, "-9223372036854775808", vectorSignature), want: Stale},
		"more than five minutes late":         {header: good, now: vectorTime.Add(5*time.Minute + time.Second), want: Stale},
		"more than five minutes early":        {header: good, now: vectorTime.Add(-5*time.Minute - time.Second), want: Stale},
		"signature without a version":         {header: headers(vectorID, ts, vectorSignature[3:]), want: Malformed},
		"signature of another version":        {header: headers(vectorID, ts, "v2"+vectorSignature[2:]), want: Malformed},
		"only an asymmetric one":              {header: headers(vectorID, ts, "v1a"+vectorSignature[2:]), want: Malformed},
		"signature not base64":                {header: headers(vectorID, ts, "v1,????"), want: Malformed},
		"signature in hex":                    {header: headers(vectorID, ts, "v1,"+strings.Repeat("ab", 32)), want: Malformed},
		"signature cut short":                 {header: headers(vectorID, ts, "v1,"+base64.StdEncoding.EncodeToString(make([]byte, 31))), want: Malformed},
		"signature empty":                     {header: headers(vectorID, ts, "v1,"), want: Malformed},
		"signature of another secret":         {header: foreign, want: Mismatch},
		"secret dropped":                      {secrets: []string{otherSecret}, header: good, want: Mismatch},
		"body altered":                        {header: good, body: `{"test": 2432232315}`, want: Mismatch},
		"body reformatted":                    {header: good, body: `{"test":2432232314}`, want: Mismatch},
		"body empty":                          {header: good, body: " ", want: Mismatch},
		"id altered":                          {header: headers(vectorID+"x", ts, vectorSignature), want: Mismatch},
		"timestamp altered":                   {header: headers(vectorID, "1614265331", vectorSignature), want: Mismatch},
		"timestamp written otherwise":         {header: headers(vectorID, "+"+ts, vectorSignature), want: Mismatch},
		"more signatures than anybody needs":  {header: headers(vectorID, ts, strings.Repeat(wrong+" ", 10)+vectorSignature), want: Mismatch},
		"signature of an empty id and moment": {header: headers(".", ts, vectorSignature), want: Mismatch},
	} {
		t.Run(name, func(t *testing.T) {
			if test.secrets == nil {
				test.secrets = []string{vectorSecret}
			}
			if test.body == "" {
				test.body = vectorBody
			}
			if test.now.IsZero() {
				test.now = vectorTime
			}
			id, err := standard(t, test.secrets...).Verify(test.header, []byte(test.body), test.now)
			if test.want == "" {
				if err != nil || id != vectorID {
					t.Errorf("got %q, %v", id, err)
				}
				return
			}
			refused, ok := errors.AsType[*Error](err)
			if !ok || refused.Reason != test.want || id != "" {
				t.Fatalf("got %q, %#v; want %s", id, err, test.want)
			}
			if !slices.Contains(Reasons, refused.Reason) || strings.Contains(err.Error(), vectorSecret[6:]) || err.Error() == "" {
				t.Errorf("%q", err)
			}
		})
	}
}

func TestTheReferenceLibraryAgrees(t *testing.T) {
	secret := rapid.Custom(func(t *rapid.T) string {
		return "whsec_" + base64.StdEncoding.EncodeToString(rapid.SliceOfN(rapid.Byte(), 24, 64).Draw(t, "key"))
	})
	rapid.Check(t, func(rt *rapid.T) {
		text, id := secret.Draw(rt, "secret"), rapid.StringMatching(`[A-Za-z0-9_-]{1,40}`).Draw(rt, "id")
		body := rapid.SliceOf(rapid.Byte()).Draw(rt, "body")
		reference, err := standardwebhooks.NewWebhook(text)
		if err != nil {
			rt.Fatal(err)
		}
		ours, now := standard(t, text, otherSecret), time.Now()

		header := http.Header{}
		ours.Sign(header, id, now, body)
		if err := reference.Verify(body, header); err != nil {
			rt.Errorf("the library refuses ours: %v", err)
		}
		signature, err := reference.Sign(id, now, body)
		if err != nil {
			rt.Fatal(err)
		}
		header.Set(HeaderSignature, signature)
		if got, err := ours.Verify(header, body, now); err != nil || got != id {
			rt.Errorf("we refuse the library's: %q, %v", got, err)
		}
	})
}

func TestNewStandardSaysWhichSecretIsWrongButNotItsText(t *testing.T) {
	for name, test := range map[string]struct {
		secrets []string
		want    string
	}{
		"none":           {nil, "at least one secret is needed"},
		"no prefix":      {[]string{vectorSecret[6:]}, "secret 1 does not begin with whsec_"},
		"public key":     {[]string{"whpk_" + vectorSecret[6:]}, "secret 1 does not begin with whsec_"},
		"not base64":     {[]string{vectorSecret, "whsec_hunter2!"}, "secret 2 is not base64 after whsec_"},
		"too short":      {[]string{"whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 23))}, "secret 1 has 23 bytes; 24 to 64 are needed"},
		"too long":       {[]string{"whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 65))}, "secret 1 has 65 bytes; 24 to 64 are needed"},
		"only a prefix":  {[]string{"whsec_"}, "secret 1 has 0 bytes; 24 to 64 are needed"},
		"URL alphabet":   {[]string{"whsec_" + base64.URLEncoding.EncodeToString([]byte(strings.Repeat("\xff", 24)))}, "secret 1 is not base64 after whsec_"},
		"empty, then ok": {[]string{"", vectorSecret}, "secret 1 does not begin with whsec_"},
	} {
		if _, err := NewStandard(test.secrets...); err == nil || err.Error() != test.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, size := range []int{24, 25, 32, 64} {
		standard(t, "whsec_"+base64.StdEncoding.EncodeToString(make([]byte, size)))
		standard(t, "whsec_"+base64.RawStdEncoding.EncodeToString(make([]byte, size)))
	}
}

func FuzzVerify(f *testing.F) {
	scheme := standard(f, vectorSecret, otherSecret)
	f.Add(vectorID, "1614265330", vectorSignature, []byte(vectorBody))
	f.Add(vectorID, "-1", "v1, v1a,x "+vectorSignature, []byte{})
	f.Add("", "", "", []byte(nil))
	f.Fuzz(func(t *testing.T, id, timestamp, signature string, body []byte) {
		got, err := scheme.Verify(headers(id, timestamp, signature), body, vectorTime)
		if err != nil {
			refused, ok := errors.AsType[*Error](err)
			if !ok || got != "" || !slices.Contains(Reasons, refused.Reason) {
				t.Fatalf("%q, %#v", got, err)
			}
		} else if got != id || timestamp != "1614265330" && (id != vectorID || string(body) != vectorBody) {
			t.Fatalf("id %q, timestamp %q, body %q were accepted", id, timestamp, body)
		}
		// Whatever was sent, what we sign ourselves is accepted, and not with another body.
		header := http.Header{}
		scheme.Sign(header, id+"x", vectorTime, body)
		if got, err := scheme.Verify(header, body, vectorTime); err != nil || got != id+"x" {
			t.Fatalf("%q, %v", got, err)
		}
		if _, err := scheme.Verify(header, append(body, 0), vectorTime); err == nil {
			t.Fatal("a longer body was accepted")
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	scheme, header, body := standard(b, vectorSecret), http.Header{}, []byte(strings.Repeat("x", 1000))
	scheme.Sign(header, vectorID, vectorTime, body)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := scheme.Verify(header, body, vectorTime); err != nil {
			b.Fatal(err)
		}
	}
}
