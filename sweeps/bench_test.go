package sweeps

import "testing"

// BenchmarkLoad evaluates and checks the sweep of DESIGN.md, 9 runs.
func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, err := Load(b.Context(), Options{Path: "testdata/design.jsonnet"}); err != nil {
			b.Fatal(err)
		}
	}
}
