package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"daybook/engine"
	"daybook/engine/model"
	"daybook/engine/model/modeltest"
	"daybook/engine/optim"
)

func TestOverfitsAHandful(t *testing.T) {
	tr := tiny()
	tr.Epochs, tr.LearningRate, tr.LoRA.Dropout, tr.LoRA.Rank = 30, 2e-2, 0, 8
	j := job(t, tr, t.TempDir())
	j.Examples = j.Examples[:4]
	j.Evaluate = evaluate(j.Examples)
	res := run1(t, j)
	first, last := res.Epochs[0].Selected, res.Epochs[len(res.Epochs)-1].Selected
	if !(last < 0.1*first) {
		t.Errorf("loss fell from %v to %v only", first, last)
	}
}

func TestEvents(t *testing.T) {
	tr := tiny()
	j := job(t, tr, t.TempDir())
	events := record(&j)
	clock := time.Unix(0, 0)
	j.Now = func() time.Time {
		clock = clock.Add(time.Second)
		return clock
	}
	res := run1(t, j)
	order := mustOrder(t, j)

	var want []string
	for range order.Epochs {
		for range order.Epochs[0] {
			want = append(want, "Step")
		}
		want = append(want, "Epoch", "Checkpoint")
	}
	want = append(append([]string{"Started"}, want...), "Finished")
	var got []string
	for _, e := range *events {
		got = append(got, reflect.TypeOf(e).Elem().Name())
	}
	if !slices.Equal(got, want) {
		t.Fatalf("events %v, want %v", got, want)
	}

	start := as[*Started](t, (*events)[0])
	if n := tr.LoRA.Parameters(smallShape()); start.Steps != order.Steps || start.Parameters != n || start.EightBit != 0 || start.Order != order.Digest {
		t.Errorf("started %+v, want %d steps and %d parameters", start, order.Steps, n)
	}
	warmup := optim.WarmupSteps(tr.WarmupRatio, order.Steps)
	tokens := 0
	for i, s := range steps(*events) {
		if s.Step != i+1 || s.Rate != optim.LearningRate("linear", tr.LearningRate, i, warmup, order.Steps) {
			t.Errorf("step %d: %+v", i+1, s)
		}
		if s.Seconds != 1 || !(s.Loss > 0) || !(s.GradNorm > 0) || s.Targets >= s.Tokens {
			t.Errorf("step %d: %+v", i+1, s)
		}
		tokens += s.Tokens
	}
	if first := steps(*events)[0]; first.Rate != 0 {
		t.Errorf("the first step of a warmup has rate %v", first.Rate)
	}
	best := 0
	for i, e := range res.Epochs {
		if e.Epoch != i+1 || e.Path != epochName(i+1) || e.Selected != e.Metrics["loss"] {
			t.Errorf("epoch %d: %+v", i+1, e)
		}
		if best == 0 || e.Selected < res.Epochs[best-1].Selected {
			best = i + 1
		}
	}
	if res.Epoch != best || res.Path != epochName(best) || res.Tokens != tokens || res.Steps != order.Steps || res.Early {
		t.Errorf("result %+v, want epoch %d, %d tokens", res, best, tokens)
	}
	if total := 3 * count(j.Examples); tokens != total {
		t.Errorf("%d tokens trained on, want %d", tokens, total)
	}
}

func count(examples []engine.Example) int {
	n := 0
	for _, e := range examples {
		n += len(e.Tokens)
	}
	return n
}

func TestTrainLossIsTheMeanOverTheEpoch(t *testing.T) {
	j := job(t, tiny(), t.TempDir())
	events := record(&j)
	res := run1(t, j)
	nll, targets := 0.0, 0
	for _, s := range steps(*events) {
		if s.Epoch == 2 {
			nll += s.Loss * float64(s.Targets)
			targets += s.Targets
		}
	}
	if got, want := res.Epochs[1].TrainLoss, nll/float64(targets); math.Abs(got-want) > 1e-12 {
		t.Errorf("train loss %v, want %v", got, want)
	}
}

