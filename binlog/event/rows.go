package event

import "encoding/binary"

// Flags of a rows event.
const (
	RowsStmtEnd       uint16 = 1 // last rows event of its statement
	RowsNoFK          uint16 = 2 // foreign keys are not checked and do not cascade
	RowsRelaxedUnique uint16 = 4 // unique keys are not checked
	RowsComplete      uint16 = 8 // images have all columns
)

// rowsFlagsAt is the offset of the flags in a rows event.
const rowsFlagsAt = HeaderSize + 6

// RowsInfo is a rows event: the part before its rows, and where these are.
//
// A bitmap has bit i%8 of byte i/8 set if column i is in the images. An insert
// has the bitmap After, a delete Before, an update both.
type RowsInfo struct {
	TableID uint64 // 48 bits, of the Table_map before
	Flags   uint16
	Columns int
	Before  []byte // columns of images before the change; for encoding, nil = all
	After   []byte // columns of images after the change; for encoding, nil = all
	Rows    []byte // images back to back, a view of the event; not used for encoding
}

// rowsImages says which images a rows event of type t has.
func rowsImages(t Type) (before, after bool) {
	switch t {
	case WriteRowsV1, WriteRowsV2:
		return false, true
	case DeleteRowsV1, DeleteRowsV2:
		return true, false
	}
	return true, true
}

// AppendRows begins a rows event of version 2: t is WriteRowsV2, UpdateRowsV2
// or DeleteRowsV2. The caller appends row images and then calls End with the
// length dst had before.
func AppendRows(dst []byte, h Header, t Type, r *RowsInfo) []byte {
	dst = Begin(dst, h, t)
	dst = appendUint(dst, r.TableID, 6)
	dst = binary.LittleEndian.AppendUint16(dst, r.Flags)
	dst = append(dst, 2, 0) // length of extra data, its own 2 bytes included
	dst = appendPacked(dst, uint64(r.Columns))
	before, after := rowsImages(t)
	if before {
		dst = appendPresent(dst, r.Before, r.Columns)
	}
	if after {
		dst = appendPresent(dst, r.After, r.Columns)
	}
	return dst
}

// appendPresent appends a bitmap of n columns; nil means all of them, and sets
// the bits that no column has, as MySQL does.
func appendPresent(dst, bitmap []byte, n int) []byte {
	if bitmap != nil {
		return append(dst, bitmap[:(n+7)/8]...)
	}
	for ; n > 0; n -= 8 {
		dst = append(dst, 0xff)
	}
	return dst
}

// SetRowsFlags sets the flags of a rows event and leaves the checksum stale.
func SetRowsFlags(ev Event, flags uint16) {
	binary.LittleEndian.PutUint16(ev[rowsFlagsAt:], flags)
}

// DecodeRows decodes a rows event of version 1 or 2 or a Partial_update, whose
// rows have a form of their own, up to its rows. All slices are views of ev.
func DecodeRows(ev Event, checksum bool) (RowsInfo, error) {
	b, err := body(ev, checksum, WriteRowsV2, UpdateRowsV2, DeleteRowsV2, WriteRowsV1, UpdateRowsV1, DeleteRowsV1, PartialUpdateRows)
	if err != nil {
		return RowsInfo{}, err
	}
	return decodeRows(b, ev.Type())
}

func decodeRows(b []byte, t Type) (RowsInfo, error) {
	r := reader{b: b}
	info := RowsInfo{TableID: r.uint(6), Flags: r.u16()}
	if t != WriteRowsV1 && t != UpdateRowsV1 && t != DeleteRowsV1 {
		extra := r.u16()
		if !r.bad && extra < 2 {
			return RowsInfo{}, malformed("rows event with %d bytes of extra data", extra)
		}
		r.take(uint64(extra) - 2)
	}
	n := r.packed()
	if n > maxColumns {
		return RowsInfo{}, malformed("rows event with %d columns", n)
	}
	info.Columns = int(n)
	before, after := rowsImages(t)
	if before {
		info.Before = r.take((n + 7) / 8)
	}
	if after {
		info.After = r.take((n + 7) / 8)
	}
	info.Rows = r.b
	return info, r.done("rows event")
}
