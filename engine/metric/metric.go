// Package metric scores predictions, record by record.
//
// Every metric is a ratio of sums: a record contributes a Score of numerator and
// denominator, scores of any set of records add up, and Aggregate turns a sum
// into the number that is reported. So a breakdown by tag, a bootstrap over
// records and a paired difference need the scores alone, never the text.
//
// The package generates nothing and knows no records: a Case is what one
// evaluation of one record left behind.
//
// How answers are read: json_valid and schema_valid take the answer as it is,
// white space around it aside. The field metrics and invented also accept one
// Markdown code fence around the whole answer, so that they measure extraction
// and not formatting, which json_valid measures. Anything else that is not one
// JSON value is an answer without items. Of duplicate keys the last counts.
package metric

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// ErrConfig reports a metric that can't be built as configured.
var ErrConfig = errors.New("bad metric")

// ErrReference reports a gold answer that a metric can't read.
var ErrReference = errors.New("gold answer can't be scored")

// Config says which metric and how.
type Config struct {
	Kind   string          // one of Kinds
	List   string          // key of the extracted list, for field_* and invented
	Match  []string        // keys that pair a predicted item with a gold one, for field_*; nil means "name"
	Schema json.RawMessage // JSON Schema, for schema_valid
}

// Case is one evaluated record.
type Case struct {
	Source     string // the turns that are not the assistant's: what was asked, with the note
	Reference  string // the gold answer
	Prediction string // the generated answer

	NLL     float64 // sum over target tokens of the negative log-likelihood, in nats
	Targets int     // how many tokens that sums over
	Hits    int     // target tokens that were the most likely ones
}

// Score is one record's contribution; scores add up.
type Score struct {
	Num float64 `json:"num"`
	Den float64 `json:"den"`
}

// Add returns the score of both.
func (s Score) Add(t Score) Score { return Score{s.Num + t.Num, s.Den + t.Den} }

// Ratio returns Num/Den, or NaN if there was nothing to score.
func (s Score) Ratio() float64 {
	if s.Den == 0 {
		return math.NaN()
	}
	return s.Num / s.Den
}

// Metric scores cases. It is safe for concurrent use.
type Metric interface {
	// Name tells metrics of one evaluation apart: the kind, with list and match
	// keys where there are any, such as "field_f1(medications)".
	Name() string
	// Version is raised whenever any case would score differently.
	Version() int
	// Score returns what one record contributes; {0, 0} if nothing.
	Score(c Case) Score
	// Aggregate turns a sum of scores into the reported number; NaN if Den is 0.
	Aggregate(sum Score) float64
	// LowerIsBetter gives the direction.
	LowerIsBetter() bool
	// Check returns an error wrapping ErrReference if the gold answer is nothing
	// the metric can compare with. Score takes such an answer for one without items.
	Check(reference string) error
}

// kind describes the metrics that differ only in how they score.
type kind struct {
	version int
	lower   bool
	listed  bool // needs Config.List
	match   bool // uses Config.Match
	score   func(Case) Score
}

// kinds is completed by New for the ones with parameters.
var kinds = map[string]kind{
	"loss":            {version: 1, lower: true, score: loss},
	"perplexity":      {version: 1, lower: true, score: loss},
	"token_accuracy":  {version: 1, score: tokenAccuracy},
	"exact_match":     {version: 1, score: exactMatch},
	"json_valid":      {version: 1, score: jsonValid},
	"schema_valid":    {version: 1},
	"field_precision": {version: 1, listed: true, match: true},
	"field_recall":    {version: 1, listed: true, match: true},
	"field_f1":        {version: 1, listed: true, match: true},
	"invented":        {version: 1, listed: true, lower: true},
}

// Kinds returns the kinds that New knows, in the order tables show them.
func Kinds() []string {
	return []string{
		"loss", "perplexity", "token_accuracy", "exact_match", "json_valid", "schema_valid",
		"field_precision", "field_recall", "field_f1", "invented",
	}
}

// LowerIsBetter gives the direction of the metric with a name, which is that of its kind.
func LowerIsBetter(name string) bool {
	kind, _, _ := strings.Cut(name, "(")
	return kinds[kind].lower
}

// New builds a metric. Its error wraps ErrConfig and names the kind.
func New(cfg Config) (Metric, error) {
	k, ok := kinds[cfg.Kind]
	if !ok {
		return nil, fmt.Errorf("%w: unknown kind %q (there are %s)", ErrConfig, cfg.Kind, strings.Join(Kinds(), ", "))
	}
	if k.listed && cfg.List == "" {
		return nil, fmt.Errorf("%w: %s needs the key of the extracted list", ErrConfig, cfg.Kind)
	}
	if k.match && len(cfg.Match) == 0 {
		cfg.Match = []string{"name"}
	}
	switch cfg.Kind {
	case "schema_valid":
		score, err := schemaValid(cfg.Schema)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrConfig, cfg.Kind, err)
		}
		k.score = score
	case "field_precision":
		k.score = fieldScore(cfg, func(n fieldCounts) Score { return Score{n.tp, n.tp + n.fp} })
	case "field_recall":
		k.score = fieldScore(cfg, func(n fieldCounts) Score { return Score{n.tp, n.tp + n.fn} })
	case "field_f1":
		// F1 = 2tp / (2tp + fp + fn); van Rijsbergen 1979, micro-averaged.
		k.score = fieldScore(cfg, func(n fieldCounts) Score { return Score{2 * n.tp, 2*n.tp + n.fp + n.fn} })
	case "invented":
		k.score = inventedScore(cfg.List)
	}
	m := &metric{kind: k, name: cfg.name(), exp: cfg.Kind == "perplexity"}
	if k.match {
		m.list = cfg.List
	}
	return m, nil
}

func (c Config) name() string {
	switch {
	case c.List == "":
		return c.Kind
	case len(c.Match) == 0 || slices.Equal(c.Match, []string{"name"}):
		return c.Kind + "(" + c.List + ")"
	}
	return c.Kind + "(" + c.List + ":" + strings.Join(c.Match, ",") + ")"
}

type metric struct {
	kind
	name string
	exp  bool   // report e to the ratio
	list string // what a reference has to hold; "" if anything will do
}

func (m *metric) Name() string        { return m.name }
func (m *metric) Version() int        { return m.version }
func (m *metric) Score(c Case) Score  { return m.score(c) }
func (m *metric) LowerIsBetter() bool { return m.lower }

func (m *metric) Aggregate(sum Score) float64 {
	r := sum.Ratio()
	if m.exp {
		return math.Exp(r)
	}
	return r
}

func (m *metric) Check(reference string) error {
	if m.list == "" {
		return nil
	}
	if _, err := elements(reference, m.list); err != nil {
		return fmt.Errorf("%s: %w: %w", m.name, ErrReference, err)
	}
	return nil
}
