package tests

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"binrelay/tests/cluster"
)

const (
	bankAccounts = 50
	bankEach     = 100
	bankClients  = 8
)

// bank is a load of transfers between accounts, each with a row of its own that
// tells afterwards whether it took place.
type bank struct {
	t      *testing.T
	next   atomic.Int64
	totals atomic.Int64 // reads of all accounts

	mu    sync.Mutex
	fates map[int64]fate
	acked int
	errs  map[string]int
}

func newBank(t *testing.T, s *cluster.Server) *bank {
	s.Exec("CREATE DATABASE bank", "CREATE TABLE bank.accounts (id INT PRIMARY KEY, balance INT NOT NULL)",
		"CREATE TABLE bank.transfers (id BIGINT PRIMARY KEY, src INT NOT NULL, dst INT NOT NULL, amount INT NOT NULL, KEY src (src), KEY dst (dst))")
	for id := range bankAccounts {
		s.Exec(fmt.Sprintf("INSERT INTO bank.accounts VALUES (%d, %d)", id, bankEach))
	}
	return &bank{t: t, fates: map[int64]fate{}, errs: map[string]int{}}
}

// errNoMoney means that the source of a transfer has too little.
var errNoMoney = errors.New("no money")

// transfer moves money in one of several ways and rolls back when there is none.
func (b *bank) transfer(ctx context.Context, c *sql.Conn, id int64) error {
	src, dst, amount := rand.IntN(bankAccounts), rand.IntN(bankAccounts-1), 1+rand.IntN(bankEach/2)
	if dst >= src {
		dst++
	}
	if err := run(ctx, c, "BEGIN", fmt.Sprintf("INSERT INTO bank.transfers VALUES (%d, %d, %d, %d)", id, src, dst, amount)); err != nil {
		return err
	}
	var err error
	switch rand.IntN(4) {
	case 0: // reads first, and trusts what it has read
		err = b.readAndSet(ctx, c, src, dst, amount, "")
	case 1:
		err = b.readAndSet(ctx, c, min(src, dst), max(src, dst), map[bool]int{true: amount, false: -amount}[src < dst], " FOR UPDATE")
	case 2:
		err = b.addBoth(ctx, c, src, dst, amount)
	case 3:
		err = affects(ctx, c, 2, fmt.Sprintf("UPDATE bank.accounts SET balance = balance + CASE id WHEN %d THEN -%d ELSE %[2]d END WHERE id IN (%[1]d, %[3]d) AND (id = %[3]d OR balance >= %[2]d)", src, amount, dst))
	}
	if errors.Is(err, errNoMoney) {
		return errors.Join(err, run(ctx, c, "ROLLBACK"))
	}
	return err
}

// readAndSet moves amount from a to b, back when it is negative.
func (b *bank) readAndSet(ctx context.Context, c *sql.Conn, from, to, amount int, lock string) error {
	var x, y int
	for _, r := range []struct {
		id  int
		val *int
	}{{from, &x}, {to, &y}} {
		if err := c.QueryRowContext(ctx, fmt.Sprintf("SELECT balance FROM bank.accounts WHERE id = %d%s", r.id, lock)).Scan(r.val); err != nil {
			return err
		}
	}
	if x < amount || y < -amount {
		return errNoMoney
	}
	return run(ctx, c, fmt.Sprintf("UPDATE bank.accounts SET balance = %d WHERE id = %d", x-amount, from),
		fmt.Sprintf("UPDATE bank.accounts SET balance = %d WHERE id = %d", y+amount, to))
}

func (b *bank) addBoth(ctx context.Context, c *sql.Conn, src, dst, amount int) error {
	err := affects(ctx, c, 1, fmt.Sprintf("UPDATE bank.accounts SET balance = balance - %d WHERE id = %d AND balance >= %[1]d", amount, src))
	if err != nil {
		return err
	}
	return affects(ctx, c, 1, fmt.Sprintf("UPDATE bank.accounts SET balance = balance + %d WHERE id = %d", amount, dst))
}

// affects runs an UPDATE that changes n rows, or fewer where money is missing.
func affects(ctx context.Context, c *sql.Conn, n int64, q string) error {
	res, err := c.ExecContext(ctx, q)
	if err != nil {
		return err
	}
	if got, err := res.RowsAffected(); err != nil || got != n {
		return errors.Join(err, errNoMoney)
	}
	return nil
}

// client makes transfers until ctx ends.
func (b *bank) client(ctx context.Context, c *sql.Conn) error {
	id := b.next.Add(1)
	f := refused
	err := b.transfer(ctx, c, id)
	if err == nil {
		err = run(ctx, c, "COMMIT")
		f = told(err)
	}
	b.mu.Lock()
	b.fates[id] = f
	if f == acked {
		b.acked++
	}
	var my *mysql.MySQLError
	if errors.As(err, &my) {
		b.errs[fmt.Sprint(my.Number)]++
	}
	b.mu.Unlock()
	switch {
	case errors.Is(err, errNoMoney):
		return nil
	case my != nil && f == refused:
		return run(ctx, c, "ROLLBACK")
	}
	return err
}

