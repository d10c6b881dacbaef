//go:build cuda

package cuda

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"daybook/engine"
	"daybook/engine/nf4"
)

// TestHostBuffers moves a matrix with another beside it to host memory and back.
func TestHostBuffers(t *testing.T) {
	for _, o := range everywhere(t) {
		t.Run(o.name(), func(t *testing.T) {
			b := start(t, o)
			const rows, width, beside = 37, 24, 9
			specs := func(name string, host bool) []engine.BufferSpec {
				return []engine.BufferSpec{
					{Name: name, Len: rows * width, Width: width, Host: host},
					{Name: name + " beside", Len: rows * beside, Width: beside, Host: host, Beside: name},
				}
			}
			all := append(specs("device", false), specs("host", true)...)
			if device := b.Size(specs("device", false)); b.Size(all) != device {
				t.Errorf("%d bytes with buffers in host memory, %d without", b.Size(all), device)
			}
			got, err := b.Allocate(all)
			if err != nil {
				t.Fatal(err)
			}
			values := make([][]float32, len(got))
			for i, buf := range got {
				values[i] = make([]float32, buf.Len())
				for j := range values[i] {
					values[i][j] = float32(rand.IntN(256))
				}
				if err := b.Upload(buf, values[i]); err != nil {
					t.Fatal(err)
				}
			}
			read := func(i int) []float32 {
				t.Helper()
				v := make([]float32, got[i].Len())
				if err := b.Download(v, got[i]); err != nil {
					t.Fatal(err)
				}
				return v
			}
			for _, move := range [][2]int{{2, 0}, {1, 3}, {0, 2}} {
				to, from := move[0], move[1]
				if err := errors.Join(b.Copy(got[to], got[from]), b.Join()); err != nil {
					t.Fatal(err)
				}
				values[to] = values[from]
				for i := range got {
					if !slices.Equal(read(i), values[i]) {
						t.Errorf("buffer %s after a copy from %d to %d is not what it should be", all[i].Name, from, to)
					}
				}
			}
			if b.Copy(got[0], got[1]) == nil {
				t.Error("copied to a buffer of another width")
			}
		})
	}
}

// TestReclaim allocates far more than there is, a part at a time: what nothing
// refers to any more must make room.
func TestReclaim(t *testing.T) {
	for _, o := range everywhere(t) {
		t.Run(o.name(), func(t *testing.T) {
			b := start(t, o)
			n, err := b.Available()
			if err != nil {
				t.Fatal(err)
			}
			part := []engine.BufferSpec{{Name: "part", Kind: engine.Float, Len: int(n / 4 / 3)}}
			for i := range 12 {
				if _, err := b.Allocate(part); err != nil {
					t.Fatalf("part %d of %d bytes: %v", i, b.Size(part), err)
				}
			}
			resident, peak := b.Memory()
			if resident > n+libraries || peak < resident {
				t.Errorf("%d bytes resident, %d at most, of %d", resident, peak, n)
			}
		})
	}
}

func TestOutOfMemory(t *testing.T) {
	for _, o := range everywhere(t) {
		t.Run(o.name(), func(t *testing.T) {
			b := start(t, o)
			_, err := b.Allocate([]engine.BufferSpec{{Name: "huge", Kind: engine.Float, Len: 1 << 42}})
			var hint interface{ Hint() string }
			if !errors.Is(err, errMemory) || !errors.As(err, &hint) {
				t.Errorf("16 TiB: %v", err)
			}
			if _, err := b.Allocate([]engine.BufferSpec{{Name: "small", Len: 1000}}); err != nil {
				t.Errorf("after a refusal: %v", err)
			}
		})
	}
}

