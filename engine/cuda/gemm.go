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
	known  map[gemmShape]*C.gemm
}

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
	p := &products{known: map[gemmShape]*C.gemm{}}
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

// gemm returns the algorithm for s.
func (p *products) gemm(s gemmShape) (*C.gemm, error) {
	if g, ok := p.known[s]; ok {
		return g, nil
	}
	var g *C.gemm
	c := s.c()
	if err := status(C.gemm_new(p.handle, &c, &g)); err != nil {
		return nil, err
	}
	p.known[s] = g
	return g, nil
}

// multiply queues a product of so many rows, and chooses its algorithm if nobody
// has. A rehearsal does only that.
func (b *Backend) multiply(s gemmShape, rows int, p product) error {
	if b.products == nil {
		return nil // nothing to choose from
	}
	g, err := b.products.gemm(s)
	if err == nil && b.rehearsal == nil {
		err = status(C.gemm_run(g, C.int64_t(rows), p.w.address(), p.x.address(), C.float(p.beta), p.c.address(), p.out.address(),
			*(*unsafe.Pointer)(unsafe.Pointer(&b.stream))))
	}
	if err != nil {
		return fmt.Errorf("cuBLASLt %s: %w", productsVersion(), err)
	}
	return nil
}

// of returns those of the products that have these shapes.
func (p *products) of(shapes []gemmShape) map[gemmShape]*C.gemm {
	some := map[gemmShape]*C.gemm{}
	for _, s := range shapes {
		some[s] = p.known[s]
	}
	return some
}

// c is s for C.
func (s gemmShape) c() C.gemm_shape {
	return C.gemm_shape{
		m: C.int64_t(s.m), n: C.int64_t(s.n), k: C.int64_t(s.k),
		lda: C.int64_t(s.lda), ldb: C.int64_t(s.ldb), ldc: C.int64_t(s.ldc), ldd: C.int64_t(s.ldd),
		transpose_a: C.int32_t(flag(s.transposeA)), transpose_b: C.int32_t(flag(s.transposeB)),
		half_in: C.int32_t(flag(s.halfIn)), half_out: C.int32_t(flag(s.halfOut)),
		align_a: C.uint32_t(s.alignA), align_b: C.uint32_t(s.alignB), align_c: C.uint32_t(s.alignC), align_d: C.uint32_t(s.alignD),
	}
}

// algorithms describes the algorithm of each product, sorted.
func algorithms(products map[gemmShape]*C.gemm) []string {
	var all []string
	for s, g := range products {
		var text [160]C.char
		C.gemm_describe(g, &text[0], C.size_t(len(text)))
		name := func(half bool) string {
			if half {
				return "bfloat16"
			}
			return "float32"
		}
		all = append(all, fmt.Sprintf("(%d, %d) strides %d %d %d %d transposed %d %d %s to %s: %s",
			s.m, s.k, s.lda, s.ldb, s.ldc, s.ldd, flag(s.transposeA), flag(s.transposeB), name(s.halfIn), name(s.halfOut), C.GoString(&text[0])))
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

// address is m's for C, which only hands it on.
func (m matrix) address() unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&m.ptr)) }

var _ cu.Stream // what b.stream is: a CUstream, which cuBLASLt takes
