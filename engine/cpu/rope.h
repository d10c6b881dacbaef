// Rotation of the heads in columns j0..j1 and rows t0..t1 of x (T, ld), for steps.

#ifndef ROPE_H
#define ROPE_H

#include "kernels.h"

void rope_rotate(int variant, const rotation *turn, float *x, int64_t ld, int64_t t0, int64_t t1, int64_t j0, int64_t j1);

#endif
