package sql

import (
	"maps"
	"slices"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	builtin "github.com/dolthub/go-mysql-server/sql/expression/function"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/vt/sqlparser"

	"binrelay/sql/jsondoc"
	"binrelay/sql/tables"
)

// byteCall is a call of a byteFunction. It is go-mysql-server's call as long as
// its strings are text.
type byteCall struct {
	gms.Expression
	f         *byteFunction
	kind      stringKind
	collation gms.CollationID // that texts are compared by, once the plan is made
}

// stringKind is what the strings of a call are.
type stringKind int

const (
	unknownKind stringKind = iota
	textKind
	binaryKind
)

var (
	_ gms.FunctionExpression = (*byteCall)(nil)
	_ gms.CollationCoercible = (*byteCall)(nil)
)

// catalog is the provider of databases, and of the functions that are put in
// front of go-mysql-server's own.
type catalog struct {
	*tables.Provider
	functions map[string]gms.Function
	grants    *grantDatabase  // mysql; nil = not made yet
	native    map[string]bool // all functions that are not stored
	stored    func(ctx *gms.Context, schema, name string) (gms.Function, bool)
}

var _ gms.FunctionProvider = (*catalog)(nil)

// Function implements gms.FunctionProvider. name is in lower case.
func (c *catalog) Function(ctx *gms.Context, schema, name string) (gms.Function, bool) {
	if f, ok := c.functions[name]; ok && schema == "" {
		return f, true
	}
	if c.stored == nil || schema == "" && c.native[name] {
		return nil, false
	}
	return c.stored(ctx, schema, name)
}

func newCatalog(p *tables.Provider) *catalog {
	c := &catalog{Provider: p, functions: jsondoc.Functions(), native: make(map[string]bool)}
	base := make(map[string]gms.Function, len(builtin.BuiltIns))
	for _, f := range builtin.BuiltIns {
		base[f.FunctionName()] = f
		c.native[f.FunctionName()] = true
	}
	for _, name := range aggregates {
		c.functions[name] = newAggregate(base[name])
	}
	for _, direction := range []string{sqlparser.Leading, sqlparser.Trailing, sqlparser.Both} {
		base["trim "+direction] = gms.Function2{Fn: func(_ *gms.Context, s, cut gms.Expression) gms.Expression {
			return builtin.NewTrim(s, cut, direction)
		}}
	}
	base["cast binary"] = base["left"]
	for i := range byteFunctions {
		f := &byteFunctions[i]
		own := base[f.name]
		c.functions[f.name] = ofText(gms.FunctionN{
			Name: f.name,
			Fn: func(ctx *gms.Context, args ...gms.Expression) (gms.Expression, error) {
				e, err := own.NewInstance(ctx, args)
				if err != nil {
					return nil, err
				}
				return &byteCall{Expression: e, f: f}, nil
			},
		})
	}
	c.functions["rand"] = gms.FunctionN{Name: "rand", Fn: newRand}
	for _, list := range [][]function{timeFunctions, dateFunctions, intervalFunctions, numberFunctions, bitFunctions, lockFunctions, accountFunctions} {
		for i := range list {
			c.functions[list[i].name] = list[i].native()
		}
	}
	c.functions["last_insert_id"] = (&function{name: "last_insert_id", max: 1, varies: true, typ: types.Uint64, eval: lastInsertID}).native()
	for _, name := range textCalls {
		if f := c.functions[name]; f != nil {
			c.functions[name] = ofCollation(f)
		} else if f := base[name]; f != nil {
			c.functions[name] = ofCollation(f)
		}
	}
	for i := range regexpFunctions {
		c.functions[regexpFunctions[i].name] = regexpFunctions[i].native()
	}
	c.functions["case when"] = gms.FunctionN{Name: "case", Fn: newCase}
	c.functions["group text"] = gms.Function1{Name: "text", Fn: func(_ *gms.Context, e gms.Expression) gms.Expression { return &groupText{textCall{Expression: e}} }}
	c.functions["as text"] = gms.Function1{Name: "text", Fn: asTextCall}
	maps.Copy(c.functions, typedLiterals())
	c.functions["from_unixtime"] = fromUnixFunction(c.functions["from_unixtime"], c.functions["date_format"])
	maps.Copy(c.functions, operatorFunctions())
	for _, name := range textFunctions {
		if f := c.functions[name]; f != nil {
			c.functions[name] = ofText(f)
		} else if f := base[name]; f != nil {
			c.functions[name] = ofText(f)
		}
	}
	for _, name := range speltFunctions {
		if f := c.functions[name]; f != nil {
			c.functions[name] = ofDates(f)
		}
	}
	c.functions[exactLiteralCall] = gms.Function1{Name: exactLiteralCall, Fn: newExactLiteral}
	c.functions[dateTextCall] = gms.Function1{Name: dateTextCall, Fn: spelt}
	for _, name := range []string{"ifnull", "coalesce", "greatest", "least"} {
		c.functions[name] = ofScale(c.functions[name], func(args []gms.Expression) []gms.Expression { return args })
	}
	c.functions["if"] = ofScale(c.functions["if"], func(args []gms.Expression) []gms.Expression { return args[min(1, len(args)):] })
	return c
}

