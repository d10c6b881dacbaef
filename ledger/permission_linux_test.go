package ledger

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// asNobody runs f with the file permissions of a user who owns nothing, also
// when the tests are run by root, who may write anywhere.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		f()
		return
	}
	const nobody = 65534
	runtime.LockOSThread() // the kernel keeps this for each thread
	defer runtime.UnlockOSThread()
	ok(t, unix.Setfsuid(nobody))
	defer func() { ok(t, unix.Setfsuid(0)) }()
	f()
}

func TestReadOnlyFolder(t *testing.T) {
	dir := t.TempDir()
	ok(t, os.Chmod(filepath.Dir(dir), 0o755))
	path := filepath.Join(dir, "state", file)
	l := must(Open(t.Context(), path, Options{Keys: ring(path)}))(t)
	sweep := small.fill(t.Context(), t, l)
	ok(t, l.Close())
	for name, mode := range map[string]os.FileMode{path: 0o444, filepath.Dir(path): 0o555, dir: 0o555} {
		ok(t, os.Chmod(name, mode))
	}
	t.Cleanup(func() { ok(t, errors.Join(os.Chmod(dir, 0o755), os.Chmod(filepath.Dir(path), 0o755))) })
	asNobody(t, func() {
		for _, p := range []string{path, filepath.Join(dir, "new", file), filepath.Join(dir, file)} {
			_, err := Open(t.Context(), p, Options{})
			if !errors.Is(err, ErrReadOnly) || hintOf(err) == "" {
				t.Errorf("%s: %v", p, err)
			}
		}
		l, err := OpenReadOnly(t.Context(), path, Options{})
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { ok(t, l.Close()) }()
		if r, err := l.Results(t.Context(), sweep); err != nil || len(r.Runs) != small.runs+1 {
			t.Errorf("%v, %v", r, err)
		}
	})
}

func TestNetworkMagic(t *testing.T) {
	for magic, want := range map[uint32]string{
		0x6969: "NFS", 0xff534d42: "SMB", 0xfe534d42: "SMB", 0x00c36400: "Ceph", 0x0bd00bd0: "Lustre",
		unix.EXT4_SUPER_MAGIC: "", unix.TMPFS_MAGIC: "", unix.BTRFS_SUPER_MAGIC: "", unix.XFS_SUPER_MAGIC: "", unix.OVERLAYFS_SUPER_MAGIC: "",
	} {
		if got := networkMagic(magic); got != want {
			t.Errorf("%#x: got %q, want %q", magic, got, want)
		}
	}
	if kind, err := networkFilesystem(t.TempDir()); err != nil || kind != "" {
		t.Errorf("the tests' folder: %q, %v", kind, err)
	}
}
