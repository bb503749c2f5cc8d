package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"binrelay/binlog/event"
	"binrelay/binlog/rowimage"
	"binrelay/binlog/txn"
	"binrelay/sql/storage/lock"
)

// Prepare resolves a replicated transaction of kind Rows or Empty: it locks and
// checks its rows against what was prepared before and the store, and builds
// what the Committer needs. Events are those of one transaction, filters
// already applied, MariaDB's compressed ones inflated. Calls for one channel
// must not overlap, and each Prepared must be enqueued or aborted before the
// next call. A failed Prepare leaves nothing behind. The error is an
// *ApplyError when the transaction itself cannot be applied.
func (e *Engine) Prepare(ctx context.Context, g *txn.Group) (txn.Prepared, error) {
	if g.Kind == txn.Statement {
		return nil, fmt.Errorf("storage: prepare of a statement: %w", ErrUnsupported)
	}
	name := ""
	if g.Origin != nil {
		name = g.Origin.Channel
	}
	a, err := e.tables.channel(name).begin(ctx, g.Origin)
	if err != nil {
		return nil, err
	}
	if err := a.prepare(g); err != nil {
		a.Abort()
		return nil, err
	}
	return a, nil
}

// applyWait is how long the applier waits for a lock of somebody else.
func (ts *tables) applyWait() time.Duration {
	if ts.e.o.LockWait != nil {
		return ts.e.o.LockWait()
	}
	return 50 * time.Second
}

func (a *applied) prepare(g *txn.Group) error {
	ts := a.ch.ts
	a.log = &relog{ts: ts, checksum: g.Checksum, travel: ts.e.o.LogReplicaUpdates == nil || ts.e.o.LogReplicaUpdates()}
	a.log.travel = a.log.travel && (ts.e.o.LogBin == nil || ts.e.o.LogBin())
	a.p.origin = g.Origin
	x := &groupReader{a: a, g: g, bound: make(map[uint64]*boundTable)}
	if g.Kind == txn.Rows {
		if err := x.run(); err != nil {
			return err
		}
	}
	if o := g.Origin; o != nil && x.last.Timestamp == 0 {
		x.last = event.Header{Timestamp: o.Timestamp, ServerID: o.ServerID}
		a.log.first = x.last
	}
	if a.big != nil {
		if err := ts.buildLarge(a.ctx, a.big.o, &a.p); err != nil {
			return err
		}
	}
	for t := range a.rows.autos {
		if err := t.writeCounter(a.p.batch); err != nil {
			return err
		}
	}
	if err := a.log.finish(&a.p, g.Origin, x.last, x.version); err != nil {
		return err
	}
	if deleted := a.deleted; len(deleted) > 0 {
		a.p.applying = func(csn txn.CSN) { ts.deletes.note(deleted, csn, &ts.views) }
	}
	a.p.check, a.p.release = a.check, a.finish
	return nil
}

// groupReader takes the events of one transaction apart.
type groupReader struct {
	a       *applied
	g       *txn.Group
	bound   map[uint64]*boundTable // of the current statement
	last    event.Header           // of the last event
	version uint32                 // original_server_version
}

// boundTable is a table as the current statement uses it.
type boundTable struct {
	*binding
	log *eventCache
}

func (x *groupReader) run() error {
	if err := x.g.Events.Rewind(); err != nil {
		return err
	}
	for {
		ev, err := x.g.Events.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if len(ev) < event.HeaderSize+event.ChecksumSize {
			return x.fail(ev, "", nil, errCorruptEvent)
		}
		x.last = event.Header{Timestamp: ev.Timestamp(), ServerID: ev.ServerID()}
		if x.a.log.first.Timestamp == 0 {
			x.a.log.first = x.last
		}
		if err := x.event(ev); err != nil {
			return err
		}
	}
}

func (x *groupReader) event(ev event.Event) error {
	l := x.a.log
	switch t := ev.Type(); {
	case t == event.GTID || t == event.AnonymousGTID:
		info, err := event.DecodeGTID(ev, x.g.Checksum)
		if err != nil {
			return x.fail(ev, "", nil, errCorruptEvent)
		}
		if x.version = info.OriginalVersion; x.version == 0 {
			x.version = info.ImmediateVersion
		}
	case t == event.Query:
		text, err := event.QueryText(ev, x.g.Checksum)
		if err != nil {
			return x.fail(ev, "", nil, errCorruptEvent)
		}
		switch string(text) {
		case "BEGIN":
			l.begin = append([]byte(nil), l.body(ev)...)
		case "COMMIT":
		default:
			return &ApplyError{Errno: 1235, Text: "A statement stands among the rows of a transaction; it cannot be applied as rows"}
		}
	case t == event.TableMap:
		return x.tableMap(ev)
	case isRowsEvent(t):
		return x.rows(ev)
	case t == event.PartialUpdateRows:
		return &ApplyError{Errno: 1235, Text: "This version of the server cannot apply partial JSON updates; set binlog_row_value_options='' on the source"}
	case t == event.RowsQuery:
		if l.bin != nil && l.travel {
			return l.copy(l.bin, ev)
		}
	}
	return nil
}

