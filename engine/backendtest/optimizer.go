package backendtest

import (
	"errors"
	"math"
	"slices"
	"strings"

	"daybook/engine"
	"daybook/engine/optim"
)

// tensorSizes straddle the size from which state is kept in 8 bits, and are
// no multiples of its block of 256.
var tensorSizes = []int{300, optim.MinEightBit - 1, optim.MinEightBit, 5000}

// rate is the learning rate of all steps here; an Adam step moves a parameter about as far.
const rate = 1e-3

var tensorNames = []string{"small", "below", "at", "above"}

var optimizerConfigs = []struct {
	name string
	cfg  engine.OptimizerConfig
}{
	{"32-bit", engine.OptimizerConfig{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}},
	{"decay", engine.OptimizerConfig{Beta1: 0.8, Beta2: 0.99, Epsilon: 1e-6, WeightDecay: 0.1}},
	{"8-bit", engine.OptimizerConfig{EightBit: true, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}},
	{"paged 8-bit", engine.OptimizerConfig{EightBit: true, Paged: true, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}},
	{"8-bit, decay", engine.OptimizerConfig{EightBit: true, Beta1: 0.9, Beta2: 0.95, Epsilon: 1e-8, WeightDecay: 0.01}},
}

// trainable is a set of tensors under an optimizer of the backend.
type trainable struct {
	params []engine.Param
	opt    engine.Optimizer
}

func (g *rig) trainable(cfg engine.OptimizerConfig, values [][]float32) *trainable {
	g.t.Helper()
	tr := &trainable{}
	for i, v := range values {
		value, _ := g.put(engine.Float, v)
		tr.params = append(tr.params, engine.Param{Name: tensorNames[i], Value: value, Grad: g.allocate(engine.Float, len(v))})
	}
	opt, err := g.be.NewOptimizer(cfg, tr.params)
	g.must("new optimizer", err)
	tr.opt = opt
	return tr
}

func (tr *trainable) step(g *rig, grads [][]float32, maxNorm float64, n int) {
	g.t.Helper()
	for i, p := range tr.params {
		g.upload(p.Grad, grads[i])
	}
	g.must("optimizer step", tr.opt.Step(rate, maxNorm, n))
}

func (tr *trainable) values(g *rig) (all []float32) {
	g.t.Helper()
	for _, p := range tr.params {
		all = append(all, g.download(p.Value)...)
	}
	return all
}

func (tr *trainable) checkZeroGradients(g *rig) {
	g.t.Helper()
	for _, p := range tr.params {
		for _, v := range g.download(p.Grad) {
			if v != 0 {
				g.t.Fatalf("gradient of %s is not zero after a step", p.Name)
			}
		}
	}
}

func (g *rig) tensors(scale float64) [][]float32 {
	var out [][]float32
	for _, n := range tensorSizes {
		x := g.normal(n, scale)
		x[g.r.IntN(n)] = 0
		out = append(out, x)
	}
	return out
}

func (g *rig) state(o engine.Optimizer) []engine.StateTensor {
	g.t.Helper()
	s, err := o.State()
	g.must("state", err)
	return s
}

// checkOptimizer compares single steps with those of package optim from the
// same state, so that a rounding difference of one step is not carried on.
func checkOptimizer(g *rig) {
	for _, c := range optimizerConfigs {
		name, cfg := c.name, c.cfg
		g.run(name, func(g *rig) {
			values := g.tensors(0.5)
			grads := make([][]float32, len(values))
			for i, v := range values {
				grads[i] = make([]float32, len(v))
			}
			tr := g.trainable(cfg, values)
			host := optim.NewAdamW(cfg, tensorNames, values, grads)
			eight, total := tr.opt.Quantized()
			if e, n := host.Quantized(); e != eight || n != total {
				g.t.Errorf("%d of %d parameters have 8-bit state, want %d of %d", eight, total, e, n)
			}
			for step := 1; step <= 4; step++ {
				g.must("restore", host.Restore(g.state(tr.opt)))
				maxNorm := []float64{0, 1, 1e9, 0.1}[step-1]
				fresh := g.tensors(0.01 * float64(step))
				for i, p := range tr.params {
					copy(values[i], g.download(p.Value))
					copy(grads[i], fresh[i])
				}
				before := slices.Concat(values...)
				tr.step(g, fresh, maxNorm, step)
				g.must("host step", host.Step(rate, maxNorm, step))

				g.compare("change of the parameters", difference(tr.values(g), before),
					difference(slices.Concat(values...), before), g.tol.optimizer+changeRounding(before))
				norm, err := tr.opt.Result()
				g.must("result", err)
				if want, _ := host.Result(); math.Abs(norm-want) > 1e-6*want {
					g.t.Errorf("gradient norm %g, want %g", norm, want)
				}
				tr.checkZeroGradients(g)
				g.compareState(g.state(tr.opt), g.state(host))
			}
		})
	}
}

