package signature

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestNewSaysWhichSecretIsWrongButNotItsText(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&curve.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(curve)
	if err != nil {
		t.Fatal(err)
	}
	code := base64.StdEncoding.EncodeToString
	for name, c := range map[string]struct {
		scheme  string
		secrets []string
		want    string
	}{
		"none":              {"zammad", nil, "at least one secret is needed"},
		"empty":             {"zammad", []string{"hunter2", ""}, "secret 2 is empty"},
		"a line break":      {"slack", []string{"hunter2\n"}, "secret 1 has white space around it"},
		"no whsec_":         {StandardWebhooks, []string{"hunter2"}, "secret 1 does not begin with whsec_"},
		"no key":            {"freshchat", []string{"hunter2"}, "secret 1 is no RSA key in PEM"},
		"an empty key":      {"freshchat", []string{"-----BEGIN PUBLIC KEY----------END PUBLIC KEY-----"}, "secret 1 is no RSA key in PEM"},
		"not a key":         {"freshchat", []string{code([]byte("hunter2"))}, "secret 1 is no RSA key in PEM"},
		"another algorithm": {"freshchat", []string{code(public)}, "secret 1 is no RSA key in PEM"},
		"another, private":  {"freshchat", []string{code(private)}, "secret 1 is no RSA key in PEM"},
		"a small key":       {"freshchat", []string{code(x509.MarshalPKCS1PublicKey(&small.PublicKey))}, "secret 1 is an RSA key of 1024 bits; 2048 are needed"},
	} {
		scheme, _ := Lookup(c.scheme)
		if _, err := New(scheme, c.secrets...); err == nil || err.Error() != c.want || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

// An RSA key is read however it was pasted.
func TestAnRSAKeyIsReadHoweverItWasPasted(t *testing.T) {
	block, _ := pem.Decode([]byte(rsaKeys()[0]))
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	private := parsed.(*rsa.PrivateKey)
	spki, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	text := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	public := text("PUBLIC KEY", spki)
	req := Request{Header: http.Header{}, Body: []byte("{}")}
	if err := keysOf(t, "freshchat", rsaKeys()[0]).Sign(req, "", time.Now()); err != nil {
		t.Fatal(err)
	}
	for name, secret := range map[string]string{
		"SPKI": public, "PKCS #1": text("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&private.PublicKey)), "under a wrong name": text("RSA PUBLIC KEY", spki),
		"on one line": strings.ReplaceAll(public, "\n", " "), "on one line without spaces": strings.ReplaceAll(public, "\n", ""),
		"with \\n": strings.ReplaceAll(public, "\n", `\n`), "with CRLF": strings.ReplaceAll(public, "\n", "\r\n"), "bare": base64.StdEncoding.EncodeToString(spki),
		"private": rsaKeys()[0], "private, PKCS #1": text("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(private)),
	} {
		k := keysOf(t, "freshchat", secret)
		if _, err := k.Verify(req, time.Now()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := k.CanSign(); (err == nil) != strings.HasPrefix(name, "private") || (err == nil) != (k.Sign(Request{Header: http.Header{}}, "", time.Now()) == nil) {
			t.Errorf("%s: it can sign: %v", name, err)
		}
	}
}

func TestWhatCannotSignSaysSo(t *testing.T) {
	k := keysOf(t, "livechat", "hunter2")
	if err := k.Sign(Request{Header: http.Header{}}, "", time.Now()); err == nil || err.Error() != k.CanSign().Error() {
		t.Error(err)
	}
	for body, signs := range map[string]bool{`{"a":1}`: false, ``: true} {
		if err := keysOf(t, "twilio", "12345").Sign(Request{URL: "https://x", Header: http.Header{}, Body: []byte(body)}, "", time.Now()); (err == nil) != signs {
			t.Errorf("%q: %v", body, err)
		}
	}
}

// All that the bridge signs by itself is the scheme of the table.
func TestStandardIsTheSchemeOfTheTable(t *testing.T) {
	header := http.Header{}
	ours := standard(t, vectorSecret)
	ours.Sign(header, vectorID, vectorTime, []byte(vectorBody))
	streamed := http.Header{}
	if err := ours.SignReader(streamed, vectorID, vectorTime, strings.NewReader(vectorBody)); err != nil {
		t.Fatal(err)
	}
	for _, given := range []http.Header{header, streamed} {
		id, err := keysOf(t, StandardWebhooks, vectorSecret).Verify(Request{Header: given, Body: []byte(vectorBody)}, vectorTime)
		if err != nil || id != vectorID || given.Get(HeaderSignature) != vectorSignature {
			t.Errorf("%q, %v, %v", id, err, given)
		}
	}
}
