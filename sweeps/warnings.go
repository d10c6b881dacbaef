package sweeps

import (
	"fmt"
	"maps"
	"slices"
)

// WarningKind says what a warning is about.
type WarningKind string

// The warnings that follow from specs alone.
const (
	// ManyEpochs: small sets of records are learned by heart after about three epochs.
	ManyEpochs WarningKind = "many_epochs"
	// NoValidation: nothing chooses the epoch, so the last one is taken.
	NoValidation WarningKind = "no_validation"
	// NoTest: a comparison with the baseline would have no held-out records.
	NoTest WarningKind = "no_test"
	// SelectsSilence: the selecting metric is perfect for a model that extracts nothing.
	SelectsSilence WarningKind = "selects_silence"
)

// Warning is something that a sweep's author should know and may ignore.
type Warning struct {
	Kind    WarningKind `json:"kind"`
	Message string      `json:"message"`
	Runs    []int       `json:"runs"` // indices in Sweep.Runs, ascending
}

const usualEpochs = 3

func warnings(runs []Run) []Warning {
	byEpochs := map[int][]int{}
	byKind := map[WarningKind][]int{}
	for i, r := range runs {
		if r.Spec.Train.Epochs > usualEpochs {
			byEpochs[r.Spec.Train.Epochs] = append(byEpochs[r.Spec.Train.Epochs], i)
		}
		if r.Spec.Data.Validation.Empty() && r.Spec.Train.Epochs > 1 {
			byKind[NoValidation] = append(byKind[NoValidation], i)
		}
		if r.Spec.Data.Test.Empty() {
			byKind[NoTest] = append(byKind[NoTest], i)
		}
		if r.Spec.Chooses() && r.Spec.Eval.SelectMetric().Kind == "invented" {
			byKind[SelectsSilence] = append(byKind[SelectsSilence], i)
		}
	}
	var list []Warning
	for _, epochs := range slices.Sorted(maps.Keys(byEpochs)) {
		of := byEpochs[epochs]
		list = append(list, Warning{ManyEpochs, fmt.Sprintf("%d epochs: past %d, small sets are usually learned by heart (%s)", epochs, usualEpochs, plural(len(of), "run")), of})
	}
	for _, w := range []Warning{
		{NoValidation, "no validation records: the last epoch is taken, whatever it is worth", nil},
		{NoTest, "no test records: there will be nothing to compare with the baseline", nil},
		{SelectsSilence, "epochs are chosen by invented values: a model that extracts nothing invents nothing", nil},
	} {
		if of := byKind[w.Kind]; len(of) > 0 {
			w.Message += fmt.Sprintf(" (%s)", plural(len(of), "run"))
			w.Runs = of
			list = append(list, w)
		}
	}
	return list
}
