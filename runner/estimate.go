package runner

import (
	"context"
	"encoding/json"
	"fmt"

	"daybook/engine"
	"daybook/engine/model"
	"daybook/ledger"
)

// Footprint is the memory that runs of one shape take, as the engine plans it.
type Footprint struct {
	Runs         []string             `json:"runs"` // names of runs, or of a baseline
	Kind         ledger.Kind          `json:"kind"`
	Base         string               `json:"base"`
	Quantization string               `json:"quantization"`
	Tokens       int                  `json:"tokens"`    // of the largest batch
	Documents    int                  `json:"documents"` // of the largest batch, and decoded together
	Rank         int                  `json:"rank,omitempty"`
	Optimizer    string               `json:"optimizer,omitempty"`
	Asked        engine.Checkpointing `json:"gradient_checkpointing,omitempty"` // by the sweep
	Offload      []string             `json:"offload,omitempty"`
	Memory       model.Memory         `json:"memory"` // bytes, as the sweep asks; with auto, of the fastest kind
	Cache        int64                `json:"cache"`  // keys and values of what is decoded
	Engine       int64                `json:"engine_bytes"`
	Process      int64                `json:"process_bytes"` // with what the driver takes, and what a run keeps free for it
	Cards        []CardFit            `json:"cards,omitempty"`
}

// CardFit says with which setting runs fit on a card.
type CardFit struct {
	Bytes   int64          `json:"bytes"`             // of the card
	Setting *model.Setting `json:"setting,omitempty"` // the nearest that fits; nil if none does, and for a baseline
	// Embedding says that the embedding has to lie in host memory besides.
	Embedding bool `json:"offload_embedding,omitempty"`
	Fits      bool `json:"fits"`  // with that setting
	Asked     bool `json:"asked"` // as the sweep asks for
}

// EstimateOptions say what to plan memory for.
type EstimateOptions struct {
	// Planner plans for models of a shape, and says what a run needs of a device
	// besides, in bytes.
	Planner func(engine.Shape) (p engine.Planner, overhead int64, err error)
	Cards   []int64 // bytes of devices
}

// Estimate returns the memory of the selected runs and the baselines, one
// Footprint for all that have the same shape.
func (p *Plan) Estimate(ctx context.Context, o EstimateOptions) ([]*Footprint, error) {
	var all []*Footprint
	known := map[string]*Footprint{}
	for _, item := range p.Items {
		if !item.Selected {
			continue
		}
		f, err := item.footprint(ctx, p.Root, o)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", item.Job.Name, err)
		}
		key, err := json.Marshal([]any{f, item.Job.Spec.Base})
		if err != nil {
			return nil, fmt.Errorf("estimate: %w", err)
		}
		if known[string(key)] == nil {
			known[string(key)] = f
			all = append(all, f)
		}
		f = known[string(key)]
		f.Runs = append(f.Runs, item.Job.Name)
	}
	return all, nil
}

func (i *Item) footprint(ctx context.Context, root Root, o EstimateOptions) (*Footprint, error) {
	spec := i.Job.Spec
	be, overhead, err := o.Planner(i.base.Shape())
	if err != nil {
		return nil, err
	}
	sets, err := i.questions()
	if err != nil {
		return nil, err
	}
	d, err := i.Job.Demand(ctx, root, be, i.base, i.examples, sets...)
	if err != nil {
		return nil, err
	}
	f := &Footprint{
		Kind: i.Job.Kind, Base: spec.Base.Model, Quantization: spec.Base.Quantization, Offload: spec.Train.Offload,
		Tokens: d.Options.MaxTokens, Documents: d.Options.MaxDocuments, Memory: d.Memory(be, d.Asked()),
	}
	if d.Options.Train {
		f.Rank, f.Optimizer, f.Asked = d.Options.LoRA.Rank, spec.Train.Optimizer, d.Options.Checkpointing
	}
	f.Cache, f.Engine = f.Memory.Cache, f.Memory.Device()
	f.Process = f.Engine + overhead
	for _, card := range o.Cards {
		fit := CardFit{Bytes: card}
		if c, ok := d.Nearest(be, max(0, card-overhead)); ok {
			fit.Fits, fit.Asked, fit.Embedding = true, d.Asks(c), c.Embedding
			if d.Options.Train {
				fit.Setting = &c
			}
		}
		f.Cards = append(f.Cards, fit)
	}
	return f, nil
}

// questions returns the sets that the item is judged on, as it puts them.
func (i *Item) questions() (sets [][]Question, err error) {
	for _, held := range i.held {
		questions := held.questions
		if len(i.Job.Shots) > 0 {
			if questions, err = Questions(i.base, i.data, held.judged.Records, i.Job.Shots); err != nil {
				return nil, err
			}
		}
		sets = append(sets, questions)
	}
	return sets, nil
}
