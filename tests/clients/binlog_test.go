package clients

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/canal"
	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"
)

func connect(t *testing.T, database string) *client.Conn {
	t.Helper()
	c, err := client.Connect(address(t), "root", "", database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func execute(t *testing.T, c *client.Conn, query string, args ...any) *mysql.Result {
	t.Helper()
	r, err := c.Execute(query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return r
}

// The reader asks for rows from a position and, where the server has gtid_mode
// ON, from an empty GTID set: the same events.
func TestBinlogSyncer(t *testing.T) {
	c := connect(t, "")
	execute(t, c, "DROP DATABASE IF EXISTS syncer")
	r := execute(t, c, "SHOW MASTER STATUS")
	file, _ := r.GetString(0, 0)
	position, _ := r.GetUint(0, 1)
	for _, q := range []string{"CREATE DATABASE syncer", "USE syncer",
		"CREATE TABLE t (id INT PRIMARY KEY, s VARCHAR(20), d DECIMAL(9,3), at DATETIME(6), j JSON, b BLOB)",
		"INSERT INTO t VALUES (1, 'one', -1.5, '2024-02-29 12:00:00.000001', '{\"a\": [1, null]}', 'x'), (2, NULL, NULL, NULL, NULL, NULL)",
		"UPDATE t SET s = 'é' WHERE id = 2", "DELETE FROM t WHERE id = 1", "FLUSH BINARY LOGS", "INSERT INTO t (id, s) VALUES (3, 'end')"} {
		execute(t, c, q)
	}
	want := []string{
		"insert [1 one -1.500 2024-02-29 12:00:00.000001 {\"a\":[1,null]} x]", "insert [2 <nil> <nil> <nil> <nil> <nil>]",
		"update [2 <nil> <nil> <nil> <nil> <nil>]", "update [2 é <nil> <nil> <nil> <nil>]",
		"delete [1 one -1.500 2024-02-29 12:00:00.000001 {\"a\":[1,null]} x]", "insert [3 end <nil> <nil> <nil> <nil>]",
	}
	for _, form := range []string{"position", "GTID set", "semi-sync"} {
		t.Run(form, func(t *testing.T) {
			s := replication.NewBinlogSyncer(replication.BinlogSyncerConfig{ServerID: 77, Flavor: "mysql", Host: "127.0.0.1", Port: port(t), User: "root",
				SemiSyncEnabled: form == "semi-sync", HeartbeatPeriod: time.Second, VerifyChecksum: true, Logger: slog.New(slog.DiscardHandler)})
			defer s.Close()
			var events *replication.BinlogStreamer
			var err error
			if form == "GTID set" {
				set, _ := mysql.ParseGTIDSet("mysql", "")
				events, err = s.StartSyncGTID(set)
			} else {
				events, err = s.StartSync(mysql.Position{Name: file, Pos: uint32(position)})
			}
			if err != nil {
				t.Fatal(err)
			}
			got := follow(t, events, "syncer")
			if strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("events\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

// follow reads rows of a database up to one whose second column is 'end'.
func follow(t *testing.T, events *replication.BinlogStreamer, database string) (rows []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		e, err := events.GetEvent(ctx)
		if err != nil {
			t.Fatalf("after %q: %v", rows, err)
		}
		r, ok := e.Event.(*replication.RowsEvent)
		if !ok || string(r.Table.Schema) != database {
			continue
		}
		for _, row := range r.Rows {
			text := make([]string, len(row))
			for i, v := range row {
				if b, ok := v.([]byte); ok {
					v = string(b)
				}
				text[i] = fmt.Sprint(v)
			}
			rows = append(rows, fmt.Sprintf("%v [%s]", r.Type(), strings.Join(text, " ")))
			if text[1] == "end" {
				return rows
			}
		}
	}
}

// collector keeps the rows of a table as canal tells them, by primary key.
type collector struct {
	canal.DummyEventHandler
	mu    sync.Mutex
	rows  map[string]string
	again []string // rows that were told a second time
	ended chan struct{}
	once  sync.Once
}

func (c *collector) OnRow(e *canal.RowsEvent) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	step := 1
	if e.Action == canal.UpdateAction {
		step = 2
	}
	for i := step - 1; i < len(e.Rows); i += step {
		id, s := fmt.Sprint(e.Rows[i][0]), fmt.Sprint(e.Rows[i][1])
		switch e.Action {
		case canal.DeleteAction:
			delete(c.rows, id)
		case canal.InsertAction:
			if _, known := c.rows[id]; known {
				c.again = append(c.again, id)
			}
			c.rows[id] = s
		default:
			c.rows[id] = s
		}
		if s == "end" {
			c.once.Do(func() { close(c.ended) })
		}
	}
	return nil
}

// canal takes a dump with the program of $MYSQLDUMP and follows from its position, while
// others write and the server dies and comes back. It ends at the row 'end'.
func TestCanal(t *testing.T) {
	dump := os.Getenv("MYSQLDUMP")
	if dump == "" {
		t.Skip("SKIP: MYSQLDUMP is not set")
	}
	cfg := canal.NewDefaultConfig()
	cfg.Addr, cfg.User, cfg.ServerID = address(t), "root", 78
	cfg.Dump.ExecutionPath, cfg.Dump.TableDB, cfg.Dump.Tables, cfg.Dump.DiscardErr = dump, "canal", []string{"t"}, false
	// MySQL's mysqldump 8.0 does without the modes that MariaDB's sets for --skip-opt.
	cfg.Dump.ExtraOptions = []string{"--create-options"}
	cfg.IncludeTableRegex = []string{`canal\.t`}
	cfg.HeartbeatPeriod, cfg.ReadTimeout = time.Second, 5*time.Second
	cfg.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	c, err := canal.NewCanal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	h := &collector{rows: map[string]string{}, ended: make(chan struct{})}
	c.SetEventHandler(h)
	stopped := make(chan error, 1)
	go func() { stopped <- c.Run() }()
	select {
	case <-c.WaitDumpDone():
	case err := <-stopped:
		t.Fatalf("canal stopped: %v", err)
	}
	fmt.Println("the dump is done") // tests/clients_test.go waits for this line
	select {
	case <-h.ended:
	case err := <-stopped:
		t.Fatalf("canal stopped: %v", err)
	case <-time.After(50 * time.Second):
		t.Fatalf("the last row has not come; %d rows", len(h.rows))
	}
	r := execute(t, connect(t, "canal"), "SELECT id, s FROM t")
	h.mu.Lock()
	for i := range r.RowNumber() {
		id, _ := r.GetString(i, 0)
		s, _ := r.GetString(i, 1)
		if h.rows[id] != s {
			t.Errorf("row %s is %q for canal, %q in the table", id, h.rows[id], s)
		}
	}
	if len(h.rows) != r.RowNumber() || len(h.again) > 0 {
		t.Errorf("canal has %d rows, the table %d; told twice: %v", len(h.rows), r.RowNumber(), h.again)
	}
	t.Logf("%d rows", len(h.rows))
	h.mu.Unlock()
	c.Close()
	if err := <-stopped; err != nil {
		t.Errorf("canal stopped: %v", err)
	}
}
