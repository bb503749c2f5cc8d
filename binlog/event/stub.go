package event

import (
	"fmt"

	"binrelay/binlog/gtid"
)

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// ---- control events

// Format is a Format_description: the first event of every file.
type Format struct {
	ServerVersion string
	Created       uint32 // seconds since 1970; 0 unless written at server start
	Checksum      bool   // events of the file end in a CRC32
	PostHeader    []byte // post-header length by type, entry 0 = type 1
}

// PostHeaderLen returns the post-header length of events of type t, or -1 if
// the file's writer did not know the type.
func (f Format) PostHeaderLen(t Type) int { panic("pending") }

func AppendFormat(dst []byte, h Header, version string, created uint32, checksum bool) []byte {
	panic("pending")
}
func DecodeFormat(ev Event) (Format, error) { panic("pending") }

// SetCreated sets the created field of a Format_description, leaves checksum stale.
func SetCreated(ev Event, created uint32) { panic("pending") }

func AppendPreviousGTIDs(dst []byte, h Header, s gtid.Set) []byte               { panic("pending") }
func DecodePreviousGTIDs(ev Event, checksum bool) (gtid.Set, error)             { panic("pending") }
func AppendRotate(dst []byte, h Header, pos uint64, file string) []byte         { panic("pending") }
func DecodeRotate(ev Event, checksum bool) (pos uint64, file string, err error) { panic("pending") }
func AppendStop(dst []byte, h Header) []byte                                    { panic("pending") }

// AppendHeartbeat: v1; header end_log_pos carries pos (set by Finish or here).
func AppendHeartbeat(dst []byte, h Header, file string, pos uint64) []byte         { panic("pending") }
func AppendHeartbeatV2(dst []byte, h Header, file string, pos uint64) []byte       { panic("pending") }
func DecodeHeartbeat(ev Event, checksum bool) (file string, pos uint64, err error) { panic("pending") }
func DecodeIncident(ev Event, checksum bool) (number uint16, message string, err error) {
	panic("pending")
}

// ---- transaction

// GTIDInfo is the content of a Gtid or Anonymous_gtid event.
type GTIDInfo struct {
	GTID              gtid.GTID // zero = Anonymous_gtid
	Tag               string    // of a tagged GTID (decode only)
	Statement         bool      // flag bit 0: the group may hold statement-based changes (DDL, statements)
	LastCommitted     int64
	SequenceNumber    int64
	ImmediateCommit   uint64 // µs since 1970
	OriginalCommit    uint64 // µs since 1970; 0 = same as ImmediateCommit
	TransactionLength uint64 // bytes of all events of the transaction, this one included
	ImmediateVersion  uint32 // e.g. 80036
	OriginalVersion   uint32 // 0 = same as ImmediateVersion
}

// Size returns the size of the event AppendGTID makes, with checksum room.
func (g *GTIDInfo) Size() int { panic("pending") }

// SetLength sets TransactionLength given the bytes of the transaction's other events.
func (g *GTIDInfo) SetLength(rest uint64) { panic("pending") }

func AppendGTID(dst []byte, h Header, g *GTIDInfo) []byte { panic("pending") }

// PatchGTID sets in place what is only known when the transaction is
// sequenced. A zero id makes the event an Anonymous_gtid. Checksum stale.
func PatchGTID(ev Event, id gtid.GTID, lastCommitted, sequence int64, immediateCommit uint64) {
	panic("pending")
}
func DecodeGTID(ev Event, checksum bool) (GTIDInfo, error) { panic("pending") }

// MariaGTIDInfo is the content of MariaDB's Gtid event (162).
type MariaGTIDInfo struct {
	Sequence uint64
	Domain   uint32
	ServerID uint32
	Flags    byte
	CommitID uint64
}

// Standalone: the group is this event and the next one only (DDL): no Xid/COMMIT ends it.
func (g MariaGTIDInfo) Standalone() bool                             { return g.Flags&1 != 0 }
func DecodeMariaGTID(ev Event, checksum bool) (MariaGTIDInfo, error) { panic("pending") }

func AppendXid(dst []byte, h Header, xid uint64) []byte { panic("pending") }

// XidOf returns the number of an Xid event or of a Query's ddl_xid.
func XidOf(ev Event, checksum bool) (uint64, bool) { panic("pending") }

// SetXid patches that number; false if ev carries none. Checksum stale.
func SetXid(ev Event, xid uint64) bool { panic("pending") }

// ---- query

// QueryVar is a set of status variables of a Query event.
type QueryVar uint32

// Bit n is status variable n of MySQL's list; MariaDB's 128.. follow from bit 24.
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

// QueryStatus holds the status variables of a Query event; Has says which.
type QueryStatus struct {
	Has                                                 QueryVar
	Flags2                                              uint32
	SQLMode                                             uint64
	AutoIncrementIncrement, AutoIncrementOffset         uint16
	CharsetClient, CollationConnection, CollationServer uint16
	TimeZone                                            string
	Catalog                                             string // "std"
	LCTime                                              uint16
	CharsetDatabase                                     uint16
	TableMapForUpdate                                   uint64
	InvokerUser, InvokerHost                            string
	UpdatedDBs                                          []string // nil with VarUpdatedDBs: too many
	Microseconds                                        uint32
	ExplicitTimestamp                                   bool
	DDLXid                                              uint64
	DefaultUTF8MB4                                      uint16
	RequirePK, TableEncryption                          byte
	MariaXid                                            uint64
	MariaGTIDFlags3                                     uint16
	MariaCollations                                     []byte
}

