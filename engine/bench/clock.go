package bench

import (
	"context"
	"slices"
	"time"
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

// measure repeats work, which queues operations of the backend that is watched, and
// waits for each repetition.
func (p Protocol) measure(ctx context.Context, seen *watch, r *Result, work func() error) error {
	once := func() (time.Duration, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		begin := p.Now()
		if err := work(); err != nil {
			return 0, err
		}
		err := seen.be.Sync()
		return p.Now().Sub(begin), err
	}
	for range p.WarmUp {
		if _, err := once(); err != nil {
			return err
		}
		seen.look()
	}
	seen.begin()
	defer func() { r.Clocks = seen.pause() }()
	var seconds []float64
	var total time.Duration
	for total < p.AtLeast || len(seconds) < p.Repeats {
		took, err := once()
		if err != nil {
			return err
		}
		total += took
		seconds = append(seconds, took.Seconds())
	}
	slices.Sort(seconds)
	r.Seconds, r.Fastest, r.Slowest = seconds[len(seconds)/2], seconds[0], seconds[len(seconds)-1]
	r.Repeats, r.Total = len(seconds), total.Seconds()
	return nil
}
