package replstmt

import (
	"strconv"
	"strings"
	"time"

	"binrelay/replica/replstate"
)

// change parses CHANGE MASTER TO, CHANGE REPLICATION SOURCE TO and CHANGE
// REPLICATION FILTER.
func (p *parser) change() Statement {
	p.expect("CHANGE")
	s := &ChangeSource{}
	switch p.expectAny("MASTER", "REPLICATION") {
	case "MASTER":
		s.Old = true
		if p.tok.kind == tokString {
			s.Channel = p.str()
		}
	case "REPLICATION":
		if p.expectAny("SOURCE", "FILTER") == "FILTER" {
			return p.changeFilter()
		}
	}
	p.expect("TO")
	p.option(s)
	for p.acceptPunct(',') {
		p.option(s)
	}
	if name, given := p.channel(); given {
		s.Channel = name
	}
	return s
}

// valueForm is the form of an option's value.
type valueForm uint8

const (
	formText valueForm = iota
	formNumber
	formBool       // a number, 0 = off
	formWord       // ON, OFF, STREAM … or a string
	formTextOrNull //
	formNumbers    // (1, 2)
	formAccount    // user@host or NULL
	formSeconds    // a number with a fraction
)

// sourceOptions are the options that have a MASTER_ and a SOURCE_ spelling,
// without that prefix.
var sourceOptions = map[string]valueForm{
	"HOST": formText, "USER": formText, "PASSWORD": formText, "PORT": formNumber,
	"LOG_FILE": formText, "LOG_POS": formNumber, "BIND": formText,
	"CONNECT_RETRY": formNumber, "RETRY_COUNT": formNumber, "HEARTBEAT_PERIOD": formSeconds, "DELAY": formNumber,
	"AUTO_POSITION": formNumber, "COMPRESSION_ALGORITHMS": formText, "ZSTD_COMPRESSION_LEVEL": formNumber,
	"SSL": formBool, "SSL_CA": formText, "SSL_CAPATH": formText, "SSL_CERT": formText, "SSL_KEY": formText,
	"SSL_CIPHER": formText, "SSL_CRL": formText, "SSL_CRLPATH": formText, "SSL_VERIFY_SERVER_CERT": formBool,
	"TLS_VERSION": formText, "TLS_CIPHERSUITES": formTextOrNull, "PUBLIC_KEY_PATH": formText,
	"CONNECTION_AUTO_FAILOVER": formNumber,
	"USE_GTID":                 formWord, "DEMOTE_TO_SLAVE": formNumber, // MariaDB, MASTER_ only
}

// plainOptions have one spelling.
var plainOptions = map[string]valueForm{
	"NETWORK_NAMESPACE": formText, "RELAY_LOG_FILE": formText, "RELAY_LOG_POS": formNumber,
	"IGNORE_SERVER_IDS": formNumbers, "PRIVILEGE_CHECKS_USER": formAccount, "REQUIRE_ROW_FORMAT": formNumber,
	"REQUIRE_TABLE_PRIMARY_KEY_CHECK":        formWord,
	"ASSIGN_GTIDS_TO_ANONYMOUS_TRANSACTIONS": formWord,
	"GTID_ONLY":                              formNumber,
	"GET_MASTER_PUBLIC_KEY":                  formBool,
	"GET_SOURCE_PUBLIC_KEY":                  formBool,
	"DO_DOMAIN_IDS":                          formNumbers, // MariaDB
	"IGNORE_DOMAIN_IDS":                      formNumbers, // MariaDB
}

// lookupOption returns the key of an option (its name without MASTER_ or
// SOURCE_) and the form of its value.
func lookupOption(name string) (key string, form valueForm, ok bool) {
	if form, ok = plainOptions[name]; ok {
		if strings.HasPrefix(name, "GET_") {
			return "GET_PUBLIC_KEY", form, true
		}
		return name, form, true
	}
	key, old := strings.CutPrefix(name, "MASTER_")
	if !old {
		if key, ok = strings.CutPrefix(name, "SOURCE_"); !ok {
			return "", 0, false
		}
	}
	switch key {
	case "CONNECTION_AUTO_FAILOVER":
		if old {
			return "", 0, false
		}
	case "USE_GTID", "DEMOTE_TO_SLAVE":
		if !old {
			return "", 0, false
		}
	}
	form, ok = sourceOptions[key]
	return key, form, ok
}

