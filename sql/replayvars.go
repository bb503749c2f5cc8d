package sql

import (
	"math"
	"strconv"
	"strings"
	"time"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/vitess/go/vt/sqlparser"

	"binrelay/sql/tables"
)

// nameNumbers puts names in place of the numbers that mysqlbinlog prints: bits
// of SQL modes, ids of collations.
func nameNumbers(stmt sqlparser.Statement) error {
	set, ok := stmt.(*sqlparser.Set)
	if !ok {
		return nil
	}
	for _, e := range set.Exprs {
		v, ok := e.Expr.(*sqlparser.SQLVal)
		if !ok || v.Type != sqlparser.IntVal {
			continue
		}
		name := strings.ToLower(e.Name.Name.String())
		if !valuesWithNumbers[name] {
			continue
		}
		text, err := namedValue(name, string(v.Val))
		if err != nil {
			return err
		}
		e.Expr = sqlparser.NewStrVal([]byte(text))
	}
	return nil
}

// valuesWithNumbers are the variables whose values can be given as numbers.
var valuesWithNumbers = map[string]bool{
	"sql_mode": true, "default_collation_for_utf8mb4": true, "collation_connection": true, "collation_server": true, "collation_database": true,
	"character_set_client": true, "character_set_connection": true, "character_set_results": true, "character_set_server": true,
}

func namedValue(name, digits string) (string, error) {
	n, err := strconv.ParseUint(digits, 10, 64)
	if name == "sql_mode" {
		if err != nil {
			return "", sqlError(1231, "42000", "Variable 'sql_mode' can't be set to the value of '%s'", digits)
		}
		return sqlModeText(n), nil
	}
	known := err == nil && n <= math.MaxUint16 && tables.KnownCollation(uint16(n))
	c := gms.CollationID(n)
	switch charset := strings.HasPrefix(name, "character_set"); {
	case !known && charset:
		return "", sqlError(1115, "42000", "Unknown character set: '%s'", digits)
	case !known:
		return "", sqlError(1273, "HY000", "Unknown collation: '%s'", digits)
	case charset:
		return c.CharacterSet().Name(), nil
	}
	return c.Name(), nil
}

// follow acts on the variables that say something of the statements that
// follow. v is the value as it is stored.
func (s *Session) follow(name string, v any) {
	switch strings.ToLower(name) {
	case "insert_id":
		if n, ok := v.(int64); ok {
			s.SetInsertID(uint64(n))
		}
	case "last_insert_id":
		if n, ok := v.(int64); ok {
			s.GetLastQueryInfo().LastInsertId.Store(n)
		}
	case "timestamp":
		if t, ok := v.(float64); ok {
			s.at = time.Time{}
			if whole, part := math.Modf(t); t != 0 {
				s.at = time.Unix(int64(whole), int64(math.Round(part*1e6))*1000)
			}
		}
	case "rand_seed1", "rand_seed2":
		if s.seeds == nil {
			s.seeds = &randState{}
		}
		if n, ok := v.(int64); ok && strings.EqualFold(name, "rand_seed1") {
			s.seeds.a = uint64(n)
		} else if ok {
			s.seeds.b = uint64(n)
		}
	}
}

// setTime sets the time of the statement that begins, where SET TIMESTAMP has
// given one.
func (s *Session) setTime(ctx *gms.Context) {
	if !s.at.IsZero() {
		ctx.SetQueryTime(s.at)
	}
}
