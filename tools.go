//go:build tools

// Package binrelay pins the modules that the project is built on, so that
// `go mod tidy` never drops one that a build tag hides.
package binrelay

import (
	_ "github.com/cockroachdb/pebble/v2"
	_ "github.com/dolthub/go-mysql-server"
	_ "github.com/go-mysql-org/go-mysql/replication"
	_ "github.com/go-sql-driver/mysql"
	_ "github.com/prometheus/client_golang/prometheus"
	_ "github.com/spf13/cobra"
	_ "github.com/spf13/viper"
)
