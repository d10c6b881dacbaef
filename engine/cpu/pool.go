package cpu

import "C"

import "sync/atomic"

// worker is one thread's part of a pool.
type worker struct {
	scratch scratch
	posted  atomic.Uint32 // counts the jobs given to it
	sleep   sleeper
}

// floats is the worker's scratch.
func (w *worker) floats() *C.float {
	if w.scratch.arena == nil {
		return nil
	}
	return address(w.scratch.arena.data)
}

// sleeper lets one goroutine wait for a condition that others bring about: it
// looks for a while, because the parts of an operation follow each other within
// microseconds and waking a goroutine takes as long, and then sleeps.
type sleeper struct {
	asleep atomic.Bool
	wake   chan struct{}
}

// spins is how often a condition is looked at before sleeping, some 20 us.
const spins = 1 << 14

// until returns when condition holds. Whoever makes it hold calls rouse after.
func (s *sleeper) until(condition func() bool) {
	for {
		for range spins {
			if condition() {
				return
			}
		}
		s.asleep.Store(true)
		if condition() && s.asleep.CompareAndSwap(true, false) {
			return
		}
		<-s.wake
	}
}

func (s *sleeper) rouse() {
	if s.asleep.CompareAndSwap(true, false) {
		s.wake <- struct{}{}
	}
}

// pool runs tasks on a fixed number of goroutines, of which the caller is one.
type pool struct {
	workers []*worker
	run     func(w *worker, task int)
	tasks   int32
	next    atomic.Int32 // the next task to take
	busy    atomic.Int32 // helpers that have not finished
	idle    func() bool  // busy is 0
	sleep   sleeper      // the caller
	closed  atomic.Bool
}

func newPool(threads int, m *memory) *pool {
	p := &pool{sleep: sleeper{wake: make(chan struct{}, 1)}}
	p.idle = func() bool { return p.busy.Load() == 0 }
	for i := range threads {
		w := &worker{scratch: scratch{memory: m}, sleep: sleeper{wake: make(chan struct{}, 1)}}
		p.workers = append(p.workers, w)
		if i > 0 {
			go p.help(w)
		}
	}
	return p
}

func (p *pool) threads() int { return len(p.workers) }

// close ends the helpers. Later jobs run on the caller alone.
func (p *pool) close() {
	if p.closed.Swap(true) {
		return
	}
	for _, w := range p.workers[1:] {
		w.posted.Add(1)
		w.sleep.rouse()
	}
}

func (p *pool) help(w *worker) {
	var seen uint32
	posted := func() bool { return w.posted.Load() != seen }
	for {
		w.sleep.until(posted)
		seen++
		if p.closed.Load() {
			return
		}
		p.take(w)
		if p.busy.Add(-1) == 0 {
			p.sleep.rouse()
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
	if n <= 1 || p.closed.Load() {
		return p.alone(tasks, floats, f)
	}
	for _, w := range p.workers[:n] {
		if _, err := w.scratch.floats(floats); err != nil {
			return err
		}
	}
	p.run, p.tasks = f, int32(tasks)
	p.next.Store(0)
	p.busy.Store(int32(n - 1))
	for _, w := range p.workers[1:n] {
		w.posted.Add(1)
		w.sleep.rouse()
	}
	p.take(p.workers[0])
	p.sleep.until(p.idle)
	p.run = nil
	return nil
}

// alone is each on the caller.
func (p *pool) alone(tasks int, floats int64, f func(w *worker, task int)) error {
	w := p.workers[0]
	if _, err := w.scratch.floats(floats); err != nil {
		return err
	}
	for t := range tasks {
		f(w, t)
	}
	return nil
}
