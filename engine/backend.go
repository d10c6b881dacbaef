package engine

import (
	"errors"
	"fmt"
	"io"
)

// ErrNonFinite reports a NaN or an infinity in a loss, a gradient or a state.
// The optimizer step in which it appeared changed nothing.
var ErrNonFinite = errors.New("value is not finite")

// ErrDeviceLost reports that a device failed in the middle of its work. No
// operation of this process on it can be trusted any more; another process may be
// able to use it.
var ErrDeviceLost = errors.New("the device failed")

// Kind is what a buffer holds; the backend decides the bytes.
type Kind uint8

// Buffer kinds.
const (
	Activation Kind = iota // the backend's compute type: float32 on the CPU, bfloat16 on CUDA
	Float                  // float32 everywhere: norms, losses, adapters and their gradients
)

// Buffer is a run of elements in a device's memory. Only its backend can read it.
type Buffer interface {
	Len() int // elements
}

// BufferSpec asks for a buffer. Name is what an estimate prints.
type BufferSpec struct {
	Name string
	Kind Kind
	Len  int // elements
	// Width is the elements of a row, which divide Len; 0 means that all is one row.
	Width int
	// Beside names an earlier buffer of the same Allocate, with as many rows, that
	// operations read or write together with this one. A device may lay the two out
	// as one matrix, every row of this one behind its row of that one, so that one
	// product does the work of both.
	Beside string
	// Host asks for page-locked host memory. Only Copy, Upload and Download reach
	// such a buffer; it does not count against a device's memory.
	Host bool
}

// Numerics identifies everything about a backend that can change the bits of a
// result. Runs of different classes are never expected to agree byte for byte.
type Numerics struct {
	Backend string `json:"backend"` // "cpu", "cuda"
	Compute string `json:"compute"` // "float32", "bfloat16"
	Version int    `json:"version"` // raised whenever an operation's bits change
}

// String returns the class, such as "cpu/float32/1".
func (n Numerics) String() string { return fmt.Sprintf("%s/%s/%d", n.Backend, n.Compute, n.Version) }

// Adapter is one LoRA pair on a device, with the gradients of a run in training.
type Adapter struct {
	Rank  int
	Scale float32
	A, B  Buffer // (Rank, in), (out, Rank) Float
	// Gradients, added to by the backward operations; nil when only evaluating.
	GradA, GradB Buffer
}

// RowMover is what a Backend may do beside: the model then spares it the rows
// whose results nothing reads.
type RowMover interface {
	// Gather copies rows of src, which has width columns, to the first rows of
	// dst, in the order given.
	Gather(dst, src Buffer, rows []int32, width int) error
	// Scatter moves row i of x to rows[i], for all of rows, which ascend, and
	// zeroes the others of the first n.
	Scatter(x Buffer, rows []int32, n, width int) error
}

// Block is what the operations of one layer share.
type Block struct {
	Layer    *Layer
	Adapters [NumProjections]*Adapter // nil where a projection is not adapted
	Dropout  Dropout                  // P is 0 when evaluating
	// FrozenInput says that nothing before the layer is trained: QKVBackward may
	// then leave d as it is.
	FrozenInput bool
}

// Activations are what the forward operations of one layer leave for its
// backward operations. T is the token capacity; with gradient checkpointing all
// layers share one set, or parts of it, and backward recomputes what was not kept
// from the layer's input.
type Activations struct {
	Norm1 Buffer // (T, Hidden) normalised input of q, k, v
	// RawQ and RawK are queries and keys before the norm of their heads; nil
	// without Shape.HeadNorm.
	RawQ  Buffer // (T, QDim)
	RawK  Buffer // (T, KVDim)
	Q     Buffer // (T, QDim) after RoPE
	K     Buffer // (T, KVDim) after RoPE
	V     Buffer // (T, KVDim)
	LSE   Buffer // (Heads, T) Float, log-sum-exp of the scores
	O     Buffer // (T, QDim) attention output
	Mid   Buffer // (T, Hidden) residual stream between attention and MLP
	Norm2 Buffer // (T, Hidden) normalised input of gate and up
	Gate  Buffer // (T, Intermediate)
	Up    Buffer // (T, Intermediate)
	Down  Buffer // (T, Intermediate) silu(gate)*up, input of down
	// Low holds A dropout(x) of the adapted projections that read an input, beside
	// that input: (T, sum of their ranks), in a layout of the backend's own; nil
	// where none is adapted. Its capacity is that of the largest adapters in use;
	// smaller ones fill less of it.
	Low [NumInputs]Buffer
}

