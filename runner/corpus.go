package runner

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"daybook/engine"
	"daybook/engine/chat"
	"daybook/engine/checkpoint"
	"daybook/engine/dataset"
	"daybook/engine/metric"
	"daybook/engine/tokenizer"
	"daybook/ledger"
	"daybook/sweeps"
)

// Base is a frozen model's description on disk: everything but its weights.
type Base struct {
	*checkpoint.Base
	Tokenizer *tokenizer.Tokenizer
	Template  *chat.Template
	Encoder   *chat.Encoder
}

// OpenBase opens the model in dir. Template, if not empty, is a Jinja file that
// replaces the model's own chat template; cache may be nil.
func OpenBase(dir, template string, cache *checkpoint.Cache) (*Base, error) {
	base, err := checkpoint.OpenCached(dir, cache)
	var tok *tokenizer.Tokenizer
	if err == nil {
		tok, err = loadTokenizer(dir)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist): // where to name another, the caller knows
		return nil, err
	case err != nil:
		return nil, WithHint(err, baseAdvice(err))
	}
	tmpl, err := chat.Load(dir, template)
	var encoder *chat.Encoder
	if err == nil {
		encoder, err = chat.New(tok, tmpl)
	}
	if err != nil {
		return nil, WithHint(err, templateAdvice(err))
	}
	return &Base{Base: base, Tokenizer: tok, Template: tmpl, Encoder: encoder}, nil
}

// loadTokenizer reads the tokenizer of the base in dir.
func loadTokenizer(dir string) (*tokenizer.Tokenizer, error) {
	tok, err := tokenizer.Load(filepath.Join(dir, "tokenizer.json"))
	if errors.Is(err, fs.ErrNotExist) {
		const only = "tokenizer.model" // SentencePiece's
		if _, missing := os.Stat(filepath.Join(dir, only)); missing == nil {
			err = WithHint(fmt.Errorf("tokenizer: %s: tokenizer.json is needed, and only %s is there", dir, only),
				"convert it with transformers: AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)")
		}
	}
	return tok, err
}

// Inputs returns the digests of a base alone.
func (b *Base) Inputs() Inputs {
	return Inputs{Base: hexDigest(b.Digest()), Tokenizer: hexDigest(b.Tokenizer.Digest()), Template: hexDigest(b.Template.Digest())}
}

// InputsOf returns the digests of what a job reads; Train is left to the caller.
func InputsOf(b *Base, ds *dataset.Dataset, numerics engine.Numerics) Inputs {
	in := b.Inputs()
	in.Dataset, in.Numerics = hexDigest(ds.Digest), numerics.String()
	return in
}

// TrainingExamples tokenizes records as a run trains on them.
func TrainingExamples(b *Base, ds *dataset.Dataset, records []int, t sweeps.Train) ([]engine.Example, error) {
	on, ok := chat.ParseLossOn(t.LossOn)
	if !ok {
		return nil, fmt.Errorf("train.loss_on: %q", t.LossOn)
	}
	out := make([]engine.Example, 0, len(records))
	for _, i := range records {
		r := &ds.Records[i]
		said, err := r.Turns()
		if err != nil {
			return nil, err
		}
		e, err := b.Encoder.Example(said, on, t.MaxSeqLen)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.Place(), err)
		}
		if limit := b.Shape().MaxPositions; len(e.Tokens) > limit {
			return nil, WithHint(fmt.Errorf("%s: record %s has %d tokens; the base takes %d", r.Place(), r.Name(), len(e.Tokens)+e.Truncated, limit),
				fmt.Sprintf("set train.max_seq_len to %d, which cuts such records, or leave them out with a where rule", limit))
		}
		if e.Truncated > 0 && t.Overlong == "error" {
			return nil, WithHint(fmt.Errorf("%s: record %s has %d tokens, max_seq_len is %d", r.Place(), r.Name(), len(e.Tokens)+e.Truncated, t.MaxSeqLen),
				"raise train.max_seq_len, shorten the record, or set train.overlong to 'truncate'")
		}
		e.Record = i
		out = append(out, e)
	}
	return out, nil
}

