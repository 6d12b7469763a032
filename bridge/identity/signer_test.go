package identity

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"math"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"pgregory.net/rapid"
)

// decrypt is the helpdesk's half, of RFC 7516, without a library for it.
func decrypt(t testing.TB, token string, key *rsa.PrivateKey) (header map[string]any, text string) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 5 {
		t.Fatalf("a JWE has 5 parts, not %d", len(parts))
	}
	decoded := make([][]byte, 5)
	for i, part := range parts {
		decoded[i] = must(base64.RawURLEncoding.Strict().DecodeString(part))
	}
	content, err := rsa.DecryptOAEP(sha256.New(), nil, key, decoded[1], nil)
	if err != nil || len(content) != 32 || len(decoded[2]) != 12 || len(decoded[4]) != 16 {
		t.Fatalf("a content key of %d bytes: %v", len(content), err)
	}
	aead := must(cipher.NewGCM(must(aes.NewCipher(content))))
	plaintext, err := aead.Open(nil, decoded[2], append(decoded[3], decoded[4]...), []byte(parts[0]))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(decoded[0], &header); err != nil {
		t.Fatal(err)
	}
	return header, string(plaintext)
}

func parsePrivate(t testing.TB, text string) *rsa.PrivateKey {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	return must(x509.ParsePKCS8PrivateKey(block.Bytes)).(*rsa.PrivateKey)
}

// iadvizeSettings make what iAdvize documents, with the vector's keys.
func iadvizeSettings(v vector) Settings {
	return Settings{
		Kind: JWSJWE, Algorithm: RS256, Keys: []Key{{PrivateKey: v.SignPrivatePEM}}, Issuer: "https://shop.example.test",
		Claims: map[string]any{
			IAdvizeUserID:      "subject",
			IAdvizeVisitorData: map[string]any{"firstName": "given_name", "lastName": "family_name", "city": "address.locality"},
		},
		Encryption: &Encryption{PublicKey: v.EncPublicPEM},
	}
}

func TestTheVectorOfIAdvizeIsReadByTheseHelpers(t *testing.T) {
	// The helpers stand for iAdvize in the other tests, so they must read what another made.
	v := readVector(t)
	header, inner := decrypt(t, v.JWE, parsePrivate(t, v.EncPrivatePEM))
	if inner != v.JWS || !maps.Equal(header, map[string]any{"alg": "RSA-OAEP-256", "enc": "A256GCM", "cty": "JWT"}) {
		t.Errorf("header %v, content %s", header, inner)
	}
	if _, claims := verify(t, inner, parsePrivate(t, v.SignPrivatePEM).Public()); !reflect.DeepEqual(claims, v.Claims) {
		t.Errorf("%v", claims)
	}
	// RS256 has no chance in it: from the same input and key, this package's key and method make the same signature.
	key, p := readPrivateKey(v.SignPrivatePEM, RS256)
	if p != nil {
		t.Fatal(p)
	}
	at := strings.LastIndex(v.JWS, ".")
	signature, err := jwt.SigningMethodRS256.Sign(v.JWS[:at], key)
	if err != nil || base64.RawURLEncoding.EncodeToString(signature) != v.JWS[at+1:] {
		t.Errorf("another signature, or %v", err)
	}
}

