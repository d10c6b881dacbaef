// Package evidence holds the forms in which a ledger is checked by others: the
// bytes of an entry that are hashed, signed heads, witnesses' co-signatures,
// proofs and the rotation of keys. It knows no database and keeps no secrets; the
// package comment of ledger is the specification.
package evidence
