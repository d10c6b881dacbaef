package ledger

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestReproductions records what came of reproducing a run, and gets it back whole,
// after a rebuild too; verify knows of it.
func TestReproductions(t *testing.T) {
	ctx := t.Context()
	l, _ := open(t)
	small.fill(ctx, t, l)
	same := Reproduction{
		Run: small.key(0), Attempt: 1, Outcome: Identical, Adapter: id("adapter 0 2"), Numerics: "cpu/f32/1",
		Device: map[string]string{"cpu": "x"}, Engine: map[string]string{"go": "1"}, Environment: map[string]string{"cpus": "2"},
		Checkout: "fa11", Confined: true, Seconds: 1.5, Steps: 8, Tensors: 14, Values: 6,
	}
	other := same
	other.Outcome, other.Adapter = Different, id("other")
	other.Step = &StepDifference{Step: 3, What: "loss", Was: 1.25, Is: 1.5, Steps: 6}
	other.Tensor = &TensorDifference{Name: "lora_A", Elements: 3, Of: 8, Largest: 1e-7, Tensors: 2}
	other.Value = &ValueDifference{Split: "test", Epoch: 2, Metric: "loss", Was: new(1.), Values: 1}
	other.Spread = []Spread{{Split: "test", Metric: "loss", Was: 1, Is: 2, Seeds: .5, Pairs: 2}}
	for _, r := range []Reproduction{same, other} {
		ok(t, l.RecordReproduction(ctx, r))
	}
	look := func() {
		t.Helper()
		got := must(l.Reproductions(ctx, small.key(0)))(t)
		if d := cmp.Diff([]Reproduction{same, other}, got, cmpopts.IgnoreFields(Reproduction{}, "Entry", "Time")); d != "" {
			t.Error(d)
		}
		if got[0].Entry == 0 || got[1].Entry <= got[0].Entry || got[0].Time.IsZero() {
			t.Errorf("entries %d and %d at %s", got[0].Entry, got[1].Entry, got[0].Time)
		}
	}
	look()
	ok(t, l.Rebuild(ctx))
	look()
	if n := len(must(l.Reproductions(ctx, ""))(t)); n != 2 {
		t.Errorf("%d in all", n)
	}
	if n := len(must(l.Reproductions(ctx, small.key(1)))(t)); n != 0 {
		t.Errorf("%d of another run", n)
	}
	if v := must(l.Verify(ctx, VerifyOptions{Keys: l.keys}))(t); len(v.Problems) > 0 {
		t.Errorf("problems: %v", v.Problems)
	}
}

// TestReproductionRefused gives the ledger what it can't have seen.
func TestReproductionRefused(t *testing.T) {
	ctx := t.Context()
	l, _ := open(t)
	small.fill(ctx, t, l)
	for name, c := range map[string]struct {
		r    Reproduction
		want error
	}{
		"outcome": {Reproduction{Run: small.key(0), Attempt: 1, Outcome: "fine", Adapter: id("x")}, ErrInvalid},
		"adapter": {Reproduction{Run: small.key(0), Attempt: 1, Outcome: Identical, Adapter: "x"}, ErrInvalid},
		"attempt": {Reproduction{Run: small.key(0), Attempt: 9, Outcome: Identical, Adapter: id("x")}, ErrNotFound},
		"run":     {Reproduction{Run: id("nobody"), Attempt: 1, Outcome: Identical, Adapter: id("x")}, ErrNotFound},
	} {
		if err := l.RecordReproduction(ctx, c.r); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
