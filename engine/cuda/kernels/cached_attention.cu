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
// It is bound by reading the cache. A block asks for all of its keys and values
// at once, into shared memory, so that enough is under way; where they do not
// fit, it reads them where they are.

#include "attention.cuh"

enum { CHUNK = 64, THREADS = 128, HEADS = THREADS / WARP };

// chunk is what one block works on.
struct chunk {
  int64_t token, slot, kv, head; // head: the first of up to HEADS query heads
  int heads;                     // query heads of the block
  int from, count;               // positions of the chunk that the token sees
  bool whole;                    // it sees no others
  // Where the sums of a document with more than one chunk wait to be added up:
  // (token, head, chunk), heads `apart` apart.
  int64_t part, apart;
};

// part is the softmax of a chunk without its division: e^(score - largest).
struct part {
  float largest, sum;
};

// swizzled is the place of element d of a row of a staged chunk: odd rows swap
// the halves of every 128 bytes, so that eight lanes that read 64 bytes of two
// rows meet different banks. Only rows that are whole lines are swizzled.
template <typename T> DEVICE int swizzled(int row, int d, int dim) {
  constexpr int LINE = 128 / sizeof(T);
  return row * dim + (dim % LINE == 0 && row % 2 ? d ^ LINE / 2 : d);
}

// stage starts copying count rows of dim elements.
template <bool SWIZZLE, typename T> DEVICE void stage(T *to, const T *from, int count, int dim) {
  constexpr int PIECE = 16 / sizeof(T);
  const int rows = THREADS * PIECE / dim, rest = THREADS * PIECE % dim; // how far the block's copies reach
  int row = threadIdx.x * PIECE / dim, d = threadIdx.x * PIECE % dim;
  while (row < count) {
    copy_async(shared_address(to + (SWIZZLE ? swizzled<T>(row, d, dim) : row * dim + d)), from + row * dim + d, true);
    row += rows, d += rest;
    if (d >= dim)
      row++, d -= dim;
  }
}

// load_piece reads a group, or two elements at an even place.
template <typename T> DEVICE void load_piece(const T *p, float (&v)[GROUP]) { load(p, v); }
DEVICE void load_piece(const bf16 *p, float (&v)[2]) {
  const uint32_t pair = *(const uint32_t *)p;
  v[0] = low_half(pair), v[1] = high_half(pair);
}
DEVICE void load_piece(const float *p, float (&v)[2]) {
  const float2 pair = *(const float2 *)p;
  v[0] = pair.x, v[1] = pair.y;
}

// scores fills weights (CHUNK) of HEADS with the products of the queries (HEADS,
// dim) and the keys. Four lanes share two positions: each takes every fourth
// piece of the keys.
template <bool STAGED, int PIECE, typename T> DEVICE void scores(float4 *weights, const float *query, const T *keys, int count, int dim) {
  constexpr int QUAD = 4, LANES = WARP / QUAD, EACH = CHUNK * QUAD / THREADS;
  const int lane = threadIdx.x % WARP, first = threadIdx.x / WARP * EACH * LANES + lane / QUAD;
  float s[EACH][HEADS] = {};
#pragma unroll 2
  for (int d = lane % QUAD * PIECE; d < dim; d += QUAD * PIECE) {
    float x[EACH][PIECE], y[PIECE];
#pragma unroll
    for (int j = 0; j < EACH; j++) {
      const int row = first + j * LANES;
      if (row < count)
        load_piece(keys + (STAGED ? swizzled<T>(row, d, dim) : row * dim + d), x[j]);
      else
#pragma unroll
        for (int i = 0; i < PIECE; i++)
          x[j][i] = 0.0f;
    }
#pragma unroll
    for (int h = 0; h < HEADS; h++) {
      load_piece(query + h * dim + d, y);
#pragma unroll
      for (int j = 0; j < EACH; j++)
#pragma unroll
        for (int i = 0; i < PIECE; i++)
          s[j][h] = fmaf(x[j][i], y[i], s[j][h]);
    }
  }
#pragma unroll
  for (int j = 0; j < EACH; j++) {
#pragma unroll
    for (int h = 0; h < HEADS; h++)
      s[j][h] = quad_sum(s[j][h]);
    if (lane % QUAD == 0)
      weights[first + j * LANES] = make_float4(s[j][0], s[j][1], s[j][2], s[j][3]);
  }
}

