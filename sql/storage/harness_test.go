package storage

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	gomysql "github.com/go-mysql-org/go-mysql/mysql"

	"binrelay/binlog/event"
	"binrelay/binlog/rowimage"
	"binrelay/binlog/txn"
	"binrelay/sql/storage/keycodec"
)

// testStore is an Engine whose Committer is a few lines: it applies at once and
// remembers the events. The real one has tests of its own.
type testStore struct {
	*Engine
	fs   vfs.FS
	mu   sync.Mutex
	csn  txn.CSN
	bin  [][]event.Event // of each commit that travels
	priv [][]event.Event
	kvs  [][]KV
	hold func() // called before a commit is applied; nil = nothing
}

func openTestStore(t testing.TB, fs vfs.FS, o Options) *testStore {
	t.Helper()
	if o.Dir == "" {
		o.Dir = "data"
	}
	if o.Weigh == nil {
		o.Weigh = lowerWeigh
	}
	po := &pebble.Options{FS: fs, DisableWAL: true, Merger: counterMerger, Logger: quiet{}, FormatMajorVersion: pebble.FormatNewest}
	po.EnsureDefaults()
	db, err := pebble.Open("data/#store", po)
	if err != nil {
		t.Fatal(err)
	}
	e := &Engine{o: o, fs: fs, log: slog.New(slog.DiscardHandler), db: db, dbOptions: po}
	e.tail = newTailState(e)
	s := &testStore{Engine: e, fs: fs}
	e.tables = newTables(e)
	e.tables.commit = s.commit
	e.tables.enqueue = func(ctx context.Context, p *pending) (<-chan txn.Result, error) {
		c := make(chan txn.Result, 1)
		c <- s.commit(ctx, p)
		return c, nil
	}
	e.tables.visible = func() txn.CSN { s.mu.Lock(); defer s.mu.Unlock(); return s.csn }
	c, ok, err := readCoord(db)
	if err != nil {
		t.Fatal(err)
	}
	if ok {
		s.csn = c.csn
		e.nextID.Store(uint64(c.nextID))
	} else {
		b := db.NewBatch()
		_ = setCoord(b, &coordinate{nextID: 1})
		_ = db.Apply(b, pebble.NoSync)
	}
	e.nextID.Store(max(1, e.nextID.Load()))
	if err := e.tables.load(); err != nil {
		t.Fatal(err)
	}
	b := db.NewBatch()
	if err := e.tables.sweep(b); err != nil {
		t.Fatal(err)
	}
	_ = db.Apply(b, pebble.NoSync)
	if err := e.tables.clearScratch(); err != nil {
		t.Fatal(err)
	}
	return s
}

type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(f string, a ...any) {
	panic(fmt.Sprintf(f, a...))
}

