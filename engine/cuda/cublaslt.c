//go:build cuda

#include "cublaslt.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What this file needs of cublasLt.h, which toolkits and wheels put in different
// places. The values are part of the library's binary interface.
enum {
  R_32F = 0,
  R_16BF = 14,
  COMPUTE_32F = 68,
  COMPUTE_32F_PEDANTIC = 69, // no TF32, whatever the environment says

  DESC_TRANSA = 3,
  DESC_TRANSB = 4,
  OP_N = 0,
  OP_T = 1,

  LAYOUT_ROWS = 2,
  LAYOUT_COLS = 3,

  PREF_MAX_WORKSPACE_BYTES = 1,
  PREF_REDUCTION_SCHEME_MASK = 3,
  PREF_MIN_ALIGNMENT_A_BYTES = 5,
  PREF_MIN_ALIGNMENT_B_BYTES = 6,
  PREF_MIN_ALIGNMENT_C_BYTES = 7,
  PREF_MIN_ALIGNMENT_D_BYTES = 8,

  CONFIG_ID = 0,
  CONFIG_TILE_ID = 1,
  CONFIG_SPLITK_NUM = 2,
  CONFIG_REDUCTION_SCHEME = 3,
  CONFIG_CTA_SWIZZLING = 4,
  CONFIG_CUSTOM_OPTION = 5,
  CONFIG_STAGES_ID = 6,
  CONFIG_INNER_SHAPE_ID = 7,
  CONFIG_CLUSTER_SHAPE_ID = 8,

  // On Hopper the largest tile keeps up with the heuristics' first choice or beats
  // it by up to 15%, at every width of an 8B model and 2,048 rows or more.
  HOPPER = 66,
  TILE_128x256 = 23,

  STATUS_NOT_INITIALIZED = 1,
  STATUS_ALLOC_FAILED = 3,
  STATUS_NOT_SUPPORTED = 15,
};

typedef struct {
  uint64_t data[8];
} algorithm;

typedef struct {
  algorithm algo;
  size_t workspace;
  int state;
  float waves;
  int reserved[4];
} heuristic;

static struct {
  int (*Create)(void **);
  int (*Destroy)(void *);
  size_t (*GetVersion)(void);
  int (*MatmulDescCreate)(void **, int compute, int scale);
  int (*MatmulDescDestroy)(void *);
  int (*MatmulDescSetAttribute)(void *, int, const void *, size_t);
  int (*MatrixLayoutCreate)(void **, int type, uint64_t rows, uint64_t cols, int64_t ld);
  int (*MatrixLayoutDestroy)(void *);
  int (*MatrixLayoutSetAttribute)(void *, int, const void *, size_t);
  int (*MatmulPreferenceCreate)(void **);
  int (*MatmulPreferenceDestroy)(void *);
  int (*MatmulPreferenceSetAttribute)(void *, int, const void *, size_t);
  int (*MatmulAlgoGetHeuristic)(void *, void *, void *, void *, void *, void *, void *, int, heuristic *, int *);
  int (*MatmulAlgoCheck)(void *, void *, void *, void *, void *, void *, const algorithm *, heuristic *);
  int (*MatmulAlgoConfigGetAttribute)(const algorithm *, int, void *, size_t, size_t *);
  int (*Matmul)(void *, void *, const void *alpha, const void *a, void *, const void *b, void *, const void *beta,
                const void *c, void *, void *d, void *, const algorithm *, void *workspace, size_t, void *stream);
} lt;

static const struct {
  const char *name;
  void *slot;
} functions[] = {
    {"cublasLtCreate", &lt.Create},
    {"cublasLtDestroy", &lt.Destroy},
    {"cublasLtGetVersion", &lt.GetVersion},
    {"cublasLtMatmulDescCreate", &lt.MatmulDescCreate},
    {"cublasLtMatmulDescDestroy", &lt.MatmulDescDestroy},
    {"cublasLtMatmulDescSetAttribute", &lt.MatmulDescSetAttribute},
    {"cublasLtMatrixLayoutCreate", &lt.MatrixLayoutCreate},
    {"cublasLtMatrixLayoutDestroy", &lt.MatrixLayoutDestroy},
    {"cublasLtMatrixLayoutSetAttribute", &lt.MatrixLayoutSetAttribute},
    {"cublasLtMatmulPreferenceCreate", &lt.MatmulPreferenceCreate},
    {"cublasLtMatmulPreferenceDestroy", &lt.MatmulPreferenceDestroy},
    {"cublasLtMatmulPreferenceSetAttribute", &lt.MatmulPreferenceSetAttribute},
    {"cublasLtMatmulAlgoGetHeuristic", &lt.MatmulAlgoGetHeuristic},
    {"cublasLtMatmulAlgoCheck", &lt.MatmulAlgoCheck},
    {"cublasLtMatmulAlgoConfigGetAttribute", &lt.MatmulAlgoConfigGetAttribute},
    {"cublasLtMatmul", &lt.Matmul},
};

