// Attention of new tokens over a key-value cache, for decoding.
//
// A layer's cache is keys and values (slots, kv_heads, capacity, dim) in the
// compute type. The positions of a token's document are cut into chunks of CHUNK
// from position 0; a block takes one chunk for up to HEADS query heads that share
// a key-value head, and a second kernel adds up the parts of a document with more
// than one chunk, in order. So a token's result depends on its own
// document's positions alone, and a long context fills the GPU even for a batch
// of one.
//
// It is bound by reading the cache: every element is read once for HEADS heads,
// 16 bytes a lane.

#include "attention.cuh"

enum { THREADS = 128, WARPS = THREADS / WARP, CHUNK = 128, HEADS = WARPS };

// A row is read in pieces: PIECE elements a lane, EACH times, by a power of two of
// lanes. Wide pieces need head sizes that are multiples of eight.
template <int PIECE> constexpr int EACH = PIECE == GROUP ? 1 : 4;

template <typename T> DEVICE void load_piece(const T *p, float (&v)[GROUP]) { load(p, v); }
template <typename T> DEVICE void load_piece(const T *p, float (&v)[2]) { v[0] = widen(p[0]), v[1] = widen(p[1]); }

// lanes_of_row returns how many lanes share a row of dim elements.
template <int PIECE> DEVICE int lanes_of_row(int64_t dim) {
  int lanes = 1;
  while (lanes * PIECE * EACH<PIECE> < dim)
    lanes *= 2;
  return lanes;
}

// chunk is what one block works on.
struct chunk {
  int64_t token, slot, kv, head; // head: the first of up to HEADS query heads
  int heads;                     // query heads of the block
  int positions, from, count;    // of the token's document, its own included; of the chunk
  // Where the sums of a document with more than one chunk wait to be added up:
  // (token, head, chunk), heads `apart` apart.
  int64_t part, apart;
};

// part is the softmax of a chunk without its division: e^(score - largest).
struct part {
  float largest, sum;
};

// ROWS_AHEAD rows are under way to a lane before it uses the first.
enum { ROWS_AHEAD = 4 };

