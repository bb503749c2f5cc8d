package auth

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dolthub/vitess/go/mysql"
)

func (d *draft) createUsers(st *DefineUser, e *Env) (Result, error) {
	if e.Active.Global&CreateUser == 0 && e.Active.Database("mysql")&Insert == 0 {
		return Result{}, denied("CREATE USER")
	}
	users := e.resolve(st.Users)
	var there []Name
	for i, s := range users {
		if _, ok := d.byName[s.Name]; ok && !st.OrReplace || slices.Contains(names(users[:i]), s.Name) {
			there = append(there, s.Name)
		}
	}
	if len(there) > 0 && !st.If {
		return Result{}, failed("CREATE USER", there)
	}
	if st.OrReplace {
		if err := d.mayTouch(e, names(users)); err != nil {
			return Result{}, err
		}
	}
	var r Result
	for i := range users {
		s := &users[i]
		if slices.Contains(there, s.Name) {
			e.note(3163, "Authorization ID %s already exists.", s.Quoted())
			if s.Auth != nil { // a replica may not have it
				u := &User{Name: s.Name, Plugin: e.plugin()}
				if err := d.identify(u, s.Auth, e, &Result{}); err != nil {
					return Result{}, err
				}
				s.Auth = u.clause()
			}
			continue
		}
		if _, ok := d.byName[s.Name]; ok {
			d.remove(s.Name)
		}
		u := &User{Name: s.Name, Plugin: e.plugin()}
		c := s.Auth
		if c == nil {
			c = &Clause{}
		}
		if err := d.identify(u, c, e, &r); err != nil {
			return Result{}, err
		}
		if err := u.set(&st.Properties); err != nil {
			return Result{}, err
		}
		d.add(u)
		s.Auth = u.clause()
	}
	if st.Default != nil {
		roles := names(e.resolve(st.Default.List))
		for _, s := range users {
			if slices.Contains(there, s.Name) {
				continue
			}
			if err := d.giveRoles(e, roles, s.Name); err != nil {
				return Result{}, err
			}
			u := d.edit(s.Name)
			u.DefaultRoles = slices.Clone(roles)
			slices.SortFunc(u.DefaultRoles, Name.compare)
		}
	}
	r.Text = e.userText(st, users)
	return r, nil
}

// plugin is that of new accounts.
func (e *Env) plugin() string {
	if e.Plugin == "" {
		return DefaultPlugin
	}
	return strings.ToLower(e.Plugin)
}

// clause is how the account is identified now.
func (u *User) clause() *Clause { return &Clause{Plugin: u.Plugin, As: &u.Stored} }

func (d *draft) alterUsers(st *DefineUser, e *Env) (Result, error) {
	users := e.resolve(st.Users)
	if !e.managesUsers() && !onlyOwnPassword(st, users, e) {
		return Result{}, denied("CREATE USER")
	}
	var missing []Name
	for _, s := range users {
		if _, ok := d.byName[s.Name]; !ok {
			missing = append(missing, s.Name)
		}
	}
	if len(missing) > 0 && !st.If {
		return Result{}, failed("ALTER USER", missing)
	}
	if err := d.mayTouch(e, names(users)); err != nil {
		return Result{}, err
	}
	var r Result
	for i := range users {
		s := &users[i]
		if slices.Contains(missing, s.Name) {
			e.note(3162, "Authorization ID %s does not exist.", s.Quoted())
			continue
		}
		u := d.edit(s.Name)
		if s.Auth != nil {
			if err := d.change(u, s.Auth, e, &r); err != nil {
				return Result{}, err
			}
			s.Auth = u.clause()
		}
		if err := u.set(&st.Properties); err != nil {
			return Result{}, err
		}
	}
	r.Text = e.userText(st, users)
	return r, nil
}

// onlyOwnPassword reports whether ALTER USER does no more than what everybody
// may do.
func onlyOwnPassword(st *DefineUser, users []Spec, e *Env) bool {
	if len(users) != 1 || users[0].Name != e.Self || users[0].Auth == nil {
		return false
	}
	c := users[0].Auth
	return st.Properties == Properties{} && c.Plugin == "" && (c.By != nil || c.Random)
}

