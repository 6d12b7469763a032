package sandbox

import (
	"crypto/aes"
	"crypto/ecdh"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

// testPrivateKey is the vector's, whose public half is in out-auth-legacy.
func testPrivateKey(t testing.TB) *big.Int {
	d, ok := new(big.Int).SetString(fixture(t, "vector-auth-token")["privateKeyHex"].(string), 16)
	if !ok {
		t.Fatal("the vector has no key")
	}
	return d
}

// openByHand decrypts a token with nothing of the library but integers, SHA-256 and the AES block.
func openByHand(d *big.Int, encoded string) (string, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(raw) < 97+16 || raw[0] != 4 {
		return "", errors.New("not a token")
	}
	point, sealed, tag := raw[:97], raw[97:len(raw)-16], raw[len(raw)-16:]
	z := timesOnP384(d, new(big.Int).SetBytes(point[1:49]), new(big.Int).SetBytes(point[49:])).FillBytes(make([]byte, 48))
	var derived []byte
	for counter := range uint32(2) {
		sum := sha256.Sum256(append(binary.BigEndian.AppendUint32(append([]byte(nil), z...), counter+1), point...))
		derived = append(derived, sum[:]...)
	}
	plain, want := gcmByHand(derived[:32], derived[32:48], sealed)
	if subtle.ConstantTimeCompare(tag, want) != 1 {
		return "", errors.New("the tag does not fit")
	}
	return string(plain), nil
}

// timesOnP384 is the x of d times a point, by doubling and adding.
func timesOnP384(d, x, y *big.Int) *big.Int {
	p := elliptic.P384().Params().P
	mod := func(n *big.Int) *big.Int { return n.Mod(n, p) }
	slope := func(above, below *big.Int) *big.Int {
		return mod(new(big.Int).Mul(above, new(big.Int).ModInverse(mod(below), p)))
	}
	var rx, ry *big.Int // nothing yet
	for i := d.BitLen() - 1; i >= 0; i-- {
		follow := func(s, ax, ay, bx *big.Int) {
			nx := mod(new(big.Int).Sub(new(big.Int).Sub(new(big.Int).Mul(s, s), ax), bx))
			rx, ry = nx, mod(new(big.Int).Sub(new(big.Int).Mul(s, new(big.Int).Sub(ax, nx)), ay))
		}
		if rx != nil {
			three := new(big.Int).Mul(big.NewInt(3), new(big.Int).Mul(rx, rx))
			follow(slope(three.Sub(three, big.NewInt(3)), new(big.Int).Lsh(ry, 1)), rx, ry, rx) // a is -3
		}
		if d.Bit(i) == 0 {
			continue
		}
		if rx == nil {
			rx, ry = x, y
			continue
		}
		follow(slope(new(big.Int).Sub(y, ry), new(big.Int).Sub(x, rx)), rx, ry, x)
	}
	return rx
}

// gcmByHand is AES-GCM with a nonce of 16 bytes: the plaintext, and the tag that there should be.
func gcmByHand(key, nonce, sealed []byte) (plain, tag []byte) {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	encrypt := func(in []byte) []byte {
		out := make([]byte, 16)
		block.Encrypt(out, in)
		return out
	}
	h := new(big.Int).SetBytes(encrypt(make([]byte, 16)))
	first := ghash(h, append(append([]byte(nil), nonce...), lengths(0, len(nonce))...))
	counter := append([]byte(nil), first...)
	for i := range sealed {
		if i%16 == 0 {
			binary.BigEndian.PutUint32(counter[12:], binary.BigEndian.Uint32(counter[12:])+1)
		}
		plain = append(plain, sealed[i]^encrypt(counter)[i%16])
	}
	padded := append(append([]byte(nil), sealed...), make([]byte, (16-len(sealed)%16)%16)...)
	tag = ghash(h, append(padded, lengths(0, len(sealed))...))
	subtle.XORBytes(tag, tag, encrypt(first))
	return plain, tag
}

func lengths(a, b int) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(a)*8), uint64(b)*8)
}

// ghash multiplies in the field of GCM, whose lowest bit is the leftmost.
func ghash(h *big.Int, blocks []byte) []byte {
	reduce := new(big.Int).Lsh(big.NewInt(0xe1), 120)
	sum := new(big.Int)
	for ; len(blocks) > 0; blocks = blocks[16:] {
		sum.Xor(sum, new(big.Int).SetBytes(blocks[:16]))
		product, v := new(big.Int), new(big.Int).Set(h)
		for i := 127; i >= 0; i-- {
			if sum.Bit(i) == 1 {
				product.Xor(product, v)
			}
			odd := v.Bit(0) == 1
			v.Rsh(v, 1)
			if odd {
				v.Xor(v, reduce)
			}
		}
		sum = product
	}
	return sum.FillBytes(make([]byte, 16))
}

// TestVectorByHand: the math of the test opens the known token, and so may judge ours.
func TestVectorByHand(t *testing.T) {
	v := fixture(t, "vector-auth-token")
	got, err := openByHand(testPrivateKey(t), v["tokenBase64"].(string))
	if err != nil || got != v["plaintextUtf8"] {
		t.Fatalf("%q %v", got, err)
	}
	raw, _ := base64.StdEncoding.DecodeString(v["tokenBase64"].(string))
	for _, at := range []int{1, 97, len(raw) - 1} {
		spoilt := append([]byte(nil), raw...)
		spoilt[at] ^= 1
		if _, err := openByHand(testPrivateKey(t), base64.StdEncoding.EncodeToString(spoilt)); err == nil {
			t.Errorf("byte %d was altered, and nobody noticed", at)
		}
	}
	shared, _ := hex.DecodeString(v["sharedSecretHex"].(string))
	derived := x963(shared, raw[:97], 48)
	if got := hex.EncodeToString(derived); got != v["aesKeyHex"].(string)+v["gcmIvHex"].(string) {
		t.Errorf("derived %s", got)
	}
}

// TestEncryptToken: whatever the token, it comes out by hand, and never twice in the same bytes.
func TestEncryptToken(t *testing.T) {
	encoded, _ := base64.StdEncoding.DecodeString(fixture(t, "vector-auth-token")["responseEncryptionKey"].(string))
	to, err := ecdh.P384().NewPublicKey(encoded)
	if err != nil {
		t.Fatal(err)
	}
	d, seen := testPrivateKey(t), map[string]bool{}
	rapid.Check(t, func(t *rapid.T) {
		token := rapid.String().Draw(t, "token")
		sealed, err := encryptToken(to, token)
		if err != nil || len(sealed) != 97+len(token)+16 || seen[string(sealed)] {
			t.Fatalf("%d bytes, %v", len(sealed), err)
		}
		seen[string(sealed)] = true
		if got, err := openByHand(d, base64.StdEncoding.EncodeToString(sealed)); err != nil || got != token {
			t.Fatalf("%q %v", got, err)
		}
	})
}
