// Kernel launches.

#pragma once

#include <cuda.h>
#include <stdint.h>

enum { MAX_PARAMETERS = 64 };

// launch_kernel launches f on stream with n parameters of up to 8 bytes, at most
// MAX_PARAMETERS. If early, f may begin before the kernel in front of it has ended.
CUresult launch_kernel(CUfunction f, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned shared,
                       CUstream stream, uint64_t *slots, int n, int early);
