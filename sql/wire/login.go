package wire

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"binrelay/sql/auth"

	gms "github.com/dolthub/go-mysql-server/sql"
)

// Client is what the listener puts into mysql.Conn.ClientData, for the session
// builder. UserData holds the account (gms.MysqlConnectionUser), which is what
// privileges are looked up by; Client says who really is at the other end.
type Client struct {
	User       string // name sent by the client
	Host       string // client address without port; "localhost" on a Unix socket
	Port       int    // client port, 0 on a Unix socket
	Account    gms.MysqlConnectionUser
	TLS        bool
	TLSVersion string // as OpenSSL names it: TLSv1.3; "" without TLS
	Cipher     string // likewise: ECDHE-RSA-AES128-GCM-SHA256
	Password   bool   // it sent one
	Expired    bool   // the password is to be changed before anything else
	Collation  uint16 // collation id the client asked for
	// Compression is the algorithm of the compressed protocol, zlib or zstd, and
	// its level; "" without.
	Compression      string
	CompressionLevel int
	Attributes       map[string]string // connection attributes; unchecked

	conn *conn
}

// handshake runs the whole log-in under one deadline. On return without error
// the client is told OK and may send commands.
func (c *conn) handshake() error {
	if err := c.raw.SetDeadline(time.Now().Add(c.s.o.connectTimeout())); err != nil {
		return err
	}
	c.salt = newSalt()
	offered := uint32(offeredCapabilities) | c.s.o.compression()
	if c.s.tls != nil {
		offered |= capSSL
	}
	c.w.write(greeting(c.s.o.Version, c.id, c.salt, offered, byte(c.s.o.Collation), auth.DefaultPlugin))
	if err := c.w.flush(); err != nil {
		return err
	}
	p, err := c.readHandshake()
	if err != nil {
		return err
	}
	if c.s.tls != nil && isSSLRequest(p) {
		if err := c.startTLS(); err != nil {
			return err
		}
		if p, err = c.readHandshake(); err != nil {
			return err
		}
	}
	req, ok := parseHandshakeResponse(p, offered)
	if !ok {
		return c.refuse(wireError(erHandshake, "08S01", "Bad handshake"))
	}
	if c.tls == nil && !c.local() && c.s.o.RequireSecureTransport != nil && c.s.o.RequireSecureTransport() {
		return c.refuse(wireError(erSecureTransport, "HY000",
			"Connections using insecure transport are prohibited while --require_secure_transport=ON."))
	}
	c.caps, c.zstdLevel = req.caps, req.zstdLevel
	if err := c.login(req); err != nil {
		return err
	}
	return c.raw.SetDeadline(time.Time{})
}

// readHandshake reads a packet of the log-in.
func (c *conn) readHandshake() ([]byte, error) {
	c.r.seq = c.w.seq
	p, err := c.r.next(preAuthCap, nil)
	if err != nil {
		return nil, c.packetError(err)
	}
	c.w.seq = c.r.seq
	c.z.turn()
	return p, nil
}

// refuse sends an error and ends the connection.
func (c *conn) refuse(e *sqlError) error {
	c.writeErr(e)
	c.w.flush()
	return e
}

// startTLS wraps the connection. The client may have sent its ClientHello
// together with the request: what the reader holds already belongs to TLS.
func (c *conn) startTLS() error {
	t := tls.Server(&prefixedConn{Conn: c.sock, r: c.r.br}, c.s.tls)
	if err := t.HandshakeContext(c.s.ctx); err != nil {
		return fmt.Errorf("TLS handshake: %w", err)
	}
	c.tls = t
	c.r.br = bufio.NewReaderSize(t, handshakeBuffer)
	c.w.bw.Reset(t)
	return nil
}

// prefixedConn reads through a buffered reader of the same connection.
type prefixedConn struct {
	net.Conn
	r *bufio.Reader
}

func (p *prefixedConn) Read(b []byte) (int, error) { return p.r.Read(b) }

