package jsondoc

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/cockroachdb/apd/v3"
	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"

	"binrelay/binlog/jsonb"
	"binrelay/binlog/rowimage"
)

// limitError gives the errors of the binary form MySQL's numbers.
func limitError(err error) error {
	switch {
	case errors.Is(err, jsonb.ErrDepth):
		return sqlErrorf(3157, "22032", "The JSON document exceeds the maximum depth.")
	case errors.Is(err, jsonb.ErrKey):
		return sqlErrorf(3151, "22032", "The JSON object contains a key name that is too long.")
	case errors.Is(err, jsonb.ErrSize):
		return sqlErrorf(3150, "22032", "The JSON value is too big to be stored in a JSON column.")
	}
	return err
}

// From returns the document of a SQL value that is not NULL: JSON as it is,
// anything else as a scalar. t, if not nil, is the value's type: it tells dates
// from times of day.
func From(ctx context.Context, v any, t gms.Type) (Doc, error) {
	if d, ok := v.(Doc); ok {
		return d, nil
	}
	return build(func(b *jsonb.Builder) error { return add(ctx, b, v, t) })
}

// binaryString is the column type that MySQL notes for a binary string.
const binaryString = 253

func add(ctx context.Context, b *jsonb.Builder, v any, t gms.Type) error {
	switch v := v.(type) {
	case nil:
		b.Null()
	case Doc:
		b.Value(v.v)
	case gms.JSONWrapper:
		inner, err := v.ToInterface(ctx)
		if err != nil {
			return err
		}
		return add(ctx, b, whole(inner), t)
	case bool:
		b.Bool(v)
	case int:
		b.Int(int64(v))
	case int8:
		b.Int(int64(v))
	case int16:
		b.Int(int64(v))
	case int32:
		b.Int(int64(v))
	case int64:
		b.Int(v)
	case uint:
		b.Uint(uint64(v))
	case uint8:
		b.Uint(uint64(v))
	case uint16:
		b.Uint(uint64(v))
	case uint32:
		b.Uint(uint64(v))
	case uint64:
		b.Uint(v)
	case float32:
		return addFloat(b, float64(v))
	case float64:
		return addFloat(b, v)
	case *apd.Decimal:
		return addDecimal(b, v)
	case string:
		b.String([]byte(v))
	case []byte:
		b.Opaque(binaryString, v)
	case time.Time:
		addTime(b, v, t)
	case types.Timespan:
		addTimespan(b, int64(v))
	case []any:
		b.BeginArray()
		for _, x := range v {
			if err := add(ctx, b, whole(x), nil); err != nil {
				return err
			}
		}
		b.End()
	case map[string]any:
		b.BeginObject()
		for k, x := range v {
			b.Key([]byte(k))
			if err := add(ctx, b, whole(x), nil); err != nil {
				return err
			}
		}
		b.End()
	default:
		return addOther(ctx, b, v, t)
	}
	return nil
}

// addOther takes wrapped values, and what encoding/json can print.
func addOther(ctx context.Context, b *jsonb.Builder, v any, t gms.Type) error {
	inner, err := gms.UnwrapAny(ctx, v)
	if err != nil {
		return err
	}
	switch inner.(type) {
	case string, []byte:
		return add(ctx, b, inner, t)
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("no JSON of a %T: %w", v, err)
	}
	d, err := Parse(text)
	if err != nil {
		return err
	}
	b.Value(d.v)
	return nil
}

// whole makes an integer of a whole number: inside of the engine's documents
// integers are floats.
func whole(v any) any {
	if f, ok := v.(float64); ok && f == float64(int64(f)) && f >= -1<<53 && f <= 1<<53 {
		return int64(f)
	}
	return v
}

func addFloat(b *jsonb.Builder, f float64) error {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return sqlErrorf(1264, "22003", "Out of range value for JSON document")
	}
	b.Float(f)
	return nil
}

// addDecimal adds a decimal with the digits it has, at most DECIMAL(65,30).
func addDecimal(b *jsonb.Builder, d *apd.Decimal) error {
	text := d.Text('f')
	digits, scale, point := 0, 0, false
	for i := range len(text) {
		switch c := text[i]; {
		case c == '.':
			point = true
		case c >= '0' && c <= '9':
			if c != '0' || digits > 0 {
				digits++
			}
			if point {
				scale++
			}
		}
	}
	scale = min(scale, 30)
	precision := min(max(digits, scale, 1), 65)
	meta := uint16(precision)<<8 | uint16(scale)
	out, _, err := rowimage.AppendDecimal([]byte{byte(precision), byte(scale)}, []byte(text), meta)
	if err != nil {
		return sqlErrorf(1264, "22003", "Out of range value for JSON document")
	}
	b.Opaque(246, out)
	return nil
}

func addTime(b *jsonb.Builder, v time.Time, t gms.Type) {
	typ := byte(12)
	switch {
	case t != nil && types.IsDateType(t):
		typ = 10
	case t != nil && types.IsTimestampType(t):
		typ = 7
	}
	var packed uint64
	if !v.Equal(types.ZeroTime) {
		y, mo, d := v.Date()
		h, mi, s := v.Clock()
		packed = uint64(y*13+int(mo))<<46 | uint64(d)<<41
		if typ != 10 {
			packed |= uint64(h)<<36 | uint64(mi)<<30 | uint64(s)<<24 | uint64(v.Nanosecond()/1000)
		}
	}
	b.Opaque(typ, binary.LittleEndian.AppendUint64(nil, packed))
}

func addTimespan(b *jsonb.Builder, us int64) {
	neg := us < 0
	if neg {
		us = -us
	}
	s := us / 1_000_000
	packed := (s/3600<<12|s/60%60<<6|s%60)<<24 | us%1_000_000
	if neg {
		packed = -packed
	}
	b.Opaque(11, binary.LittleEndian.AppendUint64(nil, uint64(packed)))
}
