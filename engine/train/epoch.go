package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"

	"daybook/engine"
)

// epoch does what is left of the present epoch: its steps, then its evaluation.
func (r *run) epoch(ctx context.Context) error {
	s := &r.state
	windows := r.order.Epochs[s.Epoch-1]
	for s.Window < len(windows) {
		if ctx.Err() != nil {
			return r.interrupted(ctx)
		}
		w := windows[s.Window]
		step, nll, err := r.step(w, s.Step+1)
		if err != nil {
			return err
		}
		s.advance(w, step, nll)
		r.saved = nil
		if err := r.emit(step); err != nil {
			return err
		}
		if r.CheckpointEvery > 0 && s.Step%r.CheckpointEvery == 0 {
			if err := r.checkpoint(); err != nil {
				return err
			}
		}
	}
	if ctx.Err() != nil {
		return r.interrupted(ctx)
	}
	if err := r.judge(ctx); err != nil {
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return r.interrupted(ctx)
		}
		if errors.Is(err, engine.ErrDeviceLost) {
			return err // and with it what a checkpoint would hold
		}
		// The epoch's steps are good, whatever went wrong behind them.
		return errors.Join(err, r.checkpoint())
	}
	return r.checkpoint()
}

// interrupted leaves the present state in a checkpoint. Without one the run was
// not interrupted but has failed: its last steps are lost.
func (r *run) interrupted(ctx context.Context) error {
	if err := r.checkpoint(); err != nil {
		return fmt.Errorf("step %d: stopped, and its state could not be kept: %w", r.state.Step, err)
	}
	return fmt.Errorf("step %d: %w: %w", r.state.Step, ErrInterrupted, ctx.Err())
}

// judge keeps the adapter of the epoch that just ended, evaluates it, and moves
// on to the next epoch.
func (r *run) judge(ctx context.Context) error {
	s := &r.state
	h := epochState{
		Epoch: s.Epoch, Path: epochName(s.Epoch),
		TrainLoss: s.EpochNLL / float64(s.EpochTargets), Seconds: s.EpochSeconds,
	}
	adapter, err := r.model.Trained().Download()
	if err != nil {
		return err
	}
	folder := filepath.Join(r.Dir, h.Path)
	err = writeFolder(folder, func(dir string) error { return r.writeAdapter(dir, adapter) })
	if err != nil {
		return fmt.Errorf("epoch %d: %w", s.Epoch, err)
	}
	if r.Evaluate != nil {
		r.model.Use(r.model.Trained())
		metrics, err := r.Evaluate(ctx, s.Epoch, folder, r.model)
		if err != nil {
			return fmt.Errorf("epoch %d: evaluation: %w", s.Epoch, err)
		}
		if _, ok := metrics[r.Training.Select]; !ok && len(metrics) > 0 {
			return fmt.Errorf("epoch %d: evaluation: returned no %q to select by", s.Epoch, r.Training.Select)
		}
		h.Metrics = toNumbers(metrics)
	}
	s.close(h, r.Training)
	done := h.event(r.Training.Select)
	done.Best = s.Best == done.Epoch
	return r.emit(&done)
}

// close ends the present epoch with what was found out about it.
func (s *state) close(h epochState, t engine.Training) {
	s.History = append(s.History, h)
	if best := s.Best; best == 0 || h.Metrics == nil {
		s.Best = h.Epoch
	} else {
		g := gain(t.Select, h.selected(t.Select), s.History[best-1].selected(t.Select))
		if g > 0 {
			s.Best = h.Epoch
		}
		if g > t.MinDelta {
			s.Stale = 0
		} else {
			s.Stale++
		}
	}
	s.Epoch++
	s.Window, s.EpochNLL, s.EpochTargets, s.EpochSeconds = 0, 0, 0, 0
}

// advance counts one step.
func (s *state) advance(w Window, step *Step, nll float64) {
	s.Step++
	s.Window++
	s.Tokens += w.Tokens
	s.EpochNLL += nll
	s.EpochTargets += w.Targets
	s.EpochSeconds += step.Seconds
}

// event returns what is told about h; Best is the caller's to set.
func (h epochState) event(metric string) Epoch {
	e := Epoch{Epoch: h.Epoch, TrainLoss: h.TrainLoss, Selected: h.selected(metric), Path: h.Path, Seconds: h.Seconds}
	if h.Metrics != nil {
		e.Metrics = make(map[string]float64, len(h.Metrics))
		for name := range h.Metrics {
			e.Metrics[name] = h.selected(name)
		}
	}
	return e
}

// selected returns a metric's value, NaN if there is none.
func (h epochState) selected(metric string) float64 {
	if v := h.Metrics[metric]; v != nil {
		return *v
	}
	return math.NaN()
}

// toNumbers makes metrics fit for JSON, which has neither NaN nor infinities: nil stands for both.
func toNumbers(metrics map[string]float64) map[string]*float64 {
	if len(metrics) == 0 {
		return nil
	}
	out := make(map[string]*float64, len(metrics))
	for name, v := range metrics {
		out[name] = nil
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			out[name] = &v
		}
	}
	return out
}
