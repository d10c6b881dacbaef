// Masks, for the bodies of operations. Include it inside a VARIANT.

#include "kernels.h"
#include "vec.h"

#ifndef DROPOUT_H
#define DROPOUT_H
#define mask16 NAME(mask16)
#define mask_words NAME(mask_words)
#define drop_rows NAME(drop_rows)
#endif

// drop_rows writes keep*x or zero for columns c0..c0+cols of rows t0..t1, c0 a
// multiple of 4, and, if factor is not NULL, the factors keep or zero too.
void drop_rows(const dropout *d, const float *x, int64_t ldx, int64_t t0, int64_t t1, int64_t c0, int64_t cols, float *y, int64_t ldy, float *factor);
