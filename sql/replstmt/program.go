package replstmt

import (
	"slices"
	"strings"
)

// Step is a statement of a stored program's body: one of the types below.
// Expressions and SQL statements are kept as their text.
type Step interface{ step() }

// Block is BEGIN … END.
type Block struct {
	Label      string
	Variables  []Variables
	Conditions []NamedCondition
	Cursors    []Cursor
	Handlers   []Handler
	Steps      []Step
}

// Variables is DECLARE a, b type [DEFAULT expr].
type Variables struct {
	Names         []string
	Type, Default string // Default "" = NULL
}

// NamedCondition is DECLARE name CONDITION FOR value.
type NamedCondition struct {
	Name string
	Condition
}

// Condition is what a handler is for, or SIGNAL raises; one field is set.
type Condition struct {
	Errno uint16 // MySQL error number
	State string // SQLSTATE
	Class ConditionClass
}

// ConditionClass is a class of SQLSTATEs.
type ConditionClass uint8

const (
	OneCondition  ConditionClass = iota // an error number or a SQLSTATE
	SQLWarnings                         // 01…
	NotFound                            // 02…
	SQLExceptions                       // all others
)

// Cursor is DECLARE name CURSOR FOR select.
type Cursor struct{ Name, Query string }

// Handler is DECLARE … HANDLER FOR conditions step.
type Handler struct {
	Exit       bool // else CONTINUE
	Conditions []Condition
	Step       Step
}

// Branch is a condition, or a value of CASE, with what follows it.
type Branch struct {
	When  string
	Steps []Step
}

// If is IF … THEN … ELSEIF … ELSE … END IF.
type If struct {
	Branches []Branch
	Else     []Step
}

// Case is CASE [subject] WHEN … END CASE.
type Case struct {
	Subject  string // "" = the branches are conditions
	Branches []Branch
	Else     []Step
	HasElse  bool
}

// Loop is LOOP, WHILE or REPEAT.
type Loop struct {
	Label        string
	While, Until string // "" = no such condition
	Steps        []Step
}

// Jump is LEAVE or ITERATE.
type Jump struct {
	Label   string
	Iterate bool
}

// Return is RETURN expr.
type Return struct{ Expr string }

// OpenCursor is OPEN name.
type OpenCursor struct{ Name string }

// CloseCursor is CLOSE name.
type CloseCursor struct{ Name string }

// Fetch is FETCH name INTO variables.
type Fetch struct {
	Name string
	Into []string
}

// Assign is SET of variables.
type Assign struct{ Targets []Assignment }

// Assignment is one variable of SET, as written, and its new value. Text is the
// whole of it.
type Assignment struct{ Name, Expr, Text string }

// Signal is SIGNAL or RESIGNAL.
type Signal struct {
	Again     bool // RESIGNAL
	Condition *Condition
	Items     []SignalItem
}

// SignalItem is an item of SIGNAL … SET, its name in upper case.
type SignalItem struct{ Name, Expr string }

// Diagnostics is GET [STACKED] DIAGNOSTICS.
type Diagnostics struct {
	Stacked   bool
	Condition string // its number; "" = about the statement
	Items     []DiagnosticsItem
}

// DiagnosticsItem is variable = NAME.
type DiagnosticsItem struct{ Variable, Name string }

// SQL is any other statement.
type SQL struct {
	Text string   // without INTO variables
	Into []string // of SELECT … INTO; nil = none
}

func (*Block) step()       {}
func (*If) step()          {}
func (*Case) step()        {}
func (*Loop) step()        {}
func (*Jump) step()        {}
func (*Return) step()      {}
func (*OpenCursor) step()  {}
func (*CloseCursor) step() {}
func (*Fetch) step()       {}
func (*Assign) step()      {}
func (*Signal) step()      {}
func (*Diagnostics) step() {}
func (*SQL) step()         {}

// maxNesting bounds the depth of a body.
const maxNesting = 100

// body parses the body of a stored program.
type body struct {
	*parser
	function   bool // RETURN is allowed
	returns    bool // there is one
	depth      int
	labels     []label
	conditions []NamedCondition // in scope
}

type label struct {
	name string
	loop bool
}

