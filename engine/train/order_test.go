package train

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"daybook/engine"
)

// lengths returns examples of the given lengths whose tokens are all targets.
func lengths(n ...int) []engine.Example {
	out := make([]engine.Example, len(n))
	for i, l := range n {
		out[i] = engine.Example{Record: i, Tokens: make([]int32, l), Targets: make([]int32, l)}
	}
	return out
}

func TestOrderVisitsEveryExampleOnceAnEpoch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		examples := lengths(rapid.SliceOfN(rapid.IntRange(1, 20), 1, 40).Draw(t, "lengths")...)
		tr := engine.Training{
			Epochs:    rapid.IntRange(1, 3).Draw(t, "epochs"),
			BatchSize: rapid.IntRange(1, 4).Draw(t, "batch"),
			GradAccum: rapid.IntRange(1, 4).Draw(t, "accum"),
			MaxSeqLen: rapid.IntRange(20, 50).Draw(t, "max"),
			Packing:   rapid.Bool().Draw(t, "packing"),
			Seed:      rapid.Uint64().Draw(t, "seed"),
		}
		o, err := NewOrder(t.Context(), tr, examples)
		if err != nil {
			t.Fatal(err)
		}
		steps := 0
		for e, windows := range o.Epochs {
			seen := make([]int, len(examples))
			for i, w := range windows {
				steps++
				last := i == len(windows)-1
				checkWindow(t, tr, examples, o, w, last, seen)
			}
			for i, n := range seen {
				if n != 1 {
					t.Fatalf("epoch %d: example %d seen %d times", e+1, i, n)
				}
			}
		}
		if steps != o.Steps {
			t.Fatalf("%d windows, %d steps announced", steps, o.Steps)
		}
		again, err := NewOrder(t.Context(), tr, examples)
		if err != nil || again.Digest != o.Digest {
			t.Fatalf("a second order differs: %v", err)
		}
	})
}

func checkWindow(t *rapid.T, tr engine.Training, examples []engine.Example, o *Order, w Window, last bool, seen []int) {
	if len(w.Batches) > tr.GradAccum || len(w.Batches) < tr.GradAccum && !last {
		t.Fatalf("window of %d batches", len(w.Batches))
	}
	all := 0
	for i, b := range w.Batches {
		if len(b) > tr.BatchSize || len(b) < tr.BatchSize && (!last || i < len(w.Batches)-1) {
			t.Fatalf("batch of %d rows", len(b))
		}
		tokens, documents := 0, 0
		for _, row := range b {
			used := 0
			for _, x := range row {
				seen[x]++
				used += len(examples[x].Tokens)
			}
			if used > tr.MaxSeqLen || !tr.Packing && len(row) != 1 {
				t.Fatalf("row %v of %d tokens", row, used)
			}
			tokens += used
			documents += len(row)
		}
		if tokens > o.MaxTokens || documents > o.MaxDocuments {
			t.Fatalf("batch of %d tokens in %d documents, at most %d in %d announced", tokens, documents, o.MaxTokens, o.MaxDocuments)
		}
		all += tokens
	}
	if w.Tokens != all || w.Targets != all {
		t.Fatalf("window says %d tokens and %d targets, has %d", w.Tokens, w.Targets, all)
	}
}

