package talk

import (
	"fmt"
	"slices"

	"daybook/engine"
	"daybook/engine/model"
	"daybook/ledger"
	"daybook/runner"
)

// held is an adapter on the device.
type held struct {
	digest  ledger.Digest
	adapter *model.Adapter
}

// Read reads an adapter from its folder for base, to be held as o says. It refuses what
// Check does, and a folder that is not what it was.
func Read(a *runner.NamedAdapter, base *runner.Base, o Options) (*engine.HostAdapter, error) {
	digest, err := runner.AdapterIn(a.Dir)
	if err != nil {
		return nil, err
	}
	if digest != a.Digest {
		return nil, runner.WithHint(
			fmt.Errorf("adapter %s: digest is %.12s, the ledger has %.12s: the folder was changed", a.Dir, digest, a.Digest),
			"delete the folder and run the sweep again: the adapter is published again",
		)
	}
	if err := check(a, base, o); err != nil {
		return nil, err
	}
	return runner.ReadAdapter(a.Dir, base)
}

// Check reports why a can't answer with the base at hand, nil if it can. It compares what is
// recorded of an adapter; of one that other tools made nothing is, and reading it finds
// whether its tensors fit.
func (h *Host) Check(a *runner.NamedAdapter) error { return check(a, h.base, h.o) }

func check(a *runner.NamedAdapter, base *runner.Base, o Options) error {
	if a.About == nil {
		return nil
	}
	b := a.About.Base
	if err := runner.Foreign(runner.Inputs{Base: b.Digest, Tokenizer: b.Tokenizer, Template: b.Template}, base.Inputs()); err != nil {
		return fmt.Errorf("adapter %s: %w", a.Name, err)
	}
	if got := runner.QuantizationName(o.Quantization); b.Quantization != got && !o.Requantized {
		return runner.WithHint(fmt.Errorf("adapter %s: it was trained on the base as %s, which is loaded as %s", a.Name, b.Quantization, got),
			"load the base with --quantization "+b.Quantization)
	}
	return nil
}

// use puts an adapter in use, nil for the base alone, with room for prompts of so many
// tokens. It makes room for the adapter by giving back what was not used for longest.
func (h *Host) use(a *runner.NamedAdapter, tokens int) error {
	if err := h.ready(tokens, engine.LoRA{}); err != nil {
		return err
	}
	if a == nil {
		h.model.Use(nil)
		return nil
	}
	if i := slices.IndexFunc(h.held, func(one held) bool { return one.digest == a.Digest }); i >= 0 {
		one := h.held[i]
		h.held = append(slices.Delete(h.held, i, i+1), one)
		h.model.Use(one.adapter)
		return nil
	}
	values, err := Read(a, h.base, h.o)
	if err != nil {
		return err
	}
	if err := h.ready(tokens, values.LoRA); err != nil {
		return err
	}
	for len(h.held) >= h.o.Adapters {
		if err := h.drop(); err != nil {
			return err
		}
	}
	on, err := h.model.NewAdapter(values)
	for err != nil && len(h.held) > 0 { // a device may be full before there are so many
		if err := h.drop(); err != nil {
			return err
		}
		on, err = h.model.NewAdapter(values)
	}
	if err != nil {
		return err
	}
	h.held = append(h.held, held{a.Digest, on})
	h.model.Use(on)
	return nil
}

// drop gives back the adapter that was not used for longest.
func (h *Host) drop() error {
	one := h.held[0]
	h.held = slices.Delete(h.held, 0, 1)
	return h.model.Drop(one.adapter)
}

// widest returns what has room for both a and b.
func widest(a, b engine.LoRA) engine.LoRA {
	if a.Rank == 0 {
		a.Alpha = b.Alpha // which room doesn't depend on, but must be positive
	}
	a.Rank = max(a.Rank, b.Rank)
	for _, p := range b.Targets {
		if !slices.Contains(a.Targets, p) {
			a.Targets = append(slices.Clone(a.Targets), p)
		}
	}
	return a
}

// covers reports whether what has room for a has room for b.
func covers(a, b engine.LoRA) bool {
	return a.Rank >= b.Rank && !slices.ContainsFunc(b.Targets, func(p engine.Projection) bool { return !slices.Contains(a.Targets, p) })
}
