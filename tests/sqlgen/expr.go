package sqlgen

import (
	"fmt"
	"strings"
)

// A scope holds the columns that an expression may name.
type scope struct {
	cols  []ref
	parts []string // expressions made so far, smallest first; nil: not kept
	keep  bool
}

// ref is a column by the name that a query uses.
type ref struct {
	name string
	t    typ
}

func (g *Gen) columnsOf(t *table, prefix string) []ref {
	out := make([]ref, len(t.columns))
	for i, c := range t.columns {
		out[i] = ref{prefix + c.name, c.t}
	}
	return out
}

// A fn is a function or operator: the kinds it takes are the letters between
// braces, with a bar between constants to choose from.
type fn struct {
	gives kind
	form  string
}

var fns = []fn{
	// Numbers.
	{kStr, "BIN({i})"}, {kStr, "OCT({i})"}, {kStr, "HEX({i})"}, {kInt, "BIT_COUNT({i})"},
	// Strings.
	{kStr, "CONCAT({s}, {s})"}, {kStr, "CONCAT({s}, {i})"}, {kStr, "CONCAT_WS({','|'-'|NULL}, {s}, {s}, {i})"}, {kInt, "LENGTH({s})"}, {kInt, "CHAR_LENGTH({s})"}, {kInt, "BIT_LENGTH({s})"},
	{kStr, "UPPER({s})"}, {kStr, "LOWER({s})"}, {kStr, "LEFT({s}, {-1|0|1|2|5})"}, {kStr, "RIGHT({s}, {0|1|3})"}, {kStr, "SUBSTRING({s}, {-3|-1|0|1|2|9})"}, {kStr, "SUBSTRING({s}, {-2|1|2}, {-1|0|1|2})"},
	{kStr, "MID({s}, {1|2}, 2)"}, {kStr, "TRIM({s})"}, {kStr, "LTRIM({s})"}, {kStr, "RTRIM({s})"}, {kStr, "TRIM(LEADING {'a'|' '|'ab'} FROM {s})"}, {kStr, "TRIM(BOTH {'b'|'c'} FROM {s})"},
	{kStr, "TRIM(TRAILING {'b'|'c'} FROM {s})"}, {kStr, "REPEAT({s}, {-1|0|1|3})"}, {kStr, "REVERSE({s})"}, {kInt, "INSTR({s}, {s})"}, {kInt, "LOCATE({s}, {s})"}, {kInt, "LOCATE({'a'|'b'|''}, {s}, {0|1|2})"},
	{kInt, "ASCII({s})"}, {kInt, "ORD({s})"}, {kStr, "SPACE({-1|0|2})"}, {kStr, "HEX({s})"}, {kStr, "MD5({s})"}, {kStr, "SHA1({s})"},
	{kStr, "SHA2({s}, {0|224|256|384|512|1})"},
	// Strings by their collations, and bytes.
	{kInt, "CRC32({s})"}, {kStr, "GREATEST({s}, {s})"}, {kStr, "LPAD({s}, {0|2|5|-1}, {'x'|'ab'})"}, {kStr, "RPAD({s}, {0|2|5|-1}, {'x'|'ab'})"}, {kStr, "TO_BASE64({s})"}, {kStr, "EXPORT_SET({i}, 'Y', 'N', ',', 4)"},
	{kStr, "MAKE_SET({i}, 'a', 'b', NULL, 'c')"}, {kBin, "CONCAT({b}, {b})"}, {kStr, "REGEXP_REPLACE({s}, {'[ab]'|'^a'|'b$'}, {'X'|''})"}, {kInt, "REGEXP_INSTR({s}, {'b'|'[0-9]'})"}, {kBool, "({i}, {s}) = ({i}, {s})"}, {kBool, "({i}, {s}) IN ((1, 'a'), ({i}, {s}))"},
	{kBool, "{s} REGEXP {'^a'|'b$'|'[0-9]+'|'a.c'|'^$'}"}, {kBool, "{s} RLIKE {'A'|'x|y'}"}, {kBool, "{s} COLLATE utf8mb4_bin = {'a'|'A'|'ab'}"}, {kBool, "BINARY {s} = {s}"}, {kStr, "SUBSTRING_INDEX({s}, {'b'|' '|''|'.'}, {-1|0|1|2})"}, {kStr, "REPLACE({s}, {s}, {s})"},
	{kInt, "FIELD({s}, {s}, 'a', 'B')"}, {kInt, "FIND_IN_SET({s}, {'a,b,c'|''|'A,B'})"}, {kStr, "ELT({-1|0|1|2|3}, {s}, 'two')"}, {kStr, "CHAR({65|97|0|256} USING utf8mb4)"}, {kInt, "STRCMP({s}, {s})"}, {kStr, "QUOTE({s})"},
	{kStr, "HEX({b})"}, {kBin, "UNHEX({'6162'|'6'|'zz'|'00FF'})"}, {kInt, "LENGTH({b})"}, {kBin, "SUBSTRING({b}, {1|2})"}, {kBin, "REVERSE({b})"},
	{kInt, "ORD({b})"}, {kBin, "CAST({s} AS BINARY)"}, {kBin, "CAST({s} AS BINARY(3))"}, {kStr, "NULLIF({s}, {s})"}, {kStr, "COALESCE({s}, {s})"}, {kBool, "{b} = {b}"},
	{kBool, "{s} LIKE {s}"}, {kStr, "INSERT({s}, {-1|0|1|2}, {0|1|5}, {'Q'|'zz'})"}, {kInt, "POSITION({s} IN {s})"}, {kBool, "{s} BETWEEN {s} AND {s}"}, {kBool, "{s} IN ({s}, {s}, 'a')"}, {kBool, "{s} NOT IN ({s}, 'b')"},
	// Dates and times.
	{kDate, "DATE({W})"}, {kDate, "DATE({D})"}, {kInt, "YEAR({D})"}, {kInt, "MONTH({W})"}, {kInt, "DAYOFMONTH({D})"}, {kInt, "DAYOFWEEK({D})"},
	{kInt, "WEEKDAY({W})"}, {kInt, "DAYOFYEAR({D})"}, {kInt, "QUARTER({D})"}, {kInt, "WEEK({D}, {0|1|2|3|4|5|6|7})"}, {kInt, "WEEKOFYEAR({D})"}, {kInt, "YEARWEEK({D})"},
	{kInt, "MINUTE({W})"}, {kInt, "MICROSECOND({W})"}, {kStr, "DAYNAME({D})"}, {kStr, "MONTHNAME({W})"}, {kInt, "TIMESTAMPDIFF({DAY|MONTH|YEAR|HOUR|SECOND|WEEK|QUARTER|MICROSECOND}, {W}, {W})"}, {kInt, "EXTRACT({YEAR|MONTH|DAY|YEAR_MONTH|DAY_HOUR} FROM {W})"},
	// Conversions.
	{kInt, "CAST({d} AS SIGNED)"}, {kInt, "CAST({i} AS UNSIGNED)"}, {kStr, "CAST({i} AS CHAR)"}, {kFlt, "CAST({d} AS DOUBLE)"},
	// Choices, of every kind.
	{kInt, "IF({l}, {i}, {i})"}, {kStr, "IF({l}, {s}, {s})"}, {kInt, "IFNULL({i}, {i})"}, {kStr, "IFNULL({s}, {s})"}, {kInt, "NULLIF({i}, {i})"}, {kInt, "COALESCE({i}, {i}, {i})"},
	{kInt, "CASE {i} WHEN {i} THEN {i} WHEN 1 THEN 10 ELSE {i} END"}, {kStr, "CASE WHEN {l} THEN {s} WHEN {l} THEN {s} END"}, {kStr, "CASE {s} WHEN {s} THEN 'first' ELSE {s} END"},
	// Conditions.
	{kBool, "{i} = {i}"}, {kBool, "{i} < {i}"}, {kBool, "{s} = {s}"}, {kBool, "{s} < {s}"}, {kBool, "{s} >= {s}"}, {kBool, "{s} <> {s}"},
	{kBool, "{D} = {D}"}, {kBool, "{D} < {W}"}, {kBool, "{W} >= {W}"}, {kBool, "{i} <=> {i}"}, {kBool, "{s} <=> {s}"}, {kBool, "{i} IN ({i}, {i}, 1)"},
	{kBool, "{i} NOT IN ({i}, {i})"}, {kBool, "{d} IN (1.5, {d})"}, {kBool, "({i}, {i}) < ({i}, {i})"}, {kBool, "{i} IS NULL"}, {kBool, "{s} IS NOT NULL"}, {kBool, "ISNULL({d})"},
	{kBool, "{l} IS TRUE"}, {kBool, "{l} IS NOT FALSE"}, {kBool, "{l} AND {l}"}, {kBool, "{l} OR {l}"}, {kBool, "{l} XOR {l}"}, {kBool, "NOT {l}"},
	{kBool, "{s} LIKE {'a%'|'%b'|'_'|'%'|''|'a\\_c'|'A%'}"}, {kBool, "{s} NOT LIKE {'a%'|'%b%'}"}, {kBool, "{s} LIKE 'a|_c' ESCAPE '|'"}, {kBool, "{i}"}, {kBool, "{d}"}, {kInt, "{l}"},
	{kInt, "{l} + {l}"},
}

