package wire

import (
	"context"
	"strings"
	"time"
)

// errStatementTimeout is what a SELECT that runs longer than the session's
// max_execution_time ends in.
var errStatementTimeout = wireError(3024, "HY000", "Query execution was interrupted, maximum statement execution time exceeded")

// runStatement is run for the text of a client's statement: a SELECT ends after
// max_execution_time. Source: MySQL 8.0 manual, max_execution_time: it applies
// to read-only SELECT statements only.
func (c *conn) runStatement(query string, fn func(ctx context.Context) error) error {
	limit := c.executionLimit(query)
	if limit <= 0 {
		return c.run(fn)
	}
	return c.run(func(ctx context.Context) error {
		ctx, cancel := context.WithTimeoutCause(ctx, limit, errStatementTimeout)
		defer cancel()
		err := fn(ctx)
		if err != nil && context.Cause(ctx) == error(errStatementTimeout) {
			return errStatementTimeout
		}
		return err
	})
}

// executionLimit returns how long query may run; 0 = as long as it likes.
func (c *conn) executionLimit(query string) time.Duration {
	if c.session == nil || !isSelect(query) {
		return 0
	}
	v, err := c.session.GetSessionVariable(c.sessionCtx, "max_execution_time")
	if err != nil {
		return 0
	}
	switch ms := v.(type) {
	case int64:
		return time.Duration(ms) * time.Millisecond
	case uint64:
		return time.Duration(ms) * time.Millisecond
	}
	return 0
}

// isSelect reports whether a statement begins with SELECT, after white space
// and opening parentheses.
func isSelect(query string) bool {
	query = strings.TrimLeft(query, " \t\r\n(")
	return len(query) >= 6 && strings.EqualFold(query[:6], "SELECT")
}
