package tables

import (
	"time"

	gms "github.com/dolthub/go-mysql-server/sql"

	"binrelay/sql/storage"
)

// A database has no events; SHOW EVENTS says so, and making one is refused.
var _ gms.EventDatabase = (*Database)(nil)

// GetEvent implements gms.EventDatabase.
func (d *Database) GetEvent(*gms.Context, string) (gms.EventDefinition, bool, error) {
	return gms.EventDefinition{}, false, nil
}

// GetEvents implements gms.EventDatabase.
func (d *Database) GetEvents(*gms.Context) ([]gms.EventDefinition, any, error) {
	return nil, nil, nil
}

// SaveEvent implements gms.EventDatabase.
func (d *Database) SaveEvent(*gms.Context, gms.EventDefinition) (bool, error) {
	return false, storage.ErrUnsupported
}

// DropEvent implements gms.EventDatabase.
func (d *Database) DropEvent(*gms.Context, string) error { return storage.ErrUnsupported }

// UpdateEvent implements gms.EventDatabase.
func (d *Database) UpdateEvent(*gms.Context, string, gms.EventDefinition) (bool, error) {
	return false, storage.ErrUnsupported
}

// UpdateLastExecuted implements gms.EventDatabase.
func (d *Database) UpdateLastExecuted(*gms.Context, string, time.Time) error {
	return storage.ErrUnsupported
}

// NeedsToReloadEvents implements gms.EventDatabase.
func (d *Database) NeedsToReloadEvents(*gms.Context, any) (bool, error) { return false, nil }
