package event

import (
	"encoding/binary"
	"fmt"
)

// QueryVar is a set of status variables of a Query event.
type QueryVar uint32

// Bit n stands for status variable n; MariaDB's 128 … follow from bit 24.
// Source: MySQL 8.0 internals, "Query_log_event"; MariaDB log_event.h.
const (
	VarFlags2            QueryVar = 1 << 0
	VarSQLMode           QueryVar = 1 << 1
	VarAutoIncrement     QueryVar = 1 << 3
	VarCharset           QueryVar = 1 << 4
	VarTimeZone          QueryVar = 1 << 5
	VarCatalog           QueryVar = 1 << 6
	VarLCTime            QueryVar = 1 << 7
	VarCharsetDatabase   QueryVar = 1 << 8
	VarTableMapForUpdate QueryVar = 1 << 9
	VarInvoker           QueryVar = 1 << 11
	VarUpdatedDBs        QueryVar = 1 << 12
	VarMicroseconds      QueryVar = 1 << 13
	VarExplicitTimestamp QueryVar = 1 << 16
	VarDDLXid            QueryVar = 1 << 17
	VarDefaultUTF8MB4    QueryVar = 1 << 18
	VarRequirePK         QueryVar = 1 << 19
	VarTableEncryption   QueryVar = 1 << 20
	VarMariaHRNow        QueryVar = 1 << 24
	VarMariaXid          QueryVar = 1 << 25
	VarMariaGTIDFlags3   QueryVar = 1 << 26
	VarMariaCollations   QueryVar = 1 << 27
)

const (
	varDDLXid  = 17  // the key of VarDDLXid
	mariaFirst = 128 // the key of VarMariaHRNow

	maxUpdatedDBs = 16  // more are written as tooManyDBs
	tooManyDBs    = 254 // no list: may change any database
)

// QueryStatus holds the session state that a statement depends on. Has says
// which fields are set.
type QueryStatus struct {
	Has                 QueryVar
	Flags2              uint32 // OPTION_ bits: autocommit, foreign_key_checks, unique_checks …
	SQLMode             uint64
	AutoIncrement       uint16 // auto_increment_increment
	AutoIncrementOffset uint16
	CharsetClient       uint16 // collation ids
	CollationConnection uint16
	CollationServer     uint16
	TimeZone            string
	Catalog             string // always "std"
	LCTime              uint16
	CharsetDatabase     uint16
	TableMapForUpdate   uint64
	InvokerUser         string
	InvokerHost         string
	UpdatedDBs          []string // empty although set: too many, may be any
	Microseconds        uint32   // fraction of the header's time; also from MariaDB's hrnow
	ExplicitTimestamp   bool     // explicit_defaults_for_timestamp
	DDLXid              uint64
	DefaultUTF8MB4      uint16 // collation id
	RequirePK           byte   // sql_require_primary_key
	TableEncryption     byte   // default_table_encryption
	MariaXid            uint64
	MariaGTIDFlags3     uint16
	MariaCollations     []byte // pairs of character set and collation id, 2 bytes each
}

// QueryInfo is the content of a Query event.
type QueryInfo struct {
	ThreadID  uint32
	ExecTime  uint32 // seconds
	ErrorCode uint16 // the error that the statement ended with on the source; 0 = none
	DB        string // default database; "" = none
	Status    QueryStatus
	SQL       string
}

// querySplit cuts the part of a Query event after its header into status
// variables and the rest (database, NUL, statement), both views.
func querySplit(b []byte) (vars, rest []byte, err error) {
	if len(b) < queryFixed {
		return nil, nil, malformed("Query of %d bytes", len(b))
	}
	n := int(binary.LittleEndian.Uint16(b[11:]))
	b = b[queryFixed:]
	if n > len(b) {
		return nil, nil, malformed("Query with %d bytes of status variables in %d", n, len(b))
	}
	return b[:n:n], b[n:], nil
}

// AppendQuery appends a Query event. Status variables are written in ascending
// order of their keys, because a reader stops at the first it does not know;
// those of MariaDB are not written.
func AppendQuery(dst []byte, h Header, q *QueryInfo) []byte {
	start := len(dst)
	if len(q.DB) > 255 {
		panic(fmt.Sprintf("event: database name of %d bytes", len(q.DB)))
	}
	dst = Begin(dst, h, Query)
	dst = binary.LittleEndian.AppendUint32(dst, q.ThreadID)
	dst = binary.LittleEndian.AppendUint32(dst, q.ExecTime)
	dst = append(dst, byte(len(q.DB)))
	dst = binary.LittleEndian.AppendUint16(dst, q.ErrorCode)
	dst = append(dst, 0, 0)
	vars := len(dst)
	dst = appendStatus(dst, &q.Status)
	binary.LittleEndian.PutUint16(dst[vars-2:], uint16(len(dst)-vars))
	dst = append(append(dst, q.DB...), 0)
	return End(append(dst, q.SQL...), start)
}

