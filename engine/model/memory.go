package model

import (
	"fmt"
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
// which is the caller's to know, and with an optimizer if o.Train.
func Estimate(be engine.Backend, s engine.Shape, o Options, cfg engine.OptimizerConfig) Memory {
	parts := map[*int64][]engine.BufferSpec{}
	m := Memory{Scratch: be.Scratch(o.work())}
	for _, spec := range Plan(s, o) {
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

// Choose returns the fastest kind of gradient checkpointing with which a model of
// these options, its optimizer and rest more bytes fit into what be has left.
// Where nobody knows what is left, that is the fastest of all. If nothing fits,
// the error is a *MemoryError with what the smallest takes.
func Choose(be engine.Backend, s engine.Shape, o Options, cfg engine.OptimizerConfig, rest int64) (engine.Checkpointing, error) {
	left, err := be.Available()
	if err != nil {
		return "", fmt.Errorf("checkpointing: %w", err)
	}
	var least int64
	for _, o.Checkpointing = range kinds[1:] {
		least = Estimate(be, s, o, cfg).Device() + rest
		if left < 0 || least <= left {
			return o.Checkpointing, nil
		}
	}
	return "", &MemoryError{Need: least, Left: left}
}

// MemoryError reports that a device has not enough memory left.
type MemoryError struct {
	Need, Left int64 // bytes
}

func (e *MemoryError) Error() string {
	return fmt.Sprintf("training takes %.2f GiB of the device beside the base, which leaves %.2f GiB", gibi(e.Need), gibi(e.Left))
}

// Hint says what needs less.
func (e *MemoryError) Hint() string {
	return "a smaller batch_size or max_seq_len, gradient_checkpointing 'full', offload ['inputs', 'embedding'] or a paged optimizer needs less"
}

func gibi(bytes int64) float64 { return float64(bytes) / (1 << 30) }
