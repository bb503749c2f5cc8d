package sql

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	builtin "github.com/dolthub/go-mysql-server/sql/expression/function"
	"github.com/dolthub/go-mysql-server/sql/types"
)

// regexpFunctions are REGEXP_LIKE and its kin: on characters, and with or
// without regard to case as the collation says. Look-around and references to
// groups are refused.
var regexpFunctions = []regexpFunction{
	{name: "regexp_like", min: 2, max: 3, typ: types.Int8, eval: regexpLike},
	{name: "regexp_instr", min: 2, max: 6, typ: types.Int64, position: 2, occurrence: 3, eval: regexpInstr},
	{name: "regexp_substr", min: 2, max: 5, typ: types.LongText, position: 2, occurrence: 3, eval: regexpSubstr},
	{name: "regexp_replace", min: 3, max: 6, typ: types.LongText, position: 3, occurrence: 4, eval: regexpReplace},
}

// regexpFunction is one of them. The match type is its last argument.
type regexpFunction struct {
	name                 string
	min, max             int
	typ                  gms.Type
	position, occurrence int // arguments, 0 = none
	eval                 func(m *match) (any, error)
}

// match is what one evaluation looks at.
type match struct {
	re         *regexp.Regexp
	text       string // from the position on
	before     string
	occurrence int
	args       []any
}

// regexpCall is a call of a regexpFunction.
type regexpCall struct {
	f    *regexpFunction
	args []gms.Expression

	pattern, flags string // of re
	re             *regexp.Regexp
}

var (
	_ gms.FunctionExpression = (*regexpCall)(nil)
	_ gms.CollationCoercible = (*regexpCall)(nil)
)

func (f *regexpFunction) native() gms.FunctionN {
	return gms.FunctionN{Name: f.name, Fn: func(ctx *gms.Context, args ...gms.Expression) (gms.Expression, error) {
		if len(args) < f.min || len(args) > f.max {
			return nil, sqlError(1582, "42000", "Incorrect parameter count in the call to native function '%s'", f.name)
		}
		return &regexpCall{f: f, args: args}, nil
	}}
}

// newRegexpLike takes the place of the operators REGEXP and RLIKE.
func newRegexpLike(e *builtin.RegexpLike) gms.Expression {
	args := []gms.Expression{e.Text, e.Pattern}
	if e.Flags != nil {
		args = append(args, e.Flags)
	}
	return &regexpCall{f: &regexpFunctions[0], args: args}
}

// FunctionName implements gms.FunctionExpression.
func (c *regexpCall) FunctionName() string { return c.f.name }

// Description implements gms.FunctionExpression.
func (c *regexpCall) Description() string { return "a function of regular expressions" }

// Resolved implements gms.Expression.
func (c *regexpCall) Resolved() bool { return expression.ExpressionsResolved(c.args...) }

// String implements gms.Expression.
func (c *regexpCall) String() string {
	parts := make([]string, len(c.args))
	for i, a := range c.args {
		parts[i] = a.String()
	}
	return c.f.name + "(" + strings.Join(parts, ",") + ")"
}

// Type implements gms.Expression.
func (c *regexpCall) Type(ctx *gms.Context) gms.Type {
	if !types.IsTextOnly(c.f.typ) {
		return c.f.typ
	}
	m := mixOf(ctx, c)
	if m.collation == gms.Collation_binary {
		return types.LongBlob
	}
	return typeIn(c.f.typ, m)
}

// IsNullable implements gms.Expression.
func (c *regexpCall) IsNullable(*gms.Context) bool { return true }

// Children implements gms.Expression.
func (c *regexpCall) Children() []gms.Expression { return c.args }

// WithChildren implements gms.Expression.
func (c *regexpCall) WithChildren(_ *gms.Context, args ...gms.Expression) (gms.Expression, error) {
	return &regexpCall{f: c.f, args: args}, nil
}

// CollationCoercibility implements gms.CollationCoercible.
func (c *regexpCall) CollationCoercibility(ctx *gms.Context) (gms.CollationID, byte) {
	m := mixTogether(ctx, c.args[:2])
	return m.collation, byte(m.strength)
}

// Eval implements gms.Expression.
func (c *regexpCall) Eval(ctx *gms.Context, row gms.Row) (any, error) {
	m := match{args: make([]any, len(c.args)), occurrence: 1}
	for i, e := range c.args {
		v, err := e.Eval(ctx, row)
		if err != nil {
			return nil, err
		}
		if v, err = gms.UnwrapAny(ctx, v); err != nil || v == nil {
			return nil, err
		}
		m.args[i] = v
	}
	text, _, err := types.ConvertToCollatedString(ctx, m.args[0], c.args[0].Type(ctx))
	if err != nil {
		return nil, err
	}
	flags := ""
	if len(c.args) == c.f.max && c.f.max > c.f.min {
		flags = argText(m.args[c.f.max-1])
	}
	if err := c.compile(ctx, argText(m.args[1]), flags); err != nil {
		return nil, err
	}
	m.re = c.re
	position := int64(1)
	if at := c.f.position; at > 0 && at < len(m.args) {
		position = argInteger(ctx, m.args[at])
	}
	if position < 1 || position > int64(utf8.RuneCountInString(text))+1 {
		return nil, sqlError(3686, "HY000", "Index out of bounds in regular expression search.")
	}
	at := offsetOf([]byte(text), position-1)
	m.before, m.text = text[:at], text[at:]
	if c.f.name == "regexp_replace" {
		m.occurrence = 0
	}
	if at := c.f.occurrence; at > 0 && at < len(m.args) {
		m.occurrence = int(argInteger(ctx, m.args[at]))
	}
	return c.f.eval(&m)
}

