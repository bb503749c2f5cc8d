package tables

import (
	"bytes"
	"errors"
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"
	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"

	"binrelay/binlog/rowimage"
	"binrelay/sql/storage"
	"binrelay/sql/storage/keycodec"
)

// rangesOf turns an index lookup into key ranges, in index order and disjoint.
// They may be wider than the lookup, never narrower: filters stay in the plan.
func (t *Table) rangesOf(ctx *gms.Context, l *gms.IndexLookup, zone *time.Location) (int, []storage.Range, error) {
	x, ok := l.Index.(*Index)
	if !ok {
		return 0, nil, fmt.Errorf("tables: foreign index %T", l.Index)
	}
	if l.IsEmptyRange && !asksForNull(l.Ranges) {
		return x.place, nil, nil
	}
	all, ok := l.Ranges.(gms.MySQLRangeCollection)
	if !ok {
		return 0, nil, fmt.Errorf("tables: ranges of the kind %T", l.Ranges)
	}
	k := keyMaker{ctx: ctx, t: t, x: x, zone: zone}
	out := make([]storage.Range, 0, len(all))
	for _, r := range all {
		kr, ok, err := k.keyRange(r)
		if err != nil {
			return 0, nil, err
		}
		if ok {
			out = append(out, kr)
		}
	}
	return x.place, mergeRanges(out), nil
}

// asksForNull reports whether a lookup by keys of which one is NULL finds the
// rows that have it there, as <=> does; go-mysql-server takes it for empty.
func asksForNull(r gms.RangeCollection) bool {
	all, ok := r.(gms.MySQLRangeCollection)
	if !ok {
		return false
	}
	null := false
	for _, columns := range all {
		for _, c := range columns {
			low, isKey := c.LowerBound.(gms.Below)
			if isKey && low.Key == nil {
				return false
			}
			_, fromNull := c.LowerBound.(gms.BelowNull)
			_, toNull := c.UpperBound.(gms.AboveNull)
			null = null || fromNull && toNull
		}
	}
	return null
}

// mergeRanges sorts the ranges and joins those that overlap.
func mergeRanges(r []storage.Range) []storage.Range {
	if len(r) < 2 {
		return r
	}
	sort.Slice(r, func(i, j int) bool { return bytes.Compare(r[i].Low, r[j].Low) < 0 })
	out := r[:1]
	for _, next := range r[1:] {
		last := &out[len(out)-1]
		switch {
		case last.High == nil:
			return out
		case bytes.Compare(next.Low, last.High) >= 0:
			out = append(out, next)
		case next.High == nil || bytes.Compare(next.High, last.High) > 0:
			last.High, last.Point = next.High, false
		}
	}
	return out
}

// keyMaker encodes the bounds of one lookup.
type keyMaker struct {
	ctx  *gms.Context
	t    *Table
	x    *Index
	zone *time.Location
}

// keyRange encodes one range over the index's columns: equalities make a
// prefix, the first other condition bounds it. ok is false for an empty range.
func (k *keyMaker) keyRange(r gms.MySQLRange) (out storage.Range, ok bool, err error) {
	var values []keycodec.Value
	parts := k.x.parts // conditions on primary key columns behind them stay with the filter
	for i, c := range r {
		if i >= len(parts) {
			break
		}
		v, state := k.equality(c, parts[i])
		if state == nothing {
			return out, false, nil
		}
		if state == several {
			return k.bounds(values, c, parts[i])
		}
		values = append(values, v)
		if parts[i].Prefix > 0 {
			break
		}
	}
	prefix, fit, err := k.encode(values)
	if err != nil || fit == outside {
		return out, false, err
	}
	return storage.Range{Low: prefix, High: end(prefix), Point: k.whole(values)}, true, nil
}

// whole reports whether the values make a key that one row can have.
func (k *keyMaker) whole(values []keycodec.Value) bool {
	if !k.x.unique || len(values) < len(k.x.parts) {
		return false
	}
	for i, p := range k.x.parts {
		if p.Prefix > 0 || values[i].IsNull() {
			return false
		}
	}
	return true
}

// end is the first key after all that begin with prefix; nil = no bound.
func end(prefix []byte) []byte {
	if len(prefix) == 0 {
		return nil
	}
	out, ok := keycodec.PrefixEnd(nil, prefix)
	if !ok {
		return nil
	}
	return out
}

// fit says how a value goes into a key.
type fit uint8

