//go:build !linux

package checkpoint

import "io/fs"

// identity would tell apart the states of a file without reading it; "" says that
// nobody knows here.
func identity(fs.FileInfo) string { return "" }
