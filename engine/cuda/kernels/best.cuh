// The largest element of a row and where it is first.

#pragma once

#include "common.cuh"

struct best {
  float value;
  uint32_t index;
};

enum { NOWHERE = 0xFFFFFFFFu };

DEVICE best none() { return {__uint_as_float(0xFF800000u), NOWHERE}; }

// better keeps the larger, of equals the one with the lower index.
DEVICE void better(best &a, best b) {
  if (b.value > a.value || (b.value == a.value && b.index < a.index))
    a = b;
}

// block_best returns the best of all threads to each.
DEVICE best block_best(best a) {
  __shared__ best parts[WARP];
  const int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP, warps = blockDim.x / WARP;
#pragma unroll
  for (int round = 0; round < 2; round++) {
#pragma unroll
    for (int other = WARP / 2; other > 0; other /= 2) {
      best b;
      b.value = __shfl_xor_sync(0xFFFFFFFFu, a.value, other);
      b.index = __shfl_xor_sync(0xFFFFFFFFu, a.index, other);
      better(a, b);
    }
    if (round == 0) {
      if (lane == 0)
        parts[warp] = a;
      __syncthreads();
      a = lane < warps ? parts[lane] : none();
    }
  }
  __syncthreads(); // parts may be written again
  return a;
}
