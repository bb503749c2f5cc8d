package sql

import (
	"context"
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
)

// shifts are the places where a text was made longer, and by how much.
type shifts []struct{ at, by int }

// before returns where an offset of the longer text is in the text before.
func (s shifts) before(offset int) int {
	out := offset
	for _, x := range s {
		if x.at < offset {
			out -= x.by
		}
	}
	return max(out, 0)
}

// ownLiterals spells literals so that go-mysql-server's parser reads them as
// MySQL does: \_ and \% in a string are two characters each, 0b01 is b'01', and
// N'a' is a string of the national character set.
func ownLiterals(ctx context.Context, query string) (string, shifts) {
	if !strings.ContainsAny(query, `\`) && !mentions(query, []string{"0b", "n'"}) {
		return query, nil
	}
	backslash := !gms.LoadSqlMode(asContext(ctx)).ModeEnabled("NO_BACKSLASH_ESCAPES")
	var out strings.Builder
	var moved shifts
	done := 0 // what is written of the query
	put := func(upTo, from int, text string) {
		out.WriteString(query[done:upTo])
		out.WriteString(text)
		moved = append(moved, struct{ at, by int }{out.Len(), len(text) - (from - upTo)})
		done = from
	}
	for i := 0; i < len(query); {
		switch c := query[i]; {
		case c == '\'' || c == '"':
			end := skipQuoted(query, i)
			if !backslash {
				end = i + 1
				for end < len(query) && query[end] != c {
					end++
				}
				i = min(end+1, len(query))
				continue
			}
			for j := i + 1; j < end; j++ {
				if query[j] != '\\' {
					continue
				}
				j++
				if j < end && (query[j] == '_' || query[j] == '%') {
					put(j, j, `\`)
				}
			}
			i = end
		case c == '`':
			i = skipQuoted(query, i)
		case c == '#' || strings.HasPrefix(query[i:], "-- "):
			end := strings.IndexByte(query[i:], '\n')
			if end < 0 {
				end = len(query) - i
			}
			i += end
		case strings.HasPrefix(query[i:], "/*") && !strings.HasPrefix(query[i:], "/*!"):
			i = skipComment(query, i)
		case isWordByte(c):
			end := i
			for end < len(query) && isWordByte(query[end]) {
				end++
			}
			word := query[i:end]
			switch {
			case len(word) > 2 && strings.HasPrefix(word, "0b") && strings.Trim(word[2:], "01") == "":
				put(i, end, "b'"+word[2:]+"'")
			case (word == "n" || word == "N") && end < len(query) && query[end] == '\'':
				put(i, end, "_utf8mb3 ")
			}
			i = end
		default:
			i++
		}
	}
	if moved == nil {
		return query, nil
	}
	out.WriteString(query[done:])
	return out.String(), moved
}

func isWordByte(c byte) bool {
	return c == '_' || c == '$' || c == '@' || c == '.' || c >= 0x80 || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// asContext returns a context of the engine's kind.
func asContext(ctx context.Context) *gms.Context {
	if c, ok := ctx.(*gms.Context); ok {
		return c
	}
	return gms.NewEmptyContext()
}
