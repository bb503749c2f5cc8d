package replica

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"binrelay/binlog/event"
	"binrelay/binlog/gtid"
	"binrelay/binlog/txn"
	"binrelay/replica/replstate"
)

// fakeTarget applies by writing down. Results come at once, or, with hold set,
// when the test lets them.
type fakeTarget struct {
	t testing.TB

	mu       sync.Mutex
	log      []string   // what became visible, in order
	pos      txn.Origin // durable with it
	cfg      replstate.SourceConfig
	saves    int
	advances int
	prepared int
	fail     func(n int, g *txn.Group) error // error of the nth Prepare (from 1)
	failExec func(q string) error
	hold     chan struct{} // each result takes one, if set
	results  func(n int) error
	tail     chan struct{} // the result before is there when it is closed
}

func newFakeTarget(t testing.TB) *fakeTarget {
	return &fakeTarget{t: t, cfg: replstate.NewSourceConfig("")}
}

func (f *fakeTarget) Position(string) (txn.Origin, gtid.Set, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pos, gtid.Set{}, nil
}

// prepared is a transaction of a fakeTarget.
type preparedTxn struct {
	f    *fakeTarget
	n    int
	o    txn.Origin
	text string
}

func (f *fakeTarget) Prepare(ctx context.Context, g *txn.Group) (txn.Prepared, error) {
	f.mu.Lock()
	f.prepared++
	n, fail := f.prepared, f.fail
	f.mu.Unlock()
	if fail != nil {
		if err := fail(n, g); err != nil {
			return nil, err
		}
	}
	text, err := describe(g)
	if err != nil {
		return nil, err
	}
	return &preparedTxn{f: f, n: n, o: *g.Origin, text: text}, nil
}

func (p *preparedTxn) Abort() {}

func (p *preparedTxn) Enqueue() <-chan txn.Result {
	ch := make(chan txn.Result, 1)
	p.f.mu.Lock()
	before, done := p.f.tail, make(chan struct{})
	p.f.tail = done
	hold, results := p.f.hold, p.f.results
	p.f.mu.Unlock()
	go func() {
		defer close(done)
		if before != nil {
			<-before
		}
		if hold != nil {
			<-hold
		}
		if results != nil {
			if err := results(p.n); err != nil {
				ch <- txn.Result{Err: err}
				return
			}
		}
		p.f.record(p.text, p.o)
		ch <- txn.Result{CSN: txn.CSN(p.n)}
	}()
	return ch
}

func (f *fakeTarget) record(text string, o txn.Origin) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pos.Source.File == o.Source.File && o.Source.Less(f.pos.Source) {
		f.t.Errorf("position goes back from %v to %v", f.pos.Source, o.Source)
	}
	f.pos = o
	if text != "" {
		f.log = append(f.log, text)
	}
}

func (f *fakeTarget) ExecStatement(_ context.Context, g *txn.Group) error {
	text, err := describe(g)
	if err != nil {
		return err
	}
	if f.failExec != nil {
		if err := f.failExec(text); err != nil {
			return err
		}
	}
	f.record(text, *g.Origin)
	return nil
}

func (f *fakeTarget) Advance(_ context.Context, o txn.Origin) error {
	f.mu.Lock()
	f.advances++
	f.pos = txn.Origin{}
	f.mu.Unlock()
	f.record("", o)
	return nil
}

func (f *fakeTarget) LoadState(string) (replstate.SourceConfig, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cfg, nil
}

func (f *fakeTarget) SaveState(_ context.Context, c replstate.SourceConfig) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cfg = c
	f.saves++
	return nil
}

func (f *fakeTarget) applied() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.log...)
}

// describe writes a group down: kind, then what its events are.
func describe(g *txn.Group) (string, error) {
	text := [...]string{"rows", "stmt", "empty"}[g.Kind]
	for {
		ev, err := g.Events.Next()
		if errors.Is(err, io.EOF) {
			return text, nil
		}
		if err != nil {
			return "", err
		}
		if g.Checksum && ev.Type() < event.MariaQueryCompressed {
			if err := event.Verify(ev); err != nil {
				return "", fmt.Errorf("event %d: %w", ev.Type(), err)
			}
		}
		switch ev.Type() {
		case event.Query:
			q, err := event.DecodeQuery(ev, g.Checksum)
			if err != nil {
				return "", err
			}
			text += fmt.Sprintf(" %s:%s", q.DB, q.SQL)
		case event.TableMap:
			m, err := event.DecodeTableMap(ev, g.Checksum)
			if err != nil {
				return "", err
			}
			text += fmt.Sprintf(" map(%s)", m.DB)
		case event.WriteRowsV2, event.WriteRowsV1:
			r, err := event.DecodeRows(ev, g.Checksum)
			if err != nil {
				return "", err
			}
			end := ""
			if r.Flags&event.RowsStmtEnd != 0 {
				end = "!"
			}
			text += fmt.Sprintf(" rows(%d,%d)%s", r.TableID, len(r.Rows), end)
		case event.Xid:
			text += " xid"
		case event.AnonymousGTID, event.GTID:
			text += " gtid"
		default:
			text += fmt.Sprintf(" type%d", ev.Type())
		}
	}
}

var _ Target = (*fakeTarget)(nil)
