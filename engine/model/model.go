// Package model runs the one implementation of a Llama decoder over a Backend
// and a Source of frozen weights: loss and gradients of a micro-batch,
// per-example evaluation, and generation, greedy or sampled, with a key-value cache.
//
// A Model works in one arena that is planned before anything is allocated (see
// Plan). With gradient checkpointing it keeps a part of each layer, at least its
// input, and computes the rest again in the backward pass; the operations and
// their inputs are the same, so every bit of the result is too.
//
// It knows nothing of optimizer steps, schedules or files; package train does.
package model

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"daybook/engine"
)

// Options size a model's arena.
type Options struct {
	MaxTokens    int // tokens in one batch: of a micro-batch, an evaluation batch or a prompt
	MaxDocuments int // documents in one batch, and sequences decoded together
	Train        bool
	// Checkpointing says what is kept of each layer when training; "" keeps everything.
	Checkpointing engine.Checkpointing
	// HostInputs keeps each layer's input in host memory when training, two at a
	// time on the device. Like Checkpointing it changes no bit.
	HostInputs bool
	// Accumulate is how many micro-batches may run before their losses are read
	// from the device; 0 means 1.
	Accumulate int
	// Slots and Positions are those of the key-value cache: sequences decoded together
	// and positions of each; 0 where nothing is decoded. It grows if it must.
	Slots, Positions int
	// LoRA is the adapter to train. Without Train it is the largest adapter that
	// NewAdapter may be given: its rank is a maximum, its targets a superset.
	LoRA *engine.LoRA
}

// Model is a base with an adapter in use, on one backend. It is not safe for
// concurrent use.
type Model struct {
	be    engine.Backend
	src   engine.Source
	shape engine.Shape
	o     Options
	buf   *buffers
	batch engine.DeviceBatch
	end   engine.DeviceBatch // what goes on behind the last attention: batch, or few.batch
	few   narrow
	use   *Adapter // nil: the base alone

	arenas [][]engine.Buffer // its own, then those of its adapters

	pending []int // rows of each micro-batch whose losses wait in buf.nll; 0 if it had no target
	cache   engine.Cache
	slots   int // of cache
	context int // positions of each slot of cache
}

// New allocates a model. When training, its adapter (see Trained) is in use and
// all zero until Upload.
func New(be engine.Backend, src engine.Source, o Options) (*Model, error) {
	s := src.Shape()
	if o.LoRA != nil {
		l := *o.LoRA
		l.Targets = slices.Sorted(slices.Values(l.Targets))
		o.LoRA = &l
	}
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	p, b := layout(be, s, o)
	arena, err := p.allocate(be)
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	m := &Model{be: be, src: src, shape: s, o: o, arenas: [][]engine.Buffer{arena}, buf: b, use: b.trained}
	if err := be.Reserve(o.work()); err != nil {
		return nil, errors.Join(fmt.Errorf("model: %w", err), m.Close())
	}
	b.share()
	if m.batch, err = be.NewBatch(o.MaxTokens, o.MaxDocuments); err != nil {
		return nil, errors.Join(fmt.Errorf("model: batch of %d tokens: %w", o.MaxTokens, err), m.Close())
	}
	m.end = m.batch
	if mover, ok := be.(engine.RowMover); ok {
		m.few = narrow{mover: mover, x: b.fewX, o: b.fewO}
		if m.few.batch, err = be.NewBatch(o.MaxTokens, o.MaxDocuments); err != nil {
			return nil, errors.Join(fmt.Errorf("model: batch of %d tokens: %w", o.MaxTokens, err), m.Close())
		}
	}
	if m.use != nil {
		m.use.be = be
	}
	if err := m.reserve(o.Slots, o.Positions); err != nil {
		return nil, errors.Join(fmt.Errorf("model: %w", err), m.Close())
	}
	return m, nil
}

// Close gives back what the model and its adapters hold on the device. None of
// them may be used any more; the base is its source's.
func (m *Model) Close() error {
	errs := []error{engine.Close(m.batch), engine.Close(m.few.batch), engine.Close(m.cache)}
	if be, ok := m.be.(engine.Freer); ok {
		for _, arena := range m.arenas {
			errs = append(errs, be.Free(arena))
		}
	}
	*m = Model{} // no reference keeps what a collector frees
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("model: close: %w", err)
	}
	return nil
}

// kinds are the values of Options.Checkpointing.
var kinds = []engine.Checkpointing{"", engine.CheckpointNone, engine.CheckpointSelective, engine.CheckpointFull}

func (o Options) validate() error {
	switch {
	case o.MaxTokens < 1 || o.MaxDocuments < 1:
		return fmt.Errorf("options: capacity of %d tokens and %d documents: both must be positive", o.MaxTokens, o.MaxDocuments)
	case o.Slots < 0 || o.Positions < 0 || (o.Slots > 0) != (o.Positions > 0):
		return fmt.Errorf("options: a cache of %d sequences of %d positions: want some of both, or of neither", o.Slots, o.Positions)
	case !slices.Contains(kinds, o.Checkpointing):
		return fmt.Errorf("options: checkpointing %q: want one of %q", o.Checkpointing, kinds[1:])
	case o.Train && o.LoRA == nil:
		return errors.New("options: training needs an adapter: the base is frozen")
	case o.LoRA == nil:
		return nil
	case o.LoRA.Rank < 1:
		return fmt.Errorf("options: LoRA rank %d: must be positive", o.LoRA.Rank)
	case len(o.LoRA.Targets) == 0:
		return errors.New("options: LoRA has no targets")
	case !(o.LoRA.Alpha > 0) || math.IsInf(o.LoRA.Alpha, 0):
		return fmt.Errorf("options: LoRA alpha %v: must be positive", o.LoRA.Alpha)
	case !(o.LoRA.Dropout >= 0 && o.LoRA.Dropout < 1):
		return fmt.Errorf("options: LoRA dropout %v: must be in [0, 1)", o.LoRA.Dropout)
	}
	for i, p := range o.LoRA.Targets {
		if p < 0 || p >= engine.NumProjections || i > 0 && o.LoRA.Targets[i-1] == p {
			return fmt.Errorf("options: LoRA target %d: unknown or repeated", p)
		}
	}
	return nil
}

