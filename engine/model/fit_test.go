package model

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"daybook/engine"
	"daybook/engine/cuda"
	"daybook/engine/model/modeltest"
)

// limited is a backend with so many bytes left.
type limited struct {
	engine.Backend
	left int64
	err  error
}

func (l limited) Available() (int64, error) { return l.left, l.err }

// wants is a run of a small model whose base can be cut.
func wants(o Options, cfg engine.OptimizerConfig) Demand {
	return Demand{Shape: training().shape, Options: o, Optimizer: cfg, Base: 3000, Embedding: 1000}
}

// TestNearest holds the setting that is named to its promise: it fits, and none that
// changes less, or as much and is faster, does.
func TestNearest(t *testing.T) {
	be, err := cuda.Plan(modeltest.Shape(), cuda.Options{})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		lora := engine.LoRA{Rank: rapid.SampledFrom([]int{4, 64}).Draw(t, "rank"), Alpha: 1, Targets: modeltest.AllLinear()}
		d := Demand{
			Shape: modeltest.Shape(),
			Options: Options{
				MaxTokens: rapid.IntRange(1, 400).Draw(t, "tokens"), MaxDocuments: 4, Train: rapid.Bool().Draw(t, "train"), LoRA: &lora,
				Checkpointing: rapid.SampledFrom(append(slices.Clone(kinds), engine.CheckpointAuto)).Draw(t, "checkpointing"),
			},
			Base: 100_000,
		}
		if d.Options.Train {
			d.Options.HostInputs = rapid.Bool().Draw(t, "host inputs")
			d.Optimizer.EightBit = rapid.Bool().Draw(t, "8-bit")
			d.Optimizer.Paged = d.Optimizer.EightBit && rapid.Bool().Draw(t, "paged")
		}
		if rapid.Bool().Draw(t, "embedding") {
			d.Embedding = 10_000
		}
		every := everySetting(d)
		smallest, largest := d.Memory(be, every[0]).Device(), int64(0)
		for _, c := range every {
			n := d.Memory(be, c).Device()
			smallest, largest = min(smallest, n), max(largest, n)
		}
		left := rapid.Int64Range(smallest-10, largest+10).Draw(t, "left")
		got, ok := d.Nearest(be, left)
		if ok != (left >= smallest) {
			t.Fatalf("%d bytes left, %d needed at least: %+v, %t", left, smallest, got, ok)
		}
		if !ok {
			return
		}
		if n := d.Memory(be, got).Device(); n > left {
			t.Errorf("%+v takes %d bytes, of %d left", got, n, left)
		}
		for _, c := range every {
			if d.Memory(be, c).Device() > left || distance(d, c) > distance(d, got) {
				continue
			}
			if distance(d, c) < distance(d, got) || slower(got, c) {
				t.Errorf("%+v is nearer than %+v and fits, too", c, got)
			}
		}
	})
}

// everySetting returns all that a run can be done with and get the same bytes.
func everySetting(d Demand) (all []Setting) {
	both := []bool{false, true}
	for _, kind := range kinds {
		for _, inputs := range both {
			for _, paged := range both {
				for _, embedding := range both {
					c := Setting{kind, inputs, paged, embedding}
					switch asked := d.Asked(); {
					case !d.Options.Train && (kind != asked.Checkpointing || inputs || paged):
					case embedding && d.Embedding == 0, paged && !d.Optimizer.EightBit:
					case asked.HostInputs && !inputs, asked.Paged && !paged: // takes more
					case slices.Index(kinds, kind) < slices.Index(kinds, asked.Checkpointing), kind == engine.CheckpointNone && asked.Checkpointing == "":
					default:
						all = append(all, c)
					}
				}
			}
		}
	}
	return all
}

// distance counts what c changes of what d asks for.
func distance(d Demand, c Setting) (n int) {
	if d.Options.Checkpointing != engine.CheckpointAuto && c.Checkpointing != d.Options.Checkpointing {
		n++
	}
	if c.HostInputs != d.Options.HostInputs {
		n++
	}
	if c.Paged != d.Optimizer.Paged {
		n++
	}
	if c.Embedding {
		n++
	}
	return n
}

// slower reports whether a takes more time than b.
func slower(a, b Setting) bool {
	rank := func(c Setting) []int {
		bit := map[bool]int{true: 1}
		return []int{slices.Index(kinds, c.Checkpointing), bit[c.HostInputs], bit[c.Paged], bit[c.Embedding]}
	}
	return slices.Compare(rank(a), rank(b)) > 0
}

