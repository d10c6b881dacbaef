//go:build cuda

package cuda

import (
	"math/rand/v2"
	"slices"
	"testing"

	"daybook/engine/optim"
)

// TestStatePlan takes random state through the layout of the device and back, and
// checks that no two parts of it share a byte.
func TestStatePlan(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var p statePlan
	sizes := []int{1, 300, pieceSize - 1, pieceSize, pieceSize + 1, 3*pieceSize + 257, optim.MinEightBit}
	for i, n := range sizes {
		p.add(string(rune('a'+i)), n, n >= optim.MinEightBit, pointer(i)<<32, pointer(i)<<32)
	}
	if eight, total := p.quantized(); eight != pieceSize+pieceSize+1+3*pieceSize+257+optim.MinEightBit || total != eight+1+300+pieceSize-1 {
		t.Errorf("%d of %d elements in 8 bits", eight, total)
	}

	tensors := p.tensors()
	for i := range tensors {
		for j := range tensors[i].F32 {
			tensors[i].F32[j] = r.Float32() + 1
		}
		for j := range tensors[i].U8 {
			tensors[i].U8[j] = byte(1 + r.IntN(255))
		}
	}
	bytes := make([]byte, p.bytes)
	p.scatter(bytes, tensors)
	again := p.tensors()
	p.gather(again, bytes)
	for i, want := range tensors {
		if got := again[i]; got.Name != want.Name || !slices.Equal(got.F32, want.F32) || !slices.Equal(got.U8, want.U8) {
			t.Errorf("state %s is not what it was", want.Name)
		}
	}

	used := make([]bool, p.bytes)
	p.each(tensors, func(part []byte, at int64) {
		for i := range part {
			if used[at+int64(i)] {
				t.Fatalf("byte %d belongs to two parts", at+int64(i))
			}
			used[at+int64(i)] = true
		}
	})
	for i, c := range p.pieces {
		if c.state%stateAlign != 0 || c.value%16 != 0 {
			t.Errorf("piece %d at %d with state at %d is not aligned", i, c.value, c.state)
		}
	}
}
