package model

import (
	"fmt"
	"slices"
	"strings"

	"daybook/engine"
	"daybook/engine/optim"
)

// Memory is what a run takes of a device, in bytes, known before anything is
// allocated.
type Memory struct {
	Base        int64 `json:"base"`        // frozen weights, as packed
	Residual    int64 `json:"residual"`    // inputs of the layers, between which they run
	Activations int64 `json:"activations"` // what is kept of layers, and of the one at work
	Gradients   int64 `json:"gradients"`   // of activations, which all layers share
	Adapter     int64 `json:"adapter"`     // values and gradients
	Optimizer   int64 `json:"optimizer"`
	Scratch     int64 `json:"scratch"` // of the backend's operations
	Host        int64 `json:"host"`    // page-locked, not on the device
}

// Device returns what counts against the device.
func (m Memory) Device() int64 {
	return m.Base + m.Residual + m.Activations + m.Gradients + m.Adapter + m.Optimizer + m.Scratch
}

// Estimate returns what a model of these options takes of be beside the base,
// which is the caller's to know: with an optimizer if o.Train, else with the
// largest adapter that it may be given.
func Estimate(be engine.Planner, s engine.Shape, o Options, cfg engine.OptimizerConfig) Memory {
	parts := map[*int64][]engine.BufferSpec{}
	m := Memory{Scratch: be.Scratch(o.work())}
	for _, spec := range Plan(be, s, o) {
		part := &m.Activations
		switch first, _, _ := strings.Cut(spec.Name, "."); {
		case spec.Host:
			part = &m.Host
		case first == "residual":
			part = &m.Residual
		case first == "adapter", first == "gradient" && spec.Kind == engine.Float:
			part = &m.Adapter
		case first == "gradient":
			part = &m.Gradients
		}
		parts[part] = append(parts[part], spec)
	}
	if !o.Train && o.LoRA != nil {
		p := &plan{}
		p.adapter(s, *o.LoRA, false)
		parts[&m.Adapter] = p.specs
	}
	for part, specs := range parts {
		*part = be.Size(specs)
	}
	if o.Train {
		var sizes []int
		for _, p := range o.LoRA.Targets {
			rows, cols := p.Dims(s)
			for range s.Layers {
				sizes = append(sizes, o.LoRA.Rank*cols, rows*o.LoRA.Rank)
			}
		}
		state := optim.StateBytes(cfg, sizes...)
		if cfg.Paged {
			m.Host += state
		} else {
			m.Optimizer = state
		}
	}
	return m
}

// CacheBytes returns what the keys and values of so many sequences take of be.
func CacheBytes(be engine.Planner, s engine.Shape, sequences, positions int) int64 {
	return be.Size([]engine.BufferSpec{{Name: "cache", Kind: engine.Activation, Len: 2 * s.Layers * s.KVDim() * sequences * positions}})
}

// Fit returns how to checkpoint so that a model of these options, its optimizer
// and rest more bytes fit into what be has left: as o asks or, where that is auto,
// the fastest kind that fits. Where nobody knows what is left, that is the fastest
// of all. What doesn't fit is a *MemoryError.
func Fit(be engine.Backend, s engine.Shape, o Options, cfg engine.OptimizerConfig, rest int64) (engine.Checkpointing, error) {
	left, err := be.Available()
	if err != nil {
		return "", fmt.Errorf("memory: %w", err)
	}
	c, ok := Nearest(left, be, s, o, cfg, rest)
	if ok && c.Asked(o, cfg) {
		return c.Checkpointing, nil
	}
	short := &MemoryError{Need: needs(be, s, o, cfg, rest, asked(o, cfg)), Left: left}
	if ok {
		short.Fits = c.String()
	}
	return "", short
}

// Nearest returns the first that fits into so many bytes, -1 if nobody knows how
// many there are, of what o and cfg ask for and what takes less of a device, the
// faster first. It reports false if nothing does.
func Nearest(left int64, be engine.Planner, s engine.Shape, o Options, cfg engine.OptimizerConfig, rest int64) (Setting, bool) {
	for _, c := range asked(o, cfg).smaller() {
		if left < 0 || needs(be, s, o, cfg, rest, c) <= left {
			return c, true
		}
	}
	return Setting{}, false
}

// needs returns what a model takes of a device with setting c, and rest.
func needs(be engine.Planner, s engine.Shape, o Options, cfg engine.OptimizerConfig, rest int64, c Setting) int64 {
	o.Checkpointing, o.HostInputs, cfg.Paged = c.Checkpointing, c.HostInputs, c.Paged
	return Estimate(be, s, o, cfg).Device() + rest
}

// Setting is what decides how much memory a run takes, apart from its batches. It
// changes no bit of a result.
type Setting struct {
	Checkpointing engine.Checkpointing `json:"gradient_checkpointing"`
	HostInputs    bool                 `json:"offload_inputs"`
	Paged         bool                 `json:"paged_optimizer"`
}

// asked returns what o and cfg ask for; of auto, the fastest kind.
func asked(o Options, cfg engine.OptimizerConfig) Setting {
	c := Setting{o.Checkpointing, o.HostInputs, cfg.Paged}
	if o.Checkpointing == engine.CheckpointAuto {
		c.Checkpointing = kinds[1]
	}
	return c
}

// Asked reports whether c is what o and cfg ask for, of which auto is any kind.
func (c Setting) Asked(o Options, cfg engine.OptimizerConfig) bool {
	return (c.Checkpointing == o.Checkpointing || o.Checkpointing == engine.CheckpointAuto) && c.HostInputs == o.HostInputs && c.Paged == cfg.Paged
}

// smaller returns c and what takes less of the device, the faster first.
func (c Setting) smaller() []Setting {
	all := []Setting{c}
	from := slices.Index(kinds, c.Checkpointing)
	for _, kind := range kinds[max(from, 1)+1:] {
		c.Checkpointing = kind
		all = append(all, c)
	}
	if !c.HostInputs {
		c.HostInputs = true
		all = append(all, c)
	}
	if !c.Paged {
		c.Paged = true
		all = append(all, c)
	}
	return all
}

// String returns c as a spec has it.
func (c Setting) String() string {
	text := fmt.Sprintf("gradient_checkpointing: '%s'", c.Checkpointing)
	if c.HostInputs {
		text += ", offload: ['inputs']"
	}
	if c.Paged {
		text += ", a paged optimizer"
	}
	return text
}

// MemoryError reports that a device has not enough memory left for a run.
type MemoryError struct {
	Need, Left int64  // bytes
	Fits       string // the nearest setting that fits; "" if there is none
}

func (e *MemoryError) Error() string {
	return fmt.Sprintf("training takes %.2f GiB of the device beside the base, which leaves %.2f GiB", gibi(e.Need), gibi(e.Left))
}

// Hint says what needs less.
func (e *MemoryError) Hint() string {
	if e.Fits != "" {
		return "train with " + e.Fits + ", which fits and changes no byte of the result"
	}
	return "use a smaller batch_size with more grad_accum, a smaller max_seq_len, or offload: ['embedding']: no other setting fits"
}

func gibi(bytes int64) float64 { return float64(bytes) / (1 << 30) }
