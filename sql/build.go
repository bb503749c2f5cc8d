package sql

import (
	"sort"
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/rowexec"
	"github.com/dolthub/go-mysql-server/sql/transform"
	"github.com/dolthub/go-mysql-server/sql/types"
)

// builder is asked by go-mysql-server for every node of a plan before its own
// builder: it adds what the engine leaves to its host.
type builder struct {
	server *Server
	base   *rowexec.BaseBuilder
}

var _ gms.NodeExecBuilder = (*builder)(nil)

// Build implements gms.NodeExecBuilder; a nil iterator leaves the node to
// go-mysql-server.
func (b *builder) Build(ctx *gms.Context, n gms.Node, row gms.Row) (gms.RowIter, error) {
	s := sessionOf(ctx)
	if s == nil {
		return nil, nil
	}
	if !s.built {
		s.built, s.root = true, n
		if _, own := n.(*node); !own {
			if err := s.lockedNames(ctx); err != nil {
				return nil, err
			}
		}
		if err := s.checkColumns(ctx, n); err != nil {
			return nil, err
		}
		if err := s.usedOutside(ctx, n); err != nil {
			return nil, err
		}
		ownVariables(ctx, n)
		convertOperands(ctx, n)
		s.beginStrict(ctx, n)
	}
	switch n := n.(type) {
	case *plan.Update:
		return b.update(ctx, s, n, row)
	case *plan.UpdateSource:
		if s.updating != nil && updatesJoin(s.updating.Child) {
			return b.updateSource(ctx, n, row)
		}
	case *plan.InsertInto:
		if n.OnDupExprs.HasUpdates() || n.IsReplace {
			if err := b.checkTriggers(ctx, n); err != nil {
				return nil, err
			}
			compareExactly(n.Destination)
		}
		return s.loaded(b.insert(ctx, s, n, n, row))
	case *plan.TriggerExecutor:
		if ins, ok := inserts(n); ok {
			if ins.OnDupExprs.HasUpdates() || ins.IsReplace {
				if err := b.checkTriggers(ctx, ins); err != nil {
					return nil, err
				}
			}
			return s.loaded(b.insert(ctx, s, n, ins, row))
		}
	case *plan.LoadData:
		return b.loadData(ctx, s, n)
	case *plan.Into:
		return nil, s.checkOutfile(ctx, n)
	case *plan.Distinct:
		return b.distinct(ctx, n.Child, row)
	case *plan.OrderedDistinct:
		return b.distinct(ctx, n.Child, row)
	case *plan.SetOp:
		return b.setOp(ctx, n, row)
	case *rowOrNulls:
		return b.rowOrNulls(ctx, n, row)
	case *plan.DeleteFrom:
		s.LockTargets(targets(ctx, n)...)
	case *plan.StartTransaction, *plan.Commit, *plan.Rollback, *plan.CreateSavepoint, *plan.RollbackSavepoint, *plan.ReleaseSavepoint:
		return s.inRoutine(ctx, n)
	case *plan.Set:
		return nil, s.checkSet(ctx, n)
	case *plan.ShowVariables:
		return b.showVariables(ctx, s, n)
	case *plan.ShowColumns:
		return b.showColumns(ctx, s, n, row)
	case *plan.ShowIndexes:
		return b.showIndexes(ctx, s, n, row)
	case *plan.ShowCreateTable:
		return b.showCreateTable(ctx, s, n, row)
	case *plan.ShowStatus:
		return b.showStatus(ctx, n)
	case *plan.CreateUser, *plan.AlterUser, *plan.DropUser, *plan.RenameUser, *plan.CreateRole, *plan.DropRole,
		*plan.Grant, *plan.GrantRole, *plan.GrantProxy, *plan.Revoke, *plan.RevokeRole, *plan.RevokeProxy, *plan.ShowGrants:
		return nil, notSupported("account statements in stored programs")
	case *plan.CreateEvent, *plan.AlterEvent, *plan.DropEvent:
		return nil, notSupported("EVENT")
	}
	if s.building || !changesCatalog(n) {
		return nil, nil
	}
	return b.ddl(ctx, s, n, row)
}

