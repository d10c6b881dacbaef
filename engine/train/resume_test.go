package train

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"daybook/engine"
	"daybook/engine/model"
)

// interrupt runs j until it has emitted stop steps, or to its end. It reports
// whether the run was interrupted.
func interrupt(t tb, j Job, stop int) (events []Event, interrupted bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	seen := 0
	j.Emit = func(e Event) error {
		events = append(events, e)
		if _, ok := e.(*Step); ok {
			if seen++; seen == stop {
				cancel()
			}
		}
		return nil
	}
	if stop == 0 {
		cancel()
	}
	_, err := Run(ctx, j)
	if err == nil {
		return events, false
	}
	if !errors.Is(err, ErrInterrupted) || !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	return events, true
}

// TestResumedEqualsUninterrupted stops a run at random steps, again and again,
// in the same folder or moving to a new one, and compares the bytes.
func TestResumedEqualsUninterrupted(t *testing.T) {
	checks(t, 12)
	root := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		tr := tiny()
		tr.Epochs = 2
		tr.Packing = rapid.Bool().Draw(t, "packing")
		tr.GradAccum = rapid.IntRange(1, 3).Draw(t, "accum")
		tr.LoRA.Dropout = rapid.SampledFrom([]float64{0, 0.2}).Draw(t, "dropout")
		tr.Checkpointing = rapid.SampledFrom([]engine.Checkpointing{engine.CheckpointNone, engine.CheckpointSelective, engine.CheckpointFull}).Draw(t, "checkpointing")
		if rapid.Bool().Draw(t, "8-bit") {
			tr = eightBit(tr)
		}
		every := rapid.IntRange(0, 3).Draw(t, "every")
		whole := folder(t, root)
		j := job(t, tr, whole)
		events := record(&j)
		want := run1(t, j)

		resume, dir := "", folder(t, root)
		var seen []Step
		stops := rapid.SliceOfN(rapid.IntRange(0, 7), 1, 4).Draw(t, "stops")
		for _, stop := range append(stops, -1) {
			part := job(t, tr, dir)
			part.Resume, part.CheckpointEvery = resume, every
			events, interrupted := interrupt(t, part, stop)
			seen = append(seen, steps(events)...)
			if !interrupted {
				break
			}
			var err error
			if resume, err = Latest(dir); err != nil || resume == "" {
				t.Fatalf("no checkpoint: %v", err)
			}
			if rapid.Bool().Draw(t, "move") {
				dir = folder(t, root)
			}
		}
		if got := steps(*events); !reflect.DeepEqual(seen, got) {
			t.Fatalf("steps %v, uninterrupted %v", seen, got)
		}
		sameAdapters(t, dir, whole, tr.Epochs)
		j = job(t, tr, dir)
		var err error
		if j.Resume, err = Latest(dir); err != nil {
			t.Fatal(err)
		}
		if got := run1(t, j); !reflect.DeepEqual(got, want) {
			t.Fatalf("result %+v, uninterrupted %+v", got, want)
		}
	})
}

// checks lowers the number of rapid's checks for a test whose checks are slow,
// unless the command line asks for more.
func checks(t *testing.T, n int) {
	t.Helper()
	f := flag.Lookup("rapid.checks")
	was := f.Value.String()
	if was != f.DefValue {
		return
	}
	set := func(v string) {
		if err := f.Value.Set(v); err != nil {
			t.Fatal(err)
		}
	}
	set(strconv.Itoa(n))
	t.Cleanup(func() { set(was) })
}

func folder(t tb, root string) string {
	t.Helper()
	dir, err := os.MkdirTemp(root, "")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestInterruptedEvaluationIsRepeated(t *testing.T) {
	whole, dir := t.TempDir(), t.TempDir()
	want := run1(t, job(t, tiny(), whole))

	ctx, cancel := context.WithCancel(t.Context())
	j := job(t, tiny(), dir)
	judge := j.Evaluate
	j.Evaluate = func(ctx context.Context, epoch int, adapter string, m *model.Model) (map[string]float64, error) {
		if epoch == 2 {
			cancel()
		}
		return judge(ctx, epoch, adapter, m)
	}
	if _, err := Run(ctx, j); !errors.Is(err, ErrInterrupted) {
		t.Fatalf("got %v, want an interruption", err)
	}
	j = job(t, tiny(), dir)
	j.Resume, _ = Latest(dir)
	events := record(&j)
	got := run1(t, j)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("result %+v, uninterrupted %+v", got, want)
	}
	if first := (*events)[1]; reflect.TypeOf(first) != reflect.TypeFor[*Epoch]() {
		t.Errorf("first event after resuming is %T: a step was repeated", first)
	}
	sameAdapters(t, dir, whole, 3)
}

