package sql

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	gms "github.com/dolthub/go-mysql-server/sql"

	"binrelay/binlog"
	"binrelay/binlog/gtid"
	"binrelay/sql/storage"
	"binrelay/sql/tables"
)

// testServer is a server in process, on a file system in memory.
type testServer struct {
	*Server
	t  *testing.T
	fs vfs.FS
}

func newTestServer(t *testing.T, conf map[string]string) *testServer {
	return openTestServer(t, vfs.NewMem(), conf)
}

// openTestServer opens a server on fs, which may hold an earlier one's data.
func openTestServer(t *testing.T, fs vfs.FS, conf map[string]string) *testServer {
	t.Helper()
	vars, err := NewVariables(conf)
	if err != nil {
		t.Fatal(err)
	}
	uuid, _ := gtid.ParseUUID("11111111-2222-3333-4444-555555555555")
	rec, err := storage.OpenRecovery(storage.Options{
		FS: fs, Dir: "data", Weigh: tables.Weigh, ServerUUID: uuid,
		Binlog:   binlog.Options{Base: "mysql-bin"},
		GTIDMode: func() bool { return vars.String("gtid_mode") == "ON" },
		Fatal:    func(err error) { t.Errorf("fatal: %v", err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	engine, err := rec.Replay(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Options{Engine: engine, Variables: vars, ServerUUID: uuid})
	if err != nil {
		t.Fatal(err)
	}
	ts := &testServer{Server: s, t: t, fs: fs}
	t.Cleanup(ts.close)
	return ts
}

func (ts *testServer) close() {
	if ts.o.Engine == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := ts.Stop(ctx); err != nil {
		ts.t.Errorf("stop: %v", err)
	}
	if err := ts.o.Engine.Close(ctx); err != nil {
		ts.t.Errorf("close: %v", err)
	}
	ts.o.Engine = nil
}

// reopen closes the server and opens it again on the same data.
func (ts *testServer) reopen() *testServer {
	ts.t.Helper()
	ts.close()
	return openTestServer(ts.t, ts.fs, nil)
}

// client is one session of a testServer, as root.
type client struct {
	t *testing.T
	s *testServer
	*Session
}

var testIDs uint32 = 100

func (ts *testServer) client() *client {
	testIDs++
	base := gms.NewBaseSessionWithClientServer("", gms.Client{User: "root", Address: "localhost"}, testIDs)
	c := &client{t: ts.t, s: ts, Session: ts.session(base)}
	ts.t.Cleanup(c.SessionEnd)
	return c
}

// query runs one statement and returns its rows.
func (c *client) query(text string) ([]gms.Row, error) {
	return c.queryContext(c.t.Context(), text)
}

func (c *client) queryContext(ctx context.Context, text string) ([]gms.Row, error) {
	if err := c.CommandBegin(); err != nil {
		return nil, err
	}
	defer c.CommandEnd()
	q := gms.NewContext(ctx, gms.WithSession(c.Session), gms.WithQuery(text),
		gms.WithProcessList(gms.EmptyProcessList{}), gms.WithMemoryManager(c.s.engine.MemoryManager))
	_, it, _, err := c.s.engine.Query(q, text)
	if err != nil {
		return nil, err
	}
	var rows []gms.Row
	for {
		row, err := it.Next(q)
		if err == io.EOF {
			return rows, it.Close(q)
		}
		if err != nil {
			// As go-mysql-server's handler: the iterator is left as it is.
			return rows, err
		}
		rows = append(rows, row)
	}
}

// exec runs statements that must succeed.
func (c *client) exec(statements ...string) {
	c.t.Helper()
	for _, text := range statements {
		if _, err := c.query(text); err != nil {
			n, _, msg := Translate(err)
			c.t.Fatalf("%s\n  %d %s (%T %v)", text, n, msg, err, err)
		}
	}
}

// rows runs a query and returns its rows as text, one line each.
func (c *client) rows(text string) string {
	c.t.Helper()
	rows, err := c.query(text)
	if err != nil {
		c.t.Fatalf("%s: %v", text, err)
	}
	return format(rows)
}

func format(rows []gms.Row) string {
	lines := make([]string, len(rows))
	for i, r := range rows {
		cells := make([]string, len(r))
		for j, v := range r {
			switch v := v.(type) {
			case nil:
				cells[j] = "NULL"
			case []byte:
				cells[j] = fmt.Sprintf("%x", v)
			case time.Time:
				cells[j] = v.Format("2006-01-02 15:04:05.999999")
			default:
				cells[j] = fmt.Sprint(v)
			}
		}
		lines[i] = strings.Join(cells, "|")
	}
	return strings.Join(lines, "\n")
}

// want compares a query's rows.
func (c *client) want(text, expected string) {
	c.t.Helper()
	if got := c.rows(text); got != expected {
		c.t.Errorf("%s\n got:\n%s\nwant:\n%s", text, got, expected)
	}
}

// fails runs a statement that must fail with a MySQL error number.
func (c *client) fails(number uint16, text string) string {
	c.t.Helper()
	_, err := c.query(text)
	if err == nil {
		c.t.Errorf("%s: no error, want %d", text, number)
		return ""
	}
	n, _, msg := Translate(err)
	if n != number {
		c.t.Errorf("%s: error %d %s (%T), want %d", text, n, msg, err, number)
	}
	return msg
}