func (d *draft) setPassword(st *SetPassword, e *Env) (Result, error) {
	s := e.resolve([]Spec{st.User})[0]
	if s.Name != e.Self && !e.managesUsers() {
		return Result{}, mysql.NewSQLError(1044, "42000", "Access denied for user %s@%s to database 'mysql'", quote(e.ClientUser), quote(e.ClientHost))
	}
	u := d.edit(s.Name)
	if u == nil {
		return Result{}, mysql.NewSQLError(1133, "42000", "Can't find any matching row in the user table")
	}
	if err := d.mayTouch(e, []Name{s.Name}); err != nil {
		return Result{}, err
	}
	var r Result
	if err := d.change(u, s.Auth, e, &r); err != nil {
		return Result{}, err
	}
	r.Text = "ALTER USER " + e.name(u.Name) + " " + e.clauseText(u.clause())
	return r, nil
}

// change sets the password of an account that is there.
func (d *draft) change(u *User, c *Clause, e *Env, r *Result) error {
	if err := checkCurrent(u, c, e); err != nil {
		return err
	}
	if err := d.identify(u, c, e, r); err != nil {
		return err
	}
	if u.Name == e.Self {
		r.OwnPassword = true
	}
	return nil
}

// checkCurrent checks REPLACE 'current password', or that it may be left out.
func checkCurrent(u *User, c *Clause, e *Env) error {
	if e.Active.all {
		return nil
	}
	if c.Replace == nil {
		need := e.RequireCurrent
		if u.RequireCurrent != nil {
			need = *u.RequireCurrent
		}
		if need && !e.managesUsers() && u.Stored != "" {
			return mysql.NewSQLError(3892, "HY000", "Current password needs to be specified in the REPLACE clause in order to change it.")
		}
		return nil
	}
	if u.Name != e.Self {
		return mysql.NewSQLError(3893, "HY000", "Do not specify the current password while changing it for other users.")
	}
	if !verifies(u.Plugin, u.Stored, *c.Replace) {
		return mysql.NewSQLError(3891, "HY000", "Incorrect current password. Specify the correct password which has to be replaced.")
	}
	return nil
}

// verifies reports whether a password in clear text is the stored one.
func verifies(plugin, stored, password string) bool {
	if stored == "" || password == "" {
		return stored == password
	}
	switch plugin {
	case NativePassword:
		return HashNative(password) == strings.ToUpper(stored)
	case CachingSHA2Password:
		return VerifySHA2(stored, password)
	}
	return false
}

// identify sets how an account logs in.
func (d *draft) identify(u *User, c *Clause, e *Env, r *Result) error {
	plugin := u.Plugin
	if c.Plugin != "" {
		plugin = strings.ToLower(c.Plugin)
	}
	if plugin != NativePassword && plugin != CachingSHA2Password {
		return mysql.NewSQLError(1524, "HY000", "Plugin '%s' is not loaded", plugin)
	}
	stored := ""
	switch {
	case c.Random:
		g := Generated{Name: u.Name, Password: randomPassword()}
		var err error
		if stored, err = Hash(plugin, g.Password); err != nil {
			return err
		}
		r.Generated = append(r.Generated, g)
		r.Rewritten = true
	case c.bare && c.By != nil && e.Mode.Source && CheckHash(NativePassword, *c.By) == nil:
		stored = *c.By // MariaDB logs the hash
		if stored != "" {
			plugin = NativePassword
		}
	case c.By != nil:
		if err := e.checkHistory(u, plugin, *c.By); err != nil {
			return err
		}
		var err error
		if stored, err = hashFor(plugin, *c.By); err != nil {
			return err
		}
		r.Rewritten = true
	case c.As != nil:
		if stored = *c.As; CheckHash(plugin, stored) != nil || !utf8.ValidString(stored) {
			return mysql.NewSQLError(1827, "HY000", "The password hash doesn't have the expected format.")
		}
	}
	if plugin == NativePassword {
		stored = strings.ToUpper(stored)
	}
	u.Plugin, u.Stored, u.Changed, u.Expired = plugin, stored, e.Now.UTC().Truncate(time.Second), false
	e.remember(u)
	return nil
}

func hashFor(plugin, password string) (string, error) {
	h, err := Hash(plugin, password)
	if err != nil && len(password) > MaxPassword {
		return "", mysql.NewSQLError(mysql.ERUnknownError, "HY000", "Password is too long: at most %d bytes", MaxPassword)
	}
	return h, err
}

