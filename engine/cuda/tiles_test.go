package cuda

import (
	"testing"

	"pgregory.net/rapid"
)

// TestCut checks that tiles cover every token once, stay inside their document,
// start at multiples of their rows there, and come in order of their work.
func TestCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SampledFrom([]int{64, 128}).Draw(t, "rows")
		starts := []int32{0}
		for _, n := range rapid.SliceOfN(rapid.IntRange(1, 700), 1, 8).Draw(t, "lengths") {
			starts = append(starts, starts[len(starts)-1]+int32(n))
		}
		tokens, documents := int(starts[len(starts)-1]), len(starts)-1
		room := maxTiles(tokens, documents, rows)
		byKeys, byQueries := make([]tile, room), make([]tile, room)
		n := cut(byKeys, byQueries, starts, rows)
		for name, list := range map[string][]tile{"keys": byKeys[:n], "queries": byQueries[:n]} {
			seen := make([]int, tokens)
			for i, x := range list {
				if (x.first-x.start)%int32(rows) != 0 || x.first >= x.end {
					t.Fatalf("by %s: tile %+v", name, x)
				}
				for token := x.first; token < min(x.first+int32(rows), x.end); token++ {
					seen[token]++
				}
				if i == 0 {
					continue
				}
				p := list[i-1]
				if name == "keys" && p.first-p.start < x.first-x.start || name == "queries" && p.end-p.first < x.end-x.first {
					t.Fatalf("by %s: tile %+v before %+v", name, p, x)
				}
			}
			for token, times := range seen {
				if times != 1 {
					t.Fatalf("by %s: token %d is in %d tiles", name, token, times)
				}
			}
		}
	})
}