func newTestStore(t testing.TB) *testStore {
	s := openTestStore(t, vfs.NewMem(), Options{})
	t.Cleanup(func() {
		if err := s.db.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *testStore) commit(_ context.Context, p *pending) txn.Result {
	if s.hold != nil {
		s.hold()
	}
	s.mu.Lock()
	s.csn++
	csn := s.csn
	if p.bin != nil {
		s.bin = append(s.bin, drain(p.bin.Events))
	}
	if p.private != nil {
		s.priv = append(s.priv, drain(p.private))
	}
	s.kvs = append(s.kvs, p.kv)
	for _, at := range p.stamps {
		putStamp(p.batch.Repr()[at:], csn)
	}
	if p.applying != nil {
		p.applying(csn)
	}
	if err := setCoord(p.batch, &coordinate{csn: csn, nextID: TableID(s.nextID.Load())}); err != nil {
		panic(err)
	}
	if p.origin != nil {
		_ = p.batch.Set(replKey(p.origin.Channel), appendOrigin(nil, p.origin), nil)
	}
	if p.large != nil {
		if err := s.ingest(p.large, p.batch); err != nil {
			panic(err)
		}
	} else if err := s.db.Apply(p.batch, pebble.NoSync); err != nil {
		panic(err)
	}
	s.mu.Unlock()
	res := txn.Result{CSN: csn}
	if p.release != nil {
		p.release(res)
	}
	return res
}

func drain(e txn.Events) []event.Event {
	var out []event.Event
	if err := e.Rewind(); err != nil {
		panic(err)
	}
	for {
		ev, err := e.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			panic(err)
		}
		out = append(out, append(event.Event(nil), ev...))
	}
}

// lowerWeigh is a collation that ignores the case of ASCII.
func lowerWeigh(dst []byte, collation uint16, s []byte) ([]byte, error) {
	if collation == binaryCollation {
		return append(dst, s...), nil
	}
	return append(dst, strings.ToLower(string(s))...), nil
}

func intColumn(name string) Column {
	return Column{Column: rowimage.Column{Name: name, Type: gomysql.MYSQL_TYPE_LONG}, SQLType: "int"}
}

func nullable(c Column) Column { c.Nullable = true; return c }

func textColumn(name string) Column {
	return Column{Column: rowimage.Column{Name: name, Type: gomysql.MYSQL_TYPE_VARCHAR, Meta: 80, Collation: 255}, SQLType: "varchar(20)"}
}

func part(cols ...int) []IndexPart {
	ps := make([]IndexPart, len(cols))
	for i, c := range cols {
		ps[i].Column = c
	}
	return ps
}

// kv is table t.kv: k int primary key, v int, w int null; index on v, unique on w.
func kvSchema() Schema {
	return Schema{Database: "t", Name: "kv",
		Columns: []Column{intColumn("k"), intColumn("v"), nullable(intColumn("w"))},
		Primary: part(0),
		Indexes: []Index{{Name: "v", Parts: part(1)}, {Name: "w", Parts: part(2), Unique: true}}}
}

func (s *testStore) ddl(t testing.TB, fn func(d *DDL) error) {
	t.Helper()
	if err := s.tryDDL(t, fn); err != nil {
		t.Fatal(err)
	}
}

func (s *testStore) tryDDL(t testing.TB, fn func(d *DDL) error) error {
	t.Helper()
	d, err := s.BeginDDL(t.Context(), DDLStatement{Text: "DDL", DB: "t"})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Rollback()
	if err := fn(d); err != nil {
		return err
	}
	_, err = d.Commit(t.Context())
	return err
}

func (s *testStore) create(t testing.TB, schema Schema) *Table {
	t.Helper()
	s.ddl(t, func(d *DDL) error {
		if _, ok := d.Catalog().Database(schema.Database); !ok {
			if err := d.CreateDatabase(Database{Name: schema.Database}); err != nil {
				return err
			}
		}
		_, err := d.CreateTable(schema)
		return err
	})
	tab, ok := s.Catalog().Table(schema.Database, schema.Name)
	if !ok {
		t.Fatal("table is not there")
	}
	return tab
}

// row builds an image: int, string, nil, float64.
func row(t testing.TB, tab *Table, values ...any) []byte {
	t.Helper()
	b := rowimage.NewBuilder(tab.Layout())
	for _, v := range values {
		var err error
		switch v := v.(type) {
		case int:
			err = b.AppendInt(int64(v))
		case string:
			err = b.AppendString(v)
		case float64:
			err = b.AppendFloat(v)
		case nil:
			err = b.AppendNull()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	img, err := b.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return append([]byte(nil), img...)
}

// show prints an image: 1,2,NULL.
func show(tab *Table, image []byte) string {
	cells, err := tab.Layout().Cut(image, nil)
	if err != nil {
		return err.Error()
	}
	var out []string
	for i := range tab.schema.Columns {
		out = append(out, string(appendText(nil, &tab.schema.Columns[i], cells[i].Value(image), 0)))
	}
	return strings.Join(out, ",")
}

func scanAll(t testing.TB, tx *Tx, tab *Table, index int, r Range, o ScanOptions) []string {
	t.Helper()
	out, err := tryScan(t.Context(), tx, tab, index, r, o)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func tryScan(ctx context.Context, tx *Tx, tab *Table, index int, r Range, o ScanOptions) ([]string, error) {
	it := tx.Scan(ctx, tab, index, r, o)
	var out []string
	for it.Next() {
		out = append(out, show(tab, it.Image()))
	}
	return out, it.Close()
}

// rows returns what a new transaction sees, in the order of the table's keys;
// of a table without primary key sorted.
func (s *testStore) rows(t testing.TB, tab *Table) []string {
	t.Helper()
	tx := s.Begin(TxOptions{})
	defer tx.Rollback()
	out := scanAll(t, tx, tab, -1, Range{}, ScanOptions{})
	if tab.primary == nil {
		sort.Strings(out)
	}
	return out
}

func (s *testStore) insert(t testing.TB, tab *Table, rows ...[]any) {
	t.Helper()
	tx := s.Begin(TxOptions{})
	tx.BeginStatement()
	for _, r := range rows {
		if err := tx.Insert(t.Context(), tab, row(t, tab, r...)); err != nil {
			t.Fatal(err)
		}
	}
	mustCommit(t, tx)
}

func mustCommit(t testing.TB, tx *Tx) txn.Result {
	t.Helper()
	res, err := tx.Commit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func pkKey(t testing.TB, tab *Table, k int) []byte {
	t.Helper()
	key, err := tab.EncodeKey(nil, -1, keycodec.Int(int64(k)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func get(t testing.TB, tx *Tx, tab *Table, k int, l LockMode) (string, error) {
	t.Helper()
	img, ok, err := tx.Get(t.Context(), tab, pkKey(t, tab, k), l)
	if err != nil {
		return "", err
	}
	if !ok {
		return "none", nil
	}
	return show(tab, img), nil
}

func want(t testing.TB, got []string, rows ...string) {
	t.Helper()
	if strings.Join(got, " ") != strings.Join(rows, " ") {
		t.Fatalf("rows are %q, want %q", got, rows)
	}
}

// waitBlocked returns when n transactions wait for a lock.
func (s *testStore) waitBlocked(t testing.TB, n int) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for len(s.tables.locks.Waits()) < n {
		if time.Now().After(deadline) {
			t.Fatal("nobody waits")
		}
		time.Sleep(100 * time.Microsecond)
	}
}

// storeKeys counts the keys of the store by space.
func (s *testStore) storeKeys(t testing.TB) map[byte]int {
	t.Helper()
	it, err := s.db.NewIter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer it.Close()
	n := make(map[byte]int)
	for ok := it.First(); ok; ok = it.Next() {
		n[it.Key()[0]]++
	}
	return n
}

// checkIndexes fails unless the indexes hold exactly what the rows say.
func (s *testStore) checkIndexes(t testing.TB, tab *Table) {
	t.Helper()
	wantKeys := map[string]string{}
	low, high := idBounds(rowSpace, tab.schema.ID)
	it, _ := s.db.NewIter(&pebble.IterOptions{LowerBound: low, UpperBound: high})
	for ok := it.First(); ok; ok = it.Next() {
		_, img, err := tab.split(it.Value())
		if err != nil {
			t.Fatal(err)
		}
		cells, err := tab.layout.Cut(img, nil)
		if err != nil {
			t.Fatal(err)
		}
		pk := append([]byte(nil), it.Key()[idPrefix:]...)
		for i := range tab.indexes {
			k, _, err := tab.indexKey(nil, i, img, cells, pk)
			if err != nil {
				t.Fatal(err)
			}
			wantKeys[string(k)] = string(tab.indexValue(i, pk))
		}
		if tab.primary == nil {
			wantKeys[string(tab.hashKey(nil, img, cells, pk))] = ""
		}
	}
	_ = it.Close()
	got := 0
	spaces := map[byte][]TableID{hashSpace: {tab.schema.ID}}
	for _, x := range tab.schema.Indexes {
		spaces[indexSpace] = append(spaces[indexSpace], x.ID)
		spaces[uniqueSpace] = append(spaces[uniqueSpace], x.ID)
	}
	for space, ids := range spaces {
		for _, id := range ids {
			low, high := idBounds(space, id)
			it, _ := s.db.NewIter(&pebble.IterOptions{LowerBound: low, UpperBound: high})
			for ok := it.First(); ok; ok = it.Next() {
				got++
				if v, ok := wantKeys[string(it.Key())]; !ok || v != string(it.Value()) {
					t.Fatalf("stray index entry %x → %x", it.Key(), it.Value())
				}
			}
			_ = it.Close()
		}
	}
	if got != len(wantKeys) {
		t.Fatalf("%d index entries, want %d", got, len(wantKeys))
	}
}

var _ = binary.BigEndian
