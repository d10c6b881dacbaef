package runner

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"daybook/ledger"
)

// predictions plans to digest the files of predictions: new metrics are computed from
// them. They may be deleted, and a file made anew is one of those that were scored.
// What earlier releases wrote has no digest, and is scored no more.
func (v *fileCheck) predictions(ctx context.Context) error {
	all, err := v.ledger.Evaluations(ctx, ledger.EvaluationFilter{})
	if err != nil {
		return err
	}
	scored := map[ledger.Digest][]ledger.Digest{} // by key
	for _, e := range all {
		if e.Predictions != "" && !slices.Contains(scored[e.PredictionKey], e.Predictions) {
			scored[e.PredictionKey] = append(scored[e.PredictionKey], e.Predictions)
		}
	}
	for key, digests := range scored {
		v.todo = append(v.todo, func(context.Context) error {
			path := predictionFile(v.root, key)
			got, err := digestFile(path)
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil
			case err != nil:
				return err
			case !slices.Contains(digests, got):
				v.problem(v.root.Rel(path), "it has digest %s, the ledger says %s: it is not what was scored", got, digests[0])
			}
			v.count(&v.found.Predicted)
			return nil
		})
	}
	return nil
}
