package sql

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/vitess/go/sqltypes"
	"github.com/dolthub/vitess/go/vt/sqlparser"

	"binrelay/sql/auth"
	"binrelay/sql/direct"
	"binrelay/sql/replstmt"
	"binrelay/sql/tables"
	"binrelay/sql/wire"
)

// maxShapes bounds how many shapes of statements are remembered.
const maxShapes = 4096

// shapes remembers what the shapes of statements mean, by default database and
// text. Safe for concurrent use.
type shapes struct {
	mu    sync.RWMutex
	known map[string]*shape
}

// shape is what is known of a shape.
type shape struct {
	stmt    *direct.Statement  // nil: the engine has to plan it
	control replstmt.Statement // the begin or end of a transaction instead; or nil
	plan    atomic.Pointer[plainPlan]
}

// plainPlan is how a statement is carried out on the tables as they are. It is
// immutable but for the headers.
type plainPlan struct {
	stmt   *direct.Statement
	table  *tables.Plain
	key    *tables.PlainKey
	places []int // of the columns of a SELECT; -1 = COUNT(*)
	sort   int   // place of the column of ORDER BY; -1 = none
	change changePlan

	mu      sync.RWMutex
	headers map[gms.CharacterSetID]*wire.Header // by character_set_results
}

// plainSession is what a session keeps for statements without a plan.
type plainSession struct {
	key      []byte // of shapes; scratch
	values   []direct.Value
	reader   tables.PlainReader
	options  []gms.ContextOption
	settings settings
	allowed  map[*plainPlan]*auth.Active // with what privileges the session may run them
}

// settings are the session's variables as far as they keep statements from being
// carried out without a plan.
type settings struct {
	known  bool
	usual  bool               // nothing does
	result gms.CharacterSetID // character_set_results

	readOnly bool // transaction_read_only
	zeroID   bool // NO_AUTO_VALUE_ON_ZERO
}

// find returns what a shape means in a database.
func (c *shapes) find(key []byte, text int) *shape {
	c.mu.RLock()
	s := c.known[string(key)]
	c.mu.RUnlock()
	if s != nil {
		return s
	}
	s = newShape(string(key[:text]))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= maxShapes {
		c.known = make(map[string]*shape)
	}
	c.known[string(key)] = s
	return s
}

func newShape(text string) *shape {
	if st, end, ok, err := replstmt.Parse(text); err == nil && ok && end == len(text) {
		switch st.(type) {
		case *replstmt.StartTransaction, *replstmt.EndTransaction:
			return &shape{control: st}
		}
		return &shape{}
	}
	return &shape{stmt: direct.Parse(text)}
}

// planned returns how the statement is carried out now; nil = by the engine.
func (sh *shape) planned(s *Session) *plainPlan {
	if sh.stmt == nil {
		return nil
	}
	if out := sh.plan.Load(); out != nil && out.table.Current() {
		return out
	}
	out := s.newPlainPlan(sh.stmt)
	sh.plan.Store(out)
	return out
}

func (s *Session) newPlainPlan(st *direct.Statement) *plainPlan {
	database := st.Database
	if database == "" {
		database = s.GetCurrentDatabase()
	}
	t := s.server.provider.Plain(database, st.Table)
	if t == nil {
		return nil
	}
	if st.Verb != direct.Select {
		return s.newChangePlan(st, t)
	}
	out := &plainPlan{stmt: st, table: t, sort: -1, headers: make(map[gms.CharacterSetID]*wire.Header)}
	if out.findKey(); out.key == nil {
		return nil
	}
	if st.Output == nil {
		out.places = t.All()
	}
	for _, o := range st.Output {
		place := -1
		if !o.Count {
			if place = t.Column(o.Column); place < 0 || o.Sum && !t.Summable(place) {
				return nil
			}
		}
		out.places = append(out.places, place)
	}
	if st.Sort != "" {
		if out.sort = t.Column(st.Sort); out.sort < 0 || !t.Sortable(out.sort) {
			return nil
		}
	}
	return out
}

// findKey finds the key that the statement's condition is about.
func (p *plainPlan) findKey() {
	if b := p.stmt.Range; b != nil {
		p.key = p.table.RangeKey(b.Column)
		return
	}
	columns := make([]string, len(p.stmt.Where))
	for i, w := range p.stmt.Where {
		columns[i] = w.Column
	}
	p.key = p.table.Key(columns)
}

// header returns the header of the plan's rows, nil if it is not known yet.
func (p *plainPlan) header(results gms.CharacterSetID) *wire.Header {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.headers[results]
}

