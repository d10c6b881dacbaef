package engine

import "math"

// Matrix is a frozen weight in host memory, row-major (Rows, Cols), where Rows
// is the output width. Exactly one of F32, BF16 and NF4 is set.
type Matrix struct {
	Rows, Cols int
	F32        []float32
	BF16       []uint16
	NF4        *NF4
	// Host lets the matrix stay in host memory: of a table of embeddings a batch
	// reads a few rows only, which a device may fetch from there.
	Host bool
}

// NF4 is a weight quantized to 4-bit NormalFloat in blocks of 64 over the
// row-major flattened elements, as bitsandbytes stores it
// (Dettmers et al. 2023, sections 3 and 4). Package engine/nf4 makes and reads it.
type NF4 struct {
	Codes []byte // two codes a byte, the even element in the high nibble; n/2 bytes
	// With double quantization the block scales are 8-bit themselves:
	// absmax[i] = map[Scales[i]]*Scales2[i/256] + Offset.
	Scales  []byte    // n/64 bytes; nil without double quantization
	Scales2 []float32 // ceil(n/64/256)
	Offset  float32
	Absmax  []float32 // n/64; nil with double quantization
}

// Bytes returns the resident size.
func (q *NF4) Bytes() int64 {
	return int64(len(q.Codes)) + int64(len(q.Scales)) + 4*int64(len(q.Scales2)) + 4*int64(len(q.Absmax)) + 4
}

// HostWeights is a whole base in host memory, as read (and quantized) from a checkpoint.
type HostWeights struct {
	Shape     Shape
	Embedding Matrix // (Vocab, Hidden), never quantized
	Layers    []HostLayer
	Norm      []float32 // (Hidden), final RMSNorm
	Head      Matrix    // (Vocab, Hidden); zero value if Shape.TiedHead
}

// HostLayer is one decoder layer of HostWeights.
type HostLayer struct {
	AttentionNorm []float32 // (Hidden)
	MLPNorm       []float32 // (Hidden)
	QNorm, KNorm  []float32 // (HeadDim) with Shape.HeadNorm, else nil
	Proj          [NumProjections]Matrix
	Bias          [NumProjections][]float32 // (output width) where Projection.HasBias, else nil
}

// Weight is a frozen matrix as a backend holds it.
type Weight interface {
	// Dims returns output and input width.
	Dims() (rows, cols int)
	// Bytes returns what it occupies on the device.
	Bytes() int64
}

// Layer is one decoder layer's frozen weights on a device.
type Layer struct {
	Index         int
	AttentionNorm Buffer // (Hidden) Float
	MLPNorm       Buffer // (Hidden) Float
	QNorm, KNorm  Buffer // (HeadDim) Float with Shape.HeadNorm, else nil
	Proj          [NumProjections]Weight
	Bias          [NumProjections]Buffer // (output width) Float where Projection.HasBias, else nil
}

// Head is the final norm and the output projection on a device.
type Head struct {
	Norm   Buffer // (Hidden) Float
	Weight Weight // (Vocab, Hidden)
}

// Pass says why weights are wanted, so that a source can prefetch in the right direction.
type Pass int

// The passes over the layers.
const (
	Forward  Pass = iota
	Backward      // recompute and gradient of one layer share one fetch
	Decode
)

// Source lends the frozen weights of a model, part by part. What it lends is
// valid until the matching Release; a caller holds at most one layer at a time
// and asks again rather than keep it, so that a source may stream.
type Source interface {
	Shape() Shape
	AcquireEmbedding(Pass) (Weight, error)
	ReleaseEmbedding()
	AcquireLayer(index int, pass Pass) (*Layer, error)
	ReleaseLayer(index int)
	AcquireHead(Pass) (*Head, error)
	ReleaseHead()
	// Bytes returns what the source keeps on the device.
	Bytes() int64
}

// BFloat16 rounds x to the nearest bfloat16, ties to even. NaN stays NaN.
func BFloat16(x float32) uint16 {
	u := math.Float32bits(x)
	if u&0x7fffffff > 0x7f800000 {
		return uint16(u>>16) | 0x40 // quiet
	}
	return uint16((u + 0x7fff + u>>16&1) >> 16)
}
