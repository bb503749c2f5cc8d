package sql

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/binlog"
	"binrelay/binlog/gtid"
	"binrelay/sql/storage"
	"binrelay/sql/tables"
)

// benchRows is the size of the table that BenchmarkStatement reads and changes.
const benchRows = 2000

// openBench starts a server on a directory of its own, reached over loopback,
// and fills sysbench's table. The logs are not synced: what is measured is the
// way of a statement.
func openBench(b *testing.B) *sql.DB {
	vars, err := NewVariables(nil)
	if err != nil {
		b.Fatal(err)
	}
	uuid, _ := gtid.ParseUUID("11111111-2222-3333-4444-555555555555")
	rec, err := storage.OpenRecovery(storage.Options{
		FS: vfs.Default, Dir: b.TempDir(), Weigh: tables.Weigh, ServerUUID: uuid,
		Binlog:     binlog.Options{Base: "mysql-bin"},
		SyncBinlog: func() int { return 0 },
		Fatal:      func(err error) { b.Errorf("fatal: %v", err) },
	})
	if err != nil {
		b.Fatal(err)
	}
	engine, err := rec.Replay(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s, err := New(Options{Engine: engine, Variables: vars, ServerUUID: uuid, Listener: l})
	if err != nil {
		b.Fatal(err)
	}
	if err := s.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			b.Error(err)
		}
		if err := engine.Close(ctx); err != nil {
			b.Error(err)
		}
	})
	db, err := sql.Open("mysql", fmt.Sprintf("root@tcp(%s)/", l.Addr()))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	run := func(format string, args ...any) {
		if _, err := db.Exec(fmt.Sprintf(format, args...)); err != nil {
			b.Fatal(err)
		}
	}
	run("CREATE DATABASE d")
	run("USE d")
	run("CREATE TABLE t (id INT NOT NULL AUTO_INCREMENT, k INT NOT NULL DEFAULT 0, " +
		"c CHAR(120) NOT NULL DEFAULT '', pad CHAR(60) NOT NULL DEFAULT '', PRIMARY KEY (id), KEY k_1 (k))")
	run("BEGIN")
	for id := 1; id <= benchRows; id++ {
		run("INSERT INTO t VALUES (%d, %d, '%0100d', '%060d')", id, id/2, id, id)
	}
	run("COMMIT")
	return db
}

// BenchmarkStatement runs statements of one connection through the whole
// server: go-sql-driver, wire protocol, engine, storage and binlog.
func BenchmarkStatement(b *testing.B) {
	exec := func(statements ...string) func(*testing.B, *sql.DB, int) {
		return func(b *testing.B, db *sql.DB, i int) {
			for _, s := range statements {
				if s[len(s)-1] == '=' {
					s += fmt.Sprint(i%benchRows + 1)
				}
				if _, err := db.Exec(s); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	read := func(query func(db *sql.DB, i int) *sql.Row) func(*testing.B, *sql.DB, int) {
		return func(b *testing.B, db *sql.DB, i int) {
			var c string
			if err := query(db, i).Scan(&c); err != nil {
				b.Fatal(err)
			}
		}
	}
	var prepared *sql.Stmt
	for _, s := range []struct {
		name string
		op   func(b *testing.B, db *sql.DB, i int)
	}{
		{"select-text", read(func(db *sql.DB, i int) *sql.Row {
			return db.QueryRow(fmt.Sprintf("SELECT c FROM t WHERE id=%d", i%benchRows+1))
		})},
		{"select-prepared", read(func(_ *sql.DB, i int) *sql.Row { return prepared.QueryRow(i%benchRows + 1) })},
		{"select-range", func(b *testing.B, db *sql.DB, i int) {
			rows, err := db.Query(fmt.Sprintf("SELECT c FROM t WHERE id BETWEEN %d AND %d", i%1000+1, i%1000+100))
			if err != nil {
				b.Fatal(err)
			}
			for rows.Next() {
			}
			if err := rows.Close(); err != nil {
				b.Fatal(err)
			}
		}},
		{"insert", func(b *testing.B, db *sql.DB, i int) {
			if _, err := db.Exec(fmt.Sprintf("INSERT INTO t (k, c, pad) VALUES (%d, '%0100d', '%060d')", i, i, i)); err != nil {
				b.Fatal(err)
			}
		}},
		{"update", exec("UPDATE t SET k=k+1 WHERE id=")},
		{"transaction", exec("BEGIN", "UPDATE t SET k=k+1 WHERE id=", "COMMIT")},
		{"begin-commit", exec("BEGIN", "COMMIT")},
		{"set", exec("SET autocommit=1")},
		{"variable", read(func(db *sql.DB, _ int) *sql.Row { return db.QueryRow("SELECT @@max_allowed_packet") })},
	} {
		b.Run(s.name, func(b *testing.B) {
			db := openBench(b)
			var err error
			if prepared, err = db.Prepare("SELECT c FROM t WHERE id=?"); err != nil {
				b.Fatal(err)
			}
			defer prepared.Close()
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				s.op(b, db, i)
			}
			b.StopTimer()
		})
	}
}

// BenchmarkInsertSelect measures a row of a statement that writes many.
func BenchmarkInsertSelect(b *testing.B) {
	db := openBench(b)
	if _, err := db.Exec("CREATE TABLE big LIKE t"); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	const each = 50 * benchRows
	for b.Loop() {
		b.StopTimer()
		if _, err := db.Exec("TRUNCATE TABLE big"); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		_, err := db.Exec("INSERT INTO big SELECT t.id + 2000*u.id, t.k, t.c, t.pad FROM (SELECT id FROM t WHERE id <= 50) u, t")
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/each, "ns/row")
}
