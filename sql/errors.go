package sql

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"

	"binrelay/replica/replstate"
	"binrelay/sql/replstmt"
	"binrelay/sql/storage"

	"github.com/dolthub/vitess/go/mysql"
)

// Statement is what an error's text may refer to. Both may be empty.
type Statement struct {
	Query    string // the statement that failed
	Database string // the session's default database
}

// untranslated counts errors that ended as 1105.
var untranslated atomic.Uint64

// Translate turns any error into MySQL's error number, SQLSTATE and text. An
// error that nothing is known of becomes 1105 (HY000) with its own text, and is
// counted, see UntranslatedErrors.
func Translate(err error) (num uint16, state string, msg string) {
	return TranslateStatement(err, Statement{})
}

// TranslateStatement is Translate for an error of a statement: syntax errors
// quote it, and tables are named with their database.
//
// go-mysql-server's handler keeps only the text of an error that is not its
// own, so each case is known by type and by text: see textRules.
func TranslateStatement(err error, st Statement) (num uint16, state string, msg string) {
	if err == nil {
		return 0, "00000", ""
	}
	if num, msg, state, ok := byType(err); ok {
		if state == "" {
			state = sqlState(num)
		}
		return num, state, msg
	}
	text := err.Error()
	var se *mysql.SQLError
	if errors.As(err, &se) {
		text = se.Message
		if complete(se) && se.Num != mysql.ERLockDeadlock {
			return uint16(se.Num), se.State, text
		}
	}
	if m := printedError.FindStringSubmatch(text); m != nil {
		if n, err := strconv.ParseUint(m[2], 10, 16); err == nil && n != mysql.ERUnknownError {
			return uint16(n), m[3], m[1]
		}
		text = m[1]
	}
	if e := replstate.FileError(err); e != nil {
		return e.Number, e.SQLState, e.Text
	}
	if num, msg, ok := byText(text, st); ok {
		return num, sqlState(num), msg
	}
	if numbered(se) {
		return uint16(se.Num), sqlState(uint16(se.Num)), text
	}
	untranslated.Add(1)
	return mysql.ERUnknownError, "HY000", text
}

// printedError is the text of a *mysql.SQLError that was wrapped by its text
// alone, as the engine does with errors of table definitions.
var printedError = regexp.MustCompile(`(?s)^(.*) \(errno (\d+)\) \(sqlstate (\w{5})\)`)

// numbered reports whether se has a number of its own.
func numbered(se *mysql.SQLError) bool {
	return se != nil && se.Num != mysql.ERUnknownError && se.Num > 0 && se.Num <= 0xffff
}

// complete reports whether se was made with number and SQLSTATE, and so has
// MySQL's words already.
func complete(se *mysql.SQLError) bool {
	return numbered(se) && se.State != "" && se.State != "HY000"
}

// UntranslatedErrors counts the errors that Translate knew no number for.
func UntranslatedErrors() uint64 { return untranslated.Load() }

// AsSQLError translates err to the one type that go-mysql-server's handler
// passes on unchanged.
func AsSQLError(err error, st Statement) *mysql.SQLError {
	if err == nil {
		return nil
	}
	num, state, msg := TranslateStatement(err, st)
	return mysql.NewSQLError(int(num), state, "%s", msg)
}

// byType knows errors of our own packages.
func byType(err error) (num uint16, msg, state string, ok bool) {
	var (
		syntax     *replstmt.SyntaxError
		duplicate  *storage.DuplicateError
		noTable    *storage.NoTableError
		noDB       *storage.NoDatabaseError
		tableThere *storage.TableExistsError
		dbThere    *storage.DatabaseExistsError
		dupIndex   *storage.DuplicateIndexError
		definition *storage.DefinitionError
		foreignKey *storage.ForeignKeyError
		notLocked  *storage.NotLockedError
		readLocked *storage.ReadLockedError
		apply      *storage.ApplyError
		repl       *replstate.Error
	)
	switch {
	case errors.As(err, &repl):
		return repl.Number, repl.Text, repl.SQLState, true
	case errors.As(err, &syntax):
		return 1064, syntax.Error(), "", true
	case errors.As(err, &duplicate):
		return 1062, duplicate.Error(), "", true
	case errors.As(err, &noTable):
		return 1146, noTable.Error(), "", true
	case errors.As(err, &noDB):
		return 1049, noDB.Error(), "", true
	case errors.As(err, &tableThere):
		return 1050, tableThere.Error(), "", true
	case errors.As(err, &dbThere):
		return 1007, dbThere.Error(), "", true
	case errors.As(err, &dupIndex):
		return 1061, dupIndex.Error(), "", true
	case errors.As(err, &foreignKey):
		return foreignKey.Number(), foreignKey.Error(), "", true
	case errors.As(err, &notLocked):
		return 1100, notLocked.Error(), "", true
	case errors.As(err, &readLocked):
		return 1099, readLocked.Error(), "", true
	case errors.As(err, &definition):
		return definition.Errno, definition.Text, "", true
	case errors.As(err, &apply):
		return apply.Errno, apply.Text, "", true
	}
	for _, s := range sentinels {
		if errors.Is(err, s.err) {
			return s.num, s.msg, "", true
		}
	}
	return 0, "", "", false
}

