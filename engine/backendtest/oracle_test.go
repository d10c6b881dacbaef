package backendtest_test

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"daybook/engine"
	"daybook/engine/backendtest/reference"
	"daybook/engine/nf4"
	"daybook/engine/optim"
)

// oracle is the reference itself behind the interface, rounding what it stores
// to float32, or activations and weights to bfloat16: a backend that is right by
// construction, to try the suite on. Its fault, if set, spoils one operation, to
// see that the suite notices.
type oracle struct {
	s     engine.Shape
	half  bool // bfloat16
	fault string
}

type buffer struct {
	x    []float32
	half bool
}

// bfloat16 rounds x to nearest, ties to even.
func bfloat16(x float32) float32 {
	if x != x {
		return x
	}
	b := math.Float32bits(x)
	return math.Float32frombits((b + 0x7fff + b>>16&1) &^ 0xffff)
}

func (b *buffer) Len() int { return len(b.x) }

func data(b engine.Buffer) []float32 {
	own, ok := b.(*buffer)
	if !ok {
		panic("buffer of another backend")
	}
	return own.x
}

func wide(b engine.Buffer, n int) []float64 { return reference.Widen(data(b)[:n]) }

func set(b engine.Buffer, x []float64) {
	dst := data(b)
	for i, v := range x {
		dst[i] = float32(v)
	}
	round(b)
}

// round gives every element the precision of its buffer.
func round(b engine.Buffer) {
	if own, ok := b.(*buffer); ok && own.half {
		for i, v := range own.x {
			own.x[i] = bfloat16(v)
		}
	}
}

type weight struct {
	m engine.Matrix
	w []float64
}

func (w *weight) Dims() (rows, cols int) { return w.m.Rows, w.m.Cols }

func (w *weight) Bytes() int64 {
	if w.m.NF4 != nil {
		return w.m.NF4.Bytes()
	}
	return int64(4 * len(w.w))
}

func dense(w engine.Weight) []float64 {
	own, ok := w.(*weight)
	if !ok {
		panic("weight of another backend")
	}
	return own.w
}

type deviceBatch struct {
	engine.Batch
	maxTokens, maxDocuments int
}

func (d *deviceBatch) Load(b *engine.Batch) error {
	if len(b.Tokens) > d.maxTokens || b.Documents() > d.maxDocuments {
		return errors.New("batch exceeds the capacity")
	}
	d.Batch = engine.Batch{
		Tokens: slices.Clone(b.Tokens), Positions: slices.Clone(b.Positions), Starts: slices.Clone(b.Starts),
		Targets: slices.Clone(b.Targets), Keys: slices.Clone(b.Keys), Slots: slices.Clone(b.Slots),
	}
	return nil
}

func (d *deviceBatch) Tokens() int { return len(d.Batch.Tokens) }

func loaded(in engine.DeviceBatch) *engine.Batch {
	own, ok := in.(*deviceBatch)
	if !ok {
		panic("batch of another backend")
	}
	return &own.Batch
}

type cache struct {
	k, v map[[3]int][]float32 // by layer, slot, position
}

func (c *cache) Bytes() int64 { return int64(1 + len(c.k)) }

func (o *oracle) Numerics() engine.Numerics {
	n := engine.Numerics{Backend: "oracle", Compute: "float32", Version: 1}
	if o.half {
		n.Compute = "bfloat16"
	}
	return n
}
func (o *oracle) Describe() map[string]string { return map[string]string{"oracle": "float64"} }
func (o *oracle) Sync() error                 { return nil }
func (o *oracle) Close() error                { return nil }

func (o *oracle) NewWeight(m engine.Matrix) (engine.Weight, error) {
	w := reference.Dense(m)
	if o.half {
		for i, v := range w {
			w[i] = float64(bfloat16(float32(v)))
		}
	}
	return &weight{m, w}, nil
}

func (o *oracle) Allocate(specs []engine.BufferSpec) ([]engine.Buffer, error) {
	var out []engine.Buffer
	for _, s := range specs {
		out = append(out, &buffer{make([]float32, s.Len), o.half && s.Kind == engine.Activation})
	}
	return out, nil
}

func (o *oracle) Size(specs []engine.BufferSpec) (n int64) {
	for _, s := range specs {
		n += 4 * int64(s.Len)
	}
	return n
}

func (o *oracle) Upload(dst engine.Buffer, src []float32) error {
	if len(src) > dst.Len() {
		return errors.New("too long")
	}
	copy(data(dst), src)
	round(dst)
	return nil
}

