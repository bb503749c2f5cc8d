// Package jsondoc gives go-mysql-server JSON values that stay in MySQL's binary
// form: what a JSON column holds, what CAST(… AS JSON) makes, and those JSON
// functions whose results the engine's own get wrong.
//
// The engine parses JSON into Go's float64, maps and slices. A Doc keeps
// integers of 64 bits, decimals, dates and the difference between 1 and 1.0.
package jsondoc

import (
	"context"
	"fmt"

	"github.com/cockroachdb/apd/v3"
	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/mysql"

	"binrelay/binlog/jsonb"
)

// Doc is a JSON document or a part of one. It is immutable.
type Doc struct{ v jsonb.Value }

var (
	_ types.JSONBytes      = Doc{}
	_ types.SearchableJSON = Doc{}
	_ types.ComparableJSON = Doc{}
	_ types.MutableJSON    = Doc{}
)

// Null is the document null.
var Null = func() Doc {
	d, err := Open(nil)
	if err != nil {
		panic(err)
	}
	return d
}()

// Open returns the document of a column's bytes, which it keeps.
func Open(b []byte) (Doc, error) {
	v, err := jsonb.Open(b)
	return Doc{v}, err
}

// Parse returns the document of a JSON text. The error is a *jsonb.SyntaxError
// or MySQL's 3157, 3151 or 3150.
func Parse(text []byte) (Doc, error) {
	b, err := jsonb.FromText(nil, text)
	if err != nil {
		return Doc{}, limitError(err)
	}
	return Open(b)
}

func build(fill func(*jsonb.Builder) error) (Doc, error) {
	var b jsonb.Builder
	if err := fill(&b); err != nil {
		return Doc{}, err
	}
	doc, err := b.AppendTo(nil)
	if err != nil {
		return Doc{}, limitError(err)
	}
	return Open(doc)
}

// AppendTo appends the document's bytes as a column stores them.
func (d Doc) AppendTo(dst []byte) []byte { return d.v.AppendTo(dst) }

// String returns the text that MySQL prints.
func (d Doc) String() string { return string(d.v.AppendText(nil)) }

// GetBytes implements types.JSONBytes.
func (d Doc) GetBytes(context.Context) ([]byte, error) { return d.v.AppendText(nil), nil }

// Clone implements gms.JSONWrapper.
func (d Doc) Clone(context.Context) gms.JSONWrapper { return d }

// ToInterface implements gms.JSONWrapper, for the engine's own functions.
func (d Doc) ToInterface(context.Context) (any, error) { return plain(d.v), nil }

// plain turns a value into what go-mysql-server's functions know. A whole
// number that is a double becomes a decimal: the engine prints 1.0 as 1.
func plain(v jsonb.Value) any {
	switch v.Kind() {
	case jsonb.Null:
		return nil
	case jsonb.Bool:
		return v.Bool()
	case jsonb.Int:
		return v.Int()
	case jsonb.Uint:
		return v.Uint()
	case jsonb.Double:
		f := v.Float()
		if f == float64(int64(f)) && f > -1e15 && f < 1e15 {
			return apd.New(int64(f)*10, -1)
		}
		return f
	case jsonb.Decimal:
		if dec, _, err := apd.NewFromString(string(v.AppendPlain(nil))); err == nil {
			return dec
		}
	case jsonb.Object:
		out := make(map[string]any, v.Len())
		for i := range v.Len() {
			out[string(v.Key(i))] = plain(v.At(i))
		}
		return out
	case jsonb.Array:
		out := make([]any, v.Len())
		for i := range out {
			out[i] = plain(v.At(i))
		}
		return out
	}
	return string(v.AppendPlain(nil))
}

// Lookup implements types.SearchableJSON: JSON_EXTRACT with one path.
func (d Doc) Lookup(_ context.Context, text string) (gms.JSONWrapper, error) {
	p, err := parsePath(text)
	if err != nil {
		return nil, err
	}
	out, ok, err := d.extract(p)
	if err != nil || !ok {
		return nil, err
	}
	return out, nil
}

// extract returns what the paths name: of one path that names one value this
// value, else an array of all that is found.
func (d Doc) extract(paths ...jsonb.Path) (out Doc, ok bool, err error) {
	many := len(paths) > 1
	var found []jsonb.Value
	for _, p := range paths {
		many = many || p.Many()
		p.Find(d.v, func(v jsonb.Value) bool {
			found = append(found, v)
			return true
		})
	}
	switch {
	case len(found) == 0:
		return out, false, nil
	case !many:
		return Doc{found[0]}, true, nil
	}
	out, err = build(func(b *jsonb.Builder) error {
		b.BeginArray()
		for _, v := range found {
			b.Value(v)
		}
		b.End()
		return nil
	})
	return out, err == nil, err
}

