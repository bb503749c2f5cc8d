package auth

import "math"

func (p *parser) createUser() Statement {
	st := &DefineUser{}
	p.want("CREATE")
	if p.take("OR") {
		p.want("REPLACE")
		st.OrReplace = true
	}
	p.want("USER")
	st.If = p.ifNotExists()
	st.Users = p.specs()
	if p.takeAll("DEFAULT", "ROLE") {
		st.Default = &Roles{List: p.accounts()}
	}
	p.properties(&st.Properties)
	return st
}

func (p *parser) alterUser() Statement {
	p.want("ALTER", "USER")
	st := &DefineUser{Alter: true}
	st.If = p.ifExists()
	first := p.account()
	if p.takeAll("DEFAULT", "ROLE") {
		return &SetDefaultRole{Alter: true, If: st.If, Roles: p.roles(false), Users: []Spec{first}}
	}
	first.Auth = p.identified()
	st.Users = []Spec{first}
	for p.takePunct(",") {
		s := p.account()
		s.Auth = p.identified()
		st.Users = append(st.Users, s)
	}
	p.properties(&st.Properties)
	return st
}

// specs reads accounts with what identifies them.
func (p *parser) specs() (list []Spec) {
	for {
		s := p.account()
		s.Auth = p.identified()
		list = append(list, s)
		if !p.takePunct(",") {
			return list
		}
	}
}

// identified reads IDENTIFIED …; nil = there is none.
func (p *parser) identified() *Clause {
	if p.is("ADD") || p.is("MODIFY") || p.is("DROP") || p.is("INITIATE") {
		p.refuse("multifactor authentication")
	}
	if p.takeAll("DISCARD", "OLD", "PASSWORD") {
		p.refuse("DISCARD OLD PASSWORD")
	}
	if !p.take("IDENTIFIED") {
		return nil
	}
	c := &Clause{}
	if p.take("WITH") || p.take("VIA") {
		c.Plugin = p.word()
	}
	switch {
	case p.take("BY"):
		p.byPassword(c)
	case p.take("AS"), p.take("USING"):
		if p.takeAll("PASSWORD") { // MariaDB: USING PASSWORD('clear text')
			p.wantPunct("(")
			by := p.text()
			c.By = &by
			p.wantPunct(")")
			break
		}
		as := p.text()
		c.As = &as
	case c.Plugin == "":
		p.fail()
	}
	if p.is("OR") {
		p.refuse("IDENTIFIED VIA … OR …")
	}
	p.replacing(c)
	if p.is("AND") {
		p.refuse("multifactor authentication")
	}
	return c
}

func (p *parser) byPassword(c *Clause) {
	switch {
	case p.takeAll("RANDOM", "PASSWORD"):
		c.Random = true
	case p.take("PASSWORD"): // IDENTIFIED BY PASSWORD 'hash', of old servers
		as := p.text()
		c.As = &as
		if c.Plugin == "" {
			c.Plugin = NativePassword
		}
	default:
		by := p.text()
		c.By = &by
	}
}

// replacing reads REPLACE 'current password'.
func (p *parser) replacing(c *Clause) {
	if p.take("REPLACE") {
		old := p.text()
		c.Replace = &old
	}
	if p.is("RETAIN") {
		p.refuse("RETAIN CURRENT PASSWORD")
	}
}

func (p *parser) setPassword() Statement {
	p.want("SET", "PASSWORD")
	st := &SetPassword{User: Spec{Current: true, Auth: &Clause{bare: true}}}
	if p.take("FOR") {
		auth := st.User.Auth
		st.User = p.account()
		st.User.Auth = auth
	}
	c := st.User.Auth
	switch {
	case p.takeAll("TO", "RANDOM"):
		c.Random = true
	case p.is("PASSWORD") && p.peek().text == "(", !p.punct("="):
		p.fail()
	default:
		p.advance()
		// PASSWORD('clear text') is of MySQL 5.7 and MariaDB.
		call := p.is("PASSWORD") && p.peek().text == "("
		if call {
			p.advance()
			p.advance()
			c.bare = false
		}
		by := p.text()
		c.By = &by
		if call {
			p.wantPunct(")")
		}
	}
	p.replacing(c)
	return st
}

