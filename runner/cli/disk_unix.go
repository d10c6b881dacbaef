//go:build unix

package cli

import "golang.org/x/sys/unix"

// freeSpace returns the bytes that an ordinary user can still write in dir.
func freeSpace(dir string) (uint64, bool) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, false
	}
	return uint64(s.Bavail) * uint64(s.Bsize), true //nolint:unconvert // the fields' types differ between systems
}