// SHARES is into how many shares the positions are divided at most for their
// weighted values.
enum { SHARES = 8 };

// weigh leaves the weighted values of each share in outs (shares, HEADS, dim)
// and returns the number of shares.
template <int PIECE, typename T> DEVICE int weigh(float *outs, const float4 *weights, const T *values, int count, int dim) {
  const int pieces = dim / PIECE, shares = min(THREADS / pieces, SHARES), share = threadIdx.x / pieces, d = threadIdx.x % pieces * PIECE;
  if (share >= shares)
    return shares;
  float out[HEADS][PIECE] = {};
#pragma unroll 4
  for (int p = share; p < count; p += shares) {
    float x[PIECE];
    load_piece(values + p * dim + d, x);
    const float4 w = weights[p];
#pragma unroll
    for (int i = 0; i < PIECE; i++) {
      out[0][i] = fmaf(w.x, x[i], out[0][i]);
      out[1][i] = fmaf(w.y, x[i], out[1][i]);
      out[2][i] = fmaf(w.z, x[i], out[2][i]);
      out[3][i] = fmaf(w.w, x[i], out[3][i]);
    }
  }
#pragma unroll
  for (int h = 0; h < HEADS; h++)
#pragma unroll
    for (int i = 0; i < PIECE; i += 2)
      *(float2 *)(outs + (share * HEADS + h) * dim + d + i) = make_float2(out[h][i], out[h][i + 1]);
  return shares;
}

// attend computes one chunk: scores, a softmax by a warp for each head, and the
// weighted values. STAGED: the chunk fits shared memory.
template <bool STAGED, typename T>
DEVICE void attend(T *o, int64_t ldo, float *lse, part *parts, float *weighted, const T *q, int64_t ldq, const T *keys, const T *values, const chunk &c, int dim, int64_t tokens, float scale) {
  extern __shared__ __align__(128) uint8_t memory[];
  __shared__ float sums[HEADS];
  const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
  T *const staged_keys = (T *)memory, *const staged_values = staged_keys + CHUNK * dim;
  float *const outs = (float *)memory; // once the keys are done with
  float4 *const weights = STAGED ? (float4 *)(staged_values + CHUNK * dim) : (float4 *)(outs + SHARES * HEADS * dim); // (CHUNK) of HEADS
  float *const query = (float *)(weights + CHUNK);                                                                   // (HEADS, dim)
  static_assert(HEADS == 4, "weights are a float4");

  if (STAGED) {
    stage<true>(staged_keys, keys, c.count, dim);
    copy_commit();
    stage<false>(staged_values, values, c.count, dim);
    copy_commit();
    keys = staged_keys, values = staged_values;
  }
  for (int i = threadIdx.x; i < HEADS * dim; i += THREADS)
    query[i] = i < c.heads * dim ? widen(q[c.token * ldq + c.head * dim + i]) * scale : 0.0f;
  if (STAGED)
    copy_wait<1>();
  __syncthreads();
  if (dim % GROUP == 0)
    scores<STAGED, GROUP>(weights, query, keys, c.count, dim);
  else
    scores<STAGED, 2>(weights, query, keys, c.count, dim);
  __syncthreads();

  // A NaN gets lost in the maximum but not in the sum.
  float *const own = (float *)weights + warp;
  float largest = MINUS_INFINITY, sum = 0.0f;
  for (int p = lane; p < c.count; p += WARP)
    largest = fmaxf(largest, own[p * HEADS]);
#pragma unroll
  for (int s = WARP / 2; s > 0; s /= 2)
    largest = fmaxf(largest, __shfl_xor_sync(0xFFFFFFFFu, largest, s));
  for (int p = lane; p < c.count; p += WARP) {
    const float e = expf(own[p * HEADS] - largest);
    own[p * HEADS] = e;
    sum += e;
  }
  sum = warp_sum(sum);
  if (lane == 0) {
    sums[warp] = sum;
    if (warp < c.heads && c.whole)
      lse[(c.head + warp) * tokens + c.token] = largest + logf(sum);
    else if (warp < c.heads)
      parts[c.part + warp * c.apart] = {largest, sum};
  }
  if (STAGED)
    copy_wait<0>();
  __syncthreads();
  const int shares = dim % GROUP == 0 ? weigh<GROUP>(outs, weights, values, c.count, dim) : weigh<2>(outs, weights, values, c.count, dim);
  __syncthreads();
  for (int i = threadIdx.x; i < c.heads * dim; i += THREADS) {
    float total = 0.0f;
#pragma unroll 4
    for (int r = 0; r < shares; r++)
      total += outs[r * HEADS * dim + i];
    const int h = i / dim, d = i % dim;
    if (c.whole)
      put(o + c.token * ldo + (c.head + h) * dim + d, total / sums[h]);
    else
      weighted[(c.part + h * c.apart) * dim + d] = total;
  }
}

