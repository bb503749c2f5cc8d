// Package sql is the SQL server: go-mysql-server's engine on top of
// sql/storage, sessions and transactions, system variables, the replication
// statements, accounts, and the wire listener in front of all that.
//
// A server is composed by its caller:
//
//	vars, err := sql.NewVariables(conf)           // names and values of my.cnf
//	engine := …                                   // storage, reading vars (SyncBinlog, GTIDMode, …)
//	srv, err := sql.New(sql.Options{Engine: engine, Variables: vars, …})
//	err = srv.Start()                             // listens, returns
//	defer srv.Stop(ctx)
//
// The replica and the primary side are reached through ReplicaAdmin and
// PrimaryAdmin only; nil means that the server has none, and its statements
// answer as a server that is not configured.
package sql
