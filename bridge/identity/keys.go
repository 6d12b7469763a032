package identity

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

const (
	// maxKeyText is more than the PEM of an RSA key of 16384 bits has.
	maxKeyText = 16 << 10
	minRSABits = 2048
	maxRSABits = 8192 // a signature takes the square of that, and nobody asks for more
)

// problem is a mistake in one key, of which the caller knows the field. Its texts are fixed: those of the libraries may
// repeat what they were given.
type problem struct{ what, fix string }

const (
	makeRSA     = "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key.pem"
	makeP256    = "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem"
	makeKey     = "Make a key: " + makeRSA + ", or for ES256 " + makeP256 + "."
	fromFile    = "To take it from a file, write ${file:/path/to/it}."
	removeCrypt = "The bridge cannot ask for the passphrase; remove it: openssl pkey -in key.pem -out plain.pem, and guard that file."
	askPublic   = "Write the public key that the helpdesk gives out; a private key must not leave who owns it."
)

func blank(text string) *problem {
	switch {
	case strings.TrimSpace(text) == "":
		return &problem{"is empty", fromFile}
	case len(text) > maxKeyText:
		return &problem{"is longer than 16 KB", "Give one key alone, without its certificates."}
	}
	return nil
}

// readPrivateKey reads the one private key in a PEM text.
func readPrivateKey(text, algorithm string) (crypto.Signer, *problem) {
	if p := blank(text); p != nil {
		return nil, p
	}
	block, p := privateBlock([]byte(text))
	if p != nil {
		return nil, p
	}
	var key any
	var err error
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	if err != nil {
		return nil, &problem{"is not a key that can be read", "Check that the file is whole: openssl pkey -in key.pem -check -noout. " + makeKey}
	}
	return fit(key, algorithm)
}

// privateBlock finds the private key among what tools write beside it, such as parameters and the public half.
func privateBlock(text []byte) (*pem.Block, *problem) {
	var found *pem.Block
	public := false
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		text = rest
		switch block.Type {
		case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY":
			if block.Headers["DEK-Info"] != "" {
				return nil, &problem{"is encrypted", removeCrypt}
			}
			if found != nil {
				return nil, &problem{"holds more than one private key", "Write each under an entry of its own in keys; the first signs."}
			}
			found = block
		case "ENCRYPTED PRIVATE KEY":
			return nil, &problem{"is encrypted", removeCrypt}
		case "OPENSSH PRIVATE KEY":
			return nil, &problem{"is a key of OpenSSH", makeKey}
		case "PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE":
			public = true
		}
	}
	switch {
	case found != nil:
		return found, nil
	case public:
		return nil, &problem{"is a public key or a certificate, and signing needs the private key", "Write the private key here; the public one is for the helpdesk."}
	}
	return nil, &problem{"is not a private key in PEM, which begins with -----BEGIN PRIVATE KEY-----", fromFile}
}

// fit sees that a key is of the algorithm, and strong enough.
func fit(key any, algorithm string) (crypto.Signer, *problem) {
	switch key := key.(type) {
	case *rsa.PrivateKey:
		if algorithm == ES256 {
			return nil, &problem{"is an RSA key, and ES256 needs one of the curve P-256", "Set algorithm to RS256, or make another key: " + makeP256 + "."}
		}
		if p := strong(&key.PublicKey); p != nil {
			return nil, p
		}
		return key, nil
	case *ecdsa.PrivateKey:
		if algorithm == RS256 {
			return nil, &problem{"is a key of an elliptic curve, and RS256 needs an RSA key", "Set algorithm to ES256, or make another key: " + makeRSA + "."}
		}
		if key.Curve != elliptic.P256() {
			return nil, &problem{"is of the curve " + key.Params().Name + ", and ES256 needs P-256", "Make another key: " + makeP256 + "."}
		}
		return key, nil
	}
	return nil, &problem{"is neither an RSA key nor one of the curve P-256", makeKey}
}