func TestFailedEvaluationLosesNothing(t *testing.T) {
	dir := t.TempDir()
	j := job(t, tiny(), dir)
	broken := errors.New("disk full")
	j.Evaluate = func(context.Context, int, string, *model.Model) (map[string]float64, error) { return nil, broken }
	if _, err := Run(t.Context(), j); !errors.Is(err, broken) || !strings.Contains(err.Error(), "epoch 1: evaluation") {
		t.Fatalf("got %v", err)
	}
	j = job(t, tiny(), dir)
	j.Resume, _ = Latest(dir)
	events := record(&j)
	run1(t, j)
	if r, ok := (*events)[0].(*Resumed); !ok || r.Step != len(mustOrder(t, j).Epochs[0]) {
		t.Errorf("resumed with %+v", (*events)[0])
	}
}

// TestFailedDeviceLeavesNoCheckpoint takes nothing from a device that failed, and
// says no more about it than once.
func TestFailedDeviceLeavesNoCheckpoint(t *testing.T) {
	dir := t.TempDir()
	j := job(t, tiny(), dir)
	j.Evaluate = func(context.Context, int, string, *model.Model) (map[string]float64, error) {
		return nil, fmt.Errorf("judge: %w", engine.ErrDeviceLost)
	}
	_, err := Run(t.Context(), j)
	if !errors.Is(err, engine.ErrDeviceLost) || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
	if at, _ := Latest(dir); at != "" {
		t.Errorf("left the checkpoint %s", at)
	}
}

