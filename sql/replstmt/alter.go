package replstmt

import "strings"

// AlterKind is what a clause of ALTER TABLE does.
type AlterKind uint8

const (
	AddColumn         AlterKind = iota // Def, First, After
	ChangeColumn                       // Name → Def, First, After; MODIFY has no Name
	DropColumn                         // Name
	RenameColumn                       // Name → To
	SetDefault                         // Name, Def: the expression
	DropDefault                        // Name
	ColumnVisibility                   // Name, On
	AddIndex                           // Def: from INDEX, UNIQUE, PRIMARY KEY, CONSTRAINT …
	DropIndex                          // Name; PRIMARY for the primary key
	RenameIndex                        // Name → To
	IndexVisibility                    // Name, On
	AddCheck                           // Def: from CHECK or CONSTRAINT
	DropCheck                          // Name
	DropConstraint                     // Name: of a check, key or foreign key
	EnforceCheck                       // Name, On; On is false for NOT ENFORCED
	EnforceConstraint                  // the same, for ALTER CONSTRAINT
	AddForeignKey                      // Def: from FOREIGN KEY or CONSTRAINT
	DropForeignKey                     // Name
	RenameTable                        // Table
	Convert                            // CONVERT TO CHARACTER SET Name COLLATE To; "DEFAULT" is the database's
	TableOption                        // Name = To
	OrderRows                          // ORDER BY
	TableKeys                          // ENABLE or DISABLE KEYS
	Partitioning                       // any clause about partitions
	Tablespace                         // DISCARD or IMPORT TABLESPACE
)

// AlterClause is one clause. Which fields count depends on Kind.
type AlterClause struct {
	Kind  AlterKind
	Name  string
	To    string
	Def   string // text for the engine's parser
	At    int    // offset of Def in the statement
	First bool   // FIRST
	After string // AFTER column
	On    bool
	// Invisible: the column is declared so, which the engine's parser drops.
	Invisible bool
	Table     Table
}

// AlterTable is ALTER TABLE, CREATE INDEX or DROP INDEX, cut into clauses.
// Definitions of columns, keys and constraints are left to the engine's parser.
type AlterTable struct {
	Table     Table
	Index     bool // CREATE INDEX or DROP INDEX
	Clauses   []AlterClause
	Algorithm string // DEFAULT, INSTANT, INPLACE, COPY, or "" = not given
	Lock      string // DEFAULT, NONE, SHARED, EXCLUSIVE, or ""
	Force     bool
}

// Name implements Statement.
func (s *AlterTable) Name() string { return "ALTER TABLE" }

// ParseAlter parses the first statement of sql if it is ALTER TABLE, CREATE
// INDEX or DROP INDEX, in the way of Parse.
func ParseAlter(sql string) (stmt *AlterTable, remainder int, ok bool, err error) {
	first, ok := classifyAlter(sql)
	if !ok {
		return nil, 0, false, nil
	}
	p := &parser{lexer: lexer{sql: sql}}
	p.advance()
	stmt = first(p)
	if p.err == nil {
		p.end()
	}
	if p.err != nil {
		return nil, len(sql), true, p.err
	}
	return stmt, p.pos, true, nil
}

func classifyAlter(sql string) (parse func(*parser) *AlterTable, ok bool) {
	l := lexer{sql: sql}
	t := l.next()
	switch {
	case l.is(t, "ALTER"):
		if t = l.next(); l.isAny(t, "ONLINE", "OFFLINE", "IGNORE") {
			t = l.next()
		}
		return (*parser).alterTable, l.is(t, "TABLE")
	case l.is(t, "CREATE"):
		if t = l.next(); l.isAny(t, "UNIQUE", "FULLTEXT", "SPATIAL", "ONLINE", "OFFLINE") {
			t = l.next()
		}
		return (*parser).createIndex, l.is(t, "INDEX")
	case l.is(t, "DROP"):
		return (*parser).dropIndex, l.is(l.next(), "INDEX")
	}
	return nil, false
}

func (p *parser) alterTable() *AlterTable {
	p.expect("ALTER", "TABLE")
	s := &AlterTable{Table: p.table()}
	if p.atEnd() {
		return s
	}
	for {
		p.alterClause(s)
		if p.err != nil {
			return s
		}
		// Options of a table may follow each other without a comma.
		for n := len(s.Clauses); n > 0 && s.Clauses[n-1].Kind == TableOption && !p.atEnd() &&
			!p.punct(p.tok, ',') && !p.isAny(p.tok, "PARTITION", "REMOVE"); n = len(s.Clauses) {
			p.tableOption(s)
		}
		if p.atEnd() || p.partitioning(s) {
			return s
		}
		p.expectPunct(',')
	}
}

