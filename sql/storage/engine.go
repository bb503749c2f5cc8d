package storage

// Engine is the store: tables, logs and the way of a commit. Safe for
// concurrent use.
type Engine struct{}

// KV is one setting: a namespaced key and an opaque value; nil deletes.
type KV struct {
	Key   string
	Value []byte
}
