package ledger

import (
	"path/filepath"
	"strconv"
	"testing"
)

// BenchmarkCopy copies a ledger of 10,000 entries that is in use, without its index.
func BenchmarkCopy(b *testing.B) {
	l, _ := open(b)
	ctx := b.Context()
	s := sample{runs: 1, records: 20, metrics: 2, epochs: 2, steps: 20}
	s.fill(ctx, b, l)
	must(l.write.Exec("PRAGMA synchronous = OFF"))(b)
	for i := 0; count(b, l, "entries") < 10_000; i++ {
		key := id("bench %d", i)
		n := must(l.BeginAttempt(ctx, Attempt{Run: key, Kind: Train, Dir: "runs/x"}))(b)
		ok(b, l.Ingest(ctx, key, n, s.training(b, i).events))
	}
	entries := count(b, l, "entries")
	dir := b.TempDir()
	for i := 0; b.Loop(); i++ {
		ok(b, Copy(ctx, l.path, filepath.Join(dir, strconv.Itoa(i))))
	}
	b.ReportMetric(float64(entries*b.N)/b.Elapsed().Seconds(), "entries/s")
}
