package storage

import (
	"encoding/binary"
	"fmt"

	"binrelay/binlog/rowimage"
	"binrelay/binlog/txn"
)

// MaxPast is how many layouts of a table's rows may exist beside the current
// one (64 in MySQL as well); then its rows must be rewritten.
const MaxPast = 64

// PastLayout is how rows were written under older definitions: an ALTER TABLE
// that adds, drops or moves columns leaves rows as they are.
type PastLayout struct {
	Upto    uint32 // the last version of the definition whose rows look so
	Columns []rowimage.Column
	Source  []int  // for each current column its place in Columns, -1 = Fill has its value
	Fill    []byte // image of the current layout; counts where Source is -1
}

// Reshape says where the columns of a new definition come from: each from a
// place in the old one or, if that is -1, from Fill, an image of the new
// layout. What is kept must be stored alike.
type Reshape struct {
	Source []int
	Fill   []byte
}

// past is a compiled PastLayout.
type past struct {
	upto   uint32
	layout *rowimage.Layout
	source []int
	fill   []byte
	cells  []rowimage.Cell // of fill
}

// compilePast compiles the layouts of older rows.
func (t *Table) compilePast() error {
	t.past = nil
	for _, p := range t.schema.Past {
		l, err := rowimage.Compile(p.Columns)
		if err != nil {
			return fmt.Errorf("storage: older rows of %s.%s: %w", t.schema.Database, t.schema.Name, err)
		}
		cells, err := t.layout.Cut(p.Fill, nil)
		if err != nil {
			return fmt.Errorf("storage: defaults of older rows of %s.%s: %w", t.schema.Database, t.schema.Name, err)
		}
		t.past = append(t.past, past{p.Upto, l, p.Source, p.Fill, cells})
	}
	return nil
}

// split takes a row value apart. The image of a row that was written under an
// older definition is made one of the current definition.
func (t *Table) split(value []byte) (stamp txn.CSN, image []byte, err error) {
	if len(value) < stampSize+1 {
		return 0, nil, errBadRow
	}
	version, n := binary.Uvarint(value[stampSize:])
	if n <= 0 {
		return 0, nil, errBadRow
	}
	image = value[stampSize+n:]
	if len(t.past) > 0 && version <= uint64(t.past[len(t.past)-1].upto) {
		image, err = t.upgrade(uint32(version), image)
	}
	return rawStamp(value), image, err
}

// upgrade makes an older image one of the current layout.
func (t *Table) upgrade(version uint32, image []byte) ([]byte, error) {
	i := 0
	for version > t.past[i].upto {
		i++
	}
	p := &t.past[i]
	var room [64]rowimage.Cell
	cells, err := p.layout.Cut(image, room[:0])
	if err != nil {
		return nil, err
	}
	return t.layout.Assemble(make([]byte, 0, len(image)+len(p.fill)), func(i int) ([]byte, rowimage.Cell) {
		if from := p.source[i]; from >= 0 {
			return image, cells[from]
		}
		return p.fill, p.cells[i]
	}), nil
}

// reshape fills in the layouts of the rows that old's table has, as next sees
// them. next's layout is l.
func reshape(old *Table, next *Schema, l *rowimage.Layout, r *Reshape) error {
	if r == nil {
		next.Past = old.schema.Past
		return nil
	}
	fill, err := l.Cut(r.Fill, nil)
	if err != nil {
		return err
	}
	next.Past = make([]PastLayout, 0, len(old.past)+1)
	for i := range old.past {
		p := &old.past[i]
		source := make([]int, len(r.Source))
		for j, from := range r.Source {
			if source[j] = from; from >= 0 {
				source[j] = p.source[from]
			}
		}
		image := l.Assemble(nil, func(j int) ([]byte, rowimage.Cell) {
			from := r.Source[j]
			if from < 0 {
				return r.Fill, fill[j]
			}
			return p.fill, p.cells[from]
		})
		next.Past = append(next.Past, PastLayout{p.upto, p.layout.Columns(), source, image})
	}
	next.Past = append(next.Past, PastLayout{old.schema.Version, old.layout.Columns(), r.Source, r.Fill})
	return nil
}

// trivial reports whether rows are the same before and after.
func (r *Reshape) trivial(old *Schema) bool {
	if r == nil {
		return true
	}
	for i, from := range r.Source {
		if i != from {
			return false
		}
	}
	return len(r.Source) == len(old.Columns)
}
