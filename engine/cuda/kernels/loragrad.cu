// Gradients of adapters: dA += dlow^T dropout(x) / (1-p) and dB += s dy^T low. Both
// are out (rank, columns) = sum over tokens of l (T, rank) times x (T, columns),
// few ranks by many columns by very many tokens.
//
// Tokens are cut into slices, as many as the shapes say and never as the device
// does, whose sums lie side by side until loragrad_sum adds them from first to last.

#include "dropout.cuh"
#include "loadif.cuh"
#include "mma.cuh"

enum {
  COLUMN_WARPS = 2, TOKEN_WARPS = 4, WARPS = COLUMN_WARPS * TOKEN_WARPS,
  WARP_COLUMNS = 64, COLUMNS = COLUMN_WARPS * WARP_COLUMNS, // of x, a warp's and a block's
  STEP = 16,                                                // tokens of a warp at a time: the depth of mma
};

// segment is one product: columns first..first+columns of x, ranks l_first..l_first+rank of l.
struct segment {
  int64_t columns, rank, first, l_first;
};

// pick returns the segment of this block and which it is, the block's first column
// in it, and where the sums of the segment begin in a slice. Each segment has
// blocks of its own.
DEVICE segment pick(const segment (&s)[3], int64_t width, int64_t &column, int64_t &offset, int &index) {
  int64_t block = blockIdx.x;
  offset = 0;
#pragma unroll
  for (index = 0; index < 2; index++) {
    const int64_t blocks = (s[index].columns + width - 1) / width;
    if (block < blocks)
      break;
    block -= blocks;
    offset += s[index].columns * s[index].rank;
  }
  column = block * width;
  return index == 0 ? s[0] : index == 1 ? s[1] : s[2];
}

// A lane has a group of columns of four tokens, 4q..4q+3 of a step, so that column
// j of its group is column g of tile j. Of 16 ranks it has 2g and 2g+1.
template <int M> struct step {
  uint4 x[4];
  uint32_t bits[4], l[4][M];
};

template <int M>
DEVICE void fetch(step<M> &f, const bf16 *x, int64_t xs, const bf16 *l, int64_t ls, const uint8_t *mask, int64_t ms, int64_t t, int64_t end,
                  bool inside, int64_t ranks) {
#pragma unroll
  for (int i = 0; i < 4; i++) {
    const bool in = t + i < end;
    f.x[i] = load_if((const uint4 *)(x + (t + i) * xs), in && inside);
    if (ms > 0)
      f.bits[i] = load_if(mask + (t + i) * ms, in && inside);
#pragma unroll
    for (int m = 0; m < M; m++)
      f.l[i][m] = load_if((const uint32_t *)(l + (t + i) * ls + 16 * m), in && 16 * m < ranks);
  }
}

template <int M> DEVICE void accumulate(float (&sum)[M][GROUP][4], const step<M> &f, bool masked) {
  words v[4];
#pragma unroll
  for (int i = 0; i < 4; i++)
    v[i].group = masked ? drop(f.x[i], f.bits[i]) : f.x[i];
#pragma unroll
  for (int j = 0; j < GROUP; j++) {
    uint32_t b[2];
#pragma unroll
    for (int i = 0; i < 2; i++)
      b[i] = j % 2 ? high_halves(v[2 * i].pair[j / 2], v[2 * i + 1].pair[j / 2]) : low_halves(v[2 * i].pair[j / 2], v[2 * i + 1].pair[j / 2]);
#pragma unroll
    for (int m = 0; m < M; m++)
      mma(sum[m][j],
          {low_halves(f.l[0][m], f.l[1][m]), high_halves(f.l[0][m], f.l[1][m]), low_halves(f.l[2][m], f.l[3][m]), high_halves(f.l[2][m], f.l[3][m])},
          {b[0], b[1]});
  }
}