func TestATokenForIAdvizeIsLikeTheVector(t *testing.T) {
	v := readVector(t)
	attributes := map[string]any{
		"subject": v.Claims[IAdvizeUserID], "given_name": "Ada", "family_name": "", "address": map[string]any{"locality": "Nantes", "region": "x"}, "email": "unmapped",
	}
	expires := time.Unix(int64(v.Claims["exp"].(float64)), 0)
	token, got, err := signer(t, iadvizeSettings(v)).Sign(attributes, expires.Add(-DefaultTTL))
	if err != nil || !got.Equal(expires) {
		t.Fatalf("%v, %v", got, err)
	}
	header, inner := decrypt(t, token, parsePrivate(t, v.EncPrivatePEM))
	vectorHeader, _ := decrypt(t, v.JWE, parsePrivate(t, v.EncPrivatePEM))
	if !maps.Equal(header, vectorHeader) {
		t.Errorf("the JWE's header is %v", header)
	}
	if head := inner[:strings.Index(inner, ".")]; head != v.JWS[:strings.Index(v.JWS, ".")] {
		t.Errorf("the JWS's header is %s", head)
	}
	_, claims := verify(t, inner, parsePrivate(t, v.SignPrivatePEM).Public())
	if claims["iat"] != float64(expires.Add(-DefaultTTL).Unix()) {
		t.Errorf("iat is %v", claims["iat"])
	}
	delete(claims, "iat")
	if !reflect.DeepEqual(claims, v.Claims) {
		t.Errorf("%v; want %v", claims, v.Claims)
	}
}

func TestBothLibrariesReadEachKind(t *testing.T) {
	for name, key := range map[string]crypto.Signer{RS256: rsa2048(), ES256: p256()} {
		settings := jwsSettings(key)
		settings.Keys[0].ID, settings.Audience, settings.TTL = "2026-01", "https://desk.example.com", time.Minute
		settings.Fixed = map[string]any{"scope": "user", "level": 2, "groups": []any{"a"}}
		rapid.Check(t, func(rt *rapid.T) {
			subject := rapid.StringN(1, 60, 255).Draw(rt, "subject")
			at := time.Unix(rapid.Int64Range(0, math.MaxInt32).Draw(rt, "time"), rapid.Int64Range(0, 999_999_999).Draw(rt, "nanoseconds"))
			token, expires, err := signer(t, settings).Sign(map[string]any{"subject": subject}, at)
			if err != nil {
				rt.Fatal(err)
			}
			header, claims := verify(t, token, key.Public())
			want := map[string]any{
				"sub": subject, "iss": settings.Issuer, "aud": settings.Audience, "iat": float64(at.Unix()), "exp": float64(at.Unix() + 60),
				"scope": "user", "level": 2.0, "groups": []any{"a"},
			}
			if header.Algorithm != name || header.KeyID != "2026-01" || !reflect.DeepEqual(claims, want) || expires.Unix() != at.Unix()+60 {
				rt.Fatalf("%+v, %v; want %v", header, claims, want)
			}
			for when, valid := range map[time.Time]bool{at: true, expires.Add(-time.Nanosecond): true, expires: false, expires.Add(time.Hour): false} {
				parser := jwt.NewParser(jwt.WithValidMethods([]string{name}), jwt.WithIssuer(settings.Issuer), jwt.WithAudience(settings.Audience),
					jwt.WithExpirationRequired(), jwt.WithTimeFunc(func() time.Time { return when }))
				_, err := parser.Parse(token, func(*jwt.Token) (any, error) { return key.Public(), nil })
				if (err == nil) != valid || !valid && !errors.Is(err, jwt.ErrTokenExpired) {
					rt.Fatalf("at %v: %v", when, err)
				}
			}
		})
	}
}

func TestKeysRotateWithoutATokenBeingRefused(t *testing.T) {
	old, next := Key{"2026-01", pkcs8(p256())}, Key{"2026-07", pkcs8(otherP256())}
	steps := [][]Key{{old}, {old, next}, {next, old}, {next}} // add, promote, remove
	for i := range len(steps) - 1 {
		for _, signs := range steps[i : i+2] {
			for _, published := range steps[i : i+2] {
				settings, publisher := jwsSettings(p256()), jwsSettings(p256())
				settings.Keys, publisher.Keys = signs, published
				token, _, err := signer(t, settings).Sign(map[string]any{"subject": "1"}, now)
				if err != nil {
					t.Fatal(err)
				}
				var set jose.JSONWebKeySet
				if err := json.Unmarshal(signer(t, publisher).JWKS(), &set); err != nil {
					t.Fatal(err)
				}
				if header, _ := verify(t, token, set); header.KeyID != signs[0].ID {
					t.Errorf("step %d: signed with %s", i, header.KeyID)
				}
			}
		}
	}
}

