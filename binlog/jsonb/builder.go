package jsonb

import (
	"encoding/binary"
	"math"
	"slices"
)

// Builder collects a document value by value and writes it with AppendTo:
//
//	b.BeginObject()
//	b.Key([]byte("a"))
//	b.Int(1)
//	b.End()
//	doc, err := b.AppendTo(nil)
//
// Members may come in any order; of those with one key the last counts. The
// first error sticks and is returned by AppendTo. A Builder is reused after
// Reset; it keeps its memory.
type Builder struct {
	// tape is the document in the order of the calls: words of a tag in the
	// upper 8 bits and a number, some followed by a word of their own.
	tape  []uint64
	text  []byte // strings, and values taken over
	given []byte // strings that the parser did not have to copy
	open  []int  // places of the containers not yet ended
	keys  []int  // scratch: places of keys
	err   error
}

// Tags. Strings, keys and raw values are the offset in text and a word of their
// length; containers the place behind their end and a word of their count.
const (
	tagObject byte = iota + 1
	tagArray
	tagKey
	tagGivenKey // in given instead of text
	tagString
	tagGivenString
	tagRaw // type byte and stored bytes
	tagLiteral
	tagInt    // and a word
	tagUint   // and a word
	tagDouble // and a word
)

const tagShift = 56

func (b *Builder) word(tag byte, v int) { b.tape = append(b.tape, uint64(tag)<<tagShift|uint64(v)) }

// Reset begins a new document.
func (b *Builder) Reset() {
	*b = Builder{tape: b.tape[:0], text: b.text[:0], open: b.open[:0], keys: b.keys[:0]}
}

// BeginObject begins an object: a Key before each value, until End.
func (b *Builder) BeginObject() { b.begin(tagObject) }

// BeginArray begins an array.
func (b *Builder) BeginArray() { b.begin(tagArray) }

func (b *Builder) begin(tag byte) {
	b.added()
	if len(b.open) == MaxDepth {
		b.fail(ErrDepth)
	}
	b.open = append(b.open, len(b.tape))
	b.word(tag, 0)
	b.tape = append(b.tape, 0)
}

// End ends the innermost object or array.
func (b *Builder) End() {
	at := b.open[len(b.open)-1]
	b.open = b.open[:len(b.open)-1]
	b.tape[at] |= uint64(len(b.tape))
}

// added counts a value in its container.
func (b *Builder) added() {
	if n := len(b.open); n > 0 {
		b.tape[b.open[n-1]+1]++
	}
}

func (b *Builder) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// Key gives the next value of an object its key.
func (b *Builder) Key(k []byte) {
	if len(k) > maxKey {
		b.fail(ErrKey)
	}
	b.copied(tagKey, k)
}

// copied appends a string that is kept in text.
func (b *Builder) copied(tag byte, s []byte) {
	b.word(tag, len(b.text))
	b.tape = append(b.tape, uint64(len(s)))
	b.text = append(b.text, s...)
}

// String adds a string.
func (b *Builder) String(s []byte) {
	b.added()
	b.copied(tagString, s)
}

// Null adds the literal null.
func (b *Builder) Null() { b.literal(literalNull) }

// Bool adds true or false.
func (b *Builder) Bool(v bool) {
	if v {
		b.literal(literalTrue)
	} else {
		b.literal(literalFalse)
	}
}

func (b *Builder) literal(v int) {
	b.added()
	b.word(tagLiteral, v)
}

// Int adds an integer.
func (b *Builder) Int(v int64) { b.number(tagInt, uint64(v)) }

// Uint adds an unsigned integer.
func (b *Builder) Uint(v uint64) { b.number(tagUint, v) }

// Float adds a double, which must be finite.
func (b *Builder) Float(v float64) { b.number(tagDouble, math.Float64bits(v)) }

func (b *Builder) number(tag byte, v uint64) {
	b.added()
	b.word(tag, 0)
	b.tape = append(b.tape, v)
}