// One block computes 128 columns by 16*M ranks of one slice. A warp has D steps on
// their way while it computes one.
template <int M, int D>
DEVICE void product(float *partial, const bf16 *x, int64_t xs, const bf16 *l, int64_t ls, const uint8_t *mask, int64_t ms, const segment (&segments)[3],
                    int64_t total, int64_t per_slice, int64_t tokens) {
  const int warp = threadIdx.x / WARP, g = threadIdx.x % WARP / 4, q = threadIdx.x % 4;
  const int column_warp = warp % COLUMN_WARPS, token_warp = warp / COLUMN_WARPS;
  int64_t column, offset;
  int index;
  const segment s = pick(segments, COLUMNS, column, offset, index);
  const int64_t r0 = (int64_t)blockIdx.z * 16 * M;
  if (r0 >= s.rank)
    return;
  const int64_t c = column + column_warp * WARP_COLUMNS + g * GROUP;
  const int64_t begin = blockIdx.y * per_slice, end = min(tokens, begin + per_slice);
  x += s.first + c;
  mask += c / GROUP; // read only if ms > 0
  l += s.l_first + r0 + 2 * g;
  const int64_t ranks = s.rank - r0 - 2 * g;

  float sum[M][GROUP][4] = {};
  step<M> ring[D];
  const int64_t first = begin + token_warp * STEP + 4 * q;
#pragma unroll
  for (int i = 0; i < D; i++)
    fetch<M>(ring[i], x, xs, l, ls, mask, ms, first + i * TOKEN_WARPS * STEP, end, c < s.columns, ranks);
#pragma unroll 1
  for (int64_t t = first; t - 4 * q < end; t += D * TOKEN_WARPS * STEP)
#pragma unroll
    for (int i = 0; i < D; i++) {
      const step<M> now = ring[i];
      fetch<M>(ring[i], x, xs, l, ls, mask, ms, t + (D + i) * TOKEN_WARPS * STEP, end, c < s.columns, ranks);
      accumulate<M>(sum, now, ms > 0);
    }

  // The sums of the warps that share columns, in order. In a row of parts, column
  // 8n+j of a warp's 64 lies at 16j + 8*warp + n: without conflicts between banks
  // for what lanes write and read.
  __shared__ float parts[TOKEN_WARPS][16][COLUMNS + 4];
  partial += blockIdx.y * total + offset + r0 * s.columns;
#pragma unroll
  for (int m = 0; m < M; m++) {
#pragma unroll
    for (int j = 0; j < GROUP; j++)
#pragma unroll
      for (int h = 0; h < 2; h++)
        *(float2 *)&parts[token_warp][2 * g + h][16 * j + 8 * column_warp + 2 * q] = make_float2(sum[m][j][2 * h], sum[m][j][2 * h + 1]);
    __syncthreads();
    const int slot = threadIdx.x % 16, r = warp % 4 + warp / 4 * 8 + threadIdx.x / 16 % 2 * 4;
    float v[GROUP];
#pragma unroll
    for (int j = 0; j < GROUP; j++) {
      v[j] = 0.0f;
#pragma unroll
      for (int w = 0; w < TOKEN_WARPS; w++)
        v[j] += parts[w][r][16 * j + slot];
    }
    const int64_t at = column + slot * GROUP; // warps' columns follow each other, 8 groups each
    if (r0 + 16 * m + r < s.rank && at < s.columns) {
      float *out = partial + (16 * m + r) * s.columns + at;
      if (s.columns % 4 == 0 && offset % 4 == 0 && total % 4 == 0)
        store(out, s.columns - at, v);
      else
        for (int i = 0; i < GROUP && at + i < s.columns; i++)
          out[i] = v[i];
    }
    __syncthreads();
  }
}

// The same in f32: a thread a column, one rank after the other.
DEVICE void product(float *partial, const f32 *x, int64_t xs, const f32 *l, int64_t ls, const uint8_t *mask, int64_t ms, const segment (&segments)[3],
                    int64_t total, int64_t per_slice, int64_t tokens) {
  int64_t column, offset;
  int index;
  const segment s = pick(segments, COLUMNS, column, offset, index);
  const int64_t c = column + threadIdx.x, begin = blockIdx.y * per_slice, end = min(tokens, begin + per_slice);
  if (threadIdx.x >= COLUMNS || c >= s.columns)
    return;
  for (int64_t r = blockIdx.z; r < s.rank; r += gridDim.z) {
    float sum = 0.0f;
    for (int64_t t = begin; t < end; t++)
      if (ms == 0 || mask[t * ms + c / GROUP] >> c % GROUP & 1)
        sum += l[t * ls + s.l_first + r] * x[t * xs + s.first + c];
    partial[blockIdx.y * total + offset + r * s.columns + c] = sum;
  }
}

