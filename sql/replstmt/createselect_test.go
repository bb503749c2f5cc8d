package replstmt

import (
	"fmt"
	"testing"
)

func TestParseCreateSelect(t *testing.T) {
	for sql, want := range map[string]string{
		"CREATE TABLE t SELECT 1": "{ t} [] [] <> <> <SELECT 1>",
		"create temporary table if not exists `d`.`t 1` (a INT, `b``c` TEXT CHECK (a IN (1, 2)), KEY (a), PRIMARY KEY (b)) engine=InnoDB COMMENT='AS SELECT' IGNORE AS (SELECT 1);": "{d t 1} [{a a INT} {b`c `b``c` TEXT CHECK (a IN (1, 2))}] [KEY (a) PRIMARY KEY (b)] <engine=InnoDB COMMENT='AS SELECT'> <IGNORE> <SELECT 1>",
		"CREATE TABLE t REPLACE WITH w AS (SELECT 1 AS a) SELECT a FROM w": "{ t} [] [] <> <REPLACE> <WITH w AS (SELECT 1 AS a) SELECT a FROM w>",
		"CREATE TABLE t ((SELECT 1) UNION (SELECT 2))":                     "{ t} [] [] <> <> <SELECT * FROM ((SELECT 1) UNION (SELECT 2)) AS `query`>",
		"CREATE TABLE t AS (SELECT a FROM s) ORDER BY a":                   "{ t} [] [] <> <> <SELECT * FROM (SELECT a FROM s) AS `query` ORDER BY a>",
		"CREATE TABLE t (a INT) VALUES ROW(1)":                             "{ t} [{a a INT}] [] <> <> <VALUES ROW(1)>",
		"CREATE TABLE t (a INT)":                                           "",
		"CREATE TABLE t (a INT COMMENT 'SELECT')":                          "",
		"CREATE TABLE t (LIKE s)":                                          "",
		"CREATE TABLE t LIKE `table select`":                               "",
		"CREATE VIEW v AS SELECT 1":                                        "",
		"SELECT 1":                                                         "",
	} {
		s, _, ok, err := ParseCreateSelect(sql)
		got := ""
		if ok && err == nil {
			got = fmt.Sprintf("%v %v %v <%s> <%s> <%s>", s.Table, s.Columns, s.Keys, s.Options, s.Duplicates, s.Query)
		}
		if got != want || err != nil {
			t.Errorf("%s\n got %s, %v\nwant %s", sql, got, err, want)
		}
	}
	for sql, want := range map[string]string{
		"CREATE TABLE `t` (\n  `a` int\n) ENGINE=InnoDB START TRANSACTION": "CREATE TABLE `t` (\n  `a` int\n) ENGINE=InnoDB",
		"CREATE TABLE t (a INT) COMMENT 'START TRANSACTION'":               "",
	} {
		got, ok := StartsTransaction(sql)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%s: %q, %v", sql, got, ok)
		}
	}
}
