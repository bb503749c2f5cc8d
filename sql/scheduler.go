package sql

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/vitess/go/vt/sqlparser"

	"binrelay/sql/auth"
	"binrelay/sql/replstmt"
	"binrelay/sql/tables"
)

// scheduler runs the events of a server, each run in a session of its own. An
// event that still runs when it is due again is not started again.
type scheduler struct {
	server *Server
	since  time.Time
	wake   chan struct{}
	stale  atomic.Bool // the events are to be read again
	active atomic.Bool // it does not sleep for good: there is an event to come

	mu      sync.Mutex
	on      bool
	entries map[eventKey]*eventEntry
	running map[eventKey]bool

	stop    context.CancelFunc
	workers sync.WaitGroup // also of the loop
}

type eventKey struct{ db, name string }

// eventEntry is an event to come.
type eventEntry struct {
	e    tables.Event // as it was read
	next time.Time
	over bool // it will not run again: end it
}

func newScheduler(s *Server) *scheduler {
	return &scheduler{server: s, wake: make(chan struct{}, 1), running: make(map[eventKey]bool), since: s.now()}
}

// poke makes the scheduler look at the events and at event_scheduler again.
func (c *scheduler) poke() {
	c.stale.Store(true)
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// start begins to run events.
func (c *scheduler) start() {
	var ctx context.Context
	ctx, c.stop = context.WithCancel(context.Background())
	c.workers.Go(func() {
		for ctx.Err() == nil {
			wait := c.tick(ctx)
			var timer <-chan time.Time
			if c.active.Store(wait >= 0); wait >= 0 {
				timer = time.After(wait)
			}
			select {
			case <-ctx.Done():
			case <-c.wake:
			case <-timer:
			}
		}
	})
}

// close cancels what runs and waits for its end.
func (c *scheduler) close() {
	if c.stop != nil {
		c.stop()
	}
	c.workers.Wait()
}

// longestSleep bounds how late a change of the clock is noticed.
const longestSleep = 30 * time.Second

// tick starts the events that are due. It returns how long to sleep then; < 0 =
// until it is woken.
func (c *scheduler) tick(ctx context.Context) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server.vars.String("event_scheduler") != "ON" {
		c.on, c.entries = false, nil
		return -1
	}
	now := c.server.now()
	if stale := c.stale.Swap(false); stale || !c.on {
		if err := c.load(ctx, now); err != nil {
			c.stale.Store(true)
			if ctx.Err() == nil {
				c.server.log.Error("the events cannot be read", "err", err)
			}
			return time.Second
		}
	}
	wait := time.Duration(-1)
	for key, entry := range c.entries {
		if !entry.over && entry.next.After(now) {
			if left := entry.next.Sub(now); wait < 0 || left < wait {
				wait = min(left, longestSleep)
			}
			continue
		}
		e, over := entry.e, entry.over
		e.Executed = now.UTC().Truncate(time.Second)
		next, ok := nextRun(&e, e.Executed)
		if over || !ok {
			delete(c.entries, key)
		} else {
			entry.e.Executed, entry.next = e.Executed, next
			if left := max(next.Sub(now), 0); wait < 0 || left < wait {
				wait = min(left, longestSleep)
			}
		}
		if c.running[key] {
			continue
		}
		c.running[key] = true
		r := &eventRun{server: c.server, key: key, e: e, last: !ok, over: over}
		c.workers.Go(func() {
			r.run(ctx)
			c.mu.Lock()
			delete(c.running, key)
			c.mu.Unlock()
		})
	}
	return wait
}

// load reads the events. Runs that were missed while none were started are not
// made up for.
func (c *scheduler) load(ctx context.Context, now time.Time) error {
	fresh := !c.on
	own, q := c.server.internalSession(ctx, "")
	defer own.Close()
	entries := make(map[eventKey]*eventEntry)
	for _, db := range c.server.provider.AllDatabases(q) {
		d, ok := db.(*tables.Database)
		if !ok {
			continue
		}
		all, err := d.Events(q)
		if err != nil {
			return err
		}
		for _, e := range all {
			key := eventKey{d.Name(), strings.ToLower(e.Name)}
			entry := &eventEntry{e: e, over: e.Done && fresh}
			if before := c.entries[key]; before != nil && before.e.SameAs(&e) {
				entry = before
			} else if e.Status == "ENABLED" {
				since := e.Altered
				if fresh {
					since = now
				}
				next, ok := nextRun(&e, since)
				entry.next, entry.over = next, !ok
			} else if !entry.over {
				continue
			}
			entries[key] = entry
		}
	}
	c.entries, c.on = entries, true
	return nil
}

