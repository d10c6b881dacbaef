// RMSNorm (Zhang & Sennrich 2019, eq. 4) and its gradient. One block a row; a row
// is read twice, the second time from the cache.

#include "dropout.cuh"

// y (T, width) = weight (width) * x / sqrt(mean(x^2) + eps), and the dropout mask of
// y unless that is NULL: here the arithmetic of masks costs nothing, as memory is
// what the kernel waits for.
template <typename T>
DEVICE void forward(T *y, int64_t ys, uint8_t *mask, int64_t ms, const T *x, int64_t xs, const float *weight, const dropout &drops, int64_t width,
                    float eps) {
  x += blockIdx.x * xs;
  y += blockIdx.x * ys;
  float sum[1] = {0.0f};
  for (int64_t c = threadIdx.x * GROUP; c < width; c += blockDim.x * GROUP) {
    float v[GROUP];
    load(x + c, width - c, v);
#pragma unroll
    for (int i = 0; i < GROUP; i++)
      sum[0] += v[i] * v[i];
  }
  block_sum(sum);
  const float inverse = 1.0f / sqrtf(sum[0] / (float)width + eps);
  const mask_row row = mask ? row_of(drops, blockIdx.x) : mask_row{};
  for (int64_t c = threadIdx.x * GROUP; c < width; c += blockDim.x * GROUP) {
    float v[GROUP], w[GROUP];
    load(x + c, width - c, v);
    load(weight + c, width - c, w);
#pragma unroll
    for (int i = 0; i < GROUP; i++)
      v[i] = v[i] * inverse * w[i];
    store(y + c, width - c, v);
    if (mask)
      mask[blockIdx.x * ms + c / GROUP] = (uint8_t)kept(drops, row, c);
  }
}

// d (T, width) += inverse * (g - x * inverse^2 * mean(g x)), with g = dy * weight
// and inverse as above: the gradient with respect to x.
template <typename T> DEVICE void backward(T *d, int64_t ds, const T *x, int64_t xs, const float *weight, const T *dy, int64_t dys, int64_t width, float eps) {
  d += blockIdx.x * ds;
  x += blockIdx.x * xs;
  dy += blockIdx.x * dys;
  float sums[2] = {0.0f, 0.0f}; // of x^2 and g x
  for (int64_t c = threadIdx.x * GROUP; c < width; c += blockDim.x * GROUP) {
    float v[GROUP], w[GROUP], g[GROUP];
    load(x + c, width - c, v);
    load(dy + c, width - c, g);
    load(weight + c, width - c, w);
#pragma unroll
    for (int i = 0; i < GROUP; i++) {
      sums[0] += v[i] * v[i];
      sums[1] += g[i] * w[i] * v[i];
    }
  }
  block_sum(sums);
  const float inverse = 1.0f / sqrtf(sums[0] / (float)width + eps);
  const float mean = sums[1] / (float)width * inverse * inverse;
  for (int64_t c = threadIdx.x * GROUP; c < width; c += blockDim.x * GROUP) {
    float v[GROUP], w[GROUP], g[GROUP], out[GROUP];
    load(x + c, width - c, v);
    load(dy + c, width - c, g);
    load(weight + c, width - c, w);
    load(d + c, width - c, out);
#pragma unroll
    for (int i = 0; i < GROUP; i++)
      out[i] += inverse * (g[i] * w[i] - v[i] * mean);
    store(d + c, width - c, out);
  }
}

#define RMSNORM(type)                                                                                                                     \
  KERNEL rmsnorm_forward_##type(type *y, int64_t ys, uint8_t *mask, int64_t ms, const type *x, int64_t xs, const float *weight,   \
                                const int32_t *positions, const int32_t *owner, const uint64_t *keys, int64_t width, float eps,   \
                                uint32_t key_low, uint32_t key_high, uint32_t threshold) {                                        \
    forward(y, ys, mask, ms, x, xs, weight, {positions, owner, keys, {key_low, key_high}, threshold}, width, eps);                \
  }                                                                                                                               \
  KERNEL rmsnorm_backward_##type(type *d, int64_t ds, const type *x, int64_t xs, const float *weight, const type *dy, int64_t dys, \
                                 int64_t width, float eps) {                                                                      \
    backward(d, ds, x, xs, weight, dy, dys, width, eps);                                                                          \
  }
RMSNORM(bf16)
RMSNORM(f32)
