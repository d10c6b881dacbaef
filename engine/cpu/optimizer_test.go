package cpu

import (
	"fmt"
	"slices"
	"testing"

	"daybook/engine"
	"daybook/engine/optim"
)

// TestEightBitStepIsOptims takes the same steps in every variant's kernel and in
// package optim, from gradients of very different sizes, of which some are zero.
// The last block is shorter than others and than a vector.
func TestEightBitStepIsOptims(t *testing.T) {
	const n = optim.MinEightBit + 256 + 3
	cfg := engine.OptimizerConfig{EightBit: true, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: 0.1}
	for _, variant := range Variants() {
		be := open(t, million(), Options{Threads: 1, Variant: variant})
		start := numbers(n, 1)
		value, grad := slices.Clone(start), make([]float32, n)
		want := optim.NewAdamW(cfg, []string{"p"}, [][]float32{value}, [][]float32{grad})
		p := engine.Param{Name: "p", Value: upload(t, be, start), Grad: upload(t, be, grad)}
		got, err := be.NewOptimizer(cfg, []engine.Param{p})
		if err != nil {
			t.Fatal(err)
		}
		for step := 1; step <= 6; step++ {
			copy(grad, numbers(n, uint64(10+step)))
			for i := range grad {
				switch i / 64 % 4 {
				case 1:
					grad[i] = 0
				case 2:
					grad[i] *= 1e-12
				case 3:
					grad[i] *= grad[i] * grad[i]
				}
			}
			if err := be.Upload(p.Grad, grad); err != nil {
				t.Fatal(err)
			}
			maxNorm := []float64{0, 0.5}[step%2]
			for _, o := range []engine.Optimizer{want, got} {
				if err := o.Step(1e-3, maxNorm, step); err != nil {
					t.Fatal(err)
				}
			}
			at := fmt.Sprintf("%s: step %d: ", variant, step)
			moved := make([]float32, n)
			if err := be.Download(moved, p.Value); err != nil {
				t.Fatal(err)
			}
			sameBits(t, at+"value", moved, value)
			a, err := got.State()
			if err != nil {
				t.Fatal(err)
			}
			b, err := want.State()
			if err != nil {
				t.Fatal(err)
			}
			for i := range b {
				sameBits(t, at+b[i].Name, a[i].F32, b[i].F32)
				if !slices.Equal(a[i].U8, b[i].U8) {
					t.Errorf("%s%s: codes differ", at, b[i].Name)
				}
			}
		}
	}
}
