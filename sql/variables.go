package sql

// Variables are the system variables of one server: their definitions, global
// values and behaviour. It is made before the storage engine, which reads some
// of them at each use. Safe for concurrent use.
type Variables struct{}

// NewVariables returns the variables with the configured values: names with
// underscores, values as text. An unknown name or a value out of range is an
// error that names it.
func NewVariables(conf map[string]string) (*Variables, error) { return &Variables{}, nil }

// Int returns the global value of a numeric variable. It panics on a name that
// is not a numeric variable.
func (v *Variables) Int(name string) int64 { return 0 }

// Bool returns the global value of an ON/OFF variable.
func (v *Variables) Bool(name string) bool { return false }

// String returns the global value of a variable as SHOW VARIABLES prints it.
func (v *Variables) String(name string) string { return "" }

// Set changes a global value from within the server, also of a read-only
// variable (gtid_purged, hostname, port).
func (v *Variables) Set(name, value string) error { return nil }