func TestJWKSHasThePublicHalvesAlone(t *testing.T) {
	settings := jwsSettings(rsa2048())
	settings.Keys = []Key{{"a", pkcs8(rsa2048())}, {"b", pkcs8(otherRSA2048())}}
	s := signer(t, settings)
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal(s.JWKS(), &set); err != nil || len(set.Keys) != 2 {
		t.Fatalf("%v, %v", set, err)
	}
	for i, key := range set.Keys {
		if len(key) != 6 || key["kty"] != "RSA" || key["use"] != "sig" || key["alg"] != "RS256" || key["kid"] != settings.Keys[i].ID || key["e"] != "AQAB" {
			t.Errorf("%v", key)
		}
	}
	s.JWKS()[0] = 'x'
	if s.JWKS()[0] != '{' {
		t.Error("a caller changed it for all")
	}
}

func TestEveryMistakeOfTheSettingsIsNamed(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Settings)
		field  string
		want   string
	}{
		"no kind":                 {func(s *Settings) { s.Kind = "" }, "kind", "neither jws nor"},
		"unknown kind":            {func(s *Settings) { s.Kind = "JWE" }, "kind", "neither jws nor"},
		"alg none":                {func(s *Settings) { s.Algorithm = "none" }, "algorithm", "neither RS256 nor ES256"},
		"alg HS256":               {func(s *Settings) { s.Algorithm = "HS256" }, "algorithm", "neither RS256 nor ES256"},
		"alg in small letters":    {func(s *Settings) { s.Algorithm = "rs256" }, "algorithm", "neither RS256 nor ES256"},
		"no issuer":               {func(s *Settings) { s.Issuer = "" }, "issuer", "empty"},
		"no keys":                 {func(s *Settings) { s.Keys = nil }, "keys", "empty"},
		"second key without name": {func(s *Settings) { s.Keys = append(s.Keys, Key{PrivateKey: pkcs8(otherRSA2048())}) }, "keys[1].kid", "empty"},
		"first key without name":  {func(s *Settings) { s.Keys = append(s.Keys, Key{"a", pkcs8(otherRSA2048())}) }, "keys[0].kid", "empty"},
		"names alike":             {func(s *Settings) { s.Keys = []Key{{"a", pkcs8(rsa2048())}, {"a", pkcs8(otherRSA2048())}} }, "keys[1].kid", "another key"},
		"keys alike":              {func(s *Settings) { s.Keys = []Key{{"a", pkcs8(rsa2048())}, {"b", pkcs1()}} }, "keys[1].private_key", "another entry"},
		"second key bad":          {func(s *Settings) { s.Keys = []Key{{"a", pkcs8(rsa2048())}, {"b", "x"}} }, "keys[1].private_key", "not a private key"},
		"ttl too short":           {func(s *Settings) { s.TTL = time.Second }, "ttl", "between"},
		"ttl negative":            {func(s *Settings) { s.TTL = -time.Minute }, "ttl", "between"},
		"ttl too long":            {func(s *Settings) { s.TTL = 25 * time.Hour }, "ttl", "between"},
		"no claims":               {func(s *Settings) { s.Claims = nil }, "claims", "empty"},
		"claim exp":               {func(s *Settings) { s.Claims["exp"] = "exp" }, "claims.exp", "bridge itself"},
		"fixed iss":               {func(s *Settings) { s.Fixed = map[string]any{"iss": "x"} }, "fixed.iss", "bridge itself"},
		"fixed sub":               {func(s *Settings) { s.Claims, s.Fixed = map[string]any{"email": "email"}, map[string]any{"sub": "x"} }, "fixed.sub", "every customer"},
		"fixed and mapped":        {func(s *Settings) { s.Claims["a"], s.Fixed = "a", map[string]any{"a": 1} }, "fixed.a", "also in claims"},
		"fixed not JSON":          {func(s *Settings) { s.Fixed = map[string]any{"a": math.Inf(1)} }, "fixed", "not JSON"},
		"sub an object":           {func(s *Settings) { s.Claims["sub"] = map[string]any{"a": "b"} }, "claims.sub", "an object"},
		"claim of nothing":        {func(s *Settings) { s.Claims["a"] = " " }, "claims.a", "empty"},
		"claim of a number":       {func(s *Settings) { s.Claims["a"] = 1 }, "claims.a", "neither the name"},
		"empty object":            {func(s *Settings) { s.Claims["a"] = map[string]any{} }, "claims.a", "empty"},
		"nested number":           {func(s *Settings) { s.Claims["a"] = map[string]any{"b": true} }, "claims.a.b", "neither the name"},
		"required, not there":     {func(s *Settings) { s.Required = []string{"sub", "email"} }, "required[1]", `"email"`},
		"jws, encrypted":          {func(s *Settings) { s.Encryption = &Encryption{PublicKey: pkix(otherRSA2048().Public())} }, "encryption", "not encrypted"},
		"jws+jwe, not encrypted":  {func(s *Settings) { s.Kind = JWSJWE }, "encryption", "missing"},
		"alg of encryption":       {func(s *Settings) { s.Kind, s.Encryption = JWSJWE, &Encryption{Algorithm: "RSA1_5"} }, "encryption.alg", "not RSA-OAEP-256"},
		"enc of encryption":       {func(s *Settings) { s.Kind, s.Encryption = JWSJWE, &Encryption{Content: "A128GCM"} }, "encryption.enc", "not A256GCM"},
	} {
		t.Run(name, func(t *testing.T) {
			settings := jwsSettings(rsa2048())
			test.change(&settings)
			s, err := New(settings)
			if s != nil || !hasMistake(err, test.field, test.want) {
				t.Fatalf("got %v", err)
			}
		})
	}
	_, err := New(Settings{})
	for _, field := range []string{"kind", "keys", "issuer", "claims"} {
		if !hasMistake(err, field, "") {
			t.Errorf("all at once, but not %s: %v", field, err)
		}
	}
}

