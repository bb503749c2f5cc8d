package wire

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"binrelay/replica/replstate"
	"binrelay/sql/auth"

	gms "github.com/dolthub/go-mysql-server/sql"
)

const (
	// semiSyncMagic opens a semi-synchronous header and an acknowledgement.
	semiSyncMagic = 0xef
	maxReplicaStr = 255
)

// registerReplica answers COM_REGISTER_SLAVE.
func (c *conn) registerReplica(p []byte) {
	info, ok := parseRegister(p)
	if !ok {
		c.writeErr(errMalformed)
		return
	}
	if !c.mayReplicate() {
		return
	}
	info.ConnectionID = c.id
	info.Account, info.Address = c.user, c.host
	info.UUID = c.userVariable("replica_uuid", "slave_uuid")
	err := c.run(func(context.Context) error { return c.s.o.Dump.RegisterReplica(info) })
	if err != nil {
		c.fail(err, "")
		return
	}
	c.replica = true
	c.writeOK(0, 0, 0, "")
}

// parseRegister reads COM_REGISTER_SLAVE:
//
//	server id 4 | host, user, password: length 1 each | port 2 | rank 4 | source id 4
func parseRegister(p []byte) (replstate.ReplicaInfo, bool) {
	c := cursor{b: p}
	var r replstate.ReplicaInfo
	r.ServerID = c.u32()
	r.Host = string(c.shortBytes())
	r.User = string(c.shortBytes())
	c.shortBytes() // a password, of no use to us and not kept
	r.Port = c.u16()
	r.Rank = c.u32()
	r.SourceID = c.u32()
	return r, !c.bad
}

// parseDump reads COM_BINLOG_DUMP: position 4 | flags 2 | server id 4 | file.
func parseDump(p []byte) (replstate.DumpRequest, bool) {
	c := cursor{b: p}
	var r replstate.DumpRequest
	r.Pos = uint64(c.u32())
	r.Flags = c.u16()
	r.ServerID = c.u32()
	r.File = string(bytes.TrimRight(c.rest(), "\x00"))
	return r, !c.bad && len(r.File) <= 512
}

// parseDumpGTID reads COM_BINLOG_DUMP_GTID:
//
//	flags 2 | server id 4 | name length 4, name | position 8 | set length 4, set
func parseDumpGTID(p []byte) (replstate.DumpRequest, bool) {
	c := cursor{b: p}
	r := replstate.DumpRequest{ByGTID: true}
	r.Flags = c.u16()
	r.ServerID = c.u32()
	n := c.u32()
	if n > 512 {
		return r, false
	}
	r.File = string(c.take(int(n)))
	r.Pos = c.u64()
	n = c.u32()
	if uint64(n) > uint64(len(c.b)) {
		return r, false
	}
	r.GTIDs = bytes.Clone(c.take(int(n)))
	return r, !c.bad
}

// mayReplicate checks that dumps are served and that the account may have them.
func (c *conn) mayReplicate() bool {
	if c.s.o.Dump == nil {
		c.writeErr(wireError(erNotSupportedYet, "42000", "This version of MySQL doesn't yet support 'binlog dump'"))
		return false
	}
	if !c.has(auth.ReplicationSlave) {
		c.writeErr(wireError(erAccessNeeded, "42000",
			"Access denied; you need (at least one of) the REPLICATION SLAVE privilege(s) for this operation"))
		return false
	}
	return true
}

// has reports whether the session has a global privilege.
func (c *conn) has(p auth.Privileges) bool {
	if s, ok := c.session.(interface{ Active() *auth.Active }); ok {
		return s.Active().Global&p != 0
	}
	account, _ := c.mc.UserData.(gms.MysqlConnectionUser)
	name := auth.Name{User: account.User, Host: account.Host}
	return c.s.o.Accounts.Grants().Active(name, nil, nil).Global&p != 0
}

// dump hands the connection to the DumpServer until it is done. Afterwards it
// takes commands again, unless the replica is gone.
func (c *conn) dump(cmd byte, p []byte) (more bool, err error) {
	parse := parseDump
	if cmd == comBinlogDumpGTID {
		parse = parseDumpGTID
	}
	req, ok := parse(p)
	if !ok {
		c.writeErr(errMalformed)
		return true, nil
	}
	if !c.mayReplicate() {
		return true, nil
	}
	c.completeRequest(&req)
	c.s.addDump(1)
	defer c.s.addDump(-1)

	old := c.w.bw
	c.w.bw = bufio.NewWriterSize(c.stream, dumpBuffer)
	clean, err := c.serveDump(req)
	switch {
	case c.w.err != nil:
		return false, c.w.err
	case err != nil:
		c.writeErr(c.translate(err, ""))
	default:
		c.plainEOF(0, 0)
	}
	if err := c.w.flush(); err != nil {
		return false, err
	}
	c.w.bw = old
	return clean, nil
}

