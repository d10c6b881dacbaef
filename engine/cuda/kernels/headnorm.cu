// RMSNorm of every head of queries or keys (Zhang & Sennrich 2019, eq. 4), as Qwen3
// has it, and its gradient. A warp takes a head, which it reads twice.

#include "common.cuh"

DEVICE int64_t head_of_warp() { return (int64_t)blockIdx.y * (blockDim.x / WARP) + threadIdx.x / WARP; }

// y (T, heads*dim) = weight (dim) * x / sqrt(mean(x^2) + eps), head by head.
template <typename T>
DEVICE void forward(T *y, int64_t ys, const T *x, int64_t xs, const float *weight, int64_t heads, int64_t dim, float eps) {
  const int64_t head = head_of_warp(), lane = threadIdx.x % WARP;
  if (head >= heads)
    return;
  x += blockIdx.x * xs + head * dim;
  y += blockIdx.x * ys + head * dim;
  float sum = 0.0f;
  for (int64_t c = lane; c < dim; c += WARP) {
    const float v = widen(x[c]);
    sum += v * v;
  }
  const float inverse = 1.0f / sqrtf(warp_sum(sum) / (float)dim + eps);
  for (int64_t c = lane; c < dim; c += WARP)
    put(y + c, widen(x[c]) * inverse * weight[c]);
}

// d (T, heads*dim) = inverse * (g - x * inverse^2 * mean(g x)), with g = d * weight
// and inverse as above: from the gradient of y to that of x.
template <typename T>
DEVICE void backward(T *d, int64_t ds, const T *x, int64_t xs, const float *weight, int64_t heads, int64_t dim, float eps) {
  const int64_t head = head_of_warp(), lane = threadIdx.x % WARP;
  if (head >= heads)
    return;
  x += blockIdx.x * xs + head * dim;
  d += blockIdx.x * ds + head * dim;
  float square = 0.0f, product = 0.0f;
  for (int64_t c = lane; c < dim; c += WARP) {
    const float v = widen(x[c]);
    square += v * v;
    product += widen(d[c]) * weight[c] * v;
  }
  const float inverse = 1.0f / sqrtf(warp_sum(square) / (float)dim + eps);
  const float mean = warp_sum(product) / (float)dim * inverse * inverse;
  for (int64_t c = lane; c < dim; c += WARP)
    put(d + c, inverse * (widen(d[c]) * weight[c] - widen(x[c]) * mean));
}

#define HEADNORM(type)                                                                                                                               \
  KERNEL headnorm_forward_##type(type *y, int64_t ys, const type *x, int64_t xs, const float *weight, int64_t heads, int64_t dim, float eps) {   \
    forward(y, ys, x, xs, weight, heads, dim, eps);                                                                                              \
  }                                                                                                                                              \
  KERNEL headnorm_backward_##type(type *d, int64_t ds, const type *x, int64_t xs, const float *weight, int64_t heads, int64_t dim, float eps) {  \
    backward(d, ds, x, xs, weight, heads, dim, eps);                                                                                             \
  }
HEADNORM(bf16)
HEADNORM(f32)