func TestDefaults(t *testing.T) {
	settings := jwsSettings(rsa2048())
	settings.Algorithm = ""
	token, expires, err := signer(t, settings).Sign(map[string]any{"subject": "1"}, now)
	if err != nil || !expires.Equal(now.Add(10*time.Minute)) {
		t.Fatalf("%v, %v", expires, err)
	}
	header, claims := verify(t, token, rsa2048().Public())
	if _, ok := claims["aud"]; ok || header.Algorithm != RS256 || header.KeyID != "" || len(claims) != 4 {
		t.Errorf("%+v, %v", header, claims)
	}
}

func TestAttributesOfWhichNoTokenIsMade(t *testing.T) {
	v := readVector(t)
	settings := iadvizeSettings(v)
	settings.Claims["email"], settings.Required = "email", []string{"email"}
	s := signer(t, settings)
	good := map[string]any{"subject": strings.Repeat("s", 255), "email": "a@example.com"}
	if _, _, err := s.Sign(good, now); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		change map[string]any
		want   string
	}{
		"no subject":             {map[string]any{"subject": nil}, IAdvizeUserID},
		"empty subject":          {map[string]any{"subject": ""}, IAdvizeUserID},
		"subject too long":       {map[string]any{"subject": strings.Repeat("s", 256)}, "at most 255"},
		"subject too long, wide": {map[string]any{"subject": strings.Repeat("é", 128)}, "at most 255"},
		"subject a number":       {map[string]any{"subject": 12.0}, "not a text"},
		"subject not UTF-8":      {map[string]any{"subject": "secret\xff"}, "not a text"},
		"no email":               {map[string]any{"email": ""}, "claim email"},
		"an endless name":        {map[string]any{"given_name": strings.Repeat("secret", 1000)}, "longer than"},
		"not JSON":               {map[string]any{"given_name": func() {}}, "not JSON"},
	} {
		attributes := maps.Clone(good)
		maps.Copy(attributes, test.change)
		token, expires, err := s.Sign(attributes, now)
		if !errors.Is(err, ErrAttributes) || token != "" || !expires.IsZero() || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "sss") {
			t.Errorf("%s: the text has a value: %v", name, err)
		}
	}
	if _, _, err := s.Sign(nil, now); !errors.Is(err, ErrAttributes) {
		t.Errorf("nothing: %v", err)
	}
}