// partitioning reads a clause about partitions, which needs no comma before it.
func (p *parser) partitioning(s *AlterTable) bool {
	if !p.see("PARTITION") && !p.see("REMOVE") {
		return false
	}
	s.add(AlterClause{Kind: Partitioning})
	p.skipRest()
	return true
}

func (s *AlterTable) add(c AlterClause) { s.Clauses = append(s.Clauses, c) }

func (p *parser) alterClause(s *AlterTable) {
	switch {
	case p.accept("ADD"):
		p.alterAdd(s)
	case p.accept("DROP"):
		p.alterDrop(s)
	case p.accept("CHANGE"):
		p.accept("COLUMN")
		c := AlterClause{Kind: ChangeColumn, Name: p.name()}
		p.columnDef(&c)
		s.add(c)
	case p.accept("MODIFY"):
		p.accept("COLUMN")
		c := AlterClause{Kind: ChangeColumn}
		p.columnDef(&c)
		s.add(c)
	case p.accept("ALTER"):
		p.alterAlter(s)
	case p.accept("RENAME"):
		p.alterRename(s)
	case p.accept("CONVERT"):
		p.expect("TO")
		if !p.accept("CHARSET") {
			p.expectAny("CHARACTER", "CHAR")
			p.expect("SET")
		}
		c := AlterClause{Kind: Convert, Name: p.word()}
		if p.accept("COLLATE") {
			c.To = p.word()
		}
		s.add(c)
	case p.accept("ORDER"):
		p.expect("BY")
		p.skipClause()
		s.add(AlterClause{Kind: OrderRows})
	case p.see("ENABLE"), p.see("DISABLE"):
		p.advance()
		p.expect("KEYS")
		s.add(AlterClause{Kind: TableKeys})
	case p.see("DISCARD"), p.see("IMPORT"):
		p.advance()
		if p.see("PARTITION") {
			p.partitioning(s)
			return
		}
		p.expect("TABLESPACE")
		s.add(AlterClause{Kind: Tablespace})
	case p.see("WITH"), p.see("WITHOUT"):
		p.advance()
		p.expect("VALIDATION") // nothing here is checked or not by it
	case p.accept("FORCE"):
		s.Force = true
	case p.accept("ALGORITHM"):
		p.acceptPunct('=')
		s.Algorithm = p.expectAny("DEFAULT", "INSTANT", "INPLACE", "COPY")
	case p.accept("LOCK"):
		p.acceptPunct('=')
		s.Lock = p.expectAny("DEFAULT", "NONE", "SHARED", "EXCLUSIVE")
	case p.isAny(p.tok, "PARTITION", "REMOVE", "TRUNCATE", "COALESCE", "REORGANIZE", "EXCHANGE",
		"ANALYZE", "CHECK", "OPTIMIZE", "REBUILD", "REPAIR", "UPGRADE", "SECONDARY_LOAD", "SECONDARY_UNLOAD"):
		s.add(AlterClause{Kind: Partitioning})
		p.skipRest()
	default:
		p.tableOption(s)
	}
}

func (p *parser) alterAdd(s *AlterTable) {
	switch {
	case p.see("PARTITION"):
		p.partitioning(s)
	case p.isAny(p.tok, "INDEX", "KEY", "UNIQUE", "PRIMARY", "FULLTEXT", "SPATIAL", "CONSTRAINT", "CHECK", "FOREIGN"):
		c := AlterClause{Kind: AddIndex, At: p.tok.start}
		switch {
		case p.see("CHECK"):
			c.Kind = AddCheck
		case p.see("FOREIGN"):
			c.Kind = AddForeignKey
		case p.accept("CONSTRAINT"):
			if !p.isAny(p.tok, "PRIMARY", "UNIQUE", "FOREIGN", "CHECK") {
				p.name()
			}
			switch {
			case p.see("CHECK"):
				c.Kind = AddCheck
			case p.see("FOREIGN"):
				c.Kind = AddForeignKey
			case !p.see("PRIMARY") && !p.see("UNIQUE"):
				p.fail()
			}
		}
		end := p.skipClause()
		c.Def = p.sql[c.At:end]
		s.add(c)
	default:
		p.accept("COLUMN")
		if !p.acceptPunct('(') {
			c := AlterClause{Kind: AddColumn}
			p.columnDef(&c)
			s.add(c)
			return
		}
		for {
			c := AlterClause{Kind: AddColumn}
			p.columnDef(&c)
			s.add(c)
			if !p.acceptPunct(',') {
				break
			}
		}
		p.expectPunct(')')
	}
}