// generatedLength is that of random passwords: generated_random_password_length.
const generatedLength = 20

// randomPassword makes a password with letters, digits and punctuation that needs
// no quoting.
func randomPassword() string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.,:;!?#%&()*+-/<=>@[]^_{|}~"
	out := make([]byte, 0, generatedLength)
	for b := make([]byte, 64); len(out) < generatedLength; {
		_, _ = rand.Read(b) // never fails
		for _, c := range b {
			// Values that would favour the alphabet's beginning are left out.
			if int(c) < 256/len(alphabet)*len(alphabet) && len(out) < generatedLength {
				out = append(out, alphabet[int(c)%len(alphabet)])
			}
		}
	}
	return string(out)
}

// reuse returns an account's limits of PASSWORD HISTORY and REUSE INTERVAL.
func (e *Env) reuse(u *User) (history, days uint16) {
	history, days = e.ReuseHistory, e.ReuseDays
	if u.ReuseHistory != nil {
		history = *u.ReuseHistory
	}
	if u.ReuseDays != nil {
		days = *u.ReuseDays
	}
	return history, days
}

// checkHistory refuses a password that the account had too lately.
func (e *Env) checkHistory(u *User, plugin, password string) error {
	history, days := e.reuse(u)
	if password == "" || history == 0 && days == 0 {
		return nil
	}
	since := e.Now.Add(-time.Duration(days) * 24 * time.Hour)
	for i, past := range u.History {
		if len(u.History)-i > int(history) && !(days > 0 && past.At.After(since)) {
			continue
		}
		if verifies(plugin, past.Stored, password) {
			return mysql.NewSQLError(3638, "HY000", "Cannot use these credentials for '%s@%s' because they contradict the password history policy", u.User, u.Host)
		}
	}
	return nil
}

// remember adds the account's password to its history, and cuts that to what
// is looked at.
func (e *Env) remember(u *User) {
	history, days := e.reuse(u)
	if u.Stored != "" && (history > 0 || days > 0) {
		u.History = append(u.History, Past{u.Stored, u.Changed})
	}
	since := e.Now.Add(-time.Duration(days) * 24 * time.Hour)
	for len(u.History) > int(history) && !(days > 0 && u.History[0].At.After(since)) {
		u.History = u.History[1:]
	}
}

// set sets the properties that a statement says.
func (u *User) set(o *Properties) error {
	if r := o.Require; r != nil {
		u.SSLType, u.SSLCipher, u.X509Issuer, u.X509Subject = r.Type, r.Cipher, r.Issuer, r.Subject
	}
	for to, v := range map[*uint32]*uint32{&u.Limits.Questions: o.Questions, &u.Limits.Updates: o.Updates,
		&u.Limits.Connections: o.Connections, &u.Limits.UserConnections: o.UserConnections} {
		if v != nil {
			*to = *v
		}
	}
	if x := o.Expire; x != nil {
		if u.Expired = x.Now; !x.Now {
			u.Lifetime = x.Lifetime.pointer()
		}
	}
	if s := o.ReuseHistory; s != nil {
		u.ReuseHistory = s.pointer()
	}
	if s := o.ReuseDays; s != nil {
		u.ReuseDays = s.pointer()
	}
	if s := o.RequireCurrent; s != nil {
		u.RequireCurrent = s.pointer()
	}
	if o.FailedLogins != nil {
		u.FailedLogins = *o.FailedLogins
	}
	if o.LockDays != nil {
		u.LockDays = *o.LockDays
	}
	if o.Locked != nil {
		u.Locked = *o.Locked
	}
	if o.Comment != nil {
		b, _ := json.Marshal(*o.Comment) // strings always can be written
		return u.describe(`{"comment":` + string(b) + `}`)
	}
	if o.Attribute != nil {
		return u.describe(*o.Attribute)
	}
	return nil
}

func (s *Setting[T]) pointer() *T {
	if s.Default {
		return nil
	}
	v := s.Value
	return &v
}

