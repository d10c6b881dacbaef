package model

import (
	"testing"

	"daybook/engine"
)

// counting is a backend that has to be told what is not needed any more. It counts
// what is held.
type counting struct {
	engine.Backend
	arenas map[engine.Buffer]int // by first buffer: how many there are
	open   int                   // batches
}

func (d *counting) Allocate(specs []engine.BufferSpec) ([]engine.Buffer, error) {
	arena, err := d.Backend.Allocate(specs)
	if err == nil {
		d.arenas[arena[0]] = len(arena)
	}
	return arena, err
}

func (d *counting) Free(arena []engine.Buffer) error {
	if d.arenas[arena[0]] == len(arena) {
		delete(d.arenas, arena[0])
	}
	return nil
}

type heldBatch struct {
	engine.DeviceBatch
	d *counting
}

func (b heldBatch) Close() error { b.d.open--; return nil }

func (d *counting) NewBatch(maxTokens, maxDocuments int) (engine.DeviceBatch, error) {
	b, err := d.Backend.NewBatch(maxTokens, maxDocuments)
	d.open++
	return heldBatch{b, d}, err
}

// TestClose gives back everything but the base.
func TestClose(t *testing.T) {
	s := training()
	d := &counting{Backend: open(t, s.shape, 1), arenas: map[engine.Buffer]int{}}
	src, err := NewResident(d, s.weights)
	if err != nil {
		t.Fatal(err)
	}
	base := len(d.arenas)
	m, err := New(d, src, Options{MaxTokens: 32, MaxDocuments: 2, LoRA: &lora})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		a, err := m.NewAdapter(engine.NewHostAdapter(s.shape, lora, 1))
		if err != nil {
			t.Fatal(err)
		}
		if m.Use(a); i == 1 {
			if err := m.Drop(a); err != nil {
				t.Fatal(err)
			}
			if m.use != nil {
				t.Error("an adapter that was dropped is in use")
			}
			if m.Drop(a) == nil {
				t.Error("it can be dropped twice")
			}
		}
	}
	if len(d.arenas) != base+3 || d.open != 1 {
		t.Fatalf("%d arenas and %d batches are held", len(d.arenas)-base, d.open)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if len(d.arenas) != base || d.open != 0 {
		t.Errorf("%d arenas and %d batches are still held", len(d.arenas)-base, d.open)
	}
}
