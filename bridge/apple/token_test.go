package apple

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"bizbridge/bridge/message"
	"bizbridge/bridge/signature"
)

type vectors struct {
	SecretBase64                       string
	Outbound, OutboundWithTyp, Inbound struct {
		Claims map[string]any
		Token  string
	}
}

func TestMintedTokensAreThePublishedVectors(t *testing.T) {
	vector := unmarshal[vectors](t, fixture(t, "vector-jwt.json"))
	m := &minter{account: Account{MSPID: mspA, Secrets: [][]byte{decoded(vector.SecretBase64)}}, now: func() time.Time { return clock }}
	bearer, err := m.bearer(false)
	if err != nil {
		t.Fatal(err)
	}
	if want := "Bearer " + vector.OutboundWithTyp.Token; bearer != want {
		t.Errorf("got  %s\nwant %s", bearer, want)
	}
	// The vector without typ differs in its header, and so in its signature, but not in its claims.
	claims := func(token string) string { return strings.Split(token, ".")[1] }
	if claims(bearer) != claims(vector.Outbound.Token) {
		t.Errorf("the claims are %s", claims(bearer))
	}
}

func TestTheInboundVectorIsVerified(t *testing.T) {
	vector := unmarshal[vectors](t, fixture(t, "vector-jwt.json"))
	account := Account{MSPID: mspA, Secrets: [][]byte{decoded(vector.SecretBase64)}}
	age, err := verifyToken(vector.Inbound.Token, account, time.Hour, clock.Add(10*time.Second))
	if err != nil || age != 10*time.Second {
		t.Errorf("%s, %v", age, err)
	}
	for _, token := range []string{vector.Outbound.Token, vector.OutboundWithTyp.Token} {
		if _, err := verifyToken(token, account, time.Hour, clock); err == nil {
			t.Error("a token that we minted, which has no aud, was accepted as Apple's")
		}
	}
}

func TestATokenIsUsedAgainUntilItIsOldOrRefused(t *testing.T) {
	now := clock
	m := &minter{account: Account{MSPID: mspA, Secrets: [][]byte{secretA, secretOld}}, now: func() time.Time { return now }}
	bearer := func(fresh bool) string {
		token, err := m.bearer(fresh)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	first := bearer(false)
	for name, test := range map[string]struct {
		after time.Duration
		fresh bool
		same  bool
	}{
		"at once": {0, false, true}, "just before its end": {tokenLifetime - 1, false, true}, "at its end": {tokenLifetime, false, false},
		"after a refusal": {time.Second, true, false}, "when the clock was set back": {-time.Second, false, false},
	} {
		m.token, m.minted, now = first, clock, clock.Add(test.after)
		if same := bearer(test.fresh) == first; same != test.same {
			t.Errorf("%s: the same token: %v", name, same)
		}
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() { bearer(false) })
	}
	group.Wait()
}

