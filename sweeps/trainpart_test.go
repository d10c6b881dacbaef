package sweeps

import (
	"bytes"
	"strings"
	"testing"
)

// chosen is a spec in which validation chooses the epoch by a generating metric.
func chosen() Spec {
	s := DefaultSpec()
	s.Base.Model, s.Data.Source = "base", DataSources{{Path: "notes.jsonl"}}
	s.Data.Validation.Count = 10
	s.Eval.Metrics = []Metric{{Kind: "loss"}, {Kind: "field_f1", List: "medications", Match: []string{"name"}}}
	s.Eval.Select = "field_f1(medications)"
	return s
}

func trainPartOf(t *testing.T, s Spec) []byte {
	t.Helper()
	data, err := s.TrainPart()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The bytes are part of every train key: a change here retrains everything.
func TestTrainPartBytes(t *testing.T) {
	const want = `{"choose":{"generate":{"max_new_tokens":256},"metric":{"kind":"field_f1","list":"medications","match":["name"]}},` +
		`"double_quant":true,"quantization":"nf4","seed":0,` +
		`"train":{"adam_beta1":0.9,"adam_beta2":0.999,"adam_epsilon":1e-8,"batch_size":1,"epochs":3,"grad_accum":8,"learning_rate":0.0002,` +
		`"lora":{"alpha":32,"dropout":0.05,"rank":16,"rslora":false,"targets":["q_proj","k_proj","v_proj","o_proj","gate_proj","up_proj","down_proj"]},` +
		`"loss_on":"assistant","max_grad_norm":1,"max_seq_len":2048,"optimizer":"adamw_8bit","packing":true,` +
		`"schedule":"linear","warmup_ratio":0.03,"weight_decay":0}}`
	if got := trainPartOf(t, chosen()); string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestTrainPartLeavesOut(t *testing.T) {
	base := trainPartOf(t, chosen())
	for name, change := range map[string]func(*Spec){
		"checkpointing":     func(s *Spec) { s.Train.Checkpointing = "full" },
		"offload":           func(s *Spec) { s.Train.Offload = []string{"inputs"} },
		"overlong records":  func(s *Spec) { s.Train.Overlong = "error" },
		"paging":            func(s *Spec) { s.Train.Optimizer = "adamw_8bit" },
		"model path":        func(s *Spec) { s.Base.Model = "elsewhere" },
		"template path":     func(s *Spec) { s.Base.ChatTemplate = "t.jinja" },
		"source path":       func(s *Spec) { s.Data.Source = DataSources{{Path: "elsewhere.jsonl"}} },
		"subset":            func(s *Spec) { s.Data.Subset = Subset{Op: "take", Count: 5} },
		"test split":        func(s *Spec) { s.Data.Test.Count = 7 },
		"other metrics":     func(s *Spec) { s.Eval.Metrics = append(s.Eval.Metrics, Metric{Kind: "json_valid"}) },
		"tags":              func(s *Spec) { s.Eval.By = []string{"quality"} },
		"baselines":         func(s *Spec) { s.Eval.Baselines = nil },
		"evaluation batch":  func(s *Spec) { s.Eval.BatchSize = 1 },
		"delta of patience": func(s *Spec) { s.Train.EarlyStopping.MinDelta = 1 }, // patience is 0
	} {
		s := chosen()
		change(&s)
		if got := trainPartOf(t, s); !bytes.Equal(got, base) {
			t.Errorf("%s changes the train part to %s", name, got)
		}
	}
}

func TestTrainPartTakesIn(t *testing.T) {
	seen := map[string]string{string(trainPartOf(t, chosen())): "nothing"}
	for name, change := range map[string]func(*Spec){
		"quantization":  func(s *Spec) { s.Base.Quantization = "none" },
		"double quant":  func(s *Spec) { s.Base.DoubleQuant = false },
		"seed":          func(s *Spec) { s.Seed = 1 },
		"epochs":        func(s *Spec) { s.Train.Epochs = 2 },
		"batch":         func(s *Spec) { s.Train.BatchSize = 2 },
		"accumulation":  func(s *Spec) { s.Train.GradAccum = 2 },
		"learning rate": func(s *Spec) { s.Train.LearningRate = 1 },
		"schedule":      func(s *Spec) { s.Train.Schedule = "cosine" },
		"warmup":        func(s *Spec) { s.Train.WarmupRatio = 0 },
		"decay":         func(s *Spec) { s.Train.WeightDecay = 1 },
		"clipping":      func(s *Spec) { s.Train.MaxGradNorm = 0 },
		"optimizer":     func(s *Spec) { s.Train.Optimizer = "adamw" },
		"beta1":         func(s *Spec) { s.Train.AdamBeta1 = 0 },
		"beta2":         func(s *Spec) { s.Train.AdamBeta2 = 0 },
		"epsilon":       func(s *Spec) { s.Train.AdamEpsilon = 1 },
		"length":        func(s *Spec) { s.Train.MaxSeqLen = 8 },
		"packing":       func(s *Spec) { s.Train.Packing = false },
		"loss on":       func(s *Spec) { s.Train.LossOn = "all" },
		"rank":          func(s *Spec) { s.Train.LoRA.Rank = 1 },
		"alpha":         func(s *Spec) { s.Train.LoRA.Alpha = 1 },
		"dropout":       func(s *Spec) { s.Train.LoRA.Dropout = 0 },
		"targets":       func(s *Spec) { s.Train.LoRA.Targets = []string{"q_proj"} },
		"rslora":        func(s *Spec) { s.Train.LoRA.RSLoRA = true },
		"adapter":       func(s *Spec) { s.Train.LoRA.Init = AdapterRef{Ref: "clinical@v3", Digest: strings.Repeat("a", 64)} },
		"other adapter": func(s *Spec) { s.Train.LoRA.Init = AdapterRef{Ref: "clinical@v3", Digest: strings.Repeat("b", 64)} },
		"patience":      func(s *Spec) { s.Train.EarlyStopping.Patience = 1 },
		"select":        func(s *Spec) { s.Eval.Select = "loss" },
		"match of select": func(s *Spec) {
			s.Eval.Metrics[1].Match = []string{"dose"}
			s.Eval.Select = s.Eval.Metrics[1].Name()
		},
		"tokens of select": func(s *Spec) { s.Eval.Generate.MaxNewTokens = 8 },
		"no validation":    func(s *Spec) { s.Data.Validation.Count = 0 },
	} {
		s := chosen()
		change(&s)
		part := string(trainPartOf(t, s))
		if other, ok := seen[part]; ok {
			t.Errorf("%s gives the same train part as %s", name, other)
		}
		seen[part] = name
	}
}

// What an adapter is called is no part of the key; without its digest there is none.
func TestTrainPartOfContinuedTraining(t *testing.T) {
	a, b := chosen(), chosen()
	a.Train.LoRA.Init = AdapterRef{Ref: "clinical@v3", Digest: strings.Repeat("a", 64)}
	b.Train.LoRA.Init = AdapterRef{Ref: "../folder", Digest: strings.Repeat("a", 64)}
	if x, y := trainPartOf(t, a), trainPartOf(t, b); !bytes.Equal(x, y) || !bytes.Contains(x, []byte(`"init":{"digest":"aaaa`)) {
		t.Errorf("%s and %s", x, y)
	}
	a.Train.LoRA.Init.Digest = ""
	if _, err := a.TrainPart(); err == nil {
		t.Error("a key of an adapter that is not known")
	}
}

// Where nothing is chosen, what would choose does not matter.
func TestTrainPartWithoutChoice(t *testing.T) {
	for name, fix := range map[string]func(*Spec){
		"one epoch":     func(s *Spec) { s.Train.Epochs = 1 },
		"no validation": func(s *Spec) { s.Data.Validation = Split{} },
	} {
		a, b := chosen(), chosen()
		b.Eval.Select = "loss"
		b.Eval.Generate.MaxNewTokens = 1
		fix(&a)
		fix(&b)
		if x, y := trainPartOf(t, a), trainPartOf(t, b); !bytes.Equal(x, y) {
			t.Errorf("%s: %s and %s", name, x, y)
		}
	}
}
