package main

import (
	"encoding/json"
	"maps"
	"slices"
)

// lineage says which adapters runs have in them from their beginning: one that they go
// on from, or one that was merged into their base. What those have seen, so have they.
type lineage struct {
	merged map[string][]string // adapters in a base, by its digest
	makers map[string][]string // runs, by an adapter that they made in any epoch
}

// entry notes what an entry says of who made what.
func (l *lineage) entry(kind string, body []byte) error {
	switch kind {
	case "base":
		var b struct {
			Digest string
			Merged struct{ Adapter string }
		}
		if err := json.Unmarshal(body, &b); err != nil {
			return err
		}
		if b.Merged.Adapter != "" {
			gather(&l.merged, b.Digest, b.Merged.Adapter)
		}
	case "adapter":
		var a struct{ Digest, Run string }
		if err := json.Unmarshal(body, &a); err != nil {
			return err
		}
		gather(&l.makers, a.Digest, a.Run)
	case "epoch":
		var e struct {
			Run    string
			Events []struct{ Body struct{ Adapter string } }
		}
		if err := json.Unmarshal(body, &e); err != nil {
			return err
		}
		for _, event := range e.Events {
			gather(&l.makers, event.Body.Adapter, e.Run)
		}
	}
	return nil
}

// gather adds a value to those of a key, once.
func gather(in *map[string][]string, key, value string) {
	if *in == nil {
		*in = map[string][]string{}
	}
	if !slices.Contains((*in)[key], value) {
		(*in)[key] = append((*in)[key], value)
	}
}

// parents returns the adapters that a run has in it from its beginning.
func (c *checker) parents(key string) []string {
	from := map[string]bool{}
	for _, p := range c.plans[key] {
		var spec struct {
			Train struct {
				LoRA struct{ Init struct{ Digest string } }
			}
		}
		if json.Unmarshal(p.Spec, &spec) == nil && spec.Train.LoRA.Init.Digest != "" { // specs of other releases have none
			from[spec.Train.LoRA.Init.Digest] = true
		}
		for _, adapter := range c.lineage.merged[p.Base] {
			from[adapter] = true
		}
	}
	return slices.Sorted(maps.Keys(from))
}

// inherited follows a run's lineage. It returns the first adapter in it that an exposed
// run has made, or else whether there is one of which the log doesn't tell what it was
// trained on: no run here made it, or a run whose own set known doesn't know.
func (c *checker) inherited(key string, exposed, known map[string]bool) (through string, obscure bool) {
	looked := map[string]bool{}
	var look func(key string)
	look = func(key string) {
		if looked[key] { // no run goes on from itself, unless a log lies
			return
		}
		looked[key] = true
		for _, adapter := range c.parents(key) {
			makers := c.lineage.makers[adapter]
			obscure = obscure || len(makers) == 0
			for _, by := range makers {
				if exposed[by] && through == "" {
					through = adapter
				}
				obscure = obscure || !known[by]
				look(by)
			}
		}
	}
	look(key)
	return through, obscure
}

// outside says of which adapters that runs have in them from their beginning the log
// doesn't tell what they were trained on.
func (c *checker) outside() {
	for _, key := range slices.Sorted(maps.Keys(c.runs)) {
		for _, adapter := range c.parents(key) {
			if len(c.lineage.makers[adapter]) == 0 {
				c.say("unproved: run %.12s has adapter %.12s in it from its beginning, which no run here made: what that was trained on, the run has seen too, and nothing here tells", key, adapter)
			}
		}
	}
}
