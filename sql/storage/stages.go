package storage

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"binrelay/binlog"
	"binrelay/binlog/gtid"
	"binrelay/binlog/logfile"
	"binrelay/binlog/txn"
)

// group is what one leader takes through the stages.
type group struct {
	txns  []*pending
	bytes int64

	// Room for a group of one, so that a lone writer's slices cost nothing.
	one    [1]*pending
	oneBin [1]*binlog.Txn

	// Set by stage A.
	bins   []*binlog.Txn // the halves that travel
	locals int           // transactions with a local half
	at     coordinate    // after the group
	gtids  gtid.Set      // executed, this group included
	uuids  []gtid.UUID   // servers whose GTIDs it holds
	semi   bool          // AFTER_SYNC: acknowledged before it is visible
	rotate bool          // the binlog has passed its size: rotate when visible
	before chan struct{} // closed when the group before is visible
	done   chan struct{} // closed when this one is
}

// stageA numbers the group, writes it to both logs and syncs them: the commit
// point. Then it passes leadership on. False: the group was refused, nothing of
// it is left, and its members have been told.
func (c *committer) stageA(g *group) bool {
	if c.refuseFollowers(g); len(g.txns) == 0 {
		c.relinquish()
		c.gone(g)
		return false
	}
	err := c.makeDurable(g)
	if err == nil && g.rotate {
		c.finishStages(g)
		c.rotateFull()
		c.relinquish()
		c.answer(g)
		return false
	}
	if err == nil {
		c.relinquish()
		return true
	}
	// Told before anyone else is taken from the queue: what builds on them
	// must not be committed.
	for _, p := range g.txns {
		p.settle(txn.Result{Err: err})
	}
	c.relinquish()
	c.gone(g)
	return false
}

// refuseFollowers takes out of the group what builds on a commit that failed.
func (c *committer) refuseFollowers(g *group) {
	kept := g.txns[:0]
	for _, p := range g.txns {
		if p.check != nil {
			if err := p.check(); err != nil {
				p.settle(txn.Result{Err: err})
				continue
			}
		}
		kept = append(kept, p)
	}
	clear(g.txns[len(kept):])
	g.txns = kept
}

func (c *committer) relinquish() {
	c.mu.Lock()
	c.passLead()
	c.mu.Unlock()
}

// makeDurable is stage A but for leadership.
func (c *committer) makeDurable(g *group) error {
	if c.dead() {
		return c.failure()
	}
	c.logMu.Lock()
	defer c.logMu.Unlock()
	if err := c.followMode(); err != nil {
		return err
	}
	c.number(g)
	start := c.e.local.end()
	if err := c.write(g); err != nil {
		return c.takeBack(start, err)
	}
	if !c.synced {
		c.dirty.Store(true)
	} else if err := c.syncGroup(g); err != nil {
		return c.fatal(err)
	}
	c.logged(g)
	return nil
}

// followMode notes a change of sync_binlog in the local log. Everything is
// synced before the note, which says so.
func (c *committer) followMode() error {
	synced := c.e.o.SyncBinlog() == 1
	if synced == c.synced {
		return nil
	}
	if err := c.syncLogs(); err != nil {
		return err
	}
	start := c.e.local.end()
	if err := c.e.local.mark(c.last, synced); err != nil {
		return c.takeBack(start, err)
	}
	c.synced = synced
	return nil
}

// number gives out CSNs and GTIDs, from c.last and c.gtids on. They count only
// when the group is logged.
func (c *committer) number(g *group) {
	csn, index := c.last, uint16(0)
	var given map[gtid.GTID]bool
	next := gtid.GTID{UUID: c.e.o.ServerUUID}
	mode := c.e.o.GTIDMode()
	g.bins = g.oneBin[:0]
	for _, p := range g.txns {
		if p.hasLocal() {
			csn, index = csn+1, index+1
			g.locals++
		}
		if t := p.bin; t != nil {
			csn++
			t.CSN, t.Index = csn, index
			index++
			g.bins = append(g.bins, t)
			if mode && t.GTID.IsZero() {
				t.GTID = c.freeGTID(&next, given)
			}
			if !t.GTID.IsZero() {
				if given == nil {
					given = make(map[gtid.GTID]bool, len(g.txns))
				}
				given[t.GTID] = true
			}
		}
		p.csn = csn
	}
	g.at = coordinate{csn: csn, lax: !c.synced}
}

