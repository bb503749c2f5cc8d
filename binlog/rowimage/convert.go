package rowimage

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// Conversions is replica_type_conversions as bits.
type Conversions uint8

// The values of replica_type_conversions that change what is accepted. Its
// ALL_SIGNED and ALL_UNSIGNED only matter where the source tells no signedness:
// then the local column's is taken.
const (
	AllLossy    Conversions = 1 << iota // target smaller than source: values are cut to fit
	AllNonLossy                         // target greater than source
)

// ConversionError is a column that cannot be converted: error 13146 of MySQL
// 8.0, 1677 before. Text is the message.
type ConversionError struct {
	Column                 int // from 0
	Name                   string
	SourceType, TargetType string // as MySQL prints them: "varchar(20(bytes))", "int"
}

func (e *ConversionError) Error() string {
	return fmt.Sprintf("column %d cannot be converted from type '%s' to type '%s'", e.Column, e.SourceType, e.TargetType)
}

// Text is MySQL's message; table is "database.table".
func (e *ConversionError) Text(table string) string {
	return fmt.Sprintf("Column %d of table '%s' cannot be converted from type '%s' to type '%s'", e.Column, table, e.SourceType, e.TargetType)
}

// convertFunc appends the local stored bytes of a remote value (not NULL).
type convertFunc func(dst, value []byte) ([]byte, error)

// Converter turns images of a remote definition into images of a local one.
// Immutable, safe for concurrent use.
type Converter struct {
	local, remote *Layout
	ops           []convertFunc // nil: stored bytes as they are
	defaults      []byte        // full local image
	cells         []Cell        // of defaults
}

// NewConverter compiles the conversion that MySQL does with an empty
// replica_type_conversions, or returns a *ConversionError: types must be equal
// up to details that lose nothing (signedness within range, a shorter member
// list, fractions of equal size, the old temporal formats).
//
// Columns beyond the shorter list are ignored (remote) or taken from defaults
// (local), a full image of the local layout; nil stands for NULLs and, where
// they are not allowed, for the types' zero values. A NULL for a local column
// that takes none becomes that default, as in MySQL.
func NewConverter(local, remote *Layout, defaults []byte) (*Converter, error) {
	return NewConverterAllowing(local, remote, defaults, 0)
}

// NewConverterAllowing is NewConverter with replica_type_conversions.
func NewConverterAllowing(local, remote *Layout, defaults []byte, allow Conversions) (*Converter, error) {
	return newConverter(local, remote, defaults, allow, nil)
}

// NewConverterParsing is NewConverter for sources whose JSON columns are texts,
// as MariaDB's: json appends the binary form of a text.
func NewConverterParsing(local, remote *Layout, defaults []byte, json func(dst, text []byte) ([]byte, error)) (*Converter, error) {
	return newConverter(local, remote, defaults, 0, json)
}

func newConverter(local, remote *Layout, defaults []byte, allow Conversions, json func(dst, text []byte) ([]byte, error)) (*Converter, error) {
	if defaults == nil {
		defaults = local.zeroImage()
	}
	cells, err := local.Cut(defaults, nil)
	if err != nil {
		return nil, fmt.Errorf("defaults: %w", err)
	}
	c := &Converter{local: local, remote: remote, defaults: defaults, cells: cells}
	c.ops = make([]convertFunc, min(len(local.cols), len(remote.cols)))
	for i := range c.ops {
		l, r := &local.cols[i], &remote.cols[i]
		op, ok := planJSON(l, r, json)
		if !ok {
			op, ok = plan(l, r, allow)
		}
		if !ok {
			return nil, &ConversionError{Column: i, Name: l.Name, SourceType: TypeName(r, false), TargetType: TypeName(l, true)}
		}
		c.ops[i] = op
	}
	return c, nil
}

// zeroImage is a row of NULLs and, where not allowed, zero values.
func (l *Layout) zeroImage() []byte {
	image := l.appendNulls(nil)
	for i := range l.cols {
		if c := &l.cols[i]; !c.Nullable {
			image[i>>3] &^= 1 << (i & 7)
			image = appendZero(image, c, &l.fields[i])
		}
	}
	return image
}

func appendZero(dst []byte, c *Column, f *field) []byte {
	switch c.Type {
	case mysql.MYSQL_TYPE_NEWDECIMAL:
		dst, _, _ = AppendDecimal(dst, []byte("0"), c.Meta)
	case mysql.MYSQL_TYPE_DATETIME2:
		dst, _ = AppendDatetime(dst, Datetime{}, c.Meta)
	case mysql.MYSQL_TYPE_TIME2:
		dst, _ = AppendTime(dst, 0, c.Meta)
	case mysql.MYSQL_TYPE_ENUM:
		dst = appendLE(dst, 1, int(f.size))
	case mysql.MYSQL_TYPE_JSON: // the JSON literal null
		dst = append(dst, 2, 0, 0, 0, 4, 0)
	default:
		n := int(f.lenBytes)
		if n == 0 {
			n = int(f.size)
		}
		dst = appendLE(dst, 0, n)
	}
	return dst
}

