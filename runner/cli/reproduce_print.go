package cli

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"daybook/ledger"
	"daybook/runner"
)

// reproduced is a reproduction as JSON.
type reproduced struct {
	Run     ledger.Digest        `json:"run"`
	Name    string               `json:"name"`
	Notes   []string             `json:"notes"`
	Changed []string             `json:"changed"` // what it was trained from that is not as recorded
	Result  *ledger.Reproduction `json:"result"`  // null if it was not trained to the end
	Error   string               `json:"error,omitempty"`
}

func reproducedJSON(all []*runner.Reproduction) []reproduced {
	out := make([]reproduced, 0, len(all))
	for _, r := range all {
		v := reproduced{
			Run: r.Run.Key, Name: runTitle(r.Run.Kind, r.Run.Name, r.Run.Key, r.Run.Axes), Notes: append([]string{}, r.Notes...), Changed: append([]string{}, r.Changed...), Result: r.Fact,
		}
		if r.Err != nil {
			v.Error = r.Err.Error()
		}
		out = append(out, v)
	}
	return out
}

func printReproduced(w io.Writer, all []*runner.Reproduction) error {
	p := &page{w: w}
	for _, r := range all {
		p.printf("%s  %s\n", short(r.Run.Key), runTitle(r.Run.Kind, r.Run.Name, r.Run.Key, r.Run.Axes))
		for _, note := range r.Notes {
			p.line("note", "%s", note)
		}
		for _, changed := range r.Changed {
			p.line("changed", "%s", changed)
		}
		switch {
		case r.Fact != nil:
			p.reproduction(r.Run, *r.Fact)
		case r.Err == nil:
			p.line("outcome", "not trained: what it would be trained from is not what the run was")
		default:
			p.line("outcome", "not reproduced")
		}
	}
	return p.err
}

// reproduction prints what came of reproducing a run.
func (p *page) reproduction(run ledger.Run, r ledger.Reproduction) {
	what := []string{count(r.Steps, "step"), count(r.Tensors, "tensor"), count(r.Values, "metric value")}
	switch r.Outcome {
	case ledger.Identical:
		p.line("outcome", "identical: %s, adapter %s", strings.Join(what, ", "), short(r.Adapter))
	case ledger.Different:
		p.line("outcome", "different: of %s", strings.Join(what, ", "))
		p.differences(run, r)
	default:
		p.line("outcome", "%s on %s; the run was made on %s, and bytes can't be compared", spreadText(r.Outcome), classOf(r), runClass(run))
		for _, s := range r.Spread {
			p.line(s.Split, "%s", differenceText(s))
		}
	}
	isolation := "in a folder of its own"
	if r.Confined {
		isolation += ", kept by the system from reading what the run left"
	}
	if r.Checkout != "" {
		isolation += ", from commit " + short(r.Checkout)
	}
	p.line("trained", "%s, %s, %s", seconds(r.Seconds), deviceText(r.Device), isolation)
}

func (p *page) differences(run ledger.Run, r ledger.Reproduction) {
	if d := r.Step; d != nil {
		text := fmt.Sprintf("step %d, %s: was %s, is %s, by %s", d.Step, d.What, exact(d.Was), exact(d.Is), exact(d.Is-d.Was))
		if d.What == "missing" {
			text = fmt.Sprintf("step %d is there only once", d.Step)
		}
		p.line("first step", "%s; %s differ", text, count(d.Steps, "step"))
	} else {
		p.line("steps", "all the same")
	}
	switch d := r.Tensor; {
	case d == nil:
		p.line("tensors", "all the same")
	case d.Name == "":
		p.line("adapter", "%s, was %s; the run's own is gone or of another epoch, so tensors can't be compared", short(r.Adapter), short(run.Adapter))
	default:
		p.line("first tensor", "%s: %d of %d elements, by up to %s; %s differ", d.Name, d.Elements, d.Of, exact(d.Largest), count(d.Tensors, "tensor"))
	}
	if d := r.Value; d != nil {
		name := d.Metric
		if d.By != "" {
			name += fmt.Sprintf(" where %s=%s", d.By, d.Tag)
		}
		p.line("first value", "%s, epoch %d, %s: was %s, is %s; %s differ", d.Split, d.Epoch, name, exactOr(d.Was), exactOr(d.Is), count(d.Values, "value"))
	} else {
		p.line("values", "all the same")
	}
	if other := alsoOther(run, r); other != "" {
		p.line("also", "%s", other)
	}
}

// alsoOther names what the run was made by that is another here.
func alsoOther(run ledger.Run, r ledger.Reproduction) string {
	made := run.Origin()
	if made == nil {
		return ""
	}
	var out []string
	for _, c := range []struct{ was, is map[string]string }{{made.Engine, r.Engine}, {made.Device, r.Device}} {
		for _, name := range slices.Sorted(maps.Keys(c.was)) {
			if is := c.is[name]; is != c.was[name] && name != "threads" { // which change no bit
				out = append(out, fmt.Sprintf("%s was %s, is %s", name, orDash(c.was[name]), orDash(is)))
			}
		}
	}
	return strings.Join(out, "; ")
}

// outcomeText is an outcome for a list.
func outcomeText(r ledger.Reproduction) string {
	switch {
	case r.Outcome == ledger.Identical:
		return fmt.Sprintf("identical: %s, %s", count(r.Steps, "step"), count(r.Tensors, "tensor"))
	case r.Outcome != ledger.Different:
		return spreadText(r.Outcome) + " on " + classOf(r)
	case r.Step != nil:
		return fmt.Sprintf("different from step %d on", r.Step.Step)
	}
	return "different: adapter " + short(r.Adapter)
}

func spreadText(outcome string) string {
	switch outcome {
	case ledger.Within:
		return "metrics are within what two seeds differ by"
	case ledger.Beyond:
		return "metrics differ by more than two seeds do"
	}
	return "metrics can't be judged, for want of two seeds,"
}

func differenceText(s ledger.Spread) string {
	text := fmt.Sprintf("%s: was %.4f, is %.4f, by %+.4f", s.Metric, s.Was, s.Is, s.Is-s.Was)
	if s.Pairs == 0 {
		return text
	}
	return text + fmt.Sprintf("; seeds differ by up to %.4f (%s)", s.Seeds, count(s.Pairs, "pair"))
}

// classOf names what a reproduction was computed in.
func classOf(r ledger.Reproduction) string { return class(r.Numerics, r.Device) }

// runClass names what a run was computed in.
func runClass(run ledger.Run) string {
	if made := run.Origin(); made != nil {
		return class(made.Numerics, made.Device)
	}
	return run.Numerics
}

func class(numerics string, device map[string]string) string {
	if gpu := device["gpu"]; gpu != "" {
		return numerics + " (" + gpu + ")"
	}
	return numerics
}

// exact writes every digit that tells a number from its neighbours.
func exact(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

func exactOr(v *float64) string {
	if v == nil {
		return "none"
	}
	return exact(*v)
}