// Value adds a value of another document as it is.
func (b *Builder) Value(v Value) {
	if v.typ <= largeArray && !v.fits(MaxDepth-len(b.open)) {
		b.fail(ErrDepth)
	}
	b.added()
	b.word(tagRaw, len(b.text))
	at := len(b.text)
	b.text = v.AppendTo(b.text)
	b.tape = append(b.tape, uint64(len(b.text)-at))
}

// fits reports whether v is nested no deeper than that.
func (v Value) fits(depth int) bool {
	if v.typ > largeArray {
		return true
	}
	if depth == 0 {
		return false
	}
	t, _ := v.table()
	for i := range t.count {
		if c, _ := t.value(i); !c.fits(depth - 1) {
			return false
		}
	}
	return true
}

// Opaque adds a value of a column type, in MySQL's form for it.
func (b *Builder) Opaque(typ byte, data []byte) {
	b.added()
	b.word(tagRaw, len(b.text))
	at := len(b.text)
	b.text = append(b.text, opaqueType, typ)
	b.text = append(appendLength(b.text, len(data)), data...)
	b.tape = append(b.tape, uint64(len(b.text)-at))
}

// appendLength appends the length of a string or opaque value.
func appendLength(dst []byte, n int) []byte {
	for n >= 0x80 {
		dst = append(dst, byte(n)|0x80)
		n >>= 7
	}
	return append(dst, byte(n))
}

// AppendTo appends the document. The error is ErrDepth, ErrKey or ErrSize.
func (b *Builder) AppendTo(dst []byte) ([]byte, error) {
	if b.err != nil {
		return dst, b.err
	}
	start := len(dst)
	out, fit := b.append(append(dst, 0), start, 0, true)
	if !fit {
		return dst, ErrSize
	}
	return out, nil
}

func (b *Builder) at(i int) (tag byte, v int) {
	return byte(b.tape[i] >> tagShift), int(b.tape[i] & (1<<tagShift - 1))
}

// next is the place behind the value at i.
func (b *Builder) next(i int) int {
	switch tag, v := b.at(i); tag {
	case tagObject, tagArray:
		return v
	case tagLiteral:
		return i + 1
	}
	return i + 2
}

// bytesOf returns the string, key or raw value at i.
func (b *Builder) bytesOf(i int) []byte {
	tag, v := b.at(i)
	if tag == tagGivenKey || tag == tagGivenString {
		return b.given[v : v+int(b.tape[i+1])]
	}
	return b.text[v : v+int(b.tape[i+1])]
}

// append appends the value at i of the tape and sets the type byte at typeAt.
// fit is false when a container within a small one does not fit the small form:
// then the container around it takes the large one.
func (b *Builder) append(dst []byte, typeAt, i int, largeParent bool) (out []byte, fit bool) {
	tag, v := b.at(i)
	switch tag {
	case tagObject, tagArray:
		start := len(dst)
		dst[typeAt] = smallObject
		if tag == tagArray {
			dst[typeAt] = smallArray
		}
		out, fit = b.appendTable(dst, i, tag == tagObject, 2)
		if fit || !largeParent {
			return out, fit
		}
		out = out[:start]
		out[typeAt]++
		return b.appendTable(out, i, tag == tagObject, 4)
	case tagLiteral:
		dst[typeAt] = literal
		return append(dst, byte(v)), true
	case tagString, tagGivenString:
		s := b.bytesOf(i)
		dst[typeAt] = stringType
		return append(appendLength(dst, len(s)), s...), true
	case tagRaw:
		s := b.bytesOf(i)
		dst[typeAt] = s[0]
		return append(dst, s[1:]...), largeParent || s[0] != largeObject && s[0] != largeArray
	}
	typ, n := numberForm(tag, b.tape[i+1])
	dst[typeAt] = typ
	return appendNumber(dst, b.tape[i+1], n), true
}

// numberForm chooses the smallest form of a number.
func numberForm(tag byte, v uint64) (typ byte, size int) {
	switch {
	case tag == tagDouble:
		return doubleType, 8
	case tag == tagInt && int64(v) == int64(int16(v)):
		return int16Type, 2
	case tag == tagInt && int64(v) == int64(int32(v)):
		return int32Type, 4
	case tag == tagInt:
		return int64Type, 8
	case v <= math.MaxUint16:
		return uint16Type, 2
	case v <= math.MaxUint32:
		return uint32Type, 4
	}
	return uint64Type, 8
}

