package model

import (
	"errors"
	"testing"

	"daybook/engine"
)

// limited is a backend with so many bytes left.
type limited struct {
	engine.Backend
	left int64
	err  error
}

func (l limited) Available() (int64, error) { return l.left, l.err }

func TestEstimateIsThePlan(t *testing.T) {
	s := training()
	be := open(t, s.shape, 2)
	cfg := engine.OptimizerConfig{EightBit: true}
	for _, s.o.Checkpointing = range kinds {
		for _, s.o.HostInputs = range []bool{false, true} {
			m := Estimate(be, s.shape, s.o, cfg)
			if got, want := m.Device()+m.Host-m.Optimizer-m.Scratch, be.Size(Plan(s.shape, s.o)); got != want {
				t.Errorf("%s: parts add up to %d bytes, the plan to %d", s.o.Checkpointing, got, want)
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

func TestChoose(t *testing.T) {
	s := training()
	be, cfg := open(t, s.shape, 2), engine.OptimizerConfig{}
	const rest = 1000
	need := map[engine.Checkpointing]int64{}
	for _, c := range kinds[1:] {
		o := s.o
		o.Checkpointing = c
		need[c] = Estimate(be, s.shape, o, cfg).Device() + rest
	}
	for _, c := range []struct {
		left int64
		want engine.Checkpointing
	}{
		{-1, engine.CheckpointNone},
		{need[engine.CheckpointNone], engine.CheckpointNone},
		{need[engine.CheckpointNone] - 1, engine.CheckpointSelective},
		{need[engine.CheckpointSelective] - 1, engine.CheckpointFull},
		{need[engine.CheckpointFull], engine.CheckpointFull},
	} {
		got, err := Choose(limited{Backend: be, left: c.left}, s.shape, s.o, cfg, rest)
		if err != nil || got != c.want {
			t.Errorf("with %d bytes left: %q, %v, want %q", c.left, got, err, c.want)
		}
	}
	var short *MemoryError
	_, err := Choose(limited{Backend: be, left: need[engine.CheckpointFull] - 1}, s.shape, s.o, cfg, rest)
	if !errors.As(err, &short) || short.Need != need[engine.CheckpointFull] || short.Hint() == "" {
		t.Errorf("with too little left: %v", err)
	}
	broken := errors.New("broken")
	if _, err := Choose(limited{Backend: be, err: broken}, s.shape, s.o, cfg, 0); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
