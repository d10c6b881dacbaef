package model

import (
	"context"
	"fmt"

	"daybook/engine"
)

// Score is what the adapter in use makes of one example.
type Score struct {
	NLL     float64 // summed over the targets, in nats
	Targets int
	Hits    int // targets that were the most likely token
}

// add counts the targets of document d of b, whose tokens' losses and hits are given.
func (s *Score) add(b *engine.Batch, d int, nll, hit []float32) {
	for i := b.Starts[d]; i < b.Starts[d+1]; i++ {
		if b.Targets[i] == engine.Ignore {
			continue
		}
		s.NLL += float64(nll[i])
		s.Targets++
		s.Hits += int(hit[i])
	}
}

// Evaluate scores each example, in order, without dropout. A score depends on
// its example alone, not on what is computed beside it. progress may be nil; it
// hears how many examples are done after every batch.
func (m *Model) Evaluate(ctx context.Context, examples []engine.Example, progress func(done, total int)) ([]Score, error) {
	scores := make([]Score, 0, len(examples))
	nll, hit := make([]float32, m.o.MaxTokens), make([]float32, m.o.MaxTokens)
	for done := 0; done < len(examples); done = len(scores) {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("evaluate: example %d: %w", done, err)
		}
		b, err := m.fill(examples, done)
		if err != nil {
			return nil, fmt.Errorf("evaluate: %w", err)
		}
		if b, err = m.score(b, nll, hit); err != nil {
			return nil, fmt.Errorf("evaluate: example %d and on: %w", done, err)
		}
		for d := range b.Documents() {
			var s Score
			s.add(b, d, nll, hit)
			scores = append(scores, s)
		}
		if progress != nil {
			progress(len(scores), len(examples))
		}
	}
	return scores, nil
}

// fill returns a batch of as many examples, from number first on, as there is room for.
func (m *Model) fill(examples []engine.Example, first int) (*engine.Batch, error) {
	b := &engine.Batch{}
	for i := first; i < len(examples) && i-first < m.o.MaxDocuments; i++ {
		e := examples[i]
		if len(e.Tokens) > m.o.MaxTokens {
			return nil, fmt.Errorf("example %d: %d tokens: the model was planned for %d", i, len(e.Tokens), m.o.MaxTokens)
		}
		if len(e.Targets) != len(e.Tokens) {
			return nil, fmt.Errorf("example %d: %d targets for %d tokens", i, len(e.Targets), len(e.Tokens))
		}
		if len(b.Tokens)+len(e.Tokens) > m.o.MaxTokens {
			break
		}
		b.Add(e.Tokens, e.Targets, engine.DropoutKey(e.ID))
	}
	return b, nil
}

// score writes loss and hit of every token of the batch that it returns: those of
// b that count.
func (m *Model) score(b *engine.Batch, nll, hit []float32) (*engine.Batch, error) {
	if err := m.load(b); err != nil {
		return nil, err
	}
	few, err := m.narrow(b)
	if err != nil {
		return nil, err
	}
	x, err := m.forward()
	if err != nil {
		return nil, err
	}
	return few, m.losses(x, nll, hit)
}

// losses writes loss and hit of every token that goes on to the end of the
// residual stream, x.
func (m *Model) losses(x engine.Buffer, nll, hit []float32) error {
	// The losses of a window in training may still wait in the first buffer.
	at := m.buf.nll[len(m.buf.nll)-1]
	if len(m.pending) == len(m.buf.nll) {
		return fmt.Errorf("the losses of %d micro-batches have not been read", len(m.pending))
	}
	err := m.head(engine.Forward, func(h *engine.Head) error {
		return m.be.Loss(m.end, h, x, 0, at, m.buf.hit, nil)
	})
	if err != nil {
		return err
	}
	if err := m.be.Download(nll, at); err != nil {
		return err
	}
	return m.be.Download(hit, m.buf.hit)
}
