package conf

import (
	"fmt"
	"slices"
	"strings"
)

// fixedOption is an option of mysqld of which this server knows one behaviour
// only.
type fixedOption struct {
	accepted string // values that ask for it, space-separated, lower case
	refuse   bool   // another value would change data or access: not just a warning
}

// fixed are options that may not be ignored silently: what they ask for is
// either what this server does anyway, or is refused.
var fixed = map[string]fixedOption{
	"binlog_format":                  {accepted: "row"},
	"binlog_row_image":               {accepted: "full"},
	"master_info_repository":         {accepted: "table"},
	"relay_log_info_repository":      {accepted: "table"},
	"relay_log_recovery":             {accepted: "on 1"},
	"relay_log_purge":                {accepted: "on 1"},
	"default_storage_engine":         {accepted: "innodb"},
	"innodb_flush_log_at_trx_commit": {accepted: "1"},

	"replicate_do_table":           {refuse: true},
	"replicate_ignore_table":       {refuse: true},
	"replicate_wild_do_table":      {refuse: true},
	"replicate_wild_ignore_table":  {refuse: true},
	"replicate_rewrite_db":         {refuse: true},
	"replicate_same_server_id":     {accepted: "off 0", refuse: true},
	"slave_skip_errors":            {accepted: "off 0", refuse: true},
	"replica_skip_errors":          {accepted: "off 0", refuse: true},
	"slave_exec_mode":              {accepted: "strict", refuse: true},
	"replica_exec_mode":            {accepted: "strict", refuse: true},
	"binlog_encryption":            {accepted: "off 0", refuse: true},
	"encrypt_binlog":               {accepted: "off 0", refuse: true},
	"rpl_semi_sync_source_enabled": {accepted: "off 0", refuse: true},
	"rpl_semi_sync_master_enabled": {accepted: "off 0", refuse: true},
	"lower_case_table_names":       {accepted: "0", refuse: true},
	"auto_increment_increment":     {accepted: "1", refuse: true},
	"auto_increment_offset":        {accepted: "1", refuse: true},
	"autocommit":                   {accepted: "on 1", refuse: true},
	"init_connect":                 {refuse: true},
	"init_file":                    {refuse: true},
	"offline_mode":                 {accepted: "off 0", refuse: true},
	"skip_networking":              {accepted: "off 0", refuse: true},
	"skip_grant_tables":            {accepted: "off 0", refuse: true},
}

// notOurs judges an option of mysqld that is none of ours: an error, a
// warning, or nothing.
func (l *loader) notOurs(s setting, name string) error {
	f, ok := fixed[name]
	if !ok {
		l.warn("%s: option '%s' has no meaning for binrelay and is ignored", s.place, s.name)
		return nil
	}
	value := s.value
	if s.bare {
		value = "ON"
	}
	words := strings.Fields(f.accepted)
	switch {
	case slices.Contains(words, strings.ToLower(value)), value == "" && len(words) == 0:
		return nil
	case f.refuse && len(words) == 0:
		return fmt.Errorf("%s: option '%s' is not supported yet", s.place, s.name)
	case f.refuse:
		return fmt.Errorf("%s: option '%s': value '%s' is not supported yet, only %s", s.place, s.name, value, strings.ToUpper(words[0]))
	}
	l.warn("%s: option '%s': value '%s' is ignored, it is always %s", s.place, s.name, value, strings.ToUpper(words[0]))
	return nil
}