func appendNumber(dst []byte, v uint64, n int) []byte {
	for range n {
		dst = append(dst, byte(v))
		v >>= 8
	}
	return dst
}

// appendTable appends the container at place of the tape with offsets of width
// bytes; fit is false when it is too large for them.
func (b *Builder) appendTable(dst []byte, place int, object bool, width int) (out []byte, fit bool) {
	limit := math.MaxUint16
	if width == 4 {
		limit = math.MaxUint32
	}
	var members []int
	count := int(b.tape[place+1])
	if object {
		mark := len(b.keys)
		members = b.members(place)
		defer func() { b.keys = b.keys[:mark] }()
		count = len(members)
	}
	if count > limit {
		return dst, false
	}
	start := len(dst)
	dst = append(dst, make([]byte, 2*width)...)
	putOffset(dst[start:], count, width)
	keys := len(dst)
	if object {
		dst = append(dst, make([]byte, count*(width+2))...)
	}
	entry := len(dst)
	dst = append(dst, make([]byte, count*(1+width))...)
	for i, m := range members {
		k := b.bytesOf(m)
		at := dst[keys+i*(width+2):]
		if len(dst)-start > limit {
			return dst, false
		}
		putOffset(at, len(dst)-start, width)
		binary.LittleEndian.PutUint16(at[width:], uint16(len(k)))
		dst = append(dst, k...)
	}
	for i, place := 0, place+2; i < count; i, place = i+1, b.next(place) {
		if object {
			place = members[i] + 2
		}
		if b.inline(dst[entry:], place, width) {
			entry += 1 + width
			continue
		}
		if len(dst)-start > limit {
			return dst, false
		}
		putOffset(dst[entry+1:], len(dst)-start, width)
		if dst, fit = b.append(dst, entry, place, width == 4); !fit {
			return dst, false
		}
		entry += 1 + width
	}
	size := len(dst) - start
	if size > limit {
		return dst, false
	}
	putOffset(dst[start+width:], size, width)
	return dst, true
}

// members returns the places of an object's keys, in the order of the keys and
// without those that are given again later.
func (b *Builder) members(place int) []int {
	mark := len(b.keys)
	_, end := b.at(place)
	for i := place + 2; i < end; i = b.next(i + 2) {
		b.keys = append(b.keys, i)
	}
	m := b.keys[mark:]
	slices.SortStableFunc(m, func(x, y int) int { return compareKeys(b.bytesOf(x), b.bytesOf(y)) })
	out := m[:0]
	for i, k := range m {
		if i+1 < len(m) && compareKeys(b.bytesOf(k), b.bytesOf(m[i+1])) == 0 {
			continue
		}
		out = append(out, k)
	}
	return out
}

// inline writes the value at i into its entry if it has its place there.
func (b *Builder) inline(entry []byte, i, width int) bool {
	tag, v := b.at(i)
	var typ byte
	n := 1
	num := uint64(v)
	switch tag {
	case tagLiteral:
		typ = literal
	case tagInt, tagUint:
		num = b.tape[i+1]
		typ, n = numberForm(tag, num)
	case tagRaw:
		s := b.bytesOf(i)
		typ = s[0]
		if typ < literal || typ > uint32Type {
			return false
		}
		n, num = len(s)-1, 0
		for k, c := range s[1:] {
			num |= uint64(c) << (8 * k)
		}
	default:
		return false
	}
	if n > width {
		return false
	}
	entry[0] = typ
	if width == 4 && typ == int16Type {
		num = uint64(int64(int16(num)))
	}
	putOffset(entry[1:], int(num), width)
	return true
}

func putOffset(b []byte, v, width int) {
	if width == 2 {
		binary.LittleEndian.PutUint16(b, uint16(v))
	} else {
		binary.LittleEndian.PutUint32(b, uint32(v))
	}
}
