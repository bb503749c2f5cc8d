package sql

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"binrelay/binlog"
	"binrelay/binlog/event"
	"binrelay/binlog/txn"
)

// columnsOf returns the lines of SHOW CREATE TABLE between its parentheses.
func columnsOf(c *client, table string) string {
	c.t.Helper()
	_, text, _ := strings.Cut(c.rows("SHOW CREATE TABLE "+table), "(\n  ")
	text, _, _ = strings.Cut(text, "\n) ENGINE")
	return strings.ReplaceAll(text, ",\n  ", "; ")
}

func TestCreateSelect_Columns(t *testing.T) {
	c := newTestServer(t, nil).client()
	c.exec("CREATE DATABASE d", "USE d", `CREATE TABLE s (id INT AUTO_INCREMENT PRIMARY KEY, a INT NOT NULL, b VARCHAR(20) NOT NULL DEFAULT 'x' COMMENT 'it''s',
		n DECIMAL(10,2), ts TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, e ENUM('p','q'), u INT UNSIGNED NOT NULL DEFAULT 7,
		l VARCHAR(10) COLLATE latin1_swedish_ci, tm TIME(3), f FLOAT(7,3), g INT GENERATED ALWAYS AS (a + 1), x VARCHAR(40) DEFAULT (UUID()), KEY (a), UNIQUE (b))`,
		"INSERT INTO s (id, a, b, n, ts, e) VALUES (1, 10, 'x', 1.5, NULL, 'p'), (2, 20, 'y', 2.5, NULL, 'q')", "CREATE VIEW v AS SELECT a, b FROM s")
	for i, q := range [][3]string{
		{"SELECT * FROM s", "`id` int NOT NULL DEFAULT '0'; `a` int NOT NULL; `b` varchar(20) NOT NULL DEFAULT 'x' COMMENT 'it''s'; `n` decimal(10,2) DEFAULT NULL; " +
			"`ts` timestamp NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP; `e` enum('p','q') DEFAULT NULL; `u` int unsigned NOT NULL DEFAULT '7'; " +
			"`l` varchar(10) CHARACTER SET latin1 COLLATE latin1_swedish_ci DEFAULT NULL; `tm` time(3) DEFAULT NULL; `f` float(7,3) DEFAULT NULL; `g` int DEFAULT NULL; `x` varchar(40) DEFAULT NULL", ""},
		{"SELECT 1, 'abc', 1.5, NULL, CURDATE() AS cd, COUNT(*), SUM(a), MAX(b) FROM s", "", "1140"},
		{"SELECT 1, 'abc', 1.5, NULL, CURDATE() > '2000-01-01' AS later", "`1` int NOT NULL DEFAULT '0'; `abc` varchar(3) NOT NULL DEFAULT ''; `1.5` decimal(2,1) NOT NULL DEFAULT '0.0'; `NULL` binary(0) DEFAULT NULL; `later` int DEFAULT NULL", "1|abc|1.5|NULL|1"},
		{"SELECT COUNT(*), SUM(a), MAX(b) FROM s", "`COUNT(*)` bigint NOT NULL DEFAULT '0'; `SUM(a)` decimal(32,0) DEFAULT NULL; `MAX(b)` varchar(20) DEFAULT NULL", "2|30|y"},
		{"SELECT a AS q, CONCAT(b, '!') AS c FROM s ORDER BY a DESC LIMIT 1", "`q` int NOT NULL; `c` varchar(21) DEFAULT NULL", "20|y!"},
		{"SELECT l.a, r.b FROM s l LEFT JOIN s r ON l.id = r.id + 1 ORDER BY l.a", "`a` int NOT NULL; `b` varchar(20) DEFAULT 'x' COMMENT 'it''s'", "10|NULL\n20|x"},
		{"AS SELECT q.a FROM (SELECT a FROM s) q ORDER BY a", "`a` int NOT NULL", "10\n20"},
		{"AS WITH w AS (SELECT a FROM s) SELECT a FROM w ORDER BY a", "`a` int NOT NULL", "10\n20"},
		{"AS (SELECT b FROM v) ORDER BY b LIMIT 1", "`b` varchar(20) NOT NULL DEFAULT 'x' COMMENT 'it''s'", "x"},
		{"((SELECT a FROM v WHERE a < 15))", "`a` int NOT NULL", "10"},
		{"(SELECT a FROM s) UNION (SELECT id FROM s) ORDER BY 1", "`a` int NOT NULL DEFAULT '0'", "1\n2\n10\n20"},
		{"VALUES ROW(1, 2), ROW(300, NULL)", "`column_0` int DEFAULT NULL; `column_1` int DEFAULT NULL", "1|2\n300|NULL"},
		{"TABLE v", "`a` int NOT NULL; `b` varchar(20) NOT NULL DEFAULT 'x' COMMENT 'it''s'", "10|x\n20|y"},
		{"(n INT AUTO_INCREMENT PRIMARY KEY, b VARCHAR(30), KEY (a)) ENGINE=InnoDB COMMENT='hello' SELECT a, b, id AS z FROM s",
			"`n` int NOT NULL AUTO_INCREMENT; `a` int NOT NULL; `b` varchar(30) DEFAULT NULL; `z` int NOT NULL DEFAULT '0'; PRIMARY KEY (`n`); KEY `a` (`a`)", "1|10|x|1\n2|20|y|2"},
		{"(n INT DEFAULT 5, k INT AS (a * 2), CONSTRAINT c CHECK (a < 50)) SELECT a FROM s", "`n` int DEFAULT '5'; `k` int GENERATED ALWAYS AS ((`a` * 2)) VIRTUAL; `a` int NOT NULL; CONSTRAINT `c` CHECK ((`a` < 50))", "5|20|10\n5|40|20"},
		{"(PRIMARY KEY (a)) IGNORE SELECT 1 AS a, 2 AS b UNION ALL SELECT 1, 3 UNION ALL SELECT 2, 2", "`a` int NOT NULL DEFAULT '0'; `b` int NOT NULL DEFAULT '0'; PRIMARY KEY (`a`)", "1|2\n2|2"},
		{"(PRIMARY KEY (a)) REPLACE AS SELECT 1 AS a, 2 AS b UNION ALL SELECT 1, 3 UNION ALL SELECT 2, 2", "`a` int NOT NULL DEFAULT '0'; `b` int NOT NULL DEFAULT '0'; PRIMARY KEY (`a`)", "1|3\n2|2"},
		{"(CONSTRAINT fk FOREIGN KEY (a) REFERENCES s (id)) SELECT id AS a FROM s", "`a` int NOT NULL DEFAULT '0'; KEY `fk` (`a`); CONSTRAINT `fk` FOREIGN KEY (`a`) REFERENCES `s` (`id`)", "1\n2"},
		{"SELECT a FROM s WHERE FALSE", "`a` int NOT NULL", ""},

		{"(PRIMARY KEY (a)) SELECT 1 AS a UNION ALL SELECT 1", "", "1062"},
		{"(n INT NOT NULL) SELECT 1 AS a", "", "1364"},
		{"(CHECK (a < 15)) SELECT a FROM s", "", "3819"},
		{"(FOREIGN KEY (a) REFERENCES s (id)) SELECT a FROM s", "", "1452"},
		{"SELECT a, a FROM s", "", "1060"},
		{"(a INT, A INT) SELECT a FROM s", "", "1060"},
		{"SELECT * FROM nosuch", "", "1146"},
		{"SELECT nosuch FROM s", "", "1054"},
		{"SELECT a FROM s WHERE", "", "1064"},
		{"PARTITION BY HASH (a) PARTITIONS 2 SELECT a FROM s", "", "1235"},
		{"(KEY (a), KEY (nosuch)) SELECT a FROM s", "", "1072"},
	} {
		name := fmt.Sprintf("t%d", i)
		_, err := c.query("CREATE TABLE " + name + " " + q[0])
		if q[1] == "" {
			_, there := c.s.o.Engine.Catalog().Table("d", name)
			if n, _, text := Translate(err); err == nil || fmt.Sprint(n) != q[2] && q[2] != "1140" || there {
				t.Errorf("%s: error %d %s, the table is there: %v", q[0], n, text, there)
			}
			continue
		}
		if err != nil {
			n, _, text := Translate(err)
			t.Errorf("%s: error %d %s", q[0], n, text)
			continue
		}
		if got := columnsOf(c, name); got != q[1] {
			t.Errorf("%s:\n got %s\nwant %s", q[0], got, q[1])
		}
		if i > 0 {
			c.want("SELECT * FROM "+name, q[2])
		}
	}
}