func mustOrder(t tb, j Job) *Order {
	t.Helper()
	o, err := NewOrder(context.Background(), j.Training, j.Examples)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestResumeRefuses(t *testing.T) {
	dir := t.TempDir()
	j := job(t, tiny(), dir)
	j.CheckpointEvery = 1
	if _, interrupted := interrupt(t, j, 2); !interrupted {
		t.Fatal("not interrupted")
	}
	checkpoint, err := Latest(dir)
	if err != nil {
		t.Fatal(err)
	}
	rewrite := func(name string, change func(string) string) func(*testing.T, string, *Job) {
		return func(t *testing.T, dir string, _ *Job) {
			t.Helper()
			path := filepath.Join(dir, name)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(change(string(data))), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	replace := func(old, with string) func(string) string {
		return func(s string) string { return strings.Replace(s, old, with, 1) }
	}
	tests := []struct {
		name   string
		change func(t *testing.T, dir string, j *Job)
		is     error
		want   string
	}{
		{"another rate", func(_ *testing.T, _ string, j *Job) { j.Training.LearningRate *= 2 }, ErrMismatch, "job digest"},
		{"another example", func(_ *testing.T, _ string, j *Job) { j.Examples[3].ID[0]++ }, ErrMismatch, "job digest"},
		{"another base", func(_ *testing.T, _ string, j *Job) { j.Base[31]++ }, ErrMismatch, "job digest"},
		{"another selection", func(_ *testing.T, _ string, j *Job) { j.Training.Select = "json_valid" }, ErrMismatch, "job digest"},
		{"another numerics class", rewrite("state.json", replace(`"numerics": "cpu`, `"numerics": "cuda`)), ErrMismatch, "numerics class is cuda"},
		{"another format", rewrite("state.json", replace(`"format": 1`, `"format": 2`)), ErrMismatch, "format 2"},
		{"unknown field", rewrite("state.json", replace(`"format": 1`, `"format": 1, "extra": 1`)), nil, "unknown field"},
		{"damaged adapter", rewrite("adapter_model.safetensors", func(s string) string { return s[:len(s)-1] + "x" }), nil, "the file is damaged"},
		{"damaged optimizer", rewrite("optimizer.safetensors", func(s string) string { return s[:len(s)-4] }), nil, "the file is damaged"},
		{"impossible step", rewrite("state.json", replace(`"step": 2`, `"step": 1`)), nil, "its place in the order is step 2"},
		{"missing optimizer", func(t *testing.T, dir string, _ *Job) {
			t.Helper()
			if err := os.Remove(filepath.Join(dir, "optimizer.safetensors")); err != nil {
				t.Fatal(err)
			}
		}, os.ErrNotExist, "optimizer.safetensors"},
		{"nothing there", func(t *testing.T, dir string, _ *Job) {
			t.Helper()
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}, os.ErrNotExist, "resume"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			copied := filepath.Join(t.TempDir(), filepath.Base(checkpoint))
			if err := os.CopyFS(copied, os.DirFS(checkpoint)); err != nil {
				t.Fatal(err)
			}
			j := job(t, tiny(), t.TempDir())
			j.Resume = copied
			tt.change(t, copied, &j)
			_, err := Run(t.Context(), j)
			if err == nil || !strings.Contains(err.Error(), tt.want) || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestMemorySettingsMayChangeOnResume(t *testing.T) {
	whole, dir := t.TempDir(), t.TempDir()
	want := run1(t, job(t, tiny(), whole))
	if _, interrupted := interrupt(t, job(t, tiny(), dir), 3); !interrupted {
		t.Fatal("not interrupted")
	}
	tr := tiny()
	tr.Checkpointing, tr.HostInputs, tr.Optimizer.Paged = engine.CheckpointAuto, true, true
	j := job(t, tr, dir)
	j.Resume, _ = Latest(dir)
	if got := run1(t, j); !reflect.DeepEqual(got, want) {
		t.Errorf("result %+v, want %+v", got, want)
	}
	sameAdapters(t, dir, whole, 3)
}

func TestCheckpointsReplaceEachOther(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, temporary+"left over"), 0o700); err != nil {
		t.Fatal(err)
	}
	j := job(t, tiny(), dir)
	j.CheckpointEvery = 1
	j.Position = func() int64 { return 42 }
	events := record(&j)
	run1(t, j)
	names, err := list(dir)
	if err != nil {
		t.Fatal(err)
	}
	latest, err := Latest(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"epoch-001", "epoch-002", "epoch-003", filepath.Base(latest)}
	if !reflect.DeepEqual(names, want) {
		t.Errorf("folder holds %v, want %v", names, want)
	}
	written := map[string]bool{}
	for _, e := range *events {
		if c, ok := e.(*Checkpoint); ok {
			if written[c.Path] {
				t.Errorf("%s written twice", c.Path)
			}
			written[c.Path] = true
		}
	}
	f, err := readState(latest)
	if err != nil || f.State.Position != 42 {
		t.Errorf("position %d, %v; want 42", f.State.Position, err)
	}
}

func TestLatest(t *testing.T) {
	dir := t.TempDir()
	if got, err := Latest(filepath.Join(dir, "absent")); got != "" || err != nil {
		t.Errorf("absent folder: %q, %v", got, err)
	}
	for _, name := range []string{
		"step-00000009-epoch-001", "step-00000010-epoch-001", "step-00000010-epoch-002",
		"step-00000011-epoch-2", ".tmp-step-00000012-epoch-002", "epoch-003",
	} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	want := filepath.Join(dir, "step-00000010-epoch-002")
	if got, err := Latest(dir); got != want || err != nil {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

// TestInterruptedWithoutCheckpoint has no place for the checkpoint: what can't be
// resumed from was not interrupted.
func TestInterruptedWithoutCheckpoint(t *testing.T) {
	j := job(t, tiny(), t.TempDir())
	ctx, cancel := context.WithCancel(context.Background())
	j.Emit = func(e Event) error {
		if s, ok := e.(*Step); ok && s.Step == 2 {
			cancel()
			return os.RemoveAll(j.Dir)
		}
		return nil
	}
	_, err := Run(ctx, j)
	if err == nil || errors.Is(err, ErrInterrupted) || errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "step 2: stopped, and its state could not be kept: checkpoint: ") {
		t.Errorf("got %v", err)
	}
}
