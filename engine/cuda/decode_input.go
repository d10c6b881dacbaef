package cuda

// fewRows is how many rows the products of few rows take at once.
const fewRows = 64

// few is a product of few rows with one weight, or up to three that read the same
// input: outs[i] = x weights[i]^T + s*B (A x) (+ residual).
type few struct {
	x        matrix  // (T, K)
	rows     pointer // (T) int32, which rows of x to take; 0: all, in order
	first, n int     // of those rows, or of x, the ones to do now
	norm     pointer // (K) float32, weight of RMSNorm of x; 0: x as it is

	weights  []*weight // (N, K) each
	adapters []*pair   // one a weight, nil without; nil if no weight has one
	outs     []matrix  // (T, N) one a weight, of which rows first .. first+n are written
	residual matrix    // (T, N); ptr 0: none
	gated    bool      // weights are gate and up, and the only output is silu(gate)*up
	wide     bool      // outs are float32, and n their rows from the first on
}

// How decode_input.cu lays rows out.
const (
	plainRows int32 = iota
	nf4Rows
	denseRows
)

// inputs is where input leaves its results.
type inputs struct {
	packed    pointer // rows as the layout says
	factors   pointer // (n) float32, undo the scale of rows and low; only for nf4Rows
	low       matrix  // (n, sum of padded ranks), 0 without adapters
	lowColumn [maxPairs]int
}

const (
	inputThreads = 256
	inputRows    = 4  // of a block, if there are as many
	fewRanks     = 16 // what the ranks of each adapter are padded to
	fewColumns   = 64 // what the columns of a row are padded to
)

// input normalises the n rows of p from its first on, and lays them out for a
// product, with A x of every adapter.
func (b *Backend) input(p few, layout int32) (inputs, error) {
	var in inputs
	k := p.x.width
	var adapters []any
	for i := range maxPairs {
		var a pointer
		var rank int
		if own := p.adapter(i); own != nil {
			a, rank = own.a, own.rank
		}
		padded := ceilDiv(rank, fewRanks) * fewRanks
		in.lowColumn[i] = in.low.width
		in.low.width += padded
		adapters = append(adapters, a, rank, padded)
	}
	in.low.rows, in.low.stride = p.n, in.low.width
	// Room for any width of the model, so that it never has to grow while decoding.
	width := int64(max(k, b.shape.Hidden, b.shape.QDim(), b.shape.Intermediate))
	rows := int64(ceilDiv(max(p.n, fewRows), 8) * 8)
	var err error
	if in.packed, err = b.scratch("few.input", rows*roundUp(width, fewColumns)*int64(b.size)); err != nil {
		return in, err
	}
	if in.factors, err = b.scratch("few.factors", 4*rows); err != nil {
		return in, err
	}
	if in.low.ptr, err = b.scratch("few.low", rows*int64(in.low.stride)*int64(b.size)); err != nil {
		return in, err
	}
	x, list := p.x, p.rows
	if list != 0 {
		list = list.offset(4 * p.first)
	} else {
		x.ptr = x.ptr.offset(p.first * x.stride * b.size)
	}
	name, blockRows := "decode_input_1", 1
	if p.n >= inputRows {
		name, blockRows = "decode_input_4", inputRows
	}
	f, err := b.fn("decode_input", name)
	if err != nil {
		return in, err
	}
	args := append([]any{in.packed, in.factors, in.low, x, p.norm, list}, adapters...)
	args = append(args, k, p.n, float32(b.shape.NormEps), layout)
	return in, b.launch(f, [3]int{ceilDiv(p.n, blockRows), max(in.low.width, 1), 1}, inputThreads, 0, args...)
}
