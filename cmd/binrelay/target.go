package main

import (
	"context"
	"encoding/json"
	"fmt"

	"binrelay/binlog/gtid"
	"binrelay/binlog/txn"
	"binrelay/primary"
	"binrelay/replica"
	"binrelay/replica/replstate"
	"binrelay/sql"
	"binrelay/sql/storage"
	"binrelay/sql/wire"
)

// target is where a replica's transactions go: rows straight into storage,
// statements through SQL.
type target struct {
	engine *storage.Engine
	server func() *sql.Server
}

var _ replica.Target = (*target)(nil)

func (t *target) Position(channel string) (txn.Origin, gtid.Set, error) {
	o, _, err := t.engine.Position(channel)
	if err != nil {
		return txn.Origin{}, gtid.Set{}, err
	}
	_, _, executed := t.engine.Visible()
	return o, executed, nil
}

func (t *target) Prepare(ctx context.Context, g *txn.Group) (txn.Prepared, error) {
	return t.engine.Prepare(ctx, g)
}

func (t *target) ExecStatement(ctx context.Context, g *txn.Group) error {
	return t.server().ExecReplicated(ctx, g)
}

// Advance stores a coordinate alone, in a private record.
func (t *target) Advance(ctx context.Context, o txn.Origin) error {
	p, err := t.engine.Prepare(ctx, &txn.Group{Kind: txn.Empty, Origin: &o})
	if err != nil {
		return err
	}
	select {
	case r := <-p.Enqueue():
		return r.Err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// stateKey is the setting that holds a channel's source configuration.
func stateKey(channel string) string { return "replica/source/" + channel }

func (t *target) LoadState(channel string) (replstate.SourceConfig, error) {
	c := replstate.NewSourceConfig(channel)
	b, ok, err := t.engine.GetKV(stateKey(channel))
	if err != nil || !ok {
		return c, err
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return c, fmt.Errorf("read source configuration: %w", err)
	}
	return c, nil
}

func (t *target) SaveState(ctx context.Context, c replstate.SourceConfig) error {
	b, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return t.engine.PutKV(ctx, storage.KV{Key: stateKey(c.Channel), Value: b})
}

// dumpServer lets the wire reach the registry of replicas, which does not know
// the wire's types.
type dumpServer struct{ *primary.Registry }

var _ wire.DumpServer = dumpServer{}

func (d dumpServer) ServeDump(ctx context.Context, r replstate.DumpRequest, w wire.DumpWriter) error {
	return d.Registry.ServeDump(ctx, r, w)
}
