#ifndef VARIANT
#define SOURCE "attention.c"
#include "variants.h"

#include "kernels.h"

static ENTRY(forward, LIST(const attention *a, int64_t t0, int64_t n, int64_t kv_head, float *scratch), LIST(a, t0, n, kv_head, scratch))
static ENTRY(backward, LIST(const attention *a, int64_t t0, int64_t n, int64_t kv_head, float *scratch), LIST(a, t0, n, kv_head, scratch))
static ENTRY(cached, LIST(const attention *a, const cache_layer *c, int64_t slot, int64_t t0, int64_t n, int64_t position, int64_t kv_head, float *scratch), LIST(a, c, slot, t0, n, position, kv_head, scratch))
static ENTRY(store_document, LIST(const attention *a, const cache_layer *c, int64_t slot, int64_t t0, int64_t n, int64_t position), LIST(a, c, slot, t0, n, position))

// MIN_WORK is how many multiply-adds make it worth while to share them.
enum { MIN_WORK = 1 << 18 };

static int64_t padded(int64_t n) { return (n + PANEL - 1) / PANEL * PANEL; }

int64_t cache_floats(int64_t positions, int64_t kv_heads, int64_t dim) { return padded(positions) * kv_heads * channels(dim); }

int64_t attention_scratch(int kind, const attention *a, const documents *d, const cache_layer *c) {
  int64_t longest = kind == ATTENTION_CACHED ? c->positions : 0;
  for (int64_t i = 0; kind != ATTENTION_CACHED && i < d->n; i++)
    longest = d->starts[i + 1] - d->starts[i] > longest ? d->starts[i + 1] - d->starts[i] : longest;
  const int64_t panels = padded(longest) * padded(a->dim), scores = ROWS * padded(longest);
  switch (kind) {
  case ATTENTION_FORWARD: // keys, values, scores
    return 2 * panels + scores;
  case ATTENTION_BACKWARD: // keys and values, keys as rows, scores, their gradients, rows of a block
    return 3 * panels + 2 * scores + ROWS * padded(a->dim);
  default: // scores
    return scores;
  }
}

typedef struct {
  int variant, kind;
  const attention *a;
  const documents *d;
  const cache_layer *c;
} all;

// task is one document and key-value head.
static void task(const void *job, float *scratch, int64_t number) {
  const all *j = job;
  const documents *d = j->d;
  const int64_t i = number / j->a->kv_heads, head = number % j->a->kv_heads, t0 = d->starts[i], n = d->starts[i + 1] - t0;
  switch (j->kind) {
  case ATTENTION_FORWARD:
    forward(j->variant, j->a, t0, n, head, scratch);
    break;
  case ATTENTION_BACKWARD:
    backward(j->variant, j->a, t0, n, head, scratch);
    break;
  default:
    cached(j->variant, j->a, j->c, d->slots[i], t0, n, d->first[i], head, scratch);
  }
}

void attention_run(pool *p, int variant, int kind, const attention *a, const documents *d, const cache_layer *c) {
  const all j = {variant, kind, a, d, c};
  const int64_t tasks = d->n * a->kv_heads;
  int64_t work = 0;
  for (int64_t i = 0; i < d->n; i++) {
    const int64_t n = d->starts[i + 1] - d->starts[i];
    work += n * (n + d->first[i]) * a->heads * a->dim;
  }
  if (work < MIN_WORK)
    pool_alone(p, tasks, task, &j);
  else
    pool_run(p, tasks, task, &j);
}

void attention_store(int variant, const attention *a, const documents *d, const cache_layer *c) {
  for (int64_t i = 0; i < d->n; i++)
    store_document(variant, a, c, d->slots[i], d->starts[i], d->starts[i + 1] - d->starts[i], d->first[i]);
}
#else
#include "gemm.h"
#include "log.h"
#include "row.h"

// Keys of one head are panels of WIDEST positions, (dim, WIDEST) each; values,
// and keys where they are rows, are panels of at most WIDEST channels,
// (positions, panel_width) each.

INLINE void NAME(pack_positions)(const float *x, int64_t ld, int64_t n, int64_t dim, float *dst) {
  const matrix m = {.format = FORMAT_F32, .rows = n, .cols = dim, .ld = ld, .f32 = x};
  for (int64_t j = 0; j < n; j += WIDEST) {
    float *panel = dst + j * dim;
    const int64_t cols = n - j < WIDEST ? n - j : WIDEST;
    pack_columns(&m, 1.0f, j, cols, 0, dim, panel);
  }
}

