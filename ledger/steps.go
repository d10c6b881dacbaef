package ledger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"daybook/ledger/journal"
)

// stepsFact is consecutive steps of an attempt's journal as columns, which takes a
// quarter of the space of the lines. The lines, and so their digests, follow from
// it. Steps whose lines don't, because another program than Daybook wrote them, are
// kept as they are, in an eventsFact: that is version 1 of the type.
//
// Fields are in the order of their JSON names, so that the encoding is canonical
// as it is.
type stepsFact struct {
	After    []int64   `json:"after"` // nanoseconds from Time to each line's time
	Attempt  int       `json:"attempt"`
	Epoch    []int     `json:"epoch"`
	GradNorm []float64 `json:"grad_norm"`
	Rate     []float64 `json:"learning_rate"`
	Loss     []float64 `json:"loss"`
	Prev     string    `json:"prev"` // digest of the line before the first
	Run      Digest    `json:"run"`
	Seconds  []float64 `json:"seconds"`
	Seq      int       `json:"seq"` // of the first line
	Step     []int     `json:"step"`
	Targets  []int     `json:"targets"`
	Time     time.Time `json:"time"` // of the first line
	Tokens   []int     `json:"tokens"`
}

// columns returns steps by column, if their lines follow from that.
func (f eventsFact) columns() (stepsFact, bool) {
	first := f.Events[0]
	out := stepsFact{Attempt: f.Attempt, Prev: f.Prev, Run: f.Run, Seq: first.Seq, Time: first.Time}
	for _, e := range f.Events {
		body, err := journal.Decode(journal.Event{Seq: e.Seq, Type: e.Type, Version: e.Version, Body: e.Body})
		s, ok := body.(journal.Step)
		if err != nil || !ok {
			return stepsFact{}, false
		}
		again, err := encodeBody(s)
		after := e.Time.Sub(out.Time)
		if err != nil || !bytes.Equal(again, e.Body) || e.Version != journal.BodyVersion || !exact(int64(after)) ||
			!exact(int64(s.Step)) || !exact(int64(s.Epoch)) || !exact(int64(s.Tokens)) || !exact(int64(s.Targets)) ||
			!out.Time.Add(after).Equal(e.Time) {
			return stepsFact{}, false
		}
		for _, v := range []float64{s.Loss, s.Rate, s.GradNorm, s.Seconds} {
			if v == 0 && math.Signbit(v) { // canonical JSON has no -0
				return stepsFact{}, false
			}
		}
		out.After = append(out.After, int64(after))
		out.Step, out.Epoch = append(out.Step, s.Step), append(out.Epoch, s.Epoch)
		out.Loss, out.Rate, out.GradNorm = append(out.Loss, s.Loss), append(out.Rate, s.Rate), append(out.GradNorm, s.GradNorm)
		out.Tokens, out.Targets, out.Seconds = append(out.Tokens, s.Tokens), append(out.Targets, s.Targets), append(out.Seconds, s.Seconds)
	}
	return out, true
}

// exact reports whether every reader of JSON gets the integer as it is.
func exact(n int64) bool { return n >= -1<<53 && n <= 1<<53 }

// lines calls f with each step and with its line's number and digest.
func (f stepsFact) lines(do func(s journal.Step, seq int, digest Digest) error) error {
	n := len(f.Step)
	for _, column := range []int{len(f.After), len(f.Epoch), len(f.GradNorm), len(f.Rate), len(f.Loss), len(f.Seconds), len(f.Targets), len(f.Tokens)} {
		if column != n || n == 0 {
			return invalid("steps", "columns of %d and %d", n, column)
		}
	}
	prev := f.Prev
	for i := range n {
		s := journal.Step{
			Step: f.Step[i], Epoch: f.Epoch[i], Loss: f.Loss[i], Rate: f.Rate[i], GradNorm: f.GradNorm[i],
			Tokens: f.Tokens[i], Targets: f.Targets[i], Seconds: f.Seconds[i],
		}
		body, err := json.Marshal(s)
		if err != nil {
			return err
		}
		e := journal.Event{
			Seq: f.Seq + i, Prev: prev, Time: f.Time.Add(time.Duration(f.After[i])),
			Type: stepType, Version: journal.BodyVersion, Body: body,
		}
		if prev, err = e.Digest(); err != nil {
			return err
		}
		if err := do(s, e.Seq, prev); err != nil {
			return fmt.Errorf("event %d: %w", e.Seq, err)
		}
	}
	return nil
}

// readSteps returns the events of an entry of type steps.
func readSteps(e entry) (readJournal, error) {
	if e.Version == 1 {
		return readEvents(e)
	}
	f, err := decodeBody[stepsFact](e)
	if err != nil {
		return readJournal{}, err
	}
	out := readJournal{run: f.Run, attempt: f.Attempt, events: make([]readEvent, 0, len(f.Step))}
	err = f.lines(func(s journal.Step, seq int, digest Digest) error {
		event, err := newReadEvent(seq, digest)
		event.body = s
		out.events = append(out.events, event)
		return err
	})
	return out, err
}
