package runner_test

import (
	"testing"

	"daybook/engine"
	"daybook/engine/device"
	"daybook/engine/model"
	"daybook/ledger"
	"daybook/runner"
)

// TestEstimate asks for cards that are as large as what runs take, a byte smaller,
// and too small for anything.
func TestEstimate(t *testing.T) {
	plan := newPlace(t).plan(t, `local d = import 'daybook.libsonnet'; d.sweep('tiny', (import 'tiny.libsonnet') + { train+: { optimizer: 'adamw_8bit' } }, d.grid([d.rank([2, 4]), d.seed([0, 1])]))`)
	gpu, err := device.Parse("cuda:0")
	if err != nil {
		t.Fatal(err)
	}
	o := runner.EstimateOptions{Planner: gpu.Planner}
	all, err := plan.Estimate(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 3 || all[0].Kind != ledger.Evaluate || len(all[1].Runs) != 2 || all[1].Rank != 2 || all[2].Rank != 4 {
		t.Fatalf("%+v", all)
	}
	for _, f := range all {
		if f.Engine != f.Memory.Device() || f.Cache != f.Memory.Cache || f.Process <= f.Engine || f.Memory.Base == 0 || f.Memory.Scratch == 0 || f.Cache == 0 || f.Cards != nil {
			t.Errorf("%+v", f)
		}
		if trains := f.Kind == ledger.Train; trains != (f.Memory.Optimizer > 0) || trains != (f.Memory.Adapter > 0) {
			t.Errorf("%v: %+v", f.Runs, f.Memory)
		}
	}
	run, baseline := all[2].Process, all[0].Process
	o.Cards = []int64{run, run - 1, 1 << 20, baseline, baseline - 1}
	if all, err = plan.Estimate(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	c := all[2].Cards
	if !c[0].Fits || !c[0].Asked || *c[0].Setting != (model.Setting{Checkpointing: engine.CheckpointNone}) {
		t.Errorf("a card of exactly what is needed: %+v", c[0])
	}
	// The base has one layer, of which checkpointing has nothing to leave out.
	if !c[1].Fits || c[1].Asked || *c[1].Setting != (model.Setting{Checkpointing: engine.CheckpointNone, Paged: true}) {
		t.Errorf("a card of a byte less: %+v %+v", c[1], c[1].Setting)
	}
	if c[2].Fits || c[2].Setting != nil {
		t.Errorf("a card of 1 MiB: %+v", c[2])
	}
	if c := all[0].Cards; !c[3].Fits || !c[3].Asked || c[3].Setting != nil || c[4].Fits {
		t.Errorf("a baseline: %+v", c)
	}
}
