package tables

import (
	"time"

	gms "github.com/dolthub/go-mysql-server/sql"

	"binrelay/sql/replstmt"
)

// Routine is a stored function or procedure.
type Routine struct {
	Kind             string // FUNCTION or PROCEDURE
	Name             string
	Params           string // between the parentheses, as written
	Returns          string // type of a function's result, as SHOW CREATE prints it
	Deterministic    bool
	Data             string // CONTAINS SQL, NO SQL, READS SQL DATA or MODIFIES SQL DATA
	Invoker          bool   // SQL SECURITY INVOKER
	Comment          string
	Body             string
	User, Host       string // definer
	SQLMode          string
	Client           string // character_set_client
	Connection       string // collation_connection
	Collation        string // of the database
	Created, Altered time.Time

	// CreateStatement and the rest are those of procedures of older versions, as
	// go-mysql-server describes them.
	CreateStatement       string    `json:",omitempty"`
	CreatedAt, ModifiedAt time.Time `json:",omitzero"`
	SqlMode               string    `json:",omitempty"`
}

func routineSpace(kind string) string {
	if kind == "FUNCTION" {
		return functionSpace
	}
	return procedureSpace
}

// Routine returns a stored function or procedure.
func (d *Database) Routine(ctx *gms.Context, kind, name string) (Routine, bool, error) {
	r, ok, err := find[Routine](ctx, d, routineSpace(kind), name)
	r.complete()
	return r, ok, err
}

// Routines returns all stored functions or procedures, ordered by name.
func (d *Database) Routines(ctx *gms.Context, kind string) ([]Routine, error) {
	all, err := list[Routine](ctx, d, routineSpace(kind))
	for i := range all {
		all[i].complete()
	}
	return all, err
}

// complete reads a procedure that an older version stored.
func (r *Routine) complete() {
	if r.CreateStatement == "" || r.Body != "" {
		return
	}
	st, _, err := replstmt.ParseRoutine(r.CreateStatement)
	if err != nil {
		return
	}
	r.Kind, r.Params, r.Body, r.SQLMode, r.Created, r.Altered = "PROCEDURE", st.ParamsText, st.BodyText, r.SqlMode, r.CreatedAt, r.ModifiedAt
	r.User, r.Host, r.Data = "root", "localhost", "CONTAINS SQL"
	if st.Definer != nil {
		r.User, r.Host = st.Definer.User, st.Definer.Host
	}
	r.Set(st.Characteristics)
}

// Set changes the characteristics that are given.
func (r *Routine) Set(c replstmt.Characteristics) {
	if c.Deterministic != nil {
		r.Deterministic = *c.Deterministic
	}
	if c.Data != nil {
		r.Data = *c.Data
	}
	if c.Security != nil {
		r.Invoker = *c.Security == "INVOKER"
	}
	if c.Comment != nil {
		r.Comment = *c.Comment
	}
}

// LockRoutine keeps others from changing a routine until the statement ends. What
// they have done before is seen from then on.
func (d *Database) LockRoutine(ctx *gms.Context, kind, name string) error {
	return d.lockObject(ctx, routineSpace(kind), name)
}

// PutRoutine stores a routine, also in the place of one of that name.
func (d *Database) PutRoutine(ctx *gms.Context, r Routine) error {
	return d.p.changeObject(ctx, objectKey(routineSpace(r.Kind), d.name, r.Name), r)
}

// DropRoutine deletes a routine.
func (d *Database) DropRoutine(ctx *gms.Context, kind, name string) error {
	return d.p.changeObject(ctx, objectKey(routineSpace(kind), d.name, name), nil)
}

// ObjectsVersion changes with every change of a view, trigger, routine or event.
func (p *Provider) ObjectsVersion() uint64 {
	p.objects.mu.Lock()
	defer p.objects.mu.Unlock()
	return p.objects.gen
}
