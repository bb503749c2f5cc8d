// Package primary serves the binlog to replicas and other readers: a Registry
// that knows who is connected, and one dump session per reader, run by the
// goroutine of its connection.
//
// A dump session sends, in this order: an artificial Rotate that names file
// and position; the file's Format_description; events as they stand in the
// file; at each file change the real Rotate, then an artificial one and the
// next Format_description; when idle a heartbeat each period. It ends when the
// reader goes away, when it is killed, or, if the reader asked for it, at the
// end of the binlog. Source: MySQL 8.0 internals, "Replication Protocol", and
// the sessions of mysqld, MariaDB and their tools as captured.
//
// A session holds one read buffer and nothing else: a reader that stops
// reading blocks its own goroutine and costs commits nothing. Errors that the
// reader must see are *replstate.Error with MySQL's number and text.
package primary
