package cuda

import (
	"unsafe"

	"daybook/engine"
)

// dummies is operands with shapes but without memory, for a rehearsal.
type dummies struct {
	b     *Backend
	batch *batch // as large as it may be
	next  *batch // a token of each document, from a cache; nil where nothing is decoded
	cache *cache
	block *engine.Block // in training
	still *engine.Block // the same when evaluating, without dropout
	head  *engine.Head
	table *weight
	x, d  engine.Buffer
	nll   engine.Buffer
	act   *engine.Activations
	grad  *engine.Gradients
}

// dummies returns the operands of w.
func (b *Backend) dummies(w engine.Work) (*dummies, error) {
	p := &dummies{b: b, block: &engine.Block{Layer: &engine.Layer{}}, act: &engine.Activations{}, grad: &engine.Gradients{}}
	p.batch = b.dummyBatch(w)
	if w.Slots > 0 {
		p.next = b.dummyNext(w)
		p.cache = &cache{backend: b, arena: &arena{ptr: nowhere}, slots: w.Slots, positions: max(w.Positions, 1)}
	}
	if err := b.dummyBuffers(p, w); err != nil {
		return nil, err
	}
	s, lies := b.shape, &arena{ptr: nowhere}
	for i := range p.block.Layer.Proj {
		rows, cols := engine.Projection(i).Dims(s)
		p.block.Layer.Proj[i] = &weight{memory: lies, rows: rows, cols: cols, packed: &packed{codes: nowhere, scales: nowhere, scales2: nowhere}}
	}
	p.table = &weight{memory: lies, rows: s.Vocab, cols: s.Hidden, dense: matrix{nowhere, s.Vocab, s.Hidden, int(roundUp(int64(s.Hidden), 8))}}
	p.head = &engine.Head{Norm: p.block.Layer.MLPNorm, Weight: p.table}
	still := *p.block
	p.still = &still
	if w.Dropout {
		p.block.Dropout.P = 0.5
	}
	return p, nil
}

// dummyBatch returns the largest batch of documents that are read whole.
func (b *Backend) dummyBatch(w engine.Work) *batch {
	e := &engine.Batch{}
	for left := w.Tokens; left > 0; {
		n := min(left, b.shape.MaxPositions)
		e.Add(make([]int32, n), make([]int32, n), 0)
		left -= n
	}
	return b.dummyLoaded(w, e)
}

// dummyNext returns a batch of a token of each document that goes on in a cache, at
// its last position.
func (b *Backend) dummyNext(w engine.Work) *batch {
	e := &engine.Batch{}
	for i := range w.Slots {
		e.Add(make([]int32, 1), nil, 0)
		e.Positions[i] = int32(max(w.Positions-1, 0))
		e.Slots = append(e.Slots, int32(i))
	}
	return b.dummyLoaded(w, e)
}

// dummyLoaded returns a batch as large as those of w that e is loaded in.
func (b *Backend) dummyLoaded(w engine.Work, e *engine.Batch) *batch {
	d := &batch{backend: b, maxTokens: max(w.Tokens, len(e.Tokens)), maxDocs: max(w.Documents, e.Documents()), tileRows: b.attention().rows}
	d.arena = &arena{ptr: nowhere}
	d.place()
	memory := make([]uint64, d.bytes()/8+1)
	d.fill(d.stage(unsafe.Pointer(&memory[0])), e)
	return d
}

// dummy is a buffer to make: rows of width elements of Activation, or one row of
// Float if rows is 0.
type dummy struct {
	dst    *engine.Buffer
	name   string
	rows   int
	width  int
	beside string
}