func TestAttributesAreFoundByTheirNames(t *testing.T) {
	attributes := map[string]any{
		"email": "e", "email_verified": true, "zero": 0.0, "false": false, "none": nil, "list": []any{"a"},
		"https://example.com/role": "admin", "address": map[string]any{"locality": "Nantes", "geo": map[string]any{"lat": 1.0}}, "a.b": "dotted",
		"a": map[string]any{"b": "nested", "c": "other"},
	}
	for name, want := range map[string]any{
		"email": "e", "email_verified": true, "zero": 0.0, "false": false, "https://example.com/role": "admin", "address.locality": "Nantes",
		"address.geo.lat": 1.0, "a.b": "dotted", "a.c": "other",
		"none": nil, "absent": nil, "email.x": nil, "address.": nil, ".address": nil, "address..geo": nil, "address.geo.lat.x": nil, "": nil,
	} {
		if got := find(attributes, name); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
	mapping := map[string]any{"x": "email", "y": map[string]any{"z": "absent"}, "v": map[string]any{"a": "zero", "b": map[string]any{"c": "false", "d": "none"}}, "l": "list"}
	want := map[string]any{"x": "e", "v": map[string]any{"a": 0.0, "b": map[string]any{"c": false}}, "l": []any{"a"}}
	if got := pick(mapping, attributes); !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestASignerServesManyGoroutines(t *testing.T) {
	v := readVector(t)
	s, private := signer(t, iadvizeSettings(v)), parsePrivate(t, v.EncPrivatePEM)
	var group sync.WaitGroup
	tokens := make([]string, 8)
	for i := range tokens {
		group.Go(func() { tokens[i] = must(first(s.Sign(map[string]any{"subject": string(rune('a' + i))}, now))) })
	}
	group.Wait()
	for i, token := range tokens {
		_, inner := decrypt(t, token, private)
		if _, claims := verify(t, inner, parsePrivate(t, v.SignPrivatePEM).Public()); claims[IAdvizeUserID] != string(rune('a'+i)) {
			t.Errorf("%d: %v", i, claims)
		}
	}
	if again, _, _ := s.Sign(map[string]any{"subject": "a"}, now); again == tokens[0] {
		t.Error("encrypting twice must not give the same")
	}
}

func first(token string, _ time.Time, err error) (string, error) { return token, err }

func TestAnAlteredTokenIsRefused(t *testing.T) {
	token := must(first(signer(t, jwsSettings(p256())).Sign(map[string]any{"subject": "1"}, now)))
	parts := strings.Split(token, ".")
	payload := must(base64.RawURLEncoding.DecodeString(parts[1]))
	parts[1] = base64.RawURLEncoding.EncodeToString(bytes.Replace(payload, []byte(`"sub":"1"`), []byte(`"sub":"2"`), 1))
	altered := strings.Join(parts, ".")
	if altered == token {
		t.Fatal("nothing was altered")
	}
	object := must(jose.ParseSignedCompact(altered, []jose.SignatureAlgorithm{jose.ES256}))
	if _, err := object.Verify(p256().Public()); err == nil {
		t.Error("accepted")
	}
}

func BenchmarkSign(b *testing.B) {
	v := readVector(b)
	for name, settings := range map[string]Settings{
		"RS256": jwsSettings(rsa2048()), "ES256": jwsSettings(p256()), "RS256 in JWE": iadvizeSettings(v),
	} {
		s, attributes := signer(b, settings), map[string]any{"subject": "amb_1", "given_name": "Ada"}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := s.Sign(attributes, now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSubject(b *testing.B) {
	r := ring(b, 1)
	b.ReportAllocs()
	for b.Loop() {
		Subject(r, business, provider, "248289761001")
	}
}
