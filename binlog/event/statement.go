package event

import "encoding/binary"

// AppendRowsQuery appends the text of the statement whose rows follow. The
// flag IGNORABLE is set.
func AppendRowsQuery(dst []byte, h Header, sql string) []byte {
	start := len(dst)
	h.Flags |= FlagIgnorable
	dst = append(Begin(dst, h, RowsQuery), byte(min(len(sql), 255))) // readers ignore this length
	return End(append(dst, sql...), start)
}

// DecodeRowsQuery decodes a Rows_query event or MariaDB's Annotate_rows.
func DecodeRowsQuery(ev Event, checksum bool) (string, error) {
	b, err := body(ev, checksum, RowsQuery, MariaAnnotateRows)
	if err != nil {
		return "", err
	}
	if ev.Type() == MariaAnnotateRows {
		return string(b), nil
	}
	if len(b) == 0 {
		return "", malformed("Rows_query without a body")
	}
	return string(b[1:]), nil
}

// Kinds of Intvar event.
const (
	IntvarLastInsertID byte = 1
	IntvarInsertID     byte = 2
)

// DecodeIntvar decodes an Intvar: the value of LAST_INSERT_ID or INSERT_ID for
// the next statement.
func DecodeIntvar(ev Event, checksum bool) (kind byte, value uint64, err error) {
	b, err := body(ev, checksum, Intvar)
	if err != nil {
		return 0, 0, err
	}
	r := reader{b: b}
	kind, value = r.u8(), r.u64()
	return kind, value, r.done("Intvar")
}

// DecodeRand decodes a Rand: the seeds of RAND() for the next statement.
func DecodeRand(ev Event, checksum bool) (seed1, seed2 uint64, err error) {
	b, err := body(ev, checksum, Rand)
	if err != nil {
		return 0, 0, err
	}
	r := reader{b: b}
	seed1, seed2 = r.u64(), r.u64()
	return seed1, seed2, r.done("Rand")
}

// Types of a user variable.
const (
	UserVarString  byte = 0
	UserVarReal    byte = 1 // 8 bytes, IEEE 754
	UserVarInt     byte = 2 // 8 bytes
	UserVarDecimal byte = 4 // precision, scale, then the binary decimal
)

// UserVarInfo is the content of a User_var event: a user variable that the
// next statement refers to.
type UserVarInfo struct {
	Name      string
	Null      bool
	Type      byte
	Collation uint32
	Value     []byte // a view of the event
	Unsigned  bool
}

// DecodeUserVar decodes a User_var event.
func DecodeUserVar(ev Event, checksum bool) (UserVarInfo, error) {
	b, err := body(ev, checksum, UserVar)
	if err != nil {
		return UserVarInfo{}, err
	}
	r := reader{b: b}
	v := UserVarInfo{Name: string(r.take(uint64(r.u32()))), Null: r.u8() != 0}
	if v.Null {
		return v, r.done("User_var")
	}
	v.Type, v.Collation = r.u8(), r.u32()
	v.Value = r.take(uint64(r.u32()))
	if len(r.b) > 0 {
		v.Unsigned = r.u8()&1 != 0
	}
	if !r.bad && (v.Type == UserVarReal || v.Type == UserVarInt) && len(v.Value) != 8 {
		return UserVarInfo{}, malformed("User_var with a number of %d bytes", len(v.Value))
	}
	return v, r.done("User_var")
}

// Number returns the value of a variable of type UserVarInt or UserVarReal as
// the 8 bytes it has.
func (v UserVarInfo) Number() uint64 { return binary.LittleEndian.Uint64(v.Value) }