// serveDump runs ServeDump beside the goroutine that reads from the replica.
// clean says that the reader stopped between packets.
func (c *conn) serveDump(req replstate.DumpRequest) (clean bool, err error) {
	ctx, cancel := context.WithCancelCause(c.s.ctx)
	defer cancel(nil)
	c.setCancel(cancel)
	w := &dumpWriter{c: c, acks: make(chan []byte)}
	c.raw.SetReadDeadline(time.Time{})
	done := make(chan bool, 1)
	go func() { done <- c.readReplica(ctx, cancel, w.acks) }()
	err = c.callServeDump(ctx, req, w)
	gone := context.Cause(ctx)
	cancel(nil)
	c.raw.SetReadDeadline(longAgo)
	clean = <-done
	c.setCancel(nil)
	if !c.killed.Load() {
		c.raw.SetReadDeadline(time.Time{})
	}
	var cause *sqlError
	if errors.As(gone, &cause) {
		err = cause
	}
	return clean, err
}

func (c *conn) callServeDump(ctx context.Context, req replstate.DumpRequest, w *dumpWriter) (err error) {
	defer func() {
		if r := recover(); r != nil {
			c.s.panicked(c.id, r, debug.Stack())
			err = errPanic
		}
	}()
	return c.s.o.Dump.ServeDump(ctx, req, w)
}

// readReplica reads acknowledgements until the replica goes away, quits, or the
// dump ends and wakes it. It reports whether it stopped between packets.
func (c *conn) readReplica(ctx context.Context, cancel context.CancelCauseFunc, acks chan<- []byte) (clean bool) {
	defer close(acks)
	for {
		// A packet is read only once it begins, so that a wake-up loses nothing.
		if _, err := c.r.br.Peek(1); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				if c.killed.Load() {
					cancel(causeKilled)
				}
				return true
			}
			cancel(causeGone)
			return false
		}
		if ctx.Err() != nil {
			return true // a command sent ahead; the command loop reads it
		}
		c.r.seq = 0
		p, err := c.r.next(preAuthCap, nil)
		switch {
		case err != nil || len(p) == 1 && p[0] == comQuit:
			cancel(causeGone)
			return false
		case len(p) > 0 && p[0] == semiSyncMagic:
			select {
			case acks <- bytes.Clone(p):
			case <-ctx.Done():
				return true
			}
		}
	}
}

// completeRequest adds what the session and the connection know.
func (c *conn) completeRequest(r *replstate.DumpRequest) {
	r.ConnectionID, r.User, r.Host = c.id, c.user, c.host
	r.UUID = c.userVariable("replica_uuid", "slave_uuid")
	if ns, err := strconv.ParseUint(c.userVariable("source_heartbeat_period", "master_heartbeat_period"), 10, 63); err == nil {
		r.HeartbeatPeriod = time.Duration(ns)
	}
	r.Checksum = checksumOf(c.userVariable("source_binlog_checksum", "master_binlog_checksum"))
	r.MariaDBCapability, _ = strconv.Atoi(c.userVariable("mariadb_slave_capability"))
	semi := c.userVariable("rpl_semi_sync_replica", "rpl_semi_sync_slave")
	r.SemiSync = semi != "" && semi != "0" && semi != "false"
}

func checksumOf(v string) replstate.DumpChecksum {
	switch strings.ToUpper(v) {
	case "":
		return replstate.ChecksumUnset
	case "NONE", "0":
		return replstate.ChecksumNone
	case "CRC32", "1":
		return replstate.ChecksumCRC32
	}
	return replstate.ChecksumInvalid
}

// userVariable returns the first of the session's user variables that is set,
// as text; "" if none is.
func (c *conn) userVariable(names ...string) string {
	if c.session == nil {
		return ""
	}
	ctx := c.gmsContext(c.s.ctx)
	for _, name := range names {
		_, v, err := c.session.GetUserVariable(ctx, name)
		if err != nil || v == nil {
			continue
		}
		if b, ok := v.([]byte); ok {
			v = string(b)
		}
		text := fmt.Sprint(v)
		if len(text) > maxReplicaStr {
			text = text[:maxReplicaStr]
		}
		return text
	}
	return ""
}

// dumpWriter is the DumpWriter of one dump.
type dumpWriter struct {
	c    *conn
	acks chan []byte
	head []byte
}

func (w *dumpWriter) WriteEvent(ev []byte) error { return w.WriteEventHeader(nil, ev) }

func (w *dumpWriter) WriteEventHeader(header, ev []byte) error {
	w.head = append(append(w.head[:0], headerOK), header...)
	if err := w.c.w.writeJoined(w.head, ev); err != nil {
		return err
	}
	if len(header) == 2 && header[0] == semiSyncMagic && header[1] != 0 {
		// The acknowledgement begins a new sequence: the replica expects the
		// packet behind it to carry number 1.
		if err := w.Flush(); err != nil {
			return err
		}
		w.c.w.seq = 1
	}
	return nil
}

func (w *dumpWriter) Flush() error { return w.c.w.flush() }

func (w *dumpWriter) Acks() <-chan []byte { return w.acks }
