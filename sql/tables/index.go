package tables

import (
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"

	"binrelay/sql/storage"
)

// Index is an index as go-mysql-server sees it.
type Index struct {
	table   *Table
	place   int // in Schema.Indexes, -1 = primary key
	name    string
	parts   []storage.IndexPart
	unique  bool
	comment string
	exprs   []string // table.column
}

var (
	_ gms.Index        = (*Index)(nil)
	_ gms.OrderedIndex = (*Index)(nil)
)

func newIndex(t *Table, place int, name string, parts []storage.IndexPart, unique bool, comment string) *Index {
	x := &Index{table: t, place: place, name: name, parts: parts, unique: unique, comment: comment}
	x.exprs = make([]string, len(parts))
	for i, p := range parts {
		x.exprs[i] = t.name + "." + t.def.schema[p.Column].Name
	}
	return x
}

// ID implements gms.Index.
func (x *Index) ID() string { return x.name }

// Database implements gms.Index.
func (x *Index) Database() string { return x.table.db.name }

// Table implements gms.Index.
func (x *Index) Table() string { return x.table.name }

// Expressions implements gms.Index.
func (x *Index) Expressions() []string { return x.exprs }

// IsUnique implements gms.Index.
func (x *Index) IsUnique() bool { return x.unique }

// IsSpatial implements gms.Index.
func (x *Index) IsSpatial() bool { return false }

// IsFullText implements gms.Index.
func (x *Index) IsFullText() bool { return false }

// IsVector implements gms.Index.
func (x *Index) IsVector() bool { return false }

// IsGenerated implements gms.Index.
func (x *Index) IsGenerated() bool { return false }

// Comment implements gms.Index.
func (x *Index) Comment() string { return x.comment }

// IndexType implements gms.Index.
func (x *Index) IndexType() string { return "BTREE" }

// ColumnExpressionTypes implements gms.Index.
func (x *Index) ColumnExpressionTypes(*gms.Context) []gms.ColumnExpressionType {
	out := make([]gms.ColumnExpressionType, len(x.parts))
	for i, p := range x.parts {
		out[i] = gms.ColumnExpressionType{Expression: x.exprs[i], Type: keyPartType(x.table.def.schema[p.Column].Type)}
	}
	return out
}

// CanSupport implements gms.Index.
func (x *Index) CanSupport(*gms.Context, ...gms.Range) bool { return true }

// CanSupportOrderBy implements gms.Index: ordering by distance only.
func (x *Index) CanSupportOrderBy(gms.Expression) bool { return false }

// CoversColumns implements gms.Index.
func (x *Index) CoversColumns(cols []string) bool {
next:
	for _, c := range cols {
		for _, p := range x.parts {
			if strings.EqualFold(c, x.table.def.schema[p.Column].Name) {
				continue next
			}
		}
		return false
	}
	return true
}

// PrefixLengths implements gms.Index.
func (x *Index) PrefixLengths() []uint16 {
	var out []uint16
	for i, p := range x.parts {
		if p.Prefix > 0 && out == nil {
			out = make([]uint16, len(x.parts))
		}
		if out != nil {
			out[i] = uint16(p.Prefix)
		}
	}
	return out
}

// ordered reports whether entries order as their columns do, and whether
// go-mysql-server may rely on it: its merge join over several columns loses
// rows when there are NULLs, so those indexes do not offer their order.
func (x *Index) ordered() bool {
	for _, p := range x.parts {
		if p.Prefix > 0 || p.Desc {
			return false
		}
		if len(x.parts) > 1 && x.table.def.schema[p.Column].Nullable {
			return false
		}
	}
	return true
}

// Order implements gms.OrderedIndex.
func (x *Index) Order(*gms.Context) gms.IndexOrder {
	if x.ordered() {
		return gms.IndexOrderAsc
	}
	return gms.IndexOrderNone
}

// Reversible implements gms.OrderedIndex.
func (x *Index) Reversible(*gms.Context) bool { return x.ordered() }
