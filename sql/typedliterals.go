package sql

import (
	"strings"
	"time"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/sqltypes"

	"binrelay/sql/replstmt"
	"binrelay/sql/tables"
)

// typedLiterals are the calls that stand for DATE '…', TIME '…' and TIMESTAMP '…'.
func typedLiterals() map[string]gms.Function {
	out := make(map[string]gms.Function)
	for _, kind := range []string{"date", "time", "timestamp"} {
		name := kind + replstmt.TypedLiteral
		out[name] = gms.FunctionN{Name: name, Fn: func(ctx *gms.Context, args ...gms.Expression) (gms.Expression, error) {
			if len(args) != 1 {
				return nil, sqlError(1582, "42000", "Incorrect parameter count in the call to native function '%s'", kind)
			}
			l, ok := args[0].(*expression.Literal)
			if !ok {
				return args[0], nil
			}
			return typedLiteral(ctx, kind, argText(l.Value()))
		}}
	}
	return out
}

// typedLiteral is a literal with the digits of a fraction that are written.
func typedLiteral(ctx *gms.Context, kind, text string) (gms.Expression, error) {
	shown := map[string]string{"date": "DATE", "time": "TIME", "timestamp": "DATETIME"}[kind]
	wrong := sqlError(1525, "HY000", "Incorrect %s value: '%s'", shown, text)
	if kind == "time" {
		us, ok := parseTime(ctx, text)
		if !ok || us > maxTime || us < -maxTime {
			return nil, wrong
		}
		_, fraction, _ := strings.Cut(text, ".")
		return &timeLiteral{expression.NewLiteral(types.Timespan(us), types.Time), min(len(strings.TrimSpace(fraction)), 6)}, nil
	}
	d, ok := tables.ParseDate(text)
	if !ok || d.Rest {
		return nil, wrong
	}
	if d.Time.Equal(types.ZeroTime) && strings.Contains(gms.LoadSqlMode(ctx).String(), "NO_ZERO_DATE") {
		return nil, wrong
	}
	if kind == "date" {
		return expression.NewLiteral(d.Time.Truncate(24*time.Hour), types.Date), nil
	}
	return expression.NewLiteral(d.Time, types.MustCreateDatetimeType(sqltypes.Datetime, d.Digits)), nil
}

// timeLiteral is TIME '…' with digits of a fraction.
type timeLiteral struct {
	*expression.Literal
	digits int
}

// WithChildren implements gms.Expression.
func (l *timeLiteral) WithChildren(_ *gms.Context, children ...gms.Expression) (gms.Expression, error) {
	if len(children) > 0 {
		return nil, gms.ErrInvalidChildrenNumber.New(l, len(children), 0)
	}
	return l, nil
}
