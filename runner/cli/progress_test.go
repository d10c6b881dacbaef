package cli

import (
	"io"
	"testing"

	"daybook/ledger"
	"daybook/ledger/journal"
	"daybook/runner"
)

// TestBars looks at what a bar says it is at: steps, or the records that an
// evaluation has answered. On a terminal it depends on when it is drawn.
func TestBars(t *testing.T) {
	b := newBars(io.Discard, 2)
	defer b.close()
	train := &runner.Item{Job: runner.Job{Kind: ledger.Train, Name: "rank=4"}}
	base := &runner.Item{Job: runner.Job{Kind: ledger.Evaluate, Name: "zero_shot"}}
	for _, c := range []struct {
		item    *runner.Item
		happens func(*runner.Item)
		want    string
		current int64
	}{
		{train, func(i *runner.Item) { b.Begin(i, 1) }, "starts", 0},
		{train, func(i *runner.Item) { b.Answered(i, runner.Answered{Loading: true, Done: 34, Total: 100}) }, "loads the base: 34%", 0},
		{train, func(i *runner.Item) { b.Event(i, journal.Started{Steps: 84, ResumedStep: 2}) }, "step 2 of 84", 2},
		{train, func(i *runner.Item) { b.Event(i, journal.Step{Step: 3, Loss: 0.5}) }, "step 3 of 84, loss 0.500", 3},
		{train, func(i *runner.Item) {
			b.Answered(i, runner.Answered{Epoch: 1, Split: "validation", Done: 4, Total: 6})
		}, "epoch 1, validation: 4 of 6 records", 3},
		{train, func(i *runner.Item) { b.Event(i, journal.Step{Step: 4, Loss: 0.25}) }, "step 4 of 84, loss 0.250", 4},
		{base, func(i *runner.Item) { b.Begin(i, 1) }, "starts", 0},
		{base, func(i *runner.Item) { b.Event(i, journal.Started{}) }, "starts", 0},
		{base, func(i *runner.Item) { b.Answered(i, runner.Answered{Split: "test", Done: 5, Total: 8}) }, "test: 5 of 8 records", 5},
	} {
		c.happens(c.item)
		one := b.runs[c.item]
		if got := one.note.Load(); got != c.want {
			t.Errorf("the bar says %q, want %q", got, c.want)
		}
		if got := one.Current(); got != c.current {
			t.Errorf("%s: the bar stands at %d, want %d", c.want, got, c.current)
		}
	}
	b.End(base, ledger.Done, "")
	if b.runs[base] != nil || b.all.Current() != 1 {
		t.Errorf("after a run has ended its bar is %v, and the sweep's stands at %d, want none and 1", b.runs[base], b.all.Current())
	}
	b.End(train, ledger.Resumable, "stopped after step 4")
	if b.all.Current() != 1 {
		t.Errorf("after a run was interrupted the sweep's bar stands at %d, want 1", b.all.Current())
	}
}
