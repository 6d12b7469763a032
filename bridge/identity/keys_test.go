package identity

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func sec1(t testing.TB) string {
	t.Helper()
	return pemText("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(p256())))
}

func pkcs1() string { return pemText("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsa2048())) }

func TestPrivateKeysInEachFormSign(t *testing.T) {
	parameters := pemText("EC PARAMETERS", []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7}) // as openssl ecparam -genkey writes
	public := pkix(rsa2048().Public())
	for name, test := range map[string]struct{ text, algorithm string }{
		"PKCS #8, RSA":              {pkcs8(rsa2048()), RS256},
		"PKCS #1":                   {pkcs1(), RS256},
		"PKCS #8, P-256":            {pkcs8(p256()), ES256},
		"SEC 1":                     {sec1(t), ES256},
		"SEC 1 with parameters":     {parameters + sec1(t), ES256},
		"with words around it":      {"Bag Attributes\n  friendlyName: x\n" + pkcs8(rsa2048()) + "\nend\n", RS256},
		"with Windows' line ends":   {strings.ReplaceAll(pkcs8(rsa2048()), "\n", "\r\n"), RS256},
		"with the public key after": {pkcs8(rsa2048()) + public, RS256},
		"with the public key first": {public + pkcs8(rsa2048()), RS256},
		"in white space":            {"\n  \n" + pkcs8(rsa2048()) + "  \n", RS256},
	} {
		t.Run(name, func(t *testing.T) {
			settings := jwsSettings(rsa2048())
			settings.Algorithm, settings.Keys[0].PrivateKey = test.algorithm, test.text
			token, _, err := signer(t, settings).Sign(map[string]any{"subject": "1"}, now)
			if err != nil {
				t.Fatal(err)
			}
			if test.algorithm == RS256 {
				verify(t, token, rsa2048().Public())
			} else {
				verify(t, token, p256().Public())
			}
		})
	}
}

// legacyEncrypted is how openssl rsa -aes256 -traditional writes a key.
func legacyEncrypted() string {
	return string(pem.EncodeToMemory(&pem.Block{
		Type: "RSA PRIVATE KEY", Bytes: make([]byte, 1200),
		Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00112233445566778899AABBCCDDEEFF"},
	}))
}

func certificate() string {
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	return pemText("CERTIFICATE", must(x509.CreateCertificate(rand.Reader, template, template, rsa2048().Public(), rsa2048())))
}

func TestPrivateKeysThatAreRefused(t *testing.T) {
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := pkcs8(rsa2048())
	lines := strings.Split(good, "\n")
	for name, test := range map[string]struct{ text, algorithm, want string }{
		"nothing":                   {"", RS256, "is empty"},
		"white space":               {" \n\t", RS256, "is empty"},
		"too long":                  {strings.Repeat("x", maxKeyText+1), RS256, "longer than 16 KB"},
		"a word":                    {"hunter2-secret", RS256, "not a private key in PEM"},
		"the name of a file":        {"/etc/bizbridge/hunter2-secret.pem", RS256, "not a private key in PEM"},
		"base64 alone":              {strings.Join(lines[1:len(lines)-2], ""), RS256, "not a private key in PEM"},
		"line ends as \\n":          {strings.ReplaceAll(good, "\n", `\n`), RS256, "not a private key in PEM"},
		"no last line":              {strings.Join(lines[:len(lines)-2], "\n"), RS256, "not a private key in PEM"},
		"a JSON Web Key":            {`{"kty":"RSA","n":"hunter2-secret"}`, RS256, "not a private key in PEM"},
		"PEM of something else":     {pemText("PKCS7", []byte("hunter2-secret")), RS256, "not a private key in PEM"},
		"content cut short":         {pemText("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(rsa2048()))[:600]), RS256, "can be read"},
		"content of nothing":        {pemText("PRIVATE KEY", []byte("hunter2-secret")), RS256, "can be read"},
		"PKCS #1 named PKCS #8":     {pemText("PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsa2048())), RS256, "can be read"},
		"PKCS #8 named PKCS #1":     {strings.ReplaceAll(good, " PRIVATE", " RSA PRIVATE"), RS256, "can be read"},
		"PKCS #8 named SEC 1":       {strings.ReplaceAll(pkcs8(p256()), " PRIVATE", " EC PRIVATE"), ES256, "can be read"},
		"PKCS #8, encrypted":        {pemText("ENCRYPTED PRIVATE KEY", make([]byte, 1200)), RS256, "is encrypted"},
		"PKCS #1, encrypted":        {legacyEncrypted(), RS256, "is encrypted"},
		"OpenSSH":                   {pemText("OPENSSH PRIVATE KEY", make([]byte, 300)), RS256, "OpenSSH"},
		"public key":                {pkix(rsa2048().Public()), RS256, "public key"},
		"public key, PKCS #1":       {pemText("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsa2048().PublicKey)), RS256, "public key"},
		"certificate":               {certificate(), RS256, "certificate"},
		"two private keys":          {good + pkcs8(otherRSA2048()), RS256, "more than one private key"},
		"RSA of 1024 bits":          {pkcs8(rsa1024()), RS256, "1024 bits; 2048 are needed"},
		"RSA of 1024 bits, PKCS #1": {pemText("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsa1024())), RS256, "1024 bits; 2048 are needed"},
		"RSA for ES256":             {good, ES256, "RSA key, and ES256 needs"},
		"P-256 for RS256":           {pkcs8(p256()), RS256, "elliptic curve, and RS256 needs"},
		"P-384":                     {pkcs8(p384()), ES256, "curve P-384, and ES256 needs P-256"},
		"P-521":                     {pkcs8(ecKey(elliptic.P521())()), ES256, "curve P-521, and ES256 needs P-256"},
		"P-224":                     {pkcs8(ecKey(elliptic.P224())()), ES256, "curve P-224, and ES256 needs P-256"},
		"Ed25519":                   {pkcs8(edwards), ES256, "neither an RSA key nor"},
		"X25519":                    {pkcs8(must(ecdh.X25519().GenerateKey(rand.Reader))), ES256, "neither an RSA key nor"},
		"parameters alone":          {pemText("EC PARAMETERS", []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7}), ES256, "not a private key in PEM"},
	} {
		t.Run(name, func(t *testing.T) {
			settings := jwsSettings(rsa2048())
			settings.Algorithm, settings.Keys[0].PrivateKey = test.algorithm, test.text
			s, err := New(settings)
			if s != nil || !hasMistake(err, "keys[0].private_key", test.want) {
				t.Fatalf("got %v", err)
			}
			leaksNothing(t, err, test.text)
		})
	}
}

// leaksNothing looks for pieces of a key in an error: of its base64, and of the same in hex.
func leaksNothing(t *testing.T, err error, key string) {
	t.Helper()
	text := err.Error()
	if strings.Contains(text, "hunter2") || strings.Contains(text, "asn1") || strings.Contains(text, "x509:") || len(text) > 600 {
		t.Errorf("%s", text)
	}
	for _, line := range strings.Split(key, "\n") {
		if strings.HasPrefix(line, "-----") {
			continue
		}
		for i := 0; i+12 <= len(line) && i < 600; i++ {
			if piece := line[i : i+12]; strings.TrimSpace(piece) != "" && strings.Contains(text, piece) {
				t.Fatalf("%q is in %q", piece, text)
			}
		}
	}
	if der, _ := pem.Decode([]byte(key)); der != nil && len(der.Bytes) > 40 && strings.Contains(text, hex.EncodeToString(der.Bytes[20:26])) {
		t.Error("it has bytes of the key")
	}
}

func jweSettings(t testing.TB, public string) Settings {
	t.Helper()
	settings := jwsSettings(rsa2048())
	settings.Kind, settings.Encryption = JWSJWE, &Encryption{PublicKey: public}
	return settings
}

func jwk(t testing.TB, key any, change map[string]any) string {
	t.Helper()
	text, err := jose.JSONWebKey{Key: key}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	maps.Copy(fields, change)
	return string(must(json.Marshal(fields)))
}

func TestPublicKeysInEachFormEncrypt(t *testing.T) {
	private := otherRSA2048()
	public := private.Public()
	der := must(x509.MarshalPKIXPublicKey(public))
	for name, test := range map[string]struct{ text, kid string }{
		"PEM":                     {pkix(public), ""},
		"PEM, PKCS #1":            {pemText("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&private.PublicKey)), ""},
		"PEM with words around":   {"key of iAdvize\n" + pkix(public) + "\nend", ""},
		"base64 alone":            {base64.StdEncoding.EncodeToString(der), ""},
		"base64 in lines":         {"  " + strings.Join(strings.SplitAfter(base64.StdEncoding.EncodeToString(der), "A"), "\n") + "\n", ""},
		"JSON Web Key":            {jwk(t, public, nil), ""},
		"JSON Web Key with kid":   {jwk(t, public, map[string]any{"kid": "desk-1"}), "desk-1"},
		"JSON Web Key with all":   {" \n" + jwk(t, public, map[string]any{"kid": "desk-1", "use": "enc", "alg": "RSA-OAEP-256", "key_ops": []string{"wrapKey"}}), "desk-1"},
		"JSON Web Key, unknown x": {jwk(t, public, map[string]any{"x-owner": "iAdvize"}), ""},
	} {
		t.Run(name, func(t *testing.T) {
			token, _, err := signer(t, jweSettings(t, test.text)).Sign(map[string]any{"subject": "1"}, now)
			if err != nil {
				t.Fatal(err)
			}
			header, inner := decrypt(t, token, private)
			want := map[string]any{"alg": "RSA-OAEP-256", "enc": "A256GCM", "cty": "JWT"}
			if test.kid != "" {
				want["kid"] = test.kid
			}
			if !maps.Equal(header, want) {
				t.Errorf("the header is %v", header)
			}
			verify(t, inner, rsa2048().Public())
		})
	}
	settings := jweSettings(t, jwk(t, public, map[string]any{"kid": "theirs"}))
	settings.Encryption.KeyID = "ours"
	token, _, err := signer(t, settings).Sign(map[string]any{"subject": "1"}, now)
	if err != nil {
		t.Fatal(err)
	}
	if header, _ := decrypt(t, token, private); header["kid"] != "ours" {
		t.Errorf("the setting must come before the key's own name: %v", header)
	}
}

func TestPublicKeysThatAreRefused(t *testing.T) {
	public := otherRSA2048().Public()
	modulus := func(n *big.Int) string { return base64.RawURLEncoding.EncodeToString(n.Bytes()) }
	even := new(big.Int).Lsh(big.NewInt(1), 2047)
	for name, test := range map[string]struct{ text, want string }{
		"nothing":                 {"", "is empty"},
		"too long":                {strings.Repeat("A", maxKeyText+1), "longer than 16 KB"},
		"a word":                  {"hunter2-secret", "neither PEM nor base64"},
		"base64 of something":     {base64.StdEncoding.EncodeToString([]byte("hunter2-secret")), "not of a public key"},
		"base64 of a private key": {base64.StdEncoding.EncodeToString(must(x509.MarshalPKCS8PrivateKey(otherRSA2048()))), "not of a public key"},
		"private key":             {pkcs8(otherRSA2048()), "is a private key"},
		"private key, PKCS #1":    {pkcs1(), "is a private key"},
		"private key, encrypted":  {pemText("ENCRYPTED PRIVATE KEY", make([]byte, 100)), "is a private key"},
		"certificate":             {certificate(), "is a certificate"},
		"two keys":                {pkix(public) + pkix(rsa1024().Public()), "more than one key"},
		"PEM cut short":           {pkix(public)[:200], "not PEM that can be read"},
		"PEM of something":        {pemText("PKCS7", []byte("hunter2-secret")), "not a public key that can be read"},
		"PEM of nothing":          {pemText("PUBLIC KEY", []byte("hunter2-secret")), "not a public key that can be read"},
		"RSA of 1024 bits":        {pkix(rsa1024().Public()), "1024 bits; 2048 are needed"},
		"RSA of 9216 bits":        {pkix(&rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 9215, 1), E: 65537}), "8192 are the most"},
		"RSA, exponent 1":         {pkix(&rsa.PublicKey{N: otherRSA2048().N, E: 1}), "cannot be used"},
		"RSA, vast exponent":      {pkix(&rsa.PublicKey{N: otherRSA2048().N, E: 1<<33 | 1}), "does not encrypt"},
		"P-256":                   {pkix(p256().Public()), "not an RSA key"},
		"our own":                 {pkix(rsa2048().Public()), "belongs to a private key in keys"},
		"JSON, but no key":        {`{"hunter2":"secret"}`, "not a JSON Web Key"},
		"JSON cut short":          {jwk(t, public, nil)[:100], "not a JSON Web Key"},
		"JSON Web Key Set":        {`{"keys":[` + jwk(t, public, nil) + `]}`, "not a JSON Web Key"},
		"JWK, private":            {jwk(t, otherRSA2048(), nil), "private or symmetric"},
		"JWK, symmetric":          {jwk(t, []byte("hunter2-secret-hunter2-secret"), nil), "private or symmetric"},
		"JWK, P-256":              {jwk(t, p256().Public(), nil), "not an RSA key"},
		"JWK for signatures":      {jwk(t, public, map[string]any{"use": "sig"}), "not for encryption"},
		"JWK for another alg":     {jwk(t, public, map[string]any{"alg": "RSA-OAEP"}), "another alg"},
		"JWK, 1024 bits":          {jwk(t, rsa1024().Public(), nil), "1024 bits; 2048 are needed"},
		"JWK, exponent 1":         {jwk(t, public, map[string]any{"e": "AQ"}), "not a JSON Web Key"},
		"JWK, even exponent":      {jwk(t, public, map[string]any{"e": "BA"}), "cannot be used"},
		"JWK, even modulus":       {jwk(t, public, map[string]any{"n": modulus(even)}), "cannot be used"},
		"JWK, vast exponent":      {jwk(t, public, map[string]any{"e": modulus(even)}), "not a JSON Web Key"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := New(jweSettings(t, test.text))
			if s != nil || !hasMistake(err, "encryption.public_key", test.want) {
				t.Fatalf("got %v", err)
			}
			leaksNothing(t, err, test.text)
		})
	}
}

func FuzzPrivateKey(f *testing.F) {
	edwards := must(x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))))
	for _, seed := range []string{
		pkcs1(), pkcs8(rsa2048()), pkcs8(p256()), sec1(f), pkcs8(p384()), pkix(p256().Public()), legacyEncrypted(),
		pemText("PRIVATE KEY", edwards), pemText("EC PARAMETERS", []byte{5, 0}) + sec1(f), "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----", "",
	} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, text string, elliptic bool) {
		algorithm := RS256
		if elliptic {
			algorithm = ES256
		}
		key, p := readPrivateKey(text, algorithm)
		if p != nil {
			if key != nil || p.what == "" || p.fix == "" || strings.Contains(p.what+p.fix, "asn1") {
				t.Fatalf("%v, %+v", key, p)
			}
			return
		}
		if rsaKey, ok := key.(*rsa.PrivateKey); ok == elliptic || ok && rsaKey.N.BitLen() < minRSABits {
			t.Fatalf("a %T for %s", key, algorithm)
		}
	})
}

func FuzzPublicKey(f *testing.F) {
	public := otherRSA2048().Public()
	for _, seed := range []string{
		pkix(public), pemText("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&otherRSA2048().PublicKey)), jwk(f, public, nil),
		base64.StdEncoding.EncodeToString(must(x509.MarshalPKIXPublicKey(public))), jwk(f, public, map[string]any{"e": "AQ", "use": "enc"}),
		jwk(f, p256().Public(), nil), `{"keys":[]}`, `{"kty":"oct","k":"AA"}`, certificate(), pkix(p256().Public()), "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		key, id, p := readPublicKey(text)
		if p != nil {
			if key != nil || id != "" || p.what == "" || p.fix == "" {
				t.Fatalf("%v, %q, %+v", key, id, p)
			}
			return
		}
		if bits := key.N.BitLen(); bits < minRSABits || bits > maxRSABits || key.E < 3 {
			t.Fatalf("an RSA key of %d bits, exponent %d", bits, key.E)
		}
	})
}
