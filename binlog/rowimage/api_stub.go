package rowimage

// Layout is a compiled list of columns. Immutable.
type Layout struct{ cols []Column }

// Compile checks the columns and prepares a Layout. The slice is kept.
func Compile(cols []Column) (*Layout, error) { panic("stub") }

// Columns returns the columns the layout was compiled from; do not change them.
func (l *Layout) Columns() []Column { return l.cols }

// Cut finds every column in a full image that must end with its last column.
// It appends to out[:0] and does not allocate when out has the capacity.
func (l *Layout) Cut(image []byte, out []Cell) ([]Cell, error) { panic("stub") }

// Next returns the length of the full image at the front of data, which may
// be hostile: nothing past len(data) is read.
func (l *Layout) Next(data []byte) (n int, err error) { panic("stub") }

// CutPartial finds the columns of the image at the front of data that holds
// only the columns whose bit is set in present (as in a rows event: LSB first,
// one bit per column of the layout). Columns not present get the zero Cell.
// n is the image's length.
func (l *Layout) CutPartial(data, present []byte, out []Cell) (cells []Cell, n int, err error) {
	panic("stub")
}

// Canonical reports whether the padding bits of the image's null bitmap are 1,
// and Canonicalize makes them so in place.
func (l *Layout) Canonical(image []byte) bool { panic("stub") }

// Canonicalize sets the padding bits of the image's null bitmap.
func (l *Layout) Canonicalize(image []byte) { panic("stub") }

// Merge appends to dst a full image made of the present cells of a partial
// image (data, cells from CutPartial) and, for the absent ones, of the full
// image base with its cells.
func (l *Layout) Merge(dst, base []byte, baseCells []Cell, data []byte, cells []Cell) []byte {
	panic("stub")
}

// Datetime is a calendar date with time of day. Zero dates and zero parts are
// legal, as in MySQL. For DATE the time is zero.
type Datetime struct {
	Year                 uint16
	Month, Day           uint8
	Hour, Minute, Second uint8
	Micro                uint32
}

// DecodeInt returns a signed integer of 1, 2, 3, 4 or 8 little-endian bytes.
func DecodeInt(b []byte) int64 { panic("stub") }

// DecodeUint returns an unsigned integer of 1 to 8 little-endian bytes; also
// the index of an ENUM and the bits of a SET.
func DecodeUint(b []byte) uint64 { panic("stub") }

// DecodeYear returns 0 or 1901 to 2155.
func DecodeYear(b []byte) int { panic("stub") }

// DecodeFloat returns a FLOAT.
func DecodeFloat(b []byte) float32 { panic("stub") }

// DecodeDouble returns a DOUBLE.
func DecodeDouble(b []byte) float64 { panic("stub") }

// DecodeBit returns a BIT value of 1 to 8 big-endian bytes.
func DecodeBit(b []byte) uint64 { panic("stub") }

// DecodeDate returns a DATE.
func DecodeDate(b []byte) Datetime { panic("stub") }

// DecodeDatetime returns a DATETIME2 with fsp digits of fraction.
func DecodeDatetime(b []byte, fsp uint16) Datetime { panic("stub") }

// DecodeTimestamp returns a TIMESTAMP2: seconds since 1970 UTC (0 = zero
// timestamp when micro is 0 as well) and microseconds.
func DecodeTimestamp(b []byte, fsp uint16) (sec uint32, micro uint32) { panic("stub") }

// DecodeTime returns a TIME2 as signed microseconds.
func DecodeTime(b []byte, fsp uint16) int64 { panic("stub") }

// AppendDecimalText appends a NEWDECIMAL value as text: "-12.340" with exactly
// scale digits after the point, no leading zeros. meta is Column.Meta.
func AppendDecimalText(dst, b []byte, meta uint16) ([]byte, error) { panic("stub") }

