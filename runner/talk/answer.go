package talk

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"daybook/engine"
	"daybook/engine/chat"
	"daybook/engine/model"
	"daybook/runner"
)

// Settings say how to answer.
type Settings struct {
	MaxTokens   int      // of an answer; 0 means what the context has room for
	Stops       []string // texts that end an answer, which doesn't have them
	Temperature float64  // 0 takes the most likely token
	TopP        float64  // see model.Sampler; 0 means 1
	Seed        uint64   // of what is drawn at a temperature
}

// Sampled reports whether tokens are drawn.
func (s Settings) Sampled() bool { return s.Temperature > 0 }

// Finish says why an answer ended.
type Finish string

// Reasons for an answer to end.
const (
	Stopped   Finish = "stop"      // the turn ended, or a stop text came
	TooLong   Finish = "length"    // of the settings' tokens, or the context's
	Cancelled Finish = "cancelled" // its context was done
)

// Ask is one prompt to be answered, and its answer.
type Ask struct {
	Context context.Context // ends this answer between tokens; nil never does
	Prompt  []int32         // as Host.Prompt makes it
	Settings
	Hear func(text string) // hears the answer as it comes; may be nil

	Text   string
	Tokens int // generated, with the one that ends the turn
	Finish Finish
}

// Prompt returns the tokens that ask for the next turn of a conversation, and limits
// s.MaxTokens to what there is room for. A conversation that leaves no room is an
// error that wraps model.ErrContext.
func (h *Host) Prompt(turns []engine.Turn, s *Settings) ([]int32, error) {
	prompt, err := h.base.Encoder.Prompt(turns)
	if err != nil {
		return nil, err
	}
	room := h.o.Context - len(prompt)
	if room < 1 {
		return nil, runner.WithHint(fmt.Errorf("%d tokens, of at most %d: %w", len(prompt), h.o.Context-1, model.ErrContext),
			"shorten the prompt, or the turns before it")
	}
	if s.MaxTokens <= 0 || s.MaxTokens > room {
		s.MaxTokens = room
	}
	return prompt, nil
}

// Answer answers all asks with one adapter, nil for the base alone. Either all of them
// are sampled or none is. What an ask is answered depends on it alone. An error leaves
// answers incomplete; the host can be used on.
func (h *Host) Answer(ctx context.Context, a *runner.NamedAdapter, asks ...*Ask) error {
	if len(asks) == 0 {
		return nil
	}
	g := group{h: h}
	for _, ask := range asks {
		if err := g.add(ask); err != nil {
			return err
		}
	}
	longest := 0
	for _, p := range g.prompts {
		longest = max(longest, len(p))
	}
	if err := h.use(a, longest); err != nil {
		return err
	}
	o := model.GenerateOptions{MaxNewTokens: g.most, BatchSize: min(h.o.Parallel, len(asks)), Follow: g.follow}
	if asks[0].Sampled() {
		o.Pick = func(i int, logits []float32) int32 { return g.asks[i].sampler.Pick(logits) }
	}
	if _, err := h.model.Generate(ctx, g.prompts, o); err != nil {
		if !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
			err = errors.Join(err, h.unload())
		}
		return err
	}
	for _, one := range g.asks {
		one.end(TooLong) // those that ran into the context
	}
	return nil
}

// Abandon gives up what was in progress when a panic ended Answer.
func (h *Host) Abandon() error { return h.unload() }

// group is what one call of Answer works on.
type group struct {
	h       *Host
	asks    []*asked
	prompts [][]int32
	most    int // tokens of an answer
}

// asked is an ask with its answer in progress.
type asked struct {
	*Ask
	stream  *chat.Stream
	sampler *model.Sampler
	text    strings.Builder
	ended   bool
}

func (g *group) add(ask *Ask) error {
	one := &asked{Ask: ask, stream: g.h.base.Encoder.NewStream(ask.Stops...)}
	if len(g.asks) > 0 && ask.Sampled() != g.asks[0].Sampled() {
		return errors.New("talk: asks that are sampled beside asks that are not")
	}
	if ask.Sampled() {
		topP := ask.TopP
		if topP == 0 {
			topP = 1
		}
		var err error
		if one.sampler, err = model.NewSampler(ask.Temperature, topP, ask.Seed); err != nil {
			return err
		}
	}
	g.asks, g.prompts, g.most = append(g.asks, one), append(g.prompts, ask.Prompt), max(g.most, ask.MaxTokens)
	return nil
}

// follow takes the next token of an answer and reports whether it ends there.
func (g *group) follow(i int, token int32) bool {
	one := g.asks[i]
	one.Tokens++
	text, ended := one.stream.Add(token)
	one.hear(text)
	switch {
	case ended:
		one.end(Stopped)
	case one.Context != nil && one.Context.Err() != nil:
		one.end(Cancelled)
	case one.Tokens >= one.MaxTokens:
		one.end(TooLong)
	}
	return one.ended
}

func (one *asked) hear(text string) {
	if text == "" {
		return
	}
	one.text.WriteString(text)
	if one.Hear != nil {
		one.Hear(text)
	}
}

// end completes the answer, unless it has ended before.
func (one *asked) end(why Finish) {
	if one.ended {
		return
	}
	one.hear(one.stream.Rest())
	one.ended, one.Finish, one.Text = true, why, one.text.String()
}