// freeGTID returns the lowest number of our own that nobody has.
func (c *committer) freeGTID(next *gtid.GTID, given map[gtid.GTID]bool) gtid.GTID {
	if next.GNO == 0 {
		next.GNO = c.gtids.Next(next.UUID)
	}
	for given[*next] || c.gtids.Contains(*next) {
		next.GNO++
	}
	return *next
}

// write puts the group into both logs. After an error the binlog is as it was
// before, the local log is not.
func (c *committer) write(g *group) error {
	l := c.e.local
	if g.locals > 0 {
		size := int64(0)
		for _, p := range g.txns {
			if p.hasLocal() {
				size += recordSize(p)
			}
		}
		if err := l.w.Preallocate(size); err != nil {
			return err
		}
		csn, index, nextID := c.last, uint16(0), TableID(c.e.nextID.Load())
		for _, p := range g.txns {
			if p.hasLocal() {
				csn++
				if err := l.append(p, csn, index, p.bin != nil, nextID); err != nil {
					return err
				}
				index++
			}
			if p.bin != nil {
				csn, index = csn+1, index+1
			}
		}
		if err := l.w.Flush(); err != nil {
			return err
		}
	}
	if len(g.bins) == 0 {
		return nil
	}
	end, err := c.e.bin.AppendGroup(g.bins)
	g.at.bin = end
	return err
}

// takeBack removes from the local log what was written after start; the binlog
// has done the same with its part. The numbers were not counted yet.
func (c *committer) takeBack(start txn.Coord, cause error) error {
	if errors.Is(cause, binlog.ErrFatal) || c.e.local.w.Err() != nil {
		return c.fatal(cause)
	}
	if err := c.e.local.w.Truncate(int64(start.Pos)); err != nil {
		return c.fatal(errors.Join(cause, err))
	}
	c.e.log.Warn("commit group refused", "err", cause)
	if errors.Is(cause, binlog.ErrDiskFull) || logfile.IsDiskFull(cause) {
		return fmt.Errorf("%w: %w", ErrDiskFull, cause)
	}
	return cause
}

// syncGroup syncs the logs that the group was written to, both at the same
// time.
func (c *committer) syncGroup(g *group) error {
	if g.locals == 0 {
		return c.e.bin.Sync()
	}
	if len(g.bins) == 0 {
		return c.e.local.sync()
	}
	local := make(chan error, 1)
	go func() { local <- c.e.local.sync() }()
	err := c.e.bin.Sync()
	return errors.Join(<-local, err)
}

// syncLogs syncs what is not synced yet, under logMu. A failure is final.
func (c *committer) syncLogs() error {
	if !c.dirty.Load() {
		return nil
	}
	err := c.e.local.sync()
	if err == nil && c.e.bin != nil {
		err = c.e.bin.Sync()
	}
	if err != nil {
		return c.fatal(err)
	}
	c.dirty.Store(false)
	return nil
}

// syncOutside is syncLogs for the timer and for writes to the store's MANIFEST.
func (c *committer) syncOutside() error {
	if !c.dirty.Load() {
		return nil
	}
	c.logMu.Lock()
	defer c.logMu.Unlock()
	return c.syncLogs()
}

// logged counts the group's numbers and says where it stands, under logMu.
func (c *committer) logged(g *group) {
	c.last = g.at.csn
	for _, p := range g.txns {
		if p.bin != nil {
			c.addGTID(g, p.bin.GTID)
			c.bytes += uint64(p.bin.Size)
		}
		if p.origin != nil {
			c.addGTID(g, p.origin.GTID)
		}
		if p.hasLocal() {
			c.bytes += uint64(recordSize(p))
		}
	}
	g.gtids = c.gtids.Set()
	g.at.bytes = c.bytes
	g.at.local = c.e.local.end()
	if c.e.bin != nil {
		g.at.bin = c.e.bin.End()
		g.rotate = c.e.bin.NeedsRotation()
	}
	if int64(g.at.local.Pos) >= c.e.local.size {
		c.rotateLocal()
	}
	g.before, c.prev = c.prev, g.done
	if a := c.e.o.Acks; a != nil && len(g.bins) > 0 && a.AfterSync() {
		g.semi = true
		c.e.bin.SetSent(g.at.bin)
	}
}

func (c *committer) addGTID(g *group, id gtid.GTID) {
	if !c.gtids.Add(id) {
		return
	}
	for _, u := range g.uuids {
		if u == id.UUID {
			return
		}
	}
	g.uuids = append(g.uuids, id.UUID)
}

