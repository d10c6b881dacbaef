package runner_test

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"daybook/ledger"
	"daybook/runner"
	"daybook/runner/worker"
)

// inClass trains as a device of another numerics class would: with another rate.
func (p *place) inClass(factor float64) func(*runner.RunOptions) {
	return func(o *runner.RunOptions) {
		o.Start = func() (runner.Worker, error) {
			return workerFunc(func(ctx context.Context, dir string) error {
				job, err := runner.ReadJob(p.root.Abs(dir))
				if err != nil {
					return err
				}
				job.Spec.Train.LearningRate *= factor
				n, err := worker.Numerics("cpu")
				if err != nil {
					return err
				}
				job.Inputs.Numerics = n.String()
				if err := job.Write(p.root.Abs(dir)); err != nil {
					return err
				}
				return (&worker.Worker{Root: p.root, Name: "test", Now: time.Now}).Work(ctx, dir, nobody)
			}), nil
		}
	}
}

// reproduce trains a place's run again with a worker in this process.
func (p *place) reproduce(t *testing.T, key string) *runner.Reproduction {
	t.Helper()
	run, err := p.ledger.Run(t.Context(), key)
	check(t, err)
	r, err := runner.NewReproduction(t.Context(), run, runner.ReproduceOptions{Root: p.root, Ledger: p.ledger, Numerics: worker.Numerics})
	check(t, err)
	t.Cleanup(func() { check(t, r.Close()) })
	check(t, runner.Retrain(t.Context(), []*runner.Reproduction{r}, runner.RetrainOptions{
		Root: p.root, Ledger: p.ledger, Record: true, Threads: 2, Progress: &progress{},
		Start: func(root runner.Root, hidden []string) (runner.Worker, error) {
			if len(hidden) != 2 || root.Dir == p.root.Dir {
				t.Errorf("%v are hidden from a worker in %s", hidden, root.Dir)
			}
			return local{&worker.Worker{Root: root, Name: "test", Now: time.Now}}, nil
		},
	}))
	check(t, r.Err)
	return r
}

// TestReproduceInAnotherClass reproduces runs of a device that computes in another
// way. Their bytes can't be compared; metrics can, with what seeds differ by.
func TestReproduceInAnotherClass(t *testing.T) {
	const seeds = `local d = import 'daybook.libsonnet'; d.sweep('tiny', import 'tiny.libsonnet', d.seed([0, 1, 2]))`
	for name, c := range map[string]struct {
		text   string
		factor float64
		want   string
		pairs  int
	}{
		"within":   {seeds, 1 + 1e-6, ledger.Within, 3},
		"beyond":   {seeds, .1, ledger.Beyond, 3},
		"unjudged": {one, 1 + 1e-6, ledger.Unjudged, 0},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			plan := p.plan(t, c.text, func(o *runner.PlanOptions) { o.Numerics = otherNumerics })
			p.mustRun(t, plan, p.inClass(c.factor))
			key := trained(plan)[0]
			f := p.reproduce(t, key).Fact
			if f.Outcome != c.want || len(f.Spread) == 0 || f.Step == nil || f.Tensor == nil {
				t.Fatalf("got %+v", f)
			}
			within := true
			for _, s := range f.Spread {
				if s.Pairs != c.pairs || c.pairs > 0 && s.Metric == "loss" && s.Seeds == 0 {
					t.Errorf("spread is %+v", s)
				}
				within = within && math.Abs(s.Is-s.Was) <= s.Seeds
			}
			if c.pairs > 0 && within != (c.want == ledger.Within) {
				t.Errorf("%s with %+v", f.Outcome, f.Spread)
			}
			recorded, err := p.ledger.Reproductions(t.Context(), key)
			check(t, err)
			if len(recorded) != 1 || recorded[0].Outcome != c.want {
				t.Errorf("the ledger has %+v", recorded)
			}
		})
	}
}

// TestReproduceResumed reproduces a run that was interrupted, and that has been
// tried again since, otherwise and not to the end: what led to its result counts.
func TestReproduceResumed(t *testing.T) {
	p := newPlace(t)
	plan := p.plan(t, one)
	key := trained(plan)[0]
	for patience := int32(12); p.state(t, key).Attempts < 3; patience += 4 {
		if p.runStopped(t, patience) == nil {
			break
		}
	}
	p.mustRun(t, p.plan(t, one))
	ctx, cancel := context.WithCancel(t.Context())
	_, err := p.run(ctx, p.plan(t, one, func(o *runner.PlanOptions) { o.Again = true }), func(o *runner.RunOptions) {
		o.Again = true
		o.Start = func() (runner.Worker, error) {
			return workerFunc(func(ctx context.Context, dir string) error {
				job, err := runner.ReadJob(p.root.Abs(dir))
				if err != nil {
					return err
				}
				job.Spec.Train.LearningRate *= 2
				looks := 0
				w := &worker.Worker{Root: p.root, Name: "test", Now: func() time.Time {
					if looks++; looks == 20 {
						cancel()
					}
					return time.Now()
				}}
				return errors.Join(job.Write(p.root.Abs(dir)), w.Work(ctx, dir, nobody))
			}), nil
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	run, err := p.ledger.Run(t.Context(), key)
	check(t, err)
	last := run.Attempts[len(run.Attempts)-1]
	if len(run.Lineage()) < 2 || last.Number == run.Result || last.Step == 0 {
		t.Fatalf("%d attempts led to attempt %d, and attempt %d took %d steps", len(run.Lineage()), run.Result, last.Number, last.Step)
	}
	if f := p.reproduce(t, key).Fact; f.Outcome != ledger.Identical || f.Steps != 14 || f.Attempt != run.Result {
		t.Errorf("got %+v", f)
	}
}

// TestReproduceDifferent has an adapter and steps that nobody can get from what the
// ledger says of the run, since it was trained at another rate.
func TestReproduceDifferent(t *testing.T) {
	p := newPlace(t)
	plan := p.plan(t, one)
	p.mustRun(t, plan, p.inClass(2))
	key := trained(plan)[0]
	f := p.reproduce(t, key).Fact
	if f.Outcome != ledger.Different || f.Step == nil || f.Step.What != "learning_rate" || f.Tensor == nil || f.Tensor.Largest == 0 || f.Value == nil {
		t.Errorf("got %+v, %+v", f, f.Step)
	}
	// Where the adapter is gone its digest is compared.
	check(t, os.RemoveAll(filepath.Join(p.dir, "adapters")))
	check(t, os.RemoveAll(filepath.Join(p.root.State(), "runs")))
	if f := p.reproduce(t, key).Fact; f.Outcome != ledger.Different || f.Tensors != 0 || f.Tensor == nil || f.Tensor.Name != "" {
		t.Errorf("got %+v", f)
	}
}
