// The way down of LoRA (Hu et al. 2021, eq. 3): low = A dropout(x), for all
// adapters that read one input at once, their ranks side by side.

#include "dropout.cuh"
#include "loadif.cuh"
#include "mma.cuh"
#include "swiglu.cuh"

// --- A as the products read it ---------------------------------------------------

enum { DEPTH = 32 }; // columns of x that a warp takes at a time

// Packs the A (rank, width) of up to three adapters, below each other: rows
// (R, padded width) for lora_low, columns (padded width, padded R) for loradx,
// either of which may be NULL, rounded to T, zero where padded. A thread takes
// eight rows of one column.
template <typename T>
DEVICE void pack(T *rows, int64_t rs, T *columns, int64_t cs, const float *a0, const float *a1, const float *a2, int64_t rank0, int64_t rank1,
                 int64_t rank2, int64_t width) {
  const int64_t c = (int64_t)blockIdx.x * blockDim.x + threadIdx.x, r0 = blockIdx.y * GROUP;
  const int64_t ranks = rank0 + rank1 + rank2, padded = (width + DEPTH - 1) / DEPTH * DEPTH;
  if (c >= padded)
    return;
  float v[GROUP];
#pragma unroll
  for (int i = 0; i < GROUP; i++) {
    const int64_t r = r0 + i;
    const float *row = r < rank0 ? a0 + r * width : r < rank0 + rank1 ? a1 + (r - rank0) * width : a2 + (r - rank0 - rank1) * width;
    v[i] = c < width && r < ranks ? row[c] : 0.0f;
    if (rows && r < ranks)
      put(rows + r * rs + c, v[i]);
  }
  if (columns)
    store(columns + c * cs + r0, v);
}

// lora_align copies x (T, width) to rows that start on 16 bytes, zero from `width`
// to `padded` columns: low columns that lie where the kernels cannot read them.
KERNEL lora_align_bf16(bf16 *out, int64_t os, const bf16 *x, int64_t xs, int64_t width, int64_t padded) {
  for (int64_t c = threadIdx.x; c < padded; c += blockDim.x)
    out[blockIdx.x * os + c].bits = c < width ? x[blockIdx.x * xs + c].bits : 0;
}

// --- low = A dropout(x) ------------------------------------------------------------

// given is an x that lies in memory, gated one that is computed here and stored:
// silu(gate) * up. A lane asks for groups ahead of time, and takes them up later.
struct given {
  const bf16 *x;
  int64_t xs;
  struct piece {
    uint4 x;
  };
  __device__ __forceinline__ piece fetch(int64_t t, int64_t c, bool in) const { return {load_if((const uint4 *)(x + t * xs + c), in)}; }
  __device__ __forceinline__ uint4 take(const piece &p, int64_t, int64_t, int64_t) const { return p.x; }
};

struct gated {
  bf16 *y;
  int64_t ys;
  const bf16 *gate;
  int64_t gs;
  const bf16 *up;
  int64_t us;
  struct piece {
    uint4 gate, up;
  };
  __device__ __forceinline__ piece fetch(int64_t t, int64_t c, bool in) const {
    return {load_if((const uint4 *)(gate + t * gs + c), in), load_if((const uint4 *)(up + t * us + c), in)};
  }
  __device__ __forceinline__ uint4 take(const piece &p, int64_t t, int64_t c, int64_t left) const {
    float g[GROUP], u[GROUP];
    unpack(p.gate, g);
    unpack(p.up, u);
#pragma unroll
    for (int i = 0; i < GROUP; i++)
      g[i] = glu<bf16>(g[i], u[i]);
    const uint4 packed = pack(g);
    if (!y)
      return packed;
    if (left >= GROUP)
      store_words(y + t * ys + c, packed);
    else if (left > 0)
      store(y + t * ys + c, left, g);
    return packed;
  }
};

enum { WARPS = 8, PASS = 6 }; // warps of a block; tiles of eight ranks that they add up at a time

