// Package cpu is the reference backend: the engine's operations in float32 on
// the processor, and the oracle for every other backend.
//
// Its kernels are C, compiled for each instruction set from one source and
// chosen when a backend opens. Their bits do not depend on that choice, nor on
// the number of threads, on how work is split, or on what else is in a batch:
//
//   - an element of a matrix product is one chain of fused multiply-adds in the
//     order of the common index; a projection's adapter continues the chain of
//     its base;
//   - a sum along a row has sixteen partial sums, added up in a fixed order;
//   - gradients of adapters are chains over the tokens of the batch in order,
//     going on from what the gradient held, so that micro-batches add up to
//     what one larger batch gives;
//   - exponentials and logarithms are its own.
//
// Frozen weights in NF4 stay packed: a thread unpacks what it needs of them for
// one operation into scratch, at most 1 MiB at a time. Logits exist for some rows at a
// time, attention scores for some queries of one head. It allocates nothing
// once buffers have the size that a batch needs.
//
// It knows nothing about models or training; package model calls it.
package cpu

// #cgo CFLAGS: -std=c11 -O3 -Wall -Wno-psabi
// #cgo LDFLAGS: -lm
// #include "kernels.h"
import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"

	"daybook/engine"
)

// numericsVersion rises whenever an operation's bits change.
const numericsVersion = 1

// Options configure a backend.
type Options struct {
	// Threads is how many cores to use; 0 means all. It changes no result.
	Threads int
	// Variant forces an instruction set, one of Variants; "" means the best that
	// the machine has. It changes no result.
	Variant string
}

var variantNames = []string{"baseline", "avx2", "avx512"}

// Variants returns the instruction sets that this machine can run, best last.
func Variants() []string {
	var v []string
	for i, name := range variantNames {
		if C.variant_supported(C.int(i)) != 0 {
			v = append(v, name)
		}
	}
	return v
}

// Backend computes on the processor. It implements engine.Backend and is not
// safe for concurrent use.
type Backend struct {
	shape   engine.Shape
	variant C.int
	pool    *pool
	memory  *memory
	rope    rope
	jobs    jobs
	low     scratch // (tokens, ranks side by side) gradients of an input's adapters
	normed  scratch // (rows of a chunk, Hidden) of the loss, twice
	logits  scratch // (rows of a chunk, Vocab)
	ints    scratch
}

var (
	_ engine.Backend  = (*Backend)(nil)
	_ engine.Threader = (*Backend)(nil)
)

// Open returns a backend for models of shape s.
func Open(s engine.Shape, o Options) (*Backend, error) {
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("cpu: %w", err)
	}
	if o.Threads < 0 {
		return nil, fmt.Errorf("cpu: %d threads: must not be negative", o.Threads)
	}
	if o.Threads == 0 {
		o.Threads = runtime.NumCPU()
	}
	names := Variants()
	if o.Variant == "" {
		o.Variant = names[len(names)-1]
	}
	variant := -1
	for i, name := range variantNames {
		if name == o.Variant && C.variant_supported(C.int(i)) != 0 {
			variant = i
		}
	}
	if variant < 0 {
		return nil, fmt.Errorf("cpu: variant %q: this machine has %v", o.Variant, names)
	}
	m := &memory{}
	p, err := newPool(o.Threads, m)
	if err != nil {
		return nil, fmt.Errorf("cpu: %d threads: %w", o.Threads, err)
	}
	b := &Backend{shape: s, variant: C.int(variant), memory: m, pool: p, low: scratch{memory: m}}
	b.rope.memory, b.normed.memory, b.logits.memory, b.ints.memory = m, m, m, m
	if err := b.initJobs(); err != nil {
		b.pool.close()
		return nil, fmt.Errorf("cpu: %w", err)
	}
	return b, nil
}

// Numerics implements engine.Backend.
func (b *Backend) Numerics() engine.Numerics { return Numerics() }

// Numerics returns the numerics class of every backend of this package.
func Numerics() engine.Numerics {
	return engine.Numerics{Backend: "cpu", Compute: "float32", Version: numericsVersion}
}

// Describe implements engine.Backend.
func (b *Backend) Describe() map[string]string {
	return map[string]string{
		"cpu":      processorName(),
		"threads":  strconv.Itoa(b.pool.threads),
		"kernels":  variantNames[b.variant],
		"compiler": C.GoString(C.compiler_version()),
	}
}

// SetThreads implements engine.Threader; 0 means all.
func (b *Backend) SetThreads(n int) error {
	switch {
	case b.pool.pool == nil:
		return fmt.Errorf("cpu: %w", errClosed)
	case n < 0:
		return fmt.Errorf("cpu: %d threads: must not be negative", n)
	case n == 0:
		n = runtime.NumCPU()
	}
	p, err := newPool(n, b.memory)
	if err != nil {
		return fmt.Errorf("cpu: %d threads: %w", n, err)
	}
	b.pool.close()
	b.pool = p
	return nil
}

// Memory returns the bytes that weights, buffers, caches and scratch take now,
// and the most that they have taken.
func (b *Backend) Memory() (resident, peak int64) {
	return b.memory.resident.Load(), b.memory.peak.Load()
}

// Sync implements engine.Backend. Operations are done when they return.
func (b *Backend) Sync() error { return nil }

// Close implements engine.Backend. Buffers stay readable as long as something
// refers to them; operations fail.
func (b *Backend) Close() error {
	b.pool.close()
	return nil
}

var (
	errForeign = errors.New("made by another backend")
	errClosed  = errors.New("the backend is closed")
)