INLINE void NAME(pack_channels)(const float *x, int64_t ld, int64_t n, int64_t dim, float *dst) {
  const matrix m = {.format = FORMAT_F32, .rows = n, .cols = dim, .ld = ld, .f32 = x};
  for (int64_t c = 0; c < dim; c += WIDEST)
    pack_rows(&m, 1.0f, c, dim - c < WIDEST ? dim - c : WIDEST, 0, n, dst + c * n);
}

// oldest is the first position that the query at position sees.
INLINE int64_t NAME(oldest)(const attention *a, int64_t position) {
  return a->window && position >= a->window ? position + 1 - a->window : 0;
}

// against computes x (rows, dim) times positions low..n of those packed:
// out (rows, ld), low and ld multiples of WIDEST. Panels after the position of a
// row's own, first + row*step, are left alone; so is nothing within a panel.
INLINE void NAME(against)(const float *x, int64_t ldx, int64_t rows, int64_t step, const float *panels, int64_t packed, int64_t dim, int64_t low, int64_t n, int64_t first, float *out, int64_t ld) {
  for (int64_t j = low; j < n; j += WIDEST) {
    const int64_t r = step && j > first ? j - first : 0;
    segment s = {x + r * ldx, ldx, 1, panels + j * dim, panel_width(packed - j < WIDEST ? packed - j : WIDEST), dim};
    multiply(rows - r, panel_width(packed - j < WIDEST ? packed - j : WIDEST), 1, &s, out + r * ld + j, ld, 0, 0);
  }
}

// between is all ones in the lanes from skip on, and before n.
INLINE VI NAME(between)(int64_t skip, int64_t n) { return first_n(n) & ~first_n(skip); }

// clear zeroes the vectors that begin at from..to.
INLINE void NAME(clear)(float *s, int64_t from, int64_t to) {
  for (int64_t i = from; i < to; i += LANES)
    store(s + i, splat(0.0f));
}

// whole rounds a count up to whole vectors, sixteen rounds down to whole sixteens:
// partial sums begin at one, so that they are the same for every width of vector.
INLINE int64_t NAME(whole)(int64_t n) { return (n + LANES - 1) / LANES * LANES; }
INLINE int64_t NAME(sixteen)(int64_t n) { return n / 16 * 16; }

// softmax_row turns the scores old..count into e^(scale*s - largest), zeroes the
// others of low..end, and returns their sum; *largest is of scale*s.
INLINE float NAME(softmax_row)(float *row, int64_t low, int64_t old, int64_t count, int64_t end, float scale, float *largest) {
  const int64_t from = NAME(sixteen)(old), skip = old - from;
  float *s = row + from; // rows are a multiple of WIDEST apart
  V acc[PARTS];
  for (int z = 0; z < PARTS; z++)
    acc[z] = splat(-INFINITY);
  ROW_EACH(count - from, i, part, n) {
    V v = load(s + i);
    if (n < LANES || i < skip)
      v = select_v(NAME(between)(skip - i, n), v, splat(-INFINITY));
    acc[part] = max_v(acc[part], v);
  }
  const float shift = max16(acc) * scale;
  const V sv = splat(scale), mv = splat(-shift);
  ROW_ZERO(acc);
  ROW_EACH(count - from, i, part, n) {
    V p = exp_v(fma_v(load(s + i), sv, mv));
    if (n < LANES || i < skip)
      p = (V)((VI)p & NAME(between)(skip - i, n));
    store(s + i, p);
    acc[part] = acc[part] + p;
  }
  NAME(clear)(row, low, from);
  NAME(clear)(row, NAME(whole)(count), end);
  *largest = shift;
  return sum16(acc);
}

// blocks is how many rows to take at a time, at most ROWS, so that the last
// block is not much smaller than the others.
INLINE int64_t NAME(block_rows)(int64_t rows) {
  const int64_t blocks = (rows + ROWS - 1) / ROWS;
  return ((rows + blocks - 1) / blocks + 5) / 6 * 6;
}