func TestNeitherThreadsNorMemorySettingsChangeAByte(t *testing.T) {
	checks(t, 12)
	root := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		tr := tiny()
		tr.Epochs = rapid.IntRange(1, 2).Draw(t, "epochs")
		tr.Packing = rapid.Bool().Draw(t, "packing")
		tr.BatchSize = rapid.IntRange(1, 3).Draw(t, "batch")
		tr.GradAccum = rapid.IntRange(1, 3).Draw(t, "accum")
		tr.LoRA.Dropout = rapid.SampledFrom([]float64{0, 0.2}).Draw(t, "dropout")
		bits8 := rapid.Bool().Draw(t, "8-bit")
		if bits8 {
			tr = eightBit(tr)
		}
		longest := rapid.IntRange(6, tr.MaxSeqLen).Draw(t, "longest")
		examples := modeltest.Examples(smallShape(), rapid.Uint64Range(0, 1000).Draw(t, "examples"), rapid.IntRange(1, 12).Draw(t, "count"), 4, longest)

		want := folder(t, root)
		j := jobOn(t, tr, want, 1)
		j.Examples, j.Room.Tokens = examples, 20
		res := run1(t, j)
		if (res.EightBit > 0) != bits8 {
			t.Fatalf("%d parameters with 8-bit state", res.EightBit)
		}

		tr.Checkpointing = rapid.SampledFrom([]engine.Checkpointing{
			engine.CheckpointNone, engine.CheckpointSelective, engine.CheckpointFull, engine.CheckpointAuto,
		}).Draw(t, "checkpointing")
		tr.HostInputs = rapid.Bool().Draw(t, "host inputs")
		tr.Optimizer.Paged = rapid.Bool().Draw(t, "paged")
		dir := folder(t, root)
		j = jobOn(t, tr, dir, rapid.IntRange(1, 9).Draw(t, "threads"))
		j.Examples = examples
		j.Room.Tokens, j.Room.Documents = rapid.IntRange(20, 500).Draw(t, "evaluated tokens"), rapid.IntRange(1, 50).Draw(t, "evaluated documents")
		if rapid.Bool().Draw(t, "streamed") {
			var err error
			if j.Source, err = modeltest.NewStreamed(j.Backend, modeltest.Weights(smallShape(), 1, true)); err != nil {
				t.Fatal(err)
			}
		}
		if got := run1(t, j); !reflect.DeepEqual(got, res) {
			t.Errorf("result %+v, want %+v", got, res)
		}
		sameAdapters(t, dir, want, tr.Epochs)
	})
}

// TestPackedAndAccumulatedLearnAlike trains the same windows, cut into batches
// in different ways.
func TestPackedAndAccumulatedLearnAlike(t *testing.T) {
	tr := tiny()
	tr.WarmupRatio, tr.LearningRate = 0, 1e-3
	tr.Packing, tr.BatchSize, tr.GradAccum = false, 11, 1
	run := func(packing bool, batch, accum int) []Step {
		tr.Packing, tr.BatchSize, tr.GradAccum = packing, batch, accum
		j := job(t, tr, t.TempDir())
		events := record(&j)
		run1(t, j)
		return steps(*events)
	}
	want := run(false, 11, 1) // one batch is the whole epoch
	for _, got := range [][]Step{run(false, 1, 11), run(false, 4, 3), run(true, 11, 1), run(true, 2, 6)} {
		if len(got) != len(want) {
			t.Fatalf("%d steps, want %d", len(got), len(want))
		}
		for i := range want {
			if got[i].Targets != want[i].Targets || math.Abs(got[i].Loss-want[i].Loss) > 1e-4 || math.Abs(got[i].GradNorm/want[i].GradNorm-1) > 1e-3 {
				t.Errorf("step %d: %+v, want %+v", i+1, got[i], want[i])
			}
		}
	}
}

func TestWindowsWithoutTargetAreNoSteps(t *testing.T) {
	tr := tiny()
	tr.Packing, tr.GradAccum, tr.Epochs = false, 1, 1
	j := job(t, tr, t.TempDir())
	for i := range 3 {
		e := &j.Examples[i]
		e.Targets = slices.Repeat([]int32{engine.Ignore}, len(e.Tokens))
		*e = modeltest.Identify(*e)
	}
	events := record(&j)
	res := run1(t, j)
	if n := len(steps(*events)); n != 8 || res.Steps != 8 {
		t.Errorf("%d steps, result says %d, want 8", n, res.Steps)
	}
	if s := as[*Started](t, (*events)[0]); s.Skipped != 3 {
		t.Errorf("%d windows skipped, want 3", s.Skipped)
	}
}

func TestEarlyStopping(t *testing.T) {
	tr := tiny()
	tr.Epochs, tr.Patience, tr.Select = 10, 2, "json_valid"
	values := []float64{0.1, 0.5, 0.4, 0.5, 0.9}
	j := job(t, tr, t.TempDir())
	j.Evaluate = func(_ context.Context, epoch int, adapter string, _ *model.Model) (map[string]float64, error) {
		if filepath.Base(adapter) != epochName(epoch) {
			t.Errorf("epoch %d in %s", epoch, adapter)
		}
		return map[string]float64{"json_valid": values[epoch-1]}, nil
	}
	events := record(&j)
	res := run1(t, j)
	if !res.Early || res.Epoch != 2 || len(res.Epochs) != 4 {
		t.Errorf("stopped early %v after %d epochs, chose %d; want true, 4, 2", res.Early, len(res.Epochs), res.Epoch)
	}
	if f := as[*Finished](t, (*events)[len(*events)-1]); !f.Early || f.Epoch != 2 || f.Steps != res.Steps {
		t.Errorf("finished %+v", f)
	}
	latest, _ := Latest(j.Dir)
	j = job(t, tr, j.Dir)
	j.Resume = latest
	if again := run1(t, j); !reflect.DeepEqual(again, res) {
		t.Errorf("resumed after the end: %+v, want %+v", again, res)
	}
}

