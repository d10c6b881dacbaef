package backendtest

import (
	"daybook/engine"
)

// decoder runs a model over batches whose keys and values go to a cache.
type decoder struct {
	m     *model
	cache engine.Cache
	b     *buffers
}

// forward runs b's tokens; cached attention reads what Store wrote, plain
// attention only what is in the batch.
func (d *decoder) forward(g *rig, b *engine.Batch, cached bool) engine.DeviceBatch {
	g.t.Helper()
	in := g.load(b)
	g.must("embed", g.be.Embed(in, d.m.table, d.b.x[0]))
	for i := range d.m.layers {
		block, act, x := &d.m.layers[i].block, d.b.act[i], d.b.x[i]
		g.must("qkv", g.be.QKV(in, block, x, act))
		g.must("store", g.be.Store(in, d.cache, i, act))
		if cached {
			g.must("cached attention", g.be.CachedAttention(in, d.cache, i, act))
		} else {
			g.must("attention", g.be.Attention(in, act))
		}
		g.must("output", g.be.Output(in, block, x, act))
		g.must("mlp", g.be.MLP(in, block, act, d.b.x[i+1]))
	}
	return in
}

// piece is how many tokens of each of three sequences come next.
type piece struct {
	tokens [3]int
	cached bool
}

func checkDecode(g *rig) {
	decodePieces(g, 16, []piece{
		{[3]int{4, 1, 7}, false}, // prompts
		{[3]int{1, 1, 1}, true},
		{[3]int{2, 3, 1}, true},
		{[3]int{1, 0, 2}, true},
		{[3]int{1, 0, 1}, true},
	})
}

// checkLongDecode decodes sequences that are longer than a block of any kernel,
// and than any window here.
func checkLongDecode(g *rig) {
	decodePieces(g, 210, []piece{
		{[3]int{63, 130, 3}, false},
		{[3]int{1, 1, 1}, true},
		{[3]int{1, 2, 60}, true},
		{[3]int{72, 62, 0}, true},
		{[3]int{1, 1, 0}, true},
	})
}

// decodePieces feeds three sequences piece by piece to a cache for so many
// positions, in slots out of order, a sequence dropping out on the way, and
// compares every token's output with that of the whole sequences at once.
func decodePieces(g *rig, positions int, pieces []piece) {
	c := settings[3]
	c.dropout = 0
	m := g.model(c)
	var lengths [3]int
	for _, p := range pieces {
		for seq, n := range p.tokens {
			lengths[seq] += n
		}
	}
	whole := g.batch(lengths[:]...)
	acts := m.ref.Forward(whole)
	want := acts[len(acts)-1].Y

	cache, err := g.be.NewCache(6, positions)
	g.must("new cache", err)
	if cache.Bytes() <= 0 {
		g.t.Errorf("cache of %d bytes", cache.Bytes())
	}
	d := &decoder{m, cache, m.buffers(g, len(whole.Tokens))}
	slots, done := []int32{4, 0, 5}, make([]int, 3)
	for _, piece := range pieces {
		b, rows := next(whole, done, piece.tokens[:], slots)
		in := d.forward(g, b, piece.cached)
		out := d.b.x[len(m.layers)]
		g.compare("output with a cache", g.get(out), pick(want, g.s.Hidden, rows), g.tol.model)

		logits, err := g.be.Logits(in, m.head, out, false)
		g.must("logits", err)
		greedy, err := g.be.Greedy(in, m.head, out)
		g.must("greedy", err)
		if len(greedy) != b.Documents() {
			g.t.Fatalf("greedy returns %d tokens for %d documents", len(greedy), b.Documents())
		}
		for doc, token := range greedy {
			last := widen(logits[(int(b.Starts[doc+1])-1)*g.s.Vocab:][:g.s.Vocab])
			best := last[argmax(last)]
			if token < 0 || int(token) >= g.s.Vocab || last[token] < best-20*g.tol.forward {
				g.t.Errorf("greedy picks %d, the best logit is that of %d", token, argmax(last))
			}
		}
	}
}

// next returns, in slots, the next tokens of each of whole's documents after the
// done ones, which it counts, and their rows in whole.
func next(whole *engine.Batch, done, tokens []int, slots []int32) (b *engine.Batch, rows []int) {
	b = &engine.Batch{Starts: []int32{0}}
	for doc, n := range tokens {
		if n == 0 {
			continue
		}
		from := int(whole.Starts[doc]) + done[doc]
		for i := range n {
			b.Tokens = append(b.Tokens, whole.Tokens[from+i])
			b.Positions = append(b.Positions, int32(done[doc]+i))
			rows = append(rows, from+i)
		}
		b.Starts = append(b.Starts, int32(len(b.Tokens)))
		b.Slots = append(b.Slots, slots[doc])
		done[doc] += n
	}
	return b, rows
}

// pick returns the listed rows of x (T, width).
func pick[T any](x []T, width int, rows []int) (picked []T) {
	for _, r := range rows {
		picked = append(picked, x[r*width:(r+1)*width]...)
	}
	return picked
}

// checkGreedyTies gives every token but the last a twin with the same row of
// the head: of equal logits the lowest index wins.
func checkGreedyTies(g *rig) {
	m := g.matrix(g.s.Vocab, g.s.Hidden, "float32")
	for v := 1; v < g.s.Vocab; v += 2 {
		copy(m.F32[v*g.s.Hidden:(v+1)*g.s.Hidden], m.F32[(v-1)*g.s.Hidden:v*g.s.Hidden])
	}
	head := &engine.Head{Weight: g.weight(m)}
	head.Norm, _ = g.norm()
	b := g.batch(4, 2, 7, 1, 3, 5, 2, 2)
	x, _ := g.put(engine.Activation, g.normal(len(b.Tokens)*g.s.Hidden, 1))
	next, err := g.be.Greedy(g.load(b), head, x)
	g.must("greedy", err)
	for doc, token := range next {
		if token%2 != 0 {
			g.t.Errorf("document %d: greedy picks %d, but %d is as likely", doc, token, token-1)
		}
	}
}
