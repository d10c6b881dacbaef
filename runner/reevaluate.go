package runner

import (
	"context"
	"fmt"
	"slices"

	"daybook/engine/metric"
	"daybook/ledger"
	"daybook/ledger/journal"
	"daybook/sweeps"
)

// reevaluate brings the evaluations of finished runs up to what this sweep asks
// for, without training anything: a metric that is new is computed from the
// predictions that were kept; a test set or generation settings that are new
// have the adapter predict again. So does a new metric where the predictions
// were deleted, or aren't those that were scored.
func (e *execution) reevaluate(ctx context.Context) error {
	var again []*Item
	for _, item := range e.plan.Items {
		if !item.Selected {
			continue
		}
		run, ok, err := e.finished(ctx, item)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		outdated, err := e.rescore(ctx, item, run)
		if err != nil {
			return fmt.Errorf("evaluate %.12s: %w", item.Job.Key, err)
		}
		switch {
		case len(outdated) == 0:
		case run.Kind == ledger.Train:
			job, err := e.predictAgain(ctx, item, run, outdated)
			if err != nil {
				return err
			}
			again = append(again, job)
		default:
			item.unplanned = true
			again = append(again, item)
		}
	}
	order(again, nil)
	return e.phase(ctx, again)
}

// rescore computes missing metrics from kept predictions. It returns the sets on
// which the chosen adapter, or the base, has to predict again.
func (e *execution) rescore(ctx context.Context, item *Item, run ledger.Run) (outdated []Judged, err error) {
	metrics, err := Metrics(item.Job.Spec.Eval)
	if err != nil {
		return nil, err
	}
	for _, held := range item.held {
		found, err := e.Ledger.Evaluations(ctx, ledger.EvaluationFilter{Run: run.Key, Set: held.judged.Set, Split: held.judged.Split, Evaluation: item.evaluation})
		if err != nil {
			return nil, err
		}
		by := slices.DeleteFunc(slices.Clone(item.Job.Spec.Eval.By), func(field string) bool {
			return !tagged(item.data, held.questions, field) // there is nothing to break down
		})
		seen, judged := map[int]bool{}, map[int]bool{}
		for _, ev := range found {
			if seen[ev.Epoch] {
				continue
			}
			seen[ev.Epoch], judged[ev.Epoch] = true, true
			missing := missingMetrics(metrics, found, ev.Epoch, by)
			if len(missing) == 0 {
				continue
			}
			predictions, err := KeptPredictions(e.plan.Root, ev)
			if err != nil {
				return nil, err
			}
			if len(predictions) != len(held.questions) || !answered(predictions) && generated(item.Job.Spec.Eval, missing) {
				judged[ev.Epoch] = false
				continue
			}
			fresh := journal.Evaluated{
				Subject: ev.Subject, Baseline: ev.Baseline, Epoch: ev.Epoch, Split: ev.Split, Set: ev.Set,
				Evaluation: ev.Evaluation, PredictionKey: ev.PredictionKey, Predictions: ev.Predictions, Records: held.judged.IDs,
			}
			ScoreAll(&fresh, missing, held.questions, predictions, item.data, by)
			if err := e.Ledger.RecordEvaluation(ctx, run.Key, fresh); err != nil {
				return nil, err
			}
		}
		if !judged[run.ChosenEpoch] {
			outdated = append(outdated, held.judged)
		}
	}
	return outdated, nil
}

// answered reports whether predictions have generated text.
func answered(predictions []Prediction) bool {
	return !slices.ContainsFunc(predictions, func(p Prediction) bool { return p.Text == nil })
}

// generated reports whether any of the metrics needs generated text.
func generated(e sweeps.Eval, metrics []metric.Metric) bool {
	return slices.ContainsFunc(metrics, func(m metric.Metric) bool {
		return slices.ContainsFunc(e.Metrics, func(asked sweeps.Metric) bool { return asked.Name() == m.Name() && asked.Generates() })
	})
}

// missingMetrics returns the metrics that no evaluation of an epoch has in
// their present version, or not by every field.
func missingMetrics(metrics []metric.Metric, found []ledger.Evaluation, epoch int, by []string) []metric.Metric {
	type measured struct {
		name    string
		version int
		by      string
	}
	have := map[measured]bool{}
	for _, ev := range found {
		if ev.Epoch != epoch {
			continue
		}
		for _, v := range ev.Metrics {
			have[measured{v.Metric, v.Version, v.By}] = true
		}
	}
	var out []metric.Metric
	for _, m := range metrics {
		complete := true
		for _, field := range append([]string{""}, by...) {
			complete = complete && have[measured{m.Name(), m.Version(), field}]
		}
		if !complete {
			out = append(out, m)
		}
	}
	return out
}

// predictAgain makes an item that has a finished adapter judged on sets of this
// sweep under this sweep's settings. It is one more attempt at the adapter's run.
func (e *execution) predictAgain(ctx context.Context, of *Item, run ledger.Run, on []Judged) (*Item, error) {
	source, err := e.adapterSource(ctx, run)
	if err != nil {
		return nil, err
	}
	item := &Item{Job: of.Job, Axes: of.Axes, Selected: true, evaluation: of.evaluation, reevaluates: true, unplanned: true}
	j := &item.Job
	j.Kind, j.Train, j.Judged = ledger.Evaluate, nil, on
	j.Inputs.Train = ""
	j.Adapter = &JobAdapter{Path: e.plan.Root.Reach(source), Digest: run.Adapter, Epoch: run.ChosenEpoch}
	return item, nil
}
