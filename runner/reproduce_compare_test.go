package runner

import (
	"math"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"daybook/engine/checkpoint"
	"daybook/ledger"
	"daybook/ledger/journal"
)

func TestCompareSteps(t *testing.T) {
	run := func(losses ...float64) (rows []ledger.StepRow) {
		for i, loss := range losses {
			rows = append(rows, ledger.StepRow{Step: journal.Step{Step: i + 1, Loss: loss, GradNorm: 1, Seconds: float64(i)}})
		}
		return rows
	}
	again := func(losses ...float64) (steps []journal.Step) {
		for i, loss := range losses {
			steps = append(steps, journal.Step{Step: i + 1, Loss: loss, GradNorm: 1})
		}
		return steps
	}
	for name, c := range map[string]struct {
		was      []ledger.StepRow
		is       []journal.Step
		compared int
		want     *ledger.StepDifference
	}{
		"same":    {run(3, 2, 1), again(3, 2, 1), 3, nil},
		"one bit": {run(3, 2, 1), again(3, math.Nextafter(2, 3), 1), 3, &ledger.StepDifference{Step: 2, What: "loss", Was: 2, Is: math.Nextafter(2, 3), Steps: 1}},
		"shorter": {run(3, 2, 1), again(3), 1, &ledger.StepDifference{Step: 2, What: "missing", Was: 2, Steps: 2}},
		"longer":  {run(3), again(3, 2), 1, &ledger.StepDifference{Step: 2, What: "missing", Is: 2, Steps: 1}},
	} {
		compared, got := compareSteps(c.was, c.is)
		if diff := cmp.Diff(c.want, got); compared != c.compared || diff != "" {
			t.Errorf("%s: %d compared, %s", name, compared, diff)
		}
	}
}

// TestCompareTensors changes one bit of a late layer: layer 10 comes after layer 9.
func TestCompareTensors(t *testing.T) {
	tensors := func() map[string]checkpoint.Tensor {
		return map[string]checkpoint.Tensor{
			"layers.10.a": checkpoint.NewF32([]int{2}, []float32{1, 2}),
			"layers.9.a":  checkpoint.NewF32([]int{2}, []float32{1, 2}),
			"layers.1.a":  checkpoint.NewF32([]int{2}, []float32{1, 2}),
		}
	}
	file := func(tensors map[string]checkpoint.Tensor) *checkpoint.File {
		path := filepath.Join(t.TempDir(), "x.safetensors")
		if err := checkpoint.WriteFile(path, checkpoint.Contents{Tensors: tensors}); err != nil {
			t.Fatal(err)
		}
		f, err := checkpoint.OpenFile(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		return f
	}
	for name, c := range map[string]struct {
		change func(map[string]checkpoint.Tensor)
		want   *ledger.TensorDifference
	}{
		"same": {func(map[string]checkpoint.Tensor) {}, nil},
		"values": {func(m map[string]checkpoint.Tensor) {
			m["layers.9.a"] = checkpoint.NewF32([]int{2}, []float32{1, 2.5})
			m["layers.10.a"] = checkpoint.NewF32([]int{2}, []float32{0, 2})
		}, &ledger.TensorDifference{Name: "layers.9.a", Elements: 1, Of: 2, Largest: .5, Tensors: 2}},
		"shape": {func(m map[string]checkpoint.Tensor) {
			m["layers.10.a"] = checkpoint.NewF32([]int{1}, []float32{1})
		}, &ledger.TensorDifference{Name: "layers.10.a", Of: 2, Tensors: 1}},
		"missing": {func(m map[string]checkpoint.Tensor) { delete(m, "layers.1.a") }, &ledger.TensorDifference{Name: "layers.1.a", Tensors: 1}},
	} {
		changed := tensors()
		c.change(changed)
		compared, got, err := compareTensors(file(tensors()), file(changed))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, got); compared != 3 || diff != "" {
			t.Errorf("%s: %d compared, %s", name, compared, diff)
		}
	}
}
