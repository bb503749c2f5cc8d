package wire

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"binrelay/sql/auth"

	sqle "github.com/dolthub/go-mysql-server"
	"github.com/dolthub/go-mysql-server/memory"
	"github.com/dolthub/go-mysql-server/server"
	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/go-mysql-org/go-mysql/client"
	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	driver "github.com/go-sql-driver/mysql"
	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	logrus.SetLevel(logrus.PanicLevel)
	goleak.VerifyTestMain(m,
		// The engine's background threads have no end of their own in tests.
		goleak.IgnoreAnyFunction("github.com/dolthub/go-mysql-server/sql.(*BackgroundThreads).Add.func1"),
	)
}

// fixture is a server on top of go-mysql-server's in-memory engine.
type fixture struct {
	*Server
	t      testing.TB
	addr   string
	engine *sqle.Engine
	acc    *auth.Accounts
}

var sysVarsOnce sync.Once

// start runs a server. root has no password; more accounts come from sql.
func start(t testing.TB, change func(*Options), statements ...string) *fixture {
	t.Helper()
	sysVarsOnce.Do(func() {
		gms.SystemVariables.AddSystemVariables([]gms.SystemVariable{&gms.MysqlSystemVariable{
			Name: "binlog_checksum", Scope: gms.GetMysqlScope(gms.SystemVariableScope_Global),
			Type: types.NewSystemStringType("binlog_checksum"), Default: "NONE",
		}})
	})
	pro := memory.NewDBProvider(memory.NewDatabase("d"))
	e := sqle.NewDefault(pro)
	f := &fixture{t: t, engine: e, acc: auth.New(auth.Options{})}
	o := Options{Accounts: f.acc}
	if change != nil {
		change(&o)
	}
	var err error
	if f.Server, err = New(o); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.addr = ln.Addr().String()
	cfg := server.Config{Protocol: "tcp", Listener: ln, Address: f.addr}
	f.Configure(&cfg)
	srv, err := server.NewServer(cfg, e, gms.NewContext, memory.NewSessionBuilder(pro), nil)
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan struct{})
	go func() {
		defer close(accepted)
		srv.Listener.Accept()
	}()
	t.Cleanup(func() {
		srv.Close()
		<-accepted
		e.Close()
	})
	f.sql(statements...)
	return f
}

// sql runs statements as root, inside the engine.
func (f *fixture) sql(statements ...string) {
	f.t.Helper()
	if len(statements) == 0 {
		return
	}
	db := f.open("root", "", "d", "")
	defer db.Close()
	for _, q := range statements {
		if _, _, ok, _ := auth.Parse(q, auth.Mode{}); ok {
			if err := f.acc.Exec(q); err != nil {
				f.t.Fatalf("%s: %v", q, err)
			}
			continue
		}
		if _, err := db.Exec(q); err != nil {
			f.t.Fatalf("%s: %v", q, err)
		}
	}
}

// open returns a pool of one connection.
func (f *fixture) open(user, password, db, params string) *sql.DB {
	f.t.Helper()
	pool, err := sql.Open("mysql", fmt.Sprintf("%s:%s@tcp(%s)/%s?%s", user, password, f.addr, db, params))
	if err != nil {
		f.t.Fatal(err)
	}
	pool.SetMaxOpenConns(1)
	return pool
}

// pool is open with its end at the end of the test.
func (f *fixture) pool(params string) *sql.DB {
	p := f.open("root", "", "d", params)
	f.t.Cleanup(func() { p.Close() })
	return p
}

