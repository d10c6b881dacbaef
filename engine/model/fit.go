package model

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"daybook/engine"
)

// Demand is what a run asks of a device, beside what a Setting decides.
type Demand struct {
	Shape     engine.Shape
	Options   Options
	Optimizer engine.OptimizerConfig // of Options.Train

	Base int64 // bytes of the device that the base takes; see BaseBytes
	// Embedding is how many of them it doesn't take with its embedding in host
	// memory; 0 if that lies there already, as Hosted says, or can't.
	Embedding int64
	Hosted    bool
	// Packed is what the base would take in NF4; 0 if it is, or may not be.
	Packed int64
}

// Memory returns what the run takes with setting c.
func (d Demand) Memory(be engine.Planner, c Setting) Memory {
	o, adamw := d.Options, d.Optimizer
	o.Checkpointing, o.HostInputs, adamw.Paged = c.Checkpointing, c.HostInputs, c.Paged
	m := Estimate(be, d.Shape, o, adamw)
	if m.Base = d.Base; c.Embedding {
		m.Base -= d.Embedding
	}
	return m
}

// Fit returns how to checkpoint so that the run fits into what be has left and the
// bytes of it that the base has taken already: as the run asks or, where that is
// auto, the fastest kind that fits. Where nobody knows what is left, that is the
// fastest of all. What doesn't fit is a *MemoryError.
func (d Demand) Fit(be engine.Backend, taken int64) (engine.Checkpointing, error) {
	left, err := be.Available()
	if err != nil {
		return "", fmt.Errorf("memory: %w", err)
	}
	if left >= 0 {
		left += taken
	}
	c, ok := d.Nearest(be, left)
	if ok && d.changes(c) == 0 {
		return c.Checkpointing, nil
	}
	short := &MemoryError{Demand: d, Need: d.Memory(be, d.Asked()).Device(), Left: left}
	if ok {
		short.Fits = &c
	}
	for i, c := range d.settings() {
		if need := d.Memory(be, c).Device(); i == 0 || need < short.Least {
			short.Least = need
		}
	}
	return "", short
}

// Nearest returns the setting nearest to what the run asks for that fits into so many
// bytes, -1 if nobody knows how many there are: the one of the fewest changes and,
// among those, the fastest. It reports false if none fits.
func (d Demand) Nearest(be engine.Planner, left int64) (Setting, bool) {
	for _, c := range d.settings() {
		if left < 0 || d.Memory(be, c).Device() <= left {
			return c, true
		}
	}
	return Setting{}, false
}

// Asked returns the setting that the run asks for; of auto, the fastest kind.
func (d Demand) Asked() Setting {
	c := Setting{Checkpointing: d.Options.Checkpointing, HostInputs: d.Options.HostInputs, Paged: d.Optimizer.Paged}
	if c.Checkpointing == engine.CheckpointAuto {
		c.Checkpointing = engine.CheckpointNone
	}
	return c
}

// Asks reports whether c is what the run asks for, of which auto is any kind.
func (d Demand) Asks(c Setting) bool { return d.changes(c) == 0 }

// changes counts what c has otherwise than the run asks for.
func (d Demand) changes(c Setting) (n int) {
	asked := d.Asked()
	for _, other := range []bool{
		c.Checkpointing != asked.Checkpointing && d.Options.Checkpointing != engine.CheckpointAuto,
		c.HostInputs != asked.HostInputs, c.Paged != asked.Paged, c.Embedding,
	} {
		if other {
			n++
		}
	}
	return n
}

