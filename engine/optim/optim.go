// Package optim is AdamW over slices in host memory, with 32-bit or block-wise
// 8-bit state, and the learning-rate schedules. The CPU backend trains with it
// and every other backend is held to it.
//
// One step, t counting from 1, in float32 with every product rounded on its
// own (no fused multiply-add, so all platforms agree to the bit), constants
// computed in float64 and rounded once:
//
//	norm = sqrt(sum g*g)                     float64, see Step
//	g    = g * min(1, maxNorm/(norm+1e-6))   only if that is below 1
//	m    = beta1*m + (1-beta1)*g
//	v    = beta2*v + ((1-beta2)*g)*g
//	c    = sqrt(1-beta2^t)
//	p    = p + (-lr*c/(1-beta1^t)) * (m / (sqrt(v) + eps*c))
//	p    = p * (1 - lr*decay)                decoupled decay
//
// This is Loshchilov & Hutter 2019, Alg. 2, with the bias corrections moved to
// the step as Kingma & Ba 2015, section 2, suggests. Decay comes first for
// tensors with 32-bit state, as in PyTorch, and last for those with 8-bit
// state, as in bitsandbytes' kernels.
//
// A tensor of at least MinEightBit elements keeps, if asked to, m and v in 8
// bits, in blocks of 256 with one float32 scale each (Dettmers et al. 2022):
// m in nf4.DynamicSigned, v in nf4.DynamicUnsigned. A negative m whose nearest
// code is zero takes the code below, so that its sign survives.
//
// It knows no devices and no model: parameters are named slices.
package optim

import (
	"fmt"
	"math"

	"daybook/engine"
)

// MinEightBit is the size from which a tensor's state is kept in 8 bits:
// smaller ones gain no memory worth the noise. As in bitsandbytes.
const MinEightBit = 4096 // elements

// maxGradient bounds the clipped gradient norm: above it (1-beta2)*g*g could
// overflow float32 and the state become infinite, so such a gradient counts as
// not finite.
const maxGradient = 1e19

// AdamW is the state of the optimizer for a fixed set of tensors. It implements
// engine.Optimizer; Step is done when it returns. It is not safe for concurrent use.
type AdamW struct {
	// StepEightBit, if not nil, is a backend's own (*EightBit).Step, with its bits.
	StepEightBit func(q *EightBit, value, grad []float32, f *Factors)

	cfg    engine.OptimizerConfig
	params []parameter
	norm   float64
	err    error // of the first bad gradient; sticky
}

// parameter is one tensor with its state: m and v, or q.
type parameter struct {
	name        string
	value, grad []float32
	m, v        []float32
	q           *EightBit
}

var _ engine.Optimizer = (*AdamW)(nil)

// NewAdamW returns the optimizer for the named tensors, with zero state. It
// keeps values and grads and changes their elements in Step. Paged makes no
// difference in host memory. It panics if the three don't correspond.
func NewAdamW(cfg engine.OptimizerConfig, names []string, values, grads [][]float32) *AdamW {
	if len(names) != len(values) || len(names) != len(grads) {
		panic(fmt.Sprintf("optim: %d names, %d values, %d gradients", len(names), len(values), len(grads)))
	}
	o := &AdamW{cfg: cfg, params: make([]parameter, len(names))}
	for i, name := range names {
		n := len(values[i])
		if len(grads[i]) != n {
			panic(fmt.Sprintf("optim: %s has %d values and %d gradients", name, n, len(grads[i])))
		}
		p := parameter{name: name, value: values[i], grad: grads[i]}
		if cfg.EightBit && n >= MinEightBit {
			p.q = newEightBit(n)
		} else {
			p.m, p.v = make([]float32, n), make([]float32, n)
		}
		o.params[i] = p
	}
	return o
}

