package cpu

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"daybook/engine"
	"daybook/engine/nf4"
)

func TestOpenRefuses(t *testing.T) {
	good := million()
	for want, change := range map[string]func(*engine.Shape, *Options){
		"hidden is 0":                     func(s *engine.Shape, _ *Options) { s.Hidden = 0 },
		"3 key-value heads do not divide": func(s *engine.Shape, _ *Options) { s.KVHeads = 3 },
		"head_dim 31 is odd":              func(s *engine.Shape, _ *Options) { s.HeadDim = 31 },
		"-1 threads":                      func(_ *engine.Shape, o *Options) { o.Threads = -1 },
		`variant "sse9"`:                  func(_ *engine.Shape, o *Options) { o.Variant = "sse9" },
	} {
		s, o := good, Options{Threads: 1}
		change(&s, &o)
		if _, err := Open(s, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func TestNewWeightRefuses(t *testing.T) {
	be := open(t, million(), Options{Threads: 1})
	q := nf4.Quantize(numbers(128, 1), true)
	for name, m := range map[string]engine.Matrix{
		"no format":   {Rows: 2, Cols: 2},
		"two formats": {Rows: 2, Cols: 2, F32: numbers(4, 1), BF16: make([]uint16, 4)},
		"no rows":     {Cols: 2, F32: []float32{}},
		"short f32":   {Rows: 2, Cols: 2, F32: numbers(3, 1)},
		"short bf16":  {Rows: 2, Cols: 2, BF16: make([]uint16, 3)},
		"short nf4":   {Rows: 3, Cols: 64, NF4: q},
		"no scales":   {Rows: 2, Cols: 64, NF4: &engine.NF4{Codes: q.Codes}},
	} {
		if _, err := be.NewWeight(m); !errors.Is(err, errMatrix) && !errors.Is(err, nf4.ErrFormat) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// stranger is nobody's buffer, weight, batch and cache.
type stranger struct{}

func (stranger) Len() int               { return 1 << 20 }
func (stranger) Dims() (rows, cols int) { return 1024, 128 }
func (stranger) Bytes() int64           { return 0 }
func (stranger) Load(*engine.Batch) error {
	return nil
}
func (stranger) Tokens() int { return 3 }

func TestOperationsRefuse(t *testing.T) {
	s := million()
	be, other := open(t, s, Options{Threads: 1}), open(t, s, Options{Threads: 1})
	batch := &engine.Batch{}
	batch.Add([]int32{1, 2, 3}, []int32{2, 3, engine.Ignore}, 1)
	batch.Keys = nil
	put := func(be *Backend, b *engine.Batch) engine.DeviceBatch {
		t.Helper()
		in, err := be.NewBatch(8, 2)
		if err != nil {
			t.Fatal(err)
		}
		if b != nil {
			if err := in.Load(b); err != nil {
				t.Fatal(err)
			}
		}
		return in
	}
	in := put(be, batch)
	x := upload(t, be, make([]float32, 3*s.Hidden))
	short := upload(t, be, make([]float32, 3*s.Hidden-1))
	table := frozen(t, be, engine.Matrix{Rows: s.Vocab, Cols: s.Hidden, F32: numbers(s.Vocab*s.Hidden, 1)})
	packed := frozen(t, be, engine.Matrix{Rows: s.Vocab, Cols: s.Hidden, NF4: nf4.Quantize(numbers(s.Vocab*s.Hidden, 1), true)})
	small := frozen(t, be, engine.Matrix{Rows: 2, Cols: 3, F32: numbers(6, 1)})
	cache, err := be.NewCache(2, 16)
	if err != nil {
		t.Fatal(err)
	}
	act := &engine.Activations{
		Q: x, O: x, K: x, V: x, Mid: x, Norm1: x, Norm2: x,
		LSE: upload(t, be, make([]float32, 3*s.Heads)),
	}
	slots := func(slot, position int32) engine.DeviceBatch {
		b := *batch
		b.Slots, b.Positions = []int32{slot}, []int32{position, position + 1, position + 2}
		return put(be, &b)
	}
	gap := *batch
	gap.Slots, gap.Positions = []int32{0}, []int32{0, 2, 3}
	o := frozen(t, be, engine.Matrix{Rows: s.Hidden, Cols: s.QDim(), F32: numbers(s.Hidden*s.QDim(), 1)})
	pair := upload(t, be, make([]float32, 5*128))
	low := upload(t, be, make([]float32, 3*4))
	block := func(p float32, rank int) *engine.Block {
		bl := &engine.Block{Layer: &engine.Layer{}, Dropout: engine.Dropout{P: p}}
		bl.Layer.Proj[engine.O] = o
		bl.Adapters[engine.O] = &engine.Adapter{Rank: rank, Scale: 1, A: pair, B: pair}
		return bl
	}
	adapted := *act
	adapted.Low[engine.OutputInput] = low
	adapted.Mid = upload(t, be, make([]float32, 3*s.Hidden))
	head := &engine.Head{Norm: x, Weight: table}

	for _, c := range []struct {
		want string
		run  func() error
	}{
		{"embed: batch: made by another backend", func() error { return be.Embed(put(other, batch), table, x) }},
		{"embed: batch: made by another backend", func() error { return be.Embed(stranger{}, table, x) }},
		{"embed: batch: nothing is loaded", func() error { return be.Embed(put(be, nil), table, x) }},
		{"embed: table: weight: made by another", func() error { return be.Embed(in, stranger{}, x) }},
		{"embed: table: weight is 2 by 3", func() error { return be.Embed(in, small, x) }},
		{"embed: the table is quantized", func() error { return be.Embed(in, packed, x) }},
		{"embed: x: buffer: made by another", func() error { return be.Embed(in, table, stranger{}) }},
		{"embed: x: buffer of 383 elements, need 384", func() error { return be.Embed(in, table, short) }},
		{"upload: 2 values to a buffer of 1", func() error { return be.Upload(upload(t, be, []float32{1}), []float32{1, 2}) }},
		{"upload: buffer: made by another", func() error { return be.Upload(stranger{}, nil) }},
		{"download: 2 values from a buffer of 1", func() error { return be.Download(make([]float32, 2), upload(t, be, []float32{1})) }},
		{"download: buffer: made by another", func() error { return be.Download(nil, stranger{}) }},
		{"attention: k: buffer", func() error {
			a := *act
			a.K = stranger{}
			return be.Attention(in, &a)
		}},
		{"store: the batch has no slots", func() error { return be.Store(in, cache, 0, act) }},
		{"store: cache: made by another", func() error { return be.Store(slots(0, 0), stranger{}, 0, act) }},
		{"store: cache: layer 5 of 5", func() error { return be.Store(slots(0, 0), cache, 5, act) }},
		{"store: document 0: slot 2 of 2", func() error { return be.Store(slots(2, 0), cache, 0, act) }},
		{"store: document 0: 17 positions exceed the cache's 16", func() error { return be.Store(slots(0, 14), cache, 0, act) }},
		{"store: document 0: positions are not consecutive", func() error { return be.Store(put(be, &gap), cache, 0, act) }},
		{"cached attention: document 0: slot", func() error { return be.CachedAttention(slots(-1, 0), cache, 0, act) }},
		{"output: dropout: the batch has no keys", func() error { return be.Output(in, block(0.1, 4), x, &adapted) }},
		{"output: o_proj: adapter of rank 0", func() error { return be.Output(in, block(0, 0), x, &adapted) }},
		{"output: o_proj: low: buffer of 12 elements, need 15", func() error { return be.Output(in, block(0, 5), x, &adapted) }},
		{"output backward: o_proj: adapter has no gradients", func() error {
			return be.OutputBackward(in, block(0, 4), &adapted, &engine.Gradients{O: x}, x)
		}},
		{"loss: head: weight is 2 by 3", func() error {
			return be.Loss(in, &engine.Head{Norm: x, Weight: small}, x, 1, x, x, nil)
		}},
		{"loss: d: buffer of 383", func() error { return be.Loss(in, head, x, 1, x, x, short) }},
		{"greedy: norm: buffer", func() error {
			_, err := be.Greedy(in, &engine.Head{Norm: stranger{}, Weight: table}, x)
			return err
		}},
		{"logits: x: buffer of 383", func() error {
			_, err := be.Logits(in, head, short, false)
			return err
		}},
		{"batch: capacity of 0 tokens", func() error {
			_, err := be.NewBatch(0, 1)
			return err
		}},
		{"cache: 0 slots", func() error {
			_, err := be.NewCache(0, 1)
			return err
		}},
		{"allocate: bad: -1 elements", func() error {
			_, err := be.Allocate([]engine.BufferSpec{{Name: "bad", Len: -1}})
			return err
		}},
		{"allocate: 1152921504606846976 elements", func() error {
			_, err := be.Allocate([]engine.BufferSpec{{Name: "huge", Len: 1 << 60}})
			return err
		}},
		{"optimizer: w: 1 values with 2 gradients", func() error {
			_, err := be.NewOptimizer(engine.OptimizerConfig{}, []engine.Param{{Name: "w", Value: upload(t, be, numbers(1, 1)), Grad: upload(t, be, numbers(2, 1))}})
			return err
		}},
		{"batch: 2 dropout keys for 1 documents", func() error {
			b := *batch
			b.Keys = []uint64{1, 2}
			return in.Load(&b)
		}},
		{"batch: 2 slots for 1 documents", func() error {
			b := *batch
			b.Slots = []int32{1, 0}
			return in.Load(&b)
		}},
		{"batch: document 0: token 1: id 1024", func() error {
			b := *batch
			b.Tokens = []int32{1, 1024, 3}
			return in.Load(&b)
		}},
	} {
		if err := c.run(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
}

func TestClosed(t *testing.T) {
	be := open(t, million(), Options{Threads: 3})
	in, err := be.NewBatch(8, 2)
	if err != nil {
		t.Fatal(err)
	}
	batch := &engine.Batch{}
	batch.Add([]int32{1, 2, 3}, nil, 1)
	if err := in.Load(batch); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := be.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := be.Attention(in, &engine.Activations{}); !errors.Is(err, errClosed) {
		t.Errorf("error %v, want %v", err, errClosed)
	}
}

// TestMemoryComesBack counts what is held, and frees what nothing refers to.
func TestMemoryComesBack(t *testing.T) {
	be := open(t, million(), Options{Threads: 1})
	before, _ := be.Memory()
	func() {
		specs := []engine.BufferSpec{{Name: "a", Len: 1000}, {Name: "b", Len: 17}}
		bufs, err := be.Allocate(specs)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := be.Memory(); got-before != be.Size(specs) || be.Size(specs) != 4*(1008+32) {
			t.Errorf("holds %d bytes more, size says %d", got-before, be.Size(specs))
		}
		for i := range bufs {
			if bufs[i].Len() != specs[i].Len {
				t.Errorf("%s has %d elements", specs[i].Name, bufs[i].Len())
			}
		}
	}()
	deadline := time.Now().Add(10 * time.Second)
	for {
		runtime.GC()
		now, peak := be.Memory()
		if now == before {
			if peak < before+4*1040 {
				t.Errorf("peak of %d bytes, held %d", peak, before+4*1040)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still holds %d bytes of buffers that nothing refers to", now-before)
		}
		time.Sleep(time.Millisecond)
	}
}
