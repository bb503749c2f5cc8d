// Package gtid holds global transaction identifiers and sets of them.
//
// A GTID is a server's UUID and a number counted from 1: uuid:n. A set is
// written uuid:1-5:7,uuid:3 and has a binary form used by Previous_gtids
// events and COM_BINLOG_DUMP_GTID. Source: MySQL 8.0 manual, "GTID Sets".
package gtid

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrSyntax means that a text is no UUID, GTID or set; ErrMalformed says the
// same of a binary set. ErrTagged means that a binary set has tags (MySQL 8.3),
// which a Set cannot hold.
var (
	ErrSyntax    = errors.New("gtid: malformed text")
	ErrMalformed = errors.New("gtid: malformed binary set")
	ErrTagged    = errors.New("gtid: set with tags")
)

// MaxGNO is the greatest number that a transaction can have.
const MaxGNO = 1<<63 - 2

// uuidText is the length of a UUID's text form, in bytes.
const uuidText = 36

// UUID is a server's identity, 16 bytes in the order of its text form.
type UUID [16]byte

// GTID names one transaction. The zero value means none (anonymous).
type GTID struct {
	UUID UUID
	GNO  int64 // 1 .. MaxGNO; 0 = none
}

// IsZero reports whether g names no transaction.
func (g GTID) IsZero() bool { return g.GNO == 0 }

// IsZero reports whether u is all zeros, which no server uses.
func (u UUID) IsZero() bool { return u == UUID{} }

// ParseUUID parses the forms that MySQL accepts, in either case: 8-4-4-4-12
// hexadecimal digits, the same in braces, and 32 digits without dashes. It
// fails with ErrSyntax.
func ParseUUID(s string) (UUID, error) {
	var u UUID
	t := s
	if len(t) == uuidText+2 && t[0] == '{' && t[len(t)-1] == '}' {
		t = t[1 : len(t)-1]
	}
	var digits [32]byte
	switch len(t) {
	case 32:
		copy(digits[:], t)
	case uuidText:
		if t[8] != '-' || t[13] != '-' || t[18] != '-' || t[23] != '-' {
			return UUID{}, syntaxError("UUID", s)
		}
		copy(digits[0:], t[0:8])
		copy(digits[8:], t[9:13])
		copy(digits[12:], t[14:18])
		copy(digits[16:], t[19:23])
		copy(digits[20:], t[24:36])
	default:
		return UUID{}, syntaxError("UUID", s)
	}
	if _, err := hex.Decode(u[:], digits[:]); err != nil {
		return UUID{}, syntaxError("UUID", s)
	}
	return u, nil
}

// AppendText appends the 36-character lower-case form of u to dst.
func (u UUID) AppendText(dst []byte) []byte {
	dst = hex.AppendEncode(dst, u[0:4])
	dst = append(dst, '-')
	dst = hex.AppendEncode(dst, u[4:6])
	dst = append(dst, '-')
	dst = hex.AppendEncode(dst, u[6:8])
	dst = append(dst, '-')
	dst = hex.AppendEncode(dst, u[8:10])
	dst = append(dst, '-')
	return hex.AppendEncode(dst, u[10:16])
}

// String returns the 36-character lower-case form of u.
func (u UUID) String() string {
	var buf [uuidText]byte
	return string(u.AppendText(buf[:0]))
}

// Parse parses uuid:n, with white space allowed around either part. It fails
// with ErrSyntax; a number outside 1 … MaxGNO is an error too.
func Parse(s string) (GTID, error) {
	head, tail, ok := strings.Cut(s, ":")
	if !ok {
		return GTID{}, syntaxError("GTID", s)
	}
	u, err := ParseUUID(strings.TrimSpace(head))
	if err != nil {
		return GTID{}, syntaxError("GTID", s)
	}
	n, err := parseGNO(strings.TrimSpace(tail))
	if err != nil {
		return GTID{}, syntaxError("GTID", s)
	}
	return GTID{u, n}, nil
}

// String returns uuid:n, or "ANONYMOUS" for the zero GTID.
func (g GTID) String() string {
	if g.IsZero() {
		return "ANONYMOUS"
	}
	var buf [uuidText + 20]byte
	b := append(g.UUID.AppendText(buf[:0]), ':')
	return string(strconv.AppendInt(b, g.GNO, 10))
}

// parseGNO parses a number from 1 to MaxGNO made of digits alone.
func parseGNO(s string) (int64, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil || n < 1 || n > MaxGNO {
		return 0, ErrSyntax
	}
	return int64(n), nil
}

// syntaxError names what could not be parsed, shortened for the log.
func syntaxError(what, text string) error {
	const limit = 80
	if len(text) > limit {
		text = text[:limit] + "…"
	}
	return fmt.Errorf("%w: %q is no %s", ErrSyntax, text, what)
}
