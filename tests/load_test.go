package tests

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"binrelay/tests/cluster"
)

// loads are files and what to make of them: FILE stands for LOAD DATA INFILE
// '…', T for INTO TABLE t.
var loads = []struct{ file, statement string }{
	{"1\tone\t1.5\n2\t\\N\t\\N\n", "FILE T"},
	{"1\tone\t1.5\n2\ttwo\t2", "FILE T"}, // no end of the last line
	{"1\tone\n2\n", "FILE T"},
	{"1\tone\t1\textra\tmore\n2\ttwo\t2\n", "FILE T"},
	{"1\t\t3\n\n2\tb\t4\n", "FILE T"},
	{"1\ta\\tb\\n\\\\c\\\nd\t3\n2\t\\0\\Z\\b\\r\\q\t4\n", "FILE T"},
	{"1\tNULL\t3\n2\t\\N x\t4\n", "FILE T"},
	{"1,\"a,b\",2\n2,\"c\"\"d\",3\n3,\"e\nf\",4\n4,g\"h\",5\n5,\"i\"j\",6\n", "FILE T FIELDS TERMINATED BY ',' ENCLOSED BY '\"'"},
	{"\"1\",\"NULL\",NULL\n2,NULL,\\N\n", "FILE T FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"'"},
	{"1,\"a\\\"b\",2\r\n2,\"c\r\nd\",3\r\n", "FILE T FIELDS TERMINATED BY ',' ENCLOSED BY '\"' LINES TERMINATED BY '\\r\\n'"},
	{"1,'a''b',2\n2,'c\\d',3\n", "FILE T FIELDS TERMINATED BY ',' ENCLOSED BY '''' ESCAPED BY ''''"},
	{"1,a\\tb,2\n2,\\N,3\n", "FILE T FIELDS TERMINATED BY ',' ESCAPED BY ''"},
	{"1||a|b||2;;2||c||3;;", "FILE T FIELDS TERMINATED BY '||' LINES TERMINATED BY ';;'"},
	{"xx1,a,2\nnothing\nfoo xx2,b,3\n", "FILE T FIELDS TERMINATED BY ',' LINES STARTING BY 'xx'"},
	{"id,b,c\n# more\n1,a,2\n", "FILE T FIELDS TERMINATED BY ',' IGNORE 2 LINES"},
	{"1,a,2,3,b,4,", "FILE T FIELDS TERMINATED BY ',' LINES TERMINATED BY ','"},
	{"x,1\ny,2\n", "FILE T FIELDS TERMINATED BY ',' (b, a)"},
	{"1,5,x\n2,6,y\n", "FILE T FIELDS TERMINATED BY ',' (a, @n, b) SET c = @n * 2"},
	{"1,5\n2,6\n", "FILE T FIELDS TERMINATED BY ',' (a, c) SET b = CONCAT('#', a, ':', c), c = c + 1"},
	{"1,a,skip,2\n", "FILE T FIELDS TERMINATED BY ',' (a, b, @dummy, c)"},
	{"1\ta\t2\n1\tb\t3\n2\tc\t4\n", "FILE IGNORE T"},
	{"1\ta\t2\n1\tb\t3\n2\tc\t4\n", "FILE REPLACE T"},
	{"1\ta\t2\n1\tb\t3\n", "FILE T"},
	{"1\tcaf\xe9\t2\n", "FILE T CHARACTER SET latin1"},
	{"1\tcaf\xc3\xa9\t2\n", "FILE T CHARACTER SET utf8mb4"},
	{"\\N\ta\t2\n", "FILE T"},
	{"", "FILE T"},
	{"\n", "FILE T (b) SET a = 7"},
	{"1,a,2\n", "FILE T FIELDS TERMINATED BY ',' (a, nosuch, c)"},
	{"1,a,2\n", "FILE T FIELDS ENCLOSED BY 'ab'"},
}

var loadInfo = regexp.MustCompile(`Records: \d+ +Deleted: \d+ +Skipped: \d+`)

// loaded runs a statement with the stock client and returns what it says of
// rows, and what is in the table then.
func loaded(t *testing.T, db *sql.DB, port int, statement string) string {
	t.Helper()
	for _, q := range []string{"DROP TABLE IF EXISTS d.t", "CREATE TABLE d.t (a INT NOT NULL PRIMARY KEY, b VARCHAR(40), c DECIMAL(6,2) DEFAULT 9)"} {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	out, _ := cluster.Client(t, port, statement, "-uroot", "-vv", "--local-infile=1", "d")
	said := loadInfo.FindString(out)
	if m := regexp.MustCompile(`ERROR \d+`).FindString(out); m != "" {
		said = m
	}
	rows, err := cluster.Rows(db, "SELECT a, HEX(b), c FROM d.t ORDER BY a")
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(said, " ", rows)
}

// TestLoadData_AsMariaDB loads the same files here and into MariaDB, from the
// server's disk and from the client's.
func TestLoadData_AsMariaDB(t *testing.T) {
	dir := t.TempDir()
	s := cluster.Start(t, "s", "server_id=1", "local_infile=ON", "secure_file_priv="+dir)
	m := cluster.StartMariaDB(t, "--local-infile=1")
	for _, db := range []*sql.DB{s.DB(), m.DB} {
		if _, err := db.Exec("CREATE DATABASE d CHARACTER SET utf8mb4"); err != nil {
			t.Fatal(err)
		}
	}
	for i, l := range loads {
		path := filepath.Join(dir, fmt.Sprintf("%d.txt", i))
		if err := os.WriteFile(path, []byte(l.file), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, local := range []string{"", "LOCAL "} {
			q := strings.Replace(l.statement, "FILE", "LOAD DATA "+local+"INFILE '"+path+"'", 1)
			q = strings.Replace(q, " T", " INTO TABLE t", 1)
			want := loaded(t, m.DB, m.Port, q)
			if got := loaded(t, s.DB(), s.Port, q); got != want {
				t.Errorf("%q\n%s\n     got %s\n MariaDB %s", l.file, q, got, want)
			}
		}
	}
}

// TestLoadData_Refused: what is not allowed is refused with MySQL's numbers.
func TestLoadData_Refused(t *testing.T) {
	s := cluster.Start(t, "s", "server_id=1")
	s.Exec("CREATE DATABASE d", "CREATE TABLE d.t (a INT)", "CREATE USER u@'%'", "GRANT INSERT ON d.* TO u@'%'")
	number := func(db *sql.DB, q string) uint16 {
		_, err := db.Exec(q)
		var e *mysql.MySQLError
		if !errors.As(err, &e) {
			return 0
		}
		return e.Number
	}
	u, err := sql.Open("mysql", fmt.Sprintf("u@tcp(127.0.0.1:%d)/d?allowAllFiles=true", s.Port))
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, []byte("1\n2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	plain, local := "LOAD DATA INFILE '"+file+"' INTO TABLE d.t", "LOAD DATA LOCAL INFILE '"+file+"' INTO TABLE d.t"
	for _, c := range []struct {
		db   *sql.DB
		q    string
		want uint16
	}{
		{s.DB(), plain, 1290}, // secure_file_priv is NULL
		{s.DB(), local, 3948},
		{u, plain, 1227},
		{u, local, 3948},
		{s.DB(), "SELECT 1 INTO OUTFILE '" + file + ".out'", 1290},
		{s.DB(), "SELECT 1 INTO DUMPFILE '" + file + ".out'", 1290},
		{u, "SELECT 1 INTO OUTFILE '" + file + ".out'", 1227},
	} {
		if got := number(c.db, c.q); got != c.want {
			t.Errorf("%s: error %d, want %d", c.q, got, c.want)
		}
	}
	s.Exec("SET GLOBAL local_infile=ON")
	if got := number(u, local); got != 0 {
		t.Errorf("with local_infile: error %d", got)
	}
	// The connection is in step with its client afterwards, also after a
	// statement that fails before it has read the file.
	big := filepath.Join(t.TempDir(), "big")
	if err := os.WriteFile(big, []byte("x\n"+strings.Repeat("1\n", 1<<20)), 0o644); err != nil {
		t.Fatal(err)
	}
	conn, err := u.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), "LOAD DATA LOCAL INFILE '"+big+"' REPLACE INTO TABLE d.t"); err == nil {
		t.Error("a word for a number was taken")
	}
	if err := conn.PingContext(t.Context()); err != nil {
		t.Errorf("after an error: %v", err)
	}
	if n := s.One("SELECT COUNT(*) FROM d.t"); n != "2" {
		t.Errorf("%s rows", n)
	}
}
