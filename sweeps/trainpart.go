package sweeps

import (
	"errors"
	"strings"
)

// TrainPart returns, as canonical JSON, what the spec contributes to the train
// key: all of it that decides the adapter's bytes, and nothing else.
//
// In it are the quantization of the base, every training setting, the digest of the
// adapter that training goes on from, which is an error unless it is known, the seed,
// and, where Chooses holds, what picks the epoch: the selecting metric with its
// parameters, early stopping, and the generation settings if that metric
// generates. The digests of base, template, ordered training examples and
// validation records are the runner's to add; they stand for the paths, the
// split and the subset, so those are left out, and two sweeps that arrive at
// the same records by different subsets share the training.
//
// Not in it: other metrics, tags, baselines, test settings, evaluation batch
// size, what happens to overlong records (the examples tell), and the memory
// settings, which must not change a bit: gradient checkpointing and offloading are
// dropped and the optimizer loses its "paged_".
func (s *Spec) TrainPart() ([]byte, error) {
	t := s.Train
	part := trainPart{
		Quantization: s.Base.Quantization,
		DoubleQuant:  s.Base.DoubleQuant,
		Train: trainSettings{
			Epochs:       t.Epochs,
			BatchSize:    t.BatchSize,
			GradAccum:    t.GradAccum,
			LearningRate: t.LearningRate,
			Schedule:     t.Schedule,
			WarmupRatio:  t.WarmupRatio,
			WeightDecay:  t.WeightDecay,
			MaxGradNorm:  t.MaxGradNorm,
			Optimizer:    strings.TrimPrefix(t.Optimizer, "paged_"),
			AdamBeta1:    t.AdamBeta1,
			AdamBeta2:    t.AdamBeta2,
			AdamEpsilon:  t.AdamEpsilon,
			MaxSeqLen:    t.MaxSeqLen,
			Packing:      t.Packing,
			LossOn:       t.LossOn,
			LoRA:         t.LoRA,
		},
		Seed: s.Seed,
	}
	if init := t.LoRA.Init; init != (AdapterRef{}) {
		if init.Digest == "" {
			return nil, errors.New("train.lora.init: the adapter's digest is not known yet")
		}
		part.Train.LoRA.Init = AdapterRef{Digest: init.Digest}
	}
	if s.Chooses() {
		part.Choose = &chooseSettings{Metric: s.Eval.SelectMetric()}
		if part.Choose.Metric.Generates() {
			part.Choose.Generate = &s.Eval.Generate
		}
		if t.EarlyStopping.Patience > 0 {
			part.Choose.EarlyStopping = &t.EarlyStopping
		}
	}
	return Canonical(part)
}

// Chooses reports whether validation decides which epoch becomes the adapter.
// If not, it is the last one, and validation records do not enter the train key.
func (s *Spec) Chooses() bool { return s.Train.Epochs > 1 && !s.Data.Validation.Empty() }

// Empty reports whether the split holds nothing out.
func (s Split) Empty() bool { return s.Count == 0 && s.Fraction == 0 }

// trainPart's names are part of the train key: renaming one retrains everything.
type trainPart struct {
	Quantization string          `json:"quantization"`
	DoubleQuant  bool            `json:"double_quant"`
	Train        trainSettings   `json:"train"`
	Choose       *chooseSettings `json:"choose,omitempty"`
	Seed         uint64          `json:"seed"`
}

// trainSettings are the fields of Train that decide bytes in every run.
type trainSettings struct {
	Epochs       int     `json:"epochs"`
	BatchSize    int     `json:"batch_size"`
	GradAccum    int     `json:"grad_accum"`
	LearningRate float64 `json:"learning_rate"`
	Schedule     string  `json:"schedule"`
	WarmupRatio  float64 `json:"warmup_ratio"`
	WeightDecay  float64 `json:"weight_decay"`
	MaxGradNorm  float64 `json:"max_grad_norm"`
	Optimizer    string  `json:"optimizer"`
	AdamBeta1    float64 `json:"adam_beta1"`
	AdamBeta2    float64 `json:"adam_beta2"`
	AdamEpsilon  float64 `json:"adam_epsilon"`
	MaxSeqLen    int     `json:"max_seq_len"`
	Packing      bool    `json:"packing"`
	LossOn       string  `json:"loss_on"`
	LoRA         LoRA    `json:"lora"`
}

// chooseSettings decide which epoch an adapter comes from.
type chooseSettings struct {
	Metric        Metric         `json:"metric"`
	Generate      *Generate      `json:"generate,omitempty"`
	EarlyStopping *EarlyStopping `json:"early_stopping,omitempty"`
}
