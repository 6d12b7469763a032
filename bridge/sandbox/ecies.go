package sandbox

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/sha256"
)

// encryptToken encrypts an access token as devices of the old way do, by what Apple calls
// ECIES-Cofactor-VariableIV-X963-SHA256-AESGCM: the public half of a fresh key, the ciphertext, and its tag.
func encryptToken(to *ecdh.PublicKey, token string) ([]byte, error) {
	fresh, err := ecdh.P384().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	shared, err := fresh.ECDH(to)
	if err != nil {
		return nil, err
	}
	point := fresh.PublicKey().Bytes()
	derived := x963(shared, point, 32+16)
	block, err := aes.NewCipher(derived[:32])
	if err != nil {
		return nil, err
	}
	sealer, err := cipher.NewGCMWithNonceSize(block, 16) // not the usual 12: it is derived, and as long as a block
	if err != nil {
		return nil, err
	}
	return sealer.Seal(point, derived[32:], []byte(token), nil), nil
}

// x963 is the key derivation of ANSI X9.63 with SHA-256.
func x963(shared, info []byte, size int) (derived []byte) {
	for counter := byte(1); len(derived) < size; counter++ {
		sum := sha256.New()
		sum.Write(shared)
		sum.Write([]byte{0, 0, 0, counter})
		sum.Write(info)
		derived = sum.Sum(derived)
	}
	return derived[:size]
}