// Gradients is scratch that the backward operations of all layers share.
type Gradients struct {
	Q, O     Buffer // (T, QDim)
	K, V     Buffer // (T, KVDim)
	Gate, Up Buffer // (T, Intermediate)
	Down     Buffer // (T, Intermediate)
	Norm     Buffer // (T, Hidden) gradient of a normalised input
	// Gradients of Activations.Low, beside the gradient of their input; nil where
	// none is adapted. That of Norm has room for the wider of its two inputs.
	NormLow, OLow, DownLow Buffer
}

// DeviceBatch is one micro-batch on a device, reused from step to step.
type DeviceBatch interface {
	// Load copies b to the device. It fails if b exceeds the capacity.
	Load(b *Batch) error
	// Tokens returns T of the loaded batch.
	Tokens() int
}

// Cache holds keys and values of every layer for sequences being generated.
type Cache interface {
	Bytes() int64
}

// Work is the most that operations will be asked for at once.
type Work struct {
	Tokens, Documents int                 // of a batch
	Ranks             [NumProjections]int // of the adapters; 0 where there is none
	Train, Dropout    bool                // training, and what is evaluated in between
	Slots, Positions  int                 // of a cache, from which each slot's next token is decoded; 0 where there is none
}

// Planner tells what things take of a device, in bytes, before there are any. It
// needs no device.
type Planner interface {
	// Size returns what Allocate takes for specs.
	Size(specs []BufferSpec) int64
	// WeightBytes returns what NewWeight takes for m, of which only dimensions and
	// format count: the slices that say which it is may be empty.
	WeightBytes(m Matrix) int64
	// Scratch returns what operations on batches of w take beside their operands.
	Scratch(w Work) int64
}

// Backend computes on one device. Operations are blocks that a device can fuse;
// each forward has a hand-written backward that adds to the adapters' gradients.
// Shapes: T tokens of the loaded batch, and the widths of the Shape the backend
// was opened for. Operations run in the order they are called; an asynchronous
// backend reports a failed launch at the next call that returns an error, and
// Sync waits. Every result is a function of its inputs alone: not of threads,
// of timing, or of what else is in the batch.
type Backend interface {
	Planner
	Numerics() Numerics
	// Describe names the device and libraries for the ledger, such as {"cpu": "...", "threads": "2"}.
	Describe() map[string]string

	// NewWeight copies a frozen matrix to the device; NF4 stays packed there.
	NewWeight(m Matrix) (Weight, error)
	// Allocate returns the buffers asked for from one arena, zeroed.
	Allocate(specs []BufferSpec) ([]Buffer, error)
	// Upload and Download copy float32 values from and to the host, converting if need be.
	// Download waits for the operations before it.
	Upload(dst Buffer, src []float32) error
	Download(dst []float32, src Buffer) error
	// Copy starts copying src to dst, of the same kind, width and length, one of
	// which may be Host: everything before it in order, beside what follows. Until
	// Join, dst must not be read and neither may be written.
	Copy(dst, src Buffer) error
	// Join makes the operations that follow wait for all copies.
	Join() error
	// Reserve takes what Scratch returns for w now, so that none of its operations runs
	// out of memory. What it took before it gives back.
	Reserve(w Work) error
	// Available returns how many more bytes of device memory may be taken, those that
	// the next Reserve gives back among them, or -1 where nobody knows.
	Available() (int64, error)
	NewBatch(maxTokens, maxDocuments int) (DeviceBatch, error)
	NewCache(slots, maxPositions int) (Cache, error)

	// Embed writes the token vectors: x (T, Hidden).
	Embed(in DeviceBatch, table Weight, x Buffer) error

	// QKV computes Norm1 = rmsnorm(x), and from it Q and K (rotated by RoPE at
	// the batch's positions) and V, each base + bias + LoRA. With Shape.HeadNorm,
	// Q and K are first RawQ and RawK, whose heads are normalised one by one. With
	// act.Q nil it stops at Norm1 and Low, for a QKVBackward of which the rest was kept.
	QKV(in DeviceBatch, b *Block, x Buffer, act *Activations) error
	// Attention is causal within each document, over the last Shape.Window tokens
	// if that is set, with grouped queries: act.O and act.LSE.
	Attention(in DeviceBatch, act *Activations) error
	// Output computes act.Mid = x + o_proj(act.O).
	Output(in DeviceBatch, b *Block, x Buffer, act *Activations) error
	// MLP computes y = act.Mid + down(silu(gate(n))*up(n)), n = rmsnorm(act.Mid).
	// y may be the buffer x was, or nil when only act is wanted, for MLPBackward.
	MLP(in DeviceBatch, b *Block, act *Activations, y Buffer) error

	// MLPBackward turns d from the gradient of y into the gradient of act.Mid.
	MLPBackward(in DeviceBatch, b *Block, act *Activations, g *Gradients, d Buffer) error
	// OutputBackward reads d, the gradient of act.Mid, writes g.O, and leaves d
	// as the residual's part of the gradient of x.
	OutputBackward(in DeviceBatch, b *Block, act *Activations, g *Gradients, d Buffer) error
	// AttentionBackward reads g.O and writes g.Q, g.K, g.V, the gradients of Q, K and V.
	AttentionBackward(in DeviceBatch, act *Activations, g *Gradients) error
	// QKVBackward takes g.Q and g.K back through RoPE and the norm of heads, and
	// adds the gradient of x to d.
	QKVBackward(in DeviceBatch, b *Block, x Buffer, act *Activations, g *Gradients, d Buffer) error

	// Loss computes, at every position with a target, the negative
	// log-likelihood in nats (nll, (T) Float, 0 elsewhere) and whether the
	// target was the most likely token (hit, (T) Float, 1 or 0), from
	// rmsnorm(x) times the head, in chunks: full logits never exist. If d is
	// not nil it receives the gradient of scale*sum(nll) with respect to x.
	Loss(in DeviceBatch, h *Head, x Buffer, scale float32, nll, hit, d Buffer) error

	// Store copies act.K and act.V of every token to its document's slot at its position.
	Store(in DeviceBatch, c Cache, layer int, act *Activations) error
	// CachedAttention is Attention over the slot's cached positions up to the
	// token's own, inclusive.
	CachedAttention(in DeviceBatch, c Cache, layer int, act *Activations) error
	// Greedy returns, for the last token of each document, the most likely next
	// token; the lowest index wins a tie. It waits for the device.
	Greedy(in DeviceBatch, h *Head, x Buffer) ([]int32, error)
	// Logits returns (documents, Vocab) for the last token of each document, or if not
	// last (tokens, Vocab) for all, which must then be few. It waits for the device.
	Logits(in DeviceBatch, h *Head, x Buffer, last bool) ([]float32, error)

	NewOptimizer(cfg OptimizerConfig, params []Param) (Optimizer, error)

	// Sync waits for all operations and returns the first error among them.
	Sync() error
	Close() error
}

