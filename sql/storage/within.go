package storage

// Within is a statement inside of another one, which a stored function or a
// trigger runs.
type Within struct {
	step  Step
	outer uint32
	keep  uint32
}

// BeginWithin opens a statement inside of the running one. Its scans meet all
// rows but its own, also those that the outer statement has written.
func (tx *Tx) BeginWithin() Within {
	w := Within{outer: tx.inner, keep: tx.ov.keep}
	tx.ov.keep = max(tx.ov.keep, tx.stmt) // what is there now may come back
	w.step = tx.BeginStep()
	tx.inner = tx.stmt
	return w
}

// EndWithin closes it. Its changes stay, or go if it failed.
func (tx *Tx) EndWithin(w Within, failed bool) (err error) {
	tx.inner = w.outer
	if failed {
		err = tx.RollbackStep(w.step)
	}
	tx.ov.keep = w.keep
	return err
}

// since is the number of the statement whose own rows scans do not meet: the
// running one, or the one inside of it.
func (tx *Tx) since() uint32 {
	if tx.inner != 0 {
		return tx.inner
	}
	return tx.first
}
