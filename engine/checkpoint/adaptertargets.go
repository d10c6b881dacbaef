package checkpoint

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"daybook/engine"
)

// modules says which modules of a model are meant, as PEFT's target_modules does:
// by names, of which a module's own must be one or end with one after a dot, or by
// a regular expression that the whole of its name matches.
type modules struct {
	names      []string
	expression *regexp.Regexp
}

func (m modules) empty() bool { return m.expression == nil && len(m.names) == 0 }

func (m modules) match(module string) bool {
	if m.expression != nil {
		return m.expression.MatchString(module)
	}
	return slices.ContainsFunc(m.names, func(name string) bool { return module == name || strings.HasSuffix(module, "."+name) })
}

// allLinear is what PEFT lets a person write for every linear module but the head.
const allLinear = "all-linear"

// modules reads a list of names or a regular expression.
func (c *config) modules(key string) (m modules) {
	if !c.has(key) {
		return m
	}
	if json.Unmarshal(c.members[key], &m.names) == nil {
		return m
	}
	var text string
	switch {
	case json.Unmarshal(c.members[key], &text) != nil:
		c.fail(key, "a list of names or a regular expression")
	case strings.EqualFold(text, allLinear):
		for p := range engine.NumProjections {
			m.names = append(m.names, p.String())
		}
	case text != "":
		m.expression = c.expression(key, "", text)
	}
	return m
}

// expression compiles a regular expression of Python's that a whole text must match
// after a prefix.
func (c *config) expression(key, prefix, text string) *regexp.Regexp {
	text = strings.ReplaceAll(text, `\Z`, `\z`)
	tree, err := syntax.Parse(text, syntax.Perl) // by itself: a parenthesis too many must not close ours
	if err != nil {
		c.fail(key, "a regular expression without lookaround and backreferences")
		return nil
	}
	if c.states += states(tree); c.states > maxStates {
		c.fail(key, "expressions with fewer repetitions")
		return nil
	}
	e, err := regexp.Compile(`\A(?:` + prefix + `(?:` + text + `))\z`)
	if err != nil {
		c.fail(key, "a regular expression without lookaround and backreferences")
	}
	return e
}

// maxStates bounds the expressions of a configuration: {1000} in a few bytes makes a
// thousand copies of what it repeats. Modules written out one by one, of the largest
// models, take less than half.
const maxStates = 100_000

// states estimates what an expression compiles to.
func states(e *syntax.Regexp) int {
	n := 1 + len(e.Rune)
	for _, sub := range e.Sub {
		n += states(sub)
	}
	if e.Op == syntax.OpRepeat {
		n *= max(1, e.Min, e.Max)
	}
	return n
}

// layers reads layers_to_transform, one index or several; nil means all of them.
// layers_pattern, which says where to look for the index in a name, must say what
// every architecture here calls them.
func (c *config) layers() []int {
	var list []int
	if one := 0; c.has("layers_to_transform") && json.Unmarshal(c.members["layers_to_transform"], &one) == nil {
		list = []int{one}
	} else {
		c.get("layers_to_transform", &list, "a list of layers")
	}
	if len(list) > 0 {
		c.only("layers_pattern", `""`, "[]", `"layers"`, `["layers"]`)
	} else {
		c.only("layers_pattern", `""`, "[]") // PEFT refuses another, too
	}
	return list
}

// patterns gives modules numbers of their own, by the first expression that the end
// of a module's name matches, from its beginning or a dot on.
type patterns []pattern

type pattern struct {
	text       string
	expression *regexp.Regexp
	value      float64
}

func (c *config) patterns(key string) (all patterns) {
	if !c.has(key) {
		return nil
	}
	const want = "an object of positive numbers by module"
	err := eachMember(c.members[key], func(name string, value json.RawMessage) error {
		p := pattern{text: name, expression: c.expression(key, `(?:.*\.)?`, name)}
		if err := json.Unmarshal(value, &p.value); err != nil {
			return err
		}
		if p.expression == nil {
			return nil
		}
		if p.value <= 0 {
			c.fail(key, want)
		}
		all = append(all, p)
		return nil
	})
	if err != nil {
		c.fail(key, want)
	}
	return all
}

func (p patterns) of(module string, otherwise float64) float64 {
	for _, one := range p {
		if one.expression.MatchString(module) {
			return one.value
		}
	}
	return otherwise
}

func moduleName(layer int, p engine.Projection) string {
	return fmt.Sprintf("model.layers.%d.%s.%s", layer, p.Module(), p)
}

// resolve returns the LoRA that a describes for a base of shape s. The engine adapts
// a projection in every layer or in none, and all with one rank and one alpha:
// anything else is a *ConfigError.
func (a *adapterSpec) resolve(s engine.Shape) (engine.LoRA, error) {
	l := a.lora
	for _, other := range []string{"lm_head", "model.embed_tokens"} {
		if a.adapts(other) {
			a.source.fail("target_modules", fmt.Sprintf("projections of layers alone; it names %s", other))
		}
	}
	if i := slices.IndexFunc(a.ranks, func(p pattern) bool { return p.value != math.Trunc(p.value) || p.value > math.MaxInt32 }); i >= 0 {
		a.source.fail("rank_pattern", fmt.Sprintf("whole numbers; %q has %v", a.ranks[i].text, a.ranks[i].value))
		return l, a.source.err
	}
	first := true
	for p := range engine.NumProjections {
		adapted := 0
		for i := range s.Layers {
			name := moduleName(i, p)
			if !a.adapts(name) || a.layers != nil && !slices.Contains(a.layers, i) {
				continue
			}
			adapted++
			rank, alpha := a.ranks.of(name, float64(a.lora.Rank)), a.alphas.of(name, a.lora.Alpha)
			if first {
				l.Rank, l.Alpha, first = int(rank), alpha, false
			}
			if rank != float64(l.Rank) {
				a.source.lacks("rank_pattern", fmt.Sprintf("one rank for all modules; %s has %v, others %d", name, rank, l.Rank))
			}
			if alpha != l.Alpha {
				a.source.lacks("alpha_pattern", fmt.Sprintf("one alpha for all modules; %s has %v, others %v", name, alpha, l.Alpha))
			}
		}
		if adapted > 0 && adapted < s.Layers {
			key := "target_modules"
			if a.layers != nil {
				key = "layers_to_transform"
			}
			a.source.lacks(key, fmt.Sprintf("a projection in every layer or in none; of the base's %d layers it adapts %s in %d", s.Layers, p, adapted))
		}
		if adapted > 0 {
			l.Targets = append(l.Targets, p)
		}
	}
	if len(l.Targets) == 0 {
		a.source.fail("target_modules", "a projection of the base: it names none")
	}
	if a.source.err != nil {
		return engine.LoRA{}, a.source.err
	}
	return l, nil
}

func (a *adapterSpec) adapts(module string) bool {
	return a.targets.match(module) && !a.exclude.match(module)
}
