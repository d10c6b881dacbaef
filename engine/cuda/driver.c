//go:build cuda

// The driver, without linking it.
//
// gorgonia.org/cu calls the functions of libcuda by name and asks for -lcuda,
// which would keep the program from starting on a machine without a driver.
// Here each name is a jump through a slot instead: empty until driver_load
// fills it from libcuda.so.1, so that the linker needs no library (lib/libcuda.a
// is an empty archive for -lcuda to find) and the program no driver.
//
// cu calls cuInit when the program starts, and ends it if that fails. So cuInit
// does nothing here: the driver starts with the first backend, and a run on the
// CPU never pays for it.

#include "driver.h"

#include <dlfcn.h>
#include <stddef.h>

typedef int CUresult;

#define HIDDEN __attribute__((visibility("hidden")))

// Functions of libcuda by the names that the headers of CUDA 11.8 to 13 give
// them in cu's calls and in ours.
#define FUNCTIONS(F)                                                                                                 \
  F(cuArray3DCreate_v2) F(cuArray3DGetDescriptor_v2) F(cuArrayCreate_v2) F(cuArrayDestroy) F(cuArrayGetDescriptor_v2)  \
  F(cuCtxCreate_v2) F(cuCtxDestroy_v2) F(cuCtxDisablePeerAccess) F(cuCtxEnablePeerAccess) F(cuCtxGetApiVersion)        \
  F(cuCtxGetCacheConfig) F(cuCtxGetCurrent) F(cuCtxGetDevice) F(cuCtxGetFlags) F(cuCtxGetLimit)                        \
  F(cuCtxGetSharedMemConfig) F(cuCtxGetStreamPriorityRange) F(cuCtxPopCurrent_v2) F(cuCtxPushCurrent_v2)               \
  F(cuCtxResetPersistingL2Cache) F(cuCtxSetCacheConfig) F(cuCtxSetCurrent) F(cuCtxSetLimit)                            \
  F(cuCtxSetSharedMemConfig) F(cuCtxSynchronize) F(cuDeviceCanAccessPeer) F(cuDeviceGet) F(cuDeviceGetAttribute)       \
  F(cuDeviceGetCount) F(cuDeviceGetName) F(cuDeviceGetP2PAttribute) F(cuDeviceGetPCIBusId) F(cuDeviceGetUuid)          \
  F(cuDeviceGetUuid_v2) F(cuDevicePrimaryCtxGetState) F(cuDevicePrimaryCtxRelease_v2) F(cuDevicePrimaryCtxReset_v2)    \
  F(cuDevicePrimaryCtxRetain) F(cuDevicePrimaryCtxSetFlags_v2) F(cuDeviceTotalMem_v2) F(cuDriverGetVersion)            \
  F(cuEventCreate) F(cuEventDestroy_v2) F(cuEventElapsedTime) F(cuEventElapsedTime_v2) F(cuEventQuery)                 \
  F(cuEventRecord) F(cuEventSynchronize) F(cuFuncGetAttribute) F(cuFuncSetAttribute) F(cuFuncSetCacheConfig)           \
  F(cuFuncSetSharedMemConfig) F(cuGetErrorName) F(cuGraphAddChildGraphNode) F(cuGraphAddDependencies)                  \
  F(cuGraphAddEmptyNode) F(cuGraphAddHostNode) F(cuGraphAddKernelNode) F(cuGraphAddKernelNode_v2)                      \
  F(cuGraphAddMemcpyNode) F(cuGraphAddMemsetNode) F(cuGraphClone) F(cuGraphCreate) F(cuGraphDestroy)                   \
  F(cuGraphDestroyNode) F(cuGraphExecDestroy) F(cuGraphGetEdges) F(cuLaunchKernel) F(cuLaunchKernelEx)                 \
  F(cuLinkAddData_v2)                                                                                                  \
  F(cuLinkAddFile_v2) F(cuLinkComplete) F(cuLinkCreate_v2) F(cuLinkDestroy) F(cuMemAdvise) F(cuMemAllocManaged)        \
  F(cuMemAllocPitch_v2) F(cuMemAlloc_v2) F(cuMemFreeHost) F(cuMemFree_v2) F(cuMemGetAddressRange_v2)                   \
  F(cuMemGetInfo_v2) F(cuMemHostAlloc) F(cuMemPrefetchAsync) F(cuMemcpy) F(cuMemcpy2DAsync_v2)                         \
  F(cuMemcpy2DUnaligned_v2) F(cuMemcpy2D_v2) F(cuMemcpy3DAsync_v2) F(cuMemcpy3DPeer) F(cuMemcpy3DPeerAsync)            \
  F(cuMemcpy3D_v2) F(cuMemcpyAsync) F(cuMemcpyAtoA_v2) F(cuMemcpyAtoD_v2) F(cuMemcpyAtoHAsync_v2) F(cuMemcpyAtoH_v2)   \
  F(cuMemcpyDtoA_v2) F(cuMemcpyDtoDAsync_v2) F(cuMemcpyDtoD_v2) F(cuMemcpyDtoHAsync_v2) F(cuMemcpyDtoH_v2)             \
  F(cuMemcpyHtoAAsync_v2) F(cuMemcpyHtoA_v2) F(cuMemcpyHtoDAsync_v2) F(cuMemcpyHtoD_v2) F(cuMemcpyPeer)                \
  F(cuMemcpyPeerAsync) F(cuMemsetD16Async) F(cuMemsetD16_v2) F(cuMemsetD2D16Async) F(cuMemsetD2D16_v2)                 \
  F(cuMemsetD2D32Async) F(cuMemsetD2D32_v2) F(cuMemsetD2D8Async) F(cuMemsetD2D8_v2) F(cuMemsetD32Async)                \
  F(cuMemsetD32_v2) F(cuMemsetD8Async) F(cuMemsetD8_v2) F(cuModuleGetFunction) F(cuModuleGetGlobal_v2)                 \
  F(cuModuleGetSurfRef) F(cuModuleGetTexRef) F(cuModuleLoad) F(cuModuleLoadData) F(cuModuleLoadDataEx)                 \
  F(cuModuleLoadFatBinary) F(cuModuleUnload) F(cuOccupancyMaxActiveBlocksPerMultiprocessor)                            \
  F(cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags) F(cuPointerGetAttribute) F(cuPointerSetAttribute)            \
  F(cuStreamAttachMemAsync) F(cuStreamCreate) F(cuStreamCreateWithPriority) F(cuStreamDestroy_v2)                      \
  F(cuStreamGetFlags) F(cuStreamGetPriority) F(cuStreamQuery) F(cuStreamSynchronize) F(cuStreamWaitEvent)              \
  F(cuStreamWaitValue32) F(cuStreamWaitValue32_v2) F(cuStreamWriteValue32) F(cuStreamWriteValue32_v2)                  \
  F(cuSurfRefGetArray) F(cuSurfRefSetArray) F(cuTexRefGetAddressMode) F(cuTexRefGetAddress_v2) F(cuTexRefGetArray)     \
  F(cuTexRefGetBorderColor) F(cuTexRefGetFilterMode) F(cuTexRefGetFlags) F(cuTexRefGetFormat)                          \
  F(cuTexRefGetMaxAnisotropy) F(cuTexRefSetAddress2D_v3) F(cuTexRefSetAddressMode) F(cuTexRefSetAddress_v2)            \
  F(cuTexRefSetArray) F(cuTexRefSetBorderColor) F(cuTexRefSetFilterMode) F(cuTexRefSetFlags) F(cuTexRefSetFormat)      \
  F(cuTexRefSetMaxAnisotropy) F(cuTexRefSetMipmapFilterMode) F(cuTexRefSetMipmapLevelBias)                             \
  F(cuTexRefSetMipmapLevelClamp)

