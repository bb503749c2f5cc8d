package replica

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"binrelay/binlog/txn"
	"binrelay/relaylog"
	"binrelay/replica/replstate"
)

// Limits of CHANGE REPLICATION SOURCE options, as in MySQL 8.0.
const (
	maxPassword  = 32 // characters
	maxHost      = 255
	maxUser      = 96
	maxHeartbeat = 4294967 * time.Second
)

// Change executes CHANGE REPLICATION SOURCE. A new host, port or position needs
// both threads stopped, the other options the IO thread.
func (r *Replica) Change(ctx context.Context, channel string, c replstate.Change) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.checkChannel(channel); err != nil {
		return err
	}
	old := r.st.get().cfg
	if !old.Configured {
		old = withFilters(replstate.NewSourceConfig(r.opt.Channel), old.Filters)
	}
	moves := c.Moves(&old) || !old.Configured
	switch {
	case moves && (r.io.running() || r.sql.running()):
		return replstate.Errorf(errnoBothMustStop, "This operation cannot be performed with running replication threads; run STOP REPLICA FOR CHANNEL '%s' first", channel)
	case r.io.running():
		return replstate.Errorf(errnoIOMustStop, "This operation cannot be performed with a running replica io thread; run STOP REPLICA IO_THREAD first.")
	}
	if err := r.checkChange(ctx, &c); err != nil {
		return err
	}
	next := c.Apply(old)
	warnInsecure(ctx, &c, &next)
	if err := r.store(ctx, next, moves); err != nil {
		return err
	}
	r.st.set(func(f *fields) {
		f.ioError = replstate.ThreadError{}
		if moves {
			f.sqlError = replstate.ThreadError{}
			f.sourceID, f.sourceUUID = 0, ""
		}
	})
	return nil
}

func withFilters(c replstate.SourceConfig, f *replstate.Filters) replstate.SourceConfig {
	c.Filters = f
	return c
}

// checkChange refuses values that MySQL refuses and options not honoured yet.
func (r *Replica) checkChange(ctx context.Context, c *replstate.Change) error {
	switch {
	case c.Host != nil && len(*c.Host) > maxHost:
		return replstate.Errorf(1470, "String '%.70s' is too long for host name (should be no longer than %d)", *c.Host, maxHost)
	case c.User != nil && len(*c.User) > maxUser:
		return replstate.Errorf(1470, "String '%.70s' is too long for user name (should be no longer than %d)", *c.User, maxUser)
	case c.Password != nil && len(*c.Password) > maxPassword:
		return replstate.Errorf(errnoPasswordLong, "CHANGE REPLICATION SOURCE TO: the password is too long (should be no longer than %d)", maxPassword)
	case c.LogFile != nil && *c.LogFile != "" && !validLogName(*c.LogFile):
		return replstate.Errorf(1210, "Incorrect arguments to SOURCE_LOG_FILE")
	case given(c.SSLCipher):
		return unsupported("SOURCE_SSL_CIPHER")
	case given(c.PublicKeyPath):
		return unsupported("SOURCE_PUBLIC_KEY_PATH")
	}
	if c.TLSVersion != nil {
		if err := setTLSVersion(&tls.Config{}, *c.TLSVersion); err != nil {
			return replstate.Errorf(1210, "Incorrect arguments to SOURCE_TLS_VERSION: %v", err)
		}
	}
	warnHalfPosition(ctx, c)
	if c.HeartbeatPeriod == nil {
		return nil
	}
	timeout := r.opt.Settings().NetTimeout
	switch h := *c.HeartbeatPeriod; {
	case h < 0 || h > maxHeartbeat:
		return replstate.Errorf(errnoHeartbeat, "The requested value for the heartbeat period is either negative or exceeds the maximum allowed (%d seconds).", int64(maxHeartbeat/time.Second))
	case h > timeout:
		replstate.Warn(ctx, replstate.Warning{Level: "Warning", Number: errnoHeartbeatHigh,
			Text: "The requested value for the heartbeat period exceeds the value of `replica_net_timeout' seconds. A sensible value for the period should be less than the timeout."})
	case h > 0 && h < time.Millisecond:
		zero := time.Duration(0)
		c.HeartbeatPeriod = &zero
		replstate.Warn(ctx, replstate.Warning{Level: "Warning", Number: errnoHeartbeatLow,
			Text: "The requested value for the heartbeat period is less than 1 millisecond. The value is reset to 0, meaning that heartbeating will effectively be disabled."})
	}
	return nil
}

