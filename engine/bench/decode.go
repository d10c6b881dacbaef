package bench

import (
	"context"
	"fmt"

	"daybook/engine"
	"daybook/engine/device"
	"daybook/engine/model"
)

// DecodeOptions say what to generate.
type DecodeOptions struct {
	Shape        string
	Sequences    int // decoded together
	Prompt       int // tokens of each prompt
	NewTokens    int // of each answer
	Adapter      bool
	Quantization string // of the base: "nf4" or "none"
	Profile      bool
	Protocol     Protocol
}

// Decode measures greedy generation, reading the prompts included.
func Decode(ctx context.Context, d device.Device, limits device.Options, o DecodeOptions) (Result, error) {
	r := Result{
		Name: "decode", Shape: o.Shape, Tokens: o.Sequences * o.NewTokens,
		Case: fmt.Sprintf("%d sequences of %d new tokens, %s", o.Sequences, o.NewTokens, o.Quantization),
	}
	if o.Adapter {
		r.Case += ", adapter"
	}
	s, err := ShapeOf(o.Shape)
	if err != nil {
		return r, err
	}
	if o.Sequences < 1 || o.Prompt < 1 || o.NewTokens < 1 || o.Prompt+o.NewTokens > s.MaxPositions {
		return r, fmt.Errorf("decode: %d sequences of %d+%d tokens: want at least one of each, and no more than %d positions", o.Sequences, o.Prompt, o.NewTokens, s.MaxPositions)
	}
	backend, err := d.Open(s, limits)
	if err != nil {
		return r, err
	}
	defer func() { _ = backend.Close() }() // what failed before says more
	seen := newWatch(backend)
	defer seen.stop()
	be := &profiled{Backend: backend, now: o.Protocol.Now}
	generate, planned, err := newGenerator(ctx, be, s, o)
	if err != nil {
		return r, fmt.Errorf("decode: %s: %w", r.Case, err)
	}
	r.Planned = planned
	if err := o.Protocol.measure(ctx, seen, &r, generate); err != nil {
		return r, fmt.Errorf("decode: %s: %w", r.Case, err)
	}
	if o.Profile {
		if r.Operations, err = be.profile(1, generate); err != nil {
			return r, fmt.Errorf("decode: %s: %w", r.Case, err)
		}
	}
	var l engine.LoRA
	if o.Adapter {
		l = decoded()
	}
	r.FLOP = float64(o.Sequences) * DecodingWork(s, l, o.Prompt, o.NewTokens)
	r.Rate = float64(r.Tokens) / r.Seconds
	r.describe(seen)
	return r, nil
}

// decoded is the shape of an adapter that answers.
func decoded() engine.LoRA { return lora(16, 0) }

// newGenerator returns a function that answers the same prompts every time, and
// the bytes of the device that this was planned to take.
func newGenerator(ctx context.Context, be *profiled, s engine.Shape, o DecodeOptions) (_ func() error, planned int64, _ error) {
	w, err := weights(s, o.Quantization)
	if err != nil {
		return nil, 0, err
	}
	source, err := model.NewResident(be.Backend, w)
	if err != nil {
		return nil, 0, err
	}
	l := decoded()
	mo := model.Options{MaxTokens: o.Sequences * o.Prompt, MaxDocuments: o.Sequences, Slots: o.Sequences, Positions: o.Prompt + o.NewTokens - 1}
	if o.Adapter {
		mo.LoRA = &l
	}
	planned = source.Bytes() + model.Estimate(be, s, mo, engine.OptimizerConfig{}).Device()
	m, err := model.New(be, source, mo)
	if err != nil {
		return nil, 0, err
	}
	if o.Adapter {
		a, err := m.NewAdapter(adapter(s, l))
		if err != nil {
			return nil, 0, err
		}
		m.Use(a)
	}
	batch := uniform(s, o.Sequences, o.Prompt)
	prompts := make([][]int32, o.Sequences)
	for i := range prompts {
		prompts[i] = batch.Tokens[batch.Starts[i]:batch.Starts[i+1]]
	}
	return func() error {
		_, err := m.Generate(ctx, prompts, model.GenerateOptions{MaxNewTokens: o.NewTokens})
		return err
	}, planned, nil
}
