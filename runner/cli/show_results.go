package cli

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"daybook/ledger"
	"daybook/ledger/journal"
	"daybook/runner"
)

func printEpochs(p *page, d *details) {
	for _, e := range d.Epochs {
		note := ""
		if e.Epoch.Epoch == d.Run.ChosenEpoch {
			note = "  chosen"
		}
		p.line(fmt.Sprint(e.Epoch.Epoch), "training loss %.4f  validation: %s%s", e.TrainLoss, metricsText(find(d.Evaluations, "validation", e.Epoch.Epoch)), note)
	}
}

// printResults prints test results, or a baseline's on both sets.
func printResults(p *page, d *details) {
	for _, split := range []string{"validation", "test"} {
		epoch := d.Run.ChosenEpoch
		if split == "validation" && d.Run.Kind == ledger.Train {
			continue // with the epochs
		}
		if values := find(d.Evaluations, split, epoch); len(values) > 0 {
			p.heading(split)
			p.values(values)
		}
	}
}

// values writes a line for each value, however long the metrics' names are.
func (p *page) values(values []journal.MetricValue) {
	names := make([]string, len(values))
	width := 0
	for i, v := range values {
		names[i] = v.Metric
		if v.By != "" {
			names[i] += fmt.Sprintf(" where %s=%s", v.By, v.Tag)
		}
		width = max(width, utf8.RuneCountInString(names[i]))
	}
	for i, v := range values {
		p.printf("  %-*s  %s\n", width, names[i], valueText(v))
	}
}

// find returns the values on a split for an epoch, of the set and settings
// that were evaluated last. Metrics may have been added one evaluation after
// another; of each the newest value counts.
func find(all []ledger.Evaluation, split string, epoch int) []journal.MetricValue {
	type name struct{ metric, by, tag string }
	at := map[name]int{}
	var out []journal.MetricValue
	var last ledger.Evaluation
	for _, e := range all {
		if e.Split != split || e.Epoch != epoch {
			continue
		}
		if e.PredictionKey != last.PredictionKey {
			clear(at)
			out = nil
		}
		last = e
		for _, m := range e.Metrics {
			k := name{m.Metric, m.By, m.Tag}
			if i, ok := at[k]; ok {
				out[i] = m
				continue
			}
			at[k] = len(out)
			out = append(out, m)
		}
	}
	return out
}

func metricsText(values []journal.MetricValue) string {
	var parts []string
	for _, v := range values {
		if v.By == "" {
			parts = append(parts, v.Metric+" "+valueText(v))
		}
	}
	return orDash(strings.Join(parts, ", "))
}

func valueText(v journal.MetricValue) string { return runner.MeasuredOf(v).Text(v.Metric, 4) }

// sparkline draws the loss over the steps in width characters.
func sparkline(steps []ledger.StepRow, width int) string {
	const levels = "▁▂▃▄▅▆▇█"
	bars := []rune(levels)
	width = min(width, len(steps))
	means := make([]float64, width)
	for i := range means {
		part := steps[i*len(steps)/width : (i+1)*len(steps)/width]
		for _, s := range part {
			means[i] += s.Loss / float64(len(part))
		}
	}
	low, high := means[0], means[0]
	for _, m := range means {
		low, high = min(low, m), max(high, m)
	}
	out := make([]rune, width)
	for i, m := range means {
		level := 0
		if high > low {
			level = int((m - low) / (high - low) * float64(len(bars)-1))
		}
		out[i] = bars[level]
	}
	return string(out)
}
