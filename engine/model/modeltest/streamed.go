package modeltest

import (
	"fmt"
	"math"
	"slices"

	"daybook/engine"
)

// streamed lends layers through two slots that it fills on every Acquire and
// poisons on every Release. Whoever keeps what it was lent computes NaN, and
// whoever holds two layers at once, or releases what it does not hold, panics.
type streamed struct {
	be     engine.Backend
	w      *engine.HostWeights
	poison [engine.NumProjections]engine.Weight
	slots  [2]engine.Layer
	next   int
	held   int // layer lent, -1 if none

	head    engine.Head
	badHead engine.Weight
	lent    map[string]bool
}

// NewStreamed returns a Source that keeps no layer on the device for longer
// than it is lent.
func NewStreamed(be engine.Backend, w *engine.HostWeights) (engine.Source, error) {
	s := &streamed{be: be, w: w, held: -1, lent: map[string]bool{}}
	var err error
	for p := range engine.NumProjections {
		rows, cols := p.Dims(w.Shape)
		if s.poison[p], err = poison(be, rows, cols); err != nil {
			return nil, err
		}
	}
	if s.badHead, err = poison(be, w.Shape.Vocab, w.Shape.Hidden); err != nil {
		return nil, err
	}
	for i := range s.slots {
		for _, v := range vectors(&s.slots[i], &w.Layers[0]) {
			if err := s.allocate(v.on, len(v.host)); err != nil {
				return nil, err
			}
		}
	}
	return s, s.allocate(&s.head.Norm, w.Shape.Hidden)
}

// vector is a norm or a bias of a layer on the device and in host memory.
type vector struct {
	on   *engine.Buffer
	host []float32
}

// vectors returns those that host has.
func vectors(l *engine.Layer, host *engine.HostLayer) []vector {
	all := []vector{
		{&l.AttentionNorm, host.AttentionNorm}, {&l.MLPNorm, host.MLPNorm}, {&l.QNorm, host.QNorm}, {&l.KNorm, host.KNorm},
	}
	for p := range host.Bias {
		all = append(all, vector{&l.Bias[p], host.Bias[p]})
	}
	return slices.DeleteFunc(all, func(v vector) bool { return v.host == nil })
}

func (s *streamed) allocate(dst *engine.Buffer, n int) error {
	b, err := s.be.Allocate([]engine.BufferSpec{{Name: "vector", Kind: engine.Float, Len: n}})
	if err != nil {
		return err
	}
	*dst = b[0]
	return nil
}

func nans(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(math.NaN())
	}
	return v
}

func poison(be engine.Backend, rows, cols int) (engine.Weight, error) {
	return be.NewWeight(engine.Matrix{Rows: rows, Cols: cols, F32: nans(rows * cols)})
}

func (s *streamed) Shape() engine.Shape { return s.w.Shape }

func (s *streamed) AcquireEmbedding(engine.Pass) (engine.Weight, error) {
	s.lend("embedding")
	return s.be.NewWeight(s.w.Embedding)
}

func (s *streamed) ReleaseEmbedding() { s.giveBack("embedding") }

func (s *streamed) AcquireLayer(i int, _ engine.Pass) (*engine.Layer, error) {
	s.lend("layer")
	s.held = i
	l := &s.slots[s.next]
	s.next = 1 - s.next
	l.Index = i
	for p, m := range s.w.Layers[i].Proj {
		w, err := s.be.NewWeight(m)
		if err != nil {
			return nil, err
		}
		l.Proj[p] = w
	}
	for _, v := range vectors(l, &s.w.Layers[i]) {
		if err := s.be.Upload(*v.on, v.host); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func (s *streamed) ReleaseLayer(i int) {
	s.giveBack("layer")
	if i != s.held {
		panic(fmt.Sprintf("modeltest: layer %d given back, %d lent", i, s.held))
	}
	s.held = -1
	l := &s.slots[1-s.next]
	l.Proj = s.poison
	for _, v := range vectors(l, &s.w.Layers[i]) {
		s.spoil(*v.on)
	}
}

func (s *streamed) AcquireHead(engine.Pass) (*engine.Head, error) {
	s.lend("head")
	m := s.w.Head
	if s.w.Shape.TiedHead {
		m = s.w.Embedding
	}
	var err error
	if s.head.Weight, err = s.be.NewWeight(m); err != nil {
		return nil, err
	}
	return &s.head, s.be.Upload(s.head.Norm, s.w.Norm)
}

func (s *streamed) ReleaseHead() {
	s.giveBack("head")
	s.head.Weight = s.badHead
	s.spoil(s.head.Norm)
}

func (s *streamed) Bytes() int64 { return 0 }

func (s *streamed) lend(part string) {
	if s.lent[part] {
		panic("modeltest: " + part + " acquired twice")
	}
	s.lent[part] = true
}

func (s *streamed) giveBack(part string) {
	if !s.lent[part] {
		panic("modeltest: " + part + " given back, but not lent")
	}
	s.lent[part] = false
}

func (s *streamed) spoil(b engine.Buffer) {
	if err := s.be.Upload(b, nans(b.Len())); err != nil {
		panic(err)
	}
}