// first_seen is the first position that a token at position own sees.
DEVICE int first_seen(int own, int64_t window) { return (int)max(own + 1 - window, (int64_t)0); }

// chunks: blocks (n tokens, kv_heads * ceil(group/HEADS), most chunks of a
// document) for n tokens from first on. A document of one chunk is done with
// that; the others leave parts (n, heads, chunks) and weighted (n, heads, chunks, dim).
// Shared memory: 16 CHUNK + 4 HEADS dim bytes, and if staged the keys and values
// of CHUNK positions, whose rows are whole groups of 16 bytes, else 4 SHARES HEADS dim.
template <typename T>
DEVICE void chunks(T *o, int64_t ldo, float *lse, part *parts, float *weighted, const T *q, int64_t ldq, const T *keys, const T *values, const int32_t *owner, const int32_t *positions, const int32_t *slots, int64_t heads, int64_t kv_heads, int64_t dim, int64_t capacity, int64_t staged, int64_t first, int64_t tokens, int64_t window, float scale) {
  const int64_t group = heads / kv_heads, shares = (group + HEADS - 1) / HEADS, done = blockIdx.y % shares * HEADS;
  chunk c;
  c.token = first + blockIdx.x;
  c.slot = slots[owner[c.token]];
  c.kv = blockIdx.y / shares;
  c.head = c.kv * group + done;
  c.heads = group - done < HEADS ? (int)(group - done) : HEADS;
  const int own = positions[c.token], oldest = first_seen(own, window);
  c.from = max((int)blockIdx.z * CHUNK, oldest);
  c.count = min((int)(blockIdx.z + 1) * CHUNK, own + 1) - c.from;
  c.whole = oldest / CHUNK == own / CHUNK;
  c.apart = gridDim.z;
  c.part = (blockIdx.x * heads + c.head) * c.apart + blockIdx.z;
  if (c.count <= 0)
    return;
  const int64_t start = ((c.slot * kv_heads + c.kv) * capacity + c.from) * dim;
  if (staged)
    attend<true>(o, ldo, lse, parts, weighted, q, ldq, keys + start, values + start, c, (int)dim, tokens, scale);
  else
    attend<false>(o, ldo, lse, parts, weighted, q, ldq, keys + start, values + start, c, (int)dim, tokens, scale);
}

// combine: blocks (n tokens, heads) of COMBINE threads add up the parts that
// chunks left. Shared memory: 4 bytes for each of the most chunks of a document.
enum { COMBINE = 256 };