func TestFit(t *testing.T) {
	s := training()
	be := open(t, s.shape, 2)
	eightBit := engine.OptimizerConfig{EightBit: true}
	need := func(c Setting) int64 {
		return wants(s.o, eightBit).Memory(limited{Backend: be}, c).Device()
	}
	none := need(Setting{Checkpointing: engine.CheckpointNone})
	full := need(Setting{Checkpointing: engine.CheckpointFull})
	paged := need(Setting{Checkpointing: engine.CheckpointNone, Paged: true})
	hosted := need(Setting{Checkpointing: engine.CheckpointNone, Embedding: true})
	least := need(Setting{Checkpointing: engine.CheckpointFull, HostInputs: true, Paged: true, Embedding: true})
	for name, c := range map[string]struct {
		asked engine.Checkpointing
		plain bool  // optimizer
		left  int64 // without the base
		want  engine.Checkpointing
		hint  string
	}{
		"unknown":              {engine.CheckpointAuto, false, -1, engine.CheckpointNone, ""},
		"auto, enough":         {engine.CheckpointAuto, false, none, engine.CheckpointNone, ""},
		"auto, a byte less":    {engine.CheckpointAuto, false, none - 1, engine.CheckpointSelective, ""},
		"auto, full":           {engine.CheckpointAuto, false, full, engine.CheckpointFull, ""},
		"auto, less than full": {engine.CheckpointAuto, false, full - 1, "", "set train.offload: ['embedding']: that fits"},
		"auto, least":          {engine.CheckpointAuto, false, least, "", "set train.offload: ['inputs', 'embedding'] and train.optimizer: 'paged_adamw_8bit': that fits"},
		"none, enough":         {engine.CheckpointNone, false, none, engine.CheckpointNone, ""},
		"none, a byte less":    {engine.CheckpointNone, false, none - 1, "", "set train.offload: ['embedding']: that fits"},
		"none, paged":          {engine.CheckpointNone, false, min(hosted, paged) - 1, "", "train."},
		"none, plain":          {engine.CheckpointNone, true, none - 2000, "", "train."},
		"full":                 {engine.CheckpointFull, false, full, engine.CheckpointFull, ""},
		"nothing":              {engine.CheckpointFull, false, least - 1, "", "no setting of memory fits: use a smaller train.batch_size"},
		"not the base":         {engine.CheckpointFull, false, 1999, "", "the base alone does not fit"},
	} {
		o, cfg := s.o, eightBit
		o.Checkpointing = c.asked
		if c.plain {
			cfg = engine.OptimizerConfig{}
		}
		d := wants(o, cfg)
		left, taken := c.left, int64(0)
		if left >= 1000 {
			left, taken = left-1000, 1000 // as if a part of the base were there
		}
		got, err := d.Fit(limited{Backend: be, left: left}, taken)
		var short *MemoryError
		switch {
		case c.hint == "" && (err != nil || got != c.want):
			t.Errorf("%s: %q, %v, want %q", name, got, err, c.want)
		case c.hint != "" && (!errors.As(err, &short) || short.Left != c.left || !strings.Contains(short.Hint(), c.hint)):
			t.Errorf("%s: %q, %v, want a hint of %q", name, got, err, c.hint)
		case short != nil:
			t.Logf("%s: %v; %s", name, short, short.Hint())
			if strings.Contains(short.Hint(), "paged") && c.plain {
				t.Errorf("%s: the optimizer can't be paged without another result: %s", name, short.Hint())
			}
		}
	}
	d := wants(Options{MaxTokens: 8, MaxDocuments: 1}, engine.OptimizerConfig{})
	var short *MemoryError
	if _, err := d.Fit(limited{Backend: be, left: d.Memory(limited{Backend: be}, Setting{}).Device() - 1001}, 0); !errors.As(err, &short) || !strings.Contains(short.Hint(), "eval.batch_size") {
		t.Errorf("an evaluation: %v", err)
	}
	d.Packed = 500
	if _, err := d.Fit(limited{Backend: be, left: d.Memory(limited{Backend: be}, Setting{}).Device() - 1001}, 0); !errors.As(err, &short) || !strings.Contains(short.Hint(), "base.quantization: 'nf4'") {
		t.Errorf("an evaluation of a base that could be packed: %v", err)
	}
	broken := errors.New("broken")
	if _, err := d.Fit(limited{Backend: be, err: broken}, 0); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