// wantErr checks a driver's error number.
func wantErr(t testing.TB, err error, num uint16, part string) {
	t.Helper()
	var de *driver.MySQLError
	var ge *gomysql.MyError
	got, text := uint16(0), fmt.Sprint(err)
	if errors.As(err, &de) {
		got = de.Number
	} else if errors.As(err, &ge) {
		got = ge.Code
	}
	if got != num || !strings.Contains(text, part) {
		t.Errorf("error %v, want %d %q", err, num, part)
	}
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func testTLS(t testing.TB) *tls.Config {
	t.Helper()
	p, err := MakeCertificate()
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := p.Config()
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func init() {
	driver.RegisterTLSConfig("insecure", &tls.Config{InsecureSkipVerify: true})
}

func TestQuery_TextAndPrepared(t *testing.T) {
	f := start(t, nil)
	db := f.pool("")
	if _, err := db.Exec("CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, s VARCHAR(20))"); err != nil {
		t.Fatal(err)
	}
	res, err := db.Exec("INSERT INTO t (s) VALUES (?), ('b'), (NULL)", "ä")
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := res.RowsAffected(); n != 3 {
		t.Errorf("%d rows affected", n)
	}
	if id, _ := res.LastInsertId(); id != 1 {
		t.Errorf("insert id %d", id)
	}
	for _, q := range []func() (*sql.Rows, error){
		func() (*sql.Rows, error) { return db.Query("SELECT id, s FROM t ORDER BY id") },
		func() (*sql.Rows, error) { return db.Query("SELECT id, s FROM t WHERE id > ? ORDER BY id", 0) },
	} {
		rows, err := q()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for rows.Next() {
			var id int
			var s sql.NullString
			if err := rows.Scan(&id, &s); err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprint(id, s.String, s.Valid))
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		if want := "1ätrue,2btrue,3false"; strings.ReplaceAll(strings.Join(got, ","), " ", "") != want {
			t.Errorf("rows %v", got)
		}
	}
	_, err = db.Exec("SELEC 1")
	if err == nil {
		t.Error("no syntax error")
	}
	if err := db.Ping(); err != nil {
		t.Error("after an error:", err)
	}
}

func TestLogin_Matrix(t *testing.T) {
	f := start(t, func(o *Options) { o.TLS = testTLS(t) },
		"CREATE USER n IDENTIFIED WITH mysql_native_password BY 'secret'",
		"CREATE USER s IDENTIFIED BY 'secret'",
		"CREATE USER e",
		"CREATE USER x IDENTIFIED BY 'secret' REQUIRE SSL",
		"CREATE DATABASE other", "GRANT SELECT ON d.* TO n", "GRANT SELECT ON *.* TO s")
	cases := []struct {
		user, password, params string
		num                    uint16
	}{
		{"n", "secret", "", 0},
		{"n", "secret", "tls=insecure", 0},
		{"n", "wrong", "", 1045},
		{"n", "", "", 1045},
		{"s", "secret", "", 0}, // RSA
		{"s", "secret", "", 0}, // from the cache
		{"s", "secret", "tls=insecure", 0},
		{"s", "wrong", "", 1045},
		{"s", "wrong", "tls=insecure", 1045},
		{"s", "", "", 1045},
		{"e", "", "", 0},
		{"e", "", "tls=insecure", 0},
		{"e", "something", "", 1045},
		{"nobody", "secret", "", 1045},
		{"nobody", "", "", 1045},
		{"x", "secret", "", 1045},
		{"x", "secret", "tls=insecure", 0},
		{"root", "", "", 0},
	}
	for _, c := range cases {
		db := f.open(c.user, c.password, "", c.params)
		err := db.Ping()
		db.Close()
		if c.num == 0 && err != nil {
			t.Errorf("%+v: %v", c, err)
		}
		if c.num != 0 {
			using := "YES"
			if c.password == "" {
				using = "NO"
			}
			wantErr(t, err, c.num, fmt.Sprintf("Access denied for user '%s'@'127.0.0.1' (using password: %s)", c.user, using))
		}
	}
}

func TestLogin_GoMySQLClient(t *testing.T) {
	f := start(t, func(o *Options) { o.TLS = testTLS(t) },
		"CREATE USER n IDENTIFIED WITH mysql_native_password BY 'secret'",
		"CREATE USER s IDENTIFIED BY 'secret'", "GRANT ALL ON *.* TO s", "GRANT ALL ON *.* TO n")
	for _, user := range []string{"n", "s"} {
		for _, secure := range []bool{false, true} {
			c, err := client.Connect(f.addr, user, "secret", "d", func(c *client.Conn) error {
				if secure {
					c.UseSSL(true)
				}
				return nil
			})
			if err != nil {
				t.Fatalf("%s, TLS %v: %v", user, secure, err)
			}
			r, err := c.Execute("SELECT ? + 1, CURRENT_USER()", 41)
			if err != nil {
				t.Fatal(err)
			}
			if v, _ := r.GetInt(0, 0); v != 42 {
				t.Errorf("%s, TLS %v: %d", user, secure, v)
			}
			if err := c.UseDB("nowhere"); err == nil {
				t.Error("unknown database accepted")
			}
			if err := c.Ping(); err != nil {
				t.Error(err)
			}
			c.Close()
		}
	}
	_, err := client.Connect(f.addr, "n", "secret", "nowhere")
	if err == nil {
		t.Error("log-in to an unknown database")
	}
}

func TestMariaDBClient(t *testing.T) {
	path, err := exec.LookPath("mariadb")
	if err != nil {
		t.Skip("no mariadb client on this machine")
	}
	f := start(t, func(o *Options) { o.TLS = testTLS(t) },
		"CREATE USER n IDENTIFIED WITH mysql_native_password BY 'secret'",
		"CREATE USER s IDENTIFIED BY 'secret'", "GRANT ALL ON *.* TO s", "GRANT ALL ON *.* TO n",
		"CREATE TABLE t (id INT PRIMARY KEY, s TEXT)", "INSERT INTO t VALUES (1, 'one'), (2, NULL)")
	host, port, _ := net.SplitHostPort(f.addr)
	run := func(user string, args ...string) string {
		t.Helper()
		base := []string{"--no-defaults", "-h" + host, "-P" + port, "-u" + user, "--protocol=tcp"}
		out, err := exec.Command(path, append(base, args...)...).CombinedOutput()
		if err != nil {
			t.Errorf("%s %v: %v\n%s", user, args, err, out)
		}
		return string(out)
	}
	for _, args := range [][]string{{"--skip-ssl"}, {"--ssl", "--skip-ssl-verify-server-cert"}} {
		for _, user := range []string{"n", "s"} {
			if user == "s" && args[0] == "--skip-ssl" {
				continue // the connector asks for the key file by itself only over TLS
			}
			out := run(user, append(args, "-psecret", "-B", "-N", "-e", "SELECT * FROM t; SELECT 2; INSERT INTO t VALUES (3,'x'); DELETE FROM t WHERE id=3; \\s", "d")...)
			if !strings.Contains(out, "1\tone\n2\tNULL\n2\n") || !strings.Contains(out, DefaultVersion) {
				t.Errorf("%s %v: %s", user, args, out)
			}
		}
	}
	if out := run("root", "-e", "SELECT CONNECTION_ID() > 0 AS y"); !strings.Contains(out, "y\n1\n") {
		t.Errorf("root: %s", out)
	}
}

func TestMultiStatements(t *testing.T) {
	f := start(t, nil)
	db := f.pool("multiStatements=true")
	rows, err := db.Query("SELECT 1; SELECT 'two', 2; CREATE TABLE t (a INT); SELECT 3;")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for {
		cols, _ := rows.Columns()
		for rows.Next() {
			vals := make([]sql.RawBytes, len(cols))
			ptrs := make([]any, len(cols))
			for i := range vals {
				ptrs[i] = &vals[i]
			}
			if err := rows.Scan(ptrs...); err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprintf("%s", vals))
		}
		if !rows.NextResultSet() {
			break
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if s := strings.Join(got, ""); s != "[1][two 2][3]" {
		t.Errorf("results %s", s)
	}
	_, err = db.Exec("INSERT INTO t VALUES (1); INSERT INTO nowhere VALUES (1); INSERT INTO t VALUES (2)")
	if err == nil {
		t.Error("no error from the middle statement")
	}
	var n int
	if err := db.QueryRow("SELECT COUNT(*) FROM t").Scan(&n); err != nil || n != 1 {
		t.Errorf("%d rows, %v", n, err)
	}
	// A client that may not send several statements must not get them run.
	one := f.pool("")
	if _, err := one.Exec("INSERT INTO t VALUES (7); INSERT INTO t VALUES (8)"); err == nil {
		var sum int
		db.QueryRow("SELECT SUM(a) FROM t").Scan(&sum)
		t.Errorf("two statements accepted, sum %d", sum)
	}
}

func TestKill(t *testing.T) {
	f := start(t, nil)
	db := f.pool("")
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var id uint32
	if err := conn.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&id); err != nil {
		t.Fatal(err)
	}
	busy := func() bool {
		for _, c := range f.Connections() {
			if c.ID == id && c.Command == "Query" {
				return true
			}
		}
		return false
	}
	done := make(chan error, 1)
	sleep := func() {
		_, err := conn.ExecContext(context.Background(), "SELECT SLEEP(60)")
		done <- err
	}
	go sleep()
	eventually(t, "running", busy)
	if !f.Kill(id, true) {
		t.Fatal("no such connection")
	}
	wantErr(t, <-done, 1317, "Query execution was interrupted")
	if err := conn.PingContext(t.Context()); err != nil {
		t.Fatal("connection gone after KILL QUERY:", err)
	}
	go sleep()
	eventually(t, "running", busy)
	f.Kill(id, false)
	<-done
	eventually(t, "connection gone", func() bool { return len(f.Connections()) == 0 })
	if f.Kill(id, false) {
		t.Error("killed twice")
	}
}

func TestKillStatement(t *testing.T) {
	f := start(t, nil)
	a, b := f.pool(""), f.pool("")
	var id uint32
	if err := a.QueryRow("SELECT CONNECTION_ID()").Scan(&id); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Exec(fmt.Sprintf("KILL %d", id)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "idle connection gone", func() bool { return len(f.Connections()) == 1 })
}

func TestClientGone(t *testing.T) {
	f := start(t, nil)
	c, err := client.Connect(f.addr, "root", "", "d")
	if err != nil {
		t.Fatal(err)
	}
	go c.Execute("SELECT SLEEP(60)")
	eventually(t, "running", func() bool {
		cs := f.Connections()
		return len(cs) == 1 && cs[0].Command == "Query"
	})
	c.Conn.Conn.Close()
	eventually(t, "noticed", func() bool { return f.Stats().LostWhileRunning == 1 && len(f.Connections()) == 0 })
}

func TestShutdown_WaitsForStatements(t *testing.T) {
	f := start(t, nil)
	db, idle := f.pool(""), f.pool("")
	if err := idle.Ping(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		var n int
		done <- db.QueryRow("SELECT SLEEP(0.5)").Scan(&n)
	}()
	eventually(t, "running", func() bool {
		for _, c := range f.Connections() {
			if c.Command == "Query" {
				return true
			}
		}
		return false
	})
	if err := f.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("statement during shutdown: %v", err)
	}
	if _, err := net.DialTimeout("tcp", f.addr, time.Second); err == nil {
		t.Error("still accepting")
	}
}

func TestShutdown_Cancels(t *testing.T) {
	f := start(t, nil)
	db := f.pool("")
	done := make(chan error, 1)
	go func() {
		_, err := db.Exec("SELECT SLEEP(60)")
		done <- err
	}()
	eventually(t, "running", func() bool {
		cs := f.Connections()
		return len(cs) == 1 && cs[0].Command == "Query"
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("shutdown: %v", err)
	}
	wantErr(t, <-done, 1053, "Server shutdown in progress")
}
