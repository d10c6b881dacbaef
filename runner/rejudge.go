package runner

import (
	"context"
	"errors"
	"fmt"

	"daybook/engine/metric"
	"daybook/ledger"
	"daybook/ledger/journal"
)

// rejudge brings the evaluations of finished runs up to what this sweep asks
// for, without training anything: a metric that is new is computed from the
// predictions that were kept; a test set or generation settings that are new
// have the adapter predict again.
func (e *execution) rejudge(ctx context.Context) error {
	var again []*Item
	for _, item := range e.plan.Items {
		run, err := e.Ledger.Run(ctx, item.Job.Key)
		if errors.Is(err, ledger.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if run.State != ledger.Finished {
			continue
		}
		predict, err := e.rescore(ctx, item, run)
		if err != nil {
			return fmt.Errorf("evaluate %.12s: %w", item.Job.Key, err)
		}
		if predict && run.Kind == ledger.Train {
			job, err := e.predictAgain(ctx, item, run)
			if err != nil {
				return err
			}
			again = append(again, job)
		}
	}
	if err := e.phase(ctx, again); err != nil {
		return err
	}
	for _, item := range again {
		if err := e.adopt(ctx, item); err != nil {
			return err
		}
	}
	return nil
}

// rescore computes missing metrics from kept predictions. It reports whether
// predictions on the test set are missing.
func (e *execution) rescore(ctx context.Context, item *Item, run ledger.Run) (predict bool, err error) {
	metrics, err := Metrics(item.Job.Spec.Eval)
	if err != nil {
		return false, err
	}
	for _, held := range item.held {
		found, err := e.Ledger.Evaluations(ctx, ledger.EvaluationFilter{Run: run.Key, Set: held.judged.Set, Split: held.judged.Split, Evaluation: item.evaluation})
		if err != nil {
			return false, err
		}
		judged := map[int]bool{}
		for _, ev := range found {
			if judged[ev.Epoch] {
				continue
			}
			judged[ev.Epoch] = true
			missing := missingMetrics(metrics, found, ev.Epoch, item.Job.Spec.Eval.By)
			if len(missing) == 0 {
				continue
			}
			predictions, err := ReadPredictions(e.plan.Root, ev.PredictionKey)
			if err != nil {
				return false, err
			}
			if len(predictions) != len(held.questions) {
				if held.judged.Split == "test" {
					predict = true
				}
				continue
			}
			fresh := journal.Evaluated{
				Subject: ev.Subject, Baseline: ev.Baseline, Epoch: ev.Epoch, Split: ev.Split, Set: ev.Set,
				Evaluation: ev.Evaluation, PredictionKey: ev.PredictionKey, Records: held.judged.IDs,
			}
			ScoreAll(&fresh, missing, held.questions, predictions, item.data, item.Job.Spec.Eval.By)
			if err := e.Ledger.RecordEvaluation(ctx, run.Key, fresh); err != nil {
				return false, err
			}
		}
		if held.judged.Split == "test" && !judged[run.ChosenEpoch] {
			predict = true
		}
	}
	return predict, nil
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

// predictAgain makes an item that has a finished adapter judged on this
// sweep's test set under this sweep's settings.
func (e *execution) predictAgain(ctx context.Context, of *Item, run ledger.Run) (*Item, error) {
	source, err := e.adapterSource(ctx, run)
	if err != nil {
		return nil, err
	}
	item := &Item{Axes: of.Axes, Selected: true, evaluation: of.evaluation, judges: run.Key}
	item.Job = of.Job
	j := &item.Job
	j.Kind, j.Train, j.Judged = ledger.Evaluate, nil, nil
	j.Inputs.Train = ""
	j.Adapter = &JobAdapter{Path: e.plan.Root.Reach(source), Digest: run.Adapter, Epoch: run.ChosenEpoch}
	var sets []ledger.Digest
	for _, held := range of.held {
		if held.judged.Split == "test" {
			j.Judged = append(j.Judged, held.judged)
			sets = append(sets, held.judged.Set)
		}
	}
	j.Key, err = digestOf(map[string]any{"key": "judgement", "version": keyVersion, "adapter": run.Adapter, "run": run.Key, "sets": sets, "evaluation": of.evaluation})
	return item, err
}

// adopt records what an item made by predictAgain measured as the run's own.
func (e *execution) adopt(ctx context.Context, item *Item) error {
	found, err := e.Ledger.States(ctx, []ledger.Digest{item.Job.Key})
	if err != nil {
		return err
	}
	status := found[item.Job.Key]
	if status.State != ledger.Finished {
		return nil // it failed, and that was announced
	}
	events, err := readJournal(e.plan.Root.journal(status.LastDir))
	if err != nil {
		return err
	}
	for _, event := range events {
		body, err := journal.Decode(event)
		if err != nil {
			return err
		}
		if judged, ok := body.(journal.Evaluated); ok {
			if err := e.Ledger.RecordEvaluation(ctx, item.judges, judged); err != nil {
				return err
			}
		}
	}
	return nil
}