const (
	exact   fit = iota
	between     // between two values of the column, or of another kind
	below       // smaller than every value of the column
	above       // greater than every value
	outside     // of a prefix: no row has these values
)

func (k *keyMaker) encode(values []keycodec.Value) ([]byte, fit, error) {
	if len(values) == 0 {
		return nil, exact, nil
	}
	key, err := k.t.def.table.EncodeKey(nil, k.x.place, values...)
	var bound *keycodec.BoundError
	switch {
	case err == nil:
		return key, exact, nil
	case errors.As(err, &bound):
		if bound.Part < len(values)-1 {
			return nil, outside, nil
		}
		if bound.Above {
			return nil, above, nil
		}
		return nil, below, nil
	case errors.Is(err, keycodec.ErrInexact), errors.Is(err, keycodec.ErrKind):
		return nil, between, nil
	}
	return nil, exact, err
}

// equalityState says what a condition on one column amounts to.
type equalityState uint8

const (
	several equalityState = iota // a range
	single                       // one value
	nothing                      // no row can match
)

// equality tells whether a condition fixes the column to one value.
func (k *keyMaker) equality(c gms.MySQLRangeColumnExpr, p storage.IndexPart) (keycodec.Value, equalityState) {
	null := keycodec.Null()
	if _, ok := c.UpperBound.(gms.BelowNull); ok {
		return null, nothing
	}
	if _, ok := c.LowerBound.(gms.BelowNull); ok {
		if _, ok := c.UpperBound.(gms.AboveNull); ok {
			if !k.t.def.schema[p.Column].Nullable {
				return null, nothing
			}
			return null, single // IS NULL
		}
		return null, several
	}
	lo, ok1 := c.LowerBound.(gms.Below)
	hi, ok2 := c.UpperBound.(gms.Above)
	if !ok1 || !ok2 {
		return null, several
	}
	cmp, err := k.t.def.schema[p.Column].Type.Compare(k.ctx, lo.Key, hi.Key)
	if err != nil || cmp != 0 {
		return null, several
	}
	v, ok := k.value(lo.Key, p)
	if !ok {
		return null, several
	}
	switch _, f, err := k.encodeOne(v, p); {
	case err != nil || f == between:
		return null, several
	case f != exact:
		return null, nothing
	}
	return v, single
}

// encodeOne tests whether a value fits an index part.
func (k *keyMaker) encodeOne(v keycodec.Value, p storage.IndexPart) ([]byte, fit, error) {
	values := make([]keycodec.Value, 0, len(k.x.parts))
	for _, q := range k.x.parts {
		if q.Column == p.Column {
			break
		}
		values = append(values, keycodec.Null())
	}
	return k.encode(append(values, v))
}

// bounds encodes a condition that allows several values of the next column.
// Bounds on a prefix index and bounds that do not fit the column widen it.
func (k *keyMaker) bounds(values []keycodec.Value, c gms.MySQLRangeColumnExpr, p storage.IndexPart) (out storage.Range, ok bool, err error) {
	prefix, f, err := k.encode(values)
	if err != nil || f == outside {
		return out, false, err
	}
	out = storage.Range{Low: prefix, High: end(prefix)}
	low, high := &out.Low, &out.High
	if p.Desc {
		low, high = high, low
	}
	ok, err = k.bound(low, values, c.LowerBound, p, true)
	if err != nil || !ok {
		return out, false, err
	}
	ok, err = k.bound(high, values, c.UpperBound, p, false)
	if err != nil || !ok {
		return out, false, err
	}
	if out.High != nil && bytes.Compare(out.Low, out.High) >= 0 {
		return out, false, nil
	}
	return out, true, nil
}

