package tests

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/go-sql-driver/mysql"

	"binrelay/tests/cluster"
)

const (
	registerKeys    = 32
	registerClients = 8
	registerEra     = 3000 // operations until new keys are taken
)

// A registerOp reads a register, writes it, or writes it where it holds old. No
// value is written twice; 0 is a register's first.
type registerOp struct {
	kind     string // "read", "write", "cas"
	key      int
	val, old int64
}

// A registerResult is what a client was told.
type registerResult struct {
	known bool // false: nothing. The operation may have happened at any time, or not at all
	val   int64
	found bool // of a cas: the register held old
}

// registerModel is one register.
var registerModel = porcupine.Model{
	Partition: func(h []porcupine.Operation) [][]porcupine.Operation {
		by := map[int][]porcupine.Operation{}
		for _, o := range h {
			k := o.Input.(registerOp).key
			by[k] = append(by[k], o)
		}
		var out [][]porcupine.Operation
		for _, ops := range by {
			out = append(out, ops)
		}
		return out
	},
	Init: func() any { return int64(0) },
	Step: func(state, input, output any) (bool, any) {
		in, out := input.(registerOp), output.(registerResult)
		switch {
		case in.kind == "read":
			return out.val == state.(int64), state
		case in.kind == "write":
			return true, in.val
		case state.(int64) == in.old:
			return !out.known || out.found, in.val
		}
		return !out.known || !out.found, state
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%v: %v", input, output) },
}

// registers is a load of operations on registers and the history it makes.
type registers struct {
	t     *testing.T
	begun time.Time
	next  atomic.Int64 // operation, and the value that it writes

	mu      sync.Mutex
	history []porcupine.Operation
	last    map[int]int64  // per key, a value that someone saw
	rows    map[int64]fate // operations that leave a row
}

// do runs one operation; err is set when its fate is not known or it failed.
func (r *registers) do(ctx context.Context, c *sql.Conn, client int) error {
	id := r.next.Add(1)
	op := registerOp{kind: []string{"read", "read", "write", "cas", "cas"}[rand.IntN(5)], key: int(id/registerEra)*registerKeys + rand.IntN(registerKeys), val: id}
	r.mu.Lock()
	op.old = r.last[op.key]
	r.mu.Unlock()
	if op.kind == "cas" && op.old == 0 { // there is no row to update
		op.kind = "write"
	}
	row := op.kind != "read" && rand.IntN(2) == 0
	begun := time.Since(r.begun)
	res, f, err := r.ask(ctx, c, op, row)
	ended := time.Since(r.begun)
	r.mu.Lock()
	defer r.mu.Unlock()
	if row {
		r.rows[id] = f
	}
	if f == refused || f == unknown && op.kind == "read" {
		return err // it did nothing
	}
	if op.kind == "read" {
		r.last[op.key] = res.val
	} else if f == acked && (res.found || op.kind == "write") {
		r.last[op.key] = op.val
	}
	o := porcupine.Operation{ClientId: client, Input: op, Output: res, Call: int64(begun), Return: int64(ended)}
	if f == unknown {
		o.Return = math.MaxInt64
	}
	r.history = append(r.history, o)
	return err
}

// ask runs the statements of an operation, with row in one transaction with a
// row that tells that it took place.
func (r *registers) ask(ctx context.Context, c *sql.Conn, op registerOp, row bool) (res registerResult, f fate, err error) {
	if op.kind == "read" {
		res.known = true
		err = c.QueryRowContext(ctx, fmt.Sprintf("SELECT COALESCE(MAX(v), 0) FROM registers.r WHERE id = %d", op.key)).Scan(&res.val)
		return res, told(err), err
	}
	if row {
		if err := run(ctx, c, "BEGIN"); err != nil {
			return res, refused, err
		}
	}
	q := fmt.Sprintf("INSERT INTO registers.r VALUES (%d, %d) ON DUPLICATE KEY UPDATE v = %[2]d", op.key, op.val)
	if op.kind == "cas" {
		q = fmt.Sprintf("UPDATE registers.r SET v = %d WHERE id = %d AND v = %d", op.val, op.key, op.old)
	}
	out, err := c.ExecContext(ctx, q)
	if err == nil {
		n, _ := out.RowsAffected() // the driver has it
		res.found = n > 0
	}
	if row {
		if err == nil {
			err = run(ctx, c, fmt.Sprintf("INSERT INTO registers.done VALUES (%d)", op.val))
		}
		if err != nil {
			return res, refused, errors.Join(err, run(ctx, c, "ROLLBACK"))
		}
		err = run(ctx, c, "COMMIT")
	}
	f = told(err)
	res.known = f == acked
	return res, f, err
}

// resolve looks for the rows of operations: those of unknown outcome that are
// not there did not happen.
func (r *registers) resolve(there map[int64]int) {
	absent := map[int64]bool{}
	for id, f := range r.rows {
		if f == acked && there[id] != 1 || f == refused && there[id] != 0 {
			r.t.Errorf("operation %d (fate %d): %d rows", id, f, there[id])
		}
		absent[id] = f == unknown && there[id] == 0
		delete(there, id)
	}
	if len(there) > 0 {
		r.t.Errorf("rows of operations that nobody made: %v", there)
	}
	kept := r.history[:0]
	for _, o := range r.history {
		if in := o.Input.(registerOp); in.kind == "read" || !absent[in.val] {
			kept = append(kept, o)
		}
	}
	r.history = kept
}

// Registers on a primary that is killed and halted are linearizable, key by
// key, whether operations are statements or transactions.
func TestIsolation_Registers(t *testing.T) {
	s := cluster.Start(t, "primary", "server-id=1", "log-bin=mysql-bin")
	s.Exec("CREATE DATABASE registers", "CREATE TABLE registers.r (id INT PRIMARY KEY, v BIGINT NOT NULL)", "CREATE TABLE registers.done (id BIGINT PRIMARY KEY)")
	r := &registers{t: t, begun: time.Now(), last: map[int]int64{}, rows: map[int64]fate{}}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var wg sync.WaitGroup
	c := &chaos{t: t, errs: map[string]int{}}
	for i := range registerClients {
		c.worker(ctx, &wg, s, func(_ context.Context, conn *sql.Conn) error {
			err := r.do(context.Background(), conn, i)
			var my *mysql.MySQLError
			if errors.As(err, &my) {
				t.Errorf("one row at a time, and yet: %v", err)
			}
			return err
		})
	}
	var bad sync.WaitGroup
	bad.Go(func() { trouble(t, 600*time.Millisecond, s)(ctx) })
	want := scaled(t, 3000, 200_000)
	cluster.WaitFor(t, time.Duration(want)*50*time.Millisecond, func() string {
		if n := r.next.Load(); n < int64(want) && !t.Failed() {
			return fmt.Sprintf("%d operations of %d", n, want)
		}
		return ""
	})
	cancel()
	bad.Wait()
	wg.Wait()
	r.resolve(column(s, "SELECT id FROM registers.done"))
	n := map[fate]int{}
	for _, f := range r.rows {
		n[f]++
	}
	begun := time.Now()
	for _, ops := range registerModel.Partition(r.history) {
		if res := porcupine.CheckOperationsTimeout(registerModel, ops, time.Minute); res != porcupine.Ok {
			t.Errorf("linearizable: %s: %d operations", res, len(ops))
			for _, o := range ops[:min(len(ops), 200)] {
				t.Logf("%d from %d to %d: %s", o.ClientId, o.Call, o.Return, registerModel.DescribeOperation(o.Input, o.Output))
			}
		}
	}
	t.Logf("%d operations, of which %d left a row, %d may have; checked in %v", len(r.history), n[acked], n[unknown], time.Since(begun).Round(time.Millisecond))
}

// The test of the test: what registers must not do is not linearizable.
func TestIsolation_RegisterModel(t *testing.T) {
	op := func(call, ret int64, in registerOp, out registerResult) porcupine.Operation {
		out.known = ret != math.MaxInt64
		return porcupine.Operation{Input: in, Output: out, Call: call, Return: ret}
	}
	write := registerOp{kind: "write", val: 1}
	read := registerOp{kind: "read"}
	cas := registerOp{kind: "cas", old: 1, val: 2}
	for _, tc := range []struct {
		name string
		want bool
		h    []porcupine.Operation
	}{
		{"write, read", true, []porcupine.Operation{op(1, 2, write, registerResult{}), op(3, 4, read, registerResult{val: 1})}},
		{"stale read", false, []porcupine.Operation{op(1, 2, write, registerResult{}), op(3, 4, read, registerResult{})}},
		{"read beside the write", true, []porcupine.Operation{op(1, 4, write, registerResult{}), op(2, 3, read, registerResult{})}},
		{"back again", false, []porcupine.Operation{op(1, 9, write, registerResult{}), op(2, 3, read, registerResult{val: 1}), op(4, 5, read, registerResult{})}},
		{"ghost", false, []porcupine.Operation{op(1, 2, read, registerResult{val: 7})}},
		{"cas twice", false, []porcupine.Operation{op(1, 2, write, registerResult{}), op(3, 4, cas, registerResult{found: true}), op(5, 6, cas, registerResult{found: true})}},
		{"cas that missed", false, []porcupine.Operation{op(1, 2, write, registerResult{}), op(3, 4, cas, registerResult{})}},
		{"unknown, late", true, []porcupine.Operation{op(1, math.MaxInt64, write, registerResult{}), op(3, 4, read, registerResult{}), op(5, 6, read, registerResult{val: 1})}},
		{"unknown, never", true, []porcupine.Operation{op(1, math.MaxInt64, write, registerResult{}), op(3, 4, read, registerResult{})}},
		{"unknown, and back", false, []porcupine.Operation{op(1, math.MaxInt64, write, registerResult{}), op(3, 4, read, registerResult{val: 1}), op(5, 6, read, registerResult{})}},
	} {
		if got := porcupine.CheckOperations(registerModel, tc.h); got != tc.want {
			t.Errorf("%s: linearizable %t, want %t", tc.name, got, tc.want)
		}
	}
}
