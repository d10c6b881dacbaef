package cpu

// #include "kernels.h"
import "C"

import "unsafe"

// maxSteps is the most steps that an operation has.
const maxSteps = 8

// steps runs s one after the other over so many rows; see steps.h.
func (b *Backend) steps(rows int, s ...C.step) error {
	n := copy(b.jobs.steps, s)
	first := &b.jobs.steps[0]
	if err := b.pool.reserve(C.steps_scratch(b.pool.pool, first, C.int64_t(n), C.int64_t(rows))); err != nil {
		return err
	}
	C.steps_run(b.pool.pool, b.variant, first, C.int64_t(n), C.int64_t(rows))
	return nil
}

func productStep(p *C.product) C.step {
	return C.step{kind: &C.product_kind, job: unsafe.Pointer(p)}
}

func loraStep(in *C.lora_input) C.step {
	return C.step{kind: &C.lora_kind, job: unsafe.Pointer(in)}
}

// offset is p+n, nil if p is.
func offset(p *C.float, n int) *C.float {
	if p == nil {
		return nil
	}
	return (*C.float)(unsafe.Add(unsafe.Pointer(p), 4*n))
}