// Packer is a Backend that loses less memory between weights that it gets together.
type Packer interface {
	// NewWeights is NewWeight for all of them.
	NewWeights(all []Matrix) ([]Weight, error)
}

// Freer is a Backend that gives memory back before it is closed only when it is
// told to, as a device's must be. Its batches, caches and optimizers are
// io.Closers. A backend whose memory is the garbage collector's needs neither.
type Freer interface {
	// Free gives back what one call of Allocate returned, once the operations
	// before it are done.
	Free(arena []Buffer) error
}

// Threader is a Backend on a processor that is told how much of it to use.
type Threader interface {
	// SetThreads has the operations that follow use n threads. It changes no result.
	SetThreads(n int) error
}

// Close gives back what a batch, a cache or an optimizer holds on its device, if
// that has to be said; see Freer.
func Close(held any) error {
	if c, ok := held.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// Param is a trainable tensor.
type Param struct {
	Name        string // as PEFT names it
	Value, Grad Buffer // Float
}

// OptimizerConfig configures AdamW (Loshchilov & Hutter 2019, Alg. 2).
type OptimizerConfig struct {
	EightBit     bool // block-wise 8-bit state for tensors of at least 4,096 elements
	Paged        bool // state in pinned host memory; never changes a bit
	Beta1, Beta2 float64
	Epsilon      float64
	WeightDecay  float64
}

// Optimizer holds the state of AdamW for a set of parameters.
type Optimizer interface {
	// Step clips the gradients to a total norm of maxNorm (0: no clipping),
	// updates the parameters and sets the gradients to zero. t counts from 1.
	// If any gradient is not finite, nothing but the gradients changes, and
	// every later step changes nothing either.
	Step(lr, maxNorm float64, t int) error
	// Result waits for the last Step and returns the gradient norm before
	// clipping, or an error wrapping ErrNonFinite that names the first bad parameter.
	Result() (gradNorm float64, err error)
	// State returns a copy of the state, and Restore puts one back.
	State() ([]StateTensor, error)
	Restore([]StateTensor) error
	// Quantized returns how many parameters have 8-bit state, and how many there are.
	Quantized() (eightBit, total int)
}

// StateTensor is one named piece of optimizer state; exactly one of F32 and U8 is set.
type StateTensor struct {
	Name string // parameter name + ".m", ".v", ".m_absmax", ".v_absmax"
	F32  []float32
	U8   []byte
}
