package sweeps

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// ParseSpec decodes one spec strictly, fills in defaults, and checks every
// value. Errors are *SpecError with paths such as "train.lora.rank".
func ParseSpec(data []byte) (Spec, error) {
	in, err := parseJSON(data)
	if err != nil {
		return Spec{}, &SpecError{Message: "not JSON: " + err.Error(), Err: err}
	}
	s, errs := decodeSpec("", in)
	if len(errs) > 0 {
		return Spec{}, errs[0]
	}
	return s, nil
}

// decodeSpec returns the spec at a path of the evaluated data, or all that is wrong with it.
func decodeSpec(path string, in any) (Spec, []*SpecError) {
	d := newDecoder(path)
	s := DefaultSpec()
	d.into(path, in, &s)
	c := checker{d: d, s: &s}
	c.base()
	c.data()
	c.train()
	c.lora()
	c.eval()
	s.normalize(c)
	return s, d.errs
}

// checker refuses impossible values. Paths in its methods are those within a spec.
type checker struct {
	d *decoder
	s *Spec
}

// fail reports an error unless the place already has one.
func (c checker) fail(path, hint, format string, args ...any) {
	path = c.at(path)
	if !c.d.failed(path) {
		c.d.fail(path, hint, format, args...)
	}
}

func (c checker) at(path string) string {
	if c.d.root == "" {
		return path
	}
	return c.d.root + "." + path
}

// given reports whether the data has the path, as opposed to a default.
func (c checker) given(path string) bool { return c.d.seen[c.at(path)] }

func (c checker) choice(path, got string, valid ...string) {
	if !slices.Contains(valid, got) {
		c.fail(path, oneOf(got, valid), "unknown value %q", got)
	}
}

func (c checker) atLeast(path string, got, least int) {
	if got < least {
		c.fail(path, "", "must be at least %d, got %d", least, got)
	}
}

// maxEpochs is far beyond what fine-tuning takes. The order of a run is laid out
// whole before its first step, so a slip of the keyboard would fill the memory.
const maxEpochs = 10_000

func (c checker) atMost(path string, got, most int) {
	if got > most {
		c.fail(path, "", "must be at most %d, got %d", most, got)
	}
}

// interval bounds a number; infinities do not lie in it.
type interval struct {
	low, high         float64
	openLow, openHigh bool
}

var (
	positive    = interval{low: 0, openLow: true, high: math.Inf(1), openHigh: true}
	nonNegative = interval{low: 0, high: math.Inf(1), openHigh: true}
	share       = interval{low: 0, high: 1}                // [0, 1]
	someShare   = interval{low: 0, openLow: true, high: 1} // (0, 1]
	properShare = interval{low: 0, high: 1, openHigh: true}
)

func (i interval) contains(f float64) bool {
	return (f > i.low || !i.openLow && f == i.low) && (f < i.high || !i.openHigh && f == i.high)
}

// String says what a number must do to lie in the interval.
func (i interval) String() string {
	switch {
	case math.IsInf(i.high, 1) && i.openLow:
		return "be greater than " + number(i.low)
	case math.IsInf(i.high, 1):
		return "be at least " + number(i.low)
	}
	left, right := "[", "]"
	if i.openLow {
		left = "("
	}
	if i.openHigh {
		right = ")"
	}
	return "lie in " + left + number(i.low) + ", " + number(i.high) + right
}

func (c checker) number(path string, got float64, valid interval) {
	if math.IsNaN(got) || math.IsInf(got, 0) {
		c.fail(path, "", "is not a finite number")
	} else if !valid.contains(got) {
		c.fail(path, "", "must %v, got %s", valid, number(got))
	}
}

func (c checker) base() {
	b := c.s.Base
	if b.Model == "" {
		c.fail("base.model", "name the model's folder, relative to the sweep file, or a model of the Hub as hf:org/name", "is missing")
	}
	c.choice("base.quantization", b.Quantization, "nf4", "none")
	if b.Quantization == "none" && b.DoubleQuant && c.given("base.double_quant") {
		c.fail("base.double_quant", "leave it out, or set base.quantization to 'nf4'", "there is nothing to quantize twice: base.quantization is 'none'")
	}
}

func (c checker) train() {
	t := c.s.Train
	c.atLeast("train.epochs", t.Epochs, 1)
	c.atMost("train.epochs", t.Epochs, maxEpochs)
	c.atLeast("train.batch_size", t.BatchSize, 1)
	c.atLeast("train.grad_accum", t.GradAccum, 1)
	c.number("train.learning_rate", t.LearningRate, positive)
	c.choice("train.schedule", t.Schedule, "linear", "cosine", "constant")
	c.number("train.warmup_ratio", t.WarmupRatio, share)
	c.number("train.weight_decay", t.WeightDecay, nonNegative)
	c.number("train.max_grad_norm", t.MaxGradNorm, nonNegative)
	c.choice("train.optimizer", t.Optimizer, "adamw", "adamw_8bit", "paged_adamw_8bit")
	c.number("train.adam_beta1", t.AdamBeta1, properShare)
	c.number("train.adam_beta2", t.AdamBeta2, properShare)
	c.number("train.adam_epsilon", t.AdamEpsilon, positive)
	c.atLeast("train.max_seq_len", t.MaxSeqLen, 2) // one token to read, one to predict
	c.choice("train.overlong", t.Overlong, "truncate", "error")
	c.choice("train.loss_on", t.LossOn, "assistant", "all")
	c.choice("train.gradient_checkpointing", t.Checkpointing, "none", "selective", "full", "auto")
	for i, what := range t.Offload {
		c.choice(fmt.Sprintf("train.offload[%d]", i), what, "inputs", "embedding")
	}
	c.atLeast("train.early_stopping.patience", t.EarlyStopping.Patience, 0)
	c.number("train.early_stopping.min_delta", t.EarlyStopping.MinDelta, nonNegative)
	if t.EarlyStopping.Patience > 0 && c.s.Data.Validation.Empty() {
		c.fail("train.early_stopping.patience", "set data.validation.count", "early stopping needs validation records")
	}
}