// eventRun is one run of an event.
type eventRun struct {
	server *Server
	key    eventKey
	e      tables.Event // Executed is the time of this run
	last   bool         // there is none after it
	over   bool         // nothing is to run: it has ended
}

// run marks the event as executed, runs it, and drops it if it is over. After a
// crash in between it has run.
func (r *eventRun) run(ctx context.Context) {
	fail := func(err error) {
		if ctx.Err() != nil {
			return
		}
		number, _, text := Translate(err)
		r.server.log.Error("event failed", "event", r.key.db+"."+r.e.Name, "definer", r.e.User+"@"+r.e.Host, "errno", number, "err", text)
	}
	if !r.e.Done {
		marked, err := r.mark(ctx)
		if err != nil {
			fail(err)
		}
		if err != nil || !marked {
			return
		}
	}
	if !r.over {
		if err := r.body(ctx); err != nil {
			fail(err)
		}
	}
	if r.e.Done {
		if err := r.drop(ctx); err != nil {
			fail(err)
		}
	}
}

// mark stores that the event runs now; false = it has changed, and does not run.
// No log has it.
func (r *eventRun) mark(ctx context.Context) (marked bool, err error) {
	err = r.change(ctx, func(q *gms.Context, own *Session, d *tables.Database) error {
		marked = false
		if err := own.Session.SetSessionVariable(q, "sql_log_bin", int8(0)); err != nil {
			return err
		}
		e, there, err := r.locked(q, d)
		if err != nil || !there || e.Status != "ENABLED" || !e.SameAs(&r.e) {
			return err
		}
		if !r.over {
			e.Executed = r.e.Executed
		}
		if r.last || r.over {
			e.Status, e.Done = "DISABLED", !e.Preserve
		}
		marked = true
		r.e = e
		return d.PutEvent(q, e)
	})
	return marked && err == nil, err
}

// drop drops the event after its last run, unless it has been changed since.
func (r *eventRun) drop(ctx context.Context) error {
	return r.change(ctx, func(q *gms.Context, own *Session, d *tables.Database) error {
		own.SetQuery("DROP EVENT " + quoteName(d.Name()) + "." + quoteName(r.e.Name))
		e, there, err := r.locked(q, d)
		if err != nil || !there || !e.Done {
			own.AbortDDL()
			return err
		}
		return d.DropEvent(q, e.Name)
	})
}

// locked locks the event and reads it.
func (r *eventRun) locked(ctx *gms.Context, d *tables.Database) (tables.Event, bool, error) {
	if err := d.LockEvent(ctx, r.key.name); err != nil {
		return tables.Event{}, false, err
	}
	return d.Event(ctx, r.key.name)
}

// change runs a statement of the scheduler's own. A database that is gone is no
// error.
func (r *eventRun) change(ctx context.Context, do func(*gms.Context, *Session, *tables.Database) error) error {
	own, q := r.server.internalSession(ctx, "ALTER EVENT")
	defer own.Close()
	own.SetCurrentDatabase(r.key.db)
	d := &definition{name: "ALTER EVENT", run: func(q *gms.Context) error {
		if d := r.server.database(q, r.key.db); d != nil {
			return do(q, own, d)
		}
		return nil
	}}
	err := r.server.runParsed(q, d.inject(sqlparser.AuthInformation{AuthType: sqlparser.AuthType_IGNORE}))
	own.CommandEnd()
	return err
}

