package runner

import (
	"context"
	"fmt"
	"slices"

	"daybook/engine"
	"daybook/engine/checkpoint"
	"daybook/engine/model"
	"daybook/engine/train"
	"daybook/ledger"
	"daybook/sweeps"
)

// Demand returns what a job asks of a device that be plans for, before anything of the
// base is read: an estimate and the worker that is to do the job both go by it.
// Examples are what it trains on, sets what it is judged on.
func (j *Job) Demand(ctx context.Context, root Root, be engine.Planner, base *Base, examples []engine.Example, sets ...[]Question) (model.Demand, error) {
	d, err := BaseDemand(be, base, Held(j.Spec.Base), j.Hosted())
	if err != nil {
		return d, err
	}
	if j.Unquantized() {
		d.Packed = 0 // it would be another baseline
	}
	room := Room(j.Spec.Eval, d.Shape.MaxPositions, sets...)
	d.Options = room.Options()
	if j.Kind != ledger.Train {
		if j.Adapter == nil {
			return d, nil
		}
		l, _, err := checkpoint.ReadAdapterConfig(root.Abs(j.Adapter.Path), d.Shape)
		d.Options.LoRA = &l
		return d, err
	}
	t, err := Training(j.Spec)
	if err != nil {
		return d, err
	}
	order, err := train.NewOrder(ctx, t, examples)
	if err != nil {
		return d, err
	}
	d.Options, d.Optimizer = order.Options(t, room), t.Optimizer
	return d, nil
}

// Hosted reports whether a job has the embedding of its base in host memory.
func (j *Job) Hosted() bool { return slices.Contains(j.Spec.Train.Offload, "embedding") }

// Unquantized reports whether a job measures the base as it is before quantization.
func (j *Job) Unquantized() bool { return j.Baseline == unquantized }

// Held is how a spec has its base held.
func Held(b sweeps.Base) checkpoint.Quantization {
	return checkpoint.Quantization{Kind: b.Quantization, DoubleQuant: b.DoubleQuant}
}

// BaseDemand returns what a base alone asks of a device, held in some way, with its
// embedding in host memory if hosted.
func BaseDemand(be engine.Planner, base *Base, q checkpoint.Quantization, hosted bool) (model.Demand, error) {
	d := model.Demand{Shape: base.Shape(), Hosted: hosted}
	bytes := func(q checkpoint.Quantization, hosted bool) (int64, error) {
		weights, err := base.Outline(q)
		if err != nil {
			return 0, fmt.Errorf("base: %w", err)
		}
		weights.Embedding.Host = hosted
		return model.BaseBytes(be, weights), nil
	}
	var err error
	if d.Base, err = bytes(q, hosted); err != nil {
		return d, err
	}
	if !hosted && !d.Shape.TiedHead { // a tied one is the head's, which all of a batch is multiplied with
		without, err := bytes(q, true)
		if err != nil {
			return d, err
		}
		d.Embedding = d.Base - without
	}
	packed := checkpoint.Quantization{Kind: "nf4", DoubleQuant: true}
	if q.Kind != packed.Kind && base.Holds(packed) == nil {
		d.Packed, err = bytes(packed, hosted)
	}
	return d, err
}
