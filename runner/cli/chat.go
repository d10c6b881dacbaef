package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"daybook/engine"
	"daybook/runner"
	"daybook/runner/serve"
	"daybook/runner/talk"
)

// chatFlags are the flags of chat.
type chatFlags struct {
	sessionFlags
	system       string
	maxNewTokens int
	temperature  float64
	topP         float64
	seed         uint64
}

func newChatCommand(e *env) *cobra.Command {
	var f chatFlags
	cmd := &cobra.Command{
		Use:   "chat [SWEEP]",
		Short: "Talk with a base and its adapters, switching between them",
		Long: `Chat keeps one base loaded and answers what is typed, or a line of standard input
at a time, as turns of one conversation in the base's chat template. The first
--adapter answers, or the base if there is none; /adapter switches, and the
conversation goes on.

The base is the one of --base or of SWEEP, else the one that the adapters belong to.

` + chatCommands + `

Ctrl-C stops an answer, Ctrl-D leaves. A line that begins with // is a message
that begins with /. Answers are greedy unless there is a --temperature. Where
lines are piped, the first that can't be answered ends the program.`,
		Example: `  daybook chat
  daybook chat --adapter clinical@best --adapter clinical@v3
  daybook chat --base hf:org/name --adapter ./from-peft --temperature 0.7
  echo "Started lisinopril 10 mg PO daily." | daybook chat --adapter clinical@best`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(args); err != nil {
				return err
			}
			return runChat(cmd.Context(), e, f, args)
		},
	}
	f.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.system, "system", "", "system turn before the conversation (default: none)")
	flags.IntVar(&f.maxNewTokens, "max-new-tokens", 1024, "tokens of an answer at most")
	flags.Float64Var(&f.temperature, "temperature", 0, "draw tokens at this temperature; 0 takes the most likely")
	flags.Float64Var(&f.topP, "top-p", 1, "draw among the most likely tokens that together have this probability")
	flags.Uint64Var(&f.seed, "seed", 0, "of what is drawn")
	return cmd
}

func (f *chatFlags) check(args []string) error {
	switch {
	case f.maxNewTokens < 1:
		return usageError{runner.WithHint(fmt.Errorf("--max-new-tokens: %d", f.maxNewTokens), "it is a number of at least 1")}
	case !(f.temperature >= 0 && f.temperature <= 2):
		return usageError{runner.WithHint(fmt.Errorf("--temperature: %v", f.temperature), "it is from 0 to 2")}
	case !(f.topP > 0 && f.topP <= 1):
		return usageError{runner.WithHint(fmt.Errorf("--top-p: %v", f.topP), "it is above 0 and at most 1")}
	}
	return f.sessionFlags.check(args)
}

func runChat(ctx context.Context, e *env, f chatFlags, args []string) (err error) {
	s, err := openSession(ctx, e, f.sessionFlags, args, talk.Options{Adapters: 4})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	c := &conversation{
		e: e, models: s.catalog, host: s.host, system: f.system, use: serve.Model{Name: serve.BaseName},
		settings: talk.Settings{MaxTokens: f.maxNewTokens, Temperature: f.temperature, TopP: f.topP, Seed: f.seed},
		signals:  make(chan os.Signal, 1),
	}
	if len(s.first) > 0 {
		c.use = serve.Model{Name: s.first[0].Name, Adapter: s.first[0]}
	}
	// From here on Ctrl-C ends answers, not the program.
	signal.Notify(c.signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(c.signals)
	if c.lines, c.interactive = newLineReader(e.in, e.out, "> "); c.interactive {
		e.say("%s answers; /help lists the commands", c.use.Name)
	}
	return c.run(context.WithoutCancel(ctx))
}

// turn is a message of one side.
func turn(role, content string) engine.Turn { return engine.Turn{Role: role, Content: content} }
