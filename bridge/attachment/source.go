package attachment

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"bizbridge/bridge/message"
)

// Source is where Apple keeps a file, and what opens it: the coordinates in MMCS, Apple's store, as a message names them.
type Source struct {
	Business  message.BusinessID // to whom the file was sent; only it may ask for the bytes
	URL       string             // byte for byte as it came: Apple compares it
	Owner     string
	Signature []byte // opaque
	Key       Key
	Name      string // as the customer's device named it; see [FileName]
	MIMEType  string
	Size      int64 // bytes, of the file and of its ciphertext
}

// LogValue leaves out everything that tells of the customer or opens the file.
func (s Source) LogValue() slog.Value {
	return slog.GroupValue(slog.String("business", string(s.Business)), slog.String("mime_type", s.MIMEType), slog.Int64("size", s.Size))
}

// An MMCS signature has 21 bytes: one for the kind and a SHA-1. It is opaque, so the bounds only tell it from what
// cannot be one.
const (
	minSignature = 16
	maxSignature = 64
)

// ParseSignature reads the two forms in which Apple writes a file's signature; base64 is preferred where both are there
// and sound. Each is held against its own alphabet and length, since most hex texts are valid base64 too and would
// silently become another signature (protocol §5.4). The error holds nothing of the signature.
func ParseSignature(hexText, base64Text string) ([]byte, error) {
	var faults []error
	for _, form := range []struct {
		text  string
		parse func(string) ([]byte, error)
	}{{base64Text, parseBase64Signature}, {hexText, parseHexSignature}} {
		if form.text == "" {
			continue
		}
		signature, err := form.parse(form.text)
		if err == nil && (len(signature) < minSignature || len(signature) > maxSignature) {
			err = fmt.Errorf("the signature has %d bytes; %d to %d are possible", len(signature), minSignature, maxSignature)
		}
		if err == nil {
			return signature, nil
		}
		faults = append(faults, err)
	}
	if faults == nil {
		return nil, errors.New("the signature is missing")
	}
	return nil, errors.Join(faults...)
}

func parseHexSignature(text string) ([]byte, error) {
	signature, err := hex.DecodeString(text)
	if err != nil {
		return nil, errors.New("signature is not hex")
	}
	return signature, nil
}

// hexLike is the length from which a text of hex digits alone is no base64: the chance is below 1 in 10^18.
const hexLike = 40

func parseBase64Signature(text string) ([]byte, error) {
	if len(text) >= hexLike && strings.Trim(text, "0123456789abcdefABCDEF") == "" {
		return nil, errors.New("signature-base64 is hex")
	}
	if strings.ContainsAny(text, "\r\n") { // the decoder skips them
		return nil, errors.New("signature-base64 is not base64")
	}
	signature, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, errors.New("signature-base64 is not base64")
	}
	return signature, nil
}
