package runner

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"path/filepath"
	"sort"

	"daybook/engine/checkpoint"
	"daybook/ledger"
	"daybook/ledger/journal"
)

// compare holds what was trained against what the ledger says of the run.
func (t *retraining) compare(ctx context.Context) (*ledger.Reproduction, error) {
	f := &ledger.Reproduction{
		Run: t.Run.Key, Attempt: t.Run.Result, Adapter: t.finished.Adapter,
		Numerics: t.started.Numerics, Device: t.started.Device, Engine: t.started.Engine, Environment: environment(),
		Checkout: t.checkout, Confined: t.Confines, Seconds: t.finished.Seconds,
	}
	was, err := t.Ledger.StepsTo(ctx, t.Run.Key, t.Run.Result)
	if err != nil {
		return nil, err
	}
	f.Steps, f.Step = compareSteps(was, t.steps)
	evaluations, err := t.Ledger.Evaluations(ctx, ledger.EvaluationFilter{Run: t.Run.Key})
	if err != nil {
		return nil, err
	}
	f.Values, f.Value = compareValues(evaluations, t.Run.Result, t.evaluated)
	if err := t.compareAdapters(ctx, f); err != nil {
		return nil, err
	}
	switch {
	case f.Adapter == t.Run.Adapter && f.Step == nil && f.Value == nil:
		f.Outcome = ledger.Identical
	case f.Numerics == t.Run.Numerics && f.Device["gpu"] == t.origin.Device["gpu"] || len(t.Changed) > 0:
		f.Outcome = ledger.Different
	default:
		return f, t.compareSpread(ctx, f)
	}
	return f, nil
}

// compareSteps returns how many steps were compared, and the first that differs,
// in anything but the time that it took.
func compareSteps(was []ledger.StepRow, is []journal.Step) (compared int, first *ledger.StepDifference) {
	differ := func(d ledger.StepDifference) {
		if first == nil {
			first = &d
		}
		first.Steps++
	}
	for i := range max(len(was), len(is)) {
		switch {
		case i >= len(was):
			differ(ledger.StepDifference{Step: is[i].Step, What: "missing", Is: is[i].Loss})
			continue
		case i >= len(is):
			differ(ledger.StepDifference{Step: was[i].Step.Step, What: "missing", Was: was[i].Loss})
			continue
		}
		compared++
		a, b := was[i].Step, is[i]
		for _, c := range []struct {
			what    string
			was, is float64
		}{
			{"loss", a.Loss, b.Loss},
			{"grad_norm", a.GradNorm, b.GradNorm},
			{"learning_rate", a.Rate, b.Rate},
			{"tokens", float64(a.Tokens), float64(b.Tokens)},
			{"targets", float64(a.Targets), float64(b.Targets)},
		} {
			if c.was != c.is {
				differ(ledger.StepDifference{Step: b.Step, What: c.what, Was: c.was, Is: c.is})
				break
			}
		}
	}
	return compared, first
}

// valueName is what an aggregate is of.
type valueName struct {
	split, set, evaluation string
	epoch                  int
	metric                 string
	version                int
	by, tag                string
}

// compareValues compares the aggregates of metrics that both have: on the same
// records, under the same settings, by the same version of a metric. Of a value
// that was measured several times, up to the attempt with the run's result, the
// newest counts.
func compareValues(was []ledger.Evaluation, attempt int, is []journal.Evaluated) (compared int, first *ledger.ValueDifference) {
	old := map[valueName]journal.MetricValue{}
	for _, e := range was {
		if e.Attempt > attempt {
			continue
		}
		for _, m := range e.Metrics {
			old[valueName{e.Split, e.Set, e.Evaluation, e.Epoch, m.Metric, m.Version, m.By, m.Tag}] = m
		}
	}
	for _, e := range is {
		for _, m := range e.Metrics {
			before, ok := old[valueName{e.Split, e.Set, e.Evaluation, e.Epoch, m.Metric, m.Version, m.By, m.Tag}]
			if !ok {
				continue
			}
			compared++
			if before.Num == m.Num && before.Den == m.Den {
				continue
			}
			if first == nil {
				first = &ledger.ValueDifference{Split: e.Split, Epoch: e.Epoch, Metric: m.Metric, By: m.By, Tag: m.Tag, Was: before.Value, Is: m.Value}
			}
			first.Values++
		}
	}
	return compared, first
}

