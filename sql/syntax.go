package sql

import (
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/dolthub/vitess/go/vt/sqlparser"

	"binrelay/sql/replstmt"
)

// ownSyntax are words of the functions and operators that ordinaryCalls looks for.
var ownSyntax = []string{"trim", "substr", "binary", "group_concat", "interval", "as time", "as decimal", "signed", "as char", "as nchar", "convert", "case", "b'", "over", "~", "&", "|", "^", "<", ">", "+", "-", "*", "/", "%", " div", " mod", " literal`", "interval of", "adddate", "subdate", "timestampadd"}

// ordinaryCalls turns the functions with a syntax of their own, TRIM(LEADING a
// FROM b), SUBSTRING(a FROM b FOR c) and CAST(a AS BINARY(n)), into calls of
// those of byteFunctions, CAST(a AS TIME(n)), a + INTERVAL b DAY and ~a into
// calls of those of timeFunctions and of DATE_ADD. CASE becomes a call of its conditions and values; it,
// GROUP_CONCAT and conversions to texts become textCalls. GROUP_CONCAT gets one argument: go-mysql-server looks
// at no other. The expressions of definitions, whose text is kept, stay alone.
func ordinaryCalls(stmt sqlparser.Statement, text string) {
	if !mentions(text, ownSyntax) && !hasFraction(text) {
		return
	}
	switch n := stmt.(type) {
	case *sqlparser.Select:
		bitStrings(n.SelectExprs)
		replaceCalls(reflect.ValueOf(stmt))
	case *sqlparser.DDL:
		if n.TriggerSpec != nil {
			replaceCalls(reflect.ValueOf(n.TriggerSpec.Body))
		}
		if n.ProcedureSpec != nil {
			replaceCalls(reflect.ValueOf(n.ProcedureSpec.Body))
		}
		if n.ViewSpec != nil {
			replaceCalls(reflect.ValueOf(n.ViewSpec.ViewExpr))
		}
	case *sqlparser.AlterTable:
	default:
		replaceCalls(reflect.ValueOf(stmt))
	}
}

// hasFraction reports whether a number with decimals may be in a text.
func hasFraction(text string) bool {
	for i := 1; i < len(text); i++ {
		if text[i-1] == '.' && text[i] >= '0' && text[i] <= '9' {
			return true
		}
	}
	return false
}

// mentions reports whether one of some words, in lower case, is in a text.
func mentions(text string, words []string) bool {
	for i := range len(text) {
		for _, w := range words {
			if text[i]|0x20 == w[0] && len(text)-i >= len(w) && strings.EqualFold(text[i:i+len(w)], w) {
				return true
			}
		}
	}
	return false
}

// replaceCalls replaces calls in a syntax tree; sqlparser's own walk cannot.
func replaceCalls(tree reflect.Value) {
	walkSyntax(tree, func(v reflect.Value) {
		if v.Kind() == reflect.Pointer {
			if e, ok := v.Interface().(*sqlparser.AliasedExpr); ok && strings.Contains(e.InputExpression, "`") {
				e.InputExpression = replstmt.OriginalExpression(e.InputExpression)
			}
			return
		}
		if v.Kind() != reflect.Interface || !v.CanSet() {
			return
		}
		if e, ok := v.Interface().(sqlparser.Expr); ok {
			if call := ordinaryCall(e); call != nil {
				v.Set(reflect.ValueOf(call))
			} else if row := rowComparison(e); row != nil {
				v.Set(reflect.ValueOf(row))
			}
		}
	})
}

// walkSyntax visits the interfaces and pointers of a syntax tree that are not
// nil, children first.
func walkSyntax(v reflect.Value, visit func(reflect.Value)) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			walkSyntax(v.Elem(), visit)
			visit(v)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				walkSyntax(v.Field(i), visit)
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		for i := range v.Len() {
			walkSyntax(v.Index(i), visit)
		}
	}
}

