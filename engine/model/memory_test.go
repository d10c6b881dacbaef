package model

import (
	"errors"
	"strings"
	"testing"

	"daybook/engine"
	"daybook/engine/model/modeltest"
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
			if got, want := m.Device()+m.Host-m.Optimizer-m.Scratch, be.Size(Plan(be, s.shape, s.o)); got != want {
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

func TestFit(t *testing.T) {
	s := training()
	be := open(t, s.shape, 2)
	const rest = 1000
	need := func(c engine.Checkpointing, hostInputs, paged bool) int64 {
		o := s.o
		o.Checkpointing, o.HostInputs = c, hostInputs
		return Estimate(limited{Backend: be}, s.shape, o, engine.OptimizerConfig{Paged: paged}).Device() + rest
	}
	none, selective, full := need(engine.CheckpointNone, false, false), need(engine.CheckpointSelective, false, false), need(engine.CheckpointFull, false, false)
	for _, c := range []struct {
		asked engine.Checkpointing
		left  int64
		want  engine.Checkpointing
		fits  string // of the error
	}{
		{engine.CheckpointAuto, -1, engine.CheckpointNone, ""},
		{engine.CheckpointAuto, none, engine.CheckpointNone, ""},
		{engine.CheckpointAuto, none - 1, engine.CheckpointSelective, ""},
		{engine.CheckpointAuto, selective - 1, engine.CheckpointFull, ""},
		{engine.CheckpointAuto, full, engine.CheckpointFull, ""},
		{engine.CheckpointAuto, need(engine.CheckpointFull, true, true), "", "gradient_checkpointing: 'full', offload: ['inputs'], a paged optimizer"},
		{engine.CheckpointNone, none, engine.CheckpointNone, ""},
		{engine.CheckpointNone, none - 1, "", "gradient_checkpointing: 'selective'"},
		{engine.CheckpointSelective, none, engine.CheckpointSelective, ""},
		{engine.CheckpointSelective, full, "", "gradient_checkpointing: 'full'"},
		{engine.CheckpointFull, full, engine.CheckpointFull, ""},
		{"", -1, "", ""},
	} {
		o := s.o
		o.Checkpointing = c.asked
		got, err := Fit(limited{Backend: be, left: c.left}, s.shape, o, engine.OptimizerConfig{}, rest)
		var short *MemoryError
		switch {
		case c.fits == "" && (err != nil || got != c.want):
			t.Errorf("%q with %d bytes left: %q, %v, want %q", c.asked, c.left, got, err, c.want)
		case c.fits != "" && (!errors.As(err, &short) || short.Fits != c.fits || !strings.Contains(short.Hint(), c.fits)):
			t.Errorf("%q with %d bytes left: %q, %v, want a hint of %q", c.asked, c.left, got, err, c.fits)
		}
	}
	var short *MemoryError
	_, err := Fit(limited{Backend: be, left: 1}, s.shape, s.o, engine.OptimizerConfig{}, rest)
	if !errors.As(err, &short) || short.Need != none || short.Left != 1 || short.Fits != "" || short.Hint() == "" {
		t.Errorf("with too little left: %v", err)
	}
	broken := errors.New("broken")
	if _, err := Fit(limited{Backend: be, err: broken}, s.shape, s.o, engine.OptimizerConfig{}, 0); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
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
