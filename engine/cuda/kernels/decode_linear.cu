// Products of few rows with a whole weight, for decoding: out = x W^T + s B low
// (+ residual), the weight read once, straight from its packed form. What bounds
// them is reading the weight.
//
// A tile is 16 rows of the weight, on tensor cores the left operand (m16n8k16);
// rows of x are columns of the right one, in groups of eight. Eight warps share
// a tile: of every 2,048 columns each takes 256, and their sums are added in the
// order of the warps. Neither depends on how many rows x has or on how many tiles
// a warp works on, so that a row's result does not either, bit for bit.
//
// The order of the products along K is free as long as both operands have the
// same. Lane 4g+q holds rows g and g+8 of a tile; of each block of 64 columns it
// takes those that it can read at once: 16q .. 16q+15 of NF4, and 32i+8q ..
// 32i+8q+7, i < 2, of bf16. x comes in the same order (decode_input.cu).
//
// NF4 is multiplied in float16, which holds its sixteen values to within 2^-12,
// and a block's scale is applied to the block's sum, in float32.

#include "maps.cuh"
#include "mma.cuh"
#include "swiglu.cuh"

enum {
  SPLITS = 8,       // warps that share a tile
  TILE = 16,        // rows of the weight
  COLUMNS = 8,      // rows of x in a group
  BLOCK = 64,       // columns; of NF4 those that share a scale
  RUN = 4,          // blocks that a warp takes one after another: whole lines
  RANKS = 16,       // of an adapter that one instruction takes
  SUPERBLOCK = 256, // scales that share a second-level scale
};

// segment is one weight of a stack: outputs, weight and adapter.
struct segment {
  void *out; // (T, rows)
  int64_t out_stride;
  const uint8_t *weight;   // (rows, K) bf16, or NF4 codes
  const uint8_t *scales;   // of NF4; null: levels are the scales themselves
  const float *levels;     // second-level scales
  const float *b;          // (rows, rank)
  int64_t rows, rank, low; // low is the first column of A x
  float offset, s;
};

// few is what all weights of a stack share.
struct few {
  const uint4 *x;        // as decode_input leaves it
  const float *unscale;  // (T), undoes the scale of a row of x and low; may be null
  const bf16 *low;       // (T, low_stride)
  const bf16 *residual;  // (T, rows); may be null
  int64_t low_stride, residual_stride;
  uint32_t K;
  int T;
};

// --- Weights -------------------------------------------------------------------

// nf4 reads packed weights. Every two codes, a byte, select a pair of a table in
// shared memory that holds a copy for each lane, so that no two lanes meet in a bank.
// The table begins at a multiple of its size, which makes an entry's address one
// instruction.
struct nf4 {
  enum { TABLE = 256 * WARP * 4 }; // bytes

  uint2 codes[2]; // of rows g and g+8

  // prepare fills the table somewhere in 2*TABLE bytes and returns where this lane's copies begin.
  static __device__ __forceinline__ uint32_t prepare(char *shared) {
    const uint32_t base = (uint32_t)__cvta_generic_to_shared(shared), at = (base + TABLE - 1) / TABLE * TABLE;
    const int low = threadIdx.x / 8 % 16;
    for (int i = threadIdx.x; i < TABLE / 16; i += blockDim.x) {
      uint32_t pair;
      asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(nf4_codes[low]), "f"(nf4_codes[i / 128]));
      ((uint4 *)(shared + (at - base)))[i] = make_uint4(pair, pair, pair, pair);
    }
    return at | threadIdx.x % WARP * 4;
  }

  // start returns where the codes that a lane takes of a row's first block are;
  // those of the next block are STEP bytes on.
  enum { STEP = BLOCK / 2 };
  static __device__ __forceinline__ const uint8_t *start(const segment &s, uint32_t row, int q, uint32_t K) { return s.weight + (row * K + 16 * q) / 2; }

  __device__ __forceinline__ void read(const uint8_t *const (&at)[2], int block) {
#pragma unroll
    for (int r = 0; r < 2; r++)
      codes[r] = __ldcs((const uint2 *)(at[r] + block * STEP));
  }

  // group returns eight weights of row g (r = 0) or g+8, i < 2.
  __device__ __forceinline__ uint4 group(int r, int i, uint32_t table) const {
    const uint32_t w = i == 0 ? codes[r].x : codes[r].y;
    const auto pair = [&](uint32_t at) {
      uint32_t v;
      asm volatile("ld.shared.b32 %0, [%1];" : "=r"(v) : "r"(at & 0x7F80u | table));
      return v;
    };
    return make_uint4(pair(w << 7), pair(w >> 1), pair(w >> 9), pair(w >> 17));
  }

  static __device__ __forceinline__ void multiply(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  }
};

