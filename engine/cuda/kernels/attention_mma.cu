// Attention in bfloat16 for head sizes up to 128 that are multiples of 16, on
// the matrix units of sm_80 and later (mma.sync): FlashAttention-2 (Dao 2023).
// Scores exist only as 64 x 64 tiles in registers; the backward pass computes
// them again, once for dQ and once for dK and dV, so that every sum runs in a
// fixed order without atomics.
//
// A block is four warps of 16 rows. D is the head size that a kernel was
// compiled for; smaller ones are padded with zeros in shared memory.

#include "attention.cuh"
#include "mma.cuh"

enum { ROWS = 64, THREADS = 128, SPAN = 32 };

// PITCH is the distance of rows in shared memory, in elements: 16 bytes more
// than the row, so that the eight rows of an ldmatrix lie in different banks.
template <int D> constexpr int PITCH = D + 8;

DEVICE void ldmatrix(uint32_t (&r)[4], uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address) : "memory");
}
DEVICE void ldmatrix_transposed(uint32_t (&r)[4], uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address) : "memory");
}
// mma_pair multiplies a with the 16 columns that ldmatrix read into b.
DEVICE void mma_pair(float (&left)[4], float (&right)[4], const uint32_t (&a)[4], const uint32_t (&b)[4]) {
  const uint32_t first[2] = {b[0], b[1]}, second[2] = {b[2], b[3]};
  mma(left, a, first);
  mma(right, a, second);
}

// load_rows starts copying COUNT rows of one head, zeros from row end and from
// channel dim on; from points at the first row of the batch.
template <int D, int COUNT> DEVICE void load_rows(uint32_t to, const bf16 *from, int64_t ld, int32_t first, int32_t end, int64_t dim) {
  constexpr int CHUNKS = D / GROUP;
  for (int i = threadIdx.x; i < COUNT * CHUNKS; i += THREADS) {
    const int row = i / CHUNKS, channel = i % CHUNKS * GROUP;
    const bool wanted = first + row < end && channel < dim;
    copy_async(to + (row * PITCH<D> + channel) * sizeof(bf16), wanted ? from + (first + row) * ld + channel : from, wanted);
  }
}

// rows_product adds A B^T to acc, the warp's 16 rows of A at a, N rows of B at
// b, all of D channels.
template <int D, int N> DEVICE void rows_product(float (&acc)[N / 8][4], uint32_t a, uint32_t b) {
  const int lane = threadIdx.x % WARP;
  a += (lane % 16 * PITCH<D> + lane / 16 * 8) * sizeof(bf16);
  b += ((lane / 16 * 8 + lane % 8) * PITCH<D> + lane / 8 % 2 * 8) * sizeof(bf16);
#pragma unroll
  for (int k = 0; k < D; k += 16) {
    uint32_t x[4];
    ldmatrix(x, a + k * sizeof(bf16));
#pragma unroll
    for (int n = 0; n < N; n += 16) {
      uint32_t y[4];
      ldmatrix(y, b + (n * PITCH<D> + k) * sizeof(bf16));
      mma_pair(acc[n / 8], acc[n / 8 + 1], x, y);
    }
  }
}

// weights_product adds W X to acc: W the warp's 16 x N matrix in accumulator
// layout, rounded to bf16; X N rows of D channels at x.
template <int D, int N> DEVICE void weights_product(float (&acc)[D / 8][4], const float (&w)[N / 8][4], uint32_t x) {
  const int lane = threadIdx.x % WARP;
  x += (lane % 16 * PITCH<D> + lane / 16 * 8) * sizeof(bf16);
#pragma unroll
  for (int k = 0; k < N; k += 16) {
    const float *lo = w[k / 8], *hi = w[k / 8 + 1];
    const uint32_t a[4] = {narrow2(lo[0], lo[1]), narrow2(lo[2], lo[3]), narrow2(hi[0], hi[1]), narrow2(hi[2], hi[3])};
#pragma unroll
    for (int n = 0; n < D; n += 16) {
      uint32_t y[4];
      ldmatrix_transposed(y, x + (k * PITCH<D> + n) * sizeof(bf16));
      mma_pair(acc[n / 8], acc[n / 8 + 1], a, y);
    }
  }
}

