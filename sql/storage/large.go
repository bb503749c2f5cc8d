package storage

import (
	"bytes"

	"binrelay/sql/storage/lock"
)

// largeRedo is the rowStore of a transaction that does not fit into memory: an
// overlay that spills, in front of the store. Recovery uses it as it is, and an
// applied transaction instead of what it shares with those beside it.
type largeRedo struct {
	ts *tables
	o  *overlay
}

func newLargeRedo(ts *tables) *largeRedo {
	o := new(overlay)
	o.init()
	return &largeRedo{ts, o}
}

func (l *largeRedo) read(key []byte) ([]byte, error) {
	if v := l.o.get(key, all); v != nil {
		if v.del {
			return nil, nil
		}
		return v.value, nil
	}
	if l.o.err != nil {
		return nil, l.o.err
	}
	return fetch(l.ts.e.db, key)
}

func (l *largeRedo) lock([]byte, lock.Mode) error { return nil }

func (l *largeRedo) related(t *Table) (*relations, error) {
	return l.ts.catalog.Load().relations(t.schema.ID), nil
}

func (l *largeRedo) set(key, value []byte, _ int) error {
	return l.put(put{key: bytes.Clone(key), value: bytes.Clone(value)})
}

func (l *largeRedo) del(key []byte, _ int) error {
	return l.put(put{key: bytes.Clone(key), del: true})
}

func (l *largeRedo) put(p put) error {
	l.o.put(1, p)
	if l.o.mem > l.ts.spillBytes() {
		return l.ts.spill(l.o)
	}
	return nil
}

func (l *largeRedo) withHash(prefix []byte, fn func(id []byte) (bool, error)) error {
	return l.scan(prefix, func(key, _ []byte) (bool, error) { return fn(bytes.Clone(key[len(prefix):])) })
}

func (l *largeRedo) entries(prefix, after []byte, _ int, fn func(key, value []byte) (bool, error)) error {
	return l.scanBehind(prefix, after, func(key, value []byte) (bool, error) { return fn(bytes.Clone(key), bytes.Clone(value)) })
}

func (l *largeRedo) eachRow(t *Table, fn func(key, value []byte) (bool, error)) error {
	return l.scan(appendID(nil, rowSpace, t.schema.ID), fn)
}

// scan calls fn for the keys that begin with prefix until it returns true.
func (l *largeRedo) scan(prefix []byte, fn func(key, value []byte) (bool, error)) error {
	return l.scanBehind(prefix, nil, fn)
}

// scanBehind is scan for the keys after one, nil = all.
func (l *largeRedo) scanBehind(prefix, after []byte, fn func(key, value []byte) (bool, error)) error {
	m, err := newMergeIter(l.ts.e.db, l.o, behind(prefix, after), prefixEnd(prefix), all, false)
	if err != nil {
		return err
	}
	defer m.close()
	for m.next() {
		if done, err := fn(m.key, m.value); done || err != nil {
			return err
		}
	}
	return m.err()
}
