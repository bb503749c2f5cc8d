// Package direct recognises statements whose meaning is plain: reads and
// changes of one table by constants, such as
//
//	SELECT c FROM t WHERE id = 5
//
// Cut takes the constants out of a statement's text. What remains is its shape,
// which is parsed once; Recognise tells from the parsed shape what the statement
// does, or that it is not one of these. The package knows no catalog: whether
// the columns are what the statement takes them for is for its user to check.
package direct