// partial (slices, total) of x and l, total being what the segments have together,
// each (rank, columns). mask belongs to x; ms = 0 keeps all. In bf16 l has an element
// behind an odd rank, and pairs of ranks start on 4 bytes. Grid: blocks of 128
// columns of every segment, slices, and passes over the ranks.
#define PRODUCT(name, type, call)                                                                                                        \
  KERNEL name(float *partial, const type *x, int64_t xs, const type *l, int64_t ls, const uint8_t *mask, int64_t ms, int64_t columns0,   \
              int64_t columns1, int64_t columns2, int64_t rank0, int64_t rank1, int64_t rank2, int64_t first0, int64_t first1,           \
              int64_t first2, int64_t l0, int64_t l1, int64_t l2, int64_t total, int64_t per_slice, int64_t tokens) {                    \
    const segment s[3] = {{columns0, rank0, first0, l0}, {columns1, rank1, first1, l1}, {columns2, rank2, first2, l2}};                  \
    call(partial, x, xs, l, ls, mask, ms, s, total, per_slice, tokens);                                                                  \
  }
PRODUCT(__launch_bounds__(WARPS *WARP, 2) loragrad_product1_bf16, bf16, (product<1, 1>))
PRODUCT(__launch_bounds__(WARPS *WARP, 1) loragrad_product2_bf16, bf16, (product<2, 2>))
PRODUCT(__launch_bounds__(WARPS *WARP, 1) loragrad_product3_bf16, bf16, (product<3, 2>))
PRODUCT(loragrad_product_f32, f32, product)

enum { SUM_ROWS = 8 }; // rows of threads in a block of loragrad_sum

// grad += scale * the sum over slices, for segments of `columns` by `rank`, each to a
// gradient of its own: (rank, columns), or (columns, rank) if bit i of transposed. A block
// takes 32 columns of a segment by 32 ranks, its threads 32 by SUM_ROWS of them.
KERNEL loragrad_sum(float *grad0, float *grad1, float *grad2, const float *partial, int64_t slices, int64_t columns0, int64_t columns1,
                    int64_t columns2, int64_t rank0, int64_t rank1, int64_t rank2, int32_t transposed, float scale0, float scale1,
                    float scale2) {
  __shared__ float tile[WARP][WARP + 1];
  const segment segments[3] = {{columns0, rank0}, {columns1, rank1}, {columns2, rank2}};
  const int64_t total = columns0 * rank0 + columns1 * rank1 + columns2 * rank2, r0 = (int64_t)blockIdx.y * WARP;
  int64_t column, offset;
  int index;
  const segment s = pick(segments, WARP, column, offset, index);
  float *grad = index == 0 ? grad0 : index == 1 ? grad1 : grad2;
  const float scale = index == 0 ? scale0 : index == 1 ? scale1 : scale2;
  const bool turned = transposed >> index & 1;
  const int lane = threadIdx.x % WARP, line = threadIdx.x / WARP;
  for (int i = line; i < WARP; i += SUM_ROWS) {
    const int64_t r = r0 + i, c = column + lane;
    if (r >= s.rank || c >= s.columns)
      continue;
    const float *from = partial + offset + r * s.columns + c;
    float sum = 0.0f;
    for (int64_t k = 0; k < slices; k++)
      sum += from[k * total];
    if (turned)
      tile[lane][i] = scale * sum;
    else
      grad[r * s.columns + c] += scale * sum;
  }
  if (!turned)
    return;
  __syncthreads();
  for (int i = line; i < WARP; i += SUM_ROWS)
    if (r0 + lane < s.rank && column + i < s.columns)
      grad[(column + i) * s.rank + r0 + lane] += tile[i][lane];
}