// bound sets one end of a range; ok is false when nothing is left of it.
func (k *keyMaker) bound(dst *[]byte, values []keycodec.Value, cut gms.MySQLRangeCut, p storage.IndexPart, lower bool) (ok bool, err error) {
	var v keycodec.Value
	var after bool // the bound lies behind the value
	switch b := cut.(type) {
	case gms.AboveNull:
		if !k.t.def.schema[p.Column].Nullable {
			return lower, nil // a key part that takes no NULL has no place for it
		}
		v, after = keycodec.Null(), true
	case gms.Below:
		if v, ok = k.value(b.Key, p); !ok {
			return true, nil
		}
		after = p.Prefix > 0 && !lower
	case gms.Above:
		if v, ok = k.value(b.Key, p); !ok {
			return true, nil
		}
		after = p.Prefix == 0 || !lower
	case gms.AboveAll:
		return !lower, nil
	default:
		return lower, nil // below NULL
	}
	if !lower && !v.IsNull() {
		if text, ok := k.beyondSpaces(cut, p); ok {
			v, after = text, true
		}
	}
	key, f, err := k.encode(append(values[:len(values):len(values)], v))
	if err != nil {
		return false, err
	}
	switch f {
	case outside:
		return false, nil
	case above:
		return !lower, nil
	case below:
		return lower, nil
	case between:
		return true, nil
	}
	if after != p.Desc {
		key = end(key)
	}
	*dst = key
	return true, nil
}

// beyondSpaces widens an upper bound of a text that pads: a string that goes on
// with characters below the space is smaller than the bound, while its key,
// which has no padding, is greater.
func (k *keyMaker) beyondSpaces(cut gms.MySQLRangeCut, p storage.IndexPart) (keycodec.Value, bool) {
	text, ok := k.t.def.schema[p.Column].Type.(gms.StringType)
	if !ok || !Pads(text.Collation()) || p.Prefix > 0 {
		return keycodec.Value{}, false
	}
	var key any
	switch b := cut.(type) {
	case gms.Below:
		key = b.Key
	case gms.Above:
		key = b.Key
	}
	s, ok := key.(string)
	if !ok {
		return keycodec.Value{}, false
	}
	return k.t.def.codec.columns[p.Column].textValue(strings.TrimRight(s, " ") + "!")
}

// value turns a bound into a key value of the column; ok is false when it is of
// a kind that the column does not hold.
func (k *keyMaker) value(key any, p storage.IndexPart) (keycodec.Value, bool) {
	c := &k.t.def.codec.columns[p.Column]
	key, err := gms.UnwrapAny(k.ctx, key)
	if err != nil {
		return keycodec.Value{}, false
	}
	if c.kind == kindEnum || c.kind == kindSet {
		if key, _, err = c.typ.Convert(k.ctx, key); err != nil {
			return keycodec.Value{}, false
		}
	}
	switch v := key.(type) {
	case nil:
		return keycodec.Null(), true
	case int8:
		return keycodec.Int(int64(v)), true
	case int16:
		return keycodec.Int(int64(v)), true
	case int32:
		return keycodec.Int(int64(v)), true
	case int64:
		return keycodec.Int(v), true
	case int:
		return keycodec.Int(int64(v)), true
	case uint8:
		return keycodec.Uint(uint64(v)), true
	case uint16:
		return keycodec.Uint(uint64(v)), true
	case uint32:
		return keycodec.Uint(uint64(v)), true
	case uint64:
		return keycodec.Uint(v), true
	case float32:
		return keycodec.Float(float64(v)), true
	case float64:
		return keycodec.Float(v), true
	case *apd.Decimal:
		return keycodec.Decimal(v.Append(nil, 'f')), true
	case types.Timespan:
		return keycodec.Time(int64(v)), true
	case string:
		return c.textValue(v)
	case []byte:
		if c.kind == kindBytes {
			return keycodec.Bytes(v), true
		}
		return c.textValue(string(v))
	case time.Time:
		return c.timeValue(v, k.zone)
	}
	return keycodec.Value{}, false
}

func (c *column) textValue(s string) (keycodec.Value, bool) {
	switch c.kind {
	case kindString, kindBytes:
		return keycodec.Bytes([]byte(s)), true
	case kindText:
		b, ok := EncodeText(c.charset, s)
		return keycodec.Bytes(b), ok
	}
	return keycodec.Value{}, false
}

func (c *column) timeValue(t time.Time, zone *time.Location) (keycodec.Value, bool) {
	zero := t.Equal(types.ZeroTime)
	switch c.kind {
	case kindDate, kindDatetime:
		if zero {
			return keycodec.Datetime(rowimage.Datetime{}), true
		}
		return keycodec.Datetime(civil(t)), true
	case kindTimestamp:
		if zero {
			return keycodec.Timestamp(0, 0), true
		}
		sec, micro := unixIn(t, zone)
		if sec < 0 || sec > 1<<32-1 {
			return keycodec.Value{}, false
		}
		return keycodec.Timestamp(uint32(sec), micro), true
	}
	return keycodec.Value{}, false
}
