//go:build cuda

#include "launch.h"

CUresult launch_kernel(CUfunction f, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned shared,
                       CUstream stream, uint64_t *slots, int n, int early) {
  void *parameters[MAX_PARAMETERS];
  for (int i = 0; i < n; i++)
    parameters[i] = slots + i;
  if (!early)
    return cuLaunchKernel(f, x, y, z, threads, 1, 1, shared, stream, parameters, NULL);
  CUlaunchAttribute attribute = {.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION};
  attribute.value.programmaticStreamSerializationAllowed = 1;
  const CUlaunchConfig config = {
      .gridDimX = x, .gridDimY = y, .gridDimZ = z, .blockDimX = threads, .blockDimY = 1, .blockDimZ = 1,
      .sharedMemBytes = shared, .hStream = stream, .attrs = &attribute, .numAttrs = 1,
  };
  return cuLaunchKernelEx(&config, f, parameters, NULL);
}