// attend computes rows queries, x (rows, dim) with distance ldx, each against
// positions up to first+row*step of those packed, in blocks.
INLINE void NAME(attend)(const attention *a, const float *x, int64_t ldx, float *o, int64_t rows, int64_t step, int64_t first, const float *keys, const float *values, int64_t packed, float *lse, int64_t ldl, float *scores) {
  const int64_t dim = a->dim;
  const int64_t most = NAME(block_rows)(rows);
  for (int64_t r0 = 0; r0 < rows; r0 += most) {
    const int64_t block = rows - r0 < most ? rows - r0 : most;
    const int64_t from = first + r0 * step, end = from + (block - 1) * step + 1;
    const int64_t ld = (end + WIDEST - 1) / WIDEST * WIDEST, low = NAME(oldest)(a, from) / WIDEST * WIDEST;
    NAME(against)(x + r0 * ldx, ldx, block, step, keys, packed, dim, low, end, from, scores, ld);
    float inverse[ROWS];
    for (int64_t r = 0; r < block; r++) {
      float largest;
      const int64_t position = from + r * step;
      const float sum = NAME(softmax_row)(scores + r * ld, low, NAME(oldest)(a, position), position + 1, end, a->scale, &largest);
      inverse[r] = 1.0f / sum;
      lse[(r0 + r) * ldl] = largest + log_1(sum);
    }
    for (int64_t c = 0; c < dim; c += WIDEST) {
      const int64_t cols = dim - c < WIDEST ? dim - c : WIDEST;
      segment s = {scores + low, ld, 1, values + c * packed + low * panel_width(cols), panel_width(cols), end - low};
      multiply(block, cols, 1, &s, o + r0 * ldx + c, ldx, 0, 0);
    }
    for (int64_t r = 0; r < block; r++) {
      float *out = o + (r0 + r) * ldx;
      ROW_EACH(dim, i, part, n) { ROW_STORE(out + i, ROW_LOAD(out + i, n) * splat(inverse[r]), n); }
    }
  }
}

static KERNEL void NAME(forward)(const attention *a, int64_t t0, int64_t n, int64_t kv_head, float *scratch) {
  const int64_t group = a->heads / a->kv_heads, ldq = a->heads * a->dim, ldk = a->kv_heads * a->dim;
  const int64_t panels = (n + PANEL - 1) / PANEL * PANEL * ((a->dim + PANEL - 1) / PANEL * PANEL);
  float *keys = scratch, *values = keys + panels, *scores = values + panels;
  NAME(pack_positions)(a->k + t0 * ldk + kv_head * a->dim, ldk, n, a->dim, keys);
  NAME(pack_channels)(a->v + t0 * ldk + kv_head * a->dim, ldk, n, a->dim, values);
  for (int64_t h = kv_head * group; h < (kv_head + 1) * group; h++) {
    const int64_t at = t0 * ldq + h * a->dim;
    NAME(attend)(a, a->q + at, ldq, a->o + at, n, 1, 0, keys, values, n, a->lse + h * a->tokens + t0, 1, scores);
  }
}

// With P the softmax of the scores S and D = rowsum(dO o O):
// dV = P^T dO, dS = P o (dO V^T - D) * scale, dQ = dS K, dK = dS^T Q
// (Dao et al. 2022, appendix B.2). dK and dV add up over the heads of the group,
// then over queries, both in order.
static KERNEL void NAME(backward)(const attention *a, int64_t t0, int64_t n, int64_t kv_head, float *scratch) {
  const int64_t dim = a->dim, group = a->heads / a->kv_heads, ldq = a->heads * dim, ldk = a->kv_heads * dim;
  const int64_t panels = (n + PANEL - 1) / PANEL * PANEL * ((dim + PANEL - 1) / PANEL * PANEL);
  const int64_t wide = (n + PANEL - 1) / PANEL * PANEL, most = NAME(block_rows)(n);
  float *keys = scratch, *values = keys + panels, *key_rows = values + panels;
  float *p = key_rows + panels, *dp = p + ROWS * wide, *rows = dp + ROWS * wide;
  const int64_t at_k = t0 * ldk + kv_head * dim;
  NAME(pack_positions)(a->k + at_k, ldk, n, dim, keys);
  NAME(pack_positions)(a->v + at_k, ldk, n, dim, values);
  NAME(pack_channels)(a->k + at_k, ldk, n, dim, key_rows);
  for (int64_t t = 0; t < n; t++) {
    memset(a->dk + at_k + t * ldk, 0, (size_t)dim * sizeof(float));
    memset(a->dv + at_k + t * ldk, 0, (size_t)dim * sizeof(float));
  }
  for (int64_t h = kv_head * group; h < (kv_head + 1) * group; h++) {
    for (int64_t r0 = 0; r0 < n; r0 += most) {
      const int64_t block = n - r0 < most ? n - r0 : most, end = r0 + block;
      const int64_t ld = (end + WIDEST - 1) / WIDEST * WIDEST, low = NAME(oldest)(a, r0) / WIDEST * WIDEST;
      const int64_t at = (t0 + r0) * ldq + h * dim;
      NAME(against)(a->q + at, ldq, block, 1, keys, n, dim, low, end, r0, p, ld);
      NAME(against)(a->d_o + at, ldq, block, 1, values, n, dim, low, end, r0, dp, ld);
      for (int64_t r = 0; r < block; r++) {
        const float *o = a->o + at + r * ldq, *d_o = a->d_o + at + r * ldq;
        const float lse = a->lse[h * a->tokens + t0 + r0 + r];
        V acc[PARTS];
        ROW_ZERO(acc);
        ROW_EACH(dim, i, part, left) { acc[part] = fma_v(ROW_LOAD(o + i, left), ROW_LOAD(d_o + i, left), acc[part]); }
        const V delta = splat(sum16(acc)), scale = splat(a->scale);
        const int64_t count = r0 + r + 1, old = NAME(oldest)(a, r0 + r), from = NAME(sixteen)(old), skip = old - from;
        float *pr = p + r * ld + from, *dr = dp + r * ld + from;
        ROW_EACH(count - from, i, part, left) {
          V e = exp_v(fma_v(load(pr + i), scale, splat(-lse)));
          V d = e * (load(dr + i) - delta) * scale;
          if (left < LANES || i < skip) {
            e = (V)((VI)e & NAME(between)(skip - i, left));
            d = (V)((VI)d & NAME(between)(skip - i, left));
          }
          store(pr + i, e);
          store(dr + i, d);
        }
        NAME(clear)(p + r * ld, low, from);
        NAME(clear)(dp + r * ld, low, from);
        NAME(clear)(p + r * ld, NAME(whole)(count), end);
        NAME(clear)(dp + r * ld, NAME(whole)(count), end);
      }
      for (int64_t c = 0; c < dim; c += WIDEST) {
        const int64_t cols = dim - c < WIDEST ? dim - c : WIDEST;
        segment s = {dp + low, ld, 1, key_rows + c * n + low * panel_width(cols), panel_width(cols), end - low};
        multiply(block, cols, 1, &s, a->dq + at + c, ldq, 0, 0);
      }
      NAME(pack_channels)(a->d_o + at, ldq, block, dim, rows);
      for (int64_t c = 0; c < dim; c += WIDEST) {
        const int64_t cols = dim - c < WIDEST ? dim - c : WIDEST;
        segment s = {p + low, 1, ld, rows + c * block, panel_width(cols), block};
        multiply_transposed(end - low, cols, 1, &s, a->dv + at_k + low * ldk + c, ldk, 1);
      }
      NAME(pack_channels)(a->q + at, ldq, block, dim, rows);
      for (int64_t c = 0; c < dim; c += WIDEST) {
        const int64_t cols = dim - c < WIDEST ? dim - c : WIDEST;
        segment s = {dp + low, 1, ld, rows + c * block, panel_width(cols), block};
        multiply_transposed(end - low, cols, 1, &s, a->dk + at_k + low * ldk + c, ldk, 1);
      }
    }
  }
}

