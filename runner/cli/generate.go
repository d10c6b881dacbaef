package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"daybook/engine"
	"daybook/engine/hub"
	"daybook/runner"
	"daybook/runner/talk"
	"daybook/sweeps"
)

// generateOptions are the flags of generate.
type generateOptions struct {
	system       string
	maxNewTokens int
	hostFlags
	compare bool
	asJSON  bool
}

func newGenerateCommand(e *env) *cobra.Command {
	var o generateOptions
	cmd := &cobra.Command{
		Use:   "generate ADAPTER [PROMPT]",
		Short: "Answer a prompt with an adapter",
		Long: `Generate loads an adapter with the base it was trained on, quantized as it was
then, and answers PROMPT, or what is on standard input, greedily. The prompt is
the user's turn as the training data has it, with its instruction.

ADAPTER is name@version, a digest, or the folder of an adapter in PEFT layout,
which may be made elsewhere: --base then names its base, and --quantization how
the base is held, nf4-double unless it says otherwise. It may also be a base, the
folder of one such as a merged model or hf:org/name, which answers alone and as
its files have it.`,
		Example: `  daybook generate clinical@best <prompt.txt
  daybook generate ./from-peft --base hf:org/name "What is new?"
  daybook generate clinical@v3 --compare "Give medications as JSON with name, dose, frequency, route, instructions. Started lisinopril 10 mg PO daily."`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.maxNewTokens < 0 {
				return usageError{runner.WithHint(fmt.Errorf("--max-new-tokens: %d is negative", o.maxNewTokens), "0 means what the run was evaluated with")}
			}
			prompt := ""
			if len(args) == 2 {
				prompt = args[1]
			} else {
				text, err := io.ReadAll(e.in)
				if err != nil {
					return fmt.Errorf("standard input: %w", err)
				}
				prompt = strings.TrimSpace(string(text))
			}
			if err := o.check(); err != nil {
				return err
			}
			if prompt == "" {
				return usageError{runner.WithHint(errors.New("generate: the prompt is empty"), "give it as an argument or on standard input")}
			}
			if !utf8.ValidString(prompt) || !utf8.ValidString(o.system) {
				return usageError{runner.WithHint(errors.New("generate: the prompt is not valid UTF-8"), "write it in UTF-8, as the training data is")}
			}
			return runGenerate(cmd.Context(), e, args[0], prompt, o)
		},
	}
	cmd.Flags().StringVar(&o.system, "system", "", "system turn before the prompt (default: none)")
	cmd.Flags().IntVar(&o.maxNewTokens, "max-new-tokens", 0, "tokens to generate at most (default: what the run was evaluated with)")
	o.register(cmd, "where the run found it")
	cmd.Flags().BoolVar(&o.compare, "compare", false, "print the answer of the base alone, too")
	cmd.Flags().BoolVar(&o.asJSON, "json", false, "print JSON")
	return cmd
}

// generated is an answer as --json prints it.
type generated struct {
	Adapter string  `json:"adapter,omitempty"`
	Digest  string  `json:"digest,omitempty"`
	Answer  string  `json:"answer"`
	Base    *string `json:"base,omitempty"`
}

func runGenerate(ctx context.Context, e *env, ref, prompt string, o generateOptions) (err error) {
	root, l, err := e.openLedgerIfAny(ctx, ".")
	if err != nil {
		return err
	}
	if l != nil {
		defer func() { err = errors.Join(err, l.Close()) }()
	}
	var a *runner.NamedAdapter
	var b runner.AdapterBase
	var adapters []*runner.NamedAdapter
	if named := hub.IsName(ref); named || runner.IsBase(ref) {
		b = runner.AdapterBase{Dir: ref, Spec: sweeps.DefaultSpec(), Alone: true}
		if named {
			if b.Dir, err = root.FindBase(ctx, e.hub, ref); err != nil {
				return fmt.Errorf("base: %w", err)
			}
		}
	} else {
		if a, err = runner.FindAdapter(ctx, root, l, ref); err != nil {
			return err
		}
		if b, err = a.Base(ctx, root, e.hub, l, o.base); err != nil {
			return err
		}
		adapters = append(adapters, a)
	}
	h, err := loadHost(ctx, e, root, b, talk.Options{}, o.hostFlags, adapters...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	if o.maxNewTokens == 0 {
		o.maxNewTokens = b.Spec.Eval.Generate.MaxNewTokens
	}
	turns := []engine.Turn{{Role: "user", Content: prompt}}
	if o.system != "" {
		turns = append([]engine.Turn{{Role: "system", Content: o.system}}, turns...)
	}
	out := generated{}
	if a != nil {
		out = generated{Adapter: a.Name, Digest: a.Digest}
	}
	if out.Answer, err = generate(ctx, h, a, turns, o.maxNewTokens); err != nil {
		return fmt.Errorf("generate: %w", err)
	}
	if o.compare && a != nil {
		base, err := generate(ctx, h, nil, turns, o.maxNewTokens)
		if err != nil {
			return fmt.Errorf("generate: %w", err)
		}
		out.Base = &base
	}
	switch {
	case o.asJSON:
		return printJSON(e.out, out)
	case out.Base != nil:
		_, err = fmt.Fprintf(e.out, "%s:\n%s\n\nbase:\n%s\n", out.Adapter, out.Answer, *out.Base)
	default:
		_, err = fmt.Fprintln(e.out, out.Answer)
	}
	return err
}

// generate answers a conversation greedily with an adapter, nil for the base alone.
func generate(ctx context.Context, h *talk.Host, a *runner.NamedAdapter, turns []engine.Turn, maxNewTokens int) (string, error) {
	ask := &talk.Ask{Settings: talk.Settings{MaxTokens: maxNewTokens}}
	var err error
	if ask.Prompt, err = h.Prompt(turns, &ask.Settings); err != nil {
		return "", err
	}
	err = h.Answer(ctx, a, ask)
	return ask.Text, err
}
