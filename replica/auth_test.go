package replica

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"
	"github.com/go-mysql-org/go-mysql/server"

	"binrelay/replica/replstate"
)

// libSource is a source whose handshake, authentication and replies are
// go-mysql's: an implementation that knows nothing of ours.
type libSource struct {
	server.EmptyReplicationHandler
	answers map[string]string
	stream  *stream
}

func (s *libSource) HandleQuery(q string) (*gomysql.Result, error) {
	a, ok := s.answers[q]
	if !ok {
		return nil, nil
	}
	rs, err := gomysql.BuildSimpleTextResultset([]string{"v"}, [][]any{{a}})
	if err != nil {
		return nil, err
	}
	return gomysql.NewResult(rs), nil
}

func (s *libSource) HandleRegisterSlave([]byte) error { return nil }

func (s *libSource) HandleBinlogDump(at gomysql.Position) (*replication.BinlogStreamer, error) {
	out := replication.NewBinlogStreamer()
	for _, ev := range s.stream.from(at.Pos) {
		if err := out.AddEventToStreamer(&replication.BinlogEvent{RawData: ev}); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// serve accepts connections until the test ends and returns the port.
func (s *libSource) serve(t *testing.T, tlsConfig *tls.Config) uint16 {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	conf := server.NewServer("8.0.36", gomysql.DEFAULT_COLLATION_ID, gomysql.AUTH_CACHING_SHA2_PASSWORD, key, tlsConfig)
	auth := server.NewInMemoryAuthenticationHandler(gomysql.AUTH_CACHING_SHA2_PASSWORD)
	if err := auth.AddUser("Slave", "secret"); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
			wg.Go(func() {
				defer c.Close()
				conn, err := conf.NewCustomizedConn(c, auth, s)
				for err == nil {
					err = conn.HandleCommand()
				}
			})
		}
	})
	t.Cleanup(func() {
		ln.Close()
		mu.Lock()
		for _, c := range conns {
			c.Close()
		}
		mu.Unlock()
	})
	return uint16(ln.Addr().(*net.TCPAddr).Port)
}

// certs are a CA, a certificate of it for the name, and their files.
type certs struct {
	pair tls.Certificate
	ca   string // file
}

func makeCerts(t *testing.T, name string) certs {
	t.Helper()
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if ip := net.ParseIP(name); ip != nil {
		leaf.IPAddresses = []net.IP{ip}
	} else {
		leaf.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER}), 0o600); err != nil {
		t.Fatal(err)
	}
	return certs{pair: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, ca: file}
}

func TestConnect_CachingSHA2AndTLS(t *testing.T) {
	good, other := makeCerts(t, "127.0.0.1"), makeCerts(t, "elsewhere.example")
	for _, c := range []struct {
		name   string
		certs  *certs
		change replstate.Change
		errno  uint16
		text   string
	}{
		{"RSA key", nil, replstate.Change{GetPublicKey: ptr(true)}, 0, ""},
		{"wrong password by RSA", nil, replstate.Change{GetPublicKey: ptr(true), Password: ptr("wrong")}, 1045, "Access denied"},
		{"neither", nil, replstate.Change{}, 2061, "Authentication requires secure connection"},
		{"TLS", &good, replstate.Change{SSL: ptr(true)}, 0, ""},
		{"TLS 1.2", &good, replstate.Change{SSL: ptr(true), TLSVersion: ptr("TLSv1.2")}, 0, ""},
		{"TLS with CA", &good, replstate.Change{SSL: ptr(true), SSLCA: ptr(good.ca)}, 0, ""},
		{"TLS with CA, verified", &good, replstate.Change{SSL: ptr(true), SSLCA: ptr(good.ca), SSLVerify: ptr(true)}, 0, ""},
		{"TLS with CA directory", &good, replstate.Change{SSL: ptr(true), SSLCAPath: ptr(filepath.Dir(good.ca))}, 0, ""},
		{"another CA", &good, replstate.Change{SSL: ptr(true), SSLCA: ptr(other.ca)}, 2026, "SSL connection error"},
		{"other name, not verified", &other, replstate.Change{SSL: ptr(true), SSLCA: ptr(other.ca)}, 0, ""},
		{"other name, verified", &other, replstate.Change{SSL: ptr(true), SSLCA: ptr(other.ca), SSLVerify: ptr(true)}, 2026, "SSL connection error"},
		{"no CA file", &good, replstate.Change{SSL: ptr(true), SSLCA: ptr("/nonexistent/ca.pem")}, 2026, "no such file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStream("mysql-bin.000001")
			s.insert("d", 10)
			source := &libSource{stream: s, answers: map[string]string{
				"SELECT UNIX_TIMESTAMP()": "1700000000", "SELECT @@GLOBAL.SERVER_ID": "201", "SELECT @source_binlog_checksum": "CRC32",
				"SELECT @@GLOBAL.GTID_MODE": "OFF", "SELECT @@GLOBAL.SERVER_UUID": sourceUUID,
			}}
			var conf *tls.Config
			if c.certs != nil {
				conf = &tls.Config{Certificates: []tls.Certificate{c.certs.pair}}
			}
			r := newRig(t, nil)
			c.change.Port = ptr(source.serve(t, conf))
			c.change.LogFile, c.change.LogPos = ptr(s.file), ptr(uint64(4))
			if err := r.Change(r.ctx, "", c.change); err != nil {
				t.Fatal(err)
			}
			r.start(0)
			if c.errno == 0 {
				r.caughtUp(s)
				return
			}
			st := r.until("refused", func(st *replstate.ReplicaStatus) bool { return st.IOError.Number != 0 })
			if st.IOError.Number != c.errno || !strings.Contains(st.IOError.Text, c.text) {
				t.Errorf("error %d %q, want %d %q", st.IOError.Number, st.IOError.Text, c.errno, c.text)
			}
		})
	}
}
