package sql

import (
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/plan"
)

// counters are the server's status variables. The zero value is ready.
type counters struct {
	questions atomic.Int64
	plain     atomic.Int64 // statements that were not planned

	mu       sync.Mutex
	commands map[string]int64 // Com_xxx
}

func (c *counters) question() { c.questions.Add(1) }

// command counts a statement of replication or administration under its old
// and its new name, as far as MySQL has both.
func (c *counters) command(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.commands == nil {
		c.commands = make(map[string]int64)
	}
	for _, n := range commandNames[name] {
		c.commands[n]++
	}
}

var commandNames = map[string][]string{
	"CHANGE REPLICATION SOURCE": {"Com_change_master", "Com_change_replication_source"},
	"CHANGE REPLICATION FILTER": {"Com_change_repl_filter"},
	"START REPLICA":             {"Com_slave_start", "Com_replica_start"},
	"STOP REPLICA":              {"Com_slave_stop", "Com_replica_stop"},
	"RESET REPLICA":             {"Com_reset"},
	"SHOW REPLICA STATUS":       {"Com_show_slave_status", "Com_show_replica_status"},
	"SHOW REPLICAS":             {"Com_show_slave_hosts", "Com_show_replicas"},
	"SHOW BINARY LOG STATUS":    {"Com_show_master_status", "Com_show_binary_log_status"},
	"SHOW BINARY LOGS":          {"Com_show_binlogs"},
	"SHOW BINLOG EVENTS":        {"Com_show_binlog_events"},
	"SHOW RELAYLOG EVENTS":      {"Com_show_relaylog_events"},
	"SHOW PROCESSLIST":          {"Com_show_processlist"},
	"PURGE BINARY LOGS":         {"Com_purge"},
	"FLUSH":                     {"Com_flush"},
	"KILL":                      {"Com_kill"},
	"CHECKSUM TABLE":            {"Com_checksum"},
	"CHECK TABLE":               {"Com_check"},
	"ANALYZE TABLE":             {"Com_analyze"},
	"OPTIMIZE TABLE":            {"Com_optimize"},
	"REPAIR TABLE":              {"Com_repair"},
	"SHOW ENGINE":               {"Com_show_engine_status"},
	"SHUTDOWN":                  {"Com_shutdown"},
}

func (c *counters) reset() {
	c.questions.Store(0)
	c.plain.Store(0)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.commands = nil
}

// status returns the status variables that this server counts itself.
func (s *Server) status() map[string]any {
	up := int64(s.now().Sub(s.started) / time.Second)
	out := map[string]any{
		"Uptime": up, "Uptime_since_flush_status": up,
		"Questions": s.counters.questions.Load(), "Queries": s.counters.questions.Load(),
		"Statements_unplanned": s.counters.plain.Load(),
		"Threads_connected":    int64(len(s.engine.ProcessList.Processes())),
	}
	running := int64(0)
	for _, p := range s.engine.ProcessList.Processes() {
		if p.Command == gms.ProcessCommandQuery {
			running++
		}
	}
	out["Threads_running"] = running
	for _, names := range commandNames {
		for _, n := range names {
			out[n] = int64(0)
		}
	}
	s.counters.mu.Lock()
	for n, v := range s.counters.commands {
		out[n] = v
	}
	s.counters.mu.Unlock()
	if w := s.wireServer(); w != nil {
		st := w.Stats()
		out["Connections"] = int64(st.Accepted)
		out["Aborted_connects"] = int64(st.Aborted)
		out["Threads_connected"] = int64(st.Connected)
		out["Bytes_received"], out["Bytes_sent"] = int64(st.BytesIn), int64(st.BytesOut)
		out["Slaves_connected"] = int64(st.Dumps)
	}
	return out
}

// showStatus is SHOW [GLOBAL] STATUS: go-mysql-server's variables, with ours in
// their place.
func (b *builder) showStatus(ctx *gms.Context, n *plan.ShowStatus) (gms.RowIter, error) {
	it, err := n.RowIter(ctx, nil)
	if err != nil {
		return nil, err
	}
	known, err := gms.RowIterToRows(ctx, it)
	if err != nil {
		return nil, err
	}
	all := make(map[string]any, len(known))
	for _, row := range known {
		all[row[0].(string)] = row[1]
	}
	for name, v := range b.server.status() {
		all[name] = v
	}
	if s := sessionOf(ctx); s != nil && s.client != nil {
		all["Ssl_version"], all["Ssl_cipher"] = s.client.TLSVersion, s.client.Cipher
		all["Compression"] = s.client.Compression != ""
		all["Compression_algorithm"], all["Compression_level"] = s.client.Compression, int64(s.client.CompressionLevel)
	}
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool { return strings.ToLower(names[i]) < strings.ToLower(names[j]) })
	rows := make([]gms.Row, len(names))
	for i, name := range names {
		rows[i] = gms.NewRow(name, show(all[name]))
	}
	return gms.RowsToRowIter(rows...), nil
}
