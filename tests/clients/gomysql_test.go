package clients

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"
)

// Text and prepared statements, streamed results, several results, a pool,
// compression, fields by COM_FIELD_LIST.
func TestGoMySQLClient(t *testing.T) {
	for _, form := range []string{"plain", "zlib", "zstd", "TLS"} {
		t.Run(form, func(t *testing.T) {
			c, err := client.Connect(address(t), "root", "", "", func(c *client.Conn) error {
				if err := c.SetCapability(mysql.CLIENT_MULTI_STATEMENTS); err != nil {
					return err
				}
				switch form {
				case "zlib":
					return c.SetCapability(mysql.CLIENT_COMPRESS)
				case "zstd":
					return c.SetCapability(mysql.CLIENT_ZSTD_COMPRESSION_ALGORITHM)
				case "TLS":
					c.UseSSL(true)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			useClient(t, c)
		})
	}
}

func useClient(t *testing.T, c *client.Conn) {
	execute(t, c, "DROP DATABASE IF EXISTS gomysql")
	execute(t, c, "CREATE DATABASE gomysql")
	if err := c.UseDB("gomysql"); err != nil {
		t.Fatal(err)
	}
	execute(t, c, "CREATE TABLE t (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, s VARCHAR(300), f DOUBLE, d DATE, b BLOB)")
	long := strings.Repeat("x", 300)
	r := execute(t, c, "INSERT INTO t (s, f, d, b) VALUES (?, ?, ?, ?), (?, ?, ?, ?)", "a'b", 0.1, "2024-02-29", []byte{0, 255}, long, nil, nil, nil)
	if r.InsertId != 1 || r.AffectedRows != 2 {
		t.Errorf("insert id %d, %d rows", r.InsertId, r.AffectedRows)
	}
	r = execute(t, c, "SELECT * FROM t WHERE id = ?", uint64(1))
	s, _ := r.GetStringByName(0, "s")
	f, _ := r.GetFloatByName(0, "f")
	d, _ := r.GetStringByName(0, "d")
	b, _ := r.GetStringByName(0, "b")
	if s != "a'b" || f != 0.1 || d != "2024-02-29" || b != "\x00\xff" {
		t.Errorf("prepared: %q %v %q %q", s, f, d, b)
	}
	stmt, err := c.Prepare("SELECT ? + id FROM t ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	for n := range int64(3) {
		r, err := stmt.Execute(n)
		if err != nil {
			t.Fatal(err)
		}
		if sum, _ := r.GetInt(1, 0); sum != 2+n {
			t.Errorf("2 + %d is %d", n, sum)
		}
	}
	if stmt.ParamNum() != 1 || stmt.ColumnNum() != 1 {
		t.Errorf("%d parameters, %d columns", stmt.ParamNum(), stmt.ColumnNum())
	}
	if err := stmt.Close(); err != nil {
		t.Fatal(err)
	}
	rows := 0
	var streamed mysql.Result
	if err := c.ExecuteSelectStreaming("SELECT * FROM t", &streamed, func([]mysql.FieldValue) error { rows++; return nil }, nil); err != nil || rows != 2 {
		t.Errorf("streamed: %d rows, %v", rows, err)
	}
	results := 0
	_, err = c.ExecuteMultiple("SELECT 1; INSERT INTO t (s) VALUES ('m'); SELECT 2, 3", func(r *mysql.Result, err error) {
		if err != nil {
			t.Error(err)
		}
		results++
	})
	if err != nil || results != 3 {
		t.Errorf("%d results of three statements: %v", results, err)
	}
	if err := c.Begin(); err != nil || !c.IsInTransaction() {
		t.Errorf("begin: %v", err)
	}
	execute(t, c, "DELETE FROM t")
	if err := c.Rollback(); err != nil || c.IsInTransaction() {
		t.Errorf("rollback: %v", err)
	}
	if err := c.SetAutoCommit(); err != nil || !c.IsAutoCommit() {
		t.Errorf("autocommit: %v", err)
	}
	var me *mysql.MyError
	if _, err := c.Execute("SELECT * FROM nowhere"); !errors.As(err, &me) || me.Code != mysql.ER_NO_SUCH_TABLE {
		t.Errorf("no such table: %v", err)
	}
	fields, err := c.FieldList("t", "%")
	if err != nil || len(fields) != 5 || string(fields[0].Name) != "id" || fields[1].Type != mysql.MYSQL_TYPE_VAR_STRING {
		t.Errorf("COM_FIELD_LIST: %d fields, %v", len(fields), err)
	}
	if _, err := c.CompareServerVersion("8.0.0"); err != nil {
		t.Errorf("version: %v", err)
	}
	if err := c.Ping(); err != nil {
		t.Error(err)
	}
}

func TestGoMySQLPool(t *testing.T) {
	pool, err := client.NewPoolWithOptions(address(t), "root", "", "", client.WithPoolLimits(2, 8, 4))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	failed := make(chan error)
	for range 16 {
		go func() {
			c, err := pool.GetConn(context.Background())
			if err == nil {
				_, err = c.Execute("SELECT SLEEP(?)", 0.01)
				pool.PutConn(c)
			}
			failed <- err
		}()
	}
	for range 16 {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
}
