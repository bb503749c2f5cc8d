package storage

import (
	"binrelay/binlog/event"
)

// maxRowsEvent is binlog_row_event_max_size, in bytes: a rows event is closed
// before it grows beyond.
const maxRowsEvent = 8192

// rowLog turns row changes into the events of one log: BEGIN, then for each
// statement and table a Table_map and rows events, the last of them marked
// STMT_END. A statement that goes to another table ends the group first,
// because appliers know only the tables mapped when a group's rows begin.
type rowLog struct {
	cache *eventCache
	begin func(dst []byte) []byte // the BEGIN event; nil = none (private log)

	table *Table     // of the open rows event
	kind  event.Type // of the open rows event
	flags uint16     // of the open group's rows events
}

// add logs one row. before is nil for an insert, after for a delete. A group
// has one set of flags, because appliers look at those of its first event.
func (l *rowLog) add(h event.Header, t *Table, before, after []byte, flags uint16) error {
	if l.table != nil && l.flags != flags {
		if err := l.endStatement(); err != nil {
			return err
		}
	}
	l.flags = flags
	kind := event.UpdateRowsV2
	switch {
	case before == nil:
		kind = event.WriteRowsV2
	case after == nil:
		kind = event.DeleteRowsV2
	}
	c := l.cache
	if l.table == t && l.kind == kind {
		if n := c.openSize(); n+len(before)+len(after) <= maxRowsEvent-event.ChecksumSize {
			c.buf = append(append(c.buf, before...), after...)
			return nil
		}
	}
	if err := l.open(h, t, kind); err != nil {
		return err
	}
	c.buf = append(append(c.buf, before...), after...)
	return nil
}

// open begins a rows event, after what must stand before it.
func (l *rowLog) open(h event.Header, t *Table, kind event.Type) error {
	c := l.cache
	if l.table == t {
		if err := c.end(l.flags); err != nil {
			return err
		}
	} else {
		if err := l.endStatement(); err != nil {
			return err
		}
		if c.size() == 0 && l.begin != nil {
			if err := c.add(l.begin); err != nil {
				return err
			}
		}
		err := c.add(func(dst []byte) []byte {
			start := len(dst)
			dst = append(dst, t.mapped...)
			event.SetTimestamp(event.Event(dst[start:]), h.Timestamp)
			event.SetServerID(event.Event(dst[start:]), h.ServerID)
			return dst
		})
		if err != nil {
			return err
		}
	}
	l.table, l.kind = t, kind
	r := event.RowsInfo{TableID: uint64(t.schema.ID), Flags: l.flags, Columns: len(t.schema.Columns)}
	c.begin(func(dst []byte) []byte { return event.AppendRows(dst, h, kind, &r) })
	return nil
}

// endStatement closes the open rows event as the last of its group.
func (l *rowLog) endStatement() error {
	if l.table == nil {
		return nil
	}
	l.table = nil
	return l.cache.end(l.flags | event.RowsStmtEnd)
}

// truncate cuts the log back to a mark made between statements.
func (l *rowLog) truncate(m mark) {
	l.table = nil
	l.cache.truncate(m)
}

// logStep is a place inside a statement.
type logStep struct {
	at    mark
	open  int64 // where the open rows event starts; -1 = none
	table *Table
	kind  event.Type
	flags uint16
}

// step returns the current place; that of a log that is not there yet is its
// begin.
func (l *rowLog) step() logStep {
	if l == nil {
		return logStep{open: -1}
	}
	return logStep{l.cache.mark(), l.cache.openAt(), l.table, l.kind, l.flags}
}

// undo cuts the log back to a place of the running statement.
func (l *rowLog) undo(s logStep) error {
	if l == nil || l.cache.size() == s.at.size {
		return nil
	}
	if s.open < 0 {
		l.truncate(s.at)
		return nil
	}
	l.table, l.kind, l.flags = s.table, s.kind, s.flags
	return l.cache.reopen(s.at, s.open)
}
