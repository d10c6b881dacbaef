package runner

import (
	"slices"

	"daybook/engine/train"
	"daybook/sweeps"
)

// Room returns what judging sets of questions takes of a model whose base has so
// many positions.
func Room(e sweeps.Eval, positions int, sets ...[]Question) train.Room {
	r := train.Room{Documents: e.BatchSize}
	prompt, example := 0, 0 // tokens of the longest
	for _, questions := range sets {
		for _, q := range questions {
			prompt, example = max(prompt, len(q.Prompt)), max(example, len(q.Example.Tokens))
		}
	}
	r.Tokens = max(prompt, example)
	// A few short questions at a time fill a batch that one long one needs anyway.
	r.Tokens = max(r.Tokens, min(1024, r.Documents*r.Tokens), 1)
	if prompt > 0 && slices.ContainsFunc(e.Metrics, sweeps.Metric.Generates) {
		r.Positions = max(min(prompt+e.Generate.MaxNewTokens, positions)-1, example)
	}
	return r
}
