// The gradient of SwiGLU, for input_gradients_run. Include it inside a VARIANT.

#include "row.h"

#ifndef SWIGLU_H
#define SWIGLU_H
#define swiglu_backward NAME(swiglu_backward)
#endif

// swiglu_backward writes the gradients of gate and up, in columns j0..j1 of rows
// t0..t1, from dy (T, cols).
void swiglu_backward(const swiglu *s, const float *dy, int64_t t0, int64_t t1, int64_t j0, int64_t j1);
