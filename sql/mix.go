package sql

import (
	"fmt"
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	builtin "github.com/dolthub/go-mysql-server/sql/expression/function"
	"github.com/dolthub/go-mysql-server/sql/expression/function/aggregation"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/types"
)

// coercible is how strongly an expression holds on to its collation: less is
// stronger. Source: MySQL 8.0, "Collation Coercibility in Expressions".
type coercible byte

const (
	explicit  coercible = iota // COLLATE
	noneLeft                   // of strings whose collations do not go together
	implicit                   // a column's
	sysconst                   // of USER() and its like
	literal                    // of a literal
	numeric                    // of a number or a date
	ignorable                  // of NULL
)

var coercibleNames = [...]string{"EXPLICIT", "NONE", "IMPLICIT", "SYSCONST", "COERCIBLE", "NUMERIC", "IGNORABLE"}

// mix is the collation of an expression's text.
type mix struct {
	collation gms.CollationID
	strength  coercible
	ascii     bool // of characters below 0x80 only, as far as is known
}

func (m mix) String() string {
	return fmt.Sprintf("(%s,%s)", m.collation.Name(), coercibleNames[m.strength])
}

func isBinSort(c gms.CollationID) bool { return strings.HasSuffix(c.Name(), "_bin") }

func isUnicode(c gms.CharacterSetID) bool {
	switch c {
	case gms.CharacterSet_utf8mb4, gms.CharacterSet_utf8mb3, gms.CharacterSet_utf16, gms.CharacterSet_utf32:
		return true
	}
	return false
}

// superset reports whether b's text can become a's without loss. Source: MySQL
// 8.0, left_is_superset.
func superset(a, b mix) bool {
	left, right := a.collation.CharacterSet(), b.collation.CharacterSet()
	stronger, same := a.strength < b.strength, a.strength == b.strength
	if isUnicode(left) && (stronger || same && (!isUnicode(right) || left == gms.CharacterSet_utf8mb4 && right == gms.CharacterSet_utf8mb3)) {
		return true
	}
	return b.ascii && (stronger || same && !a.ascii)
}

// join returns the collation of two expressions together; ok is false when they
// do not go together. Source: MySQL 8.0, DTCollation::aggregate.
func (m mix) join(o mix) (out mix, ok bool) {
	ascii := m.ascii && o.ascii
	defer func() { out.ascii = ascii }()
	if left, right := m.collation.CharacterSet(), o.collation.CharacterSet(); left != right {
		switch {
		case m.collation == gms.Collation_binary:
			if m.strength <= o.strength {
				return m, true
			}
			return o, true
		case o.collation == gms.Collation_binary:
			if o.strength <= m.strength {
				return o, true
			}
			return m, true
		case superset(m, o):
			return m, true
		case superset(o, m):
			return o, true
		case m.strength < o.strength && o.strength >= sysconst:
			return m, true
		case o.strength < m.strength && m.strength >= sysconst:
			return o, true
		}
		return mix{collation: gms.Collation_binary, strength: noneLeft}, false
	}
	switch {
	case m.strength < o.strength, m.collation == o.collation && m.strength == o.strength:
		return m, true
	case o.strength < m.strength:
		return o, true
	case m.strength == explicit:
		return mix{collation: gms.Collation_binary, strength: noneLeft}, false
	case isBinSort(m.collation):
		return m, true
	case isBinSort(o.collation):
		return o, true
	}
	return mix{collation: m.collation.CharacterSet().BinaryCollation(), strength: noneLeft}, true
}

