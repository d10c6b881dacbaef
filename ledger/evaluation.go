package ledger

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"daybook/ledger/internal/hexdigest"
	"daybook/ledger/journal"
)

// evaluatedFact is an evaluation as the history keeps it: without record IDs.
type evaluatedFact struct {
	journal.Evaluated
	Records *struct{} `json:"records,omitempty"` // hides the IDs
	Count   int       `json:"count"`             // of records
	List    Digest    `json:"list"`              // digest of their IDs, in order
}

// rescoredFact is an evaluation of predictions made earlier.
type rescoredFact struct {
	Run       Digest        `json:"run"`
	Evaluated evaluatedFact `json:"evaluated"`
}

// RecordEvaluation adds scores that were computed later, from predictions that
// were kept. The same evaluation is added once. The error wraps ErrNotFound if
// no sweep planned the run.
func (l *Ledger) RecordEvaluation(ctx context.Context, run Digest, v journal.Evaluated) error {
	return l.update(ctx, func(ctx context.Context, t *transaction) error {
		f, err := t.indexRecords(ctx, v)
		if err != nil {
			return fmt.Errorf("run %.12s: %w", run, err)
		}
		identity, err := identityOf(f)
		if err != nil {
			return err
		}
		var id int64
		found, err := none(t.row(ctx, "SELECT id FROM runs WHERE key = ?", run).Scan(&id))
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("run %.12s: %w", run, ErrNotFound)
		}
		found, err = none(t.row(ctx, "SELECT id FROM evaluations WHERE run = ? AND identity = ?", id, identity).Scan(&id))
		if err != nil || found {
			return err
		}
		return t.append(ctx, typeRescored, rescoredFact{Run: run, Evaluated: f})
	})
}

// readRescored returns a rescoredFact with its evaluation's identity.
func readRescored(e entry) (readEvaluation, error) {
	f, err := decodeBody[struct {
		Run       Digest          `json:"run"`
		Evaluated json.RawMessage `json:"evaluated"`
	}](e)
	if err != nil {
		return readEvaluation{}, err
	}
	v, err := decodeEvaluated(f.Evaluated)
	v.run = f.Run
	return v, err
}

func projectRescored(ctx context.Context, t *transaction, e entry, v readEvaluation) error {
	var run int64
	if err := t.row(ctx, "SELECT id FROM runs WHERE key = ?", v.run).Scan(&run); err != nil {
		return err
	}
	return t.insertEvaluation(ctx, run, 0, v, e.Time, e.Seq)
}

// withoutIDs returns an evaluated event's body as the history keeps it.
func (t *transaction) withoutIDs(ctx context.Context, e journal.Event) (json.RawMessage, error) {
	body, err := journal.Decode(e)
	if err != nil {
		return nil, err
	}
	v, ok := body.(journal.Evaluated)
	if !ok {
		return nil, fmt.Errorf("event %d: %w %T", e.Seq, journal.ErrUnknown, body)
	}
	f, err := t.indexRecords(ctx, v)
	if err != nil {
		return nil, fmt.Errorf("event %d: %w", e.Seq, err)
	}
	return encodeBody(f)
}

// indexRecords checks an evaluation and moves its record IDs to the index.
func (t *transaction) indexRecords(ctx context.Context, v journal.Evaluated) (evaluatedFact, error) {
	packed, err := packIDs(v)
	if err != nil {
		return evaluatedFact{}, err
	}
	f := evaluatedFact{Evaluated: v, Count: len(v.Records), List: listDigest("records", packed)}
	f.Evaluated.Records = nil
	return f, t.exec(ctx, "INSERT INTO record_lists (digest, records) VALUES (?, ?) ON CONFLICT DO NOTHING", f.List, packed)
}

