package backendtest

import "daybook/engine"

// checkReserve takes the memory for some work, and does it.
func checkReserve(g *rig) {
	c := settings[0]
	m := g.model(c)
	batch := g.batch(longDocuments...)
	w := engine.Work{Tokens: len(batch.Tokens), Documents: batch.Documents(), Ranks: c.ranks, Train: true, Dropout: true}
	double := w
	double.Tokens *= 2
	one, two := g.be.Scratch(w), g.be.Scratch(double)
	if one < 0 || two < one {
		g.t.Errorf("%d bytes of scratch for %d tokens, %d for %d", one, w.Tokens, two, double.Tokens)
	}
	g.must("reserve", g.be.Reserve(w))
	b := m.buffers(g, w.Tokens)
	m.step(g, g.load(batch), b, 0.1)
	g.must("sync", g.be.Sync())
}

// checkRows moves rows as a model does between attention and MLP of its last layer.
func checkRows(g *rig) {
	mover, ok := g.be.Backend.(engine.RowMover)
	if !ok {
		g.t.Skip("this backend moves no rows")
	}
	const n = 7
	w := g.s.Hidden
	rows := []int32{0, 2, 3, 6}
	x := g.poisoned(engine.Activation, n*w)
	g.upload(x, g.normal(n*w, 1))
	from, to := g.download(x), g.poisoned(engine.Activation, n*w)
	g.must("gather", mover.Gather(to, x, rows, w))
	g.must("scatter", mover.Scatter(to, rows, n, w))
	want := make([]float32, n*w)
	for _, r := range rows {
		copy(want[int(r)*w:][:w], from[int(r)*w:][:w])
	}
	g.same("rows gathered and scattered", g.download(to), want)
	g.same("what they were gathered from", g.download(x), from)
}

// checkFree gives back what other buffers live beside.
func checkFree(g *rig) {
	freer, ok := g.be.Backend.(engine.Freer)
	if !ok {
		g.t.Skip("the garbage collector frees this backend's memory")
	}
	spec := []engine.BufferSpec{{Name: "a", Kind: engine.Float, Len: 1000}, {Name: "b", Kind: engine.Float, Len: 7}}
	first, err := g.be.Allocate(spec)
	g.must("allocate", err)
	second, err := g.be.Allocate(spec)
	g.must("allocate", err)
	values := g.normal(1000, 1)
	g.upload(second[0], values)
	g.must("free", freer.Free(first))
	third, err := g.be.Allocate(spec)
	g.must("allocate", err)
	g.same("a new buffer", g.download(third[0]), make([]float32, 1000))
	g.same("a buffer that stays", g.download(second[0]), values)
}
