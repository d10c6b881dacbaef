package runner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// CanConfine reports whether Confine does anything here: Linux 5.13 or newer with
// Landlock.
func CanConfine() bool {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	return errno == 0 && version >= 1
}

// Confine keeps this thread, and every program that it becomes or starts, from
// reading files below the hidden folders, whatever their permissions. It can't be
// undone. The thread stays locked to its goroutine. Where CanConfine is false it
// does nothing.
//
// Landlock knows only what is allowed. So a rule is made for everything beside the
// way to a hidden folder: what lies there when it is called.
func Confine(hidden []string) error {
	if !CanConfine() {
		return nil
	}
	runtime.LockOSThread()
	attr := unix.LandlockRulesetAttr{Handled_access_fs: unix.LANDLOCK_ACCESS_FS_READ_FILE}
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if errno != 0 {
		return fmt.Errorf("confine: ruleset: %w", errno)
	}
	ruleset := int(fd)
	defer func() { _ = unix.Close(ruleset) }() // in force by then, or never
	var resolved []string
	for _, dir := range hidden {
		found, err := filepath.EvalSymlinks(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("confine: %w", err)
		}
		resolved = append(resolved, found)
	}
	if err := allow(ruleset, string(filepath.Separator), resolved); err != nil {
		return fmt.Errorf("confine: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("confine: %w", err)
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(ruleset), 0, 0); errno != 0 {
		return fmt.Errorf("confine: %w", errno)
	}
	return nil
}

// allow lets files at and below path be read, except below the hidden folders.
func allow(ruleset int, path string, hidden []string) error {
	var below bool
	for _, h := range hidden {
		if path == h {
			return nil
		}
		below = below || strings.HasPrefix(h, strings.TrimSuffix(path, string(filepath.Separator))+string(filepath.Separator))
	}
	if !below {
		return allowAll(ruleset, path)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Type()&fs.ModeSymlink != 0 {
			continue // what it leads to has a rule of its own
		}
		if err := allow(ruleset, filepath.Join(path, e.Name()), hidden); err != nil {
			return err
		}
	}
	return nil
}

func allowAll(ruleset int, path string) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EACCES) {
		return nil // gone meanwhile, or unreadable anyway
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	defer func() { _ = unix.Close(fd) }() // a path
	rule := unix.LandlockPathBeneathAttr{Allowed_access: unix.LANDLOCK_ACCESS_FS_READ_FILE, Parent_fd: int32(fd)}
	if _, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0); errno != 0 {
		return fmt.Errorf("%s: %w", path, errno)
	}
	return nil
}
