package storage

// localLog is the log of what must survive but must not travel.
type localLog struct{}
