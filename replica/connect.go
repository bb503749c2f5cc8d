package replica

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
	gomysql "github.com/go-mysql-org/go-mysql/mysql"

	"binrelay/replica/replstate"
)

// handshakeLimit bounds what a source may send until it is authenticated, in
// bytes. The client library reads packets of any size.
const handshakeLimit = 256 << 10

// errHandshakeLimit ends a handshake that is longer than any should be.
var errHandshakeLimit = errors.New("handshake too long")

// guardedConn is the connection as the client library sees it during the
// handshake: what it reads is bounded, and it cannot ask for the source's RSA
// key unless the configuration allows it.
type guardedConn struct {
	net.Conn
	budget     atomic.Int64 // bytes that may still be read; negative = no limit
	allowKey   bool
	refusedKey atomic.Bool
}

func (g *guardedConn) Read(b []byte) (int, error) {
	left := g.budget.Load()
	if left == 0 {
		return 0, errHandshakeLimit
	}
	if left > 0 && int64(len(b)) > left {
		b = b[:left]
	}
	n, err := g.Conn.Read(b)
	if left > 0 {
		g.budget.Add(-int64(n))
	}
	return n, err
}

func (g *guardedConn) Write(b []byte) (int, error) {
	// caching_sha2_password: a packet of the one byte 2 asks for the key.
	if !g.allowKey && len(b) == 5 && b[0] == 1 && b[1] == 0 && b[2] == 0 && b[4] == 2 {
		g.refusedKey.Store(true)
		return 0, errors.New("public key not to be requested")
	}
	return g.Conn.Write(b)
}

// dial connects to the source and authenticates. The connection it returns
// ends with ctx.
func (rc *receiver) dial(ctx context.Context, cfg *replstate.SourceConfig, timeout time.Duration) (_ *session, err error) {
	addr := net.JoinHostPort(cfg.Host, strconv.Itoa(int(cfg.Port)))
	var guard *guardedConn
	stop := func() bool { return true }
	defer func() {
		if x := recover(); x != nil {
			// The client library indexes what the source sent without checks.
			err = malformed("handshake: %v", x)
		}
		if err != nil {
			stop()
			if guard != nil {
				guard.Close()
			}
			err = connectError(err, guard, cfg.Host, addr)
		}
	}()
	tlsConfig, err := tlsConfig(cfg)
	if err != nil {
		return nil, replstate.Errorf(crSSL, "SSL connection error: %v", err)
	}
	dctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	dialer := func(dctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := rc.opt.Dial(dctx, network, addr)
		if err != nil {
			return nil, err
		}
		guard = &guardedConn{Conn: conn, allowKey: cfg.GetPublicKey}
		guard.budget.Store(handshakeLimit)
		stop = context.AfterFunc(ctx, func() { guard.Close() })
		return guard, conn.SetDeadline(time.Now().Add(timeout))
	}
	c, err := client.ConnectWithDialer(dctx, "tcp", addr, cfg.User, cfg.Password, "", dialer, func(c *client.Conn) error {
		c.UnsetCapability(gomysql.CLIENT_QUERY_ATTRIBUTES)
		c.UnsetCapability(gomysql.CLIENT_DEPRECATE_EOF)
		c.SetAttributes(map[string]string{"_client_name": "binrelay", "program_name": "binrelay-replica"})
		if tlsConfig != nil {
			c.SetTLSConfig(tlsConfig)
		}
		return c.SetCollation("utf8mb4_general_ci")
	})
	if err != nil {
		return nil, err
	}
	guard.budget.Store(-1)
	return &session{
		rc: rc, cfg: cfg, p: newPackets(c.Conn.Conn), timeout: timeout,
		maria: strings.Contains(c.GetServerVersion(), "MariaDB"),
		close: func() { stop(); guard.Close() },
	}, nil
}

