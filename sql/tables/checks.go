package tables

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	gms "github.com/dolthub/go-mysql-server/sql"

	"binrelay/sql/storage"
)

// checksKey is where a table definition's Extra keeps its CHECK constraints, as
// a JSON list of gms.CheckDefinition.
const checksKey = "checks"

var (
	_ gms.CheckTable          = (*Table)(nil)
	_ gms.CheckAlterableTable = (*Table)(nil)
)

// GetChecks implements gms.CheckTable.
func (t *Table) GetChecks(*gms.Context) ([]gms.CheckDefinition, error) {
	return checksOf(t.def.table.Schema())
}

func checksOf(s *storage.Schema) ([]gms.CheckDefinition, error) {
	text := s.Extra[checksKey]
	if text == "" {
		return nil, nil
	}
	var out []gms.CheckDefinition
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		return nil, fmt.Errorf("checks of %s.%s: %w", s.Database, s.Name, err)
	}
	return out, nil
}

func setChecks(s *storage.Schema, checks []gms.CheckDefinition) error {
	s.Extra = maps.Clone(s.Extra)
	if len(checks) == 0 {
		delete(s.Extra, checksKey)
		return nil
	}
	text, err := json.Marshal(checks)
	if err != nil {
		return err
	}
	if s.Extra == nil {
		s.Extra = make(map[string]string, 1)
	}
	s.Extra[checksKey] = string(text)
	return nil
}

// CreateCheck implements gms.CheckAlterableTable. A constraint without a name
// gets MySQL's: table_chk_n.
func (t *Table) CreateCheck(ctx *gms.Context, check *gms.CheckDefinition) error {
	return t.changeChecks(ctx, func(all []gms.CheckDefinition) ([]gms.CheckDefinition, error) {
		c := *check
		taken := func(name string) bool {
			for _, other := range all {
				if strings.EqualFold(other.Name, name) {
					return true
				}
			}
			return false
		}
		if c.Name == "" {
			for n := 1; c.Name == "" || taken(c.Name); n++ {
				c.Name = fmt.Sprintf("%s_chk_%d", t.name, n)
			}
		}
		if taken(c.Name) {
			return nil, sqlErrorf(3822, "HY000", "Duplicate check constraint name '%s'.", c.Name)
		}
		return append(all, c), nil
	})
}

// DropCheck implements gms.CheckAlterableTable.
func (t *Table) DropCheck(ctx *gms.Context, name string) error {
	return t.changeChecks(ctx, func(all []gms.CheckDefinition) ([]gms.CheckDefinition, error) {
		for i, c := range all {
			if strings.EqualFold(c.Name, name) {
				return append(all[:i:i], all[i+1:]...), nil
			}
		}
		return nil, sqlErrorf(3821, "HY000", "Check constraint '%s' is not found in the table.", name)
	})
}

func (t *Table) changeChecks(ctx *gms.Context, f func([]gms.CheckDefinition) ([]gms.CheckDefinition, error)) error {
	return t.change(ctx, func(s *storage.Schema) error {
		all, err := checksOf(s)
		if err != nil {
			return err
		}
		if all, err = f(all); err != nil {
			return err
		}
		return setChecks(s, all)
	})
}
