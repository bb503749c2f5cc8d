package jsonb

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
)

// Value is a document or a part of one. Make it with Open. It refers to the
// document's bytes, which must not change.
type Value struct {
	typ  byte
	data []byte // from the value's first byte; may go on behind its end
}

// Open checks a document and returns its value. The check is complete: what the
// methods of Value return is no more than len(doc) bytes in all, and no document
// makes them panic.
func Open(doc []byte) (Value, error) {
	if len(doc) == 0 {
		return Value{literal, []byte{literalNull}}, nil
	}
	v := Value{doc[0], doc[1:]}
	budget := len(doc)
	if err := v.check(0, &budget); err != nil {
		return Value{}, err
	}
	return v, nil
}

func corrupt(what string, n int) error { return fmt.Errorf("%w: %s %d", ErrCorrupt, what, n) }

// check validates v. budget is what is left of the document's bytes: no two
// values of a document share any, so a document whose parts need more is none.
func (v Value) check(depth int, budget *int) error {
	spend := func(n int) error {
		if *budget -= n; *budget < 0 {
			return corrupt("parts overlap, bytes missing:", -*budget)
		}
		return nil
	}
	switch v.typ {
	case smallObject, largeObject, smallArray, largeArray:
		if depth++; depth > MaxDepth {
			return fmt.Errorf("%w: %w", ErrCorrupt, ErrDepth)
		}
		return v.checkTable(depth, budget, spend)
	case literal:
		if len(v.data) < 1 || v.data[0] > literalFalse {
			return corrupt("literal of bytes", len(v.data))
		}
		return spend(1)
	case int16Type, uint16Type, int32Type, uint32Type, int64Type, uint64Type, doubleType:
		n := numberSize(v.typ)
		if len(v.data) < n {
			return corrupt("number of bytes", len(v.data))
		}
		if v.typ == doubleType && !finite(v.Float()) {
			return corrupt("no number: double of bytes", n)
		}
		return spend(n)
	case stringType:
		s, n, ok := cutString(v.data)
		if !ok {
			return corrupt("string in bytes", len(v.data))
		}
		return spend(n + len(s))
	case opaqueType:
		if len(v.data) < 1 {
			return corrupt("opaque value of bytes", 0)
		}
		s, n, ok := cutString(v.data[1:])
		if !ok {
			return corrupt("opaque value in bytes", len(v.data))
		}
		if err := checkOpaque(v.data[0], s); err != nil {
			return err
		}
		return spend(1 + n + len(s))
	}
	return corrupt("value of type", int(v.typ))
}

func (v Value) checkTable(depth int, budget *int, spend func(int) error) error {
	t, ok := v.table()
	if !ok {
		return corrupt("table in bytes", len(v.data))
	}
	if err := spend(t.head); err != nil {
		return err
	}
	for i := range t.count {
		if t.object {
			off, n := t.keyAt(i)
			if off < t.head || off+n > len(t.data) {
				return corrupt("key at offset", off)
			}
			if err := spend(n); err != nil {
				return err
			}
		}
		c, ok := t.value(i)
		if !ok {
			return corrupt("value at offset", t.offset(t.entry(i)+1))
		}
		if t.inlined(c.typ) {
			if c.typ == literal && c.data[0] > literalFalse {
				return corrupt("literal", int(c.data[0]))
			}
			continue // its bytes are the table's
		}
		if err := c.check(depth, budget); err != nil {
			return err
		}
	}
	return nil
}

func finite(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }

func numberSize(typ byte) int {
	switch typ {
	case int16Type, uint16Type:
		return 2
	case int32Type, uint32Type:
		return 4
	}
	return 8
}

// cutString reads a length and that many bytes; n is the size of the length.
func cutString(b []byte) (s []byte, n int, ok bool) {
	var v uint64
	for n < len(b) && n < 5 {
		c := b[n]
		v |= uint64(c&0x7f) << (7 * n)
		n++
		if c&0x80 == 0 {
			if v > uint64(len(b)-n) {
				return nil, 0, false
			}
			return b[n : n+int(v) : n+int(v)], n, true
		}
	}
	return nil, 0, false
}

// table is an object or array, taken apart.
type table struct {
	data   []byte // exactly its size
	count  int
	width  int // bytes of an offset
	head   int // bytes of the entries and what is before them
	object bool
}

// table cuts an object or array out; ok is false where it does not fit.
func (v Value) table() (t table, ok bool) {
	t.width, t.object = 2, v.typ == smallObject || v.typ == largeObject
	if v.typ == largeObject || v.typ == largeArray {
		t.width = 4
	}
	t.data = v.data
	if len(v.data) < 2*t.width {
		return t, false
	}
	count, size := t.offset(0), t.offset(t.width)
	if size > len(v.data) || size < 2*t.width {
		return t, false
	}
	entry := 1 + t.width
	if t.object {
		entry += t.width + 2
	}
	if count > (size-2*t.width)/entry {
		return t, false
	}
	t.data, t.count, t.head = v.data[:size:size], count, 2*t.width+count*entry
	return t, true
}