// connectError words a failed connection attempt.
func connectError(err error, guard *guardedConn, host, addr string) error {
	if guard != nil && guard.refusedKey.Load() {
		return replstate.Errorf(crAuthPlugin,
			"Authentication plugin 'caching_sha2_password' reported error: Authentication requires secure connection.")
	}
	var own *replstate.Error
	var reply *gomysql.MyError
	switch {
	case errors.As(err, &own), errors.As(err, &reply):
		return ioError(err, host, addr)
	case tlsFailure(err):
		return replstate.Errorf(crSSL, "SSL connection error: %v", err)
	case guard != nil && lostConnection(err):
		return replstate.Errorf(crServerLost, "Lost connection to MySQL server at 'reading initial communication packet', system error: 0")
	case guard != nil:
		return replstate.Errorf(crMalformed, "Malformed packet: %v", err)
	default:
		return ioError(err, host, addr)
	}
}

// tlsFailure reports whether TLS itself refused the connection.
func tlsFailure(err error) bool {
	var verify *tls.CertificateVerificationError
	var alert tls.AlertError
	var record tls.RecordHeaderError
	return errors.As(err, &verify) || errors.As(err, &alert) || errors.As(err, &record)
}

// tlsConfig returns how to encrypt the connection, nil for not at all. With a
// CA the certificate must come from it; with verify its name must match too.
func tlsConfig(cfg *replstate.SourceConfig) (*tls.Config, error) {
	if !cfg.SSL {
		return nil, nil
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: cfg.Host}
	if err := setTLSVersion(t, cfg.TLSVersion); err != nil {
		return nil, err
	}
	if cfg.SSLCert != "" || cfg.SSLKey != "" {
		cert, err := tls.LoadX509KeyPair(cfg.SSLCert, cfg.SSLKey)
		if err != nil {
			return nil, err
		}
		t.Certificates = []tls.Certificate{cert}
	}
	pool, err := loadCAs(cfg.SSLCA, cfg.SSLCAPath)
	if err != nil {
		return nil, err
	}
	t.RootCAs = pool
	if cfg.SSLVerify {
		return t, nil
	}
	t.InsecureSkipVerify = true
	if pool != nil {
		t.VerifyConnection = func(s tls.ConnectionState) error { return verifyChain(s, pool) }
	}
	return t, nil
}

// verifyChain checks that a certificate comes from one of the CAs, whatever
// name it bears.
func verifyChain(s tls.ConnectionState, roots *x509.CertPool) error {
	if len(s.PeerCertificates) == 0 {
		return errors.New("the source sent no certificate")
	}
	o := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
	for _, c := range s.PeerCertificates[1:] {
		o.Intermediates.AddCert(c)
	}
	if _, err := s.PeerCertificates[0].Verify(o); err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: s.PeerCertificates, Err: err}
	}
	return nil
}

// loadCAs reads the CA certificates of a file and of the files of a directory.
// nil means that none were named.
func loadCAs(file, dir string) (*x509.CertPool, error) {
	var names []string
	if file != "" {
		names = append(names, file)
	}
	if dir != "" {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				names = append(names, path)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if names == nil {
		return nil, nil
	}
	pool := x509.NewCertPool()
	found := false
	for _, n := range names {
		pem, err := os.ReadFile(n)
		if err != nil {
			return nil, err
		}
		found = pool.AppendCertsFromPEM(pem) || found
	}
	if !found {
		return nil, fmt.Errorf("no CA certificate in %s", strings.Join(names, ", "))
	}
	return pool, nil
}

// setTLSVersion obeys a list such as "TLSv1.2,TLSv1.3".
func setTLSVersion(t *tls.Config, list string) error {
	if list == "" {
		return nil
	}
	t.MinVersion, t.MaxVersion = 0, 0
	for name := range strings.SplitSeq(list, ",") {
		var v uint16
		switch strings.ToUpper(strings.TrimSpace(name)) {
		case "TLSV1.2":
			v = tls.VersionTLS12
		case "TLSV1.3":
			v = tls.VersionTLS13
		default:
			return fmt.Errorf("TLS version %q is not supported", name)
		}
		if t.MinVersion == 0 || v < t.MinVersion {
			t.MinVersion = v
		}
		t.MaxVersion = max(t.MaxVersion, v)
	}
	return nil
}