// put_rows stores the warp's 16 rows from accumulator layout; the lane has rows
// row and row+8 relative to the tile, scaled by f0 and f1.
template <int D> DEVICE void put_rows(bf16 *to, int64_t ld, const float (&acc)[D / 8][4], float f0, float f1, const tile &t, int row, int64_t dim) {
  const int channel = threadIdx.x % 4 * 2;
#pragma unroll
  for (int half = 0; half < 2; half++) {
    const int64_t token = t.first + row + half * 8;
    const float f = half ? f1 : f0;
    if (token < t.end)
#pragma unroll
      for (int n = 0; n < D; n += 8)
        if (n < dim)
          *(uint32_t *)(to + token * ld + n + channel) = narrow2(acc[n / 8][half * 2] * f, acc[n / 8][half * 2 + 1] * f);
  }
}

// forward: the block's 64 queries against tiles of keys from the diagonal back
// to the first one seen; every row has a key in the first of these tiles.
template <int D, bool WINDOWED>
DEVICE void forward(bf16 *o, int64_t ldo, float *lse, const bf16 *q, int64_t ldq, const bf16 *k, int64_t ldk, const bf16 *v, int64_t ldv, const tile *tiles, int64_t heads, int64_t kv_heads, int64_t dim, int64_t tokens, int64_t window, float scale) {
  extern __shared__ __align__(16) bf16 memory[];
  const tile t = tiles[blockIdx.x];
  const int64_t head = blockIdx.y, kv = head / (heads / kv_heads);
  const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, row = warp * 16 + lane / 4;
  const int32_t low = first_seen<WINDOWED>(t, window);
  const uint32_t keys = shared_address(memory), values = keys + ROWS * PITCH<D> * sizeof(bf16);
  q += head * dim, o += head * dim, k += kv * dim, v += kv * dim;

  // The queries pass through the values' place into registers.
  load_rows<D, ROWS>(values, q, ldq, t.first, t.end, dim);
  load_rows<D, ROWS>(keys, k, ldk, t.first, t.end, dim);
  copy_commit();
  copy_wait<0>();
  __syncthreads();
  uint32_t queries[D / 16][4];
#pragma unroll
  for (int i = 0; i < D / 16; i++)
    ldmatrix(queries[i], values + ((warp * 16 + lane % 16) * PITCH<D> + i * 16 + lane / 16 * 8) * sizeof(bf16));

  const float unit = scale * LOG2E;
  const uint32_t b = keys + ((lane / 16 * 8 + lane % 8) * PITCH<D> + lane / 8 % 2 * 8) * sizeof(bf16);
  float out[D / 8][4] = {}, largest[2] = {MINUS_INFINITY, MINUS_INFINITY}, sum[2] = {};
  for (int32_t from = t.first; from > low - ROWS; from -= ROWS) {
    const int behind = t.first - from + 1 - (int32_t)window; // row r sees columns from r + behind on
    __syncthreads(); // the values' place is free
    load_rows<D, ROWS>(values, v, ldv, from, t.end, dim);
    copy_commit();
    copy_wait<1>(); // the keys are there
    __syncthreads();
    float s[ROWS / 8][4] = {};
#pragma unroll
    for (int i = 0; i < D / 16; i++)
#pragma unroll
      for (int n = 0; n < ROWS; n += 16) {
        uint32_t y[4];
        ldmatrix(y, b + (n * PITCH<D> + i * 16) * sizeof(bf16));
        mma_pair(s[n / 8], s[n / 8 + 1], queries[i], y);
      }
    __syncthreads(); // the keys' place is free
    if (from > low)
      load_rows<D, ROWS>(keys, k, ldk, from - ROWS, t.end, dim);
    copy_commit();

#pragma unroll
    for (int half = 0; half < 2; half++) {
      float most = largest[half];
#pragma unroll
      for (int n = 0; n < ROWS / 8; n++)
#pragma unroll
        for (int i = 0; i < 2; i++) {
          const int column = n * 8 + lane % 4 * 2 + i;
          if (from == t.first && column > row + half * 8 || WINDOWED && column < row + half * 8 + behind)
            s[n][half * 2 + i] = MINUS_INFINITY;
          most = fmaxf(most, s[n][half * 2 + i]);
        }
      most = quad_max(most);
      const float shrink = exp2_fast((largest[half] - most) * unit), shift = most * unit;
      largest[half] = most;
      float part = 0.0f;
#pragma unroll
      for (int n = 0; n < ROWS / 8; n++)
#pragma unroll
        for (int i = 0; i < 2; i++) {
          const float p = exp2_fast(fmaf(s[n][half * 2 + i], unit, -shift));
          s[n][half * 2 + i] = p;
          part += p;
        }
      sum[half] = fmaf(sum[half], shrink, part);
#pragma unroll
      for (int n = 0; n < D / 8; n++)
        out[n][half * 2] *= shrink, out[n][half * 2 + 1] *= shrink;
    }
    copy_wait<1>(); // the values are there
    __syncthreads();
    weights_product<D, ROWS>(out, s, values);
  }
#pragma unroll
  for (int half = 0; half < 2; half++) {
    sum[half] = quad_sum(sum[half]);
    if (lane % 4 == 0 && t.first + row + half * 8 < t.end)
      lse[head * tokens + t.first + row + half * 8] = fmaf(largest[half], scale, logf(sum[half]));
  }
  put_rows<D>(o, ldo, out, 1.0f / sum[0], 1.0f / sum[1], t, row, dim);
}

