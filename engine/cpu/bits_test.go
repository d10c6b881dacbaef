package cpu

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"daybook/engine"
	"daybook/engine/model"
	"daybook/engine/model/modeltest"
)

// results is everything that a model computes.
type results struct {
	losses    []float64
	gradients []float32
	logits    []float32
	answers   [][]int32
}

// lengths of documents: some enough for every thread to take its own rows, one
// shorter than any block, one longer than the blocks of attention.
var (
	many = []int{1, 37, 64, 90, 200}
	few  = []int{2, 9}
)

// compute trains on documents of the given lengths twice without a step,
// evaluates and generates. positions is of the longest.
func compute(t *testing.T, s engine.Shape, o Options, checkpointing engine.Checkpointing, lengths []int) results {
	t.Helper()
	be := open(t, s, o)
	src, err := model.NewResident(be, modeltest.Weights(s, 1, true))
	if err != nil {
		t.Fatal(err)
	}
	b := &engine.Batch{}
	var prompts [][]int32
	for i, n := range lengths {
		e := modeltest.Examples(s, uint64(i), 1, n, n)[0]
		b.Add(e.Tokens, e.Targets, engine.DropoutKey(e.ID))
		prompts = append(prompts, e.Tokens[:min(n, 30)])
	}
	l := engine.LoRA{Rank: 6, Alpha: 9, Dropout: 0.1, Targets: modeltest.AllLinear()}
	m, err := model.New(be, src, model.Options{
		MaxTokens: len(b.Tokens), MaxDocuments: len(lengths), Train: true, LoRA: &l, Accumulate: 2, Checkpointing: checkpointing,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Trained().Upload(modeltest.Adapter(s, l, 1)); err != nil {
		t.Fatal(err)
	}
	var r results
	for step := range uint64(2) {
		if err := m.Backward(b, 0.01, engine.Dropout{P: 0.1, Seed: 3, Step: step}); err != nil {
			t.Fatal(err)
		}
	}
	if r.losses, err = m.Losses(); err != nil {
		t.Fatal(err)
	}
	g, err := m.Trained().Gradients()
	if err != nil {
		t.Fatal(err)
	}
	for _, layer := range g.Layers {
		for p := range engine.NumProjections {
			r.gradients = append(append(r.gradients, layer.A[p]...), layer.B[p]...)
		}
	}
	if r.logits, err = m.Logits(b); err != nil {
		t.Fatal(err)
	}
	if r.answers, err = m.Generate(t.Context(), prompts, model.GenerateOptions{MaxNewTokens: 20}); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r results) same(t *testing.T, what string, want results) {
	t.Helper()
	if !slices.Equal(r.losses, want.losses) {
		t.Errorf("%s: losses %v, want %v", what, r.losses, want.losses)
	}
	sameBits(t, what+": gradients", r.gradients, want.gradients)
	sameBits(t, what+": logits", r.logits, want.logits)
	for i := range want.answers {
		if !slices.Equal(r.answers[i], want.answers[i]) {
			t.Errorf("%s: answer %d is %v, want %v", what, i, r.answers[i], want.answers[i])
		}
	}
}

// bitShape has widths that no block divides.
func bitShape() engine.Shape {
	return engine.Shape{
		Vocab: 150, Hidden: 80, Layers: 2, Heads: 6, KVHeads: 2, HeadDim: 20, Intermediate: 144,
		RopeTheta: 10000, NormEps: 1e-5, MaxPositions: 256,
	}
}

// TestBitsDependOnNothing compares instruction sets, thread counts and gradient
// checkpointing on a whole model.
func TestBitsDependOnNothing(t *testing.T) {
	full := bitShape()
	full.QKVBias, full.HeadNorm, full.Window = true, true, 75
	for _, c := range []struct {
		name    string
		shape   engine.Shape
		lengths []int
	}{{"many rows", bitShape(), many}, {"few rows", bitShape(), few}, {"many rows of a full model", full, many}, {"few rows of a full model", full, few}} {
		all := settings()
		want := compute(t, c.shape, all[0], engine.CheckpointNone, c.lengths)
		for _, o := range append(all[1:], Options{Threads: 7}) {
			for _, checkpointing := range []engine.Checkpointing{engine.CheckpointNone, engine.CheckpointSelective, engine.CheckpointFull} {
				what := fmt.Sprintf("%s: %s threads=%d checkpointing=%v", c.name, o.Variant, o.Threads, checkpointing)
				compute(t, c.shape, o, checkpointing, c.lengths).same(t, what, want)
			}
		}
	}
}

// TestMicroBatchesAddUp accumulates the gradients of documents one by one: the
// chains over tokens go on where they stopped, so not a bit differs.
func TestMicroBatchesAddUp(t *testing.T) {
	s := bitShape()
	l := engine.LoRA{Rank: 6, Alpha: 9, Dropout: 0.1, Targets: modeltest.AllLinear()}
	run := func(batches ...*engine.Batch) []float32 {
		be := open(t, s, Options{Threads: 2})
		src, err := model.NewResident(be, modeltest.Weights(s, 1, true))
		if err != nil {
			t.Fatal(err)
		}
		m, err := model.New(be, src, model.Options{MaxTokens: 300, MaxDocuments: 3, Train: true, LoRA: &l, Accumulate: 3})
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Trained().Upload(modeltest.Adapter(s, l, 1)); err != nil {
			t.Fatal(err)
		}
		for _, b := range batches {
			if err := m.Backward(b, 0.01, engine.Dropout{P: 0.1, Seed: 3, Step: 1}); err != nil {
				t.Fatal(err)
			}
		}
		g, err := m.Trained().Gradients()
		if err != nil {
			t.Fatal(err)
		}
		var all []float32
		for _, layer := range g.Layers {
			for p := range engine.NumProjections {
				all = append(append(all, layer.A[p]...), layer.B[p]...)
			}
		}
		return all
	}
	packed := &engine.Batch{}
	var apart []*engine.Batch
	for i, n := range []int{70, 5, 130} {
		e := modeltest.Examples(s, uint64(i), 1, n, n)[0]
		one := &engine.Batch{}
		for _, b := range []*engine.Batch{packed, one} {
			b.Add(e.Tokens, e.Targets, engine.DropoutKey(e.ID))
		}
		apart = append(apart, one)
	}
	sameBits(t, "gradients", run(packed), run(apart...))
}

// TestDecodingIsPrefilling feeds a document token by token through the cache,
// then in one piece: the logits are the same to the bit.
func TestDecodingIsPrefilling(t *testing.T) {
	s := bitShape()
	be := open(t, s, Options{Threads: 2})
	src, err := model.NewResident(be, modeltest.Weights(s, 1, true))
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.New(be, src, model.Options{MaxTokens: 120, MaxDocuments: 4})
	if err != nil {
		t.Fatal(err)
	}
	e := modeltest.Examples(s, 5, 1, 60, 60)[0]
	answers, err := m.Generate(t.Context(), [][]int32{e.Tokens}, model.GenerateOptions{MaxNewTokens: 40})
	if err != nil {
		t.Fatal(err)
	}
	whole := &engine.Batch{}
	whole.Add(append(slices.Clone(e.Tokens), answers[0]...), nil, 0)
	logits, err := m.Logits(whole)
	if err != nil {
		t.Fatal(err)
	}
	for i, token := range answers[0] {
		row := logits[(len(e.Tokens)-1+i)*s.Vocab:][:s.Vocab]
		best := 0
		for v := range row {
			if row[v] > row[best] {
				best = v
			}
		}
		if int32(best) != token {
			t.Errorf("token %d of the answer is %d, prefilling says %d", i, token, best)
		}
	}
}

// TestNothingIsAllocated runs the operations of a step in their steady state.
func TestNothingIsAllocated(t *testing.T) {
	s := bitShape()
	be := open(t, s, Options{Threads: 2})
	host := modeltest.Weights(s, 1, true)
	l := engine.LoRA{Rank: 4, Alpha: 4, Dropout: 0.1, Targets: modeltest.AllLinear()}
	src, err := model.NewResident(be, host)
	if err != nil {
		t.Fatal(err)
	}
	specs := model.Plan(be, s, model.Options{MaxTokens: 200, MaxDocuments: 2, Train: true, LoRA: &l})
	named := map[string]engine.Buffer{}
	bufs, err := be.Allocate(specs)
	if err != nil {
		t.Fatal(err)
	}
	for i := range specs {
		named[specs[i].Name] = bufs[i]
	}
	act, g, bl := operandsOf(t, named, src)
	bl.Dropout = engine.Dropout{P: 0.1, Seed: 1}
	head, err := src.AcquireHead(engine.Forward)
	if err != nil {
		t.Fatal(err)
	}
	in, err := be.NewBatch(200, 2)
	if err != nil {
		t.Fatal(err)
	}
	batch := &engine.Batch{Slots: []int32{1, 0}}
	for i := range 2 {
		e := modeltest.Examples(s, uint64(i), 1, 100, 100)[0]
		batch.Add(e.Tokens, e.Targets, 1)
	}
	cache, err := be.NewCache(2, 128)
	if err != nil {
		t.Fatal(err)
	}
	x, d := named["residual.0"], named["gradient.residual"]
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	n := testing.AllocsPerRun(5, func() {
		must(in.Load(batch))
		must(be.QKV(in, bl, x, act))
		must(be.Attention(in, act))
		must(be.Store(in, cache, 1, act))
		must(be.CachedAttention(in, cache, 1, act))
		must(be.Output(in, bl, x, act))
		must(be.MLP(in, bl, act, named["residual.1"]))
		must(be.Loss(in, head, named["residual.1"], 0.1, named["nll.0"], named["hit"], d))
		must(be.MLPBackward(in, bl, act, g, d))
		must(be.OutputBackward(in, bl, act, g, d))
		must(be.AttentionBackward(in, act, g))
		must(be.QKVBackward(in, bl, x, act, g, d))
	})
	if n > 0 {
		t.Errorf("%v allocations in a layer and a loss, want none", n)
	}
}

// operandsOf finds the first layer's operands among buffers that model.Plan named.
func operandsOf(t *testing.T, named map[string]engine.Buffer, src engine.Source) (*engine.Activations, *engine.Gradients, *engine.Block) {
	t.Helper()
	layer, err := src.AcquireLayer(0, engine.Forward)
	if err != nil {
		t.Fatal(err)
	}
	a := func(name string) engine.Buffer { return named["activations.0."+name] }
	act := &engine.Activations{
		Norm1: a("norm1"), Q: a("q"), K: a("k"), V: a("v"), LSE: a("lse"), O: a("o"), Mid: a("mid"),
		Norm2: a("norm2"), Gate: a("gate"), Up: a("up"), Down: a("down"),
		Low: [engine.NumInputs]engine.Buffer{a("norm1.low"), a("o.low"), a("norm2.low"), a("down.low")},
	}
	bl := &engine.Block{Layer: layer}
	for p := range engine.NumProjections {
		pair := func(kind string) engine.Buffer { return named[fmt.Sprintf("%s.0.%s.%s", kind, p, "A")] }
		other := func(kind string) engine.Buffer { return named[fmt.Sprintf("%s.0.%s.%s", kind, p, "B")] }
		bl.Adapters[p] = &engine.Adapter{
			Rank: 4, Scale: 1, A: pair("adapter"), B: other("adapter"), GradA: pair("gradient"), GradB: other("gradient"),
		}
	}
	d := func(name string) engine.Buffer { return named["gradient."+name] }
	return act, &engine.Gradients{
		Q: d("q"), O: d("o"), K: d("k"), V: d("v"), Gate: d("gate"), Up: d("up"), Down: d("down"), Norm: d("norm"),
	}, bl
}

// TestSetThreads changes the threads between micro-batches of one step.
func TestSetThreads(t *testing.T) {
	s := bitShape()
	l := engine.LoRA{Rank: 6, Alpha: 9, Dropout: 0.1, Targets: modeltest.AllLinear()}
	run := func(threads ...int) *engine.HostAdapter {
		be := open(t, s, Options{Threads: 2})
		src, err := model.NewResident(be, modeltest.Weights(s, 1, true))
		if err != nil {
			t.Fatal(err)
		}
		m, err := model.New(be, src, model.Options{MaxTokens: 300, MaxDocuments: 3, Train: true, LoRA: &l, Accumulate: len(threads)})
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Trained().Upload(modeltest.Adapter(s, l, 1)); err != nil {
			t.Fatal(err)
		}
		for i, n := range threads {
			if err := be.SetThreads(n); err != nil {
				t.Fatal(err)
			}
			if got := be.Describe()["threads"]; got != strconv.Itoa(n) {
				t.Errorf("computes with %s threads, want %d", got, n)
			}
			b := &engine.Batch{}
			for _, e := range modeltest.Examples(s, uint64(i), 3, 20, 60) {
				b.Add(e.Tokens, e.Targets, engine.DropoutKey(e.ID))
			}
			if err := m.Backward(b, 0.01, engine.Dropout{P: 0.1, Seed: 3, Step: 1}); err != nil {
				t.Fatal(err)
			}
		}
		g, err := m.Trained().Gradients()
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	if !reflect.DeepEqual(run(3, 1, 7), run(2, 2, 2)) {
		t.Error("gradients depend on the number of threads")
	}
	be := open(t, s, Options{Threads: 1})
	if err := be.Close(); err != nil {
		t.Fatal(err)
	}
	if be.SetThreads(2) == nil {
		t.Error("a closed backend has threads")
	}
}