// mixOf returns the collation of an expression.
func mixOf(ctx *gms.Context, e gms.Expression) mix {
	switch e := e.(type) {
	case *expression.Alias:
		return mixOf(ctx, e.Child)
	case *expression.CollatedExpression:
		c, _ := e.CollationCoercibility(ctx)
		return mix{collation: c, strength: explicit}
	case *textCall:
		if e.folded != nil {
			return *e.folded
		}
		return mixOf(ctx, e.Expression)
	case *byteCall:
		return e.mix(ctx)
	case *usingCall:
		return mix{collation: e.charset.DefaultCollation(), strength: implicit}
	case *groupText:
		return mix{collation: ctx.GetCollation(), strength: implicit}
	case *regexpCall:
		m := mixTogether(ctx, e.args[:2])
		return mix{collation: m.collation, strength: m.strength}
	case *builtin.If:
		return mixTogether(ctx, e.Children()[1:])
	case *expression.Case:
		return mixTogether(ctx, caseValues(e))
	case *builtin.NullIf:
		return mixOf(ctx, e.Children()[0])
	case *aggregation.Max:
		return mixOf(ctx, e.Child)
	case *aggregation.Min:
		return mixOf(ctx, e.Child)
	case *aggregation.GroupConcat:
		return mixTogether(ctx, e.OutputExpressions())
	case *hidden:
		return mixOf(ctx, e.Expression)
	case *columnOfQuery:
		return e.mix
	case *concatenation:
		return mixOf(ctx, e.value)
	case *ordered:
		return mixOf(ctx, e.Expression)
	case *converted:
		return mixOf(ctx, e.Expression)
	}
	if !e.Resolved() {
		return mix{collation: ctx.GetCollation(), strength: literal}
	}
	t := e.Type(ctx)
	own := mix{collation: ctx.GetCollation(), strength: implicit}
	text, isText := t.(gms.TypeWithCollation)
	switch {
	case t == nil || t == types.Null:
		return mix{collation: gms.Collation_binary, strength: ignorable, ascii: true}
	case types.IsJSON(t):
		own.collation = gms.Collation_utf8mb4_bin
	case !isText:
		return mix{collation: own.collation, strength: numeric, ascii: true}
	case text.Collation() != gms.Collation_Unspecified:
		own.collation = text.Collation()
	}
	switch e := e.(type) {
	case *expression.Literal:
		own.strength = literal
		s, ok := e.Value().(string)
		own.ascii = ok && isASCII(s)
	case *expression.BindVar:
		own.strength = literal
	case *expression.GetField, *plan.Subquery, *expression.UserVar:
	case *expression.Convert:
		if types.IsTextOnly(t) {
			own.collation = ctx.GetCollation()
		}
	case *expression.ConvertUsing:
		own.collation, _ = e.CollationCoercibility(ctx)
	default:
		if c, n := gms.GetCoercibility(ctx, e); own.collation != gms.Collation_binary {
			own.strength = coercible(min(n, byte(literal)))
			if own.strength == literal {
				own.collation = ctx.GetCollation() // the connection's, whatever the type says
			} else if c != gms.Collation_binary && c != gms.Collation_Unspecified {
				own.collation = c
			}
		}
	}
	return own
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// caseValues are the values that a CASE may have.
func caseValues(c *expression.Case) []gms.Expression {
	var out []gms.Expression
	for _, b := range c.Branches {
		out = append(out, b.Value)
	}
	if c.Else != nil {
		out = append(out, c.Else)
	}
	return out
}

// mixTogether is the collation of a text that is made of several. Numbers alone
// have the connection's.
func mixTogether(ctx *gms.Context, args []gms.Expression) mix {
	out := mix{collation: gms.Collation_binary, strength: ignorable, ascii: true}
	for _, a := range args {
		out, _ = out.join(mixOf(ctx, a))
	}
	if out.strength == numeric {
		out.collation, out.strength = ctx.GetCollation(), literal
	}
	return out
}

// compared returns the collation that an operation compares its operands by.
// Operands that do not go together are error 1267, or 1270 or 1271.
func compared(ctx *gms.Context, operation string, args ...gms.Expression) (gms.CollationID, error) {
	mixes := make([]mix, len(args))
	out, fit := mix{collation: gms.Collation_binary, strength: ignorable}, true
	for i, a := range args {
		mixes[i] = mixOf(ctx, a)
		if i == 0 {
			out = mixes[0]
			continue
		}
		var ok bool
		out, ok = out.join(mixes[i])
		fit = fit && ok
	}
	if out.strength == noneLeft || !fit {
		switch len(mixes) {
		case 2:
			return 0, sqlError(1267, "HY000", "Illegal mix of collations %v and %v for operation '%s'", mixes[0], mixes[1], operation)
		case 3:
			return 0, sqlError(1270, "HY000", "Illegal mix of collations %v, %v, %v for operation '%s'", mixes[0], mixes[1], mixes[2], operation)
		}
		return 0, sqlError(1271, "HY000", "Illegal mix of collations for operation '%s'", operation)
	}
	if out.strength >= numeric {
		return ctx.GetCollation(), nil
	}
	return out.collation, nil
}