// describe merges a JSON object into the account's metadata, as
// JSON_MERGE_PATCH does.
func (u *User) describe(patch string) error {
	var p, have map[string]any
	if json.Unmarshal([]byte(patch), &p) != nil || p == nil {
		return mysql.NewSQLError(3982, "HY000", "The user attribute must be a valid JSON object")
	}
	if u.Metadata != "" {
		if err := json.Unmarshal([]byte(u.Metadata), &have); err != nil {
			return err
		}
	}
	if have = merge(have, p); len(have) == 0 {
		u.Metadata = ""
		return nil
	}
	u.Metadata = jsonText(have)
	return nil
}

func merge(have, patch map[string]any) map[string]any {
	if have == nil {
		have = map[string]any{}
	}
	for k, v := range patch {
		if inner, ok := v.(map[string]any); ok {
			old, _ := have[k].(map[string]any)
			have[k] = merge(old, inner)
		} else if v == nil {
			delete(have, k)
		} else {
			have[k] = v
		}
	}
	return have
}

// jsonText writes JSON with MySQL's blanks and order of keys: by length, then by
// bytes.
func jsonText(v any) string {
	switch v := v.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.SortFunc(keys, func(a, b string) int {
			if len(a) != len(b) {
				return len(a) - len(b)
			}
			return strings.Compare(a, b)
		})
		for i, k := range keys {
			keys[i] = jsonText(k) + ": " + jsonText(v[k])
		}
		return "{" + strings.Join(keys, ", ") + "}"
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = jsonText(v[i])
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

func (d *draft) drop(st *DropUser, e *Env) (Result, error) {
	operation, need := "DROP USER", CreateUser
	if st.Role {
		operation, need = "DROP ROLE", CreateUser|DropRole
	}
	if e.Active.Global&need == 0 && (st.Role || e.Active.Database("mysql")&Delete == 0) {
		return Result{}, denied(need.String())
	}
	users := names(e.resolve(st.Users))
	if err := d.mayTouch(e, users); err != nil {
		return Result{}, err
	}
	var missing []Name
	for i, n := range users {
		if slices.Contains(e.Mandatory, n) {
			return Result{}, mandatory(n)
		}
		u, ok := d.byName[n]
		// Who may drop roles only may not drop accounts that log in.
		if !ok || slices.Contains(users[:i], n) || st.Role && e.Active.Global&CreateUser == 0 && !u.Locked {
			missing = append(missing, n)
		}
	}
	if len(missing) > 0 && !st.If {
		return Result{}, failed(operation, missing)
	}
	for _, n := range users {
		if _, ok := d.byName[n]; !ok {
			e.note(3162, "Authorization ID %s does not exist.", n.Quoted())
			continue
		}
		d.remove(n)
	}
	return Result{Text: e.text(st.Users)}, nil
}

// mandatory is error 3628.
func mandatory(n Name) error {
	return mysql.NewSQLError(3628, "HY000", "The role %s is a mandatory role and can't be revoked or dropped. "+
		"The restriction can be lifted by excluding the role identifier from the global variable mandatory_roles.", n)
}

func (d *draft) renameUsers(st *RenameUser, e *Env) (Result, error) {
	if !e.managesUsers() {
		return Result{}, denied("CREATE USER")
	}
	from, to := names(e.resolve(st.From)), names(e.resolve(st.To))
	if err := d.mayTouch(e, from); err != nil {
		return Result{}, err
	}
	var bad []Name
	for i, n := range from {
		if slices.ContainsFunc(d.Edges, func(edge RoleEdge) bool { return edge.Role == n }) || slices.Contains(e.Mandatory, n) {
			return Result{}, mysql.NewSQLError(3532, "HY000", "Renaming of a role identifier is forbidden")
		}
		_, there := d.byName[n]
		_, taken := d.byName[to[i]]
		if !there || taken {
			bad = append(bad, n)
			continue
		}
		d.rename(n, to[i])
	}
	if len(bad) > 0 {
		return Result{}, failed("RENAME USER", bad)
	}
	return Result{Text: e.text(st.From, st.To)}, nil
}

// userText writes CREATE or ALTER USER for the binlog.
func (e *Env) userText(st *DefineUser, users []Spec) string {
	var b strings.Builder
	switch {
	case st.Alter && st.If:
		b.WriteString("ALTER USER IF EXISTS ")
	case st.Alter:
		b.WriteString("ALTER USER ")
	case st.OrReplace:
		b.WriteString("CREATE OR REPLACE USER ")
	case st.If:
		b.WriteString("CREATE USER IF NOT EXISTS ")
	default:
		b.WriteString("CREATE USER ")
	}
	for i, s := range users {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(e.name(s.Name))
		if s.Auth != nil && s.Auth.As != nil {
			b.WriteString(" " + e.clauseText(s.Auth))
		}
	}
	if st.Default != nil {
		b.WriteString(" DEFAULT ROLE ")
		for i, n := range names(e.resolve(st.Default.List)) {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(e.name(n))
		}
	}
	b.WriteString(st.Properties.text(e.quote))
	return b.String()
}

func (e *Env) clauseText(c *Clause) string {
	text := "IDENTIFIED WITH " + e.quote(c.Plugin)
	if c.As != nil && *c.As != "" {
		text += " AS " + e.quote(*c.As)
	}
	return text
}

// text writes the clauses, each with a blank before it.
func (o *Properties) text(quote func(string) string) string {
	var b strings.Builder
	if o.Require != nil {
		b.WriteString(o.Require.text(quote))
	}
	with := " WITH"
	for _, l := range []struct {
		name string
		n    *uint32
	}{{"MAX_QUERIES_PER_HOUR", o.Questions}, {"MAX_UPDATES_PER_HOUR", o.Updates},
		{"MAX_CONNECTIONS_PER_HOUR", o.Connections}, {"MAX_USER_CONNECTIONS", o.UserConnections}} {
		if l.n != nil {
			fmt.Fprintf(&b, "%s %s %d", with, l.name, *l.n)
			with = ""
		}
	}
	if x := o.Expire; x != nil {
		b.WriteString(expireText(x.Now, x.Lifetime.pointer()))
	}
	if o.Locked != nil {
		b.WriteString(map[bool]string{true: " ACCOUNT LOCK", false: " ACCOUNT UNLOCK"}[*o.Locked])
	}
	if s := o.ReuseHistory; s != nil {
		b.WriteString(" PASSWORD HISTORY " + orDefault(s.pointer(), ""))
	}
	if s := o.ReuseDays; s != nil {
		b.WriteString(" PASSWORD REUSE INTERVAL " + orDefault(s.pointer(), " DAY"))
	}
	if s := o.RequireCurrent; s != nil {
		b.WriteString(" PASSWORD REQUIRE CURRENT" + currentText(s.pointer()))
	}
	if o.FailedLogins != nil {
		fmt.Fprintf(&b, " FAILED_LOGIN_ATTEMPTS %d", *o.FailedLogins)
	}
	if o.LockDays != nil {
		b.WriteString(" PASSWORD_LOCK_TIME " + daysText(*o.LockDays))
	}
	if o.Comment != nil {
		b.WriteString(" COMMENT " + quote(*o.Comment))
	}
	if o.Attribute != nil {
		b.WriteString(" ATTRIBUTE " + quote(*o.Attribute))
	}
	return b.String()
}

func (r *Require) text(quote func(string) string) string {
	switch r.Type {
	case "":
		return " REQUIRE NONE"
	case "ANY":
		return " REQUIRE SSL"
	case "X509":
		return " REQUIRE X509"
	}
	text := " REQUIRE"
	for _, p := range [][2]string{{"SUBJECT", r.Subject}, {"ISSUER", r.Issuer}, {"CIPHER", r.Cipher}} {
		if p[1] != "" {
			text += " " + p[0] + " " + quote(p[1])
		}
	}
	return text
}

func expireText(now bool, lifetime *uint16) string {
	switch {
	case now:
		return " PASSWORD EXPIRE"
	case lifetime == nil:
		return " PASSWORD EXPIRE DEFAULT"
	case *lifetime == 0:
		return " PASSWORD EXPIRE NEVER"
	}
	return fmt.Sprintf(" PASSWORD EXPIRE INTERVAL %d DAY", *lifetime)
}

func orDefault(n *uint16, unit string) string {
	if n == nil {
		return "DEFAULT"
	}
	return fmt.Sprint(*n) + unit
}

// currentText is what stands behind PASSWORD REQUIRE CURRENT.
func currentText(need *bool) string {
	switch {
	case need == nil:
		return " DEFAULT"
	case *need:
		return ""
	}
	return " OPTIONAL"
}

func daysText(days int16) string {
	if days < 0 {
		return "UNBOUNDED"
	}
	return fmt.Sprint(days)
}
