// Package jsonb reads and writes JSON documents in MySQL's binary form: the
// bytes of a JSON column in row images, in the store and in the binlog.
//
// A document is a type byte and a value:
//
//	00, 01  object, small and large     04  literal: 00 null, 01 true, 02 false
//	02, 03  array, small and large      05 … 0a  int16, uint16, int32, uint32, int64, uint64
//	0b      double, IEEE 754            0c  string: length, UTF-8 (utf8mb4)
//	0f      opaque: column type 1, length, bytes
//
// Numbers are little-endian; the length of strings and opaque values has seven
// bits a byte, least significant first, the top bit says that more follow.
//
// Objects and arrays are tables, the values behind them:
//
//	count | size | keys: offset, length 2 | values: type 1, offset | keys' bytes | values' bytes
//
// An array has no keys. count, size and offsets take 2 bytes in the small form
// and 4 in the large one; size and offsets count from count. Literals and
// numbers of 16 bits, in the large form those of 32 bits too, stand in the place
// of their offset. Keys are in the order of their length, then of their bytes.
//
// No bytes at all are the literal null, as in MySQL.
//
// Decimals and temporal values are opaque: NEWDECIMAL (246) is precision 1,
// scale 1 and the column's stored form; DATE (10), TIME (11), DATETIME (12) and
// TIMESTAMP (7) are MySQL's packed number of 8 bytes.
//
// Source: MySQL 8.0, comments of sql-common/json_binary.h.
package jsonb

import (
	"errors"
	"fmt"
)

// MaxDepth is how many arrays and objects may lie in each other.
const MaxDepth = 100

// maxKey is the greatest length of a key in bytes.
const maxKey = 1<<16 - 1

// ErrCorrupt is wrapped by every error about bytes that are no JSON document.
var ErrCorrupt = errors.New("malformed JSON document")

// Errors of documents that cannot be stored: MySQL's 3157, 3151 and 3150.
var (
	ErrDepth = errors.New("the JSON document exceeds the maximum depth")
	ErrKey   = errors.New("the JSON object contains a key name that is too long")
	ErrSize  = errors.New("the JSON value is too big")
)

// SyntaxError says what is wrong with a text, in MySQL's words.
type SyntaxError struct {
	Text string // "Invalid value."
	Pos  int    // offset in bytes
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("Invalid JSON text: %q at position %d", e.Text, e.Pos)
}

// Type bytes.
const (
	smallObject = 0x00
	largeObject = 0x01
	smallArray  = 0x02
	largeArray  = 0x03
	literal     = 0x04
	int16Type   = 0x05
	uint16Type  = 0x06
	int32Type   = 0x07
	uint32Type  = 0x08
	int64Type   = 0x09
	uint64Type  = 0x0a
	doubleType  = 0x0b
	stringType  = 0x0c
	opaqueType  = 0x0f
)

// Literals.
const (
	literalNull  = 0
	literalTrue  = 1
	literalFalse = 2
)

// Kind is what a value is.
type Kind uint8

// The kinds, in MySQL's order of precedence, smallest first. Numbers are
// compared with each other whatever their kind.
const (
	Null Kind = iota
	Int
	Uint
	Decimal
	Double
	String
	Object
	Array
	Bool
	Date
	Time
	Datetime
	Timestamp
	Opaque
)

// Column types of opaque values that have a kind of their own.
const (
	columnTimestamp = 7
	columnDate      = 10
	columnTime      = 11
	columnDatetime  = 12
	columnDecimal   = 246
)
