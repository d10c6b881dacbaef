package sweeps

import (
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkLoad evaluates and checks the sweep of DESIGN.md, 9 runs.
func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, err := Load(b.Context(), Options{Path: "testdata/design.jsonnet"}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLoad10000 does so with ten thousand runs, and says apart what Jsonnet takes
// and what checking takes.
func BenchmarkLoad10000(b *testing.B) {
	design, err := filepath.Abs("testdata/design.jsonnet")
	if err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(b.TempDir(), "sweep.jsonnet")
	text := `local d = import 'daybook.libsonnet';
		d.sweep('grid', (import '` + design + `').runs[0].spec, [
			d.rank([2, 4, 8, 16, 32]), d.epochs([1, 2, 3, 4, 5]), d.seed(std.range(1, 50)),
			d.data([[std.toString(i), d.take(100 + i, { quality: 'clean' }, seed=1)] for i in std.range(1, 8)]),
		])`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	im := newImporter(filepath.Dir(path), nil)
	var data string
	b.Run("evaluate", func(b *testing.B) {
		for b.Loop() {
			if data, err = evaluate(newVM(im, nil), im, path, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("check", func(b *testing.B) {
		for b.Loop() {
			in, err := parseSweep([]byte(data))
			if err != nil {
				b.Fatal(err)
			}
			if p, fault := expand(in); fault != nil || len(p.runs) != 10_000 {
				b.Fatal(fault)
			}
		}
	})
}
