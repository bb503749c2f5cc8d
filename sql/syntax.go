package sql

import (
	"reflect"
	"strings"

	"github.com/dolthub/vitess/go/vt/sqlparser"
)

// ownSyntax are words of the functions and operators that ordinaryCalls looks for.
var ownSyntax = []string{"trim", "substr", "binary", "group_concat", "interval", "as time", "~"}

// ordinaryCalls turns the functions with a syntax of their own, TRIM(LEADING a
// FROM b), SUBSTRING(a FROM b FOR c) and CAST(a AS BINARY(n)), into calls of
// those of byteFunctions, CAST(a AS TIME(n)), a + INTERVAL b DAY and ~a into
// calls of those of timeFunctions and of DATE_ADD. GROUP_CONCAT gets one argument: go-mysql-server looks
// at no other. The expressions of definitions, whose text is kept, stay alone.
func ordinaryCalls(stmt sqlparser.Statement, text string) {
	if !mentions(text, ownSyntax) {
		return
	}
	switch n := stmt.(type) {
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
		if v.Kind() != reflect.Interface || !v.CanSet() {
			return
		}
		if e, ok := v.Interface().(sqlparser.Expr); ok {
			if call := ordinaryCall(e); call != nil {
				v.Set(reflect.ValueOf(call))
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
	case *sqlparser.BinaryExpr:
		if _, ok := e.Right.(*sqlparser.IntervalExpr); ok && (e.Operator == sqlparser.PlusStr || e.Operator == sqlparser.MinusStr) {
			return newCall(map[string]string{sqlparser.PlusStr: "date_add", sqlparser.MinusStr: "date_sub"}[e.Operator], e.Left, e.Right)
		}
		if _, ok := e.Left.(*sqlparser.IntervalExpr); ok && e.Operator == sqlparser.PlusStr {
			return newCall("date_add", e.Right, e.Left)
		}
	case *sqlparser.UnaryExpr:
		if e.Operator == sqlparser.TildaStr {
			return newCall("bit not", e.Expr)
		}
	case *sqlparser.GroupConcatExpr:
		if len(e.Exprs) > 1 {
			concat := &sqlparser.FuncExpr{Name: sqlparser.NewColIdent("concat"), Exprs: e.Exprs}
			e.Exprs = sqlparser.SelectExprs{&sqlparser.AliasedExpr{Expr: concat}}
		}
	}
	return nil
}

func newCall(name string, args ...sqlparser.Expr) *sqlparser.FuncExpr {
	call := &sqlparser.FuncExpr{Name: sqlparser.NewColIdent(name)}
	for _, a := range args {
		call.Exprs = append(call.Exprs, &sqlparser.AliasedExpr{Expr: a})
	}
	return call
}
