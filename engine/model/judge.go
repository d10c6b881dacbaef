package model

import (
	"context"
	"fmt"
	"slices"

	"daybook/engine"
)

// Judge scores each example and continues its prompt: it returns what Evaluate
// and Generate do, bit for bit. Where every prompt begins its example, as it
// does unless a template writes something else before an answer that it asks
// for, a prompt is read once for both.
func (m *Model) Judge(ctx context.Context, examples []engine.Example, prompts [][]int32, o GenerateOptions) ([]Score, [][]int32, error) {
	if len(examples) != len(prompts) {
		return nil, nil, fmt.Errorf("judge: %d examples with %d prompts", len(examples), len(prompts))
	}
	for i, p := range prompts {
		if e := examples[i]; len(e.Targets) != len(e.Tokens) || len(e.Tokens) > m.o.MaxTokens || len(p) > len(e.Tokens) || !slices.Equal(p, e.Tokens[:len(p)]) {
			return m.judgeApart(ctx, examples, prompts, o)
		}
	}
	g := &generation{m: m, o: o, prompts: prompts, examples: examples, scores: make([]Score, len(examples))}
	if err := g.run(ctx); err != nil {
		return nil, nil, fmt.Errorf("judge: %w", err)
	}
	return g.scores, g.answers, nil
}

func (m *Model) judgeApart(ctx context.Context, examples []engine.Example, prompts [][]int32, o GenerateOptions) ([]Score, [][]int32, error) {
	scores, err := m.Evaluate(ctx, examples, nil)
	if err != nil {
		return nil, nil, err
	}
	answers, err := m.Generate(ctx, prompts, o)
	return scores, answers, err
}

// reference returns the part of a prompt's example behind the prompt, without
// what no target needs.
func (g *generation) reference(prompt int) (tokens, targets []int32) {
	if g.examples == nil {
		return nil, nil
	}
	e, from := g.examples[prompt], len(g.prompts[prompt])
	to := len(e.Tokens)
	for to > from && e.Targets[to-1] == engine.Ignore {
		to--
	}
	return e.Tokens[from:to], e.Targets[from:to]
}

// readReferences scores the references of prompts that have just been read. They
// take the positions of the answers, whose keys and values replace theirs before
// they are looked at.
func (g *generation) readReferences(fed []sequence) error {
	b := &engine.Batch{Starts: []int32{0}}
	var of []int
	for _, s := range fed {
		tokens, targets := g.reference(s.prompt)
		if len(tokens) == 0 {
			continue
		}
		for i := range tokens {
			b.Positions = append(b.Positions, int32(len(g.prompts[s.prompt])+i))
		}
		b.Tokens = append(b.Tokens, tokens...)
		b.Targets = append(b.Targets, targets...)
		b.Starts = append(b.Starts, int32(len(b.Tokens)))
		b.Slots = append(b.Slots, s.slot)
		of = append(of, s.prompt)
	}
	if len(of) == 0 {
		return nil
	}
	x, b, err := g.m.through(b, false)
	if err != nil {
		return err
	}
	return g.score(b, x, of)
}

// score adds the losses of each document of b to the score of the prompt it
// belongs to.
func (g *generation) score(b *engine.Batch, x engine.Buffer, of []int) error {
	if !hasTarget(b.Targets) {
		return nil
	}
	if g.nll == nil {
		g.nll, g.hit = make([]float32, g.m.o.MaxTokens), make([]float32, g.m.o.MaxTokens)
	}
	if err := g.m.losses(x, g.nll, g.hit); err != nil {
		return err
	}
	for d, prompt := range of {
		g.scores[prompt].add(b, d, g.nll, g.hit)
	}
	return nil
}
