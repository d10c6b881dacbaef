package worker

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"daybook/engine"
	"daybook/engine/dataset"
	"daybook/engine/device"
	"daybook/engine/metric"
	"daybook/engine/model"
	"daybook/ledger"
	"daybook/runner"
)

// loaded is a base on a device, kept from one attempt to the next.
type loaded struct {
	description string // what base was opened for
	placement   string // what the backend was opened for, and what is to lie on it
	base        *runner.Base
	backend     engine.Backend
	threads     int           // of the backend
	source      engine.Source // nil until the weights are there
	identity    [32]byte      // digest of the weights as lent, quantization included
}

// describe opens the job's base, without its weights, and the device that is to have
// them. What is at hand of the attempt before stays: of all that a job says, only the
// base's digest, how it is held and where change the weights that are loaded.
func (w *Worker) describe(ctx context.Context, job *runner.Job) (*loaded, error) {
	base, description, err := w.openBase(ctx, job)
	if err != nil {
		return nil, err
	}
	b := job.Spec.Base
	placement := fmt.Sprintf("%x %s %t %s %d %t", base.Digest(), b.Quantization, b.DoubleQuant, job.Device, job.Memory, job.Hosted())
	if l := w.loaded; l != nil && l.placement == placement {
		l.base, l.description = base, description
		return l, l.setThreads(job.Threads)
	}
	w.unload()
	// A device that can't have the model says so before gigabytes are read.
	backend, err := w.open(base.Shape(), job.Device, device.Options{Threads: job.Threads, Memory: job.Memory})
	if err != nil {
		return nil, err
	}
	w.loaded = &loaded{
		description: description, placement: placement, base: base, backend: backend, threads: job.Threads,
		identity: sha256.Sum256(fmt.Appendf(nil, "%s %s %t", job.Inputs.Base, b.Quantization, b.DoubleQuant)),
	}
	return w.loaded, nil
}

// openBase opens the job's base unless it is the one at hand, and says what for.
func (w *Worker) openBase(ctx context.Context, job *runner.Job) (*runner.Base, string, error) {
	in := job.Inputs
	description := fmt.Sprint(job.Base, "\x00", job.Template, "\x00", in.Base, in.Tokenizer, in.Template)
	if w.loaded != nil && w.loaded.description == description {
		return w.loaded.base, description, nil
	}
	template := job.Template
	if template != "" {
		template = w.Root.Abs(template)
	}
	dir, err := w.Root.FindBase(ctx, w.Hub, job.Base)
	if err != nil {
		return nil, "", fmt.Errorf("base: %w", err)
	}
	base, err := runner.OpenBase(dir, template, w.Root.Cache())
	if err != nil {
		return nil, "", fmt.Errorf("base: %w", err)
	}
	return base, description, nil
}

// setThreads has the backend compute with so many threads, if that is for it to say.
func (l *loaded) setThreads(n int) error {
	t, ok := l.backend.(engine.Threader)
	if !ok || n == l.threads {
		return nil
	}
	if err := t.SetThreads(n); err != nil {
		return err
	}
	l.threads = n
	return nil
}

// load reads the weights, unless they are there; progress hears of the parameters read.
func (l *loaded) load(ctx context.Context, job *runner.Job, progress func(done, total int64)) error {
	if l.source != nil {
		return nil
	}
	weights, err := l.base.Load(ctx, runner.Held(job.Spec.Base), progress)
	if err != nil {
		return fmt.Errorf("base: %w", err)
	}
	weights.Embedding.Host = job.Hosted()
	source, err := model.NewResident(l.backend, weights)
	if err != nil {
		return err
	}
	l.source = source
	return nil
}

// taken is what the base takes of the device already.
func (l *loaded) taken() int64 {
	if l.source == nil {
		return 0
	}
	return l.source.Bytes()
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

func (w *Worker) open(s engine.Shape, name string, o device.Options) (engine.Backend, error) {
	if w.opened != nil {
		return w.opened(s, name, o)
	}
	return open(s, name, o)
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

// open reads everything the job names and refuses what is not what was planned, and
// what the device has no memory for. The base's weights, which are most of it, it reads
// last.
func (a *attempt) open(ctx context.Context) (_ *inputs, err error) {
	in, err := a.inputs(ctx)
	if err != nil {
		return nil, err
	}
	if err = a.fit(ctx, in); err == nil {
		err = in.load(ctx, a.job, a.listenLoading())
	}
	if err != nil {
		_ = in.data.Close() // only reading
		return nil, err
	}
	return in, nil
}

// fit refuses a job that the device has no memory for.
func (a *attempt) fit(ctx context.Context, in *inputs) error {
	job := a.job
	var sets [][]runner.Question
	for _, s := range in.sets {
		sets = append(sets, s.questions)
	}
	d, err := job.Demand(ctx, a.worker.Root, in.backend, in.base, in.train, sets...)
	if err != nil {
		return err
	}
	_, err = d.Fit(in.backend, in.taken())
	var short *model.MemoryError
	if errors.As(err, &short) && job.Unquantized() {
		return runner.WithHint(err, fmt.Sprintf("leave d.unquantized out of eval.baselines, or use %s", short.Larger()))
	}
	return err
}

// inputs reads all that the job names but weights.
func (a *attempt) inputs(ctx context.Context) (_ *inputs, err error) {
	job := a.job
	l, err := a.worker.describe(ctx, job)
	if err != nil {
		return nil, err
	}
	in := &inputs{loaded: l}
	if in.data, err = job.OpenDataset(a.worker.Root); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = in.data.Close() // only reading
		}
	}()
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
