package checkpoint

import (
	"encoding/json"
	"fmt"

	"daybook/engine"
)

// rope reads what turns heads by their positions: "rope_theta", and an object
// with "rope_type" that transformers up to 4 names "rope_scaling" and transformers
// 5, which puts rope_theta there too, "rope_parameters". Configurations older than
// the keys mean 10000 and no scaling. Of two objects transformers takes the first
// and nothing of the second: they have to say the same.
func (c *config) rope(s *engine.Shape) {
	s.RopeTheta = c.positive("rope_theta", 10000)
	top, first := s.RopeTheta, ""
	for _, key := range []string{"rope_scaling", "rope_parameters"} {
		if !c.has(key) {
			continue
		}
		inner := &config{prefix: key + "."}
		if json.Unmarshal(c.members[key], &inner.members) != nil {
			c.fail(key, "an object")
			return
		}
		scaling, theta := inner.ropeScaling(), inner.positive("rope_theta", top)
		if c.has("rope_theta") && theta != top {
			inner.fail("rope_theta", fmt.Sprintf("the %g that rope_theta says", top))
		}
		if c.err == nil {
			c.err = inner.err
		}
		if first != "" && (scaling != s.RopeScaling || theta != s.RopeTheta) {
			c.fail(key, "the same as "+first)
		}
		first, s.RopeScaling, s.RopeTheta = key, scaling, theta
	}
}

// ropeScaling reads the members of "rope_scaling" or "rope_parameters" but for
// rope_theta. Those that belong to other types may not be there.
func (c *config) ropeScaling() (r engine.RopeScaling) {
	c.only("rope_type", `"default"`, `"llama3"`)
	c.only("type", `"default"`, `"llama3"`)
	var kind string
	if !c.get("rope_type", &kind, "a type") {
		c.get("type", &kind, "a type")
	}
	known := map[string]bool{"rope_type": true, "type": true, "rope_theta": true, "partial_rotary_factor": true}
	c.only("partial_rotary_factor", "1", "1.0")
	if kind == "llama3" {
		r = engine.RopeScaling{
			Factor:               c.positive("factor"),
			LowFreqFactor:        c.positive("low_freq_factor"),
			HighFreqFactor:       c.positive("high_freq_factor"),
			OriginalMaxPositions: c.size("original_max_position_embeddings"),
		}
		switch {
		case c.err != nil:
		case r.Factor < 1:
			c.fail("factor", "a number not below 1")
		case r.HighFreqFactor <= r.LowFreqFactor:
			c.fail("high_freq_factor", fmt.Sprintf("a number above low_freq_factor %g", r.LowFreqFactor))
		}
		for _, key := range []string{"factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"} {
			known[key] = true
		}
	}
	for key := range c.members {
		if !known[key] {
			c.foreign(key)
		}
	}
	return r
}
