// What Go calls, and the values it passes. All pointers are to memory that Go
// does not manage. Matrices are row-major; "ld" is the distance between rows in
// elements. A *_kind is a kind of step (steps.h), whose job is the structure
// that is described before it.

#ifndef KERNELS_H
#define KERNELS_H

#include <stdint.h>

#include "pool.h"
#include "steps.h"

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

// rotation turns the pairs (i, i+dim/2) of every head by the angle of each row's
// position, backwards if sign is -1; not at all if dim is 0.
typedef struct {
  int64_t dim;
  float sign;
  const int32_t *position;    // (rows)
  const float *cosine, *sine; // (positions, dim/2)
} rotation;

// product is out = residual + sum of terms + bias, rotated at the end. residual
// and bias may be NULL; they are added last.
typedef struct {
  int64_t n;
  term terms[TERMS];
  const float *residual; // (rows, cols), ld
  const float *bias;     // (cols)
  float *out;            // (rows, cols), ld
  int64_t cols, ld;
  rotation turn;
} product;

extern const step_kind product_kind;

// UNPACKED is how many floats of unpacked weights a thread may keep while it
// goes over the rows of an operation: 1 MiB, half of a second-level cache, and
// more than PRODUCT_SCRATCH.
enum { UNPACKED = 1 << 18 };

// PRODUCT_SCRATCH is the floats of scratch that a product needs whose weights
// are not unpacked before.
enum { PRODUCT_SCRATCH = DEPTH * PANEL };

// dropout says which elements of an input are dropped; see engine.Dropout.
typedef struct {
  int32_t on;
  float keep; // 1/(1-P)
  uint32_t threshold;
  uint32_t key[2];
  const uint32_t *where; // (rows, 3): position, and the record's key, low and high
} dropout;

// norm is y = rmsnorm(x), or, going backward, what it adds to dx, from dy.
typedef struct {
  int64_t cols;
  float eps;
  const float *x;      // (rows, cols)
  const float *weight; // (cols)
  float *y;            // (rows, cols)
  const float *dy;     // (rows, cols)
  float *dx;           // (rows, cols)
} norm;

extern const step_kind norm_kind, norm_backward_kind;

// rotated is a rotation of queries and keys.
typedef struct {
  rotation turn;
  float *q, *k;      // (rows, q_cols), (rows, k_cols)
  int64_t q_cols, k_cols;
} rotated;

extern const step_kind rotate_kind;

// head_norm is y = rmsnorm(x) of each head of queries and keys, or, going
// backward, turns their gradients y from those of the norm into those of x.
typedef struct {
  int64_t dim;
  float eps;
  const float *q_weight, *k_weight; // (dim)
  const float *q, *k;               // (rows, q_cols), (rows, k_cols)
  float *q_y, *k_y;
  int64_t q_cols, k_cols;
} head_norm;

extern const step_kind head_norm_kind, head_norm_backward_kind;

// swiglu is down = silu(gate) * up, or, going backward, from the gradient of
// down, those of gate and up.
typedef struct {
  int64_t cols;
  const float *gate, *up; // (rows, cols)
  float *down;            // (rows, cols)
  float *dgate, *dup;     // (rows, cols)
} swiglu;

extern const step_kind swiglu_kind;

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

// lora_kind is the step low = dropout(x) A^T of every pair; none if there are none.
extern const step_kind lora_kind;

// lora_output is the output of one adapted projection.
typedef struct {
  const float *dy;  // (rows, cols)
  const float *low; // (rows, rank)
  float *grad_b;    // (cols, rank)
  int64_t cols, rank;
  float scale;
} lora_output;

// input_gradients is the backward pass of the projections that read one input:
// gradients of the adapters and of the input.
typedef struct {
  int64_t rows;
  lora_input in;
  product base;  // the frozen part of the input's gradient; nobody wants that gradient if out is NULL
  int64_t gated; // the input is what SwiGLU made: go on to the gradients of gate and up
  swiglu glu;
  int64_t n;
  lora_output outputs[SHARED];
} input_gradients;

void input_gradients_run(pool *p, int variant, const input_gradients *g);
int64_t input_gradients_scratch(const input_gradients *g);

