package cli

import (
	"fmt"
	"io"

	"daybook/ledger"
	"daybook/runner"
)

// printPlan lists what run would do.
func printPlan(w io.Writer, l runner.Listing) error {
	header := append([]string{"run"}, l.Axes...)
	header = append(header, "key", "state", ">records", ">tokens", ">steps")
	var rows [][]string
	trained := 0
	for _, r := range l.Runs {
		row := []string{r.Name}
		if r.Kind == ledger.Train {
			trained++
			row[0] = fmt.Sprint(trained)
		}
		labels := map[string]string{}
		for _, c := range r.Axes {
			labels[c.Axis] = c.Label
		}
		for _, a := range l.Axes {
			row = append(row, labels[a])
		}
		state := string(r.State)
		if r.State == ledger.Resumable && r.Step > 0 {
			state += fmt.Sprintf(" after step %d", r.Step)
		}
		if r.Origin != "" {
			state += " at " + r.Origin
		}
		if !r.Selected {
			state += ", left out"
		}
		row = append(row, short(r.Key), state)
		if r.Kind == ledger.Train {
			row = append(row, fmt.Sprint(r.Records), tokens(r.Tokens), fmt.Sprint(r.Steps))
		} else {
			row = append(row, "", "", "")
		}
		rows = append(rows, row)
	}
	if err := printList(w, header, rows); err != nil {
		return err
	}
	p, d := &page{w: w}, l.Data
	p.printf("\n")
	p.wrap("%s: %d records: %d to train on, %d validation, %d test, %d withheld beside them", d.Source, d.Records, d.Pool, d.Validation, d.Test, d.Withheld)
	if d.Duplicates > 0 || d.GroupBy != "" {
		groups := ""
		if d.GroupBy != "" {
			groups = fmt.Sprintf("; records with the same %s stay together", d.GroupBy)
		}
		p.wrap("%d records repeat another's content%s", d.Duplicates, groups)
	}
	p.wrap("to do: %s, %s training tokens, %s", tally(l.Todo.Runs, l.Todo.Baselines), tokens(l.Todo.Tokens), count(l.Todo.Steps, "optimizer step"))
	for _, warning := range l.Warnings {
		p.wrap("warning: %s", warning)
	}
	return p.err
}