// option parses NAME = value into s.
func (p *parser) option(s *ChangeSource) {
	if p.tok.kind != tokWord {
		p.fail()
		return
	}
	name := strings.ToUpper(p.text(p.tok))
	key, form, ok := lookupOption(name)
	if !ok {
		p.fail()
		return
	}
	p.advance()
	p.expectPunct('=')
	if form == formSeconds {
		p.heartbeat(s)
		return
	}
	v := p.value(form)
	if p.err == nil && !p.assign(&s.Change, name, key, v) {
		s.Others = append(s.Others, Option{Name: name, Value: v})
	}
}

// value parses a value of the given form.
func (p *parser) value(form valueForm) Value {
	switch form {
	case formText:
		return Value{Kind: ValueText, Text: p.str()}
	case formNumber, formBool:
		return Value{Kind: ValueNumber, Number: p.number()}
	case formNumbers:
		return Value{Kind: ValueNumbers, Numbers: p.numbers()}
	}
	switch {
	case p.tok.kind == tokString && form != formAccount:
		return Value{Kind: ValueText, Text: p.str()}
	case form != formWord && p.accept("NULL"):
		return Value{Kind: ValueNull}
	case form == formAccount:
		return Value{Kind: ValueAccount, Text: p.account()}
	case form == formWord && p.tok.kind == tokWord:
		return Value{Kind: ValueWord, Text: strings.ToUpper(p.name())}
	}
	p.fail()
	return Value{}
}

// numbers parses a list of numbers in parentheses, which may be empty.
func (p *parser) numbers() []uint64 {
	p.expectPunct('(')
	list := []uint64{}
	if p.acceptPunct(')') {
		return list
	}
	list = append(list, p.number())
	for p.acceptPunct(',') {
		list = append(list, p.number())
	}
	p.expectPunct(')')
	return list
}

// account parses user[@host] and returns its text.
func (p *parser) account() string {
	start, end := p.tok.start, p.tok.end
	switch p.tok.kind {
	case tokString, tokWord, tokQuoted:
		p.advance()
	default:
		p.fail()
		return ""
	}
	if p.tok.kind == tokVar {
		end = p.tok.end
		p.advance()
	}
	return p.sql[start:end]
}

// assign puts v into the field of c for key; false if there is none.
func (p *parser) assign(c *replstate.Change, name, key string, v Value) bool {
	on := v.Number != 0
	switch key {
	case "HOST":
		c.Host = &v.Text
	case "PORT":
		port := uint16(p.atMost(name, v.Number, 1<<16-1))
		c.Port = &port
	case "USER":
		c.User = &v.Text
	case "PASSWORD":
		c.Password = &v.Text
	case "LOG_FILE":
		c.LogFile = &v.Text
	case "LOG_POS":
		c.LogPos = &v.Number
	case "CONNECT_RETRY":
		d := time.Duration(p.atMost(name, v.Number, 1<<31-1)) * time.Second
		c.ConnectRetry = &d
	case "RETRY_COUNT":
		c.RetryCount = &v.Number
	case "SSL":
		c.SSL = &on
	case "SSL_CA":
		c.SSLCA = &v.Text
	case "SSL_CAPATH":
		c.SSLCAPath = &v.Text
	case "SSL_CERT":
		c.SSLCert = &v.Text
	case "SSL_KEY":
		c.SSLKey = &v.Text
	case "SSL_CIPHER":
		c.SSLCipher = &v.Text
	case "SSL_VERIFY_SERVER_CERT":
		c.SSLVerify = &on
	case "TLS_VERSION":
		c.TLSVersion = &v.Text
	case "GET_PUBLIC_KEY":
		c.GetPublicKey = &on
	case "PUBLIC_KEY_PATH":
		c.PublicKeyPath = &v.Text
	default:
		return false
	}
	return true
}

