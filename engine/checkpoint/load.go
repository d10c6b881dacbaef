package checkpoint

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"daybook/engine"
	"daybook/engine/nf4"
)

// Quantization says how the linear layers of a base are held.
type Quantization struct {
	Kind        string // "nf4" or "none"
	DoubleQuant bool   // 8-bit block scales; with nf4 only
}

// Load reads the weights, file by file and each from its beginning, on all
// processors. With "nf4" projections are quantized as they are read, some
// hundred thousand weights of each processor at a time, so that beside the
// result hardly anything is in memory; with "none" projections stay as embedding
// and head always do: F32 and BF16 as they are, F16 as F32, which holds its
// values exactly. Of a base that is quantized already the projections are read
// as they are, and q has to say so.
//
// progress, if not nil, is called one call at a time with the parameters read
// so far. A value that is not finite is an error that names the tensor. The
// result does not depend on the number of processors, nor on a cache.
func (b *Base) Load(ctx context.Context, q Quantization, progress func(done, total int64)) (*engine.HostWeights, error) {
	if err := b.Holds(q); err != nil {
		return nil, err
	}
	w, err := openWeights(b.dir)
	if err != nil {
		return nil, err
	}
	defer w.close()
	if err := w.check(b.shape, b.packed); err != nil { // the files may have changed since Open
		return nil, err
	}
	l := &loader{w: w, q: q, progress: progress, total: b.Parameters().Total()}
	if q.Kind == "nf4" && b.packed == nil {
		if l.cached = b.cache.open(b, q); l.cached != nil {
			defer l.cached.Close() //nolint:errcheck // nothing was written
		}
	}
	h, err := l.load(ctx, b.shape)
	if err != nil && l.cached != nil && ctx.Err() == nil {
		// Whatever is wrong, the base itself knows better.
		b.cache.drop(b, q)
		l.cached, l.done = nil, 0
		h, err = l.load(ctx, b.shape)
	}
	if err == nil && q.Kind == "nf4" && b.packed == nil && l.cached == nil {
		b.cache.keep(b, q, h)
	}
	return h, err
}

// Holds returns an error unless Load can return the base as q says, a
// *QuantizedError if it is quantized already and otherwise.
func (b *Base) Holds(q Quantization) error {
	if err := b.holds(q); err != nil {
		return fmt.Errorf("checkpoint: %s: %w", b.dir, err)
	}
	return nil
}

func (b *Base) holds(q Quantization) error {
	switch {
	case q.Kind != "nf4" && q.Kind != "none":
		return fmt.Errorf("quantization %q: want nf4 or none", q.Kind)
	case q.Kind == "none" && q.DoubleQuant:
		return fmt.Errorf("quantization %q has no scales to quantize twice", q.Kind)
	case b.packed != nil && q != *b.packed:
		return &QuantizedError{Has: *b.packed}
	case q.Kind == "none":
		return nil
	}
	for p := range engine.NumProjections {
		if rows, cols := p.Dims(b.shape); rows*cols%nf4.BlockSize != 0 {
			return fmt.Errorf("%s: %d x %d weights are not a multiple of the NF4 block of %d", p, rows, cols, nf4.BlockSize)
		}
	}
	return nil
}

// chunk is how many elements of a tensor are decoded at once: a multiple of the
// NF4 block, and in float32 half of a second-level cache.
const chunk = 1 << 18

// loader reads the tensors of a base side by side.
type loader struct {
	w        *weights
	cached   *File // projections as quantized before; nil if they were not
	q        Quantization
	progress func(done, total int64)
	total    int64
	buffers  sync.Pool // of *[chunk]float32

	mu   sync.Mutex
	done int64
}

// task reads one tensor.
type task struct {
	f    *File
	name string
	read func(f *File, name string) error
}

