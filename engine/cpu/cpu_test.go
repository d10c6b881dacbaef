package cpu

import (
	"fmt"
	"testing"

	"daybook/engine"
	"daybook/engine/backendtest"
)

// TestConformance runs the suite of every backend with every instruction set of
// this machine, and with threads.
func TestConformance(t *testing.T) {
	for _, o := range settings() {
		t.Run(fmt.Sprintf("%s/threads=%d", o.Variant, o.Threads), func(t *testing.T) {
			t.Parallel()
			backendtest.Run(t, func(t *testing.T, s engine.Shape) engine.Backend {
				t.Helper()
				if s.MaxPositions > 1000 && s.HeadDim > 64 {
					t.Skip("one large batch is enough on a CPU")
				}
				if s.Vocab > 100_000 && o.Variant == Variants()[0] {
					t.Skip("takes long without vector instructions")
				}
				return open(t, s, o)
			})
		})
	}
}

// settings are all variants on one thread, and the best one on more.
func settings() []Options {
	var all []Options
	names := Variants()
	for _, v := range names {
		all = append(all, Options{Variant: v, Threads: 1})
	}
	best := names[len(names)-1]
	return append(all, Options{Variant: best, Threads: 2}, Options{Variant: best, Threads: 3})
}

func open(tb testing.TB, s engine.Shape, o Options) *Backend {
	tb.Helper()
	b, err := Open(s, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := b.Close(); err != nil {
			tb.Error(err)
		}
	})
	return b
}