// atMost returns n, or refuses it if it is above limit.
func (p *parser) atMost(name string, n, limit uint64) uint64 {
	if n > limit {
		p.refuse(1210, "Incorrect arguments to %s", name)
		return 0
	}
	return n
}

// maxHeartbeat is MySQL's limit of the heartbeat period, in seconds.
const maxHeartbeat = 4294967

// heartbeat parses the heartbeat period: seconds, with a resolution of 1 ms.
func (p *parser) heartbeat(s *ChangeSource) {
	if p.tok.kind != tokNumber {
		p.fail()
		return
	}
	text := p.text(p.tok)
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || len(text) > 1 && text[1] == 'x' {
		p.fail()
		return
	}
	p.advance()
	if seconds > maxHeartbeat {
		p.refuse(1624, "The requested value for the heartbeat period is either negative or exceeds the maximum allowed (%d seconds).", maxHeartbeat)
		return
	}
	d := time.Duration(seconds*1000+0.5) * time.Millisecond
	if seconds > 0 && seconds < 0.001 {
		d = 0
		s.Warnings = append(s.Warnings, replstate.Warning{Level: "Warning", Number: 1703,
			Text: "The requested value for the heartbeat period is less than 1 millisecond. The value is reset to 0, meaning that heartbeating will effectively be disabled."})
	}
	s.Change.HeartbeatPeriod = &d
}

// changeFilter parses what follows CHANGE REPLICATION FILTER.
func (p *parser) changeFilter() Statement {
	s := &ChangeFilter{}
	p.filterRule(s)
	for p.acceptPunct(',') {
		p.filterRule(s)
	}
	s.Channel, s.HasChannel = p.channel()
	return s
}

func (p *parser) filterRule(s *ChangeFilter) {
	rule := p.expectAny("REPLICATE_DO_DB", "REPLICATE_IGNORE_DB", "REPLICATE_DO_TABLE", "REPLICATE_IGNORE_TABLE",
		"REPLICATE_WILD_DO_TABLE", "REPLICATE_WILD_IGNORE_TABLE", "REPLICATE_REWRITE_DB")
	p.expectPunct('=')
	f := &s.Filters
	table := func() string {
		db := p.name()
		p.expectPunct('.')
		return db + "." + p.name()
	}
	pair := func() string {
		p.expectPunct('(')
		from := p.name()
		p.expectPunct(',')
		to := p.name()
		p.expectPunct(')')
		return "(" + from + "," + to + ")"
	}
	switch rule {
	case "REPLICATE_DO_DB":
		f.DoDB = p.filterList(s, DoDB, p.name)
	case "REPLICATE_IGNORE_DB":
		f.IgnoreDB = p.filterList(s, IgnoreDB, p.name)
	case "REPLICATE_DO_TABLE":
		f.DoTable = p.filterList(s, DoTable, table)
	case "REPLICATE_IGNORE_TABLE":
		f.IgnoreTable = p.filterList(s, IgnoreTable, table)
	case "REPLICATE_WILD_DO_TABLE":
		f.WildDoTable = p.filterList(s, WildDoTable, p.str)
	case "REPLICATE_WILD_IGNORE_TABLE":
		f.WildIgnoreTable = p.filterList(s, WildIgnoreTable, p.str)
	case "REPLICATE_REWRITE_DB":
		f.RewriteDB = p.filterList(s, RewriteDB, pair)
	}
}

// filterList parses a list in parentheses, which may be empty.
func (p *parser) filterList(s *ChangeFilter, rule FilterRules, item func() string) []string {
	s.Rules |= rule
	p.expectPunct('(')
	var list []string
	if p.acceptPunct(')') {
		return list
	}
	list = append(list, item())
	for p.acceptPunct(',') {
		list = append(list, item())
	}
	p.expectPunct(')')
	return list
}
