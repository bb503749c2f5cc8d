package sql

import (
	"testing"
	"time"
)

// Partitions are refused wherever they are named, also in the comments that
// mysqldump writes.
func TestPartitions_Refused(t *testing.T) {
	c := newTestServer(t, nil).client()
	c.exec("CREATE DATABASE d", "USE d", "CREATE TABLE t (a INT)")
	for _, q := range []string{
		"CREATE TABLE p (a INT) PARTITION BY HASH (a) PARTITIONS 4",
		"CREATE TABLE p (a INT) /*!50100 PARTITION BY HASH (a) PARTITIONS 4 */",
		"CREATE TABLE p (a INT)\n/*!50500 PARTITION BY RANGE  COLUMNS(a)\n(PARTITION p0 VALUES LESS THAN (10) ENGINE = InnoDB,\n PARTITION p1 VALUES LESS THAN (MAXVALUE) ENGINE = InnoDB) */",
		"CREATE TABLE p (a INT) PARTITION BY LIST (a) (PARTITION p VALUES IN (1, 2))",
		"CREATE TABLE p (a INT) PARTITION BY RANGE (a) SUBPARTITION BY HASH (a) SUBPARTITIONS 2 (PARTITION p VALUES LESS THAN (5))",
		"CREATE TABLE p (a INT) ENGINE=InnoDB PARTITION BY LINEAR KEY ALGORITHM=2 () PARTITIONS 3",
		"CREATE TEMPORARY TABLE p (a INT) PARTITION BY HASH (a)",
		"CREATE TABLE p PARTITION BY HASH (a) AS SELECT 1 AS a",
		"ALTER TABLE t PARTITION BY HASH (a)",
		"ALTER TABLE t /*!50100 PARTITION BY HASH (a) PARTITIONS 4 */",
		"ALTER TABLE t ADD b INT PARTITION BY HASH (a)",
		"ALTER TABLE t ADD PARTITION (PARTITION p VALUES LESS THAN (1))",
		"ALTER TABLE t REMOVE PARTITIONING",
		"ALTER TABLE t TRUNCATE PARTITION ALL",
		"ALTER TABLE t EXCHANGE PARTITION p WITH TABLE u",
	} {
		c.fails(1235, q)
	}
	for _, q := range []string{"SELECT * FROM t PARTITION (p0)", "INSERT INTO t PARTITION (p0) VALUES (1)", "REPLACE INTO t PARTITION (p0) VALUES (1)",
		"UPDATE t PARTITION (p0) SET a = 1", "DELETE FROM t PARTITION (p0)", "SELECT (SELECT MAX(a) FROM t PARTITION (p0))"} {
		c.fails(1747, q)
	}
	c.exec("CREATE TABLE partitions (a INT COMMENT 'PARTITION BY')", "CREATE TABLE w SELECT a, ROW_NUMBER() OVER (PARTITION BY a) AS n FROM t")
	c.want("SHOW TABLES", "partitions\nt\nw")
}

func TestGenerated_Conditions(t *testing.T) {
	ts := newTestServer(t, nil)
	c := ts.client()
	c.exec("CREATE DATABASE d", "USE d", "CREATE TABLE g (x INT, y INT AS (x IN (1, 2, 3)), z INT AS (x NOT IN (1, 2) AND x <= 9) STORED, l INT AS (x LIKE '1%'), n INT AS (x IS NULL), "+
		"q DECIMAL(3, 1) AS (IF(x BETWEEN 1 AND 3, 0.5, x)), d INT DEFAULT (3 IN (1, 3)), tm TIME(2))",
		"INSERT INTO g (x) VALUES (1), (5), (NULL)", "ALTER TABLE g ADD w VARCHAR(3) AS (x IN (5)), ADD k INT DEFAULT (1 IN (2))")
	c.want("SELECT x, y, z, l, n, q, d, w, k FROM g ORDER BY x", "NULL|NULL|NULL|NULL|1|NULL|1|NULL|0\n1|1|0|1|0|0.5|1|0|0\n5|0|1|0|0|5.0|1|1|0")
	c.want("SHOW COLUMNS FROM g LIKE 'tm'", "tm|time(2)|YES||NULL|")
	c = ts.reopen().client()
	c.exec("USE d", "INSERT INTO g (x) VALUES (2)", "ALTER TABLE g MODIFY x BIGINT")
	c.want("SELECT y, z FROM g WHERE x = 2", "1|0")
}

func TestForeignKey_IndexName(t *testing.T) {
	c := newTestServer(t, nil).client()
	c.exec("CREATE DATABASE d", "USE d", "CREATE TABLE p (id INT PRIMARY KEY)",
		"CREATE TABLE c (a INT, b INT, e INT, FOREIGN KEY ix (a) REFERENCES p (id), CONSTRAINT named FOREIGN KEY other (b) REFERENCES p (id), FOREIGN KEY (e) REFERENCES p (id))",
		"CREATE TABLE k (a INT, KEY mine (a))", "ALTER TABLE k ADD FOREIGN KEY unused (a) REFERENCES p (id), ADD b INT, ADD FOREIGN KEY iy (b) REFERENCES p (id)")
	c.want("SELECT index_name, column_name FROM information_schema.statistics WHERE table_name = 'c' ORDER BY 1", "e|e\nix|a\nnamed|b")
	c.want("SELECT index_name, column_name FROM information_schema.statistics WHERE table_name = 'k' ORDER BY 1", "iy|b\nmine|a")
	c.want("SELECT constraint_name FROM information_schema.referential_constraints WHERE table_name = 'c' ORDER BY 1", "c_ibfk_1\nc_ibfk_2\nnamed")
	c.fails(1061, "CREATE TABLE f (a INT, b INT, KEY x (b), FOREIGN KEY x (a) REFERENCES p (id))")
}

