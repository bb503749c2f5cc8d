// Package golden reads bytes that MySQL servers made out of the test sources of
// pinned modules, at test time.
package golden

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Modules whose tests hold such bytes.
const (
	GoMySQL = "github.com/go-mysql-org/go-mysql"
	Vitess  = "github.com/dolthub/vitess"
)

// Value is one literal of bytes. Beside are the plain literals next to it in its
// composite literal, by field name or index, as they mean, not as written.
type Value struct {
	Name   string // of the field or variable
	Bytes  []byte
	Beside map[string]string
}

// Uint returns the number beside the bytes, 0 if there is none.
func (v Value) Uint(field string) uint64 {
	n, _ := strconv.ParseUint(v.Beside[field], 0, 64)
	return n
}

// Values returns the literals of bytes inside a function or variable of a file
// of a module, in the order of the source. A module that is not in the cache
// skips the test, or fails it where CI is set.
func Values(t testing.TB, module, file, scope string) []Value {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil || strings.TrimSpace(string(dir)) == "" {
		if os.Getenv("CI") != "" {
			t.Fatalf("%s is not in the module cache: %v", module, err)
		}
		t.Skipf("SKIP: %s is not in the module cache", module)
	}
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(dir)), file), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var c collector
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Name.Name == scope {
				ast.Inspect(n, c.visit)
			}
			return false
		case *ast.ValueSpec:
			if len(n.Names) == 1 && n.Names[0].Name == scope {
				ast.Inspect(n, c.visit)
			}
			return false
		}
		return true
	})
	if len(c.values) == 0 {
		t.Fatalf("%s of %s has no bytes", scope, file)
	}
	return c.values
}

// One returns the only literal of a scope.
func One(t testing.TB, module, file, scope string) []byte {
	t.Helper()
	v := Values(t, module, file, scope)
	if len(v) != 1 {
		t.Fatalf("%s of %s has %d literals of bytes", scope, file, len(v))
	}
	return v[0].Bytes
}

type collector struct{ values []Value }

func (c *collector) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.AssignStmt:
		name, ok := n.Lhs[0].(*ast.Ident)
		if !ok || len(n.Rhs) != 1 {
			return true
		}
		if b, ok := bytesOf(n.Rhs[0]); ok {
			c.values = append(c.values, Value{Name: name.Name, Bytes: b})
			return false
		}
		return !c.extend(name.Name, n.Rhs[0])
	case *ast.CompositeLit:
		if b, ok := bytesOf(n); ok {
			c.values = append(c.values, Value{Bytes: b})
			return false
		}
		beside := besides(n)
		for i, e := range n.Elts {
			key, value := strconv.Itoa(i), e
			if kv, ok := e.(*ast.KeyValueExpr); ok {
				key, value = keyOf(kv), kv.Value
			}
			if b, ok := bytesOf(value); ok {
				c.values = append(c.values, Value{Name: key, Bytes: b, Beside: beside})
				continue
			}
			ast.Inspect(value, c.visit)
		}
		return false
	case ast.Expr:
		if b, ok := bytesOf(n); ok {
			c.values = append(c.values, Value{Bytes: b})
			return false
		}
	}
	return true
}

// extend adds to name what name = append(name, bytes...) does.
func (c *collector) extend(name string, e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok || !call.Ellipsis.IsValid() || len(call.Args) != 2 || len(c.values) == 0 {
		return false
	}
	to, ok := call.Args[0].(*ast.Ident)
	b, isBytes := bytesOf(call.Args[1])
	last := &c.values[len(c.values)-1]
	if !ok || !isBytes || to.Name != name || last.Name != name {
		return false
	}
	last.Bytes = append(last.Bytes, b...)
	return true
}

func besides(lit *ast.CompositeLit) map[string]string {
	out := map[string]string{}
	for i, e := range lit.Elts {
		key, value := strconv.Itoa(i), e
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			key, value = keyOf(kv), kv.Value
		}
		switch v := value.(type) {
		case *ast.BasicLit:
			if s, err := strconv.Unquote(v.Value); err == nil {
				out[key] = s
			} else {
				out[key] = v.Value
			}
		case *ast.Ident:
			out[key] = v.Name
		case *ast.CompositeLit:
			for k, s := range besides(v) {
				out[key+"."+k] = s
			}
		}
	}
	return out
}

func keyOf(kv *ast.KeyValueExpr) string {
	if id, ok := kv.Key.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}

// bytesOf returns the value of []byte{…}, []uint8{…} or []byte("…").
func bytesOf(e ast.Expr) ([]byte, bool) {
	switch e := e.(type) {
	case *ast.CompositeLit:
		if !isBytes(e.Type) {
			return nil, false
		}
		b := make([]byte, 0, len(e.Elts))
		for _, v := range e.Elts {
			lit, ok := v.(*ast.BasicLit)
			if !ok {
				return nil, false
			}
			n, err := strconv.ParseUint(lit.Value, 0, 8)
			if err != nil {
				return nil, false
			}
			b = append(b, byte(n))
		}
		return b, true
	case *ast.CallExpr:
		if !isBytes(e.Fun) || len(e.Args) != 1 {
			return nil, false
		}
		if lit, ok := e.Args[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
			s, err := strconv.Unquote(lit.Value)
			return []byte(s), err == nil
		}
	}
	return nil, false
}

func isBytes(e ast.Expr) bool {
	a, ok := e.(*ast.ArrayType)
	if !ok || a.Len != nil {
		return false
	}
	elt, ok := a.Elt.(*ast.Ident)
	return ok && (elt.Name == "byte" || elt.Name == "uint8")
}
