package jsondoc

import (
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression/function/json"
	"github.com/dolthub/go-mysql-server/sql/types"

	"binrelay/binlog/jsonb"
)

// constructor makes a function's expression.
type constructor func(*gms.Context, ...gms.Expression) (gms.Expression, error)

// function is one JSON function. Its first docs arguments, all if negative, are
// documents: strings there are parsed by us.
type function struct {
	docs int
	make constructor
}

// functions are go-mysql-server's, given Docs, and some of our own.
var functions = map[string]function{
	"json_array":          {0, newMaker("json_array", array)},
	"json_array_append":   {1, json.NewJSONArrayAppend},
	"json_array_insert":   {1, json.NewJSONArrayInsert},
	"json_contains":       {2, newCall("json_contains", 2, 3, types.Boolean, contains)},
	"json_contains_path":  {1, json.NewJSONContainsPath},
	"json_depth":          {1, json.NewJSONDepth},
	"json_extract":        {1, newCall("json_extract", 2, 1<<16, types.JSON, extract)},
	"json_insert":         {1, json.NewJSONInsert},
	"json_keys":           {1, json.NewJSONKeys},
	"json_length":         {1, json.NewJsonLength},
	"json_merge":          {-1, newMerge("json_merge", (*jsonb.Builder).MergePreserve)},
	"json_merge_patch":    {-1, newMerge("json_merge_patch", (*jsonb.Builder).MergePatch)},
	"json_merge_preserve": {-1, newMerge("json_merge_preserve", (*jsonb.Builder).MergePreserve)},
	"json_object":         {0, newMaker("json_object", object)},
	"json_overlaps":       {2, json.NewJSONOverlaps},
	"json_pretty": {1, func(ctx *gms.Context, args ...gms.Expression) (gms.Expression, error) {
		if len(args) != 1 {
			return nil, gms.ErrInvalidArgumentNumber.New("JSON_PRETTY", "1", len(args))
		}
		return json.NewJSONPretty(ctx, args[0]), nil
	}},
	"json_remove":       {1, json.NewJSONRemove},
	"json_replace":      {1, json.NewJSONReplace},
	"json_search":       {1, json.NewJSONSearch},
	"json_set":          {1, json.NewJSONSet},
	"json_storage_free": {1, newCall("json_storage_free", 1, 1, types.Int64, storageFree)},
	"json_storage_size": {1, newCall("json_storage_size", 1, 1, types.Int64, storageSize)},
	"json_type":         {1, json.NewJSONType},
	"json_value":        {1, json.NewJsonValue},
}

// Functions returns the functions that take the place of the engine's, by name.
func Functions() map[string]gms.Function {
	out := make(map[string]gms.Function, len(functions))
	for name, f := range functions {
		out[name] = gms.FunctionN{Name: name, Fn: func(ctx *gms.Context, args ...gms.Expression) (gms.Expression, error) {
			own := make([]gms.Expression, len(args))
			for i, a := range args {
				own[i] = a
				if _, done := a.(*argument); !done && (f.docs < 0 || i < f.docs) {
					own[i] = &argument{unary{a}, name, i + 1}
				}
			}
			return f.make(ctx, own...)
		}}
	}
	return out
}

// argument is a document given to a function.
type argument struct {
	unary
	function string
	number   int // from 1
}

// String implements gms.Expression.
func (a *argument) String() string { return a.child.String() }

// WithChildren implements gms.Expression.
func (a *argument) WithChildren(_ *gms.Context, children ...gms.Expression) (gms.Expression, error) {
	u, err := onlyChild(a, children)
	return &argument{u, a.function, a.number}, err
}