func (o *oracle) Download(dst []float32, src engine.Buffer) error {
	if len(dst) > src.Len() {
		return errors.New("too long")
	}
	copy(dst, data(src))
	return nil
}

func (o *oracle) Copy(dst, src engine.Buffer) error {
	if dst.Len() != src.Len() {
		return errors.New("another length")
	}
	copy(data(dst), data(src))
	return nil
}

func (o *oracle) Scratch(engine.Work) int64 { return 0 }
func (o *oracle) WeightBytes(m engine.Matrix) int64 {
	n := m.Rows * m.Cols
	if m.NF4 == nil {
		return int64(4 * n)
	}
	codes, scales, scales2, absmax := nf4.Layout(n, m.NF4.Absmax == nil)
	return int64(codes + scales + 4*scales2 + 4*absmax + 4)
}
func (o *oracle) Reserve(engine.Work) error { return nil }
func (o *oracle) Join() error               { return nil }
func (o *oracle) Available() (int64, error) { return -1, nil }

func (o *oracle) NewBatch(maxTokens, maxDocuments int) (engine.DeviceBatch, error) {
	return &deviceBatch{maxTokens: maxTokens, maxDocuments: maxDocuments}, nil
}

func (o *oracle) NewCache(int, int) (engine.Cache, error) {
	return &cache{map[[3]int][]float32{}, map[[3]int][]float32{}}, nil
}

// layer converts a block, with zero gradients.
func (o *oracle) layer(b *engine.Block) *reference.Layer {
	l := &reference.Layer{
		Shape: o.s, Index: b.Layer.Index, Dropout: b.Dropout,
		AttentionNorm: wide(b.Layer.AttentionNorm, o.s.Hidden), MLPNorm: wide(b.Layer.MLPNorm, o.s.Hidden),
	}
	for p := range engine.NumProjections {
		rows, cols := p.Dims(o.s)
		l.Proj[p] = reference.Linear{Rows: rows, Cols: cols, W: dense(b.Layer.Proj[p])}
		if p.HasBias(o.s) {
			l.Proj[p].Bias = wide(b.Layer.Bias[p], rows)
		}
		if a := b.Adapters[p]; a != nil {
			l.Proj[p].LoRA = reference.NewLoRA(a.Rank, float64(a.Scale), data(a.A), data(a.B))
		}
	}
	if o.s.HeadNorm {
		l.QNorm, l.KNorm = wide(b.Layer.QNorm, o.s.HeadDim), wide(b.Layer.KNorm, o.s.HeadDim)
	}
	if o.fault == "dropout layer" {
		l.Index++
	}
	return l
}

// addGradients adds what l's backward left to b's gradients.
func (o *oracle) addGradients(b *engine.Block, l *reference.Layer) {
	for p, a := range b.Adapters {
		if a == nil {
			continue
		}
		if o.fault == "overwrite gradients" {
			clear(data(a.GradA))
		}
		for i, v := range l.Proj[p].LoRA.GradA {
			data(a.GradA)[i] += float32(v)
		}
		for i, v := range l.Proj[p].LoRA.GradB {
			data(a.GradB)[i] += float32(v)
		}
	}
}

func (o *oracle) Embed(in engine.DeviceBatch, table engine.Weight, x engine.Buffer) error {
	set(x, reference.Embed(o.s, loaded(in), dense(table)))
	return nil
}

func (o *oracle) QKV(in engine.DeviceBatch, b *engine.Block, x engine.Buffer, act *engine.Activations) error {
	ref := &reference.Activations{X: wide(x, in.Tokens()*o.s.Hidden)}
	o.layer(b).QKV(loaded(in), ref)
	set(act.Norm1, ref.Norm1)
	if act.Q == nil {
		return nil
	}
	if o.s.HeadNorm {
		set(act.RawQ, ref.RawQ)
		set(act.RawK, ref.RawK)
	}
	set(act.Q, ref.Q)
	set(act.K, ref.K)
	set(act.V, ref.V)
	return nil
}

func (o *oracle) attentionInputs(in engine.DeviceBatch, act *engine.Activations) *reference.Activations {
	n := in.Tokens()
	return &reference.Activations{
		Q: wide(act.Q, n*o.s.QDim()), K: wide(act.K, n*o.s.KVDim()), V: wide(act.V, n*o.s.KVDim()),
	}
}

