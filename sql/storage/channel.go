package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"binrelay/binlog/event"
	"binrelay/binlog/txn"
	"binrelay/sql/storage/lock"
)

// channel is one replication channel: what it has prepared and what of that is
// not visible yet. Transactions are resolved against this overlay before the
// store, so that thousands of dependent ones share a commit group.
type channel struct {
	ts    *tables
	chain *lock.Chain
	binds map[uint64]*binding // by the source's table id; of the preparing goroutine

	mu         sync.Mutex
	over       map[string]*overVersion
	groups     map[string]map[string]struct{} // keys in over that are searched by a prefix: prefix → rest
	seq        uint64
	visibleSeq uint64 // newest that is visible or has failed
	inFlight   int
	idle       chan struct{} // closed when nothing is in flight any more; nil: nobody waits
	alone      bool          // what is in flight is large: the next one waits for it
	failed     error         // a transaction did not commit: those behind it must not either
	failedAt   txn.Coord
}

// overVersion is the newest value that a transaction in flight has for a key.
type overVersion struct {
	seq   uint64
	value []byte
	del   bool
	group int // bytes of the key by which it is searched, 0 = it is not
}

// hashPrefix is the length of an h| key before the row id.
const hashPrefix = idPrefix + 8

func (ts *tables) channel(name string) *channel {
	ts.channelMu.Lock()
	defer ts.channelMu.Unlock()
	ch := ts.channels[name]
	if ch == nil {
		ch = &channel{ts: ts, chain: ts.locks.NewChain(0), binds: make(map[uint64]*binding),
			over: make(map[string]*overVersion), groups: make(map[string]map[string]struct{})}
		ts.channels[name] = ch
	}
	return ch
}

// errChannelFailed is what transactions behind a failed one get.
var errChannelFailed = errors.New("storage: an earlier transaction of the channel did not commit")

// Position returns what was applied last on a channel, as it is visible.
func (e *Engine) Position(channel string) (txn.Origin, bool, error) {
	return originOf(e.db, channel)
}

// admit lets a transaction be prepared unless it builds on one that did not
// commit; mu is held. After a failure the applier stops and begins again at or
// before the one that failed; anything else was read ahead, and is refused.
func (ch *channel) admit(at txn.Coord) error {
	if ch.failed == nil {
		return nil
	}
	if ch.inFlight > 0 {
		return ch.failed
	}
	err := ch.failed
	ch.failed = nil // whoever is refused stops, and what comes then is a new beginning
	if ch.failedAt.Less(at) {
		return err
	}
	return nil
}

// applied is a transaction of a channel that is being prepared, or prepared. It
// is the rowStore of its rows.
type applied struct {
	ch   *channel
	ctx  context.Context
	seq  uint64
	link *lock.Link
	wait lock.Wait
	rows rowApplier
	log  *relog
	big  *largeRedo // its rows, once they do not fit into memory; else nil
	mem  int64      // bytes that they take in memory, nearly
	n    uint64     // changes

	p       pending
	keys    []string       // written, in the channel's overlay
	before  []*overVersion // what each replaced
	deleted []uint64       // key hashes of deleted rows
	done    bool
}

// begin starts a transaction after what was prepared before.
func (ch *channel) begin(ctx context.Context, o *txn.Origin) (*applied, error) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.alone {
		if err := ch.drain(ctx); err != nil {
			return nil, err
		}
	}
	var at txn.Coord
	if o != nil {
		at = o.Source
	}
	if err := ch.admit(at); err != nil {
		return nil, err
	}
	ch.seq++
	a := &applied{ch: ch, ctx: ctx, seq: ch.seq, link: ch.chain.Begin(), wait: lock.Wait{Timeout: ch.ts.applyWait()}}
	a.rows.s, a.rows.from = a, a
	a.p.batch = ch.ts.e.db.NewBatch()
	return a, nil
}

