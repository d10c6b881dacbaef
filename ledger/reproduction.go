package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

const typeReproduced = "reproduced"

// Outcomes of a reproduction. The first two are of one in the run's own numerics
// class, where bytes can be compared; the others of one in another class.
const (
	Identical = "identical" // the same adapter, byte for byte, by the same steps
	Different = "different" // something is not the same
	Within    = "within"    // every metric is as near as those of two seeds are to each other
	Beyond    = "beyond"    // some metric is further away than that
	Unjudged  = "unjudged"  // the sweep has no two seeds of anything, which would tell how near is near
)

// Reproduction is the fact that a finished run was trained once more, from nothing
// but what the ledger says of it, and how that compares.
type Reproduction struct {
	Entry   int64     `json:"entry,omitempty"` // assigned by the ledger
	Time    time.Time `json:"time,omitzero"`   // likewise
	Run     Digest    `json:"run"`
	Attempt int       `json:"attempt"` // whose results it is compared with
	Outcome string    `json:"outcome"`

	Adapter     Digest            `json:"adapter"` // that it gave
	Numerics    string            `json:"numerics"`
	Device      map[string]string `json:"device"`
	Engine      map[string]string `json:"engine"`
	Environment map[string]string `json:"environment"`
	Checkout    string            `json:"checkout,omitempty"` // commit that its inputs were read from; "" if they were read where they lie
	Confined    bool              `json:"confined"`           // the system kept its worker from reading what the run had left
	Seconds     float64           `json:"seconds"`

	// What was compared. Values are aggregates of metrics, the run's against its own.
	Steps   int `json:"steps"`
	Tensors int `json:"tensors"` // of the chosen adapter; 0 if the run's own is gone, and its digest alone was compared
	Values  int `json:"values"`

	// The first of each that is not the same; nil if there is none.
	Step   *StepDifference   `json:"step,omitempty"`
	Tensor *TensorDifference `json:"tensor,omitempty"`
	Value  *ValueDifference  `json:"value,omitempty"`
	// Spread compares metrics in another numerics class.
	Spread []Spread `json:"spread,omitempty"`
}

// StepDifference is an optimizer step that did not repeat itself.
type StepDifference struct {
	Step  int     `json:"step"`  // from 1
	What  string  `json:"what"`  // "loss", "grad_norm", "learning_rate", "tokens" or "targets"; "missing" if one of the two has no such step
	Was   float64 `json:"was"`   // in the run
	Is    float64 `json:"is"`    // in the reproduction
	Steps int     `json:"steps"` // how many steps differ
}

// TensorDifference is a tensor of the chosen adapter that is another.
type TensorDifference struct {
	Name     string  `json:"name"`     // "" if the run's own adapter is gone, or is of another epoch
	Elements int     `json:"elements"` // of it that differ
	Of       int     `json:"of"`
	Largest  float64 `json:"largest"` // absolute difference
	Tensors  int     `json:"tensors"` // how many tensors differ
}

// ValueDifference is a metric's aggregate that is another.
type ValueDifference struct {
	Split  string   `json:"split"`
	Epoch  int      `json:"epoch"`
	Metric string   `json:"metric"`
	By     string   `json:"by,omitempty"`
	Tag    string   `json:"tag,omitempty"`
	Was    *float64 `json:"was"`
	Is     *float64 `json:"is"`
	Values int      `json:"values"` // how many differ
}

// Spread compares a metric of the chosen epoch with how it differs among runs of the
// sweep that differ in nothing but the seed.
type Spread struct {
	Split  string  `json:"split"`
	Metric string  `json:"metric"`
	Was    float64 `json:"was"`
	Is     float64 `json:"is"`
	Seeds  float64 `json:"seeds"` // largest difference between two such runs
	Pairs  int     `json:"pairs"` // of such runs
}

// RecordReproduction adds the outcome of a reproduction. The error wraps
// ErrNotFound if the ledger doesn't have the attempt.
func (l *Ledger) RecordReproduction(ctx context.Context, r Reproduction) error {
	thing := fmt.Sprintf("reproduction of %.12s", r.Run)
	if err := digests(thing, "run", r.Run, "adapter", r.Adapter); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	if !slices.Contains([]string{Identical, Different, Within, Beyond, Unjudged}, r.Outcome) {
		return fmt.Errorf("ledger: %w", invalid(thing, "outcome is %q", r.Outcome))
	}
	r.Entry, r.Time = 0, time.Time{}
	return l.update(ctx, func(ctx context.Context, t *transaction) error {
		var known int
		found, err := none(t.row(ctx, "SELECT 1 FROM attempts a JOIN runs r ON r.id = a.run WHERE r.key = ? AND a.number = ?", r.Run, r.Attempt).Scan(&known))
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("%s: attempt %d: %w", thing, r.Attempt, ErrNotFound)
		}
		return t.append(ctx, typeReproduced, r)
	})
}

func projectReproduced(ctx context.Context, t *transaction, e entry, r Reproduction) error {
	return t.exec(ctx, "INSERT INTO reproductions (entry, run, attempt, outcome, adapter, numerics, body, time) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		e.Seq, r.Run, r.Attempt, r.Outcome, r.Adapter, r.Numerics, string(e.Body), formatTime(e.Time))
}

// Reproductions returns what came of reproducing a run, or all of them if run is
// "", oldest first.
func (l *Ledger) Reproductions(ctx context.Context, run Digest) ([]Reproduction, error) {
	return collect(ctx, l, func(row *sql.Rows, r *Reproduction) error {
		var body []byte
		var entry int64
		var at time.Time
		if err := row.Scan(&entry, &body, instant{&at}); err != nil {
			return err
		}
		if err := json.Unmarshal(body, r); err != nil {
			return err
		}
		r.Entry, r.Time = entry, at
		return nil
	}, "SELECT entry, body, time FROM reproductions WHERE run = ?1 OR ?1 = '' ORDER BY entry", run)
}
