package sql

import (
	"fmt"
	"testing"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/types"
)

// A byteCall takes the children of go-mysql-server's call for its arguments.
func TestByteCall_ChildrenAreTheArguments(t *testing.T) {
	ctx := gms.NewEmptyContext()
	functions := newCatalog(nil).functions
	for i := range byteFunctions {
		f := functions[byteFunctions[i].name]
		for n := 1; n <= 5; n++ {
			args := make([]gms.Expression, n)
			for i := range args {
				args[i] = expression.NewLiteral(fmt.Sprint(i), types.LongText)
			}
			e, err := f.NewInstance(ctx, args)
			if err != nil {
				continue // not with so many
			}
			for i, c := range e.Children() {
				if c.String() != args[i].String() {
					t.Errorf("%s: child %d of %d is %s", f.FunctionName(), i, n, c)
				}
			}
		}
	}
}