func strong(key *rsa.PublicKey) *problem {
	switch bits := key.N.BitLen(); {
	case bits < minRSABits:
		return &problem{fmt.Sprintf("is an RSA key of %d bits; %d are needed", bits, minRSABits), "Make or ask for a longer one: " + makeRSA + "."}
	case bits > maxRSABits:
		return &problem{fmt.Sprintf("is an RSA key of %d bits; %d are the most", bits, maxRSABits), "Make or ask for a shorter one: 2048 to 4096 bits are usual."}
	case key.E < 3 || key.E%2 == 0 || key.N.Bit(0) == 0:
		return &problem{"is an RSA key that cannot be used", "Its exponent and modulus must be odd; ask for another key."}
	}
	return nil
}

// readPublicKey reads the helpdesk's key, and the name that a JSON Web Key gives to itself.
func readPublicKey(text string) (key *rsa.PublicKey, id string, p *problem) {
	if p := blank(text); p != nil {
		return nil, "", p
	}
	var parsed any
	text = strings.TrimSpace(text)
	switch {
	case strings.HasPrefix(text, "{"):
		parsed, id, p = readJWK(text)
	case strings.Contains(text, "-----BEGIN"):
		parsed, p = readPublicPEM(text)
	default:
		parsed, p = readBareKey(text)
	}
	if p != nil {
		return nil, "", p
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok {
		return nil, "", &problem{"is not an RSA key", "RSA-OAEP-256 needs one; ask the helpdesk for its RSA key."}
	}
	if p := strong(key); p != nil {
		return nil, "", p
	}
	return key, id, nil
}

func readPublicPEM(text string) (any, *problem) {
	const first = "Write the helpdesk's public key, which begins with -----BEGIN PUBLIC KEY-----."
	block, rest := pem.Decode([]byte(text))
	if block == nil {
		return nil, &problem{"is not PEM that can be read", "Check that the text is whole, with its line ends. " + fromFile}
	}
	if another, _ := pem.Decode(rest); another != nil {
		return nil, &problem{"holds more than one key", first}
	}
	switch {
	case strings.HasSuffix(block.Type, "PRIVATE KEY"):
		return nil, &problem{"is a private key", askPublic}
	case block.Type == "CERTIFICATE":
		return nil, &problem{"is a certificate", "Take the key out of it: openssl x509 -in certificate.pem -pubkey -noout."}
	case block.Type == "PUBLIC KEY":
		if key, err := x509.ParsePKIXPublicKey(block.Bytes); err == nil {
			return key, nil
		}
	case block.Type == "RSA PUBLIC KEY":
		if key, err := x509.ParsePKCS1PublicKey(block.Bytes); err == nil {
			return key, nil
		}
	}
	return nil, &problem{"is not a public key that can be read", first}
}

// readBareKey reads what stands between the first and the last line of PEM; iAdvize publishes its key so.
func readBareKey(text string) (any, *problem) {
	const form = "Write PEM, which begins with -----BEGIN PUBLIC KEY-----, the base64 in it alone, or a JSON Web Key. " + fromFile
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		return nil, &problem{"is neither PEM nor base64 nor a JSON Web Key", form}
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, &problem{"is base64, but not of a public key", form}
	}
	return key, nil
}

func readJWK(text string) (key any, id string, p *problem) {
	var jwk jose.JSONWebKey
	if err := jwk.UnmarshalJSON([]byte(text)); err != nil {
		return nil, "", &problem{"is not a JSON Web Key that can be read", "Write one public key with kty, n and e; of a set, the one key alone."}
	}
	switch {
	case !jwk.IsPublic():
		return nil, "", &problem{"is a private or symmetric key", askPublic}
	case jwk.Use != "" && jwk.Use != "enc":
		return nil, "", &problem{"is not for encryption: its use is not enc", "Ask the helpdesk for the key that it decrypts with."}
	case jwk.Algorithm != "" && jwk.Algorithm != keyAlgorithm:
		return nil, "", &problem{"is for another alg than RSA-OAEP-256", "Ask the helpdesk for a key for RSA-OAEP-256."}
	}
	return jwk.Key, jwk.KeyID, nil
}
