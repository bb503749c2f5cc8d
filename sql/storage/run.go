package storage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"sort"

	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/binlog/logfile"
)

// run is a sorted file of what left an overlay's memory: each key once, with
// the versions it had.
//
//	file     block …
//	block    entry … | crc32c of them 4
//	entry    key length | key | number of versions | version …, newest first
//	version  statement | flags 1 | value length | value
//
// Numbers are uvarints; flags are those of a version: 1 = del, 2 = fresh. The
// places of the blocks and a Bloom filter of the keys are kept in memory, about
// two bytes for each key. A run lives as long as its transaction and is never
// synced. Used by one goroutine.
type run struct {
	fs       vfs.FS
	name     string
	f        vfs.File
	seq      int // later runs have higher numbers
	blocks   []runBlock
	last     []byte // greatest key
	filter   []uint64
	min, max uint32 // statements in it
	size     int64
	point    runIter // for get
}

type runBlock struct {
	first []byte
	off   int64
	size  int // checksum included
}

const (
	runBlockSize  = 16 << 10
	runBuffer     = 256 << 10
	runBitsPerKey = 10
	runProbes     = 6

	versionDel   = 1
	versionFresh = 2
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	errBadRun  = errors.New("storage: damaged spill file")
)

// runWriter writes a run. Keys come in order.
type runWriter struct {
	r     *run
	buf   []byte // not written yet
	off   int64  // of buf in the file
	start int    // of the open block in buf
	key   []byte // last one
}

// newRun begins a run of at most n keys.
func newRun(fs vfs.FS, name string, n int) (*runWriter, error) {
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, spillError(err)
	}
	words := max(1, (n*runBitsPerKey+63)/64)
	return &runWriter{r: &run{fs: fs, name: name, f: f, filter: make([]uint64, words), min: all}}, nil
}

// spillError words a failure to write what does not fit into memory.
func spillError(err error) error {
	if logfile.IsDiskFull(err) {
		err = fmt.Errorf("%w: %w", ErrDiskFull, err)
	}
	return fmt.Errorf("write transaction's spill file: %w", err)
}

// add writes a key with its versions, newest first.
func (w *runWriter) add(key []byte, top *version) error {
	r := w.r
	if len(w.buf) == w.start {
		r.blocks = append(r.blocks, runBlock{first: bytes.Clone(key), off: w.off + int64(w.start)})
	}
	n := uint64(0)
	for v := top; v != nil; v = v.prev {
		n++
	}
	b := append(binary.AppendUvarint(w.buf, uint64(len(key))), key...)
	b = binary.AppendUvarint(b, n)
	for v := top; v != nil; v = v.prev {
		r.min, r.max = min(r.min, v.stmt), max(r.max, v.stmt)
		var flags byte
		if v.del {
			flags |= versionDel
		}
		if v.fresh {
			flags |= versionFresh
		}
		b = append(binary.AppendUvarint(b, uint64(v.stmt)), flags)
		b = append(binary.AppendUvarint(b, uint64(len(v.value))), v.value...)
	}
	w.buf, w.key = b, key
	r.mark(key)
	if len(w.buf)-w.start >= runBlockSize {
		w.endBlock()
	}
	if len(w.buf) >= runBuffer {
		return w.flush()
	}
	return nil
}

func (w *runWriter) endBlock() {
	if len(w.buf) == w.start {
		return
	}
	w.buf = binary.LittleEndian.AppendUint32(w.buf, crc32.Checksum(w.buf[w.start:], castagnoli))
	w.r.blocks[len(w.r.blocks)-1].size = len(w.buf) - w.start
	w.start = len(w.buf)
}

// flush writes out whole blocks.
func (w *runWriter) flush() error {
	if _, err := w.r.f.Write(w.buf[:w.start]); err != nil {
		return spillError(err)
	}
	w.off += int64(w.start)
	w.buf = append(w.buf[:0], w.buf[w.start:]...)
	w.start = 0
	return nil
}

// finish ends the run; nil: it is empty, and its file is gone.
func (w *runWriter) finish() (*run, error) {
	w.endBlock()
	if err := w.flush(); err != nil {
		return nil, err
	}
	r := w.r
	if len(r.blocks) == 0 {
		r.remove()
		return nil, nil
	}
	r.last, r.size = bytes.Clone(w.key), w.off
	r.point.r, r.point.block = r, -1
	return r, nil
}

// remove closes and removes the file.
func (r *run) remove() {
	_ = r.f.Close()
	_ = r.fs.Remove(r.name)
}

// mark adds a key to the filter.
func (r *run) mark(key []byte) {
	h := hash64(key)
	step := h>>33 | 1
	for range runProbes {
		bit := h % uint64(len(r.filter)*64)
		r.filter[bit>>6] |= 1 << (bit & 63)
		h += step
	}
}

// mayHold reports whether the run may hold a key of that hash.
func (r *run) mayHold(h uint64) bool {
	step := h>>33 | 1
	for range runProbes {
		bit := h % uint64(len(r.filter)*64)
		if r.filter[bit>>6]&(1<<(bit&63)) == 0 {
			return false
		}
		h += step
	}
	return true
}

