package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

func TestRoot(t *testing.T) {
	var ids [][32]byte
	if got, want := Root(nil), sha256.Sum256(nil); got != want {
		t.Errorf("root of nothing is %x", got)
	}
	// The log of golang.org/x/mod computes the same root incrementally.
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var list []tlog.Hash
		for _, i := range indexes {
			list = append(list, stored[i])
		}
		return list, nil
	})
	for n := range int64(70) {
		id := sha256.Sum256(fmt.Append(nil, n))
		ids = append(ids, id)
		hashes, err := tlog.StoredHashes(n, id[:], reader)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, hashes...)
		want, err := tlog.TreeHash(n+1, reader)
		if err != nil {
			t.Fatal(err)
		}
		if got := Root(ids); got != want {
			t.Fatalf("root of %d is %x, want %x", n+1, got, want)
		}
	}
	ids[0], ids[1] = ids[1], ids[0]
	if Root(ids[:2]) == Root([][32]byte{ids[1], ids[0]}) {
		t.Error("order doesn't matter")
	}
}

func TestKeyed(t *testing.T) {
	// Computed with Python's hmac module.
	id := sha256.Sum256([]byte("abc"))
	got := Keyed([]byte("Jefe"), id)
	if want := "232c2669cb503fb8cdcb22ab38171d82809faa9dd6ad5b92eab1ae43616b9924"; hex.EncodeToString(got[:]) != want {
		t.Errorf("got %x, want %s", got, want)
	}
	if Keyed([]byte("other"), id) == got {
		t.Error("another key gives the same")
	}
}
