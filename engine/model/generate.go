package model

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"daybook/engine"
)

// ErrContext reports a prompt that leaves no room in the model's context.
var ErrContext = errors.New("prompt does not fit the context")

// GenerateOptions say how to continue prompts. Decoding is greedy unless Pick says
// otherwise.
type GenerateOptions struct {
	MaxNewTokens int
	Stop         []int32 // tokens that end an answer
	// Ended, if not nil, is asked after every token whether an answer so far is
	// complete: for bases whose turns end with a text, not a token.
	Ended func(answer []int32) bool
	// Follow, if not nil, hears of every token as it comes, with the number of its
	// prompt. It reports whether the answer is to end with it.
	Follow func(prompt int, token int32) (end bool)
	// Pick, if not nil, chooses the next token of a prompt's answer among Vocab
	// logits, which it may overwrite but not keep.
	Pick      func(prompt int, logits []float32) int32
	BatchSize int // sequences decoded together; 0 means Options.MaxDocuments
	// Progress, if not nil, hears how many answers are complete.
	Progress func(done, total int)
}

// sequence is one prompt being continued.
type sequence struct {
	prompt int // its number
	slot   int32
	next   int32 // token to feed
	at     int32 // its position
}

// Generate continues every prompt with the adapter in use. An answer ends with
// a stop token, which it includes, or when Ended or Follow says so; or has
// MaxNewTokens tokens; or, if shorter and without a stop token, ran into the end of
// the model's context. A prompt
// that is empty, or leaves no room for a single new token, is an error that
// wraps ErrContext where room is the reason, found before anything is computed.
//
// Sequences are decoded side by side in BatchSize slots; one that ends leaves
// its slot to the next prompt. An answer depends on its prompt alone, not on
// BatchSize or the order of prompts.
func (m *Model) Generate(ctx context.Context, prompts [][]int32, o GenerateOptions) ([][]int32, error) {
	g := &generation{m: m, o: o, prompts: prompts}
	if err := g.run(ctx); err != nil {
		return nil, fmt.Errorf("generate: %w", err)
	}
	return g.answers, nil
}

// run continues all prompts.
func (g *generation) run(ctx context.Context) error {
	m, o := g.m, &g.o
	if o.BatchSize == 0 {
		o.BatchSize = m.o.MaxDocuments
	}
	o.BatchSize = min(o.BatchSize, len(g.prompts), m.o.MaxDocuments, m.o.MaxTokens)
	if o.MaxNewTokens < 1 || len(g.prompts) > 0 && o.BatchSize < 1 {
		return fmt.Errorf("%d new tokens in batches of %d: both must be positive", o.MaxNewTokens, o.BatchSize)
	}
	room, err := m.room(g.prompts, o.MaxNewTokens)
	if err != nil {
		return err
	}
	for i, p := range g.prompts {
		tokens, _ := g.reference(i)
		room = max(room, len(p)+len(tokens))
	}
	if err := m.reserve(o.BatchSize, room); err != nil {
		return err
	}
	g.answers = make([][]int32, len(g.prompts))
	for s := range o.BatchSize {
		g.free = append(g.free, int32(s))
	}
	for g.done < len(g.prompts) {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%d of %d answers: %w", g.done, len(g.prompts), err)
		}
		if err := g.advance(); err != nil {
			return err
		}
	}
	return nil
}

// room returns the positions that the longest sequence needs.
func (m *Model) room(prompts [][]int32, newTokens int) (int, error) {
	longest := 0
	for i, p := range prompts {
		switch limit := min(m.shape.MaxPositions-1, m.o.MaxTokens); {
		case len(p) == 0:
			return 0, fmt.Errorf("prompt %d: empty", i)
		case len(p) > limit:
			return 0, fmt.Errorf("prompt %d: %d tokens, of at most %d: %w", i, len(p), limit, ErrContext)
		}
		longest = max(longest, len(p))
	}
	// The last new token is never fed back, so it needs no position.
	return min(longest+newTokens, m.shape.MaxPositions) - 1, nil
}

// reserve makes sure that the cache holds slots sequences of the given length.
// It is kept from call to call, and grows.
func (m *Model) reserve(slots, positions int) error {
	if m.cache != nil && slots <= m.slots && positions <= m.context || slots == 0 {
		return nil
	}
	slots, positions = max(slots, m.slots), max(positions, m.context)
	if err := engine.Close(m.cache); err != nil {
		return fmt.Errorf("cache: %w", err)
	}
	m.cache = nil
	c, err := m.be.NewCache(slots, positions)
	if err != nil {
		return fmt.Errorf("cache of %d sequences of %d tokens: %w", slots, positions, err)
	}
	m.cache, m.slots, m.context = c, slots, positions
	return nil
}

// generation is the state of one call of Generate or Judge.
type generation struct {
	m       *Model
	o       GenerateOptions
	prompts [][]int32
	answers [][]int32
	free    []int32 // slots
	active  []sequence
	queued  int // prompts that have got a slot so far
	done    int

	examples []engine.Example // to be scored, one for each prompt; nil if none are
	scores   []Score
	nll, hit []float32
}

