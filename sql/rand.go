package sql

import (
	gms "github.com/dolthub/go-mysql-server/sql"
	gmsfunction "github.com/dolthub/go-mysql-server/sql/expression/function"
)

// randState is the state of MySQL's generator behind RAND(). A source logs its
// seeds, and the same numbers must follow. Source: MySQL's my_rnd.cc.
type randState struct{ a, b uint64 }

const randMax = 0x3fffffff

func (r *randState) next() float64 {
	r.a = (r.a*3 + r.b) % randMax
	r.b = (r.a + r.b + 33) % randMax
	return float64(r.a) / randMax
}

// seededRand is RAND() without an argument.
type seededRand struct{ *gmsfunction.Rand }

// Eval implements gms.Expression.
func (r seededRand) Eval(ctx *gms.Context, row gms.Row) (any, error) {
	if s := sessionOf(ctx); s != nil && s.seeds != nil {
		return s.seeds.next(), nil
	}
	return r.Rand.Eval(ctx, row)
}

// WithChildren implements gms.Expression.
func (r seededRand) WithChildren(ctx *gms.Context, children ...gms.Expression) (gms.Expression, error) {
	_, err := r.Rand.WithChildren(ctx, children...)
	return r, err
}

// newRand makes RAND() and RAND(n).
func newRand(ctx *gms.Context, args ...gms.Expression) (gms.Expression, error) {
	e, err := gmsfunction.NewRand(ctx, args...)
	if r, ok := e.(*gmsfunction.Rand); ok && len(args) == 0 {
		return seededRand{r}, nil
	}
	return e, err
}