// login authenticates, registers the connection, selects the database and
// answers OK. It is also the second half of COM_CHANGE_USER.
func (c *conn) login(req *loginRequest) error {
	accounts := c.s.o.Accounts
	acc := accounts.Lookup(req.user, c.host)
	ok, sent, err := c.authenticate(acc, req)
	if err != nil {
		return err
	}
	if err := accounts.Blocked(acc, req.user, c.host); err != nil {
		return c.refuse(c.translate(err, ""))
	}
	if accounts.Tried(acc, ok); !ok || !c.secureEnough(acc) {
		if err := accounts.Blocked(acc, req.user, c.host); err != nil {
			return c.refuse(c.translate(err, ""))
		}
		return c.refuse(c.denied(req.user, sent))
	}
	if acc.Locked {
		return c.refuse(wireError(erAccountLocked, "HY000",
			fmt.Sprintf("Access denied for user '%s'@'%s'. Account is locked.", req.user, c.host)))
	}
	expired := accounts.PasswordExpired(acc, c.passwordLifetime())
	if expired && req.caps&capExpiredPasswords == 0 {
		return c.refuse(wireError(erMustChangeToLogin, "HY000",
			"Your password has expired. To log in you must change it using a client that supports expired passwords."))
	}
	if !c.s.admit(c, acc.Admin) {
		return c.refuse(errTooManyConnections)
	}
	if err := accounts.Connect(acc); err != nil {
		return c.refuse(c.translate(err, ""))
	}
	c.account = &acc
	c.setClient(req, acc, sent, expired)
	c.s.handler.NewConnection(c.mc)
	c.registered = true
	if err := c.s.handler.ConnectionAuthenticated(c.mc); err != nil {
		return c.refuse(c.translate(err, ""))
	}
	c.refreshSession()
	if req.db != "" {
		if err := c.s.handler.ComInitDB(c.mc, req.db); err != nil {
			return c.refuse(c.translate(err, ""))
		}
	}
	c.writeOK(0, 0, 0, "")
	return c.w.flush()
}

// passwordLifetime is default_password_lifetime, in days; 0 = for ever.
func (c *conn) passwordLifetime() uint16 {
	if c.s.o.PasswordLifetime == nil {
		return 0
	}
	return c.s.o.PasswordLifetime()
}

func (c *conn) setClient(req *loginRequest, acc auth.Account, password, expired bool) {
	c.caps = req.caps
	c.mc.User = req.user
	c.mc.CharacterSet = uint8(req.collation)
	c.mc.Capabilities = req.caps
	c.mc.StatusFlags = statusAutocommit
	account := gms.MysqlConnectionUser{User: acc.User, Host: acc.Host}
	c.mc.UserData = account
	client := &Client{
		User: req.user, Host: c.host, Port: c.port, Account: account, TLS: c.tls != nil,
		Password: password, Expired: expired, Collation: req.collation, Attributes: req.attrs,
	}
	client.Compression, client.CompressionLevel = req.compression()
	if c.tls != nil {
		st := c.tls.ConnectionState()
		client.TLSVersion = strings.Replace(tls.VersionName(st.Version), "TLS ", "TLSv", 1)
		client.Cipher = opensslCipher(tls.CipherSuiteName(st.CipherSuite))
	}
	client.conn = c
	c.mc.ClientData = client
	c.mu.Lock()
	c.user = req.user
	c.mu.Unlock()
}

// opensslCipher turns the registered name of a cipher suite into OpenSSL's,
// which MySQL shows: those of TLS 1.3 are the same.
func opensslCipher(name string) string {
	rest, ok := strings.CutPrefix(name, "TLS_")
	exchange, cipher, old := strings.Cut(rest, "_WITH_")
	if !ok || !old {
		return name
	}
	cipher = strings.NewReplacer("AES_", "AES", "_CBC", "", "POLY1305_SHA256", "POLY1305").Replace(cipher)
	if exchange != "RSA" {
		cipher = exchange + "_" + cipher
	}
	return strings.ReplaceAll(cipher, "_", "-")
}

var errTooManyConnections = wireError(erTooManyConnections, "08004", "Too many connections")

// denied is the same for unknown users and wrong passwords.
func (c *conn) denied(user string, password bool) *sqlError {
	using := "NO"
	if password {
		using = "YES"
	}
	return wireError(erAccessDenied, "28000",
		fmt.Sprintf("Access denied for user '%s'@'%s' (using password: %s)", user, c.host, using))
}

// authenticate runs the exchange of the account's plugin. sent says whether the
// client sent a password at all.
func (c *conn) authenticate(acc auth.Account, req *loginRequest) (ok, sent bool, err error) {
	response := trimEmpty(req.auth)
	plugin := req.plugin
	if req.caps&capPluginAuth == 0 {
		plugin = auth.NativePassword
	}
	if acc.Known && acc.Stored == "" && len(response) == 0 && (plugin == acc.Plugin || req.caps&capPluginAuth == 0) {
		return true, false, nil // the account's plugin has nothing to ask
	}
	// A client whose own plugin is not the greeting's sends nothing at first,
	// under its plugin's name, and waits to be asked.
	unasked := len(response) == 0 && acc.Plugin != auth.DefaultPlugin && !req.change
	if plugin != acc.Plugin || unasked {
		if req.caps&capPluginAuth == 0 {
			return false, len(response) > 0, nil // cannot be asked for another one
		}
		// The greeting's salt again: drivers answer a later COM_CHANGE_USER with
		// it, whatever they were sent in between.
		msg := append([]byte{headerAuthSwitch}, acc.Plugin...)
		msg = append(append(append(msg, 0), c.salt...), 0)
		if response, err = c.ask(msg); err != nil {
			return false, false, err
		}
		response = trimEmpty(response)
	}
	switch {
	case acc.Plugin == auth.NativePassword:
		return c.s.o.Accounts.VerifyNative(acc, response, c.salt), len(response) > 0, nil
	case acc.Plugin != auth.CachingSHA2Password:
		return false, len(response) > 0, nil
	case len(response) == 0:
		return c.s.o.Accounts.VerifyFast(acc, nil, c.salt) && acc.Stored == "", false, nil
	case c.s.o.Accounts.VerifyFast(acc, response, c.salt):
		return true, true, c.w.write([]byte{headerMoreData, 3})
	}
	password, ok, err := c.readPassword()
	if err != nil || !ok {
		return false, true, err
	}
	return c.s.o.Accounts.VerifyFull(acc, password), true, nil
}

