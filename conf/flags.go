package conf

import (
	"strings"

	"github.com/spf13/pflag"
)

// flagValue holds what the command line says about one option. A list keeps
// every text, anything else the last.
type flagValue struct {
	kind  kind
	texts []string
}

var _ pflag.Value = (*flagValue)(nil)

// Set stores a text; it is checked together with those of the other sources.
func (v *flagValue) Set(s string) error {
	if v.kind != kindList {
		v.texts = v.texts[:0]
	}
	v.texts = append(v.texts, s)
	return nil
}

// String returns the texts as the environment would hold them.
func (v *flagValue) String() string { return strings.Join(v.texts, ",") }

// Type is the word for the value in the help text.
func (v *flagValue) Type() string {
	switch v.kind {
	case kindBool:
		return "on|off"
	case kindInt:
		return "number"
	case kindSize:
		return "size"
	case kindList:
		return "database"
	}
	return "text"
}

// Flags adds a flag for every option to fs, dashes in the names, and
// --defaults-file. Hidden are older names, `skip-` forms, and the options of
// mysqld that mean nothing here.
func Flags(fs *pflag.FlagSet) {
	fs.SortFlags = false // the order of the table keeps topics together
	addFlag(fs, "defaults_file", kindString, "read this option file (my.cnf, or YAML by its name); none is read unless asked")
	for i := range options {
		o := &options[i]
		help := o.help
		for _, a := range o.aliases {
			if len(a) > 1 {
				addFlag(fs, a, o.kind, "").Hidden = true
				help += "; also --" + dashes(a)
			}
		}
		f := addFlag(fs, o.name, o.kind, help)
		f.DefValue = o.def
		if o.name == "log_bin" {
			f.NoOptDefVal = o.def // --log-bin alone
		}
		if o.switchable() {
			addFlag(fs, "skip_"+o.name, kindBool, "").Hidden = true
			addFlag(fs, "disable_"+o.name, kindBool, "").Hidden = true
		}
	}
	for name := range known {
		if name != "help" && fs.Lookup(dashes(name)) == nil {
			addFlag(fs, name, kindBool, "").Hidden = true
		}
	}
	fs.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		return pflag.NormalizedName(dashes(name))
	})
}

func dashes(name string) string { return strings.ReplaceAll(name, "_", "-") }

// addFlag adds one flag. A boolean needs no value.
func addFlag(fs *pflag.FlagSet, name string, k kind, help string) *pflag.Flag {
	f := fs.VarPF(&flagValue{kind: k}, dashes(name), "", help)
	if k == kindBool {
		f.NoOptDefVal = "ON"
	}
	return f
}

// flags puts what the command line says over every other source.
func (l *loader) flags(fs *pflag.FlagSet) error {
	var err error
	fs.Visit(func(f *pflag.Flag) {
		v, ours := f.Value.(*flagValue)
		if !ours || err != nil || f.Name == "defaults-file" {
			return
		}
		for _, text := range v.texts {
			var o *option
			if o, text, err = l.resolve(setting{name: f.Name, value: text, place: "command line"}); err != nil || o == nil {
				return
			}
			if o.kind == kindList {
				l.v.Set(o.name, v.texts)
				return
			}
			l.v.Set(o.name, text)
		}
	})
	return err
}
