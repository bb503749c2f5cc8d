package auth

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/dolthub/go-mysql-server/sql/mysql_db"
	"github.com/dolthub/vitess/go/mysql"
)

// RewriteStatement replaces passwords in an account statement by their hashes
// with a fresh salt: CREATE USER, ALTER USER, SET PASSWORD and GRANT …
// IDENTIFIED BY. The server executes the returned text and writes the same text
// to the binlog, so that primary and replicas store the same hash. changed is
// false, and the text as given, for any other statement. Of several statements
// the first is rewritten; what follows stays as it is.
//
//	CREATE USER u IDENTIFIED BY 'pw'   IDENTIFIED WITH 'caching_sha2_password' AS '$A$005$…'
//	CREATE USER u                      IDENTIFIED WITH 'caching_sha2_password'
//	… IDENTIFIED WITH p BY 'pw'        IDENTIFIED WITH 'p' AS '<hash>'
//	… IDENTIFIED WITH p AS 0x24…       IDENTIFIED WITH 'p' AS '$…'
//	… IDENTIFIED BY PASSWORD '*HEX'    IDENTIFIED WITH 'mysql_native_password' AS '*HEX'
//	… IDENTIFIED VIA p USING 'hash'    IDENTIFIED WITH 'p' AS 'hash'   (MariaDB)
//	SET PASSWORD [FOR u] = 'pw'        ALTER USER u IDENTIFIED WITH …
//
// ALTER USER and SET PASSWORD keep the account's plugin where the statement
// names none, as MySQL does. currentUser and currentHost are the account of the
// session (CURRENT_USER), for statements that name none; empty where unknown.
//
// Errors are *mysql.SQLError with MySQL's number and text. Statements that
// nothing can be made of pass unchanged: the parser refuses them.
func (a *Accounts) RewriteStatement(query, currentUser, currentHost string) (text string, changed bool, err error) {
	if !mayBeAccountStatement(query) {
		return query, false, nil
	}
	r := rewriter{a: a, query: query, t: tokens(query), user: currentUser, host: currentHost}
	switch {
	case r.t[0].is("CREATE") && r.at(1).is("USER"),
		r.t[0].is("CREATE") && r.at(1).is("OR") && r.at(2).is("REPLACE") && r.at(3).is("USER"):
		r.create = true
		err = r.accounts(2)
	case r.t[0].is("ALTER") && r.at(1).is("USER"):
		err = r.accounts(2)
	case r.t[0].is("GRANT"):
		err = r.accounts(1)
	case r.t[0].is("SET") && r.at(1).is("PASSWORD"):
		return r.setPassword()
	default:
		return query, false, nil
	}
	if err != nil {
		return "", false, err
	}
	return r.result(), len(r.edits) > 0, nil
}

// mayBeAccountStatement is a cheap test that spares all other statements.
func mayBeAccountStatement(q string) bool {
	l := lexer{s: q}
	t := l.next()
	for _, w := range []string{"CREATE", "ALTER", "GRANT", "SET"} {
		if t.is(w) {
			// GRANT has the account anywhere.
			t2 := l.next()
			return w == "GRANT" || t2.is("USER") || t2.is("OR") || t2.is("PASSWORD")
		}
	}
	return false
}

// edit replaces [pos, end) of the statement.
type edit struct {
	pos, end int
	text     string
}

// rewriter walks the tokens of one statement and collects edits.
type rewriter struct {
	a          *Accounts
	query      string
	t          []token
	user, host string
	create     bool
	edits      []edit
}

// at returns token i, the end where there are fewer.
func (r *rewriter) at(i int) token { return r.t[min(i, len(r.t)-1)] }

func (r *rewriter) result() string {
	var b strings.Builder
	pos := 0
	for _, e := range r.edits {
		b.WriteString(r.query[pos:e.pos])
		b.WriteString(e.text)
		pos = e.end
	}
	b.WriteString(r.query[pos:])
	return b.String()
}

