// Package gtid holds global transaction identifiers and sets of them.
//
// A GTID is a server's UUID and a number counted from 1: uuid:n. A set is
// written uuid:1-5:7,uuid:3 and has a binary form used by Previous_gtids
// events and COM_BINLOG_DUMP_GTID. Source: MySQL 8.0 manual, "GTID Sets".
package gtid

// UUID is a server's identity, 16 bytes in the order of its text form.
type UUID [16]byte

// GTID names one transaction. The zero value means none (anonymous).
type GTID struct {
	UUID UUID
	GNO  int64 // 1 .. 2^63-2; 0 = none
}

// IsZero reports whether g names no transaction.
func (g GTID) IsZero() bool { return g.GNO == 0 }
