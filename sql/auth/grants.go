package auth

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Name names an account or a role: 'user'@'host'. Host may be a pattern; the
// zero Name is no account. Host is in lower case.
type Name struct {
	User string `json:"user"`
	Host string `json:"host"`
}

// String is the form of SHOW GRANTS: `user`@`host`.
func (n Name) String() string { return ident(n.User) + "@" + ident(n.Host) }

// Quoted is the form of error texts and of the binlog: 'user'@'host'.
func (n Name) Quoted() string { return quote(n.User) + "@" + quote(n.Host) }

func (n Name) compare(o Name) int {
	return cmp.Or(cmp.Compare(n.User, o.User), cmp.Compare(n.Host, o.Host))
}

// ident writes an identifier in backticks.
func ident(s string) string { return "`" + strings.ReplaceAll(s, "`", "``") + "`" }

// Grants are all accounts, roles and privileges at one moment. A published
// value is never changed; see Edit.
type Grants struct {
	Users []*User    `json:"users"` // by name
	Edges []RoleEdge `json:"roles,omitempty"`

	byName map[Name]*User
	order  []*User // as log-ins look at them: the most specific first
}

// User is one account, or a role: an account that is locked, without password.
type User struct {
	Name
	Plugin  string    `json:"plugin"`
	Stored  string    `json:"auth,omitempty"` // authentication_string
	Changed time.Time `json:"changed"`        // of the password

	Expired  bool    `json:"expired,omitempty"`
	Lifetime *uint16 `json:"lifetime,omitempty"` // days; 0 = never expires, nil = default_password_lifetime
	Locked   bool    `json:"locked,omitempty"`

	SSLType, SSLCipher, X509Issuer, X509Subject string `json:",omitempty"` // SSLType: "", ANY, X509 or SPECIFIED

	Limits Limits `json:"limits"`

	ReuseHistory   *uint16                  `json:"reuse_history,omitempty"` // nil = password_history
	ReuseDays      *uint16                  `json:"reuse_days,omitempty"`    // nil = password_reuse_interval
	RequireCurrent *bool                    `json:"need_current,omitempty"`  // nil = password_require_current
	FailedLogins   uint16                   `json:"failed_logins,omitempty"` // 0 = not counted
	LockDays       int16                    `json:"lock_days,omitempty"`     // -1 = UNBOUNDED
	Metadata       string                   `json:"metadata,omitempty"`      // a JSON object; "" = none
	History        []Past                   `json:"history,omitempty"`       // passwords, the newest last
	DefaultRoles   []Name                   `json:"default_roles,omitempty"` // sorted
	Global         Privileges               `json:"global,omitempty"`
	Dynamic        map[string]bool          `json:"dynamic,omitempty"`   // true = with grant option
	Databases      map[string]DatabaseGrant `json:"databases,omitempty"` // by pattern in lower case
	Tables         map[Object]TableGrant    `json:"tables,omitempty"`
	Routines       map[Object]RoutineGrant  `json:"routines,omitempty"`

	patterns []DatabaseGrant // of Databases with wildcards, the most specific first
}

// Limits are an account's limits per hour, and of connections at a time; 0 = none.
type Limits struct {
	Questions, Updates, Connections, UserConnections uint32 `json:",omitempty"`
}

// Past is a password that an account had.
type Past struct {
	Stored string    `json:"auth"`
	At     time.Time `json:"at"`
}

// DatabaseGrant is a row of mysql.db.
type DatabaseGrant struct {
	Name       string     `json:"name"` // as it was given: may have wildcards
	Privileges Privileges `json:"privileges"`
}

// TableGrant is a row of mysql.tables_priv with those of mysql.columns_priv.
type TableGrant struct {
	Database, Table string
	Privileges      Privileges            `json:",omitempty"`
	Columns         map[string]Privileges `json:",omitempty"` // by name in lower case
	Grantor         string                `json:",omitempty"`
	At              time.Time
}

// SomeColumn returns the privileges that at least one column has.
func (t *TableGrant) SomeColumn() (p Privileges) {
	for _, c := range t.Columns {
		p |= c
	}
	return p
}

// SortedColumns returns the names of the columns with privileges.
func (t *TableGrant) SortedColumns() []string { return sortedKeys(t.Columns) }

// RoutineGrant is a row of mysql.procs_priv.
type RoutineGrant struct {
	Database, Routine string
	Function          bool `json:",omitempty"`
	Privileges        Privileges
	Grantor           string `json:",omitempty"`
	At                time.Time
}

// Object is the key of a table or routine: names in lower case.
type Object struct {
	Database, Name string
	Function       bool
}

// MarshalText makes Object a key of JSON.
func (o Object) MarshalText() ([]byte, error) {
	kind := "t"
	if o.Function {
		kind = "f"
	}
	return []byte(kind + "\x00" + o.Database + "\x00" + o.Name), nil
}

// UnmarshalText reads what MarshalText wrote.
func (o *Object) UnmarshalText(b []byte) error {
	parts := strings.Split(string(b), "\x00")
	if len(parts) != 3 {
		return fmt.Errorf("malformed key %q", b)
	}
	*o = Object{parts[1], parts[2], parts[0] == "f"}
	return nil
}

func object(db, name string) Object {
	return Object{Database: strings.ToLower(db), Name: strings.ToLower(name)}
}

