package train

import (
	"errors"
	"fmt"
	"math"

	"daybook/engine"
	"daybook/engine/optim"
)

// step trains on one window and returns what happened. It returns a *StepError
// wrapping engine.ErrNonFinite if the loss, a gradient or a state is not finite.
func (r *run) step(w Window, step int) (*Step, float64, error) {
	begin := r.now()
	t := r.Training
	drop := engine.Dropout{P: float32(t.LoRA.Dropout), Seed: t.Seed, Step: uint64(step)}
	// The loss is the mean over the whole window's targets, however they are
	// spread over its micro-batches.
	scale := float32(1 / float64(w.Targets))
	for _, rows := range w.Batches {
		if err := r.model.Backward(batch(r.Examples, rows), scale, drop); err != nil {
			return nil, 0, &StepError{Step: step, Err: err}
		}
	}
	warmup := optim.WarmupSteps(t.WarmupRatio, r.order.Steps)
	rate := optim.LearningRate(t.Schedule, t.LearningRate, step-1, warmup, r.order.Steps)
	if err := r.optimizer.Step(rate, t.MaxGradNorm, step); err != nil {
		return nil, 0, &StepError{Step: step, Where: "optimizer", Err: err}
	}
	losses, err := r.model.Losses()
	if err != nil {
		return nil, 0, &StepError{Step: step, Err: err}
	}
	nll := 0.0
	for i, l := range losses {
		if math.IsNaN(l) || math.IsInf(l, 0) {
			return nil, 0, r.diverged(w.Batches[i], drop, step)
		}
		nll += l
	}
	norm, err := r.optimizer.Result()
	if err != nil {
		return nil, 0, &StepError{Step: step, Err: err}
	}
	return &Step{
		Step: step, Epoch: r.state.Epoch, Loss: nll / float64(w.Targets), Rate: rate, GradNorm: norm,
		Tokens: w.Tokens, Targets: w.Targets, Seconds: r.since(begin),
	}, nll, nil
}

// diverged finds the first part of the model that is not finite on rows.
func (r *run) diverged(rows []Row, drop engine.Dropout, step int) error {
	where, err := r.model.FirstNonFinite(batch(r.Examples, rows), drop)
	if where == "" {
		where = "loss"
	}
	return &StepError{Step: step, Where: where, Err: errors.Join(engine.ErrNonFinite, err)}
}

// batch lays the examples of rows end to end.
func batch(examples []engine.Example, rows []Row) *engine.Batch {
	b := &engine.Batch{}
	for _, row := range rows {
		for _, i := range row {
			e := &examples[i]
			b.Add(e.Tokens, e.Targets, engine.DropoutKey(e.ID))
		}
	}
	return b
}

// String describes a window for errors.
func (w Window) String() string {
	return fmt.Sprintf("%d micro-batches, %d tokens, %d targets", len(w.Batches), w.Tokens, w.Targets)
}