// account is a name that a statement carries, and where it ends.
type account struct {
	user, host string
	known      bool // a name stands before the clause
	end        int  // offset behind it
}

// accounts edits every authentication clause from token i on.
func (r *rewriter) accounts(i int) error {
	if r.at(i).is("IF") {
		for i++; r.at(i).is("NOT") || r.at(i).is("EXISTS"); i++ {
		}
	}
	if r.create || r.t[0].is("ALTER") {
		return r.accountList(i)
	}
	// GRANT … TO account IDENTIFIED …: as old servers log it.
	for ; r.at(i).kind != tokEnd && r.at(i).text != ";"; i++ {
		if !r.at(i).is("TO") {
			continue
		}
		return r.accountList(i + 1)
	}
	return nil
}

// accountList reads account [clause], account [clause] …
func (r *rewriter) accountList(i int) error {
	for {
		acc, next, ok := r.account(i)
		if !ok {
			return nil
		}
		i = next
		var err error
		if r.at(i).is("IDENTIFIED") {
			if i, err = r.clause(i, acc); err != nil {
				return err
			}
		} else if r.create {
			r.edits = append(r.edits, edit{acc.end, acc.end, " IDENTIFIED WITH " + quote(DefaultPlugin)})
		}
		if r.at(i).text != "," || r.at(i).kind != tokPunct {
			return nil
		}
		i++
	}
}

// account reads user[@host] or CURRENT_USER[()] at token i.
func (r *rewriter) account(i int) (acc account, next int, ok bool) {
	t := r.at(i)
	if !t.name() {
		return acc, i, false
	}
	if t.is("CURRENT_USER") || t.is("USER") && r.at(i+1).text == "(" {
		acc = account{user: r.user, host: r.host, known: true, end: t.end}
		i++
		if r.at(i).text == "(" && r.at(i+1).text == ")" {
			acc.end = r.at(i + 1).end
			i += 2
		}
		return acc, i, true
	}
	acc = account{user: t.text, host: "%", known: true, end: t.end}
	i++
	if r.at(i).text == "@" && r.at(i+1).name() {
		i++
		acc.host, acc.end = r.at(i).text, r.at(i).end
		i++
		// A bare host such as db-1.example.org is several tokens.
		for r.at(i).pos == acc.end && (r.at(i).kind == tokWord || r.at(i).text == "." || r.at(i).text == "-") {
			acc.host += r.query[r.at(i).pos:r.at(i).end]
			acc.end = r.at(i).end
			i++
		}
	}
	return acc, i, true
}

// clause rewrites IDENTIFIED … at token i and returns the token behind it.
func (r *rewriter) clause(i int, acc account) (int, error) {
	start := r.at(i).pos
	i++
	plugin := ""
	if (r.at(i).is("WITH") || r.at(i).is("VIA")) && r.at(i+1).name() {
		plugin = r.at(i + 1).text
		i += 2
	}
	by, as := r.at(i).is("BY"), r.at(i).is("AS") || r.at(i).is("USING")
	if !by && !as {
		if plugin == "" {
			return i, nil // not a clause we know; the parser says so
		}
		return i, r.emit(start, r.at(i-1).end, plugin, "")
	}
	i++
	switch {
	case by && r.at(i).is("RANDOM"):
		return i, mysql.NewSQLError(mysql.ERNotSupportedYet, "42000",
			"This version of MySQL doesn't yet support 'IDENTIFIED BY RANDOM PASSWORD'")
	case by && r.at(i).is("PASSWORD") && r.at(i+1).kind == tokString:
		i++
		by = false
		if plugin == "" {
			plugin = NativePassword
		}
	case as && r.at(i).is("PASSWORD") && r.at(i+1).text == "(" && r.at(i+2).kind == tokString:
		// MariaDB: USING PASSWORD('clear text')
		i += 2
		by = true
	}
	secret, ok := r.at(i).literal()
	if !ok {
		return i, nil
	}
	if r.at(i-1).text == "(" && r.at(i+1).text == ")" {
		i++
	}
	end := r.at(i).end
	if plugin == "" {
		plugin = r.pluginOf(acc)
	}
	if by {
		h, err := hashFor(plugin, secret)
		if err != nil {
			return i, err
		}
		secret = h
	}
	return i + 1, r.emit(start, end, plugin, secret)
}

