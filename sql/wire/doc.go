// Package wire speaks MySQL's client protocol: framing, log-in, commands, result
// sets in both formats, and the hand-over of a connection to the binlog dump.
//
// It plugs into go-mysql-server as a ProtocolListener and calls that server's
// stock handler. One goroutine serves a connection; while a statement or a dump
// runs, a second one watches the socket for a client that goes away.
//
//	client ── packets ── conn ── handler (go-mysql-server) ── engine
//	                      └──── DumpServer (primary), after COM_BINLOG_DUMP
//
// Memory of one connection: two buffers of 16 KiB, the packet being read (at
// most max_allowed_packet, 64 KiB before log-in), and one batch of rows.
//
// Source: MySQL 8.0 source documentation, "Client/Server Protocol".
package wire
