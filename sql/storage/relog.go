package storage

import (
	"binrelay/binlog"
	"binrelay/binlog/event"
	"binrelay/binlog/txn"
)

// relog copies the events of a replicated transaction into our logs: what
// travels keeps server ids, times and row bytes; v1 rows events get v2 headers.
// A database that is not logged goes to the private half; the last rows event
// that is kept of a statement then gets its STMT_END.
type relog struct {
	ts       *tables
	checksum bool // events end in a CRC32
	travel   bool // log_bin and log_replica_updates are on

	begin   []byte // the source's BEGIN, without checksum; nil = none seen
	first   event.Header
	bin     *eventCache // nil until used
	private *eventCache // nil until used
	flags   map[*eventCache]uint16
}

func (l *relog) close() {
	for _, c := range []*eventCache{l.bin, l.private} {
		if c != nil {
			c.close()
		}
	}
}

// body returns an event without its checksum.
func (l *relog) body(ev event.Event) []byte {
	if l.checksum {
		return ev[:len(ev)-event.ChecksumSize]
	}
	return ev
}

// cacheFor returns the cache that changes of a database go to.
func (l *relog) cacheFor(db string) (*eventCache, error) {
	if !l.travel || !l.ts.logged(db) {
		if l.private == nil {
			l.private = l.ts.newCache()
		}
		return l.private, nil
	}
	if l.bin == nil {
		l.bin = l.ts.newCache()
		return l.bin, l.bin.add(l.appendBegin)
	}
	return l.bin, nil
}

func (l *relog) appendBegin(dst []byte) []byte {
	if l.begin != nil {
		start := len(dst)
		return event.End(append(dst, l.begin...), start)
	}
	h := l.first
	h.Flags = event.FlagSuppressUse
	return event.AppendQuery(dst, h, &event.QueryInfo{SQL: "BEGIN"})
}

// seal closes the open rows event of a cache.
func (l *relog) seal(c *eventCache, more uint16) error {
	if c == nil || c.open < 0 {
		return nil
	}
	return c.end(l.flags[c] | more)
}

// copy adds an event as it is.
func (l *relog) copy(c *eventCache, ev event.Event) error {
	if err := l.seal(c, 0); err != nil {
		return err
	}
	return c.add(func(dst []byte) []byte {
		start := len(dst)
		return event.End(append(dst, l.body(ev)...), start)
	})
}

// rows adds a rows event. It stays open until the next event shows whether it
// is the last of its statement.
func (l *relog) rows(c *eventCache, ev event.Event, flags uint16) error {
	if err := l.seal(c, 0); err != nil {
		return err
	}
	if l.flags == nil {
		l.flags = make(map[*eventCache]uint16, 2)
	}
	l.flags[c] = flags &^ event.RowsStmtEnd
	c.begin(func(dst []byte) []byte { return appendV2(dst, l.body(ev)) })
	return nil
}

// endStatement marks the last rows event of each log.
func (l *relog) endStatement() error {
	if err := l.seal(l.bin, event.RowsStmtEnd); err != nil {
		return err
	}
	return l.seal(l.private, event.RowsStmtEnd)
}

// appendV2 appends a rows event without checksum, with a v2 header.
func appendV2(dst, ev []byte) []byte {
	const postHeader = event.HeaderSize + 6 + 2 // table id, flags
	t := event.Event(ev).Type()
	if t > event.DeleteRowsV1 || t < event.WriteRowsV1 {
		return append(dst, ev...)
	}
	start := len(dst)
	dst = append(dst, ev[:postHeader]...)
	dst[start+4] = byte(t - event.WriteRowsV1 + event.WriteRowsV2)
	dst = append(dst, 2, 0) // length of extra data, itself included
	return append(dst, ev[postHeader:]...)
}

// finish makes the halves of the pending commit. xid is the source's last
// event.
func (l *relog) finish(p *pending, o *txn.Origin, h event.Header, version uint32) error {
	if err := l.endStatement(); err != nil {
		return err
	}
	if c := l.private; c != nil && c.size() > 0 {
		p.private, p.privN, p.privLen = c, c.count, c.size()
	}
	empty := l.bin == nil && l.travel && o != nil && !o.GTID.IsZero()
	if empty { // the GTID is executed here too
		l.bin = l.ts.newCache()
		if err := l.bin.add(l.appendBegin); err != nil {
			return err
		}
	}
	if l.bin == nil {
		return nil
	}
	h.Flags = 0
	if err := l.bin.add(func(dst []byte) []byte { return event.AppendXid(dst, h, 0) }); err != nil {
		return err
	}
	p.bin = &binlog.Txn{Events: l.bin, Size: l.bin.size(), Count: l.bin.count, Ordered: true,
		Origin: o, OriginalVersion: version, Timestamp: h.Timestamp}
	if o != nil {
		p.bin.GTID = o.GTID
	}
	return nil
}
