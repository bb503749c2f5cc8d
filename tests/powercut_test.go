package tests

import (
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"binrelay/tests/cluster"
)

// Of the kernel's ext4.h and ext4/ioctl.c: the file system stops at once and
// writes nothing any more, not even its journal.
const (
	ext4Shutdown   = 0x8004587d // _IOR('X', 125, __u32)
	ext4NoLogFlush = 2
)

// ext4Disk is a file system of its own in an image file.
type ext4Disk struct {
	t     *testing.T
	image string
	dir   string
	on    bool
}

// newExt4Disk mounts a new disk at dir. Without the right to do so the test is
// skipped.
func newExt4Disk(t *testing.T, dir string, size int64) *ext4Disk {
	t.Helper()
	mkfs := cluster.Need(t, "mkfs.ext4")
	cluster.Need(t, "mount")
	if os.Getuid() != 0 {
		t.Skip("SKIP: a power cut needs root, to mount a disk of its own")
	}
	d := &ext4Disk{t: t, image: filepath.Join(t.TempDir(), "disk.ext4"), dir: dir}
	f, err := os.Create(d.image)
	if err == nil {
		err = f.Truncate(size)
	}
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if out, err := exec.Command(mkfs, "-q", "-F", d.image).CombinedOutput(); err != nil {
		t.Fatalf("mkfs.ext4: %v\n%s", err, out)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := d.mount(); err != nil {
		t.Skipf("SKIP: no loop device for a disk: %v: %s", err, out)
	}
	t.Cleanup(d.unmount)
	return d
}

func (d *ext4Disk) mount() ([]byte, error) {
	out, err := exec.Command("mount", "-t", "ext4", "-o", "loop", d.image, d.dir).CombinedOutput()
	d.on = err == nil
	return out, err
}

func (d *ext4Disk) unmount() {
	if !d.on {
		return
	}
	d.on = false
	if out, err := exec.Command("umount", d.dir).CombinedOutput(); err != nil {
		d.t.Errorf("umount: %v: %s", err, out)
	}
}

// cut takes the power away: what was not synced is gone.
func (d *ext4Disk) cut() {
	d.t.Helper()
	f, err := os.Open(d.dir)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	flags := uint32(ext4NoLogFlush)
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), ext4Shutdown, uintptr(unsafe.Pointer(&flags))); errno != 0 {
		d.t.Fatalf("EXT4_IOC_SHUTDOWN: %v", errno)
	}
}

// The power of a real disk is cut under writers: everything acknowledged is
// there afterwards, nothing is half, and while the disk is dead nothing is
// acknowledged.
func TestKill_PowerCut(t *testing.T) {
	s := cluster.New(t, "primary", "server-id=1", "log-bin=mysql-bin", "max_binlog_size=256K")
	disk := newExt4Disk(t, s.Dir, 512<<20)
	t.Cleanup(s.Kill) // before the disk goes
	s.Run()
	l := newLedger(t, s)
	n := cycles(t, 4)
	ended := 0
	for range n {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			l.load(ctx, s.DSN(""))
		}()
		time.Sleep(time.Duration(50+rand.IntN(300)) * time.Millisecond)
		l.power(false)
		disk.cut()
		select {
		case <-s.Ended():
			ended++
			if code := s.ExitCode(); code != 74 {
				t.Errorf("on a dead disk the server ends with %d, want 74", code)
			}
		case <-time.After(2 * time.Second):
			s.Kill() // nobody wrote, so it has not noticed
		}
		cancel()
		<-done
		disk.unmount()
		if out, err := disk.mount(); err != nil {
			t.Fatalf("mount again: %v: %s", err, out)
		}
		l.power(true)
		s.Run()
		l.check(s)
		if t.Failed() {
			return
		}
	}
	t.Logf("%d power cuts, %d times the server ended by itself, %d transactions acknowledged, 0 lost", n, ended, len(l.acked))
}
