// What Go calls, and the values it passes. Every function works on a range of
// rows or columns on the calling thread; Go splits the work. All pointers are
// to memory that Go does not manage. Matrices are row-major; "ld" is the
// distance between rows in elements.

#ifndef KERNELS_H
#define KERNELS_H

#include <stdint.h>

// PANEL is how many columns of a product are computed at once; column ranges
// given to products begin at its multiples.
enum { PANEL = 64 };

// DEPTH is how many rows of a panel are unpacked at once.
enum { DEPTH = 256 };

// ROWS is how many rows the fused operations hold in scratch at once.
enum { ROWS = 48 };

enum { FORMAT_F32, FORMAT_BF16, FORMAT_NF4 };

// matrix is one factor of a product.
typedef struct {
  int32_t format;
  int64_t rows, cols, ld;
  const float *f32;
  const uint16_t *bf16;
  // NF4, regrouped: byte [row/16][col/2][row%16] holds the codes of an even
  // column (low nibble) and the odd one after it, so that sixteen rows of a
  // column become one vector. Scales keep the order of the format.
  const uint8_t *codes;
  const float *absmax;   // plain block scales, or NULL
  const uint8_t *scales; // double-quantized block scales
  const float *scales2;
  float offset;
  const float *map;   // (256) dynamic map of scales
  const float *value; // (16) NormalFloat codes
  int64_t segment;    // columns that surely share a block in every row
} matrix;

// term is one summand of a product: a (rows, k) times m, times scale. If by_rows
// m is (k, cols), else it is (cols, k) and transposed.
typedef struct {
  const float *a;
  int64_t lda, k;
  int32_t by_rows;
  float scale;
  matrix m;
} term;

enum { TERMS = 4 };

// product is out = residual + sum of terms. residual may be NULL; it is added last.
typedef struct {
  int64_t n;
  term terms[TERMS];
  const float *residual; // (rows, cols), ld
  float *out;            // (rows, cols), ld
  int64_t ld;
} product;

// UNPACKED is how many floats of unpacked weights a thread may keep while it
// goes over the rows of an operation: 1 MiB, half of a second-level cache, and
// more than PRODUCT_SCRATCH.
enum { UNPACKED = 1 << 18 };

// product_pack unpacks columns j0..j1 for product_run: product_depth floats for
// each column, rounded up to PANEL.
void product_pack(int variant, const product *p, int64_t j0, int64_t j1, float *packed);
int64_t product_depth(const product *p);

// product_run computes rows t0..t1 of columns j0..j1. packed is what product_pack
// made of the same columns; or NULL, to unpack DEPTH rows of a panel at a time.
void product_run(int variant, const product *p, const float *packed, int64_t t0, int64_t t1, int64_t j0, int64_t j1, float *scratch);

// PRODUCT_SCRATCH is the floats of scratch that product_run needs without packed.
enum { PRODUCT_SCRATCH = DEPTH * PANEL };

// dropout says which elements of an input are dropped; see engine.Dropout.
typedef struct {
  int32_t on;
  float keep; // 1/(1-P)
  uint32_t threshold;
  uint32_t key[2];
  const uint32_t *where; // (rows, 3): position, and the record's key, low and high
} dropout;

void rmsnorm_forward(int variant, const float *x, const float *w, float eps, float *y, int64_t cols, int64_t t0, int64_t t1);
// rmsnorm_backward adds the gradient with respect to x to dx.
void rmsnorm_backward(int variant, const float *x, const float *w, float eps, const float *dy, float *dx, int64_t cols, int64_t t0, int64_t t1);

// rope_rotate rotates the pairs (i, i+dim/2) of every head by the angle of each
// row's position, backwards if sign is -1. cosine, sine: (positions, dim/2).
void rope_rotate(int variant, float *x, int64_t ld, int64_t heads, int64_t dim, const int32_t *position, const float *cosine, const float *sine, float sign, int64_t t0, int64_t t1);

void swiglu_forward(int variant, const float *gate, const float *up, float *y, int64_t n);

enum { SHARED = 3 }; // projections that read one input, at most

// lora_pair is one adapted projection of an input.
typedef struct {
  int64_t rank;
  const float *a; // (rank, cols)
  float *low;     // (rows, rank)
  float *grad_a;  // (rank, cols)
} lora_pair;