// One block computes 16*M rows by 8*N ranks. Its warps share out the columns of x,
// 32 at a time in turn, and their sums are added from the first warp to the last,
// so that a row's bits depend on none of the parameters. A lane reads x in groups:
// element 4i+k of its group is k of mma's depth in step i. D groups of each row are
// on their way while one is computed.
template <int M, int N, int D, typename X>
DEVICE void low(bf16 *out, int64_t os, uint8_t *mask, int64_t ms, const X &x, const bf16 *a, int64_t as, const dropout &drops, bool made,
                int64_t ranks, int64_t out_width, int64_t width, int64_t tokens, float keep) {
  const int warp = threadIdx.x / WARP, g = threadIdx.x % WARP / 4, q = threadIdx.x % 4;
  const int64_t t0 = (int64_t)blockIdx.x * 16 * M + g, r0 = (int64_t)blockIdx.y * 8 * N;
  const bool drawn = drops.threshold && !made;
  float sum[M][N][4] = {};
  mask_row row[2 * M] = {};
#pragma unroll
  for (int h = 0; h < 2 * M; h++)
    if (drawn && t0 + 8 * h < tokens)
      row[h] = row_of(drops, t0 + 8 * h);

  struct {
    typename X::piece x[2 * M];
    uint32_t bits[2 * M];
  } ring[D];
  const auto fetch = [&](int i, int64_t c) {
#pragma unroll
    for (int h = 0; h < 2 * M; h++) {
      const bool in = t0 + 8 * h < tokens && c < width;
      ring[i].x[h] = x.fetch(t0 + 8 * h, c, in);
      if (made)
        ring[i].bits[h] = load_if(mask + (t0 + 8 * h) * ms + c / GROUP, in);
    }
  };
  const int64_t first = warp * DEPTH + q * GROUP;
#pragma unroll
  for (int i = 0; i < D; i++)
    fetch(i, first + i * WARPS * DEPTH);
#pragma unroll 1
  for (int64_t start = first; start - q * GROUP < width; start += D * WARPS * DEPTH)
#pragma unroll
    for (int i = 0; i < D; i++) {
      const int64_t c = start + i * WARPS * DEPTH;
      const auto now = ring[i];
      fetch(i, c + D * WARPS * DEPTH);
      uint32_t bits[2 * M];
#pragma unroll
      for (int h = 0; h < 2 * M; h++)
        bits[h] = made ? now.bits[h] : 0xFFu;
      if (drawn)
#pragma unroll
        for (int h = 0; h < 2 * M; h++) {
          bits[h] = kept(drops, row[h], c);
          if (mask && t0 + 8 * h < tokens && c < width && blockIdx.y == 0)
            mask[(t0 + 8 * h) * ms + c / GROUP] = (uint8_t)bits[h];
        }
      words v[2 * M];
#pragma unroll
      for (int h = 0; h < 2 * M; h++) {
        v[h].group = x.take(now.x[h], t0 + 8 * h, c, t0 + 8 * h < tokens ? width - c : 0);
        v[h].group = drop(v[h].group, bits[h] & first_bits(width - c)); // behind x lies something else
      }
#pragma unroll
      for (int n = 0; n < N; n++) {
        const int64_t r = r0 + 8 * n + g;
        words b;
        b.group = r < ranks && c - q * GROUP < width ? *(const uint4 *)(a + r * as + c) : make_uint4(0, 0, 0, 0);
#pragma unroll
        for (int m = 0; m < M; m++)
#pragma unroll
          for (int k = 0; k < 4; k += 2)
            mma(sum[m][n], {v[2 * m].pair[k], v[2 * m + 1].pair[k], v[2 * m].pair[k + 1], v[2 * m + 1].pair[k + 1]}, {b.pair[k], b.pair[k + 1]});
      }
    }

  constexpr int TILES = N < PASS ? N : PASS;
  __shared__ float parts[WARPS][16][8 * TILES];
#pragma unroll
  for (int m = 0; m < M; m++)
#pragma unroll
    for (int n0 = 0; n0 < N; n0 += TILES) {
#pragma unroll
      for (int n = 0; n < TILES; n++)
#pragma unroll
        for (int h = 0; h < 2; h++)
          *(float2 *)&parts[warp][g + 8 * h][8 * n + 2 * q] = make_float2(sum[m][n0 + n][2 * h], sum[m][n0 + n][2 * h + 1]);
      __syncthreads();
      for (int i = threadIdx.x; i < 16 * 8 * TILES; i += WARPS * WARP) {
        const int64_t t = (int64_t)blockIdx.x * 16 * M + 16 * m + i / (8 * TILES), r = r0 + 8 * n0 + i % (8 * TILES);
        float total = 0.0f;
#pragma unroll
        for (int w = 0; w < WARPS; w++)
          total += parts[w][i / (8 * TILES)][i % (8 * TILES)];
        if (t < tokens && r < out_width)
          put(out + t * os + r, r < ranks ? total * keep : 0.0f);
      }
      __syncthreads();
    }
}