// FunctionName implements gms.FunctionExpression.
func (c *byteCall) FunctionName() string { return c.f.name }

// Description implements gms.FunctionExpression.
func (c *byteCall) Description() string {
	if f, ok := c.Expression.(gms.FunctionExpression); ok {
		return f.Description()
	}
	return ""
}

// WithChildren implements gms.Expression.
func (c *byteCall) WithChildren(ctx *gms.Context, args ...gms.Expression) (gms.Expression, error) {
	e, err := c.Expression.WithChildren(ctx, args...)
	if err != nil {
		return nil, err
	}
	return &byteCall{Expression: e, f: c.f, collation: c.collation}, nil
}

// Type implements gms.Expression.
func (c *byteCall) Type(ctx *gms.Context) gms.Type {
	if c.binary(ctx) {
		if t := c.Expression.Type(ctx); !gms.IsNumberType(t) {
			return types.LongBlob
		}
		return types.Int64
	}
	t := c.Expression.Type(ctx)
	if !types.IsTextOnly(t) {
		return t
	}
	return typeIn(t, c.mix(ctx))
}

// CollationCoercibility implements gms.CollationCoercible.
func (c *byteCall) CollationCoercibility(ctx *gms.Context) (gms.CollationID, byte) {
	m := c.mix(ctx)
	return m.collation, byte(m.strength)
}

// Eval implements gms.Expression.
func (c *byteCall) Eval(ctx *gms.Context, row gms.Row) (any, error) {
	binary := c.binary(ctx)
	text := !binary && c.f.text != nil && c.ofTexts(ctx)
	if !binary && !c.f.always && !text {
		return c.Expression.Eval(ctx, row)
	}
	children := c.Children()
	args := make([]byteArg, len(children))
	for i, e := range children {
		var err error
		if text && c.f.kind(i) == 's' {
			var s string
			s, args[i].null, err = textValue(ctx, e, row)
			args[i].b = []byte(s)
		} else {
			args[i], err = byteValue(ctx, row, e, c.f.kind(i))
		}
		if err != nil {
			return nil, err
		}
		if args[i].null && !c.f.nulls {
			return nil, nil
		}
	}
	var v any
	if text {
		if c.collation == gms.Collation_Unspecified {
			known, err := c.collated(ctx)
			if err != nil {
				return nil, err
			}
			c.collation = known.collation
		}
		v = c.f.text(c.collation, args, maxPacket(ctx))
	} else {
		v = c.f.eval(args, maxPacket(ctx))
	}
	switch v := v.(type) {
	case tooLong:
		ctx.Warn(1301, "Result of %s() was larger than max_allowed_packet (%d) - truncated", c.f.name, maxPacket(ctx))
		return nil, nil
	case []byte:
		if !binary {
			return string(v), nil
		}
	}
	return v, nil
}

// ofTexts reports whether a function that compares has texts alone; others make
// texts of their arguments.
func (c *byteCall) ofTexts(ctx *gms.Context) bool {
	if !c.f.compare {
		return true
	}
	for _, e := range c.Children() {
		if t := e.Type(ctx); t != types.Null && !textual(t) {
			return false
		}
	}
	return true
}

// collated returns a call that compares by the collation of its arguments.
func (c *byteCall) collated(ctx *gms.Context) (*byteCall, error) {
	if c.f.text == nil || c.binary(ctx) || !c.ofTexts(ctx) {
		return c, nil
	}
	var texts []gms.Expression
	for i, e := range c.Children() {
		if c.f.kind(i) == 's' {
			texts = append(texts, e)
		}
	}
	own := *c
	var err error
	own.collation, err = compared(ctx, c.f.name, texts...)
	return &own, err
}

