package cpu

import (
	"testing"

	"daybook/engine"
	"daybook/engine/model/modeltest"
)

// TestDropoutIsTheContracts compares masks with those that engine.Dropout
// defines: with the identity for A, low is the dropped input itself.
func TestDropoutIsTheContracts(t *testing.T) {
	s := engine.Shape{
		Vocab: 16, Hidden: 64, Layers: 1, Heads: 5, KVHeads: 1, HeadDim: 46, Intermediate: 64,
		RopeTheta: 10000, NormEps: 1e-5, MaxPositions: 16,
	}
	width := s.QDim() // more than a block of columns, and no multiple of any vector
	drop := engine.Dropout{P: 0.3, Seed: 7, Step: 1 << 33}
	b := &engine.Batch{}
	b.Add(make([]int32, 4), nil, 0xFEDCBA9876543210)
	b.Add(make([]int32, 5), nil, 5)
	rows := len(b.Tokens)
	x := numbers(rows*width, 1)
	key := drop.Key(3, engine.OutputInput)
	want := make([]float32, rows*width)
	for i := range want {
		row, channel, doc := i/width, i%width, 0
		if row >= 4 {
			doc = 1
		}
		r := b.Keys[doc]
		words := engine.Philox4x32([4]uint32{uint32(channel / 4), uint32(b.Positions[row]), uint32(r), uint32(r >> 32)}, key)
		if words[channel%4] >= drop.Threshold() {
			want[i] = x[i] * (1 / (1 - drop.P))
		}
	}
	host := modeltest.Weights(s, 1, false)
	for _, o := range settings() {
		be := open(t, s, o)
		in, err := be.NewBatch(rows, 2)
		if err != nil {
			t.Fatal(err)
		}
		if err := in.Load(b); err != nil {
			t.Fatal(err)
		}
		low := upload(t, be, make([]float32, rows*width))
		act := &engine.Activations{O: upload(t, be, x), Mid: upload(t, be, make([]float32, rows*s.Hidden))}
		act.Low[engine.OutputInput] = low
		bl := &engine.Block{Layer: &engine.Layer{Index: 3}, Dropout: drop}
		bl.Layer.Proj[engine.O] = frozen(t, be, host.Layers[0].Proj[engine.O])
		bl.Adapters[engine.O] = &engine.Adapter{Rank: width, Scale: 1, A: upload(t, be, identity(width)), B: upload(t, be, make([]float32, s.Hidden*width))}
		if err := be.Output(in, bl, upload(t, be, make([]float32, rows*s.Hidden)), act); err != nil {
			t.Fatal(err)
		}
		for i, got := range download(t, be, low) {
			if got != want[i] {
				t.Fatalf("%s: row %d channel %d: %v, want %v", o.Variant, i/width, i%width, got, want[i])
			}
		}
	}
}
