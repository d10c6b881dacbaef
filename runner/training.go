package runner

import (
	"fmt"
	"strings"

	"daybook/engine"
	"daybook/engine/metric"
	"daybook/sweeps"
)

// Training translates a spec for the engine.
func Training(s sweeps.Spec) (engine.Training, error) {
	metrics, err := Metrics(s.Eval)
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
	selected, err := selectedMetric(s.Eval.Select, metrics)
	if err != nil {
		return engine.Training{}, err
	}
	return engine.Training{
		Epochs: t.Epochs, BatchSize: t.BatchSize, GradAccum: t.GradAccum, LearningRate: t.LearningRate,
		Schedule: t.Schedule, WarmupRatio: t.WarmupRatio, MaxGradNorm: t.MaxGradNorm, MaxSeqLen: t.MaxSeqLen,
		Packing: t.Packing, Checkpointing: engine.Checkpointing(t.Checkpointing), LoRA: l, Seed: s.Seed, Select: selected,
		Patience: t.EarlyStopping.Patience, MinDelta: t.EarlyStopping.MinDelta,
		Optimizer: engine.OptimizerConfig{
			EightBit: strings.HasSuffix(t.Optimizer, "_8bit"), Paged: strings.HasPrefix(t.Optimizer, "paged_"),
			Beta1: t.AdamBeta1, Beta2: t.AdamBeta2, Epsilon: t.AdamEpsilon, WeightDecay: t.WeightDecay,
		},
	}, nil
}

// selectedMetric finds the metric that picks the epoch: by its full name, or by
// its kind where that is unambiguous.
func selectedMetric(name string, metrics []metric.Metric) (string, error) {
	var found []string
	for _, m := range metrics {
		full := m.Name()
		if full == name {
			return full, nil
		}
		if kind, _, _ := strings.Cut(full, "("); kind == name {
			found = append(found, full)
		}
	}
	if len(found) != 1 {
		return "", fmt.Errorf("eval.select: %q names %d of the metrics", name, len(found))
	}
	return found[0], nil
}
