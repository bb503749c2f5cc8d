package storage

// committer is the one queue and the stages behind it.
type committer struct{}