// ask sends a packet of the log-in and reads the answer.
func (c *conn) ask(msg []byte) ([]byte, error) {
	c.w.write(msg)
	if err := c.w.flush(); err != nil {
		return nil, err
	}
	p, err := c.readHandshake()
	return bytes.Clone(p), err
}

// readPassword is the full exchange of caching_sha2_password: the password in
// clear text over TLS or a Unix socket, else encrypted with our public key.
func (c *conn) readPassword() (password string, ok bool, err error) {
	p, err := c.ask([]byte{headerMoreData, 4})
	if err != nil {
		return "", false, err
	}
	if c.tls != nil || c.local() {
		password, ok = auth.ClearText(p)
		return password, ok, nil
	}
	if len(p) == 1 && p[0] == 2 { // wants the public key
		key, err := c.s.o.Accounts.PublicKey()
		if err != nil {
			return "", false, err
		}
		if p, err = c.ask(append([]byte{headerMoreData}, key...)); err != nil {
			return "", false, err
		}
	}
	password, ok = c.s.o.Accounts.DecryptPassword(p, c.salt)
	return password, ok, nil
}

// trimEmpty turns the one zero byte that some clients send for an empty
// password into nothing.
func trimEmpty(b []byte) []byte {
	if len(b) == 1 && b[0] == 0 {
		return nil
	}
	return b
}

// secureEnough checks the account's REQUIRE clause.
func (c *conn) secureEnough(acc auth.Account) bool {
	if acc.SSLType == "" {
		return true
	}
	if c.tls == nil {
		return false
	}
	state := c.tls.ConnectionState()
	if acc.SSLType == "ANY" {
		return true
	}
	if name := tls.CipherSuiteName(state.CipherSuite); acc.SSLCipher != "" && acc.SSLCipher != name && acc.SSLCipher != opensslCipher(name) {
		return false
	}
	if acc.SSLType == "SPECIFIED" && acc.X509Issuer == "" && acc.X509Subject == "" {
		return true
	}
	// The listener asks for certificates and verifies those it gets.
	if len(state.VerifiedChains) == 0 {
		return false
	}
	cert := state.PeerCertificates[0]
	return (acc.X509Issuer == "" || slashName(cert, true) == acc.X509Issuer) &&
		(acc.X509Subject == "" || slashName(cert, false) == acc.X509Subject)
}

// slashName writes a distinguished name as MySQL does: /C=US/O=x/CN=y, in the
// certificate's own order.
func slashName(cert *x509.Certificate, issuer bool) string {
	name := cert.Subject
	if issuer {
		name = cert.Issuer
	}
	labels := map[string]string{
		"2.5.4.3": "CN", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST",
		"2.5.4.10": "O", "2.5.4.11": "OU", "1.2.840.113549.1.9.1": "emailAddress",
	}
	var b bytes.Buffer
	for _, n := range name.Names {
		label, ok := labels[n.Type.String()]
		if !ok {
			label = n.Type.String()
		}
		fmt.Fprintf(&b, "/%s=%v", label, n.Value)
	}
	return b.String()
}

// newSalt returns 20 random bytes without zero and '$', as MySQL sends them.
func newSalt() []byte {
	b := make([]byte, saltSize)
	if _, err := io.ReadFull(rand.Reader, b); err != nil {
		panic(err) // crypto/rand never fails
	}
	for i := range b {
		b[i] &= 0x7f
		if b[i] == 0 || b[i] == '$' {
			b[i]++
		}
	}
	return b
}

// appendErr writes the body of an ERR packet: 0xFF, number, '#', SQLSTATE, text
// (at most 512 bytes, as MySQL cuts it).
func appendErr(b []byte, e *sqlError) []byte {
	b = append(b, headerErr)
	b = binary.LittleEndian.AppendUint16(b, e.num)
	b = append(b, '#')
	b = append(b, (e.state + "HY000")[:5]...)
	return append(b, cutText(e.msg, 511)...)
}

// cutText cuts s to at most n bytes, between characters.
func cutText(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xc0 == 0x80 {
		n--
	}
	return s[:n]
}
