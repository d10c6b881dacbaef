// Biases of columns j0..j1 added to rows t0..t1 of x (T, ld), for steps.

#ifndef BIAS_H
#define BIAS_H

#include <stdint.h>

void bias_add(int variant, const float *bias, float *x, int64_t ld, int64_t t0, int64_t t1, int64_t j0, int64_t j1);

#endif
