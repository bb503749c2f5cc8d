package tables

import (
	"context"
	"strings"
	"unicode/utf8"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"
)

// Pads reports whether a collation has the pad attribute PAD SPACE: strings
// compare as if the shorter one went on with spaces.
func Pads(c gms.CollationID) bool {
	return c != gms.Collation_binary && c.PadAttribute() != "NO PAD"
}

// CompareText compares two strings under a collation, as MySQL does;
// go-mysql-server never pads.
func CompareText(c gms.CollationID, a, b string) int {
	if a == b {
		return 0
	}
	n, a, b := compareWeights(c, a, b)
	if n != 0 || !Pads(c) {
		return n
	}
	rest, sign := a, 1
	if rest == "" {
		rest, sign = b, -1
	}
	weight := c.Sorter()
	space := weight(' ')
	for _, r := range rest {
		if v := weight(r); v < space {
			return -sign
		} else if v > space {
			return sign
		}
	}
	return 0
}

// CompareKeyText compares two strings as keys order them: trailing spaces of a
// collation that pads are cut, and what goes on is greater.
func CompareKeyText(c gms.CollationID, a, b string) int {
	if Pads(c) {
		a, b = strings.TrimRight(a, " "), strings.TrimRight(b, " ")
	}
	n, a, b := compareWeights(c, a, b)
	if n != 0 {
		return n
	}
	return min(len(a), 1) - min(len(b), 1)
}

// compareWeights compares two strings as far as both go. Without a difference
// it returns what is left of the longer one, or under a collation that does not
// pad, that this is greater.
func compareWeights(c gms.CollationID, a, b string) (n int, restA, restB string) {
	weight := c.Sorter()
	if c == gms.Collation_binary || weight == nil {
		return strings.Compare(a, b), "", ""
	}
	for a != "" && b != "" {
		x, n := utf8.DecodeRuneInString(a)
		y, m := utf8.DecodeRuneInString(b)
		if x != y {
			if v, w := weight(x), weight(y); v < w {
				return -1, "", ""
			} else if v > w {
				return 1, "", ""
			}
		}
		a, b = a[n:], b[m:]
	}
	if !Pads(c) {
		return min(len(a), 1) - min(len(b), 1), "", ""
	}
	return 0, a, b
}

// paddedText is the type of a key part under a PAD SPACE collation, for the
// ranges that go-mysql-server makes of conditions.
type paddedText struct{ types.StringType }

// Compare implements gms.Type. Bounds order as the key's entries do.
func (t paddedText) Compare(ctx context.Context, a, b any) (int, error) {
	x, ok := a.(string)
	y, both := b.(string)
	if !ok || !both {
		return t.StringType.Compare(ctx, a, b)
	}
	return t.StringType.Compare(ctx, strings.TrimRight(x, " "), strings.TrimRight(y, " "))
}

// Promote implements gms.Type.
func (t paddedText) Promote() gms.Type {
	if p, ok := t.StringType.Promote().(types.StringType); ok {
		return paddedText{p}
	}
	return t
}

// Equals implements gms.Type.
func (t paddedText) Equals(other gms.Type) bool {
	if p, ok := other.(paddedText); ok {
		other = p.StringType
	}
	return t.StringType.Equals(other)
}

// keyPartType returns the type that ranges of a column compare their bounds by.
func keyPartType(t gms.Type) gms.Type {
	if s, ok := t.(types.StringType); ok && Pads(s.Collation()) {
		return paddedText{s}
	}
	return t
}
