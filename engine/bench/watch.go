package bench

import (
	"slices"
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

// watched is what a device was seen to do.
type watched struct {
	clocks  *Clocks // nil where nobody knows
	process int64   // bytes that the process took of the device, at most
}

// watch looks at be's device now, now and then, and when the function is called
// that it returns. It calls nothing of be that its operations disturb.
func watch(be engine.Backend) (stop func() watched) {
	var w watched
	w.look(be)
	end, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				w.look(be)
			case <-end:
				return
			}
		}
	}()
	return func() watched {
		close(end)
		<-done
		w.look(be)
		return w
	}
}

func (w *watched) look(be engine.Backend) {
	w.process = max(w.process, processMemory(be))
	device, ok := be.(interface {
		Clocks() (sm, memory int, reasons []string, err error)
	})
	if !ok {
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
