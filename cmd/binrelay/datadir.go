package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"log/slog"
	"os"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/binlog/gtid"
	"binrelay/binlog/logfile"
	"binrelay/conf"
	"binrelay/sql/wire"
)

// Small files of the data directory, named as mysqld names them. The
// certificate comes last: where it is, its key and its authority are.
const (
	autoFile       = "auto.cnf"
	caFile         = "ca.pem"
	certFile       = "server-cert.pem"
	certKeyFile    = "server-key.pem"
	rsaPrivateFile = "private_key.pem"
	rsaPublicFile  = "public_key.pem"

	maxSmallFile = 1 << 20 // bytes
	rsaBits      = 2048
)

// dataDir is the data directory on its file system.
type dataDir struct {
	fs   vfs.FS
	path string
}

// make makes the directory if it is missing. It refuses one that holds the
// tables of a mysqld: nothing here could read them, and the files of two
// servers would lie side by side.
func (d dataDir) make() error {
	for _, name := range []string{"ibdata1", "mysql.ibd", "aria_log_control"} {
		if _, err := d.fs.Stat(d.file(name)); err == nil {
			return fmt.Errorf("%s holds the data of a MySQL or MariaDB server (%s); choose another directory", d.path, name)
		}
	}
	return logfile.EnsureDir(d.fs, d.path)
}

func (d dataDir) file(name string) string { return d.fs.PathJoin(d.path, name) }

// read returns a small file's content.
func (d dataDir) read(name string) ([]byte, error) {
	f, err := d.fs.Open(d.file(name))
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxSmallFile))
	return b, errors.Join(err, f.Close())
}

// write replaces a small file: temporary, sync, rename, sync directory. A
// secret one is its owner's alone.
func (d dataDir) write(name string, text []byte, secret bool) (err error) {
	path := d.file(name)
	tmp := path + ".tmp"
	f, err := d.fs.Create(tmp, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = d.fs.Remove(tmp) // what matters has failed already
		}
	}()
	if c, ok := f.(interface{ Chmod(os.FileMode) error }); ok && secret {
		err = c.Chmod(0o600)
	}
	if err == nil {
		_, err = f.Write(text)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := d.fs.Rename(tmp, path); err != nil {
		return err
	}
	return logfile.SyncDir(d.fs, d.path)
}

// uuid returns the identity of the data directory, which auto.cnf keeps as in
// MySQL; the first start makes it.
func (d dataDir) uuid() (gtid.UUID, error) {
	b, err := d.read(autoFile)
	if err == nil {
		for line := range strings.Lines(string(b)) {
			if k, v, ok := strings.Cut(line, "="); ok && strings.TrimSpace(k) == "server-uuid" {
				return gtid.ParseUUID(strings.TrimSpace(v))
			}
		}
		return gtid.UUID{}, fmt.Errorf("%s has no server-uuid line", d.file(autoFile))
	}
	if !errors.Is(err, iofs.ErrNotExist) {
		return gtid.UUID{}, err
	}
	var u gtid.UUID
	if _, err := rand.Read(u[:]); err != nil {
		return u, err
	}
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80 // version 4
	return u, d.write(autoFile, []byte("[auto]\nserver-uuid="+u.String()+"\n"), false)
}

// tls reads the configured certificate, which is the administrator's, or that
// of the data directory, which the first start makes.
func (d dataDir) tls(cfg *conf.Config) (*tls.Config, error) {
	if cfg.TLSCert != "" {
		return wire.LoadTLS(cfg.TLSCA, cfg.TLSCert, cfg.TLSKey)
	}
	cert, err := d.read(certFile)
	if errors.Is(err, iofs.ErrNotExist) {
		return d.makeTLS()
	}
	if err != nil {
		return nil, fmt.Errorf("loading TLS certificate: %w", err)
	}
	key, err := d.read(certKeyFile)
	if err != nil {
		return nil, fmt.Errorf("loading TLS certificate: %w", err)
	}
	return wire.PEM{Cert: cert, Key: key}.Config()
}

func (d dataDir) makeTLS() (*tls.Config, error) {
	p, err := wire.MakeCertificate()
	if err != nil {
		return nil, err
	}
	for _, f := range []struct {
		name   string
		text   []byte
		secret bool
	}{{certKeyFile, p.Key, true}, {caFile, p.CA, false}, {certFile, p.Cert, false}} {
		if err := d.write(f.name, f.text, f.secret); err != nil {
			return nil, fmt.Errorf("making TLS certificate: %w", err)
		}
	}
	return p.Config()
}

// rsaKey returns the key that clients without TLS encrypt passwords for; the
// first start makes it. Clients may keep a copy of the public half.
func (d dataDir) rsaKey(log *slog.Logger) (*rsa.PrivateKey, error) {
	b, err := d.read(rsaPrivateFile)
	if errors.Is(err, iofs.ErrNotExist) {
		key, err := rsa.GenerateKey(rand.Reader, rsaBits)
		if err != nil {
			return nil, err
		}
		if err := d.keepRSAKey(key); err != nil {
			log.Warn("the RSA key is not kept: the next start makes another", "err", err)
		}
		return key, nil
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, fmt.Errorf("%s holds no key", d.file(rsaPrivateFile))
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.file(rsaPrivateFile), err)
	}
	if key, ok := key.(*rsa.PrivateKey); ok {
		return key, nil
	}
	return nil, fmt.Errorf("%s holds no RSA key", d.file(rsaPrivateFile))
}

func (d dataDir) keepRSAKey(key *rsa.PrivateKey) error {
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return err
	}
	private := x509.MarshalPKCS1PrivateKey(key)
	err = d.write(rsaPublicFile, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), false)
	if err != nil {
		return err
	}
	return d.write(rsaPrivateFile, pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: private}), true)
}
