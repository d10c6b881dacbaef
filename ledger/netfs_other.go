//go:build !linux

package ledger

// networkFilesystem knows no network filesystems on this system.
func networkFilesystem(string) (string, error) { return "", nil }
