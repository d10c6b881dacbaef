package sweeps

import (
	"slices"
	"strings"
)

// metricKind says what a kind of metric takes and gives.
type metricKind struct {
	list, match, schema bool // parameters
	generates           bool // needs generated text, not only the loss
}

// metricKinds are those of package engine/metric, which computes them. A sweep is
// data and knows no engine, so that the kinds and the form of names stand here
// again; a test of the runner, which knows both, compares them.
var metricKinds = map[string]metricKind{
	"loss":            {},
	"perplexity":      {},
	"token_accuracy":  {},
	"exact_match":     {generates: true},
	"json_valid":      {generates: true},
	"schema_valid":    {generates: true, schema: true},
	"field_precision": {generates: true, list: true, match: true},
	"field_recall":    {generates: true, list: true, match: true},
	"field_f1":        {generates: true, list: true, match: true},
	"invented":        {generates: true, list: true},
}

// metricOrder lists the kinds for messages.
var metricOrder = []string{
	"loss", "perplexity", "token_accuracy", "exact_match", "json_valid", "schema_valid",
	"field_precision", "field_recall", "field_f1", "invented",
}

// Name identifies a metric within a sweep: its kind, followed by its list, and
// its match keys unless they are just "name": "field_f1(medications)",
// "field_f1(medications:dose,name)". Eval.Select holds such a name.
func (m Metric) Name() string {
	if m.List == "" {
		return m.Kind
	}
	if len(m.Match) == 0 || slices.Equal(m.Match, []string{"name"}) {
		return m.Kind + "(" + m.List + ")"
	}
	return m.Kind + "(" + m.List + ":" + strings.Join(m.Match, ",") + ")"
}

// Generates reports whether the metric needs generated text.
func (m Metric) Generates() bool { return metricKinds[m.Kind].generates }

// SelectMetric returns the metric that picks the epoch.
func (e Eval) SelectMetric() Metric {
	for _, m := range e.Metrics {
		if m.Name() == e.Select {
			return m
		}
	}
	return Metric{Kind: "loss"} // always measured on validation, listed or not
}

// resolve returns the name of the metric that text selects: a metric's name, or
// a kind that only one metric has. Loss is measured on validation in any case.
func (e Eval) resolve(text string) (name string, ok bool) {
	var named []string
	for _, m := range e.Metrics {
		if m.Name() == text {
			return text, true
		}
		if m.Kind == text {
			named = append(named, m.Name())
		}
	}
	if len(named) == 1 {
		return named[0], true
	}
	return text, text == "loss"
}

// Generates reports whether any metric needs generated text.
func (e Eval) Generates() bool { return slices.ContainsFunc(e.Metrics, Metric.Generates) }

// decode accepts a string for {kind: string}, and one match key for a list of one.
func (m *Metric) decode(d *decoder, path string, in any) {
	switch v := in.(type) {
	case string:
		in = map[string]any{"kind": v}
	case map[string]any:
		if match, ok := v["match"].(string); ok {
			in = with(v, "match", []any{match})
		}
	}
	d.into(path, in, m)
	if metricKinds[m.Kind].match && len(m.Match) == 0 && !d.seen[path+".match"] {
		m.Match = []string{"name"}
	}
}

// decode accepts a metric for its name in select.
func (e *Eval) decode(d *decoder, path string, in any) {
	if v, ok := in.(map[string]any); ok {
		if chosen, ok := v["select"].(map[string]any); ok {
			var m Metric
			m.decode(d, path+".select", chosen)
			in = with(v, "select", m.Name())
		}
	}
	d.into(path, in, e)
}

// with returns a copy of m in which key has another value.
func with(m map[string]any, key string, value any) map[string]any {
	c := make(map[string]any, len(m)+1)
	for k, v := range m {
		c[k] = v
	}
	c[key] = value
	return c
}