// Newest first; by soname as the system finds libraries, then where toolkits put them.
static const char *const places[] = {
    "libcublasLt.so.13",
    "libcublasLt.so.12",
    "/usr/local/cuda/lib64/libcublasLt.so.13",
    "/usr/local/cuda/lib64/libcublasLt.so.12",
    "/opt/cuda/lib64/libcublasLt.so.13",
    "/opt/cuda/lib64/libcublasLt.so.12",
};

const char *cublaslt_load(void) {
  static char tried[2048]; // what the loader says of each place, which it begins with
  size_t used = 0;
  void *library = NULL;
  for (size_t i = 0; i < sizeof places / sizeof *places && library == NULL; i++) {
    library = dlopen(places[i], RTLD_NOW | RTLD_LOCAL);
    if (library == NULL && used < sizeof tried)
      used += snprintf(tried + used, sizeof tried - used, "%s%s", i == 0 ? "" : "; ", dlerror());
  }
  if (library == NULL)
    return tried;
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    void *f = dlsym(library, functions[i].name);
    if (f == NULL)
      return dlerror();
    memcpy(functions[i].slot, &f, sizeof f);
  }
  return NULL;
}

size_t cublaslt_version(void) { return lt.GetVersion(); }
int cublaslt_create(void **handle) { return lt.Create(handle); }
int cublaslt_destroy(void *handle) { return lt.Destroy(handle); }

struct gemm {
  void *handle, *desc, *a, *b, *c, *d;
  int32_t transpose_b;
  int64_t n; // that b, c and d are set to, and for which algo is known to work
  algorithm algo;
};

void gemm_free(gemm *g) {
  if (g == NULL)
    return;
  void *layouts[] = {g->a, g->b, g->c, g->d};
  for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++)
    if (layouts[i] != NULL)
      lt.MatrixLayoutDestroy(layouts[i]);
  if (g->desc != NULL)
    lt.MatmulDescDestroy(g->desc);
  free(g);
}

// prefer sets what an algorithm may do.
static int prefer(void *preference, const gemm_shape *s) {
  const struct {
    int attribute;
    uint64_t value;
    size_t size;
  } set[] = {
      // Without workspace and without a reduction scheme no sum is split.
      {PREF_MAX_WORKSPACE_BYTES, 0, sizeof(uint64_t)},
      {PREF_REDUCTION_SCHEME_MASK, 0, sizeof(uint32_t)},
      {PREF_MIN_ALIGNMENT_A_BYTES, s->align_a, sizeof(uint32_t)},
      {PREF_MIN_ALIGNMENT_B_BYTES, s->align_b, sizeof(uint32_t)},
      {PREF_MIN_ALIGNMENT_C_BYTES, s->align_c, sizeof(uint32_t)},
      {PREF_MIN_ALIGNMENT_D_BYTES, s->align_d, sizeof(uint32_t)},
  };
  int status = 0;
  for (size_t i = 0; i < sizeof set / sizeof *set && status == 0; i++)
    status = lt.MatmulPreferenceSetAttribute(preference, set[i].attribute, &set[i].value, set[i].size);
  return status;
}

static int64_t config(const algorithm *a, int attribute, size_t size) {
  int64_t value = 0;
  size_t written = 0;
  return lt.MatmulAlgoConfigGetAttribute(a, attribute, &value, size, &written) == 0 ? value : -1;
}

static int choose(gemm *g, const gemm_shape *s) {
  void *preference = NULL;
  heuristic found[16];
  int n = 0;
  int status = lt.MatmulPreferenceCreate(&preference);
  if (status == 0)
    status = prefer(preference, s);
  if (status == 0)
    status = lt.MatmulAlgoGetHeuristic(g->handle, g->desc, g->a, g->b, g->c, g->d, preference,
                                       sizeof found / sizeof *found, found, &n);
  if (preference != NULL)
    lt.MatmulPreferenceDestroy(preference);
  if (status != 0)
    return status;
  int chosen = -1;
  for (int i = 0; i < n; i++) {
    const algorithm *a = &found[i].algo;
    if (found[i].state != 0 || found[i].workspace != 0 || config(a, CONFIG_SPLITK_NUM, 4) > 1 ||
        config(a, CONFIG_REDUCTION_SCHEME, 4) != 0)
      continue;
    if (chosen < 0)
      chosen = i;
    if (config(a, CONFIG_ID, 4) == HOPPER && config(a, CONFIG_TILE_ID, 4) == TILE_128x256) {
      chosen = i;
      break;
    }
  }
  if (chosen < 0)
    return STATUS_NOT_SUPPORTED;
  g->algo = found[chosen].algo;
  return 0;
}

