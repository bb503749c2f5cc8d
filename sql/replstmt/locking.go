package replstmt

// LockMode is the strength of a SELECT's locking clause.
type LockMode uint8

const (
	NoLock    LockMode = iota
	ForUpdate          // exclusive row locks
	ForShare           // shared row locks; also LOCK IN SHARE MODE
)

// LockWait says what a locking SELECT does with a row that is locked.
type LockWait uint8

const (
	LockWaits  LockWait = iota // wait up to innodb_lock_wait_timeout
	NoWait                     // fail with error 3572
	SkipLocked                 // leave the row out
)

// Locking is the locking clause of a SELECT, or several in one.
type Locking struct {
	Mode   LockMode
	Wait   LockWait
	Of     []string // tables or aliases; nil = all
	Nested bool     // some stand in parentheses, of a subquery
}

// LockingClause returns the locking clause of the first statement of sql: of
// its SELECT (also after WITH, INSERT or REPLACE) and of subqueries, if it is one
// that reads rows. Of several, it returns the strongest mode and all the tables
// named. Without a clause it does not allocate.
func LockingClause(sql string) Locking {
	l := lexer{sql: sql}
	t := l.next()
	depth := 0 // of parentheses, not counting those around the statement
	for l.punct(t, '(') {
		t = l.next()
	}
	if !l.isAny(t, "SELECT", "WITH", "TABLE") && !(l.isAny(t, "INSERT", "REPLACE", "UPDATE", "DELETE", "SET") && containsFold(sql, "SELECT")) {
		return Locking{}
	}
	var found Locking
	for {
		t := l.next()
		switch {
		case t.kind == tokEOF || l.punct(t, ';'):
			return found
		case l.punct(t, '('):
			depth++
		case l.punct(t, ')'):
			depth--
		default:
			if clause, _, ok := l.lockClause(t); ok {
				clause.Nested = depth > 0
				found = found.join(clause)
			}
		}
	}
}

// join adds a further clause of the same statement.
func (k Locking) join(c Locking) Locking {
	if k.Mode == NoLock {
		return c
	}
	if c.Mode == ForUpdate {
		k.Mode = ForUpdate
	}
	if k.Wait == LockWaits {
		k.Wait = c.Wait
	}
	if k.Of == nil || c.Of == nil {
		k.Of = nil
	} else {
		k.Of = append(k.Of[:len(k.Of):len(k.Of)], c.Of...)
	}
	k.Nested = k.Nested || c.Nested
	return k
}

// lockClause parses a locking clause that begins with t and leaves the lexer
// behind it; end is the offset behind its last word. If t begins none, the
// lexer stays where it is.
func (l *lexer) lockClause(t token) (k Locking, end int, ok bool) {
	start := *l
	switch {
	case l.is(t, "FOR"):
		strength := l.next()
		switch {
		case l.is(strength, "UPDATE"):
			k.Mode = ForUpdate
		case l.is(strength, "SHARE"):
			k.Mode = ForShare
		default:
			*l = start
			return Locking{}, 0, false
		}
		end = l.lockOptions(&k, strength.end)
		return k, end, true
	case l.is(t, "LOCK"):
		if l.is(l.next(), "IN") && l.is(l.next(), "SHARE") {
			if mode := l.next(); l.is(mode, "MODE") {
				return Locking{Mode: ForShare}, mode.end, true
			}
		}
		*l = start
	}
	return Locking{}, 0, false
}

// lockOptions reads [OF table [, table]] [NOWAIT | SKIP LOCKED].
func (l *lexer) lockOptions(k *Locking, end int) int {
	before := *l
	t := l.next()
	if l.is(t, "OF") {
		for {
			name := l.next()
			end, before = name.end, *l
			t = l.next()
			if l.punct(t, '.') { // database.table
				name = l.next()
				end, before = name.end, *l
				t = l.next()
			}
			switch {
			case name.kind == tokWord:
				k.Of = append(k.Of, l.text(name))
			case name.kind == tokQuoted && !name.open:
				k.Of = append(k.Of, unquote(l.text(name)))
			}
			if !l.punct(t, ',') {
				break
			}
		}
	}
	switch {
	case l.is(t, "NOWAIT"):
		k.Wait = NoWait
		return t.end
	case l.is(t, "SKIP"):
		if t = l.next(); l.is(t, "LOCKED") {
			k.Wait = SkipLocked
			return t.end
		}
	}
	*l = before
	return end
}

// RewriteForShare turns every FOR SHARE, at any depth, into LOCK IN SHARE MODE,
// the only spelling that the engine's grammar has, takes OF away, which the
// engine resolves wrongly, and all but the first clause where several follow
// each other. What else the dropped text said (NOWAIT, SKIP LOCKED) LockingClause
// tells of the whole statement. changed is false, and out is sql, if there is
// none.
func RewriteForShare(sql string) (out string, changed bool) {
	if !containsFold(sql, "SHARE") && !containsFold(sql, "FOR") {
		return sql, false
	}
	l := lexer{sql: sql}
	var edits []edit
	behind := -1 // where the clause before ends
	for {
		t := l.next()
		if t.kind == tokEOF {
			break
		}
		if !l.isAny(t, "FOR", "LOCK") {
			behind = -1
			continue
		}
		k, end, ok := l.lockClause(t)
		switch {
		case !ok:
			behind = -1
			continue
		case behind >= 0:
			edits = append(edits, edit{behind, end, ""})
		case k.Mode == ForShare && l.is(t, "FOR"):
			edits = append(edits, edit{t.start, end, "LOCK IN SHARE MODE"})
		case k.Of != nil:
			edits = append(edits, edit{t.start, end, "FOR UPDATE"})
		}
		behind = end
	}
	if len(edits) == 0 {
		return sql, false
	}
	return apply(sql, edits), true
}
