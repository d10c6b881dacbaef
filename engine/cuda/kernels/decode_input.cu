// The input of a product of few rows (decode_linear.cu): rows of x, normalised if
// wanted, rounded, and laid out as that product reads them, with A x of every
// adapter beside them.
//
// A block does ROWS rows and one rank: it takes the rows' norms anew, which is
// cheaper than waiting for another block, and the share of the layout that has
// its number. The order of every sum depends on the width alone.

#include "common.cuh"

enum { BLOCK = 64, COLUMNS = 8, THREADS = 256 };

// How a row of x lies in the result.
enum {
  PLAIN, // row after row, each K wide rounded up to eight
  NF4,   // in groups of eight columns, [row/8][block][i][row%8][t], i < 2, t < 4: columns 16t+8i of a block; see float16
  DENSE, // the same with columns 32i+8t
};

// For NF4 rows are float16, whose three more bits the codes need (decode_linear.cu),
// times a power of two that puts the largest element between 2^13 and 2^14: that
// loses nothing of an element above 2^-27 of it. factors gets what undoes it.

// rounded is x as an element of type T.
template <typename T> DEVICE float rounded(float x) {
  T element;
  put(&element, x);
  return widen(element);
}

// position returns where the group of eight that begins at column k of a row goes.
DEVICE int64_t position(int layout, int64_t row, int64_t k, int64_t K) {
  if (layout == PLAIN)
    return row * ((K + GROUP - 1) / GROUP * GROUP) + k;
  const int64_t blocks = (K + BLOCK - 1) / BLOCK, block = k / BLOCK;
  const int group = k % BLOCK / GROUP;
  const int t = layout == NF4 ? group / 2 : group % 4, i = layout == NF4 ? group % 2 : group / 4;
  return ((((row / COLUMNS * blocks + block) * 2 + i) * COLUMNS + row % COLUMNS) * 4 + t) * GROUP;
}

// adapter is one of up to three that read the same input.
struct adapter {
  const float *a; // (rank, K)
  int64_t rank, padded; // padded ranks are rows of the grid; those beyond rank give zero
};

// power returns 2^(13-e) for a magnitude of 2^e, 1 where there is none.
DEVICE float power(float magnitude) {
  const int exponent = __float_as_uint(magnitude) >> 23;
  return magnitude == 0.0f || exponent == 255 ? 1.0f : __uint_as_float(min(267 - exponent, 253) << 23);
}

DEVICE uint4 float16(const float (&v)[GROUP], float factor) {
  uint32_t pair[GROUP / 2];
#pragma unroll
  for (int i = 0; i < GROUP / 2; i++)
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(pair[i]) : "f"(v[2 * i + 1] * factor), "f"(v[2 * i] * factor));
  return make_uint4(pair[0], pair[1], pair[2], pair[3]);
}

// block_max returns the largest of N values that are not negative, each over the
// block, to every thread; NaN counts as largest.
template <int N> DEVICE void block_max(float (&x)[N]) {
  __shared__ uint32_t parts[N][WARP];
  const int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP, warps = blockDim.x / WARP;
#pragma unroll
  for (int i = 0; i < N; i++) {
    const uint32_t most = __reduce_max_sync(0xFFFFFFFFu, __float_as_uint(x[i]));
    if (lane == 0)
      parts[i][warp] = most;
  }
  __syncthreads();
#pragma unroll
  for (int i = 0; i < N; i++)
    x[i] = __uint_as_float(__reduce_max_sync(0xFFFFFFFFu, lane < warps ? parts[i][lane] : 0));
}