func TestATokenThatIsNotApplesIsRefusedBeforeTheBodyIsRead(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	hs256 := func(secret []byte, claims jwt.MapClaims) string {
		return "Bearer " + minted(t, jwt.SigningMethodHS256, secret, claims)
	}
	iat := clock.Unix()
	good := jwt.MapClaims{"aud": mspA, "iat": iat}
	at := func(d time.Duration) int64 { return clock.Add(d).Unix() }
	segment := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	valid := tokenA(t)
	parts := strings.Split(valid, ".")
	for name, test := range map[string]struct {
		authorization string
		status        int
		reason        signature.Reason
	}{
		"no header":                  {"", 401, signature.Missing},
		"basic":                      {"Basic dXNlcjpwYXNz", 401, signature.Missing},
		"the token alone":            {valid, 401, signature.Missing},
		"Bearer without a token":     {"Bearer", 401, signature.Missing},
		"Bearer and white space":     {"Bearer   ", 401, signature.Missing},
		"another word":               {"Token " + valid, 401, signature.Missing},
		"not a JWT":                  {"Bearer hunter2", 403, signature.Malformed},
		"two segments":               {"Bearer " + parts[0] + "." + parts[1], 403, signature.Malformed},
		"four segments":              {"Bearer " + valid + ".x", 403, signature.Malformed},
		"header not base64":          {"Bearer %%%." + parts[1] + "." + parts[2], 403, signature.Malformed},
		"header not JSON":            {"Bearer " + segment("x") + "." + parts[1] + "." + parts[2], 403, signature.Malformed},
		"claims not JSON":            {"Bearer " + parts[0] + "." + segment("x") + "." + parts[2], 403, signature.Malformed},
		"two tokens":                 {"Bearer " + valid + " " + valid, 403, signature.Malformed},
		"unsigned":                   {"Bearer " + parts[0] + "." + parts[1] + ".", 403, signature.Mismatch},
		"signature cut":              {"Bearer " + valid[:len(valid)-4], 403, signature.Mismatch},
		"claims altered":             {"Bearer " + parts[0] + "." + segment(`{"aud":"`+mspA+`","iat":1700000001}`) + "." + parts[2], 403, signature.Mismatch},
		"wrong secret":               {hs256([]byte("wrong"), good), 403, signature.Mismatch},
		"empty secret":               {hs256([]byte{}, good), 403, signature.Mismatch},
		"secret not decoded":         {hs256([]byte(secretText), good), 403, signature.Mismatch},
		"secret of account B":        {hs256(secretB, good), 403, signature.Mismatch},
		"token of account B":         {"Bearer " + tokenB(t), 403, signature.Mismatch},
		"alg none":                   {"Bearer " + minted(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good), 403, signature.Algorithm},
		"alg None, signed":           {"Bearer " + segment(`{"alg":"None"}`) + "." + parts[1] + "." + parts[2], 403, signature.Algorithm},
		"alg missing":                {"Bearer " + segment(`{}`) + "." + parts[1] + "." + parts[2], 403, signature.Algorithm},
		"alg a number":               {"Bearer " + segment(`{"alg":256}`) + "." + parts[1] + "." + parts[2], 403, signature.Algorithm},
		"alg in lower case":          {"Bearer " + segment(`{"alg":"hs256"}`) + "." + parts[1] + "." + parts[2], 403, signature.Algorithm},
		"HS384 with the secret":      {"Bearer " + minted(t, jwt.SigningMethodHS384, secretA, good), 403, signature.Algorithm},
		"HS512 with the secret":      {"Bearer " + minted(t, jwt.SigningMethodHS512, secretA, good), 403, signature.Algorithm},
		"RS256":                      {"Bearer " + minted(t, jwt.SigningMethodRS256, rsaKey, good), 403, signature.Algorithm},
		"RS256 over an HS256 MAC":    {"Bearer " + segment(`{"alg":"RS256"}`) + "." + parts[1] + "." + parts[2], 403, signature.Algorithm},
		"aud of another account":     {hs256(secretA, jwt.MapClaims{"aud": mspB, "iat": iat}), 403, signature.Audience},
		"aud the business":           {hs256(secretA, jwt.MapClaims{"aud": businessA, "iat": iat}), 403, signature.Audience},
		"aud an array of others":     {hs256(secretA, jwt.MapClaims{"aud": []string{mspB, businessA}, "iat": iat}), 403, signature.Audience},
		"aud an empty array":         {hs256(secretA, jwt.MapClaims{"aud": []string{}, "iat": iat}), 403, signature.Audience},
		"aud missing":                {hs256(secretA, jwt.MapClaims{"iat": iat}), 403, signature.Audience},
		"aud a prefix":               {hs256(secretA, jwt.MapClaims{"aud": mspA[:35], "iat": iat}), 403, signature.Audience},
		"aud a number":               {hs256(secretA, jwt.MapClaims{"aud": 1, "iat": iat}), 403, signature.Malformed},
		"iss instead of aud":         {hs256(secretA, jwt.MapClaims{"iss": mspA, "iat": iat}), 403, signature.Audience},
		"iat missing":                {hs256(secretA, jwt.MapClaims{"aud": mspA}), 403, signature.Malformed},
		"iat a word":                 {hs256(secretA, jwt.MapClaims{"aud": mspA, "iat": "now"}), 403, signature.Malformed},
		"iat zero":                   {hs256(secretA, jwt.MapClaims{"aud": mspA, "iat": 0}), 403, signature.Stale},
		"iat too old":                {hs256(secretA, jwt.MapClaims{"aud": mspA, "iat": at(-time.Hour - time.Second)}), 403, signature.Stale},
		"iat in the future":          {hs256(secretA, jwt.MapClaims{"aud": mspA, "iat": at(time.Hour + time.Second)}), 403, signature.Stale},
		"iat in milliseconds":        {hs256(secretA, jwt.MapClaims{"aud": mspA, "iat": clock.UnixMilli()}), 403, signature.Stale},
		"iat absurd":                 {hs256(secretA, jwt.MapClaims{"aud": mspA, "iat": 1e300}), 403, signature.Stale},
		"iat absurd and negative":    {hs256(secretA, jwt.MapClaims{"aud": mspA, "iat": -1e300}), 403, signature.Stale},
		"exp long past":              {hs256(secretA, jwt.MapClaims{"aud": mspA, "iat": iat, "exp": at(-time.Hour - time.Second)}), 403, signature.Expired},
		"nbf far ahead":              {hs256(secretA, jwt.MapClaims{"aud": mspA, "iat": iat, "nbf": at(2 * time.Hour)}), 403, signature.Stale},
		"everything wrong but alg":   {hs256(secretB, jwt.MapClaims{"aud": businessA, "exp": 1}), 403, signature.Mismatch},
		"right secret, stale, wrong": {hs256(secretA, jwt.MapClaims{"aud": mspB, "iat": 1}), 403, signature.Audience},
	} {
		t.Run(name, func(t *testing.T) {
			req := post{body: poison{t}, length: 10, header: map[string]string{"Authorization": test.authorization}}.request(t)
			refusal := refusedAs(t, testReceiver(), req)
			if refusal.Status != test.status || refusal.Signature != test.reason || refusal.Business != "" {
				t.Errorf("got %+v; want %d %s", refusal, test.status, test.reason)
			}
			wantCode := message.CodeForbidden
			if test.status == http.StatusUnauthorized {
				wantCode = message.CodeUnauthorized
			}
			if refusal.Code != wantCode {
				t.Errorf("code %s", refusal.Code)
			}
			if strings.Contains(refusal.Error(), "hunter2") || strings.Contains(refusal.Error(), parts[2]) {
				t.Errorf("%q shows the token", refusal)
			}
		})
	}
}

