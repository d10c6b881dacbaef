package ledger

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"daybook/ledger/journal"
)

// readJournal is events of an attempt's journal as an entry has them.
type readJournal struct {
	run     Digest
	attempt int
	events  []readEvent // at least one
}

// readEvent is an event of a journal: an evaluation, or another one's body.
type readEvent struct {
	seq        int
	digest     Digest // of the line
	sum        []byte // the digest
	time       time.Time
	evaluation *readEvaluation
	body       journal.Body
}

func newReadEvent(seq int, digest Digest) (readEvent, error) {
	sum, err := hex.DecodeString(digest)
	if err != nil {
		return readEvent{}, fmt.Errorf("event %d: %w", seq, err)
	}
	return readEvent{seq: seq, digest: digest, sum: sum}, nil
}

// readEvents returns the events of an eventsFact.
func readEvents(e entry) (readJournal, error) {
	f, err := decodeBody[eventsFact](e)
	if err != nil {
		return readJournal{}, err
	}
	if len(f.Events) == 0 { // as when somebody has changed the entry
		return readJournal{}, fmt.Errorf("entry %d: it has no events", e.Seq)
	}
	out := readJournal{f.Run, f.Attempt, make([]readEvent, len(f.Events))}
	for i, event := range f.Events {
		if out.events[i], err = event.read(); err != nil {
			return readJournal{}, err
		}
	}
	return out, nil
}

func (e eventFact) read() (readEvent, error) {
	out, err := newReadEvent(e.Seq, e.Digest)
	if err != nil {
		return out, err
	}
	out.time = e.Time
	if e.Type == evaluatedType {
		v, err := decodeEvaluated(e.Body)
		if err != nil {
			return out, fmt.Errorf("event %d: %w", e.Seq, err)
		}
		out.evaluation = &v
		return out, nil
	}
	out.body, err = journal.Decode(journal.Event{Seq: e.Seq, Type: e.Type, Version: e.Version, Body: e.Body})
	return out, err
}

func projectEvents(ctx context.Context, t *transaction, e entry, j readJournal) error {
	p, err := t.attemptOf(ctx, j.run, j.attempt, e.Seq)
	if err != nil {
		return err
	}
	for _, event := range j.events {
		if err := p.event(ctx, event); err != nil {
			return fmt.Errorf("event %d: %w", event.seq, err)
		}
	}
	last := j.events[len(j.events)-1]
	return p.reached(ctx, last.seq, last.digest)
}

// attemptOf returns the attempt that an entry is about.
func (t *transaction) attemptOf(ctx context.Context, run Digest, number int, entry int64) (*attemptProjection, error) {
	if p := t.attempt; p != nil && p.key == run && p.number == number { // mostly, entries are about the attempt of the one before
		p.entry, p.step, p.columns, p.values = entry, 0, "", nil
		return p, nil
	}
	p := &attemptProjection{t: t, key: run, number: number, entry: entry}
	err := t.row(ctx, "SELECT a.run, a.id FROM attempts a JOIN runs r ON r.id = a.run WHERE r.key = ? AND a.number = ?", run, number).
		Scan(&p.run, &p.attempt)
	if err == nil {
		t.attempt = p
	}
	return p, err
}

// attemptProjection is the attempt whose events are being projected.
type attemptProjection struct {
	t       *transaction
	key     Digest
	run     int64 // row
	attempt int64 // row
	number  int
	entry   int64
	step    int // last one reported, 0 if none was

	columns string // of the attempt's row that change, such as "step = ?, ", and to what
	values  []any
}

// event adds an event's rows, and its line's digest, by which a line that is
// delivered again is known.
func (p *attemptProjection) event(ctx context.Context, e readEvent) error {
	if _, err := p.t.insert(ctx, lineRows, p.attempt, e.seq, e.sum); err != nil {
		return err
	}
	if e.evaluation != nil {
		return p.t.insertEvaluation(ctx, p.run, p.number, *e.evaluation, e.time, p.entry)
	}
	if err := p.body(ctx, e.body, e.time); err != nil {
		return fmt.Errorf("%s: %w", e.body.EventType(), err)
	}
	return nil
}

func (p *attemptProjection) body(ctx context.Context, body journal.Body, at time.Time) error {
	switch b := body.(type) {
	case journal.Step:
		p.step = b.Step
		_, err := p.t.insert(ctx, stepRows, p.attempt, b.Step, b.Epoch, b.Loss, b.Rate, b.GradNorm, b.Tokens, b.Targets, b.Seconds)
		return err
	case journal.Started:
		columns, err := jsonColumns(b.Device, b.Engine)
		if err != nil {
			return err
		}
		p.set(`started = ?, worker = iif(? = '', worker, ?), numerics = ?, device = ?, engine = ?, resumed_from = ?, resumed_step = ?,
			planned_steps = ?, parameters = ?, eight_bit = ?`,
			formatTime(at), b.Worker, b.Worker, b.Numerics, columns[0], columns[1], b.ResumedFrom, b.ResumedStep, b.Steps, b.Parameters, b.EightBit)
		return nil
	case journal.Checkpoint:
		p.set("checkpoint_step = ?, checkpoint_path = ?", b.Step, b.Path)
		return nil
	case journal.Epoch:
		_, err := p.t.insert(ctx, epochRows, p.attempt, b.Epoch, b.TrainLoss, b.Selected, b.Best, b.Adapter, b.Path, b.Seconds)
		return err
	case journal.Finished:
		p.set("ended = ?, outcome = 'finished', chosen_epoch = ?, adapter = ?, adapter_path = ?, tokens = ?, seconds = ?, stopped = ?",
			formatTime(at), b.ChosenEpoch, b.Adapter, b.Path, b.Tokens, b.Seconds, b.Stopped)
		// An evaluation of a trained run's adapter is no result of training.
		return p.t.exec(ctx, `UPDATE runs SET outcome = 'finished', result = max(coalesce(result, 0), ?)
			WHERE id = ? AND kind = (SELECT kind FROM attempts WHERE id = ?)`, p.number, p.run, p.attempt)
	case journal.Failed:
		p.set("ended = ?, outcome = 'failed', error = ?, hint = ?", formatTime(at), b.Error, b.Hint)
		return p.t.exec(ctx, "UPDATE runs SET outcome = 'failed' WHERE id = ? AND attempts = ? AND outcome <> 'finished'", p.run, p.number)
	case journal.Interrupted:
		p.set("ended = ?, outcome = 'interrupted'", formatTime(at))
		return nil
	}
	return fmt.Errorf("%w %T", journal.ErrUnknown, body)
}

// set changes columns of the attempt's row, with the rest of what its entry says.
func (p *attemptProjection) set(columns string, values ...any) {
	p.columns += columns + ", "
	p.values = append(p.values, values...)
}

// reached ends an entry: its last line is told to the attempt, with what was set.
func (p *attemptProjection) reached(ctx context.Context, seq int, digest Digest) error {
	p.set("last_seq = ?, last_digest = ?, step = max(step, ?)", seq, digest, p.step)
	return p.t.exec(ctx, "UPDATE attempts SET "+strings.TrimSuffix(p.columns, ", ")+" WHERE id = ?", append(p.values, p.attempt)...)
}
