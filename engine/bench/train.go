package bench

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"daybook/engine"
	"daybook/engine/device"
	"daybook/engine/model"
)

// TrainOptions say what to train on.
type TrainOptions struct {
	Shape         string
	Rows, Length  int // rows of a micro-batch, tokens of a row
	Documents     int // of equal length in a row, which must come out even; 0 means 1
	Checkpointing engine.Checkpointing
	Offload       []string // to host memory: "inputs" of layers, "embedding", "optimizer"
	Dropout       float64
	Quantization  string // of the base: "nf4" or "none"
	Rank          int    // 0 means 16
	Profile       bool   // also measure where the time goes
	Protocol      Protocol
}

// Check returns an error if o asks for rows that cannot be: none, or some that its
// documents do not fill evenly or that are longer than the shape has positions for.
func (o TrainOptions) Check() error {
	s, err := ShapeOf(o.Shape)
	if err != nil {
		return err
	}
	documents := cmp.Or(o.Documents, 1)
	if o.Rows < 1 || documents < 1 || o.Length < documents || o.Length%documents != 0 || o.Length/documents > s.MaxPositions {
		return fmt.Errorf("train: %d rows of %d tokens in %d documents: want rows, and whole documents of equal length, of 1 to %d tokens", o.Rows, o.Length, documents, s.MaxPositions)
	}
	return nil
}

// profiledSteps are how many steps tell where the time goes.
const profiledSteps = 3

// Train measures optimizer steps of one micro-batch each.
func Train(ctx context.Context, d device.Device, limits device.Options, o TrainOptions) (Result, error) {
	r := Result{Name: "train", Shape: o.Shape, Tokens: o.Rows * o.Length}
	if err := o.Check(); err != nil {
		return r, err
	}
	o.Documents, o.Rank = cmp.Or(o.Documents, 1), cmp.Or(o.Rank, 16)
	s, err := ShapeOf(o.Shape)
	if err != nil {
		return r, err
	}
	r.Case = fmt.Sprintf("%dx%d, %s checkpointing, %s", o.Rows, o.Length, o.Checkpointing, o.Quantization)
	if len(o.Offload) > 0 {
		r.Case += ", on the host " + strings.Join(o.Offload, ", ")
	}
	if o.Documents > 1 {
		r.Case += fmt.Sprintf(", %d documents a row", o.Documents)
	}
	if o.Dropout == 0 {
		r.Case += ", no dropout"
	}
	be, err := d.Open(s, limits)
	if err != nil {
		return r, err
	}
	defer func() { _ = be.Close() }() // what failed before says more
	seen := newWatch(be)
	defer seen.stop()
	t, err := newTrainer(be, s, o)
	if err != nil {
		return r, fmt.Errorf("train: %s: %w", r.Case, err)
	}
	if err := o.Protocol.measure(ctx, seen, &r, t.step); err != nil {
		return r, fmt.Errorf("train: %s: %w", r.Case, err)
	}
	if t.kind != o.Checkpointing {
		r.Case = strings.Replace(r.Case, string(o.Checkpointing)+" checkpointing", fmt.Sprintf("%s checkpointing (%s)", o.Checkpointing, t.kind), 1)
	}
	r.Planned = t.planned
	work := TrainingWork(s, t.lora, o.Length/o.Documents, t.kind)
	r.FLOP, r.Recompute = work.Model*float64(r.Tokens), work.Recompute*float64(r.Tokens)
	if o.Profile {
		if r.Operations, err = t.be.profile(profiledSteps, t.step); err != nil {
			return r, fmt.Errorf("train: %s: %w", r.Case, err)
		}
	}
	r.Rate = float64(r.Tokens) / r.Seconds
	r.describe(seen)
	return r, nil
}

// trainer repeats one step.
type trainer struct {
	be        *profiled
	model     *model.Model
	optimizer engine.Optimizer
	batch     *engine.Batch
	lora      engine.LoRA
	kind      engine.Checkpointing // as chosen, if that was left open
	planned   int64                // bytes of the device
	steps     int
}