template <typename T, int PIECE>
DEVICE void attend(T *o, int64_t ldo, float *lse, part *parts, float *weighted, const T *q, int64_t ldq, const T *keys, const T *values, const chunk &c, int64_t dim, int64_t tokens, float scale) {
  constexpr int N = EACH<PIECE>;
  __shared__ float scores[HEADS][CHUNK], sums[HEADS];
  __shared__ float outs[THREADS * GROUP * HEADS]; // (step, HEADS, dim)
  const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
  const int lanes = lanes_of_row<PIECE>(dim), at = threadIdx.x % lanes, row = threadIdx.x / lanes, step = THREADS / lanes;
  const bool whole = c.positions <= CHUNK;

  // fetch reads the lane's pieces of ROWS_AHEAD rows from p on, step apart; zeros from row c.count on.
  auto fetch = [&](float (&x)[ROWS_AHEAD][N][PIECE], const T *from, int p) {
#pragma unroll
    for (int r = 0; r < ROWS_AHEAD; r++)
#pragma unroll
      for (int i = 0; i < N; i++) {
        const int d = (i * lanes + at) * PIECE;
        if (p + r * step < c.count && d < dim)
          load_piece(from + (p + r * step) * dim + d, x[r][i]);
        else
#pragma unroll
          for (int e = 0; e < PIECE; e++)
            x[r][i][e] = 0.0f;
      }
  };

  float query[HEADS][N][PIECE] = {};
#pragma unroll
  for (int h = 0; h < HEADS; h++)
#pragma unroll
    for (int i = 0; i < N; i++)
      if (h < c.heads && (i * lanes + at) * PIECE < dim)
        load_piece(q + c.token * ldq + (c.head + h) * dim + (i * lanes + at) * PIECE, query[h][i]);
  for (int p = row; p < CHUNK; p += ROWS_AHEAD * step) { // as often for every lane of a warp
    float key[ROWS_AHEAD][N][PIECE];
    fetch(key, keys, p);
#pragma unroll
    for (int r = 0; r < ROWS_AHEAD; r++)
#pragma unroll
      for (int h = 0; h < HEADS; h++) {
        float sum = 0.0f;
#pragma unroll
        for (int i = 0; i < N; i++)
#pragma unroll
          for (int e = 0; e < PIECE; e++)
            sum = fmaf(query[h][i][e], key[r][i][e], sum);
        for (int s = lanes / 2; s > 0; s /= 2)
          sum += __shfl_xor_sync(0xFFFFFFFFu, sum, s);
        if (at == 0 && p + r * step < c.count)
          scores[h][p + r * step] = sum * scale;
      }
  }
  __syncthreads();

  // A warp for each head. A NaN gets lost in the maximum but not in the sum.
  float largest = MINUS_INFINITY, sum = 0.0f;
  for (int p = lane; p < c.count; p += WARP)
    largest = fmaxf(largest, scores[warp][p]);
#pragma unroll
  for (int s = WARP / 2; s > 0; s /= 2)
    largest = fmaxf(largest, __shfl_xor_sync(0xFFFFFFFFu, largest, s));
  for (int p = lane; p < c.count; p += WARP) {
    const float e = expf(scores[warp][p] - largest);
    scores[warp][p] = e;
    sum += e;
  }
  sum = warp_sum(sum);
  if (lane == 0) {
    sums[warp] = sum;
    if (warp < c.heads && whole)
      lse[(c.head + warp) * tokens + c.token] = largest + logf(sum);
    else if (warp < c.heads)
      parts[c.part + warp * c.apart] = {largest, sum};
  }
  __syncthreads();

  float out[HEADS][N][PIECE] = {};
  for (int p = row; p < c.count; p += ROWS_AHEAD * step) {
    float value[ROWS_AHEAD][N][PIECE];
    fetch(value, values, p);
#pragma unroll
    for (int r = 0; r < ROWS_AHEAD; r++)
      if (p + r * step < c.count)
#pragma unroll
        for (int h = 0; h < HEADS; h++) {
          const float e = scores[h][p + r * step];
#pragma unroll
          for (int i = 0; i < N; i++)
#pragma unroll
            for (int j = 0; j < PIECE; j++)
              out[h][i][j] = fmaf(e, value[r][i][j], out[h][i][j]);
        }
  }
#pragma unroll
  for (int h = 0; h < HEADS; h++)
#pragma unroll
    for (int i = 0; i < N; i++)
#pragma unroll
      for (int e = 0; e < PIECE; e++)
        if ((i * lanes + at) * PIECE + e < dim)
          outs[(row * HEADS + h) * dim + (i * lanes + at) * PIECE + e] = out[h][i][e];
  __syncthreads();
  for (int i = threadIdx.x; i < c.heads * dim; i += THREADS) {
    float total = 0.0f;
    for (int r = 0; r < step; r++)
      total += outs[r * HEADS * dim + i];
    const int64_t h = i / dim, d = i % dim;
    if (whole)
      put(o + c.token * ldo + (c.head + h) * dim + d, total / sums[h]);
    else
      weighted[(c.part + h * c.apart) * dim + d] = total;
  }
}

// chunks: blocks (n tokens, kv_heads * ceil(group/HEADS), most chunks of a
// document) for n tokens from first on. A document of one chunk is done with
// that; the others leave parts (n, heads, chunks) and weighted (n, heads, chunks, dim).
template <typename T>
DEVICE void chunks(T *o, int64_t ldo, float *lse, part *parts, float *weighted, const T *q, int64_t ldq, const T *keys, const T *values, const int32_t *owner, const int32_t *positions, const int32_t *slots, int64_t heads, int64_t kv_heads, int64_t dim, int64_t capacity, int64_t first, int64_t tokens, float scale) {
  const int64_t group = heads / kv_heads, shares = (group + HEADS - 1) / HEADS, done = blockIdx.y % shares * HEADS;
  chunk c;
  c.token = first + blockIdx.x;
  c.slot = slots[owner[c.token]];
  c.kv = blockIdx.y / shares;
  c.head = c.kv * group + done;
  c.heads = group - done < HEADS ? (int)(group - done) : HEADS;
  c.positions = positions[c.token] + 1;
  c.from = blockIdx.z * CHUNK;
  c.count = c.positions - c.from < CHUNK ? c.positions - c.from : CHUNK;
  c.apart = gridDim.z;
  c.part = (blockIdx.x * heads + c.head) * c.apart + blockIdx.z;
  if (c.count <= 0)
    return;
  const int64_t start = ((c.slot * kv_heads + c.kv) * capacity + c.from) * dim;
  if (dim % GROUP == 0)
    attend<T, GROUP>(o, ldo, lse, parts, weighted, q, ldq, keys + start, values + start, c, dim, tokens, scale);
  else
    attend<T, 2>(o, ldo, lse, parts, weighted, q, ldq, keys + start, values + start, c, dim, tokens, scale);
}

