package model

import (
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
	Cache       int64 `json:"cache"`   // keys and values of what is decoded
	Host        int64 `json:"host"`    // page-locked, not on the device
}

// Device returns what counts against the device.
func (m Memory) Device() int64 {
	return m.Base + m.Residual + m.Activations + m.Gradients + m.Adapter + m.Optimizer + m.Scratch + m.Cache
}

// Estimate returns what a model of these options takes of be beside the base,
// which is the caller's to know: with an optimizer if o.Train, else with the
// largest adapter that it may be given. Of a training it covers what is evaluated
// in between: all of it is there from the start.
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
	if n := 2 * s.Layers * s.KVDim() * o.Slots * o.Positions; n > 0 {
		parts[&m.Cache] = []engine.BufferSpec{{Name: "cache", Kind: engine.Activation, Len: n}}
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