// step parses one statement, up to its semicolon.
func (b *body) step() Step {
	if b.depth++; b.depth > maxNesting {
		b.refuse(1436, "Thread stack overrun: the program is nested too deeply")
	}
	defer func() { b.depth-- }()
	if name, ok := b.label(); ok {
		return b.labelled(name)
	}
	switch {
	case b.see("BEGIN"):
		return b.block("")
	case b.accept("IF"):
		return b.ifStep()
	case b.accept("CASE"):
		return b.caseStep()
	case b.see("LOOP"), b.see("WHILE"), b.see("REPEAT"):
		return b.loop("")
	case b.see("LEAVE"), b.see("ITERATE"):
		return b.jump()
	case b.accept("RETURN"):
		if !b.function {
			b.refuse(1313, "RETURN is only allowed in a FUNCTION")
		}
		b.returns = true
		return &Return{b.until()}
	case b.accept("OPEN"):
		return &OpenCursor{b.name()}
	case b.accept("CLOSE"):
		return &CloseCursor{b.name()}
	case b.accept("FETCH"):
		return b.fetch()
	case b.see("SIGNAL"), b.see("RESIGNAL"):
		return b.signal()
	case b.see("GET"):
		return b.diagnostics()
	case b.see("SET"):
		if s := b.assign(); s != nil {
			return s
		}
	}
	return b.sqlStep()
}

// label reads "name:" if it stands here.
func (b *body) label() (string, bool) {
	if b.tok.kind != tokWord && b.tok.kind != tokQuoted {
		return "", false
	}
	at := b.lexer
	if !b.punct(at.next(), ':') {
		return "", false
	}
	name := b.name()
	b.expectPunct(':')
	return name, true
}

func (b *body) labelled(name string) Step {
	loop := !b.see("BEGIN")
	if slices.ContainsFunc(b.labels, func(l label) bool { return strings.EqualFold(l.name, name) }) {
		b.refuse(1309, "Redefining label %s", name)
	}
	b.labels = append(b.labels, label{name, loop})
	defer func() { b.labels = b.labels[:len(b.labels)-1] }()
	if loop {
		return b.loop(name)
	}
	return b.block(name)
}

// endLabel reads the label that may follow an END.
func (b *body) endLabel(name string) {
	if b.tok.kind != tokWord && b.tok.kind != tokQuoted || b.isAny(b.tok, "END", "UNTIL", "ELSE", "ELSEIF", "WHEN") {
		return
	}
	if end := b.name(); !strings.EqualFold(end, name) || name == "" {
		b.refuse(1310, "End-label %s without match", end)
	}
}

// steps parses statements until one of some words.
func (b *body) steps(until ...string) (out []Step) {
	for b.err == nil && !b.isAny(b.tok, until...) {
		out = append(out, b.step())
		b.expectPunct(';')
	}
	return out
}

func (b *body) some(until ...string) []Step {
	if b.isAny(b.tok, until...) {
		b.fail()
	}
	return b.steps(until...)
}

func (b *body) block(name string) Step {
	b.expect("BEGIN")
	out := &Block{Label: name}
	known := len(b.conditions)
	for b.accept("DECLARE") {
		b.declare(out)
		b.expectPunct(';')
	}
	out.Steps = b.steps("END")
	b.expect("END")
	b.endLabel(name)
	b.conditions = b.conditions[:known]
	return out
}