// settings returns what the run asks for and all that may take less of the device, the
// nearest first.
func (d Demand) settings() (all []Setting) {
	asked := d.Asked()
	from, hosts, paged, embedding := []engine.Checkpointing{asked.Checkpointing}, []bool{asked.HostInputs}, []bool{asked.Paged}, []bool{false}
	if d.Options.Train {
		if i := slices.Index(kinds, asked.Checkpointing); i >= 0 { // New refuses others
			from = kinds[i:]
		}
		hosts = slices.Compact([]bool{asked.HostInputs, true})
		if d.Optimizer.EightBit { // the other can't be paged
			paged = slices.Compact([]bool{asked.Paged, true})
		}
	}
	if d.Embedding > 0 {
		embedding = append(embedding, true)
	}
	for _, kind := range from {
		if kind == engine.CheckpointNone && asked.Checkpointing == "" {
			continue // the same by another name
		}
		for _, h := range hosts {
			for _, p := range paged {
				for _, e := range embedding {
					all = append(all, Setting{kind, h, p, e})
				}
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Setting) int { return cmp.Compare(d.changes(a), d.changes(b)) })
	return all
}

// Setting is what decides how much memory a run takes, apart from its batches. It
// changes no bit of a result. Computing layers again costs most time, then moving their
// inputs, then the optimizer's state, and the embedding next to nothing: that is the
// order of what is fastest.
type Setting struct {
	Checkpointing engine.Checkpointing `json:"gradient_checkpointing"`
	HostInputs    bool                 `json:"offload_inputs"`
	Paged         bool                 `json:"paged_optimizer"`
	Embedding     bool                 `json:"-"` // in host memory, where the run does not ask for that anyway
}

// MemoryError reports that a device has not enough memory left for a run.
type MemoryError struct {
	Demand Demand
	Need   int64    // bytes, as the run asks, with the base
	Least  int64    // bytes, with the setting that takes least
	Left   int64    // bytes
	Fits   *Setting // the nearest that fits; nil if there is none
}

func (e *MemoryError) Error() string {
	return fmt.Sprintf("memory: %s needed on the device, %s of that for the base: %s left", amount(e.Need), amount(e.Demand.Base), amount(e.Left))
}

// Hint says what needs less, in the words of a spec.
func (e *MemoryError) Hint() string {
	d := e.Demand
	larger := e.Larger()
	switch base := d.Base - d.Embedding; {
	case e.Fits != nil:
		return "set " + d.difference(*e.Fits) + ": that fits, and changes no byte of the result"
	case d.Packed > 0 && e.Least-base+d.Packed <= e.Left:
		return fmt.Sprintf("set base.quantization: 'nf4', with which the base takes %s: that fits, and is another run; or use %s", amount(d.Packed), larger)
	case base > e.Left:
		return "the base alone does not fit, wherever its embedding lies: use " + larger
	case d.Options.Train:
		return "no setting of memory fits: use a smaller train.batch_size with more train.grad_accum, a smaller train.max_seq_len, or " + larger
	}
	return "no setting of memory fits: use a smaller eval.batch_size, or " + larger
}

// Larger says which device has room for the run, with all that a setting can do.
func (e *MemoryError) Larger() string {
	return fmt.Sprintf("a GPU, or a --memory, that leaves %s", amount(e.Least))
}

// amount writes bytes.
func amount(bytes int64) string {
	if bytes < 1<<30 {
		return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
	}
	return fmt.Sprintf("%.2f GiB", float64(bytes)/(1<<30))
}

// difference writes what c has otherwise than the run asks for, as a spec has it.
func (d Demand) difference(c Setting) string {
	var parts []string
	if c.Checkpointing != d.Asked().Checkpointing && d.Options.Checkpointing != engine.CheckpointAuto {
		parts = append(parts, fmt.Sprintf("train.gradient_checkpointing: '%s'", c.Checkpointing))
	}
	var offload []string
	if c.HostInputs {
		offload = append(offload, "'inputs'")
	}
	if c.Embedding || d.Hosted {
		offload = append(offload, "'embedding'")
	}
	if c.HostInputs != d.Options.HostInputs || c.Embedding {
		parts = append(parts, "train.offload: ["+strings.Join(offload, ", ")+"]")
	}
	if c.Paged != d.Optimizer.Paged {
		parts = append(parts, "train.optimizer: 'paged_adamw_8bit'")
	}
	return strings.Join(parts, " and ")
}
