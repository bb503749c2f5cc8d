package sql

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// textRule knows one error by its text.
type textRule struct {
	pattern *regexp.Regexp
	num     uint16
	// when restricts the rule to some statements; nil = all.
	when func(query string) bool
	// rewrite makes MySQL's text of the submatches; nil = what matched.
	rewrite func(m []string, st Statement) string
}

// as fills the submatches into a format with %s for each.
func as(format string) func([]string, Statement) string {
	return func(m []string, _ Statement) string {
		args := make([]any, len(m)-1)
		for i, a := range m[1:] {
			args[i] = a
		}
		if strings.Count(format, "%s") < len(args) {
			args = args[:strings.Count(format, "%s")]
		}
		return fmt.Sprintf(format, args...)
	}
}

// rule compiles a textRule. Patterns are anchored at the end, for context may
// stand before an error's text, and match line breaks.
func rule(num uint16, pattern string, rewrite func([]string, Statement) string) textRule {
	return textRule{pattern: regexp.MustCompile("(?s)" + pattern + "$"), num: num, rewrite: rewrite}
}

// after restricts a rule to statements that begin with verb.
func after(verb string, r textRule) textRule {
	r.when = func(query string) bool { return begins(query, verb) }
	return r
}

// dropping restricts a rule to ALTER TABLE … DROP.
func dropping(r textRule) textRule {
	r.when = func(query string) bool {
		return begins(query, "ALTER TABLE") && strings.Contains(strings.ToUpper(query), " DROP ")
	}
	return r
}

// settingModes restricts a rule to SET of sql_mode.
func settingModes(r textRule) textRule {
	r.when = func(query string) bool {
		return begins(query, "SET") && strings.Contains(strings.ToLower(query), "sql_mode")
	}
	return r
}

// textRules are tried in order. Each half below is ordered by number; texts
// that are MySQL's already come first, for go-mysql-server's may contain them.
var textRules = append(mysqlTexts, engineTexts...)