// Append appends to dst the local image of the remote full image.
func (c *Converter) Append(dst, image []byte) ([]byte, error) {
	start := len(dst)
	dst = c.local.appendNulls(dst)
	var room [64]Cell
	cells, err := c.remote.Cut(image, room[:0])
	if err != nil {
		return dst[:start], err
	}
	for i := range c.local.cols {
		var null bool
		if i < len(c.ops) {
			dst, null, err = c.value(dst, i, image, cells[i])
			if err != nil {
				return dst[:start], err
			}
		} else {
			dst, null = c.defaultValue(dst, i)
		}
		if !null {
			dst[start+i>>3] &^= 1 << (i & 7)
		}
	}
	return dst, nil
}

// value appends the local form of one remote cell.
func (c *Converter) value(dst []byte, i int, image []byte, cell Cell) (out []byte, null bool, err error) {
	if cell.Null() {
		if c.local.cols[i].Nullable {
			return dst, true, nil
		}
		out, null = c.defaultValue(dst, i)
		return out, null, nil
	}
	if c.ops[i] == nil {
		return append(dst, cell.Stored(image)...), false, nil
	}
	out, err = c.ops[i](dst, cell.Value(image))
	if err != nil {
		err = &ValueError{Column: i, Name: c.local.cols[i].Name, Err: err}
	}
	return out, false, err
}

func (c *Converter) defaultValue(dst []byte, i int) (out []byte, null bool) {
	if c.cells[i].Null() {
		return dst, true
	}
	return append(dst, c.cells[i].Stored(c.defaults)...), false
}

// AppendPartial appends to dst a local partial image of the columns present in
// the remote partial image at the front of data, and to localPresent[:0] its
// bitmap. n is the length of the remote image. Local columns that the remote
// side lacks are absent.
func (c *Converter) AppendPartial(dst, localPresent, data, present []byte) (out, bitmap []byte, n int, err error) {
	var room [64]Cell
	cells, n, err := c.remote.CutPartial(data, present, room[:0])
	if err != nil {
		return dst, localPresent, 0, err
	}
	bitmap = localPresent[:0]
	for range c.local.nulls {
		bitmap = append(bitmap, 0)
	}
	count := 0
	for i := range c.ops {
		if !cells[i].Absent() {
			bitmap[i>>3] |= 1 << (i & 7)
			count++
		}
	}
	start, bit := len(dst), 0
	for range (count + 7) / 8 {
		dst = append(dst, 0xff)
	}
	for i := range c.ops {
		if cells[i].Absent() {
			continue
		}
		var null bool
		if dst, null, err = c.value(dst, i, data, cells[i]); err != nil {
			return dst[:start], bitmap, 0, err
		}
		if !null {
			dst[start+bit>>3] &^= 1 << (bit & 7)
		}
		bit++
	}
	return dst, bitmap, n, nil
}

// plan decides how one column is converted; a nil function copies.
func plan(l, r *Column, allow Conversions) (convertFunc, bool) {
	permitted := func(order int) bool {
		return order == 0 || order < 0 && allow&AllNonLossy != 0 || order == 1 && allow&AllLossy != 0
	}
	lossy := allow&AllLossy != 0
	if op, ok := planOldTemporal(l, r); ok {
		return op, true
	}
	if l.Type != r.Type && allow == 0 {
		return nil, false
	}
	switch {
	case isInteger(l.Type) && isInteger(r.Type):
		return planInteger(l, r, lossy), permitted(compare(integerSize(r.Type), integerSize(l.Type)))
	case isReal(l.Type) && isReal(r.Type):
		return planReal(l, r, lossy), permitted(realOrder(l, r))
	case isString(l.Type) && isString(r.Type):
		order := compare(greatestLength(r), greatestLength(l))
		charset := charsetOrder(l, r)
		return planString(l, r, lossy), permitted(order) && charset != noOrder && permitted(charset)
	case l.Type != r.Type:
		return nil, false
	}
	switch l.Type {
	case mysql.MYSQL_TYPE_BIT:
		return planBit(l, r), permitted(compare(r.Meta, l.Meta))
	case mysql.MYSQL_TYPE_ENUM, mysql.MYSQL_TYPE_SET:
		return planMembers(l, r), permitted(compare(r.Meta, l.Meta)) && holdsMembers(l, r)
	case mysql.MYSQL_TYPE_DATETIME2, mysql.MYSQL_TYPE_TIMESTAMP2, mysql.MYSQL_TYPE_TIME2:
		return planFraction(l, r), permitted(compare(fractionBytes(r.Meta), fractionBytes(l.Meta)))
	}
	return nil, l.Meta == r.Meta
}