// packIDs checks an evaluation and returns its record IDs as bytes.
func packIDs(v journal.Evaluated) ([]byte, error) {
	thing := fmt.Sprintf("evaluation on %s", v.Split)
	if v.Subject != "adapter" && v.Subject != "base" {
		return nil, invalid(thing, "subject is %q", v.Subject)
	}
	if (v.Subject == "base") != (v.Epoch == 0) {
		return nil, invalid(thing, "epoch of the %s is %d", v.Subject, v.Epoch)
	}
	if v.Split != "validation" && v.Split != "test" {
		return nil, invalid(thing, "split is %q", v.Split)
	}
	if err := digests(thing, "set", v.Set, "evaluation", v.Evaluation, "prediction key", v.PredictionKey); err != nil {
		return nil, err
	}
	if v.Predictions != "" {
		if err := digests(thing, "predictions", v.Predictions); err != nil {
			return nil, err
		}
	}
	for _, s := range v.Scores {
		if len(s.Num) != len(v.Records) || len(s.Den) != len(v.Records) {
			return nil, invalid(thing, "%s: %d records have %d numerators and %d denominators", s.Metric, len(v.Records), len(s.Num), len(s.Den))
		}
	}
	packed := make([]byte, 0, 32*len(v.Records))
	for i, id := range v.Records {
		if !hexdigest.Valid(id) {
			return nil, invalid(thing, "record %d: ID is %q, want 64 hex digits", i, id)
		}
		packed, _ = hex.AppendDecode(packed, []byte(id)) // hexdigest.Valid has looked at every digit
	}
	return packed, nil
}

func unpackIDs(packed []byte) []string {
	out := make([]string, 0, len(packed)/32)
	for id := range slices.Chunk(packed, 32) {
		out = append(out, hex.EncodeToString(id))
	}
	return out
}

// readEvaluation is an evaluatedFact as an entry has it.
type readEvaluation struct {
	evaluatedFact
	identity Digest // of the fact, in the canonical form that it has in its entry
	run      Digest // of a rescoredFact
}

func decodeEvaluated(body []byte) (readEvaluation, error) {
	v := readEvaluation{identity: digestOf(body)}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&v.evaluatedFact); err != nil {
		return v, fmt.Errorf("%s: %w", evaluatedType, err)
	}
	return v, nil
}

// insertEvaluation adds the rows of an evaluation.
func (t *transaction) insertEvaluation(ctx context.Context, run int64, attempt int, f readEvaluation, at time.Time, entry int64) error {
	id, err := t.insert(ctx, evaluationRows, nil, run, attempt, f.Subject, f.Baseline, f.Epoch, f.Split, f.Set, f.Evaluation, f.PredictionKey,
		f.Count, f.List, f.Seconds, f.identity, formatTime(at), entry, f.Predictions)
	if err != nil {
		return err
	}
	for i, m := range f.Metrics {
		var value any
		if m.Value != nil {
			value = *m.Value
		}
		if _, err := t.insert(ctx, metricRows, id, i, m.Metric, m.Version, m.By, m.Tag, value, m.Num, m.Den); err != nil {
			return fmt.Errorf("%s: metric %s: %w", evaluatedType, m.Metric, err)
		}
	}
	for i, s := range f.Scores {
		if _, err := t.insert(ctx, scoreRows, id, i, s.Metric, s.Version, packFloats(s.Num), packFloats(s.Den)); err != nil {
			return fmt.Errorf("%s: scores of %s: %w", evaluatedType, s.Metric, err)
		}
	}
	return nil
}

// packFloats encodes a column of scores: little-endian float64s.
func packFloats(values []float64) []byte {
	out := make([]byte, 0, 8*len(values))
	for _, v := range values {
		out = binary.LittleEndian.AppendUint64(out, math.Float64bits(v))
	}
	return out
}

var errColumn = errors.New("a column of scores is not whole")

func unpackFloats(packed []byte) ([]float64, error) {
	if len(packed)%8 != 0 {
		return nil, fmt.Errorf("%w: %d bytes", errColumn, len(packed))
	}
	out := make([]float64, 0, len(packed)/8)
	for v := range slices.Chunk(packed, 8) {
		out = append(out, math.Float64frombits(binary.LittleEndian.Uint64(v)))
	}
	return out, nil
}
