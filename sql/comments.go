package sql

import "strings"

// ourVersion is the number that executable comments are compared with.
const ourVersion = 80036

// hideComments turns executable comments that are not for us into ordinary
// ones, keeping every byte's place: /*!80100 …*/ of a later version, and
// MariaDB's /*M!…*/.
func hideComments(query string) string {
	if !strings.Contains(query, "/*") {
		return query
	}
	var out []byte
	for i := 0; i < len(query); {
		switch c := query[i]; {
		case c == '\'' || c == '"' || c == '`':
			i = skipQuoted(query, i)
		case c == '#' || strings.HasPrefix(query[i:], "-- "):
			end := strings.IndexByte(query[i:], '\n')
			if end < 0 {
				end = len(query) - i
			}
			i += end
		case strings.HasPrefix(query[i:], "/*M!"):
			out = blank(out, query, i+2, i+4)
			i = skipComment(query, i)
		case strings.HasPrefix(query[i:], "/*!"):
			version, digits := 0, 0
			for j := i + 3; j < len(query) && digits < 6 && query[j] >= '0' && query[j] <= '9'; j++ {
				version = version*10 + int(query[j]-'0')
				digits++
			}
			if digits >= 5 && version > ourVersion {
				out = blank(out, query, i+2, i+3)
				i = skipComment(query, i)
			} else {
				i += 3
			}
		case strings.HasPrefix(query[i:], "/*"):
			i = skipComment(query, i)
		default:
			i++
		}
	}
	if out == nil {
		return query
	}
	return string(out)
}

// blank overwrites out[from:to], a copy of query, with spaces.
func blank(out []byte, query string, from, to int) []byte {
	if out == nil {
		out = []byte(query)
	}
	for i := from; i < to; i++ {
		out[i] = ' '
	}
	return out
}

// skipComment returns the offset behind the comment that begins at i.
func skipComment(query string, i int) int {
	if end := strings.Index(query[i+2:], "*/"); end >= 0 {
		return i + 2 + end + 2
	}
	return len(query)
}

// skipQuoted returns the offset behind the quoted text that begins at i.
func skipQuoted(query string, i int) int {
	quote := query[i]
	for j := i + 1; j < len(query); j++ {
		switch {
		case query[j] == '\\' && quote != '`':
			j++
		case query[j] == quote:
			return j + 1
		}
	}
	return len(query)
}
