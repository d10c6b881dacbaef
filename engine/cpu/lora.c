#ifndef VARIANT
#define SOURCE "lora.c"
#include "variants.h"

ENTRY(lora_down, LIST(const lora_input *in, int64_t t0, int64_t t1, float *scratch), LIST(in, t0, t1, scratch))
ENTRY(lora_input_backward, LIST(const lora_input *in, const product *p, int64_t rows, int64_t j0, int64_t j1, float *scratch), LIST(in, p, rows, j0, j1, scratch))
ENTRY(lora_grad_b, LIST(const float *dy, int64_t ld, const float *low, int64_t rank, float scale, float *grad, int64_t rows, int64_t n0, int64_t n1, float *scratch), LIST(dy, ld, low, rank, scale, grad, rows, n0, n1, scratch))

static int64_t padded(int64_t n) { return (n + PANEL - 1) / PANEL * PANEL; }

int64_t lora_down_scratch(int64_t cols, int64_t rank) {
  return cols * padded(rank) + ROWS * DEPTH + ROWS * padded(rank);
}

int64_t lora_input_scratch(int64_t rank) {
  return PRODUCT_SCRATCH + rank * PANEL + 3 * ROWS * PANEL;
}

int64_t lora_grad_b_scratch(int64_t rank) { return DEPTH * PANEL + rank * PANEL; }
#else
#include "dropout.h"
#include "gemm.h"

// pack_side_by_side packs the transposed A of all pairs as one matrix with
// in->rank columns: panels of WIDEST, each (cols, panel_width).
INLINE void NAME(pack_side_by_side)(const lora_input *in, float *dst) {
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

KERNEL void NAME(lora_down)(const lora_input *in, int64_t t0, int64_t t1, float *scratch) {
  const int64_t padded = (in->rank + WIDEST - 1) / WIDEST * WIDEST;
  float *packed = scratch, *dropped = packed + in->cols * padded, *low = dropped + ROWS * DEPTH;
  NAME(pack_side_by_side)(in, packed);
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
        const int64_t cols = in->rank - j < WIDEST ? in->rank - j : WIDEST;
        segment s = {x, ldx, 1, packed + j * in->cols + k * panel_width(cols), depth};
        multiply(rows, cols, 1, &s, low + j, padded, k > 0, 0);
      }
    }
    for (int64_t i = 0, c = 0; i < in->n; c += in->pairs[i++].rank)
      for (int64_t r = 0; r < rows; r++)
        memcpy(in->pairs[i].low + (t + r) * in->pairs[i].rank, low + r * padded + c, (size_t)in->pairs[i].rank * sizeof(float));
  }
}

// dx = dy W + mask * (dlow A), and grad_a += dlow^T dropout(x), by panels of
// columns: all rows of a panel need its part of W and of A once, and a mask is
// made once for both uses.
KERNEL void NAME(lora_input_backward)(const lora_input *in, const product *p, int64_t all, int64_t j0, int64_t j1, float *scratch) {
  float *packed = scratch + PRODUCT_SCRATCH, *part = packed + in->rank * PANEL, *dropped = part + ROWS * PANEL, *factor = dropped + ROWS * PANEL;
  for (int64_t j = j0; j < j1; j += WIDEST) {
    const int64_t cols = j1 - j < WIDEST ? j1 - j : WIDEST, width = panel_width(cols);
    NAME(product_run)(p, 0, all, j, j + cols, scratch);
    for (int64_t i = 0, c = 0; i < in->n; c += in->pairs[i++].rank) {
      const matrix a = {.format = FORMAT_F32, .rows = in->pairs[i].rank, .cols = in->cols, .ld = in->cols, .f32 = in->pairs[i].a};
      pack_rows(&a, 1.0f, j, cols, 0, a.rows, packed + c * width);
    }
    if (cols < width)
      memset(dropped, 0, ROWS * PANEL * sizeof(float));
    for (int64_t t = 0; t < all; t += ROWS) {
      const int64_t rows = all - t < ROWS ? all - t : ROWS;
      segment s = {in->dlow + t * in->rank, in->rank, 1, packed, in->rank};
      multiply(rows, cols, 1, &s, part, PANEL, 0, 0);
      if (in->drop.on)
        drop_rows(&in->drop, in->x, in->cols, t, t + rows, j, cols, dropped, width, factor);
      for (int64_t r = 0; r < rows; r++) {
        float *out = p->out + (t + r) * p->ld + j;
        const float *x = in->x + (t + r) * in->cols + j;
        for (int64_t i = 0; i < cols; i += LANES) {
          const int64_t n = cols - i;
          V add = load(part + r * PANEL + i);
          if (in->drop.on)
            add = add * load(factor + r * width + i);
          else if (n >= LANES)
            store(dropped + r * width + i, load(x + i));
          else
            store_n(dropped + r * width + i, load_n(x + i, n), n);
          if (n >= LANES)
            store(out + i, load(out + i) + add);
          else
            store_n(out + i, load_n(out + i, n) + add, n);
        }
      }
      for (int64_t i = 0, c = 0; i < in->n; c += in->pairs[i++].rank) {
        segment g = {in->dlow + t * in->rank + c, 1, in->rank, dropped, rows};
        multiply_transposed(in->pairs[i].rank, cols, 1, &g, in->pairs[i].grad_a + j, in->cols, 1);
      }
    }
  }
}

KERNEL void NAME(lora_grad_b)(const float *dy, int64_t ld, const float *low, int64_t rank, float scale, float *grad, int64_t rows, int64_t n0, int64_t n1, float *scratch) {
  const matrix m = {.format = FORMAT_F32, .rows = rows, .cols = ld, .ld = ld, .f32 = dy};
  float *packed = scratch, *turned = packed + DEPTH * PANEL;
  for (int64_t n = n0; n < n1; n += WIDEST) {
    const int64_t cols = n1 - n < WIDEST ? n1 - n : WIDEST;
    for (int64_t r = 0; r < rank; r++)
      for (int64_t j = 0; j < cols; j++)
        turned[r * PANEL + j] = grad[(n + j) * rank + r];
    for (int64_t t = 0; t < rows; t += DEPTH) {
      const int64_t depth = rows - t < DEPTH ? rows - t : DEPTH;
      pack_rows(&m, scale, n, cols, t, depth, packed);
      segment s = {low + t * rank, 1, rank, packed, depth};
      multiply_transposed(rank, cols, 1, &s, turned, PANEL, 1);
    }
    for (int64_t r = 0; r < rank; r++)
      for (int64_t j = 0; j < cols; j++)
        grad[(n + j) * rank + r] = turned[r * PANEL + j];
  }
}
#endif