// low in f32, from a mask that is there already: a block a token, a warp a rank at a time.
DEVICE void low(f32 *out, int64_t os, const uint8_t *mask, int64_t ms, const f32 *x, int64_t xs, const f32 *a, int64_t as, int64_t ranks,
                int64_t out_width, int64_t width, float keep) {
  const int64_t t = blockIdx.x;
  for (int64_t r = threadIdx.x / WARP; r < out_width; r += blockDim.x / WARP) {
    float sum = 0.0f;
    if (r < ranks)
      for (int64_t c = threadIdx.x % WARP; c < width; c += WARP)
        if (!mask || mask[t * ms + c / GROUP] >> c % GROUP & 1)
          sum += x[t * xs + c] * a[r * as + c];
    sum = warp_sum(sum);
    if (threadIdx.x % WARP == 0)
      out[t * os + r] = r < ranks ? sum * keep : 0.0f;
  }
}

#define PACK(type)                                                                                                                      \
  KERNEL lora_pack_##type(type *rows, int64_t rs, type *columns, int64_t cs, const float *a0, const float *a1, const float *a2, \
                          int64_t rank0, int64_t rank1, int64_t rank2, int64_t width) {                                         \
    pack(rows, rs, columns, cs, a0, a1, a2, rank0, rank1, rank2, width);                                                        \
  }
PACK(bf16)
PACK(f32)

// lora_low: out (T, out_width), of which columns from `ranks` on are zero, from x (T,
// width) and the packed rows of A. If made, mask is there already; else it is left
// there unless it is NULL.
#define LOW(M, N, D)                                                                                                                      \
  KERNEL __launch_bounds__(WARPS *WARP, N <= 6 ? 2 : 1) lora_low##M##x##N##_bf16(                                                         \
      bf16 *out, int64_t os, uint8_t *mask, int64_t ms, const bf16 *x, int64_t xs, const bf16 *a, int64_t as, const int32_t *positions,   \
      const int32_t *owner, const uint64_t *keys, int64_t ranks, int64_t out_width, int64_t width, int64_t tokens, uint32_t key_low,      \
      uint32_t key_high, uint32_t threshold, int32_t made, float keep) {                                                                  \
    low<M, N, D>(out, os, mask, ms, given{x, xs}, a, as, {positions, owner, keys, {key_low, key_high}, threshold}, made, ranks,           \
                 out_width, width, tokens, keep);                                                                                         \
  }
LOW(2, 2, 1)
LOW(2, 4, 1)
LOW(1, 2, 2)
LOW(1, 4, 2)
LOW(1, 6, 2)
LOW(1, 12, 2)
LOW(1, 24, 1)

// lora_glu is lora_low for x = silu(gate) * up, which it writes to y unless that is
// NULL.
#define GLU(M, N)                                                                                                                         \
  KERNEL __launch_bounds__(WARPS *WARP, N <= 6 ? 2 : 1) lora_glu##M##x##N##_bf16(                                                         \
      bf16 *y, int64_t ys, bf16 *out, int64_t os, uint8_t *mask, int64_t ms, const bf16 *gate, int64_t gs, const bf16 *up, int64_t us,    \
      const bf16 *a, int64_t as, const int32_t *positions, const int32_t *owner, const uint64_t *keys, int64_t ranks, int64_t out_width,  \
      int64_t width, int64_t tokens, uint32_t key_low, uint32_t key_high, uint32_t threshold, float keep) {                               \
    low<M, N, 1>(out, os, mask, ms, gated{y, ys, gate, gs, up, us}, a, as, {positions, owner, keys, {key_low, key_high}, threshold},      \
                 false, ranks, out_width, width, tokens, keep);                                                                           \
  }
GLU(1, 2)
GLU(1, 4)
GLU(1, 12)

KERNEL lora_low_f32(f32 *out, int64_t os, const uint8_t *mask, int64_t ms, const f32 *x, int64_t xs, const f32 *a, int64_t as, int64_t ranks,
                    int64_t out_width, int64_t width, float keep) {
  low(out, os, mask, ms, x, xs, a, as, ranks, out_width, width, keep);
}
