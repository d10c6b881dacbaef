package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"daybook/engine"
	"daybook/engine/model"
	"daybook/runner"
	"daybook/runner/serve"
	"daybook/runner/talk"
)

const chatCommands = `  /adapter NAME  answer with another adapter: name@version, alias, digest or folder; or base
  /adapters      list what can answer
  /system TEXT   put a system turn before the conversation; without TEXT none
  /reset         begin a new conversation
  /quit          leave
  /help          list the commands`

// conversation is a chat in progress.
type conversation struct {
	e           *env
	models      *catalog
	host        answerer
	lines       lineReader
	interactive bool
	signals     chan os.Signal

	use      serve.Model
	system   string
	turns    []engine.Turn
	settings talk.Settings
}

// answerer is what a conversation needs of a talk.Host.
type answerer interface {
	Prompt(turns []engine.Turn, s *talk.Settings) ([]int32, error)
	Check(a *runner.NamedAdapter) error
	Answer(ctx context.Context, a *runner.NamedAdapter, asks ...*talk.Ask) error
}

var errLeave = errors.New("leave")

// run reads lines and answers them until there are no more. A person is told what is
// wrong with one, and a script ends with it.
func (c *conversation) run(ctx context.Context) error {
	for {
		line, err := c.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, errInterrupt):
			c.e.say("Ctrl-D leaves")
			continue
		case err != nil:
			return err
		}
		err = c.take(ctx, line)
		switch {
		case errors.Is(err, errLeave):
			return nil
		case err == nil:
		case !c.interactive, errors.Is(err, engine.ErrDeviceLost), errors.Is(err, context.Canceled):
			return err
		default:
			c.e.complain(err.Error(), advise(err))
		}
	}
}

// next returns the next line. A signal meanwhile ends the program.
func (c *conversation) next() (string, error) {
	type read struct {
		line string
		err  error
	}
	done := make(chan read, 1)
	go func() {
		line, err := c.lines.line()
		done <- read{line, err}
	}()
	select {
	case r := <-done:
		return r.line, r.err
	case <-c.signals:
		c.lines.restore()
		return "", context.Canceled
	}
}

// take does what a line asks for.
func (c *conversation) take(ctx context.Context, line string) error {
	line = strings.TrimSpace(line)
	if strings.HasPrefix(line, "/") && !strings.HasPrefix(line, "//") {
		name, rest, _ := strings.Cut(line, " ")
		return c.command(ctx, name, strings.TrimSpace(rest))
	}
	line = strings.TrimPrefix(line, "/")
	if line == "" {
		return nil
	}
	if !utf8.ValidString(line) {
		return runner.WithHint(errors.New("chat: the message is not valid UTF-8"), "write it in UTF-8, as the training data is")
	}
	return c.answer(ctx, line)
}

func (c *conversation) command(ctx context.Context, name, rest string) error {
	switch name {
	case "/adapter":
		if rest == "" {
			c.e.say("%s answers", c.use.Name)
			return nil
		}
		return c.change(ctx, rest)
	case "/adapters":
		return c.list(ctx)
	case "/system":
		c.system = rest
		return nil
	case "/reset":
		c.turns = nil
		return nil
	case "/help":
		_, err := fmt.Fprintln(c.e.err, chatCommands)
		return err
	case "/quit", "/exit":
		return errLeave
	}
	return runner.WithHint(fmt.Errorf("chat: %s: no such command", name), "/help lists them; a message that begins with / begins with //")
}

// change makes another model answer.
func (c *conversation) change(ctx context.Context, name string) error {
	m, err := c.models.Find(ctx, name)
	if errors.Is(err, serve.ErrUnknown) { // a folder, which only who runs the program may name
		m.Name = name
		m.Adapter, err = c.models.name(ctx, name)
	}
	if err != nil {
		return err
	}
	if m.Adapter != nil {
		if err := c.host.Check(m.Adapter); err != nil {
			return err
		}
	}
	c.use = m
	c.e.say("%s answers", m.Name)
	return nil
}

// list shows what can answer, with a mark at what does.
func (c *conversation) list(ctx context.Context) error {
	models, err := c.models.List(ctx)
	if err != nil {
		return err
	}
	rows := make([][]string, len(models))
	for i, m := range models {
		rows[i] = []string{"", m.Name, m.Of}
		if m.Name == c.use.Name {
			rows[i][0] = "*"
		}
	}
	return printList(c.e.err, []string{"", "", ""}, rows)
}

// answer answers a message and keeps both, unless it can't.
func (c *conversation) answer(ctx context.Context, message string) error {
	turns := append(slices.Clone(c.turns), turn("user", message))
	all := turns
	if c.system != "" {
		all = append([]engine.Turn{turn("system", c.system)}, turns...)
	}
	ask := &talk.Ask{Settings: c.settings}
	var err error
	ask.Prompt, err = c.host.Prompt(all, &ask.Settings)
	if errors.Is(err, model.ErrContext) && len(c.turns) > 0 {
		return runner.WithHint(fmt.Errorf("chat: the conversation no longer fits the context: %w", err), "/reset begins a new one; --context N allows more where the base does")
	}
	if err != nil {
		return fmt.Errorf("chat: %w", err)
	}
	var failed error // to write, of which the reader is gone
	begun := false
	ask.Hear = func(text string) {
		if c.interactive {
			text = strings.Map(printable, text)
		}
		if begun = true; failed == nil {
			_, failed = io.WriteString(c.e.out, text)
		}
	}
	ended := c.until(ctx, ask)
	err = c.host.Answer(ctx, c.use.Adapter, ask)
	leaving := ended()
	if failed == nil && (begun || err == nil) {
		_, failed = fmt.Fprintln(c.e.out)
	}
	switch {
	case err != nil:
		return err
	case failed != nil:
		return failed
	case leaving:
		return context.Canceled
	case ask.Finish == talk.Cancelled:
		c.e.say("stopped")
	case ask.Finish == talk.TooLong:
		c.e.say("cut after %s", count(ask.Tokens, "token"))
	}
	turns = append(turns, turn("assistant", ask.Text))
	c.turns = turns
	c.settings.Seed++ // every answer draws for itself
	return nil
}

// printable keeps what a model says from moving a terminal's cursor or worse.
func printable(r rune) rune {
	if unicode.IsControl(r) && r != '\n' && r != '\t' {
		return utf8.RuneError
	}
	return r
}

// until lets a signal end an ask. The function that it returns ends that, and reports
// whether the program is to end, too: at SIGTERM, or where nobody could type on.
func (c *conversation) until(ctx context.Context, ask *talk.Ask) (end func() bool) {
	ctx, cancel := context.WithCancel(ctx)
	ask.Context = ctx
	leaving, done := false, make(chan struct{})
	go func() {
		defer close(done)
		select {
		case s := <-c.signals:
			leaving = s == syscall.SIGTERM || !c.interactive
			cancel()
		case <-ctx.Done():
		}
	}()
	return func() bool {
		cancel()
		<-done
		return leaving
	}
}
