// What the attention kernels share: the tiles of a batch and rounding-free
// helpers of the softmax.
//
// Attention is causal within each document and anchored at its first token:
// tiles start at multiples of their size from there, and sums run over the
// document's own positions in a fixed order. So a document's results do not
// depend on what else is in the batch.
//
// A query sees itself and the window - 1 tokens before it. Models without a
// window have one that is longer than any document, and where attention is cut
// into tiles kernels of their own: a window takes registers that those lack.

#pragma once

#include "common.cuh"

// tile is a block of consecutive rows of one document, clipped by its end.
struct tile {
  int32_t first;      // token of the first row
  int32_t start, end; // tokens of the document, end exclusive
  int32_t unused;
};

// stats are what the backward pass needs of a row of the softmax.
struct stats {
  float lse;   // log of the sum of e^score, times log2(e) where kernels work with powers of two
  float delta; // rowsum(dO o O)
};

#define LOG2E 1.4426950408889634f
#define LN2 0.6931471805599453f
#define MINUS_INFINITY __int_as_float(0xFF800000)

// first_seen is the first key that any of a tile's queries sees, its first row's.
// Tiles of keys matter whose last row is not before it.
template <bool WINDOWED> DEVICE int32_t first_seen(const tile &t, int64_t window) {
  return WINDOWED ? max(t.start, t.first + 1 - (int32_t)window) : t.start;
}

// last_seeing is the end of the queries that see any of a tile's ROWS keys.
template <bool WINDOWED, int ROWS> DEVICE int32_t last_seeing(const tile &t, int64_t window) {
  return WINDOWED ? min(t.end, t.first + ROWS - 1 + (int32_t)window) : t.end;
}

DEVICE float exp2_fast(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// quad_max and quad_sum combine the four lanes that hold one row of a matrix fragment.
DEVICE float quad_max(float x) {
  x = fmaxf(x, __shfl_xor_sync(0xFFFFFFFFu, x, 1));
  return fmaxf(x, __shfl_xor_sync(0xFFFFFFFFu, x, 2));
}
DEVICE float quad_sum(float x) {
  x += __shfl_xor_sync(0xFFFFFFFFu, x, 1);
  return x + __shfl_xor_sync(0xFFFFFFFFu, x, 2);
}

DEVICE uint32_t shared_address(const void *p) { return (uint32_t)__cvta_generic_to_shared(p); }

// copy_async copies 16 bytes to shared memory, or writes zeros if not wanted.
DEVICE void copy_async(uint32_t to, const void *from, bool wanted) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(wanted ? 16 : 0) : "memory");
}
DEVICE void copy_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int PENDING> DEVICE void copy_wait() { asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory"); }
