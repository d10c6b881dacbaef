#ifndef VARIANT
#define SOURCE "lora.c"
#include "variants.h"

ENTRY(lora_pack, LIST(const lora_input *in, float *packed), LIST(in, packed))
ENTRY(lora_down, LIST(const lora_input *in, const float *packed, int64_t t0, int64_t t1, float *scratch), LIST(in, packed, t0, t1, scratch))
ENTRY(input_backward, LIST(const lora_input *in, const product *p, const swiglu_gradients *swiglu, int64_t rows, int64_t j0, int64_t j1, float *scratch), LIST(in, p, swiglu, rows, j0, j1, scratch))
ENTRY(lora_grad_b, LIST(const float *dy, int64_t ld, const float *low, int64_t rank, float scale, float *grad, int64_t rows, int64_t n0, int64_t n1, float *scratch), LIST(dy, ld, low, rank, scale, grad, rows, n0, n1, scratch))

static int64_t padded(int64_t n) { return (n + PANEL - 1) / PANEL * PANEL; }

int64_t lora_packed(const lora_input *in) { return in->cols * padded(in->rank); }

int64_t lora_down_scratch(const lora_input *in) { return ROWS * DEPTH + ROWS * padded(in->rank); }

int64_t input_scratch(const lora_input *in) {
  return UNPACKED + in->rank * padded(in->cols) + 3 * ROWS * PANEL;
}

int64_t lora_grad_b_scratch(int64_t rank) { return DEPTH * PANEL + rank * PANEL + DEPTH * rank; }
#else
#include "dropout.h"
#include "gemm.h"
#include "swiglu.h"

KERNEL void NAME(lora_pack)(const lora_input *in, float *dst) {
  memset(dst, 0, (size_t)(in->cols * ((in->rank + WIDEST - 1) / WIDEST * WIDEST)) * sizeof(float));
  int64_t c = 0;
  for (int64_t i = 0; i < in->n; i++)
    for (int64_t r = 0; r < in->pairs[i].rank; r++, c++) {
      const int64_t panel = c / WIDEST * WIDEST, left = in->rank - panel;
      const int64_t width = panel_width(left < WIDEST ? left : WIDEST);
      const float *a = in->pairs[i].a + r * in->cols;
      float *out = dst + panel * in->cols + (c - panel);
      for (int64_t k = 0; k < in->cols; k++)
        out[k * width] = a[k];
    }
}

KERNEL void NAME(lora_down)(const lora_input *in, const float *packed, int64_t t0, int64_t t1, float *scratch) {
  const int64_t padded = (in->rank + WIDEST - 1) / WIDEST * WIDEST;
  float *dropped = scratch, *low = dropped + ROWS * DEPTH;
  for (int64_t t = t0; t < t1; t += ROWS) {
    const int64_t rows = t1 - t < ROWS ? t1 - t : ROWS;
    for (int64_t k = 0; k < in->cols; k += DEPTH) {
      const int64_t depth = in->cols - k < DEPTH ? in->cols - k : DEPTH;
      const float *x = in->x + t * in->cols + k;
      int64_t ldx = in->cols;
      if (in->drop.on) {
        drop_rows(&in->drop, in->x, in->cols, t, t + rows, k, depth, dropped, DEPTH, 0);
        x = dropped;
        ldx = DEPTH;
      }
      for (int64_t j = 0; j < in->rank; j += WIDEST) {
        const int64_t cols = in->rank - j < WIDEST ? in->rank - j : WIDEST, width = panel_width(cols);
        segment s = {x, ldx, 1, packed + j * in->cols + k * width, width, depth};
        multiply(rows, width, 1, &s, low + j, padded, k > 0, 0);
      }
    }
    for (int64_t i = 0, c = 0; i < in->n; c += in->pairs[i++].rank)
      for (int64_t r = 0; r < rows; r++)
        memcpy(in->pairs[i].low + (t + r) * in->pairs[i].rank, low + r * padded + c, (size_t)in->pairs[i].rank * sizeof(float));
  }
}

// add_masked adds part, times factor unless that is NULL, to out.
INLINE void NAME(add_masked)(float *out, const float *part, const float *factor, int64_t cols) {
  ROW_EACH(cols, i, p, n) {
    V add = load(part + i);
    if (factor)
      add = add * load(factor + i);
    ROW_STORE(out + i, ROW_LOAD(out + i, n) + add, n);
  }
}