// mysqlTexts recognise MySQL's own words, to put the number back.
var mysqlTexts = []textRule{
	rule(1007, `Can't create database '[^']*'; database exists`, nil),
	rule(1008, `Can't drop database '[^']*'; database doesn't exist`, nil),
	rule(1044, `Access denied for user '[^']*'@'[^']*' to database '[^']*'`, nil),
	rule(1046, `No database selected`, nil),
	rule(1048, `Column '[^']*' cannot be null`, nil),
	rule(1049, `Unknown database '[^']*'`, nil),
	rule(1050, `Table '[^']*' already exists`, nil),
	rule(1051, `Unknown table '[^']*'`, nil),
	rule(1054, `Unknown column '[^']*' in '(?:field list|group statement|\S+ clause)'`, nil),
	rule(1054, `Unknown column '([^']*)' in '[^']*'`, func(m []string, st Statement) string {
		return fmt.Sprintf("Unknown column '%s' in '%s'", m[1], clauseOf(st.Query, m[1]))
	}),
	rule(1060, `Duplicate column name '[^']*'`, nil),
	rule(1061, `Duplicate key name '[^']*'`, nil),
	rule(1062, `Duplicate entry '.*' for key '[^']*'`, nil),
	rule(1064, `You have an error in your SQL syntax; .*`, nil),
	rule(1083, `Field separator argument is not what is expected; check the manual`, nil),
	rule(1091, `Can't DROP '[^']*'; check that column/key exists`, nil),
	rule(1094, `Unknown thread id: \d+`, nil),
	rule(1115, `Unknown character set: '[^']*'`, nil),
	rule(1136, `Column count doesn't match value count at row \d+`, nil),
	rule(1146, `Table '[^']*' doesn't exist`, nil),
	rule(1193, `Unknown system variable '@*([^']*)'`, as("Unknown system variable '%s'")),
	rule(1198, `This operation cannot be performed with a running (?:slave|replica)[;.].*`, nil),
	rule(1167, `The used storage engine can't index the columns of key '[^']*'`, nil),
	rule(1205, `Lock wait timeout exceeded; try restarting transaction`, nil),
	rule(1213, `Deadlock found when trying to get lock; try restarting transaction`, nil),
	rule(1227, `Access denied; you need \(at least one of\) the .* privilege\(s\) for this operation`, nil),
	rule(1229, `Variable '[^']*' is a GLOBAL variable and should be set with SET GLOBAL`, nil),
	rule(1228, `Variable '[^']*' is a SESSION variable and can't be used with SET GLOBAL`, nil),
	rule(1231, `Variable '[^']*' can't be set to the value of '.*'`, func(m []string, _ Statement) string {
		return strings.Replace(m[0], "'<nil>'", "'NULL'", 1)
	}),
	rule(1210, `Incorrect arguments to .*`, nil),
	rule(1235, `This version of MySQL doesn't yet support .*`, nil),
	rule(1238, `Variable '([^']*)' is a read only variable`, as("Variable '%s' is a read only variable")),
	rule(1264, `Out of range value for column '[^']*' at row \d+`, nil),
	rule(1265, `Data truncated for column '[^']*' at row \d+`, nil),
	rule(1273, `Unknown collation: '[^']*'`, nil),
	rule(1290, `The MySQL server is running with the (.*) option so it cannot execute this statement`, nil),
	rule(1292, `(?:Incorrect (?:date|time|datetime|timestamp) value|Truncated incorrect \S+ value): '.*`, nil),
	rule(1298, `Unknown or incorrect time zone: '?([^']*)'?`, as("Unknown or incorrect time zone: '%s'")),
	rule(1305, `(?:SAVEPOINT|FUNCTION|PROCEDURE) \S+ does not exist`, nil),
	rule(1317, `Query execution was interrupted`, nil),
	rule(1364, `Field '[^']*' doesn't have a default value`, nil),
	rule(1366, `Incorrect (?:string|integer|decimal|double|DECIMAL|INTEGER|DOUBLE) value: '.*' for column '[^']*' at row \d+`, nil),
	rule(1406, `Data too long for column '[^']*' at row \d+`, nil),
	rule(1451, `Cannot delete or update a parent row: a foreign key constraint fails.*`, nil),
	rule(1452, `Cannot add or update a child row: a foreign key constraint fails.*`, nil),
	rule(1690, `(?:\S+ )?value is out of range in '.*'`, nil),
	rule(1761, `Foreign key constraint for table '[^']*', record '.*' would lead to a duplicate entry in table '[^']*', key '[^']*'`, nil),
	rule(3008, `Foreign key cascade delete/update exceeds max depth of \d+\.`, nil),
	rule(1792, `Cannot execute statement in a READ ONLY transaction\.?`, nil),
	rule(1819, `Your password does not satisfy the current policy requirements`, nil),
	rule(3024, `Query execution was interrupted, maximum statement execution time exceeded`, nil),
	rule(3140, `Invalid JSON text: ".*" at position \d+ in value for column '[^']*'\.`, nil),
	rule(3141, `Invalid JSON text in argument \d+ to function \S+: ".*" at position \d+\.`, nil),
	rule(3143, `Invalid JSON path expression\. The error is around character position \d+\.`, nil),
	rule(3152, `JSON column '([^']*)' supports indexing only via generated columns on a specified JSON path\.?`, as("JSON column '%s' supports indexing only via generated columns on a specified JSON path.")),
	rule(3157, `The JSON document exceeds the maximum depth\.`, nil),
	rule(1396, `Operation (?:CREATE|ALTER|DROP) (?:USER|ROLE) failed for .*`, nil),
	rule(1410, `You are not allowed to create a user with GRANT`, nil),
	rule(1141, `There is no such grant defined for user '[^']*' on host '[^']*'`, nil),
}

