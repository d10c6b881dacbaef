// A frozen weight as matrix products read it: W, unpacked from NF4 or as it is,
// and beside it what an adapter adds, s*B, rounded like any element.
//
// The low columns are those of all adapters that read the same input. Projections
// whose rows are stacked have theirs on the diagonal and zeros elsewhere, so that
// one product sums W x and s B (A x) for all of them.
//
// A block takes ROWS rows of a run of columns; the blocks behind the last run take
// the low columns.

#include "maps.cuh"

enum { ROWS = 2, BLOCK = 64, SCALE_GROUP = 256 }; // BLOCK and SCALE_GROUP are NF4's (package nf4)

// low_columns writes out (rows, width) = s*B in columns first..first+rank, zero elsewhere.
template <typename T>
DEVICE void low_columns(T *out, int64_t os, const float *b, int64_t rows, int64_t rank, int64_t first, int64_t width, float scale) {
  for (int64_t i = threadIdx.x; i < ROWS * width; i += blockDim.x) {
    const int64_t row = blockIdx.x * ROWS + i / width, c = i % width, r = c - first;
    if (row < rows)
      put(out + row * os + c, r >= 0 && r < rank ? scale * b[row * rank + r] : 0.0f);
  }
}

// block_scale is the scale of NF4 block i: double-quantized unless absmax is given.
// It takes two roundings; a fused multiply-add would not give bitsandbytes' bits.
DEVICE float block_scale(const uint8_t *scales, const float *scales2, const float *absmax, float offset, int64_t i) {
  return absmax ? absmax[i] : __fadd_rn(__fmul_rn(dynamic_signed[scales[i]], scales2[i / SCALE_GROUP]), offset);
}

// out (rows, cols | width). codes hold the flattened W two elements a byte, the
// even one in the high nibble.
template <typename T>
DEVICE void unpack_nf4(T *out, int64_t os, const uint8_t *codes, const uint8_t *scales, const float *scales2, const float *absmax, const float *b,
                       int64_t rows, int64_t cols, int64_t rank, int64_t first, int64_t width, float offset, float scale) {
  const int64_t row = blockIdx.x * ROWS, c = ((int64_t)blockIdx.y * blockDim.x + threadIdx.x) * GROUP;
  if ((int64_t)blockIdx.y * blockDim.x * GROUP >= cols)
    return low_columns(out + cols, os, b, rows, rank, first, width, scale);
  // Lanes hold the values twice over, so that a shuffle reads the low four bits of
  // its index whatever the fifth.
  const float value = nf4_codes[threadIdx.x % 16];
  if (cols % GROUP) { // groups lie across the ends of rows
    for (int r = 0; r < ROWS; r++)
#pragma unroll
      for (int i = 0; i < GROUP; i++) {
        const bool in = row + r < rows && c + i < cols;
        const int64_t e = in ? (row + r) * cols + c + i : 0;
        const float v = __shfl_sync(0xFFFFFFFFu, value, codes[e / 2] >> (e % 2 ? 0 : 4)) * block_scale(scales, scales2, absmax, offset, e / BLOCK);
        if (in)
          put(out + (row + r) * os + c + i, v);
      }
    return;
  }
  uint32_t code[ROWS];
  float absolute[ROWS];
#pragma unroll
  for (int r = 0; r < ROWS; r++) {
    const int64_t e = row + r < rows && c < cols ? (row + r) * cols + c : 0;
    code[r] = load_once((const uint32_t *)(codes + e / 2));
    absolute[r] = block_scale(scales, scales2, absmax, offset, e / BLOCK);
  }
#pragma unroll
  for (int r = 0; r < ROWS; r++) {
    float v[GROUP];
#pragma unroll
    for (int i = 0; i < GROUP; i++)
      v[i] = __shfl_sync(0xFFFFFFFFu, value, code[r] >> (i / 2 * 8 + (i % 2 ? 0 : 4))) * absolute[r];
    if (row + r < rows && c < cols)
      store(out + (row + r) * os + c, v);
  }
}

// out (rows, cols | width) of w (rows, cols)
template <typename T, typename W>
DEVICE void unpack_dense(T *out, int64_t os, const W *w, int64_t ws, const float *b, int64_t rows, int64_t cols, int64_t rank, int64_t first, int64_t width,
                         float scale) {
  const int64_t row = blockIdx.x * ROWS, c = ((int64_t)blockIdx.y * blockDim.x + threadIdx.x) * GROUP;
  if ((int64_t)blockIdx.y * blockDim.x * GROUP >= cols)
    return low_columns(out + cols, os, b, rows, rank, first, width, scale);
  if (c >= cols)
    return;
#pragma unroll
  for (int r = 0; r < ROWS; r++)
    if (row + r < rows) {
      float v[GROUP];
      load(w + (row + r) * ws + c, cols - c, v);
      store(out + (row + r) * os + c, cols - c, v);
    }
}

#define UNPACK_NF4(type)                                                                                                                     \
  KERNEL __launch_bounds__(256, 8) unpack_nf4_##type(type *out, int64_t os, const uint8_t *codes, const uint8_t *scales, const float *scales2, const float *absmax, \
                           const float *b, int64_t rows, int64_t cols, int64_t rank, int64_t first, int64_t width, float offset, \
                           float scale) {                                                                                        \
    unpack_nf4(out, os, codes, scales, scales2, absmax, b, rows, cols, rank, first, width, offset, scale);                   \
  }
UNPACK_NF4(bf16)
UNPACK_NF4(f32)

#define UNPACK_DENSE(from, type)                                                                                                       \
  KERNEL unpack_##from##_##type(type *out, int64_t os, const from *w, int64_t ws, const float *b, int64_t rows, int64_t cols, int64_t rank, \
                                int64_t first, int64_t width, float scale) {                                                    \
    unpack_dense(out, os, w, ws, b, rows, cols, rank, first, width, scale);                                                         \
  }
UNPACK_DENSE(bf16, bf16)
UNPACK_DENSE(f32, bf16)
UNPACK_DENSE(bf16, f32)
UNPACK_DENSE(f32, f32)
