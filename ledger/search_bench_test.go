package ledger

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"daybook/ledger/evidence"
)

var benchRecords = flag.Int("bench.records", 100_000, "records of the dataset that BenchmarkSearch looks in; 1000000 is the promise")

// benchLedger holds a dataset of records, of which so many different subsets were
// trained on by so many runs. Subsets are drawn at random, of 5 to 100% of the
// records, as with d.fraction.
func benchLedger(b *testing.B, records, subsets, runs int) (*Ledger, []Member) {
	b.Helper()
	ctx := b.Context()
	l, _ := open(b)
	random := rand.New(rand.NewPCG(1, 2))
	draw := func() string {
		var id [32]byte
		for i := 0; i < len(id); i += 8 {
			binary.LittleEndian.PutUint64(id[i:], random.Uint64())
		}
		return hex.EncodeToString(id[:])
	}
	all := make([]Member, records)
	for i := range all {
		all[i] = Member{Position: i, Record: draw(), Content: draw(), Example: draw(), Near: draw(), Tokens: 100, Truncated: i % 50 / 49}
	}
	sweep := Sweep{Name: "bench", Path: "bench.jsonnet", Digest: id("bench"), Args: []byte("[]"), Settings: []byte("{}"), Axes: []Axis{{Name: "run"}}}
	rows := (Set{Digest: id("all"), Dataset: id("dataset"), Role: "train", Members: all})
	packed := must(rows.rows())(b)
	for i := range subsets {
		share := .05 + .95*float64(i)/float64(subsets-1)
		if i == 0 {
			share = 1 // the index holds every record
		}
		s := Set{Digest: id("set %d", i), Dataset: id("dataset"), Role: "train", Encoding: id("encoding"), RootKey: rootKey}
		var members []memberRow
		for _, r := range packed {
			if i == 0 || random.Float64() < share {
				members = append(members, r)
			}
		}
		// The trees, which take seconds of each set, are not what is measured here.
		c := &commitment{rows: members, order: orderOf(members), fact: evidence.Membership{Set: s.Digest, Dataset: s.Dataset, Role: s.Role, Records: len(members), Encoding: s.Encoding}}
		ok(b, l.update(ctx, func(ctx context.Context, t *transaction) error {
			if err := t.append(ctx, typeSet, setFact{Digest: s.Digest, Dataset: s.Dataset, Role: s.Role, Records: len(members)}); err != nil {
				return err
			}
			return t.commit(ctx, c, 0)
		}))
	}
	for i := range runs {
		sweep.Planned = append(sweep.Planned, PlannedRun{
			Key: id("run %d", i), Kind: Train, Position: i, Axes: []Choice{{"run", fmt.Sprint(i)}}, Spec: []byte(`{"train":{"epochs":3}}`),
			Base: id("base"), TrainSet: id("set %d", i%subsets), Evaluation: id("evaluation"),
		})
	}
	must(l.RecordSweep(ctx, sweep))(b)
	for i := range runs {
		must(l.BeginAttempt(ctx, Attempt{Run: id("run %d", i), Kind: Train, Sweep: 1}))(b)
	}
	must(l.write.Exec("PRAGMA wal_checkpoint(TRUNCATE)"))(b)
	return l, all
}

// BenchmarkSearch asks for one record, of an index that nobody has asked before,
// and lists the runs that were trained on it. The promise is 100 ms for a million
// records and 1,000 runs, in less than 200 MB:
//
//	go test ./ledger -run '^$' -bench Search -bench.records 1000000 -benchtime 20x
func BenchmarkSearch(b *testing.B) {
	const subsets, runs = 250, 1000
	l, all := benchLedger(b, *benchRecords, subsets, runs)
	ctx := b.Context()
	seen, asked := 0, 0
	for b.Loop() {
		found := must(l.Search(ctx, []Sought{sought(all[asked*7919%len(all)])}))(b)
		listed := must(l.Runs(ctx, RunFilter{Kind: Train}))(b)
		asked++
		seen += len(found[0])
		if len(listed) != runs || len(found[0]) == 0 {
			b.Fatalf("%d runs, %d sets", len(listed), len(found[0]))
		}
	}
	b.ReportMetric(float64(seen)/float64(asked), "sets/record")
	info, err := os.Stat(l.path) // the whole ledger: the index, and a few MB of log and tables
	ok(b, err)
	b.ReportMetric(float64(info.Size())/1e6, "MB")
}

// BenchmarkRecordSet adds a set of 500 records to a ledger that has a larger one.
func BenchmarkRecordSet(b *testing.B) {
	l, all := benchLedger(b, 10_000, 2, 1)
	n := 0
	for b.Loop() {
		n++
		s := Set{Digest: id("fresh %d", n), Dataset: id("dataset"), Role: "train", Encoding: id("%d", n), RootKey: rootKey, Members: all[:500]}
		ok(b, l.RecordSet(b.Context(), s))
	}
}