static KERNEL void NAME(store_document)(const attention *a, const cache_layer *c, int64_t slot, int64_t t0, int64_t n, int64_t position) {
  const int64_t dim = a->dim, ldk = a->kv_heads * dim;
  for (int64_t g = 0; g < a->kv_heads; g++) {
    const int64_t base = (slot * a->kv_heads + g) * c->positions * channels(dim);
    for (int64_t t = 0; t < n; t++) {
      const float *k = a->k + (t0 + t) * ldk + g * dim, *v = a->v + (t0 + t) * ldk + g * dim;
      const int64_t at = position + t;
      float *keys = c->keys + base + at / WIDEST * WIDEST * dim + at % WIDEST;
      for (int64_t d = 0; d < dim; d++)
        keys[d * WIDEST] = k[d];
      for (int64_t d = 0; d < dim; d += WIDEST) {
        const int64_t cols = dim - d < WIDEST ? dim - d : WIDEST;
        memcpy(c->values + base + d * c->positions + at * panel_width(cols), v + d, (size_t)cols * sizeof(float));
      }
    }
  }
}

static KERNEL void NAME(cached)(const attention *a, const cache_layer *c, int64_t slot, int64_t t0, int64_t n, int64_t position, int64_t kv_head, float *scratch) {
  const int64_t dim = a->dim, group = a->heads / a->kv_heads, ldq = a->heads * dim;
  const int64_t base = (slot * a->kv_heads + kv_head) * c->positions * channels(dim);
  const float *keys = c->keys + base, *values = c->values + base;
  if (n == 1) { // the heads of the group are the rows
    const int64_t h = kv_head * group, at = t0 * ldq + h * dim;
    NAME(attend)(a, a->q + at, dim, a->o + at, group, 0, position, keys, values, c->positions, a->lse + h * a->tokens + t0, a->tokens, scratch);
    return;
  }
  for (int64_t h = kv_head * group; h < (kv_head + 1) * group; h++) {
    const int64_t at = t0 * ldq + h * dim;
    NAME(attend)(a, a->q + at, ldq, a->o + at, n, 1, position, keys, values, c->positions, a->lse + h * a->tokens + t0, 1, scratch);
  }
}
#endif