func TestNoEvaluationChoosesTheLastEpoch(t *testing.T) {
	for _, none := range []func(context.Context, int, string, *model.Model) (map[string]float64, error){
		nil,
		func(context.Context, int, string, *model.Model) (map[string]float64, error) { return nil, nil },
	} {
		j := job(t, tiny(), t.TempDir())
		j.Evaluate = none
		if res := run1(t, j); res.Epoch != 3 || !math.IsNaN(res.Epochs[0].Selected) {
			t.Errorf("result %+v", res)
		}
	}
}

func TestNonFiniteValuesEndTheRun(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Job)
		step   int
		where  string
	}{
		{"in the adapter", func(j *Job) {
			j.Initial = modeltest.Adapter(smallShape(), j.Training.LoRA, 1)
			j.Initial.Layers[1].B[engine.Up][0] = float32(math.NaN())
		}, 1, "layer 1"},
		{"by too high a rate", func(j *Job) {
			j.Training.LearningRate, j.Training.WarmupRatio = 1e30, 0
		}, 2, "layer 0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j := job(t, tiny(), t.TempDir())
			j.CheckpointEvery = 1
			tt.change(&j)
			events := record(&j)
			_, err := Run(t.Context(), j)
			var at *StepError
			if !errors.Is(err, engine.ErrNonFinite) || !errors.As(err, &at) {
				t.Fatalf("got %v, want a value that is not finite", err)
			}
			if at.Step != tt.step || at.Where != tt.where || !strings.Contains(err.Error(), fmt.Sprintf("step %d: %s", tt.step, tt.where)) {
				t.Errorf("got %v, want step %d, %s", err, tt.step, tt.where)
			}
			if n := len(steps(*events)); n != tt.step-1 {
				t.Errorf("%d steps told of, want %d", n, tt.step-1)
			}
		})
	}
}

func TestEmitErrorEndsTheRun(t *testing.T) {
	full := errors.New("disk full")
	j := job(t, tiny(), t.TempDir())
	n := 0
	j.Emit = func(Event) error {
		if n++; n == 3 {
			return full
		}
		return nil
	}
	if _, err := Run(t.Context(), j); !errors.Is(err, full) || n != 3 {
		t.Errorf("got %v after %d events", err, n)
	}
}

func TestRunRefuses(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Job)
		want   string
	}{
		{"no folder", func(j *Job) { j.Dir = "" }, "no folder"},
		{"rate", func(j *Job) { j.Training.LearningRate = 0 }, "learning rate 0"},
		{"schedule", func(j *Job) { j.Training.Schedule = "step" }, `schedule "step": want linear, cosine or constant`},
		{"warmup", func(j *Job) { j.Training.WarmupRatio = 2 }, "warmup ratio 2"},
		{"patience without evaluation", func(j *Job) { j.Training.Patience, j.Evaluate = 1, nil }, "needs an evaluation"},
		{"positions", func(j *Job) {
			j.Training.MaxSeqLen = 500
			j.Examples = modeltest.Examples(smallShape(), 1, 1, 200, 200)
		}, "example 0 (record 0): 200 tokens: the base has 128 positions"},
		{"metric", func(j *Job) { j.Training.Select = "field_f1(medications)" }, `returned no "field_f1(medications)"`},
		{"adapter", func(j *Job) { j.Initial = modeltest.Adapter(modeltest.Shape(), j.Training.LoRA, 1) }, "3 layers: the base has 2"},
		{"rank", func(j *Job) { j.Training.LoRA.Rank = 0 }, "LoRA rank 0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j := job(t, tiny(), filepath.Join(t.TempDir(), "new"))
			tt.change(&j)
			if _, err := Run(t.Context(), j); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestDropoutFollowsTheStep trains at a rate too small to change anything on
// examples that are all alike, so that only the masks tell one step from another.
func TestDropoutFollowsTheStep(t *testing.T) {
	tr := tiny()
	tr.Epochs, tr.Packing, tr.GradAccum, tr.LearningRate, tr.Optimizer.WeightDecay = 2, false, 1, 1e-30, 0
	tr.LoRA.Dropout = 0.3
	j := job(t, tr, t.TempDir())
	j.Examples = slices.Repeat(j.Examples[:1], 2)
	j.Initial = modeltest.Adapter(smallShape(), tr.LoRA, 1)
	j.Evaluate = nil
	events := record(&j)
	run1(t, j)

	m, err := model.New(j.Backend, j.Source, model.Options{MaxTokens: 20, MaxDocuments: 1, Train: true, LoRA: &tr.LoRA})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Trained().Upload(j.Initial); err != nil {
		t.Fatal(err)
	}
	seen := map[float64]bool{}
	for _, s := range steps(*events) {
		d := engine.Dropout{P: 0.3, Seed: tr.Seed, Step: uint64(s.Step)}
		if err := m.Backward(batch(j.Examples, []Row{{0}}), 1, d); err != nil {
			t.Fatal(err)
		}
		nll, err := m.Losses()
		if err != nil {
			t.Fatal(err)
		}
		if want := nll[0] / float64(s.Targets); s.Loss != want {
			t.Errorf("step %d: loss %v, want %v", s.Step, s.Loss, want)
		}
		seen[s.Loss] = true
	}
	if len(seen) != 4 {
		t.Errorf("%d different losses in 4 steps", len(seen))
	}
}
