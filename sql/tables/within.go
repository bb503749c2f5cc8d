package tables

import (
	"errors"

	gms "github.com/dolthub/go-mysql-server/sql"
)

// Within runs a statement inside of the running one, for a stored function or a
// procedure that a function or trigger calls: it commits nothing, and if it
// fails its own changes are undone.
func (s *Session) Within(ctx *gms.Context, text string, run func() error) (err error) {
	tx, err := s.Tx(ctx)
	if err != nil {
		return err
	}
	query, read, targets, inserts, edits, step := s.query, s.read, s.targets, s.inserts, s.edits, s.step
	s.query, s.read, s.targets, s.edits = text, Locking{}, nil, 0
	if s.policy != nil {
		if s.read, err = s.policy.Locking(text); err != nil {
			return err
		}
	}
	own := s.tx
	w := tx.BeginWithin()
	s.within++
	defer func() {
		s.within = max(s.within-1, 0)
		s.query, s.read, s.targets, s.inserts = query, read, targets, inserts
		if s.tx != own {
			return // it is lost
		}
		s.edits, s.step = edits, step
		if err != nil {
			s.giveBack()
		}
		if failed := tx.EndWithin(w, err != nil); failed != nil {
			err = errors.Join(err, failed)
		}
	}()
	return run()
}

// RollbackStatement undoes what the running statement has changed so far.
func (s *Session) RollbackStatement() error { return s.rollbackEdit() }

// Lost reports whether the transaction was rolled back, by a deadlock, while a
// statement inside of another one ran.
func (s *Session) Lost() bool { return s.within > 0 && (s.tx == nil || s.tx.done) }
