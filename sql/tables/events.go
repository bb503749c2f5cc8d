package tables

import (
	"time"

	gms "github.com/dolthub/go-mysql-server/sql"
)

// Event is a stored event. Its times are UTC, in whole seconds.
type Event struct {
	Name     string
	At       time.Time `json:",omitzero"` // of a one-time event
	Interval int64     // of a recurring one: in its unit, of a composite unit in the smallest part
	Unit     string
	Starts   time.Time `json:",omitzero"`
	Ends     time.Time `json:",omitzero"` // zero = never

	Preserve   bool   // ON COMPLETION PRESERVE
	Status     string // ENABLED, DISABLED or SLAVESIDE_DISABLED
	Originator uint32 // server_id of where it was made
	Comment    string
	Body       string
	User, Host string // definer
	Zone       string // time_zone
	SQLMode    string
	Client     string // character_set_client
	Connection string // collation_connection
	Collation  string // of the database

	Created, Altered time.Time
	Done             bool      `json:",omitempty"` // its last run has begun; the scheduler drops it
	Executed         time.Time `json:",omitzero"`  // the last time it was due and began; zero = never
}

// Event returns a stored event.
func (d *Database) Event(ctx *gms.Context, name string) (Event, bool, error) {
	return find[Event](ctx, d, eventSpace, name)
}

// Events returns all events, ordered by name.
func (d *Database) Events(ctx *gms.Context) ([]Event, error) { return list[Event](ctx, d, eventSpace) }

// LockEvent keeps others from changing an event until the statement ends. What
// they have done before is seen from then on.
func (d *Database) LockEvent(ctx *gms.Context, name string) error {
	return d.lockObject(ctx, eventSpace, name)
}

// PutEvent stores an event, also in the place of one of that name.
func (d *Database) PutEvent(ctx *gms.Context, e Event) error {
	return d.p.changeObject(ctx, objectKey(eventSpace, d.name, e.Name), e)
}

// DropEvent deletes an event.
func (d *Database) DropEvent(ctx *gms.Context, name string) error {
	return d.p.changeObject(ctx, objectKey(eventSpace, d.name, name), nil)
}

// SameAs reports whether two events are the same but for when they ran.
func (e *Event) SameAs(o *Event) bool {
	a, b := *e, *o
	a.Executed, b.Executed = time.Time{}, time.Time{}
	return a == b
}

// Location is the time zone of an event.
func (e *Event) Location() *time.Location { return zoneOf(e.Zone) }
