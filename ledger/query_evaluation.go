package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"time"

	"daybook/ledger/journal"
)

// Evaluation is one evaluation as the ledger has it.
type Evaluation struct {
	ID            int64                 `json:"id"`
	Run           Digest                `json:"run"`
	Attempt       int                   `json:"attempt"` // 0 if scored later from kept predictions
	Subject       string                `json:"subject"` // "adapter" or "base"
	Baseline      string                `json:"baseline"`
	Epoch         int                   `json:"epoch"` // 0 for a base
	Split         string                `json:"split"`
	Set           Digest                `json:"set"`
	Evaluation    Digest                `json:"evaluation"` // settings that made the predictions
	PredictionKey Digest                `json:"prediction_key"`
	Predictions   Digest                `json:"predictions"` // of their file; "" if an earlier release recorded none
	Records       int                   `json:"records"`
	List          Digest                `json:"list"` // equal for evaluations of the same records in the same order
	Seconds       float64               `json:"seconds"`
	Time          time.Time             `json:"time"`
	Metrics       []journal.MetricValue `json:"metrics"`

	Entry int64 `json:"-"` // in which the history says so
}

// EvaluationFilter selects evaluations; its zero value selects all.
type EvaluationFilter struct {
	ID            int64
	Run           Digest
	Split         string
	Epoch         int // 0 means any
	Set           Digest
	Evaluation    Digest
	PredictionKey Digest
}

func (f EvaluationFilter) where() where {
	var w where
	if f.ID != 0 {
		w.add("e.id = ?", f.ID)
	}
	if f.Run != "" {
		w.add("e.run = (SELECT id FROM runs WHERE key = ?)", f.Run)
	}
	if f.Split != "" {
		w.add("e.split = ?", f.Split)
	}
	if f.Epoch != 0 {
		w.add("e.epoch = ?", f.Epoch)
	}
	if f.Set != "" {
		w.add("e.set_digest = ?", f.Set)
	}
	if f.Evaluation != "" {
		w.add("e.evaluation = ?", f.Evaluation)
	}
	if f.PredictionKey != "" {
		w.add("e.prediction_key = ?", f.PredictionKey)
	}
	return w
}

// Evaluations returns evaluations in the order in which they were recorded, each
// with its metrics in the order in which they were reported.
func (l *Ledger) Evaluations(ctx context.Context, f EvaluationFilter) ([]Evaluation, error) {
	return l.evaluations(ctx, f.where())
}

func (l *Ledger) evaluations(ctx context.Context, w where) ([]Evaluation, error) {
	found, err := collect(ctx, l, func(row *sql.Rows, v *Evaluation) error {
		return row.Scan(&v.ID, &v.Run, &v.Attempt, &v.Subject, &v.Baseline, &v.Epoch, &v.Split, &v.Set, &v.Evaluation, &v.PredictionKey,
			&v.Predictions, &v.Records, &v.List, &v.Seconds, instant{&v.Time}, &v.Entry)
	}, `SELECT e.id, r.key, e.attempt, e.subject, e.baseline, e.epoch, e.split, e.set_digest, e.evaluation, e.prediction_key,
		e.predictions, e.records, e.list, e.seconds, e.time, e.entry FROM evaluations e JOIN runs r ON r.id = e.run`+w.sql()+` ORDER BY e.id`, w.args...)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	byID := make(map[int64]*Evaluation, len(found))
	for i := range found {
		byID[found[i].ID] = &found[i]
	}
	type value struct {
		journal.MetricValue
		evaluation int64
	}
	values, err := collect(ctx, l, func(row *sql.Rows, m *value) error {
		return row.Scan(&m.evaluation, &m.Metric, &m.Version, &m.By, &m.Tag, &m.Value, &m.Num, &m.Den)
	}, `SELECT m.evaluation, m.metric, m.version, m.by_field, m.tag, m.value, m.num, m.den
		FROM evaluations e JOIN metric_values m ON m.evaluation = e.id`+w.sql()+` ORDER BY m.evaluation, m.ordinal`, w.args...)
	if err != nil {
		return nil, err
	}
	for _, m := range values {
		if v := byID[m.evaluation]; v != nil { // another process may have added one meanwhile
			v.Metrics = append(v.Metrics, m.MetricValue)
		}
	}
	return found, nil
}

