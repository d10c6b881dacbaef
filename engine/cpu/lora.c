#ifndef VARIANT
#define SOURCE "lora.c"
#include "variants.h"

#include "kernels.h"

static ENTRY(lora_pack, LIST(const lora_input *in, float *packed), LIST(in, packed))
static ENTRY(lora_down, LIST(const lora_input *in, const float *packed, int64_t t0, int64_t t1, float *scratch), LIST(in, packed, t0, t1, scratch))

static int64_t padded(int64_t n) { return (n + PANEL - 1) / PANEL * PANEL; }

static int64_t unpacked(const void *job) {
  const lora_input *in = job;
  return in->cols * padded(in->rank);
}

static void pack(int variant, const void *job, float *packed) { lora_pack(variant, job, packed); }

STEP(run) {
  const lora_input *in = job;
  if (in->n == 0 || t0 == t1)
    return;
  if (!packed) {
    lora_pack(variant, in, scratch);
    packed = scratch;
    scratch += unpacked(in);
  }
  lora_down(variant, in, packed, t0, t1, scratch);
}

static int64_t work(const void *job) { return ((const lora_input *)job)->cols * ((const lora_input *)job)->rank; }

// scratch_floats has room for packed weights too, for want of which run makes them.
static int64_t scratch_floats(const void *job) { return unpacked(job) + ROWS * DEPTH + ROWS * padded(((const lora_input *)job)->rank); }

const step_kind lora_kind = {.run = run, .work = work, .unpacked = unpacked, .pack = pack, .scratch = scratch_floats};
#else
#include "dropout.h"
#include "gemm.h"

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
#endif