func newTrainer(backend engine.Backend, s engine.Shape, o TrainOptions) (*trainer, error) {
	w, err := weights(s, o.Quantization)
	if err != nil {
		return nil, err
	}
	w.Embedding.Host = slices.Contains(o.Offload, "embedding")
	source, err := model.NewResident(backend, w)
	if err != nil {
		return nil, err
	}
	t := &trainer{be: &profiled{Backend: backend, now: o.Protocol.Now}, lora: lora(o.Rank, o.Dropout)}
	options := model.Options{
		MaxTokens: o.Rows * o.Length, MaxDocuments: o.Rows * o.Documents, Train: true, LoRA: &t.lora,
		Checkpointing: o.Checkpointing, HostInputs: slices.Contains(o.Offload, "inputs"),
	}
	adamw := engine.OptimizerConfig{EightBit: true, Paged: slices.Contains(o.Offload, "optimizer"), Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}
	d := model.Demand{Shape: s, Options: options, Optimizer: adamw, Base: source.Bytes(), Hosted: w.Embedding.Host}
	if t.kind, err = d.Fit(t.be, d.Base); err != nil {
		return nil, err
	}
	options.Checkpointing = t.kind
	t.planned = d.Base + model.Estimate(t.be, s, options, adamw).Device()
	if t.model, err = model.New(t.be, source, options); err != nil {
		return nil, err
	}
	if err := t.model.Trained().Upload(adapter(s, t.lora)); err != nil {
		return nil, err
	}
	t.optimizer, err = backend.NewOptimizer(adamw, t.model.Trained().Params())
	t.batch = uniform(s, o.Rows*o.Documents, o.Length/o.Documents)
	return t, err
}

// step trains on the batch once more.
func (t *trainer) step() error {
	t.steps++
	drop := engine.Dropout{P: float32(t.lora.Dropout), Seed: 1, Step: uint64(t.steps)}
	if err := t.model.Backward(t.batch, 1/float32(len(t.batch.Tokens)), drop); err != nil {
		return err
	}
	err := t.be.clock("clipping, AdamW", func() error { return t.optimizer.Step(learningRate, 1, t.steps) })
	if err != nil {
		return err
	}
	losses, err := t.model.Losses()
	if err != nil {
		return err
	}
	if math.IsNaN(losses[0]) || math.IsInf(losses[0], 0) {
		return fmt.Errorf("step %d: loss of %v: %w", t.steps, losses[0], engine.ErrNonFinite)
	}
	_, err = t.optimizer.Result()
	return err
}

// learningRate is small enough that hundreds of steps on noise stay finite.
const learningRate = 1e-5

// lora targets all projections.
func lora(rank int, dropout float64) engine.LoRA {
	l := engine.LoRA{Rank: rank, Alpha: 2 * float64(rank), Dropout: dropout}
	for p := range engine.NumProjections {
		l.Targets = append(l.Targets, p)
	}
	return l
}

// adapter returns a pair for every target, B random like A.
func adapter(s engine.Shape, l engine.LoRA) *engine.HostAdapter {
	h := engine.NewHostAdapter(s, l, 1)
	r := rand.New(rand.NewPCG(3, 4))
	for _, layer := range h.Layers {
		for _, b := range layer.B {
			for i := range b {
				b[i] = float32(deviation * (2*r.Float64() - 1))
			}
		}
	}
	return h
}

// uniform returns documents of random tokens, each the target of the one before.
func uniform(s engine.Shape, documents, length int) *engine.Batch {
	r := rand.New(rand.NewPCG(5, 6))
	b := &engine.Batch{}
	for d := range documents {
		tokens := make([]int32, length+1)
		for i := range tokens {
			tokens[i] = int32(r.IntN(s.Vocab))
		}
		b.Add(tokens[:length], tokens[1:], uint64(d))
	}
	return b
}
