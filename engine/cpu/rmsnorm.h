// RMSNorm of rows t0..t1 of x (T, cols), for steps.

#ifndef RMSNORM_H
#define RMSNORM_H

#include <stdint.h>

void rmsnorm_forward(int variant, const float *x, const float *w, float eps, float *y, int64_t cols, int64_t t0, int64_t t1);

// rmsnorm_backward adds the gradient with respect to x to dx.
void rmsnorm_backward(int variant, const float *x, const float *w, float eps, const float *dy, float *dx, int64_t cols, int64_t t0, int64_t t1);

// rmsnorm_gradient turns d from the gradient of y into that of x.
void rmsnorm_gradient(int variant, const float *x, const float *w, float eps, float *d, int64_t cols, int64_t t0, int64_t t1);

#endif
