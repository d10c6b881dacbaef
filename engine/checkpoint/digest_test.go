package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

// TestHashAhead hashes files of lengths around that of a piece, also where a read
// gives less than there is, and tells of a read that fails.
func TestHashAhead(t *testing.T) {
	data := make([]byte, 11*aheadPiece+3)
	for i := range data {
		data[i] = byte(i * i >> 8)
	}
	for _, n := range []int{0, 1, aheadPiece - 1, aheadPiece, aheadPiece + 1, 2 * aheadPiece, len(data)} {
		for name, r := range map[string]io.Reader{"whole": bytes.NewReader(data[:n]), "halves": iotest.HalfReader(bytes.NewReader(data[:n]))} {
			h := sha256.New()
			if got, err := hashAhead(h, r); err != nil || got != int64(n) || [32]byte(h.Sum(nil)) != sha256.Sum256(data[:n]) {
				t.Errorf("%d bytes, %s: %d were hashed, %v", n, name, got, err)
			}
		}
	}
	broken := errors.New("broken disk")
	if _, err := hashAhead(sha256.New(), io.MultiReader(bytes.NewReader(data), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Errorf("%v, want %v", err, broken)
	}
}
