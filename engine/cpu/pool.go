package cpu

// #include "kernels.h"
import "C"

import "errors"

// pool is the threads of a backend and their scratch.
type pool struct {
	pool    *C.pool
	threads int
	scratch []scratch
}

var errNoThreads = errors.New("the system has no room for that many")

func newPool(threads int, m *memory) (*pool, error) {
	p := &pool{pool: C.pool_open(C.int(threads)), threads: threads, scratch: make([]scratch, threads)}
	if p.pool == nil {
		return nil, errNoThreads
	}
	for i := range p.scratch {
		p.scratch[i].memory = m
	}
	return p, nil
}

// reserve makes sure that every worker has so many floats of scratch.
func (p *pool) reserve(floats C.int64_t) error {
	for i := range p.scratch {
		f, err := p.scratch[i].floats(int64(floats))
		if err != nil {
			return err
		}
		C.pool_scratch(p.pool, C.int(i), address(f))
	}
	return nil
}

func (p *pool) close() {
	if p.pool != nil {
		C.pool_close(p.pool)
		p.pool = nil
	}
}
