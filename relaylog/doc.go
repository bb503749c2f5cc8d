// Package relaylog keeps what a replica received from its source, in MySQL's
// relay-log format, until it is applied.
//
// Each file is laid out as mysqld does it:
//
//	our Format_description   server id of the replica, flag RELAY_LOG
//	Previous_gtids           GTIDs received in older files
//	Rotate                   artificial, server id of the source: its file and position
//	Format_description       the source's, end_log_pos 0
//	events                   unmodified, with the source's end_log_pos
//	Rotate                   ours, when the file ended in good order
//
// An event's offset is therefore not its end_log_pos: both coordinates are
// kept, the relay log's and the source's.
//
// The Receiver appends, the Applier reads what was appended, synced or not.
// Opening the log cuts it to the last complete transaction and says from where
// to ask the source again: duplicates are recognised, holes are not.
package relaylog

import "errors"

// ErrClosed means that the Log was closed.
var ErrClosed = errors.New("relaylog: closed")

// ErrReset ends Readers when the log is reset (RESET SLAVE, CHANGE MASTER).
var ErrReset = errors.New("relaylog: reset")

// ErrUnknownFile means that the index does not name the file (1220, 1380).
var ErrUnknownFile = errors.New("relaylog: file not in the index")

// ErrBadPosition means that no event starts at the position.
var ErrBadPosition = errors.New("relaylog: no event starts there")

// ErrEvent means that an event does not belong into a relay log: a heartbeat,
// or one whose bytes contradict each other.
var ErrEvent = errors.New("relaylog: event refused")
