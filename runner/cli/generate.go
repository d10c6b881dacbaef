package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"daybook/engine"
	"daybook/engine/hub"
	"daybook/ledger"
	"daybook/runner"
	"daybook/runner/worker"
	"daybook/sweeps"
)

// generateOptions are the flags of generate.
type generateOptions struct {
	system       string
	maxNewTokens int
	base         string
	compare      bool
	device       string
	asJSON       bool
}

func newGenerateCommand(e *env) *cobra.Command {
	var o generateOptions
	cmd := &cobra.Command{
		Use:   "generate ADAPTER [PROMPT]",
		Short: "Answer a prompt with an adapter",
		Long: `Generate loads an adapter with the base it was trained on, quantized as it was
then, and answers PROMPT, or what is on standard input, greedily. The prompt is
the user's turn as the training data has it, with its instruction.`,
		Example: `  daybook generate clinical@best <prompt.txt
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
	cmd.Flags().StringVar(&o.base, "base", "", "`folder` of the base, or hf:org/name (default: where the run found it)")
	cmd.Flags().StringVar(&o.device, "device", "auto", deviceHelp)
	cmd.Flags().BoolVar(&o.compare, "compare", false, "print the answer of the base alone, too")
	cmd.Flags().BoolVar(&o.asJSON, "json", false, "print JSON")
	return cmd
}

// generated is an answer as --json prints it.
type generated struct {
	Adapter string  `json:"adapter"`
	Digest  string  `json:"digest"`
	Answer  string  `json:"answer"`
	Base    *string `json:"base,omitempty"`
}

func runGenerate(ctx context.Context, e *env, ref, prompt string, o generateOptions) (err error) {
	root, l, err := e.openLedger(ctx, ".", ledger.OpenReadOnly)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	a, err := l.Adapter(ctx, ref)
	if err != nil {
		return runner.WithHint(err, "'daybook adapters' lists the versions")
	}
	g, spec, err := openGenerator(ctx, root, e.hub, l, a, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	if o.maxNewTokens == 0 {
		o.maxNewTokens = spec.Eval.Generate.MaxNewTokens
	}
	turns := []engine.Turn{{Role: "user", Content: prompt}}
	if o.system != "" {
		turns = append([]engine.Turn{{Role: "system", Content: o.system}}, turns...)
	}
	out := generated{Adapter: a.Name(), Digest: a.Digest}
	if out.Answer, err = g.Answer(ctx, turns, o.maxNewTokens, true); err != nil {
		return err
	}
	if o.compare {
		base, err := g.Answer(ctx, turns, o.maxNewTokens, false)
		if err != nil {
			return err
		}
		out.Base = &base
	}
	switch {
	case o.asJSON:
		return printJSON(e.out, out)
	case o.compare:
		_, err = fmt.Fprintf(e.out, "%s:\n%s\n\nbase:\n%s\n", out.Adapter, out.Answer, *out.Base)
	default:
		_, err = fmt.Fprintln(e.out, out.Answer)
	}
	return err
}

// openGenerator loads an adapter version with the base of its run, which is
// looked for in the folder that --base names or, if that is empty, where the run
// found it.
func openGenerator(ctx context.Context, root runner.Root, models runner.Hub, l *ledger.Ledger, a ledger.Adapter, flags generateOptions) (*worker.Generator, sweeps.Spec, error) {
	var spec sweeps.Spec
	run, err := l.Run(ctx, a.Run)
	if err != nil {
		return nil, spec, err
	}
	if err := json.Unmarshal(run.Spec, &spec); err != nil {
		return nil, spec, fmt.Errorf("run %s: spec: %w", short(a.Run), err)
	}
	about, err := runner.ReadMetadata(root.Abs(a.Path))
	if err != nil {
		return nil, spec, runner.WithHint(fmt.Errorf("adapter %s: %w", a.Name(), err), "run the sweep again: an adapter that is missing is published again")
	}
	o := worker.GeneratorOptions{
		Base: flags.base, Device: flags.device, Spec: spec.Base, Adapter: root.Abs(a.Path), Digest: a.Digest, Threads: runtime.GOMAXPROCS(0), Cache: root.Cache(),
		Trained: runner.Inputs{Base: about.Base.Digest, Tokenizer: about.Base.Tokenizer, Template: about.Base.Template},
	}
	if n := len(run.Attempts); n > 0 && (o.Base == "" || spec.Base.ChatTemplate != "") {
		dir := run.Attempts[n-1].Dir
		job, err := runner.ReadJob(root.Abs(dir))
		if err != nil {
			return nil, spec, runner.WithHint(fmt.Errorf("generate: cannot tell which base the run used: %s: %w", dir, err), "name the base's folder with --base")
		}
		if o.Base == "" {
			o.Base = job.Base
			if !hub.IsName(o.Base) {
				o.Base = root.Abs(o.Base)
			}
		}
		if job.Template != "" {
			o.Template = root.Abs(job.Template)
		}
	}
	if hub.IsName(o.Base) {
		if o.Base, err = root.FindBase(ctx, models, o.Base); err != nil {
			return nil, spec, fmt.Errorf("base: %w", err)
		}
	}
	g, err := worker.NewGenerator(ctx, o)
	if errors.Is(err, fs.ErrNotExist) && runner.HintOf(err) == "" {
		err = runner.WithHint(err, "a base is a folder with config.json, model.safetensors, tokenizer.json and tokenizer_config.json; name it with --base")
	}
	return g, spec, err
}