func TestATokenOfAppleIsAccepted(t *testing.T) {
	iat := clock.Unix()
	at := func(d time.Duration) int64 { return clock.Add(d).Unix() }
	for name, test := range map[string]struct {
		scheme string
		secret []byte
		claims jwt.MapClaims
		age    time.Duration
	}{
		"as documented":               {"Bearer ", secretA, jwt.MapClaims{"aud": mspA, "iat": iat}, 0},
		"scheme in lower case":        {"bearer ", secretA, jwt.MapClaims{"aud": mspA, "iat": iat}, 0},
		"two spaces":                  {"Bearer  ", secretA, jwt.MapClaims{"aud": mspA, "iat": iat}, 0},
		"aud an array":                {"Bearer ", secretA, jwt.MapClaims{"aud": []string{mspA}, "iat": iat}, 0},
		"aud among others":            {"Bearer ", secretA, jwt.MapClaims{"aud": []string{"x", mspA}, "iat": iat}, 0},
		"aud in capitals":             {"Bearer ", secretA, jwt.MapClaims{"aud": strings.ToUpper(mspA), "iat": iat}, 0},
		"secret before the rotation":  {"Bearer ", secretOld, jwt.MapClaims{"aud": mspA, "iat": iat}, 0},
		"iat an hour old":             {"Bearer ", secretA, jwt.MapClaims{"aud": mspA, "iat": at(-time.Hour)}, time.Hour},
		"iat an hour ahead":           {"Bearer ", secretA, jwt.MapClaims{"aud": mspA, "iat": at(time.Hour)}, -time.Hour},
		"iat with a fraction":         {"Bearer ", secretA, jwt.MapClaims{"aud": mspA, "iat": float64(iat) - 0.5}, time.Second},
		"exp ahead":                   {"Bearer ", secretA, jwt.MapClaims{"aud": mspA, "iat": iat, "exp": at(time.Minute)}, 0},
		"exp past within the leeway":  {"Bearer ", secretA, jwt.MapClaims{"aud": mspA, "iat": iat, "exp": at(-time.Hour + time.Second)}, 0},
		"nbf ahead within the leeway": {"Bearer ", secretA, jwt.MapClaims{"aud": mspA, "iat": iat, "nbf": at(time.Minute)}, 0},
		"claims that nobody knows":    {"Bearer ", secretA, jwt.MapClaims{"aud": mspA, "iat": iat, "iss": "Apple", "sub": "x", "x": []int{1}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			token := test.scheme + minted(t, jwt.SigningMethodHS256, test.secret, test.claims)
			incoming := accepted(t, testReceiver(), post{header: map[string]string{"Authorization": token}}.request(t))
			if incoming.TokenAge.Round(time.Second) != test.age || incoming.Event.Data.Text != "Hello" {
				t.Errorf("%+v", incoming)
			}
		})
	}
}