// properties reads what follows the accounts, in any order.
func (p *parser) properties(o *Properties) {
	if p.is("REQUIRE") {
		p.advance()
		o.Require = p.require()
	}
	if p.take("WITH") {
		p.limits(o)
	}
	for p.err == nil {
		switch {
		case p.take("ACCOUNT"):
			locked := p.is("LOCK")
			if !locked && !p.is("UNLOCK") {
				p.fail()
			}
			p.advance()
			o.Locked = &locked
		case p.take("PASSWORD"):
			p.password(o)
		case p.take("FAILED_LOGIN_ATTEMPTS"):
			n := uint16(p.number(math.MaxInt16))
			o.FailedLogins = &n
		case p.take("PASSWORD_LOCK_TIME"):
			n := int16(-1)
			if !p.take("UNBOUNDED") {
				n = int16(p.number(math.MaxInt16))
			}
			o.LockDays = &n
		case p.take("COMMENT"):
			s := p.text()
			o.Comment = &s
			return
		case p.take("ATTRIBUTE"):
			s := p.text()
			o.Attribute = &s
			return
		default:
			return
		}
	}
}

// require reads what follows REQUIRE.
func (p *parser) require() *Require {
	r := &Require{}
	switch {
	case p.take("NONE"):
		return r
	case p.take("SSL"):
		r.Type = "ANY"
		return r
	case p.take("X509"):
		r.Type = "X509"
		return r
	}
	for {
		var to *string
		switch {
		case p.take("CIPHER"):
			to = &r.Cipher
		case p.take("ISSUER"):
			to = &r.Issuer
		case p.take("SUBJECT"):
			to = &r.Subject
		default:
			if r.Type == "" {
				p.fail()
			}
			return r
		}
		if *to != "" {
			p.fail() // said twice
		}
		r.Type, *to = "SPECIFIED", p.text()
		p.take("AND")
	}
}

// limits reads what follows WITH.
func (p *parser) limits(o *Properties) {
	for first := true; ; first = false {
		var to **uint32
		switch {
		case p.take("MAX_QUERIES_PER_HOUR"):
			to = &o.Questions
		case p.take("MAX_UPDATES_PER_HOUR"):
			to = &o.Updates
		case p.take("MAX_CONNECTIONS_PER_HOUR"):
			to = &o.Connections
		case p.take("MAX_USER_CONNECTIONS"):
			to = &o.UserConnections
		case p.is("MAX_STATEMENT_TIME"):
			p.refuse("MAX_STATEMENT_TIME")
			return
		default:
			if first {
				p.fail()
			}
			return
		}
		n := uint32(p.number(math.MaxUint32))
		*to = &n
	}
}

// password reads what follows PASSWORD.
func (p *parser) password(o *Properties) {
	switch {
	case p.take("EXPIRE"):
		e := &Expire{}
		switch {
		case p.take("DEFAULT"):
			e.Lifetime.Default = true
		case p.take("NEVER"):
		case p.take("INTERVAL"):
			at := p.tok
			if e.Lifetime.Value = uint16(p.number(math.MaxUint16)); e.Lifetime.Value == 0 && p.err == nil {
				p.tok = at
				p.fail()
			}
			p.want("DAY")
		default:
			e.Now = true
		}
		o.Expire = e
	case p.take("HISTORY"):
		o.ReuseHistory = p.setting(math.MaxUint16)
	case p.takeAll("REUSE", "INTERVAL"):
		o.ReuseDays = p.setting(math.MaxUint16)
		if !o.ReuseDays.Default {
			p.want("DAY")
		}
	case p.takeAll("REQUIRE", "CURRENT"):
		o.RequireCurrent = &Setting[bool]{Value: true}
		if p.take("DEFAULT") {
			o.RequireCurrent = &Setting[bool]{Default: true}
		} else if p.take("OPTIONAL") {
			o.RequireCurrent.Value = false
		}
	default:
		p.fail()
	}
}

func (p *parser) setting(most uint64) *Setting[uint16] {
	if p.take("DEFAULT") {
		return &Setting[uint16]{Default: true}
	}
	return &Setting[uint16]{Value: uint16(p.number(most))}
}
