package model

import (
	"testing"

	"daybook/engine"
	"daybook/engine/model/modeltest"
)

func TestEstimateIsThePlan(t *testing.T) {
	s := training()
	s.o.Slots, s.o.Positions = 3, 20
	be := open(t, s.shape, 2)
	cfg := engine.OptimizerConfig{EightBit: true}
	for _, s.o.Checkpointing = range kinds {
		for _, s.o.HostInputs = range []bool{false, true} {
			m := Estimate(be, s.shape, s.o, cfg)
			if got, want := m.Device()+m.Host-m.Optimizer-m.Scratch-m.Cache, be.Size(Plan(be, s.shape, s.o)); got != want {
				t.Errorf("%s: parts add up to %d bytes, the plan to %d", s.o.Checkpointing, got, want)
			}
			// Keys and values of every layer, 4 bytes each.
			if want := int64(4 * 2 * s.shape.Layers * s.shape.KVDim() * 3 * 20); m.Cache != want {
				t.Errorf("a cache takes %d bytes, want %d", m.Cache, want)
			}
			if (m.Host > 0) != s.o.HostInputs {
				t.Errorf("%d bytes in host memory, host inputs %t", m.Host, s.o.HostInputs)
			}
			// Every pair is below the 4,096 elements of 8-bit state: 8 bytes a value.
			if want := int64(8 * s.o.LoRA.Parameters(s.shape)); m.Optimizer != want {
				t.Errorf("optimizer takes %d bytes, want %d", m.Optimizer, want)
			}
			cfg := cfg
			cfg.Paged = true
			if p := Estimate(be, s.shape, s.o, cfg); p.Optimizer != 0 || p.Host != m.Host+m.Optimizer {
				t.Errorf("paged state: %+v", p)
			}
		}
	}
}

func TestBaseBytes(t *testing.T) {
	s := training()
	be := open(t, s.shape, 2)
	for _, quantized := range []bool{false, true} {
		w := modeltest.Weights(s.shape, 1, quantized)
		source, err := NewResident(be, w)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := BaseBytes(be, w), source.Bytes(); got != want {
			t.Errorf("quantized %t: planned to take %d bytes, takes %d", quantized, got, want)
		}
	}
}
