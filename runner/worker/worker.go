// Package worker trains and evaluates: it is the process behind a runner. It
// takes attempt folders one after another from its standard input, does what
// each folder's spec.json says, and writes what happened to the folder's
// journal. It never opens the ledger, so it may run on any machine that sees
// the root. It keeps the last base loaded, as runs of a sweep mostly share it.
package worker

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"daybook/engine"
	"daybook/engine/device"
	"daybook/engine/hub"
	"daybook/ledger/journal"
	"daybook/runner"
)

// Worker executes attempts.
type Worker struct {
	Root runner.Root
	Hub  runner.Hub // for bases that it names; nil where there is none
	Name string     // for the journal
	Home string     // the user's folder, which the journal doesn't name; "" if unknown
	Now  func() time.Time

	loaded *loaded
	opened func(engine.Shape, string, device.Options) (engine.Backend, error) // in place of a device, in tests
}

// Numerics returns the numerics class that device computes in.
func Numerics(name string) (engine.Numerics, error) {
	all, err := device.Resolve(name)
	if err != nil {
		return engine.Numerics{}, err
	}
	return all[0].Numerics(), nil
}

// Serve takes orders, one JSON object a line, until in ends or ctx is done, and
// answers each with a report. The end of in also interrupts an attempt in
// progress, so that a worker never outlives its runner.
func (w *Worker) Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	orders := make(chan runner.Order)
	var bad error
	go func() {
		defer cancel()
		defer close(orders)
		lines := bufio.NewScanner(in)
		for lines.Scan() {
			var o runner.Order
			if bad = json.Unmarshal(lines.Bytes(), &o); bad != nil {
				return
			}
			select {
			case orders <- o:
			case <-ctx.Done():
				return
			}
		}
		bad = lines.Err()
	}()
	reports := json.NewEncoder(out)
	for o := range orders {
		report := runner.Report{Dir: o.Dir}
		err := w.Work(ctx, o.Dir, func(a runner.Answered) {
			_ = reports.Encode(runner.Report{Dir: o.Dir, Answered: &a}) // the last report tells of a runner that is gone
		})
		if err != nil {
			report.Error, report.Hint = err.Error(), advise(err)
		}
		if err := reports.Encode(report); err != nil {
			return fmt.Errorf("worker: %w", err)
		}
	}
	w.unload()
	if bad != nil {
		return fmt.Errorf("worker: order: %w", bad)
	}
	return nil
}

// Work makes the attempt in dir, relative to the root, and tells hear how far
// evaluations are. How it ended is in the journal; the error is about the journal
// itself, or wraps engine.ErrDeviceLost: then nothing more can be computed in this
// process, and a runner starts another.
func (w *Worker) Work(ctx context.Context, dir string, hear func(runner.Answered)) (err error) {
	path := w.Root.Abs(dir)
	job, err := runner.ReadJob(path)
	if err != nil {
		return err
	}
	log, err := journal.Create(filepath.Join(path, runner.JournalFile))
	if err != nil {
		return err
	}
	log.Now = w.Now
	defer func() {
		if closed := log.Close(); err == nil { // what failed before, it says again
			err = closed
		}
	}()
	a := &attempt{worker: w, dir: path, job: job, log: log, hear: hear, began: w.Now()}
	ended := a.run(ctx)
	if err := a.appendSync(a.close(ended)); err != nil {
		return err
	}
	if errors.Is(ended, engine.ErrDeviceLost) {
		return ended
	}
	return nil
}

// attempt is one job in progress.
type attempt struct {
	worker *Worker
	dir    string // absolute
	job    *runner.Job
	log    *journal.Writer
	hear   func(runner.Answered)
	began  time.Time
	before float64 // seconds of the attempts that this one resumes
	step   int     // optimizer steps done
	done   journal.Finished
}

// run does the job, filling in a.done.
func (a *attempt) run(ctx context.Context) error {
	in, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = in.data.Close() }() // only reading
	switch {
	case a.job.Adapter != nil:
		return a.measureAdapter(ctx, in)
	case a.job.Baseline != "":
		return a.measureBase(ctx, in)
	}
	return a.train(ctx, in)
}

// appendSync writes an event that must not be lost once it is acted upon.
func (a *attempt) appendSync(b journal.Body) error {
	if err := a.log.Append(b); err != nil {
		return err
	}
	return a.log.Sync()
}

// close turns the outcome of run into the journal's last event.
func (a *attempt) close(err error) journal.Body {
	switch {
	case err == nil:
		a.done.Seconds = a.before + a.worker.Now().Sub(a.began).Seconds()
		return a.done
	case errors.Is(err, context.Canceled):
		return journal.Interrupted{Step: a.step}
	}
	return journal.Failed{Error: a.impersonal(err.Error()), Hint: a.impersonal(advise(err)), Step: a.step}
}

// impersonal also shortens the path of a base that lies elsewhere, to its last element.
func (a *attempt) impersonal(text string) string {
	text = a.worker.impersonal(text)
	if hub.IsName(a.job.Base) {
		return text
	}
	base := a.worker.Root.Abs(a.job.Base)
	return strings.ReplaceAll(text, base+string(filepath.Separator), filepath.Base(base)+string(filepath.Separator))
}

// advise returns what to do about an error, "" if nothing comes to mind.
func advise(err error) string {
	switch advice := runner.HintOf(err); {
	case advice != "":
		return advice
	case errors.Is(err, engine.ErrNonFinite):
		return "lower train.learning_rate, lengthen train.warmup_ratio, or clip harder with train.max_grad_norm"
	case errors.Is(err, syscall.ENOSPC):
		return "free some space and run the sweep again: it resumes from the last checkpoint"
	case errors.Is(err, syscall.EIO):
		return "check the disk, then run the sweep again: it resumes from the last checkpoint"
	}
	return ""
}

// impersonal shortens paths below the root and below the user's folder: a
// journal goes into the ledger, and with it to other people.
func (w *Worker) impersonal(text string) string {
	text = strings.ReplaceAll(text, w.Root.Dir+string(filepath.Separator), "")
	if w.Home != "" && w.Home != string(filepath.Separator) {
		text = strings.ReplaceAll(text, w.Home+string(filepath.Separator), "~"+string(filepath.Separator))
	}
	return text
}
