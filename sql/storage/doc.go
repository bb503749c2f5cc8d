// Package storage keeps databases, tables, rows and settings in Pebble, and is
// the way of every commit: locks, row changes, the two logs, recovery. It knows
// nothing of SQL; rows cross its border as canonical row images (rowimage).
//
// An Engine is opened in two steps, so that a server may look at what a crash
// left before anything is changed:
//
//	r, err := storage.OpenRecovery(o) // locks, opens, scans; changes nothing
//	…                                 // r.Tail, r.CutAfter: after a failover
//	e, err := r.Replay(ctx)           // applies the tail and serves
//
// # Guarantees
//
// A commit that was answered without error survives kill and power cut while
// sync_binlog is 1. The store holds exactly what the logs say: after any crash
// it is a prefix of them, in commit order, with all halves of a transaction or
// none. What cannot be so any more (a lost file, a damaged byte in a group that
// was synced) keeps the server from starting, with file and offset.
//
// # Two logs, one numbering
//
// Pebble runs without a log of its own. What travels stands in the binlog
// (package binlog), what must not travel in the local log: rows of private
// transactions, catalog changes, settings, the coordinates of replicas. Every
// record of either has a commit sequence number (CSN): 1, 2, 3 … without a gap
// over both. A transaction in both logs is mixed: its local half has n, its
// binlog half n+1.
//
//	commit → queue → A  number, write both logs, sync them side by side   ← commit point
//	                 B  wait for semi-sync acknowledgements
//	                 C  one batch into Pebble with the coordinate key; visible
//	                 →  release locks, answer
//
// The coordinate key is in every batch: recovery reads from it which prefix the
// store holds, takes the longest gapless run behind it from both logs and
// replays that. The run ends where a crash tore the last group; see mergeTail.
// The bytes of the local log are drawn in localformat.go, the key space in
// keys.go and coord.go.
//
// # Files
//
//	<datadir>/#store    Pebble; its lock file keeps other processes away
//	<datadir>/#local    the local log
//	<datadir>/#errant   what a recovery cut from the logs, by CSN
//	<datadir>/#tmp      large transactions that spilled
package storage