// warnHalfPosition warns of a file without a position, or the reverse.
func warnHalfPosition(ctx context.Context, c *replstate.Change) {
	if (c.LogFile != nil) == (c.LogPos != nil) {
		return
	}
	text := "CHANGE REPLICATION SOURCE TO has a SOURCE_LOG_FILE clause but no SOURCE_LOG_POS clause. " +
		"The old position value may not be valid for the new binary log file."
	if c.LogFile == nil {
		text = "CHANGE REPLICATION SOURCE TO has a SOURCE_LOG_POS clause but no SOURCE_LOG_FILE clause. " +
			"The position may not be valid in the old binary log file."
	}
	replstate.Warn(ctx, replstate.Warning{Level: "Warning", Number: errnoNoPosition, Text: text})
}

func given(s *string) bool { return s != nil && *s != "" }

// warnInsecure gives MySQL's two notes about passwords.
func warnInsecure(ctx context.Context, c *replstate.Change, next *replstate.SourceConfig) {
	if c.Password == nil && c.User == nil {
		return
	}
	if !next.SSL {
		replstate.Warn(ctx, replstate.Warning{Level: "Note", Number: 1759,
			Text: "Sending passwords in plain text without SSL/TLS is extremely insecure."})
	}
	replstate.Warn(ctx, replstate.Warning{Level: "Note", Number: 1760,
		Text: "Storing MySQL user name or password information in the connection metadata repository is not secure and is therefore not recommended. " +
			"Please consider using the USER and PASSWORD connection options for START REPLICA; see the 'START REPLICA Syntax' in the MySQL Manual for more information."})
}

// Status returns one entry per configured channel: none before the first CHANGE.
func (r *Replica) Status() []replstate.ReplicaStatus {
	f := r.st.get()
	if !f.cfg.Configured {
		return nil
	}
	s := replstate.ReplicaStatus{
		Config: f.cfg, IOState: f.ioState, SQLState: f.sqlState,
		IORunning: f.ioRunning, IOSince: f.ioSince, SQLSince: f.sqlSince,
		Read: replstate.Coord(f.read), Exec: replstate.Coord(f.exec), Relay: replstate.Coord(f.relay),
		Filters: f.filters.Clone(), SkipCounter: f.skip, IOError: f.ioError, SQLError: f.sqlError,
		SecondsBehind: f.secondsBehind(r.opt.Now()), SourceServerID: f.sourceID, SourceUUID: f.sourceUUID,
		Attempts: f.attempts, Connects: f.connects, EventsQueued: f.eventsQueued, BytesQueued: f.bytesQueued,
		Heartbeats: f.heartbeats, LastEventAt: f.lastEventAt, Applied: f.applied, Retries: f.retries,
		ExecutedGTIDs: r.executed().String(),
	}
	if f.sqlRunning {
		s.SQLRunning = replstate.Yes
	}
	relay := r.log()
	s.RelaySize = uint64(max(0, relay.Space()))
	s.RetrievedGTIDs = relay.Retrieved().String()
	if f.relay.IsZero() {
		if files, err := relay.Files(); err == nil && len(files) > 0 {
			s.Relay = replstate.Coord{File: files[0].Name, Pos: 4}
		}
	}
	return []replstate.ReplicaStatus{s}
}

// Skip returns sql_replica_skip_counter.
func (r *Replica) Skip() uint32 { return r.st.get().skip }

// SetSkip executes SET GLOBAL sql_replica_skip_counter = n.
func (r *Replica) SetSkip(n uint32) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.sql.running():
		return replstate.Errorf(errnoMustStop, "This operation cannot be performed with a running replica; run STOP REPLICA first")
	case n > 0 && r.opt.Settings().GTIDMode:
		return replstate.Errorf(errnoSkipWithGTID, "sql_replica_skip_counter can not be set when the server is running with @@GLOBAL.GTID_MODE = ON. "+
			"Instead, for each transaction that you want to skip, generate an empty transaction with the same GTID as the transaction")
	}
	r.st.set(func(f *fields) { f.skip = n })
	return nil
}