template <typename T>
DEVICE void combine(T *o, int64_t ldo, float *lse, const part *parts, const float *weighted, const int32_t *positions, int64_t heads, int64_t dim, int64_t apart, int64_t first, int64_t tokens, int64_t window) {
  extern __shared__ float weights[]; // (count)
  __shared__ float most[COMBINE / WARP];
  __shared__ float2 outs[COMBINE];
  const int64_t token = first + blockIdx.x, head = blockIdx.y;
  const int own = positions[token], skipped = first_seen(own, window) / CHUNK, count = own / CHUNK + 1 - skipped;
  const int64_t at = (blockIdx.x * heads + head) * apart + skipped;
  if (count == 1)
    return;
  float largest = MINUS_INFINITY, sum[1] = {};
  for (int i = threadIdx.x; i < count; i += COMBINE)
    largest = fmaxf(largest, parts[at + i].largest);
#pragma unroll
  for (int s = WARP / 2; s > 0; s /= 2)
    largest = fmaxf(largest, __shfl_xor_sync(0xFFFFFFFFu, largest, s));
  if (threadIdx.x % WARP == 0)
    most[threadIdx.x / WARP] = largest;
  __syncthreads();
#pragma unroll
  for (int i = 0; i < COMBINE / WARP; i++)
    largest = fmaxf(largest, most[i]);
  for (int i = threadIdx.x; i < count; i += COMBINE) {
    const part p = parts[at + i];
    weights[i] = expf(p.largest - largest);
    sum[0] = fmaf(weights[i], p.sum, sum[0]);
  }
  block_sum(sum); // and the weights are there for all
  __syncthreads();
  const int pairs = dim / 2, shares = COMBINE / pairs, share = threadIdx.x / pairs, d = threadIdx.x % pairs * 2;
  float2 out = {};
  if (share < shares)
#pragma unroll 8
    for (int i = share; i < count; i += shares) {
      const float2 x = *(const float2 *)(weighted + (at + i) * dim + d);
      out.x = fmaf(weights[i], x.x, out.x), out.y = fmaf(weights[i], x.y, out.y);
    }
  outs[threadIdx.x] = out;
  __syncthreads();
  if (threadIdx.x < pairs) {
    out = outs[threadIdx.x];
    for (int r = 1; r < shares; r++)
      out.x += outs[r * pairs + threadIdx.x].x, out.y += outs[r * pairs + threadIdx.x].y;
    put(o + token * ldo + head * dim + d, out.x / sum[0]);
    put(o + token * ldo + head * dim + d + 1, out.y / sum[0]);
  }
  if (threadIdx.x == 0)
    lse[head * tokens + token] = largest + logf(sum[0]);
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
  KERNEL __launch_bounds__(THREADS) cached_attention_chunks_##T(T *o, int64_t ldo, float *lse, part *parts, float *weighted, const T *q, int64_t ldq, const T *keys, const T *values, const int32_t *owner, const int32_t *positions, const int32_t *slots, int64_t heads, int64_t kv_heads, int64_t dim, int64_t capacity, int64_t staged, int64_t first, int64_t tokens, int64_t window, float scale) { \
    chunks(o, ldo, lse, parts, weighted, q, ldq, keys, values, owner, positions, slots, heads, kv_heads, dim, capacity, staged, first, tokens, window, scale); \
  } \
  KERNEL __launch_bounds__(COMBINE) cached_attention_combine_##T(T *o, int64_t ldo, float *lse, const part *parts, const float *weighted, const int32_t *positions, int64_t heads, int64_t dim, int64_t apart, int64_t first, int64_t tokens, int64_t window) { \
    combine(o, ldo, lse, parts, weighted, positions, heads, dim, apart, first, tokens, window); \
  } \
  KERNEL cached_attention_store_##T(T *keys, T *values, const T *k, int64_t ldk, const T *v, int64_t ldv, const int32_t *owner, const int32_t *positions, const int32_t *slots, int64_t kv_heads, int64_t dim, int64_t capacity) { \
    store(keys, values, k, ldk, v, ldv, owner, positions, slots, kv_heads, dim, capacity); \
  }

INSTANCES(bf16)
INSTANCES(f32)
