package dataset

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"daybook/engine"
)

// NearID is an identity of what a record says whatever its Unicode form, case and
// white space, by which something is found that was copied with small changes:
//
//	SHA-256("daybook near 1\n" || for each turn: len(role) role len(content) content)
//
// with lengths as 8-byte big-endian counts of bytes, and content brought to Unicode
// NFKC, case-folded in full, to NFKC again, with each run of white space made one
// space and none outside.
func NearID(turns []engine.Turn) [32]byte {
	h := sha256.New()
	_, _ = h.Write([]byte("daybook near 1\n")) // a hash doesn't fail
	var size [8]byte
	for _, t := range turns {
		for _, text := range []string{t.Role, near(t.Content)} {
			binary.BigEndian.PutUint64(size[:], uint64(len(text)))
			_, _ = h.Write(size[:])
			_, _ = h.Write([]byte(text))
		}
	}
	return [32]byte(h.Sum(nil))
}

func near(s string) string {
	if ascii(s) {
		return strings.Join(strings.Fields(strings.ToLower(s)), " ")
	}
	s = norm.NFKC.String(cases.Fold().String(norm.NFKC.String(s)))
	return strings.Join(strings.Fields(s), " ")
}
