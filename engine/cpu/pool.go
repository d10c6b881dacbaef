package cpu

import "C"

import "sync/atomic"

// worker is one thread's part of a pool.
type worker struct {
	scratch scratch
	wake    chan struct{}
}

// floats is the worker's scratch.
func (w *worker) floats() *C.float {
	if w.scratch.arena == nil {
		return nil
	}
	return address(w.scratch.arena.data)
}

// pool runs tasks on a fixed number of goroutines, of which the caller is one.
type pool struct {
	workers []*worker
	run     func(w *worker, task int)
	tasks   int32
	next    atomic.Int32 // the next task to take
	busy    atomic.Int32 // helpers that have not finished
	done    chan struct{}
}

func newPool(threads int, m *memory) *pool {
	p := &pool{done: make(chan struct{}, 1)}
	for i := range threads {
		w := &worker{scratch: scratch{memory: m}}
		p.workers = append(p.workers, w)
		if i > 0 {
			w.wake = make(chan struct{}, 1)
			go p.help(w)
		}
	}
	return p
}

func (p *pool) threads() int { return len(p.workers) }

func (p *pool) close() {
	for _, w := range p.workers {
		if w.wake != nil {
			close(w.wake)
			w.wake = nil
		}
	}
	p.workers = p.workers[:1]
}

func (p *pool) help(w *worker) {
	for range w.wake {
		p.take(w)
		if p.busy.Add(-1) == 0 {
			p.done <- struct{}{}
		}
	}
}

func (p *pool) take(w *worker) {
	for {
		t := p.next.Add(1) - 1
		if t >= p.tasks {
			return
		}
		p.run(w, int(t))
	}
}

// each calls f for every task from 0 on, in any order, on at most all workers,
// each with at least `floats` floats of scratch, and waits for all of them.
func (p *pool) each(tasks int, floats int64, f func(w *worker, task int)) error {
	n := min(tasks, len(p.workers))
	for _, w := range p.workers[:n] {
		if _, err := w.scratch.floats(floats); err != nil {
			return err
		}
	}
	if n <= 1 {
		for t := range tasks {
			f(p.workers[0], t)
		}
		return nil
	}
	p.run, p.tasks = f, int32(tasks)
	p.next.Store(0)
	p.busy.Store(int32(n - 1))
	for _, w := range p.workers[1:n] {
		w.wake <- struct{}{}
	}
	p.take(p.workers[0])
	<-p.done
	p.run = nil
	return nil
}
