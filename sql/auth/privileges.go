package auth

import (
	"fmt"
	"math/bits"
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
)

// Privileges is a set of static privileges, in MySQL's order of bits.
type Privileges uint64

// The static privileges of MySQL 8.0.
const (
	Select Privileges = 1 << iota
	Insert
	Update
	Delete
	Create
	Drop
	Reload
	Shutdown
	Process
	File
	GrantOption
	References
	Index
	Alter
	ShowDatabases
	Super
	CreateTemporaryTables
	LockTables
	Execute
	ReplicationSlave
	ReplicationClient
	CreateView
	ShowView
	CreateRoutine
	AlterRoutine
	CreateUser
	Event
	Trigger
	CreateTablespace
	CreateRole
	DropRole
)

// What can be granted at each level. Source: MySQL 8.0 manual, "GRANT Statement".
const (
	allGlobal   = DropRole<<1 - 1
	allDatabase = Select | Insert | Update | Delete | Create | Drop | GrantOption | References | Index | Alter | CreateTemporaryTables |
		LockTables | Execute | CreateView | ShowView | CreateRoutine | AlterRoutine | Event | Trigger
	allTable   = Select | Insert | Update | Delete | Create | Drop | GrantOption | References | Index | Alter | CreateView | ShowView | Trigger
	allColumn  = Select | Insert | Update | References
	allRoutine = Execute | AlterRoutine | GrantOption
)

// privilegeNames are the names by bit. MySQL calls the tenth "GRANT" in error
// texts.
var privilegeNames = [...]string{"SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "RELOAD", "SHUTDOWN", "PROCESS", "FILE",
	"GRANT", "REFERENCES", "INDEX", "ALTER", "SHOW DATABASES", "SUPER", "CREATE TEMPORARY TABLES", "LOCK TABLES", "EXECUTE",
	"REPLICATION SLAVE", "REPLICATION CLIENT", "CREATE VIEW", "SHOW VIEW", "CREATE ROUTINE", "ALTER ROUTINE", "CREATE USER",
	"EVENT", "TRIGGER", "CREATE TABLESPACE", "CREATE ROLE", "DROP ROLE"}

// each calls f for every privilege of p, in order.
func (p Privileges) each(f func(one Privileges, name string)) {
	for ; p != 0; p &= p - 1 {
		i := bits.TrailingZeros64(uint64(p))
		f(1<<i, privilegeNames[i])
	}
}

// Names returns the privileges' names, in order.
func (p Privileges) Names() (names []string) {
	p.each(func(_ Privileges, name string) { names = append(names, name) })
	return names
}

// String lists the privileges as error texts do.
func (p Privileges) String() string { return strings.Join(p.Names(), ", ") }

// MarshalText writes the names, so that what is stored can be read.
func (p Privileges) MarshalText() ([]byte, error) { return []byte(strings.Join(p.Names(), ",")), nil }

// UnmarshalText reads what MarshalText wrote.
func (p *Privileges) UnmarshalText(b []byte) error {
	*p = 0
	if len(b) == 0 {
		return nil
	}
	for _, name := range strings.Split(string(b), ",") {
		one, ok := privilegeByName[name]
		if !ok {
			return fmt.Errorf("unknown privilege %q", name)
		}
		*p |= one
	}
	return nil
}

var privilegeByName = func() map[string]Privileges {
	m := make(map[string]Privileges, len(privilegeNames))
	for i, name := range privilegeNames {
		m[name] = 1 << i
	}
	return m
}()

// PrivilegeOf returns the privilege that go-mysql-server calls p; 0 if it is
// none of MySQL's.
func PrivilegeOf(p gms.PrivilegeType) Privileges {
	if p == gms.PrivilegeType_GrantOption {
		return GrantOption
	}
	return privilegeByName[p.String()]
}

// Types returns the privileges as go-mysql-server has them.
func (p Privileges) Types() (types []gms.PrivilegeType) {
	for _, t := range privilegeTypes {
		if p&PrivilegeOf(t) != 0 {
			types = append(types, t)
		}
	}
	return types
}

var privilegeTypes = func() (all []gms.PrivilegeType) {
	for t := gms.PrivilegeType_Select; t <= gms.PrivilegeType_DropRole; t++ {
		all = append(all, t)
	}
	return all
}()

// dynamicPrivileges are those that MySQL 8.0 registers, sorted.
var dynamicPrivileges = []string{"APPLICATION_PASSWORD_ADMIN", "AUDIT_ABORT_EXEMPT", "AUDIT_ADMIN", "AUTHENTICATION_POLICY_ADMIN", "BACKUP_ADMIN",
	"BINLOG_ADMIN", "BINLOG_ENCRYPTION_ADMIN", "CLONE_ADMIN", "CONNECTION_ADMIN", "ENCRYPTION_KEY_ADMIN", "FIREWALL_EXEMPT",
	"FLUSH_OPTIMIZER_COSTS", "FLUSH_STATUS", "FLUSH_TABLES", "FLUSH_USER_RESOURCES", "GROUP_REPLICATION_ADMIN", "GROUP_REPLICATION_STREAM",
	"INNODB_REDO_LOG_ARCHIVE", "INNODB_REDO_LOG_ENABLE", "PASSWORDLESS_USER_ADMIN", "PERSIST_RO_VARIABLES_ADMIN", "REPLICATION_APPLIER",
	"REPLICATION_SLAVE_ADMIN", "RESOURCE_GROUP_ADMIN", "RESOURCE_GROUP_USER", "ROLE_ADMIN", "SENSITIVE_VARIABLES_OBSERVER",
	"SERVICE_CONNECTION_ADMIN", "SESSION_VARIABLES_ADMIN", "SET_USER_ID", "SHOW_ROUTINE", "SYSTEM_USER", "SYSTEM_VARIABLES_ADMIN",
	"TABLE_ENCRYPTION_ADMIN", "TELEMETRY_LOG_ADMIN", "XA_RECOVER_ADMIN"}

var isDynamic = func() map[string]bool {
	m := make(map[string]bool, len(dynamicPrivileges))
	for _, name := range dynamicPrivileges {
		m[name] = true
	}
	return m
}()
