package bench

import (
	"slices"
	"sync"
	"time"

	"daybook/engine"
)

// Clocks is how fast a device ran while it was measured, in MHz, by its own account.
type Clocks struct {
	First  int `json:"sm_first"` // of its multiprocessors, when measuring began
	Last   int `json:"sm_last"`  // when it ended
	Lowest int `json:"sm_lowest"`
	Memory int `json:"memory"` // when it ended
	// Held is why clocks were not higher, at any time.
	Held []string `json:"held,omitempty"`
}

// watchEvery is how often a device is looked at: a question costs it nothing, and
// the host some microseconds.
const watchEvery = 500 * time.Millisecond

// watch looks at a backend's device from before its memory is filled until stop:
// loading and warming up may take more of it than what is measured does. It calls
// nothing of the backend that its operations disturb.
type watch struct {
	be        engine.Backend
	end, done chan struct{}

	mu      sync.Mutex
	timed   bool
	clocks  *Clocks // while timed; nil where nobody knows
	process int64   // bytes that the process took of the device, at most
}

func newWatch(be engine.Backend) *watch {
	w := &watch{be: be, end: make(chan struct{}), done: make(chan struct{})}
	w.look()
	go func() {
		defer close(w.done)
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				w.look()
			case <-w.end:
				return
			}
		}
	}()
	return w
}

// stop ends the watch. It must come before the backend closes.
func (w *watch) stop() {
	close(w.end)
	<-w.done
}

// begin has clocks count from now on, and those of before forgotten.
func (w *watch) begin() {
	w.mu.Lock()
	w.timed, w.clocks = true, nil
	w.mu.Unlock()
	w.look()
}

// pause returns how the clocks were since begin; what comes next does not count.
func (w *watch) pause() *Clocks {
	w.look()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timed = false
	return w.clocks
}

// most returns the bytes that the process has taken so far, at most.
func (w *watch) most() int64 {
	w.look()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.process
}

func (w *watch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.process = max(w.process, processMemory(w.be))
	device, ok := w.be.(interface {
		Clocks() (sm, memory int, reasons []string, err error)
	})
	if !ok || !w.timed {
		return
	}
	sm, memory, reasons, err := device.Clocks()
	if err != nil {
		return // a driver that does not tell takes nothing from what is measured
	}
	if w.clocks == nil {
		w.clocks = &Clocks{First: sm, Lowest: sm}
	}
	c := w.clocks
	c.Last, c.Lowest, c.Memory = sm, min(c.Lowest, sm), memory
	for _, r := range reasons {
		if !slices.Contains(c.Held, r) {
			c.Held = append(c.Held, r)
		}
	}
}

// processMemory is what the process takes of be's device as NVML sees it, in
// bytes, 0 where nobody knows.
func processMemory(be engine.Backend) int64 {
	device, ok := be.(interface {
		ProcessMemory() (process, all int64, err error)
	})
	if !ok {
		return 0
	}
	mine, all, err := device.ProcessMemory()
	switch {
	case err != nil:
		return 0
	case mine < 0:
		return all // a container that hides processes shows no others
	}
	return mine
}