// scale is the scale of a lane's share of a run: block q of row g or g+8.
struct scale {
  uint8_t code;
  float level;

  __device__ __forceinline__ void read(const segment &s, uint32_t row, uint32_t block, uint32_t K) {
    code = 0, level = 0.0f;
    if (block * BLOCK >= K)
      return;
    const uint32_t at = (row * K) / BLOCK + block;
    if (s.scales)
      code = s.scales[at], level = s.levels[at / SUPERBLOCK];
    else
      level = s.levels[at];
  }

  __device__ __forceinline__ float absmax(const segment &s) const {
    return s.scales ? __fadd_rn(__fmul_rn(dynamic_signed[code], level), s.offset) : level;
  }
};

// dense reads bf16 weights.
struct dense {
  enum { TABLE = 0 };

  uint4 values[2][2];

  static __device__ __forceinline__ uint32_t prepare(char *) { return 0; }

  enum { STEP = BLOCK * 2 };
  static __device__ __forceinline__ const uint8_t *start(const segment &s, uint32_t row, int q, uint32_t K) { return (const uint8_t *)((const bf16 *)s.weight + (row * K + 8 * q)); }

  __device__ __forceinline__ void read(const uint8_t *const (&at)[2], int block) {
#pragma unroll
    for (int r = 0; r < 2; r++)
#pragma unroll
      for (int i = 0; i < 2; i++)
        values[r][i] = load_once((const uint4 *)(at[r] + block * STEP + 64 * i));
  }

  __device__ __forceinline__ uint4 group(int r, int i, uint32_t) const { return values[r][i]; }

  static __device__ __forceinline__ void multiply(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) { mma(d, a, b); }
};

// --- The product ----------------------------------------------------------------

// low_rank adds s B low to the sums of one tile: every eighth group of ranks.
template <int NT> DEVICE void low_rank(float (&sum)[NT][4], const segment &s, const few &f, const uint32_t (&row)[2], int warp, int g, int q) {
  for (int first = warp * RANKS; first < s.rank; first += SPLITS * RANKS) {
    uint32_t a[4];
#pragma unroll
    for (int i = 0; i < 4; i++) {
      const int c = first + 2 * q + i / 2 * 8;
      const float *b = s.b + row[i % 2] * s.rank + c;
      a[i] = narrow2(c < s.rank ? b[0] * s.s : 0.0f, c + 1 < s.rank ? b[1] * s.s : 0.0f);
    }
#pragma unroll
    for (int n = 0; n < NT; n++) {
      uint32_t b[2] = {0, 0};
      if (COLUMNS * n + g < f.T) {
        const bf16 *low = f.low + (COLUMNS * n + g) * f.low_stride + s.low + first + 2 * q;
        b[0] = *(const uint32_t *)low, b[1] = *(const uint32_t *)(low + 8);
      }
      mma(sum[n], a, b);
    }
  }
}

// behind_inputs waits for the kernel before this one, which may have begun early
// (decode_input.cu): only the weight may be read ahead of it.
DEVICE void behind_inputs() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