func (o *oracle) Attention(in engine.DeviceBatch, act *engine.Activations) error {
	ref, b := o.attentionInputs(in, act), loaded(in)
	if o.fault == "documents run together" {
		b = &engine.Batch{Tokens: b.Tokens, Positions: b.Positions, Starts: []int32{0, int32(len(b.Tokens))}}
	}
	reference.Attention(o.s, b, ref)
	set(act.O, ref.O)
	set(act.LSE, ref.LSE)
	return nil
}

func (o *oracle) Output(in engine.DeviceBatch, b *engine.Block, x engine.Buffer, act *engine.Activations) error {
	n := in.Tokens()
	ref := &reference.Activations{X: wide(x, n*o.s.Hidden), O: wide(act.O, n*o.s.QDim())}
	o.layer(b).Output(loaded(in), ref)
	set(act.Mid, ref.Mid)
	return nil
}

func (o *oracle) MLP(in engine.DeviceBatch, b *engine.Block, act *engine.Activations, y engine.Buffer) error {
	ref := &reference.Activations{Mid: wide(act.Mid, in.Tokens()*o.s.Hidden)}
	o.layer(b).MLP(loaded(in), ref)
	set(act.Norm2, ref.Norm2)
	set(act.Gate, ref.Gate)
	set(act.Up, ref.Up)
	set(act.Down, ref.Down)
	if y == nil {
		return nil
	}
	set(y, ref.Y)
	if o.fault == "last element unwritten" {
		data(y)[in.Tokens()*o.s.Hidden-1] = float32(math.NaN())
	}
	return nil
}

func (o *oracle) MLPBackward(in engine.DeviceBatch, b *engine.Block, act *engine.Activations, _ *engine.Gradients, d engine.Buffer) error {
	n, l := in.Tokens(), o.layer(b)
	ref := &reference.Activations{Mid: wide(act.Mid, n*o.s.Hidden)}
	l.MLP(loaded(in), ref)
	set(d, l.MLPBackward(loaded(in), ref, wide(d, n*o.s.Hidden)))
	o.addGradients(b, l)
	return nil
}

func (o *oracle) OutputBackward(in engine.DeviceBatch, b *engine.Block, act *engine.Activations, g *engine.Gradients, d engine.Buffer) error {
	n, l := in.Tokens(), o.layer(b)
	ref := &reference.Activations{X: make([]float64, n*o.s.Hidden), O: wide(act.O, n*o.s.QDim())}
	l.Output(loaded(in), ref)
	set(g.O, l.OutputBackward(loaded(in), ref, wide(d, n*o.s.Hidden)))
	o.addGradients(b, l)
	return nil
}

func (o *oracle) AttentionBackward(in engine.DeviceBatch, act *engine.Activations, g *engine.Gradients) error {
	inputs := o.attentionInputs(in, act)
	inputs.O = wide(act.O, in.Tokens()*o.s.QDim())
	dq, dk, dv := reference.AttentionBackward(o.s, loaded(in), inputs, wide(g.O, in.Tokens()*o.s.QDim()))
	set(g.Q, dq)
	set(g.K, dk)
	set(g.V, dv)
	return nil
}

func (o *oracle) QKVBackward(in engine.DeviceBatch, b *engine.Block, x engine.Buffer, _ *engine.Activations, g *engine.Gradients, d engine.Buffer) error {
	n, l := in.Tokens(), o.layer(b)
	ref := &reference.Activations{X: wide(x, n*o.s.Hidden)}
	l.QKV(loaded(in), ref)
	dq, dk, dv := wide(g.Q, n*o.s.QDim()), wide(g.K, n*o.s.KVDim()), wide(g.V, n*o.s.KVDim())
	if o.fault == "rope not undone" {
		reference.Rotate(o.s, loaded(in), dq, o.s.Heads, 1)
	}
	dx := l.QKVBackward(loaded(in), ref, dq, dk, dv)
	for i, v := range wide(d, n*o.s.Hidden) {
		dx[i] += v
	}
	set(d, dx)
	o.addGradients(b, l)
	return nil
}

func (o *oracle) head(h *engine.Head) *reference.Head {
	return &reference.Head{Shape: o.s, Norm: wide(h.Norm, o.s.Hidden), Weight: dense(h.Weight)}
}

