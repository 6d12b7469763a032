package signature

import (
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"regexp"
	"strings"
)

// key is one secret with its algorithm. It is where a scheme is more than data: an algorithm that the table does not
// have yet is another implementation.
type key interface {
	// sign makes the proof of a text that comes in pieces.
	sign(text [][]byte) ([]byte, error)
	// fits tells whether a proof is right, in a time that tells nothing of the secret.
	fits(text [][]byte, proof []byte) bool
}

// CheckSecret tells what is wrong with a secret. The error completes "the secret …" and holds nothing of it.
func (s Scheme) CheckSecret(secret string) error {
	_, err := s.newKey(secret)
	return err
}

func (s Scheme) newKey(secret string) (key, error) {
	switch s.Key {
	case KeyPEM:
		return parseRSA(secret)
	case KeyWhsec:
		decoded, err := ParseSecret(secret)
		return s.keyOf(decoded), err
	}
	if secret == "" {
		return nil, errors.New("is empty")
	}
	if strings.TrimSpace(secret) != secret {
		return nil, errors.New("has white space around it")
	}
	return s.keyOf([]byte(secret)), nil
}

func (s Scheme) keyOf(secret []byte) key {
	switch s.Algorithm {
	case HMACSHA1:
		return digest(func() hash.Hash { return hmac.New(sha1.New, secret) })
	case HMACSHA256:
		return digest(func() hash.Hash { return hmac.New(sha256.New, secret) })
	case SHA256:
		return digest(func() hash.Hash {
			begun := sha256.New()
			begun.Write(secret)
			return begun
		})
	}
	return token(secret)
}

// digest begins a hash that has the secret in it.
type digest func() hash.Hash

func (d digest) sign(text [][]byte) ([]byte, error) { return d.sum(text), nil }

func (d digest) fits(text [][]byte, proof []byte) bool { return hmac.Equal(d.sum(text), proof) }

func (d digest) sum(text [][]byte) []byte {
	begun := d()
	for _, piece := range text {
		begun.Write(piece)
	}
	return begun.Sum(nil)
}

// token is its own proof.
type token []byte

func (t token) sign([][]byte) ([]byte, error) { return t, nil }

// fits compares hashes: how long it takes does not even tell the length.
func (t token) fits(_ [][]byte, proof []byte) bool {
	ours, theirs := sha256.Sum256(t), sha256.Sum256(proof)
	return subtle.ConstantTimeCompare(ours[:], theirs[:]) == 1
}

// rsaKey signs with PKCS #1 v1.5. Whoever only verifies has no private key.
type rsaKey struct {
	public  *rsa.PublicKey
	private *rsa.PrivateKey
}

var errPublicKey = errors.New("is a public key, which only verifies")

func (k rsaKey) sign(text [][]byte) ([]byte, error) {
	if k.private == nil {
		return nil, errPublicKey
	}
	return rsa.SignPKCS1v15(nil, k.private, crypto.SHA256, digest(sha256.New).sum(text))
}

func (k rsaKey) fits(text [][]byte, proof []byte) bool {
	return rsa.VerifyPKCS1v15(k.public, crypto.SHA256, digest(sha256.New).sum(text), proof) == nil
}

// minRSABits is what is still safe.
const minRSABits = 2048

// armour is what a pasted key may have around its base64: the lines of PEM, and line breaks that became "\n".
var armour = regexp.MustCompile(`-----[^-]*-----|\\[rn]`)

// parseRSA reads a key however it was pasted. What its first line says of it is not believed: Freshchat's is wrong.
func parseRSA(secret string) (key, error) {
	bare := strings.Join(strings.Fields(armour.ReplaceAllString(secret, " ")), "")
	der, err := base64.StdEncoding.DecodeString(bare)
	if err != nil || len(der) == 0 {
		return nil, errors.New("is no RSA key in PEM")
	}
	parsed, ok := rsaOf(der)
	if !ok {
		return nil, errors.New("is no RSA key in PEM")
	}
	if bits := parsed.public.N.BitLen(); bits < minRSABits {
		return nil, fmt.Errorf("is an RSA key of %d bits; %d are needed", bits, minRSABits)
	}
	return parsed, nil
}

func rsaOf(der []byte) (rsaKey, bool) {
	if parsed, err := x509.ParsePKIXPublicKey(der); err == nil {
		public, ok := parsed.(*rsa.PublicKey)
		return rsaKey{public: public}, ok
	}
	if public, err := x509.ParsePKCS1PublicKey(der); err == nil {
		return rsaKey{public: public}, true
	}
	if parsed, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		private, ok := parsed.(*rsa.PrivateKey)
		if !ok {
			return rsaKey{}, false
		}
		return rsaKey{&private.PublicKey, private}, true
	}
	private, err := x509.ParsePKCS1PrivateKey(der)
	if err != nil {
		return rsaKey{}, false
	}
	return rsaKey{&private.PublicKey, private}, true
}