// appendStatus appends the variables of s in ascending order.
func appendStatus(dst []byte, s *QueryStatus) []byte {
	le := binary.LittleEndian
	has := func(v QueryVar) bool { return s.Has&v != 0 }
	if has(VarFlags2) {
		dst = le.AppendUint32(append(dst, 0), s.Flags2)
	}
	if has(VarSQLMode) {
		dst = le.AppendUint64(append(dst, 1), s.SQLMode)
	}
	if has(VarAutoIncrement) {
		dst = le.AppendUint16(append(dst, 3), s.AutoIncrement)
		dst = le.AppendUint16(dst, s.AutoIncrementOffset)
	}
	if has(VarCharset) {
		dst = le.AppendUint16(append(dst, 4), s.CharsetClient)
		dst = le.AppendUint16(dst, s.CollationConnection)
		dst = le.AppendUint16(dst, s.CollationServer)
	}
	if has(VarTimeZone) {
		dst = appendShort(append(dst, 5), s.TimeZone)
	}
	if has(VarCatalog) {
		dst = appendShort(append(dst, 6), s.Catalog)
	}
	if has(VarLCTime) {
		dst = le.AppendUint16(append(dst, 7), s.LCTime)
	}
	if has(VarCharsetDatabase) {
		dst = le.AppendUint16(append(dst, 8), s.CharsetDatabase)
	}
	if has(VarTableMapForUpdate) {
		dst = le.AppendUint64(append(dst, 9), s.TableMapForUpdate)
	}
	if has(VarInvoker) {
		dst = appendShort(append(dst, 11), s.InvokerUser)
		dst = appendShort(dst, s.InvokerHost)
	}
	if has(VarUpdatedDBs) {
		dst = appendUpdatedDBs(append(dst, 12), s.UpdatedDBs)
	}
	if has(VarMicroseconds) {
		dst = appendUint(append(dst, 13), uint64(s.Microseconds), 3)
	}
	if has(VarExplicitTimestamp) {
		dst = append(dst, 16, 0)
		if s.ExplicitTimestamp {
			dst[len(dst)-1] = 1
		}
	}
	if has(VarDDLXid) {
		dst = le.AppendUint64(append(dst, varDDLXid), s.DDLXid)
	}
	if has(VarDefaultUTF8MB4) {
		dst = le.AppendUint16(append(dst, 18), s.DefaultUTF8MB4)
	}
	if has(VarRequirePK) {
		dst = append(dst, 19, s.RequirePK)
	}
	if has(VarTableEncryption) {
		dst = append(dst, 20, s.TableEncryption)
	}
	return dst
}

func appendUpdatedDBs(dst []byte, dbs []string) []byte {
	if len(dbs) == 0 || len(dbs) > maxUpdatedDBs {
		return append(dst, tooManyDBs)
	}
	dst = append(dst, byte(len(dbs)))
	for _, db := range dbs {
		dst = append(append(dst, db...), 0)
	}
	return dst
}

// DecodeQuery decodes a Query event of MySQL or MariaDB. A status variable it
// does not know ends the scan of the variables without an error, as in MySQL.
// Strings are copies.
func DecodeQuery(ev Event, checksum bool) (QueryInfo, error) {
	b, err := body(ev, checksum, Query)
	if err != nil {
		return QueryInfo{}, err
	}
	return decodeQuery(b)
}

// decodeQuery decodes the body of a Query event.
func decodeQuery(b []byte) (QueryInfo, error) {
	vars, rest, err := querySplit(b)
	if err != nil {
		return QueryInfo{}, err
	}
	r := reader{b: b}
	q := QueryInfo{ThreadID: r.u32(), ExecTime: r.u32()}
	dbLen := int(r.u8())
	q.ErrorCode = r.u16()
	if len(rest) < dbLen+1 || rest[dbLen] != 0 {
		return QueryInfo{}, malformed("Query with a database name of %d bytes in %d", dbLen, len(rest))
	}
	q.DB, q.SQL = string(rest[:dbLen]), string(rest[dbLen+1:])
	v := reader{b: vars}
	for len(v.b) > 0 && !v.bad {
		if !v.queryVar(v.u8(), &q.Status) {
			break
		}
	}
	return q, v.done("status variable of Query")
}

