package tests

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mysqlclient "github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/replication"

	"binrelay/tests/cluster"
)

// jsonDocs are texts and how MySQL prints them.
var jsonDocs = [][2]string{
	{`{"b": 1, "a": [1, 2.0, -3, null, true, false, "x"], "aa": {}}`, `{"a": [1, 2.0, -3, null, true, false, "x"], "b": 1, "aa": {}}`},
	{`[9007199254740993, 18446744073709551615, -9223372036854775808, 1e100, 0.1, -0.0]`, `[9007199254740993, 18446744073709551615, -9223372036854775808, 1e100, 0.1, -0.0]`},
	{`"\u00e4\ud834\udd1e\"\\\/\n"`, `"ä𝄞\"\\/\n"`},
	{`"` + strings.Repeat("long ", 20000) + `"`, `"` + strings.Repeat("long ", 20000) + `"`},
	{`[` + strings.Repeat("100000, ", 20000) + `0]`, `[` + strings.Repeat("100000, ", 20000) + `0]`},
	{strings.Repeat("[", 100) + strings.Repeat("]", 100), strings.Repeat("[", 100) + strings.Repeat("]", 100)},
	{`null`, `null`},
	{`0`, `0`},
}

// JSON of every kind: in as text and as a parameter, out in both protocols, on
// a replica byte for byte, and read from both binlogs by go-mysql's parser.
func TestJSON_OnThePrimaryAndAReplica(t *testing.T) {
	primary := cluster.Start(t, "primary", "server-id=1", "log-bin=mysql-bin")
	replica := cluster.Start(t, "replica", "server-id=2", "log-bin=mysql-bin")
	cluster.Follow(t, primary, replica)
	primary.Exec("CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY, j JSON)", "CREATE TABLE d.nokey (j JSON)")
	for i, doc := range jsonDocs {
		if _, err := primary.DB().Exec("INSERT INTO d.t VALUES (?, ?)", 2*i, doc[0]); err != nil {
			t.Fatal(err)
		}
		primary.Exec(fmt.Sprintf("INSERT INTO d.t VALUES (%d, '%s')", 2*i+1, strings.NewReplacer(`\`, `\\`).Replace(doc[0])),
			fmt.Sprintf("INSERT INTO d.nokey SELECT j FROM d.t WHERE id = %d", 2*i))
	}
	primary.Exec("INSERT INTO d.t VALUES (99, NULL)", "UPDATE d.t SET j = JSON_SET(j, '$.b', 2.0) WHERE id < 2", "DELETE FROM d.nokey WHERE j = CAST('0' AS JSON)")
	jsonDocs := append([][2]string(nil), jsonDocs...)
	jsonDocs[0][1] = `{"a": [1, 2.0, -3, null, true, false, "x"], "b": 2.0, "aa": {}}`
	cluster.WaitCaughtUp(t, primary, replica, 30*time.Second)
	cluster.SameData(t, "primary", primary.DB(), "replica", replica.DB())
	for _, s := range []*cluster.Server{primary, replica} {
		for i, doc := range jsonDocs {
			for _, id := range []int{2 * i, 2*i + 1} {
				if got := s.One(fmt.Sprintf("SELECT j FROM d.t WHERE id = %d", id)); got != doc[1] {
					t.Errorf("%s: %.80s comes back as %.80s", s.Name, doc[0], got)
				}
				if got := s.One("SELECT j FROM d.t WHERE id = ?", id); got != doc[1] {
					t.Errorf("%s: %.80s comes back as %.80s in the binary protocol", s.Name, doc[0], got)
				}
			}
		}
	}
	c, err := mysqlclient.Connect(fmt.Sprintf("127.0.0.1:%d", primary.Port), "root", "", "d")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r, err := c.Execute("SELECT j FROM t WHERE id = 99")
	if err != nil {
		t.Fatal(err)
	}
	// MYSQL_TYPE_JSON, BLOB_FLAG and BINARY_FLAG, character set binary.
	if f := r.Fields[0]; f.Type != 245 || f.Flag&0x90 != 0x90 || f.Charset != 63 || f.ColumnLength != 1<<32-1 {
		t.Errorf("type %d, flags %x, character set %d, length %d", f.Type, f.Flag, f.Charset, f.ColumnLength)
	}
	a, b := parsedJSON(t, primary), parsedJSON(t, replica)
	if len(a) < 2*len(jsonDocs) || strings.Join(a, "\n") != strings.Join(b, "\n") {
		t.Errorf("%d documents in the primary's binlog, %d in the replica's, or they differ", len(a), len(b))
	}
}

// parsedJSON reads the documents of all rows events.
func parsedJSON(t *testing.T, s *cluster.Server) (out []string) {
	t.Helper()
	s.Exec("FLUSH BINARY LOGS")
	files, err := filepath.Glob(filepath.Join(s.Dir, "mysql-bin.0*"))
	if err != nil {
		t.Fatal(err)
	}
	p := replication.NewBinlogParser()
	for _, f := range files[:len(files)-1] {
		if err := p.ParseFile(f, 4, func(e *replication.BinlogEvent) error {
			if rows, ok := e.Event.(*replication.RowsEvent); ok {
				for _, r := range rows.Rows {
					out = append(out, fmt.Sprintf("%s", r[len(r)-1]))
				}
			}
			return nil
		}); err != nil {
			t.Errorf("%s: %v", filepath.Base(f), err)
		}
	}
	return out
}

// MariaDB keeps JSON as text. Behind it our JSON column takes the text; behind
// us it stops at the first row, for it knows no JSON.
func TestJSON_MariaDBOnEitherSide(t *testing.T) {
	cluster.Need(t, "mariadbd")
	ours := cluster.Start(t, "ours", "server-id=1", "log-bin=mysql-bin")
	m := cluster.StartMariaDB(t, "--server-id=100")
	m.Exec("CREATE USER 'r'@'%' IDENTIFIED BY 'secret'", "GRANT REPLICATION SLAVE ON *.* TO 'r'@'%'", "RESET MASTER")
	ours.Exec(fmt.Sprintf("CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=%d, MASTER_USER='r', MASTER_PASSWORD='secret', MASTER_LOG_FILE='mariadb-bin.000001', MASTER_LOG_POS=4", m.Port), "START SLAVE")
	m.Exec("CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY, j JSON) CHARSET utf8mb4",
		`INSERT INTO d.t VALUES (1, '{"b":1, "a":[1,2.0,"ä"]}'), (2, NULL), (3, '"x"')`, `UPDATE d.t SET j = '[]' WHERE id = 3`, "DELETE FROM d.t WHERE id = 2")
	cluster.WaitFor(t, 30*time.Second, func() string {
		rows, err := cluster.Rows(ours.DB(), "SELECT id, j FROM d.t ORDER BY id")
		got := fmt.Sprint(rows, err)
		if want := `[[1 {"a": [1, 2.0, "ä"], "b": 1}] [3 []]] <nil>`; got != want {
			return fmt.Sprintf("%s, want %s; %s", got, want, ours.Status()["Last_SQL_Error"])
		}
		return ""
	})

	primary := cluster.Start(t, "primary", "server-id=2", "log-bin=mysql-bin", "collation-server=utf8mb4_general_ci")
	primary.Exec("CREATE USER 'm'@'%' IDENTIFIED WITH mysql_native_password BY 'secret'", "GRANT REPLICATION SLAVE ON *.* TO 'm'@'%'")
	at := primary.Rows("SHOW MASTER STATUS")[0]
	m.Exec(fmt.Sprintf("CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=%d, MASTER_USER='m', MASTER_PASSWORD='secret', MASTER_LOG_FILE='%s', MASTER_LOG_POS=%s, MASTER_USE_GTID=no", primary.Port, at[0], at[1]), "START SLAVE")
	primary.Exec("CREATE DATABASE e", "CREATE TABLE e.t (id INT PRIMARY KEY, j JSON)", "INSERT INTO e.t VALUES (1, '{}')")
	cluster.WaitFor(t, 30*time.Second, func() string {
		s, err := cluster.RowMap(m.DB, "SHOW SLAVE STATUS")
		if err != nil {
			return err.Error()
		}
		if s["Slave_SQL_Running"] != "No" {
			return "MariaDB goes on at " + s["Exec_Master_Log_Pos"]
		}
		return ""
	})
}
