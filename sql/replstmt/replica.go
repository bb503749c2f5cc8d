package replstmt

import "binrelay/replica/replstate"

// threads reads [IO_THREAD|SQL_THREAD [, …]]; RELAY_THREAD is an old name of
// IO_THREAD.
func (p *parser) threads() replstate.Threads {
	var t replstate.Threads
	one := func() bool {
		switch p.acceptAny("IO_THREAD", "RELAY_THREAD", "SQL_THREAD") {
		case "IO_THREAD", "RELAY_THREAD":
			t |= replstate.IO
		case "SQL_THREAD":
			t |= replstate.SQL
		default:
			return false
		}
		return true
	}
	if !one() {
		return 0
	}
	for p.acceptPunct(',') {
		if !one() {
			p.fail()
		}
	}
	return t
}

// start parses START SLAVE, START REPLICA and START GROUP_REPLICATION.
func (p *parser) start() Statement {
	p.expect("START")
	s := &StartReplica{}
	switch p.expectAny("SLAVE", "REPLICA", "GROUP_REPLICATION") {
	case "GROUP_REPLICATION":
		p.skipRest()
		return &NotSupported{"START GROUP_REPLICATION"}
	case "SLAVE":
		s.Old = true
	}
	s.Threads = p.threads()
	if p.accept("UNTIL") {
		s.Until = p.until()
	}
	for _, o := range []struct {
		name string
		to   **string
	}{{"USER", &s.User}, {"PASSWORD", &s.Password}, {"DEFAULT_AUTH", &s.DefaultAuth}, {"PLUGIN_DIR", &s.PluginDir}} {
		if p.accept(o.name) {
			p.expectPunct('=')
			text := p.str()
			*o.to = &text
		}
	}
	s.Channel, s.HasChannel = p.channel()
	return s
}

// until parses the conditions after UNTIL.
func (p *parser) until() *Until {
	u := &Until{}
	for {
		switch w := p.expectAny("MASTER_LOG_FILE", "SOURCE_LOG_FILE", "MASTER_LOG_POS", "SOURCE_LOG_POS", "RELAY_LOG_FILE",
			"RELAY_LOG_POS", "SQL_BEFORE_GTIDS", "SQL_AFTER_GTIDS", "SQL_AFTER_MTS_GAPS", "MASTER_GTID_POS"); w {
		case "SQL_AFTER_MTS_GAPS":
			u.AfterGaps = true
		case "MASTER_LOG_POS", "SOURCE_LOG_POS", "RELAY_LOG_POS":
			p.expectPunct('=')
			n := p.number()
			if w == "RELAY_LOG_POS" {
				u.RelayPos = &n
			} else {
				u.SourcePos = &n
			}
		case "":
			return u
		default:
			p.expectPunct('=')
			text := p.str()
			switch w {
			case "RELAY_LOG_FILE":
				u.RelayFile = &text
			case "SQL_BEFORE_GTIDS":
				u.BeforeGTIDs = &text
			case "SQL_AFTER_GTIDS":
				u.AfterGTIDs = &text
			case "MASTER_GTID_POS":
				u.MariaGTIDs = &text
			default:
				u.SourceFile = &text
			}
		}
		if !p.acceptPunct(',') {
			return u
		}
	}
}

// stop parses STOP SLAVE, STOP REPLICA and STOP GROUP_REPLICATION.
func (p *parser) stop() Statement {
	p.expect("STOP")
	s := &StopReplica{}
	switch p.expectAny("SLAVE", "REPLICA", "GROUP_REPLICATION") {
	case "GROUP_REPLICATION":
		return &NotSupported{"STOP GROUP_REPLICATION"}
	case "SLAVE":
		s.Old = true
	}
	s.Threads = p.threads()
	s.Channel, s.HasChannel = p.channel()
	return s
}

// reset parses RESET SLAVE, RESET REPLICA, RESET MASTER and RESET BINARY LOGS
// AND GTIDS.
func (p *parser) reset() Statement {
	p.expect("RESET")
	switch w := p.expectAny("SLAVE", "REPLICA", "MASTER", "BINARY"); w {
	case "SLAVE", "REPLICA":
		s := &ResetReplica{Old: w == "SLAVE", All: p.accept("ALL")}
		s.Channel, s.HasChannel = p.channel()
		return s
	case "BINARY":
		p.expect("LOGS", "AND", "GTIDS")
		return p.resetTo(&ResetBinlog{})
	}
	return p.resetTo(&ResetBinlog{Old: true})
}

