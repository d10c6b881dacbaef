package cuda

import "fmt"

// canonicalRows is the number of rows that algorithms are chosen for: a micro-batch of training.
const canonicalRows = 4096

// gemmShape is gemm_shape of cublaslt.h: what the algorithm of a product depends on.
type gemmShape struct {
	m, n, k                        int
	lda, ldb, ldc, ldd             int
	transposeA, transposeB         bool
	halfIn, halfOut                bool // bfloat16, else float32
	alignA, alignB, alignC, alignD int  // bytes
}

// product is out = op(x) op(w) + beta c, all by rows, accumulated in float32.
// Elements of x and w have the compute type, and so has out unless wide.
type product struct {
	out  matrix // (T, N)
	x    matrix // (T, K), or (K, T) if xTransposed
	w    matrix // (N, K), or (K, N) if wByColumns
	c    matrix // (T, N), read only if beta is not 0; may be out
	beta float32

	xTransposed, wByColumns bool
	wide                    bool // out and c are float32
}

// matmul queues a product.
func (b *Backend) matmul(p product) error {
	rows, n, k := p.out.rows, p.out.width, p.x.width
	xRows := p.x.rows
	if p.xTransposed {
		xRows, k = k, xRows
	}
	wRows, wCols := n, k
	if p.wByColumns {
		wRows, wCols = k, n
	}
	if p.beta == 0 {
		p.c = p.out
	}
	if xRows < rows || p.w.rows != wRows || p.w.width != wCols || p.c.rows < rows || p.c.width != n {
		return fmt.Errorf("product of (%d, %d) from (%d, %d) and (%d, %d): shapes do not fit",
			rows, n, p.x.rows, p.x.width, p.w.rows, p.w.width)
	}
	// cuBLASLt counts by columns: what is a row here is a column there, so it
	// computes the transpose, with w before x.
	s := gemmShape{
		m: n, n: canonicalRows, k: k,
		lda: p.w.stride, ldb: p.x.stride, ldc: p.c.stride, ldd: p.out.stride,
		transposeA: !p.wByColumns, transposeB: p.xTransposed,
		halfIn: b.bf16, halfOut: b.bf16 && !p.wide,
		alignA: alignment(p.w, b.size), alignB: alignment(p.x, b.size),
	}
	outSize := b.size
	if p.wide {
		outSize = 4
	}
	s.alignC, s.alignD = alignment(p.c, outSize), alignment(p.out, outSize)
	if p.xTransposed {
		s.n = rows // a transposed x has strides of its own for every number of rows
	}
	if b.rehearsal != nil {
		b.rehearsal.products[s] = true
	}
	if err := b.multiply(s, rows, p); err != nil {
		return fmt.Errorf("product of (%d, %d) over %d: %w", rows, n, k, err)
	}
	return nil
}

// alignment is that of every row of m in bytes, up to 256.
func alignment(m matrix, size int) int {
	a := uintptr(align) | uintptr(m.ptr) | uintptr(m.stride*size)
	return int(a & -a)
}
