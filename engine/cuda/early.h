// Launches that overlap.

#pragma once

#include <cuda.h>
#include <stdint.h>

enum { MAX_PARAMETERS = 64 };

// launch_early launches f on stream with n parameters, at most MAX_PARAMETERS, to
// begin before the kernel in front of it has ended.
CUresult launch_early(CUfunction f, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned shared,
                      CUstream stream, uint64_t *slots, int n);