func (t *table) offset(at int) int {
	if t.width == 2 {
		return int(binary.LittleEndian.Uint16(t.data[at:]))
	}
	return int(binary.LittleEndian.Uint32(t.data[at:]))
}

func (t *table) keyAt(i int) (off, n int) {
	at := 2*t.width + i*(t.width+2)
	return t.offset(at), int(binary.LittleEndian.Uint16(t.data[at+t.width:]))
}

func (t *table) key(i int) []byte {
	off, n := t.keyAt(i)
	return t.data[off : off+n : off+n]
}

// entry is where value entry i begins.
func (t *table) entry(i int) int {
	at := 2*t.width + i*(1+t.width)
	if t.object {
		at += t.count * (t.width + 2)
	}
	return at
}

func (t *table) inlined(typ byte) bool {
	return typ == literal || typ == int16Type || typ == uint16Type ||
		t.width == 4 && (typ == int32Type || typ == uint32Type)
}

func (t *table) value(i int) (Value, bool) {
	at := t.entry(i)
	typ := t.data[at]
	if t.inlined(typ) {
		return Value{typ, t.data[at+1 : at+1+t.width]}, true
	}
	off := t.offset(at + 1)
	if off < t.head || off >= len(t.data) {
		return Value{}, false
	}
	return Value{typ, t.data[off:]}, true
}

// Kind returns what the value is.
func (v Value) Kind() Kind {
	switch v.typ {
	case smallObject, largeObject:
		return Object
	case smallArray, largeArray:
		return Array
	case int16Type, int32Type, int64Type:
		return Int
	case uint16Type, uint32Type, uint64Type:
		return Uint
	case doubleType:
		return Double
	case stringType:
		return String
	case opaqueType:
		switch v.data[0] {
		case columnDecimal:
			return Decimal
		case columnDate:
			return Date
		case columnTime:
			return Time
		case columnDatetime:
			return Datetime
		case columnTimestamp:
			return Timestamp
		}
		return Opaque
	}
	if v.data[0] == literalNull {
		return Null
	}
	return Bool
}

// Len returns the number of elements of an array or members of an object.
func (v Value) Len() int {
	t, _ := v.table()
	return t.count
}

// At returns element or member i of an array or object.
func (v Value) At(i int) Value {
	t, _ := v.table()
	c, _ := t.value(i)
	return c
}

// Key returns the key of member i of an object.
func (v Value) Key(i int) []byte {
	t, _ := v.table()
	return t.key(i)
}

// Find returns the member of an object with that key; other kinds have none.
func (v Value) Find(key []byte) (Value, bool) {
	if v.typ > largeObject {
		return Value{}, false
	}
	t, _ := v.table()
	low, high := 0, t.count
	for low < high {
		mid := (low + high) / 2
		switch c := compareKeys(t.key(mid), key); {
		case c == 0:
			return t.value(mid)
		case c < 0:
			low = mid + 1
		default:
			high = mid
		}
	}
	return Value{}, false
}

// compareKeys is the order of keys within an object.
func compareKeys(a, b []byte) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return bytes.Compare(a, b)
}

// Int returns an Int.
func (v Value) Int() int64 {
	switch v.typ {
	case int16Type:
		return int64(int16(binary.LittleEndian.Uint16(v.data)))
	case int32Type:
		return int64(int32(binary.LittleEndian.Uint32(v.data)))
	}
	return int64(binary.LittleEndian.Uint64(v.data))
}

// Uint returns a Uint.
func (v Value) Uint() uint64 {
	switch v.typ {
	case uint16Type:
		return uint64(binary.LittleEndian.Uint16(v.data))
	case uint32Type:
		return uint64(binary.LittleEndian.Uint32(v.data))
	}
	return binary.LittleEndian.Uint64(v.data)
}

// Float returns a Double.
func (v Value) Float() float64 { return math.Float64frombits(binary.LittleEndian.Uint64(v.data)) }

// Bool returns a Bool.
func (v Value) Bool() bool { return v.data[0] == literalTrue }

// Bytes returns the text of a String, and the bytes of opaque values.
func (v Value) Bytes() []byte {
	if v.typ == opaqueType {
		s, _, _ := cutString(v.data[1:])
		return s
	}
	s, _, _ := cutString(v.data)
	return s
}

// OpaqueType returns the column type of an opaque value.
func (v Value) OpaqueType() byte { return v.data[0] }

// stored returns the value's own bytes, as they stand behind its type byte.
func (v Value) stored() []byte {
	switch v.typ {
	case smallObject, largeObject, smallArray, largeArray:
		t, _ := v.table()
		return t.data
	case literal:
		return v.data[:1]
	case stringType:
		s, n, _ := cutString(v.data)
		return v.data[:n+len(s)]
	case opaqueType:
		s, n, _ := cutString(v.data[1:])
		return v.data[:1+n+len(s)]
	}
	return v.data[:numberSize(v.typ)]
}

// AppendTo appends the value as a document of its own.
func (v Value) AppendTo(dst []byte) []byte { return append(append(dst, v.typ), v.stored()...) }