// Eval implements gms.Expression.
func (a *argument) Eval(ctx *gms.Context, row gms.Row) (any, error) {
	v, err := a.child.Eval(ctx, row)
	if v == nil || err != nil {
		return nil, err
	}
	if _, ok := v.(gms.JSONWrapper); ok {
		return From(ctx, v, nil)
	}
	s, ok, err := text(ctx, v)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, sqlErrorf(3146, "22032", "Invalid data type for JSON data in argument %d to function %s; a JSON string or JSON type is required.", a.number, a.function)
	}
	d, err := Parse(s)
	if err != nil {
		return nil, argumentError(err, a.number, a.function)
	}
	return d, nil
}

// call is a call of a function of our own.
type call struct {
	name string
	typ  gms.Type
	args []gms.Expression
	eval func(ctx *gms.Context, args []any) (any, error)
	// build is for functions that make a document of any values.
	build func(ctx *gms.Context, b *jsonb.Builder, args []any, types []gms.Type) error
}

var (
	_ gms.FunctionExpression = (*call)(nil)
	_ gms.CollationCoercible = (*call)(nil)
)

func newCall(name string, low, high int, t gms.Type, eval func(*gms.Context, []any) (any, error)) constructor {
	return func(_ *gms.Context, args ...gms.Expression) (gms.Expression, error) {
		if len(args) < low || len(args) > high {
			return nil, sqlErrorf(1582, "42000", "Incorrect parameter count in the call to native function '%s'", name)
		}
		return &call{name: name, typ: t, args: args, eval: eval}, nil
	}
}

func newMaker(name string, build func(*gms.Context, *jsonb.Builder, []any, []gms.Type) error) constructor {
	return func(_ *gms.Context, args ...gms.Expression) (gms.Expression, error) {
		if name == "json_object" && len(args)%2 != 0 {
			return nil, sqlErrorf(1582, "42000", "Incorrect parameter count in the call to native function '%s'", name)
		}
		return &call{name: name, typ: types.JSON, args: args, build: build}, nil
	}
}

// FunctionName implements gms.FunctionExpression.
func (c *call) FunctionName() string { return c.name }

// Description implements gms.FunctionExpression.
func (c *call) Description() string { return "a JSON function" }

// Resolved implements gms.Expression.
func (c *call) Resolved() bool {
	for _, a := range c.args {
		if !a.Resolved() {
			return false
		}
	}
	return true
}

// String implements gms.Expression.
func (c *call) String() string {
	parts := make([]string, len(c.args))
	for i, a := range c.args {
		parts[i] = a.String()
	}
	return c.name + "(" + strings.Join(parts, ", ") + ")"
}

// Type implements gms.Expression.
func (c *call) Type(*gms.Context) gms.Type { return c.typ }

// IsNullable implements gms.Expression.
func (c *call) IsNullable(*gms.Context) bool { return true }

// Children implements gms.Expression.
func (c *call) Children() []gms.Expression { return c.args }

// WithChildren implements gms.Expression.
func (c *call) WithChildren(_ *gms.Context, args ...gms.Expression) (gms.Expression, error) {
	if len(args) != len(c.args) {
		return nil, gms.ErrInvalidChildrenNumber.New(c, len(args), len(c.args))
	}
	out := *c
	out.args = args
	return &out, nil
}

// CollationCoercibility implements gms.CollationCoercible.
func (c *call) CollationCoercibility(*gms.Context) (gms.CollationID, byte) {
	return gms.Collation_utf8mb4_bin, 2
}

// Eval implements gms.Expression. NULL in any argument gives NULL, but for the
// functions that make a document.
func (c *call) Eval(ctx *gms.Context, row gms.Row) (any, error) {
	args := make([]any, len(c.args))
	for i, a := range c.args {
		v, err := a.Eval(ctx, row)
		if err != nil || v == nil && c.build == nil {
			return nil, err
		}
		args[i] = v
	}
	if c.build == nil {
		return c.eval(ctx, args)
	}
	typs := make([]gms.Type, len(args))
	for i, a := range c.args {
		typs[i] = a.Type(ctx)
	}
	d, err := build(func(b *jsonb.Builder) error { return c.build(ctx, b, args, typs) })
	if err != nil {
		return nil, err
	}
	return d, nil
}

