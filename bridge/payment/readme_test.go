package payment_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"bizbridge/bridge/message"
)

func readme(t *testing.T, info string) []string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, block := range regexp.MustCompile("(?ms)^```"+info+"\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, block[1])
	}
	return blocks
}

// The commands of the README make a key, a request that Apple can sign, and a certificate that belongs to the key.
func TestReadmeCommandsMakeACertificate(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not installed: the commands of the README are not run")
	}
	dir := t.TempDir()
	run := func(commands string) string {
		command := exec.Command("sh", "-ec", commands)
		command.Dir = dir
		output, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", commands, err, output)
		}
		return string(output)
	}
	commands := readme(t, "sh")
	if len(commands) != 2 {
		t.Fatalf("the README has %d blocks of commands", len(commands))
	}
	run(commands[0])
	signLikeApple(t, dir)
	if shown := run(commands[1]); !strings.Contains(shown, "merchant.com.example") || !strings.Contains(shown, "notAfter=") {
		t.Errorf("they show %s", shown)
	}
	if _, err := tls.LoadX509KeyPair(filepath.Join(dir, "merchant.crt"), filepath.Join(dir, "merchant.key")); err != nil {
		t.Error(err)
	}
}

// signLikeApple makes merchant_id.cer, which is DER, of merchant.csr.
func signLikeApple(t *testing.T, dir string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "merchant.csr"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil || request.CheckSignature() != nil || request.SignatureAlgorithm != x509.SHA256WithRSA {
		t.Fatalf("the signing request is not one of SHA-256 with RSA: %v", err)
	}
	if key, ok := request.PublicKey.(*rsa.PublicKey); !ok || key.Size() != 256 {
		t.Fatal("the key is not RSA of 2048 bits")
	}
	authority, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Apple Pay Merchant Identity:" + request.Subject.CommonName},
		NotBefore: time.Now(), NotAfter: time.Now().AddDate(0, 25, 0),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, &x509.Certificate{Subject: pkix.Name{CommonName: "Apple"}}, request.PublicKey, authority)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "merchant_id.cer"), certificate, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestReadmeContentIsRight(t *testing.T) {
	for _, block := range readme(t, "json") {
		if _, faults := message.DecodeContent([]byte(block)); faults != nil {
			t.Errorf("%s: %v", block, faults)
		}
	}
}
