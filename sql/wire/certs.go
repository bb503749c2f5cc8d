package wire

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"time"
)

// certLife is how long a self-made certificate is valid.
const certLife = 10 * 365 * 24 * time.Hour

// LoadTLS reads a server's certificate and key, and the authority that client
// certificates must come from (ca may be empty: none is accepted). All are names
// of PEM files.
func LoadTLS(ca, cert, key string) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("loading TLS certificate: %w", err)
	}
	cfg := serverConfig(pair)
	if ca == "" {
		return cfg, nil
	}
	text, err := os.ReadFile(ca)
	if err != nil {
		return nil, fmt.Errorf("loading TLS authority: %w", err)
	}
	cfg.ClientCAs = x509.NewCertPool()
	if !cfg.ClientCAs.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("loading TLS authority: no certificate in %s", ca)
	}
	cfg.ClientAuth = tls.VerifyClientCertIfGiven
	return cfg, nil
}

// PEM is a server's certificate, its key, and the authority that signed it, as
// they stand in files.
type PEM struct{ CA, Cert, Key []byte }

// Config returns the TLS configuration of a server with that certificate.
func (p PEM) Config() (*tls.Config, error) {
	pair, err := tls.X509KeyPair(p.Cert, p.Key)
	if err != nil {
		return nil, fmt.Errorf("loading TLS certificate: %w", err)
	}
	return serverConfig(pair), nil
}

func serverConfig(pair tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
}

// MakeCertificate makes a server's certificate and the authority that signs
// it. Clients that verify are given the latter. Its key is not kept: nothing
// else is signed with it.
func MakeCertificate() (PEM, error) {
	p, err := makeCertificate()
	if err != nil {
		return PEM{}, fmt.Errorf("making TLS certificate: %w", err)
	}
	return p, nil
}

func makeCertificate() (p PEM, err error) {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return p, err
	}
	var ca *x509.Certificate
	if ca, p.CA, err = sign(1, "binrelay_Auto_Generated_CA_Certificate", nil, caKey, &caKey.PublicKey); err != nil {
		return p, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return p, err
	}
	if _, p.Cert, err = sign(2, "binrelay_Auto_Generated_Server_Certificate", ca, caKey, &key.PublicKey); err != nil {
		return p, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	p.Key = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	return p, err
}

// sign makes a certificate; parent nil makes an authority, signed by itself.
func sign(serial int64, name string, parent *x509.Certificate, signer *ecdsa.PrivateKey, pub *ecdsa.PublicKey) (*x509.Certificate, []byte, error) {
	now := time.Now()
	t := &x509.Certificate{
		SerialNumber: big.NewInt(serial),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(certLife),
	}
	if parent == nil {
		t.IsCA, t.BasicConstraintsValid = true, true
		t.KeyUsage = x509.KeyUsageCertSign
		parent = t
	} else {
		t.KeyUsage = x509.KeyUsageDigitalSignature
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		t.DNSNames = []string{"localhost"}
		if host, err := os.Hostname(); err == nil && host != "localhost" {
			t.DNSNames = append(t.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, pub, signer)
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), err
}