// absent is what an empty slot holds.
static CUresult absent(void) { return 3; } // CUDA_ERROR_NOT_INITIALIZED

// The jump leaves every argument register as it is, so one form serves all
// signatures. The section is put back behind it: the compiler keeps track of which
// one it is in, and without optimisation would put the next slot into this one.
#if defined(__x86_64__)
#define JUMP(name) "\tjmp *slot_" #name "(%rip)\n"
#elif defined(__aarch64__)
#define JUMP(name) "\tadrp x16, slot_" #name "\n\tldr x16, [x16, :lo12:slot_" #name "]\n\tbr x16\n"
#else
#error "the CUDA engine knows x86-64 and ARM64"
#endif

#define FORWARD(name)                                                                                                \
  HIDDEN void *slot_##name = (void *)absent;                                                                           \
  __asm__(".pushsection .text\n\t.globl " #name "\n\t.hidden " #name "\n\t.type " #name ", %function\n" #name ":\n" JUMP(name) "\t.popsection\n");

FUNCTIONS(FORWARD)

#define ENTRY(name) {#name, &slot_##name},
static const struct {
  const char *name;
  void **slot;
} functions[] = {FUNCTIONS(ENTRY)};

static CUresult (*real_init)(unsigned flags) = NULL;

// cuInit is what cu calls when the program starts.
HIDDEN CUresult cuInit(unsigned flags) {
  (void)flags;
  return 0; // CUDA_SUCCESS
}

const char *driver_load(void) {
  void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == NULL)
    return dlerror();
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    void *f = dlsym(library, functions[i].name);
    if (f != NULL) // what a driver lacks stays absent
      *functions[i].slot = f;
  }
  *(void **)&real_init = dlsym(library, "cuInit");
  return real_init == NULL ? dlerror() : NULL;
}

int driver_init(void) { return real_init(0); }

extern CUresult cuGetErrorName(CUresult code, const char **name);

const char *driver_error(int code) {
  const char *name = NULL;
  return cuGetErrorName(code, &name) == 0 && name != NULL ? name : "unknown error";
}
