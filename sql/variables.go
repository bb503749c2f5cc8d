package sql

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"
)

// Variables are the system variables of one server: the global values and
// their behaviour. It is made before the storage engine, which reads some of
// them at each use. Safe for concurrent use.
//
// go-mysql-server keeps definitions and global values for the whole process.
// Its registry gets our definitions once; global values of the variables in
// sysvars.go live here, one set per server, and sessions of a server read and
// set those.
type Variables struct {
	mu     sync.RWMutex
	values map[string]any // by canonical name: int64, uint64, bool, string
	server *Server        // once a server uses them; for variables with behaviour
}

// scope says where a variable can be set.
type scope uint8

const (
	global  scope = 1 << iota // SET GLOBAL
	session                   // SET SESSION
	both    = global | session
)

// varKind is the type of a variable's values.
type varKind uint8

const (
	boolVar varKind = iota
	intVar          // int64 within min and max
	textVar
	enumVar // one of choices, given by name or place
)

// sysvar defines a variable: see the table in sysvars.go.
type sysvar struct {
	name    string
	scope   scope
	kind    varKind
	def     any
	min     int64
	max     int64
	choices []string
	fixed   bool   // read-only
	alias   string // canonical name of another spelling

	// get computes the global value; nil = the stored one.
	get func(s *Server) any
	// own computes the session value; nil = the stored one.
	own func(s *Session) any
	// check refuses a value before it is set; it may act on it.
	check func(ctx *gms.Context, s *Server, global bool, v any) error
	// super: setting the session value needs a privilege too.
	super bool
}

var (
	registerOnce sync.Once
	sysvarByName = map[string]*sysvar{}
)

func init() {
	for i := range sysvars {
		v := &sysvars[i]
		sysvarByName[v.name] = v
	}
	for i := range sysvars {
		v := &sysvars[i]
		if v.alias == "" {
			continue
		}
		target := sysvarByName[v.alias]
		if target == nil {
			panic("sql: alias of an unknown variable: " + v.name)
		}
		name, alias := v.name, v.alias
		*v = *target
		v.name, v.alias = name, alias
	}
}

// canonical returns the name under which a variable's value is kept.
func (d *sysvar) canonical() string {
	if d.alias != "" {
		return d.alias
	}
	return d.name
}

// register puts the definitions into go-mysql-server's registry.
func register() {
	registerOnce.Do(func() {
		all := make([]gms.SystemVariable, len(sysvars))
		for i := range sysvars {
			all[i] = &variable{d: &sysvars[i]}
		}
		if v, _, ok := gms.SystemVariables.GetGlobal("sql_mode"); ok {
			modes := *v.(*gms.MysqlSystemVariable)
			modes.Default = defaultModes
			all = append(all, &modes)
		}
		all = append(all,
			&gms.MysqlSystemVariable{Name: "timestamp", Scope: gms.GetMysqlScope(gms.SystemVariableScope_Session), Dynamic: true,
				Type: types.NewSystemDoubleType("timestamp", 0, math.MaxInt32), Default: float64(0)},
			&gms.MysqlSystemVariable{Name: "rand_seed2", Scope: gms.GetMysqlScope(gms.SystemVariableScope_Session), Dynamic: true,
				Type: types.NewSystemIntType("rand_seed2", 0, math.MaxUint32, false), Default: int64(0)})
		gms.SystemVariables.AddSystemVariables(all)
	})
}

// defaultModes is MySQL 8.0's sql_mode; go-mysql-server has half of them.
const defaultModes = "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"

