package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"daybook/engine"
	"daybook/engine/checkpoint"
	"daybook/engine/model"
	"daybook/engine/train"
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
	Process      int64                `json:"process_bytes"` // with what the driver takes
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
	// Planner plans for models of a shape, and says what a process takes of a device
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
		f, err := item.footprint(ctx, o)
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

// wanted is what a run asks of a device.
type wanted struct {
	planner engine.Planner
	shape   engine.Shape
	options model.Options
	adamw   engine.OptimizerConfig
	base    int64 // bytes
	cache   int64
}

func (i *Item) footprint(ctx context.Context, o EstimateOptions) (*Footprint, error) {
	spec := i.Job.Spec
	weights, err := i.base.Outline(checkpoint.Quantization{Kind: spec.Base.Quantization, DoubleQuant: spec.Base.DoubleQuant})
	if err != nil {
		return nil, fmt.Errorf("base: %w", err)
	}
	w := wanted{shape: i.base.Shape()}
	var overhead int64
	if w.planner, overhead, err = o.Planner(w.shape); err != nil {
		return nil, err
	}
	sets, err := i.questions()
	if err != nil {
		return nil, err
	}
	room := Room(spec.Eval, w.shape.MaxPositions, sets...)
	w.cache = model.CacheBytes(w.planner, w.shape, room.Documents, room.Positions)
	f := &Footprint{Kind: i.Job.Kind, Base: spec.Base.Model, Quantization: spec.Base.Quantization, Offload: spec.Train.Offload, Cache: w.cache}
	w.options = model.Options{MaxTokens: room.Tokens, MaxDocuments: room.Documents}
	if i.Job.Kind == ledger.Train {
		t, err := Training(spec)
		if err != nil {
			return nil, err
		}
		order, err := train.NewOrder(ctx, t, i.examples)
		if err != nil {
			return nil, err
		}
		w.options, w.adamw = order.Options(t, room), t.Optimizer
		f.Rank, f.Optimizer, f.Asked = t.LoRA.Rank, spec.Train.Optimizer, t.Checkpointing
	}
	f.Tokens, f.Documents = w.options.MaxTokens, w.options.MaxDocuments
	hosted := slices.Contains(spec.Train.Offload, "embedding")
	weights.Embedding.Host = hosted
	w.base = model.BaseBytes(w.planner, weights)
	weights.Embedding.Host = true
	without := model.BaseBytes(w.planner, weights)

	fastest, _ := model.Nearest(-1, w.planner, w.shape, w.options, w.adamw, 0)
	f.Memory = w.estimate(fastest)
	f.Engine = f.Memory.Device() + f.Cache
	f.Process = f.Engine + overhead
	for _, card := range o.Cards {
		fit := w.fit(card-overhead, w.base)
		if !fit.Fits && !w.shape.TiedHead && !hosted {
			if fit = w.fit(card-overhead, without); fit.Fits {
				fit.Embedding, fit.Asked = true, false
			}
		}
		fit.Bytes = card
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

// estimate returns what the run takes with setting c.
func (w wanted) estimate(c model.Setting) model.Memory {
	o, adamw := w.options, w.adamw
	o.Checkpointing, o.HostInputs, adamw.Paged = c.Checkpointing, c.HostInputs, c.Paged
	m := model.Estimate(w.planner, w.shape, o, adamw)
	m.Base = w.base
	return m
}

// fit says with which setting the run fits into so many bytes with a base of so many.
func (w wanted) fit(bytes, base int64) CardFit {
	left := bytes - base
	if left < 0 {
		return CardFit{}
	}
	c, ok := model.Nearest(left, w.planner, w.shape, w.options, w.adamw, w.cache)
	switch {
	case !ok:
		return CardFit{}
	case !w.options.Train:
		return CardFit{Fits: true, Asked: true}
	}
	return CardFit{Setting: &c, Fits: true, Asked: c.Asked(w.options, w.adamw)}
}
