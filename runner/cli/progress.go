package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"daybook/ledger"
	"daybook/ledger/journal"
	"daybook/runner"
)

// display shows progress: bars on a terminal, lines elsewhere.
type display interface {
	runner.Progress
	close()
}

func newProgress(w io.Writer, plan *runner.Plan, again bool, now func() time.Time) display {
	todo := plan.Todo(again)
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) && todo > 0 {
		return newBars(f, todo)
	}
	return &lines{w: w, now: now, began: now(), todo: todo}
}

// lines writes a line for everything that matters.
type lines struct {
	w          io.Writer
	now        func() time.Time
	began      time.Time
	todo, done int
}

func (l *lines) say(format string, args ...any) {
	_, _ = fmt.Fprintf(l.w, "%6s  %s\n", l.now().Sub(l.began).Round(time.Second), fmt.Sprintf(format, args...))
}

func (l *lines) Begin(item *runner.Item, attempt int) {
	if item.Unplanned() {
		l.todo++
	}
	if attempt > 1 {
		l.say("%s: attempt %d", title(item), attempt)
		return
	}
	l.say("%s: begins", title(item))
}

func (l *lines) Event(item *runner.Item, e journal.Body) {
	switch e := e.(type) {
	case journal.Started:
		if e.ResumedStep > 0 {
			l.say("%s: resumes after step %d of %d", title(item), e.ResumedStep, e.Steps)
		}
	case journal.Epoch:
		best := ""
		if e.Best {
			best = ", best so far"
		}
		l.say("%s: epoch %d of %d: training loss %.4f, validation %s%s", title(item), e.Epoch, item.Job.Spec.Train.Epochs, e.TrainLoss, selected(item, e), best)
	case journal.Evaluated:
		if e.Subject == "base" {
			l.say("%s: %s %s", title(item), e.Split, summary(e))
		}
	}
}

func (l *lines) End(item *runner.Item, state ledger.State, why string) {
	if state != ledger.Resumable {
		l.done++
	}
	if state == ledger.Done {
		l.say("%s: done (%d of %d)", title(item), l.done, l.todo)
		return
	}
	l.say("%s: %s: %s", title(item), state, why)
}

func (l *lines) Held(item *runner.Item, holder string) {
	l.say("%s: %s is running it; waiting for its result", title(item), holder)
}

func (l *lines) Published(item *runner.Item, a ledger.Adapter) {
	l.say("%s: epoch %d published as %s", title(item), a.Epoch, a.Name())
}

// Answered says nothing: a file keeps what was measured, not how far it was.
func (l *lines) Answered(*runner.Item, runner.Answered) {}

// Damaged says nothing: every journal was looked at when the sweep was planned,
// and what was wrong was said then.
func (l *lines) Damaged(*runner.Item, error) {}

func (l *lines) close() {}

// bars draws a bar for the sweep and one for each attempt in progress.
type bars struct {
	p     *mpb.Progress
	all   *mpb.Bar
	runs  map[*runner.Item]*bar
	lines *lines // what stays on the screen, above the bars
}

// bar is an attempt in progress: its optimizer steps, or the records of a set that
// it evaluates a base or a finished adapter on.
type bar struct {
	*mpb.Bar
	steps int          // planned
	note  atomic.Value // string; read by the drawing goroutine
}

func (b *bar) say(format string, args ...any) { b.note.Store(fmt.Sprintf(format, args...)) }

func newBars(w io.Writer, todo int) *bars {
	p := mpb.New(mpb.WithOutput(w), mpb.WithWidth(40), mpb.WithRefreshRate(150*time.Millisecond))
	b := &bars{p: p, runs: map[*runner.Item]*bar{}}
	// A bar that is made without a total never completes by itself. The last bar to
	// complete ends the drawing, and lines are still to come when the last run ends.
	b.all = p.AddBar(0,
		mpb.BarPriority(1<<30),
		mpb.PrependDecorators(decor.Name("sweep", decor.WCSyncSpaceR)),
		mpb.AppendDecorators(decor.CountersNoUnit("%d of %d"), decor.Elapsed(decor.ET_STYLE_GO, decor.WCSyncSpace)))
	b.all.SetTotal(int64(todo), false)
	b.lines = &lines{w: p, now: time.Now, began: time.Now(), todo: todo}
	return b
}

