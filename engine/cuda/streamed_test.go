//go:build cuda

package cuda

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"gorgonia.org/cu"

	"daybook/engine"
	"daybook/engine/model"
	"daybook/engine/model/modeltest"
	"daybook/engine/train"
)

// twoBuffers lends the layers of a resident base through two buffers on the
// device in turn, embedding and head through one each: acquiring fills a buffer,
// releasing it overwrites all of its bytes, both in the order of the operations.
// An address that outlives what it was lent for is then read as NaN.
type twoBuffers struct {
	engine.Source // the resident base
	t             *testing.T
	b             *Backend
	layers        [2]engine.Layer
	embedding     *weight
	head          engine.Head
	next          int
}

func newTwoBuffers(t *testing.T, b *Backend, w *engine.HostWeights) *twoBuffers {
	t.Helper()
	resident, err := model.NewResident(b, w)
	if err != nil {
		t.Fatal(err)
	}
	s := &twoBuffers{Source: resident, t: t, b: b}
	hidden := engine.BufferSpec{Name: "norm", Kind: engine.Float, Len: w.Shape.Hidden}
	norms, err := b.Allocate([]engine.BufferSpec{hidden, hidden, hidden, hidden, hidden})
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.layers {
		l := &s.layers[i]
		l.AttentionNorm, l.MLPNorm = norms[2*i], norms[2*i+1]
		for p := range l.Proj {
			l.Proj[p] = s.weight(w.Layers[0].Proj[p])
		}
	}
	s.embedding = s.weight(w.Embedding)
	head := w.Head
	if w.Shape.TiedHead {
		head = w.Embedding
	}
	s.head = engine.Head{Norm: norms[4], Weight: s.weight(head)}
	return s
}

// weight returns a weight of its own on the device.
func (s *twoBuffers) weight(m engine.Matrix) *weight {
	s.t.Helper()
	m.Host = false
	w, err := s.b.NewWeight(m)
	s.must(err)
	s.spoil(w)
	return s.own(w)
}

// fill copies one weight over another of the same shape and format.
func (s *twoBuffers) fill(to engine.Weight, from engine.Weight) {
	s.t.Helper()
	dst, src := s.own(to), s.own(from)
	if src.packed != nil {
		dst.packed.offset = src.packed.offset
	}
	s.must(s.b.run("fill", func() error {
		return cu.MemcpyDtoDAsync(place(dst), place(src), src.bytes, s.b.stream)
	}))
}

// place is where a weight begins on the device.
func place(w *weight) cu.DevicePtr {
	if w.packed != nil {
		return cu.DevicePtr(w.packed.codes)
	}
	return cu.DevicePtr(w.dense.ptr)
}

// spoil overwrites a weight with NaN.
func (s *twoBuffers) spoil(w engine.Weight) {
	s.t.Helper()
	own := s.own(w)
	if own.packed != nil {
		own.packed.offset = float32(math.NaN())
	}
	s.must(s.b.run("spoil", func() error {
		return cu.MemsetD8Async(place(own), 0xff, own.bytes, s.b.stream)
	}))
}

// copy copies a norm.
func (s *twoBuffers) copy(to, from engine.Buffer) {
	s.t.Helper()
	x := make([]float32, from.Len())
	s.must(s.b.Download(x, from))
	s.must(s.b.Upload(to, x))
}

func (s *twoBuffers) spoilNorm(b engine.Buffer) {
	s.t.Helper()
	s.must(s.b.Upload(b, slices.Repeat([]float32{float32(math.NaN())}, b.Len())))
}

func (s *twoBuffers) own(w engine.Weight) *weight {
	s.t.Helper()
	own, ok := w.(*weight)
	if !ok {
		s.t.Fatalf("a %T", w)
	}
	return own
}

func (s *twoBuffers) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *twoBuffers) AcquireEmbedding(p engine.Pass) (engine.Weight, error) {
	w, err := s.Source.AcquireEmbedding(p)
	if err == nil {
		s.fill(s.embedding, w)
	}
	return s.embedding, err
}

func (s *twoBuffers) ReleaseEmbedding() {
	s.Source.ReleaseEmbedding()
	s.spoil(s.embedding)
}

func (s *twoBuffers) AcquireLayer(i int, p engine.Pass) (*engine.Layer, error) {
	from, err := s.Source.AcquireLayer(i, p)
	if err != nil {
		return nil, err
	}
	to := &s.layers[s.next]
	s.next = 1 - s.next
	to.Index = i
	for p := range from.Proj {
		s.fill(to.Proj[p], from.Proj[p])
	}
	s.copy(to.AttentionNorm, from.AttentionNorm)
	s.copy(to.MLPNorm, from.MLPNorm)
	return to, nil
}

