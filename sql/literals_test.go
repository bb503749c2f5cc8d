package sql

import (
	"testing"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/vitess/go/vt/sqlparser"
)

// A remembered statement is a new one for each caller.
func TestLiteralParser(t *testing.T) {
	p := &literalParser{Parser: gms.NewMysqlParser()}
	for _, query := range []string{"SELECT 'a'", "SELECT 12", "SELECT -1", "SELECT 'a' FROM t WHERE x", "SELECT 1, 2"} {
		for i := range 3 {
			plain, err := gms.NewMysqlParser().ParseSimple(query)
			if err != nil {
				t.Fatal(err)
			}
			got, err := p.ParseSimple(query)
			if err != nil || sqlparser.String(got) != sqlparser.String(plain) {
				t.Fatalf("%s, call %d: %v %v", query, i, sqlparser.String(got), err)
			}
			if v := literalOf(got.(*sqlparser.Select)); v != nil {
				v.Val[0] = 'z'
			}
			got.(*sqlparser.Select).SelectExprs[0] = nil
		}
	}
	if _, err := p.ParseSimple("SELECT '"); err == nil {
		t.Error("no syntax error")
	}
	if n := p.count.Load(); n != 3 {
		t.Errorf("%d statements remembered, want 3", n)
	}
}
