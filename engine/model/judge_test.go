package model

import (
	"slices"
	"testing"

	"daybook/engine"
	"daybook/engine/model/modeltest"
)

// judged returns n examples with the prompts that begin them. Only what follows
// a prompt is scored, as in a chat; the last example has no more than its prompt.
func judged(s engine.Shape, n int) ([]engine.Example, [][]int32) {
	examples := modeltest.Examples(s, 5, n, 6, 20)
	var ps [][]int32
	for i := range examples {
		e := &examples[i]
		at := 1 + i%5
		if i == n-1 {
			at = len(e.Tokens)
		}
		for t := range at - 1 {
			e.Targets[t] = engine.Ignore
		}
		e.Targets[len(e.Targets)-1] = engine.Ignore
		ps = append(ps, e.Tokens[:at])
	}
	return examples, ps
}

// TestJudgeIsEvaluateAndGenerate holds for every size of a batch, and for
// prompts that don't begin their examples.
func TestJudgeIsEvaluateAndGenerate(t *testing.T) {
	m := generating().open(t)
	examples, ps := judged(m.shape, 9)
	strange := slices.Clone(ps)
	strange[3] = slices.Concat([]int32{7}, ps[3])
	for _, prompts := range [][][]int32{ps, strange} {
		for _, size := range []int{1, 2, 4, 0} {
			o := GenerateOptions{MaxNewTokens: 12, Stop: []int32{3, 14, 15, 92, 65, 35, 8, 9, 79}, BatchSize: size}
			scores, answers, err := m.Judge(t.Context(), examples, prompts, o)
			if err != nil {
				t.Fatal(err)
			}
			want, err := m.Evaluate(t.Context(), examples, nil)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(scores, want) {
				t.Errorf("batches of %d: got scores %v, want %v", size, scores, want)
			}
			if want := generate(t, m, prompts, o); !slices.EqualFunc(answers, want, slices.Equal) {
				t.Errorf("batches of %d: got answers %v, want %v", size, answers, want)
			}
		}
	}
	if _, _, err := m.Judge(t.Context(), examples, ps[1:], GenerateOptions{MaxNewTokens: 1}); err == nil {
		t.Error("fewer prompts than examples were accepted")
	}
}
