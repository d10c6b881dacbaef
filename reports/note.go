package reports

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"daybook/ledger"
)

// notes says below the tables what the numbers rest on.
func (r *Report) notes() []Note {
	var out []Note
	add := func(label, format string, args ...any) { out = append(out, Note{label, fmt.Sprintf(format, args...)}) }
	for _, w := range r.Warnings {
		add("warning", "%s", w.Message)
	}
	out = append(out, r.unfinished()...)
	f := r.Footer
	if slices.ContainsFunc(r.Rows, func(w Row) bool { return w.Best }) {
		add("selection", "%s on validation records chose the epochs and, by its mean, the best row (*); test records decided nothing", r.Select)
	}
	if r.compared() {
		add("intervals", "%g%%, percentiles of a paired bootstrap over records and seeds (%s resamples, seed %d); ~ where an interval holds zero; p two-sided, adjusted by Holm over the rows",
			100*f.Confidence, commas(f.Resamples), f.Seed)
		if f.Data.GroupBy != "" {
			out[len(out)-1].Text += fmt.Sprintf("; records of one %s are drawn one by one, so that intervals are too narrow if these are alike", f.Data.GroupBy)
		}
	}
	if len(r.Rows) > 0 {
		add("columns", "invented counts all seeds together; tokens, time and size are a seed's mean, time with its evaluations")
	}
	out = append(out, r.origins()...)
	for _, b := range f.Bases {
		add("base", "%.12s, weights %s", b.Digest, b.Quantization)
	}
	if len(f.Numerics) > 0 {
		add("backend", "%s", strings.Join(f.Numerics, ", "))
	}
	if d := f.Data; d.Source != "" {
		text := fmt.Sprintf("%s (%.12s), %s records: %s for training, %s validation, %s test", d.Source, d.Digest, commas(d.Records), commas(d.Pool), commas(d.Validation), commas(d.Test))
		if d.Withheld > 0 {
			text += fmt.Sprintf(", %s withheld beside them", commas(d.Withheld))
		}
		if d.GroupBy != "" {
			text += fmt.Sprintf("; split by %s, %s", d.GroupBy, count(d.Groups, "group"))
		}
		if d.Duplicates > 0 {
			text += fmt.Sprintf("; %s kept on one side", count(d.Duplicates, "duplicate"))
		}
		add("data", "%s", text)
	}
	for _, c := range f.Code {
		text := "no commit"
		switch {
		case c.Dirty:
			text = fmt.Sprintf("commit %.12s, with uncommitted changes", c.Commit)
		case c.Commit != "":
			text = fmt.Sprintf("commit %.12s", c.Commit)
		case len(f.Code) == 1:
			continue // nobody claims that there is one
		}
		add("code", "%s", text)
	}
	return out
}

// origins says which results were not made here.
func (r *Report) origins() []Note {
	from := map[string][]string{}
	claimed := 0
	for _, w := range r.Rows {
		for _, s := range w.Results {
			if s.Origin != "" {
				from[s.Origin] = append(from[s.Origin], fmt.Sprintf("%.12s", s.Run))
			}
			if s.Unauthenticated {
				claimed++
			}
		}
	}
	var out []Note
	for _, name := range slices.Sorted(maps.Keys(from)) {
		all := from[name]
		text := fmt.Sprintf("%s made by %s, whose ledger was merged: %s", count(len(all), "result"), name, strings.Join(all[:min(listed, len(all))], ", "))
		if more := len(all) - listed; more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		out = append(out, Note{"origin", text})
	}
	if claimed > 0 {
		out = append(out, Note{"claimed", fmt.Sprintf("%s from journals that came from another machine, and that nobody signed", count(claimed, "result"))})
	}
	return out
}

// listed is how many runs that ended alike are named.
const listed = 6

// unfinished names the runs without a result, those together of which the same
// is to be said.
func (r *Report) unfinished() []Note {
	type end struct {
		state ledger.State
		text  string
	}
	names := map[end][]string{}
	var order []end
	for _, u := range r.Unfinished {
		e := end{u.State, u.Error}
		if names[e] == nil {
			order = append(order, e)
		}
		names[e] = append(names[e], fmt.Sprintf("%s (%.12s)", u.Name, u.Run))
	}
	var out []Note
	for _, e := range order {
		all := names[e]
		text := strings.Join(all[:min(listed, len(all))], ", ")
		if more := len(all) - listed; more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		if e.text != "" {
			text += ": " + e.text
		}
		out = append(out, Note{stateName(e.state), text})
	}
	return out
}

// stateName says where a run without a result stands.
func stateName(s ledger.State) string {
	if s == ledger.New {
		return "not started"
	}
	return string(s)
}
