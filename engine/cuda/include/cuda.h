// The driver's header as gorgonia.org/cu expects it.
//
// CUDA 13 gave five functions more parameters. Drivers go on exporting the
// earlier versions, under the names below, so a toolkit 13 compiles cu once
// this folder comes before the toolkit's own:
//
//     CGO_CFLAGS="-O2 -I$PWD/engine/cuda/include -I/usr/local/cuda/include" go build -tags cuda .
//
// With an older toolkit it changes nothing, and isn't needed.

#include_next <cuda.h>

#ifndef DAYBOOK_CUDA_H
#define DAYBOOK_CUDA_H

#if CUDA_VERSION >= 13000

#undef cuCtxCreate
#undef cuMemAdvise
#undef cuMemPrefetchAsync
#undef cuGraphAddDependencies
#undef cuGraphGetEdges

#define cuCtxCreate cuCtxCreate_v2

CUresult CUDAAPI cuCtxCreate(CUcontext *context, unsigned int flags, CUdevice device);
CUresult CUDAAPI cuMemAdvise(CUdeviceptr from, size_t bytes, CUmem_advise advice, CUdevice device);
CUresult CUDAAPI cuMemPrefetchAsync(CUdeviceptr from, size_t bytes, CUdevice device, CUstream stream);
CUresult CUDAAPI cuGraphAddDependencies(CUgraph graph, const CUgraphNode *from, const CUgraphNode *to, size_t n);
CUresult CUDAAPI cuGraphGetEdges(CUgraph graph, CUgraphNode *from, CUgraphNode *to, size_t *n);

#endif

#endif