// wideFns are known to differ in some case, here or in MariaDB; see
// differences.txt.
var wideFns = []fn{
	{kStr, "CONVERT({s} USING utf8mb4)"},
	{kDec, "{d} + {d}"}, {kDec, "{d} * {d}"}, {kDec, "{d} - {i}"}, {kDec, "{i} / {i}"}, {kDec, "{d} / {d}"}, {kFlt, "{f} / {f}"},
	{kInt, "{i} DIV {i}"}, {kInt, "{d} DIV {i}"}, {kDec, "{d} % {d}"}, {kDec, "MOD({d}, {i})"}, {kInt, "-{i}"}, {kDec, "-{d}"},
	{kFlt, "-{f}"}, {kInt, "ROUND({d})"}, {kDec, "ROUND({d}, {-2|-1|0|1|2|5})"}, {kInt, "ROUND({i}, {-2|-1|0|1})"}, {kFlt, "ROUND({f}, {0|1|2})"}, {kDec, "TRUNCATE({d}, {-1|0|1|3})"},
	{kInt, "TRUNCATE({i}, {-1|0|2})"}, {kStr, "CONV({i}, 10, {2|16|36|8})"}, {kStr, "CONV({'ff'|'z'|'12'|'-1'}, {16|36|10}, {10|2|-10})"}, {kStr, "FORMAT({d}, {0|2|4})"}, {kInt, "GREATEST({i}, {i})"}, {kDec, "LEAST({d}, {i})"},
	{kDate, "LEAST({D}, {D})"}, {kDT, "DATE_ADD({W}, INTERVAL {d} SECOND)"}, {kTime, "TIMEDIFF({W}, {W})"}, {kTime, "TIMEDIFF({T}, {T})"}, {kDT, "FROM_UNIXTIME({0|1|1709210000|-1})"}, {kStr, "TIME_FORMAT({T}, {'%H:%i:%s'|'%p'})"},
	{kInt, "PERIOD_ADD({202401|9912}, {i})"}, {kInt, "PERIOD_DIFF(202401, {202312|9912})"}, {kInt, "CAST({s} AS SIGNED)"}, {kInt, "CAST({W} AS SIGNED)"}, {kInt, "CAST({T} AS UNSIGNED)"}, {kDec, "CAST({s} AS DECIMAL(10,2))"},
	{kDec, "CAST({W} AS DECIMAL(30,6))"}, {kStr, "CAST({b} AS CHAR)"}, {kDate, "CAST({s} AS DATE)"}, {kDT, "CAST({s} AS DATETIME)"}, {kTime, "CAST({s} AS TIME)"}, {kTime, "CAST({i} AS TIME)"},
	{kDate, "CAST({i} AS DATE)"}, {kFlt, "CAST({s} AS DOUBLE)"}, {kFlt, "{s} + 0e0"}, {kFlt, "{s} + {i}"}, {kInt, "{D} + 0"}, {kDec, "{W} + 0.0"},
	{kInt, "{T} + 0"}, {kDec, "IF({l}, {d}, {i})"}, {kStr, "IF({l}, {i}, {s})"}, {kDec, "IFNULL({d}, {i})"}, {kDT, "COALESCE({D}, {W})"}, {kFlt, "COALESCE({f}, {d})"},
	{kDec, "CASE WHEN {l} THEN {d} ELSE {i} END"}, {kBool, "{b} < {s}"}, {kBool, "{i} = {s}"}, {kBool, "{s} = {i}"}, {kBool, "{d} < {s}"}, {kBool, "{D} = {s}"},
	{kBool, "{i} LIKE {'1%'|'%0'}"}, {kBool, "{s}"}, {kInt, "{i} + {i}"}, {kInt, "{i} - {i}"}, {kInt, "{i} * {i}"}, {kInt, "ABS({i})"},
	{kFlt, "ABS({f})"}, {kInt, "SIGN({d})"}, {kInt, "FLOOR({d})"}, {kInt, "CEIL({d})"}, {kFlt, "FLOOR({f})"}, {kFlt, "SQRT({f})"},
	{kFlt, "POW({f}, {0|1|2|0.5})"}, {kFlt, "EXP({1|0|-1.5})"}, {kFlt, "LN({f})"}, {kFlt, "LOG({f})"}, {kFlt, "LOG2({d})"}, {kFlt, "LOG10({i})"},
	{kFlt, "LOG({2|10}, {i})"}, {kFlt, "SIN({f})"}, {kFlt, "ATAN2({f}, {f})"}, {kFlt, "DEGREES({f})"}, {kFlt, "RADIANS({i})"}, {kFlt, "COT({f})"},
	{kInt, "{i} ^ {i}"}, {kInt, "~{i}"}, {kInt, "{i} << {0|1|8|63|64}"}, {kInt, "{i} >> {0|1|8|63|64}"}, {kStr, "FORMAT({i}, {0|2})"}, {kStr, "CONCAT({d}, {D})"},
	{kInt, "FIELD({i}, 1, {i})"}, {kBin, "FROM_BASE64({'YWI='|'YWJj'})"}, {kTime, "TIME({W})"}, {kTime, "TIME({T})"}, {kDT, "TIMESTAMP({D})"}, {kDT, "TIMESTAMP({D}, {T})"},
	{kDate, "LAST_DAY({D})"}, {kDate, "DATE_ADD({D}, INTERVAL {i} {DAY|MONTH|YEAR|WEEK|QUARTER})"}, {kDT, "DATE_ADD({W}, INTERVAL {i} {SECOND|MINUTE|HOUR|DAY|MONTH|YEAR|MICROSECOND})"}, {kDT, "{W} + INTERVAL {1|-1|40} {DAY|MONTH}"}, {kDate, "{D} - INTERVAL {1|13} MONTH"}, {kInt, "DATEDIFF({D}, {W})"},
	{kDT, "TIMESTAMPADD({DAY|MONTH|SECOND}, {i}, {W})"}, {kInt, "TO_DAYS({D})"}, {kDate, "FROM_DAYS({366|738945|3652424})"}, {kInt, "TO_SECONDS({W})"}, {kInt, "UNIX_TIMESTAMP({W})"}, {kTime, "SEC_TO_TIME({i})"},
	{kInt, "TIME_TO_SEC({T})"}, {kTime, "ADDTIME({T}, {T})"}, {kDT, "SUBTIME({W}, {T})"}, {kDate, "MAKEDATE({2024|2023|99}, {0|1|60|366})"}, {kTime, "MAKETIME({-1|0|12|900}, {0|30|60}, {0|5|59.5})"}, {kStr, "DATE_FORMAT({W}, {'%Y-%m-%d'|'%H:%i:%s.%f'|'%W %M %e %y'|'%j %U %u %V %v %X %x'|'%a %b %c %D %k %l %p %r %T %w %%'})"},
	{kDT, "STR_TO_DATE({'2024-02-29 10:11:12'|'29.2.2024'|'x'}, {'%Y-%m-%d %H:%i:%s'|'%d.%m.%Y'})"}, {kStr, "GET_FORMAT(DATE, {'EUR'|'USA'|'ISO'})"}, {kDec, "CAST({i} AS DECIMAL(5,1))"}, {kDec, "CAST({d} AS DECIMAL)"}, {kStr, "CAST({d} AS CHAR(3))"}, {kStr, "CAST({W} AS CHAR)"},
	{kStr, "CAST({D} AS CHAR)"}, {kDate, "CAST({W} AS DATE)"}, {kDT, "CAST({D} AS DATETIME(3))"}, {kTime, "CAST({W} AS TIME)"}, {kDate, "IF({l}, {D}, {D})"}, {kDT, "IFNULL({W}, {W})"},
	{kDec, "NULLIF({d}, {d})"}, {kTime, "COALESCE({T}, {T})"}, {kFlt, "{f} + {f}"}, {kFlt, "{f} * {d}"}, {kInt, "{i} % {i}"}, {kDec, "ABS({d})"},
	{kInt, "{i} & {i}"}, {kInt, "{i} | {i}"}, {kInt, "HOUR({T})"}, {kInt, "SECOND({T})"}, {kInt, "CAST({f} AS SIGNED)"}, {kBool, "{i} >= {d}"},
	{kBool, "{d} <> {d}"}, {kBool, "{f} > {d}"}, {kBool, "{T} < {T}"}, {kBool, "{i} BETWEEN {i} AND {i}"}, {kBool, "{d} NOT BETWEEN {i} AND {d}"}, {kBool, "{D} BETWEEN {D} AND {D}"},
}