func ordinaryCall(e sqlparser.Expr) *sqlparser.FuncExpr {
	switch e := e.(type) {
	case *sqlparser.TrimExpr:
		return newCall("trim "+e.Dir, e.Str, e.Pattern)
	case *sqlparser.SubstrExpr:
		var s sqlparser.Expr = e.StrVal
		if e.Name != nil {
			s = e.Name
		}
		if e.To == nil {
			return newCall("substring", s, e.From)
		}
		return newCall("substring", s, e.From, e.To)
	case *sqlparser.ConvertExpr:
		if strings.EqualFold(e.Type.Type, "binary") && e.Type.Length != nil {
			return newCall("cast binary", e.Expr, e.Type.Length)
		}
		if strings.EqualFold(e.Type.Type, "time") {
			if e.Type.Length != nil {
				return newCall("cast time", e.Expr, e.Type.Length)
			}
			return newCall("cast time", e.Expr)
		}
		if strings.EqualFold(e.Type.Type, "decimal") {
			return castDecimalCall(e)
		}
		if name := castCalls[strings.ToLower(e.Type.Type)]; name != "" {
			return newCall(name, e.Expr)
		}
		if strings.EqualFold(e.Type.Type, "char") || strings.EqualFold(e.Type.Type, "nchar") {
			e.Expr = newCall(dateTextCall, e.Expr)
			return newCall("as text", e)
		}
	case *sqlparser.ConvertUsingExpr:
		return newCall("as text", e)
	case *sqlparser.CaseExpr:
		if !mentions(sqlparser.String(e.Expr), []string{"rand(", "uuid("}) { // evaluated once
			return caseCall(e)
		}
	case *sqlparser.TimestampFuncExpr:
		if strings.EqualFold(e.Name, "timestampadd") {
			return newIntervalCall(addInterval, e.Expr2, &sqlparser.IntervalExpr{Expr: e.Expr1, Unit: strings.TrimPrefix(strings.ToUpper(e.Unit), "SQL_TSI_")})
		}
	case *sqlparser.FuncExpr:
		if call := intervalCall(e); call != nil {
			return call
		}
		frameOf(e)
		if !takesNumbers[e.Name.Lowered()] {
			bitStrings(e.Exprs)
		}
	case *sqlparser.BinaryExpr:
		if _, ok := e.Right.(*sqlparser.IntervalExpr); ok && (e.Operator == sqlparser.PlusStr || e.Operator == sqlparser.MinusStr) {
			return newIntervalCall(map[string]string{sqlparser.PlusStr: addInterval, sqlparser.MinusStr: subtractInterval}[e.Operator], e.Left, e.Right)
		}
		if _, ok := e.Left.(*sqlparser.IntervalExpr); ok && e.Operator == sqlparser.PlusStr {
			return newIntervalCall(addInterval, e.Right, e.Left)
		}
		if name := bitOperators[e.Operator]; name != "" {
			return newCall(name, e.Left, e.Right)
		}
		if op := operators[e.Operator]; op != "" {
			return newCall(operatorCall(op), e.Left, e.Right)
		}
	case *sqlparser.UnaryExpr:
		if e.Operator == sqlparser.TildaStr {
			return newCall("bit not", e.Expr)
		}
		if _, literal := e.Expr.(*sqlparser.SQLVal); e.Operator == sqlparser.UMinusStr && !literal {
			return newCall(operatorCall("-"), e.Expr)
		}
	case *sqlparser.GroupConcatExpr:
		if len(e.Exprs) > 1 {
			concat := &sqlparser.FuncExpr{Name: sqlparser.NewColIdent("concat"), Exprs: e.Exprs}
			e.Exprs = sqlparser.SelectExprs{&sqlparser.AliasedExpr{Expr: concat}}
		}
		for _, x := range e.Exprs {
			if a, ok := x.(*sqlparser.AliasedExpr); ok {
				a.Expr = newCall(dateTextCall, a.Expr)
			}
		}
		return newCall("group text", e)
	case *sqlparser.ComparisonExpr:
		e.Left, e.Right = bitBeside(e.Left, e.Right), bitBeside(e.Right, e.Left)
		e.Left, e.Right = exactBeside(e.Left, e.Right), exactBeside(e.Right, e.Left)
	}
	return nil
}

