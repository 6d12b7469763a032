package sandbox

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"net"
	"slices"
	"time"
)

// uidOID names the part of a certificate's subject in which Apple writes the merchant identifier.
var uidOID = asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}

const (
	merchantMonths = 25 // that a merchant identity certificate is valid for
	merchantBits   = 2048
)

// certificates are an authority and what it signed: the server's, and the merchant's identity.
type certificates struct {
	root    *x509.Certificate
	rootKey crypto.Signer
	server  tls.Certificate

	merchantPEM, merchantKeyPEM []byte
}

func newCertificates(m Merchant) (*certificates, error) {
	c := &certificates{}
	var err error
	if c.rootKey, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	c.root = newTemplate(pkix.Name{CommonName: "Simulated Apple Pay authority"})
	c.root.IsCA, c.root.BasicConstraintsValid, c.root.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, c.root, c.root, c.rootKey.Public(), c.rootKey)
	if err != nil {
		return nil, err
	}
	if c.root, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	if err := c.signServer(); err != nil {
		return nil, err
	}
	c.merchantPEM, c.merchantKeyPEM, err = c.signMerchant(m.ID)
	return c, err
}

func newTemplate(subject pkix.Name) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)) // never fails
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial, Subject: subject, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(0, merchantMonths, 0),
		KeyUsage: x509.KeyUsageDigitalSignature,
	}
}

func (c *certificates) signServer() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	t := newTemplate(pkix.Name{CommonName: "localhost"})
	t.DNSNames, t.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	der, err := x509.CreateCertificate(rand.Reader, t, c.root, key.Public(), c.rootKey)
	c.server = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	return err
}

// signMerchant makes a merchant identity certificate as Apple's portal does, with its key.
func (c *certificates) signMerchant(id string) (certPEM, keyPEM []byte, err error) {
	key, err := rsa.GenerateKey(rand.Reader, merchantBits)
	if err != nil {
		return nil, nil, err
	}
	t := newTemplate(pkix.Name{CommonName: "Apple Pay Merchant Identity:" + id, ExtraNames: []pkix.AttributeTypeAndValue{{Type: uidOID, Value: id}}})
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	der, err := x509.CreateCertificate(rand.Reader, t, c.root, key.Public(), c.rootKey)
	if err != nil {
		return nil, nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	return encodePEM("CERTIFICATE", der), encodePEM("PRIVATE KEY", keyDER), err
}

func encodePEM(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// merchantOf is the merchant identifier of a certificate, or nothing.
func merchantOf(c *x509.Certificate) string {
	i := slices.IndexFunc(c.Subject.Names, func(n pkix.AttributeTypeAndValue) bool { return n.Type.Equal(uidOID) })
	if i < 0 {
		return ""
	}
	id, _ := c.Subject.Names[i].Value.(string)
	return id
}

// ClientCertificate is the merchant identity certificate with its key, both in PEM: what the business configures.
func (c *certificates) ClientCertificate() (certPEM, keyPEM []byte) {
	return slices.Clone(c.merchantPEM), slices.Clone(c.merchantKeyPEM)
}

// RootPEM is the authority's certificate, by which the service is known.
func (c *certificates) RootPEM() []byte { return encodePEM("CERTIFICATE", c.root.Raw) }

// ServerTLS is how the service wants to be served: on the loopback, for who has a certificate of its authority.
func (c *certificates) ServerTLS() *tls.Config {
	clients := x509.NewCertPool()
	clients.AddCert(c.root)
	return &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{c.server},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients,
	}
}