// kind is the kind of the i-th argument.
func (f *byteFunction) kind(i int) byte { return f.kinds[min(i, len(f.kinds)-1)] }

// binary reports whether the call works on bytes: a binary string among its
// strings wins over text of the same or a higher coercibility. Source: MySQL
// 8.0, DTCollation::aggregate.
func (c *byteCall) binary(ctx *gms.Context) bool {
	if c.f.binary {
		return true
	}
	if c.kind != unknownKind {
		return c.kind == binaryKind
	}
	if !c.Resolved() {
		return false
	}
	const none = 255
	text, binary := byte(none), byte(none)
	c.kind = textKind
	for i, e := range c.Children() {
		if c.f.kind(i) != 's' {
			continue
		}
		switch t := e.Type(ctx); {
		case t == nil || t == types.Null:
		case isBinary(t):
			binary = min(binary, coercibility(ctx, e))
		case types.IsText(t) || types.IsEnum(t) || types.IsSet(t):
			text = min(text, coercibility(ctx, e))
		case c.f.compare:
			return false
		}
	}
	if binary != none && binary <= text {
		c.kind = binaryKind
	}
	return c.kind == binaryKind
}

func isBinary(t gms.Type) bool {
	if _, ok := t.(types.BitType); ok {
		return true
	}
	s, ok := t.(gms.StringType)
	return ok && types.IsBinaryType(s)
}

// coercibility is MySQL's coercibility of a string: 2 of a column, 4 of a
// literal.
func coercibility(ctx *gms.Context, e gms.Expression) byte {
	switch e := e.(type) {
	case *expression.Literal, *expression.BindVar:
		return 4
	case *expression.GetField, *expression.UserVar, *expression.Convert:
		return 2
	case *expression.Alias:
		return coercibility(ctx, e.Child)
	case *byteCall:
		return strongest(ctx, e.Children())
	}
	_, n := gms.GetCoercibility(ctx, e)
	return min(n, 4)
}

func strongest(ctx *gms.Context, args []gms.Expression) byte {
	out := byte(4)
	for _, a := range args {
		out = min(out, coercibility(ctx, a))
	}
	return out
}

// byteValue evaluates an argument: a string as the bytes it is stored as.
func byteValue(ctx *gms.Context, row gms.Row, e gms.Expression, kind byte) (out byteArg, err error) {
	v, err := e.Eval(ctx, row)
	if err != nil {
		return out, err
	}
	if v, err = gms.UnwrapAny(ctx, v); err != nil || v == nil {
		return byteArg{null: true}, err
	}
	if kind == 'n' {
		n, _, err := types.ConvertOrTruncate(ctx, v, types.Int64)
		if err != nil {
			return out, err
		}
		out.n, _ = n.(int64)
		return out, nil
	}
	t := e.Type(ctx)
	if b, ok := t.(types.BitType); ok {
		n, _, err := types.Uint64.Convert(ctx, v)
		if err != nil {
			return out, err
		}
		return byteArg{b: bitBytes(n.(uint64), int(b.NumberOfBits()))}, nil
	}
	switch v := v.(type) {
	case []byte:
		return byteArg{b: slices.Clip(v)}, nil
	case string:
		return byteArg{b: stored(v, t)}, nil
	}
	s, _, err := types.ConvertToCollatedString(ctx, v, t)
	return byteArg{b: stored(s, t)}, err
}

// stored returns the bytes of a text in its column's character set.
func stored(s string, t gms.Type) []byte {
	if text, ok := t.(gms.StringType); ok && !types.IsBinaryType(t) {
		if b, ok := tables.EncodeText(text.CharacterSet().Encoder(), s); ok {
			return b
		}
	}
	return []byte(s)
}

// bitBytes are the bytes of a BIT(n) value.
func bitBytes(v uint64, n int) []byte {
	out := make([]byte, (n+7)/8)
	for i := range out {
		out[len(out)-1-i] = byte(v >> (8 * i))
	}
	return out
}

// maxPacket is max_allowed_packet, in bytes.
func maxPacket(ctx *gms.Context) int {
	if s := serverOf(ctx); s != nil {
		return int(s.vars.Int("max_allowed_packet"))
	}
	return 64 << 20
}