// TestMemoryLimit emulates a small card.
func TestMemoryLimit(t *testing.T) {
	for _, o := range everywhere(t) {
		o.Memory = 3 << 30
		b, err := open(engine.Shape{Vocab: 8, Hidden: 8, Layers: 1, Heads: 1, KVHeads: 1, HeadDim: 8, Intermediate: 8, MaxPositions: 8}, o)
		if err != nil {
			t.Fatal(err)
		}
		n, err := b.Available()
		if err != nil || n > o.Memory-256<<20 || n < 1<<30 {
			t.Errorf("%d bytes available of %d: %v", n, o.Memory, err)
		}
		keep, err := b.Allocate([]engine.BufferSpec{{Name: "all", Kind: engine.Float, Len: int(n / 4)}})
		if err != nil {
			t.Error(err)
		}
		if _, err := b.Allocate([]engine.BufferSpec{{Name: "more", Kind: engine.Float, Len: 64 << 20}}); !errors.Is(err, errMemory) {
			t.Errorf("256 MiB beyond the limit: %v", err)
		}
		time.Sleep(time.Second) // until NVML knows
		process, all, err := b.ProcessMemory()
		t.Logf("%s: %d MiB available, process %d MiB, device %d MiB, %v", o.name(), n>>20, process>>20, all>>20, err)
		if process < 0 { // NVML hides processes: what all have taken since b was opened
			process = all - b.before
		}
		if err == nil && (process < n-4 || process > o.Memory) { // n to whole floats
			t.Errorf("the process takes %d bytes of %d, of which %d were asked for; all processes %d", process, o.Memory, n, all)
		}
		runtime.KeepAlive(keep)
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		if b.Sync() == nil {
			t.Error("a closed backend works")
		}
	}
}

// TestNewWeights places matrices of every format together: they must hold what each
// holds by itself, in as many bytes as were planned.
func TestNewWeights(t *testing.T) {
	for _, o := range everywhere(t) {
		t.Run(o.name(), func(t *testing.T) {
			s := engine.Shape{Vocab: 96, Hidden: 80, Layers: 1, Heads: 1, KVHeads: 1, HeadDim: 80, Intermediate: 80, RopeTheta: 1e4, MaxPositions: 128}
			b, err := open(s, o)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = b.Close() })
			values := make([]float32, s.Vocab*s.Hidden)
			half := make([]uint16, len(values))
			for i := range values {
				values[i] = rand.Float32() - 0.5
				half[i] = engine.BFloat16(values[i])
			}
			all := []engine.Matrix{
				{Rows: s.Vocab, Cols: s.Hidden, F32: values},
				{Rows: s.Vocab, Cols: s.Hidden, BF16: half},
				{Rows: s.Vocab, Cols: s.Hidden, NF4: nf4.Quantize(values, true)},
				{Rows: s.Vocab, Cols: s.Hidden, BF16: half, Host: true},
				{Rows: s.Vocab, Cols: s.Hidden, NF4: nf4.Quantize(values, false)},
			}
			var planned int64
			for _, m := range all {
				planned += b.WeightBytes(m)
			}
			before, _ := b.Memory()
			together, err := b.NewWeights(all)
			if err != nil {
				t.Fatal(err)
			}
			if after, _ := b.Memory(); after-before != planned {
				t.Errorf("took %d bytes, planned %d", after-before, planned)
			}
			batch, err := b.NewBatch(s.Vocab, 1)
			if err != nil {
				t.Fatal(err)
			}
			tokens := &engine.Batch{}
			for i := range s.Vocab {
				tokens.Tokens = append(tokens.Tokens, int32(i))
				tokens.Positions = append(tokens.Positions, int32(i))
			}
			tokens.Starts = []int32{0, int32(s.Vocab)}
			if err := batch.Load(tokens); err != nil {
				t.Fatal(err)
			}
			rows := func(w engine.Weight) []float32 {
				t.Helper()
				x, err := b.Allocate([]engine.BufferSpec{{Name: "x", Kind: engine.Activation, Len: s.Vocab * s.Hidden, Width: s.Hidden}})
				if err != nil {
					t.Fatal(err)
				}
				got := make([]float32, s.Vocab*s.Hidden)
				if err := errors.Join(b.Embed(batch, w, x[0]), b.Download(got, x[0])); err != nil {
					t.Fatal(err)
				}
				return got
			}
			for i, m := range all {
				if m.NF4 != nil {
					continue // no table of embeddings is
				}
				alone, err := b.NewWeight(m)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(rows(together[i]), rows(alone)) {
					t.Errorf("matrix %d holds something else than alone", i)
				}
			}
			all[2].NF4.Codes = all[2].NF4.Codes[1:]
			if _, err := b.NewWeights(all); err == nil {
				t.Error("placed a matrix without all its codes")
			}
		})
	}
}