func (o *oracle) Loss(in engine.DeviceBatch, h *engine.Head, x engine.Buffer, scale float32, nll, hit, d engine.Buffer) error {
	b := loaded(in)
	n, margin, dx := o.head(h).Loss(b, wide(x, len(b.Tokens)*o.s.Hidden), float64(scale))
	set(nll, n)
	hits := make([]float64, len(n))
	for i, target := range b.Targets {
		if target != engine.Ignore && margin[i] > 0 {
			hits[i] = 1
		}
	}
	set(hit, hits)
	if d != nil {
		set(d, dx)
	}
	return nil
}

// positions visits every token with its slot and position.
func positions(b *engine.Batch, f func(t, slot, position int)) {
	for doc := range b.Documents() {
		for t := b.Starts[doc]; t < b.Starts[doc+1]; t++ {
			f(int(t), int(b.Slots[doc]), int(b.Positions[t]))
		}
	}
}

func (o *oracle) Store(in engine.DeviceBatch, c engine.Cache, layer int, act *engine.Activations) error {
	own, ok := c.(*cache)
	if !ok {
		return errors.New("cache of another backend")
	}
	w := o.s.KVDim()
	positions(loaded(in), func(t, slot, position int) {
		own.k[[3]int{layer, slot, position}] = slices.Clone(data(act.K)[t*w : (t+1)*w])
		own.v[[3]int{layer, slot, position}] = slices.Clone(data(act.V)[t*w : (t+1)*w])
	})
	return nil
}

func (o *oracle) CachedAttention(in engine.DeviceBatch, c engine.Cache, layer int, act *engine.Activations) error {
	own, ok := c.(*cache)
	if !ok {
		return errors.New("cache of another backend")
	}
	var err error
	positions(loaded(in), func(t, slot, position int) {
		// One document that ends in this token; only the last query counts.
		one := &engine.Batch{Tokens: make([]int32, position+1), Starts: []int32{0, int32(position + 1)}}
		ref := &reference.Activations{Q: make([]float64, (position+1)*o.s.QDim())}
		copy(ref.Q[position*o.s.QDim():], wide(act.Q, (t+1)*o.s.QDim())[t*o.s.QDim():])
		for u := range position + 1 {
			k, ok := own.k[[3]int{layer, slot, u}]
			if !ok {
				err = fmt.Errorf("slot %d has no position %d", slot, u)
				return
			}
			ref.K = append(ref.K, reference.Widen(k)...)
			ref.V = append(ref.V, reference.Widen(own.v[[3]int{layer, slot, u}])...)
		}
		reference.Attention(o.s, one, ref)
		for i, v := range ref.O[position*o.s.QDim():] {
			data(act.O)[t*o.s.QDim()+i] = float32(v)
		}
		for h := range o.s.Heads {
			data(act.LSE)[h*in.Tokens()+t] = float32(ref.LSE[h*(position+1)+position])
		}
	})
	round(act.O)
	return err
}

func (o *oracle) Logits(in engine.DeviceBatch, h *engine.Head, x engine.Buffer, last bool) ([]float32, error) {
	b := &buffer{x: make([]float32, in.Tokens()*o.s.Vocab)}
	set(b, o.head(h).Logits(wide(x, in.Tokens()*o.s.Hidden)))
	if !last {
		return b.x, nil
	}
	var ofLast []float32
	for _, end := range loaded(in).Starts[1:] {
		ofLast = append(ofLast, b.x[int(end-1)*o.s.Vocab:int(end)*o.s.Vocab]...)
	}
	return ofLast, nil
}

func (o *oracle) Greedy(in engine.DeviceBatch, h *engine.Head, x engine.Buffer) ([]int32, error) {
	logits, _ := o.Logits(in, h, x, false)
	b := loaded(in)
	var next []int32
	for doc := range b.Documents() {
		l := logits[(int(b.Starts[doc+1])-1)*o.s.Vocab:][:o.s.Vocab]
		best := 0
		for v := range l {
			if l[v] > l[best] || o.fault == "ties go up" && l[v] == l[best] {
				best = v
			}
		}
		next = append(next, int32(best))
	}
	return next, nil
}

func (o *oracle) NewOptimizer(cfg engine.OptimizerConfig, params []engine.Param) (engine.Optimizer, error) {
	var names []string
	var values, grads [][]float32
	for _, p := range params {
		names, values, grads = append(names, p.Name), append(values, data(p.Value)), append(grads, data(p.Grad))
	}
	if o.fault == "optimizer epsilon" {
		cfg.Epsilon = 1e-4
	}
	return optim.NewAdamW(cfg, names, values, grads), nil
}