// castCalls are the conversions to types without digits that are calls.
var castCalls = map[string]string{"signed": "cast signed", "unsigned": "cast unsigned"}

// castDecimalCall is a conversion to DECIMAL as a call with precision and scale.
// One that has more of them than there are stays.
func castDecimalCall(e *sqlparser.ConvertExpr) *sqlparser.FuncExpr {
	digits := []*sqlparser.SQLVal{e.Type.Length, e.Type.Scale}
	for i, d := range digits {
		if d == nil {
			digits[i] = sqlparser.NewIntVal([]byte("0"))
		}
	}
	precision, err := strconv.Atoi(string(digits[0].Val))
	if err != nil || precision > 65 {
		return nil
	}
	if precision == 0 {
		precision, digits[0] = 10, sqlparser.NewIntVal([]byte("10"))
	}
	if scale, err := strconv.Atoi(string(digits[1].Val)); err != nil || scale > min(precision, 30) {
		return nil
	}
	return newCall("cast decimal", e.Expr, digits[0], digits[1])
}

// exactBeside makes a number with decimals that is compared with a column one
// that keeps them: go-mysql-server rounds it to those of the column.
func exactBeside(e, other sqlparser.Expr) sqlparser.Expr {
	v, ok := e.(*sqlparser.SQLVal)
	if _, column := other.(*sqlparser.ColName); ok && column && v.Type == sqlparser.FloatVal {
		return newCall(exactLiteralCall, v)
	}
	return e
}

// bitBeside makes a bit literal that is compared with a string one too.
func bitBeside(e, other sqlparser.Expr) sqlparser.Expr {
	v, ok := e.(*sqlparser.SQLVal)
	s, text := other.(*sqlparser.SQLVal)
	if ok && text && v.Type == sqlparser.BitVal && s.Type == sqlparser.StrVal {
		return bitString(v)
	}
	return e
}

// caseCall is a CASE as a call of its conditions and values.
func caseCall(e *sqlparser.CaseExpr) *sqlparser.FuncExpr {
	var args []sqlparser.Expr
	for _, w := range e.Whens {
		cond := w.Cond
		if e.Expr != nil {
			cond = &sqlparser.ComparisonExpr{Operator: sqlparser.EqualStr, Left: e.Expr, Right: w.Cond}
		}
		args = append(args, cond, w.Val)
	}
	if e.Else != nil {
		args = append(args, e.Else)
	}
	return newCall("case when", args...)
}

// bitStrings makes bit literals the strings of bytes that they are where no
// number is wanted: as arguments of functions, and as results.
func bitStrings(exprs sqlparser.SelectExprs) {
	for _, e := range exprs {
		if a, ok := e.(*sqlparser.AliasedExpr); ok {
			if v, ok := a.Expr.(*sqlparser.SQLVal); ok && v.Type == sqlparser.BitVal {
				a.Expr = bitString(v)
			}
		}
	}
}

func bitString(v *sqlparser.SQLVal) *sqlparser.SQLVal {
	bits := string(v.Val)
	bits = strings.Repeat("0", (8-len(bits)%8)%8) + bits
	out := make([]byte, 0, len(bits)/4)
	for i := 0; i < len(bits); i += 4 {
		n, err := strconv.ParseUint(bits[i:i+4], 2, 8)
		if err != nil {
			return v
		}
		out = strconv.AppendUint(out, n, 16)
	}
	return sqlparser.NewHexVal(out)
}