// byKind holds the functions of a narrow generator and those of a wide one.
var byKind = func() [2]map[kind][]fn {
	m := [2]map[kind][]fn{{}, {}}
	for _, f := range fns {
		m[0][f.gives], m[1][f.gives] = append(m[0][f.gives], f), append(m[1][f.gives], f)
	}
	for _, f := range wideFns {
		m[1][f.gives] = append(m[1][f.gives], f)
	}
	return m
}()

// functions returns those that give a kind.
func (g *Gen) functions(k kind) []fn {
	if g.wide {
		return byKind[1][k]
	}
	return byKind[0][k]
}

// expr returns an expression of a kind with at most depth functions inside each
// other; now and then one of another kind, to be converted.
func (g *Gen) expr(k kind, depth int, sc *scope) string {
	if g.wide && g.chance(4) && k != kBool {
		k = pick(g, kinds)
	}
	own := g.functions(k)
	if depth <= 0 || len(own) == 0 || k != kBool && g.chance(25) {
		return g.leaf(k, sc)
	}
	e := g.call(pick(g, own), depth, sc)
	if sc.keep {
		sc.parts = append(sc.parts, e)
	}
	return e
}

func (g *Gen) leaf(k kind, sc *scope) string {
	var fit []ref
	for _, c := range sc.cols {
		if c.t.kind == k || k == kBool && c.t.kind == kInt {
			fit = append(fit, c)
		}
	}
	if len(fit) > 0 && (g.chance(75) || k == kTime && !g.wide) {
		return pick(g, fit).name
	}
	return g.value(k)
}

