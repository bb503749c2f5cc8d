package sql

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"binrelay/sql/replstmt"
	"binrelay/sql/storage"
	"binrelay/sql/tables"

	sqle "github.com/dolthub/go-mysql-server"
	"github.com/dolthub/go-mysql-server/memory"
	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/vitess/go/mysql"
)

// Errors that are at hand as values: by type, and again after the handler of
// go-mysql-server reduced them to their text.
func TestTranslate_Values(t *testing.T) {
	fk := storage.ForeignKey{Name: "fk", Columns: []string{"a"}, Database: "d", Table: "p", Parent: []string{"id"}, OnDelete: storage.SetNull}
	cases := []struct {
		err   error
		num   uint16
		state string
		msg   string
	}{
		{gms.ErrDatabaseExists.New("d"), 1007, "HY000", "Can't create database 'd'; database exists"},
		{gms.ErrDatabaseAccessDeniedForUser.New("'u'@'h'", "d"), 1044, "42000", "Access denied for user 'u'@'h' to database 'd'"},
		{gms.ErrNoDatabaseSelected.New(), 1046, "3D000", "No database selected"},
		{gms.ErrInsertIntoNonNullableProvidedNull.New("a"), 1048, "23000", "Column 'a' cannot be null"},
		{gms.ErrDatabaseNotFound.New("nowhere"), 1049, "42000", "Unknown database 'nowhere'"},
		{gms.ErrTableAlreadyExists.New("t"), 1050, "42S01", "Table 't' already exists"},
		{gms.ErrUnknownTable.New("d.t"), 1051, "42S02", "Unknown table 'd.t'"},
		{gms.ErrColumnNotFound.New("x"), 1054, "42S22", "Unknown column 'x' in 'field list'"},
		{gms.ErrTableColumnNotFound.New("t", "x"), 1054, "42S22", "Unknown column 't.x' in 'field list'"},
		{gms.ErrDuplicateColumn.New("a"), 1060, "42S21", "Duplicate column name 'a'"},
		{gms.ErrDuplicateKey.New("k"), 1061, "42000", "Duplicate key name 'k'"},
		{gms.NewUniqueKeyErr("[1]", true, nil), 1062, "23000", "Duplicate entry '1' for key 'PRIMARY'"},
		{gms.ErrCantDropFieldOrKey.New("k"), 1091, "42000", "Can't DROP 'k'; check that column/key exists"},
		{gms.ErrInsertIntoMismatchValueCount.New(), 1136, "21S01", "Column count doesn't match value count at row 1"},
		{gms.ErrColValCountMismatch.New(2), 1136, "21S01", "Column count doesn't match value count at row 2"},
		{gms.ErrTableNotFound.New("t"), 1146, "42S02", "Table 'd.t' doesn't exist"},
		{gms.ErrTableNotFound.New("t, maybe you mean tt?"), 1146, "42S02", "Table 'd.t' doesn't exist"},
		{gms.ErrUnknownSystemVariable.New("v"), 1193, "HY000", "Unknown system variable 'v'"},
		{gms.ErrLockDeadlock.New("x"), 1213, "40001", "Deadlock found when trying to get lock; try restarting transaction"},
		{gms.ErrUnsupportedFeature.New("f"), 1235, "42000", "This version of MySQL doesn't yet support 'f'"},
		{gms.ErrExpectedSingleRow.New(), 1242, "21000", "Subquery returns more than 1 row"},
		{gms.ErrReadOnly.New(), 1290, "HY000", "The MySQL server is running with the --read-only option so it cannot execute this statement"},
		{gms.ErrFunctionNotFound.New("f"), 1305, "42000", "FUNCTION d.f does not exist"},
		{gms.ErrSavepointDoesNotExist.New("s"), 1305, "42000", "SAVEPOINT s does not exist"},
		{context.Canceled, 1317, "70100", "Query execution was interrupted"},
		{context.DeadlineExceeded, 3024, "HY000", "Query execution was interrupted, maximum statement execution time exceeded"},
		{gms.ErrInsertIntoNonNullableDefaultNullColumn.New("a"), 1364, "HY000", "Field 'a' doesn't have a default value"},
		{gms.ErrForeignKeyParentViolation.Wrap(&storage.ForeignKeyError{Key: fk, DB: "d", Table: "c", Parent: true}, "fk", "c", "p", ""), 1451, "23000", "Cannot delete or update a parent row: a foreign key constraint fails (`d`.`c`, CONSTRAINT `fk` FOREIGN KEY (`a`) REFERENCES `p` (`id`) ON DELETE SET NULL)"},
		{gms.ErrForeignKeyChildViolation.Wrap(&storage.ForeignKeyError{Key: fk, DB: "d", Table: "c"}, "fk", "c", "p", ""), 1452, "23000", "Cannot add or update a child row: a foreign key constraint fails (`d`.`c`, CONSTRAINT `fk` FOREIGN KEY (`a`) REFERENCES `p` (`id`) ON DELETE SET NULL)"},
		{gms.ErrReadOnlyTransaction.New(), 1792, "25006", "Cannot execute statement in a READ ONLY transaction."},

		{&storage.DuplicateError{Table: "t", Key: "PRIMARY", Entry: "1-a"}, 1062, "23000", "Duplicate entry '1-a' for key 't.PRIMARY'"},
		{&storage.NoTableError{Database: "d", Table: "t"}, 1146, "42S02", "Table 'd.t' doesn't exist"},
		{&storage.NoDatabaseError{Database: "x"}, 1049, "42000", "Unknown database 'x'"},
		{storage.ErrLockTimeout, 1205, "HY000", "Lock wait timeout exceeded; try restarting transaction"},
		{fmt.Errorf("commit: %w", storage.ErrConflict), 1213, "40001", "Deadlock found when trying to get lock; try restarting transaction"},
		{storage.ErrClosed, 1053, "08S01", "Server shutdown in progress"},
		{storage.ErrTableChanged, 1412, "HY000", "Table definition has changed, please retry transaction"},
		{tables.Unsupported("XA"), 1235, "42000", "This version of MySQL doesn't yet support 'XA'"},
		{tables.NewSQLError(1406, "22001", "Data too long for column 'c' at row 1"), 1406, "22001", "Data too long for column 'c' at row 1"},
		{tables.NewSQLError(1264, "", "Out of range value for column 'c' at row 1"), 1264, "22003", "Out of range value for column 'c' at row 1"},
		{tables.NewSQLError(1366, "", "Incorrect integer value: 'x' for column 'c' at row 1"), 1366, "HY000", "Incorrect integer value: 'x' for column 'c' at row 1"},
		{&replstmt.SyntaxError{Near: "FOO", Line: 2}, 1064, "42000", "You have an error in your SQL syntax; check the manual that corresponds to your MySQL server version for the right syntax to use near 'FOO' at line 2"},
	}
	st := Statement{Database: "d", Query: "…"}
	for _, c := range cases {
		for _, err := range []error{c.err, gms.CastSQLError(c.err), AsSQLError(c.err, st)} {
			num, state, msg := TranslateStatement(err, st)
			if num != c.num || state != c.state || msg != c.msg {
				t.Errorf("%T %v:\n got %d %s %s\nwant %d %s %s", err, err, num, state, msg, c.num, c.state, c.msg)
			}
		}
	}
	// Errors that only ever come with their number.
	for _, num := range []uint16{1040, 1045, 1047, 1153, 1198, 1227, 1236, 1290} {
		n, state, msg := Translate(mysql.NewSQLError(int(num), "", "text of %d", num))
		if n != num || state != sqlState(num) || msg != fmt.Sprint("text of ", num) {
			t.Errorf("%d: %d %s %s", num, n, state, msg)
		}
	}
	if n, s, m := Translate(nil); n != 0 || s != "00000" || m != "" {
		t.Error("nil is an error")
	}
}