// takesNumbers are functions that see a number in a bit literal.
var takesNumbers = map[string]bool{"abs": true, "ceil": true, "ceiling": true, "floor": true, "round": true, "truncate": true, "mod": true,
	"bit and": true, "bit or": true, "bit xor": true, "bit not": true, "bit left": true, "bit right": true, "bit_count": true, "sum": true, "avg": true,
	"bin": true, "oct": true, "conv": true, "sign": true, "pow": true, "power": true, "sqrt": true, "hex": true, "values": true, "default": true,
	"if": true, "ifnull": true, "coalesce": true, "nullif": true, "greatest": true, "least": true, "bit_and": true, "bit_or": true, "bit_xor": true}

// bitOperators are functions: go-mysql-server's take no value of 2^63 and above.
var bitOperators = map[string]string{
	sqlparser.BitAndStr: "bit and", sqlparser.BitOrStr: "bit or", sqlparser.BitXorStr: "bit xor",
	sqlparser.ShiftLeftStr: "bit left", sqlparser.ShiftRightStr: "bit right",
}

// frameOf gives an aggregate over a window in descending order the frame of the
// rows up to the current one: go-mysql-server's own, of values, takes all rows
// there. Rows that are equal in that order are not taken together.
func frameOf(e *sqlparser.FuncExpr) {
	if e.Over == nil || len(e.Over.OrderBy) == 0 || e.Over.Frame != nil || !overFrame[e.Name.Lowered()] {
		return
	}
	if slices.ContainsFunc(e.Over.OrderBy, func(o *sqlparser.Order) bool { return o.Direction == sqlparser.DescScr }) {
		e.Over.Frame = &sqlparser.Frame{Unit: sqlparser.RowsUnit, Extent: &sqlparser.FrameExtent{
			Start: &sqlparser.FrameBound{Type: sqlparser.UnboundedPreceding}, End: &sqlparser.FrameBound{Type: sqlparser.CurrentRow},
		}}
	}
}

// overFrame are the functions that look at a window's frame.
var overFrame = map[string]bool{"sum": true, "avg": true, "min": true, "max": true, "count": true, "last_value": true,
	"bit_and": true, "bit_or": true, "bit_xor": true, "std": true, "stddev": true, "stddev_pop": true, "stddev_samp": true,
	"variance": true, "var_pop": true, "var_samp": true}

func newCall(name string, args ...sqlparser.Expr) *sqlparser.FuncExpr {
	call := &sqlparser.FuncExpr{Name: sqlparser.NewColIdent(name)}
	for _, a := range args {
		call.Exprs = append(call.Exprs, &sqlparser.AliasedExpr{Expr: a})
	}
	return call
}

// rowComparison spells (a, b) < (c, d) out as a < c OR a = c AND b < d; nil for
// all else. go-mysql-server compares rows with a NULL wrong.
func rowComparison(e sqlparser.Expr) sqlparser.Expr {
	c, ok := e.(*sqlparser.ComparisonExpr)
	if !ok {
		return nil
	}
	strict := map[string]string{sqlparser.LessThanStr: sqlparser.LessThanStr, sqlparser.LessEqualStr: sqlparser.LessThanStr,
		sqlparser.GreaterThanStr: sqlparser.GreaterThanStr, sqlparser.GreaterEqualStr: sqlparser.GreaterThanStr}[c.Operator]
	left, ok := c.Left.(sqlparser.ValTuple)
	if !ok || strict == "" {
		return nil
	}
	right, ok := c.Right.(sqlparser.ValTuple)
	if !ok || len(left) != len(right) {
		return nil
	}
	last := len(left) - 1
	var out sqlparser.Expr = &sqlparser.ComparisonExpr{Operator: c.Operator, Left: left[last], Right: right[last]}
	for i := last - 1; i >= 0; i-- {
		equal := &sqlparser.ComparisonExpr{Operator: sqlparser.EqualStr, Left: left[i], Right: right[i]}
		less := &sqlparser.ComparisonExpr{Operator: strict, Left: left[i], Right: right[i]}
		out = &sqlparser.OrExpr{Left: less, Right: &sqlparser.AndExpr{Left: equal, Right: out}}
	}
	return &sqlparser.ParenExpr{Expr: out}
}