// learn takes the header that the engine has made.
func (p *plainPlan) learn(results gms.CharacterSetID, h *wire.Header) {
	if !p.table.Current() {
		return // it may be that of the next definition
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.headers[results] = h
}

var _ wire.Runner = (*Session)(nil)

// RunPlain implements wire.Runner. The first time that a SELECT is met it leaves
// it to the engine, to learn the header of its rows.
func (s *Session) RunPlain(ctx context.Context, st *wire.Statement, out wire.Reply) (done bool, err error) {
	if s.server.planAll.Load() || s.internal || s.expired || s.limited() != nil || !s.Ordinary() {
		return false, nil
	}
	set := s.readSettings()
	if !set.usual {
		return false, nil
	}
	sh := s.shapeOf(st)
	if sh.control != nil {
		return s.runControl(ctx, sh.control, st.Query, out)
	}
	p := sh.planned(s)
	if p == nil {
		return false, nil
	}
	if p.stmt.Verb != direct.Select {
		return s.runChange(ctx, p, st, set, out)
	}
	var k located
	if !s.locate(p, st.Values, &k) {
		return false, nil
	}
	h := p.header(set.result)
	if h == nil {
		out.Learn(func(h *wire.Header) { p.learn(set.result, h) })
		return false, nil
	}
	c := s.plainContext(ctx)
	if !s.mayRun(c, p) {
		return false, nil // the engine says so
	}
	return s.runPlain(c, st.Query, func() (func() error, error) { return nil, s.selectPlain(c, p, &k, h, out) })
}

// runControl begins or ends a transaction.
func (s *Session) runControl(ctx context.Context, st replstmt.Statement, query string, out wire.Reply) (bool, error) {
	c := s.plainContext(ctx)
	return s.runPlain(c, query, func() (func() error, error) {
		s.server.counters.command(st.Name())
		if err := s.run(c, st); err != nil {
			return nil, clientError(err)
		}
		info := s.GetLastQueryInfo()
		info.RowCount.Store(-1)
		info.FoundRows.Store(1)
		return func() error { return out.OK(0, 0, "") }, nil
	})
}

// shapeOf returns what the statement's shape means.
func (s *Session) shapeOf(st *wire.Statement) *shape {
	db := s.GetCurrentDatabase()
	if m, ok := st.Memo.(*memo); ok && m.database == db {
		return m.shape
	}
	k := append(s.plain.key[:0], st.Shape...)
	k = append(append(k, 0), db...)
	s.plain.key = k
	sh := s.server.shapes.find(k, len(st.Shape))
	if st.Prepared {
		st.Memo = &memo{database: db, shape: sh}
	}
	return sh
}

// memo is what is remembered of a prepared statement.
type memo struct {
	database string // that it was looked up in
	shape    *shape
}

// located is where a statement's rows are.
type located struct {
	point  tables.Point
	bounds tables.Bounds // of a range
}

// locate finds the values of the statement's condition. False: the key cannot
// have them.
func (s *Session) locate(p *plainPlan, values []direct.Value, k *located) (ok bool) {
	if b := p.stmt.Range; b != nil {
		k.bounds, ok = p.key.Between(values[b.Low], values[b.High])
		return ok
	}
	s.plain.values = s.plain.values[:0]
	for _, w := range p.stmt.Where {
		s.plain.values = append(s.plain.values, values[w.Value])
	}
	k.point, ok = p.key.Point(s.plain.values)
	return ok
}

// readSettings reads the session's variables, unless none was set since.
func (s *Session) readSettings() settings {
	set := &s.plain.settings
	if set.known {
		return *set
	}
	unlimited, _ := gms.HasDefaultValue(nil, s, "sql_select_limit")
	p := policy{s.server, s}
	*set = settings{
		known: true, usual: unlimited && p.number(nil, "max_execution_time") == 0, result: s.GetCharacterSetResults(),
		readOnly: p.on(nil, "transaction_read_only"), zeroID: s.hasMode("NO_AUTO_VALUE_ON_ZERO"),
	}
	return *set
}

// plainContext is the context of a statement.
func (s *Session) plainContext(ctx context.Context) *gms.Context {
	if s.plain.options == nil {
		s.plain.options = []gms.ContextOption{
			gms.WithSession(s), gms.WithMemoryManager(s.server.engine.MemoryManager), gms.WithProcessList(s.server.engine.ProcessList),
		}
	}
	out := gms.NewContext(ctx, s.plain.options...)
	s.setTime(out)
	return out
}

// mayRun asks, as the engine does, whether the account may run the statement. The
// answer holds until privileges change.
func (s *Session) mayRun(ctx *gms.Context, p *plainPlan) bool {
	now := s.Active()
	if s.plain.allowed[p] == now {
		return true
	}
	if s.authorizeWhole(ctx, p.stmt.Auth) != nil {
		return false
	}
	if p.stmt.Verb == direct.Update || p.stmt.Verb == direct.Delete {
		// They read columns.
		reads := p.stmt.Auth
		reads.AuthType = sqlparser.AuthType_SELECT
		if s.authorizeWhole(ctx, reads) != nil {
			return false
		}
	}
	if s.plain.allowed == nil || len(s.plain.allowed) >= maxShapes {
		s.plain.allowed = make(map[*plainPlan]*auth.Active)
	}
	s.plain.allowed[p] = now
	return true
}

// runPlain does what go-mysql-server's handler and engine do around a statement.
// run returns what sends the answer once the statement is committed; it may be
// nil. False: run found that it needs the engine.
func (s *Session) runPlain(ctx *gms.Context, text string, run func() (reply func() error, err error)) (bool, error) {
	if err := s.CommandBegin(); err != nil {
		return true, err
	}
	defer s.CommandEnd()
	s.beginPlain(text)
	reply, err := run()
	if errors.Is(err, tables.ErrNotPlain) {
		return false, nil
	}
	s.server.counters.question()
	s.server.counters.plain.Add(1)
	gms.IncrementStatusVariable(ctx, "Questions", 1)
	if err == nil {
		err = s.endPlain(ctx)
	}
	if err == nil && reply != nil {
		err = reply()
	}
	if err != nil {
		return true, gms.CastSQLError(err)
	}
	return true, nil
}

// beginPlain is ValidateSession for a statement that has no plan.
func (s *Session) beginPlain(text string) {
	s.text = ""
	s.building, s.built, s.root, s.inserting, s.locking = false, false, nil, false, false
	s.running, s.strictly, s.raised = true, false, nil
	s.clearConditions()
	s.BeginPlain(trimStatement(text))
}

// endPlain commits a statement that is its own transaction.
func (s *Session) endPlain(ctx *gms.Context) error {
	tx := s.GetTransaction()
	if tx == nil || s.GetIgnoreAutoCommit() || !(policy{s.server, s}).on(ctx, "autocommit") {
		return nil
	}
	if err := s.CommitTransaction(ctx, tx); err != nil {
		return err
	}
	s.SetTransaction(nil)
	return nil
}

// selectPlain runs a SELECT.
func (s *Session) selectPlain(ctx *gms.Context, p *plainPlan, k *located, h *wire.Header, out wire.Reply) error {
	s.plainRead = true
	gms.IncrementStatusVariable(ctx, "Com_select", 1)
	r := &s.plain.reader
	r.Begin(ctx, s.Session, p.table, p.places)
	defer r.End()
	found, begun := int64(0), false
	send := func(row []sqltypes.Value) error {
		if !begun {
			begun = true
			if err := out.Begin(h); err != nil {
				return err
			}
		}
		if row == nil {
			return nil
		}
		found++
		return out.Row(row)
	}
	var err error
	switch {
	case p.stmt.Range == nil:
		var row []sqltypes.Value
		if row, err = r.Find(k.point); err == nil {
			err = send(row)
		}
	case len(p.stmt.Output) == 1 && (p.stmt.Output[0].Sum || p.stmt.Output[0].Count):
		err = s.aggregate(p, k, send)
	case p.sort >= 0:
		err = r.Sorted(k.bounds, p.sort, p.stmt.Once, send)
	default:
		err = r.Each(k.bounds, send)
	}
	if err == nil {
		err = send(nil)
	}
	if err != nil {
		return err
	}
	info := s.GetLastQueryInfo()
	info.RowCount.Store(-1)
	info.FoundRows.Store(found)
	return nil
}

// aggregate is SUM of a column, or COUNT(*), over a range.
func (s *Session) aggregate(p *plainPlan, k *located, send func([]sqltypes.Value) error) error {
	sum, rows, values, err := s.plain.reader.Sum(k.bounds, p.places[0])
	if err != nil {
		return err
	}
	v := sqltypes.NULL
	switch {
	case p.stmt.Output[0].Count:
		v = sqltypes.NewInt64(rows)
	case values > 0:
		v = sqltypes.MakeTrusted(sqltypes.Decimal, strconv.AppendInt(nil, sum, 10))
	}
	return send([]sqltypes.Value{v})
}
