package auth

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	sqle "github.com/dolthub/go-mysql-server"
	"github.com/dolthub/go-mysql-server/memory"
	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/vitess/go/mysql"
	gomysql "github.com/go-mysql-org/go-mysql/mysql"
)

// newAccounts returns accounts and a function that runs a statement as root.
func newAccounts(t *testing.T, o Options) (*Accounts, func(string) error) {
	t.Helper()
	pro := memory.NewDBProvider(memory.NewDatabase("d"))
	e := sqle.NewDefault(pro)
	t.Cleanup(func() { e.Close() })
	a := New(e.Analyzer.Catalog.MySQLDb, o)
	a.Bootstrap()
	s := memory.NewSession(gms.NewBaseSessionWithClientServer("", gms.Client{User: "root", Address: "localhost"}, 1), pro)
	return a, func(q string) error {
		ctx := gms.NewContext(context.Background(), gms.WithSession(s))
		_, it, _, err := e.Query(ctx, q)
		if err != nil {
			return err
		}
		_, err = gms.RowIterToRows(ctx, it)
		return err
	}
}

func TestSHACrypt_AgreesWithVitess(t *testing.T) {
	for _, n := range []int{1, 5, 31, 32, 33, 63, 64, 65, 256} {
		pw := strings.Repeat("pä", n)[:n]
		salt := []byte("01234567890123456789")
		want, err := mysql.SerializeCachingSha2PasswordAuthString(pw, salt, 5)
		if err != nil {
			t.Fatal(err)
		}
		if got := sha2String(pw, salt, 5); got != string(want) {
			t.Errorf("%d bytes: %s, want %s", n, got, want)
		}
		if !VerifySHA2(string(want), pw) || VerifySHA2(string(want), pw+"x") {
			t.Errorf("%d bytes: does not verify", n)
		}
	}
	if VerifySHA2(strings.Repeat("x", 70), "p") || VerifySHA2("$A$000$"+strings.Repeat("x", 63), "p") {
		t.Error("a malformed hash verifies")
	}
	if _, err := HashSHA2(strings.Repeat("x", MaxPassword+1)); err == nil {
		t.Error("a password that is too long is hashed")
	}
}

func TestNative_AgreesWithClient(t *testing.T) {
	salt := []byte("abcdefghijklmnopqrst")
	stored := HashNative("secret")
	if want := "*14E65567ABDB5135D0CFD9A70B3032C179A49EE7"; stored != want {
		t.Fatalf("stored %s, want %s", stored, want)
	}
	if !VerifyNative(stored, gomysql.CalcNativePassword(salt, []byte("secret")), salt) {
		t.Error("right password refused")
	}
	if VerifyNative(stored, gomysql.CalcNativePassword(salt, []byte("Secret")), salt) || VerifyNative(stored, nil, salt) {
		t.Error("wrong password accepted")
	}
	if !VerifyNative("", nil, salt) || VerifyNative("", []byte("x"), salt) || VerifyNative("*00", nil, salt) {
		t.Error("empty password")
	}
}

func TestFastCache(t *testing.T) {
	a, exec := newAccounts(t, Options{})
	salt := []byte("abcdefghijklmnopqrst")
	set := func(pw string) {
		t.Helper()
		q, _, err := a.RewriteStatement("ALTER USER u@'%' IDENTIFIED BY '"+pw+"'", "", "")
		if err != nil {
			t.Fatal(err)
		}
		if err := exec(q); err != nil {
			t.Fatal(err)
		}
	}
	if err := exec("CREATE USER u@'%' IDENTIFIED WITH 'caching_sha2_password'"); err != nil {
		t.Fatal(err)
	}
	set("one")
	resp := gomysql.CalcCachingSha2Password(salt, []byte("one"))
	acc := a.Lookup("u", "10.0.0.1")
	if a.VerifyFast(acc, resp, salt) {
		t.Fatal("verified before the first full log-in")
	}
	if a.VerifyFull(acc, "two") || !a.VerifyFull(acc, "one") {
		t.Fatal("full verification")
	}
	if !a.VerifyFast(acc, resp, salt) || a.VerifyFast(acc, gomysql.CalcCachingSha2Password(salt, []byte("two")), salt) {
		t.Fatal("fast verification")
	}
	set("two")
	if a.VerifyFast(a.Lookup("u", "10.0.0.1"), resp, salt) {
		t.Fatal("old password verifies from the cache")
	}
	if a.VerifyFast(a.Lookup("nobody", "10.0.0.1"), nil, salt) || a.VerifyFull(a.Lookup("nobody", "h"), "") {
		t.Fatal("unknown user verifies")
	}
}