// sentinels are errors without arguments, with MySQL's words. The first that
// matches counts.
var sentinels = []struct {
	err error
	num uint16
	msg string
}{
	{storage.ErrDeadlock, 1213, "Deadlock found when trying to get lock; try restarting transaction"},
	{storage.ErrLockTimeout, 1205, "Lock wait timeout exceeded; try restarting transaction"},
	{storage.ErrLockNoWait, 3572, "Statement aborted because lock(s) could not be acquired immediately and NOWAIT is set."},
	{storage.ErrTooLarge, 1197, "Multi-statement transaction required more than 'max_binlog_cache_size' bytes of storage; increase this mysqld variable and try again"},
	{storage.ErrTableChanged, 1412, "Table definition has changed, please retry transaction"},
	{storage.ErrReadOnly, 1792, "Cannot execute statement in a READ ONLY transaction."},
	{storage.ErrNoSavepoint, 1305, "SAVEPOINT does not exist"},
	{storage.ErrRowNotFound, 1032, "Can't find record"},
	{storage.ErrAutoIncrement, 1467, "Failed to read auto-increment value from storage engine"},
	{storage.ErrDiskFull, 1021, "Disk full; waiting for someone to free some space..."},
	{storage.ErrFatal, 1598, "Binary logging not possible. Message: An error occurred during the sync or commit of a transaction. Server is being stopped"},
	{storage.ErrClosed, 1053, "Server shutdown in progress"},
	{storage.ErrUnsupported, 1235, "This version of MySQL doesn't yet support this"},
	{context.DeadlineExceeded, 3024, "Query execution was interrupted, maximum statement execution time exceeded"},
	{context.Canceled, 1317, "Query execution was interrupted"},
}

// byText knows errors by their text: those of go-mysql-server, and ours after
// they went through its handler.
func byText(text string, st Statement) (num uint16, msg string, ok bool) {
	text = strings.TrimSpace(text)
	for i := range textRules {
		r := &textRules[i]
		if r.when != nil && !r.when(st.Query) {
			continue
		}
		if m := r.pattern.FindStringSubmatch(text); m != nil {
			if r.rewrite == nil {
				return r.num, m[0], true
			}
			return r.num, r.rewrite(m, st), true
		}
	}
	for _, s := range sentinels {
		if strings.Contains(text, s.err.Error()) {
			return s.num, s.msg, true
		}
	}
	return 0, "", false
}

// syntaxError writes MySQL's text for an error of go-mysql-server's parser,
// which says where the offending word ends and what it is.
func syntaxError(query string, position int, near string) string {
	start := len(query)
	if end := min(max(position, 0)+1, len(query)); near != "" {
		if i := strings.LastIndex(strings.ToLower(query[:end]), strings.ToLower(near)); i >= 0 {
			start = i
			if i > 0 && strings.IndexByte("'\"`", query[i-1]) >= 0 {
				start--
			}
		} else {
			start = min(max(position-1-len(near), 0), len(query))
		}
	}
	rest := query[start:]
	if masked := replstmt.Masks(query); masked != query {
		rest = maskedEnd(query, masked, start)
	}
	if query == "" {
		rest = near
	}
	rest = strings.TrimRight(rest, " \t\r\n;")
	const max = 80
	if len(rest) > max {
		rest = strings.ToValidUTF8(rest[:max], "")
	}
	return fmt.Sprintf("You have an error in your SQL syntax; check the manual that corresponds to your MySQL "+
		"server version for the right syntax to use near '%s' at line %d", rest, 1+strings.Count(query[:start], "\n"))
}

// maskedEnd is what the text from start on is in a statement without its
// passwords. Where that begins inside of one, it is the whole statement.
func maskedEnd(query, masked string, start int) string {
	same := 0 // from the beginning
	for same < min(start, len(masked)) && query[same] == masked[same] {
		same++
	}
	if same == start {
		return masked[start:]
	}
	rest := query[start:] // behind all passwords
	if strings.HasSuffix(masked, rest) && replstmt.Masks(query[:start]) == masked[:len(masked)-len(rest)] {
		return rest
	}
	return masked
}

// clauseOf guesses the clause that MySQL names in error 1054: the last keyword
// of the statement before the column's name.
func clauseOf(query, column string) string {
	name := column
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		name = name[i+1:]
	}
	before, _, found := strings.Cut(strings.ToLower(query), strings.ToLower(name))
	if !found {
		return "field list"
	}
	clause := "field list"
	words := strings.FieldsFunc(before, func(r rune) bool { return !(r == '_' || r >= 'a' && r <= 'z') })
	for i, w := range words {
		switch w {
		case "select", "set", "values":
			clause = "field list"
		case "where":
			clause = "where clause"
		case "on", "using":
			clause = "on clause"
		case "having":
			clause = "having clause"
		case "by":
			if i > 0 && words[i-1] == "order" {
				clause = "order clause"
			} else if i > 0 && words[i-1] == "group" {
				clause = "group statement"
			}
		}
	}
	return clause
}

// qualified puts the default database before a table's name.
func qualified(table string, st Statement) string {
	table = strings.Trim(table, "`")
	if st.Database == "" || strings.Contains(table, ".") {
		return table
	}
	return st.Database + "." + table
}

// begins reports whether the statement's first words are those of verb.
func begins(query, verb string) bool {
	words, want := strings.Fields(query), strings.Fields(verb)
	if len(words) < len(want) {
		return false
	}
	for i, w := range want {
		if !strings.EqualFold(words[i], w) {
			return false
		}
	}
	return true
}
