// Package bench measures the engine itself, on synthetic weights, so that a
// figure needs no download and means the same everywhere.
//
// Weights are drawn from N(0, 0.02): one block of values, repeated over every
// matrix, each of which has device memory of its own. Tokens are uniform. All
// projections have a LoRA pair of rank 16 whose halves are both random; a step
// is one micro-batch with backward, clipping and 8-bit AdamW.
//
// It knows no checkpoint, dataset or tokenizer, and judges nothing: a Result is
// data, which the command line prints.
package bench
