// Package talk answers conversations with one base that stays loaded, alone or with
// adapters that are switched by request: it reads an adapter on its first use, keeps
// those used last on the device, and refuses what was not made for the base.
//
// It finds no adapters by name, keeps no conversations and queues no requests: the
// command line and package serve do.
package talk

import (
	"context"
	"errors"
	"fmt"

	"daybook/engine"
	"daybook/engine/checkpoint"
	"daybook/engine/device"
	"daybook/engine/model"
	"daybook/runner"
	"daybook/sweeps"
)

// Options say how to hold a base.
type Options struct {
	Device       string // as package device names it
	Threads      int    // of the processor; 0 means all
	Memory       int64  // bytes that the process may take of a GPU; 0 means all that is free
	Quantization checkpoint.Quantization
	// Requantized also takes adapters that were trained on the base quantized in
	// another way.
	Requantized bool
	// Context is how many tokens a conversation may have with its answer; 0, or more
	// than the base has positions, means those.
	Context  int
	Adapters int                     // to keep on the device, at least one
	Parallel int                     // answers to generate side by side, at least one
	Loading  func(done, total int64) // hears of the parameters read; may be nil
}

// Host is a base on a device. Prompt and Check may be called from anywhere; the other
// methods by one goroutine at a time.
type Host struct {
	base    *runner.Base
	o       Options
	backend engine.Backend
	source  engine.Source

	model *model.Model // nil until it is needed, and after a failure
	room  room         // what model was made for
	held  []held       // adapters of model, the one used last at the end
}

// room is what a model is made for. It grows with what is asked for.
type room struct {
	tokens int
	lora   engine.LoRA // rank is a maximum, targets a superset; none if Rank is 0
}

// firstTokens is what a model has room for at first: many prompts are no longer, and
// buffers for all that a base can read may be larger than the base.
const firstTokens = 1024

// Held returns how a base is to be held: as b says or, where b.Quantization is "", as
// its files have it, else in NF4 with double quantization.
func Held(base *runner.Base, b sweeps.Base) checkpoint.Quantization {
	switch packed := base.Quantized(); {
	case b.Quantization != "":
		return checkpoint.Quantization{Kind: b.Quantization, DoubleQuant: b.DoubleQuant}
	case packed != nil:
		return *packed
	}
	return checkpoint.Quantization{Kind: "nf4", DoubleQuant: true}
}

// Load puts a base on a device.
func Load(ctx context.Context, base *runner.Base, o Options) (*Host, error) {
	o.Adapters, o.Parallel = max(o.Adapters, 1), max(o.Parallel, 1)
	if most := base.Shape().MaxPositions; o.Context <= 0 || o.Context > most {
		o.Context = most
	}
	all, err := device.Resolve(o.Device)
	if err != nil {
		return nil, err
	}
	backend, err := all[0].Open(base.Shape(), device.Options{Threads: o.Threads, Memory: o.Memory})
	if err != nil {
		return nil, fmt.Errorf("device %s: %w", all[0], err)
	}
	h := &Host{base: base, o: o, backend: backend}
	if err := h.load(ctx); err != nil {
		return nil, errors.Join(err, backend.Close())
	}
	return h, nil
}

// load reads the base, unless the device has no memory for it and a model of first size.
func (h *Host) load(ctx context.Context) error {
	if err := h.fit(h.options(room{tokens: min(firstTokens, h.o.Context)})); err != nil {
		return err
	}
	weights, err := h.base.Load(ctx, h.o.Quantization, h.o.Loading)
	if err == nil {
		h.source, err = model.NewResident(h.backend, weights)
	}
	if err != nil {
		return fmt.Errorf("base: %w", err)
	}
	return nil
}

// fit refuses what the device has no memory for.
func (h *Host) fit(o model.Options) error {
	d, err := runner.BaseDemand(h.backend, h.base, h.o.Quantization, false)
	if err != nil {
		return err
	}
	d.Options, d.Options.Slots, d.Options.Positions = o, h.o.Parallel, o.MaxTokens
	var taken int64
	if h.source != nil {
		taken = h.source.Bytes()
	}
	_, err = d.Fit(h.backend, taken)
	if short := (*model.MemoryError)(nil); errors.As(err, &short) {
		return runner.WithHint(err, "a shorter prompt takes less; so does the processor: --device cpu")
	}
	return err
}

// options are those of a model with room r.
func (h *Host) options(r room) model.Options {
	o := model.Options{MaxTokens: r.tokens, MaxDocuments: h.o.Parallel}
	if r.lora.Rank > 0 {
		o.LoRA = &r.lora
	}
	return o
}

// Base returns what is loaded.
func (h *Host) Base() *runner.Base { return h.base }

// Context returns how many tokens a conversation may have with its answer.
func (h *Host) Context() int { return h.o.Context }

// Parallel returns how many answers are generated side by side at most.
func (h *Host) Parallel() int { return h.o.Parallel }

// ready makes sure that the model has room for prompts of so many tokens, and for l.
func (h *Host) ready(tokens int, l engine.LoRA) error {
	need := room{tokens: max(h.room.tokens, min(firstTokens, h.o.Context)), lora: h.room.lora}
	for need.tokens < tokens {
		need.tokens = min(2*need.tokens, h.o.Context)
	}
	need.lora = widest(need.lora, l)
	if h.model != nil && need.tokens == h.room.tokens && covers(h.room.lora, need.lora) {
		return nil
	}
	if err := h.unload(); err != nil {
		return err
	}
	mo := h.options(need)
	if err := h.fit(mo); err != nil {
		return err
	}
	m, err := model.New(h.backend, h.source, mo)
	if err != nil {
		return err
	}
	h.model, h.room = m, need
	return nil
}

// unload gives back the model and its adapters; the base stays.
func (h *Host) unload() error {
	m := h.model
	h.model, h.held, h.room.tokens = nil, nil, 0
	if m == nil {
		return nil
	}
	return m.Close()
}

// Close gives the device back.
func (h *Host) Close() error { return errors.Join(h.unload(), h.backend.Close()) }