// engineTexts recognise go-mysql-server's words and replace them.
var engineTexts = []textRule{
	settingModes(rule(1231, `value (\S+) was not found in the set`, as("Variable 'sql_mode' can't be set to the value of '%s'"))),
	rule(1235, "The (character set|collation) `([^`]*)` has not yet been implemented, .*", as("This version of MySQL doesn't yet support '%s %s'")),
	rule(1264, `out of range value for column '([^']*)'`, as("Out of range value for column '%s' at row 1")),
	rule(1406, `data too long for column '([^']*)'`, as("Data too long for column '%s' at row 1")),
	rule(1292, `value "([^"]*)" is outside of (timestamp|datetime|date)(?:\(\d\))? range`, func(m []string, _ Statement) string {
		kind := m[2]
		if kind == "timestamp" {
			kind = "datetime"
		}
		return fmt.Sprintf("Incorrect %s value: '%s'", kind, m[1])
	}),
	rule(1007, `can't create database (.*); database exists`, as("Can't create database '%s'; database exists")),
	// 126 is HA_ERR_CRASHED. What follows the line is a carrier of details.
	rule(1030, `pebble(?:/table)?: ((?:file \d+: (?:block|\()|invalid (?:table|file)|corrupt )[^\n]*)(?:\n.*)?`,
		as("Got error 126 - 'the store is damaged: %s' from storage engine")),
	rule(1044, `Access denied for user (\S+) to database '([^']*)'`, as("Access denied for user %s to database '%s'")),
	rule(1046, `no database selected`, as("No database selected")),
	rule(1048, `column cannot be null for column '([^']*)'`, as("Column '%s' cannot be null")),
	rule(1048, `column name '([^']*)' is non-nullable but attempted to set a value of null`, as("Column '%s' cannot be null")),
	after("DROP", rule(1008, `database not found: (\S+?)(?:, maybe you mean .*)?`, as("Can't drop database '%s'; database doesn't exist"))),
	rule(1049, `database not found: (\S+?)(?:, maybe you mean .*)?`, as("Unknown database '%s'")),
	rule(1050, `table with name (.*) already exists`, as("Table '%s' already exists")),
	rule(1050, `the view (.*)\.(.*) already exists`, func(m []string, _ Statement) string {
		return fmt.Sprintf("Table '%s' already exists", m[2])
	}),
	rule(1052, `ambiguous column (?:or alias )?name "([^"]*)".*`, func(m []string, st Statement) string {
		return fmt.Sprintf("Column '%s' in %s is ambiguous", m[1], clauseOf(st.Query, m[1]))
	}),
	rule(1054, `column "([^"]*)" could not be found in any table in scope`, func(m []string, st Statement) string {
		return fmt.Sprintf("Unknown column '%s' in '%s'", m[1], clauseOf(st.Query, m[1]))
	}),
	dropping(rule(1091, `table "[^"]*" does not have column "([^"]*)"`, as("Can't DROP '%s'; check that column/key exists"))),
	rule(1054, `table "([^"]*)" does not have column "([^"]*)"`, func(m []string, st Statement) string {
		if m[1] == "" {
			return fmt.Sprintf("Unknown column '%s' in '%s'", m[2], clauseOf(st.Query, m[2]))
		}
		return fmt.Sprintf("Unknown column '%s.%s' in '%s'", m[1], m[2], clauseOf(st.Query, m[2]))
	}),
	rule(1060, `(?i)Column "([^"]*)" already exists`, as("Duplicate column name '%s'")),
	rule(1060, "duplicate column name: `([^`]*)`", as("Duplicate column name '%s'")),
	rule(1062, `duplicate (primary|unique) key given: \[(.*)\]`, func(m []string, _ Statement) string {
		key := "PRIMARY"
		if m[1] == "unique" {
			key = "UNIQUE"
		}
		return fmt.Sprintf("Duplicate entry '%s' for key '%s'", strings.ReplaceAll(m[2], ",", "-"), key)
	}),
	rule(1064, `syntax error at position (\d+)(?: near '(.*)')?`, func(m []string, st Statement) string {
		pos, _ := strconv.Atoi(m[1])
		return syntaxError(st.Query, pos, m[2])
	}),
	rule(1066, `Not unique table/alias: (.*)`, as("Not unique table/alias: '%s'")),
	rule(1068, `error: Multiple primary keys defined`, as("Multiple primary key defined")),
	rule(1072, `key column '([^']*)' doesn't exist in table`, as("Key column '%s' doesn't exist in table")),
	rule(1075, `(?:error: incorrect table definition: )?there can be only one auto(?:_increment)? column and it must be defined as a key`,
		as("Incorrect table definition; there can be only one auto column and it must be defined as a key")),
	rule(1091, `error: can't drop '([^']*)'; check that column/key exists`, as("Can't DROP '%s'; check that column/key exists")),
	rule(1091, `unable to find index "([^"]*)" on table .*`, as("Can't DROP '%s'; check that column/key exists")),
	rule(1110, `column '([^']*)' specified twice`, as("Column '%s' specified twice")),
	rule(1115, `Unknown character set: (\S+)`, as("Unknown character set: '%s'")),
	rule(1136, `number of values does not match number of columns provided`, as("Column count doesn't match value count at row 1")),
	rule(1099, `Table '[^']*' was locked with a READ lock and can't be updated`, nil),
	rule(1100, `Table '[^']*' was not locked with LOCK TABLES`, nil),
	rule(1142, `\S+(, \S+)* command denied to user '[^']*'@'[^']*' for table '[^']*'`, nil),
	rule(1142, `command denied to user (\S+)`, deniedCommand),
	rule(3105, `The value specified for generated column "([^"]*)" in table "([^"]*)" is not allowed\.`,
		as("The value specified for generated column '%s' in table '%s' is not allowed.")),
	rule(1253, `COLLATION '[^']*' is not valid for CHARACTER SET '[^']*'`, nil),
	rule(1253, `(\S+) is not a valid character set for (\S+)`, func(m []string, _ Statement) string {
		return fmt.Sprintf("COLLATION '%s' is not valid for CHARACTER SET '%s'", m[2], m[1])
	}),
	rule(1235, `(GRANT|REVOKE) does not yet support the dynamic privilege: "([^"]*)"`, as("This version of MySQL doesn't yet support '%s %s'")),
	after("DROP TABLE", rule(1051, `table not found: (\S+?)(?:, maybe you mean .*)?`, func(m []string, st Statement) string {
		return fmt.Sprintf("Unknown table '%s'", qualified(m[1], st))
	})),
	rule(1146, `table not found: (\S+?)(?:, maybe you mean .*)?`, func(m []string, st Statement) string {
		return fmt.Sprintf("Table '%s' doesn't exist", qualified(m[1], st))
	}),
	rule(1170, `blob/text column '([^']*)' used in key specification without a key length`, as("BLOB/TEXT column '%s' used in key specification without a key length")),
	rule(1213, `serialization failure: .*, try restarting transaction\.`, as("Deadlock found when trying to get lock; try restarting transaction")),
	rule(1235, `unsupported (?:feature|syntax): (.*)`, as("This version of MySQL doesn't yet support '%s'")),
	rule(1241, `operand should have (\d+) columns, but has \d+`, as("Operand should contain %s column(s)")),
	rule(1242, `the subquery returned more than 1 row`, as("Subquery returns more than 1 row")),
	rule(1243, `Unknown prepared statement handler \((.*)\) given to EXECUTE`, as("Unknown prepared statement handler (%s) given to EXECUTE")),
	rule(1248, `Every derived table must have its own alias`, as("Every derived table must have its own alias")),
	rule(1264, `(\S+) out of range for (\S+(?: unsigned)?)`, as("Out of range value: %s is no %s")),
	rule(1264, `Out of range value for column of Decimal type`, as("Out of range value for a DECIMAL column")),
	rule(1264, `value (-?[\d.]+|true|false) is not a valid Year`, as("Out of range value: %s is no year")),
	rule(1366, `value (.*) is not a valid Year`, as("Incorrect integer value: '%s'")),
	rule(1406, `(\d+) is beyond the maximum value that can be held by (\d+) bits`, as("Data too long for column: %s has more than %s bits")),
	rule(1367, `strconv\.ParseFloat: parsing "(.*)": value out of range`, as("Illegal double '%s' value found during parsing")),
	rule(1273, `Unknown collation: (\S+)`, as("Unknown collation: '%s'")),
	rule(1290, `database server is set to read only mode`, as("The MySQL server is running with the --read-only option so it cannot execute this statement")),
	rule(1292, `Incorrect datetime value: '(.*)'`, as("Incorrect datetime value: '%s'")),
	rule(1292, `error: '(.*)' is not a valid value for '((?:date|time)[a-z]*)[^']*'`, func(m []string, _ Statement) string {
		return fmt.Sprintf("Incorrect %s value: '%s'", strings.ToLower(m[2]), m[1])
	}),
	rule(1292, `value "(.*)" is outside of (\w+) range`, func(m []string, _ Statement) string {
		return fmt.Sprintf("Incorrect %s value: '%s'", m[2], m[1])
	}),
	rule(1292, `value (.*) is not a valid Time`, as("Incorrect time value: '%s'")),
	rule(1292, `Truncated incorrect (\S+) value: (.*)`, as("Truncated incorrect %s value: '%s'")),
	rule(1305, `function: '([^']*)' not found.*`, func(m []string, st Statement) string {
		return fmt.Sprintf("FUNCTION %s does not exist", qualified(m[1], st))
	}),
	rule(1305, `stored procedure "([^"]*)" does not exist`, func(m []string, st Statement) string {
		return fmt.Sprintf("PROCEDURE %s does not exist", qualified(m[1], st))
	}),
	rule(1051, `the view (\S+) does not exist`, as("Unknown table '%s'")),
	rule(1356, `View '[^']*' references invalid table\(s\).*`, nil),
	rule(1360, `trigger "[^"]*" does not exist`, as("Trigger does not exist")),
	rule(1235, `delete from with explicit target tables does not support triggers; .*`, as("This version of MySQL doesn't yet support 'DELETE of several tables with triggers'")),
	rule(1235, `expected insert destination to be resolved or unresolved table`, as("This version of MySQL doesn't yet support 'INSERT into a view'")),
	rule(1235, `table doesn't support UPDATE`, as("This version of MySQL doesn't yet support 'UPDATE of a view'")),
	rule(1235, `table doesn't support DELETE FROM`, as("This version of MySQL doesn't yet support 'DELETE from a view'")),
	rule(1365, `division by zero`, as("Division by 0")),
	rule(1366, `error: '(.*)' is not a valid value for '(.*)'`, func(m []string, _ Statement) string {
		kind, _, _ := strings.Cut(m[2], "(")
		return fmt.Sprintf("Incorrect %s value: '%s'", strings.ToLower(kind), m[1])
	}),
	rule(1406, `string '(.*)' is too large for column '([^']*)'`, func(m []string, _ Statement) string {
		return fmt.Sprintf("Data too long for column '%s' at row 1", m[2])
	}),
	rule(1690, `BIGINT value is out of range \((.*)\)`, as("BIGINT value is out of range in '(%s)'")),
	rule(1792, `cannot execute statement in a READ ONLY transaction`, as("Cannot execute statement in a READ ONLY transaction.")),
	rule(3819, `Check constraint "([^"]*)" violated`, as("Check constraint '%s' is violated.")),
}