// SetFilters executes CHANGE REPLICATION FILTER and stores the filters.
func (r *Replica) SetFilters(ctx context.Context, channel string, filters replstate.Filters) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.checkChannel(channel); err != nil {
		return err
	}
	if r.sql.running() {
		return replstate.Errorf(errnoSQLMustStop, "This operation cannot be performed with a running replica sql thread; run STOP REPLICA SQL_THREAD first")
	}
	if filters.HasTableRules() {
		return unsupported("replication filters other than REPLICATE_DO_DB and REPLICATE_IGNORE_DB")
	}
	own := filters.Clone()
	cfg := withFilters(r.st.get().cfg, &own)
	if err := r.store(ctx, cfg, false); err != nil {
		return err
	}
	r.st.set(func(f *fields) { f.filters = own.Clone() })
	return nil
}

// WaitPos waits until everything before c (in the source's binlog) is applied:
// SOURCE_POS_WAIT. It returns the number of log events waited for; -1 and
// context.DeadlineExceeded when ctx reached its deadline; ErrNotRunning (SQL's
// NULL) when the SQL thread does not run or stops, or the channel is not
// configured.
func (r *Replica) WaitPos(ctx context.Context, channel string, c txn.Coord) (int64, error) {
	if err := r.checkChannel(channel); err != nil {
		return 0, err
	}
	f, changed := r.st.await()
	first := f.appliedEvents
	for {
		if !f.cfg.Configured || !f.sqlRunning {
			return 0, ErrNotRunning
		}
		if !f.exec.IsZero() && !f.exec.Less(c) {
			return int64(f.appliedEvents - first), nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return -1, ctx.Err()
			}
			return 0, ctx.Err()
		}
		f, changed = r.st.await()
	}
}

// FlushRelay executes FLUSH RELAY LOGS.
func (r *Replica) FlushRelay(ctx context.Context, channel string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.checkChannel(channel); err != nil {
		return err
	}
	r.writing.Lock()
	defer r.writing.Unlock()
	if err := r.log().Rotate(); err != nil {
		return fmt.Errorf("rotate relay log: %w", err)
	}
	return nil
}

// RelayEvents executes SHOW RELAYLOG EVENTS.
func (r *Replica) RelayEvents(ctx context.Context, q replstate.EventQuery) (replstate.EventRows, error) {
	if err := r.checkChannel(q.Channel); err != nil {
		return nil, err
	}
	relay := r.log()
	files, err := relay.Files()
	if err != nil {
		return nil, fmt.Errorf("list relay log: %w", err)
	}
	name := q.File
	if name == "" && len(files) > 0 {
		name = files[0].Name
	}
	known := false
	for _, f := range files {
		known = known || f.Name == name
	}
	if !known {
		if q.File == "" {
			return func(func(replstate.EventRow, error) bool) {}, nil
		}
		return nil, replstate.Errorf(errnoNoTarget, "Error when executing command SHOW RELAYLOG EVENTS: Could not find target log")
	}
	return func(yield func(replstate.EventRow, error) bool) {
		err := r.showEvents(ctx, relay, name, q, yield)
		if err != nil && !errors.Is(err, errEnough) {
			yield(replstate.EventRow{}, err)
		}
	}, nil
}

// errEnough ends the reading of a file when no more rows are wanted.
var errEnough = errors.New("enough rows")

func (r *Replica) showEvents(ctx context.Context, relay *relaylog.Log, name string, q replstate.EventQuery, yield func(replstate.EventRow, error) bool) error {
	n := uint64(0)
	return relay.ShowEvents(name, int64(q.From), func(e relaylog.Entry) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		n++
		switch {
		case n <= q.Offset:
			return nil
		case (q.Limit > 0 || q.Limited) && n > q.Offset+q.Limit:
			return errEnough
		}
		kind, info := r.opt.Describe(e.Event, e.Checksum)
		row := replstate.EventRow{LogName: name, Pos: e.Start.Pos, EventType: kind, ServerID: e.Event.ServerID(),
			EndLogPos: uint64(e.Event.EndPos()), Info: info}
		if !yield(row, nil) {
			return errEnough
		}
		return nil
	})
}
