// Matrix products by cuBLASLt, loaded when the first backend opens.

#pragma once

#include <stddef.h>
#include <stdint.h>

// cublaslt_load loads the library, once. It returns NULL, or why it could not:
// what came of every place where it was looked for, or the function it lacks.
const char *cublaslt_load(void);

// cublaslt_version is the version of the loaded library, such as 120901 for 12.9.1.
size_t cublaslt_version(void);

// Handles belong to the context that is current.
int cublaslt_create(void **handle);
int cublaslt_destroy(void *handle);

// gemm_shape is D = op(A) op(B) + beta C by columns, with alpha 1: op(A) is m by
// k, op(B) is k by n. The algorithm depends on nothing but this.
typedef struct {
  int64_t m, n, k; // n is the one for which the algorithm is chosen
  int64_t lda, ldb, ldc, ldd;
  int32_t transpose_a, transpose_b;
  int32_t half_in, half_out;                  // bfloat16, else float32
  uint32_t align_a, align_b, align_c, align_d; // bytes, powers of two up to 256
} gemm_shape;

// gemm is a shape with its algorithm.
typedef struct gemm gemm;

// gemm_new chooses the algorithm: the first that the library's heuristics name,
// or one known to be better, among those that split no sum, so that an element's
// bits depend on its row and column alone. It measures nothing.
int gemm_new(void *handle, const gemm_shape *shape, gemm **out);
void gemm_free(gemm *g);

// gemm_describe writes what identifies the algorithm.
void gemm_describe(const gemm *g, char *text, size_t size);

// gemm_run queues the product with n columns, which need not be the shape's.
// The result is 0, or a cublasStatus_t.
int gemm_run(gemm *g, int64_t n, const void *a, const void *b, float beta, const void *c, void *d, void *stream);

// cublaslt_error names a cublasStatus_t.
const char *cublaslt_error(int status);