func TestABusinessIsServedByItsOwnAccountOnly(t *testing.T) {
	bodyFor := func(business string) string { return with(map[string]any{"destinationId": business}) }
	for name, test := range map[string]struct {
		token, header, body string
		status              int
		business            message.BusinessID
	}{
		"A with A":                              {tokenA(t), businessA, businessA, 200, businessA},
		"B with B":                              {tokenB(t), businessB, businessB, 200, businessB},
		"A with B":                              {tokenB(t), businessA, businessA, 403, ""},
		"B with A":                              {tokenA(t), businessB, businessB, 403, ""},
		"unknown with A":                        {tokenA(t), stranger, stranger, 404, ""},
		"unknown with B":                        {tokenB(t), stranger, stranger, 404, ""},
		"unknown with an invalid token":         {"x.y.z", stranger, stranger, 403, ""},
		"unknown in the header, A in the body":  {tokenA(t), stranger, businessA, 404, ""},
		"A in the header, B in the body":        {tokenA(t), businessA, businessB, 400, businessA},
		"no header, A with A":                   {tokenA(t), "", businessA, 200, businessA},
		"no header, B with B":                   {tokenB(t), "", businessB, 200, businessB},
		"no header, A with B":                   {tokenB(t), "", businessA, 403, ""},
		"no header, B with A":                   {tokenA(t), "", businessB, 403, ""},
		"no header, unknown with A":             {tokenA(t), "", stranger, 404, ""},
		"no header, unknown, invalid token":     {"x.y.z", "", stranger, 403, ""},
		"header only, in capitals":              {tokenA(t), strings.ToUpper(businessA), "", 200, businessA},
		"neither":                               {tokenA(t), "", "", 400, ""},
		"A in capitals":                         {tokenA(t), strings.ToUpper(businessA), businessA, 200, businessA},
		"B in lower case: echoed as registered": {tokenB(t), strings.ToLower(businessB), strings.ToLower(businessB), 200, businessB},
	} {
		t.Run(name, func(t *testing.T) {
			body := bodyFor(test.body)
			if test.body == "" {
				body = with(map[string]any{"destinationId": nil})
			}
			req := sent(body, map[string]string{"Authorization": "Bearer " + test.token, "destination-id": test.header}).request(t)
			if test.status == http.StatusOK {
				if got := accepted(t, testReceiver(), req).Event.Data.BusinessID; got != test.business {
					t.Errorf("business %s", got)
				}
				return
			}
			refusal := refusedAs(t, testReceiver(), req)
			if refusal.Status != test.status || refusal.Business != test.business {
				t.Errorf("got %+v", refusal)
			}
		})
	}
}

func TestTheAccountWhoseSecretFitsSaysWhatIsWrong(t *testing.T) {
	stale := minted(t, jwt.SigningMethodHS256, secretA, jwt.MapClaims{"aud": mspA, "iat": 1})
	refusal := refusedAs(t, testReceiver(), post{body: poison{t}, header: map[string]string{"Authorization": "Bearer " + stale, "destination-id": ""}}.request(t))
	if diff := cmp.Diff(signature.Stale, refusal.Signature); diff != "" {
		t.Error("the second account, whose secret does not fit, hides that the clock is wrong:", diff)
	}
	empty := &Receiver{Directory: NewDirectory(nil, nil), Leeway: time.Hour, MaxBody: maxBody, Now: func() time.Time { return clock }}
	if refusal := refusedAs(t, empty, post{body: poison{t}}.request(t)); refusal.Status != 403 {
		t.Errorf("without any account: %+v", refusal)
	}
}

// claimsOf gives the claims of a token.
func claimsOf(t testing.TB, token string) []byte {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// tokenPart is the signature of the token that account A shows at the test's time.
func tokenPart(t testing.TB) string {
	t.Helper()
	return strings.Split(unmarshal[vectors](t, fixture(t, "vector-jwt.json")).OutboundWithTyp.Token, ".")[2]
}