// lastEvents returns the last n events of the binlog, as type and text.
func lastEvents(c *client, n int) string {
	c.t.Helper()
	rows, err := c.query("SHOW BINLOG EVENTS")
	if err != nil {
		c.t.Fatal(err)
	}
	var out []string
	for _, r := range rows[max(len(rows)-n, 0):] {
		text := strings.Join(strings.Fields(fmt.Sprint(r[5])), " ")
		if i := strings.Index(text, " /* xid"); i >= 0 {
			text = text[:i]
		}
		out = append(out, fmt.Sprintf("%v: %s", r[2], text))
	}
	return strings.Join(out, "\n")
}

func TestCreateSelect_OneTransaction(t *testing.T) {
	ts := newTestServer(t, nil)
	c, other := ts.client(), ts.client()
	c.exec("CREATE DATABASE d", "USE d", "CREATE TABLE s (a INT PRIMARY KEY)", "INSERT INTO s VALUES (1), (2)", "SET autocommit = 0")
	other.exec("USE d", "BEGIN", "SELECT * FROM s")
	c.exec("INSERT INTO s VALUES (3)", "CREATE TABLE t (KEY (a)) SELECT a FROM s") // commits what was open
	c.exec("ROLLBACK")
	want := "Anonymous_Gtid: SET @@SESSION.GTID_NEXT= 'ANONYMOUS'\nQuery: BEGIN\nQuery: use `d`; CREATE TABLE `t` ( `a` int NOT NULL, KEY (a) ) START TRANSACTION\n" +
		"Table_map: table_id: 2 (d.t)\nWrite_rows: table_id: 2 flags: STMT_END_F\nXid: COMMIT"
	if got := lastEvents(c, 6); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	c.want("SELECT * FROM t", "1\n2\n3")
	other.fails(1412, "SELECT * FROM t") // the table is newer than the view
	other.exec("COMMIT")

	before := lastEvents(c, 1000)
	c.fails(1050, "CREATE TABLE t SELECT 5 AS a")
	c.exec("CREATE TABLE IF NOT EXISTS t SELECT 5 AS a")
	c.want("SHOW WARNINGS", "Note|1050|Table 't' already exists")
	c.want("SELECT * FROM t", "1\n2\n3")
	c.fails(1062, "CREATE TABLE u (UNIQUE (a)) SELECT 1 AS a UNION ALL SELECT 1")
	c.exec("CREATE TEMPORARY TABLE u (k INT AUTO_INCREMENT PRIMARY KEY) SELECT a FROM t")
	c.want("SELECT * FROM u", "1|1\n2|2\n3|3")
	c.fails(1050, "CREATE TEMPORARY TABLE u SELECT 1")
	c.fails(1062, "CREATE TEMPORARY TABLE w (UNIQUE (a)) SELECT 1 AS a UNION ALL SELECT 1")
	c.fails(1146, "SELECT * FROM w")
	c.fails(1235, "CREATE TABLE u SELECT 1 AS a")
	c.exec("DROP TEMPORARY TABLE u", "SET autocommit = 1", "SET sql_log_bin = 0", "CREATE TABLE private (PRIMARY KEY (a)) SELECT a FROM t", "SET sql_log_bin = 1")
	if after := lastEvents(c, 1000); after != before {
		t.Errorf("the binlog has more:\n%s", strings.TrimPrefix(after, before))
	}
	c.exec("CREATE VIEW v AS SELECT 1 AS one")
	c.fails(1050, "CREATE TABLE v SELECT 1")
	c.fails(1235, "CREATE TABLE x (a INT) START TRANSACTION")

	c.exec("CREATE TABLE none SELECT * FROM s WHERE FALSE")
	want = "Query: BEGIN\nQuery: use `d`; CREATE TABLE `none` ( `a` int NOT NULL ) START TRANSACTION\nXid: COMMIT"
	if got := lastEvents(c, 3); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	rows, err := c.query("CREATE TABLE counted SELECT a FROM s")
	if err != nil || !strings.Contains(fmt.Sprint(rows), "3") {
		t.Error(rows, err)
	}
	ts = ts.reopen()
	c = ts.client()
	c.exec("USE d")
	c.want("SELECT * FROM t", "1\n2\n3")
	c.want("SELECT * FROM private", "1\n2\n3")
	c.want("SELECT COUNT(*) FROM none", "0")
	c.want("SHOW TABLES", "counted\nnone\nprivate\ns\nt\nv")
}

