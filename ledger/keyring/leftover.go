package keyring

import (
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// leftover is how a key or a head is named until it is in its place: as folder.Create
// does, or as an attestation key is before it is linked.
var leftover = regexp.MustCompile(`^(\.(head|[0-9a-f]{8}\.key|attestation\.pem(\.[0-9]+)?)[0-9]+|attestation\.pem\.[0-9]+)$`)

// writing is far more than it takes to put a file into its place.
const writing = time.Hour

// sweepUp removes what processes left that were killed while they put a key or a head
// into the folders of this ring: a copy of a key is one more that may be found. It comes
// once a process, when that has put a file there itself. What can't be removed now, the
// next one removes.
func (r *Ring) sweepUp() {
	r.swept.Do(func() {
		found, err := filepath.Glob(filepath.Join(r.Dir, "*", "*"))
		if err != nil {
			return
		}
		for _, path := range found {
			info, err := os.Lstat(path)
			if err == nil && info.Mode().IsRegular() && leftover.MatchString(filepath.Base(path)) && time.Since(info.ModTime()) > writing {
				_ = os.Remove(path)
			}
		}
	})
}