// Builder builds full images for one layout, column by column, in order.
// Values that do not fit give a *ValueError; nothing is rounded or cut
// silently, except the fractions of decimal and temporal values, which are
// rounded and truncated to the column's scale as documented there.
type Builder struct{ l *Layout }

// NewBuilder returns an empty Builder for l.
func NewBuilder(l *Layout) *Builder { panic("stub") }

// Reset begins a new image. The bytes returned by Bytes before are reused.
func (b *Builder) Reset() { panic("stub") }

// AppendNull stores NULL in the next column.
func (b *Builder) AppendNull() error { panic("stub") }

// AppendInt stores an integer in the next column: integer types, YEAR, ENUM
// (index), SET (bits), BIT, NEWDECIMAL, FLOAT, DOUBLE.
func (b *Builder) AppendInt(v int64) error { panic("stub") }

// AppendUint is AppendInt for unsigned values.
func (b *Builder) AppendUint(v uint64) error { panic("stub") }

// AppendFloat stores a FLOAT or DOUBLE.
func (b *Builder) AppendFloat(v float64) error { panic("stub") }

// AppendDecimal stores a NEWDECIMAL given as text ("-1.50", exponents allowed),
// rounded half away from zero to the column's scale.
func (b *Builder) AppendDecimal(text []byte) error { panic("stub") }

// AppendDatetime stores a DATE or DATETIME2; digits beyond the column's
// fraction are cut off (round before).
func (b *Builder) AppendDatetime(d Datetime) error { panic("stub") }

// AppendTimestamp stores a TIMESTAMP2.
func (b *Builder) AppendTimestamp(sec uint32, micro uint32) error { panic("stub") }

// AppendTime stores a TIME2 given as signed microseconds, |t| ≤ 838:59:59.
func (b *Builder) AppendTime(micros int64) error { panic("stub") }

// AppendBytes stores a string: STRING (trailing spaces, in BINARY trailing
// zero bytes, are dropped as MySQL does), VARCHAR, BLOB, JSON, GEOMETRY.
func (b *Builder) AppendBytes(s []byte) error { panic("stub") }

// AppendString is AppendBytes for a string.
func (b *Builder) AppendString(s string) error { panic("stub") }

// AppendStored copies a value's stored bytes (Cell.Stored of a column of equal
// type) unchecked.
func (b *Builder) AppendStored(stored []byte) error { panic("stub") }

// Bytes returns the image. It is valid until the next Reset. An error means
// that columns are missing.
func (b *Builder) Bytes() ([]byte, error) { panic("stub") }

// ConversionError is a column that cannot be converted; the edge writes it as
// error 13146 (ER_SERVER_SLAVE_CONVERSION_FAILED) or 1677.
type ConversionError struct {
	Column                 int // from 0
	Name                   string
	SourceType, TargetType string // as MySQL prints them: "varchar(20(bytes))", "int"
}

func (e *ConversionError) Error() string { panic("stub") }

// Compatible reports whether a full image of the remote columns may be stored
// as is in a table of the local columns; why names the first difference.
func Compatible(local, remote []Column) (asIs bool, why string) { panic("stub") }

// Converter turns images of a remote definition into images of a local one,
// as MySQL does with replica_type_conversions=”. Safe for concurrent use.
type Converter struct{}

// NewConverter compiles the conversion or returns a *ConversionError.
// Columns beyond the shorter list are ignored (remote) or taken from defaults
// (local), a full image of the local layout; nil stands for NULLs and zeros.
func NewConverter(local, remote *Layout, defaults []byte) (*Converter, error) { panic("stub") }

// Append appends to dst the local image of the remote full image.
func (c *Converter) Append(dst, image []byte) ([]byte, error) { panic("stub") }

// AppendPartial appends to dst a local partial image of the columns present in
// the remote partial image at the front of data, and to localPresent[:0] its
// bitmap. n is the length of the remote image.
func (c *Converter) AppendPartial(dst, localPresent, data, present []byte) (out, bitmap []byte, n int, err error) {
	panic("stub")
}
