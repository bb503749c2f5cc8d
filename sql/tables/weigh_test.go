package tables

import (
	"bytes"
	"testing"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/sqltypes"
)

// Weights must order as go-mysql-server compares, but for trailing spaces.
func TestWeigh_OrdersAsTheCollation(t *testing.T) {
	words := []string{"", "a", "A", "ä", "b", "ab", "aB", "z", "é", "e", "ß", "ss", "日本", "😀", "a b", "0", "_", "Ω"}
	for _, id := range []gms.CollationID{
		gms.Collation_utf8mb4_0900_ai_ci, gms.Collation_utf8mb4_general_ci, gms.Collation_utf8mb4_bin,
		gms.Collation_utf8mb4_unicode_ci, gms.Collation_utf8mb4_0900_bin, gms.Collation_utf8mb3_general_ci,
	} {
		typ, err := types.CreateString(sqltypes.VarChar, 20, id)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range words {
			for _, b := range words {
				wa, err := Weigh(nil, uint16(id), []byte(a))
				if err != nil {
					t.Fatal(err)
				}
				wb, err := Weigh(nil, uint16(id), []byte(b))
				if err != nil {
					t.Fatal(err)
				}
				want, err := typ.Compare(t.Context(), a, b)
				if err != nil {
					t.Fatal(err)
				}
				if got := bytes.Compare(wa, wb); got != want {
					t.Errorf("%s: %q against %q: %d, want %d", id.Name(), a, b, got, want)
				}
			}
		}
	}
	pad, _ := Weigh(nil, uint16(gms.Collation_utf8mb4_general_ci), []byte("a  "))
	one, _ := Weigh(nil, uint16(gms.Collation_utf8mb4_general_ci), []byte("a"))
	if !bytes.Equal(pad, one) {
		t.Error("PAD SPACE counts trailing spaces")
	}
	if _, err := Weigh(nil, 999, []byte("a")); err == nil {
		t.Error("an unknown collation has weights")
	}
}
