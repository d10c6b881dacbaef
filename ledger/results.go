package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"

	"daybook/ledger/journal"
)

// Results is everything that a report on a sweep is made from.
type Results struct {
	Sweep Sweep // without Planned, which Runs repeats
	Runs  []RunResult
}

// RunResult is a planned run with its evaluations. Only evaluations on the sweep's
// own sets and under its own settings are in it; those of one subject and set,
// scored at several times, are one: the newest value of a metric counts.
type RunResult struct {
	Run
	Test       *Scored      // of the chosen epoch, or of the base; nil if there is none
	Validation []Evaluation // one an epoch, or one for the base
	Published  *Adapter     // the chosen adapter's version in this sweep; nil if there is none
	Epochs     []EpochRow
	From       string // merged ledger that has the result; "" if this one has, or none
}

// Scored is an evaluation with its per-record scores.
type Scored struct {
	Evaluation
	RecordIDs []string              // keyed, in set order
	Scores    []journal.ScoreColumn // each in the order of RecordIDs
}

// Score returns a metric's per-record scores, nil if it has none.
func (s *Scored) Score(metric string) *journal.ScoreColumn {
	for i := range s.Scores {
		if s.Scores[i].Metric == metric {
			return &s.Scores[i]
		}
	}
	return nil
}

// Value returns a metric's value on the whole set, or where field by has the
// value tag. The result is nil if it was not measured or has no denominator.
func (e *Evaluation) Value(metric, by, tag string) *float64 {
	for _, m := range e.Metrics {
		if m.Metric == metric && m.By == by && m.Tag == tag {
			return m.Value
		}
	}
	return nil
}

// Results returns what a report on a sweep is made from, in few queries however
// many runs there are. The error wraps ErrNotFound if there is no such sweep.
func (l *Ledger) Results(ctx context.Context, sweep int64) (*Results, error) {
	sweeps, err := l.Sweeps(ctx, SweepFilter{ID: sweep})
	if err != nil {
		return nil, err
	}
	if len(sweeps) == 0 || sweep == 0 {
		return nil, fmt.Errorf("sweep %d: %w", sweep, ErrNotFound)
	}
	runs, err := l.Runs(ctx, RunFilter{SweepID: sweep})
	if err != nil {
		return nil, err
	}
	out := &Results{Sweep: sweeps[0], Runs: make([]RunResult, len(runs))}
	for i, r := range runs {
		out.Runs[i].Run = r
	}
	if err := l.addEvaluations(ctx, out); err != nil {
		return nil, err
	}
	if err := l.addEpochs(ctx, out); err != nil {
		return nil, err
	}
	adapters, err := l.Adapters(ctx, AdapterFilter{Sweep: out.Sweep.Name})
	if err != nil {
		return nil, err
	}
	type chosen struct {
		run, adapter Digest
		epoch        int
	}
	published := make(map[chosen]*Adapter, len(adapters))
	for i, a := range adapters { // ascending versions: the newest stays
		published[chosen{a.Run, a.Digest, a.Epoch}] = &adapters[i]
	}
	for i := range out.Runs {
		if r := &out.Runs[i]; r.Adapter != "" {
			r.Published = published[chosen{r.Key, r.Adapter, r.ChosenEpoch}]
		}
	}
	return out, nil
}

// ofSweep limits evaluations to those by which a sweep judges its runs, and test
// evaluations to chosen epochs.
const ofSweep = `EXISTS (SELECT 1 FROM planned_runs p JOIN runs q ON q.id = p.run
	LEFT JOIN attempts a ON a.run = q.id AND a.number = q.result
	WHERE p.sweep = ? AND p.run = e.run AND p.evaluation = e.evaluation
	AND (e.split = 'validation' AND e.set_digest = p.validation_set
		OR e.split = 'test' AND e.set_digest = p.test_set AND e.epoch = coalesce(a.chosen_epoch, 0)))`