func TestDecryptPassword(t *testing.T) {
	a, _ := newAccounts(t, Options{})
	salt := []byte("abcdefghijklmnopqrst")
	p, err := a.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(p)
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	enc, err := gomysql.EncryptPassword("p w", salt, key.(*rsa.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	if pw, ok := a.DecryptPassword(enc, salt); !ok || pw != "p w" {
		t.Fatalf("%q, %v", pw, ok)
	}
	bad, _ := rsa.EncryptOAEP(sha1.New(), rand.Reader, key.(*rsa.PublicKey), []byte("no zero byte"), nil)
	if _, ok := a.DecryptPassword(bad, salt); ok {
		t.Error("password without its zero byte accepted")
	}
	if _, ok := a.DecryptPassword([]byte("junk"), salt); ok {
		t.Error("junk accepted")
	}
}

func TestBootstrap_Persist_Load(t *testing.T) {
	var blob []byte
	a, exec := newAccounts(t, Options{Persist: func(_ *gms.Context, b []byte) error {
		blob = append([]byte(nil), b...)
		return nil
	}})
	if !a.RootWithoutPassword() {
		t.Error("root has a password")
	}
	if acc := a.Lookup("root", "127.0.0.1"); !acc.Known || !acc.Admin {
		t.Errorf("root: %+v", acc)
	}
	if acc := a.Lookup("root", "10.1.1.1"); acc.Known {
		t.Error("root from the network")
	}
	q, changed, err := a.RewriteStatement("ALTER USER root@localhost IDENTIFIED BY 'x'", "", "")
	if err != nil || !changed {
		t.Fatal(err)
	}
	for _, s := range []string{q, "CREATE USER r@'%' IDENTIFIED WITH mysql_native_password AS '" + HashNative("pw") + "'",
		"GRANT REPLICATION SLAVE ON *.* TO r@'%'"} {
		if err := exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if a.RootWithoutPassword() {
		t.Error("root has no password")
	}

	b, _ := newAccounts(t, Options{})
	if err := b.Load(t.Context(), blob); err != nil {
		t.Fatal(err)
	}
	b.Bootstrap() // must not add anything
	if b.RootWithoutPassword() || !b.VerifyFull(b.Lookup("root", "localhost"), "x") {
		t.Error("root after loading")
	}
	acc := b.Lookup("r", "10.0.0.9")
	salt := []byte("abcdefghijklmnopqrst")
	if !b.VerifyNative(acc, gomysql.CalcNativePassword(salt, []byte("pw")), salt) || acc.Admin {
		t.Errorf("r after loading: %+v", acc)
	}
	if err := b.Load(t.Context(), []byte{1, 2, 3, 4, 5}); err == nil {
		t.Error("junk loaded")
	}
}

func TestRewriteStatement(t *testing.T) {
	a, exec := newAccounts(t, Options{})
	if err := exec("CREATE USER n@'%' IDENTIFIED WITH mysql_native_password"); err != nil {
		t.Fatal(err)
	}
	const sha = "<sha2 of secret>"
	native := quote(HashNative("secret"))
	binary := sha2String("secret", []byte("\x01\x02'\\\n\x1a\x7f 8901234567890"[:20]), 5)
	cases := []struct{ in, want string }{
		{"CREATE USER 'Slave'@'%' IDENTIFIED BY 'secret'", "CREATE USER 'Slave'@'%' IDENTIFIED WITH 'caching_sha2_password' AS " + sha},
		{"create user if not exists a@10.0.0.1 identified by \"secret\", b require ssl", "create user if not exists a@10.0.0.1 IDENTIFIED WITH 'caching_sha2_password' AS " + sha + ", b IDENTIFIED WITH 'caching_sha2_password' require ssl"},
		{"/* x */ CREATE USER u IDENTIFIED WITH mysql_native_password BY 'secret' ACCOUNT LOCK", "/* x */ CREATE USER u IDENTIFIED WITH 'mysql_native_password' AS " + native + " ACCOUNT LOCK"},
		{"CREATE USER u IDENTIFIED WITH 'caching_sha2_password' BY ''", "CREATE USER u IDENTIFIED WITH 'caching_sha2_password'"},
		{"CREATE USER u IDENTIFIED WITH caching_sha2_password AS 0x" + hex.EncodeToString([]byte(binary)), "CREATE USER u IDENTIFIED WITH 'caching_sha2_password' AS " + quote(binary)},
		{"CREATE USER u IDENTIFIED BY PASSWORD " + native, "CREATE USER u IDENTIFIED WITH 'mysql_native_password' AS " + native},
		{"CREATE USER u IDENTIFIED VIA mysql_native_password USING " + native, "CREATE USER u IDENTIFIED WITH 'mysql_native_password' AS " + native},
		{"CREATE USER u IDENTIFIED VIA mysql_native_password USING PASSWORD('secret') ACCOUNT LOCK", "CREATE USER u IDENTIFIED WITH 'mysql_native_password' AS " + native + " ACCOUNT LOCK"},
		{"ALTER USER n IDENTIFIED BY 'secret'", "ALTER USER n IDENTIFIED WITH 'mysql_native_password' AS " + native},
		{"ALTER USER u IDENTIFIED BY 'secret'", "ALTER USER u IDENTIFIED WITH 'caching_sha2_password' AS " + sha},
		{"ALTER USER CURRENT_USER() IDENTIFIED BY 'secret'", "ALTER USER CURRENT_USER() IDENTIFIED WITH 'mysql_native_password' AS " + native},
		{"SET PASSWORD FOR 'n'@'%' = 'secret'", "ALTER USER 'n'@'%' IDENTIFIED WITH 'mysql_native_password' AS " + native},
		{"set password = 'secret'", "ALTER USER 'n'@'%' IDENTIFIED WITH 'mysql_native_password' AS " + native},
		{"SET PASSWORD FOR o@h.example.org = PASSWORD('secret')", "ALTER USER 'o'@'h.example.org' IDENTIFIED WITH 'caching_sha2_password' AS " + sha},
		{"GRANT ALL ON *.* TO u@'%' IDENTIFIED BY 'secret' WITH GRANT OPTION", "GRANT ALL ON *.* TO u@'%' IDENTIFIED WITH 'caching_sha2_password' AS " + sha + " WITH GRANT OPTION"},
		{"SET PASSWORD = PASSWORD('secret') ; SET PASSWORD = 'x'", "ALTER USER 'n'@'%' IDENTIFIED WITH 'mysql_native_password' AS " + native + " ; SET PASSWORD = 'x'"},
		{"CREATE USER u IDENTIFIED BY 'secret'; SELECT 'a', 'b'", "CREATE USER u IDENTIFIED WITH 'caching_sha2_password' AS " + sha + "; SELECT 'a', 'b'"},
		{"GRANT x; CREATE USER u TO v IDENTIFIED BY 'x'", ""},
		// not account statements, or nothing to replace
		{"GRANT REPLICATION SLAVE ON *.* TO 'u'@'%'", ""},
		{"ALTER USER u ACCOUNT LOCK", ""},
		{"CREATE TABLE t (a int)", ""},
		{"SET PASSWORD", ""},
		{"INSERT INTO t VALUES ('CREATE USER u IDENTIFIED BY ''secret''')", ""},
		{"", ""},
		{"CREATE USER", ""},
	}
	for _, c := range cases {
		got, changed, err := a.RewriteStatement(c.in, "n", "%")
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if c.want == "" {
			if changed || got != c.in {
				t.Errorf("%s: changed to %s", c.in, got)
			}
			continue
		}
		if before, after, ok := strings.Cut(c.want, sha); ok {
			h := strings.TrimSuffix(strings.TrimPrefix(got, before), after)
			if len(h) < 2 || !VerifySHA2(h[1:len(h)-1], "secret") {
				t.Errorf("%s: %s\n  hash %s does not verify", c.in, got, h)
			}
			got = strings.Replace(got, h, sha, 1)
		}
		if got != c.want || !changed {
			t.Errorf("%s:\n got %s\nwant %s", c.in, got, c.want)
		}
		if strings.Contains(got, "'secret'") || strings.Contains(got, "\"secret\"") {
			t.Errorf("clear text left in %s", got)
		}
	}
}

func TestRewriteStatement_Errors(t *testing.T) {
	a, _ := newAccounts(t, Options{})
	for q, num := range map[string]int{
		"CREATE USER u IDENTIFIED WITH sha256_password BY 'x'":           1524,
		"CREATE USER u IDENTIFIED WITH caching_sha2_password AS 'x'":     1827,
		"CREATE USER u IDENTIFIED WITH 'mysql_native_password' AS '*12'": 1827,
		"ALTER USER u IDENTIFIED BY RANDOM PASSWORD":                     1235,
		"CREATE USER u IDENTIFIED BY '" + strings.Repeat("x", 300) + "'": 1105,
	} {
		_, _, err := a.RewriteStatement(q, "", "")
		se, ok := err.(*mysql.SQLError)
		if !ok || se.Num != num {
			t.Errorf("%s: %v, want %d", q, err, num)
		}
	}
}

// What RewriteStatement makes must be what the server's own parser stores, for
// replicated statements come in that form.
func TestRewrittenFormIsAccepted(t *testing.T) {
	a, exec := newAccounts(t, Options{})
	salt := "\x01\x02'\"\\\n\x1a\x7f %_12345678"
	bin := sha2String("pw", []byte((salt + strings.Repeat("z", 20))[:20]), 5)
	for i, q := range []string{
		"CREATE USER u0 IDENTIFIED BY 'pw'",
		"CREATE USER u1 IDENTIFIED WITH 'caching_sha2_password' AS " + quote(bin),
		"CREATE USER u2 IDENTIFIED WITH mysql_native_password BY 'pw'",
		fmt.Sprintf("CREATE USER u3 IDENTIFIED WITH 'caching_sha2_password' AS 0x%x", bin),
	} {
		q, _, err := a.RewriteStatement(q, "", "")
		if err != nil {
			t.Fatal(err)
		}
		if err := exec(q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
		acc := a.Lookup(fmt.Sprint("u", i), "h")
		if acc.Plugin == NativePassword {
			if acc.Stored != HashNative("pw") {
				t.Errorf("%s stored %q", q, acc.Stored)
			}
		} else if !a.VerifyFull(acc, "pw") {
			t.Errorf("%s stored %q", q, acc.Stored)
		}
	}
}

func FuzzRewriteStatement(f *testing.F) {
	for _, s := range []string{"CREATE USER u@h IDENTIFIED BY 'x', v", "ALTER USER CURRENT_USER() IDENTIFIED WITH a AS 0x41",
		"SET PASSWORD FOR a@b=PASSWORD('x')", "GRANT a TO b IDENTIFIED VIA c USING PASSWORD('", "/*!50000 CREATE*/ USER -- \n`a``b`"} {
		f.Add(s)
	}
	pro := memory.NewDBProvider()
	a := New(sqle.NewDefault(pro).Analyzer.Catalog.MySQLDb, Options{})
	f.Fuzz(func(t *testing.T, q string) {
		got, changed, err := a.RewriteStatement(q, "u", "h")
		if err == nil && !changed && got != q {
			t.Errorf("unchanged, yet %q", got)
		}
	})
}