// QueryText returns the statement of a Query event, a view of ev. It is a cheap
// way to tell BEGIN and COMMIT from others.
func QueryText(ev Event, checksum bool) ([]byte, error) {
	b, err := body(ev, checksum, Query)
	if err != nil {
		return nil, err
	}
	_, rest, err := querySplit(b)
	if err != nil {
		return nil, err
	}
	dbLen := int(b[8])
	if len(rest) < dbLen+1 {
		return nil, malformed("Query with a database name of %d bytes in %d", dbLen, len(rest))
	}
	return rest[dbLen+1:], nil
}

// queryVar reads the value of variable key into s. It returns false if it does
// not know the key.
func (r *reader) queryVar(key byte, s *QueryStatus) bool {
	switch key {
	case 0:
		s.Flags2 = r.u32()
	case 1:
		s.SQLMode = r.u64()
	case 2: // catalog of MySQL 5.0.0 to 5.0.3, with a NUL
		s.Catalog = r.short()
		r.take(1)
		key = 6
	case 3:
		s.AutoIncrement, s.AutoIncrementOffset = r.u16(), r.u16()
	case 4:
		s.CharsetClient, s.CollationConnection, s.CollationServer = r.u16(), r.u16(), r.u16()
	case 5:
		s.TimeZone = r.short()
	case 6:
		s.Catalog = r.short()
	case 7:
		s.LCTime = r.u16()
	case 8:
		s.CharsetDatabase = r.u16()
	case 9:
		s.TableMapForUpdate = r.u64()
	case 10: // bytes of the statement before rewriting, internal to MySQL
		r.take(4)
		return true
	case 11:
		s.InvokerUser, s.InvokerHost = r.short(), r.short()
	case 12:
		s.UpdatedDBs = r.updatedDBs()
	case 13:
		s.Microseconds = uint32(r.uint(3))
	case 14, 15: // commit times of MySQL 5.7 labs releases
		r.take(8)
		return true
	case 16:
		s.ExplicitTimestamp = r.u8() != 0
	case varDDLXid:
		s.DDLXid = r.u64()
	case 18:
		s.DefaultUTF8MB4 = r.u16()
	case 19:
		s.RequirePK = r.u8()
	case 20:
		s.TableEncryption = r.u8()
	case mariaFirst:
		s.Microseconds = uint32(r.uint(3))
	case mariaFirst + 1:
		s.MariaXid = r.u64()
	case mariaFirst + 2:
		s.MariaGTIDFlags3 = r.u16()
	case mariaFirst + 3:
		s.MariaCollations = r.take(4 * uint64(r.u8()))
	default:
		return false
	}
	if key >= mariaFirst {
		key = key - mariaFirst + 24
	}
	s.Has |= 1 << key
	return true
}

func (r *reader) updatedDBs() []string {
	n := r.u8()
	if n == tooManyDBs {
		return nil
	}
	if int(n) > len(r.b) {
		r.bad = true
		return nil
	}
	dbs := make([]string, n)
	for i := range dbs {
		dbs[i] = r.cstring()
	}
	return dbs
}

// findDDLXid returns the value of ddl_xid among status variables, or nil.
func findDDLXid(vars []byte) []byte {
	r := reader{b: vars}
	for len(r.b) > 0 && !r.bad {
		key := r.u8()
		if key == varDDLXid {
			return r.take(8)
		}
		if !r.skipVar(key) {
			return nil
		}
	}
	return nil
}

// skipVar passes over the value of a variable that may stand before ddl_xid,
// without allocating. It returns false if it does not know the key.
func (r *reader) skipVar(key byte) bool {
	switch key {
	case 16, 19, 20:
		r.take(1)
	case 7, 8, 18:
		r.take(2)
	case 13, mariaFirst:
		r.take(3)
	case 0, 3, 10:
		r.take(4)
	case 4:
		r.take(6)
	case 1, 9, 14, 15, mariaFirst + 1:
		r.take(8)
	case 2:
		r.take(uint64(r.u8()) + 1)
	case 5, 6:
		r.take(uint64(r.u8()))
	case 11:
		r.take(uint64(r.u8()))
		r.take(uint64(r.u8()))
	case 12:
		n := r.u8()
		for i := byte(0); n != tooManyDBs && i < n && !r.bad; i++ {
			for r.u8() != 0 {
			}
		}
	default:
		return false
	}
	return true
}
