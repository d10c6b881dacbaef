package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"

	"daybook/engine"
)

// MergeOptions say how an adapter is folded into its base.
type MergeOptions struct {
	// Quantization is how the adapter's training held the base.
	Quantization Quantization
	// Dequantized merges into the weights that the adapter was trained against: those
	// of Quantization, dequantized. Otherwise it is merged into the base's own.
	Dequantized bool
	DType       DType  // of all weights written; "" leaves each as it is, or those that were packed as the embedding is
	MaxShard    int64  // bytes of a file of weights
	Name        string // of the merged model, for its configuration
	Progress    func(done, total int64)
}

// Difference compares matrices by Frobenius norms relative to the base's own weights
// or, where those are quantized, to what they are dequantized to.
type Difference struct {
	Adapter      float64  `json:"adapter"`      // scale B A
	Quantization *float64 `json:"quantization"` // dequantized minus own weights, and so one way of merging minus the other; nil where the base has no others
	Rounding     float64  `json:"rounding"`     // merged weights as written minus exact ones
}

// Merged describes what Merge wrote.
type Merged struct {
	DType       DType        // of the projections
	Files       []string     // of weights, in order
	Bytes       int64        // in them
	Projections []Difference // by engine.Projection, over all layers
	All         Difference
}

// ErrNotQuantized reports a merge into what a base is dequantized to, of an adapter
// whose training didn't quantize it.
var ErrNotQuantized = errors.New("the adapter was trained on the base as it is: there is nothing to dequantize")

// Merge writes the base with a folded into it, W + scale B A, as config.json and
// safetensors into the existing folder dir. The result is never quantized. Beside one
// matrix in NF4 no more than some hundred thousand weights of each processor are in
// memory at a time. The same arguments give the same bytes on every machine.
func (b *Base) Merge(ctx context.Context, dir string, a *engine.HostAdapter, o MergeOptions) (*Merged, error) {
	if o.Dequantized && o.Quantization.Kind == "none" {
		return nil, fmt.Errorf("checkpoint: merge: %w", ErrNotQuantized)
	}
	if !o.Dequantized && b.packed != nil {
		return nil, fmt.Errorf("checkpoint: merge: %s: its own weights are in NF4: there are no others to merge into", b.dir)
	}
	if err := b.Holds(o.Quantization); err != nil {
		return nil, err
	}
	w, err := openWeights(b.dir)
	if err != nil {
		return nil, err
	}
	defer w.close()
	if err := w.check(b.shape, b.packed); err != nil {
		return nil, err
	}
	m := &merger{
		loader: loader{w: w, q: o.Quantization, progress: o.Progress, total: b.Parameters().Total()},
		o:      o, shape: b.shape, adapter: a, places: map[string]place{},
	}
	names, tensors := m.outline()
	out := &Merged{DType: tensors[projectionTensor(0, 0)].DType}
	shards := planShards(names, tensors, o.MaxShard)
	for _, s := range shards {
		out.Files = append(out.Files, s.name)
		for _, t := range s.tensors {
			out.Bytes += t.bytes()
		}
	}
	err = writeSharded(dir, shards, func(to io.Writer, name string) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := m.write(to, name, tensors[name].DType); err != nil {
			return fmt.Errorf("tensor %q: %w", name, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out.Projections, out.All = m.differences()
	data, err := os.ReadFile(filepath.Join(b.dir, configFile))
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	if data, err = mergedConfig(data, out.DType, o.Name); err != nil {
		return nil, fmt.Errorf("checkpoint: %s: %w", filepath.Join(b.dir, configFile), err)
	}
	return out, writeSynced(filepath.Join(dir, configFile), data)
}

// merger writes the tensors of a merged base one by one.
type merger struct {
	loader
	o       MergeOptions
	shape   engine.Shape
	adapter *engine.HostAdapter
	places  map[string]place // of projections, by tensor
	sums    [engine.NumProjections]norms
}

type place struct {
	layer int
	p     engine.Projection
}

// norms are sums of squares.
type norms struct{ base, adapter, quantization, rounding float64 }

func (n *norms) add(o norms) {
	n.base, n.adapter = n.base+o.base, n.adapter+o.adapter
	n.quantization, n.rounding = n.quantization+o.quantization, n.rounding+o.rounding
}

// outline lists the tensors to write, in the order of the model.
func (m *merger) outline() ([]string, map[string]Info) {
	want := expected(m.shape)
	names := []string{embeddingName}
	for i := range m.shape.Layers {
		part := []string{}
		for name := range want {
			if layer := fmt.Sprintf("model.layers.%d.", i); len(name) > len(layer) && name[:len(layer)] == layer {
				part = append(part, name)
			}
		}
		slices.Sort(part)
		names = append(names, part...)
		for p := range engine.NumProjections {
			m.places[projectionTensor(i, p)] = place{i, p}
		}
	}
	names = append(names, normName)
	if !m.shape.TiedHead {
		names = append(names, headName)
	}
	tensors := map[string]Info{}
	for _, name := range names {
		d := m.w.files[name].Tensors[name].DType
		if d == U8 {
			d = m.w.files[embeddingName].Tensors[embeddingName].DType
		}
		if m.o.DType != "" {
			d = m.o.DType
		}
		tensors[name] = Info{DType: d, Shape: want[name]}
	}
	return names, tensors
}

// write writes the bytes of one tensor as elements of type d.
func (m *merger) write(to io.Writer, name string, d DType) error {
	f := m.w.files[name]
	defer f.done(name)
	if at, ok := m.places[name]; ok {
		return m.projection(to, name, at, d)
	}
	t, err := f.view(name)
	if err != nil {
		return err
	}
	n := t.elements()
	return m.blocks(to, n, chunk, d, func(dst []float32, from int) (norms, error) {
		return norms{}, t.finite(dst, from)
	})
}

// differences turns sums into relative norms.
func (m *merger) differences() (each []Difference, all Difference) {
	relative := func(n norms) Difference {
		size := math.Sqrt(n.base)
		if size == 0 {
			size = 1 // of zeros all differences are absolute
		}
		d := Difference{Adapter: math.Sqrt(n.adapter) / size, Rounding: math.Sqrt(n.rounding) / size}
		if m.w.packed == nil && m.o.Quantization.Kind != "none" {
			q := math.Sqrt(n.quantization) / size
			d.Quantization = &q
		}
		return d
	}
	total := norms{}
	for _, n := range m.sums {
		each = append(each, relative(n))
		total.add(n)
	}
	return each, relative(total)
}
