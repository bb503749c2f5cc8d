package sql

import (
	gms "github.com/dolthub/go-mysql-server/sql"

	"binrelay/sql/replstmt"
	"binrelay/sql/wire"
)

// processList is the engine's list of connections with the statements that run
// without it.
type processList struct {
	gms.ProcessList
	server *Server
}

// Processes implements gms.ProcessList. No statement shows its passwords.
func (l processList) Processes() []gms.Process {
	all := l.ProcessList.Processes()
	defer func() {
		for i := range all {
			all[i].Query = replstmt.Masks(all[i].Query)
		}
	}()
	w := l.server.wireServer()
	if w == nil {
		return all
	}
	running := make(map[uint32]wire.ConnInfo)
	for _, c := range w.Connections() {
		if c.Query != "" {
			running[c.ID] = c
		}
	}
	for i := range all {
		if c, ok := running[all[i].Connection]; ok && all[i].Query == "" {
			all[i].Command, all[i].Query, all[i].StartedAt = gms.ProcessCommandQuery, c.Query, c.Since
		}
	}
	return all
}