func (x *groupReader) tableMap(ev event.Event) error {
	id, err := event.TableMapID(ev)
	if err != nil {
		return x.fail(ev, "", nil, errCorruptEvent)
	}
	b, err := x.a.table(ev, x.a.log.body(ev)[event.HeaderSize:], x.g.Checksum)
	if err != nil {
		return x.fail(ev, "", nil, err)
	}
	c, err := x.a.log.cacheFor(b.t.schema.Database)
	if err != nil {
		return err
	}
	x.bound[id] = &boundTable{b, c}
	return x.a.log.copy(c, ev)
}

func (x *groupReader) rows(ev event.Event) error {
	r, err := event.DecodeRows(ev, x.g.Checksum)
	if err != nil {
		return x.fail(ev, "", nil, errCorruptEvent)
	}
	if r.TableID != endOfStatement || len(r.Rows) > 0 {
		b := x.bound[r.TableID]
		if b == nil {
			return x.fail(ev, "", nil, errCorruptEvent)
		}
		if err := b.apply(ev, &r, &x.a.rows); err != nil {
			return x.fail(ev, rowsEventName(ev.Type()), b.t.schema, err)
		}
		x.a.ch.chain.SetWeight(x.a.n)
		if err := x.a.log.rows(b.log, ev, r.Flags); err != nil {
			return err
		}
	}
	if r.Flags&event.RowsStmtEnd == 0 {
		return nil
	}
	clear(x.bound)
	return x.a.log.endStatement()
}

// rowsEventName is the name of a rows event as MySQL's messages have it.
func rowsEventName(t event.Type) string {
	switch t {
	case event.WriteRowsV2:
		return "Write_rows"
	case event.UpdateRowsV2:
		return "Update_rows"
	case event.DeleteRowsV2:
		return "Delete_rows"
	case event.WriteRowsV1:
		return "Write_rows_v1"
	case event.UpdateRowsV1:
		return "Update_rows_v1"
	case event.DeleteRowsV1:
		return "Delete_rows_v1"
	}
	return "Unknown"
}

// fail words an error as MySQL's applier does. name and s are set when a row
// could not be changed.
func (x *groupReader) fail(ev event.Event, name string, s *Schema, err error) error {
	number, text, handler := uint16(0), "", ""
	var dup *DuplicateError
	var key *ForeignKeyError
	var conv *rowimage.ConversionError
	var noTable *NoTableError
	var noDB *NoDatabaseError
	switch {
	case errors.As(err, &dup):
		number, text, handler = 1062, dup.Error(), "HA_ERR_FOUND_DUPP_KEY"
	case errors.Is(err, ErrRowNotFound) && s != nil:
		number, text, handler = 1032, fmt.Sprintf("Can't find record in '%s'", s.Name), "HA_ERR_KEY_NOT_FOUND"
	case errors.As(err, &key):
		number, text, handler = key.Number(), key.Error(), "HA_ERR_NO_REFERENCED_ROW"
		if key.Parent {
			handler = "HA_ERR_ROW_IS_REFERENCED"
		}
	case errors.Is(err, errCascadeDepth):
		number, text, handler = errCascadeDepth.Errno, errCascadeDepth.Text, "HA_ERR_FK_DEPTH_EXCEEDED"
	case errors.Is(err, lock.ErrTimeout):
		number, text, handler = 1205, "Lock wait timeout exceeded; try restarting transaction", "HA_ERR_LOCK_WAIT_TIMEOUT"
	case errors.Is(err, lock.ErrDeadlock):
		number, text, handler = 1213, "Deadlock found when trying to get lock; try restarting transaction", "HA_ERR_LOCK_DEADLOCK"
	case errors.As(err, &noTable):
		return &ApplyError{Errno: 1146, Text: fmt.Sprintf("Error executing row event: '%s'", noTable.Error()), Err: err}
	case errors.As(err, &noDB):
		return &ApplyError{Errno: 1049, Text: fmt.Sprintf("Error executing row event: '%s'", noDB.Error()), Err: err}
	case errors.As(err, &conv):
		m, _ := event.DecodeTableMap(ev, x.g.Checksum)
		return &ApplyError{Errno: 13146, Err: err, Text: fmt.Sprintf("Column %d of table '%s.%s' cannot be converted from type '%s' to type '%s'",
			conv.Column, m.DB, m.Table, conv.SourceType, conv.TargetType)}
	case errors.Is(err, errCorruptEvent):
		return &ApplyError{Errno: 1610, Text: fmt.Sprintf("Corrupted replication event was detected: %s", x.place(ev)), Err: err}
	case s != nil && errors.Is(err, ErrUnsupported), s != nil && isValueError(err):
		return &ApplyError{Errno: 1105, Text: fmt.Sprintf("Could not execute %s event on table %s.%s; %v; %s", name, s.Database, s.Name, err, x.place(ev)), Err: err}
	default:
		return err
	}
	if s == nil {
		return &ApplyError{Errno: number, Text: fmt.Sprintf("Error executing row event: '%s'", text), Err: err}
	}
	return &ApplyError{Errno: number, Err: err, Text: fmt.Sprintf("Could not execute %s event on table %s.%s; %s, Error_code: %d; handler error %s; %s",
		name, s.Database, s.Name, text, number, handler, x.place(ev))}
}