func (l *Ledger) addEvaluations(ctx context.Context, out *Results) error {
	var w where
	w.add(ofSweep, out.Sweep.ID)
	found, err := l.evaluations(ctx, w)
	if err != nil {
		return err
	}
	scores, err := l.scores(ctx, "evaluation IN (SELECT e.id FROM evaluations e WHERE e.split = 'test' AND "+ofSweep+")", out.Sweep.ID)
	if err != nil {
		return err
	}
	lists, err := l.lists(ctx, out.Sweep.ID)
	if err != nil {
		return err
	}
	byRun := map[Digest][]Evaluation{}
	for _, e := range found {
		byRun[e.Run] = append(byRun[e.Run], e)
	}
	for i := range out.Runs {
		r := &out.Runs[i]
		for _, e := range byRun[r.Key] {
			switch {
			case e.Evaluation != r.Evaluation: // the same run at another position of the sweep
			case e.Split == "validation" && e.Set == r.ValidationSet:
				r.addValidation(e)
			case e.Split == "test" && e.Set == r.TestSet && (r.State == Done || r.Kind == Evaluate):
				s := Scored{Evaluation: e, RecordIDs: lists[e.List], Scores: scores[e.ID]}
				if r.Test != nil && r.Test.List == e.List {
					s.Metrics = mergeMetrics(r.Test.Metrics, s.Metrics)
					s.Scores = mergeScores(r.Test.Scores, s.Scores)
				}
				r.Test = &s
			}
		}
		slices.SortFunc(r.Validation, func(a, b Evaluation) int { return a.Epoch - b.Epoch })
	}
	return nil
}

// addValidation adds an evaluation, or merges it into an earlier one of the same epoch.
func (r *RunResult) addValidation(e Evaluation) {
	for i, old := range r.Validation {
		if old.Epoch != e.Epoch {
			continue
		}
		if old.List == e.List {
			e.Metrics = mergeMetrics(old.Metrics, e.Metrics)
		}
		r.Validation[i] = e
		return
	}
	r.Validation = append(r.Validation, e)
}

// mergeMetrics returns the newer values, after those older ones whose metric was
// not measured again.
func mergeMetrics(older, newer []journal.MetricValue) []journal.MetricValue {
	again := map[string]bool{}
	for _, m := range newer {
		again[m.Metric] = true
	}
	kept := slices.DeleteFunc(slices.Clone(older), func(m journal.MetricValue) bool { return again[m.Metric] })
	return append(kept, newer...)
}

// mergeScores is mergeMetrics for columns of scores.
func mergeScores(older, newer []journal.ScoreColumn) []journal.ScoreColumn {
	again := map[string]bool{}
	for _, s := range newer {
		again[s.Metric] = true
	}
	kept := slices.DeleteFunc(slices.Clone(older), func(s journal.ScoreColumn) bool { return again[s.Metric] })
	return append(kept, newer...)
}

// lists returns the record IDs of a sweep's test evaluations, by the digest of
// the list. Runs share them.
func (l *Ledger) lists(ctx context.Context, sweep int64) (map[Digest][]string, error) {
	type row struct {
		digest Digest
		ids    []string
	}
	found, err := collect(ctx, l, func(rows *sql.Rows, v *row) error {
		var packed sql.RawBytes
		if err := rows.Scan(&v.digest, &packed); err != nil {
			return err
		}
		v.ids = unpackIDs(packed)
		return nil
	}, "SELECT digest, records FROM record_lists WHERE digest IN (SELECT e.list FROM evaluations e WHERE e.split = 'test' AND "+ofSweep+")", sweep)
	if err != nil {
		return nil, err
	}
	out := make(map[Digest][]string, len(found))
	for _, v := range found {
		out[v.digest] = v.ids
	}
	return out, nil
}

func (l *Ledger) addEpochs(ctx context.Context, out *Results) error {
	type row struct {
		EpochRow
		run Digest
	}
	found, err := collect(ctx, l, func(rows *sql.Rows, e *row) error {
		return rows.Scan(&e.run, &e.Attempt, &e.Dir, &e.Epoch.Epoch, &e.TrainLoss, &e.Selected, &e.Best, &e.Adapter, &e.Path, &e.Seconds)
	}, `SELECT r.key, max(a.number), a.dir, p.epoch, p.train_loss, p.selected, p.best, p.adapter, p.path, p.seconds
		FROM epochs p JOIN attempts a ON a.id = p.attempt JOIN runs r ON r.id = a.run
		WHERE r.id IN (SELECT run FROM planned_runs WHERE sweep = `+strconv.FormatInt(out.Sweep.ID, 10)+`)
		GROUP BY r.id, p.epoch ORDER BY r.id, p.epoch`)
	if err != nil {
		return err
	}
	byRun := map[Digest][]EpochRow{}
	for _, e := range found {
		byRun[e.run] = append(byRun[e.run], e.EpochRow)
	}
	for i := range out.Runs {
		out.Runs[i].Epochs = byRun[out.Runs[i].Key]
	}
	return nil
}
