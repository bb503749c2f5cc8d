// Package tables makes the tables of sql/storage known to go-mysql-server:
// databases, tables, indexes and editors as thin adapters over storage.Tx, and
// the sessions' transactions.
//
//	go-mysql-server ─ Provider ─ Database ─ Table ─ rowIter  ─→ storage.Tx.Scan
//	                                         │  └── Editor   ─→ storage.Tx.Insert, Update, Delete
//	                                         └ DDL methods   ─→ storage.DDL, one scope per statement
//
// A row of go-mysql-server is a []any; a row of the storage is a row image. A
// codec, compiled once per table definition, turns one into the other. TIMESTAMP
// is stored in UTC and shown in the session's time zone.
//
// What go-mysql-server accepts but this package cannot honour (generated
// columns, spatial types, full-text indexes, …) fails with MySQL's error 1235.
package tables
