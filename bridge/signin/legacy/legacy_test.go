package legacy

import (
	"bytes"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"bizbridge/bridge/seal"
)

const requestID = "00000000-0000-4000-8000-000000000900"

var refusals = []error{ErrTooLong, ErrNotBase64, ErrTruncated, ErrPoint, ErrMismatch, ErrPlaintext}

// vector is a token made outside of this package, with every value on the way to it.
type vector struct {
	PrivateKeyHex         string
	ResponseEncryptionKey string
	TokenBase64           string
	EphemeralPublicKeyHex string
	SharedSecretHex       string
	AESKeyHex             string
	GCMIVHex              string
	CiphertextHex         string
	TagHex                string
	PlaintextUTF8         string
}

func readVector(t testing.TB) vector {
	t.Helper()
	text, err := os.ReadFile("testdata/vector.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vector
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	decoded, err := hex.DecodeString(text)
	if err != nil || len(decoded) == 0 {
		t.Fatalf("%q: %v", text, err)
	}
	return decoded
}

func (v vector) keys(t testing.TB) *Keys { return &Keys{seeds: [][]byte{unhex(t, v.PrivateKeyHex)}} }

func ring(t testing.TB, numbers ...byte) *seal.Ring {
	t.Helper()
	var masters [][]byte
	for _, n := range numbers {
		masters = append(masters, bytes.Repeat([]byte{n}, seal.KeySize))
	}
	r, err := seal.NewRing(masters...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func publicKey(t testing.TB, keys *Keys) []byte {
	t.Helper()
	point, err := base64.StdEncoding.DecodeString(keys.ResponseEncryptionKey())
	if err != nil {
		t.Fatal(err)
	}
	return point
}

func TestTheVectorOpens(t *testing.T) {
	v := readVector(t)
	keys := v.keys(t)
	if got := keys.ResponseEncryptionKey(); got != v.ResponseEncryptionKey {
		t.Errorf("the public key is %s", got)
	}
	if got, err := keys.Open(v.TokenBase64); err != nil || got != v.PlaintextUTF8 {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestEveryValueOfTheVectorIsReached(t *testing.T) {
	v := readVector(t)
	private, point := unhex(t, v.PrivateKeyHex), unhex(t, v.EphemeralPublicKeyHex)
	shared, key, iv := unhex(t, v.SharedSecretHex), unhex(t, v.AESKeyHex), unhex(t, v.GCMIVHex)
	sealed := append(unhex(t, v.CiphertextHex), unhex(t, v.TagHex)...)
	if token, _ := base64.StdEncoding.DecodeString(v.TokenBase64); !bytes.Equal(token, append(bytes.Clone(point), sealed...)) {
		t.Error("the token is not its parts")
	}

	t.Run("package", func(t *testing.T) {
		if gotKey, gotIV := deriveKey(shared, point); !bytes.Equal(gotKey, key) || !bytes.Equal(gotIV, iv) {
			t.Errorf("key %x, nonce %x", gotKey, gotIV)
		}
		if plaintext, err := open(shared, point, sealed); err != nil || string(plaintext) != v.PlaintextUTF8 {
			t.Errorf("%q, %v", plaintext, err)
		}
	})
	t.Run("reference", func(t *testing.T) {
		scalar := new(big.Int).SetBytes(private)
		if got := base64.StdEncoding.EncodeToString(base.times(scalar).bytes()); got != v.ResponseEncryptionKey {
			t.Errorf("the public key is %s", got)
		}
		if got := pointOf(point).times(scalar).x.FillBytes(make([]byte, 48)); !bytes.Equal(got, shared) {
			t.Errorf("the shared secret is %x", got)
		}
		if gotKey, gotIV := referenceKDF(shared, point); !bytes.Equal(gotKey, key) || !bytes.Equal(gotIV, iv) {
			t.Errorf("key %x, nonce %x", gotKey, gotIV)
		}
		if got := referenceGCM(key, iv, []byte(v.PlaintextUTF8)); !bytes.Equal(got, sealed) {
			t.Errorf("the ciphertext is %x", got)
		}
	})
}

func TestWhatADeviceEncryptsOpens(t *testing.T) {
	one := ring(t, 1)
	rapid.Check(t, func(rt *rapid.T) {
		id := rapid.String().Draw(rt, "request id")
		ephemeral := new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 1, 47).Draw(rt, "ephemeral"))
		ephemeral.Add(ephemeral, big.NewInt(1))
		text := rapid.StringOfN(rapid.Rune().Filter(func(r rune) bool { return r >= ' ' && r != 0x7f }), 1, 300, -1).Draw(rt, "access token")
		token := deviceEncrypts(publicKey(t, New(one, id)), ephemeral, []byte(text))
		for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
			if got, err := New(one, id).Open(encoding.EncodeToString(token)); err != nil || got != text {
				rt.Fatalf("got %q, %v; want %q", got, err, text)
			}
		}
		if got, err := New(one, id+"x").Open(base64.StdEncoding.EncodeToString(token)); !errors.Is(err, ErrMismatch) || got != "" {
			rt.Fatalf("another request opened it: %q, %v", got, err)
		}
	})
}

func TestTheKeyIsWhatDevicesTake(t *testing.T) {
	one := ring(t, 1)
	seen := map[string]bool{}
	for _, id := range []string{requestID, strings.ToUpper(requestID + "a"), "", "1", "é\x00"} {
		text := New(one, id).ResponseEncryptionKey()
		if len(text) != 132 || text[0] != 'B' || !strings.HasSuffix(text, "==") || seen[text] {
			t.Errorf("%q: %s", id, text)
		}
		seen[text] = true
		if point := pointOf(publicKey(t, New(one, id))); !point.onCurve() {
			t.Errorf("%q: not on the curve", id)
		}
	}
	if seen[New(ring(t, 2), requestID).ResponseEncryptionKey()] {
		t.Error("another master key must give another key")
	}
}

func TestTheDerivationStaysAsItIs(t *testing.T) {
	// Requests are on the way while a new version is rolled out: what one version asked, the next must open.
	scalar := ring(t, 1).Derive("legacy sign-in", requestID, 48)[0]
	want := base.times(new(big.Int).SetBytes(scalar)).bytes()
	if got := publicKey(t, New(ring(t, 1), requestID)); !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
	const pinned = "BN+3ltK1dldzJgMS9AT/5z9RkhlemnbfkqcHDjIDZ6FcKToRQ5iIsws3X5cT0up46ogzOan7gih1BaUCr6A74fkd8bqK11PRcOG8YdOQCKAzYjHN+xyxpVzsP99xe0crig=="
	if got := New(ring(t, 1), requestID).ResponseEncryptionKey(); got != pinned {
		t.Errorf("got %s", got)
	}
}

func TestAScalarOutOfRangeIsPassedOver(t *testing.T) {
	size := func(n *big.Int) []byte { return n.FillBytes(make([]byte, scalarSize)) }
	one := big.NewInt(1)
	good := bytes.Repeat([]byte{7}, scalarSize)
	outside := [][]byte{make([]byte, scalarSize), size(curveN), size(new(big.Int).Add(curveN, one)), bytes.Repeat([]byte{0xff}, scalarSize)}
	for i, bad := range outside {
		if got := privateKey(slices.Concat(bad, good, outside[0])).Bytes(); !bytes.Equal(got, good) {
			t.Errorf("%d: %x", i, got)
		}
	}
	for _, edge := range [][]byte{size(one), size(new(big.Int).Sub(curveN, one))} {
		if got := privateKey(slices.Concat(edge, good)).Bytes(); !bytes.Equal(got, edge) {
			t.Errorf("%x must be taken as it is", edge)
		}
	}
	if seed := New(ring(t, 1), requestID).seeds[0]; len(seed) != candidates*scalarSize {
		t.Errorf("a seed has %d bytes", len(seed))
	}
	defer func() {
		if recover() == nil {
			t.Error("a seed without a scalar must not go unnoticed")
		}
	}()
	privateKey(slices.Concat(outside...))
}

func TestAnAnswerOpensAcrossARotation(t *testing.T) {
	encrypt := func(keys *Keys) string {
		return base64.StdEncoding.EncodeToString(deviceEncrypts(publicKey(t, keys), big.NewInt(99), []byte("access")))
	}
	steps := [][]byte{{1}, {1, 2}, {2, 1}, {2}} // append, promote, remove
	for i := range len(steps) - 1 {
		for _, asks := range steps[i : i+2] {
			for _, answers := range steps[i : i+2] {
				if got, err := New(ring(t, answers...), requestID).Open(encrypt(New(ring(t, asks...), requestID))); err != nil || got != "access" {
					t.Errorf("asked with %v, opened with %v: %q, %v", asks, answers, got, err)
				}
			}
		}
	}
	if got, err := New(ring(t, 2), requestID).Open(encrypt(New(ring(t, 1), requestID))); !errors.Is(err, ErrMismatch) {
		t.Errorf("a key that is gone: %q, %v", got, err)
	}
}

// refused opens and checks that the refusal shows nothing of what it is about.
func refused(t *testing.T, keys *Keys, token string, want error) {
	t.Helper()
	got, err := keys.Open(token)
	if !errors.Is(err, want) || got != "" {
		t.Fatalf("got %q, %v; want %v", got, err, want)
	}
	if !slices.Contains(refusals, err) {
		t.Fatalf("%q is not one of the package's errors, whose texts are fixed", err)
	}
}

func TestTokensThatDoNotOpen(t *testing.T) {
	keys := New(ring(t, 1), requestID)
	public := publicKey(t, keys)
	std := base64.StdEncoding.EncodeToString
	access := strings.Repeat("access", 20)
	raw := deviceEncrypts(public, big.NewInt(4711), []byte(access))
	body := raw[pointSize:]
	with := func(point []byte) string { return std(slices.Concat(point, body)) }
	p := pointOf(raw[:pointSize])
	minus := point{p.x, new(big.Int).Sub(curveP, p.y)}
	overP := slices.Concat([]byte{4}, new(big.Int).Add(curveP, big.NewInt(1)).FillBytes(make([]byte, 48)), raw[49:97])
	holding := func(plaintext string) string { return std(deviceEncrypts(public, big.NewInt(4711), []byte(plaintext))) }
	other := readVector(t)
	for name, test := range map[string]struct {
		token string
		want  error
	}{
		"nothing":                      {"", ErrTruncated},
		"only a point":                 {std(raw[:97]), ErrTruncated},
		"a byte less than the least":   {std(raw[:112]), ErrTruncated},
		"the tag cut short":            {std(raw[:len(raw)-1]), ErrMismatch},
		"the least, and no tag":        {std(raw[:113]), ErrMismatch},
		"a byte more":                  {std(append(bytes.Clone(raw), 0)), ErrMismatch},
		"the tag first":                {std(slices.Concat(raw[:97], raw[len(raw)-16:], raw[97:len(raw)-16])), ErrMismatch},
		"of another request":           {other.TokenBase64, ErrMismatch},
		"the point's negative":         {with(minus.bytes()), ErrMismatch}, // the same Z, but the point is in the key
		"compressed point":             {with(elliptic.MarshalCompressed(elliptic.P384(), p.x, p.y)), ErrPoint},
		"compressed point, and filled": {with(append(elliptic.MarshalCompressed(elliptic.P384(), p.x, p.y), make([]byte, 48)...)), ErrPoint},
		"hybrid point":                 {with(append([]byte{6 | raw[96]&1}, raw[1:97]...)), ErrPoint},
		"infinity":                     {with([]byte{0}), ErrPoint},
		"infinity, filled":             {with(make([]byte, 97)), ErrPoint},
		"the point 0, 0":               {with(append([]byte{4}, make([]byte, 96)...)), ErrPoint},
		"not on the curve":             {with(slices.Concat(raw[:96], []byte{raw[96] ^ 1})), ErrPoint},
		"x and y exchanged":            {with(slices.Concat([]byte{4}, raw[49:97], raw[1:49])), ErrPoint},
		"x not reduced":                {with(overP), ErrPoint},
		"curve P-256":                  {with(curvePoint(elliptic.P256())), ErrPoint},
		"curve P-521":                  {with(curvePoint(elliptic.P521())), ErrPoint},
		"no prefix of the point":       {with(raw[1:97]), ErrPoint},
		"hex":                          {hex.EncodeToString(raw[:200]), ErrPoint}, // hex is also base64, of something else
		"both alphabets":               {"+/" + std(raw)[2:130] + "-_", ErrNotBase64},
		"too much padding":             {std(raw[:115]) + "=", ErrNotBase64},
		"too little padding":           {strings.TrimSuffix(std(raw[:115]), "="), ErrNotBase64},
		"bits beyond the end":          {beyond(std(raw)), ErrNotBase64},
		"padding inside":               {"BA==" + std(raw), ErrNotBase64},
		"a line end":                   {std(raw) + "\n", ErrNotBase64},
		"a line end inside":            {std(raw)[:64] + "\r\n" + std(raw)[64:], ErrNotBase64},
		"a space":                      {" " + std(raw), ErrNotBase64},
		"a quote":                      {`"` + std(raw) + `"`, ErrNotBase64},
		"escaped for a form":           {strings.Replace(std(raw[:115]), "=", "%3D", 1), ErrNotBase64},
		"not ASCII":                    {strings.Repeat("é", 200), ErrNotBase64},
		"one character":                {"B", ErrNotBase64},
		"as long as may be":            {strings.Repeat("B", MaxToken), ErrPoint},
		"too long":                     {strings.Repeat("B", MaxToken+1), ErrTooLong},
		"holds nothing":                {holding(""), ErrPlaintext},
		"holds no UTF-8":               {holding("ab\xff"), ErrPlaintext},
		"holds half a character":       {holding("ab\xc3"), ErrPlaintext},
		"holds a surrogate":            {holding("\xed\xa0\x80"), ErrPlaintext},
		"holds UTF-16":                 {holding("a\x00b\x00"), ErrPlaintext},
		"holds a line end":             {holding("access\r\nX-Header: 1"), ErrPlaintext},
		"holds a delete":               {holding("access\x7f"), ErrPlaintext},
	} {
		t.Run(name, func(t *testing.T) { refused(t, keys, test.token, test.want) })
	}
	if got, err := keys.Open(std(raw)); err != nil || got != access {
		t.Errorf("the token that the table alters: %q, %v", got, err)
	}
}

// beyond sets a bit of the last character that is of no byte: another text for the same token.
func beyond(token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	text := strings.TrimRight(token, "=")
	last := strings.IndexByte(alphabet, text[len(text)-1])
	return text[:len(text)-1] + alphabet[last+1:last+2] + token[len(text):]
}

func curvePoint(curve elliptic.Curve) []byte {
	params := curve.Params()
	size := (params.BitSize + 7) / 8
	return slices.Concat([]byte{4}, params.Gx.FillBytes(make([]byte, size)), params.Gy.FillBytes(make([]byte, size)))
}

func TestEveryFlippedBitIsNoticed(t *testing.T) {
	v := readVector(t)
	keys := v.keys(t)
	raw, err := base64.StdEncoding.DecodeString(v.TokenBase64)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		for bit := range 8 {
			altered := bytes.Clone(raw)
			altered[i] ^= 1 << bit
			want := ErrMismatch
			if i < pointSize {
				want = ErrPoint
			}
			refused(t, keys, base64.StdEncoding.EncodeToString(altered), want)
		}
	}
	for i := range v.TokenBase64 {
		for bit := range 8 {
			altered := []byte(v.TokenBase64)
			altered[i] ^= 1 << bit
			if got, err := keys.Open(string(altered)); err == nil || got != "" {
				t.Fatalf("bit %d of character %d: %q, %v", bit, i, got, err)
			}
		}
	}
	for length := range len(raw) {
		want := ErrMismatch
		if length < pointSize+tagSize {
			want = ErrTruncated
		}
		refused(t, keys, base64.StdEncoding.EncodeToString(raw[:length]), want)
	}
}

func FuzzOpen(f *testing.F) {
	v := readVector(f)
	raw, err := base64.StdEncoding.DecodeString(v.TokenBase64)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		v.TokenBase64, base64.RawURLEncoding.EncodeToString(raw), v.TokenBase64[:150], v.TokenBase64 + "=", v.TokenBase64 + "\n", "", "AA==",
		base64.StdEncoding.EncodeToString(make([]byte, 120)), base64.StdEncoding.EncodeToString(append(bytes.Clone(raw), 1)),
	} {
		f.Add(seed)
	}
	keys := &Keys{seeds: [][]byte{bytes.Repeat([]byte{1}, 48), unhex(f, v.PrivateKeyHex)}}
	f.Fuzz(func(t *testing.T, token string) {
		got, err := keys.Open(token)
		if err != nil {
			if got != "" || !slices.Contains(refusals, err) {
				t.Fatalf("%q along with %v", got, err)
			}
			return
		}
		// The seeds' secret is in this file, yet the mutator does not encrypt: what opens is the vector.
		if got != v.PlaintextUTF8 || !utf8.ValidString(got) {
			t.Fatalf("%q opened as %q", token, got)
		}
		if back, err := decode(token); err != nil || !bytes.Equal(back, raw) {
			t.Fatalf("%q is not the vector, and opened", token)
		}
	})
}

func BenchmarkResponseEncryptionKey(b *testing.B) {
	r := ring(b, 1)
	b.ReportAllocs()
	for b.Loop() {
		New(r, requestID).ResponseEncryptionKey()
	}
}

func BenchmarkOpen(b *testing.B) {
	r := ring(b, 1, 2)
	first := base64.StdEncoding.EncodeToString(deviceEncrypts(publicKey(b, New(r, requestID)), big.NewInt(4711), []byte("access")))
	second := base64.StdEncoding.EncodeToString(deviceEncrypts(publicKey(b, New(ring(b, 2), requestID)), big.NewInt(4711), []byte("access")))
	for name, token := range map[string]string{"first key": first, "second key": second} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := New(r, requestID).Open(token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