// compareAdapters compares the chosen adapters tensor by tensor, if the run's own is
// still somewhere.
func (t *retraining) compareAdapters(ctx context.Context, f *ledger.Reproduction) error {
	differ := f.Adapter != t.Run.Adapter
	dir, err := keptAdapter(ctx, t.Root, t.Ledger, t.Run)
	if err != nil || t.finished.ChosenEpoch != t.Run.ChosenEpoch { // gone, or after another time
		if differ {
			f.Tensor = &ledger.TensorDifference{}
		}
		return nil //nolint:nilerr // the digest has been compared
	}
	was, err := checkpoint.OpenFile(filepath.Join(dir, adapterFiles[0]))
	if err != nil {
		return err
	}
	defer func() { _ = was.Close() }() // read only
	is, err := checkpoint.OpenFile(filepath.Join(t.scratch.Abs(t.dir()), filepath.FromSlash(t.finished.Path), adapterFiles[0]))
	if err != nil {
		return err
	}
	defer func() { _ = is.Close() }() // read only
	f.Tensors, f.Tensor, err = compareTensors(was, is)
	if err == nil && f.Tensor == nil && differ {
		f.Tensor = &ledger.TensorDifference{Name: adapterFiles[1]}
	}
	return err
}

// compareTensors compares all tensors of two files, and describes the first that
// differs, in the order of layers.
func compareTensors(was, is *checkpoint.File) (compared int, first *ledger.TensorDifference, err error) {
	names := map[string]bool{}
	for _, f := range []*checkpoint.File{was, is} {
		for name := range f.Tensors {
			names[name] = true
		}
	}
	sorted := make([]string, 0, len(names))
	for name := range names {
		sorted = append(sorted, name)
	}
	sort.Slice(sorted, func(i, j int) bool { return byNumber(sorted[i]) < byNumber(sorted[j]) })
	for _, name := range sorted {
		d, err := compareTensor(was, is, name)
		if err != nil {
			return compared, first, err
		}
		compared++
		if d == nil {
			continue
		}
		if first == nil {
			first = d
		}
		first.Tensors++
	}
	return compared, first, nil
}

// compareTensor returns how a tensor differs, nil if it doesn't.
func compareTensor(was, is *checkpoint.File, name string) (*ledger.TensorDifference, error) {
	_, before := was.Tensors[name]
	_, after := is.Tensors[name]
	if !before || !after {
		return &ledger.TensorDifference{Name: name}, nil
	}
	a, err := was.Read(name)
	if err != nil {
		return nil, err
	}
	b, err := is.Read(name)
	if err != nil {
		return nil, err
	}
	if a.DType == b.DType && bytes.Equal(a.Data, b.Data) {
		return nil, nil //nolint:nilnil // no difference
	}
	x, err := a.Float32()
	if err != nil {
		return nil, err
	}
	y, err := b.Float32()
	if err != nil {
		return nil, err
	}
	d := &ledger.TensorDifference{Name: name, Of: len(x)}
	if len(x) != len(y) {
		return d, nil
	}
	for i := range x {
		if math.Float32bits(x[i]) != math.Float32bits(y[i]) {
			d.Elements++
			d.Largest = max(d.Largest, math.Abs(float64(x[i])-float64(y[i])))
		}
	}
	return d, nil
}

// byNumber makes a name sort by the numbers in it, so that layer 10 comes after layer 9.
func byNumber(name string) string {
	var out []byte
	for i := 0; i < len(name); {
		n := i
		for n < len(name) && name[n] >= '0' && name[n] <= '9' {
			n++
		}
		if n == i {
			out = append(out, name[i])
			i++
			continue
		}
		out = fmt.Appendf(out, "%9s", name[i:n])
		i = n
	}
	return string(out)
}
