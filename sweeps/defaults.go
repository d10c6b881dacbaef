package sweeps

import "slices"

// projections are the linear layers an adapter can sit on, in model order.
var projections = []string{"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}

// DefaultSpec returns the spec that a sweep file starts from. Only base.model
// and data.source have no default. train.lora.alpha is twice the rank where the
// file does not set it.
func DefaultSpec() Spec {
	return Spec{
		Base: Base{Quantization: "nf4", DoubleQuant: true},
		Data: Data{Subset: Subset{Op: "all"}},
		Train: Train{
			Epochs:        3,
			BatchSize:     1,
			GradAccum:     8,
			LearningRate:  2e-4, // Dettmers et al. 2023, table 9, for models up to 13B
			Schedule:      "linear",
			WarmupRatio:   0.03,
			MaxGradNorm:   1,
			Optimizer:     "paged_adamw_8bit",
			AdamBeta1:     0.9,
			AdamBeta2:     0.999,
			AdamEpsilon:   1e-8,
			MaxSeqLen:     2048,
			Overlong:      "truncate",
			Packing:       true,
			LossOn:        "assistant",
			Checkpointing: "auto",
			Offload:       []string{},
			LoRA:          LoRA{Rank: 16, Alpha: 32, Dropout: 0.05, Targets: slices.Clone(projections)},
		},
		Eval: Eval{
			Select:    "loss",
			Generate:  Generate{MaxNewTokens: 256},
			Metrics:   []Metric{{Kind: "loss"}},
			By:        []string{},
			Baselines: []Baseline{{Kind: "zero_shot"}},
			BatchSize: 8,
		},
	}
}

// normalize writes what means the same in the same way: specs that differ only
// in spelling must have one key. It runs after the checks, so that these see
// lists as they were written.
func (s *Spec) normalize(c checker) {
	if !c.given("train.lora.alpha") {
		s.Train.LoRA.Alpha = 2 * float64(s.Train.LoRA.Rank)
	}
	if s.Base.Quantization == "none" {
		s.Base.DoubleQuant = false // the checker has refused one that was asked for
	}
	slices.SortStableFunc(s.Train.LoRA.Targets, func(a, b string) int {
		return slices.Index(projections, a) - slices.Index(projections, b)
	})
	if !slices.ContainsFunc(s.Eval.Baselines, func(b Baseline) bool { return b.Kind == "zero_shot" }) {
		s.Eval.Baselines = append([]Baseline{{Kind: "zero_shot"}}, s.Eval.Baselines...)
	}
	s.Eval.Select, _ = s.Eval.resolve(s.Eval.Select)
}