func TestTranslate_UnknownIsCounted(t *testing.T) {
	before := UntranslatedErrors()
	num, state, msg := Translate(errors.New("something else"))
	if num != 1105 || state != "HY000" || msg != "something else" || UntranslatedErrors() != before+1 {
		t.Errorf("%d %s %s", num, state, msg)
	}
}

// Errors that the engine makes itself, through the same reduction as in its
// handler.
func TestTranslate_Engine(t *testing.T) {
	pro := memory.NewDBProvider(memory.NewDatabase("d"))
	e := sqle.NewDefault(pro)
	defer e.Close()
	s := memory.NewSession(gms.NewBaseSession(), pro)
	s.SetCurrentDatabase("d")
	run := func(q string) error {
		ctx := gms.NewContext(t.Context(), gms.WithSession(s), gms.WithQuery(q))
		_, it, _, err := e.Query(ctx, q)
		if err == nil {
			_, err = gms.RowIterToRows(ctx, it)
		}
		return err
	}
	for _, q := range []string{"CREATE TABLE t (a INT PRIMARY KEY, b TINYINT NOT NULL, c VARCHAR(3), KEY k (b))", "INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y')"} {
		if err := run(q); err != nil {
			t.Fatal(err)
		}
	}
	const syntax = "You have an error in your SQL syntax; check the manual that corresponds to your MySQL server version for the right syntax to use near "
	cases := []struct {
		query string
		num   uint16
		msg   string // "" = not compared
	}{
		{"CREATE DATABASE d", 1007, "Can't create database 'd'; database exists"},
		{"USE nowhere", 1049, "Unknown database 'nowhere'"},
		{"CREATE TABLE t (a INT)", 1050, "Table 't' already exists"},
		{"SELECT x FROM t", 1054, "Unknown column 'x' in 'field list'"},
		{"SELECT a FROM t WHERE x = 1", 1054, "Unknown column 'x' in 'where clause'"},
		{"SELECT a FROM t ORDER BY x", 1054, "Unknown column 'x' in 'order clause'"},
		{"SELECT t.x FROM t", 1054, "Unknown column 't.x' in 'field list'"},
		{"INSERT INTO t (x) VALUES (1)", 1054, "Unknown column 'x' in 'field list'"},
		{"ALTER TABLE t ADD COLUMN a INT", 1060, "Duplicate column name 'a'"},
		{"ALTER TABLE t ADD KEY k (a)", 1061, "Duplicate key name 'k'"},
		{"INSERT INTO t VALUES (1, 1, 'x')", 1062, ""},
		{"SELEC 1", 1064, syntax + "'SELEC 1' at line 1"},
		{"SELECT 1 FROM\n  WHERE a", 1064, syntax + "'WHERE a' at line 2"},
		{"SELECT (1", 1064, ""},
		{"ALTER TABLE t DROP COLUMN zz", 1091, "Can't DROP 'zz'; check that column/key exists"},
		{"ALTER TABLE t DROP KEY zz", 1091, "Can't DROP 'zz'; check that column/key exists"},
		{"INSERT INTO t (a) VALUES (1, 2)", 1136, "Column count doesn't match value count at row 1"},
		{"SELECT * FROM nowhere", 1146, "Table 'd.nowhere' doesn't exist"},
		{"INSERT INTO t VALUES (5, NULL, 'x')", 1048, "Column 'b' cannot be null"},
		{"INSERT INTO t (a) VALUES (5)", 1364, "Field 'b' doesn't have a default value"},
		{"INSERT INTO t VALUES (5, 1000, 'x')", 1264, ""},
		{"INSERT INTO t VALUES (5, 1, 'too long')", 1406, "Data too long for column 'c' at row 1"},
		{"INSERT INTO t VALUES ('z', 1, 'x')", 1366, ""},
		{"SELECT (SELECT a FROM t)", 1242, "Subquery returns more than 1 row"},
		{"SET GLOBAL nowhere = 1", 1193, "Unknown system variable 'nowhere'"},
		{"SELECT @@nowhere", 1193, "Unknown system variable 'nowhere'"},
		{"SELECT nowhere(1)", 1305, ""},
		{"DROP TABLE nowhere", 1051, "Unknown table 'd.nowhere'"},
		{"DROP DATABASE nowhere", 1008, "Can't drop database 'nowhere'; database doesn't exist"},
		{"SET time_zone = 'Mars/Olympus'", 1298, ""},
		{"SELECT b FROM t JOIN t AS u ON t.a = u.a", 1052, "Column 'b' in field list is ambiguous"},
	}
	for _, c := range cases {
		err := run(c.query)
		if err == nil {
			t.Errorf("%s: no error, want %d", c.query, c.num)
			continue
		}
		num, state, msg := TranslateStatement(gms.CastSQLError(err), Statement{Query: c.query, Database: "d"})
		if num != c.num || c.msg != "" && msg != c.msg || state != sqlState(num) {
			t.Errorf("%s: (%v)\n got %d %s %s\nwant %d %s", c.query, err, num, state, msg, c.num, c.msg)
		}
		if strings.Contains(msg, "%!") {
			t.Errorf("%s: bad format in %q", c.query, msg)
		}
	}
}