// combine: blocks (n tokens, heads) add up the parts that chunks left.
template <typename T>
DEVICE void combine(T *o, int64_t ldo, float *lse, const part *parts, const float *weighted, const int32_t *positions, int64_t heads, int64_t dim, int64_t apart, int64_t first, int64_t tokens) {
  const int64_t token = first + blockIdx.x, head = blockIdx.y, at = (blockIdx.x * heads + head) * apart;
  const int count = positions[token] / CHUNK + 1;
  if (count == 1)
    return;
  float largest = MINUS_INFINITY, sum = 0.0f;
  for (int i = 0; i < count; i++)
    largest = fmaxf(largest, parts[at + i].largest);
  for (int i = 0; i < count; i++)
    sum = fmaf(expf(parts[at + i].largest - largest), parts[at + i].sum, sum);
  if (threadIdx.x == 0)
    lse[head * tokens + token] = largest + logf(sum);
  for (int d = threadIdx.x; d < dim; d += blockDim.x) {
    float total = 0.0f;
    for (int i = 0; i < count; i++)
      total = fmaf(expf(parts[at + i].largest - largest), weighted[(at + i) * dim + d], total);
    put(o + token * ldo + head * dim + d, total / sum);
  }
}

// store: a row of blocks for each token copies its keys and values to its
// document's slot, at its position.
template <typename T>
DEVICE void store(T *keys, T *values, const T *k, int64_t ldk, const T *v, int64_t ldv, const int32_t *owner, const int32_t *positions, const int32_t *slots, int64_t kv_heads, int64_t dim, int64_t capacity) {
  const int64_t token = blockIdx.x, i = blockIdx.y * blockDim.x + threadIdx.x, head = i / dim;
  if (head >= kv_heads)
    return;
  const int64_t to = ((slots[owner[token]] * kv_heads + head) * capacity + positions[token]) * dim + i % dim;
  keys[to] = k[token * ldk + i];
  values[to] = v[token * ldv + i];
}

#define INSTANCES(T) \
  KERNEL __launch_bounds__(THREADS) cached_attention_chunks_##T(T *o, int64_t ldo, float *lse, part *parts, float *weighted, const T *q, int64_t ldq, const T *keys, const T *values, const int32_t *owner, const int32_t *positions, const int32_t *slots, int64_t heads, int64_t kv_heads, int64_t dim, int64_t capacity, int64_t first, int64_t tokens, float scale) { \
    chunks(o, ldo, lse, parts, weighted, q, ldq, keys, values, owner, positions, slots, heads, kv_heads, dim, capacity, first, tokens, scale); \
  } \
  KERNEL cached_attention_combine_##T(T *o, int64_t ldo, float *lse, const part *parts, const float *weighted, const int32_t *positions, int64_t heads, int64_t dim, int64_t apart, int64_t first, int64_t tokens) { \
    combine(o, ldo, lse, parts, weighted, positions, heads, dim, apart, first, tokens); \
  } \
  KERNEL cached_attention_store_##T(T *keys, T *values, const T *k, int64_t ldk, const T *v, int64_t ldv, const int32_t *owner, const int32_t *positions, const int32_t *slots, int64_t kv_heads, int64_t dim, int64_t capacity) { \
    store(keys, values, k, ldk, v, ldv, owner, positions, slots, kv_heads, dim, capacity); \
  }

INSTANCES(bf16)
INSTANCES(f32)
