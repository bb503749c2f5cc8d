package tables

import (
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/vitess/go/sqltypes"
)

const textType = sqltypes.Text

// Extra of a column definition: the expression of a generated column, and that
// its values are not stored in MySQL. Here they are: row events hold them.
const (
	generatedKey = "generated"
	virtualKey   = "virtual"
)

// CheckEngine accepts ENGINE = InnoDB. Another engine is unknown here: an error
// where sql_mode has NO_ENGINE_SUBSTITUTION and else, and in statements of a
// source, a warning and InnoDB in its place.
func CheckEngine(ctx *gms.Context, engine string) error {
	if strings.EqualFold(engine, "InnoDB") || strings.EqualFold(engine, "binrelay") {
		return nil
	}
	s, err := sessionOf(ctx)
	if err != nil {
		return err
	}
	replicated := s.policy != nil && s.policy.Replicated()
	if !replicated && strings.Contains(gms.LoadSqlMode(ctx).String(), "NO_ENGINE_SUBSTITUTION") {
		return sqlErrorf(1286, "42000", "Unknown storage engine '%s'", engine)
	}
	ctx.Warn(1286, "Unknown storage engine '%s'", engine)
	return nil
}

// harmlessOptions are table options that InnoDB, too, reads and does nothing
// about, or that only say how a table is stored.
var harmlessOptions = map[string]bool{
	"AVG_ROW_LENGTH": true, "CHECKSUM": true, "TABLE_CHECKSUM": true, "DELAY_KEY_WRITE": true, "INSERT_METHOD": true,
	"MAX_ROWS": true, "MIN_ROWS": true, "PACK_KEYS": true, "ROW_FORMAT": true, "KEY_BLOCK_SIZE": true,
	"STATS_AUTO_RECALC": true, "STATS_PERSISTENT": true, "STATS_SAMPLE_PAGES": true, "AUTOEXTEND_SIZE": true,
}

// checkOption refuses table options that ask for what is not there.
func checkOption(name, value string) error {
	switch {
	case harmlessOptions[name]:
		return nil
	case name == "ENCRYPTION" && strings.EqualFold(value, "N"), name == "COMPRESSION" && (value == "" || strings.EqualFold(value, "NONE")):
		return nil
	}
	return unsupported("table option %s", name)
}
