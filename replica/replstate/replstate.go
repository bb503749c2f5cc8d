// Package replstate holds the plain structs that primary, replica, sql and the
// status page exchange: source configuration, replica status, connected peers,
// filters, dump requests. Standard library only; no behaviour that needs I/O.
package replstate
