// What a launch hands over, written back: every type of argument once, so that
// a test sees whether Go and the device agree about them.

#include "common.cuh"

KERNEL launch_arguments(float *matrix, int64_t stride, const float *pointer, int64_t i64, int32_t i32, uint32_t u32,
                        float f32, uint32_t pair0, uint32_t pair1) {
  extern __shared__ uint32_t scratch[];
  uint64_t *out = (uint64_t *)matrix;
  scratch[threadIdx.x] = threadIdx.x;
  if (threadIdx.x != 0 || blockIdx.x != 0)
    return;
  out[0] = (uint64_t)stride;
  out[1] = (uint64_t)pointer;
  out[2] = (uint64_t)i64;
  out[3] = (uint64_t)(int64_t)i32;
  out[4] = u32;
  out[5] = __float_as_uint(f32);
  out[6] = pair0;
  out[7] = pair1;
  out[8] = gridDim.x * 10000 + gridDim.y * 100 + gridDim.z;
  out[9] = blockDim.x;
}
