package runner

import (
	"testing"

	"daybook/sweeps"
)

// TestTrainKeyHoldsMetricVersion: other maths of the selecting metric may choose
// another epoch, where an epoch is chosen.
func TestTrainKeyHoldsMetricVersion(t *testing.T) {
	spec := sweeps.DefaultSpec()
	differ := func() bool {
		before, err := trainKey(spec, Inputs{}, "validation", 1)
		if err != nil {
			t.Fatal(err)
		}
		after, err := trainKey(spec, Inputs{}, "validation", 2)
		if err != nil {
			t.Fatal(err)
		}
		return before != after
	}
	spec.Data.Validation.Count = 9
	if !differ() {
		t.Error("the key ignores the version of the metric that picks the epoch")
	}
	spec.Train.Epochs = 1
	if differ() {
		t.Error("the key has the version of a metric that picks nothing")
	}
}