// usedOutside refuses a statement of a stored function that changes a table
// which the statement that calls the function uses.
func (s *Session) usedOutside(ctx *gms.Context, n gms.Node) error {
	if s.frame == nil || !s.frame.within || s.frame.over == nil {
		return nil
	}
	var changed []string
	if ins, ok := inserts(n); ok {
		changed = targets(ctx, ins.Destination)
	} else {
		transform.Inspect(n, func(n gms.Node) bool {
			switch n.(type) {
			case *plan.Update, *plan.DeleteFrom:
				changed = targets(ctx, n)
			}
			return changed == nil
		})
	}
	if len(changed) == 0 {
		return nil
	}
	used := make(map[string]bool)
	transform.Inspect(s.frame.over, func(n gms.Node) bool {
		if ins, ok := n.(*plan.InsertInto); ok {
			for _, name := range append(targets(ctx, ins.Destination), targets(ctx, ins.Source)...) {
				used[name] = true
			}
		}
		return true
	})
	for _, name := range targets(ctx, s.frame.over) {
		used[name] = true
	}
	for _, name := range changed {
		if used[name] {
			_, table, _ := strings.Cut(name, ".")
			return sqlError(1442, "HY000", "Can't update table '%s' in stored function/trigger because it is already used by statement which invoked this stored function/trigger.", table)
		}
	}
	return nil
}

// targets names the tables below an UPDATE or DELETE, as db.table.
func targets(ctx *gms.Context, n gms.Node) []string {
	var names []string
	transform.Inspect(n, func(n gms.Node) bool {
		if t, ok := n.(gms.TableNode); ok {
			if db := t.Database(); db != nil {
				names = append(names, db.Name()+"."+t.UnderlyingTable().Name())
			}
		}
		return true
	})
	return names
}

// changesCatalog reports whether a node is a statement that changes
// definitions.
func changesCatalog(n gms.Node) bool {
	switch n.(type) {
	case *definition, *plan.CreateTable, *plan.DropTable, *plan.RenameTable, *plan.Truncate,
		*plan.CreateDB, *plan.DropDB, *plan.AlterDB, *plan.CreateSchema, *plan.DropSchema,
		*plan.AddColumn, *plan.DropColumn, *plan.RenameColumn, *plan.ModifyColumn,
		*plan.AlterDefaultSet, *plan.AlterDefaultDrop, *plan.AlterAutoIncrement,
		*plan.AlterTableCollation, *plan.AlterTableComment,
		*plan.AlterIndex, *plan.CreateIndex, *plan.DropIndex, *plan.AlterPK,
		*plan.CreateCheck, *plan.DropCheck, *plan.DropConstraint, *plan.CreateForeignKey, *plan.DropForeignKey,
		*plan.CreateView, *plan.DropView, *plan.CreateTrigger, *plan.DropTrigger,
		*plan.CreateProcedure, *plan.DropProcedure,
		*plan.Block:
		return true
	}
	return false
}

// ddl builds the outermost node of such a statement: whatever it changes is
// committed once, when its iterator is closed.
func (b *builder) ddl(ctx *gms.Context, s *Session, n gms.Node, row gms.Row) (gms.RowIter, error) {
	if block, ok := n.(*plan.Block); ok {
		for _, c := range block.Children() {
			if !changesCatalog(c) {
				return nil, nil // the body of a procedure or trigger
			}
		}
	}
	if s.repl == nil && s.Query() == "" {
		return nil, notSupported("DDL in a trigger")
	}
	s.building = true
	it, err := b.base.Build(ctx, b.openly(n), row)
	if created, ok := n.(*plan.CreateTable); ok && err == nil {
		err = b.addDetached(ctx, s, created)
	}
	if err != nil {
		s.building = false
		s.AbortDDL()
		return nil, clientError(err)
	}
	out := &ddlIter{RowIter: it, s: s}
	if s.begins {
		out.begins, _ = n.(*plan.CreateTable)
	}
	return out, nil
}

// ddlIter ends a DDL statement's scope.
type ddlIter struct {
	gms.RowIter
	s      *Session
	begins *plan.CreateTable // begins a transaction; nil = none
	failed bool
	closed bool
}

// Next implements gms.RowIter.
func (it *ddlIter) Next(ctx *gms.Context) (gms.Row, error) {
	row, err := it.RowIter.Next(ctx)
	if err != nil && !isEOF(err) {
		it.failed = true
		it.s.AbortDDL()
		err = clientError(err)
	}
	return row, err
}

