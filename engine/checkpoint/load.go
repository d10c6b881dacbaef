package checkpoint

import (
	"bytes"
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

// Load reads the weights. With "nf4" every projection is quantized as soon as
// it is read, so that at most one unpacked matrix for each processor is in
// memory; with "none" projections stay as embedding and head always do: F32 and
// BF16 as they are, F16 as F32, which holds its values exactly.
//
// progress, if not nil, is called one call at a time with the parameters read
// so far. A value that is not finite is an error that names the tensor. The
// result does not depend on the number of processors.
func (b *Base) Load(ctx context.Context, q Quantization, progress func(done, total int64)) (*engine.HostWeights, error) {
	switch q.Kind {
	case "nf4":
		for p := range engine.NumProjections {
			if rows, cols := p.Dims(b.shape); rows*cols%nf4.BlockSize != 0 {
				return nil, fmt.Errorf("checkpoint: %s: %s: %d x %d weights are not a multiple of the NF4 block of %d",
					b.dir, p, rows, cols, nf4.BlockSize)
			}
		}
	case "none":
		if q.DoubleQuant {
			return nil, fmt.Errorf("checkpoint: quantization %q has no scales to quantize twice", q.Kind)
		}
	default:
		return nil, fmt.Errorf("checkpoint: quantization %q: want nf4 or none", q.Kind)
	}
	w, err := openWeights(b.dir)
	if err != nil {
		return nil, err
	}
	defer w.close()
	if err := w.check(b.shape); err != nil { // the files may have changed since Open
		return nil, err
	}
	l := &loader{w: w, q: q, progress: progress, total: b.Parameters().Total()}
	return l.load(ctx, b.shape)
}

// loader reads the tensors of a base side by side.
type loader struct {
	w        *weights
	q        Quantization
	progress func(done, total int64)
	total    int64

	mu   sync.Mutex
	done int64
}

func (l *loader) load(ctx context.Context, s engine.Shape) (*engine.HostWeights, error) {
	h := &engine.HostWeights{Shape: s, Layers: make([]engine.HostLayer, s.Layers)}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	run := func(read func() error) {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return read()
		})
	}
	run(func() (err error) { h.Embedding, err = l.matrix(embeddingName, false); return err })
	run(func() (err error) { h.Norm, err = l.vector(normName); return err })
	if !s.TiedHead {
		run(func() (err error) { h.Head, err = l.matrix(headName, false); return err })
	} else if l.w.files[headName] != nil {
		run(l.checkTied)
	}
	for i := range h.Layers {
		layer := &h.Layers[i]
		run(func() (err error) { layer.AttentionNorm, err = l.vector(layerTensor(i, layerNorms[0])); return err })
		run(func() (err error) { layer.MLPNorm, err = l.vector(layerTensor(i, layerNorms[1])); return err })
		if s.HeadNorm {
			run(func() (err error) { layer.QNorm, err = l.vector(layerTensor(i, headNorms[0])); return err })
			run(func() (err error) { layer.KNorm, err = l.vector(layerTensor(i, headNorms[1])); return err })
		}
		for p := range engine.NumProjections {
			run(func() (err error) {
				layer.Proj[p], err = l.matrix(projectionTensor(i, p), l.q.Kind == "nf4")
				return err
			})
			if p.HasBias(s) {
				run(func() (err error) { layer.Bias[p], err = l.vector(biasTensor(i, p)); return err })
			}
		}
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return h, nil
}

func (l *loader) read(name string) (Tensor, []float32, error) {
	f := l.w.files[name]
	t, err := f.Read(name)
	if err != nil {
		return t, nil, err
	}
	values, err := t.Float32()
	if err != nil {
		return t, nil, fmt.Errorf("checkpoint: %s: tensor %q: %w", f.Path, name, err)
	}
	if i := nf4.FirstNonFinite(values); i >= 0 {
		return t, nil, fmt.Errorf("checkpoint: %s: tensor %q: element %d is %g: %w", f.Path, name, i, values[i], engine.ErrNonFinite)
	}
	return t, values, nil
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

func (l *loader) vector(name string) ([]float32, error) {
	_, values, err := l.read(name)
	l.count(len(values))
	return values, err
}

func (l *loader) matrix(name string, quantize bool) (engine.Matrix, error) {
	t, values, err := l.read(name)
	if err != nil {
		return engine.Matrix{}, err
	}
	m := engine.Matrix{Rows: t.Shape[0], Cols: t.Shape[1]}
	switch {
	case quantize:
		m.NF4 = nf4.Quantize(values, l.q.DoubleQuant)
	case t.DType == BF16:
		m.BF16 = t.words()
	default:
		m.F32 = values
	}
	l.count(len(values))
	return m, nil
}

// checkTied compares a head that the file holds although it is tied with the
// embedding it is tied to: transformers would ignore it.
func (l *loader) checkTied() error {
	head, _, err := l.read(headName)
	if err != nil {
		return err
	}
	embedding, _, err := l.read(embeddingName)
	if err != nil {
		return err
	}
	if head.DType != embedding.DType || !slices.Equal(head.Shape, embedding.Shape) || !bytes.Equal(head.Data, embedding.Data) {
		return fmt.Errorf("checkpoint: %s: tensor %q: differs from %q, though tie_word_embeddings says they are one",
			l.w.files[headName].Path, headName, embeddingName)
	}
	return nil
}