// declare parses a declaration; their order is variables and conditions,
// cursors, handlers.
func (b *body) declare(out *Block) {
	if action := b.acceptAny("CONTINUE", "EXIT", "UNDO"); action != "" {
		b.handler(out, action)
		return
	}
	names := []string{b.name()}
	switch {
	case b.accept("CURSOR"):
		b.expect("FOR")
		if len(out.Handlers) > 0 {
			b.refuse(1338, "Cursor declaration after handler declaration")
		}
		if slices.ContainsFunc(out.Cursors, func(c Cursor) bool { return strings.EqualFold(c.Name, names[0]) }) {
			b.refuse(1333, "Duplicate cursor: %s", names[0])
		}
		if !b.isAny(b.tok, "SELECT", "WITH", "TABLE", "VALUES") && !b.punct(b.tok, '(') {
			b.fail()
		}
		s := b.sqlStep()
		if s.Into != nil {
			b.refuse(1323, "Cursor SELECT must not have INTO")
		}
		out.Cursors = append(out.Cursors, Cursor{names[0], s.Text})
		return
	case b.accept("CONDITION"):
		b.expect("FOR")
		c := NamedCondition{Name: names[0]}
		if b.tok.kind == tokNumber {
			c.Errno = b.errno()
		} else {
			c.State = b.state()
		}
		b.order(out)
		if slices.ContainsFunc(out.Conditions, func(o NamedCondition) bool { return strings.EqualFold(o.Name, c.Name) }) {
			b.refuse(1332, "Duplicate condition: %s", c.Name)
		}
		out.Conditions = append(out.Conditions, c)
		b.conditions = append(b.conditions, c)
		return
	}
	for b.acceptPunct(',') {
		names = append(names, b.name())
	}
	b.order(out)
	for i, n := range names {
		again := slices.ContainsFunc(names[:i], func(o string) bool { return strings.EqualFold(o, n) })
		for _, v := range out.Variables {
			again = again || slices.ContainsFunc(v.Names, func(o string) bool { return strings.EqualFold(o, n) })
		}
		if again {
			b.refuse(1331, "Duplicate variable: %s", n)
		}
	}
	v := Variables{Names: names, Type: b.until("DEFAULT")}
	if b.accept("DEFAULT") {
		v.Default = b.until()
	}
	out.Variables = append(out.Variables, v)
}

func (b *body) order(out *Block) {
	if len(out.Cursors)+len(out.Handlers) > 0 {
		b.refuse(1337, "Variable or condition declaration after cursor or handler declaration")
	}
}

func (b *body) handler(out *Block, action string) {
	b.expect("HANDLER", "FOR")
	h := Handler{Exit: action == "EXIT"}
	if action == "UNDO" {
		b.refuse(1235, "This version of MySQL doesn't yet support 'UNDO HANDLER'")
	}
	for {
		c := b.condition()
		if slices.Contains(h.Conditions, c) {
			b.refuse(1413, "Duplicate handler declared in the same block")
		}
		h.Conditions = append(h.Conditions, c)
		if !b.acceptPunct(',') {
			break
		}
	}
	for _, other := range out.Handlers {
		if slices.ContainsFunc(h.Conditions, func(c Condition) bool { return slices.Contains(other.Conditions, c) }) {
			b.refuse(1413, "Duplicate handler declared in the same block")
		}
	}
	h.Step = b.step()
	out.Handlers = append(out.Handlers, h)
}

// condition parses one condition of a handler.
func (b *body) condition() Condition {
	switch {
	case b.tok.kind == tokNumber:
		return Condition{Errno: b.errno()}
	case b.see("SQLSTATE"):
		return Condition{State: b.state()}
	case b.accept("SQLWARNING"):
		return Condition{Class: SQLWarnings}
	case b.accept("SQLEXCEPTION"):
		return Condition{Class: SQLExceptions}
	case b.accept("NOT"):
		b.expect("FOUND")
		return Condition{Class: NotFound}
	}
	return b.named()
}

// named finds a condition by its name.
func (b *body) named() Condition {
	name := b.name()
	for _, c := range slices.Backward(b.conditions) {
		if strings.EqualFold(c.Name, name) {
			return c.Condition
		}
	}
	b.refuse(1319, "Undefined CONDITION: %s", name)
	return Condition{}
}

func (b *body) errno() uint16 {
	n := b.number()
	if n == 0 || n > 0xffff {
		b.refuse(3062, "Incorrect CONDITION value: '%d'", n)
	}
	return uint16(n)
}

// state parses SQLSTATE [VALUE] 'xxxxx'.
func (b *body) state() string {
	b.expect("SQLSTATE")
	b.accept("VALUE")
	s := b.str()
	bad := len(s) != 5 || strings.HasPrefix(s, "00")
	for i := range len(s) {
		bad = bad || !(isDigit(s[i]) || s[i] >= 'A' && s[i] <= 'Z')
	}
	if bad && b.err == nil {
		b.refuse(1407, "Bad SQLSTATE: '%s'", s)
	}
	return s
}

func (b *body) ifStep() Step {
	out := &If{}
	for {
		when := b.until("THEN")
		b.expect("THEN")
		out.Branches = append(out.Branches, Branch{when, b.some("ELSEIF", "ELSE", "END")})
		if !b.accept("ELSEIF") {
			break
		}
	}
	if b.accept("ELSE") {
		out.Else = b.some("END")
	}
	b.expect("END", "IF")
	return out
}

