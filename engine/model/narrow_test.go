package model

import (
	"slices"
	"testing"

	"daybook/engine"
	"daybook/engine/model/modeltest"
)

// unmoving hides that a backend can move rows.
type unmoving struct{ engine.Backend }

// TestNarrowChangesNothing compares with a backend on which all rows go through
// all of the last layer.
func TestNarrowChangesNothing(t *testing.T) {
	for _, checkpointing := range []engine.Checkpointing{engine.CheckpointNone, engine.CheckpointSelective, engine.CheckpointFull} {
		s := training()
		s.o.Checkpointing = checkpointing
		few := s.open(t)
		if few.few.mover == nil {
			t.Fatal("the backend moves no rows: nothing is tested")
		}
		s.unmoving = true
		all := s.open(t)

		b := batch(modeltest.Examples(few.shape, 3, 5, 2, 19))
		drop := engine.Dropout{P: 0.1, Seed: 1}
		losses, adapter := backward(t, few, drop, b, b)
		wantLosses, want := backward(t, all, drop, b, b)
		if !slices.Equal(losses, wantLosses) {
			t.Errorf("losses %v, want %v", losses, wantLosses)
		}
		identical(t, adapter, want)

		examples, ps := judged(few.shape, 9)
		o := GenerateOptions{MaxNewTokens: 7}
		scores, answers, err := few.Judge(t.Context(), examples, ps, o)
		if err != nil {
			t.Fatal(err)
		}
		wantScores, wantAnswers, err := all.Judge(t.Context(), examples, ps, o)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(scores, wantScores) || !slices.EqualFunc(answers, wantAnswers, slices.Equal) {
			t.Errorf("judged %v and %v, want %v and %v", scores, answers, wantScores, wantAnswers)
		}
	}
}
