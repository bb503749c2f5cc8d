package main

import (
	"bytes"
	"log/slog"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"binrelay/conf"
	"binrelay/tests/faultfs"
)

// identity makes or reads all small files of a data directory.
func identity(t testing.TB, d dataDir) (uuid string, cert []byte) {
	t.Helper()
	if err := d.make(); err != nil {
		t.Fatal(err)
	}
	u, err := d.uuid()
	if err != nil {
		t.Fatal(err)
	}
	c, err := d.tls(new(conf.Config))
	if err != nil {
		t.Fatal(err)
	}
	return u.String(), c.Certificates[0].Certificate[0]
}

func TestDataDir_Keeps(t *testing.T) {
	d := dataDir{vfs.Default, t.TempDir() + "/data"}
	u1, c1 := identity(t, d)
	u2, c2 := identity(t, d)
	if u1 != u2 || !bytes.Equal(c1, c2) {
		t.Errorf("uuid %s, then %s; the same certificate: %v", u1, u2, bytes.Equal(c1, c2))
	}
	log := slog.New(slog.DiscardHandler)
	k1, err := d.rsaKey(log)
	if err != nil {
		t.Fatal(err)
	}
	if k2, err := d.rsaKey(log); err != nil || !k1.Equal(k2) {
		t.Errorf("second time another RSA key, %v", err)
	}
	for _, name := range []string{certKeyFile, rsaPrivateFile} {
		if st, err := d.fs.Stat(d.file(name)); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, st, err)
		}
	}
}

// After a power cut at any operation the small files are as they were told or
// can be made again; what was there keeps its value.
func TestDataDir_Crash(t *testing.T) {
	mem := vfs.NewCrashableMem()
	points := 0
	told := ""
	fs := faultfs.New(mem, func(op faultfs.Op) error {
		for _, pct := range []int{0, 50, 100} {
			points++
			clone := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: pct, RNG: rand.New(rand.NewPCG(uint64(op.N), uint64(pct)))})
			d := dataDir{clone, "/a/data"}
			u1, c1 := identity(t, d)
			u2, c2 := identity(t, d)
			if u1 != u2 || !bytes.Equal(c1, c2) || told != "" && u1 != told {
				t.Errorf("operation %d (%s %s), %d %% unsynced: uuid %s, then %s, was %s", op.N, op.Kind, op.Name, pct, u1, u2, told)
			}
		}
		return nil
	}, nil)
	d := dataDir{fs, "/a/data"}
	if err := d.make(); err != nil {
		t.Fatal(err)
	}
	u, err := d.uuid()
	if err != nil {
		t.Fatal(err)
	}
	told = u.String()
	identity(t, d)
	if points < 60 {
		t.Errorf("only %d crashes", points)
	}
}