func (b *body) caseStep() Step {
	out := &Case{}
	if !b.see("WHEN") {
		out.Subject = b.until("WHEN")
	}
	for b.accept("WHEN") {
		when := b.until("THEN")
		b.expect("THEN")
		out.Branches = append(out.Branches, Branch{when, b.some("WHEN", "ELSE", "END")})
	}
	if out.Branches == nil {
		b.fail()
	}
	if b.accept("ELSE") {
		out.HasElse, out.Else = true, b.some("END")
	}
	b.expect("END", "CASE")
	return out
}

func (b *body) loop(name string) Step {
	out := &Loop{Label: name}
	switch kind := b.expectAny("LOOP", "WHILE", "REPEAT"); kind {
	case "WHILE":
		out.While = b.until("DO")
		b.expect("DO")
		out.Steps = b.some("END")
		b.expect("END", kind)
	case "REPEAT":
		out.Steps = b.some("UNTIL")
		b.expect("UNTIL")
		out.Until = b.until("END")
		b.expect("END", kind)
	default:
		out.Steps = b.some("END")
		b.expect("END", "LOOP")
	}
	b.endLabel(name)
	return out
}

func (b *body) jump() Step {
	verb := b.expectAny("LEAVE", "ITERATE")
	out := &Jump{b.name(), verb == "ITERATE"}
	known := slices.ContainsFunc(b.labels, func(l label) bool {
		return strings.EqualFold(l.name, out.Label) && (l.loop || !out.Iterate)
	})
	if !known {
		b.refuse(1308, "%s with no matching label: %s", verb, out.Label)
	}
	return out
}

func (b *body) fetch() Step {
	if b.accept("NEXT") {
		b.expect("FROM")
	} else {
		b.accept("FROM")
	}
	out := &Fetch{Name: b.name()}
	b.expect("INTO")
	out.Into = []string{b.name()}
	for b.acceptPunct(',') {
		out.Into = append(out.Into, b.name())
	}
	return out
}

func (b *body) signal() Step {
	out := &Signal{Again: b.expectAny("SIGNAL", "RESIGNAL") == "RESIGNAL"}
	switch {
	case b.see("SQLSTATE"):
		out.Condition = &Condition{State: b.state()}
	case out.Again && (b.see("SET") || b.atEnd()):
	default:
		c := b.named()
		if c.State == "" {
			b.refuse(1646, "SIGNAL/RESIGNAL can only use a CONDITION defined with SQLSTATE")
		}
		out.Condition = &c
	}
	if b.accept("SET") {
		for {
			item := SignalItem{Name: b.expectAny("CLASS_ORIGIN", "SUBCLASS_ORIGIN", "CONSTRAINT_CATALOG", "CONSTRAINT_SCHEMA",
				"CONSTRAINT_NAME", "CATALOG_NAME", "SCHEMA_NAME", "TABLE_NAME", "COLUMN_NAME", "CURSOR_NAME", "MESSAGE_TEXT", "MYSQL_ERRNO")}
			b.expectPunct('=')
			item.Expr = b.until(",")
			if slices.ContainsFunc(out.Items, func(o SignalItem) bool { return o.Name == item.Name }) {
				b.refuse(1641, "Duplicate condition information item '%s'", item.Name)
			}
			out.Items = append(out.Items, item)
			if !b.acceptPunct(',') {
				break
			}
		}
	}
	return out
}

func (b *body) diagnostics() Step {
	b.expect("GET")
	out := &Diagnostics{Stacked: b.acceptAny("CURRENT", "STACKED") == "STACKED"}
	b.expect("DIAGNOSTICS")
	items := []string{"NUMBER", "ROW_COUNT"}
	if b.accept("CONDITION") {
		out.Condition = b.text(b.tok)
		b.advance()
		items = []string{"CLASS_ORIGIN", "SUBCLASS_ORIGIN", "RETURNED_SQLSTATE", "MESSAGE_TEXT", "MYSQL_ERRNO", "CONSTRAINT_CATALOG",
			"CONSTRAINT_SCHEMA", "CONSTRAINT_NAME", "CATALOG_NAME", "SCHEMA_NAME", "TABLE_NAME", "COLUMN_NAME", "CURSOR_NAME"}
	}
	for {
		item := DiagnosticsItem{Variable: b.text(b.tok)}
		b.advance()
		b.expectPunct('=')
		item.Name = b.expectAny(items...)
		out.Items = append(out.Items, item)
		if !b.acceptPunct(',') {
			return out
		}
	}
}