// backward_q: the block's 64 queries against the same tiles of keys.
template <int D, bool WINDOWED>
DEVICE void backward_q(bf16 *dq, int64_t lddq, const bf16 *q, int64_t ldq, const bf16 *k, int64_t ldk, const bf16 *v, int64_t ldv, const bf16 *d_o, int64_t lddo, const stats *rows, const tile *tiles, int64_t heads, int64_t kv_heads, int64_t dim, int64_t tokens, int64_t window, float scale) {
  extern __shared__ __align__(16) bf16 memory[];
  constexpr uint32_t BYTES = ROWS * PITCH<D> * sizeof(bf16);
  const tile t = tiles[blockIdx.x];
  const int64_t head = blockIdx.y, kv = head / (heads / kv_heads);
  const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, row = warp * 16 + lane / 4;
  const int32_t low = first_seen<WINDOWED>(t, window);
  const uint32_t queries = shared_address(memory), douts = queries + BYTES, keys = douts + BYTES, values = keys + BYTES;
  const uint32_t own = warp * 16 * PITCH<D> * sizeof(bf16);
  q += head * dim, dq += head * dim, d_o += head * dim, k += kv * dim, v += kv * dim;

  load_rows<D, ROWS>(queries, q, ldq, t.first, t.end, dim);
  load_rows<D, ROWS>(douts, d_o, lddo, t.first, t.end, dim);
  load_rows<D, ROWS>(keys, k, ldk, t.first, t.end, dim);
  copy_commit();
  load_rows<D, ROWS>(values, v, ldv, t.first, t.end, dim);
  copy_commit();
  stats st[2] = {};
#pragma unroll
  for (int half = 0; half < 2; half++)
    if (t.first + row + half * 8 < t.end)
      st[half] = rows[head * tokens + t.first + row + half * 8];

  const float unit = scale * LOG2E;
  float out[D / 8][4] = {};
  for (int32_t from = t.first; from > low - ROWS; from -= ROWS) {
    const int behind = t.first - from + 1 - (int32_t)window; // row r sees columns from r + behind on
    copy_wait<1>(); // the keys are there
    __syncthreads();
    float s[ROWS / 8][4] = {}, dp[ROWS / 8][4] = {};
    rows_product<D, ROWS>(s, queries + own, keys);
    copy_wait<0>(); // the values too
    __syncthreads();
    rows_product<D, ROWS>(dp, douts + own, values);
    __syncthreads(); // the values' place is free
#pragma unroll
    for (int n = 0; n < ROWS / 8; n++)
#pragma unroll
      for (int i = 0; i < 4; i++) {
        const stats &r = st[i / 2];
        const int column = n * 8 + lane % 4 * 2 + i % 2, diagonal = row + i / 2 * 8;
        const bool seen = (from < t.first || column <= diagonal) && (!WINDOWED || column >= diagonal + behind);
        const float p = exp2_fast(fmaf(s[n][i], unit, -r.lse));
        s[n][i] = seen ? p * (dp[n][i] - r.delta) : 0.0f;
      }
    weights_product<D, ROWS>(out, s, keys);
    __syncthreads(); // the keys' place is free
    if (from > low) {
      load_rows<D, ROWS>(keys, k, ldk, from - ROWS, t.end, dim);
      copy_commit();
      load_rows<D, ROWS>(values, v, ldv, from - ROWS, t.end, dim);
      copy_commit();
    }
  }
  put_rows<D>(dq, lddq, out, scale, scale, t, row, dim);
}

