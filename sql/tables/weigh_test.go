package tables

import (
	"bytes"
	"math/rand/v2"
	"strings"
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

// Under every collation that the server knows, keys of random strings order as
// go-mysql-server compares the strings. (Trailing spaces are above.)
func TestWeigh_RandomUnderEveryCollation(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	runes := []rune("aAbBzZ09 _-äÄöüßéÉñøşИиЯаα中日あ한😀𝄞ﬀ\u0301\t~")
	seen := 0
	for id, known := range knownCollations {
		if !known || gms.CollationID(id) == gms.Collation_binary {
			continue
		}
		collation := gms.CollationID(id)
		typ, err := types.CreateString(sqltypes.VarChar, 20, collation)
		if err != nil {
			t.Fatal(err)
		}
		seen++
		enc := collation.CharacterSet().Encoder()
		word := func() (string, []byte) {
			for {
				var s []rune
				for range r.IntN(5) {
					s = append(s, runes[r.IntN(len(runes))])
				}
				text := strings.TrimRight(string(s), " ")
				if b, ok := EncodeText(enc, text); ok {
					return text, b
				}
			}
		}
		for range 200 {
			a, stored := word()
			wa, err := Weigh(nil, uint16(id), stored)
			if err != nil {
				t.Fatal(err)
			}
			b, stored := word()
			wb, err := Weigh(nil, uint16(id), stored)
			if err != nil {
				t.Fatal(err)
			}
			want, err := typ.Compare(t.Context(), a, b)
			if err != nil {
				t.Fatal(err)
			}
			if got := bytes.Compare(wa, wb); got != want {
				t.Errorf("%s: %q against %q: %d, want %d", collation.Name(), a, b, got, want)
				break
			}
		}
	}
	if seen < 50 {
		t.Errorf("only %d collations", seen)
	}
}