// runIter walks a run. It stands on an entry while key is not nil.
type runIter struct {
	r     *run
	block int // loaded; -1 = none
	buf   []byte
	at    []int // where the entries of buf begin
	i     int   // entry

	key  []byte // valid until the iterator moves
	rest []byte // what follows the key
}

// load reads a block.
func (it *runIter) load(n int) error {
	if it.block == n {
		return nil
	}
	it.block = -1
	b := it.r.blocks[n]
	if cap(it.buf) < b.size {
		it.buf = make([]byte, max(b.size, runBlockSize+runBlockSize/4))
	}
	it.buf = it.buf[:b.size]
	if _, err := it.r.f.ReadAt(it.buf, b.off); err != nil {
		return fmt.Errorf("read transaction's spill file: %w", err)
	}
	end := b.size - 4
	if crc32.Checksum(it.buf[:end], castagnoli) != binary.LittleEndian.Uint32(it.buf[end:]) {
		return errBadRun
	}
	it.buf, it.at = it.buf[:end], it.at[:0]
	for at := 0; at < end; {
		it.at = append(it.at, at)
		_, _, next := it.entry(at)
		at = next
	}
	it.block = n
	return nil
}

// entry takes the entry at an offset of buf apart. The block's checksum says
// that it is whole.
func (it *runIter) entry(at int) (key, rest []byte, next int) {
	n, w := binary.Uvarint(it.buf[at:])
	at += w
	key = it.buf[at : at+int(n)]
	at += int(n)
	start := at
	count, w := binary.Uvarint(it.buf[at:])
	for at += w; count > 0; count-- {
		_, w := binary.Uvarint(it.buf[at:])
		at += w + 1
		n, w := binary.Uvarint(it.buf[at:])
		at += w + int(n)
	}
	return key, it.buf[start:at], at
}

// stand puts the iterator on an entry of the loaded block.
func (it *runIter) stand(i int) {
	it.i = i
	it.key, it.rest, _ = it.entry(it.at[i])
}

// seek goes to the first key ≥ key, or with reverse to the last one < key.
func (it *runIter) seek(key []byte, reverse bool) error {
	blocks := it.r.blocks
	it.key = nil
	// The block that would hold key: the last one that begins at or before it.
	n := sort.Search(len(blocks), func(i int) bool { return bytes.Compare(blocks[i].first, key) > 0 }) - 1
	if n < 0 {
		if reverse {
			return nil
		}
		n = 0
	}
	if err := it.load(n); err != nil {
		return err
	}
	i := sort.Search(len(it.at), func(i int) bool {
		k, _, _ := it.entry(it.at[i])
		return bytes.Compare(k, key) >= 0
	})
	if reverse {
		return it.to(n, i-1)
	}
	return it.to(n, i)
}

// step goes to the next key, or with reverse to the one before.
func (it *runIter) step(reverse bool) error {
	if reverse {
		return it.to(it.block, it.i-1)
	}
	return it.to(it.block, it.i+1)
}

// to stands on entry i of block n, or beyond its ends on a neighbour's.
func (it *runIter) to(n, i int) error {
	it.key = nil
	if i >= len(it.at) {
		if n+1 == len(it.r.blocks) {
			return nil
		}
		if err := it.load(n + 1); err != nil {
			return err
		}
		i = 0
	} else if i < 0 {
		if n == 0 {
			return nil
		}
		if err := it.load(n - 1); err != nil {
			return err
		}
		i = len(it.at) - 1
	}
	it.stand(i)
	return nil
}

// version finds the newest version that statement limit sees, and that is not
// dead. Its value is valid until the iterator moves.
func (it *runIter) version(o *overlay, limit uint32, v *version) bool {
	b := it.rest
	count, w := binary.Uvarint(b)
	for b = b[w:]; count > 0; count-- {
		stmt, w := binary.Uvarint(b)
		flags := b[w]
		b = b[w+1:]
		n, w := binary.Uvarint(b)
		value := b[w : w+int(n)]
		b = b[w+int(n):]
		if uint32(stmt) >= limit && limit != all || o.dead(uint32(stmt)) {
			continue
		}
		*v = version{stmt: uint32(stmt), del: flags&versionDel != 0, fresh: flags&versionFresh != 0, value: value}
		return true
	}
	return false
}

// get finds the version of a key that statement limit sees. Its value is valid
// until the next call.
func (r *run) get(o *overlay, key []byte, hash uint64, limit uint32, v *version) (bool, error) {
	if bytes.Compare(key, r.blocks[0].first) < 0 || bytes.Compare(key, r.last) > 0 || !r.mayHold(hash) {
		return false, nil
	}
	it := &r.point
	if err := it.seek(key, false); err != nil || !bytes.Equal(it.key, key) {
		return false, err
	}
	return it.version(o, limit, v), nil
}