// columnDef takes a column's definition, up to the comma or parenthesis that
// ends it, or FIRST or AFTER.
func (p *parser) columnDef(c *AlterClause) {
	c.At = p.tok.start
	end := p.tok.end
	p.name()
	depth := 0
	for !p.atEnd() && !(depth == 0 && (p.punct(p.tok, ',') || p.isAny(p.tok, "FIRST", "AFTER", "PARTITION"))) {
		switch {
		case p.punct(p.tok, '('):
			depth++
		case p.punct(p.tok, ')') && depth == 0:
			c.Def = p.sql[c.At:end]
			return
		case p.punct(p.tok, ')'):
			depth--
		case p.see("INVISIBLE"):
			c.Invisible = true
		}
		end = p.tok.end
		p.advance()
	}
	if p.err == nil {
		c.Def = p.sql[c.At:end]
	}
	switch {
	case p.accept("FIRST"):
		c.First = true
	case p.accept("AFTER"):
		c.After = p.name()
	}
}

// skipClause moves to the comma or parenthesis that ends a clause and returns
// the offset of its end.
func (p *parser) skipClause() (end int) {
	end = p.tok.start
	for depth := 0; !p.atEnd(); p.advance() {
		switch {
		case p.punct(p.tok, '('):
			depth++
		case p.punct(p.tok, ')'):
			if depth--; depth < 0 {
				return end
			}
		case p.punct(p.tok, ',') && depth == 0:
			return end
		}
		end = p.tok.end
	}
	return min(end, len(p.sql))
}

func (p *parser) alterDrop(s *AlterTable) {
	switch {
	case p.accept("PRIMARY"):
		p.expect("KEY")
		s.add(AlterClause{Kind: DropIndex, Name: "PRIMARY"})
	case p.accept("FOREIGN"):
		p.expect("KEY")
		s.add(AlterClause{Kind: DropForeignKey, Name: p.name()})
	case p.accept("INDEX"), p.accept("KEY"):
		s.add(AlterClause{Kind: DropIndex, Name: p.name()})
	case p.accept("CHECK"):
		s.add(AlterClause{Kind: DropCheck, Name: p.name()})
	case p.accept("CONSTRAINT"):
		s.add(AlterClause{Kind: DropConstraint, Name: p.name()})
	case p.see("PARTITION"):
		p.partitioning(s)
	default:
		p.accept("COLUMN")
		s.add(AlterClause{Kind: DropColumn, Name: p.name()})
		p.acceptAny("RESTRICT", "CASCADE")
	}
}

func (p *parser) alterAlter(s *AlterTable) {
	switch {
	case p.accept("INDEX"):
		name := p.name()
		s.add(AlterClause{Kind: IndexVisibility, Name: name, On: p.expectAny("VISIBLE", "INVISIBLE") == "VISIBLE"})
	case p.see("CHECK"), p.see("CONSTRAINT"):
		kind := EnforceCheck
		if p.expectAny("CHECK", "CONSTRAINT") == "CONSTRAINT" {
			kind = EnforceConstraint
		}
		name := p.name()
		not := p.accept("NOT")
		p.expect("ENFORCED")
		s.add(AlterClause{Kind: kind, Name: name, On: !not})
	default:
		p.accept("COLUMN")
		c := AlterClause{Name: p.name()}
		switch {
		case p.accept("DROP"):
			p.expect("DEFAULT")
			c.Kind = DropDefault
		case p.accept("SET") && p.isAny(p.tok, "VISIBLE", "INVISIBLE"):
			c.Kind, c.On = ColumnVisibility, p.expectAny("VISIBLE", "INVISIBLE") == "VISIBLE"
		default:
			p.expect("DEFAULT")
			c.Kind, c.At = SetDefault, p.tok.start
			c.Def = p.sql[c.At:p.skipClause()]
		}
		s.add(c)
	}
}

func (p *parser) alterRename(s *AlterTable) {
	c := AlterClause{Kind: RenameTable}
	switch {
	case p.accept("COLUMN"):
		c.Kind = RenameColumn
	case p.accept("INDEX"), p.accept("KEY"):
		c.Kind = RenameIndex
	default:
		if !p.accept("TO") && !p.accept("AS") {
			p.acceptPunct('=')
		}
		c.Table = p.table()
		s.add(c)
		return
	}
	c.Name = p.name()
	p.expect("TO")
	c.To = p.name()
	s.add(c)
}

// tableOption reads NAME [=] value. Of names of several words the last counts.
func (p *parser) tableOption(s *AlterTable) {
	if p.tok.kind != tokWord {
		p.fail()
		return
	}
	p.accept("DEFAULT")
	name := strings.ToUpper(p.text(p.tok))
	switch {
	case p.accept("CHARACTER"), p.accept("CHAR"):
		p.expect("SET")
		name = "CHARSET"
	case p.accept("DATA"), p.accept("INDEX"):
		name += " DIRECTORY"
		p.expect("DIRECTORY")
	case p.see("UNION"):
		p.advance()
		p.acceptPunct('=')
		p.skipClause()
		s.add(AlterClause{Kind: TableOption, Name: name})
		return
	default:
		if !tableOptions[name] {
			p.fail()
			return
		}
		p.advance()
	}
	p.acceptPunct('=')
	s.add(AlterClause{Kind: TableOption, Name: name, To: p.word()})
}