// audit reads all accounts in one transaction, in one statement or in two: the
// total is never off, no account is overdrawn, and the balance of each is what
// the transfers that are there make it.
func (b *bank) audit(ctx context.Context, c *sql.Conn, name string) error {
	if err := run(ctx, c, "START TRANSACTION READ ONLY"); err != nil {
		return err
	}
	total, n := 0, 0
	for _, where := range [][]string{{"true"}, {"id < 25", "id >= 25"}, {"id % 2 = 1", "id % 2 = 0"}}[rand.IntN(3)] {
		var sum, low, count int
		err := c.QueryRowContext(ctx, "SELECT SUM(balance), MIN(balance), COUNT(*) FROM bank.accounts WHERE "+where).Scan(&sum, &low, &count)
		if err != nil {
			return err
		}
		if low < 0 {
			b.t.Errorf("%s: an account is overdrawn by %d", name, -low)
		}
		total, n = total+sum, n+count
	}
	if total != bankAccounts*bankEach || n != bankAccounts {
		b.t.Errorf("%s: %d accounts hold %d, not %d", name, n, total, bankAccounts*bankEach)
	}
	if rand.IntN(10) == 0 {
		if err := b.books(ctx, c, name); err != nil {
			return err
		}
	}
	b.totals.Add(1)
	return run(ctx, c, "COMMIT")
}

// books compares one account with its transfers, in one transaction.
func (b *bank) books(ctx context.Context, c *sql.Conn, name string) error {
	id := rand.IntN(bankAccounts)
	var balance, in, out int
	err := errors.Join(
		c.QueryRowContext(ctx, fmt.Sprintf("SELECT balance FROM bank.accounts WHERE id = %d", id)).Scan(&balance),
		c.QueryRowContext(ctx, fmt.Sprintf("SELECT COALESCE(SUM(amount), 0) FROM bank.transfers WHERE dst = %d", id)).Scan(&in),
		c.QueryRowContext(ctx, fmt.Sprintf("SELECT COALESCE(SUM(amount), 0) FROM bank.transfers WHERE src = %d", id)).Scan(&out))
	if err == nil && balance != bankEach+in-out {
		b.t.Errorf("%s: account %d holds %d; its transfers make %d", name, id, balance, bankEach+in-out)
	}
	return err
}

// settle compares a server with what clients were told: each acknowledged
// transfer is there once, no other, and the balances follow from them.
func (b *bank) settle(s *cluster.Server) {
	b.t.Helper()
	there := column(s, "SELECT id FROM bank.transfers")
	var n [3]int
	for id, f := range b.fates {
		n[f]++
		if f == acked && there[id] != 1 || f == refused && there[id] != 0 || there[id] > 1 {
			b.t.Errorf("%s: transfer %d (fate %d): %d rows", s.Name, id, f, there[id])
		}
		delete(there, id)
	}
	if len(there) > 0 {
		b.t.Errorf("%s: transfers that nobody made: %v", s.Name, there)
	}
	off := s.Rows("SELECT a.id, a.balance FROM bank.accounts a WHERE a.balance <> ? + (SELECT COALESCE(SUM(amount), 0) FROM bank.transfers WHERE dst = a.id) - (SELECT COALESCE(SUM(amount), 0) FROM bank.transfers WHERE src = a.id)", bankEach)
	if len(off) > 0 {
		b.t.Errorf("%s: accounts that differ from their transfers: %v", s.Name, off)
	}
	b.t.Logf("%s: %d transfers acknowledged, %d refused, %d unknown; %d audits of all servers; clients were told %v", s.Name, n[acked], n[refused], n[unknown], b.totals.Load(), b.errs)
}

// Transfers under kills and halts, audited on the primary and on each replica.
func TestIsolation_Bank(t *testing.T) {
	all := three(t)
	b := newBank(t, all[0])
	for _, r := range all[1:] {
		cluster.WaitCaughtUp(t, all[0], r, 20*time.Second)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var wg sync.WaitGroup
	// A transaction is never cut by the end of the load: it ends as it ends.
	c := &chaos{t: t, errs: map[string]int{}}
	for range bankClients {
		c.worker(ctx, &wg, all[0], func(_ context.Context, conn *sql.Conn) error { return b.client(context.Background(), conn) })
	}
	for _, s := range all {
		c.worker(ctx, &wg, s, func(_ context.Context, conn *sql.Conn) error {
			pause(ctx, 10)
			return b.audit(context.Background(), conn, s.Name)
		})
	}
	var bad sync.WaitGroup
	bad.Go(func() { trouble(t, time.Second, all...)(ctx) })
	want := scaled(t, 800, 100_000)
	cluster.WaitFor(t, time.Duration(want)*50*time.Millisecond, func() string {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.acked >= want || t.Failed() {
			return ""
		}
		return fmt.Sprintf("%d transfers of %d", b.acked, want)
	})
	cancel()
	bad.Wait()
	wg.Wait()
	b.settle(all[0])
	for _, r := range all[1:] {
		cluster.WaitCaughtUp(t, all[0], r, time.Minute)
		b.settle(r)
		cluster.SameData(t, all[0].Name, all[0].DB(), r.Name, r.DB())
	}
}