// Compare implements types.ComparableJSON. A value that is no JSON counts as
// the scalar that CAST(value AS JSON) of its type gives, a string as a string.
func (d Doc) Compare(ctx context.Context, other any) (int, error) {
	o, err := From(ctx, other, nil)
	if err != nil {
		return 0, err
	}
	return jsonb.Compare(d.v, o.v), nil
}

var typeNames = map[jsonb.Kind]string{
	jsonb.Null: "NULL", jsonb.Int: "INTEGER", jsonb.Uint: "UNSIGNED INTEGER", jsonb.Decimal: "DECIMAL", jsonb.Double: "DOUBLE",
	jsonb.String: "STRING", jsonb.Object: "OBJECT", jsonb.Array: "ARRAY", jsonb.Bool: "BOOLEAN",
	jsonb.Date: "DATE", jsonb.Time: "TIME", jsonb.Datetime: "DATETIME", jsonb.Timestamp: "DATETIME",
}

// JsonType implements types.ComparableJSON: what JSON_TYPE returns.
func (d Doc) JsonType(context.Context) (string, error) {
	if name, ok := typeNames[d.v.Kind()]; ok {
		return name, nil
	}
	switch d.v.OpaqueType() {
	case 16:
		return "BIT", nil
	case 249, 250, 251, 252, 253, 254, 15:
		return "BLOB", nil
	}
	return "OPAQUE", nil
}

// edit carries out one of the functions that change a document.
func (d Doc) edit(ctx context.Context, e jsonb.Edit, text string, val gms.JSONWrapper) (types.MutableJSON, bool, error) {
	p, err := parsePath(text)
	switch {
	case err != nil:
		return nil, false, err
	case p.Many():
		return nil, false, sqlErrorf(3149, "42000", "In this situation, path expressions may not contain the * and ** tokens or an array range.")
	case e == jsonb.Remove && p.Root():
		return nil, false, sqlErrorf(3153, "42000", "The path expression '$' is not allowed in this context.")
	case e == jsonb.ArrayInsert && !p.Cell():
		return nil, false, sqlErrorf(3165, "42000", "A path expression is not a path to a cell in an array.")
	}
	var add Doc
	if e != jsonb.Remove {
		if add, err = From(ctx, val, nil); err != nil {
			return nil, false, err
		}
	}
	changed := false
	out, err := build(func(b *jsonb.Builder) error {
		changed = p.Apply(b, d.v, e, func(b *jsonb.Builder) { b.Value(add.v) })
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	return out, changed, nil
}

// Insert implements types.MutableJSON.
func (d Doc) Insert(ctx context.Context, path string, v gms.JSONWrapper) (types.MutableJSON, bool, error) {
	return d.edit(ctx, jsonb.Insert, path, v)
}

// Remove implements types.MutableJSON.
func (d Doc) Remove(ctx context.Context, path string) (types.MutableJSON, bool, error) {
	return d.edit(ctx, jsonb.Remove, path, nil)
}

// Set implements types.MutableJSON.
func (d Doc) Set(ctx context.Context, path string, v gms.JSONWrapper) (types.MutableJSON, bool, error) {
	return d.edit(ctx, jsonb.Set, path, v)
}

// Replace implements types.MutableJSON.
func (d Doc) Replace(ctx context.Context, path string, v gms.JSONWrapper) (types.MutableJSON, bool, error) {
	return d.edit(ctx, jsonb.Replace, path, v)
}

// ArrayInsert implements types.MutableJSON.
func (d Doc) ArrayInsert(ctx context.Context, path string, v gms.JSONWrapper) (types.MutableJSON, bool, error) {
	return d.edit(ctx, jsonb.ArrayInsert, path, v)
}

// ArrayAppend implements types.MutableJSON.
func (d Doc) ArrayAppend(ctx context.Context, path string, v gms.JSONWrapper) (types.MutableJSON, bool, error) {
	return d.edit(ctx, jsonb.ArrayAppend, path, v)
}

func parsePath(text string) (jsonb.Path, error) {
	p, err := jsonb.ParsePath([]byte(text))
	if err != nil {
		return p, sqlErrorf(3143, "42000", "%s", err.Error())
	}
	return p, nil
}

func sqlErrorf(number int, state, format string, args ...any) error {
	return mysql.NewSQLError(number, state, "%s", fmt.Sprintf(format, args...))
}
