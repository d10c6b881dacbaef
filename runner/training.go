package runner

import (
	"fmt"
	"slices"
	"strings"

	"daybook/engine"
	"daybook/engine/metric"
	"daybook/sweeps"
)

// Training translates a spec for the engine.
func Training(s sweeps.Spec) (engine.Training, error) {
	selecting, err := Selecting(s.Eval)
	if err != nil {
		return engine.Training{}, err
	}
	t := s.Train
	l := engine.LoRA{Rank: t.LoRA.Rank, Alpha: t.LoRA.Alpha, Dropout: t.LoRA.Dropout, RSLoRA: t.LoRA.RSLoRA}
	for _, name := range t.LoRA.Targets {
		p, ok := engine.ParseProjection(name)
		if !ok {
			return engine.Training{}, fmt.Errorf("train.lora.targets: %s: the model has no such projection", name)
		}
		l.Targets = append(l.Targets, p)
	}
	return engine.Training{
		Epochs: t.Epochs, BatchSize: t.BatchSize, GradAccum: t.GradAccum, LearningRate: t.LearningRate,
		Schedule: t.Schedule, WarmupRatio: t.WarmupRatio, MaxGradNorm: t.MaxGradNorm, MaxSeqLen: t.MaxSeqLen,
		Packing: t.Packing, Checkpointing: engine.Checkpointing(t.Checkpointing), HostInputs: slices.Contains(t.Offload, "inputs"), LoRA: l, Seed: s.Seed, Select: selecting.Name(),
		Patience: t.EarlyStopping.Patience, MinDelta: t.EarlyStopping.MinDelta,
		Optimizer: engine.OptimizerConfig{
			EightBit: strings.HasSuffix(t.Optimizer, "_8bit"), Paged: strings.HasPrefix(t.Optimizer, "paged_"),
			Beta1: t.AdamBeta1, Beta2: t.AdamBeta2, Epsilon: t.AdamEpsilon, WeightDecay: t.WeightDecay,
		},
	}, nil
}

// Selecting returns the metric that picks the epoch.
func Selecting(e sweeps.Eval) (metric.Metric, error) {
	metrics, err := Metrics(e)
	if err != nil {
		return nil, err
	}
	for _, m := range metrics {
		if m.Name() == e.Select { // package sweeps has filled in the whole name
			return m, nil
		}
	}
	return nil, fmt.Errorf("eval.select: %q is not among the metrics", e.Select)
}