func (s *twoBuffers) ReleaseLayer(i int) {
	s.Source.ReleaseLayer(i)
	l := &s.layers[1-s.next]
	for _, w := range l.Proj {
		s.spoil(w)
	}
	s.spoilNorm(l.AttentionNorm)
	s.spoilNorm(l.MLPNorm)
}

func (s *twoBuffers) AcquireHead(p engine.Pass) (*engine.Head, error) {
	h, err := s.Source.AcquireHead(p)
	if err != nil {
		return nil, err
	}
	s.fill(s.head.Weight, h.Weight)
	s.copy(s.head.Norm, h.Norm)
	return &s.head, nil
}

func (s *twoBuffers) ReleaseHead() {
	s.Source.ReleaseHead()
	s.spoil(s.head.Weight)
	s.spoilNorm(s.head.Norm)
}

// TestStreamed trains from two layer buffers that are overwritten on release:
// loss, every gradient and the adapter's bytes are those of a resident base.
func TestStreamed(t *testing.T) {
	for _, o := range everywhere(t) {
		for _, quantized := range []bool{true, false} {
			for _, checkpointing := range []engine.Checkpointing{engine.CheckpointNone, engine.CheckpointSelective, engine.CheckpointFull} {
				name := o.name() + "/" + string(checkpointing)
				if quantized {
					name += "/nf4"
				}
				t.Run(name, func(t *testing.T) { checkStreamed(t, o, quantized, checkpointing) })
			}
		}
	}
}

func checkStreamed(t *testing.T, o Options, quantized bool, checkpointing engine.Checkpointing) {
	t.Helper()
	s := modeltest.Shape()
	s.TiedHead = !quantized
	weights := modeltest.Weights(s, 1, quantized)
	l := engine.LoRA{Rank: 32, Alpha: 32, Dropout: 0.1, Targets: modeltest.AllLinear()}
	examples := modeltest.Examples(s, 2, 12, 3, 60)

	type outcome struct {
		loss      []float64
		gradients *engine.HostAdapter
		adapter   []byte
	}
	run := func(streamed bool) (out outcome) {
		b, err := open(s, o)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		}()
		var src engine.Source
		if streamed {
			src = newTwoBuffers(t, b, weights)
		} else if src, err = model.NewResident(b, weights); err != nil {
			t.Fatal(err)
		}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		m, err := model.New(b, src, model.Options{MaxTokens: 800, MaxDocuments: 12, Train: true, LoRA: &l, Checkpointing: checkpointing})
		must(err)
		must(m.Trained().Upload(modeltest.Adapter(s, l, 4)))
		batch := &engine.Batch{}
		for _, e := range examples {
			batch.Add(e.Tokens, e.Targets, engine.DropoutKey(e.ID))
		}
		must(m.Backward(batch, 0.01, engine.Dropout{P: 0.1, Seed: 1, Step: 2}))
		out.loss, err = m.Losses()
		must(err)
		out.gradients, err = m.Trained().Gradients()
		must(err)
		must(m.Close())

		dir := t.TempDir()
		_, err = train.Run(t.Context(), train.Job{
			Backend: b, Source: src, Examples: examples, Dir: dir,
			Training: engine.Training{
				Epochs: 2, BatchSize: 1, GradAccum: 2, LearningRate: 1e-2, Schedule: "linear", MaxGradNorm: 1, MaxSeqLen: 64, Packing: true,
				LoRA: l, Optimizer: engine.OptimizerConfig{EightBit: true, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}, Checkpointing: checkpointing,
			},
			Emit: func(e train.Event) error {
				if s, ok := e.(*train.Step); ok {
					out.loss = append(out.loss, s.Loss)
				}
				return nil
			},
		})
		must(err)
		out.adapter, err = os.ReadFile(filepath.Join(dir, "epoch-002", "adapter_model.safetensors"))
		must(err)
		return out
	}
	want, got := run(false), run(true)
	if !slices.Equal(got.loss, want.loss) || len(got.loss) < 5 {
		t.Errorf("losses %v, want %v", got.loss, want.loss)
	}
	for i := range want.gradients.Layers {
		for p := range engine.NumProjections {
			a, b := got.gradients.Layers[i], want.gradients.Layers[i]
			if !slices.Equal(a.A[p], b.A[p]) || !slices.Equal(a.B[p], b.B[p]) {
				t.Errorf("layer %d: gradients of %s differ", i, p)
			}
		}
	}
	if !slices.Equal(got.adapter, want.adapter) {
		t.Error("the trained adapter is another")
	}
}