// call fills in a function's arguments.
func (g *Gen) call(f fn, depth int, sc *scope) string {
	var b strings.Builder
	rest := f.form
	for {
		before, arg, ok := strings.Cut(rest, "{")
		b.WriteString(before)
		if !ok {
			break
		}
		arg, rest, _ = strings.Cut(arg, "}")
		if len(arg) > 1 || !strings.Contains("idfsbDTWl", arg) {
			b.WriteString(pick(g, strings.Split(arg, "|")))
			continue
		}
		a := g.expr(kind(arg[0]), depth-1, sc)
		if strings.ContainsAny(a, " ") && !strings.HasPrefix(f.form, "CONCAT") {
			a = "(" + a + ")"
		}
		b.WriteString(a)
	}
	return b.String()
}

func (g *Gen) aggregate(sc *scope) string {
	if !g.wide { // of columns
		c := pick(g, sc.cols)
		switch {
		case g.chance(30):
			return "COUNT(" + pick(g, []string{"", "DISTINCT "}) + c.name + ")"
		case c.t.kind == kInt || c.t.kind == kDec:
			return pick(g, []string{"SUM", "MIN", "MAX"}) + "(" + c.name + ")"
		case c.t.kind == kStr && g.chance(40):
			return fmt.Sprintf("COUNT(DISTINCT %s)", g.expr(kStr, 1, sc))
		case c.t.kind == kStr && g.chance(30) && !c.t.set:
			return fmt.Sprintf("CHAR_LENGTH(GROUP_CONCAT(DISTINCT TRIM(%s) ORDER BY 1))", c.name)
		}
		return pick(g, []string{"MIN", "MAX"}) + "(" + c.name + ")"
	}
	switch g.n(14) {
	case 0:
		return "COUNT(*)"
	case 1:
		return fmt.Sprintf("COUNT(%s)", g.expr(pick(g, kinds), 1, sc))
	case 2:
		return fmt.Sprintf("COUNT(DISTINCT %s)", g.expr(pick(g, kinds), 1, sc))
	case 3:
		return fmt.Sprintf("SUM(%s)", g.expr(pick(g, []kind{kInt, kDec, kFlt}), 1, sc))
	case 4:
		return fmt.Sprintf("AVG(%s)", g.expr(pick(g, []kind{kInt, kDec, kFlt}), 1, sc))
	case 5, 6:
		return fmt.Sprintf("MIN(%s)", g.expr(pick(g, kinds), 1, sc))
	case 7, 8:
		return fmt.Sprintf("MAX(%s)", g.expr(pick(g, kinds), 1, sc))
	case 9:
		return fmt.Sprintf("%s(%s)", pick(g, []string{"BIT_AND", "BIT_OR", "BIT_XOR"}), g.expr(kInt, 1, sc))
	case 10:
		return fmt.Sprintf("ROUND(%s(%s), 6)", pick(g, []string{"STD", "VARIANCE", "STDDEV_SAMP", "VAR_SAMP"}), g.expr(pick(g, []kind{kInt, kDec}), 0, sc))
	case 11:
		e := g.expr(pick(g, []kind{kInt, kDec, kDate}), 1, sc)
		return fmt.Sprintf("GROUP_CONCAT(%s ORDER BY %[1]s%s)", e, pick(g, []string{"", " DESC", " SEPARATOR '|'"}))
	case 12:
		e := g.expr(pick(g, []kind{kInt, kDate}), 0, sc)
		return fmt.Sprintf("GROUP_CONCAT(DISTINCT %s ORDER BY %[1]s)", e)
	default:
		return fmt.Sprintf("SUM(%s)", g.expr(kBool, 1, sc))
	}
}