// pathsOf compiles the path arguments.
func pathsOf(ctx *gms.Context, args []any) ([]jsonb.Path, error) {
	out := make([]jsonb.Path, len(args))
	for i, a := range args {
		s, ok, err := text(ctx, a)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, sqlErrorf(3143, "42000", "Invalid JSON path expression. The error is around character position 1.")
		}
		if out[i], err = parsePath(string(s)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// extract is JSON_EXTRACT(doc, path, …).
func extract(ctx *gms.Context, args []any) (any, error) {
	paths, err := pathsOf(ctx, args[1:])
	if err != nil {
		return nil, err
	}
	out, ok, err := args[0].(Doc).extract(paths...)
	if err != nil || !ok {
		return nil, err
	}
	return out, nil
}

// contains is JSON_CONTAINS(target, candidate[, path]).
func contains(ctx *gms.Context, args []any) (any, error) {
	target := args[0].(Doc)
	if len(args) == 3 {
		paths, err := pathsOf(ctx, args[2:])
		if err != nil {
			return nil, err
		}
		if paths[0].Many() {
			return nil, sqlErrorf(3149, "42000", "In this situation, path expressions may not contain the * and ** tokens or an array range.")
		}
		found, ok, err := target.extract(paths[0])
		if err != nil || !ok {
			return nil, err
		}
		target = found
	}
	return jsonb.Contains(target.v, args[1].(Doc).v), nil
}

// array is JSON_ARRAY(value, …).
func array(ctx *gms.Context, b *jsonb.Builder, args []any, typs []gms.Type) error {
	b.BeginArray()
	for i, v := range args {
		if err := addValue(ctx, b, v, typs[i]); err != nil {
			return err
		}
	}
	b.End()
	return nil
}

// object is JSON_OBJECT(key, value, …).
func object(ctx *gms.Context, b *jsonb.Builder, args []any, typs []gms.Type) error {
	b.BeginObject()
	for i := 0; i < len(args); i += 2 {
		if args[i] == nil {
			return sqlErrorf(3158, "22032", "JSON documents may not contain NULL member names.")
		}
		key, _, err := types.TypeAwareConversion(ctx, args[i], typs[i], types.LongText)
		if err != nil {
			return err
		}
		k, _, err := text(ctx, key)
		if err != nil {
			return err
		}
		b.Key(k)
		if err := addValue(ctx, b, args[i+1], typs[i+1]); err != nil {
			return err
		}
	}
	b.End()
	return nil
}

// addValue adds a SQL value: members of ENUM and SET as their text.
func addValue(ctx *gms.Context, b *jsonb.Builder, v any, t gms.Type) error {
	if v != nil && (types.IsEnum(t) || types.IsSet(t)) {
		var err error
		if v, _, err = types.TypeAwareConversion(ctx, v, t, types.LongText); err != nil {
			return err
		}
	}
	return add(ctx, b, v, t)
}

// storageSize is JSON_STORAGE_SIZE(doc).
func storageSize(_ *gms.Context, args []any) (any, error) {
	return int64(len(args[0].(Doc).AppendTo(nil))), nil
}

// storageFree is JSON_STORAGE_FREE(doc): documents are not changed in place.
func storageFree(*gms.Context, []any) (any, error) { return int64(0), nil }

// newMerge makes JSON_MERGE_PATCH and JSON_MERGE_PRESERVE of two documents or
// more.
func newMerge(name string, merge func(b *jsonb.Builder, v, w jsonb.Value)) constructor {
	return newCall(name, 2, 1<<16, types.JSON, func(_ *gms.Context, args []any) (any, error) {
		out := args[0].(Doc)
		for _, a := range args[1:] {
			var err error
			if out, err = build(func(b *jsonb.Builder) error { merge(b, out.v, a.(Doc).v); return nil }); err != nil {
				return nil, err
			}
		}
		return out, nil
	})
}
