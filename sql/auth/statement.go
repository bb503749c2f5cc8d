package auth

import "slices"

// Statement is an account statement, parsed.
type Statement interface {
	// Name is the statement's name in counters, such as "create_user".
	Name() string
}

// Spec names an account in a statement, with how it logs in.
type Spec struct {
	Name
	Current bool // CURRENT_USER(), USER(): the session's own
	// from and to are its place in the statement.
	from, to int

	Auth *Clause // nil = nothing said
}

// Clause is IDENTIFIED ….
type Clause struct {
	Plugin  string  // "" = none named
	By      *string // a password in clear text
	As      *string // a hash
	Random  bool    // BY RANDOM PASSWORD
	Replace *string // the current password
	bare    bool    // SET PASSWORD: hashes of MariaDB look like passwords
}

// Setting is a value or DEFAULT.
type Setting[T any] struct {
	Default bool
	Value   T
}

// Expire is PASSWORD EXPIRE.
type Expire struct {
	Now      bool
	Lifetime Setting[uint16] // days; 0 = NEVER
}

// Require is REQUIRE.
type Require struct{ Type, Cipher, Issuer, Subject string }

// Properties are the clauses of CREATE and ALTER USER that hold for all of its
// accounts. nil = not said.
type Properties struct {
	Require *Require

	Questions, Updates, Connections, UserConnections *uint32

	Expire         *Expire
	ReuseHistory   *Setting[uint16]
	ReuseDays      *Setting[uint16]
	RequireCurrent *Setting[bool] // OPTIONAL is false
	FailedLogins   *uint16
	LockDays       *int16
	Locked         *bool
	Comment        *string
	Attribute      *string
}

// DefineUser is CREATE USER or ALTER USER.
type DefineUser struct {
	Alter     bool
	OrReplace bool // MariaDB
	If        bool // IF NOT EXISTS, IF EXISTS
	Users     []Spec
	Default   *Roles // CREATE USER … DEFAULT ROLE
	Properties
}

// Roles is a list of roles or one of the words.
type Roles struct {
	None, All, Default bool
	Except             bool // ALL EXCEPT the list
	List               []Spec
}

// SetDefaultRole is SET DEFAULT ROLE and ALTER USER … DEFAULT ROLE.
type SetDefaultRole struct {
	Alter, If bool
	Roles     Roles
	Users     []Spec
}

// SetRole is SET ROLE.
type SetRole struct{ Roles Roles }

// SetPassword is SET PASSWORD.
type SetPassword struct{ User Spec }

// DropUser is DROP USER or DROP ROLE.
type DropUser struct {
	Role, If bool
	Users    []Spec
}

// CreateRoles is CREATE ROLE.
type CreateRoles struct {
	If    bool
	Roles []Spec
}

// RenameUser is RENAME USER.
type RenameUser struct{ From, To []Spec }

// levelKind is what a privilege is granted on.
type levelKind uint8

const (
	globalLevel levelKind = iota
	databaseLevel
	tableLevel
	procedureLevel
	functionLevel
)

// Level is ON … of GRANT and REVOKE.
type Level struct {
	kind     levelKind
	database string // "" = the default one
	name     string
}

// Grant is GRANT and REVOKE of privileges.
type Grant struct {
	Revoke     bool
	If         bool // REVOKE IF EXISTS
	IgnoreUser bool // IGNORE UNKNOWN USER

	All     bool
	Static  Privileges
	Columns map[string]Privileges // by name as given
	Dynamic []string
	// words are the privileges in order, as PROCEDURE and the like may follow.
	Level  Level
	Users  []Spec
	Option bool // WITH GRANT OPTION
	limits bool // MariaDB: WITH MAX_…
	props  Properties
}

// GrantRole is GRANT and REVOKE of roles.
type GrantRole struct {
	Revoke     bool
	If         bool
	IgnoreUser bool
	Roles      []Spec
	Users      []Spec
	Admin      bool // WITH ADMIN OPTION
	AdminOnly  bool // REVOKE ADMIN OPTION FOR (MariaDB)
}

// RevokeAll is REVOKE ALL PRIVILEGES, GRANT OPTION.
type RevokeAll struct {
	If         bool
	IgnoreUser bool
	Users      []Spec
}

// ShowGrants is SHOW GRANTS.
type ShowGrants struct {
	User  *Spec // nil = the session's
	Using []Spec
}

// ShowCreateUser is SHOW CREATE USER.
type ShowCreateUser struct{ User Spec }

// Refused is a statement or clause that MySQL has and this server does not.
type Refused struct{ Feature string }

func (s *DefineUser) Name() string {
	if s.Alter {
		return "alter_user"
	}
	return "create_user"
}
func (s *SetDefaultRole) Name() string { return "alter_user_default_role" }
func (s *SetRole) Name() string        { return "set_role" }
func (s *SetPassword) Name() string    { return "set_password" }
func (s *DropUser) Name() string {
	if s.Role {
		return "drop_role"
	}
	return "drop_user"
}
func (s *CreateRoles) Name() string { return "create_role" }
func (s *RenameUser) Name() string  { return "rename_user" }
func (s *Grant) Name() string {
	if s.Revoke {
		return "revoke"
	}
	return "grant"
}
func (s *GrantRole) Name() string {
	if s.Revoke {
		return "revoke_roles"
	}
	return "grant_roles"
}
func (s *RevokeAll) Name() string      { return "revoke_all" }
func (s *ShowGrants) Name() string     { return "show_grants" }
func (s *ShowCreateUser) Name() string { return "show_create_user" }
func (s *Refused) Name() string        { return "account_statement" }

// Reads reports whether a statement changes no account.
func Reads(s Statement) bool {
	switch s.(type) {
	case *SetRole, *ShowGrants, *ShowCreateUser, *Refused:
		return true
	}
	return false
}

// Generates reports whether a statement answers with passwords that it makes up.
func Generates(s Statement) bool {
	switch s := s.(type) {
	case *DefineUser:
		return slices.ContainsFunc(s.Users, func(u Spec) bool { return u.Auth != nil && u.Auth.Random })
	case *SetPassword:
		return s.User.Auth.Random
	}
	return false
}
