package train

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"daybook/engine"
	"daybook/engine/model"
)

// Row is what counts as one item of a batch: the indexes of the examples that
// lie in it, in their order. Without packing it is a single example.
type Row []int

// Window is what one optimizer step trains on.
type Window struct {
	Batches [][]Row // micro-batches
	Tokens  int
	Targets int // positive
}

// Order is the whole course of a run through its examples, known before the
// first step.
type Order struct {
	Epochs [][]Window // Epochs[e-1] is epoch e
	Steps  int        // optimizer steps of all epochs
	// Skipped counts the windows that have no target, and therefore no step.
	Skipped int
	// MaxTokens and MaxDocuments are those of the largest micro-batch.
	MaxTokens, MaxDocuments int
	// Digest is SHA-256 over the examples' indexes as laid out in rows, epoch by epoch.
	Digest [32]byte
}

// NewOrder lays out the epochs of t. Epoch e permutes the examples with
// engine.NewRandom(StreamShuffle, seed, e).Perm; with packing the permuted
// examples then fill rows (see pack) and the same generator permutes the rows.
// BatchSize rows make a micro-batch and GradAccum of those a window; the last
// of either may be shorter, and neither crosses the end of an epoch. Cancelling ctx
// ends it between two epochs, with the error of ctx.
func NewOrder(ctx context.Context, t engine.Training, examples []engine.Example) (*Order, error) {
	if err := checkExamples(t, examples); err != nil {
		return nil, fmt.Errorf("order: %w", err)
	}
	o := &Order{}
	h := sha256.New()
	word := func(n int) {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], uint64(n))
		h.Write(b[:]) // a hash never fails
	}
	for e := 1; e <= t.Epochs; e++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		rows := epochRows(t, examples, e)
		word(len(rows))
		for _, r := range rows {
			word(len(r))
			for _, i := range r {
				word(i)
			}
		}
		o.Epochs = append(o.Epochs, o.windows(t, examples, rows))
	}
	h.Sum(o.Digest[:0])
	if o.Steps == 0 {
		return nil, errors.New("order: no example has a target: nothing to learn from")
	}
	return o, nil
}

// Options returns what the model of a training in this order is planned for, with
// room for evaluation, so that model.Plan tells its memory without training.
func (o *Order) Options(t engine.Training, room Room) model.Options {
	m := room.Options()
	m.MaxTokens, m.MaxDocuments = max(o.MaxTokens, m.MaxTokens), max(o.MaxDocuments, m.MaxDocuments)
	m.Train, m.Accumulate, m.LoRA = true, t.GradAccum, &t.LoRA
	m.Checkpointing, m.HostInputs = t.Checkpointing, t.HostInputs
	return m
}

func checkExamples(t engine.Training, examples []engine.Example) error {
	switch {
	case len(examples) == 0:
		return errors.New("no examples")
	case t.Epochs < 1 || t.BatchSize < 1 || t.GradAccum < 1:
		return fmt.Errorf("%d epochs, batches of %d, %d batches a step: all must be positive", t.Epochs, t.BatchSize, t.GradAccum)
	}
	for i, e := range examples {
		switch {
		case len(e.Tokens) == 0:
			return fmt.Errorf("example %d (record %d): empty", i, e.Record)
		case len(e.Targets) != len(e.Tokens):
			return fmt.Errorf("example %d (record %d): %d targets for %d tokens", i, e.Record, len(e.Targets), len(e.Tokens))
		case len(e.Tokens) > t.MaxSeqLen:
			return fmt.Errorf("example %d (record %d): %d tokens: longer than max_seq_len %d", i, e.Record, len(e.Tokens), t.MaxSeqLen)
		}
	}
	return nil
}

// epochRows returns the rows of epoch e in the order they are trained on.
func epochRows(t engine.Training, examples []engine.Example, e int) []Row {
	random := engine.NewRandom(engine.StreamShuffle, t.Seed, uint64(e))
	shuffled := random.Perm(len(examples))
	if !t.Packing {
		rows := make([]Row, len(shuffled))
		for i, x := range shuffled {
			rows[i] = Row{x}
		}
		return rows
	}
	packed := pack(shuffled, func(i int) int { return len(examples[i].Tokens) }, t.MaxSeqLen)
	rows := make([]Row, len(packed))
	for i, p := range random.Perm(len(packed)) {
		rows[i] = packed[p]
	}
	return rows
}

// windows cuts rows into windows and takes their measure.
func (o *Order) windows(t engine.Training, examples []engine.Example, rows []Row) []Window {
	var out []Window
	for len(rows) > 0 {
		var w Window
		for len(rows) > 0 && len(w.Batches) < t.GradAccum {
			batch := rows[:min(t.BatchSize, len(rows))]
			rows = rows[len(batch):]
			w.Batches = append(w.Batches, batch)
			tokens, documents := 0, 0
			for _, r := range batch {
				documents += len(r)
				for _, i := range r {
					tokens += len(examples[i].Tokens)
					w.Targets += examples[i].TargetCount()
				}
			}
			w.Tokens += tokens
			o.MaxTokens, o.MaxDocuments = max(o.MaxTokens, tokens), max(o.MaxDocuments, documents)
		}
		if w.Targets == 0 {
			o.Skipped++
			continue
		}
		o.Steps++
		out = append(out, w)
	}
	return out
}
