// Products of few rows with a whole weight of any shape and format: what
// decode_linear.cu does not take, and all of them in f32. One warp a feature and
// row.

#include "maps.cuh"
#include "swiglu.cuh"

enum { BLOCK = 64, SUPERBLOCK = 256 };

enum { NF4, BF16, F32 }; // formats of a weight

// rounded is x as an element of type T.
template <typename T> DEVICE float rounded(float x) {
  T element;
  put(&element, x);
  return widen(element);
}

// out (T, N) = x W^T + s B low (+ residual), or with gate given, silu(gate) times that.
template <typename T>
DEVICE void product(T *out, int64_t out_stride, int32_t wide, const T *x, int64_t x_stride, const T *low, int64_t low_stride, const void *weight, int64_t weight_stride, const uint8_t *scales, const float *levels, const float *b, const T *residual, int64_t residual_stride, const T *gate, int64_t gate_stride, int64_t K, int64_t N, int64_t rank, float offset, float s, int32_t format) {
  const int64_t n = (int64_t)blockIdx.x * (blockDim.x / WARP) + threadIdx.x / WARP, y = blockIdx.y;
  const int lane = threadIdx.x % WARP;
  if (n >= N)
    return;
  x += y * x_stride;
  float sum = 0.0f;
  for (int64_t k = lane; k < K; k += WARP) {
    float w;
    if (format == NF4) {
      const int64_t at = n * K + k, block = at / BLOCK;
      const float absmax = scales ? __fadd_rn(__fmul_rn(dynamic_signed[scales[block]], levels[block / SUPERBLOCK]), offset) : levels[block];
      w = rounded<T>(absmax * nf4_codes[((const uint8_t *)weight)[at / 2] >> (at % 2 ? 0 : 4) & 15]);
    } else if (format == BF16)
      w = widen(((const bf16 *)weight)[n * weight_stride + k]);
    else
      w = ((const float *)weight)[n * weight_stride + k];
    sum += w * widen(x[k]);
  }
  for (int64_t r = lane; r < rank; r += WARP)
    sum += rounded<T>(s * b[n * rank + r]) * widen(low[y * low_stride + r]);
  sum = warp_sum(sum);
  if (lane != 0)
    return;
  if (gate) {
    const float g = widen(gate[y * gate_stride + n]);
    sum = g * logistic<T>(g) * rounded<T>(sum);
  }
  if (residual)
    sum += widen(residual[y * residual_stride + n]);
  if (wide)
    ((float *)out)[y * out_stride + n] = sum;
  else
    put(out + y * out_stride + n, sum);
}

#define SIMPLE(type)                                                                                                                                  \
  KERNEL decode_simple_##type(type *out, int64_t out_stride, const type *x, int64_t x_stride, const type *low, int64_t low_stride, const void *weight, \
                              int64_t weight_stride, const uint8_t *scales, const float *levels, const float *b, const type *residual,                 \
                              int64_t residual_stride, const type *gate, int64_t gate_stride, int64_t K, int64_t N, int64_t rank, float offset,        \
                              float s, int32_t format, int32_t wide) {                                                                                 \
    product(out, out_stride, wide, x, x_stride, low, low_stride, weight, weight_stride, scales, levels, b, residual, residual_stride, gate,             \
            gate_stride, K, N, rank, offset, s, format);                                                                                               \
  }
SIMPLE(bf16)
SIMPLE(f32)