// Scores returns the per-record scores of an evaluation and the keyed IDs of its
// records, in the same order.
func (l *Ledger) Scores(ctx context.Context, evaluation int64) ([]journal.ScoreColumn, []string, error) {
	var packed []byte
	found, err := none(l.read.QueryRowContext(ctx, "SELECT i.records FROM evaluations e LEFT JOIN record_lists i ON i.digest = e.list WHERE e.id = ?", evaluation).Scan(&packed))
	if err != nil {
		return nil, nil, l.explain(err)
	}
	if !found {
		return nil, nil, fmt.Errorf("evaluation %d: %w", evaluation, ErrNotFound)
	}
	columns, err := l.scores(ctx, "evaluation = ?", evaluation)
	return columns[evaluation], unpackIDs(packed), err
}

// scores returns score columns by evaluation.
func (l *Ledger) scores(ctx context.Context, condition string, args ...any) (map[int64][]journal.ScoreColumn, error) {
	type row struct {
		journal.ScoreColumn
		evaluation int64
	}
	found, err := collect(ctx, l, func(rows *sql.Rows, s *row) error {
		var num, den sql.RawBytes
		if err := rows.Scan(&s.evaluation, &s.Metric, &s.Version, &num, &den); err != nil {
			return err
		}
		var err error
		if s.Num, err = unpackFloats(num); err != nil {
			return err
		}
		s.Den, err = unpackFloats(den)
		return err
	}, "SELECT evaluation, metric, version, num, den FROM scores WHERE "+condition+" ORDER BY evaluation, ordinal", args...)
	if err != nil {
		return nil, err
	}
	out := map[int64][]journal.ScoreColumn{}
	for _, s := range found {
		out[s.evaluation] = append(out[s.evaluation], s.ScoreColumn)
	}
	return out, nil
}

// StepRow is a step with the attempt that made it.
type StepRow struct {
	journal.Step
	Attempt int `json:"attempt"`
}

// Steps returns a run's steps in order. Of a step that several attempts made,
// because one went on from a checkpoint before it, the newest attempt's counts.
func (l *Ledger) Steps(ctx context.Context, run Digest) ([]StepRow, error) {
	return l.StepsTo(ctx, run, math.MaxInt)
}

// StepsTo is Steps for attempts up to one of them: with a run's Result, the steps
// that its adapter comes from, whatever was tried again later.
func (l *Ledger) StepsTo(ctx context.Context, run Digest, attempt int) ([]StepRow, error) {
	return collect(ctx, l, func(row *sql.Rows, s *StepRow) error {
		return row.Scan(&s.Attempt, &s.Step.Step, &s.Epoch, &s.Loss, &s.Rate, &s.GradNorm, &s.Tokens, &s.Targets, &s.Seconds)
	}, `SELECT max(a.number), t.step, t.epoch, t.loss, t.learning_rate, t.grad_norm, t.tokens, t.targets, t.seconds
		FROM steps t JOIN attempts a ON a.id = t.attempt JOIN runs r ON r.id = a.run
		WHERE r.key = ? AND a.number <= ? GROUP BY t.step ORDER BY t.step`, run, attempt)
}

// EpochRow is an epoch with the attempt that made it.
type EpochRow struct {
	journal.Epoch
	Attempt int    `json:"attempt"`
	Dir     string `json:"dir"` // the attempt's folder, which Path is relative to
}

// Epochs returns a run's epochs in order; of an epoch that several attempts
// made, the newest attempt's.
func (l *Ledger) Epochs(ctx context.Context, run Digest) ([]EpochRow, error) {
	return collect(ctx, l, func(row *sql.Rows, e *EpochRow) error {
		return row.Scan(&e.Attempt, &e.Dir, &e.Epoch.Epoch, &e.TrainLoss, &e.Selected, &e.Best, &e.Adapter, &e.Path, &e.Seconds)
	}, `SELECT max(a.number), a.dir, p.epoch, p.train_loss, p.selected, p.best, p.adapter, p.path, p.seconds
		FROM epochs p JOIN attempts a ON a.id = p.attempt JOIN runs r ON r.id = a.run
		WHERE r.key = ? GROUP BY p.epoch ORDER BY p.epoch`, run)
}

// EveryEpoch returns the epochs of all attempts, also those that a later attempt
// made again.
func (l *Ledger) EveryEpoch(ctx context.Context) ([]EpochRow, error) {
	return collect(ctx, l, func(row *sql.Rows, e *EpochRow) error {
		return row.Scan(&e.Attempt, &e.Dir, &e.Epoch.Epoch, &e.TrainLoss, &e.Selected, &e.Best, &e.Adapter, &e.Path, &e.Seconds)
	}, `SELECT a.number, a.dir, p.epoch, p.train_loss, p.selected, p.best, p.adapter, p.path, p.seconds
		FROM epochs p JOIN attempts a ON a.id = p.attempt ORDER BY a.run, a.number, p.epoch`)
}
