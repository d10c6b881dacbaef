//go:build cuda

#include "early.h"

CUresult launch_early(CUfunction f, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned shared,
                      CUstream stream, uint64_t *slots, int n) {
  void *parameters[MAX_PARAMETERS];
  for (int i = 0; i < n; i++)
    parameters[i] = slots + i;
  CUlaunchAttribute early = {.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION};
  early.value.programmaticStreamSerializationAllowed = 1;
  const CUlaunchConfig config = {
      .gridDimX = x, .gridDimY = y, .gridDimZ = z, .blockDimX = threads, .blockDimY = 1, .blockDimZ = 1,
      .sharedMemBytes = shared, .hStream = stream, .attrs = &early, .numAttrs = 1,
  };
  return cuLaunchKernelEx(&config, f, parameters, NULL);
}
