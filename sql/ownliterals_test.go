package sql

import "testing"

// Literals are spelt so that the parser reads them as MySQL does, and offsets
// of the spelt text lead back to the statement's.
func TestOwnLiterals(t *testing.T) {
	for _, c := range [][2]string{
		{`SELECT 'a\_b', "c\%"`, `SELECT 'a\\_b', "c\\%"`}, {`SELECT 'a\\_b'`, `SELECT 'a\\_b'`}, {`SELECT 'a\'\_'`, `SELECT 'a\'\\_'`},
		{"SELECT 0b101, x0b1, `0b1`, '0b1'", "SELECT b'101', x0b1, `0b1`, '0b1'"}, {`SELECT N'a', nn'b'`, `SELECT _utf8mb3 'a', nn'b'`},
		{`SELECT 1 /* '\_ */, '\_'`, `SELECT 1 /* '\_ */, '\\_'`},
	} {
		got, moved := ownLiterals(t.Context(), c[0])
		if got != c[1] {
			t.Errorf("%s becomes %s", c[0], got)
		}
		if n := moved.before(len(got)); n != len(c[0]) {
			t.Errorf("%s: the end is at %d", c[0], n)
		}
	}
}
