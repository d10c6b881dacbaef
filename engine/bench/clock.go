package bench

import (
	"context"
	"slices"
	"time"

	"daybook/engine"
)

// Protocol says how long to measure.
type Protocol struct {
	WarmUp  int           // repetitions before the first that counts
	AtLeast time.Duration // of repetitions that count
	Repeats int           // at least so many of them
	Now     func() time.Time
}

// Standard is the protocol of published figures.
func Standard() Protocol {
	return Protocol{WarmUp: 20, AtLeast: 30 * time.Second, Repeats: 3, Now: time.Now}
}

// measure repeats work, which queues operations, and waits for each repetition.
func (p Protocol) measure(ctx context.Context, be engine.Backend, r *Result, work func() error) error {
	var seconds []float64
	var total time.Duration
	for i := 0; i < p.WarmUp || total < p.AtLeast || len(seconds) < p.Repeats; i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		begin := p.Now()
		if err := work(); err != nil {
			return err
		}
		if err := be.Sync(); err != nil {
			return err
		}
		took := p.Now().Sub(begin)
		if i >= p.WarmUp {
			total += took
			seconds = append(seconds, took.Seconds())
		}
	}
	slices.Sort(seconds)
	r.Seconds, r.Fastest, r.Slowest, r.Repeats = seconds[len(seconds)/2], seconds[0], seconds[len(seconds)-1], len(seconds)
	return nil
}
