// A vector added to every row of a matrix.

#include "common.cuh"

// x (T, width) += bias (width). One block a row; columns need no alignment, as a
// matrix may lie behind another in the same rows.
template <typename T> DEVICE void add(T *x, int64_t xs, const float *bias, int64_t width) {
  x += blockIdx.x * xs;
  for (int64_t c = threadIdx.x; c < width; c += blockDim.x)
    put(x + c, widen(x[c]) + bias[c]);
}

#define BIAS(type) \
  KERNEL bias_add_##type(type *x, int64_t xs, const float *bias, int64_t width) { add(x, xs, bias, width); }
BIAS(bf16)
BIAS(f32)
