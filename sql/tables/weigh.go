package tables

import (
	"fmt"
	"sync/atomic"
	"unicode/utf8"

	gms "github.com/dolthub/go-mysql-server/sql"
)

// knownCollations marks the ids that go-mysql-server can compare with.
var knownCollations = func() (known [1 << 10]bool) {
	for it := gms.NewCollationsIterator(); ; {
		c, ok := it.Next()
		if !ok {
			return known
		}
		if int(c.ID) < len(known) && c.Sorter != nil && c.CharacterSet.Encoder() != nil {
			known[c.ID] = true
		}
	}
}()

// KnownCollation reports whether a MySQL collation id is one that this server
// can compare and sort with.
func KnownCollation(id uint16) bool {
	return int(id) < len(knownCollations) && knownCollations[id]
}

// Weigh is the storage.Weigh of this server: it appends the weight of the
// stored bytes s under the MySQL collation with that id. Weights compare as
// go-mysql-server compares the strings; collations with the pad attribute PAD
// SPACE ignore trailing spaces, as in MySQL.
//
// A code point's weight takes 2 bytes below 0x8000, else 4 bytes with the top
// bit set, big-endian, so that bytes order as weights do.
func Weigh(dst []byte, collation uint16, s []byte) ([]byte, error) {
	id := gms.CollationID(collation)
	if id == gms.Collation_binary {
		return append(dst, s...), nil
	}
	if !KnownCollation(collation) {
		return nil, fmt.Errorf("collation %d is not supported", collation)
	}
	charset := id.CharacterSet()
	if id.PadAttribute() != "NO PAD" {
		for len(s) > 0 && s[len(s)-1] == ' ' {
			s = s[:len(s)-1]
		}
	}
	switch id {
	case gms.Collation_utf8mb4_bin, gms.Collation_utf8mb4_0900_bin, gms.Collation_utf8mb3_bin, gms.Collation_ascii_bin:
		// UTF-8 bytes order as code points do.
		return append(dst, s...), nil
	}
	switch charset {
	case gms.CharacterSet_utf8mb4, gms.CharacterSet_utf8mb3, gms.CharacterSet_ascii:
	default:
		dec, ok := charset.Encoder().Decode(s)
		if !ok {
			return nil, fmt.Errorf("bytes outside the character set %s", charset.Name())
		}
		s = dec
	}
	weight, ascii := id.Sorter(), asciiWeights(id)
	for len(s) > 0 {
		var w uint32
		if c := s[0]; c < utf8.RuneSelf {
			w, s = ascii[c], s[1:]
		} else {
			r, n := utf8.DecodeRune(s)
			w, s = uint32(weight(r)), s[n:]
		}
		if w < 0x8000 {
			dst = append(dst, byte(w>>8), byte(w))
		} else {
			w |= 1 << 31
			dst = append(dst, byte(w>>24), byte(w>>16), byte(w>>8), byte(w))
		}
	}
	return dst, nil
}

// asciiKnown are the weights of the ASCII characters, by collation.
var asciiKnown [1 << 10]atomic.Pointer[[utf8.RuneSelf]uint32]

// asciiWeights returns the weights of the ASCII characters under a known
// collation: its own function searches for each.
func asciiWeights(id gms.CollationID) *[utf8.RuneSelf]uint32 {
	if w := asciiKnown[id].Load(); w != nil {
		return w
	}
	w, weight := new([utf8.RuneSelf]uint32), id.Sorter()
	for c := range w {
		w[c] = uint32(weight(rune(c)))
	}
	asciiKnown[id].Store(w)
	return w
}