// advance reads the prompts that there is a slot for, or, when there is none,
// decodes one token of every active sequence.
func (g *generation) advance() error {
	b, fed := g.read()
	prefill := len(fed) > 0
	if !prefill {
		b.Starts = append(b.Starts, 0)
		for _, s := range g.active {
			b.Tokens = append(b.Tokens, s.next)
			b.Positions = append(b.Positions, s.at)
			b.Starts = append(b.Starts, int32(len(b.Tokens)))
			b.Slots = append(b.Slots, s.slot)
		}
		fed, g.active = g.active, nil
	}
	b.Keys = nil
	x, b, err := g.m.through(b, prefill)
	if err != nil {
		return err
	}
	next, err := g.choose(x, fed)
	if err != nil {
		return err
	}
	if prefill && g.examples != nil {
		of := make([]int, len(fed))
		for i, s := range fed {
			of[i] = s.prompt
		}
		if err := g.score(b, x, of); err != nil {
			return err
		}
		if err := g.readReferences(fed); err != nil {
			return err
		}
	}
	for i, s := range fed {
		g.take(s, next[i])
	}
	slices.SortFunc(g.active, func(a, b sequence) int { return a.prompt - b.prompt })
	return nil
}

// read returns a batch of the prompts that there is a slot for, and room for
// them and their references. It waits until a quarter of the slots is free:
// a few prompts at a time would keep unpacking weights for a few rows.
func (g *generation) read() (*engine.Batch, []sequence) {
	b := &engine.Batch{}
	var fed []sequence
	if len(g.active) > 0 && 4*len(g.free) < g.o.BatchSize {
		return b, nil
	}
	references := 0
	for len(g.free) > 0 && g.queued < len(g.prompts) {
		p := g.prompts[g.queued]
		reference, _ := g.reference(g.queued)
		references += len(reference)
		if max(len(b.Tokens)+len(p), references) > g.m.o.MaxTokens {
			break
		}
		s := sequence{prompt: g.queued, slot: g.free[0], at: int32(len(p) - 1)}
		var targets []int32
		if g.examples != nil {
			targets = g.examples[g.queued].Targets[:len(p)]
		}
		b.Add(p, targets, 0)
		b.Slots = append(b.Slots, s.slot)
		fed = append(fed, s)
		g.free = g.free[1:]
		g.queued++
	}
	return b, fed
}

// take appends a new token to the answer of s and decides whether s goes on.
func (g *generation) take(s sequence, token int32) {
	g.answers[s.prompt] = append(g.answers[s.prompt], token)
	s.next, s.at = token, s.at+1
	ended := slices.Contains(g.o.Stop, token) || g.o.Ended != nil && g.o.Ended(g.answers[s.prompt])
	if g.o.Follow != nil && g.o.Follow(s.prompt, token) {
		ended = true
	}
	if !ended && len(g.answers[s.prompt]) < g.o.MaxNewTokens && int(s.at)+1 < g.m.shape.MaxPositions {
		g.active = append(g.active, s)
		return
	}
	g.free = append(g.free, s.slot)
	g.done++
	if g.o.Progress != nil {
		g.o.Progress(g.done, len(g.prompts))
	}
}

// through runs b through all layers, storing keys and values, and returns the end
// of the residual stream with what of b goes on to there. When prefilling, documents are whole prompts;
// otherwise they go on from what their slots of the cache hold.
func (m *Model) through(b *engine.Batch, prefill bool) (engine.Buffer, *engine.Batch, error) {
	if err := m.load(b); err != nil {
		return nil, nil, err
	}
	few, err := m.narrow(b)
	if err != nil {
		return nil, nil, err
	}
	x, act := m.buf.x[0], m.buf.act[0]
	if err := m.embed(engine.Decode, x); err != nil {
		return nil, nil, err
	}
	for i := range m.shape.Layers {
		err := m.layer(i, engine.Decode, m.use, engine.Dropout{}, func(bl *engine.Block) error {
			if err := m.be.QKV(m.batch, bl, x, act); err != nil {
				return err
			}
			if err := m.be.Store(m.batch, m.cache, i, act); err != nil {
				return err
			}
			if err := m.attend(prefill, i, act); err != nil {
				return err
			}
			if i == m.shape.Layers-1 {
				return m.finishLast(bl, x, x, act)
			}
			return m.finish(bl, x, x, act)
		})
		if err != nil {
			return nil, nil, err
		}
	}
	return x, few, nil
}

// choose returns the next token of each of fed, the documents of the loaded batch in order.
func (g *generation) choose(x engine.Buffer, fed []sequence) ([]int32, error) {
	if g.o.Pick == nil {
		return g.m.greedy(x)
	}
	logits, err := g.m.lastLogits(x)
	if err != nil {
		return nil, err
	}
	next := make([]int32, len(fed))
	for i, s := range fed {
		next[i] = g.o.Pick(s.prompt, logits[i])
		if next[i] < 0 || int(next[i]) >= g.m.shape.Vocab {
			return nil, fmt.Errorf("token %d is picked of %d", next[i], g.m.shape.Vocab)
		}
	}
	return next, nil
}

// greedy returns the most likely token after each document of the loaded batch.
func (m *Model) greedy(x engine.Buffer) (next []int32, err error) {
	err = m.head(engine.Decode, func(h *engine.Head) error {
		next, err = m.be.Greedy(m.end, h, x)
		return err
	})
	return next, err
}

// lastLogits returns Vocab logits after each document of the loaded batch.
func (m *Model) lastLogits(x engine.Buffer) (logits [][]float32, err error) {
	err = m.head(engine.Decode, func(h *engine.Head) error {
		all, err := m.be.Logits(m.end, h, x, true)
		logits = slices.Collect(slices.Chunk(all, m.shape.Vocab))
		return err
	})
	return logits, err
}

func (m *Model) attend(prefill bool, layer int, act *engine.Activations) error {
	if prefill {
		return m.be.Attention(m.batch, act)
	}
	return m.be.CachedAttention(m.batch, m.cache, layer, act)
}