// drain waits until nothing is in flight; mu is held, but for the wait.
func (ch *channel) drain(ctx context.Context) error {
	for ch.inFlight > 0 {
		if ch.idle == nil {
			ch.idle = make(chan struct{})
		}
		idle := ch.idle
		ch.mu.Unlock()
		var err error
		select {
		case <-idle:
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
		ch.mu.Lock()
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *applied) read(key []byte) ([]byte, error) {
	if a.big != nil {
		return a.big.read(key)
	}
	a.ch.mu.Lock()
	v := a.ch.over[string(key)]
	a.ch.mu.Unlock()
	if v != nil {
		if v.del {
			return nil, nil
		}
		return v.value, nil
	}
	// What left the overlay since is in the store by now.
	return fetch(a.ch.ts.e.db, key)
}

func (a *applied) lock(key []byte, m lock.Mode) error {
	return a.link.Acquire(a.ctx, key, m, a.wait)
}

func (a *applied) set(key, value []byte, group int) error {
	if a.n++; a.big != nil {
		return a.big.set(key, value, group)
	}
	b := a.p.batch
	op := b.SetDeferred(len(key), len(value))
	copy(op.Key, key)
	copy(op.Value, value)
	if key[0] == rowSpace {
		a.p.stamps = append(a.p.stamps, uint32(b.Len()-len(value)))
	}
	a.note(key, &overVersion{seq: a.seq, value: value, group: group})
	return errors.Join(op.Finish(), a.grown(len(key)+len(value)))
}

func (a *applied) del(key []byte, group int) error {
	if a.n++; a.big != nil {
		return a.big.del(key, group)
	}
	if key[0] == rowSpace {
		a.deleted = append(a.deleted, hash64(key))
	}
	a.note(key, &overVersion{seq: a.seq, del: true, group: group})
	return errors.Join(a.p.batch.Delete(key, nil), a.grown(len(key)))
}

// changeBytes is what a change takes in memory beside twice its key and value.
const changeBytes = 300

// grown counts a change. A transaction that does not fit into memory goes on
// alone: when everything before it is visible, its changes move to an overlay
// that spills, and its locks need no count of those who share them.
func (a *applied) grown(n int) error {
	a.mem += int64(2*n) + changeBytes
	ch := a.ch
	if a.mem <= ch.ts.spillBytes() {
		return nil
	}
	ch.mu.Lock()
	err := ch.drain(a.ctx)
	if err == nil {
		err = ch.failed
	}
	ch.mu.Unlock()
	if err != nil {
		return err
	}
	a.big = newLargeRedo(ch.ts)
	for r := a.p.batch.Reader(); len(r) > 0; {
		kind, key, value, ok, err := r.Next()
		switch {
		case err != nil || !ok:
			return errors.Join(errors.New("malformed batch"), err)
		case kind == pebble.InternalKeyKindDelete:
			err = a.big.del(key, 0)
		default:
			err = a.big.set(key, value, 0)
		}
		if err != nil {
			return err
		}
	}
	a.p.batch.Reset()
	a.p.stamps, a.deleted = nil, nil
	ch.mu.Lock()
	for _, k := range a.keys {
		ch.forget(k)
	}
	ch.mu.Unlock()
	a.keys, a.before = nil, nil
	a.link.Alone()
	return nil
}

// note puts a version into the channel's overlay.
func (a *applied) note(key []byte, v *overVersion) {
	ch := a.ch
	k := string(key)
	ch.mu.Lock()
	defer ch.mu.Unlock()
	was := ch.over[k]
	ch.over[k] = v
	if was == nil || was.seq != a.seq {
		a.keys, a.before = append(a.keys, k), append(a.before, was)
	}
	if n := v.group; n > 0 {
		rest := ch.groups[k[:n]]
		if rest == nil {
			rest = make(map[string]struct{})
			ch.groups[k[:n]] = rest
		}
		rest[k[n:]] = struct{}{}
	}
}

// forget takes a key out of the overlay; mu is held.
func (ch *channel) forget(k string) {
	v := ch.over[k]
	delete(ch.over, k)
	if v == nil || v.group == 0 {
		return
	}
	rest := ch.groups[k[:v.group]]
	delete(rest, k[v.group:])
	if len(rest) == 0 {
		delete(ch.groups, k[:v.group])
	}
}

func (a *applied) withHash(prefix []byte, fn func(id []byte) (bool, error)) error {
	if a.big != nil {
		return a.big.withHash(prefix, fn)
	}
	ch := a.ch
	ch.mu.Lock()
	var mine []string
	for id := range ch.groups[string(prefix)] {
		if !ch.over[string(prefix)+id].del {
			mine = append(mine, id)
		}
	}
	ch.mu.Unlock()
	for _, id := range mine {
		if done, err := fn([]byte(id)); done || err != nil {
			return err
		}
	}
	return scanPrefix(ch.ts.e.db, prefix, func(key, _ []byte) (bool, error) { return fn(key[len(prefix):]) })
}

// entries implements rowStore: what is in flight and what is in the store, as
// one sequence.
func (a *applied) entries(prefix, after []byte, group int, fn func(key, value []byte) (bool, error)) error {
	if a.big != nil {
		return a.big.entries(prefix, after, group, fn)
	}
	ch, p := a.ch, string(prefix)
	type entry struct {
		key   string
		value []byte
	}
	var mine []entry
	take := func(k string, v *overVersion) {
		if !v.del && strings.HasPrefix(k, p) && k > string(after) {
			mine = append(mine, entry{k, v.value})
		}
	}
	ch.mu.Lock()
	if group > 0 {
		for rest := range ch.groups[p[:group]] {
			take(p[:group]+rest, ch.over[p[:group]+rest])
		}
	} else {
		for k, v := range ch.over {
			take(k, v)
		}
	}
	ch.mu.Unlock()
	slices.SortFunc(mine, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	ended := false
	upTo := func(key []byte) error { // gives out mine before a key of the store, nil = the rest
		for !ended && len(mine) > 0 && (key == nil || mine[0].key <= string(key)) {
			e := mine[0]
			mine = mine[1:]
			var err error
			if ended, err = fn([]byte(e.key), e.value); err != nil {
				return err
			}
		}
		return nil
	}
	err := scanBehind(ch.ts.e.db, prefix, after, func(key, value []byte) (bool, error) {
		if err := upTo(key); ended || err != nil {
			return true, err
		}
		ch.mu.Lock()
		over := ch.over[string(key)] != nil
		ch.mu.Unlock()
		if over {
			return false, nil
		}
		var err error
		ended, err = fn(bytes.Clone(key), bytes.Clone(value))
		return ended, err
	})
	if err != nil {
		return err
	}
	return upTo(nil)
}

// related implements rowStore: the tables around t are locked against DDL.
func (a *applied) related(t *Table) (*relations, error) {
	rel := a.ch.ts.catalog.Load().relations(t.schema.ID)
	if rel == nil {
		return nil, nil
	}
	lockName := func(n metaName, m lock.Mode) error { return a.link.Acquire(a.ctx, n.key(), m, a.wait) }
	for _, r := range rel.parents {
		if err := lockName(metaName{r.key.Database, r.key.Table}, lock.IS); err != nil {
			return nil, err
		}
	}
	for _, r := range rel.children {
		n := metaName{r.child.schema.Database, r.child.schema.Name}
		if err := lockName(n, lock.IX); err != nil {
			return nil, err
		}
		if err := a.link.Acquire(a.ctx, n.rows(), lock.IX, a.wait); err != nil {
			return nil, err
		}
	}
	return a.ch.ts.catalog.Load().relations(t.schema.ID), nil
}

func (a *applied) eachRow(t *Table, fn func(key, value []byte) (bool, error)) error {
	if a.big != nil {
		return a.big.eachRow(t, fn)
	}
	ch, prefix := a.ch, appendID(nil, rowSpace, t.schema.ID)
	type row struct{ key, value []byte }
	var mine []row
	ch.mu.Lock()
	for k, v := range ch.over {
		if !v.del && len(k) >= idPrefix && k[:idPrefix] == string(prefix) {
			mine = append(mine, row{[]byte(k), v.value})
		}
	}
	ch.mu.Unlock()
	for _, r := range mine {
		if done, err := fn(r.key, r.value); done || err != nil {
			return err
		}
	}
	return scanPrefix(ch.ts.e.db, prefix, func(key, value []byte) (bool, error) {
		ch.mu.Lock()
		over := ch.over[string(key)] != nil
		ch.mu.Unlock()
		if over {
			return false, nil
		}
		return fn(key, value)
	})
}

// scanPrefix calls fn for the keys that begin with prefix until it returns true.
func scanPrefix(r pebble.Reader, prefix []byte, fn func(key, value []byte) (bool, error)) error {
	return scanBehind(r, prefix, nil, fn)
}

// scanBehind is scanPrefix for the keys after one, nil = all.
func scanBehind(r pebble.Reader, prefix, after []byte, fn func(key, value []byte) (bool, error)) error {
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: behind(prefix, after), UpperBound: prefixEnd(prefix)})
	if err != nil {
		return err
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		if done, err := fn(it.Key(), it.Value()); done || err != nil {
			return err
		}
	}
	return it.Error()
}

// Abort gives the transaction up. It must be the newest of its channel.
func (a *applied) Abort() {
	if a.done {
		return
	}
	a.done = true
	ch := a.ch
	ch.mu.Lock()
	for i := len(a.keys) - 1; i >= 0; i-- {
		k, was := a.keys[i], a.before[i]
		if was != nil && ch.over[k] != nil && ch.alive(was) {
			ch.over[k] = was
		} else {
			ch.forget(k)
		}
	}
	ch.mu.Unlock()
	a.discard()
	a.closeLogs()
	a.link.Release()
}

// discard frees what the Committer has not taken.
func (a *applied) discard() {
	if a.big != nil {
		a.big.o.free()
	}
	a.p.discard()
}

// alive reports whether the transaction of a version is still in flight; mu is
// held. Those behind it are as well, because they become visible in order.
func (ch *channel) alive(v *overVersion) bool { return v.seq > ch.visibleSeq }

// Enqueue hands the transaction to the Committer and does not wait.
func (a *applied) Enqueue() <-chan txn.Result {
	ch := a.ch
	a.done = true
	a.before = nil
	a.link.Settle()
	ch.mu.Lock()
	ch.inFlight++
	ch.alone = a.big != nil
	ch.mu.Unlock()
	c, err := ch.ts.enqueue(context.Background(), &a.p)
	if err != nil {
		a.discard()
		a.finish(txn.Result{Err: err})
		out := make(chan txn.Result, 1)
		out <- txn.Result{Err: err}
		return out
	}
	return c
}

// finish is called when the transaction is visible, or has failed.
func (a *applied) finish(res txn.Result) {
	ch := a.ch
	if a.big != nil { // its locks are gone before anyone goes on
		a.link.Release()
	}
	ch.mu.Lock()
	if res.Err != nil && ch.failed == nil {
		ch.failed = fmt.Errorf("%w: %w", errChannelFailed, res.Err)
		if ch.failedAt = (txn.Coord{}); a.p.origin != nil {
			ch.failedAt = a.p.origin.Source
		}
	}
	ch.visibleSeq = max(ch.visibleSeq, a.seq)
	for _, k := range a.keys {
		if v := ch.over[k]; v != nil && v.seq == a.seq {
			ch.forget(k)
		}
	}
	if ch.inFlight--; ch.inFlight == 0 && ch.idle != nil {
		close(ch.idle)
		ch.idle = nil
	}
	ch.mu.Unlock()
	a.closeLogs()
	a.link.Release()
}

// check says whether the transaction may still be committed.
func (a *applied) check() error {
	a.ch.mu.Lock()
	defer a.ch.mu.Unlock()
	return a.ch.failed
}

func (a *applied) closeLogs() {
	if a.log != nil {
		a.log.close()
	}
}

// table locks a table against DDL and returns its binding to a Table_map.
func (a *applied) table(ev event.Event, raw []byte, checksum bool) (*binding, error) {
	m, err := event.DecodeTableMap(ev, checksum)
	if err != nil {
		return nil, errors.Join(errCorruptEvent, err)
	}
	n := metaName{m.DB, m.Table}
	for _, key := range [][]byte{n.key(), n.rows()} {
		if err := a.link.Acquire(a.ctx, key, lock.IX, a.wait); err != nil {
			return nil, err
		}
	}
	t, err := a.ch.ts.catalog.Load().lookup(m.DB, m.Table)
	if err != nil {
		return nil, err
	}
	if b := a.ch.binds[m.TableID]; b != nil && b.t == t && string(b.raw) == string(raw) {
		return b, nil
	}
	b, err := a.ch.ts.bind(&m, raw, t)
	if err != nil {
		return nil, err
	}
	if len(a.ch.binds) > 1000 {
		clear(a.ch.binds)
	}
	a.ch.binds[m.TableID] = b
	return b, nil
}