// tableOptions are the options that MySQL 8.0 knows.
var tableOptions = map[string]bool{
	"AUTOEXTEND_SIZE": true, "AUTO_INCREMENT": true, "AVG_ROW_LENGTH": true, "CHARSET": true, "CHECKSUM": true,
	"COLLATE": true, "COMMENT": true, "COMPRESSION": true, "CONNECTION": true, "DELAY_KEY_WRITE": true,
	"ENCRYPTION": true, "ENGINE": true, "ENGINE_ATTRIBUTE": true, "INSERT_METHOD": true, "KEY_BLOCK_SIZE": true,
	"MAX_ROWS": true, "MIN_ROWS": true, "PACK_KEYS": true, "PASSWORD": true, "ROW_FORMAT": true,
	"SECONDARY_ENGINE": true, "SECONDARY_ENGINE_ATTRIBUTE": true, "STATS_AUTO_RECALC": true, "STATS_PERSISTENT": true,
	"STATS_SAMPLE_PAGES": true, "STORAGE": true, "TABLE_CHECKSUM": true, "TABLESPACE": true,
}

// word requires a word, string or number and returns it.
func (p *parser) word() string {
	switch p.tok.kind {
	case tokString:
		return p.str()
	case tokNumber:
		text := p.text(p.tok)
		p.advance()
		return text
	}
	return p.name()
}

// createIndex reads CREATE [UNIQUE] INDEX name [USING x] ON table (columns)
// options as ALTER TABLE table ADD [UNIQUE] INDEX ….
func (p *parser) createIndex() *AlterTable {
	p.expect("CREATE")
	s := &AlterTable{Index: true}
	kind := p.acceptAny("UNIQUE", "FULLTEXT", "SPATIAL")
	p.expect("INDEX")
	name := p.tok
	p.name()
	using := ""
	if p.accept("USING") {
		using = " USING " + p.expectAny("BTREE", "HASH")
	}
	p.expect("ON")
	s.Table = p.table()
	if !p.punct(p.tok, '(') {
		p.fail()
	}
	at, end := p.tok.start, p.tok.start
	for depth := 0; !p.atEnd(); {
		switch {
		case p.punct(p.tok, '('):
			depth++
		case p.punct(p.tok, ')'):
			depth--
		case depth == 0 && (p.see("ALGORITHM") || p.see("LOCK")):
			p.alterClause(s)
			continue
		}
		end = p.tok.end
		p.advance()
	}
	if p.err != nil {
		return s
	}
	def := "INDEX " + p.text(name) + using + " " + p.sql[at:end]
	if kind != "" {
		def = kind + " " + def
	}
	s.add(AlterClause{Kind: AddIndex, Def: def})
	return s
}

// dropIndex reads DROP INDEX name ON table.
func (p *parser) dropIndex() *AlterTable {
	p.expect("DROP", "INDEX")
	s := &AlterTable{Index: true}
	c := AlterClause{Kind: DropIndex, Name: p.name()}
	p.expect("ON")
	s.Table = p.table()
	for !p.atEnd() {
		if !p.see("ALGORITHM") && !p.see("LOCK") {
			p.fail()
			break
		}
		p.alterClause(s)
	}
	s.add(c)
	return s
}

// InvisibleColumn reports whether CREATE TABLE declares a column INVISIBLE: the
// engine's parser drops the word.
func InvisibleColumn(sql string) bool {
	l := lexer{sql: sql}
	if !l.is(l.next(), "CREATE") {
		return false
	}
	depth, first := 0, false
	for {
		t := l.next()
		switch {
		case t.kind == tokEOF || l.punct(t, ';'):
			return false
		case l.punct(t, '('):
			depth++
			first = depth == 1
			continue
		case l.punct(t, ')'):
			depth--
		case l.punct(t, ',') && depth == 1:
			first = true
			continue
		case first && l.isAny(t, "KEY", "INDEX", "UNIQUE", "PRIMARY", "FULLTEXT", "SPATIAL", "CONSTRAINT"):
			// A key: the engine's parser knows the word there.
			for n := depth; depth > 0 && !(l.punct(t, ',') && depth == n); t = l.next() {
				switch {
				case t.kind == tokEOF:
					return false
				case l.punct(t, '('):
					depth++
				case l.punct(t, ')'):
					depth--
				}
			}
			first = true
			continue
		case depth == 1 && !first && l.is(t, "INVISIBLE"):
			return true
		}
		first = false
	}
}
