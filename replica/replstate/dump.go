package replstate

import "time"

// Dump request flags, as sent in COM_BINLOG_DUMP and COM_BINLOG_DUMP_GTID.
const (
	// DumpNonBlock ends the dump with an EOF packet at the end of the binlog.
	DumpNonBlock uint16 = 0x01
	// DumpAnnotateRows is bit 1 as MariaDB's replicas use it (send Annotate_rows
	// events); MySQL 8.0.26 and later use the same bit for heartbeats of version
	// 2. MariaDBCapability tells the two apart.
	DumpAnnotateRows uint16 = 0x02
	// DumpThroughGTID says that the request carries a GTID set (MySQL 5.6).
	DumpThroughGTID uint16 = 0x04
)

// DumpChecksum is what a replica announced with @master_binlog_checksum or
// @source_binlog_checksum before it asked for a dump.
type DumpChecksum uint8

// The values a replica can announce.
const (
	// ChecksumUnset: the variable is not set; such a replica predates event
	// checksums and cannot read them.
	ChecksumUnset DumpChecksum = iota
	// ChecksumNone: the replica understands checksums and wants none.
	ChecksumNone
	// ChecksumCRC32: the replica understands CRC32.
	ChecksumCRC32
	// ChecksumInvalid: the variable holds something else; the dump is refused
	// with error 1236.
	ChecksumInvalid
)

// String returns the spelling of @@binlog_checksum, or "unset" or "invalid".
func (c DumpChecksum) String() string {
	switch c {
	case ChecksumUnset:
		return "unset"
	case ChecksumNone:
		return "NONE"
	case ChecksumCRC32:
		return "CRC32"
	}
	return "invalid"
}

// DumpRequest is what a replica asks for, taken from the dump command, from the
// session's user variables and from the connection. It is plain data: nothing
// in it has been checked against the binlog.
type DumpRequest struct {
	ServerID uint32
	UUID     string // @slave_uuid or @replica_uuid; empty if not set
	File     string // empty = first file of the index
	Pos      uint64 // offset in bytes in File; COM_BINLOG_DUMP carries 32 bits
	Flags    uint16 // Dump… constants

	// ByGTID says that the command was COM_BINLOG_DUMP_GTID. GTIDs then holds the
	// binary set of the transactions that the replica has (MySQL 8.0 manual,
	// "sid block"), at most the size of the packet, not decoded.
	ByGTID bool
	GTIDs  []byte

	// HeartbeatPeriod is @master_heartbeat_period; 0 = no heartbeats.
	HeartbeatPeriod time.Duration
	Checksum        DumpChecksum
	// MariaDBCapability is @mariadb_slave_capability; 0 = not a MariaDB replica.
	MariaDBCapability int
	// SemiSync says that the replica set @rpl_semi_sync_slave (or _replica) and
	// sends acknowledgements.
	SemiSync bool

	ConnectionID uint32
	User         string // account name, without host
	Host         string // client address without port
}

// NonBlock reports whether the dump ends at the end of the binlog.
func (r *DumpRequest) NonBlock() bool { return r.Flags&DumpNonBlock != 0 }

// ReplicaInfo is what a replica tells about itself in COM_REGISTER_SLAVE, for
// SHOW REPLICAS. All strings come from the replica and are unchecked.
type ReplicaInfo struct {
	ConnectionID uint32
	ServerID     uint32
	Host         string // report_host
	User         string // report_user
	Port         uint16 // report_port
	Rank         uint32
	SourceID     uint32
	UUID         string // @slave_uuid or @replica_uuid; empty if not set
	Account      string // account name the connection logged in with
	Address      string // client address without port
}
