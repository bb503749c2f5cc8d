package storage

import (
	"context"
	"errors"
	"time"

	"binrelay/binlog/event"
	"binrelay/binlog/txn"
)

// creation is the table that a transaction creates together with its first
// rows, CREATE TABLE … SELECT. Until the commit the table is there for this
// transaction alone. In both logs it is one transaction: the local half changes
// the catalog, the binlog half is BEGIN, the statement, the rows and an Xid.
type creation struct {
	d     *DDL
	t     *Table
	ids   map[TableID]bool // of the table and its indexes
	apart bool             // the statement is logged by itself, before the rows

	base, seen *Catalog // what others see, and that with the table
}

// Fill makes the scope a transaction that adds rows to a table which the scope
// creates. The transaction's end is that of both: no other call of the scope but
// Catalog follows. apart logs the statement as a transaction of its own, which
// commits before that of the rows: a crash in between leaves an empty table.
func (d *DDL) Fill(o TxOptions, db, name string, apart bool) (*Tx, error) {
	if d.done {
		return nil, ErrTxDone
	}
	t, err := d.cat.lookup(db, name)
	if err == nil {
		err = d.checkKeys()
	}
	if err != nil {
		return nil, err
	}
	c := &creation{d: d, t: t, ids: map[TableID]bool{t.schema.ID: true}, apart: apart}
	for _, x := range t.schema.Indexes {
		c.ids[x.ID] = true
	}
	d.s.FilterDB = db // the statement goes where the rows go
	tx := d.ts.e.Begin(o)
	tx.owner, tx.creates = d.owner, c
	when := d.s.Time
	if when.IsZero() {
		when = d.ts.now()
	}
	tx.when = uint32(when.Unix())
	if apart || d.s.Text == "" || tx.logFor(t) != tx.bin {
		d.done = true
		return tx, nil
	}
	err = tx.bin.cache.add(tx.bin.begin)
	if err == nil {
		err = tx.bin.cache.add(func(dst []byte) []byte { return d.appendQuery(dst, when, 0) })
	}
	if err != nil {
		tx.closeLogs()
		return nil, err
	}
	d.done = true
	return tx, nil
}

// Catalog returns the definitions as the transaction sees them.
func (tx *Tx) Catalog() *Catalog {
	base, c := tx.ts.catalog.Load(), tx.creates
	if c == nil {
		return base
	}
	if c.base != base {
		c.base, c.seen = base, base.with(c.d.ops...)
	}
	return c.seen
}

// owns reports whether a key is one of the table's rows or index entries, which
// nobody else can reach.
func (c *creation) owns(key []byte) bool {
	return c != nil && len(key) >= idPrefix && c.ids[idOf(key)]
}

// join adds what the scope does to the commit of the rows.
func (c *creation) join(p *pending) error {
	d := c.d
	kv := append(kvOf(d.ops), d.kv...)
	p.kv, p.drops = append(kv, p.kv...), d.drops
	if p.large != nil && len(d.drops) > 0 {
		return errors.New("storage: a table is dropped by a transaction that is to be ingested") // no scope does both
	}
	return d.fill(p.batch, kv)
}

// end makes the table everybody's, or takes it away. nil has none.
func (c *creation) end(res txn.Result) {
	switch {
	case c == nil:
	case res.Err == nil:
		c.d.ts.switchTo(c.d.ops, res.CSN)
	default:
		c.d.discard()
	}
}

// commitApart commits the table alone. The transaction goes on with the rows, and
// keeps its locks until they are visible.
func (tx *Tx) commitApart(ctx context.Context) (txn.Result, error) {
	c := tx.creates
	d := c.d
	d.done = false
	p, err := d.build(d.s.Text != "" && !d.s.NoBinlog && tx.ts.logged(d.s.FilterDB))
	d.done = true
	if err != nil {
		return txn.Result{}, err
	}
	p.release = c.end
	res := tx.ts.commit(ctx, p)
	if tx.creates = nil; res.Err != nil {
		return res, res.Err // end has discarded it
	}
	return res, nil
}

// appendQuery appends the scope's statement as a Query event. status are status
// variables that it has besides those of the session.
func (d *DDL) appendQuery(dst []byte, when time.Time, status event.QueryVar) []byte {
	q := event.QueryInfo{ThreadID: d.s.ThreadID, ErrorCode: d.s.ErrorCode, DB: d.s.DB, Status: d.s.Status, SQL: d.s.Text}
	q.Status.Has = q.Status.Has&^event.VarDDLXid | status
	h := event.Header{Timestamp: uint32(when.Unix()), ServerID: d.s.ServerID}
	if d.s.NoUse {
		h.Flags |= event.FlagSuppressUse
	}
	return event.AppendQuery(dst, h, &q)
}
