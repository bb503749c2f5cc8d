package replstmt

import (
	"encoding/hex"
	"strings"
)

// purge parses PURGE BINARY LOGS and PURGE MASTER LOGS.
func (p *parser) purge() Statement {
	p.expect("PURGE")
	s := &Purge{Old: p.expectAny("BINARY", "MASTER") == "MASTER"}
	p.expect("LOGS")
	if p.expectAny("TO", "BEFORE") == "TO" {
		s.To = p.str()
	} else {
		s.Before = p.expr()
	}
	return s
}

// flush parses FLUSH. TABLES stands alone; other things may be listed.
func (p *parser) flush() Statement {
	p.expect("FLUSH")
	s := &Flush{Local: p.acceptAny("NO_WRITE_TO_BINLOG", "LOCAL") != ""}
	if p.acceptAny("TABLES", "TABLE") != "" {
		return p.flushTables(s)
	}
	p.flushItem(s)
	for p.acceptPunct(',') {
		p.flushItem(s)
	}
	return s
}

func (p *parser) flushItem(s *Flush) {
	switch p.expectAny("BINARY", "RELAY", "ENGINE", "ERROR", "GENERAL", "SLOW", "LOGS", "PRIVILEGES", "STATUS", "HOSTS",
		"USER_RESOURCES", "OPTIMIZER_COSTS") {
	case "BINARY":
		p.expect("LOGS")
		s.What |= FlushBinaryLogs
	case "RELAY":
		p.expect("LOGS")
		s.What |= FlushRelayLogs
		s.Channel, s.HasChannel = p.channel()
	case "ENGINE":
		p.expect("LOGS")
		s.What |= FlushEngineLogs
	case "ERROR":
		p.expect("LOGS")
		s.What |= FlushErrorLogs
	case "GENERAL":
		p.expect("LOGS")
		s.What |= FlushGeneralLogs
	case "SLOW":
		p.expect("LOGS")
		s.What |= FlushSlowLogs
	case "LOGS":
		s.What |= FlushLogs
	case "PRIVILEGES":
		s.What |= FlushPrivileges
	case "STATUS":
		s.What |= FlushStatus
	case "HOSTS":
		s.What |= FlushHosts
	case "USER_RESOURCES":
		s.What |= FlushUserResources
	case "OPTIMIZER_COSTS":
		s.What |= FlushOptimizerCosts
	}
}

func (p *parser) flushTables(s *Flush) Statement {
	s.What = FlushTables
	switch {
	case p.atEnd() || p.see("WITH"):
	case p.see("FOR"): // needs tables before it
		p.fail()
	default:
		s.Tables = p.tables()
	}
	switch {
	case p.accept("WITH"):
		p.expect("READ", "LOCK")
		s.ReadLock = true
	case len(s.Tables) > 0 && p.accept("FOR"):
		p.expect("EXPORT")
		s.ForExport = true
	}
	return s
}

// kill parses KILL [CONNECTION|QUERY] expression.
func (p *parser) kill() Statement {
	p.expect("KILL")
	s := &Kill{Query: p.acceptAny("CONNECTION", "QUERY") == "QUERY"}
	start := *p
	if p.tok.kind == tokNumber {
		if s.ID = p.number(); p.err == nil && p.atEnd() {
			return s
		}
	} else if p.accept("CONNECTION_ID") && p.acceptPunct('(') && p.acceptPunct(')') && p.atEnd() {
		s.Self = true
		return s
	}
	*p = start
	s.ID, s.Expr = 0, p.expr()
	return s
}

// lock parses LOCK INSTANCE FOR BACKUP and LOCK TABLES.
func (p *parser) lock() Statement {
	p.expect("LOCK")
	if p.accept("INSTANCE") {
		p.expect("FOR", "BACKUP")
		return &LockInstance{}
	}
	p.expectAny("TABLES", "TABLE")
	s := &LockTables{Tables: []TableLock{p.tableLock()}}
	for p.acceptPunct(',') {
		s.Tables = append(s.Tables, p.tableLock())
	}
	return s
}

// tableLock requires table [[AS] alias] {READ [LOCAL] | [LOW_PRIORITY] WRITE}.
func (p *parser) tableLock() TableLock {
	t := TableLock{Table: p.table()}
	if p.accept("AS") || !p.see("READ") && !p.see("WRITE") && !p.see("LOW_PRIORITY") {
		t.Alias = p.name()
	}
	switch p.expectAny("READ", "WRITE", "LOW_PRIORITY") {
	case "READ":
		p.accept("LOCAL")
	case "WRITE":
		t.Write = true
	case "LOW_PRIORITY":
		p.expect("WRITE")
		t.Write = true
	}
	return t
}

// unlock parses UNLOCK INSTANCE and UNLOCK TABLES.
func (p *parser) unlock() Statement {
	p.expect("UNLOCK")
	if p.expectAny("INSTANCE", "TABLES", "TABLE") == "INSTANCE" {
		return &UnlockInstance{}
	}
	return &UnlockTables{}
}