// changeRounding is the part of a change of size rate that rounding the
// parameters to float32 may take, relative to the change.
func changeRounding(values []float32) float64 {
	sum := 0.0
	for _, v := range values {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum/float64(len(values))) * math.Exp2(-24) / rate
}

func difference(x, y []float32) []float64 {
	d := make([]float64, len(x))
	for i := range x {
		d[i] = float64(x[i]) - float64(y[i])
	}
	return d
}

// compareState compares by name; an 8-bit code may be off by one where a value
// lies between two codes to within rounding.
func (g *rig) compareState(got, want []engine.StateTensor) {
	g.t.Helper()
	byName := map[string]engine.StateTensor{}
	for _, s := range got {
		byName[s.Name] = s
	}
	if len(byName) != len(want) {
		g.t.Errorf("%d tensors of state, want %d", len(byName), len(want))
	}
	for _, w := range want {
		s, ok := byName[w.Name]
		if !ok || len(s.F32) != len(w.F32) || len(s.U8) != len(w.U8) {
			g.t.Errorf("state %s is missing or of another type or size", w.Name)
			continue
		}
		if w.F32 != nil {
			g.compare("state "+w.Name, widen(s.F32), widen(w.F32), g.tol.optimizer)
			continue
		}
		moved := 0
		for i := range w.U8 {
			if d := int(s.U8[i]) - int(w.U8[i]); d != 0 {
				moved++
				if d > 1 || d < -1 {
					g.t.Errorf("state %s: code %d is %d, want %d", w.Name, i, s.U8[i], w.U8[i])
					break
				}
			}
		}
		if moved > len(w.U8)/500 {
			g.t.Errorf("state %s: %d of %d codes differ", w.Name, moved, len(w.U8))
		}
	}
}

// checkOptimizerNonFinite spoils one gradient: nothing may change then, nor in
// any later step, and Result names the tensor.
func checkOptimizerNonFinite(g *rig) {
	for _, c := range optimizerConfigs {
		name, cfg := c.name, c.cfg
		for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			tr := g.trainable(cfg, g.tensors(0.5))
			tr.step(g, g.tensors(0.01), 1, 1)
			if _, err := tr.opt.Result(); err != nil {
				g.t.Fatal(err)
			}
			values, before := tr.values(g), g.state(tr.opt)
			spoilt := g.tensors(0.01)
			spoilt[1][17] = float32(bad)
			spoilt[3][4999] = float32(bad)
			tr.step(g, spoilt, 1, 2)
			_, err := tr.opt.Result()
			if !errors.Is(err, engine.ErrNonFinite) || !strings.Contains(err.Error(), tensorNames[1]) {
				g.t.Fatalf("%s with %g: error %v, want one wrapping ErrNonFinite that names %q", name, bad, err, tensorNames[1])
			}
			tr.checkZeroGradients(g)
			tr.step(g, g.tensors(0.01), 1, 3) // a good one
			if _, err := tr.opt.Result(); !errors.Is(err, engine.ErrNonFinite) {
				g.t.Errorf("%s with %g: forgotten in the next step: %v", name, bad, err)
			}
			tr.checkZeroGradients(g)
			g.same(name+": parameters after a bad gradient", tr.values(g), values)
			g.sameState(g.state(tr.opt), before)
		}
	}
}

// checkOptimizerResume copies state and values to a second optimizer: both go
// on equal to the bit, paged or not.
func checkOptimizerResume(g *rig) {
	for _, c := range optimizerConfigs {
		name, cfg := c.name, c.cfg
		start := g.tensors(0.5)
		var grads [][][]float32
		for range 5 {
			grads = append(grads, g.tensors(0.02))
		}
		whole := g.trainable(cfg, start)
		other := cfg
		other.Paged = !cfg.Paged
		var resumed *trainable
		for i, gr := range grads {
			if i == 3 {
				var values [][]float32
				for _, p := range whole.params {
					values = append(values, g.download(p.Value))
				}
				resumed = g.trainable(other, values)
				g.must("restore", resumed.opt.Restore(g.state(whole.opt)))
				g.sameState(g.state(resumed.opt), g.state(whole.opt))
			}
			whole.step(g, gr, 0.5, i+1)
			if resumed != nil {
				resumed.step(g, gr, 0.5, i+1)
			}
		}
		g.same(name+": parameters of a resumed optimizer", resumed.values(g), whole.values(g))
		g.sameState(g.state(resumed.opt), g.state(whole.opt))

		bad := g.state(whole.opt)
		if resumed.opt.Restore(bad[1:]) == nil {
			g.t.Errorf("%s: restored a state with a tensor missing", name)
		}
	}
}

func (g *rig) sameState(got, want []engine.StateTensor) {
	g.t.Helper()
	if len(got) != len(want) {
		g.t.Fatalf("%d tensors of state, want %d", len(got), len(want))
	}
	for i, w := range want {
		if got[i].Name != w.Name || !slices.Equal(got[i].U8, w.U8) {
			g.t.Errorf("state %s differs from %s", got[i].Name, w.Name)
			continue
		}
		g.same("state "+w.Name, got[i].F32, w.F32)
	}
}
