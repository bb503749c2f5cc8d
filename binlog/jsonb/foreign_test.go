package jsonb_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"hash/crc32"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"

	"binrelay/binlog/event"
	"binrelay/binlog/jsonb"
	"binrelay/binlog/rowimage"
)

// source parses a file of a pinned module.
func source(t *testing.T, module, file string) *ast.File {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		t.Fatal(err)
	}
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(dir)), file), nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Documents that MySQL servers wrote, from the tests of Vitess: each opens, and
// its text gives the same bytes again.
func TestMySQLBytes_Vitess(t *testing.T) {
	seen := 0
	ast.Inspect(source(t, "github.com/dolthub/vitess", "go/mysql/binlog_event_json_test.go"), func(n ast.Node) bool {
		kv, ok := n.(*ast.KeyValueExpr)
		if !ok {
			return true
		}
		lit, ok := kv.Value.(*ast.CompositeLit)
		if key, isIdent := kv.Key.(*ast.Ident); !ok || !isIdent || key.Name != "data" {
			return true
		}
		var doc []byte
		for _, e := range lit.Elts {
			v, err := strconv.ParseUint(e.(*ast.BasicLit).Value, 0, 8)
			if err != nil {
				t.Fatal(err)
			}
			doc = append(doc, byte(v))
		}
		if len(doc) < 2 || doc[0] == 12 && len(doc) < 10 {
			return true // empty, and lengths without their strings
		}
		seen++
		v, err := jsonb.Open(doc[:len(doc):len(doc)])
		if err != nil {
			t.Errorf("% x: %v", doc, err)
			return true
		}
		text := v.AppendText(nil)
		if doc[0] == 15 {
			return true // a text makes no opaque value
		}
		again, err := jsonb.FromText(nil, text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		// Some of the documents have bytes behind their end, and one is written
		// as an unsigned integer of a small value, which no text gives.
		if !bytes.HasPrefix(doc, again) && doc[0] != 6 {
			t.Errorf("%s: % x, MySQL has % x", text, again, doc)
		}
		return true
	})
	if seen < 25 {
		t.Errorf("only %d documents found", seen)
	}
}

// Rows events of MySQL servers, from the tests of go-mysql: the text that was
// inserted gives the bytes that MySQL wrote.
func TestMySQLBytes_GoMySQL(t *testing.T) {
	f := source(t, "github.com/go-mysql-org/go-mysql", "replication/row_event_test.go")
	var events [][]byte
	ast.Inspect(f, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if s, err := strconv.Unquote(lit.Value); err == nil {
				events = append(events, []byte(s))
			}
		}
		return true
	})
	texts := []string{`{}`, `{"a":1234}`, `{"key1": "value1", "key2": "value2"}`}
	insert := regexp.MustCompile(`VALUES \('(\{.*\})',\s*\d+\)`)
	for _, group := range f.Comments {
		for _, m := range insert.FindAllStringSubmatch(group.Text(), -1) {
			texts = append(texts, m[1])
		}
	}
	if len(texts) < 5 {
		t.Fatalf("only %d texts found", len(texts))
	}
	for _, text := range texts {
		doc := fromText(t, text)
		stored := append(binary.LittleEndian.AppendUint32(nil, uint32(len(doc))), doc...)
		found := false
		for _, ev := range events {
			found = found || bytes.Contains(ev, stored)
		}
		if !found {
			t.Errorf("no event holds %.60s as we write it", text)
		}
	}
}

// judge lets go-mysql decode documents out of a rows event.
func judge(t *testing.T, docs ...[]byte) []string {
	t.Helper()
	l, err := rowimage.Compile([]rowimage.Column{{Name: "j", Type: gomysql.MYSQL_TYPE_JSON, Meta: 4}})
	if err != nil {
		t.Fatal(err)
	}
	p := replication.NewBinlogParser()
	var h event.Header
	rows := event.AppendRows(nil, h, event.WriteRowsV2, &event.RowsInfo{TableID: 7, Columns: 1})
	b := rowimage.NewBuilder(l)
	for _, doc := range docs {
		b.Reset()
		if err := b.AppendBytes(doc); err != nil {
			t.Fatal(err)
		}
		image, err := b.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, image...)
	}
	var parsed *replication.BinlogEvent
	for _, ev := range [][]byte{
		event.AppendFormat(nil, h, "8.0.36", 0, true),
		event.AppendTableMap(nil, h, l.TableMap(7, "d", "t", nil, nil), event.MetaFull),
		event.End(rows, 0),
	} {
		n := len(ev) - event.ChecksumSize
		binary.LittleEndian.PutUint32(ev[n:], crc32.ChecksumIEEE(ev[:n]))
		if parsed, err = p.Parse(ev); err != nil {
			t.Fatal(err)
		}
	}
	var out []string
	for _, row := range parsed.Event.(*replication.RowsEvent).Rows {
		switch v := row[0].(type) {
		case []byte:
			out = append(out, string(v))
		default:
			out = append(out, fmt.Sprint(v))
		}
	}
	return out
}

func TestGoMySQLReadsRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var docs [][]byte
	for range 500 {
		text, err := json.Marshal(randomJSON(r, 4))
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, fromText(t, string(text)))
	}
	docs = append(docs, fromText(t, `{"a": [`+strings.Repeat(`"0123456789", 100000, `, 5000)+`null]}`))
	for i, got := range judge(t, docs...) {
		text := open(t, docs[i]).AppendText(nil)
		var a, b any
		if err := json.Unmarshal([]byte(got), &a); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &b); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(a, b) {
			t.Errorf("go-mysql reads %.200s, we %.200s", got, text)
		}
	}
}