// planJSON converts a text in UTF-8 to JSON.
func planJSON(l, r *Column, json func(dst, text []byte) ([]byte, error)) (convertFunc, bool) {
	if json == nil || l.Type != mysql.MYSQL_TYPE_JSON || r.Type != mysql.MYSQL_TYPE_BLOB {
		return nil, false
	}
	switch Charset(r.Collation) {
	case "utf8mb4", "utf8mb3", "ascii", "unknown":
	default:
		return nil, false
	}
	return func(dst, value []byte) ([]byte, error) {
		start := len(dst)
		out, err := json(appendLE(dst, 0, 4), value)
		if err != nil {
			return dst, fmt.Errorf("%w: %w", ErrFormat, err)
		}
		binary.LittleEndian.PutUint32(out[start:], uint32(len(out)-start-4))
		return out, nil
	}, true
}

func compare[T int | uint16 | uint32 | uint64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func integerSize(t byte) int {
	switch t {
	case mysql.MYSQL_TYPE_TINY:
		return 1
	case mysql.MYSQL_TYPE_SHORT:
		return 2
	case mysql.MYSQL_TYPE_INT24:
		return 3
	case mysql.MYSQL_TYPE_LONG:
		return 4
	}
	return 8
}

func planInteger(l, r *Column, lossy bool) convertFunc {
	unsigned := r.Unsigned
	if r.SignUnknown {
		unsigned = l.Unsigned
	}
	if l.Type == r.Type && unsigned == l.Unsigned {
		return nil
	}
	size := uint32(integerSize(l.Type))
	return func(dst, value []byte) ([]byte, error) {
		v, neg := DecodeUint(value), false
		if !unsigned {
			i := DecodeInt(value)
			v, neg = uint64(i), i < 0
		}
		if !fitsInt(v, neg, l.Unsigned, size) {
			if !lossy {
				return dst, ErrRange
			}
			v = clampInt(neg, l.Unsigned, size)
		}
		return appendLE(dst, v, int(size)), nil
	}
}

// clampInt is the end of the integer type's range on the side of the sign.
func clampInt(neg, unsigned bool, size uint32) uint64 {
	bits := 8 * size
	switch {
	case unsigned && neg:
		return 0
	case unsigned:
		return 1<<bits - 1
	case neg:
		return 1 << (bits - 1)
	}
	return 1<<(bits-1) - 1
}

func realOrder(l, r *Column) int {
	switch {
	case l.Type == mysql.MYSQL_TYPE_NEWDECIMAL && r.Type == l.Type:
		if o := compare(r.Meta>>8, l.Meta>>8); o != 0 {
			return o
		}
		return compare(r.Meta&0xff, l.Meta&0xff)
	case l.Type == r.Type:
		return 0
	case l.Type == mysql.MYSQL_TYPE_DOUBLE && r.Type == mysql.MYSQL_TYPE_FLOAT:
		return -1
	}
	return 1
}

func planReal(l, r *Column, lossy bool) convertFunc {
	if l.Type == r.Type && sameMeta(l, r) && !signsDiffer(l, r) {
		return nil
	}
	return func(dst, value []byte) ([]byte, error) {
		var room [96]byte
		text := room[:0]
		var err error
		switch r.Type {
		case mysql.MYSQL_TYPE_NEWDECIMAL:
			if text, err = AppendDecimalText(text, value, r.Meta); err != nil {
				return dst, err
			}
		case mysql.MYSQL_TYPE_FLOAT:
			text = strconv.AppendFloat(text, float64(DecodeFloat(value)), 'g', -1, 32)
		default:
			text = strconv.AppendFloat(text, DecodeDouble(value), 'g', -1, 64)
		}
		if l.Type == mysql.MYSQL_TYPE_NEWDECIMAL {
			out, exact, err := appendDecimal(dst, text, l)
			if err == nil && !exact && !lossy {
				return dst, ErrRange
			}
			return out, err
		}
		f, err := strconv.ParseFloat(string(text), 64)
		if err != nil {
			return dst, ErrRange
		}
		return appendFloat(dst, l, f)
	}
}

// greatestLength is the greatest length in bytes of a string column.
func greatestLength(c *Column) uint64 {
	if c.Type == mysql.MYSQL_TYPE_BLOB {
		return 1<<(8*c.Meta) - 1
	}
	return uint64(c.Meta)
}

func planString(l, r *Column, lossy bool) convertFunc {
	if l.Type == r.Type && l.Meta == r.Meta {
		return nil
	}
	longest := greatestLength(l)
	n := int(l.Meta)
	if l.Type != mysql.MYSQL_TYPE_BLOB {
		n = int(stringField(l.Meta).lenBytes)
	}
	return func(dst, value []byte) ([]byte, error) {
		if l.Type == mysql.MYSQL_TYPE_STRING {
			value = value[:paddedLen(value, l.Collation)]
		}
		if uint64(len(value)) > longest {
			if !lossy {
				return dst, ErrLong
			}
			value = cutString(value, int(longest), l.Collation)
		}
		return append(appendLE(dst, uint64(len(value)), n), value...), nil
	}
}

// cutString cuts s to at most n bytes, in UTF-8 between characters.
func cutString(s []byte, n int, collation uint16) []byte {
	if cs := Charset(collation); cs == "utf8mb4" || cs == "utf8mb3" {
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
	}
	return s[:n]
}

func planBit(l, r *Column) convertFunc {
	if l.Meta == r.Meta {
		return nil
	}
	return func(dst, value []byte) ([]byte, error) {
		v := DecodeBit(value)
		if l.Meta < 64 && v>>l.Meta != 0 {
			v = 1<<l.Meta - 1
		}
		return appendBE(dst, v, int(l.Meta+7)/8), nil
	}
}

// holdsMembers reports whether the remote members begin the local list, so
// that the stored numbers mean the same.
func holdsMembers(l, r *Column) bool {
	if len(l.Members) == 0 || len(r.Members) == 0 {
		return true
	}
	if len(r.Members) > len(l.Members) {
		return false
	}
	for i, m := range r.Members {
		if m != l.Members[i] {
			return false
		}
	}
	return true
}

func planMembers(l, r *Column) convertFunc {
	if l.Meta == r.Meta {
		return nil
	}
	return func(dst, value []byte) ([]byte, error) {
		return appendInteger(dst, l, DecodeUint(value), false)
	}
}

func planFraction(l, r *Column) convertFunc {
	if l.Meta == r.Meta {
		return nil
	}
	switch l.Type {
	case mysql.MYSQL_TYPE_DATETIME2:
		return func(dst, value []byte) ([]byte, error) {
			return AppendDatetime(dst, DecodeDatetime(value, r.Meta), l.Meta)
		}
	case mysql.MYSQL_TYPE_TIMESTAMP2:
		return func(dst, value []byte) ([]byte, error) {
			sec, micro := DecodeTimestamp(value, r.Meta)
			return AppendTimestamp(dst, sec, micro, l.Meta)
		}
	}
	return func(dst, value []byte) ([]byte, error) {
		return AppendTime(dst, DecodeTime(value, r.Meta), l.Meta)
	}
}

// planOldTemporal converts the formats before 5.6, which hold no fraction:
// seconds for TIMESTAMP, the decimal number hhmmss for TIME (signed) and
// YYYYMMDDhhmmss for DATETIME, all little-endian.
func planOldTemporal(l, r *Column) (convertFunc, bool) {
	if r.Meta != 0 {
		return nil, false
	}
	switch {
	case r.Type == mysql.MYSQL_TYPE_TIMESTAMP && l.Type == mysql.MYSQL_TYPE_TIMESTAMP2:
		return func(dst, value []byte) ([]byte, error) {
			return AppendTimestamp(dst, uint32(DecodeUint(value)), 0, l.Meta)
		}, true
	case r.Type == mysql.MYSQL_TYPE_TIME && l.Type == mysql.MYSQL_TYPE_TIME2:
		return func(dst, value []byte) ([]byte, error) {
			v := DecodeInt(value)
			return AppendTime(dst, (v/10000*3600+v/100%100*60+v%100)*1_000_000, l.Meta)
		}, true
	case r.Type == mysql.MYSQL_TYPE_DATETIME && l.Type == mysql.MYSQL_TYPE_DATETIME2:
		return func(dst, value []byte) ([]byte, error) {
			v := DecodeUint(value)
			if v > 9999_12_31_23_59_59 {
				return dst, ErrRange
			}
			return AppendDatetime(dst, Datetime{
				Year: uint16(v / 1e10), Month: uint8(v / 1e8 % 100), Day: uint8(v / 1e6 % 100),
				Hour: uint8(v / 1e4 % 100), Minute: uint8(v / 100 % 100), Second: uint8(v % 100),
			}, l.Meta)
		}, true
	}
	return nil, false
}
