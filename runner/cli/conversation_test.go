package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"daybook/engine"
	"daybook/runner"
	"daybook/runner/serve"
	"daybook/runner/talk"
)

// scripted is what a person types; ^C is Ctrl-C.
type scripted struct{ lines []string }

func (s *scripted) restore() {}

func (s *scripted) line() (string, error) {
	if len(s.lines) == 0 {
		return "", io.EOF
	}
	next := s.lines[0]
	s.lines = s.lines[1:]
	if next == "^C" {
		return "", errInterrupt
	}
	return next, nil
}

// parrot answers with what it heard, word by word, until its context is done. At the
// word "hang" it waits for that.
type parrot struct{ heard [][]engine.Turn }

func (p *parrot) Prompt(turns []engine.Turn, _ *talk.Settings) ([]int32, error) {
	p.heard = append(p.heard, turns)
	return []int32{1}, nil
}

func (p *parrot) Check(*runner.NamedAdapter) error { return nil }

func (p *parrot) Answer(_ context.Context, _ *runner.NamedAdapter, asks ...*talk.Ask) error {
	ask, turns := asks[0], p.heard[len(p.heard)-1]
	ask.Finish = talk.Stopped
	for word := range strings.FieldsSeq(turns[len(turns)-1].Content) {
		switch word {
		case "fail":
			return errors.New("the device is full")
		case "hang":
			<-ask.Context.Done()
		}
		if ask.Context.Err() != nil {
			ask.Finish = talk.Cancelled
			return nil
		}
		ask.Tokens++
		ask.Text += word + " "
		ask.Hear(word + " ")
	}
	return nil
}

// talkTo runs a conversation of some lines, and returns what was said and complained.
func talkTo(t *testing.T, interactive bool, signal os.Signal, lines ...string) (p *parrot, said, complained string, err error) {
	t.Helper()
	var out, problems bytes.Buffer
	p = &parrot{}
	c := &conversation{
		e: &env{out: &out, err: &problems, now: time.Now}, models: &catalog{}, host: p, lines: &scripted{lines},
		interactive: interactive, signals: make(chan os.Signal, 1), use: serve.Model{Name: "base"},
	}
	if signal != nil {
		c.host = signalling{p, c, signal}
	}
	err = c.run(t.Context())
	return p, out.String(), problems.String(), err
}

// signalling sends a signal as soon as an answer is asked for.
type signalling struct {
	*parrot
	c    *conversation
	what os.Signal
}

func (s signalling) Answer(ctx context.Context, a *runner.NamedAdapter, asks ...*talk.Ask) error {
	if turns := s.heard[len(s.heard)-1]; strings.Contains(turns[len(turns)-1].Content, "hang") {
		s.c.signals <- s.what
	}
	return s.parrot.Answer(ctx, a, asks...)
}

func TestCtrlCStopsTheAnswer(t *testing.T) {
	p, said, complained, err := talkTo(t, true, os.Interrupt, "one hang two", "^C", "three")
	if err != nil {
		t.Fatal(err)
	}
	if said != "one \nthree \n" || !strings.Contains(complained, "stopped") || !strings.Contains(complained, "Ctrl-D leaves") {
		t.Errorf("said %q, complained %q", said, complained)
	}
	last := p.heard[len(p.heard)-1]
	if len(last) != 3 || last[1] != (engine.Turn{Role: "assistant", Content: "one "}) {
		t.Errorf("the conversation goes on from %v", last)
	}
}

// TestTerminalIsSafe keeps what a model says from a terminal, but not from a file.
func TestTerminalIsSafe(t *testing.T) {
	const text = "a \x1b[2J b\x07"
	p, said, _, err := talkTo(t, true, nil, text, "next")
	if err != nil || !strings.HasPrefix(said, "a \uFFFD[2J b\uFFFD \n") {
		t.Errorf("%v, said %q", err, said)
	}
	if kept := p.heard[1][1].Content; !strings.Contains(kept, "\x1b[2J") {
		t.Errorf("the conversation has %q", kept)
	}
	if _, said, _, _ := talkTo(t, false, nil, text); !strings.HasPrefix(said, "a \x1b[2J b\x07") {
		t.Errorf("a file gets %q", said)
	}
}

func TestSignalsThatEnd(t *testing.T) {
	for _, tt := range []struct {
		interactive bool
		signal      os.Signal
	}{{true, syscall.SIGTERM}, {false, os.Interrupt}, {false, syscall.SIGTERM}} {
		_, said, _, err := talkTo(t, tt.interactive, tt.signal, "one hang two", "three")
		if !errors.Is(err, context.Canceled) || said != "one \n" {
			t.Errorf("%v: %v, said %q", tt.signal, err, said)
		}
	}
}

func TestConversationGoesOnAfterErrors(t *testing.T) {
	p, said, complained, err := talkTo(t, true, nil, "/system Be brief.", "one", "/nonsense", "please fail", "two\nlines", "/reset", "/system", "end", "/quit", "never")
	if err != nil || said != "one \nplease \ntwo lines \nend \n" {
		t.Errorf("%v, said %q", err, said)
	}
	for _, want := range []string{"/nonsense: no such command", "hint: /help", "the device is full"} {
		if !strings.Contains(complained, want) {
			t.Errorf("complained %q, want %q", complained, want)
		}
	}
	two := p.heard[2]
	if len(two) != 4 || two[0].Role != "system" || two[1].Content != "one" || two[3].Content != "two\nlines" {
		t.Errorf("after an error the conversation is %v", two)
	}
	if end := p.heard[3]; len(end) != 1 {
		t.Errorf("after /reset and /system it is %v", end)
	}
	if _, _, _, err := talkTo(t, false, nil, "please fail", "two"); err == nil {
		t.Error("a script goes on after an error")
	}
}