// RoleEdge is a role that was granted: a row of mysql.role_edges.
type RoleEdge struct {
	Role  Name `json:"role"`
	To    Name `json:"to"`
	Admin bool `json:"admin,omitempty"`
}

// IsAdmin reports whether a connection is kept for the account.
func (u *User) IsAdmin() bool {
	_, ok := u.Dynamic["CONNECTION_ADMIN"]
	return ok || u.Global&Super != 0
}

// clone copies all that an Edit may change.
func (u *User) clone() *User {
	c := *u
	c.Dynamic, c.Databases, c.Tables, c.Routines = maps.Clone(u.Dynamic), maps.Clone(u.Databases), maps.Clone(u.Tables), maps.Clone(u.Routines)
	for k, t := range c.Tables {
		t.Columns = maps.Clone(t.Columns)
		c.Tables[k] = t
	}
	c.History, c.DefaultRoles = slices.Clone(u.History), slices.Clone(u.DefaultRoles)
	return &c
}

// index prepares Grants for use.
func (g *Grants) index() {
	slices.SortFunc(g.Users, func(a, b *User) int { return a.compare(b.Name) })
	g.byName = make(map[Name]*User, len(g.Users))
	for _, u := range g.Users {
		g.byName[u.Name] = u
		u.patterns = nil
		for _, d := range u.Databases {
			if strings.ContainsAny(d.Name, `%_\`) {
				u.patterns = append(u.patterns, d)
			}
		}
		slices.SortFunc(u.patterns, func(a, b DatabaseGrant) int {
			return cmp.Or(wildAt(b.Name)-wildAt(a.Name), cmp.Compare(a.Name, b.Name))
		})
	}
	g.order = slices.Clone(g.Users)
	slices.SortStableFunc(g.order, func(a, b *User) int { return compareSpecific(a.Name, b.Name) })
}

// User returns exactly this account.
func (g *Grants) User(n Name) (*User, bool) {
	u, ok := g.byName[n]
	return u, ok
}

// encode writes the stored form.
func (g *Grants) encode() ([]byte, error) { return json.Marshal(g) }

// decode reads the stored form.
func decode(blob []byte) (*Grants, error) {
	g := &Grants{}
	if err := json.Unmarshal(blob, g); err != nil {
		return nil, fmt.Errorf("loading accounts: %w", err)
	}
	g.index()
	return g, nil
}

// bootstrap is root@localhost without password, with all privileges.
func bootstrap() *Grants {
	root := &User{Name: Name{"root", "localhost"}, Plugin: DefaultPlugin, Changed: time.Unix(1, 0).UTC(), Global: allGlobal, Dynamic: map[string]bool{}}
	for _, d := range dynamicPrivileges {
		root.Dynamic[d] = true
	}
	g := &Grants{Users: []*User{root}}
	g.index()
	return g
}

// draft is a copy that may be changed.
type draft struct {
	*Grants
	fresh map[Name]bool // users that are the draft's own
}

func (g *Grants) draft() *draft {
	return &draft{Grants: &Grants{Users: slices.Clone(g.Users), Edges: slices.Clone(g.Edges), byName: maps.Clone(g.byName)}, fresh: map[Name]bool{}}
}

// edit returns an account to be changed, nil if there is none.
func (d *draft) edit(n Name) *User {
	u := d.byName[n]
	if u == nil || d.fresh[n] {
		return u
	}
	own := u.clone()
	d.replace(u, own)
	return own
}

func (d *draft) replace(old, own *User) {
	d.Users[slices.Index(d.Users, old)] = own
	d.byName[own.Name] = own
	d.fresh[own.Name] = true
}

func (d *draft) add(u *User) {
	d.Users = append(d.Users, u)
	d.byName[u.Name] = u
	d.fresh[u.Name] = true
}

// remove takes an account away, and all that names it.
func (d *draft) remove(n Name) {
	u := d.byName[n]
	d.Users = slices.DeleteFunc(d.Users, func(o *User) bool { return o == u })
	delete(d.byName, n)
	d.Edges = slices.DeleteFunc(d.Edges, func(e RoleEdge) bool { return e.Role == n || e.To == n })
	for _, o := range slices.Clone(d.Users) {
		if slices.Contains(o.DefaultRoles, n) {
			own := d.edit(o.Name)
			own.DefaultRoles = slices.DeleteFunc(own.DefaultRoles, func(r Name) bool { return r == n })
		}
	}
}

// rename gives an account another name, also where roles refer to it.
func (d *draft) rename(from, to Name) {
	u := d.edit(from)
	delete(d.byName, from)
	delete(d.fresh, from)
	u.Name = to
	d.byName[to], d.fresh[to] = u, true
	for i := range d.Edges {
		if e := &d.Edges[i]; e.To == from {
			e.To = to
		} else if e.Role == from {
			e.Role = to
		}
	}
	for _, o := range slices.Clone(d.Users) {
		if i := slices.Index(o.DefaultRoles, from); i >= 0 {
			d.edit(o.Name).DefaultRoles[i] = to
		}
	}
}

// edge finds a granted role; -1 = none.
func (g *Grants) edge(role, to Name) int {
	return slices.IndexFunc(g.Edges, func(e RoleEdge) bool { return e.Role == role && e.To == to })
}