// Step does one step of AdamW and zeroes the gradients. The norm is summed in
// float64, each tensor from its first element to its last, then over tensors
// in the order given to NewAdamW; squares of float32 are exact in float64. A
// gradient that is not finite, or is so large that its square would overflow
// the state, changes nothing and is reported by this and every later Result;
// Step itself returns an error only for impossible arguments.
func (o *AdamW) Step(lr, maxNorm float64, t int) error {
	if t < 1 || math.IsNaN(lr) || math.IsInf(lr, 0) || maxNorm < 0 || math.IsNaN(maxNorm) {
		return fmt.Errorf("optimizer step %d: impossible learning rate %g or maximal norm %g", t, lr, maxNorm)
	}
	defer o.zeroGradients()
	if o.err != nil {
		return nil
	}
	var total, largest float64
	worst := ""
	for i := range o.params {
		p := &o.params[i]
		s := sumSquares(p.grad)
		if math.IsNaN(s) || math.IsInf(s, 0) {
			o.norm = math.Sqrt(s)
			o.err = fmt.Errorf("gradient of %s at step %d: %w", p.name, t, engine.ErrNonFinite)
			return nil
		}
		if s > largest {
			largest, worst = s, p.name
		}
		total += s
	}
	o.norm = math.Sqrt(total)
	clip := 1.0
	if maxNorm > 0 {
		clip = min(1, maxNorm/(o.norm+1e-6))
	}
	if o.norm*clip > maxGradient {
		o.err = fmt.Errorf("gradient of %s at step %d: norm %g overflows the state: %w", worst, t, o.norm, engine.ErrNonFinite)
		return nil
	}
	f := NewFactors(o.cfg, lr, t)
	f.Clip = float32(clip)
	stepEightBit := (*EightBit).Step
	if o.StepEightBit != nil {
		stepEightBit = o.StepEightBit
	}
	for i := range o.params {
		p := &o.params[i]
		if p.q != nil {
			stepEightBit(p.q, p.value, p.grad, &f)
		} else {
			f.decayAll(p.value)
			f.step(p.value, p.grad, p.m, p.v)
		}
	}
	return nil
}

// Result returns the gradient norm of the last Step before clipping, and the
// error of the first bad gradient.
func (o *AdamW) Result() (float64, error) { return o.norm, o.err }

// Quantized returns how many parameters have 8-bit state, and how many there are.
func (o *AdamW) Quantized() (eightBit, total int) {
	for _, p := range o.params {
		if p.q != nil {
			eightBit += len(p.value)
		}
		total += len(p.value)
	}
	return eightBit, total
}

func (o *AdamW) zeroGradients() {
	for i := range o.params {
		clear(o.params[i].grad)
	}
}

func sumSquares(g []float32) float64 {
	var s float64
	for _, x := range g {
		s += float64(x) * float64(x) // exact, so fusing it changes nothing
	}
	return s
}

// Factors are the constants of one step, computed in float64 and rounded once.
type Factors struct {
	Beta1, Rest1  float32 // beta1, 1-beta1
	Beta2, Rest2  float32
	Rate, Epsilon float32 // -lr*sqrt(1-beta2^t)/(1-beta1^t), eps*sqrt(1-beta2^t)
	Decay         float32 // 1-lr*weight decay
	Clip          float32 // of the gradients, at most 1
}

// NewFactors returns the factors of step t, counting from 1, without clipping.
func NewFactors(cfg engine.OptimizerConfig, lr float64, t int) Factors {
	correction1 := 1 - power(cfg.Beta1, t)
	correction2 := math.Sqrt(1 - power(cfg.Beta2, t))
	return Factors{
		Beta1: float32(cfg.Beta1), Rest1: float32(1 - cfg.Beta1),
		Beta2: float32(cfg.Beta2), Rest2: float32(1 - cfg.Beta2),
		Rate:    float32(-lr * correction2 / correction1),
		Epsilon: float32(cfg.Epsilon * correction2),
		Decay:   float32(1 - float64(lr*cfg.WeightDecay)),
		Clip:    1,
	}
}

// power returns x^n by repeated squaring, in the same order on every platform;
// math.Pow promises no last bit.
func power(x float64, n int) float64 {
	r := 1.0
	for ; n > 0; n /= 2 {
		if n%2 == 1 {
			r = float64(r * x)
		}
		x = float64(x * x)
	}
	return r
}

// moments returns the new m and v.
func (f *Factors) moments(g, m, v float32) (m1, v1 float32) {
	if f.Clip != 1 {
		g = float32(g * f.Clip)
	}
	m1 = float32(f.Beta1*m) + float32(f.Rest1*g)
	v1 = float32(f.Beta2*v) + float32(float32(f.Rest2*g)*g)
	return m1, v1
}

// update returns what to add to a parameter.
func (f *Factors) update(m, v float32) float32 {
	return float32(f.Rate * (m / (float32(math.Sqrt(float64(v))) + f.Epsilon)))
}

func (f *Factors) decayAll(value []float32) {
	if f.Decay == 1 {
		return
	}
	for i, x := range value {
		value[i] = float32(x * f.Decay)
	}
}

func (f *Factors) step(value, grad, m, v []float32) {
	grad, m, v = grad[:len(value)], m[:len(value)], v[:len(value)]
	for i := range value {
		m[i], v[i] = f.moments(grad[i], m[i], v[i])
		value[i] += f.update(m[i], v[i])
	}
}