func TestAlter_DropDefaultOfNullable(t *testing.T) {
	ts := newTestServer(t, nil)
	c := ts.client()
	c.exec("CREATE DATABASE d", "USE d", "CREATE TABLE t (id INT PRIMARY KEY, a INT DEFAULT 5, b VARCHAR(9))", "ALTER TABLE t ALTER a DROP DEFAULT, ALTER b DROP DEFAULT")
	for _, q := range []string{"INSERT INTO t (id) VALUES (1)", "INSERT INTO t (id, b) VALUES (1, 'x')", "INSERT INTO t VALUES (1, DEFAULT, 'x')", "INSERT INTO t (id, b) SELECT 1, 'x'", "REPLACE INTO t SET id = 1, a = 1"} {
		c.fails(1364, q)
	}
	if got, want := columnsOf(c, "t"), "`id` int NOT NULL; `a` int; `b` varchar(9); PRIMARY KEY (`id`)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	c.exec("INSERT INTO t VALUES (1, NULL, NULL), (2, 2, 'y')", "INSERT IGNORE INTO t (id, b) VALUES (3, 'z')")
	c.want("SHOW WARNINGS", "Warning|1364|Field 'a' doesn't have a default value")
	c.exec("SET sql_mode = ''", "INSERT INTO t (id, b) VALUES (4, 'q')", "SET sql_mode = DEFAULT")
	c.want("SELECT * FROM t ORDER BY id", "1|NULL|NULL\n2|2|y\n3|NULL|z\n4|NULL|q")
	c = ts.reopen().client()
	c.exec("USE d", "ALTER TABLE t ADD c INT")
	c.fails(1364, "INSERT INTO t (id, b) VALUES (5, 'x')")
	c.exec("ALTER TABLE t ALTER a SET DEFAULT 7, MODIFY b VARCHAR(9)", "INSERT INTO t (id) VALUES (5)")
	c.want("SELECT * FROM t WHERE id = 5", "5|7|NULL|NULL")
}

// A unique key of a table without primary key stays one.
func TestAlter_UniqueIsNoPrimaryKey(t *testing.T) {
	ts := newTestServer(t, nil)
	c := ts.client()
	c.exec("CREATE DATABASE d", "USE d", "CREATE TABLE t (x INT NOT NULL, y INT)", "INSERT INTO t VALUES (1, 1), (2, 1)", "ALTER TABLE t ADD UNIQUE (x)", "INSERT INTO t VALUES (3, 3)", "DELETE FROM t WHERE x = 2")
	if got, want := columnsOf(c, "t"), "`x` int NOT NULL; `y` int DEFAULT NULL; UNIQUE KEY `x` (`x`)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	c.want("SELECT index_name FROM information_schema.statistics WHERE table_name = 't'", "x")
	c.want("SELECT constraint_name, constraint_type FROM information_schema.table_constraints WHERE table_name = 't'", "x|UNIQUE")
	if tab, _ := ts.o.Engine.Catalog().Table("d", "t"); len(tab.Schema().Primary) > 0 {
		t.Error("the table has a primary key")
	}
	c.fails(1062, "INSERT INTO t VALUES (1, 5)")
	c.exec("ALTER TABLE t ADD PRIMARY KEY (y, x)")
}

// LOCK says who may use the table meanwhile: EXCLUSIVE waits for readers too.
func TestAlter_Lock(t *testing.T) {
	ts := newTestServer(t, nil)
	c, reader := ts.client(), ts.client()
	c.exec("CREATE DATABASE d", "USE d", "CREATE TABLE t (id INT PRIMARY KEY, a INT)", "INSERT INTO t VALUES (1, 1)", "SET lock_wait_timeout = 1")
	for _, q := range []string{"ADD INDEX k (a), LOCK=NONE", "ADD INDEX k (a), ALGORITHM=INSTANT", "MODIFY a VARCHAR(9), ALGORITHM=INPLACE"} {
		if _, err := c.query("ALTER TABLE t " + q); err == nil {
			t.Errorf("%s was accepted", q)
		} else if n, _, text := Translate(err); n != 1845 && n != 1846 {
			t.Errorf("%s: error %d %s", q, n, text)
		}
	}
	c.fails(1846, "ALTER TABLE t COMMENT 'x', ALGORITHM=COPY, LOCK=NONE")
	c.exec("ALTER TABLE t ADD b INT, ALGORITHM=INSTANT", "ALTER TABLE t ADD e INT, LOCK=NONE", "ALTER TABLE t COMMENT 'x', ALGORITHM=INPLACE, LOCK=NONE",
		"ALTER TABLE t ADD INDEX k (a), ALGORITHM=INPLACE, LOCK=SHARED", "ALTER TABLE t ADD f INT, ALGORITHM=COPY", "DROP INDEX k ON t LOCK=NONE")
	reader.exec("BEGIN", "SELECT * FROM d.t")
	began := time.Now()
	c.fails(1205, "ALTER TABLE t COMMENT 'y', LOCK=EXCLUSIVE")
	if time.Since(began) < 900*time.Millisecond {
		t.Error("it did not wait for the reader")
	}
	reader.exec("COMMIT")
	c.exec("ALTER TABLE t COMMENT 'y', LOCK=EXCLUSIVE")
}