int gemm_new(void *handle, const gemm_shape *s, gemm **out) {
  gemm *g = calloc(1, sizeof *g);
  if (g == NULL)
    return STATUS_ALLOC_FAILED;
  g->handle = handle;
  g->transpose_b = s->transpose_b;
  g->n = s->n;
  const int in = s->half_in ? R_16BF : R_32F, result = s->half_out ? R_16BF : R_32F;
  const int32_t ta = s->transpose_a ? OP_T : OP_N, tb = s->transpose_b ? OP_T : OP_N;
  int status = lt.MatmulDescCreate(&g->desc, s->half_in ? COMPUTE_32F : COMPUTE_32F_PEDANTIC, R_32F);
  if (status == 0)
    status = lt.MatmulDescSetAttribute(g->desc, DESC_TRANSA, &ta, sizeof ta);
  if (status == 0)
    status = lt.MatmulDescSetAttribute(g->desc, DESC_TRANSB, &tb, sizeof tb);
  if (status == 0)
    status = lt.MatrixLayoutCreate(&g->a, in, s->transpose_a ? s->k : s->m, s->transpose_a ? s->m : s->k, s->lda);
  if (status == 0)
    status = lt.MatrixLayoutCreate(&g->b, in, s->transpose_b ? s->n : s->k, s->transpose_b ? s->k : s->n, s->ldb);
  if (status == 0)
    status = lt.MatrixLayoutCreate(&g->c, result, s->m, s->n, s->ldc);
  if (status == 0)
    status = lt.MatrixLayoutCreate(&g->d, result, s->m, s->n, s->ldd);
  if (status == 0)
    status = choose(g, s);
  if (status != 0) {
    gemm_free(g);
    return status;
  }
  *out = g;
  return 0;
}

void gemm_describe(const gemm *g, char *text, size_t size) {
  const algorithm *a = &g->algo;
  snprintf(text, size, "algorithm %d tile %d stages %d cluster %d inner %d swizzle %d option %d",
           (int)config(a, CONFIG_ID, 4), (int)config(a, CONFIG_TILE_ID, 4), (int)config(a, CONFIG_STAGES_ID, 4),
           (int)config(a, CONFIG_CLUSTER_SHAPE_ID, 2), (int)config(a, CONFIG_INNER_SHAPE_ID, 2),
           (int)config(a, CONFIG_CTA_SWIZZLING, 4), (int)config(a, CONFIG_CUSTOM_OPTION, 4));
}

// resize sets the layouts to n columns of the product, and checks that the
// algorithm can do that.
static int resize(gemm *g, int64_t n) {
  const uint64_t columns = (uint64_t)n;
  int status = lt.MatrixLayoutSetAttribute(g->b, g->transpose_b ? LAYOUT_ROWS : LAYOUT_COLS, &columns, sizeof columns);
  if (status == 0)
    status = lt.MatrixLayoutSetAttribute(g->c, LAYOUT_COLS, &columns, sizeof columns);
  if (status == 0)
    status = lt.MatrixLayoutSetAttribute(g->d, LAYOUT_COLS, &columns, sizeof columns);
  heuristic checked;
  if (status == 0)
    status = lt.MatmulAlgoCheck(g->handle, g->desc, g->a, g->b, g->c, g->d, &g->algo, &checked);
  g->n = status == 0 ? n : -1;
  return status;
}

int gemm_run(gemm *g, int64_t n, const void *a, const void *b, float beta, const void *c, void *d, void *stream) {
  if (n != g->n) {
    const int status = resize(g, n);
    if (status != 0)
      return status;
  }
  const float alpha = 1;
  return lt.Matmul(g->handle, g->desc, &alpha, a, g->a, b, g->b, &beta, c, g->c, d, g->d, &g->algo, NULL, 0, stream);
}

const char *cublaslt_error(int status) {
  switch (status) {
  case STATUS_NOT_INITIALIZED:
    return "not initialized";
  case STATUS_ALLOC_FAILED:
    return "allocation failed";
  case 7:
    return "invalid value";
  case 8:
    return "architecture mismatch";
  case 11:
    return "mapping error";
  case 13:
    return "execution failed";
  case 14:
    return "internal error";
  case STATUS_NOT_SUPPORTED:
    return "not supported";
  }
  return "unknown status";
}