// lora_input is an input with the adapted projections that read it.
typedef struct {
  const float *x; // (rows, cols)
  int64_t cols, rank; // rank: of all pairs together
  dropout drop;
  int64_t n;
  lora_pair pairs[SHARED];
  const float *dlow; // (rows, rank) gradients of low, side by side
} lora_input;

// lora_pack lays A of all pairs side by side, transposed, for lora_down:
// lora_packed floats.
void lora_pack(int variant, const lora_input *in, float *packed);
int64_t lora_packed(const lora_input *in);

// lora_down computes low = dropout(x) A^T of every pair.
void lora_down(int variant, const lora_input *in, const float *packed, int64_t t0, int64_t t1, float *scratch);
int64_t lora_down_scratch(const lora_input *in);

// swiglu_gradients are where swiglu_backward reads and writes.
typedef struct {
  const float *gate, *up; // (rows, cols)
  float *dgate, *dup;
} swiglu_gradients;

// input_backward computes columns j0..j1 of an input's gradient for all rows, p
// being the frozen part of it, and adds the pairs' grad_a for these columns. If
// the input is what swiglu_forward made it goes on to the gradients of gate and
// up, else swiglu is NULL.
void input_backward(int variant, const lora_input *in, const product *p, const swiglu_gradients *swiglu, int64_t rows, int64_t j0, int64_t j1, float *scratch);
int64_t input_scratch(const lora_input *in);

// lora_grad_b adds scale dy^T low to rows n0..n1 of grad (cols, rank).
void lora_grad_b(int variant, const float *dy, int64_t ld, const float *low, int64_t rank, float scale, float *grad, int64_t rows, int64_t n0, int64_t n1, float *scratch);
int64_t lora_grad_b_scratch(int64_t rank);

// attention is what the attention of every document and head of a batch shares.
typedef struct {
  int64_t tokens, heads, kv_heads, dim;
  float scale;    // of the scores
  const float *q; // (tokens, heads*dim)
  const float *k; // (tokens, kv_heads*dim)
  const float *v; // (tokens, kv_heads*dim)
  float *o;       // (tokens, heads*dim)
  float *lse;     // (heads, tokens)
  // Gradients, when going backward.
  const float *d_o;
  float *dq, *dk, *dv;
} attention;

// cache_layer is one layer's cached keys and values: for every slot and head,
// keys as panels (positions/width, dim, width) and values as panels
// (dim/width, positions, width); see attention.h.
typedef struct {
  float *keys, *values;
  int64_t positions; // capacity, a multiple of PANEL
} cache_layer;

// attention_forward is the document of n tokens that begins at token t0, for the
// query heads of one key-value head.
void attention_forward(int variant, const attention *a, int64_t t0, int64_t n, int64_t kv_head, float *scratch);
void attention_backward(int variant, const attention *a, int64_t t0, int64_t n, int64_t kv_head, float *scratch);
int64_t attention_scratch(int64_t n, int64_t dim, int backward);

// attention_cached is the n tokens from t0, the first at the given position of slot.
void attention_cached(int variant, const attention *a, const cache_layer *c, int64_t slot, int64_t t0, int64_t n, int64_t position, int64_t kv_head, float *scratch);
int64_t attention_cached_scratch(int64_t positions);
void attention_store(int variant, const attention *a, const cache_layer *c, int64_t slot, int64_t t0, int64_t n, int64_t position);
// cache_floats is the size of keys and of values for one slot of one layer.
int64_t cache_floats(int64_t positions, int64_t kv_heads, int64_t dim);

// loss_row turns n logits into the negative log-likelihood of target and, if
// gradient, into scale times its gradient. It returns whether target is the
// first of the largest.
void loss_row(int variant, float *logits, int64_t n, int64_t target, float scale, int gradient, float *nll, float *hit);
// loss_argmax returns the index of the first of the largest.
int64_t loss_argmax(int variant, const float *x, int64_t n);

// math_exp and math_log are the functions of the kernels, for their tests.
void math_exp(int variant, const float *x, float *y, int64_t n);
float math_log(float x);

// variant_supported says whether this machine can run a variant.
int variant_supported(int variant);
const char *compiler_version(void);

#endif