// adapters_backward adds mask * (dlow A) to the gradient of x, and
// dlow^T dropout(x) to grad_a, for rows t..t+rows of one panel. A mask is made
// once for both. packed is A's rows of the panel.
INLINE void NAME(adapters_backward)(const lora_input *in, const product *p, const float *packed, int64_t t, int64_t rows, int64_t j, int64_t cols, float *scratch) {
  float *part = scratch, *dropped = part + ROWS * PANEL, *factor = dropped + ROWS * PANEL;
  const int64_t width = panel_width(cols);
  const float *dlow = in->dlow + t * in->rank, *x = in->x + t * in->cols + j;
  int64_t ldx = in->cols;
  segment s = {dlow, in->rank, 1, packed, width, in->rank};
  multiply(rows, width, 1, &s, part, width, 0, 0);
  if (in->drop.on)
    drop_rows(&in->drop, in->x, in->cols, t, t + rows, j, cols, dropped, width, factor);
  else if (cols < width)
    for (int64_t r = 0; r < rows; r++)
      memcpy(dropped + r * width, x + r * ldx, (size_t)cols * sizeof(float));
  if (in->drop.on || cols < width) {
    x = dropped;
    ldx = width;
  }
  for (int64_t r = 0; r < rows; r++)
    NAME(add_masked)(p->out + (t + r) * p->ld + j, part + r * width, in->drop.on ? factor + r * width : 0, cols);
  for (int64_t i = 0, c = 0; i < in->n; c += in->pairs[i++].rank) {
    segment g = {dlow + c, 1, in->rank, x, ldx, rows};
    multiply_transposed(in->pairs[i].rank, cols, 1, &g, in->pairs[i].grad_a + j, in->cols, 1);
  }
}

// As many columns as fit are unpacked at a time; then a block of rows goes
// through everything while it is in the cache.
KERNEL void NAME(input_backward)(const lora_input *in, const product *p, const swiglu_gradients *swiglu, int64_t all, int64_t j0, int64_t j1, float *scratch) {
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
    if (whole)
      NAME(product_pack)(p, g0, g1, weights);
    else
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
      if (whole)
        NAME(product_run)(p, weights, t, t + rows, g0, g1, 0);
      for (int64_t j = g0; in->n > 0 && j < g1; j += WIDEST)
        NAME(adapters_backward)(in, p, pairs + (j - g0) * in->rank, t, rows, j, g1 - j < WIDEST ? g1 - j : WIDEST, rest);
      if (swiglu)
        swiglu_backward(swiglu, p->out, p->ld, t, t + rows, g0, g1);
    }
  }
}

KERNEL void NAME(lora_grad_b)(const float *dy, int64_t ld, const float *low, int64_t rank, float scale, float *grad, int64_t rows, int64_t n0, int64_t n1, float *scratch) {
  const matrix m = {.format = FORMAT_F32, .rows = rows, .cols = ld, .ld = ld, .f32 = dy};
  float *packed = scratch, *turned = packed + DEPTH * PANEL, *scaled = turned + rank * PANEL;
  for (int64_t n = n0; n < n1; n += WIDEST) {
    const int64_t cols = n1 - n < WIDEST ? n1 - n : WIDEST, width = panel_width(cols);
    for (int64_t r = 0; r < rank; r++)
      for (int64_t j = 0; j < cols; j++)
        turned[r * width + j] = grad[(n + j) * rank + r];
    for (int64_t t = 0; t < rows; t += DEPTH) {
      const int64_t depth = rows - t < DEPTH ? rows - t : DEPTH;
      for (int64_t i = 0; i < depth * rank; i++)
        scaled[i] = scale * low[t * rank + i];
      segment s = {scaled, 1, rank, dy + t * ld + n, ld, depth};
      if (cols < width) {
        pack_rows(&m, 1.0f, n, cols, t, depth, packed);
        s.b = packed;
        s.ld = width;
      }
      multiply_transposed(rank, cols, 1, &s, turned, width, 1);
    }
    for (int64_t r = 0; r < rank; r++)
      for (int64_t j = 0; j < cols; j++)
        grad[(n + j) * rank + r] = turned[r * width + j];
  }
}
#endif
