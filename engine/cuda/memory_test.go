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
		if process > o.Memory || err == nil && all < n {
			t.Errorf("the process takes %d bytes of %d, all processes %d", process, o.Memory, all)
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
