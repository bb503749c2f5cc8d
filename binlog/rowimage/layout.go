package rowimage

import (
	"fmt"
	"math"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// maxColumns is the greatest number of columns of a MySQL table.
const maxColumns = 4096

// field is what cutting needs of one column.
type field struct {
	size     uint32 // bytes of a fixed-size value; greatest length of a variable one
	lenBytes uint8  // 0: fixed size
}

// Layout is a compiled list of columns. It is immutable.
type Layout struct {
	cols   []Column
	fields []field
	nulls  int  // bytes of the null bitmap
	pad    byte // padding bits of the bitmap's last byte

	// fixed are the cells of the columns before and including the first one
	// of variable length (of that only Start), when no earlier one is NULL.
	fixed []Cell
}

// Compile checks the columns and prepares a Layout. The slice is kept: the
// caller must not change it afterwards.
func Compile(cols []Column) (*Layout, error) {
	if len(cols) == 0 || len(cols) > maxColumns {
		return nil, fmt.Errorf("%w: a table has 1 to %d columns, not %d", ErrCorrupt, maxColumns, len(cols))
	}
	l := &Layout{cols: cols, fields: make([]field, len(cols)), nulls: (len(cols) + 7) / 8}
	if r := len(cols) % 8; r != 0 {
		l.pad = 0xff << r
	}
	for i := range cols {
		f, err := compileField(&cols[i])
		if err != nil {
			return nil, fmt.Errorf("column %d: %w", i, err)
		}
		l.fields[i] = f
	}
	pos := uint32(l.nulls)
	for _, f := range l.fields {
		if f.lenBytes != 0 {
			break
		}
		l.fixed = append(l.fixed, Cell{pos, pos, pos + f.size})
		pos += f.size
	}
	return l, nil
}

func compileField(c *Column) (field, error) {
	within := func(low, high uint16) error {
		if c.Meta < low || c.Meta > high {
			return fmt.Errorf("%w: type %d with metadata %d", ErrCorrupt, c.Type, c.Meta)
		}
		return nil
	}
	fixed := func(n int) (field, error) { return field{size: uint32(n)}, nil }
	switch c.Type {
	case mysql.MYSQL_TYPE_TINY, mysql.MYSQL_TYPE_YEAR:
		return fixed(1)
	case mysql.MYSQL_TYPE_SHORT:
		return fixed(2)
	case mysql.MYSQL_TYPE_INT24, mysql.MYSQL_TYPE_DATE, mysql.MYSQL_TYPE_TIME:
		return fixed(3)
	case mysql.MYSQL_TYPE_LONG, mysql.MYSQL_TYPE_FLOAT, mysql.MYSQL_TYPE_TIMESTAMP:
		return fixed(4)
	case mysql.MYSQL_TYPE_LONGLONG, mysql.MYSQL_TYPE_DOUBLE, mysql.MYSQL_TYPE_DATETIME:
		return fixed(8)
	case mysql.MYSQL_TYPE_TIMESTAMP2:
		return field{size: 4 + fractionBytes(c.Meta)}, within(0, 6)
	case mysql.MYSQL_TYPE_DATETIME2:
		return field{size: 5 + fractionBytes(c.Meta)}, within(0, 6)
	case mysql.MYSQL_TYPE_TIME2:
		return field{size: 3 + fractionBytes(c.Meta)}, within(0, 6)
	case mysql.MYSQL_TYPE_NEWDECIMAL:
		p, s := decimalSize(c.Meta)
		if p < 1 || p > 65 || s > 30 || s > p {
			return field{}, fmt.Errorf("%w: decimal(%d,%d)", ErrCorrupt, p, s)
		}
		return fixed(decimalBytes(p, s))
	case mysql.MYSQL_TYPE_BIT:
		return field{size: uint32(c.Meta+7) / 8}, within(1, 64)
	case mysql.MYSQL_TYPE_ENUM:
		return field{size: uint32(c.Meta)}, within(1, 2)
	case mysql.MYSQL_TYPE_SET:
		return field{size: uint32(c.Meta)}, within(1, 8)
	case mysql.MYSQL_TYPE_STRING:
		return stringField(c.Meta), within(0, 1023)
	case mysql.MYSQL_TYPE_VARCHAR:
		return stringField(c.Meta), nil
	case mysql.MYSQL_TYPE_BLOB, mysql.MYSQL_TYPE_JSON, mysql.MYSQL_TYPE_GEOMETRY:
		if err := within(1, 4); err != nil {
			return field{}, err
		}
		return field{lenBytes: uint8(c.Meta), size: uint32(1<<(8*c.Meta) - 1)}, nil
	}
	return field{}, fmt.Errorf("%w: column type %d", ErrUnsupported, c.Type)
}

func stringField(longest uint16) field {
	if longest < 256 {
		return field{lenBytes: 1, size: uint32(longest)}
	}
	return field{lenBytes: 2, size: uint32(longest)}
}

// Columns returns the columns the layout was compiled from; do not change them.
func (l *Layout) Columns() []Column { return l.cols }

// NullBytes returns the length of a full image's null bitmap.
func (l *Layout) NullBytes() int { return l.nulls }

// Cut finds every column in a full image that must end with its last column.
// It appends to out[:0] and does not allocate when out has the capacity.
func (l *Layout) Cut(image []byte, out []Cell) ([]Cell, error) {
	out, n, err := l.cutFull(image, out[:0])
	if err == nil && n != len(image) {
		err = fmt.Errorf("%w: %d bytes after the last column", ErrCorrupt, len(image)-n)
	}
	return out, err
}

// CutNext is Cut for the image at the front of data; n is its length.
func (l *Layout) CutNext(data []byte, out []Cell) (cells []Cell, n int, err error) {
	return l.cutFull(data, out[:0])
}

func (l *Layout) cutFull(data []byte, out []Cell) ([]Cell, int, error) {
	if len(data) < l.nulls || uint64(len(data)) > math.MaxUint32 {
		return out, 0, errShort(len(data))
	}
	i, pos := 0, l.nulls
	if k := len(l.fixed); k > 0 && noNulls(data, k) {
		if int(l.fixed[k-1].End) > len(data) {
			return out, 0, errShort(len(data))
		}
		out = append(out, l.fixed...)
		i, pos = k, int(l.fixed[k-1].End)
	}
	for ; i < len(l.fields); i++ {
		if isNull(data, i) {
			out = append(out, Cell{uint32(pos), uint32(pos), uint32(pos)})
			continue
		}
		c, err := l.fields[i].cell(data, pos)
		if err != nil {
			return out, 0, fmt.Errorf("column %d: %w", i, err)
		}
		out = append(out, c)
		pos = int(c.End)
	}
	return out, pos, nil
}

// cell finds the value that begins at pos ≤ len(data).
func (f *field) cell(data []byte, pos int) (Cell, error) {
	if f.lenBytes == 0 {
		if len(data)-pos < int(f.size) {
			return Cell{}, errShort(len(data))
		}
		return Cell{uint32(pos), uint32(pos), uint32(pos) + f.size}, nil
	}
	k := int(f.lenBytes)
	if len(data)-pos < k {
		return Cell{}, errShort(len(data))
	}
	n := DecodeUint(data[pos : pos+k])
	if n > uint64(f.size) {
		return Cell{}, fmt.Errorf("%w: value of %d bytes where at most %d fit", ErrCorrupt, n, f.size)
	}
	if n > uint64(len(data)-pos-k) {
		return Cell{}, errShort(len(data))
	}
	return Cell{uint32(pos), uint32(pos + k), uint32(pos+k) + uint32(n)}, nil
}

func errShort(n int) error { return fmt.Errorf("%w: it ends within its %d bytes", ErrCorrupt, n) }

func isNull(image []byte, column int) bool { return image[column>>3]&(1<<(column&7)) != 0 }

// noNulls reports whether none of the first k columns is NULL.
func noNulls(image []byte, k int) bool {
	for i := 0; i < k>>3; i++ {
		if image[i] != 0 {
			return false
		}
	}
	return k&7 == 0 || image[k>>3]&(1<<(k&7)-1) == 0
}

// Find returns the cell of one column of a full image. Columns before the
// first one of variable length are found without a walk when no earlier
// column is NULL.
func (l *Layout) Find(image []byte, column int) (Cell, error) {
	if len(image) < l.nulls || uint64(len(image)) > math.MaxUint32 {
		return Cell{}, errShort(len(image))
	}
	if column < len(l.fixed) && noNulls(image, column+1) {
		c := l.fixed[column]
		if int(c.End) > len(image) {
			return Cell{}, errShort(len(image))
		}
		return c, nil
	}
	pos := l.nulls
	for i := range column {
		if isNull(image, i) {
			continue
		}
		c, err := l.fields[i].cell(image, pos)
		if err != nil {
			return Cell{}, fmt.Errorf("column %d: %w", i, err)
		}
		pos = int(c.End)
	}
	if isNull(image, column) {
		return Cell{uint32(pos), uint32(pos), uint32(pos)}, nil
	}
	return l.fields[column].cell(image, pos)
}

// Next returns the length of the full image at the front of data, which may
// be hostile: nothing past len(data) is read.
func (l *Layout) Next(data []byte) (n int, err error) {
	if len(data) < l.nulls || uint64(len(data)) > math.MaxUint32 {
		return 0, errShort(len(data))
	}
	i, pos := 0, l.nulls
	if k := len(l.fixed); k > 0 && noNulls(data, k) {
		i, pos = k, int(l.fixed[k-1].End)
		if pos > len(data) {
			return 0, errShort(len(data))
		}
	}
	for ; i < len(l.fields); i++ {
		if isNull(data, i) {
			continue
		}
		c, err := l.fields[i].cell(data, pos)
		if err != nil {
			return 0, fmt.Errorf("column %d: %w", i, err)
		}
		pos = int(c.End)
	}
	return pos, nil
}

// CutPartial finds the columns of the image at the front of data that holds
// only the columns whose bit is set in present (as in a rows event: least
// significant bit first, one bit per column of the layout). The null bitmap of
// such an image has one bit per present column. Columns not present get the
// zero Cell. n is the image's length. It appends to out[:0].
func (l *Layout) CutPartial(data, present []byte, out []Cell) (cells []Cell, n int, err error) {
	out = out[:0]
	if len(present) < l.nulls {
		return out, 0, fmt.Errorf("%w: %d bytes say which of %d columns are present", ErrCorrupt, len(present), len(l.fields))
	}
	count := 0
	for i := range l.fields {
		if isNull(present, i) {
			count++
		}
	}
	pos := (count + 7) / 8
	if len(data) < pos || uint64(len(data)) > math.MaxUint32 {
		return out, 0, errShort(len(data))
	}
	bit := 0
	for i := range l.fields {
		if !isNull(present, i) {
			out = append(out, Cell{})
			continue
		}
		null := isNull(data, bit)
		bit++
		if null {
			out = append(out, Cell{uint32(pos), uint32(pos), uint32(pos)})
			continue
		}
		c, err := l.fields[i].cell(data, pos)
		if err != nil {
			return out, 0, fmt.Errorf("column %d: %w", i, err)
		}
		out = append(out, c)
		pos = int(c.End)
	}
	return out, pos, nil
}

// AllPresent reports whether the bitmap names every column of the layout.
func (l *Layout) AllPresent(present []byte) bool {
	if len(present) < l.nulls {
		return false
	}
	for i := range l.nulls - 1 {
		if present[i] != 0xff {
			return false
		}
	}
	return present[l.nulls-1]|l.pad == 0xff
}

// Canonical reports whether the padding bits of the image's null bitmap are 1,
// as MySQL writes them and as the store wants them.
func (l *Layout) Canonical(image []byte) bool {
	return len(image) >= l.nulls && image[l.nulls-1]&l.pad == l.pad
}

// Canonicalize sets the padding bits of the image's null bitmap.
func (l *Layout) Canonicalize(image []byte) { image[l.nulls-1] |= l.pad }

// Merge appends to dst a full image made of the present cells of a partial
// image (data, cells from CutPartial) and, for the absent ones, of the full
// image base with its cells.
func (l *Layout) Merge(dst, base []byte, baseCells []Cell, data []byte, cells []Cell) []byte {
	start := len(dst)
	dst = l.appendNulls(dst)
	for i := range l.fields {
		from, c := data, cells[i]
		if c.Absent() {
			from, c = base, baseCells[i]
		}
		if !c.Null() {
			dst[start+i>>3] &^= 1 << (i & 7)
			dst = append(dst, c.Stored(from)...)
		}
	}
	return dst
}

// Assemble appends to dst a full image whose columns are stored as in other
// images: cell tells for each column an image and its place there.
func (l *Layout) Assemble(dst []byte, cell func(column int) (image []byte, c Cell)) []byte {
	start := len(dst)
	dst = l.appendNulls(dst)
	for i := range l.fields {
		if from, c := cell(i); !c.Null() {
			dst[start+i>>3] &^= 1 << (i & 7)
			dst = append(dst, c.Stored(from)...)
		}
	}
	return dst
}

// appendNulls appends a null bitmap of ones.
func (l *Layout) appendNulls(dst []byte) []byte {
	for range l.nulls {
		dst = append(dst, 0xff)
	}
	return dst
}
