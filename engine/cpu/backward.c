#ifndef VARIANT
#define SOURCE "backward.c"
#include "variants.h"

#include "kernels.h"

static ENTRY(input_backward, LIST(const lora_input *in, const product *p, const swiglu *glu, int64_t rows, int64_t j0, int64_t j1, float *scratch), LIST(in, p, glu, rows, j0, j1, scratch))
static ENTRY(grad_b, LIST(const lora_output *o, int64_t rows, int64_t n0, int64_t n1, float *scratch), LIST(o, rows, n0, n1, scratch))

static int64_t padded(int64_t n) { return (n + PANEL - 1) / PANEL * PANEL; }

typedef struct {
  int variant;
  const input_gradients *g;
  int64_t panels;         // tasks that compute columns of the input's gradient
  int64_t slices[SHARED]; // tasks that compute rows of each grad_b
} columns;

// task computes what needs all rows of some columns: the gradients of the input
// and of A by columns of the input, those of B by columns of the outputs.
static void task(const void *job, float *scratch, int64_t number) {
  const columns *c = job;
  const input_gradients *g = c->g;
  int64_t from, to;
  if (number < c->panels) {
    share(number, c->panels, g->base.cols, PANEL, &from, &to);
    input_backward(c->variant, &g->in, &g->base, g->gated ? &g->glu : 0, g->rows, from, to, scratch);
    return;
  }
  number -= c->panels;
  int64_t i = 0;
  for (; number >= c->slices[i]; i++)
    number -= c->slices[i];
  share(number, c->slices[i], g->outputs[i].cols, PANEL, &from, &to);
  grad_b(c->variant, &g->outputs[i], g->rows, from, to, scratch);
}

void input_gradients_run(pool *p, int variant, const input_gradients *g) {
  const int64_t threads = pool_threads(p), panels = padded(g->base.cols) / PANEL;
  columns c = {variant, g, panels < threads ? panels : threads, {0}};
  int64_t tasks = c.panels;
  for (int64_t i = 0; i < g->n; i++) {
    const int64_t slices = padded(g->outputs[i].cols) / PANEL;
    tasks += c.slices[i] = slices < threads ? slices : threads;
  }
  pool_run(p, tasks, task, &c);
}

int64_t input_gradients_scratch(const input_gradients *g) {
  int64_t most = UNPACKED + g->in.rank * padded(g->in.cols) + 3 * ROWS * PANEL;
  for (int64_t i = 0; i < g->n; i++) {
    const int64_t floats = DEPTH * PANEL + g->outputs[i].rank * (PANEL + DEPTH);
    most = floats > most ? floats : most;
  }
  return most;
}
#else
#include "dropout.h"
#include "gemm.h"
#include "swiglu.h"

// add_masked adds part, times factor, to out.
INLINE void NAME(add_masked)(float *out, const float *part, const float *factor, int64_t cols) {
  ROW_EACH(cols, i, p, n) { ROW_STORE(out + i, ROW_LOAD(out + i, n) + load(part + i) * load(factor + i), n); }
}

// gradient_of_x adds mask * (dlow A) to the gradient of x. factor is the mask, or NULL.
INLINE void NAME(gradient_of_x)(const lora_input *in, const product *p, const float *packed, const float *factor, int64_t t, int64_t rows, int64_t j, int64_t cols, float *part) {
  const int64_t width = panel_width(cols);
  float *out = p->out + t * p->ld + j;
  segment s = {in->dlow + t * in->rank, in->rank, 1, packed, width, in->rank};
  if (!factor) {
    multiply(rows, cols, 1, &s, out, p->ld, 0, out);
    return;
  }
  multiply(rows, width, 1, &s, part, width, 0, 0);
  for (int64_t r = 0; r < rows; r++)
    NAME(add_masked)(out + r * p->ld, part + r * width, factor + r * width, cols);
}

// adapters_backward adds mask * (dlow A) to the gradient of x, if it is wanted,
// and dlow^T dropout(x) to grad_a, for rows t..t+rows of one panel. A mask is made
// once for both. packed is A's rows of the panel.
INLINE void NAME(adapters_backward)(const lora_input *in, const product *p, const float *packed, int64_t t, int64_t rows, int64_t j, int64_t cols, float *scratch) {
  float *part = scratch, *dropped = part + ROWS * PANEL, *factor = in->drop.on ? dropped + ROWS * PANEL : 0;
  const int64_t width = panel_width(cols);
  const float *x = in->x + t * in->cols + j;
  int64_t ldx = in->cols;
  if (in->drop.on)
    drop_rows(&in->drop, in->x, in->cols, t, t + rows, j, cols, dropped, width, factor);
  else if (cols < width)
    for (int64_t r = 0; r < rows; r++)
      memcpy(dropped + r * width, x + r * ldx, (size_t)cols * sizeof(float));
  if (in->drop.on || cols < width) {
    x = dropped;
    ldx = width;
  }
  if (p->out)
    NAME(gradient_of_x)(in, p, packed, factor, t, rows, j, cols, part);
  for (int64_t i = 0, c = 0; i < in->n; c += in->pairs[i++].rank) {
    segment g = {in->dlow + t * in->rank + c, 1, in->rank, x, ldx, rows};
    multiply_transposed(in->pairs[i].rank, cols, 1, &g, in->pairs[i].grad_a + j, in->cols, 1);
  }
}

