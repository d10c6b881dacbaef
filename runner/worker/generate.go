package worker

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"daybook/engine"
	"daybook/engine/checkpoint"
	"daybook/engine/device"
	"daybook/engine/model"
	"daybook/runner"
	"daybook/sweeps"
)

// Generator answers conversations with a base and, optionally, an adapter.
type Generator struct {
	base    *runner.Base
	backend engine.Backend
	model   *model.Model
	adapter *model.Adapter
}

// GeneratorOptions name what to load. Folders are absolute or relative to the
// working folder.
type GeneratorOptions struct {
	Base     string
	Spec     sweeps.Base   // Quantization "" means as the files have it, or NF4 with double quantization
	Template string        // "" means the base's own
	Adapter  string        // "" means the base alone
	Digest   string        // identity that the adapter must have; "" accepts any
	Trained  runner.Inputs // digests of base, tokenizer and template that the adapter was trained on
	Threads  int
	Device   string                  // to compute on, as package device names it
	Cache    *checkpoint.Cache       // may be nil
	Loading  func(done, total int64) // hears of the parameters read; may be nil
}

// NewGenerator loads a base as it was quantized for training, and an adapter.
func NewGenerator(ctx context.Context, o GeneratorOptions) (*Generator, error) {
	base, err := runner.OpenBase(o.Base, o.Template, o.Cache)
	if err != nil {
		return nil, fmt.Errorf("base: %w", err)
	}
	var adapter *engine.HostAdapter
	if o.Adapter != "" {
		digest, err := checkpoint.AdapterDigest(o.Adapter)
		if err != nil {
			return nil, err
		}
		if got := hex.EncodeToString(digest[:]); o.Digest != "" && got != o.Digest {
			return nil, runner.WithHint(
				fmt.Errorf("adapter %s: digest is %.12s, the ledger has %.12s: the folder was changed", o.Adapter, got, o.Digest),
				"delete the folder and run the sweep again: the adapter is published again",
			)
		}
		if o.Trained != (runner.Inputs{}) {
			if err := runner.Foreign(o.Trained, base.Inputs()); err != nil {
				return nil, fmt.Errorf("base: %w", err)
			}
		}
		if adapter, err = checkpoint.ReadAdapter(o.Adapter, base.Shape()); err != nil {
			return nil, err
		}
	}
	backend, err := open(base.Shape(), o.Device, device.Options{Threads: o.Threads})
	if err != nil {
		return nil, err
	}
	weights, err := base.Load(ctx, held(base, o.Spec), o.Loading)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("base: %w", err), backend.Close())
	}
	source, err := model.NewResident(backend, weights)
	if err != nil {
		return nil, err
	}
	mo := model.Options{MaxTokens: base.Shape().MaxPositions, MaxDocuments: 1}
	if adapter != nil {
		mo.LoRA = &adapter.LoRA
	}
	g := &Generator{base: base, backend: backend}
	if g.model, err = model.New(backend, source, mo); err != nil {
		return nil, err
	}
	if adapter != nil {
		if g.adapter, err = g.model.NewAdapter(adapter); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// held returns how a base is to be held.
func held(base *runner.Base, b sweeps.Base) checkpoint.Quantization {
	switch packed := base.Quantized(); {
	case b.Quantization != "":
		return checkpoint.Quantization{Kind: b.Quantization, DoubleQuant: b.DoubleQuant}
	case packed != nil:
		return *packed
	}
	return checkpoint.Quantization{Kind: "nf4", DoubleQuant: true}
}

// Answer continues a conversation greedily, with the adapter or the base alone.
func (g *Generator) Answer(ctx context.Context, turns []engine.Turn, maxNewTokens int, withAdapter bool) (string, error) {
	prompt, err := g.base.Encoder.Prompt(turns)
	if err != nil {
		return "", err
	}
	g.model.Use(nil)
	if withAdapter {
		g.model.Use(g.adapter)
	}
	answers, err := g.model.Generate(ctx, [][]int32{prompt}, model.GenerateOptions{MaxNewTokens: maxNewTokens, Ended: g.base.Encoder.Ended, BatchSize: 1})
	if errors.Is(err, model.ErrContext) {
		most := g.base.Shape().MaxPositions - 1
		return "", runner.WithHint(fmt.Errorf("generate: %d tokens, of at most %d: %w", len(prompt), most, model.ErrContext), "shorten the prompt, or the system turn before it")
	}
	if err != nil {
		return "", err
	}
	return g.base.Encoder.Text(answers[0]), nil
}

// Close gives the device back.
func (g *Generator) Close() error { return errors.Join(g.model.Close(), g.backend.Close()) }