// deniedCommand names the statement. go-mysql-server does not say which table
// or privilege it was about.
func deniedCommand(m []string, st Statement) string {
	if f := strings.Fields(st.Query); len(f) > 0 {
		return strings.ToUpper(f[0]) + " command denied to user " + m[1]
	}
	return "command denied to user " + m[1]
}

// states holds the SQLSTATE of error numbers where it is not HY000. Source:
// MySQL 8.0 error message reference.
var states = map[uint16]string{
	1022: "23000", 1037: "HY001", 1038: "HY001", 1040: "08004", 1042: "08S01", 1043: "08S01",
	1044: "42000", 1045: "28000", 1046: "3D000", 1047: "08S01", 1048: "23000", 1049: "42000",
	1050: "42S01", 1051: "42S02", 1052: "23000", 1053: "08S01", 1054: "42S22", 1055: "42000",
	1056: "42000", 1057: "42000", 1058: "21S01", 1059: "42000", 1060: "42S21", 1061: "42000",
	1062: "23000", 1063: "42000", 1064: "42000", 1065: "42000", 1066: "42000", 1067: "42000",
	1068: "42000", 1069: "42000", 1070: "42000", 1071: "42000", 1072: "42000", 1073: "42000",
	1074: "42000", 1075: "42000", 1080: "08S01", 1081: "08S01", 1082: "42S12", 1083: "42000",
	1084: "42000", 1090: "42000", 1091: "42000", 1101: "42000", 1102: "42000", 1103: "42000",
	1104: "42000", 1106: "42000", 1107: "42000", 1109: "42S02", 1110: "42000", 1112: "42000",
	1113: "42000", 1115: "42000", 1118: "42000", 1120: "42000", 1121: "42000", 1131: "42000",
	1132: "42000", 1133: "42000", 1136: "21S01", 1138: "22004", 1139: "42000", 1140: "42000",
	1141: "42000", 1142: "42000", 1143: "42000", 1144: "42000", 1145: "42000", 1146: "42S02",
	1147: "42000", 1148: "42000", 1149: "42000", 1152: "08S01", 1153: "08S01", 1154: "08S01",
	1155: "08S01", 1156: "08S01", 1157: "08S01", 1158: "08S01", 1159: "08S01", 1160: "08S01",
	1161: "08S01", 1162: "42000", 1163: "42000", 1164: "42000", 1166: "42000", 1167: "42000",
	1169: "23000", 1170: "42000", 1171: "42000", 1172: "42000", 1173: "42000", 1176: "42000",
	1177: "42000", 1178: "42000", 1179: "25000", 1184: "08S01", 1189: "08S01", 1190: "08S01",
	1203: "42000", 1207: "25000", 1211: "42000", 1213: "40001", 1216: "23000", 1217: "23000",
	1218: "08S01", 1222: "21000", 1226: "42000", 1227: "42000", 1230: "42000", 1231: "42000",
	1232: "42000", 1234: "42000", 1235: "42000", 1239: "42000", 1241: "21000", 1242: "21000",
	1247: "42S22", 1248: "42000", 1249: "01000", 1250: "42000", 1251: "08004", 1252: "42000",
	1253: "42000", 1261: "01000", 1262: "01000", 1263: "22004", 1264: "22003", 1265: "01000",
	1280: "42000", 1281: "42000", 1286: "42000", 1292: "22007", 1303: "2F003", 1304: "42000",
	1305: "42000", 1308: "42000", 1309: "42000", 1310: "42000", 1312: "0A000", 1313: "42000",
	1314: "0A000", 1315: "42000", 1316: "42000", 1317: "70100", 1318: "42000", 1319: "42000",
	1321: "2F005", 1322: "42000", 1323: "42000", 1324: "42000", 1325: "24000", 1326: "24000",
	1327: "42000", 1329: "02000", 1330: "42000", 1331: "42000", 1332: "42000", 1333: "42000",
	1335: "0A000", 1336: "0A000", 1337: "42000", 1338: "42000", 1339: "20000", 1365: "22012",
	1367: "22007", 1370: "42000", 1397: "XAE04", 1398: "XAE05", 1399: "XAE07", 1400: "XAE09",
	1401: "XAE03", 1402: "XA100", 1403: "42000", 1406: "22001", 1407: "42000", 1410: "42000",
	1413: "42000", 1414: "42000", 1415: "0A000", 1416: "22003", 1422: "HY000", 1425: "42000",
	1426: "42000", 1427: "42000", 1437: "42000", 1439: "42000", 1440: "XAE08", 1441: "22008",
	1451: "23000", 1452: "23000", 1453: "42000", 1458: "42000", 1460: "42000", 1461: "42000",
	1463: "42000", 1557: "23000", 1568: "25001", 1582: "42000", 1583: "42000", 1584: "42000",
	1586: "23000", 1690: "22003", 1698: "28000", 1761: "23000", 1762: "23000", 1792: "25006",
	1859: "23000", 3948: "42000", 3140: "22032", 3141: "22032", 3143: "42000", 3144: "22032",
	3146: "22032", 3149: "42000", 3150: "22032", 3151: "22032", 3152: "42000", 3153: "42000", 3157: "22032",
	3158: "22032", 3165: "42000",
}

// sqlState returns the SQLSTATE of an error number.
func sqlState(num uint16) string {
	if s, ok := states[num]; ok {
		return s
	}
	return "HY000"
}