func (l *loader) load(ctx context.Context, s engine.Shape) (*engine.HostWeights, error) {
	h := &engine.HostWeights{Shape: s, Layers: make([]engine.HostLayer, s.Layers)}
	tasks := l.tasks(h, s)
	// In the order of the files, which disks like and which shards are fetched in.
	slices.SortFunc(tasks, func(a, b task) int {
		return cmp.Or(cmp.Compare(a.f.Path, b.f.Path), cmp.Compare(a.f.Tensors[a.name].Start, b.f.Tensors[b.name].Start))
	})
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, t := range tasks {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			defer t.f.done(t.name)
			if err := guard(func() error { return t.read(t.f, t.name) }); err != nil {
				return fmt.Errorf("checkpoint: %s: tensor %q: %w", t.f.Path, t.name, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return h, nil
}

// tasks lists what fills h.
func (l *loader) tasks(h *engine.HostWeights, s engine.Shape) (all []task) {
	add := func(name string, read func(*File, string) error) {
		all = append(all, task{l.w.files[name], name, read})
	}
	vector := func(dst *[]float32, name string) {
		add(name, func(f *File, name string) (err error) { *dst, err = l.vector(f, name); return err })
	}
	matrix := func(dst *engine.Matrix, name string) {
		add(name, func(f *File, name string) (err error) { *dst, err = l.matrix(f, name, false); return err })
	}
	matrix(&h.Embedding, embeddingName)
	vector(&h.Norm, normName)
	if !s.TiedHead {
		matrix(&h.Head, headName)
	} else if l.w.files[headName] != nil {
		add(headName, l.checkTied)
	}
	for i := range h.Layers {
		layer := &h.Layers[i]
		vector(&layer.AttentionNorm, layerTensor(i, layerNorms[0]))
		vector(&layer.MLPNorm, layerTensor(i, layerNorms[1]))
		if s.HeadNorm {
			vector(&layer.QNorm, layerTensor(i, headNorms[0]))
			vector(&layer.KNorm, layerTensor(i, headNorms[1]))
		}
		for p := range engine.NumProjections {
			rows, cols := p.Dims(s)
			if p.HasBias(s) {
				vector(&layer.Bias[p], biasTensor(i, p))
			}
			t := task{l.w.files[projectionTensor(i, p)], projectionTensor(i, p), nil}
			if l.cached != nil {
				t.f = l.cached
			}
			t.read = func(f *File, name string) (err error) {
				layer.Proj[p], err = l.projection(f, name, rows, cols)
				return err
			}
			all = append(all, t)
		}
	}
	return all
}

// projection reads a weight in NF4 as it is, or quantizes another if it is to be.
func (l *loader) projection(f *File, name string, rows, cols int) (engine.Matrix, error) {
	if f.Tensors[name].DType != U8 {
		return l.matrix(f, name, l.q.Kind == "nf4" && l.w.packed == nil)
	}
	part := l.w.view
	if f == l.cached {
		part = f.view
	}
	q, err := readPacked(part, name, rows, cols, l.q.DoubleQuant)
	if err != nil {
		return engine.Matrix{}, err
	}
	if f == l.cached {
		if err := checkSum(f, name, q); err != nil {
			return engine.Matrix{}, err
		}
	}
	l.count(rows * cols)
	return engine.Matrix{Rows: rows, Cols: cols, NF4: q}, nil
}

// chunks calls use with the values of t, part by part.
func (l *loader) chunks(t Tensor, use func(from int, values []float32)) error {
	buffer, ok := l.buffers.Get().(*[chunk]float32)
	if !ok {
		buffer = new([chunk]float32)
	}
	defer l.buffers.Put(buffer)
	for from, n := 0, t.elements(); from < n; from += chunk {
		values := buffer[:min(chunk, n-from)]
		t.decode(values, from)
		if i := nf4.FirstNonFinite(values); i >= 0 {
			return &ValueError{from + i, values[i]}
		}
		use(from, values)
		l.count(len(values))
	}
	return nil
}

func (l *loader) count(n int) {
	if l.progress == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done += int64(n)
	l.progress(l.done, l.total)
}

func (l *loader) vector(f *File, name string) ([]float32, error) {
	t, err := f.view(name)
	if err != nil {
		return nil, err
	}
	out := make([]float32, t.elements())
	return out, l.chunks(t, func(from int, values []float32) { copy(out[from:], values) })
}

func (l *loader) matrix(f *File, name string, quantize bool) (engine.Matrix, error) {
	t, err := f.view(name)
	if err != nil {
		return engine.Matrix{}, err
	}
	n := t.elements()
	m := engine.Matrix{Rows: t.Shape[0], Cols: t.Shape[1]}
	switch {
	case quantize:
		q := &engine.NF4{Codes: make([]byte, n/2), Absmax: make([]float32, n/nf4.BlockSize)}
		err = l.chunks(t, func(from int, values []float32) {
			nf4.QuantizeBlocks(q.Codes[from/2:], q.Absmax[from/nf4.BlockSize:], values)
		})
		if m.NF4 = q; err == nil && l.q.DoubleQuant {
			m.NF4 = nf4.Compress(q)
		}
	case t.DType == BF16:
		m.BF16 = make([]uint16, n)
		err = l.chunks(t, func(from int, values []float32) { t.words(m.BF16[from:][:len(values)], from) })
	default:
		m.F32 = make([]float32, n)
		err = l.chunks(t, func(from int, values []float32) { copy(m.F32[from:], values) })
	}
	return m, err
}

// checkTied compares a head that the file holds although it is tied with the
// embedding it is tied to: transformers would ignore it.
func (l *loader) checkTied(f *File, name string) error {
	head, err := f.view(name)
	if err != nil {
		return err
	}
	embedding, err := l.w.view(embeddingName)
	if err != nil {
		return err
	}
	if head.DType != embedding.DType || !slices.Equal(head.Shape, embedding.Shape) || !bytes.Equal(head.Data, embedding.Data) {
		return fmt.Errorf("differs from %q, though tie_word_embeddings says they are one", embeddingName)
	}
	return nil
}
