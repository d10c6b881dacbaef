package worker

import (
	"context"
	"encoding/hex"
	"errors"
	"math"
	"path"
	"path/filepath"
	"slices"

	"daybook/engine/checkpoint"
	"daybook/engine/model"
	"daybook/engine/train"
	"daybook/ledger/journal"
	"daybook/runner"
)

// checkpointEvery is how many optimizer steps an interrupted machine can lose
// at most; on the worked experiment about two seconds.
const checkpointEvery = 50

// train trains the job's adapter, judges each epoch on the validation set and
// the chosen one on the test set.
func (a *attempt) train(ctx context.Context, in *inputs) error {
	t, err := runner.Training(a.job.Spec)
	if err != nil {
		return err
	}
	tr := &trainer{attempt: a, in: in, identities: map[string]string{}}
	job := train.Job{
		Backend: in.backend, Source: in.source, Base: in.identity, Training: t, Examples: in.train,
		Info: checkpoint.AdapterInfo{BaseModel: in.base.Name()},
		Dir:  filepath.Join(a.dir, runner.Checkpoints), CheckpointEvery: checkpointEvery,
		Evaluate: tr.epoch, Room: in.room(a.job.Spec.Eval),
		Emit: tr.emit, Position: func() int64 { return int64(a.log.Seq()) }, Now: a.worker.Now,
	}
	if a.job.Initial != nil {
		if job.Initial, err = a.read(a.job.Initial, in); err != nil {
			return err
		}
	}
	if r := a.job.Resume; r != nil {
		job.Resume = a.worker.Root.Abs(r.Checkpoint)
		if tr.replayed, err = readReplayed(a.worker.Root, r); err != nil {
			return err
		}
	}
	result, err := train.Run(ctx, job)
	if err != nil {
		if a.log.Seq() == 0 && job.Resume != "" && !errors.Is(err, context.Canceled) {
			return runner.WithHint(err, "--again trains the run from the beginning")
		}
		return err
	}
	a.done = journal.Finished{
		ChosenEpoch: result.Epoch, Path: path.Join(runner.Checkpoints, filepath.ToSlash(result.Path)), Steps: result.Steps, Tokens: result.Tokens,
	}
	if result.Early {
		a.done.Stopped = "early"
	}
	if a.done.Adapter, err = tr.identity(filepath.Join(job.Dir, result.Path)); err != nil {
		return err
	}
	// The test set has its say last, when everything is decided.
	test := slices.DeleteFunc(slices.Clone(in.sets), func(s set) bool { return s.Split == "validation" })
	return a.judge(ctx, in, test, result.Adapter, subject{kind: "adapter", epoch: result.Epoch, identity: a.done.Adapter})
}

// trainer hears package train and writes the journal.
type trainer struct {
	*attempt
	in         *inputs
	identities map[string]string // of epochs' adapters, by folder
	replayed   replayed
}

// epoch judges an epoch's adapter on the validation set.
func (t *trainer) epoch(ctx context.Context, epoch int, adapter string, m *model.Model) (map[string]float64, error) {
	identity, err := t.identity(adapter)
	if err != nil {
		return nil, err
	}
	for _, s := range t.in.sets {
		if s.Split == "validation" {
			return t.evaluate(ctx, t.in, m, s, subject{kind: "adapter", epoch: epoch, identity: identity})
		}
	}
	return map[string]float64{}, nil
}

// identity returns the digest by which an adapter is known.
func (t *trainer) identity(dir string) (string, error) {
	if id, ok := t.identities[dir]; ok {
		return id, nil
	}
	d, err := checkpoint.AdapterDigest(dir)
	if err != nil {
		return "", err
	}
	t.identities[dir] = hex.EncodeToString(d[:])
	return t.identities[dir], nil
}

func (t *trainer) emit(e train.Event) error {
	switch e := e.(type) {
	case *train.Started:
		return t.started(t.in, journal.Started{Kind: string(t.job.Kind), Steps: e.Steps, Parameters: e.Parameters, EightBit: e.EightBit})
	case *train.Resumed:
		t.step, t.before = e.Step, e.Seconds
		return t.started(t.in, journal.Started{
			Kind: string(t.job.Kind), Steps: e.Steps, Parameters: e.Parameters, EightBit: e.EightBit,
			ResumedFrom: t.worker.Root.Rel(e.Checkpoint), ResumedStep: e.Step,
		})
	case *train.Step:
		if err := t.replayed.check(e.Step, e.Loss); err != nil {
			return err
		}
		t.step = e.Step
		return t.log.Append(journal.Step{Step: e.Step, Epoch: e.Epoch, Loss: e.Loss, Rate: e.Rate, GradNorm: e.GradNorm, Tokens: e.Tokens, Targets: e.Targets, Seconds: e.Seconds})
	case *train.Epoch:
		place := path.Join(runner.Checkpoints, filepath.ToSlash(e.Path))
		identity, err := t.identity(filepath.Join(t.dir, filepath.FromSlash(place)))
		if err != nil {
			return err
		}
		body := journal.Epoch{Epoch: e.Epoch, TrainLoss: e.TrainLoss, Best: e.Best, Adapter: identity, Path: place, Seconds: e.Seconds}
		if !math.IsNaN(e.Selected) && !math.IsInf(e.Selected, 0) {
			body.Selected = &e.Selected
		}
		return t.log.Append(body)
	case *train.Checkpoint:
		return t.appendSync(journal.Checkpoint{Step: e.Step, Path: path.Join(runner.Checkpoints, filepath.ToSlash(e.Path))})
	}
	return nil // train.Finished: what follows it, the test, decides how the attempt ends
}

// started opens the journal.
func (a *attempt) started(in *inputs, s journal.Started) error {
	s.Worker, s.Numerics, s.Device, s.Engine = a.worker.Name, in.backend.Numerics().String(), in.backend.Describe(), runner.Build()
	return a.appendSync(s)
}
