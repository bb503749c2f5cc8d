// Package rules holds tests over the whole repository: who may import whom.
package rules

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// A rule names what a package of ours may import directly: packages of ours
// (paths below the module, "x/..." for a subtree) and modules of others.
// Dependencies of dependencies obey the rules of their own packages, so
// direct imports are enough to keep the whole order.
type rule struct {
	ours   []string
	others []string
}

const (
	module  = "binrelay/"
	gms     = "github.com/dolthub/go-mysql-server"
	vitess  = "github.com/dolthub/vitess"
	pebble  = "github.com/cockroachdb/pebble/v2"
	gomysql = "github.com/go-mysql-org/go-mysql"
	apd     = "github.com/cockroachdb/apd/v3"
)

var leaves = []string{"binlog/event", "binlog/gtid", "binlog/txn", "binlog/rowimage", "binlog/jsonb", "replica/replstate"}

// rules: every package must be listed; the first matching entry counts.
var rules = []struct {
	pkg  string
	rule rule
}{
	{"binlog/event", rule{ours: leaves}},
	{"binlog/gtid", rule{ours: leaves}},
	{"binlog/logfile/logtest", rule{ours: leaves, others: []string{pebble + "/vfs"}}},
	{"binlog/txn", rule{ours: leaves}},
	{"binlog/rowimage", rule{ours: leaves, others: []string{gomysql + "/mysql"}}},
	{"binlog/jsonb", rule{ours: leaves}},
	{"replica/replstate", rule{}},
	{"binlog/logfile", rule{ours: []string{"binlog/event"}, others: []string{pebble + "/vfs"}}},
	{"binlog", rule{ours: append([]string{"binlog/logfile"}, leaves...), others: []string{pebble + "/vfs"}}},
	{"relaylog", rule{ours: append([]string{"binlog/logfile"}, leaves...), others: []string{pebble + "/vfs"}}},
	{"primary", rule{ours: append([]string{"binlog", "binlog/logfile"}, leaves...)}},
	{"replica", rule{ours: append([]string{"relaylog", "binlog/logfile"}, leaves...), others: []string{gomysql, "github.com/klauspost/compress"}}},
	{"sql/storage/...", rule{
		ours:   append([]string{"binlog", "binlog/logfile", "sql/storage/..."}, leaves...),
		others: []string{pebble, gomysql + "/mysql", "github.com/RaduBerinde/btreemap"},
	}},
	{"sql/replstmt", rule{ours: []string{"replica/replstate"}}},
	{"sql/direct", rule{others: []string{vitess}}},
	{"sql/auth", rule{ours: []string{"sql/replstmt"}, others: []string{gms, vitess}}},
	{"sql/wire", rule{ours: []string{"binlog/rowimage", "sql/auth", "sql/direct", "sql/replstmt", "replica/replstate"}, others: []string{gms, vitess, "github.com/sirupsen/logrus", apd, "github.com/klauspost/compress"}}},
	{"sql/jsondoc", rule{ours: leaves, others: []string{gms, vitess, apd}}},
	{"sql/tables", rule{
		ours:   append([]string{"sql/storage/...", "sql/direct", "sql/jsondoc", "sql/replstmt", "binlog"}, leaves...),
		others: []string{gms, vitess, gomysql + "/mysql", apd, "github.com/shopspring/decimal", "gopkg.in/src-d/go-errors.v1"},
	}},
	{"sql", rule{
		ours: append([]string{"sql/...", "binlog", "binlog/logfile"}, leaves...),
		others: []string{gms, vitess, gomysql + "/mysql", apd, "github.com/sirupsen/logrus", "github.com/shopspring/decimal", "gopkg.in/src-d/go-errors.v1",
			"github.com/cockroachdb/pebble/v2/vfs"},
	}},
	{"conf", rule{others: []string{"github.com/spf13/viper", "github.com/spf13/pflag", "go.yaml.in/yaml/v3"}}},
	{"cmd/...", rule{ours: []string{"..."}, others: []string{"..."}}},
	{"tests/...", rule{ours: []string{"..."}, others: []string{"..."}}},
}

func match(pattern, path string) bool {
	if root, ok := strings.CutSuffix(pattern, "..."); ok {
		return path == strings.TrimSuffix(root, "/") || strings.HasPrefix(path, root)
	}
	return pattern == path
}

func allowed(list []string, path string, subtree bool) bool {
	return slices.ContainsFunc(list, func(p string) bool {
		return match(p, path) || subtree && strings.HasPrefix(path, p+"/")
	})
}

func TestImports_GoDownwardOnly(t *testing.T) {
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	type pkg struct {
		ImportPath string
		Imports    []string
	}
	seen := 0
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; seen++ {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		check(t, strings.TrimPrefix(p.ImportPath, module), p.Imports)
	}
	if seen < len(leaves) {
		t.Errorf("go list named only %d packages", seen)
	}
}

func check(t *testing.T, path string, imports []string) {
	i := slices.IndexFunc(rules, func(r struct {
		pkg  string
		rule rule
	}) bool {
		return match(r.pkg, path)
	})
	if i < 0 {
		t.Errorf("%s: no rule says what it may import", path)
		return
	}
	r := rules[i].rule
	for _, imp := range imports {
		switch rest, ours := strings.CutPrefix(imp, module); {
		case ours:
			if !allowed(r.ours, rest, false) {
				t.Errorf("%s imports %s", path, imp)
			}
		case strings.Contains(strings.SplitN(imp, "/", 2)[0], "."):
			if !allowed(r.others, imp, true) {
				t.Errorf("%s imports %s", path, imp)
			}
		}
	}
}