// input writes packed (count rows of K, see position), factors (count) and low
// (count, sum of padded ranks) from x. Row i of them comes from row rows[i] of x,
// or row i.
template <typename T, int ROWS> DEVICE void input(T *packed, float *factors, T *low, int64_t low_stride, const T *x, int64_t xs, const float *norm, const int32_t *rows, const adapter (&adapters)[3], int64_t K, int64_t count, float eps, int layout) {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;"); // the product begins to read its weight
#endif
  const int64_t first = (int64_t)blockIdx.x * ROWS;
  const T *from[ROWS];
#pragma unroll
  for (int r = 0; r < ROWS; r++) {
    const int64_t row = min(first + r, count - 1); // what is done twice is written once
    from[r] = x + (rows ? rows[row] : row) * xs;
  }

  float inverse[ROWS], factor[ROWS];
#pragma unroll
  for (int r = 0; r < ROWS; r++)
    inverse[r] = factor[r] = 1.0f;
  if (norm || layout == NF4) {
    float squares[ROWS] = {}, most[ROWS] = {};
    for (int64_t k = threadIdx.x * GROUP; k < K; k += THREADS * GROUP) {
      float w[GROUP];
      if (norm)
        load(norm + k, K - k, w);
#pragma unroll
      for (int r = 0; r < ROWS; r++) {
        float v[GROUP];
        load(from[r] + k, K - k, v);
#pragma unroll
        for (int i = 0; i < GROUP; i++) {
          squares[r] += v[i] * v[i];
          most[r] = fmaxf(most[r], fabsf(norm ? v[i] * w[i] : v[i]));
        }
      }
    }
    if (norm) {
      block_sum(squares);
#pragma unroll
      for (int r = 0; r < ROWS; r++)
        inverse[r] = 1.0f / sqrtf(squares[r] / (float)K + eps);
    }
    if (layout == NF4) {
      block_max(most);
#pragma unroll
      for (int r = 0; r < ROWS; r++) {
        factor[r] = power(most[r] * inverse[r]);
        if (blockIdx.y == 0 && threadIdx.x == 0 && first + r < count)
          factors[first + r] = 1.0f / factor[r];
      }
    }
  }

  // This block's rank: blockIdx.y counts the padded ranks of all adapters.
  const float *a = nullptr;
  int64_t rank = blockIdx.y;
#pragma unroll
  for (int i = 0; i < 3; i++) {
    if (rank >= 0 && rank < adapters[i].rank)
      a = adapters[i].a + rank * K;
    rank -= adapters[i].padded;
  }

  float sums[ROWS] = {};
  int64_t turn = 0;
  for (int64_t k = threadIdx.x * GROUP; k < K; k += THREADS * GROUP, turn++) {
    const bool mine = turn % gridDim.y == blockIdx.y;
    if (!a && !mine)
      continue;
    float w[GROUP], f[GROUP];
    if (norm)
      load(norm + k, K - k, w);
    if (a && K % 4 == 0)
      load(a + k, K - k, f);
    else if (a) // rows of A begin anywhere
#pragma unroll
      for (int i = 0; i < GROUP; i++)
        f[i] = k + i < K ? a[k + i] : 0.0f;
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
      float v[GROUP];
      load(from[r] + k, K - k, v);
      if (norm)
#pragma unroll
        for (int i = 0; i < GROUP; i++)
          v[i] = rounded<T>(v[i] * inverse[r] * w[i]);
      if (mine && first + r < count) {
        T *to = packed + position(layout, first + r, k, K);
        if (layout == NF4)
          *(uint4 *)to = float16(v, factor[r]);
        else
          store(to, K - k, v);
      }
      if (a)
#pragma unroll
        for (int i = 0; i < GROUP; i++)
          sums[r] += v[i] * f[i];
    }
  }
  if (!low_stride)
    return;
  block_sum(sums);
  if (threadIdx.x == 0)
#pragma unroll
    for (int r = 0; r < ROWS; r++)
      if (first + r < count)
        put(low + (first + r) * low_stride + blockIdx.y, rounded<T>(sums[r]) * factor[r]);
}

#define ADAPTER(i) const float *a##i, int64_t rank##i, int64_t padded##i
#define INPUT(type, ROWS)                                                                                                                              \
  extern "C" __global__ void __launch_bounds__(THREADS) decode_input_##ROWS##_##type(                                                                  \
      type *packed, float *factors, type *low, int64_t low_stride, const type *x, int64_t xs, const float *norm, const int32_t *rows, ADAPTER(0), ADAPTER(1), ADAPTER(2), \
      int64_t K, int64_t count, float eps, int32_t layout) {                                                                                            \
    const adapter adapters[3] = {{a0, rank0, padded0}, {a1, rank1, padded1}, {a2, rank2, padded2}};                                                    \
    input<type, ROWS>(packed, factors, low, low_stride, x, xs, norm, rows, adapters, K, count, eps, layout);                                                    \
  }
INPUT(bf16, 1)
INPUT(bf16, 4)
INPUT(f32, 1)
INPUT(f32, 4)