// backward_kv: the block's 64 keys against spans of queries from the diagonal
// to the last that sees one of them, for every head of the group in turn.
template <int D, bool WINDOWED>
DEVICE void backward_kv(bf16 *dk, int64_t lddk, bf16 *dv, int64_t lddv, const bf16 *q, int64_t ldq, const bf16 *k, int64_t ldk, const bf16 *v, int64_t ldv, const bf16 *d_o, int64_t lddo, const stats *rows, const tile *tiles, int64_t heads, int64_t kv_heads, int64_t dim, int64_t tokens, int64_t window, float scale) {
  extern __shared__ __align__(16) bf16 memory[];
  constexpr uint32_t BYTES = ROWS * PITCH<D> * sizeof(bf16), SPAN_BYTES = SPAN * PITCH<D> * sizeof(bf16);
  const tile t = tiles[blockIdx.x];
  const int64_t kv = blockIdx.y, group = heads / kv_heads;
  const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, row = warp * 16 + lane / 4;
  const uint32_t keys = shared_address(memory), values = keys + BYTES, ring = values + BYTES; // ring: two places of queries and dO
  const uint32_t own = warp * 16 * PITCH<D> * sizeof(bf16);
  const int32_t last = last_seeing<WINDOWED, ROWS>(t, window);
  const int64_t spans = (last - t.first + SPAN - 1) / SPAN, steps = spans * group;
  k += kv * dim, dk += kv * dim, v += kv * dim, dv += kv * dim;

  auto fetch = [&](int64_t step) {
    const int64_t head = kv * group + step / spans;
    const int32_t from = t.first + (int32_t)(step % spans) * SPAN;
    const uint32_t to = ring + step % 2 * 2 * SPAN_BYTES;
    load_rows<D, SPAN>(to, q + head * dim, ldq, from, t.end, dim);
    load_rows<D, SPAN>(to + SPAN_BYTES, d_o + head * dim, lddo, from, t.end, dim);
  };
  load_rows<D, ROWS>(keys, k, ldk, t.first, t.end, dim);
  load_rows<D, ROWS>(values, v, ldv, t.first, t.end, dim);
  fetch(0);
  copy_commit();

  const float unit = scale * LOG2E;
  float out_k[D / 8][4] = {}, out_v[D / 8][4] = {};
  for (int64_t step = 0; step < steps; step++) {
    if (step + 1 < steps)
      fetch(step + 1);
    copy_commit();
    copy_wait<1>();
    __syncthreads();
    const uint32_t queries = ring + step % 2 * 2 * SPAN_BYTES, douts = queries + SPAN_BYTES;
    const int32_t from = t.first + (int32_t)(step % spans) * SPAN;
    const stats *st = rows + (kv * group + step / spans) * tokens;
    float s[SPAN / 8][4] = {}, dp[SPAN / 8][4] = {};
    rows_product<D, SPAN>(s, keys + own, queries);
    rows_product<D, SPAN>(dp, values + own, douts);
#pragma unroll
    for (int n = 0; n < SPAN / 8; n++)
#pragma unroll
      for (int i = 0; i < 4; i++) {
        const int32_t query = from + n * 8 + lane % 4 * 2 + i % 2;
        const int32_t key = t.first + row + i / 2 * 8;
        const bool seen = query < last && query >= key && (!WINDOWED || query < key + (int32_t)window);
        const stats r = query < last ? st[query] : stats{};
        const float p = seen ? exp2_fast(fmaf(s[n][i], unit, -r.lse)) : 0.0f;
        s[n][i] = p;
        dp[n][i] = seen ? p * (dp[n][i] - r.delta) : 0.0f;
      }
    weights_product<D, SPAN>(out_v, s, douts);
    weights_product<D, SPAN>(out_k, dp, queries);
    __syncthreads(); // the place is free
  }
  put_rows<D>(dk, lddk, out_k, scale, scale, t, row, dim);
  put_rows<D>(dv, lddv, out_v, 1.0f, 1.0f, t, row, dim);
}

