package lock

// CrowdFrom sets how many locks an owner has as entries.
func (t *Table) CrowdFrom(n int) { t.crowd = n }