func argInteger(ctx *gms.Context, v any) int64 {
	n, _, _ := types.ConvertOrTruncate(ctx, v, types.Int64)
	i, _ := n.(int64)
	return i
}

// compile compiles the pattern unless it is the one before it.
func (c *regexpCall) compile(ctx *gms.Context, pattern, matchType string) error {
	if c.re != nil && pattern == c.pattern && matchType == c.flags {
		return nil
	}
	collation, err := compared(ctx, "regexp_"+strings.TrimPrefix(c.f.name, "regexp_"), c.args[0], c.args[1])
	if err != nil {
		return err
	}
	insensitive, flags := folds(collation) && !isBinSort(collation) && !strings.HasSuffix(collation.Name(), "_cs"), ""
	for _, f := range matchType {
		switch f {
		case 'c':
			insensitive = false
		case 'i':
			insensitive = true
		case 'm':
			flags += "m"
		case 'n':
			flags += "s"
		case 'u':
		default:
			return sqlError(1210, "HY000", "Incorrect arguments to %s", c.f.name)
		}
	}
	if insensitive {
		flags += "i"
	}
	own := pattern
	if flags != "" {
		own = "(?" + flags + ")" + pattern
	}
	re, err := regexp.Compile(own)
	if err != nil {
		return regexpError(pattern, err)
	}
	c.re, c.pattern, c.flags = re, pattern, matchType
	return nil
}

// regexpError is MySQL's error for a pattern that cannot be used.
func regexpError(pattern string, err error) error {
	text := err.Error()
	switch {
	case strings.Contains(pattern, "(?=") || strings.Contains(pattern, "(?!") || strings.Contains(pattern, "(?<=") || strings.Contains(pattern, "(?<!"):
		return notSupported("look-around in a regular expression")
	case strings.Contains(text, "invalid escape sequence: `\\") && strings.ContainsAny(text, "123456789"):
		return notSupported("a back-reference in a regular expression")
	case strings.Contains(text, "missing closing ]"):
		return sqlError(3696, "HY000", "The regular expression contains an unclosed bracket expression.")
	case strings.Contains(text, "missing closing )"), strings.Contains(text, "unexpected )"):
		return sqlError(3691, "HY000", "Mismatched parenthesis in regular expression.")
	case strings.Contains(text, "invalid character class range"):
		return sqlError(3694, "HY000", "The regular expression contains an [x-y] character range where x comes after y.")
	case strings.Contains(text, "missing argument to repetition"), strings.Contains(text, "invalid nested repetition"):
		return sqlError(3688, "HY000", "Syntax error in regular expression on line 1, character 1.")
	case strings.Contains(text, "invalid escape"), strings.Contains(text, "trailing backslash"):
		return sqlError(3689, "HY000", "Unrecognized escape sequence in regular expression.")
	}
	return sqlError(3685, "HY000", "Illegal argument to a regular expression.")
}

// find returns the bounds of the n-th match, nil when there is none.
func (m *match) find() []int {
	n := max(m.occurrence, 1)
	all := m.re.FindAllStringIndex(m.text, n)
	if len(all) < n {
		return nil
	}
	return all[n-1]
}

func regexpLike(m *match) (any, error) {
	if m.re.MatchString(m.text) {
		return int8(1), nil
	}
	return int8(0), nil
}

func regexpInstr(m *match) (any, error) {
	at := m.find()
	if at == nil {
		return int64(0), nil
	}
	end := at[0]
	if len(m.args) > 4 && fmt.Sprint(m.args[4]) != "0" {
		end = at[1]
	}
	return int64(utf8.RuneCountInString(m.before) + utf8.RuneCountInString(m.text[:end]) + 1), nil
}

func regexpSubstr(m *match) (any, error) {
	at := m.find()
	if at == nil {
		return nil, nil
	}
	return m.text[at[0]:at[1]], nil
}

func regexpReplace(m *match) (any, error) {
	template := regexpTemplate(argText(m.args[2]))
	var out []byte
	done := 0
	out = append(out, m.before...)
	for i, at := range m.re.FindAllStringSubmatchIndex(m.text, -1) {
		if m.occurrence > 0 && i != m.occurrence-1 {
			continue
		}
		out = append(out, m.text[done:at[0]]...)
		out = m.re.ExpandString(out, template, m.text, at)
		done = at[1]
	}
	return string(append(out, m.text[done:]...)), nil
}

// regexpTemplate spells a replacement as Go's regexp does: $1 is a group, a
// backslash takes what follows as it is.
func regexpTemplate(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			if s[i] == '$' {
				out.WriteByte('$')
			}
			out.WriteByte(s[i])
		case s[i] == '$' && i+1 < len(s) && s[i+1] >= '0' && s[i+1] <= '9':
			out.WriteString("${")
			out.WriteByte(s[i+1])
			out.WriteByte('}')
			i++
		case s[i] == '$':
			out.WriteString("$$")
		default:
			out.WriteByte(s[i])
		}
	}
	return out.String()
}
