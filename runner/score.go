package runner

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"

	"daybook/ledger/folder"

	"daybook/engine/dataset"
	"daybook/engine/metric"
	"daybook/ledger"
	"daybook/ledger/journal"
)

// Prediction is what a subject made of one question. Predictions are private:
// they stay in the state folder and may be deleted without breaking the ledger.
type Prediction struct {
	Record  string  `json:"record"` // keyed ID
	Text    *string `json:"text"`   // generated answer; nil where no metric needed one
	NLL     float64 `json:"nll"`    // of the reference, nats
	Targets int     `json:"targets"`
	Hits    int     `json:"hits"`
}

// WritePredictions stores predictions under their key, and returns the digest of the
// file. It confirms no guess: the file has the keyed IDs of its records.
func WritePredictions(root Root, key ledger.Digest, predictions []Prediction) (digest ledger.Digest, err error) {
	file, err := folder.Create(predictionFile(root, key), 0o600)
	if err != nil {
		return "", fmt.Errorf("predictions: %w", err)
	}
	defer func() { err = errors.Join(err, file.Cleanup()) }()
	h := sha256.New()
	w := bufio.NewWriter(io.MultiWriter(file, h))
	lines := json.NewEncoder(w)
	lines.SetEscapeHTML(false)
	for _, p := range predictions {
		if err := lines.Encode(p); err != nil {
			return "", fmt.Errorf("predictions: %w", err)
		}
	}
	if err := w.Flush(); err != nil {
		return "", fmt.Errorf("predictions: %w", err)
	}
	if err := file.CloseAtomicallyReplace(); err != nil {
		return "", fmt.Errorf("predictions: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// KeptPredictions returns those that an evaluation scored, or nil if there are none any
// more: also if their file is another by now, or nobody recorded which it was.
func KeptPredictions(root Root, e ledger.Evaluation) ([]Prediction, error) {
	digest, err := digestFile(predictionFile(root, e.PredictionKey))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("predictions: %w", err)
	case digest != e.Predictions:
		return nil, nil
	}
	return ReadPredictions(root, e.PredictionKey)
}

// ReadPredictions returns the predictions stored under key, or nil if there are
// none any more.
func ReadPredictions(root Root, key ledger.Digest) (out []Prediction, err error) {
	file, err := os.Open(predictionFile(root, key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("predictions: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	lines := json.NewDecoder(bufio.NewReader(file))
	for {
		var p Prediction
		switch err := lines.Decode(&p); {
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return nil, fmt.Errorf("predictions: %s: %w", root.Rel(file.Name()), err)
		case p.Record == "" || p.Hits < 0 || p.Hits > p.Targets:
			return nil, fmt.Errorf("predictions: %s: number %d has no record, or %d hits of %d targets", root.Rel(file.Name()), len(out)+1, p.Hits, p.Targets)
		}
		out = append(out, p)
	}
}

func predictionFile(root Root, key ledger.Digest) string {
	return filepath.Join(root.Predictions(), key+".jsonl")
}

// ScoreAll fills in e's metrics and scores from predictions, one a question.
// Aggregates are also broken down by each value of the record fields in by.
func ScoreAll(e *journal.Evaluated, metrics []metric.Metric, questions []Question, predictions []Prediction, ds *dataset.Dataset, by []string) {
	for _, m := range metrics {
		column := journal.ScoreColumn{Metric: m.Name(), Version: m.Version()}
		for i, q := range questions {
			p := predictions[i]
			c := metric.Case{Source: q.Source, Reference: q.Reference, NLL: p.NLL, Targets: p.Targets, Hits: p.Hits}
			if p.Text != nil {
				c.Prediction = *p.Text
			}
			s := m.Score(c)
			column.Num = append(column.Num, s.Num)
			column.Den = append(column.Den, s.Den)
		}
		e.Scores = append(e.Scores, column)
		e.Metrics = append(e.Metrics, aggregate(m, column, func(int) bool { return true }))
		for _, field := range by {
			for _, tag := range tags(ds, questions, field) {
				v := aggregate(m, column, func(i int) bool { return tagOf(ds, questions[i], field) == tag })
				v.By, v.Tag = field, tag
				e.Metrics = append(e.Metrics, v)
			}
		}
	}
}

func aggregate(m metric.Metric, c journal.ScoreColumn, in func(i int) bool) journal.MetricValue {
	v := journal.MetricValue{Metric: c.Metric, Version: c.Version}
	for i := range c.Num {
		if in(i) {
			v.Num += c.Num[i]
			v.Den += c.Den[i]
		}
	}
	if x := m.Aggregate(metric.Score{Num: v.Num, Den: v.Den}); !math.IsNaN(x) && !math.IsInf(x, 0) {
		v.Value = &x
	}
	return v
}

// tags returns the values of a field among the questions' records, sorted.
func tags(ds *dataset.Dataset, questions []Question, field string) []string {
	var out []string
	for _, q := range questions {
		if t := tagOf(ds, q, field); t != "" && !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	slices.Sort(out)
	return out
}

// tagged reports whether any of the questions' records has a value of a field.
func tagged(ds *dataset.Dataset, questions []Question, field string) bool {
	return slices.ContainsFunc(questions, func(q Question) bool { return tagOf(ds, q, field) != "" })
}

// tagOf returns a record's value of a field as text, "" where it has none.
func tagOf(ds *dataset.Dataset, q Question, field string) string {
	v, ok := ds.Records[q.Record].Field(field)
	if !ok || v == nil {
		return ""
	}
	return fmt.Sprint(v)
}