// product does MT tiles for up to 8*NT rows of x with every group of eight warps.
// A PAIR is gate and up: a warp does MT/2 tiles of each, and the result is
// silu(gate)*up. DEPTH blocks of the weight are on their way at any time.
template <typename W, int NT, int MT, bool PAIR, int DEPTH> DEVICE void product(const segment (&segments)[3], const few &f, int32_t wide) {
  constexpr bool SCALED = W::TABLE > 0;
  constexpr int SPAN = TILE * (PAIR ? MT / 2 : MT); // rows of a weight that a group of warps does
  extern __shared__ __align__(128) char shared[];   // W's table; in the end the sums of all warps
  const int group = threadIdx.x / (WARP * SPLITS), warp = threadIdx.x / WARP % SPLITS, lane = threadIdx.x % WARP, g = lane / 4, q = lane % 4;
  const uint32_t K = f.K;

  // The tiles of one weight follow those of another; none has rows of two.
  uint32_t first = (blockIdx.x * (blockDim.x / (WARP * SPLITS)) + group) * SPAN;
  segment s = segments[0];
  if (!PAIR)
#pragma unroll
    for (int i = 1; i < 3; i++) {
      const uint32_t end = ((uint32_t)segments[i - 1].rows + SPAN - 1) / SPAN * SPAN;
      if (first < end)
        break;
      first -= end;
      s = segments[i];
    }
  const bool work = first < s.rows;
  const auto source = [&](int m) -> const segment & { return PAIR && m >= MT / 2 ? segments[1] : s; };

  // Rows beyond the last are read as the last, and not written.
  uint32_t row[MT][2];
#pragma unroll
  for (int m = 0; m < MT; m++)
#pragma unroll
    for (int r = 0; r < 2; r++)
      row[m][r] = min(first + m % (SPAN / TILE) * TILE + r * 8 + g, (uint32_t)s.rows - 1);

  const int blocks = K / BLOCK;
  W weight[DEPTH][MT];
  scale scales[MT][2];
  const uint8_t *at[MT][2]; // of the warp's run, block by block
  if (work) {
#pragma unroll
    for (int m = 0; m < MT; m++)
#pragma unroll
      for (int r = 0; r < 2; r++) {
        at[m][r] = W::start(source(m), row[m][r], q, K) + warp * RUN * W::STEP;
        if (SCALED)
          scales[m][r].read(source(m), row[m][r], warp * RUN + q, K);
      }
#pragma unroll
    for (int d = 0; d < DEPTH; d++)
      if (warp * RUN + d < blocks)
#pragma unroll
        for (int m = 0; m < MT; m++)
          weight[d][m].read(at[m], d);
  }
  float sum[MT][NT][4];
#pragma unroll
  for (int m = 0; m < MT; m++)
#pragma unroll
    for (int n = 0; n < NT; n++)
#pragma unroll
      for (int i = 0; i < 4; i++)
        sum[m][n][i] = 0.0f;
  const uint32_t table = W::prepare(shared);
  behind_inputs();
  if (work)
#pragma unroll
    for (int m = 0; m < MT; m++)
      low_rank<NT>(sum[m], source(m), f, row[m], warp, g, q);
  __syncthreads();

  // Rows of x that there are not stay zero.
  uint4 x[2][NT];
  bool there[NT];
#pragma unroll
  for (int n = 0; n < NT; n++) {
    x[0][n] = x[1][n] = make_uint4(0, 0, 0, 0);
    there[n] = COLUMNS * n + g < f.T;
  }
  const uint4 *from = f.x + warp * RUN * 2 * WARP + lane;
  if (work)
    for (int run = warp * RUN; run < blocks; run += SPLITS * RUN, from += SPLITS * RUN * 2 * WARP) {
      float absmax[MT][2];
#pragma unroll
      for (int m = 0; m < MT; m++)
#pragma unroll
        for (int r = 0; r < 2; r++)
          if (SCALED) {
            absmax[m][r] = scales[m][r].absmax(source(m));
            scales[m][r].read(source(m), row[m][r], run + SPLITS * RUN + q, K);
          }
#pragma unroll
      for (int j = 0; j < RUN; j++) {
        const int block = run + j;
        if (block >= blocks)
          break;
#pragma unroll
        for (int n = 0; n < NT; n++)
          if (there[n])
#pragma unroll
            for (int i = 0; i < 2; i++)
              x[i][n] = __ldg(from + n * blocks * 2 * WARP + (j * 2 + i) * WARP);
#pragma unroll
        for (int m = 0; m < MT; m++) {
          W &w = weight[j % DEPTH][m];
          float part[NT][4] = {};
#pragma unroll
          for (int i = 0; i < 2; i++) {
            const uint4 w0 = w.group(0, i, table), w8 = w.group(1, i, table);
#pragma unroll
            for (int n = 0; n < NT; n++) {
              float(&to)[4] = SCALED ? part[n] : sum[m][n];
              W::multiply(to, {w0.x, w8.x, w0.y, w8.y}, {x[i][n].x, x[i][n].y});
              W::multiply(to, {w0.z, w8.z, w0.w, w8.w}, {x[i][n].z, x[i][n].w});
            }
          }
          if (SCALED) {
            const float a0 = __shfl_sync(0xFFFFFFFFu, absmax[m][0], j, 4), a8 = __shfl_sync(0xFFFFFFFFu, absmax[m][1], j, 4);
#pragma unroll
            for (int n = 0; n < NT; n++)
#pragma unroll
              for (int i = 0; i < 4; i++)
                sum[m][n][i] = fmaf(i < 2 ? a0 : a8, part[n][i], sum[m][n][i]);
          }
          // The block DEPTH further on is in this run or in the warp's next.
          const int ahead = j + DEPTH < RUN ? DEPTH : DEPTH + (SPLITS - 1) * RUN;
          if (block + ahead < blocks)
            w.read(at[m], j + ahead);
        }
      }
#pragma unroll
      for (int m = 0; m < MT; m++)
#pragma unroll
        for (int r = 0; r < 2; r++)
          at[m][r] += SPLITS * RUN * W::STEP;
    }

  // The sums of the warps, side by side, then in one.
  constexpr int STRIDE = MT * TILE + 4; // keeps the writes of a warp off each other's banks
  __syncthreads();
  float *sums = (float *)shared + group * SPLITS * NT * COLUMNS * STRIDE;
  float *own = sums + warp * NT * COLUMNS * STRIDE;
#pragma unroll
  for (int m = 0; m < MT; m++)
#pragma unroll
    for (int n = 0; n < NT; n++)
#pragma unroll
      for (int i = 0; i < 4; i++)
        own[(COLUMNS * n + 2 * q + i % 2) * STRIDE + m * TILE + i / 2 * 8 + g] = sum[m][n][i];
  __syncthreads();
  if (!work)
    return;
  for (int e = threadIdx.x % (WARP * SPLITS); e < SPAN * f.T; e += WARP * SPLITS) {
    const int y = e / SPAN, feature = first + e % SPAN;
    if (feature >= s.rows)
      continue;
    const float unscale = f.unscale ? f.unscale[y] : 1.0f;
    const auto total = [&](int from) {
      float v = 0.0f;
#pragma unroll
      for (int w = 0; w < SPLITS; w++)
        v += sums[(w * NT * COLUMNS + y) * STRIDE + from];
      return v * unscale;
    };
    float v = total(e % SPAN);
    if (PAIR) {
      bf16 gate, up;
      put(&gate, v), put(&up, total(e % SPAN + SPAN));
      v = widen(gate) * logistic<bf16>(widen(gate)) * widen(up);
    }
    if (f.residual)
      v += widen(f.residual[y * f.residual_stride + feature]);
    if (wide)
      ((float *)s.out)[y * s.out_stride + feature] = v;
    else
      put((bf16 *)s.out + y * s.out_stride + feature, v);
  }
}

