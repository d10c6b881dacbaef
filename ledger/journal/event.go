// Package journal is the hand-over between a worker, which trains, and the
// ledger, which remembers. A worker appends events to journal.jsonl in its
// attempt's folder, one JSON object a line; each line carries a sequence number
// and the SHA-256 of the line before it, so that a torn or edited file is
// noticed. The runner reads complete lines and ingests them into the ledger.
// The package knows files and events; it opens no database and trains nothing.
package journal

import (
	"encoding/json"
	"time"
)

// Event is one line of a journal.
type Event struct {
	Seq     int             `json:"seq"`  // from 1
	Prev    string          `json:"prev"` // hex SHA-256 of the previous line without its newline; "" for the first
	Time    time.Time       `json:"time"` // claimed by the worker's clock, UTC
	Type    string          `json:"type"`
	Version int             `json:"version"` // of the body's schema
	Body    json.RawMessage `json:"body"`
}

// Body is what an event says. Its Type names the event.
type Body interface{ EventType() string }

// Started opens an attempt.
type Started struct {
	Kind        string            `json:"kind"` // "train" or "evaluate"
	Worker      string            `json:"worker"`
	Numerics    string            `json:"numerics"`
	Device      map[string]string `json:"device"`
	Engine      map[string]string `json:"engine"`                 // build: version, go, os/arch, vcs revision
	ResumedFrom string            `json:"resumed_from,omitempty"` // checkpoint, as a path relative to the root
	ResumedStep int               `json:"resumed_step,omitempty"`
	Steps       int               `json:"steps,omitempty"`      // optimizer steps planned
	Parameters  int               `json:"parameters,omitempty"` // trainable
	EightBit    int               `json:"eight_bit,omitempty"`  // trainable parameters with 8-bit optimizer state
}

// Step reports one optimizer step.
type Step struct {
	Step     int     `json:"step"`  // from 1
	Epoch    int     `json:"epoch"` // from 1
	Loss     float64 `json:"loss"`  // mean nats per target token in the window
	Rate     float64 `json:"learning_rate"`
	GradNorm float64 `json:"grad_norm"` // before clipping
	Tokens   int     `json:"tokens"`    // in the window
	Targets  int     `json:"targets"`
	Seconds  float64 `json:"seconds"`
}

// Checkpoint reports state from which a later attempt can resume.
type Checkpoint struct {
	Step int    `json:"step"`
	Path string `json:"path"` // relative to the attempt's folder
}

// Evaluated reports scores of one subject on one set of records. A metric's
// value is an aggregate of sum(num)/sum(den) over the records, so that any
// subset of records can be aggregated again.
type Evaluated struct {
	Subject       string        `json:"subject"`               // "adapter" or "base"
	Baseline      string        `json:"baseline"`              // for a base: "zero_shot", "k_shot(2)", "unquantized"
	Epoch         int           `json:"epoch"`                 // 0 for a base
	Split         string        `json:"split"`                 // "validation" or "test"
	Set           string        `json:"set"`                   // digest of the ordered set of records
	Evaluation    string        `json:"evaluation"`            // digest of the settings that made the predictions
	PredictionKey string        `json:"prediction_key"`        // subject, records and generation settings
	Predictions   string        `json:"predictions,omitempty"` // digest of the file that has them; "" in journals of earlier releases
	Metrics       []MetricValue `json:"metrics"`
	Records       []string      `json:"records"` // keyed record IDs, in set order
	Scores        []ScoreColumn `json:"scores"`
	Seconds       float64       `json:"seconds"`
}

// MetricValue is one aggregate; By and Tag are empty for the whole set.
type MetricValue struct {
	Metric  string  `json:"metric"` // such as "loss" or "field_f1(medications)"
	Version int     `json:"version"`
	By      string  `json:"by,omitempty"`  // field, such as "quality"
	Tag     string  `json:"tag,omitempty"` // its value, such as "clean"
	Value   *Number `json:"value"`         // nil where the denominator is zero
	Num     float64 `json:"num"`
	Den     float64 `json:"den"`
}

// Number is a finite float64.
type Number = float64

// ScoreColumn holds one metric's per-record scores, in the order of Records.
type ScoreColumn struct {
	Metric  string    `json:"metric"`
	Version int       `json:"version"`
	Num     []float64 `json:"num"`
	Den     []float64 `json:"den"`
}

// Epoch closes one epoch of training.
type Epoch struct {
	Epoch     int     `json:"epoch"`
	TrainLoss float64 `json:"train_loss"`
	Selected  *Number `json:"selected"` // value of the selection metric; nil if it is not finite
	Best      bool    `json:"best"`     // best so far
	Adapter   string  `json:"adapter"`  // identity of the epoch's adapter
	Path      string  `json:"path"`     // its folder, relative to the attempt's folder
	Seconds   float64 `json:"seconds"`  // training time, without evaluation
}

// Finished ends an attempt that did what it was asked.
type Finished struct {
	ChosenEpoch int    `json:"chosen_epoch,omitempty"`
	Adapter     string `json:"adapter,omitempty"` // identity of the chosen adapter
	Path        string `json:"path,omitempty"`    // its folder, relative to the attempt's folder
	Steps       int    `json:"steps,omitempty"`
	Tokens      int    `json:"tokens,omitempty"`  // trained on, all epochs
	Stopped     string `json:"stopped,omitempty"` // "early" if early stopping ended it
	// Seconds are those of all attempts that led to the result: of earlier ones, up
	// to the checkpoint that the next went on from.
	Seconds float64 `json:"seconds"`
}

// Failed ends an attempt that can't go on; trying again would fail again.
type Failed struct {
	Error string `json:"error"`
	Hint  string `json:"hint,omitempty"`
	Step  int    `json:"step,omitempty"`
}

// Interrupted ends an attempt that a later one can resume.
type Interrupted struct {
	Step int `json:"step"`
}

// EventType implements Body.
func (Started) EventType() string { return "started" }

// EventType implements Body.
func (Step) EventType() string { return "step" }

// EventType implements Body.
func (Checkpoint) EventType() string { return "checkpoint" }

// EventType implements Body.
func (Evaluated) EventType() string { return "evaluated" }

// EventType implements Body.
func (Epoch) EventType() string { return "epoch" }

// EventType implements Body.
func (Finished) EventType() string { return "finished" }

// EventType implements Body.
func (Failed) EventType() string { return "failed" }

// EventType implements Body.
func (Interrupted) EventType() string { return "interrupted" }
