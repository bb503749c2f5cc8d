package tables

import (
	gms "github.com/dolthub/go-mysql-server/sql"
)

// Stats is the gms.StatsProvider of this server: it knows row counts and no
// histograms, so that ANALYZE TABLE succeeds and plans rely on keys.
type Stats struct{}

var _ gms.StatsProvider = Stats{}

// GetTableStats implements gms.StatsProvider.
func (Stats) GetTableStats(*gms.Context, string, string, gms.Table) ([]gms.Statistic, error) {
	return nil, nil
}

// AnalyzeTable implements gms.StatsProvider.
func (Stats) AnalyzeTable(*gms.Context, gms.Table, string) error { return nil }

// SetStats implements gms.StatsProvider.
func (Stats) SetStats(*gms.Context, gms.Statistic) error { return nil }

// GetStats implements gms.StatsProvider.
func (Stats) GetStats(*gms.Context, gms.StatQualifier, []string) (gms.Statistic, bool) {
	return nil, false
}

// DropStats implements gms.StatsProvider.
func (Stats) DropStats(*gms.Context, gms.StatQualifier, []string) error { return nil }

// DropDbStats implements gms.StatsProvider.
func (Stats) DropDbStats(*gms.Context, string, string, bool) error { return nil }

// RowCount implements gms.StatsProvider.
func (Stats) RowCount(ctx *gms.Context, _, _ string, t gms.Table) (uint64, error) {
	if st, ok := t.(gms.StatisticsTable); ok {
		n, _, err := st.RowCount(ctx)
		return n, err
	}
	return 0, nil
}

// DataLength implements gms.StatsProvider.
func (Stats) DataLength(ctx *gms.Context, _, _ string, t gms.Table) (uint64, error) {
	if st, ok := t.(gms.StatisticsTable); ok {
		return st.DataLength(ctx)
	}
	return 0, nil
}