// attention is what the attention of every document and head of a batch shares.
typedef struct {
  int64_t tokens, heads, kv_heads, dim;
  float scale;    // of the scores
  int64_t window; // how many tokens a query attends to, its own included; 0: all before it
  const float *q; // (tokens, heads*dim)
  const float *k; // (tokens, kv_heads*dim)
  const float *v; // (tokens, kv_heads*dim)
  float *o;       // (tokens, heads*dim)
  float *lse;     // (heads, tokens)
  // Gradients, when going backward.
  const float *d_o;
  float *dq, *dk, *dv;
} attention;

// channels is how many floats keys or values of a head take for each position of
// a cache. A panel of channels has 16, 32 or 64 columns.
static inline int64_t channels(int64_t dim) { return (dim + 31) / 32 * 32; }

// cache_layer is one layer's cached keys and values: for every slot and head,
// keys as panels (positions/width, dim, width) and values as panels
// (dim/width, positions, width); see attention.h.
typedef struct {
  float *keys, *values;
  int64_t positions; // capacity, a multiple of PANEL
} cache_layer;

enum { ATTENTION_FORWARD, ATTENTION_BACKWARD, ATTENTION_CACHED };

// documents are those of a batch: n of them, document i from token starts[i] to
// starts[i+1], its first at position first[i]. slots[i] is its slot in a cache.
typedef struct {
  int64_t n;
  const int32_t *starts, *first, *slots;
} documents;

// attention_run computes the attention of every document and head. With
// ATTENTION_CACHED keys and values are those of c, and not NULL.
void attention_run(pool *p, int variant, int kind, const attention *a, const documents *d, const cache_layer *c);
int64_t attention_scratch(int kind, const attention *a, const documents *d, const cache_layer *c);

// attention_store copies keys and values of all documents to their slots.
void attention_store(int variant, const attention *a, const documents *d, const cache_layer *c);
// cache_floats is the size of keys and of values for one slot of one layer.
int64_t cache_floats(int64_t positions, int64_t kv_heads, int64_t dim);

// scoring is what the rows of a chunk of the loss share, from the residual
// stream to logits.
typedef struct {
  int64_t hidden, vocab;
  const int32_t *rows; // of the batch, one a row of the chunk
  const float *x;      // (T, hidden)
  const float *weight; // (hidden) of the norm
  float eps;
  float *normed;       // (rows, hidden)
  float *logits;       // (rows, vocab)

  const int32_t *targets; // (T)
  float scale;            // of the gradient
  float *nll, *hit;       // (T)
  float *dnormed;         // (rows, hidden)
  float *d;               // (T, hidden), NULL without gradient
  int32_t *best;          // (rows)
} scoring;

// gather_kind normalises the rows of x; loss_kind turns logits into losses, hits
// and, where there is d, gradients of logits; best_kind finds the first of the
// largest logits of each row; scatter_kind adds the gradient of x to d.
extern const step_kind gather_kind, loss_kind, best_kind, scatter_kind;

// dynamic_lookup is nf4.Lookup.
typedef struct {
  float bounds[258];
  uint8_t first[1 << 15];
} dynamic_lookup;

// moment is one of the moments of a tensor with 8-bit state.
typedef struct {
  uint8_t *codes;   // (n)
  float *absmax;    // (ceil(n/256)) scales
  const float *map; // (256) dynamic map of codes
  const dynamic_lookup *lookup;
} moment;

// adamw_factors is optim.Factors.
typedef struct {
  float beta1, rest1, beta2, rest2, rate, epsilon, decay, clip;
} adamw_factors;

// adamw_eight_bit is optim.EightBit.Step on n parameters, to the bit. It keeps no
// pointer, so that they may be to memory that Go manages.
void adamw_eight_bit(int variant, int64_t n, float *value, const float *grad, moment m, moment v, adamw_factors f);

// math_exp and math_log are the functions of the kernels, for their tests.
void math_exp(int variant, const float *x, float *y, int64_t n);
float math_log(float x);

// variant_supported says whether this machine can run a variant.
int variant_supported(int variant);
const char *compiler_version(void);

#endif