#define SEGMENT(i)                                                                                                                      \
  void *out##i, int64_t stride##i, const uint8_t *weight##i, const uint8_t *scales##i, const float *levels##i, const float *b##i, \
      int64_t rows##i, int64_t rank##i, int64_t low##i, float offset##i, float s##i
#define FIELDS(i) {out##i, stride##i, weight##i, scales##i, levels##i, b##i, rows##i, rank##i, low##i, offset##i, s##i}

// The outputs are bf16, or float if wide. BLOCKS are to fit a multiprocessor.
#define LINEAR(name, W, NT, MT, PAIR, DEPTH, THREADS, BLOCKS)                                                                                          \
  extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS) name(SEGMENT(0), SEGMENT(1), SEGMENT(2), const uint4 *x, const float *unscale,         \
                                                                     const bf16 *low, int64_t low_stride, const bf16 *residual,                        \
                                                                     int64_t residual_stride, int64_t K, int64_t T, int32_t wide) {                    \
    const segment segments[3] = {FIELDS(0), FIELDS(1), FIELDS(2)};                                                                                     \
    const few f = {x, unscale, low, residual, low_stride, residual_stride, (uint32_t)K, (int)T};                                                       \
    product<W, NT, MT, PAIR, DEPTH>(segments, f, wide);                                                                                                \
  }

LINEAR(decode_linear_nf4_8_bf16, nf4, 1, 1, false, 2, 256, 3)
LINEAR(decode_linear_nf4_16_bf16, nf4, 2, 1, false, 2, 256, 3)
LINEAR(decode_linear_nf4_32_bf16, nf4, 4, 1, false, 4, 256, 2)
LINEAR(decode_linear_nf4_64_bf16, nf4, 8, 2, false, 1, 256, 1)
LINEAR(decode_glu_nf4_8_bf16, nf4, 1, 2, true, 4, 256, 2)
LINEAR(decode_glu_nf4_16_bf16, nf4, 2, 2, true, 2, 256, 2)
LINEAR(decode_glu_nf4_32_bf16, nf4, 4, 4, true, 1, 256, 1)
LINEAR(decode_glu_nf4_64_bf16, nf4, 8, 2, true, 1, 256, 1)
LINEAR(decode_linear_dense_8_bf16, dense, 1, 1, false, 2, 256, 3)
LINEAR(decode_linear_dense_16_bf16, dense, 2, 1, false, 2, 256, 2)
LINEAR(decode_linear_dense_32_bf16, dense, 4, 2, false, 1, 256, 2)
LINEAR(decode_linear_dense_64_bf16, dense, 8, 1, false, 1, 256, 2)
LINEAR(decode_glu_dense_8_bf16, dense, 1, 2, true, 1, 256, 2)
LINEAR(decode_glu_dense_16_bf16, dense, 2, 2, true, 1, 256, 2)
LINEAR(decode_glu_dense_32_bf16, dense, 4, 2, true, 1, 256, 2)
LINEAR(decode_glu_dense_64_bf16, dense, 8, 2, true, 1, 256, 1)
