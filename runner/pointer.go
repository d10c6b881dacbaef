package runner

import (
	"bytes"
	"fmt"
	"strings"

	"daybook/ledger"
)

// maxPointer is the size, in bytes, below which git-lfs looks for a pointer in a file.
const maxPointer = 1024

// parsePointer reads what git has of a file whose content LFS keeps elsewhere
// (git-lfs, docs/spec.md), and reports whether it is such a pointer.
func parsePointer(data []byte) (f ledger.LFSFile, ok bool) {
	if len(data) > maxPointer || !bytes.HasPrefix(data, []byte("version https://git-lfs.github.com/spec/v1\n")) {
		return f, false
	}
	for line := range strings.Lines(string(data)) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch key {
		case "oid":
			f.Digest, ok = strings.CutPrefix(value, "sha256:")
		case "size":
			if _, err := fmt.Sscan(value, &f.Bytes); err != nil {
				return f, false
			}
		}
	}
	return f, ok && len(f.Digest) == 64
}
