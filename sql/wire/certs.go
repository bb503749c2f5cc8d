package wire

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

// Names of the files in the data directory, as mysqld has them. The key of the
// authority is not kept: nothing else is signed with it.
const (
	caFile   = "ca.pem"
	certFile = "server-cert.pem"
	keyFile  = "server-key.pem"
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
	cfg := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
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

// EnsureTLS returns the TLS configuration of a data directory, and makes a
// certificate and its authority there first if the directory has none: ca.pem,
// server-cert.pem and server-key.pem (mode 0600). Clients that verify are given
// ca.pem.
func EnsureTLS(dir string) (*tls.Config, error) {
	ca, cert, key := filepath.Join(dir, caFile), filepath.Join(dir, certFile), filepath.Join(dir, keyFile)
	if _, err := os.Stat(cert); errors.Is(err, fs.ErrNotExist) {
		if err := makeCertificates(dir); err != nil {
			return nil, fmt.Errorf("making TLS certificate: %w", err)
		}
	}
	return LoadTLS(ca, cert, key)
}

func makeCertificates(dir string) error {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	caCert, caPEM, err := sign(1, "binrelay_Auto_Generated_CA_Certificate", nil, caKey, &caKey.PublicKey)
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	_, certPEM, err := sign(2, "binrelay_Auto_Generated_Server_Certificate", caCert, caKey, &key.PublicKey)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	// The certificate last: where it is, the others are.
	for _, f := range []struct {
		name string
		text []byte
		mode fs.FileMode
	}{{keyFile, keyPEM, 0o600}, {caFile, caPEM, 0o644}, {certFile, certPEM, 0o644}} {
		if err := writeDurably(filepath.Join(dir, f.name), f.text, f.mode); err != nil {
			return err
		}
	}
	return nil
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

// writeDurably makes a file appear with all of its content or not at all.
func writeDurably(name string, text []byte, mode fs.FileMode) (err error) {
	tmp := name + ".tmp"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(tmp)
		}
	}()
	if _, err = f.Write(text); err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp, name)
}
