package storage

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	gomysql "github.com/go-mysql-org/go-mysql/mysql"

	"binrelay/binlog/rowimage"
	"binrelay/binlog/txn"
)

func TestDDL_CreateDropRename(t *testing.T) {
	s := newTestStore(t)
	tab := s.create(t, kvSchema())
	s.insert(t, tab, []any{1, 1, 1})
	for _, c := range []struct {
		name string
		do   func(d *DDL) error
		want error
	}{
		{"database again", func(d *DDL) error { return d.CreateDatabase(Database{Name: "t"}) }, &DatabaseExistsError{"t"}},
		{"table again", func(d *DDL) error { _, err := d.CreateTable(kvSchema()); return err }, &TableExistsError{"t", "kv"}},
		{"no database", func(d *DDL) error { return d.DropDatabase("x") }, &NoDatabaseError{"x"}},
		{"no table", func(d *DDL) error { return d.DropTable("t", "x") }, &NoTableError{"t", "x"}},
		{"rename onto", func(d *DDL) error { return d.RenameTable("t", "kv", "t", "kv") }, &TableExistsError{"t", "kv"}},
		{"rename away", func(d *DDL) error { return d.RenameTable("t", "kv", "x", "kv") }, &NoDatabaseError{"x"}},
		{"index twice", func(d *DDL) error {
			sc := kvSchema()
			sc.Name, sc.Indexes[0].Name = "n", "W"
			_, err := d.CreateTable(sc)
			return err
		}, &DuplicateIndexError{"w"}},
	} {
		err := s.tryDDL(t, c.do)
		if err == nil || err.Error() != c.want.Error() || fmt.Sprintf("%T", err) != fmt.Sprintf("%T", c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	// One scope, several changes: all or none.
	err := s.tryDDL(t, func(d *DDL) error {
		if err := d.CreateDatabase(Database{Name: "u", Collation: 46}); err != nil {
			return err
		}
		if err := d.RenameTable("t", "kv", "u", "kw"); err != nil {
			return err
		}
		return d.DropTable("t", "kv")
	})
	var none *NoTableError
	if _, ok := s.Catalog().Table("t", "kv"); !errors.As(err, &none) || !ok {
		t.Fatal(err, ok)
	}
	s.ddl(t, func(d *DDL) error {
		if err := d.CreateDatabase(Database{Name: "u", Collation: 46}); err != nil {
			return err
		}
		if err := d.RenameTable("t", "kv", "u", "kw"); err != nil {
			return err
		}
		if _, ok := d.Catalog().Table("u", "kw"); !ok {
			t.Error("the scope does not see its change")
		}
		if _, ok := s.Catalog().Table("u", "kw"); ok {
			t.Error("others see it before the commit")
		}
		sc := kvSchema()
		_, err := d.CreateTable(sc)
		return err
	})
	moved, _ := s.Catalog().Table("u", "kw")
	want(t, s.rows(t, moved), "1,1,1")
	again, _ := s.Catalog().Table("t", "kv")
	want(t, s.rows(t, again))
	s.insert(t, again, []any{7, 7, 7})
	s.ddl(t, func(d *DDL) error { return d.DropDatabase("u") })
	if _, ok := s.Catalog().Database("u"); ok {
		t.Fatal("database stays")
	}
	s.ddl(t, func(d *DDL) error { return d.DropTable("t", "kv") })
	if n := s.storeKeys(t); n[rowSpace]+n[indexSpace]+n[uniqueSpace] != 0 {
		t.Fatal("data of dropped tables stays", n)
	}
}

func TestDDL_Truncate(t *testing.T) {
	s := newTestStore(t)
	sc := kvSchema()
	sc.Columns[0].AutoIncrement = true
	tab := s.create(t, sc)
	s.insert(t, tab, []any{41, 1, 1})
	if v := tab.NextAutoIncrement(); v != 42 {
		t.Fatal(v)
	}
	s.ddl(t, func(d *DDL) error { return d.TruncateTable("t", "kv") })
	tab, _ = s.Catalog().Table("t", "kv")
	want(t, s.rows(t, tab))
	if v := tab.NextAutoIncrement(); v != 1 {
		t.Fatal(v)
	}
	s.insert(t, tab, []any{7, 1, 1})
	s.ddl(t, func(d *DDL) error { return d.SetAutoIncrement("t", "kv", 3) })
	tab, _ = s.Catalog().Table("t", "kv")
	if v := tab.NextAutoIncrement(); v != 8 {
		t.Fatal(v)
	}
	s.ddl(t, func(d *DDL) error { return d.SetAutoIncrement("t", "kv", 100) })
	tab, _ = s.Catalog().Table("t", "kv")
	if v := tab.NextAutoIncrement(); v != 100 {
		t.Fatal(v)
	}
}

func alter(s *testStore, t testing.TB, change func(sc *Schema), convert func([]byte) ([]byte, error)) (*Table, error) {
	t.Helper()
	err := s.tryDDL(t, func(d *DDL) error {
		tab, err := d.Catalog().lookup("t", "kv")
		if err != nil {
			return err
		}
		sc := *tab.Schema().own()
		change(&sc)
		_, err = d.AlterTable("t", "kv", sc, convert)
		return err
	})
	tab, _ := s.Catalog().Table("t", "kv")
	return tab, err
}

func TestDDL_AlterIndexes(t *testing.T) {
	s := newTestStore(t)
	tab := s.create(t, kvSchema())
	for k := range 50 {
		s.insert(t, tab, []any{k, k / 2, nil})
	}
	before := tab.schema.ID
	var dup *DuplicateError
	if _, err := alter(s, t, func(sc *Schema) {
		sc.Indexes = append(sc.Indexes, Index{Name: "uv", Parts: part(1), Unique: true})
	}, nil); !errors.As(err, &dup) || dup.Error() != "Duplicate entry '0' for key 'kv.uv'" {
		t.Fatal(err)
	}
	s.checkIndexes(t, tab)
	entries := s.storeKeys(t)[uniqueSpace]
	tab, err := alter(s, t, func(sc *Schema) {
		sc.Indexes[0].Name = "renamed"
		sc.Indexes[1] = Index{Name: "vk", Parts: []IndexPart{{Column: 1, Desc: true}, {Column: 0}}, Unique: true}
		sc.Columns[1].Comment = "metadata"
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if tab.schema.ID != before || tab.schema.Columns[1].Comment != "metadata" {
		t.Fatal("the table moved")
	}
	s.checkIndexes(t, tab)
	if n := s.storeKeys(t)[uniqueSpace]; n != 50 || entries != 50 {
		t.Fatalf("%d unique entries before, %d now", entries, n)
	}
	got := scanTx(t, s, tab, 1)
	if got[0] != "48,24,NULL" || got[1] != "49,24,NULL" || len(got) != 50 {
		t.Fatal(got)
	}
	// A primary key change moves the rows.
	tab, err = alter(s, t, func(sc *Schema) { sc.Primary = part(1, 0); sc.Indexes = sc.Indexes[:1] }, nil)
	if err != nil || tab.schema.ID == before {
		t.Fatal(err)
	}
	if rows := s.rows(t, tab); len(rows) != 50 {
		t.Fatal(rows)
	}
	s.checkIndexes(t, tab)
	if n := s.storeKeys(t); n[rowSpace] != 50 || n[uniqueSpace] != 0 {
		t.Fatal("old rows stay", n)
	}
}

func scanTx(t testing.TB, s *testStore, tab *Table, index int) []string {
	t.Helper()
	tx := s.Begin(TxOptions{})
	defer tx.Rollback()
	return scanAll(t, tx, tab, index, Range{}, ScanOptions{})
}

func TestDDL_AlterColumns(t *testing.T) {
	s := newTestStore(t)
	sc := kvSchema()
	sc.Columns[0].AutoIncrement = true
	tab := s.create(t, sc)
	for k := 1; k <= 20; k++ {
		s.insert(t, tab, []any{k, k, k})
	}
	old := tab
	if _, err := alter(s, t, func(sc *Schema) { sc.Columns = append(sc.Columns, nullable(textColumn("s"))) }, nil); err == nil {
		t.Fatal("a column was added without converting rows")
	}
	add := func(image []byte) ([]byte, error) {
		cells, err := old.layout.Cut(image, nil)
		if err != nil {
			return nil, err
		}
		k := rowimage.DecodeInt(cells[0].Value(image))
		b := rowimage.NewBuilder(mustCompile(t, append(old.schema.Columns[:3:3], nullable(textColumn("s")))))
		_ = b.AppendInt(k)
		_ = b.AppendInt(k * 2)
		_ = b.AppendNull()
		_ = b.AppendString(fmt.Sprint("s", k))
		img, err := b.Bytes()
		return append([]byte(nil), img...), err
	}
	// A view from before the change cannot use the new table; a transaction
	// that has used the old one makes the change wait.
	early := s.Begin(TxOptions{Snapshot: true})
	user := s.Begin(TxOptions{})
	if _, err := user.LockTable(t.Context(), "t", "kv", MetaRead); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := alter(s, t, func(sc *Schema) { sc.Columns = append(sc.Columns, nullable(textColumn("s"))) }, add)
		done <- err
	}()
	s.waitBlocked(t, 1)
	want(t, scanAll(t, user, tab, -1, Range{High: pkKey(t, tab, 2)}, ScanOptions{}), "1,1,1")
	user.Rollback()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	tab, _ = s.Catalog().Table("t", "kv")
	if rows := s.rows(t, tab); rows[19] != "20,40,NULL,s20" || len(rows) != 20 {
		t.Fatal(rows)
	}
	if v := tab.NextAutoIncrement(); v != 21 {
		t.Fatal(v)
	}
	if _, err := tryScan(t.Context(), early, tab, -1, Range{}, ScanOptions{}); !errors.Is(err, ErrTableChanged) {
		t.Fatal(err)
	}
	early.Rollback()
	s.checkIndexes(t, tab)
	if n := s.storeKeys(t); n[rowSpace] != 20 {
		t.Fatal(n)
	}
	// A conversion that fails leaves everything as it was.
	boom := errors.New("boom")
	if _, err := alter(s, t, func(*Schema) {}, func([]byte) ([]byte, error) { return nil, boom }); !errors.Is(err, boom) {
		t.Fatal(err)
	}
	if n := s.storeKeys(t); n[rowSpace] != 20 {
		t.Fatal(n)
	}
}

func mustCompile(t testing.TB, cols []Column) *rowimage.Layout {
	t.Helper()
	var rc []rowimage.Column
	for _, c := range cols {
		rc = append(rc, c.Column)
	}
	l, err := rowimage.Compile(rc)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestDDL_Builder(t *testing.T) {
	s := newTestStore(t)
	tab := s.create(t, kvSchema())
	s.insert(t, tab, []any{1, 1, 1}, []any{2, 2, 2})
	err := s.tryDDL(t, func(d *DDL) error {
		b, err := d.Builder("t", "kv", *tab.Schema())
		if err != nil {
			return err
		}
		if err := b.Insert(row(t, b.Table(), 1, 1, 5)); err != nil {
			return err
		}
		return b.Insert(row(t, b.Table(), 2, 1, 5))
	})
	var dup *DuplicateError
	if !errors.As(err, &dup) || dup.Key != "w" {
		t.Fatal(err)
	}
	want(t, s.rows(t, tab), "1,1,1", "2,2,2")
	s.ddl(t, func(d *DDL) error {
		b, err := d.Builder("t", "kv", *tab.Schema())
		if err != nil {
			return err
		}
		for k := range 5 {
			if err := b.Insert(row(t, b.Table(), k, k, nil)); err != nil {
				return err
			}
		}
		return b.Close()
	})
	tab, _ = s.Catalog().Table("t", "kv")
	if rows := s.rows(t, tab); len(rows) != 5 {
		t.Fatal(rows)
	}
	s.checkIndexes(t, tab)
}

// Writers wait while a table is rebuilt, readers do not; DDL and row locks
// share one wait-for graph.
func TestDDL_LocksAndDeadlock(t *testing.T) {
	s := newTestStore(t)
	tab := s.create(t, kvSchema())
	sc := kvSchema()
	sc.Name = "kw"
	s.create(t, sc)
	d, err := s.BeginDDL(t.Context(), DDLStatement{Text: "x", ThreadID: 9})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Builder("t", "kv", *tab.Schema()); err != nil {
		t.Fatal(err)
	}
	r := s.Begin(TxOptions{MetaWait: time.Millisecond})
	if _, err := r.LockTable(t.Context(), "t", "kv", MetaRead); err != nil {
		t.Fatal("readers wait", err)
	}
	r.Rollback()
	w := s.Begin(TxOptions{MetaWait: time.Millisecond})
	if _, err := w.LockTable(t.Context(), "t", "kv", MetaWrite); !errors.Is(err, ErrLockTimeout) {
		t.Fatal(err)
	}
	w.Rollback()

	a := s.Begin(TxOptions{ThreadID: 1})
	if _, err := a.LockTable(t.Context(), "t", "kw", MetaWrite); err != nil {
		t.Fatal(err)
	}
	got := make(chan error, 1)
	go func() { got <- d.DropTable("t", "kw") }()
	s.waitBlocked(t, 1)
	_, err = a.LockTable(t.Context(), "t", "kv", MetaWrite)
	a.Rollback()
	derr := <-got
	if errors.Is(err, ErrDeadlock) == errors.Is(derr, ErrDeadlock) {
		t.Fatal(err, derr)
	}
	d.Rollback()
	if n := s.tables.locks.Len(); n != 0 {
		t.Fatal(n, "locks stay")
	}
}

// A crash between building and committing leaves dead rows under an id that is
// given out again: they must be gone by then.
func TestDDL_CrashAfterBuildThenReuseOfIDs(t *testing.T) {
	for seed := range uint64(30) {
		fs := vfs.NewCrashableMem()
		s := openTestStore(t, fs, Options{})
		tab := s.create(t, kvSchema())
		s.insert(t, tab, []any{1, 1, 1})
		if err := s.db.Flush(); err != nil {
			t.Fatal(err)
		}
		d, err := s.BeginDDL(context.Background(), DDLStatement{Text: "x"})
		if err != nil {
			t.Fatal(err)
		}
		b, err := d.Builder("t", "kv", *tab.Schema())
		if err != nil {
			t.Fatal(err)
		}
		for k := range 100 {
			if err := b.Insert(row(t, b.Table(), k, k, k)); err != nil {
				t.Fatal(err)
			}
		}
		built := b.Table().schema.ID
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		if err := s.db.Flush(); err != nil { // what Commit does first
			t.Fatal(err)
		}
		crashed := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rand.New(rand.NewPCG(0, seed))})
		_ = s.db.Close()

		r := openTestStore(t, crashed, Options{})
		old, ok := r.Catalog().Table("t", "kv")
		if !ok {
			t.Fatal("table lost")
		}
		want(t, r.rows(t, old), "1,1,1")
		sc := kvSchema()
		sc.Name = "next"
		next := r.create(t, sc)
		if seed == 0 && next.schema.ID > built {
			t.Fatal("the id is not given out again: this test tests nothing")
		}
		want(t, r.rows(t, next))
		r.insert(t, next, []any{5, 5, 5})
		want(t, r.rows(t, next), "5,5,5")
		r.checkIndexes(t, next)
		r.checkIndexes(t, old)
		_ = r.db.Close()
	}
}

func TestCatalog_SurvivesRestart(t *testing.T) {
	fs := vfs.NewMem()
	s := openTestStore(t, fs, Options{})
	sc := kvSchema()
	sc.Columns = append(sc.Columns, Column{Column: rowimage.Column{Name: "e", Type: gomysql.MYSQL_TYPE_ENUM, Meta: 1, Members: []string{"a", "\xff"}, Collation: 63, Nullable: true}, Default: "'a'", HasDefault: true, Extra: map[string]string{"x": "y"}})
	sc.Extra = map[string]string{"charset": "utf8mb4"}
	s.create(t, sc)
	s.ddl(t, func(d *DDL) error { d.PutKV(KV{"view/t.v", []byte("select 1")}); return nil })
	if err := s.db.Flush(); err != nil {
		t.Fatal(err)
	}
	before, _ := s.Catalog().Table("t", "kv")
	_ = s.db.Close()
	r := openTestStore(t, fs, Options{})
	defer r.db.Close()
	after, ok := r.Catalog().Table("t", "kv")
	if !ok || fmt.Sprintf("%+v", *after.schema) != fmt.Sprintf("%+v", *before.schema) {
		t.Fatalf("%+v\n%+v", after, before)
	}
	if v, err := fetch(r.db, metaKey(kvPrefix+"view/t.v")); err != nil || string(v) != "select 1" {
		t.Fatal(string(v), err)
	}
}

// Two scopes plan a change of the same table on the same definition. The second
// must not undo what the first has done.
func TestDDL_PlannedOnAnOldDefinition(t *testing.T) {
	s := newTestStore(t)
	planned := s.create(t, kvSchema())
	begin := func() *DDL {
		d, err := s.BeginDDL(t.Context(), DDLStatement{Text: "ALTER TABLE kv", DB: "t"})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	late := begin()
	s.ddl(t, func(d *DDL) error {
		for range 2 { // its own changes are no surprise
			if err := d.LockPlanned(planned); err != nil {
				return err
			}
			now, _ := d.Catalog().Table("t", "kv")
			next := *now.Schema().own()
			next.Comment += "x"
			if _, err := d.AlterTable("t", "kv", next, nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err := late.LockPlanned(planned); !errors.Is(err, ErrTableChanged) {
		t.Fatal(err)
	}
	late.Rollback()
	again := begin()
	now, _ := again.Catalog().Table("t", "kv")
	if err := again.LockPlanned(now); err != nil || now.Schema().Comment != "xx" {
		t.Fatal(err, now.Schema().Comment)
	}
	again.Rollback()
	if n := s.tables.locks.Len(); n != 0 {
		t.Fatal(n, "locks stay")
	}
}

// What a statement found to be there stays until its scope ends: a DROP comes
// after it in the log.
func TestDDL_ExistsHoldsOffADrop(t *testing.T) {
	s := newTestStore(t)
	s.create(t, kvSchema())
	d, err := s.BeginDDL(t.Context(), DDLStatement{Text: "CREATE TABLE IF NOT EXISTS kv", DB: "t"})
	if err != nil {
		t.Fatal(err)
	}
	if there, err := d.Exists("t", "other"); there || err != nil {
		t.Fatal(there, err)
	}
	if there, err := d.Exists("t", "kv"); !there || err != nil {
		t.Fatal(there, err)
	}
	dropped := make(chan txn.CSN, 1)
	go func() {
		drop, err := s.BeginDDL(t.Context(), DDLStatement{Text: "DROP TABLE kv", DB: "t"})
		if err == nil {
			err = drop.DropTable("t", "kv")
		}
		if err != nil {
			t.Error(err)
			close(dropped)
			return
		}
		res, err := drop.Commit(t.Context())
		if err != nil {
			t.Error(err)
		}
		dropped <- res.CSN
	}()
	s.waitBlocked(t, 1)
	res, err := d.Commit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if csn := <-dropped; csn <= res.CSN {
		t.Fatalf("the DROP is record %d, what came before it %d", csn, res.CSN)
	}
}