func (b *bars) Begin(item *runner.Item, _ int) {
	if item.Unplanned() {
		b.lines.todo++
		b.all.SetTotal(int64(b.lines.todo), false)
	}
	one := &bar{}
	one.Bar = b.p.AddBar(0,
		mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(title(item), decor.WCSyncSpaceR)),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { s, _ := one.note.Load().(string); return s })))
	one.say("starts")
	b.runs[item] = one
}

func (b *bars) Event(item *runner.Item, e journal.Body) {
	one := b.runs[item]
	if one == nil {
		return
	}
	switch e := e.(type) {
	case journal.Started:
		if one.steps = e.Steps; one.steps > 0 {
			one.SetTotal(int64(one.steps), false)
			one.SetCurrent(int64(e.ResumedStep))
			one.say("step %d of %d", e.ResumedStep, one.steps)
		}
	case journal.Step:
		one.SetCurrent(int64(e.Step))
		one.say("step %d of %d, loss %.3f", e.Step, one.steps, e.Loss)
	case journal.Epoch, journal.Evaluated:
		b.lines.Event(item, e)
	}
}

func (b *bars) Answered(item *runner.Item, a runner.Answered) {
	one := b.runs[item]
	if one == nil {
		return
	}
	if a.Loading {
		one.say("loads the base: %d%%", a.Done)
		return
	}
	if item.Job.Kind == ledger.Train {
		one.say("epoch %d, %s: %d of %d records", a.Epoch, a.Split, a.Done, a.Total)
		return // the bar stays at the step that this is about
	}
	one.SetTotal(int64(a.Total), false)
	one.SetCurrent(int64(a.Done))
	one.say("%s: %d of %d records", a.Split, a.Done, a.Total)
}

func (b *bars) End(item *runner.Item, state ledger.State, why string) {
	if one := b.runs[item]; one != nil {
		one.Abort(true)
		delete(b.runs, item)
	}
	b.lines.End(item, state, why)
	if state != ledger.Resumable { // an interrupted one is still to do
		b.all.Increment()
	}
}

func (b *bars) Held(item *runner.Item, holder string)         { b.lines.Held(item, holder) }
func (b *bars) Published(item *runner.Item, a ledger.Adapter) { b.lines.Published(item, a) }

func (b *bars) Damaged(item *runner.Item, err error) { b.lines.Damaged(item, err) }

func (b *bars) close() {
	for _, one := range b.runs { // of attempts that an error kept from ending
		one.Abort(true)
	}
	b.all.Abort(false)
	b.p.Wait()
}

// title names an item for people.
func title(item *runner.Item) string {
	switch {
	case item.Reevaluates():
		return item.Job.Name + ", re-evaluated"
	case item.Job.Kind != ledger.Train:
		return "baseline " + item.Job.Name
	case item.Job.Name == "":
		return "run " + item.Job.Key[:12]
	}
	return item.Job.Name
}

// selected is the value of the metric that picks the epoch.
func selected(item *runner.Item, e journal.Epoch) string {
	if e.Selected == nil {
		return "not measured"
	}
	return fmt.Sprintf("%s %.4f", item.Job.Spec.Eval.Select, *e.Selected)
}

// summary lists a baseline's aggregates over the whole set.
func summary(e journal.Evaluated) string {
	var parts []string
	for _, m := range e.Metrics {
		if m.By == "" {
			parts = append(parts, m.Metric+" "+runner.MeasuredOf(m).Text(m.Metric, 3))
		}
	}
	return strings.Join(parts, ", ")
}
