package sql

import (
	"regexp"
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/analyzer"
	"github.com/dolthub/go-mysql-server/sql/information_schema"
	"github.com/dolthub/go-mysql-server/sql/plan"
	"github.com/dolthub/go-mysql-server/sql/transform"

	"binrelay/sql/storage"
)

// detachKeysID numbers our rule among the analyzer's.
const detachKeysID analyzer.RuleId = 10001

// detachKeys is a rule of the analyzer: it takes the foreign keys out of a
// CREATE TABLE, because they are the storage's.
func detachKeys(ctx *gms.Context, _ *analyzer.Analyzer, n gms.Node, _ *plan.Scope, _ analyzer.RuleSelector, _ *gms.QueryFlags) (gms.Node, transform.TreeIdentity, error) {
	own := sessionOf(ctx)
	t, ok := n.(*plan.CreateTable)
	if !ok || own == nil || len(t.ForeignKeys()) == 0 || t.Like() != nil || t.Select() != nil {
		return n, transform.SameTree, nil
	}
	own.keys = t.ForeignKeys()
	return plan.NewCreateTable(t.Database(), t.Name(), t.IfNotExists(), t.Temporary(), &plan.TableSpec{
		TableOpts: t.TableOpts, Schema: t.PkSchema(), ChDefs: t.Checks(), IdxDefs: t.Indexes(), Collation: t.Collation,
	}), transform.NewTree, nil
}

// matchClause finds MATCH in a foreign key, which go-mysql-server's parser does
// not know.
var matchClause = regexp.MustCompile(`(?is)\bREFERENCES\b.*\)\s*MATCH\s+(?:FULL|PARTIAL|SIMPLE)\b`)

// refuseMatch names the clause when a statement could not be parsed for it.
func refuseMatch(text string, err error) error {
	if err != nil && matchClause.MatchString(text) {
		return notSupported("MATCH in FOREIGN KEY")
	}
	return err
}

// addDetached gives a table that was created the foreign keys that detachKeys
// took out.
func (b *builder) addDetached(ctx *gms.Context, s *Session, n *plan.CreateTable) error {
	keys := s.keys
	s.keys = nil
	if !s.Created(n.Database().Name(), n.Name()) {
		return nil
	}
	for _, k := range keys {
		if k.Database != n.Database().Name() || k.Table != n.Name() {
			continue
		}
		if err := b.server.provider.AddForeignKey(ctx, k); err != nil {
			return err
		}
	}
	return nil
}

// withForeignKeys puts the foreign keys of a table into its CREATE TABLE: after the
// indexes, before the checks.
func withForeignKeys(text string, s *storage.Schema) string {
	end := strings.LastIndex(text, "\n) ENGINE=")
	if end < 0 {
		return text
	}
	at := strings.Index(text[:end], ",\n  CONSTRAINT `")
	if at < 0 {
		at = end
	}
	var keys strings.Builder
	for i := range s.ForeignKeys {
		keys.WriteString(",\n  ")
		keys.WriteString(keyText(s, &s.ForeignKeys[i]))
	}
	return text[:at] + keys.String() + text[at:]
}

// keyText is a foreign key as SHOW CREATE TABLE prints it.
func keyText(s *storage.Schema, k *storage.ForeignKey) string {
	names := func(list []string) string {
		quoted := make([]string, len(list))
		for i, n := range list {
			quoted[i] = quoteName(n)
		}
		return strings.Join(quoted, ", ")
	}
	parent := quoteName(k.Table)
	if k.Database != s.Database {
		parent = quoteName(k.Database) + "." + parent
	}
	text := "CONSTRAINT " + quoteName(k.Name) + " FOREIGN KEY (" + names(k.Columns) + ") REFERENCES " + parent + " (" + names(k.Parent) + ")"
	if k.OnDelete != storage.NoAction {
		text += " ON DELETE " + k.OnDelete.String()
	}
	if k.OnUpdate != storage.NoAction {
		text += " ON UPDATE " + k.OnUpdate.String()
	}
	return text
}

// showKeys adds the foreign keys to the tables of information_schema.
func (s *Server) showKeys(schema gms.Database) {
	for name, rows := range map[string]func(*storage.Schema, *gms.Context) []gms.Row{
		information_schema.KeyColumnUsageTableName:         s.keyColumnUsage,
		information_schema.ReferentialConstraintsTableName: s.referentialConstraints,
		information_schema.TableConstraintsTableName:       s.tableConstraints,
	} {
		t, ok, err := schema.GetTableInsensitive(nil, name)
		table, isTable := t.(*information_schema.InformationSchemaTable)
		if err != nil || !ok || !isTable {
			continue
		}
		read := table.Reader
		table.Reader = func(ctx *gms.Context, c gms.Catalog) (gms.RowIter, error) {
			it, err := read(ctx, c)
			if err != nil {
				return nil, err
			}
			all, err := gms.RowIterToRows(ctx, it)
			if err != nil {
				return nil, err
			}
			s.provider.EachTable(ctx, func(def *storage.Schema) {
				if len(def.ForeignKeys) > 0 {
					all = append(all, rows(def, ctx)...)
				}
			})
			return gms.RowsToRowIter(all...), nil
		}
	}
}

func (s *Server) keyColumnUsage(def *storage.Schema, _ *gms.Context) (rows []gms.Row) {
	for _, k := range def.ForeignKeys {
		for i, c := range k.Columns {
			rows = append(rows, gms.NewRow("def", def.Database, k.Name, "def", def.Database, def.Name, c, i+1, i+1, k.Database, k.Table, k.Parent[i]))
		}
	}
	return rows
}

func (s *Server) tableConstraints(def *storage.Schema, _ *gms.Context) (rows []gms.Row) {
	for _, k := range def.ForeignKeys {
		rows = append(rows, gms.NewRow("def", def.Database, k.Name, def.Database, def.Name, "FOREIGN KEY", "YES"))
	}
	return rows
}

func (s *Server) referentialConstraints(def *storage.Schema, ctx *gms.Context) (rows []gms.Row) {
	for i := range def.ForeignKeys {
		k := &def.ForeignKeys[i]
		var unique any
		if parent, ok := sessionOf(ctx).Definition(k.Database, k.Table); ok {
			if name := parent.UniqueOn(k.Parent); name != "" {
				unique = name
			}
		}
		rows = append(rows, gms.NewRow("def", def.Database, k.Name, "def", k.Database, unique, "NONE", k.OnUpdate.String(), k.OnDelete.String(), def.Name, k.Table))
	}
	return rows
}

// worded words a warning as MySQL does: IGNORE tells of the rows that it leaves
// out, IF EXISTS of tables with their database.
func (s *Session) worded(w *gms.Warning) *gms.Warning {
	switch w.Code {
	case 1051:
		if name, ok := strings.CutPrefix(w.Message, "Unknown table '"); ok && !strings.Contains(name, ".") {
			return &gms.Warning{Level: w.Level, Code: w.Code, Message: "Unknown table '" + s.GetCurrentDatabase() + "." + name}
		}
	case 1062, 1451, 1452:
		if _, text, ok := byText(w.Message, Statement{}); ok {
			return &gms.Warning{Level: "Warning", Code: w.Code, Message: text}
		}
	}
	return w
}