// NewVariables returns the variables with the configured values: names with
// underscores, values as text. An unknown name or a value out of range is an
// error that names it. An empty collation_server means the default of
// character_set_server.
func NewVariables(conf map[string]string) (*Variables, error) {
	register()
	v := &Variables{values: make(map[string]any, len(sysvars))}
	for i := range sysvars {
		if d := &sysvars[i]; d.alias == "" {
			v.values[d.name] = d.def
		}
	}
	if collation, ok := conf["collation_server"]; ok && collation == "" {
		cs, err := gms.ParseCharacterSet(conf["character_set_server"])
		if err != nil {
			return nil, fmt.Errorf("variable 'character_set_server' can't be set to the value of '%s'", conf["character_set_server"])
		}
		conf = maps.Clone(conf)
		conf["collation_server"] = cs.DefaultCollation().Name()
	}
	for _, name := range slices.Sorted(maps.Keys(conf)) {
		if err := v.Set(name, conf[name]); err != nil {
			return nil, err
		}
		if err := checkConfigured(name, conf[name]); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// checkConfigured refuses names of collations, character sets and time zones
// that nobody knows: sessions would start with them.
func checkConfigured(name, value string) (err error) {
	switch name {
	case "collation_server":
		_, err = gms.ParseCollation("", value, false)
	case "character_set_server":
		_, err = gms.ParseCharacterSet(value)
	case "time_zone":
		if !strings.EqualFold(value, "SYSTEM") {
			_, err = gms.ConvertTimeToLocation(time.Unix(0, 0), value)
		}
	}
	if err != nil {
		return fmt.Errorf("variable '%s' can't be set to the value of '%s'", name, value)
	}
	return nil
}

// Int returns the global value of a numeric variable. It panics on a name that
// is not a numeric variable.
func (v *Variables) Int(name string) int64 { return v.value(name).(int64) }

// Bool returns the global value of an ON/OFF variable. It panics on a name that
// is not one.
func (v *Variables) Bool(name string) bool { return v.value(name).(bool) }

// String returns the global value of a variable as SHOW VARIABLES prints it, or
// "" if there is no such variable.
func (v *Variables) String(name string) string {
	d := sysvarByName[strings.ToLower(name)]
	if d == nil {
		return ""
	}
	return show(v.global(d))
}

func show(val any) string {
	switch val := val.(type) {
	case bool:
		if val {
			return "ON"
		}
		return "OFF"
	case int64:
		return strconv.FormatInt(val, 10)
	case string:
		return val
	}
	return fmt.Sprint(val)
}

func (v *Variables) value(name string) any {
	d := sysvarByName[name]
	if d == nil {
		panic("sql: unknown system variable " + name)
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.values[d.canonical()]
}

// global returns the value that SELECT @@GLOBAL.name shows.
func (v *Variables) global(d *sysvar) any {
	v.mu.RLock()
	s, val := v.server, v.values[d.canonical()]
	v.mu.RUnlock()
	if d.get != nil && s != nil {
		return d.get(s)
	}
	return val
}

// Set changes a global value from within the server, also of a read-only
// variable (gtid_purged, hostname, port). Its behaviour is not triggered.
func (v *Variables) Set(name, value string) error {
	d := sysvarByName[strings.ToLower(name)]
	if d == nil {
		return setEngineVariable(name, value)
	}
	val, err := d.parse(value)
	if err != nil {
		return fmt.Errorf("variable '%s' can't be set to the value of '%s'", name, value)
	}
	v.store(d, val)
	return nil
}

// setEngineVariable sets a variable that only go-mysql-server defines, for the
// whole process.
func setEngineVariable(name, value string) error {
	if _, _, ok := gms.SystemVariables.GetGlobal(name); !ok {
		return fmt.Errorf("unknown system variable '%s'", name)
	}
	if err := gms.SystemVariables.AssignValues(map[string]any{name: value}); err != nil {
		return fmt.Errorf("variable '%s' can't be set to the value of '%s': %w", name, value, err)
	}
	return nil
}

func (v *Variables) store(d *sysvar, val any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.values[d.canonical()] = val
}

var errWrongValue = fmt.Errorf("wrong value")

// parse reads a value from a configuration or a SET statement's text.
func (d *sysvar) parse(s string) (any, error) {
	switch d.kind {
	case boolVar:
		switch strings.ToUpper(s) {
		case "ON", "1", "TRUE", "YES", "":
			return true, nil
		case "OFF", "0", "FALSE", "NO":
			return false, nil
		}
		return nil, errWrongValue
	case intVar:
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return nil, errWrongValue
		}
		return min(max(n, d.min), d.max), nil
	case enumVar:
		for _, c := range d.choices {
			if strings.EqualFold(c, s) {
				return c, nil
			}
		}
		if n, err := strconv.Atoi(s); err == nil && n >= 0 && n < len(d.choices) {
			return d.choices[n], nil
		}
		return nil, errWrongValue
	}
	return s, nil
}

// convert turns the value of a SET statement into the variable's type. Numbers
// out of range are cut to it, with a warning, as in MySQL.
func (d *sysvar) convert(ctx *gms.Context, val any) (any, error) {
	wrongType := sqlError(1232, "42000", "Incorrect argument type to variable '%s'", d.name)
	wrongValue := sqlError(1231, "42000", "Variable '%s' can't be set to the value of '%s'", d.name, fmt.Sprint(val))
	if val == nil {
		return nil, sqlError(1231, "42000", "Variable '%s' can't be set to the value of 'NULL'", d.name)
	}
	if b, ok := val.([]byte); ok {
		val = string(b)
	}
	if b, ok := val.(bool); ok {
		if d.kind == boolVar {
			return b, nil
		}
		val = int64(0)
		if b {
			val = int64(1)
		}
	}
	text, isText := val.(string)
	if d.kind == textVar {
		if !isText {
			return nil, wrongType
		}
		return text, nil
	}
	if isText && d.kind == intVar {
		return nil, wrongType
	}
	if !isText {
		n, in, err := types.Int64.Convert(ctx, val)
		if err != nil {
			return nil, wrongType
		}
		if in == gms.Overflow {
			n = d.max
		}
		text = fmt.Sprint(n)
	}
	out, err := d.parse(text)
	if err != nil {
		return nil, wrongValue
	}
	if d.kind == intVar && show(out) != text {
		ctx.Warn(1292, "Truncated incorrect %s value: '%s'", d.name, text)
	}
	return out, nil
}

// gmsType is the type that go-mysql-server shows values with.
func (d *sysvar) gmsType() gms.Type {
	switch d.kind {
	case boolVar:
		return types.NewSystemBoolType(d.name)
	case intVar:
		return types.NewSystemIntType(d.name, d.min, d.max, false)
	}
	return types.NewSystemStringType(d.name)
}

// toGMS turns a value into go-mysql-server's form.
func toGMS(val any) any {
	if b, ok := val.(bool); ok {
		if b {
			return int8(1)
		}
		return int8(0)
	}
	return val
}

// variable makes a sysvar known to go-mysql-server.
type variable struct{ d *sysvar }

var _ gms.SystemVariable = (*variable)(nil)

// GetName implements gms.SystemVariable.
func (v *variable) GetName() string { return v.d.name }

// GetType implements gms.SystemVariable.
func (v *variable) GetType() gms.Type { return v.d.gmsType() }

// GetSessionScope implements gms.SystemVariable.
func (v *variable) GetSessionScope() gms.SystemVariableScope { return ownScope{v.d, false} }

// SetDefault implements gms.SystemVariable: defaults are fixed.
func (v *variable) SetDefault(any) {}

// GetDefault implements gms.SystemVariable.
func (v *variable) GetDefault() any { return toGMS(v.d.def) }

// InitValue implements gms.SystemVariable.
func (v *variable) InitValue(ctx *gms.Context, val any, _ bool) (gms.SystemVarValue, error) {
	conv, err := v.d.convert(ctx, val)
	if err != nil {
		return gms.SystemVarValue{}, err
	}
	return gms.SystemVarValue{Var: v, Val: toGMS(conv)}, nil
}

// SetValue implements gms.SystemVariable.
func (v *variable) SetValue(ctx *gms.Context, val any, isGlobal bool) (gms.SystemVarValue, error) {
	d := v.d
	if d.fixed {
		return gms.SystemVarValue{}, sqlError(1238, "HY000", "Variable '%s' is a read only variable", d.name)
	}
	if isGlobal && d.scope&global == 0 {
		return gms.SystemVarValue{}, sqlError(1228, "HY000", "Variable '%s' is a SESSION variable and can't be used with SET GLOBAL", d.name)
	}
	if !isGlobal && d.scope&session == 0 {
		return gms.SystemVarValue{}, sqlError(1229, "HY000", "Variable '%s' is a GLOBAL variable and should be set with SET GLOBAL", d.name)
	}
	conv, err := d.convert(ctx, val)
	if err != nil {
		return gms.SystemVarValue{}, err
	}
	s := serverOf(ctx)
	if s != nil && d.check != nil {
		if err := d.check(ctx, s, isGlobal, conv); err != nil {
			return gms.SystemVarValue{}, err
		}
	}
	if isGlobal && s != nil {
		s.vars.store(d, conv)
	}
	return gms.SystemVarValue{Var: v, Val: toGMS(conv)}, nil
}

// IsReadOnly implements gms.SystemVariable.
func (v *variable) IsReadOnly() bool { return v.d.fixed }

// IsGlobalOnly implements gms.SystemVariable.
func (v *variable) IsGlobalOnly() bool { return v.d.scope == global }

// DisplayString implements gms.SystemVariable.
func (v *variable) DisplayString(prefix string) string {
	if prefix == "" {
		return "@@" + v.d.name
	}
	return "@@" + prefix + "." + v.d.name
}

// ownScope reads and sets a variable of ours for the session's server.
type ownScope struct {
	d        *sysvar
	isGlobal bool
}

var _ gms.SystemVariableScope = ownScope{}

// SetValue implements gms.SystemVariableScope.
func (o ownScope) SetValue(ctx *gms.Context, name string, val any) error {
	if o.isGlobal {
		_, err := (&variable{o.d}).SetValue(ctx, val, true)
		return err
	}
	return ctx.SetSessionVariable(ctx, name, val)
}

// GetValue implements gms.SystemVariableScope.
func (o ownScope) GetValue(ctx *gms.Context, name string, _ gms.CollationID) (any, error) {
	if o.isGlobal || o.d.scope == global {
		if s := serverOf(ctx); s != nil {
			return toGMS(s.vars.global(o.d)), nil
		}
		return toGMS(o.d.def), nil
	}
	return ctx.GetSessionVariable(ctx, name)
}

// IsGlobalOnly implements gms.SystemVariableScope.
func (o ownScope) IsGlobalOnly() bool { return o.isGlobal }

// IsSessionOnly implements gms.SystemVariableScope.
func (o ownScope) IsSessionOnly() bool { return false }
