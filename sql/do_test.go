package sql

import "testing"

// DO evaluates its expressions and answers OK; anything that makes a SELECT of
// it is a syntax error.
func TestDo(t *testing.T) {
	s := newTestServer(t, nil).client()
	s.exec("CREATE DATABASE d", "CREATE TABLE d.t (a INT)", "INSERT INTO d.t VALUES (1), (2)", "DO 1", "do SLEEP(0), 2+3", "DO (SELECT MAX(a) FROM d.t)")
	for _, query := range []string{"DO 1 FROM d.t", "DO *", "DO 1 LIMIT 1", "DO", "DO 1 WHERE 1"} {
		s.fails(1064, query)
	}
	s.fails(1305, "DO no_such_function()")
	s.fails(1242, "DO (SELECT a FROM d.t)")
}
