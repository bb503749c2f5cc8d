package sql

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/vt/sqlparser"

	"binrelay/sql/wire"
)

// load is a LOAD DATA statement of a session while it runs.
type load struct {
	st      *sqlparser.Load
	records uint64
}

// ownLoad notes a LOAD DATA statement. With LOCAL it needs no privilege but
// INSERT; without, FILE is checked when it runs.
func (s *Session) ownLoad(st *sqlparser.Load, db string) {
	s.load = &load{st: st}
	if q := st.Table.DbQualifier.String(); q != "" {
		db = q
	}
	st.Auth = sqlparser.AuthInformation{
		AuthType: sqlparser.AuthType_INSERT, TargetType: sqlparser.AuthTargetType_SingleTableIdentifier,
		TargetNames: []string{db, st.Table.Name.String()},
	}
}

// loadInfo is what a LOAD DATA statement reports.
type loadInfo struct{ records, deleted, skipped, warnings uint64 }

// String implements fmt.Stringer.
func (i loadInfo) String() string {
	return fmt.Sprintf("Records: %d  Deleted: %d  Skipped: %d  Warnings: %d", i.records, i.deleted, i.skipped, i.warnings)
}

// loaded passes on the INSERT that was built: that of a LOAD DATA statement
// reports what was loaded.
func (s *Session) loaded(it gms.RowIter, err error) (gms.RowIter, error) {
	if it == nil || s.load == nil {
		return it, err
	}
	return &loadCount{RowIter: it, s: s, l: s.load}, nil
}

// loadCount words the result. go-mysql-server puts what counts the rows below
// it.
type loadCount struct {
	gms.RowIter
	s *Session
	l *load
}

var _ gms.MutableRowIter = (*loadCount)(nil)

// GetChildIter implements gms.MutableRowIter.
func (it *loadCount) GetChildIter() gms.RowIter { return it.RowIter }

// WithChildIter implements gms.MutableRowIter.
func (it *loadCount) WithChildIter(child gms.RowIter) gms.RowIter {
	return &loadCount{RowIter: child, s: it.s, l: it.l}
}

// Next implements gms.RowIter.
func (it *loadCount) Next(ctx *gms.Context) (gms.Row, error) {
	row, err := it.RowIter.Next(ctx)
	if err != nil || len(row) != 1 {
		return row, err
	}
	ok, is := row[0].(types.OkResult)
	if !is {
		return row, nil
	}
	info := loadInfo{records: it.l.records, warnings: uint64(ctx.WarningCount())}
	if it.l.st.IgnoreOrReplace == sqlparser.ReplaceStr {
		info.deleted = ok.RowsAffected - min(ok.RowsAffected, info.records)
	} else {
		info.skipped = info.records - min(ok.RowsAffected, info.records)
	}
	ok.Info = info
	return gms.NewRow(ok), nil
}

// Close implements gms.RowIter.
func (it *loadCount) Close(ctx *gms.Context) error {
	it.s.load = nil
	return it.RowIter.Close(ctx)
}

// loadData opens the file of a LOAD DATA statement; the iterator's rows are
// what is to be inserted.
func (b *builder) loadData(ctx *gms.Context, s *Session, n *plan.LoadData) (gms.RowIter, error) {
	l := s.load
	if l == nil {
		return nil, notSupported("LOAD DATA in a routine")
	}
	if len(l.st.Partition) > 0 {
		return nil, notSupported("LOAD DATA … PARTITION")
	}
	it := &loadIter{l: l, n: n}
	if err := it.plan(ctx); err != nil {
		return nil, err
	}
	file, err := b.openInfile(ctx, s, n)
	if err != nil {
		return nil, err
	}
	it.file = file
	if it.r, err = newFieldReader(file, l.st); err == nil {
		for i := int64(0); i < n.IgnoreNum && err == nil; i++ {
			if more, _ := it.r.next(); !more {
				break
			}
		}
	}
	if err != nil {
		return nil, errors.Join(err, it.file.Close())
	}
	return it, nil
}

// openInfile opens the statement's file, here or on the client's machine.
func (b *builder) openInfile(ctx *gms.Context, s *Session, n *plan.LoadData) (io.ReadCloser, error) {
	if s.infile != nil {
		return io.NopCloser(s.infile), nil
	}
	v := b.server.vars
	if n.Local {
		w := b.server.wireServer()
		if !v.Bool("local_infile") || w == nil {
			return nil, wire.ErrLocalFiles
		}
		return w.LocalFile(ctx, ctx.ID(), n.File)
	}
	path := n.File
	if !filepath.IsAbs(path) {
		path = filepath.Join(v.String("datadir"), path)
	}
	if err := s.mayUseFile(ctx, path); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err == nil {
		return f, nil
	}
	no := syscall.EIO
	errors.As(err, &no)
	text := no.Error()
	return nil, sqlError(13, "HY000", "Can't get stat of '%s' (OS errno %d - %s)", path, int(no), strings.ToUpper(text[:1])+text[1:])
}

