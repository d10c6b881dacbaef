package runner

import (
	"context"

	"daybook/engine/train"
	"daybook/ledger"
)

// Listing is a plan as data, for plan and its --json.
type Listing struct {
	Sweep    string      `json:"sweep"`
	Axes     []string    `json:"axes"`
	Data     ledger.Data `json:"data"`
	Runs     []ListedRun `json:"runs"`
	Warnings []string    `json:"warnings"`
	Todo     Todo        `json:"todo"`
}

// ListedRun is one line of a listing.
type ListedRun struct {
	Name     string          `json:"name"`
	Kind     ledger.Kind     `json:"kind"`
	Axes     []ledger.Choice `json:"axes,omitempty"`
	Key      ledger.Digest   `json:"key"`
	State    ledger.State    `json:"state"`
	Origin   string          `json:"origin,omitempty"` // merged ledger that has finished it
	Selected bool            `json:"selected"`         // by --only and --limit
	Step     int             `json:"step,omitempty"`   // of the checkpoint that a resumable run resumes from
	Records  int             `json:"records,omitempty"`
	Cost
	Truncated []Truncated `json:"truncated,omitempty"`
}

// Todo is what run would execute. A baseline is no run: it trains nothing.
type Todo struct {
	Runs      int `json:"runs"`
	Baselines int `json:"baselines"`
	Cost
}

// Cost is what a run takes, in units that don't depend on the machine.
type Cost struct {
	Tokens int `json:"tokens"` // trained on, all epochs
	Steps  int `json:"steps"`  // optimizer steps
}

// List returns the plan as data.
func (p *Plan) List(ctx context.Context, again bool) (Listing, error) {
	l := Listing{Sweep: p.Sweep.Name, Data: p.Data, Warnings: p.Warnings}
	for _, a := range p.Sweep.Axes {
		l.Axes = append(l.Axes, a.Name)
	}
	for _, item := range p.Items {
		r := ListedRun{
			Name: item.Job.Name, Kind: item.Job.Kind, Axes: item.Axes, Key: item.Job.Key, State: item.Status.State, Origin: item.From,
			Selected: item.Selected, Records: item.Examples, Truncated: item.Truncated,
		}
		if item.Status.State == ledger.Resumable {
			r.Step = item.Status.CheckpointStep
		}
		if item.Job.Kind == ledger.Train {
			t, err := Training(item.Job.Spec)
			if err != nil {
				return Listing{}, err
			}
			order, err := train.NewOrder(ctx, t, item.examples)
			if err != nil {
				return Listing{}, err
			}
			r.Cost = Cost{Tokens: item.Tokens * t.Epochs, Steps: order.Steps}
		}
		if item.Todo(again) {
			if r.Kind == ledger.Train {
				l.Todo.Runs++
			} else {
				l.Todo.Baselines++
			}
			l.Todo.Tokens += r.Tokens
			l.Todo.Steps += r.Steps
		}
		l.Runs = append(l.Runs, r)
	}
	return l, nil
}

// Todo counts the runs and baselines that Run would execute.
func (p *Plan) Todo(again bool) int {
	n := 0
	for _, item := range p.Items {
		if item.Todo(again) {
			n++
		}
	}
	return n
}