// A statement that is killed leaves nothing, and gives its locks back.
func TestCreateSelect_Killed(t *testing.T) {
	ts := newTestServer(t, nil)
	c := ts.client()
	c.exec("CREATE DATABASE d", "USE d", "CREATE TABLE s (a INT)", "INSERT INTO s VALUES (1), (2), (3), (4), (5), (6), (7), (8)")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := c.queryContext(ctx, "CREATE TABLE t SELECT a, SLEEP(0.05) AS b FROM s"); err == nil {
		t.Error("it was not killed")
	}
	c.want("SHOW TABLES", "s")
	other := ts.client()
	other.exec("CREATE TABLE d.t (a INT)", "ALTER TABLE d.s ADD COLUMN b INT")
}

// binlogGroup is one transaction of a server's binlog.
func binlogGroup(t *testing.T, ts *testServer, pos uint64) *txn.Group {
	t.Helper()
	b := ts.o.Engine.Binlog()
	s, err := binlog.ScanTxns(b.Index(), txn.Coord{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var last *binlog.ScannedTxn
	for {
		x, err := s.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		last = x
	}
	from, err := s.Events(last)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	all := &events{}
	for {
		ev, err := from.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		all.all = append(all.all, append(event.Event(nil), ev...))
	}
	return &txn.Group{Kind: txn.Statement, Checksum: true, Events: all,
		Origin: &txn.Origin{Source: txn.Coord{File: "source.000001", Pos: pos}, ServerID: 7, Timestamp: 1700000000}}
}

// A replica applies the form that we and MySQL write, and MariaDB's, as one
// transaction: table, rows and coordinate, or nothing.
func TestCreateSelect_Applied(t *testing.T) {
	source := newTestServer(t, nil)
	c := source.client()
	c.exec("CREATE DATABASE d", "USE d", "CREATE TABLE s (a INT, b VARCHAR(10))", "INSERT INTO s VALUES (1, 'x'), (2, 'y')",
		"CREATE TABLE t (k INT AUTO_INCREMENT PRIMARY KEY) SELECT a, b FROM s")
	group := func(pos uint64, edit func(all []event.Event) []event.Event) *txn.Group {
		g := binlogGroup(t, source, pos)
		e := g.Events.(*events)
		e.all = edit(e.all)
		return g
	}
	asIs := func(all []event.Event) []event.Event { return all }
	create := func(text string) func([]event.Event) []event.Event {
		return func(all []event.Event) []event.Event {
			q := event.AppendQuery(nil, event.Header{Timestamp: 1700000000, ServerID: 7}, &event.QueryInfo{DB: "d", SQL: text})
			all[1] = q
			return all
		}
	}
	for name, g := range map[string]*txn.Group{
		"ours":  group(200, asIs),
		"MySQL": group(200, create("CREATE TABLE `t` (\n  `k` int NOT NULL AUTO_INCREMENT,\n  `a` int DEFAULT NULL,\n  `b` varchar(10) DEFAULT NULL,\n  PRIMARY KEY (`k`)\n) ENGINE=InnoDB START TRANSACTION")),
		// Its GTID event is the BEGIN.
		"MariaDB": group(200, func(all []event.Event) []event.Event {
			return create("CREATE OR REPLACE TABLE `t` (k INT AUTO_INCREMENT PRIMARY KEY, a INT, b VARCHAR(10))")(all)[1:]
		}),
	} {
		t.Run(name, func(t *testing.T) {
			ts := newTestServer(t, nil)
			if err := ts.ExecReplicated(t.Context(), statementGroup("d", "CREATE DATABASE d", 100)); err != nil {
				t.Fatal(err)
			}
			// Cut before its end, nothing of it stays.
			e := g.Events.(*events)
			broken := *g
			broken.Events = &events{all: append(append([]event.Event(nil), e.all[:len(e.all)-1]...), e.all[len(e.all)-2], e.all[len(e.all)-1])}
			if err := ts.ExecReplicated(t.Context(), &broken); err == nil {
				t.Error("rows with the same keys twice were applied")
			}
			r := ts.client()
			r.exec("USE d")
			r.want("SHOW TABLES", "")
			if o, _, _ := ts.o.Engine.Position(""); o.Source.Pos != 100 {
				t.Errorf("position %v", o)
			}
			if err := ts.ExecReplicated(t.Context(), g); err != nil {
				t.Fatal(err)
			}
			r.want("SELECT * FROM t", "1|1|x\n2|2|y")
			events := lastEvents(r, 5)
			if !strings.HasPrefix(events, "Query: BEGIN\nQuery: use `d`; CREATE TABLE `t`") || !strings.Contains(events, " START TRANSACTION\nTable_map") || !strings.HasSuffix(events, "Xid: COMMIT") {
				t.Errorf("logged as\n%s", events)
			}
			ts = ts.reopen()
			if o, _, _ := ts.o.Engine.Position(""); o.Source.Pos != 200 {
				t.Errorf("position %v after a restart", o)
			}
			r = ts.client()
			r.exec("USE d")
			r.want("SELECT * FROM t", "1|1|x\n2|2|y")
			r.exec("INSERT INTO t (a) VALUES (3)")
			r.want("SELECT k FROM t WHERE a = 3", "3")
		})
	}
	// A statement of a source that logs statements.
	ts := newTestServer(t, nil)
	for i, q := range []string{"CREATE DATABASE d", "CREATE TABLE t SELECT 1 AS a UNION SELECT 2", "CREATE OR REPLACE TABLE t (PRIMARY KEY (a)) SELECT 7 AS a"} {
		if err := ts.ExecReplicated(t.Context(), statementGroup("d", q, uint64(100+i))); err != nil {
			t.Fatal(err)
		}
		if o, _, _ := ts.o.Engine.Position(""); o.Source.Pos != uint64(100+i) {
			t.Errorf("%s: position %v", q, o)
		}
	}
	r := ts.client()
	r.exec("USE d")
	r.want("SELECT * FROM t", "7")
}

// binlog_atomic_create_select = OFF logs what old replicas understand.
func TestCreateSelect_Apart(t *testing.T) {
	ts := newTestServer(t, map[string]string{"binlog_atomic_create_select": "OFF"})
	c := ts.client()
	c.exec("CREATE DATABASE d", "USE d", "CREATE TABLE t (PRIMARY KEY (a)) SELECT 1 AS a UNION SELECT 2")
	want := "Anonymous_Gtid: SET @@SESSION.GTID_NEXT= 'ANONYMOUS'\nQuery: use `d`; CREATE TABLE `t` ( `a` int NOT NULL DEFAULT '0', PRIMARY KEY (a) )\n" +
		"Anonymous_Gtid: SET @@SESSION.GTID_NEXT= 'ANONYMOUS'\nQuery: BEGIN\nTable_map: table_id: 1 (d.t)\nWrite_rows: table_id: 1 flags: STMT_END_F\nXid: COMMIT"
	if got := lastEvents(c, 7); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	before := lastEvents(c, 1000)
	c.fails(1062, "CREATE TABLE u (PRIMARY KEY (a)) SELECT 1 AS a UNION ALL SELECT 1")
	if lastEvents(c, 1000) != before {
		t.Error("a failed statement was logged")
	}
	c.exec("CREATE TABLE none SELECT a FROM t WHERE FALSE", "SET GLOBAL binlog_atomic_create_select = ON", "CREATE TABLE whole SELECT a FROM t")
	c.want("SHOW TABLES", "none\nt\nwhole")
	c = ts.reopen().client()
	c.exec("USE d")
	c.want("SELECT * FROM t", "1\n2")
	c.want("SELECT COUNT(*) FROM none", "0")
}