// resetTo reads [TO n]; MySQL allows 1 to 2000000000.
func (p *parser) resetTo(s *ResetBinlog) Statement {
	if p.accept("TO") {
		s.To = p.number()
		if p.err == nil && (s.To < 1 || s.To > 2_000_000_000) {
			p.refuse(3567, "The requested value '%d' for the next binary log index is out of range. Please use a value between '1' and '2000000000'.", s.To)
		}
	}
	return s
}

// show parses the SHOW statements that classifyShow lets through.
func (p *parser) show() Statement {
	p.expect("SHOW")
	switch w := p.expectAny("SLAVE", "REPLICA", "REPLICAS", "ALL", "MASTER", "BINARY", "BINLOG", "RELAYLOG", "FULL", "PROCESSLIST", "WARNINGS", "ERRORS", "COUNT"); w {
	case "SLAVE", "REPLICA":
		return p.showReplica(w == "SLAVE")
	case "REPLICAS":
		return &ShowReplicas{}
	case "ALL":
		old := p.expectAny("SLAVES", "REPLICAS") == "SLAVES"
		p.expect("STATUS")
		return &ShowReplicaStatus{Old: old, All: true}
	case "MASTER":
		if p.expectAny("STATUS", "LOGS") == "LOGS" {
			return &ShowBinaryLogs{Old: true}
		}
		return &ShowBinlogStatus{Old: true}
	case "BINARY":
		if p.expectAny("LOGS", "LOG") == "LOGS" {
			return &ShowBinaryLogs{}
		}
		p.expect("STATUS")
		return &ShowBinlogStatus{}
	case "BINLOG":
		if p.expectAny("EVENTS", "STATUS") == "STATUS" {
			return &ShowBinlogStatus{}
		}
		return p.showEvents(&ShowEvents{})
	case "RELAYLOG":
		s := &ShowEvents{Relay: true}
		if p.tok.kind == tokString {
			s.Query.Channel, s.HasChannel = p.str(), true
		}
		p.expect("EVENTS")
		return p.showEvents(s)
	case "FULL":
		p.expect("PROCESSLIST")
		return &ShowProcesslist{Full: true}
	case "WARNINGS", "ERRORS":
		s := &ShowConditions{Errors: w == "ERRORS"}
		if p.accept("LIMIT") {
			n := p.number()
			s.Limit = &n
			if p.acceptPunct(',') {
				s.Offset = n
				*s.Limit = p.number()
			} else if p.accept("OFFSET") {
				s.Offset = p.number()
			}
		}
		return s
	case "COUNT":
		for _, c := range "(*)" {
			p.expectPunct(byte(c))
		}
		return &ShowConditions{Count: true, Errors: p.expectAny("WARNINGS", "ERRORS") == "ERRORS"}
	}
	return &ShowProcesslist{}
}

// showReplica parses what follows SHOW SLAVE or SHOW REPLICA. MariaDB names
// the connection before STATUS.
func (p *parser) showReplica(old bool) Statement {
	s := &ShowReplicaStatus{Old: old}
	if p.tok.kind == tokString {
		s.Channel, s.HasChannel = p.str(), true
		p.expect("STATUS")
		return s
	}
	if p.expectAny("STATUS", "HOSTS") == "HOSTS" {
		return &ShowReplicas{Old: old}
	}
	p.accept("NONBLOCKING")
	s.Channel, s.HasChannel = p.channel()
	return s
}

// showEvents reads [IN 'file'] [FROM pos] [LIMIT [offset,] n] [FOR CHANNEL 'c'].
func (p *parser) showEvents(s *ShowEvents) Statement {
	q := &s.Query
	if p.accept("IN") {
		q.File = p.str()
	}
	if p.accept("FROM") {
		q.From = p.number()
	}
	if p.accept("LIMIT") {
		q.Limited = true
		q.Limit = p.number()
		switch {
		case p.acceptPunct(','):
			q.Offset, q.Limit = q.Limit, p.number()
		case p.accept("OFFSET"):
			q.Offset = p.number()
		}
	}
	if s.Relay && !s.HasChannel {
		q.Channel, s.HasChannel = p.channel()
	}
	return s
}

// skipRest moves to the end of the statement.
func (p *parser) skipRest() {
	for !p.atEnd() {
		p.advance()
	}
}
