package storage

import (
	"encoding/binary"

	"github.com/cockroachdb/pebble/v2"

	"binrelay/binlog"
	"binrelay/binlog/txn"
)

// pending is what a transaction hands to the Committer: everything is built,
// nothing that can fail is left. bin alone makes it plain; private, kv, drops
// or origin without bin make it private; both make it mixed. One with nothing
// at all is not to be enqueued. After enqueue or commit succeeded in taking it,
// all of it belongs to the Committer.
type pending struct {
	batch   *pebble.Batch // rows, indexes, m| changes; closed by the Committer. Row values carry stamp holes
	stamps  []uint32      // offsets in batch.Repr() of the holes (stampSize bytes each)
	large   *largeRows    // nil, or the rows that are not in batch; it then has m| changes only
	kv      []KV          // m| changes that recovery must redo (they are also in batch)
	drops   []TableID     // ids range-deleted in the same batch (tableHooks.dropID)
	bin     *binlog.Txn   // nil: nothing travels. The Committer sets CSN, Index, GTID (if zero) and Timestamp
	private txn.Events    // nil, or the rows events of the local half, without checksum, room left for it
	privN   int           // number of private events
	privLen int64         // their bytes, checksum room included
	origin  *txn.Origin   // source coordinate that becomes durable with it

	// check is asked when the transaction is taken from the queue: an error
	// refuses it, because one it builds on has failed. May be nil; must not
	// block.
	check func() error
	// applying is called by stage C with the transaction's CSN just before its
	// batch is applied (recentDeletes). May be nil; must not block.
	applying func(csn txn.CSN)
	// release is called exactly once: after the transaction is visible, or with
	// Result.Err when it failed. Releases locks, drops views, swaps catalogs.
	// May be nil; must not block.
	release func(txn.Result)

	// The Committer's own.
	size  int64   // bytes in batch, files and logs
	csn   txn.CSN // of its last record: what its rows are stamped with
	state pendingState
	done  chan txn.Result // buffered, gets one
	lead  chan struct{}   // buffered: this waiter becomes the leader; nil: it led at once, or nobody waits
}

// stampSize is the length of a row value's stamp: the CSN of the transaction
// that wrote it, little-endian. A mixed transaction stamps both halves with the
// higher number; one with largeRows stamps its tag.
const stampSize = 8

// putStamp writes a stamp into the first bytes of dst.
func putStamp(dst []byte, c txn.CSN) { binary.LittleEndian.PutUint64(dst, uint64(c)) }

// rawStamp reads the stamp of a row value: a CSN or a tag (tables.stampOf).
func rawStamp(value []byte) txn.CSN { return txn.CSN(binary.LittleEndian.Uint64(value)) }

// tableHooks is what the Committer and recovery need of the transaction half.
// Implemented by *tables.
type tableHooks interface {
	// load reads the catalog from the store. Called once, before replay.
	load() error
	// applyKV changes the in-memory catalog as the m| changes of a replayed
	// record say, and raises Engine.nextID above every id they name.
	applyKV(kv []KV) error
	// applyRecord redoes the rows events of a replayed record: it adds puts and
	// deletes, stamped with csn, to b, an indexed batch on the store: reads must
	// go through b to see earlier records of the same replay. events are whole,
	// with a CRC32 if checksum; a Query (BEGIN, DDL text) and Xid among them are
	// to be passed over. Table_maps name tables as of this point of the replay.
	// A record that does not fit into memory comes with an empty overlay: its
	// rows go there, without stamps, and b takes m| changes only.
	applyRecord(b *pebble.Batch, large *overlay, csn txn.CSN, events txn.Events, checksum bool) error
	// dropID range-deletes everything under a table or index id.
	dropID(b *pebble.Batch, id TableID) error
	// sweep removes everything stored under ids that the catalog does not know,
	// after replay. It adds to b, which is applied at once.
	sweep(b *pebble.Batch) error
}