// Question is a record as it is put to a model: the conversation up to its
// last assistant turn, whose content is the reference answer.
type Question struct {
	Record    int
	Prompt    []int32 // nil for plain text, which asks nothing
	Reference string
	Source    string         // text of the record's own other turns, in which extracted values must occur
	Example   engine.Example // prompt and reference, with the loss on the reference alone
}

// Questions prepares records for evaluation. Shots, if any, are put before each
// question as worked examples, after a leading system turn.
func Questions(b *Base, ds *dataset.Dataset, records, shots []int) ([]Question, error) {
	var worked []engine.Turn
	for _, i := range shots {
		said, err := ds.Records[i].Turns()
		if err != nil {
			return nil, err
		}
		_, turns := splitSystem(said)
		worked = append(worked, turns...)
	}
	limit := b.Shape().MaxPositions
	out := make([]Question, 0, len(records))
	for _, i := range records {
		r := &ds.Records[i]
		said, err := r.Turns()
		if err != nil {
			return nil, err
		}
		last := len(said) - 1 // dataset.Open has checked that this is the assistant's, or plain text
		q := Question{Record: i, Reference: said[last].Content}
		for _, t := range said[:last] {
			if t.Role != "assistant" && t.Role != "system" {
				q.Source += t.Content + "\n"
			}
		}
		system, own := splitSystem(said)
		turns := append(append(append([]engine.Turn{}, system...), worked...), own...)
		e, err := b.Encoder.Example(turns, chat.Assistant, limit)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.Place(), err)
		}
		var prompt []int32
		if said[last].Role != engine.PlainText {
			if prompt, err = b.Encoder.Prompt(turns[:len(turns)-1]); err != nil {
				return nil, fmt.Errorf("%s: %w", r.Place(), err)
			}
		}
		// Only the last answer is judged, not the shots' or earlier turns'.
		for t := range min(len(prompt)-1, len(e.Targets)) {
			e.Targets[t] = engine.Ignore
		}
		if e.Truncated > 0 {
			with, advice := "", "leave it out with a where rule"
			if len(shots) > 0 {
				with, advice = fmt.Sprintf(" with its %d shots", len(shots)), "use fewer shots in eval.baselines"
			}
			return nil, WithHint(fmt.Errorf("%s: record %s has %d tokens%s; the base takes %d", r.Place(), r.Name(), len(e.Tokens)+e.Truncated, with, limit), advice)
		}
		e.Record = i
		q.Prompt, q.Example = prompt, e
		out = append(out, q)
	}
	return out, nil
}

// splitSystem separates a leading system turn from the rest.
func splitSystem(turns []engine.Turn) (system, rest []engine.Turn) {
	if len(turns) > 0 && turns[0].Role == "system" {
		return turns[:1], turns[1:]
	}
	return nil, turns
}

// ExampleSet is the Merkle root over example IDs in order.
func ExampleSet(examples []engine.Example) ledger.Digest {
	ids := make([][32]byte, len(examples))
	for i, e := range examples {
		ids[i] = e.ID
	}
	return hexDigest(dataset.Root(ids))
}

// QuestionSet is ExampleSet over questions.
func QuestionSet(questions []Question) ledger.Digest {
	return ExampleSet(questionExamples(questions))
}

func questionExamples(questions []Question) []engine.Example {
	out := make([]engine.Example, len(questions))
	for i, q := range questions {
		out[i] = q.Example
	}
	return out
}

func hexDigest(d [32]byte) ledger.Digest { return hex.EncodeToString(d[:]) }

// Metrics returns what a spec is judged by: the loss always, and what it asks for.
func Metrics(e sweeps.Eval) ([]metric.Metric, error) {
	var out []metric.Metric
	seen := map[string]bool{}
	for _, c := range append([]sweeps.Metric{{Kind: "loss"}}, e.Metrics...) {
		m, err := metric.New(metric.Config{Kind: c.Kind, List: c.List, Match: c.Match, Schema: c.Schema})
		if err != nil {
			return nil, fmt.Errorf("eval.metrics: %w", err)
		}
		if !seen[m.Name()] {
			seen[m.Name()] = true
			out = append(out, m)
		}
	}
	return out, nil
}