// Close implements gms.RowIter.
func (it *ddlIter) Close(ctx *gms.Context) error {
	if it.closed {
		return nil
	}
	it.closed = true
	it.s.building = false
	err := it.RowIter.Close(ctx)
	if err != nil || it.failed {
		it.s.AbortDDL()
		return clientError(err)
	}
	if it.begins != nil {
		return clientError(it.s.begun(ctx, it.begins))
	}
	return clientError(it.s.CommitDDL(ctx))
}

// checkSet checks privileges for SET GLOBAL and refuses SET PERSIST.
func (s *Session) checkSet(ctx *gms.Context, n *plan.Set) error {
	for _, e := range n.Exprs {
		f, ok := e.(*expression.SetField)
		if !ok {
			continue
		}
		v, ok := f.LeftChild.(*expression.SystemVar)
		if !ok {
			continue
		}
		scope, ok := v.Scope.(*gms.MysqlScope)
		if !ok {
			if o, ok := v.Scope.(ownScope); !ok || !o.isGlobal {
				continue
			}
			scope = gms.GetMysqlScope(gms.SystemVariableScope_Global)
		}
		switch scope.Type {
		case gms.SystemVariableScope_Global:
			if !s.may(ctx, gms.PrivilegeType_Super, "system_variables_admin") {
				return accessDenied("SUPER or SYSTEM_VARIABLES_ADMIN")
			}
		case gms.SystemVariableScope_Persist, gms.SystemVariableScope_PersistOnly, gms.SystemVariableScope_ResetPersist:
			return notSupported("SET PERSIST")
		}
	}
	return nil
}

// showVariables is SHOW [GLOBAL] VARIABLES.
func (b *builder) showVariables(ctx *gms.Context, s *Session, n *plan.ShowVariables) (gms.RowIter, error) {
	var all map[string]any
	if n.Global {
		all = gms.SystemVariables.GetAllGlobalVariables()
		for i := range sysvars {
			d := &sysvars[i]
			if d.scope&global == 0 {
				delete(all, d.name)
				continue
			}
			all[d.name] = toGMS(b.server.vars.global(d))
		}
	} else {
		all = s.GetAllSessionVariables()
	}
	names := make([]string, 0, len(all))
	for name := range all {
		ok, err := matches(ctx, n.Filter, name)
		if err != nil {
			return nil, err
		}
		if ok {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	rows := make([]gms.Row, len(names))
	for i, name := range names {
		v := all[name]
		if d := sysvarByName[name]; d != nil && d.kind != boolVar {
			rows[i] = gms.NewRow(name, show(v))
			continue
		}
		switch v {
		case int8(0):
			v = "OFF"
		case int8(1):
			v = "ON"
		}
		rows[i] = gms.NewRow(name, v)
	}
	return gms.RowsToRowIter(rows...), nil
}

func matches(ctx *gms.Context, filter gms.Expression, name string) (bool, error) {
	if filter == nil {
		return true, nil
	}
	v, err := filter.Eval(ctx, gms.Row{strings.ToLower(name)})
	if err != nil {
		return false, err
	}
	b, _, err := types.Boolean.Convert(ctx, v)
	if err != nil || b == nil {
		return false, nil
	}
	return b.(int8) != 0, nil
}

// ownVariables makes @@GLOBAL.x of our variables read and set the session's
// server instead of the process. n is the root of a statement's plan.
func ownVariables(ctx *gms.Context, n gms.Node) {
	if q := ctx.Query(); !strings.Contains(q, "@@") && !hasPrefixFold(strings.TrimSpace(q), "SET") {
		return
	}
	transform.InspectExpressionsWithNode(ctx, n, func(_ *gms.Context, _ gms.Node, e gms.Expression) bool {
		if v, ok := e.(*expression.SystemVar); ok {
			if d := sysvarByName[strings.ToLower(v.Name)]; d != nil {
				sc, ok := v.Scope.(*gms.MysqlScope)
				isGlobal := ok && sc.Type == gms.SystemVariableScope_Global
				if isGlobal || ok && d.own != nil && sc.Type == gms.SystemVariableScope_Session {
					v.Scope = ownScope{d, isGlobal}
				}
			}
		}
		return true
	})
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
