// Package fuzztest has what the fuzz targets of parsers share. It parses nothing.
package fuzztest

import (
	"runtime"
	"testing"
)

// Bounded calls parse and fails t if it allocates more than most bytes, counting
// also what is garbage by the end: a parser that makes room for what a length in
// its input claims is found however soon it lets go of it. (What hangs needs no
// help: the testing package ends a target that takes over 10 s.)
func Bounded(t *testing.T, most int, parse func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	parse()
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > uint64(most) {
		t.Fatalf("%d bytes allocated, more than the %d that the input is worth", n, most)
	}
}
