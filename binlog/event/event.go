// Package event holds the bytes of one binlog event: its header, checksum,
// encoders for what we write and decoders for what we must understand.
//
// An event is a 19-byte header, a body and, when the file's Format_description
// says so, a CRC32 of everything before it:
//
//	+-----------+--------+------------+------------+------------+---------+
//	| time (4B) | type 1 | server 4   | size 4     | end pos 4  | flags 2 | body … crc32 4
//	+-----------+--------+------------+------------+------------+---------+
//
// All integers are little-endian; size counts header, body and checksum, in
// bytes. Source: MySQL 8.0 internals, "Binary Log Event".
//
// Nothing here does I/O. Values are plain bytes: safe for concurrent reads,
// not for concurrent writes.
package event

import "encoding/binary"

// HeaderSize is the length of the common event header, in bytes.
const HeaderSize = 19

// ChecksumSize is the length of the trailing CRC32, in bytes.
const ChecksumSize = 4

// Type is the event type code of the common header.
type Type byte

// The event types that we write or understand. Names follow the MySQL manual.
const (
	Unknown            Type = 0
	Query              Type = 2
	Stop               Type = 3
	Rotate             Type = 4
	Intvar             Type = 5
	AppendBlock        Type = 9
	Rand               Type = 13
	UserVar            Type = 14
	FormatDescription  Type = 15
	Xid                Type = 16
	BeginLoadQuery     Type = 17
	ExecuteLoadQuery   Type = 18
	TableMap           Type = 19
	WriteRowsV1        Type = 23
	UpdateRowsV1       Type = 24
	DeleteRowsV1       Type = 25
	Incident           Type = 26
	Heartbeat          Type = 27
	Ignorable          Type = 28
	RowsQuery          Type = 29
	WriteRowsV2        Type = 30
	UpdateRowsV2       Type = 31
	DeleteRowsV2       Type = 32
	GTID               Type = 33
	AnonymousGTID      Type = 34
	PreviousGTIDs      Type = 35
	TransactionCtx     Type = 36
	ViewChange         Type = 37
	XAPrepare          Type = 38
	PartialUpdateRows  Type = 39
	TransactionPayload Type = 40
	HeartbeatV2        Type = 41
	GTIDTagged         Type = 42

	MariaAnnotateRows     Type = 160
	MariaBinlogCheckpoint Type = 161
	MariaGTID             Type = 162
	MariaGTIDList         Type = 163
	MariaStartEncryption  Type = 164
	MariaQueryCompressed  Type = 165
	MariaWriteCompressed  Type = 166
	MariaUpdateCompressed Type = 167
	MariaDeleteCompressed Type = 168

	// LocalHeader and LocalKV appear in the local log only, never in a file
	// that travels. Their bodies are drawn in package sql/storage.
	LocalHeader Type = 240
	LocalKV     Type = 241
)

// Header flags.
const (
	FlagInUse          uint16 = 0x1   // Format_description of the file being written
	FlagThreadSpecific uint16 = 0x4   // Query that uses temporary tables
	FlagSuppressUse    uint16 = 0x8   // Query that needs no default database
	FlagArtificial     uint16 = 0x20  // made for the dump, not in any file
	FlagRelayLog       uint16 = 0x40  // written by a replica's IO thread
	FlagIgnorable      uint16 = 0x80  // a reader that does not know it skips it
	FlagNoFilter       uint16 = 0x100 // apply whatever the filters say
	FlagMTSIsolate     uint16 = 0x200 // apply alone
)

// Event is one whole event, header to checksum. Dump and relay pass it on
// unchanged; only a server's own log rewrites end position and checksum.
type Event []byte

// Timestamp returns the header's time, in seconds since 1970.
func (e Event) Timestamp() uint32 { return binary.LittleEndian.Uint32(e) }

// Type returns the event's type code.
func (e Event) Type() Type { return Type(e[4]) }

// ServerID returns the id of the server the event originates from.
func (e Event) ServerID() uint32 { return binary.LittleEndian.Uint32(e[5:]) }

// Size returns the header's event size in bytes, checksum included.
func (e Event) Size() uint32 { return binary.LittleEndian.Uint32(e[9:]) }

// EndPos returns the header's end_log_pos: the offset after this event in the
// log it was written to first. It wraps at 4 GiB.
func (e Event) EndPos() uint32 { return binary.LittleEndian.Uint32(e[13:]) }

// Flags returns the header's flags.
func (e Event) Flags() uint16 { return binary.LittleEndian.Uint16(e[17:]) }