func (c checker) lora() {
	l := c.s.Train.LoRA
	c.atLeast("train.lora.rank", l.Rank, 1)
	c.number("train.lora.alpha", l.Alpha, positive)
	c.number("train.lora.dropout", l.Dropout, properShare)
	if len(l.Targets) == 0 {
		c.fail("train.lora.targets", "d.all_linear names all of them", "must name at least one layer")
	}
	if c.given("train.lora.init") {
		c.adapterRef("train.lora.init", l.Init)
	}
	for i, t := range l.Targets {
		path := fmt.Sprintf("train.lora.targets[%d]", i)
		if !slices.Contains(projections, t) {
			c.fail(path, oneOf(t, projections), "%q matches no layer", t)
		} else if slices.Contains(l.Targets[:i], t) {
			c.fail(path, "", "%q is listed twice", t)
		}
	}
}

func (c checker) data() {
	c.sources()
	c.splitKind()
	c.split("data.validation", c.s.Data.Validation)
	c.split("data.test", c.s.Data.Test)
	c.subset("data.subset", c.s.Data.Subset)
}

func (c checker) split(path string, s Split) {
	c.atLeast(path+".count", s.Count, 0)
	c.number(path+".fraction", s.Fraction, properShare)
	if s.Count > 0 && s.Fraction > 0 {
		c.fail(path, "", "count and fraction exclude each other")
	}
	c.where(path+".where", s.Where)
}

func (c checker) where(path string, where map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(where)) {
		at := join(path, key)
		if key == "" {
			c.fail(at, "", "a field needs a name")
		}
		list, ok := where[key].([]any)
		if !ok {
			list = []any{where[key]}
		}
		if len(list) == 0 {
			c.fail(at, "", "accepts no value at all")
		}
		for _, v := range list {
			switch v.(type) {
			case string, float64, bool, nil:
			default:
				c.fail(at, "", "must be a string, number, boolean or a list of them, not %s", describe(v))
			}
		}
	}
}

// subsetFields lists, for each operation, the fields it takes.
var subsetFields = map[string][]string{
	"all":      {},
	"take":     {"count", "where", "seed"},
	"fraction": {"fraction", "where", "seed"},
	"where":    {"where"},
	"union":    {"of"},
	"except":   {"of"},
	"ids":      {"ids"},
}

func (c checker) subset(path string, s Subset) {
	if c.given(path) && !c.given(path+".op") {
		c.fail(path+".op", "d.all, d.take, d.fraction, d.where, d.union, d.except and d.ids make subsets", "is missing")
		return
	}
	takes, ok := subsetFields[s.Op]
	if !ok {
		c.choice(path+".op", s.Op, "all", "take", "fraction", "where", "union", "except", "ids")
		return
	}
	for _, field := range []string{"count", "fraction", "seed", "where", "of", "ids"} {
		if c.given(path+"."+field) && !slices.Contains(takes, field) {
			c.fail(path+"."+field, "", "means nothing for op %q", s.Op)
		}
	}
	c.where(path+".where", s.Where)
	switch s.Op {
	case "take":
		c.atLeast(path+".count", s.Count, 1)
	case "fraction":
		c.number(path+".fraction", s.Fraction, someShare)
	case "where":
		if len(s.Where) == 0 {
			c.fail(path+".where", "d.all takes every record", "names no field")
		}
	case "union", "except":
		least := 1
		if s.Op == "except" {
			least = 2
		}
		if len(s.Of) < least {
			c.fail(path+".of", "", "%s needs at least %s, got %d", s.Op, plural(least, "subset"), len(s.Of))
		}
		for i, part := range s.Of {
			c.subset(fmt.Sprintf("%s.of[%d]", path, i), part)
		}
	case "ids":
		c.names(path+".ids", s.IDs)
		if len(s.IDs) == 0 {
			c.fail(path+".ids", "", "lists no record")
		}
	}
}

// names refuses empty and repeated strings.
func (c checker) names(path string, list []string) {
	first := make(map[string]int, len(list))
	for i, name := range list {
		at := fmt.Sprintf("%s[%d]", path, i)
		if strings.TrimSpace(name) == "" {
			c.fail(at, "", "is empty")
		} else if j, ok := first[name]; ok {
			c.fail(at, "", "%q is already at %d", name, j)
		} else {
			first[name] = i
		}
	}
}