// body runs what the event does: as its definer, with the settings of its
// creation.
func (r *eventRun) body(ctx context.Context) error {
	s, e := r.server, &r.e
	id := 1<<31 + s.internalIDs.Add(1)
	own := s.session(gms.NewBaseSessionWithClientServer("", gms.Client{User: e.User, Address: e.Host}, id))
	defer own.SessionEnd()
	if err := own.become(auth.Name{User: e.User, Host: e.Host}); err != nil {
		return err
	}
	if own.lacks(nil, r.key.db, "", gms.PrivilegeType_Event) != "" {
		return sqlError(1044, "42000", "Access denied for user '%s'@'%s' to database '%s'", e.User, e.Host, r.key.db)
	}
	own.SetCurrentDatabase(r.key.db)
	text := "CALL " + quoteName(r.key.db) + "." + quoteName(e.Name)
	q := gms.NewContext(ctx, gms.WithSession(own), gms.WithQuery(text), gms.WithPid(1<<63|uint64(id)),
		gms.WithProcessList(s.engine.ProcessList), gms.WithMemoryManager(s.engine.MemoryManager))
	for name, v := range map[string]string{
		"time_zone": e.Zone, "sql_mode": e.SQLMode, "character_set_client": e.Client, "collation_connection": e.Connection,
		"character_set_connection": gms.CollationID(collationID(e.Connection)).CharacterSet().Name(),
	} {
		if err := own.Session.SetSessionVariable(q, name, v); err != nil {
			return err
		}
	}
	step, err := replstmt.ParseBody(e.Body, false)
	if err != nil {
		return clientError(err)
	}
	p := &program{kind: eventProgram, db: r.key.db, name: e.Name, body: step, user: e.User, host: e.Host, mode: e.SQLMode}
	if err := own.newProgram(q, p, "", gms.CollationID(collationID(e.Collation)), false); err != nil {
		return err
	}
	s.engine.ProcessList.AddConnection(id, "localhost")
	defer s.engine.ProcessList.RemoveConnection(id)
	s.engine.ProcessList.ConnectionReady(own)
	q, err = s.engine.ProcessList.BeginQuery(q, e.Body)
	if err != nil {
		return err
	}
	defer s.engine.ProcessList.EndQuery(q)
	if err := own.CommandBegin(); err != nil {
		return err
	}
	defer own.CommandEnd()
	return s.runParsed(q, s.parser.inject(&eventBody{func(ctx *gms.Context) error {
		f, err := own.start(ctx, p, nil, nil, false)
		if err != nil {
			return err
		}
		f.send = func(ctx *gms.Context, _ gms.Schema, it gms.RowIter) error {
			for {
				if _, err := it.Next(ctx); err != nil {
					if isEOF(err) {
						err = nil
					}
					return err
				}
			}
		}
		_, err = f.execute(ctx)
		return err
	}}))
}

// eventBody is the statement of a session that runs an event.
type eventBody struct{ run func(*gms.Context) error }

// Name implements replstmt.Statement.
func (*eventBody) Name() string { return "EVENT" }

// runParsed runs a statement to its end. A panic of the engine becomes an error.
func (s *Server) runParsed(ctx *gms.Context, stmt sqlparser.Statement) (err error) {
	defer func() {
		if r := recover(); r != nil {
			s.log.Error("the engine has panicked", "panic", r)
			err = errors.New("internal error")
		}
	}()
	_, it, _, err := s.engine.QueryWithBindings(ctx, ctx.Query(), stmt, nil, nil)
	if err != nil {
		return err
	}
	for err == nil {
		_, err = it.Next(ctx)
	}
	if !isEOF(err) {
		_ = it.Close(ctx)
		return err
	}
	return it.Close(ctx)
}

// row is the scheduler in SHOW PROCESSLIST.
func (c *scheduler) row(now time.Time) gms.Row {
	state := "Waiting on empty queue"
	if c.active.Load() {
		state = "Waiting for next activation"
	}
	return gms.NewRow(uint64(schedulerThreadID), "event_scheduler", "localhost", nil, "Daemon", int32(now.Sub(c.since)/time.Second), state, nil)
}

// checkScheduler refuses to set DISABLED, or to change it.
func checkScheduler(_ *gms.Context, s *Server, _ bool, v any) error {
	if v == "DISABLED" {
		return sqlError(1231, "42000", "Variable 'event_scheduler' can't be set to the value of 'DISABLED'")
	}
	if s.vars.String("event_scheduler") == "DISABLED" {
		return sqlError(1290, "HY000", "The MySQL server is running with the --event-scheduler=DISABLED or --skip-grant-tables option so it cannot execute this statement")
	}
	s.vars.store(sysvarByName["event_scheduler"], v)
	s.scheduler.poke()
	return nil
}