// mayUseFile checks the privilege FILE and secure_file_priv.
func (s *Session) mayUseFile(ctx *gms.Context, path string) error {
	if !s.may(ctx, gms.PrivilegeType_File) {
		return accessDenied("FILE")
	}
	if allowed := s.server.vars.String("secure_file_priv"); allowed != "" && !below(allowed, path) {
		return sqlError(1290, "HY000", "The MySQL server is running with the --secure-file-priv option so it cannot execute this statement")
	}
	return nil
}

// checkOutfile is asked before SELECT … INTO OUTFILE or DUMPFILE writes.
func (s *Session) checkOutfile(ctx *gms.Context, n *plan.Into) error {
	for _, path := range []string{n.Outfile, n.Dumpfile} {
		if path == "" {
			continue
		}
		if err := s.mayUseFile(ctx, path); err != nil {
			return err
		}
	}
	return nil
}

// below reports whether path lies below the directory that files may be read
// from, links resolved. NULL is no directory.
func below(dir, path string) bool {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return false
	}
	parent, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return false
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		parent = filepath.Dir(real)
	}
	rel, err := filepath.Rel(dir, parent)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}

// loadIter makes rows of the lines of a file.
type loadIter struct {
	l      *load
	n      *plan.LoadData
	r      *fieldReader
	file   io.Closer
	fields []loadField
	set    []int // columns that SET assigns
	out    []int // columns of the result; nil = all
	strict bool  // what does not fit is an error
	done   bool
}

// loadField is where a field of a line goes.
type loadField struct {
	col    int    // of the table, -1 for a variable
	name   string // of the variable
	decode func([]byte) ([]byte, bool)
}

// plan says where fields go.
func (it *loadIter) plan(ctx *gms.Context) error {
	n, st := it.n, it.l.st
	mode := gms.LoadSqlMode(ctx)
	it.strict = mode.Strict() && !n.IsIgnore
	set, err := encodingOf(ctx, st.Charset)
	if err != nil {
		return err
	}
	add := func(col int) {
		f := loadField{col: col}
		if t, ok := n.DestSch[col].Type.(gms.StringType); ok && set != nil && t.CharacterSet() != gms.CharacterSet_binary {
			f.decode = set
		}
		it.fields = append(it.fields, f)
	}
	if len(st.Columns) == 0 {
		for i, c := range n.DestSch {
			if c.Generated == nil {
				add(i)
			}
		}
	}
	for _, c := range st.Columns {
		name := c.String()
		if i := n.DestSch.IndexOfColName(name); i >= 0 {
			add(i)
		} else if v, ok := strings.CutPrefix(name, "@"); ok {
			it.fields = append(it.fields, loadField{col: -1, name: unquoted(v), decode: set})
		} else {
			return sqlError(1054, "42S22", "Unknown column '%s' in 'field list'", name)
		}
	}
	for i, e := range n.SetExprs {
		if e == nil {
			continue
		}
		it.set = append(it.set, i)
		if hasSubquery(ctx, e) {
			return notSupported("a subquery in LOAD DATA … SET")
		}
	}
	for _, name := range n.ColNames {
		it.out = append(it.out, n.DestSch.IndexOfColName(name))
	}
	return nil
}

// unquoted is the name of a variable that may stand in quotes: @`x`, @'x'.
func unquoted(name string) string {
	if n := len(name); n > 1 && strings.IndexByte("`'\"", name[0]) >= 0 && name[n-1] == name[0] {
		q := name[:1]
		return strings.ReplaceAll(name[1:n-1], q+q, q)
	}
	return name
}

func hasSubquery(ctx *gms.Context, e gms.Expression) (found bool) {
	gms.Inspect(ctx, e, func(_ *gms.Context, e gms.Expression) bool {
		_, is := e.(*plan.Subquery)
		found = found || is
		return !found
	})
	return found
}

// encodingOf returns how text of a file becomes UTF-8; nil: it is.
func encodingOf(ctx *gms.Context, name string) (decode func([]byte) ([]byte, bool), err error) {
	if name == "" {
		v, err := ctx.GetSessionVariable(ctx, "character_set_database")
		if text, ok := v.(string); err == nil && ok {
			name = text
		}
	}
	switch strings.ToLower(name) {
	case "", "utf8mb4", "utf8mb3", "utf8", "ascii", "binary":
		return nil, nil
	case "ucs2", "utf16", "utf16le", "utf32":
		return nil, sqlError(1115, "42000", "Unknown character set: '%s'", name)
	case "sjis", "cp932", "gbk", "gb18030", "big5": // bytes of a character may be delimiters
		return nil, notSupported("LOAD DATA in the character set " + name)
	}
	cs, err := gms.ParseCharacterSet(name)
	if err != nil {
		return nil, sqlError(1115, "42000", "Unknown character set: '%s'", name)
	}
	e := cs.Encoder()
	if e == nil {
		return nil, notSupported("LOAD DATA in the character set " + name)
	}
	return e.Decode, nil
}