// dummyBuffers makes the activations, gradients and adapters of p.
func (b *Backend) dummyBuffers(p *dummies, w engine.Work) error {
	s, t := b.shape, max(w.Tokens, w.Slots)
	var low [engine.NumInputs]int
	for i, r := range w.Ranks {
		low[engine.Projection(i).Input()] += r
	}
	a, g := p.act, p.grad
	rawQ, rawK, besideV, headDim := 0, 0, "k", 0
	if s.HeadNorm {
		rawQ, rawK, besideV, headDim = s.QDim(), s.KVDim(), "raw k", s.HeadDim
	}
	all := []dummy{
		{&a.RawQ, "raw q", t, rawQ, ""},
		{&a.RawK, "raw k", t, rawK, "raw q"},
		{&p.block.Layer.QNorm, "norm", 0, headDim, ""},
		{&p.block.Layer.KNorm, "norm", 0, headDim, ""},
		{&p.x, "x", t, s.Hidden, ""},
		{&p.d, "d", t, s.Hidden, ""},
		{&a.Norm1, "norm1", t, s.Hidden, ""},
		{&a.Low[engine.AttentionInput], "low1", t, low[engine.AttentionInput], "norm1"},
		{&a.Q, "q", t, s.QDim(), ""},
		{&a.K, "k", t, s.KVDim(), "q"},
		{&a.V, "v", t, s.KVDim(), besideV},
		{&a.O, "o", t, s.QDim(), ""},
		{&a.Low[engine.OutputInput], "low o", t, low[engine.OutputInput], "o"},
		{&a.Mid, "mid", t, s.Hidden, ""},
		{&a.Norm2, "norm2", t, s.Hidden, ""},
		{&a.Low[engine.MLPInput], "low2", t, low[engine.MLPInput], "norm2"},
		{&a.Gate, "gate", t, s.Intermediate, ""},
		{&a.Up, "up", t, s.Intermediate, "gate"},
		{&a.Down, "down", t, s.Intermediate, ""},
		{&a.Low[engine.DownInput], "low down", t, low[engine.DownInput], "down"},
		{&g.Q, "dq", t, s.QDim(), ""},
		{&g.K, "dk", t, s.KVDim(), "dq"},
		{&g.V, "dv", t, s.KVDim(), "dk"},
		{&g.O, "do", t, s.QDim(), ""},
		{&g.OLow, "dlow o", t, low[engine.OutputInput], "do"},
		{&g.Gate, "dgate", t, s.Intermediate, ""},
		{&g.Up, "dup", t, s.Intermediate, "dgate"},
		{&g.Down, "ddown", t, s.Intermediate, ""},
		{&g.DownLow, "dlow down", t, low[engine.DownInput], "ddown"},
		{&g.Norm, "dnorm", t, s.Hidden, ""},
		{&g.NormLow, "dlow norm", t, max(low[engine.AttentionInput], low[engine.MLPInput]), "dnorm"},
		{&p.nll, "nll", 0, t, ""},
		{&a.LSE, "lse", 0, t * s.Heads, ""},
		{&p.block.Layer.AttentionNorm, "norm", 0, s.Hidden, ""},
		{&p.block.Layer.MLPNorm, "norm", 0, s.Hidden, ""},
	}
	for i := range engine.NumProjections {
		if rows, _ := i.Dims(s); i.HasBias(s) {
			all = append(all, dummy{&p.block.Layer.Bias[i], "bias", 0, rows, ""})
		}
	}
	for i, r := range w.Ranks {
		if r == 0 {
			continue
		}
		rows, cols := engine.Projection(i).Dims(s)
		own := &engine.Adapter{Rank: r, Scale: 1}
		p.block.Adapters[i] = own
		all = append(all,
			dummy{&own.A, "A", 0, r * cols, ""}, dummy{&own.B, "B", 0, rows * r, ""},
			dummy{&own.GradA, "A", 0, r * cols, ""}, dummy{&own.GradB, "B", 0, rows * r, ""})
	}
	return b.placeNowhere(all)
}

// placeNowhere sets every dst of all to a buffer as Allocate would lay it out.
func (b *Backend) placeNowhere(all []dummy) error {
	var specs []engine.BufferSpec
	var dst []*engine.Buffer
	for _, c := range all {
		if c.width == 0 {
			continue
		}
		spec := engine.BufferSpec{Name: c.name, Kind: engine.Float, Len: c.width}
		if c.rows > 0 {
			spec.Kind, spec.Width, spec.Len, spec.Beside = engine.Activation, c.width, c.rows*c.width, c.beside
		}
		specs, dst = append(specs, spec), append(dst, c.dst)
	}
	l, err := b.layout(specs)
	if err != nil {
		return err
	}
	lies := &arena{ptr: nowhere}
	for i := range l.buffers {
		l.buffers[i].arena, l.buffers[i].ptr = lies, l.buffers[i].ptr+nowhere
		*dst[i] = &l.buffers[i]
	}
	return nil
}
