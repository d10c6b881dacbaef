package bench

import (
	"context"
	"fmt"
	"slices"

	"daybook/engine"
	"daybook/engine/device"
)

// OperationOptions say what to measure single operations on.
type OperationOptions struct {
	Shape          string
	Tokens, Length int // tokens of a batch, and of each document in it
	Protocol       Protocol
}

// Attention measures causal attention, forward and backward. What counts are the
// products of queries and keys and of scores and values, two forward and four
// backward, for the half of all pairs that is not masked.
func Attention(ctx context.Context, d device.Device, limits device.Options, o OperationOptions) ([]Result, error) {
	s, err := ShapeOf(o.Shape)
	if err != nil {
		return nil, fmt.Errorf("attention: %w", err)
	}
	g, err := newRig(d, limits, s, o, "none", ofAttention)
	if err != nil {
		return nil, fmt.Errorf("attention: %w", err)
	}
	defer g.close()
	product := 2 * float64(o.Tokens) * float64(o.Length+1) / 2 * float64(s.QDim())
	what := fmt.Sprintf("%d tokens in documents of %d, %d heads of %d, %d of keys", o.Tokens, o.Length, s.Heads, s.HeadDim, s.KVHeads)
	return g.measure(ctx, o, "attention", []operation{
		{"forward, " + what, 2 * product, g.attention},
		{"backward, " + what, 4 * product, func() error { return g.be.AttentionBackward(g.batch, g.act, g.grad) }},
	})
}

// ofAttention picks what attention reads, by the names of model.Plan.
func ofAttention(name string) bool {
	return slices.Contains([]string{"activations.0.q", "activations.0.k", "activations.0.v", "gradient.o"}, name)
}

// square is the side of the product that tells what a device can do, and how
// many tokens it has.
const (
	square    = 8192
	squareCPU = 1024
)

// Products measures one layer without attention, with the base in bfloat16 and
// in NF4, and before that a square product with bfloat16 weights.
func Products(ctx context.Context, d device.Device, limits device.Options, o OperationOptions) ([]Result, error) {
	s, err := ShapeOf(o.Shape)
	if err != nil {
		return nil, fmt.Errorf("gemm: %w", err)
	}
	all, err := squareProduct(ctx, d, limits, o)
	if err != nil {
		return nil, fmt.Errorf("gemm: %w", err)
	}
	l := lora(16, 0)
	work := TrainingWork(s, l, 0, engine.CheckpointNone).Model // of all layers and the head, forward and backward
	work = (work - 4*float64(s.Vocab)*float64(s.Hidden)) / float64(s.Layers) * float64(o.Tokens)
	for _, quantization := range []string{"none", "nf4"} {
		g, err := newRig(d, limits, s, o, quantization, nil)
		if err != nil {
			return nil, fmt.Errorf("gemm: %w", err)
		}
		results, err := g.measure(ctx, o, "gemm", []operation{
			{fmt.Sprintf("a layer's projections, forward and backward, %d tokens, %s", o.Tokens, quantization), work, g.projections},
		})
		g.close()
		if err != nil {
			return nil, fmt.Errorf("gemm: %w", err)
		}
		all = append(all, results...)
	}
	return all, nil
}

func squareProduct(ctx context.Context, d device.Device, limits device.Options, o OperationOptions) ([]Result, error) {
	n := square
	if d == device.CPU {
		n = squareCPU
	}
	s := engine.Shape{
		Vocab: 2, Hidden: n, Layers: 1, Heads: n / 128, KVHeads: n / 128, HeadDim: 128, Intermediate: 128,
		RopeTheta: 10000, NormEps: 1e-5, MaxPositions: n, TiedHead: true,
	}
	o.Tokens, o.Length = n, n
	g, err := newRig(d, limits, s, o, "none", nil)
	if err != nil {
		return nil, err
	}
	defer g.close()
	g.block.Adapters = [engine.NumProjections]*engine.Adapter{}
	return g.measure(ctx, o, "gemm", []operation{{
		fmt.Sprintf("%d x %d x %d with a residual", n, n, n), 2 * float64(n) * float64(n) * float64(n),
		func() error { return g.be.Output(g.batch, g.block, g.x, g.act) },
	}})
}

// operation is what is measured, with its arithmetic.
type operation struct {
	name string
	flop float64
	run  func() error
}

// queued is how often an operation is queued in one repetition, so that waiting
// for the last costs little against it.
const queued = 8

func (g *rig) measure(ctx context.Context, o OperationOptions, name string, operations []operation) ([]Result, error) {
	var all []Result
	for _, op := range operations {
		r := Result{Name: name, Shape: o.Shape, Case: op.name, Tokens: o.Tokens, FLOP: op.flop}
		err := o.Protocol.measure(ctx, g.seen, &r, func() error {
			for range queued {
				if err := op.run(); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", op.name, err)
		}
		r.Seconds, r.Fastest, r.Slowest = r.Seconds/queued, r.Fastest/queued, r.Slowest/queued
		r.Rate = float64(r.Tokens) / r.Seconds
		r.describe(g.seen)
		all = append(all, r)
	}
	return all, nil
}