// assign parses SET of variables; nil, with nothing read, if it is another SET
// (NAMES, PASSWORD, TRANSACTION …).
func (b *body) assign() Step {
	at := *b.parser
	b.advance()
	out := &Assign{}
	for {
		start := b.tok.start
		var name []string
		for b.tok.kind == tokWord || b.tok.kind == tokQuoted || b.tok.kind == tokVar || b.punct(b.tok, '.') {
			name = append(name, b.text(b.tok))
			b.advance()
		}
		if b.punct(b.tok, ':') {
			b.advance()
		}
		if len(name) == 0 || !b.punct(b.tok, '=') {
			*b.parser = at
			return nil
		}
		b.advance()
		a := Assignment{Name: strings.Join(name, " "), Expr: b.until(",")}
		if len(name) == 1 {
			a.Name = identifier(a.Name)
		}
		a.Text = strings.TrimSpace(b.sql[start:b.tok.start])
		out.Targets = append(out.Targets, a)
		if !b.acceptPunct(',') {
			return out
		}
	}
}

// until takes the text up to a semicolon or one of some words, or a comma where
// "," is among them; parentheses and CASE … END hide them.
func (b *body) until(words ...string) string {
	start, end := b.tok.start, b.tok.start
	comma := slices.Contains(words, ",")
	depth, cases := 0, 0
	for ; b.tok.kind != tokEOF; b.advance() {
		if depth == 0 && cases == 0 && (b.punct(b.tok, ';') || comma && b.punct(b.tok, ',') || b.isAny(b.tok, words...)) {
			break
		}
		switch {
		case b.punct(b.tok, '('):
			depth++
		case b.punct(b.tok, ')'):
			depth--
		case b.see("CASE"):
			cases++
		case b.see("END") && cases > 0:
			cases--
		}
		end = b.tok.end
	}
	if start == end {
		b.fail()
	}
	return b.sql[start:end]
}

// sqlStep takes a statement up to its semicolon, and its INTO variables out.
func (b *body) sqlStep() *SQL {
	if b.tok.kind != tokWord && !b.punct(b.tok, '(') {
		b.fail()
		return &SQL{}
	}
	query := b.isAny(b.tok, "SELECT", "WITH", "TABLE", "VALUES") || b.punct(b.tok, '(')
	start, end := b.tok.start, b.tok.end
	cut, resume, depth := -1, -1, 0
	out := &SQL{}
	for b.tok.kind != tokEOF && !b.punct(b.tok, ';') {
		switch {
		case b.punct(b.tok, '('):
			depth++
		case b.punct(b.tok, ')'):
			depth--
		case query && depth == 0 && cut < 0 && b.see("INTO"):
			at := b.tok.start
			b.advance()
			if b.isAny(b.tok, "OUTFILE", "DUMPFILE") {
				continue
			}
			cut = at
			for {
				if b.tok.kind != tokWord && b.tok.kind != tokQuoted && b.tok.kind != tokVar {
					b.fail()
				}
				out.Into = append(out.Into, identifier(b.text(b.tok)))
				end = b.tok.end
				b.advance()
				if !b.acceptPunct(',') {
					break
				}
			}
			resume = end
			continue
		}
		end = b.tok.end
		b.advance()
	}
	out.Text = b.sql[start:end]
	if cut >= 0 {
		out.Text = strings.TrimSpace(b.sql[start:cut] + b.sql[resume:end])
	}
	return out
}

// HandlerOf returns the block's handler for a condition, the most specific; nil
// = none.
func (b *Block) HandlerOf(errno uint16, state string) *Handler {
	class := SQLExceptions
	switch {
	case strings.HasPrefix(state, "01"):
		class = SQLWarnings
	case strings.HasPrefix(state, "02"):
		class = NotFound
	}
	for _, c := range []Condition{{Errno: errno}, {State: state}, {Class: class}} {
		for i := range b.Handlers {
			if c != (Condition{}) && slices.Contains(b.Handlers[i].Conditions, c) {
				return &b.Handlers[i]
			}
		}
	}
	return nil
}
