// Package hexdigest knows the form in which the ledger and its files write digests.
package hexdigest

import "crypto/sha256"

// Valid reports whether s is a lower-case hex SHA-256. Every identifier is checked
// by it, which also keeps text out of where an identifier belongs.
func Valid(s string) bool {
	if len(s) != 2*sha256.Size {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