// QueryInfo is the content of a Query event.
type QueryInfo struct {
	ThreadID  uint32
	ExecTime  uint32 // seconds
	ErrorCode uint16
	DB        string // default database, "" = none
	Status    QueryStatus
	SQL       string
}

func AppendQuery(dst []byte, h Header, q *QueryInfo) []byte  { panic("pending") }
func DecodeQuery(ev Event, checksum bool) (QueryInfo, error) { panic("pending") }

// QueryText returns the statement only, a view of ev: cheap test for BEGIN, COMMIT.
func QueryText(ev Event, checksum bool) ([]byte, error) { panic("pending") }

// ---- rows

// MetaLevel is binlog_row_metadata.
type MetaLevel uint8

const (
	MetaNone MetaLevel = iota // no optional metadata
	MetaMinimal
	MetaFull
)

// MetaVar says which optional metadata a decoded Table_map carried.
type MetaVar uint16

const (
	HasSignedness MetaVar = 1 << iota
	HasCharsets
	HasNames
	HasSetMembers
	HasEnumMembers
	HasGeometry
	HasPrimaryKey
	HasEnumSetCharsets
	HasVisibility
)

// Column is one column of a Table_map.
type Column struct {
	Type      byte   // MYSQL_TYPE_x as in the binlog (STRING 254 for CHAR, ENUM, SET; BLOB 252 ...)
	Meta      uint16 // as go-mysql: NEWDECIMAL precision<<8|scale; STRING real type<<8|length byte; VARCHAR/BIT little endian; else one byte
	Nullable  bool
	Unsigned  bool
	Collation uint16 // of character, ENUM and SET columns; 0 = not told
	Name      string
	Members   []string // of ENUM and SET, in the column's own character set
	Geometry  uint32
	Invisible bool
}

// TableMapInfo is the content of a Table_map event.
type TableMapInfo struct {
	TableID       uint64 // 48 bits
	Flags         uint16 // 1 = lengths exact
	DB, Table     string
	Columns       []Column
	Has           MetaVar // decode only
	PrimaryKey    []int   // column indexes
	PrimaryPrefix []int   // per PrimaryKey entry, characters, 0 = whole; nil = none
}

func AppendTableMap(dst []byte, h Header, m *TableMapInfo, level MetaLevel) []byte { panic("pending") }
func DecodeTableMap(ev Event, checksum bool) (TableMapInfo, error)                 { panic("pending") }

// TableMapID returns table id without decoding the rest
func TableMapID(ev Event) (uint64, error) { panic("pending") }

// Rows flags.
const (
	RowsStmtEnd       uint16 = 1
	RowsNoFK          uint16 = 2
	RowsRelaxedUnique uint16 = 4
	RowsComplete      uint16 = 8
)

// RowsInfo is the part of a rows event before its rows.
type RowsInfo struct {
	TableID uint64
	Flags   uint16
	Columns int
	Before  []byte // bitmap of columns in (before) images of update/delete; nil = all (encode)
	After   []byte // bitmap of columns in (after) images of update/write; nil = all (encode)
	Rows    []byte // decode: the rows, a view of the event
}

// AppendRows begins a v2 rows event of type t (WriteRowsV2, UpdateRowsV2,
// DeleteRowsV2); the caller appends row images, then calls End(dst, start).
func AppendRows(dst []byte, h Header, t Type, r *RowsInfo) []byte { panic("pending") }

// SetRowsFlags sets rows flags of an event in place (STMT_END on the last). Checksum stale.
func SetRowsFlags(ev Event, flags uint16) { panic("pending") }

// DecodeRows: v1, v2 (and partial update 39's header).
func DecodeRows(ev Event, checksum bool) (RowsInfo, error) { panic("pending") }

func AppendRowsQuery(dst []byte, h Header, sql string) []byte { panic("pending") }

// DecodeRowsQuery: RowsQuery and MariaAnnotateRows.
func DecodeRowsQuery(ev Event, checksum bool) (string, error) { panic("pending") }

// ---- statement context
func DecodeIntvar(ev Event, checksum bool) (kind byte, value uint64, err error) { panic("pending") }
func DecodeRand(ev Event, checksum bool) (seed1, seed2 uint64, err error)       { panic("pending") }

// UserVarInfo is the content of a User_var event.
type UserVarInfo struct {
	Name      string
	Null      bool
	Type      byte // Item_result: 0 string 1 real 2 int 4 decimal
	Collation uint32
	Value     []byte
	Unsigned  bool
}

func DecodeUserVar(ev Event, checksum bool) (UserVarInfo, error) { panic("pending") }

// PayloadInfo is the content of a Transaction_payload event.
type PayloadInfo struct {
	Zstd    bool   // else uncompressed
	Size    uint64 // uncompressed, bytes; 0 = not told
	Payload []byte // view
}

func DecodePayload(ev Event, checksum bool) (PayloadInfo, error) { panic("pending") }

// Inflate turns a compressed event of MariaDB (165-168) into an ordinary one of at most limit bytes.
func Inflate(ev Event, checksum bool, limit int) (Event, error) { panic("pending") }
