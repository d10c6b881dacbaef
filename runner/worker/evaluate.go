package worker

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"daybook/engine"
	"daybook/engine/checkpoint"
	"daybook/engine/model"
	"daybook/engine/train"
	"daybook/ledger/journal"
	"daybook/runner"
	"daybook/sweeps"
)

// subject is what is being judged.
type subject struct {
	kind     string // "base" or "adapter"
	baseline string // of a base, or of an adapter that is one
	epoch    int    // of an adapter
	identity string // digest: the adapter's, or the baseline's key
}

// measureBase evaluates the base without an adapter on every judged set.
func (a *attempt) measureBase(ctx context.Context, in *inputs) (err error) {
	m, err := model.New(in.backend, in.source, evaluationOptions(in, a.job))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	if err := a.started(in, journal.Started{Kind: string(a.job.Kind)}); err != nil {
		return err
	}
	for _, s := range in.sets {
		if _, err := a.evaluate(ctx, in, m, s, subject{kind: "base", baseline: a.job.Baseline, identity: a.job.Key}); err != nil {
			return err
		}
	}
	return nil
}

// measureAdapter evaluates a finished adapter on every judged set.
func (a *attempt) measureAdapter(ctx context.Context, in *inputs) error {
	adapter, err := a.read(a.job.Adapter, in)
	if err != nil {
		return err
	}
	if err := a.started(in, journal.Started{Kind: string(a.job.Kind)}); err != nil {
		return err
	}
	s := subject{kind: "adapter", epoch: a.job.Adapter.Epoch, identity: a.job.Adapter.Digest}
	if a.job.Baseline != "" {
		s = subject{kind: "base", baseline: a.job.Baseline, identity: a.job.Key}
	}
	return a.judge(ctx, in, in.sets, adapter, s)
}

// read returns an adapter that the job names, which must be the one that was planned.
func (a *attempt) read(j *runner.JobAdapter, in *inputs) (*engine.HostAdapter, error) {
	dir := a.worker.Root.Abs(j.Path)
	digest, err := checkpoint.AdapterDigest(dir)
	if err != nil {
		return nil, err
	}
	if got := hex.EncodeToString(digest[:]); got != j.Digest {
		return nil, fmt.Errorf("adapter %s: digest is %.12s, planned was %.12s", j.Path, got, j.Digest)
	}
	return checkpoint.ReadAdapter(dir, in.base.Shape())
}

// judge evaluates an adapter on sets.
func (a *attempt) judge(ctx context.Context, in *inputs, sets []set, adapter *engine.HostAdapter, s subject) (err error) {
	room := evaluationOptions(in, a.job)
	room.LoRA = &adapter.LoRA
	m, err := model.New(in.backend, in.source, room)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	loaded, err := m.NewAdapter(adapter)
	if err != nil {
		return err
	}
	m.Use(loaded)
	for _, on := range sets {
		if _, err := a.evaluate(ctx, in, m, on, s); err != nil {
			return err
		}
	}
	return nil
}

// room is what judging all sets takes.
func (in *inputs) room(e sweeps.Eval) train.Room {
	var sets [][]runner.Question
	for _, s := range in.sets {
		sets = append(sets, s.questions)
	}
	return runner.Room(e, in.base.Shape().MaxPositions, sets...)
}

// evaluationOptions sizes a model that evaluates and generates.
func evaluationOptions(in *inputs, job *runner.Job) model.Options {
	return in.room(job.Spec.Eval).Options()
}

// evaluate judges s on one set, writes predictions and journal, and returns the
// aggregates by metric name.
func (a *attempt) evaluate(ctx context.Context, in *inputs, m *model.Model, on set, s subject) (map[string]float64, error) {
	began := a.worker.Now()
	settings, err := runner.EvaluationDigest(a.job.Spec.Eval)
	if err != nil {
		return nil, err
	}
	key, err := runner.PredictionKey(s.identity, on.Set, settings)
	if err != nil {
		return nil, err
	}
	predictions, err := predict(ctx, in, m, on.questions, a.job.Spec.Eval, a.listen(runner.Answered{Split: on.Split, Epoch: s.epoch}))
	if err != nil {
		return nil, fmt.Errorf("evaluate: %s: %w", on.Split, err)
	}
	for i := range predictions {
		predictions[i].Record = on.IDs[i]
	}
	file, err := runner.WritePredictions(a.worker.Root, key, predictions)
	if err != nil {
		return nil, err
	}
	e := journal.Evaluated{
		Subject: s.kind, Baseline: s.baseline, Epoch: s.epoch, Split: on.Split, Set: on.Set, Evaluation: settings, PredictionKey: key, Predictions: file, Records: on.IDs,
	}
	runner.ScoreAll(&e, in.metrics, on.questions, predictions, in.data, a.job.Spec.Eval.By)
	values := map[string]float64{}
	for _, v := range e.Metrics {
		if v.By == "" {
			values[v.Metric] = math.NaN()
			if v.Value != nil {
				values[v.Metric] = *v.Value
			}
		}
	}
	e.Seconds = a.worker.Now().Sub(began).Seconds()
	return values, a.appendSync(e)
}

// hearEvery is how often who watches hears of answers: as often as bars are drawn.
const hearEvery = 150 * time.Millisecond

// listen returns what hears how many records of an evaluation are done. It passes
// on the first, the last and what people can follow in between.
func (a *attempt) listen(at runner.Answered) func(done, total int) {
	var last time.Time
	return func(done, total int) {
		if now := a.worker.Now(); done == 0 || done == total || now.Sub(last) >= hearEvery {
			at.Done, at.Total, last = done, total, now
			a.hear(at)
		}
	}
}

// listenLoading returns what hears how much of a base is read.
func (a *attempt) listenLoading() func(done, total int64) {
	percent := -1
	return func(done, total int64) {
		if p := int(100 * done / total); p != percent {
			percent = p
			a.hear(runner.Answered{Loading: true, Done: p, Total: 100})
		}
	}
}

// predict measures the loss of the references and generates answers. What takes
// longer of the two is reported to progress: the answers, if any are needed.
func predict(ctx context.Context, in *inputs, m *model.Model, questions []runner.Question, e sweeps.Eval, progress func(done, total int)) ([]runner.Prediction, error) {
	progress(0, len(questions))
	examples := make([]engine.Example, len(questions))
	prompts := make([][]int32, len(questions))
	for i, q := range questions {
		examples[i], prompts[i] = q.Example, q.Prompt
	}
	var scores []model.Score
	var answers [][]int32
	var err error
	if slices.ContainsFunc(e.Metrics, sweeps.Metric.Generates) {
		o := model.GenerateOptions{MaxNewTokens: e.Generate.MaxNewTokens, Ended: in.base.Encoder.Ended, BatchSize: e.BatchSize, Progress: progress}
		scores, answers, err = m.Judge(ctx, examples, prompts, o)
	} else {
		scores, err = m.Evaluate(ctx, examples, progress)
	}
	if err != nil {
		return nil, err
	}
	out := make([]runner.Prediction, len(questions))
	for i, s := range scores {
		out[i] = runner.Prediction{NLL: s.NLL, Targets: s.Targets, Hits: s.Hits}
	}
	for i, ids := range answers {
		text := in.base.Encoder.Text(ids)
		out[i].Text = &text
	}
	return out, nil
}