// Next implements gms.RowIter.
func (it *loadIter) Next(ctx *gms.Context) (gms.Row, error) {
	r := it.r
	if it.done {
		return nil, io.EOF
	}
	for len(r.fields) < len(it.fields) && r.field() {
	}
	if r.err != nil {
		return nil, r.err
	}
	if len(r.fields) == 0 && len(it.fields) > 0 {
		return nil, io.EOF
	}
	it.l.records++
	full, err := it.values(ctx)
	if err != nil {
		return nil, err
	}
	more, cut := r.next()
	if r.err != nil {
		return nil, r.err
	}
	it.done = !more
	if cut {
		if err := it.warn(ctx, 1262, "01000", "Row %d was truncated; it contained more data than there were input columns", it.l.records); err != nil {
			return nil, err
		}
	}
	for _, i := range it.set {
		if full[i], err = it.n.SetExprs[i].Eval(ctx, full); err != nil {
			return nil, err
		}
	}
	if it.out == nil {
		return full, nil
	}
	row := make(gms.Row, len(it.out))
	for i, col := range it.out {
		row[i] = full[col]
	}
	return row, nil
}

// values returns the line at hand as a row of the table.
func (it *loadIter) values(ctx *gms.Context) (gms.Row, error) {
	r := it.r
	full := make(gms.Row, len(it.n.DestSch))
	text := string(r.line)
	for i := range it.fields {
		t := &it.fields[i]
		var v any
		missing := i >= len(r.fields)
		if !missing && !r.fields[i].null {
			s := text[r.fields[i].from:r.fields[i].to]
			if t.decode != nil {
				utf8, ok := t.decode([]byte(s))
				if !ok {
					return nil, sqlError(1300, "HY000", "Invalid %s character string: '%s'", it.l.st.Charset, s)
				}
				s = string(utf8)
			}
			v = s
		}
		if t.col < 0 {
			if err := ctx.SetUserVariable(ctx, t.name, v, types.LongText); err != nil {
				return nil, err
			}
			continue
		}
		c := it.n.DestSch[t.col]
		var err error
		switch {
		case missing:
			if !c.Nullable && !c.AutoIncrement || c.Default != nil && !isNull(c.Default) {
				v = c.Type.Zero()
			}
			err = it.warn(ctx, 1261, "01000", "Row %d doesn't contain data for all columns", it.l.records)
		case v == nil && !c.Nullable && !c.AutoIncrement:
			v = c.Type.Zero()
			err = it.warn(ctx, 1263, "22004", "Column set to default value; NULL supplied to NOT NULL column '%s' at row %d", c.Name, it.l.records)
		case v == "" && gms.IsNumberType(c.Type):
			v = c.Type.Zero()
			err = it.emptyNumber(ctx, c)
		case v != nil && len(it.set) > 0:
			// SET may use the column; what does not fit is found by the insert.
			if as, in, cerr := c.Type.Convert(ctx, v); cerr == nil && in == gms.InRange {
				v = as
			}
		}
		if err != nil {
			return nil, err
		}
		full[t.col] = v
	}
	return full, nil
}

// emptyNumber complains about an empty field for a number.
func (it *loadIter) emptyNumber(ctx *gms.Context, c *gms.Column) error {
	kind := "integer"
	switch {
	case gms.IsDecimalType(c.Type):
		kind = "decimal"
	case types.IsFloat(c.Type):
		return it.warn(ctx, 1265, "01000", "Data truncated for column '%s' at row %d", c.Name, it.l.records)
	}
	return it.warn(ctx, 1366, "HY000", "Incorrect %s value: '' for column '%s' at row %d", kind, c.Name, it.l.records)
}

func isNull(d *gms.ColumnDefaultValue) bool {
	lit, ok := d.Expr.(*expression.Literal)
	return ok && lit.Value() == nil
}

// warn is an error in strict mode.
func (it *loadIter) warn(ctx *gms.Context, number int, state, format string, args ...any) error {
	if it.strict {
		return sqlError(uint16(number), state, format, args...)
	}
	ctx.Warn(number, format, args...)
	return nil
}

// Close implements gms.RowIter.
func (it *loadIter) Close(*gms.Context) error { return it.file.Close() }