// rotateLocal begins a new local log file; what does not work now is tried
// again after the next group.
func (c *committer) rotateLocal() {
	err := c.syncLogs()
	if err == nil {
		err = c.e.local.rotate(c.last, c.synced)
	}
	if errors.Is(err, ErrFatal) {
		_ = c.fatal(err)
	} else if err != nil {
		c.e.log.Warn("cannot rotate the local log", "err", err)
	}
}

// finishGroup is B, C and the answer.
func (c *committer) finishGroup(g *group) {
	c.finishStages(g)
	c.answer(g)
}

// finishStages is B and C.
func (c *committer) finishStages(g *group) {
	if g.semi {
		c.waitAck(g)
	}
	b, err := c.merge(g)
	<-g.before
	if err == nil && !c.dead() {
		for _, p := range g.txns {
			if p.applying != nil {
				p.applying(p.csn)
			}
		}
		if large := g.txns[0].large; large != nil { // it is alone
			err = c.e.ingest(large, b)
		} else {
			err = c.e.db.Apply(b, pebble.NoSync)
		}
	}
	if err != nil {
		_ = c.fatal(fmt.Errorf("apply commit group: %w", err))
	} else if !c.dead() {
		c.publish(g)
	}
	if b != nil && b != g.txns[0].batch {
		_ = b.Close()
	}
	close(g.done)
}

func (c *committer) waitAck(g *group) {
	if err := c.e.o.Acks.WaitAck(c.life, g.at.bin); err != nil {
		c.e.log.Warn("semi-sync wait ended", "file", g.at.bin.File, "pos", g.at.bin.Pos, "err", err)
	}
}

// merge makes the group's one batch: its members' batches, stamped, their
// source coordinates, executed GTIDs and the coordinate.
func (c *committer) merge(g *group) (*pebble.Batch, error) {
	for _, p := range g.txns {
		if p.batch == nil || len(p.stamps) == 0 {
			continue
		}
		repr := p.batch.Repr()
		for _, at := range p.stamps {
			putStamp(repr[at:], p.csn)
		}
	}
	b := g.txns[0].batch
	if len(g.txns) > 1 || b == nil {
		size := 0
		for _, p := range g.txns {
			if p.batch != nil {
				size += p.batch.Len()
			}
		}
		b = c.e.db.NewBatchWithSize(size + 512)
		for _, p := range g.txns {
			if p.batch == nil {
				continue
			}
			if err := b.Apply(p.batch, nil); err != nil {
				return b, err
			}
		}
	}
	for _, p := range g.txns {
		if p.origin != nil {
			if err := b.Set(replKey(p.origin.Channel), appendOrigin(nil, p.origin), nil); err != nil {
				return b, err
			}
		}
	}
	for _, u := range g.uuids {
		if err := setGTIDs(b, g.gtids, u); err != nil {
			return b, err
		}
	}
	g.at.nextID = TableID(c.e.nextID.Load())
	return b, setCoord(b, &g.at)
}

// publish makes the group visible: stage C's end.
func (c *committer) publish(g *group) {
	// Numbers have no gap and groups no other order than their own; anything
	// else would be replayed as something that never was.
	if was := c.visible.Load().csn; was+txn.CSN(g.locals+len(g.bins)) != g.at.csn {
		panic(fmt.Sprintf("storage: group of %d records ends at %d, after %d", g.locals+len(g.bins), g.at.csn, was))
	}
	c.setVisible(&visibleState{csn: g.at.csn, coord: g.at.bin, gtids: g.gtids})
	if n := len(g.bins); n > 0 {
		c.e.bin.SetVisible(g.bins[n-1].Clock)
		if !g.semi {
			c.e.bin.SetSent(g.at.bin)
		}
	}
	c.e.tail.logged(g.at.bytes)
}

// answer releases what the members hold and tells them.
func (c *committer) answer(g *group) {
	if c.dead() {
		for _, p := range g.txns {
			p.settle(txn.Result{Err: c.failure()})
		}
		c.gone(g)
		return
	}
	if c.e.o.Acks != nil && !g.semi && len(g.bins) > 0 {
		c.waitAck(g)
	}
	for _, p := range g.txns {
		r := txn.Result{CSN: p.csn}
		if p.bin != nil {
			r.Coord, r.GTID = p.bin.End, p.bin.GTID
		}
		p.settle(r)
	}
	c.gone(g)
}
