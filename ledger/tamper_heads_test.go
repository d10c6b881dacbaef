package ledger

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"daybook/ledger/evidence"
)

// TestTamperKeyHolder has the holder of the key write another history and sign it:
// the last entries are cut off, or one is changed, and everything is made to agree.
// Of all heads that somebody else may hold, each that is over what was changed shows
// it, and no other does.
func TestTamperKeyHolder(t *testing.T) {
	manyCases(t)
	ctx := t.Context()
	origin := filepath.Join(t.TempDir(), file)
	l := openAt(t, origin, newClock())
	sample{runs: 2, records: 3, metrics: 2, epochs: 2, steps: 3}.fill(ctx, t, l)
	must(l.write.Exec("PRAGMA wal_checkpoint(TRUNCATE)"))(t)
	whole := must(os.ReadFile(origin))(t)
	in := must(l.signer(ctx))(t)
	key := must(ring(origin).Signer(in.Key))(t)
	var hashes grown
	scanHash := func(row *sql.Rows, h *[]byte) error { return row.Scan(h) }
	for _, h := range must(collect(ctx, l, scanHash, "SELECT hash FROM hashes ORDER BY id"))(t) {
		hashes = append(hashes, tlog.Hash(h))
	}
	var size int64
	ok(t, l.read.QueryRow("SELECT count(*) FROM entries").Scan(&size))
	sign := func(n int64, from tlog.HashReader) ([]byte, error) {
		root, err := tlog.TreeHash(n, from)
		if err != nil {
			return nil, err
		}
		return evidence.Head{Origin: in.Origin, Size: n, Root: root}.Sign(key)
	}
	var heads []KnownHead
	for n := int64(1); n <= size; n++ {
		heads = append(heads, KnownHead{From: fmt.Sprint("mail ", n), Note: must(sign(n, hashes))(t)})
	}
	counts := map[string]int{}
	cases := 0
	rapid.Check(t, func(rt *rapid.T) {
		check := func(err error) {
			if err != nil {
				rt.Fatal(err)
			}
		}
		cases++
		path := filepath.Join(filepath.Dir(origin), fmt.Sprint(cases))
		defer func() { _ = os.Remove(path) }()
		check(os.WriteFile(path, whole, 0o600))
		db, err := sql.Open("sqlite3", "file:"+path+"?_foreign_keys=off&_synchronous=OFF")
		check(err)
		db.SetMaxOpenConns(1)
		defer func() { _ = db.Close() }()
		b := burglar{DB: db, t: rt}
		way := rapid.SampledFrom([]string{"cut off", "change"}).Draw(rt, "way")
		first := rapid.Int64Range(2, size).Draw(rt, "first entry that is not what it was")
		left := size
		b.unlocked(func() {
			if way == "cut off" {
				left = first - 1
				b.try("DELETE FROM entries WHERE seq > ?", left)
			} else {
				b.try("UPDATE entries SET time = '2025-01-01T00:00:00Z' WHERE seq = ?", first)
			}
			b.forge(path)
			var forged grown
			rows, err := db.Query("SELECT hash FROM hashes ORDER BY id")
			check(err)
			all, err := scanAll(rows, scanHash)
			check(err)
			for _, h := range all {
				forged = append(forged, tlog.Hash(h))
			}
			signed, err := sign(left, forged)
			check(err)
			b.try("UPDATE head SET size = ?, note = ?", left, string(signed))
		})
		check(db.Close())
		l, err := OpenReadOnly(ctx, path, Options{})
		check(err)
		defer func() { _ = l.Close() }()
		found, err := l.Verify(ctx, VerifyOptions{Key: in.Key, Heads: heads})
		check(err)
		shown := map[string]bool{}
		for _, p := range found.Problems {
			if strings.HasPrefix(p.Where, "mail ") {
				shown[p.Where] = true
			} else if way == "change" {
				rt.Fatalf("%s %d: %v: the forger left a trace", way, first, p)
			}
		}
		for i, h := range heads {
			if over := int64(i+1) >= first; shown[h.From] != over {
				rt.Fatalf("%s %d of %d entries: a head over %d shows it: %v", way, first, size, i+1, shown[h.From])
			}
		}
		counts[way]++
	})
	t.Logf("%v, each held against %d heads", counts, size)
}