// work is what operations will be asked for at most.
func (o Options) work() engine.Work {
	w := engine.Work{Tokens: o.MaxTokens, Documents: o.MaxDocuments, Train: o.Train, Slots: o.Slots, Positions: o.Positions}
	if o.LoRA != nil {
		w.Dropout = o.Train && o.LoRA.Dropout > 0
		for _, p := range o.LoRA.Targets {
			w.Ranks[p] = o.LoRA.Rank
		}
	}
	return w
}

// Shape returns the base's shape.
func (m *Model) Shape() engine.Shape { return m.shape }

// Options returns what the model was planned for.
func (m *Model) Options() Options { return m.o }

// Trained returns the adapter that Backward trains, nil unless Options.Train.
func (m *Model) Trained() *Adapter { return m.buf.trained }

// Use puts an adapter of this model in use for evaluation and generation; nil
// leaves the base alone. Backward always uses Trained.
func (m *Model) Use(a *Adapter) { m.use = a }

// load puts b on the device after checking it.
func (m *Model) load(b *engine.Batch) error {
	if err := b.Validate(m.shape); err != nil {
		return err
	}
	if len(b.Tokens) > m.o.MaxTokens || b.Documents() > m.o.MaxDocuments {
		return fmt.Errorf("batch: %d tokens in %d documents: the model was planned for %d in %d",
			len(b.Tokens), b.Documents(), m.o.MaxTokens, m.o.MaxDocuments)
	}
	m.end = m.batch
	return m.batch.Load(b)
}

// layer calls f with layer i's weights and the pairs of a, which may be nil.
func (m *Model) layer(i int, pass engine.Pass, a *Adapter, drop engine.Dropout, f func(*engine.Block) error) error {
	l, err := m.src.AcquireLayer(i, pass)
	if err != nil {
		return fmt.Errorf("layer %d: %w", i, err)
	}
	defer m.src.ReleaseLayer(i)
	b := &engine.Block{Layer: l, Dropout: drop}
	if a != nil {
		b.Adapters = a.layers[i]
	}
	if err := f(b); err != nil {
		return fmt.Errorf("layer %d: %w", i, err)
	}
	return nil
}

// head calls f with the final norm and the output projection.
func (m *Model) head(pass engine.Pass, f func(*engine.Head) error) error {
	h, err := m.src.AcquireHead(pass)
	if err != nil {
		return fmt.Errorf("head: %w", err)
	}
	defer m.src.ReleaseHead()
	if err := f(h); err != nil {
		return fmt.Errorf("head: %w", err)
	}
	return nil
}

// embed writes the token vectors of the loaded batch to x.
func (m *Model) embed(pass engine.Pass, x engine.Buffer) error {
	w, err := m.src.AcquireEmbedding(pass)
	if err != nil {
		return fmt.Errorf("embedding: %w", err)
	}
	defer m.src.ReleaseEmbedding()
	if err := m.be.Embed(m.batch, w, x); err != nil {
		return fmt.Errorf("embedding: %w", err)
	}
	return nil
}

// block runs one layer forward, from x to y, leaving act; y may be nil if only act is
// wanted. Behind the last layer's attention only some rows may go on; see narrow.
func (m *Model) block(b *engine.Block, x, y engine.Buffer, act *engine.Activations, last bool) error {
	if err := m.be.QKV(m.batch, b, x, act); err != nil {
		return err
	}
	if err := m.be.Attention(m.batch, act); err != nil {
		return err
	}
	if last {
		return m.finishLast(b, x, y, act)
	}
	return m.finish(b, x, y, act)
}

// finish is the part of a layer after attention.
func (m *Model) finish(b *engine.Block, x, y engine.Buffer, act *engine.Activations) error {
	if err := m.be.Output(m.batch, b, x, act); err != nil {
		return err
	}
	return m.be.MLP(m.batch, b, act, y)
}

// forward runs the loaded batch through all layers without keeping anything for
// a backward pass, and returns where the residual stream ends up.
func (m *Model) forward() (engine.Buffer, error) {
	x, act := m.buf.x[0], m.buf.act[0]
	if err := m.embed(engine.Forward, x); err != nil {
		return nil, err
	}
	for i := range m.shape.Layers {
		err := m.layer(i, engine.Forward, m.use, engine.Dropout{}, func(b *engine.Block) error {
			return m.block(b, x, x, act, i == m.shape.Layers-1)
		})
		if err != nil {
			return nil, err
		}
	}
	return x, nil
}

// Logits returns (tokens, Vocab) of b with the adapter in use; for tests and tools.
func (m *Model) Logits(b *engine.Batch) ([]float32, error) {
	if err := m.load(b); err != nil {
		return nil, fmt.Errorf("logits: %w", err)
	}
	x, err := m.forward()
	if err != nil {
		return nil, fmt.Errorf("logits: %w", err)
	}
	var out []float32
	err = m.head(engine.Forward, func(h *engine.Head) error {
		out, err = m.be.Logits(m.batch, h, x, false)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("logits: %w", err)
	}
	return out, nil
}
