package backendtest

import (
	"math"

	"daybook/engine"
)

func checkMemory(g *rig) {
	specs := []engine.BufferSpec{
		{Name: "a", Kind: engine.Activation, Len: 33},
		{Name: "b", Kind: engine.Float, Len: 1},
		{Name: "c", Kind: engine.Float, Len: 1000},
		{Name: "d", Kind: engine.Activation, Len: 7},
	}
	if got, least := g.be.Size(specs), int64(2*33+4+4000+2*7); got < least {
		g.t.Errorf("%d bytes for buffers that take %d at least", got, least)
	}
	buffers, err := g.be.Allocate(specs)
	g.must("allocate", err)
	for i, b := range buffers {
		if b.Len() != specs[i].Len {
			g.t.Fatalf("buffer %s has %d elements, want %d", specs[i].Name, b.Len(), specs[i].Len)
		}
		for _, v := range g.download(b) {
			if v != 0 {
				g.t.Fatalf("buffer %s is not zeroed", specs[i].Name)
			}
		}
	}
	// Fill all, then read all: none may share memory with another.
	values := make([][]float32, len(buffers))
	for i, b := range buffers {
		values[i] = g.normal(b.Len(), 3)
		g.upload(b, values[i])
	}
	for i, b := range buffers {
		got := g.download(b)
		if specs[i].Kind == engine.Float {
			g.same("float buffer "+specs[i].Name, got, values[i])
			continue
		}
		for j, v := range values[i] {
			if math.Abs(float64(got[j]-v)) > g.tol.roundTrip*math.Abs(float64(v)) {
				g.t.Errorf("activation buffer %s: %g came back as %g", specs[i].Name, v, got[j])
			}
		}
	}
	special := []float32{float32(math.Inf(1)), float32(math.Inf(-1)), 0, float32(math.NaN())}
	for _, kind := range []engine.Kind{engine.Activation, engine.Float} {
		b := g.allocate(kind, len(special))
		g.upload(b, special)
		got := g.download(b)
		if got[0] != special[0] || got[1] != special[1] || got[2] != 0 || got[3] == got[3] {
			g.t.Errorf("%v came back as %v", special, got)
		}
	}
	if g.be.Upload(buffers[3], make([]float32, 8)) == nil {
		g.t.Error("8 values fit into a buffer for 7")
	}
	if g.be.Download(make([]float32, 8), buffers[3]) == nil {
		g.t.Error("8 values came from a buffer for 7")
	}

	// NF4 with double quantization stays packed: half a byte and 1/64 a
	// weight, and what a device needs to align three arrays.
	const rows, cols = 256, 256
	w := g.weight(g.matrix(rows, cols, "nf4 double"))
	if per := float64(w.Bytes()) / (rows * cols); per < 0.5 || per > 0.53 {
		g.t.Errorf("%.3f bytes a weight in NF4, want at most 0.53", per)
	}
	for _, format := range []string{"float32", "bfloat16", "nf4", "nf4 double"} {
		m := g.matrix(48, 80, format)
		got := g.weight(m).Bytes()
		if m.NF4 != nil {
			*m.NF4 = engine.NF4{Scales: m.NF4.Scales[:0], Absmax: m.NF4.Absmax[:0:0]}
		} else {
			m.F32, m.BF16 = m.F32[:0:0], m.BF16[:0:0]
		}
		if planned := g.be.WeightBytes(m); planned != got {
			g.t.Errorf("a weight in %s takes %d bytes, planned were %d", format, got, planned)
		}
	}
	g.must("sync", g.be.Sync())
}

// checkCopy keeps what layers made in host memory, through two device buffers in
// turn, and fetches it back the other way round, as a model that has no room does.
func checkCopy(g *rig) {
	l := g.layer(0, settings[0])
	batch := g.batch(longDocuments...)
	in, n := g.load(batch), len(batch.Tokens)
	const layers = 4
	spec := func(name string, host bool) engine.BufferSpec {
		return engine.BufferSpec{Name: name, Kind: engine.Activation, Len: n * g.s.Hidden, Width: g.s.Hidden, Host: host}
	}
	specs := []engine.BufferSpec{spec("even", false), spec("odd", false)}
	for range layers {
		specs = append(specs, spec("kept", true))
	}
	got, err := g.be.Allocate(specs)
	g.must("allocate", err)
	ring, kept := got[:2], got[2:]
	act := g.activations(n, ranks(&l.block))
	g.upload(act.O, g.normal(n*g.s.QDim(), 1))
	first := g.normal(n*g.s.Hidden, 1)
	forward := func(before func(i int)) {
		g.upload(ring[0], first)
		for i := range layers {
			before(i)
			g.must("output", g.be.Output(in, &l.block, ring[i%2], act))
			g.must("mlp", g.be.MLP(in, &l.block, act, ring[(i+1)%2]))
		}
	}
	var want [][]float32
	forward(func(i int) { want = append(want, g.download(ring[i%2])) })
	forward(func(i int) { // without waiting anywhere
		g.must("join", g.be.Join())
		g.must("copy", g.be.Copy(kept[i], ring[i%2]))
	})
	for i := layers - 1; i >= 0; i-- {
		g.must("copy", g.be.Copy(ring[i%2], kept[i]))
		g.must("join", g.be.Join())
		g.same("activation kept in host memory", g.download(ring[i%2]), want[i])
	}
	if g.be.Copy(act.O, act.LSE) == nil {
		g.t.Error("copied to a buffer of another length")
	}
	if n, err := g.be.Available(); err != nil || n < -1 {
		g.t.Errorf("%d bytes available, %v", n, err)
	}
}

// checkNonFinite puts a NaN into one token of the head's input: its loss must
// say so, and every other token's stay as it was.
func checkNonFinite(g *rig) {
	h, _ := g.head("float32")
	b := g.batch(6, 4)
	b.Targets[2] = 1
	in, n := g.load(b), len(b.Tokens)
	values := g.normal(n*g.s.Hidden, 1)
	nll, hit := g.poisoned(engine.Float, n), g.poisoned(engine.Float, n)
	x, _ := g.put(engine.Activation, values)
	g.must("loss", g.be.Loss(in, h, x, 1, nll, hit, nil))
	want := g.download(nll)
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		spoilt := append([]float32(nil), values...)
		spoilt[2*g.s.Hidden+5] = float32(bad)
		x, _ := g.put(engine.Activation, spoilt)
		d := g.poisoned(engine.Activation, n*g.s.Hidden)
		g.must("loss", g.be.Loss(in, h, x, 1, nll, hit, d))
		got := g.download(nll)
		if v := float64(got[2]); !math.IsNaN(v) && !math.IsInf(v, 0) {
			g.t.Errorf("loss of a token with %g is %g", bad, v)
		}
		got[2] = want[2]
		g.same("loss of the other tokens", got, want)
	}
}
