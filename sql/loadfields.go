package sql

import (
	"errors"
	"io"

	"github.com/dolthub/vitess/go/vt/sqlparser"
)

// fieldReader takes the file of a LOAD DATA apart, byte for byte as mysqld does.
// Source: MySQL 8.0 manual, "LOAD DATA Statement", Field and Line Handling.
type fieldReader struct {
	src io.Reader
	buf []byte // buf[pos:end] is read, and not yet looked at
	pos int
	end int
	err error // of src, but io.EOF

	fieldTerm []byte
	lineTerm  []byte
	lineStart []byte
	enclosed  int // byte around fields; none = -1
	escape    int // byte before special ones; none = -1

	line   []byte // the fields of the line at hand, back to back
	fields []lineField

	begun     bool // lineStart of this line was found
	endOfLine bool
	eof       bool
}

// lineField is a field in fieldReader.line.
type lineField struct {
	from, to int
	null     bool
}

const (
	none       = -1
	fileBuffer = 64 << 10
	// pushBack is how many bytes can be put back: no delimiter is longer.
	pushBack = 256
)

// newFieldReader returns a reader with the delimiters of a statement. Error:
// 1083, 1235.
func newFieldReader(src io.Reader, st *sqlparser.Load) (*fieldReader, error) {
	r := &fieldReader{src: src, buf: make([]byte, fileBuffer), fieldTerm: []byte{'\t'}, lineTerm: []byte{'\n'}, enclosed: none, escape: '\\'}
	one := func(v *sqlparser.SQLVal, to *int) error {
		switch {
		case v == nil:
		case len(v.Val) == 0:
			*to = none
		case len(v.Val) == 1:
			*to = int(v.Val[0])
		default:
			return sqlError(1083, "42000", "Field separator argument is not what is expected; check the manual")
		}
		return nil
	}
	if f := st.Fields; f != nil {
		if f.TerminatedBy != nil {
			r.fieldTerm = f.TerminatedBy.Val
		}
		var delim *sqlparser.SQLVal
		if f.EnclosedBy != nil {
			delim = f.EnclosedBy.Delim
		}
		if err := errors.Join(one(delim, &r.enclosed), one(f.EscapedBy, &r.escape)); err != nil {
			return nil, err
		}
	}
	if l := st.Lines; l != nil {
		if l.TerminatedBy != nil {
			r.lineTerm = l.TerminatedBy.Val
		}
		if l.StartingBy != nil {
			r.lineStart = l.StartingBy.Val
		}
	}
	if len(r.fieldTerm) == 0 && r.enclosed == none {
		return nil, notSupported("LOAD DATA of fields with a fixed length")
	}
	if max(len(r.fieldTerm), len(r.lineTerm), len(r.lineStart)) >= pushBack {
		return nil, notSupported("LOAD DATA with so long a separator")
	}
	if string(r.lineTerm) == string(r.fieldTerm) {
		r.lineTerm = nil // lines end with their last field
	}
	return r, nil
}

// get returns the next byte, none at the end or after an error.
func (r *fieldReader) get() int {
	if r.pos == r.end && !r.fill() {
		return none
	}
	c := r.buf[r.pos]
	r.pos++
	return int(c)
}

// fill reads on, and keeps what may be put back.
func (r *fieldReader) fill() bool {
	keep := min(r.pos, pushBack)
	copy(r.buf, r.buf[r.pos-keep:r.pos])
	r.pos, r.end = keep, keep
	for tries := 0; r.err == nil && tries < 100; tries++ {
		n, err := r.src.Read(r.buf[r.end:])
		r.end += n
		if n > 0 {
			return true
		}
		if err == io.EOF {
			return false
		}
		r.err = err
	}
	return false
}

// term reports whether what follows completes t, of which the first byte was
// read, and reads it.
func (r *fieldReader) term(t []byte) bool {
	for i := 1; i < len(t); i++ {
		if c := r.get(); c != int(t[i]) {
			if c == none {
				i--
			}
			r.pos -= i
			return false
		}
	}
	return true
}

// starts reports whether c begins t, and t follows.
func (r *fieldReader) starts(t []byte, c int) bool {
	return len(t) > 0 && c == int(t[0]) && r.term(t)
}

// begin finds the start of a line's fields.
func (r *fieldReader) begin() bool {
	r.begun = true
	for len(r.lineStart) > 0 {
		c := r.get()
		if c == none {
			r.endOfLine, r.eof = true, true
			return false
		}
		if r.starts(r.lineStart, c) {
			break
		}
	}
	return true
}

// field reads a field of the line; false: the line has no more.
func (r *fieldReader) field() bool {
	if r.endOfLine || !r.begun && !r.begin() {
		return false
	}
	c := r.get()
	if c == none {
		r.endOfLine, r.eof = true, true
		return false
	}
	f := lineField{from: len(r.line)}
	quote := none // of this field
	if c == r.enclosed {
		quote = c
		r.line = append(r.line, byte(c)) // counts if the field does not end with it
	} else {
		r.pos--
	}
	backslashN := false
	enclosed := false
	for {
		c = r.get()
		if c == none {
			r.endOfLine, r.eof = true, true
			break
		}
		if c == r.escape {
			next := r.get()
			if next == none {
				r.line = append(r.line, byte(c))
				r.endOfLine, r.eof = true, true
				break
			}
			// An escape that also encloses only doubles itself.
			if r.escape != r.enclosed || next == r.escape {
				if next == 'N' {
					backslashN = true
				}
				r.line = append(r.line, unescape(byte(next)))
				continue
			}
			r.pos--
		}
		if quote == none && r.starts(r.lineTerm, c) {
			r.endOfLine = true
			break
		}
		if quote != none && c == quote {
			next := r.get()
			if next == quote { // doubled
				r.line = append(r.line, byte(quote))
				continue
			}
			if next == none || r.starts(r.lineTerm, next) {
				r.endOfLine, enclosed = true, true
				break
			}
			if r.starts(r.fieldTerm, next) {
				enclosed = true
				break
			}
			r.pos--
		} else if quote == none && r.starts(r.fieldTerm, c) {
			break
		}
		r.line = append(r.line, byte(c))
	}
	if enclosed {
		f.from++
	}
	f.to = len(r.line)
	v := r.line[f.from:f.to]
	f.null = backslashN && len(v) == 1 || !enclosed && r.enclosed != none && string(v) == "NULL"
	r.fields = append(r.fields, f)
	return true
}

func unescape(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 't':
		return '\t'
	case 'r':
		return '\r'
	case 'b':
		return '\b'
	case '0':
		return 0
	case 'Z':
		return 26
	}
	return c
}

// next goes to the next line. more is false at the end of the file; cut tells
// that the line had more than was read.
func (r *fieldReader) next() (more, cut bool) {
	r.line, r.fields, r.begun = r.line[:0], r.fields[:0], false
	if r.endOfLine || r.eof {
		r.endOfLine = false
		return !r.eof, false
	}
	if len(r.lineTerm) == 0 {
		return true, false
	}
	for {
		c := r.get()
		switch {
		case c == none:
			r.eof = true
			return false, cut
		case c == r.escape:
			cut = true
			if r.get() == none {
				r.eof = true
				return false, true
			}
			continue
		case r.starts(r.lineTerm, c):
			return true, cut
		}
		cut = true
	}
}
