package worker

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"

	"daybook/engine"
	"daybook/engine/checkpoint"
	"daybook/engine/dataset"
	"daybook/engine/device"
	"daybook/engine/metric"
	"daybook/engine/model"
	"daybook/ledger"
	"daybook/runner"
)

// loaded is a base on a device, kept from one attempt to the next.
type loaded struct {
	key      string
	identity [32]byte // digest of the weights as lent, quantization included
	base     *runner.Base
	backend  engine.Backend
	source   engine.Source
}

// base returns the job's base, loading it unless it is the one at hand; progress
// hears of the parameters read.
func (w *Worker) base(ctx context.Context, job *runner.Job, progress func(done, total int64)) (_ *loaded, err error) {
	b := job.Spec.Base
	key := fmt.Sprint(job.Base, job.Template, job.Inputs.Base, job.Inputs.Template, b.Quantization, b.DoubleQuant, job.Device, job.Threads, job.Memory, job.Spec.Train.Offload)
	if w.loaded != nil && w.loaded.key == key {
		return w.loaded, nil
	}
	w.unload()
	template := job.Template
	if template != "" {
		template = w.Root.Abs(template)
	}
	dir, err := w.Root.FindBase(ctx, w.Hub, job.Base)
	if err != nil {
		return nil, fmt.Errorf("base: %w", err)
	}
	base, err := runner.OpenBase(dir, template, w.Root.Cache())
	if err != nil {
		return nil, fmt.Errorf("base: %w", err)
	}
	// A device that can't have the model says so before gigabytes are read.
	backend, err := open(base.Shape(), job.Device, device.Options{Threads: job.Threads, Memory: job.Memory})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = backend.Close() // the first error says more
		}
	}()
	weights, err := base.Load(ctx, checkpoint.Quantization{Kind: b.Quantization, DoubleQuant: b.DoubleQuant}, progress)
	if err != nil {
		return nil, fmt.Errorf("base: %w", err)
	}
	weights.Embedding.Host = slices.Contains(job.Spec.Train.Offload, "embedding")
	source, err := model.NewResident(backend, weights)
	if err != nil {
		return nil, fmt.Errorf("base: %w", err)
	}
	w.loaded = &loaded{
		key: key, identity: sha256.Sum256(fmt.Appendf(nil, "%s %s %t", job.Inputs.Base, b.Quantization, b.DoubleQuant)),
		base: base, backend: backend, source: source,
	}
	return w.loaded, nil
}

// open opens the first device that name stands for.
func open(s engine.Shape, name string, o device.Options) (engine.Backend, error) {
	all, err := device.Resolve(name)
	if err != nil {
		return nil, err
	}
	backend, err := all[0].Open(s, o)
	if err != nil {
		return nil, fmt.Errorf("device %s: %w", all[0], err)
	}
	return backend, nil
}

func (w *Worker) unload() {
	if w.loaded != nil {
		_ = w.loaded.backend.Close() // nothing is in flight that could still fail
		w.loaded = nil
	}
}

// inputs is what a job reads, checked against the digests in the job.
type inputs struct {
	*loaded
	data    *dataset.Dataset
	train   []engine.Example
	sets    []set
	metrics []metric.Metric
}

// set is one judged set of records.
type set struct {
	runner.Judged
	questions []runner.Question
}

// open reads everything the job names and refuses what is not what was planned.
func (a *attempt) open(ctx context.Context) (*inputs, error) {
	job := a.job
	l, err := a.worker.base(ctx, job, a.listenLoading())
	if err != nil {
		return nil, err
	}
	in := &inputs{loaded: l}
	if in.data, err = job.OpenDataset(a.worker.Root); err != nil {
		return nil, err
	}
	got := runner.InputsOf(l.base, in.data, l.backend.Numerics())
	got.Train = job.Inputs.Train
	if got != job.Inputs {
		return nil, runner.Changed(job.Inputs, got)
	}
	if err := job.Fits(len(in.data.Records)); err != nil {
		return nil, err
	}
	if in.train, err = runner.TrainingExamples(l.base, in.data, job.Train, job.Spec.Train); err != nil {
		return nil, err
	}
	if got.Train = runner.ExampleSet(in.train); job.Kind == ledger.Train && got != job.Inputs {
		return nil, runner.Changed(job.Inputs, got)
	}
	for _, j := range job.Judged {
		plain, err := runner.Questions(l.base, in.data, j.Records, nil)
		if err != nil {
			return nil, fmt.Errorf("data.%s: %w", j.Split, err)
		}
		if d := runner.QuestionSet(plain); d != j.Set {
			return nil, fmt.Errorf("data.%s: records have the digest %.12s, planned was %.12s", j.Split, d, j.Set)
		}
		s := set{Judged: j, questions: plain}
		if len(job.Shots) > 0 {
			if s.questions, err = runner.Questions(l.base, in.data, j.Records, job.Shots); err != nil {
				return nil, fmt.Errorf("data.%s: %w", j.Split, err)
			}
		}
		in.sets = append(in.sets, s)
	}
	if in.metrics, err = runner.Metrics(job.Spec.Eval); err != nil {
		return nil, err
	}
	return in, nil
}