func TestPackIsBestFitDecreasing(t *testing.T) {
	tests := []struct {
		name     string
		lengths  []int
		capacity int
		want     []Row
	}{
		{"one each", []int{5, 5, 5}, 5, []Row{{0}, {1}, {2}}},
		{"longest first", []int{2, 7, 4}, 10, []Row{{1, 0}, {2}}},
		{"tightest row", []int{6, 5, 4, 5}, 10, []Row{{0, 2}, {1, 3}}},
		{"oldest of equals", []int{6, 6, 3, 2}, 10, []Row{{0, 2}, {1, 3}}},
		{"equal lengths keep their order", []int{1, 1, 1, 1}, 2, []Row{{0, 1}, {2, 3}}},
		{"exact fit", []int{64, 64, 128}, 128, []Row{{2}, {0, 1}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			docs := make([]int, len(tt.lengths))
			for i := range docs {
				docs[i] = i
			}
			got := pack(docs, func(i int) int { return tt.lengths[i] }, tt.capacity)
			if !slices.EqualFunc(got, tt.want, slices.Equal) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// naivePack is best-fit decreasing by looking at every row.
func naivePack(docs, length []int, capacity int) []int {
	order := slices.Clone(docs)
	slices.SortStableFunc(order, func(a, b int) int { return length[b] - length[a] })
	var left []int
	for _, d := range order {
		best := -1
		for r := range left {
			if left[r] >= length[d] && (best < 0 || left[r] < left[best]) {
				best = r
			}
		}
		if best < 0 {
			best = len(left)
			left = append(left, capacity)
		}
		left[best] -= length[d]
	}
	slices.Sort(left)
	return left
}

func TestPackLeavesTheRoomThatBestFitLeaves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		capacity := rapid.IntRange(1, 200).Draw(t, "capacity")
		length := rapid.SliceOfN(rapid.IntRange(1, capacity), 1, 60).Draw(t, "lengths")
		docs := rapid.Permutation(indexes(len(length))).Draw(t, "docs")
		var got []int
		for _, row := range pack(docs, func(i int) int { return length[i] }, capacity) {
			left := capacity
			for _, d := range row {
				left -= length[d]
			}
			got = append(got, left)
		}
		slices.Sort(got)
		if want := naivePack(docs, length, capacity); !slices.Equal(got, want) {
			t.Fatalf("room left %v, want %v", got, want)
		}
	})
}

func indexes(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func TestOrderDependsOnSeedAndEpoch(t *testing.T) {
	examples := lengths(slices.Repeat([]int{3}, 50)...)
	tr := engine.Training{Epochs: 2, BatchSize: 50, GradAccum: 1, MaxSeqLen: 10, Seed: 1}
	a, err := NewOrder(t.Context(), tr, examples)
	if err != nil {
		t.Fatal(err)
	}
	if slices.EqualFunc(a.Epochs[0][0].Batches[0], a.Epochs[1][0].Batches[0], slices.Equal) {
		t.Error("both epochs have the same order")
	}
	tr.Seed = 2
	b, err := NewOrder(t.Context(), tr, examples)
	if err != nil {
		t.Fatal(err)
	}
	if a.Digest == b.Digest {
		t.Error("two seeds have the same order")
	}
}

func TestOrderSkipsWindowsWithoutTarget(t *testing.T) {
	examples := lengths(4, 4, 4)
	for i := range examples[1].Targets {
		examples[1].Targets[i] = engine.Ignore
	}
	tr := engine.Training{Epochs: 2, BatchSize: 1, GradAccum: 1, MaxSeqLen: 10}
	o, err := NewOrder(t.Context(), tr, examples)
	if err != nil {
		t.Fatal(err)
	}
	if o.Steps != 4 || o.Skipped != 2 {
		t.Errorf("%d steps and %d skipped, want 4 and 2", o.Steps, o.Skipped)
	}
}

func TestOrderIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o, err := NewOrder(ctx, engine.Training{Epochs: 1 << 40, BatchSize: 1, GradAccum: 1, MaxSeqLen: 9}, lengths(1, 2))
	if !errors.Is(err, context.Canceled) || o != nil {
		t.Errorf("%v, %v", o, err)
	}
}

func TestOrderRefuses(t *testing.T) {
	good := engine.Training{Epochs: 1, BatchSize: 1, GradAccum: 1, MaxSeqLen: 10}
	ignored := lengths(3)
	ignored[0].Targets = []int32{engine.Ignore, engine.Ignore, engine.Ignore}
	uneven := lengths(3, 3)
	uneven[1].Targets = uneven[1].Targets[:2]
	tests := []struct {
		name     string
		change   func(*engine.Training)
		examples []engine.Example
		want     string
	}{
		{"nothing", nil, nil, "no examples"},
		{"empty example", nil, lengths(3, 0), "example 1 (record 1): empty"},
		{"long example", nil, lengths(11), "example 0 (record 0): 11 tokens: longer than max_seq_len 10"},
		{"uneven", nil, uneven, "example 1 (record 1): 2 targets for 3 tokens"},
		{"no target", nil, ignored, "nothing to learn"},
		{"no epochs", func(t *engine.Training) { t.Epochs = 0 }, lengths(3), "0 epochs"},
		{"no batch", func(t *engine.Training) { t.BatchSize = 0 }, lengths(3), "batches of 0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tr := good
			if tt.change != nil {
				tt.change(&tr)
			}
			_, err := NewOrder(t.Context(), tr, tt.examples)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