// input_backward computes columns j0..j1 of the gradient of x for all rows, p
// being the frozen part of it, and adds to the pairs' grad_a for these columns.
// As many columns as fit are unpacked at a time; then a block of rows goes
// through everything while it is in the cache.
static KERNEL void NAME(input_backward)(const lora_input *in, const product *p, const swiglu *glu, int64_t all, int64_t j0, int64_t j1, float *scratch) {
  const int64_t depth = product_depth(p);
  int64_t group = UNPACKED / depth / PANEL * PANEL;
  const int whole = group > 0;
  if (!whole)
    group = PANEL;
  float *weights = scratch, *pairs = weights + UNPACKED;
  float *rest = pairs + in->rank * ((in->cols + PANEL - 1) / PANEL * PANEL);
  memset(rest, 0, 3 * ROWS * PANEL * sizeof(float));
  for (int64_t g0 = j0; g0 < j1; g0 += group) {
    const int64_t g1 = g0 + group < j1 ? g0 + group : j1;
    if (p->out && whole)
      NAME(product_pack)(p, g0, g1, weights);
    else if (p->out)
      NAME(product_run)(p, 0, 0, all, g0, g1, weights);
    for (int64_t j = g0; j < g1; j += WIDEST) {
      const int64_t cols = g1 - j < WIDEST ? g1 - j : WIDEST;
      float *dst = pairs + (j - g0) * in->rank;
      for (int64_t i = 0; i < in->n; dst += in->pairs[i++].rank * panel_width(cols)) {
        const matrix a = {.format = FORMAT_F32, .rows = in->pairs[i].rank, .cols = in->cols, .ld = in->cols, .f32 = in->pairs[i].a};
        pack_rows(&a, 1.0f, j, cols, 0, a.rows, dst);
      }
    }
    for (int64_t t = 0; t < all; t += ROWS) {
      const int64_t rows = all - t < ROWS ? all - t : ROWS;
      if (p->out && whole)
        NAME(product_run)(p, weights, t, t + rows, g0, g1, 0);
      for (int64_t j = g0; in->n > 0 && j < g1; j += WIDEST)
        NAME(adapters_backward)(in, p, pairs + (j - g0) * in->rank, t, rows, j, g1 - j < WIDEST ? g1 - j : WIDEST, rest);
      if (glu)
        swiglu_backward(glu, p->out, t, t + rows, g0, g1);
    }
  }
}

// grad_b adds scale * dy^T low to rows n0..n1 of the gradient of B.
static KERNEL void NAME(grad_b)(const lora_output *o, int64_t rows, int64_t n0, int64_t n1, float *scratch) {
  const int64_t rank = o->rank, ld = o->cols;
  const matrix m = {.format = FORMAT_F32, .rows = rows, .cols = ld, .ld = ld, .f32 = o->dy};
  float *packed = scratch, *turned = packed + DEPTH * PANEL, *scaled = turned + rank * PANEL;
  for (int64_t n = n0; n < n1; n += WIDEST) {
    const int64_t cols = n1 - n < WIDEST ? n1 - n : WIDEST, width = panel_width(cols);
    for (int64_t r = 0; r < rank; r++)
      for (int64_t j = 0; j < cols; j++)
        turned[r * width + j] = o->grad_b[(n + j) * rank + r];
    for (int64_t t = 0; t < rows; t += DEPTH) {
      const int64_t depth = rows - t < DEPTH ? rows - t : DEPTH;
      for (int64_t i = 0; i < depth * rank; i++)
        scaled[i] = o->scale * o->low[t * rank + i];
      segment s = {scaled, 1, rank, o->dy + t * ld + n, ld, depth};
      if (cols < width) {
        pack_rows(&m, 1.0f, n, cols, t, depth, packed);
        s.b = packed;
        s.ld = width;
      }
      multiply_transposed(rank, cols, 1, &s, turned, width, 1);
    }
    for (int64_t r = 0; r < rank; r++)
      for (int64_t j = 0; j < cols; j++)
        o->grad_b[(n + j) * rank + r] = turned[r * width + j];
  }
}
#endif