// binlog parses BINLOG 'base64'; MariaDB also writes two strings.
func (p *parser) binlog() Statement {
	p.expect("BINLOG")
	s := &Binlog{Data: []string{p.str()}}
	if p.acceptPunct(',') {
		s.Data = append(s.Data, p.str())
	}
	return s
}

// checksum parses CHECKSUM TABLE.
func (p *parser) checksum() Statement {
	p.expect("CHECKSUM")
	p.expectAny("TABLE", "TABLES")
	s := &ChecksumTable{Tables: p.tables()}
	switch p.acceptAny("QUICK", "EXTENDED") {
	case "QUICK":
		s.Quick = true
	case "EXTENDED":
		s.Extended = true
	}
	return s
}

// maintain parses CHECK, ANALYZE, OPTIMIZE and REPAIR TABLE.
func (p *parser) maintain() Statement {
	s := &MaintainTable{Verb: p.expectAny("CHECK", "ANALYZE", "OPTIMIZE", "REPAIR")}
	if s.Verb != "CHECK" {
		p.acceptAny("NO_WRITE_TO_BINLOG", "LOCAL") // they are not logged
	}
	p.expectAny("TABLE", "TABLES")
	s.Tables = p.tables()
	switch s.Verb {
	case "CHECK":
		for p.acceptAny("QUICK", "FAST", "MEDIUM", "EXTENDED", "CHANGED", "FOR") == "FOR" {
			p.expect("UPGRADE")
		}
	case "REPAIR":
		for p.acceptAny("QUICK", "EXTENDED", "USE_FRM") != "" {
		}
	case "ANALYZE":
		if p.acceptAny("UPDATE", "DROP") != "" {
			return &NotSupported{Feature: "ANALYZE TABLE ... HISTOGRAM"}
		}
	}
	return s
}

// showEngine parses SHOW ENGINE name STATUS | MUTEX | LOGS.
func (p *parser) showEngine() Statement {
	p.expect("SHOW")
	p.expect("ENGINE")
	s := &ShowEngine{Engine: p.name()}
	s.What = p.expectAny("STATUS", "MUTEX", "LOGS")
	return s
}

// shutdown parses SHUTDOWN.
func (p *parser) shutdown() Statement {
	p.expect("SHUTDOWN")
	return &Shutdown{}
}

// xa parses the XA statements.
func (p *parser) xa() Statement {
	p.expect("XA")
	s := &XA{}
	switch p.expectAny("START", "BEGIN", "END", "PREPARE", "COMMIT", "ROLLBACK", "RECOVER") {
	case "START", "BEGIN":
		s.Verb = XAStart
		p.xid(s)
		switch p.acceptAny("JOIN", "RESUME") {
		case "JOIN":
			s.Join = true
		case "RESUME":
			s.Resume = true
		}
	case "END":
		s.Verb = XAEnd
		p.xid(s)
		if p.accept("SUSPEND") {
			s.Suspend = true
			if p.accept("FOR") {
				p.expect("MIGRATE")
				s.Migrate = true
			}
		}
	case "PREPARE":
		s.Verb = XAPrepare
		p.xid(s)
	case "COMMIT":
		s.Verb = XACommit
		p.xid(s)
		if p.accept("ONE") {
			p.expect("PHASE")
			s.OnePhase = true
		}
	case "ROLLBACK":
		s.Verb = XARollback
		p.xid(s)
	case "RECOVER":
		s.Verb = XARecover
		if p.accept("CONVERT") {
			p.expect("XID")
			s.Convert = true
		}
	}
	return s
}

// xid reads gtrid [, bqual [, formatID]].
func (p *parser) xid(s *XA) {
	s.FormatID = 1
	start := p.tok.start
	s.GTRID = p.bytes()
	if p.acceptPunct(',') {
		s.BQUAL = p.bytes()
		if p.acceptPunct(',') {
			s.FormatID = p.number()
		}
	}
	const maxPart = 64
	if p.err == nil && (len(s.GTRID) > maxPart || len(s.BQUAL) > maxPart) {
		p.failAt(start)
	}
}

// bytes requires a string, X'hex' or 0xhex.
func (p *parser) bytes() string {
	text, ok := "", false
	switch {
	case p.see("X"):
		p.advance()
		if p.tok.kind == tokString {
			text, ok = unquote(p.text(p.tok)), true
		}
	case p.tok.kind == tokNumber:
		if text, ok = strings.CutPrefix(p.text(p.tok), "0x"); ok && len(text)%2 != 0 {
			text = "0" + text
		}
	default:
		return p.str()
	}
	b, err := hex.DecodeString(text)
	if !ok || err != nil {
		p.fail()
		return ""
	}
	p.advance()
	return string(b)
}
