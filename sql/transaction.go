package sql

import (
	"fmt"
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/plan"

	"binrelay/sql/replstmt"
	"binrelay/sql/tables"
)

// nextTransaction is what SET TRANSACTION says of the next transaction. The
// zero value says nothing.
type nextTransaction struct {
	isolation string // "" = the session's
	readOnly  *bool  // nil = the session's
}

func (s *Session) startTransaction(ctx *gms.Context, st *replstmt.StartTransaction) error {
	c := tables.Characteristics{Snapshot: st.Snapshot}
	switch st.Access {
	case replstmt.ReadOnly:
		c.Access = new(true)
	case replstmt.ReadWrite:
		c.Access = new(false)
		if err := (policy{s.server, s}).readOnlyServer(ctx); err != nil {
			return err
		}
	}
	return s.BeginTransaction(ctx, c)
}

func (s *Session) endTransaction(ctx *gms.Context, st *replstmt.EndTransaction) error {
	completion := policy{s.server, s}.text(ctx, "completion_type")
	chain := st.Chain == replstmt.Yes || st.Chain == replstmt.Unsaid && completion == "CHAIN"
	s.released = st.Release == replstmt.Yes || st.Release == replstmt.Unsaid && completion == "RELEASE"
	s.next = nextTransaction{}
	if chain {
		return s.Chain(ctx, !st.Rollback)
	}
	return s.EndTransaction(ctx, !st.Rollback)
}

// Released reports whether the client asked for the connection's end (COMMIT
// RELEASE).
func (s *Session) Released() bool { return s.released }

func (s *Session) savepoint(ctx *gms.Context, st *replstmt.Savepoint) error {
	switch st.Verb {
	case replstmt.SavepointRollback:
		return s.RollbackToSavepoint(ctx, nil, st.ID)
	case replstmt.SavepointRelease:
		return s.ReleaseSavepoint(ctx, nil, st.ID)
	}
	return s.Savepoint(ctx, st.ID)
}

// inRoutine carries out the statements of transactions that go-mysql-server
// has parsed itself: those inside of procedures.
func (s *Session) inRoutine(ctx *gms.Context, n gms.Node) (gms.RowIter, error) {
	var err error
	switch n := n.(type) {
	case *plan.StartTransaction:
		st := &replstmt.StartTransaction{}
		if n.TransChar == gms.ReadOnly {
			st.Access = replstmt.ReadOnly
		}
		err = s.startTransaction(ctx, st)
	case *plan.Commit:
		err = s.endTransaction(ctx, &replstmt.EndTransaction{})
	case *plan.Rollback:
		err = s.endTransaction(ctx, &replstmt.EndTransaction{Rollback: true})
	case *plan.CreateSavepoint:
		err = s.Savepoint(ctx, n.Name)
	case *plan.RollbackSavepoint:
		err = s.RollbackToSavepoint(ctx, nil, n.Name)
	case *plan.ReleaseSavepoint:
		err = s.ReleaseSavepoint(ctx, nil, n.Name)
	}
	return gms.RowsToRowIter(), err
}

// setTransaction is SET TRANSACTION.
func (s *Session) setTransaction(ctx *gms.Context, st *replstmt.SetTransaction) error {
	values := map[string]string{}
	if st.Isolation != "" {
		values["transaction_isolation"] = st.Isolation
	}
	switch st.Access {
	case replstmt.ReadOnly:
		values["transaction_read_only"] = "ON"
	case replstmt.ReadWrite:
		values["transaction_read_only"] = "OFF"
	}
	switch st.Scope {
	case replstmt.NextTransaction:
		if s.InTransaction() {
			return sqlError(1568, "25001", "Transaction characteristics can't be changed while a transaction is in progress")
		}
		if st.Isolation != "" {
			s.next.isolation = st.Isolation
		}
		if st.Access != replstmt.AccessDefault {
			s.next.readOnly = new(st.Access == replstmt.ReadOnly)
		}
		return nil
	case replstmt.GlobalTransactions:
		if !s.may(ctx, gms.PrivilegeType_Super, "system_variables_admin") {
			return accessDenied("SUPER or SYSTEM_VARIABLES_ADMIN")
		}
	}
	for name, v := range values {
		err := s.server.vars.setFrom(ctx, name, v, st.Scope == replstmt.GlobalTransactions)
		if err != nil {
			return err
		}
	}
	return nil
}

// setFrom sets a variable of ours as a SET statement of ctx's session does.
func (v *Variables) setFrom(ctx *gms.Context, name, value string, isGlobal bool) error {
	if isGlobal {
		return v.Set(name, value)
	}
	parsed, err := sysvarByName[name].parse(value)
	if err != nil {
		return fmt.Errorf("variable '%s': %w", name, err)
	}
	return ctx.SetSessionVariable(ctx, name, toGMS(parsed))
}

// commitBefore commits the open transaction if the statement that begins is one
// that does so implicitly; also when it fails later, but not for a syntax error.
func (s *Session) commitBefore(ctx *gms.Context, text string) error {
	if s.internal {
		return nil
	}
	kind := replstmt.CommitsImplicitly(text)
	if kind == replstmt.CommitsNothing {
		return nil
	}
	if s.InTransaction() {
		if _, _, _, err := s.server.parser.ParseWithOptions(ctx.Context, text, ';', false, gms.LoadSqlMode(ctx).ParserOptions()); err != nil {
			return nil // it fails again, and says so
		}
		if err := s.EndTransaction(ctx, true); err != nil {
			return err
		}
	}
	s.next = nextTransaction{}
	if kind == replstmt.CommitsToChange && (policy{s.server, s}).on(ctx, "transaction_read_only") {
		return gms.ErrReadOnlyTransaction.New()
	}
	return nil
}

// onlyReads reports whether the running statement reads rows without locks and
// changes none.
func (s *Session) onlyReads() bool {
	if s.plainRead {
		return true
	}
	return !s.locking && s.root != nil && s.root.IsReadOnly() && !strings.EqualFold(firstWord(s.Query()), "CALL")
}