// literal returns the value of a string or hexadecimal literal.
func (t token) literal() (string, bool) {
	switch t.kind {
	case tokString:
		return t.text, true
	case tokHex:
		b, err := hex.DecodeString(t.text)
		return string(b), err == nil
	}
	return "", false
}

// pluginOf returns the plugin where a statement names none.
func (r *rewriter) pluginOf(acc account) string {
	if r.create || !acc.known {
		return DefaultPlugin
	}
	return r.a.pluginOf(acc.user, acc.host)
}

// emit adds the canonical clause in place of [pos, end).
func (r *rewriter) emit(pos, end int, plugin, stored string) error {
	plugin = strings.ToLower(plugin)
	if plugin != NativePassword && plugin != CachingSHA2Password {
		return mysql.NewSQLError(1524, "HY000", "Plugin '%s' is not loaded", plugin)
	}
	if CheckHash(plugin, stored) != nil {
		return mysql.NewSQLError(1827, "HY000", "The password hash doesn't have the expected format.")
	}
	text := "IDENTIFIED WITH " + quote(plugin)
	if stored != "" {
		text += " AS " + quote(stored)
	}
	r.edits = append(r.edits, edit{pos, end, text})
	return nil
}

func hashFor(plugin, password string) (string, error) {
	h, err := Hash(strings.ToLower(plugin), password)
	switch {
	case err == nil:
		return h, nil
	case len(password) > MaxPassword:
		return "", mysql.NewSQLError(mysql.ERUnknownError, "HY000", "Password is too long: at most %d bytes", MaxPassword)
	}
	return "", mysql.NewSQLError(1524, "HY000", "Plugin '%s' is not loaded", plugin)
}

// setPassword rewrites SET PASSWORD [FOR account] = 'pw' (or = PASSWORD('pw')).
func (r *rewriter) setPassword() (string, bool, error) {
	i := 2
	acc := account{user: r.user, host: r.host, known: r.user != ""}
	if r.at(i).is("FOR") {
		var ok bool
		if acc, i, ok = r.account(i + 1); !ok {
			return r.query, false, nil
		}
	}
	if r.at(i).text != "=" || !acc.known {
		return r.query, false, nil
	}
	i++
	call := r.at(i).is("PASSWORD") && r.at(i+1).text == "("
	if call {
		i += 2
	}
	pw, ok := r.at(i).literal()
	if !ok {
		return r.query, false, nil
	}
	if call && r.at(i+1).text == ")" {
		i++
	}
	plugin := r.a.pluginOf(acc.user, acc.host)
	h, err := hashFor(plugin, pw)
	if err != nil {
		return "", false, err
	}
	text := fmt.Sprintf("ALTER USER %s@%s IDENTIFIED WITH %s", quote(acc.user), quote(acc.host), quote(plugin))
	if h != "" {
		text += " AS " + quote(h)
	}
	return text + r.query[r.at(i).end:], true, nil
}

// pluginOf returns the plugin of exactly this account; the default if there is
// no such account.
func (a *Accounts) pluginOf(user, host string) string {
	rd := a.db.Reader()
	defer rd.Close()
	if u, ok := rd.GetUser(userKey(user, host)); ok && u.Plugin != "" {
		return u.Plugin
	}
	return DefaultPlugin
}

// userKey is the key of an account's row.
func userKey(user, host string) mysql_db.UserPrimaryKey {
	return mysql_db.UserPrimaryKey{User: user, Host: host}
}
