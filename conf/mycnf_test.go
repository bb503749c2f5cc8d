package conf

import (
	"strings"
	"testing"
)

func FuzzOptionFile(f *testing.F) {
	for _, s := range []string{
		"[mysqld]\nserver-id=1\nlog-bin=/a/b.log\n", "[server]\nx='a\\n\"b'#c\n", "!include x\n", "[mysqld]\n=\n", "[\n", "[mysqld]\nskip-x\n;c\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "!") {
			t.Skip("would open files")
		}
		r := &fileReader{}
		if err := r.parse(strings.NewReader(text), "my.cnf", 0); err != nil {
			return
		}
		for _, s := range r.out {
			if s.name == "" {
				t.Errorf("a setting without a name from %q", text)
			}
		}
	})
}

func TestKnown_DoesNotHideOurs(t *testing.T) {
	if len(known) < 900 {
		t.Errorf("only %d foreign options are known", len(known))
	}
	for name := range byName {
		if strings.Contains(name, "-") {
			t.Errorf("%s: dashes in a canonical name", name)
		}
	}
}