func isValueError(err error) bool {
	var v *rowimage.ValueError
	return errors.As(err, &v)
}

// place says where an event stands in the source's log.
func (x *groupReader) place(ev event.Event) string {
	file, pos := "", uint32(0)
	if x.g.Origin != nil {
		file = x.g.Origin.Source.File
	}
	if len(ev) >= event.HeaderSize {
		pos = ev.EndPos()
	}
	return fmt.Sprintf("the event's source log %s, end_log_pos %d", file, pos)
}

// redo is the rowStore of recovery: an indexed batch, stamped at once.
type redo struct {
	ts  *tables
	b   *pebble.Batch
	csn txn.CSN
}

func (r *redo) read(key []byte) ([]byte, error) { return fetch(r.b, key) }
func (r *redo) lock([]byte, lock.Mode) error    { return nil }
func (r *redo) del(key []byte, _ int) error     { return r.b.Delete(key, nil) }

func (r *redo) related(t *Table) (*relations, error) {
	return r.ts.catalog.Load().relations(t.schema.ID), nil
}

func (r *redo) set(key, value []byte, _ int) error {
	if key[0] == rowSpace {
		putStamp(value, r.csn)
	}
	return r.b.Set(key, value, nil)
}

func (r *redo) withHash(prefix []byte, fn func(id []byte) (bool, error)) error {
	return scanPrefix(r.b, prefix, func(key, _ []byte) (bool, error) { return fn(key[len(prefix):]) })
}

func (r *redo) entries(prefix, after []byte, _ int, fn func(key, value []byte) (bool, error)) error {
	return scanBehind(r.b, prefix, after, func(key, value []byte) (bool, error) { return fn(bytes.Clone(key), bytes.Clone(value)) })
}

func (r *redo) eachRow(t *Table, fn func(key, value []byte) (bool, error)) error {
	return scanPrefix(r.b, appendID(nil, rowSpace, t.schema.ID), fn)
}

// applyRecord redoes the rows of a replayed record. An insert must find no row
// and an update or delete its own: else the logs and the store do not belong
// together, and nothing is repaired by guessing.
func (ts *tables) applyRecord(b *pebble.Batch, large *overlay, csn txn.CSN, events txn.Events, checksum bool) error {
	s := &redo{ts, b, csn}
	a := &rowApplier{rowFinder: rowFinder{from: s}, s: s, trusting: true}
	if large != nil {
		a.s = &largeRedo{ts, large}
	}
	bound := make(map[uint64]*binding)
	for {
		ev, err := events.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = ts.redoEvent(a, bound, ev, checksum)
		}
		if err != nil {
			return fmt.Errorf("redo of commit %d: %w", csn, err)
		}
	}
	for t := range a.autos {
		if err := t.writeCounter(b); err != nil {
			return err
		}
	}
	return nil
}

func (ts *tables) redoEvent(a *rowApplier, bound map[uint64]*binding, ev event.Event, checksum bool) error {
	switch {
	case ev.Type() == event.TableMap:
		m, err := event.DecodeTableMap(ev, checksum)
		if err != nil {
			return err
		}
		t, err := ts.catalog.Load().lookup(m.DB, m.Table)
		if err != nil {
			return err
		}
		bound[m.TableID], err = ts.bind(&m, nil, t)
		return err
	case isRowsEvent(ev.Type()):
		r, err := event.DecodeRows(ev, checksum)
		if err != nil {
			return err
		}
		if r.TableID == endOfStatement && len(r.Rows) == 0 {
			return nil
		}
		b := bound[r.TableID]
		if b == nil {
			return errCorruptEvent
		}
		return b.apply(ev, &r, a)
	}
	return nil
}
