//go:build cuda

package cuda

// #include "cublaslt.h"
import "C"

import (
	"fmt"
	"slices"
	"sync"
	"unsafe"

	"gorgonia.org/cu"
)

// products computes matrix products with cuBLASLt. The algorithm of a product
// is chosen once for its widths, strides and types, never by timing, as if it
// had canonicalRows rows, and then used for any number of rows: a row's bits do
// not depend on how many others there are.
type products struct {
	handle unsafe.Pointer
	known  map[C.gemm_shape]*C.gemm
}

// canonicalRows is the number of rows that algorithms are chosen for: a micro-batch of training.
const canonicalRows = 4096

var loadProducts = sync.OnceValue(func() error {
	if why := C.cublaslt_load(); why != nil {
		return unavailable("cuBLASLt: "+C.GoString(why),
			"install cuBLAS of CUDA 12 or 13, or put the folder of libcublasLt.so into LD_LIBRARY_PATH")
	}
	return nil
})

// newProducts returns a handle in the current context.
func newProducts() (*products, error) {
	if err := loadProducts(); err != nil {
		return nil, err
	}
	p := &products{known: map[C.gemm_shape]*C.gemm{}}
	if status := C.cublaslt_create(&p.handle); status != 0 {
		return nil, fmt.Errorf("cuBLASLt %s: %s", productsVersion(), C.GoString(C.cublaslt_error(status)))
	}
	return p, nil
}

// productsVersion is the version of the library, such as "12.9.1".
func productsVersion() string {
	v := int(C.cublaslt_version())
	return fmt.Sprintf("%d.%d.%d", v/10000, v/100%100, v%100)
}

func (p *products) close() error {
	for _, g := range p.known {
		C.gemm_free(g)
	}
	if status := C.cublaslt_destroy(p.handle); status != 0 {
		return fmt.Errorf("cuBLASLt: close: %s", C.GoString(C.cublaslt_error(status)))
	}
	return nil
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
	half := C.int32_t(0)
	if b.bf16 {
		half = 1
	}
	s := C.gemm_shape{
		m: C.int64_t(n), n: canonicalRows, k: C.int64_t(k),
		lda: C.int64_t(p.w.stride), ldb: C.int64_t(p.x.stride), ldc: C.int64_t(p.c.stride), ldd: C.int64_t(p.out.stride),
		half_in: half, half_out: half,
		align_a: alignment(p.w, b.size), align_b: alignment(p.x, b.size),
	}
	outSize := b.size
	if p.wide {
		s.half_out, outSize = 0, 4
	}
	s.align_c, s.align_d = alignment(p.c, outSize), alignment(p.out, outSize)
	if !p.wByColumns {
		s.transpose_a = 1
	}
	if p.xTransposed {
		s.transpose_b = 1
		s.n = C.int64_t(rows) // a transposed x has strides of its own for every number of rows
	}
	g, err := b.products.gemm(s)
	switch {
	case err == nil && b.rehearsal != nil:
		b.rehearsal.products[s] = g
	case err == nil:
		err = status(C.gemm_run(g, C.int64_t(rows), p.w.address(), p.x.address(), C.float(p.beta), p.c.address(), p.out.address(),
			*(*unsafe.Pointer)(unsafe.Pointer(&b.stream))))
	}
	if err != nil {
		return fmt.Errorf("product of (%d, %d) over %d: cuBLASLt %s: %w", rows, n, k, productsVersion(), err)
	}
	return nil
}

// gemm returns the algorithm for s.
func (p *products) gemm(s C.gemm_shape) (*C.gemm, error) {
	if g, ok := p.known[s]; ok {
		return g, nil
	}
	var g *C.gemm
	if err := status(C.gemm_new(p.handle, &s, &g)); err != nil {
		return nil, err
	}
	p.known[s] = g
	return g, nil
}

// algorithms describes the algorithm of each product, sorted.
func algorithms(products map[C.gemm_shape]*C.gemm) []string {
	var all []string
	for s, g := range products {
		var text [160]C.char
		C.gemm_describe(g, &text[0], C.size_t(len(text)))
		name := func(half C.int32_t) string {
			if half != 0 {
				return "bfloat16"
			}
			return "float32"
		}
		all = append(all, fmt.Sprintf("(%d, %d) strides %d %d %d %d transposed %d %d %s to %s: %s",
			s.m, s.k, s.lda, s.ldb, s.ldc, s.ldd, s.transpose_a, s.transpose_b, name(s.half_in), name(s.half_out), C.GoString(&text[0])))
	}
	slices.Sort(all)
	return all
}

func status(code C.int) error {
	if code == 0 {
		return nil
	}
	return fmt.Errorf("%s (status %d)", C.GoString(C.cublaslt_error(code)), int(code))
}

// alignment is that of every row of m in bytes, up to 256.
func alignment(m matrix, size int) C.uint32_t {
	a := uintptr(align) | uintptr(m.ptr) | uintptr(m.stride*size)
	return C.uint32_t(a & -a)
}

// address is m's for C, which only hands it on.
func (m matrix) address() unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&m.ptr)) }

var _ cu.Stream // what b.stream is: a CUstream, which cuBLASLt takes