#define INSTANCES(D, WINDOWED, NAME) \
  KERNEL __launch_bounds__(THREADS) attention_mma_forward_##NAME##_bf16(bf16 *o, int64_t ldo, float *lse, const bf16 *q, int64_t ldq, const bf16 *k, int64_t ldk, const bf16 *v, int64_t ldv, const tile *tiles, int64_t heads, int64_t kv_heads, int64_t dim, int64_t tokens, int64_t window, float scale) { \
    forward<D, WINDOWED>(o, ldo, lse, q, ldq, k, ldk, v, ldv, tiles, heads, kv_heads, dim, tokens, window, scale); \
  } \
  KERNEL __launch_bounds__(THREADS) attention_mma_backward_q_##NAME##_bf16(bf16 *dq, int64_t lddq, const bf16 *q, int64_t ldq, const bf16 *k, int64_t ldk, const bf16 *v, int64_t ldv, const bf16 *d_o, int64_t lddo, const stats *rows, const tile *tiles, int64_t heads, int64_t kv_heads, int64_t dim, int64_t tokens, int64_t window, float scale) { \
    backward_q<D, WINDOWED>(dq, lddq, q, ldq, k, ldk, v, ldv, d_o, lddo, rows, tiles, heads, kv_heads, dim, tokens, window, scale); \
  } \
  KERNEL __launch_bounds__(THREADS) attention_mma_backward_kv_##NAME##_bf16(bf16 *dk, int64_t lddk, bf16 *dv, int64_t lddv, const bf16 *q, int64_t ldq, const bf16 *k, int64_t ldk, const bf16 *v, int64_t ldv, const bf16 *d_o, int64_t lddo, const stats *rows, const tile *tiles, int64_t heads, int64_t kv_heads, int64_t dim, int64_t tokens, int64_t window, float scale) { \
    backward_kv<D, WINDOWED>(dk, lddk, dv, lddv, q, ldq, k, ldk, v, ldv, d_o, lddo, rows, tiles, heads, kv_heads, dim, tokens, window, scale); \
  }

INSTANCES(16, false, 16)
INSTANCES(16, true, 16_window)
INSTANCES(32, false, 32)
INSTANCES(32, true, 32_window)
INSTANCES(64, false, 64)
INSTANCES(64, true, 64_window)
INSTANCES(96, false, 96)
INSTANCES(96, true, 96_window)
INSTANCES(128, false, 128)
INSTANCES(128, true, 128_window)
