package storage

import (
	"github.com/cockroachdb/pebble/v2"

	"binrelay/binlog/txn"
)

// tables is the transaction half of an Engine: catalog, locks, counters. This
// outline is replaced by its owner.
type tables struct{}

func newTables(e *Engine) *tables { return &tables{} }

var _ tableHooks = (*tables)(nil)

func (t *tables) load() error           { panic("soon") }
func (t *tables) applyKV(kv []KV) error { panic("soon") }
func (t *tables) applyRecord(b *pebble.Batch, csn txn.CSN, events txn.Events, checksum bool) error {
	panic("soon")
}
func (t *tables) dropID(b *pebble.Batch, id TableID) error { panic("soon") }
func (t *tables) sweep(b *pebble.Batch) error              { panic("soon") }
func (t *tables) ready() error                             { panic("soon") }
