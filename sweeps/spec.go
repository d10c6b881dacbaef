package sweeps

import "encoding/json"

// Spec is one fully resolved run configuration, with every default filled in.
// Its JSON form is what a sweep file manifests, what the ledger keeps and what
// the train key is computed from.
type Spec struct {
	Base  Base   `json:"base"`
	Data  Data   `json:"data"`
	Train Train  `json:"train"`
	Eval  Eval   `json:"eval"`
	Seed  uint64 `json:"seed"`
}

// Base names the frozen model.
type Base struct {
	Model        string `json:"model"`         // folder, relative to the sweep file, or hf:org/name@revision
	Quantization string `json:"quantization"`  // "nf4" or "none"
	DoubleQuant  bool   `json:"double_quant"`  // quantize the block scales too
	ChatTemplate string `json:"chat_template"` // Jinja file overriding the model's own; "" means the model's
}

// Data says which records exist, how they are split, and which the run trains on.
type Data struct {
	Source     DataSources `json:"source"`          // files of records
	GroupBy    string      `json:"group_by"`        // record field whose equal values stay on one side of the split; "" means none
	Split      string      `json:"split,omitempty"` // "" by content; "huggingface" as train_test_split of the datasets library does, test first
	Validation Split       `json:"validation"`
	Test       Split       `json:"test"`
	Subset     Subset      `json:"subset"`
}

// Split draws held-out records from the whole dataset before any subset is taken.
// Exactly one of Count and Fraction is positive, or both are zero for an empty split.
type Split struct {
	Count    int            `json:"count"`
	Fraction float64        `json:"fraction"`
	Seed     uint64         `json:"seed"`
	Where    map[string]any `json:"where,omitempty"` // field name -> required value or list of accepted values
}

// Subset selects training records from what the split left. Op decides which
// other fields matter:
//
//	all       everything
//	take      Count records matching Where, drawn with Seed
//	fraction  Fraction of the records matching Where, drawn with Seed
//	where     every record matching Where
//	union     records in any of Of, in dataset order
//	except    records in Of[0] and in none of Of[1:]
//	ids       records whose ID (or whose "id" field) is in IDs
type Subset struct {
	Op       string         `json:"op"`
	Count    int            `json:"count,omitempty"`
	Fraction float64        `json:"fraction,omitempty"`
	Seed     uint64         `json:"seed,omitempty"`
	Where    map[string]any `json:"where,omitempty"`
	Of       []Subset       `json:"of,omitempty"`
	IDs      []string       `json:"ids,omitempty"`
}

// Train holds what decides the adapter's bytes, and the memory settings that must not.
type Train struct {
	Epochs        int           `json:"epochs"`
	BatchSize     int           `json:"batch_size"` // rows in a micro-batch: packed rows if Packing, else records
	GradAccum     int           `json:"grad_accum"` // micro-batches in an optimizer step
	LearningRate  float64       `json:"learning_rate"`
	Schedule      string        `json:"schedule"` // "linear", "cosine" or "constant"
	WarmupRatio   float64       `json:"warmup_ratio"`
	WeightDecay   float64       `json:"weight_decay"`
	MaxGradNorm   float64       `json:"max_grad_norm"` // 0 turns clipping off
	Optimizer     string        `json:"optimizer"`     // "adamw", "adamw_8bit" or "paged_adamw_8bit"
	AdamBeta1     float64       `json:"adam_beta1"`
	AdamBeta2     float64       `json:"adam_beta2"`
	AdamEpsilon   float64       `json:"adam_epsilon"`
	MaxSeqLen     int           `json:"max_seq_len"` // tokens
	Overlong      string        `json:"overlong"`    // "truncate" (reported by plan) or "error"
	Packing       bool          `json:"packing"`
	LossOn        string        `json:"loss_on"`                // "assistant" or "all"
	Checkpointing string        `json:"gradient_checkpointing"` // "none", "selective", "full" or "auto", the first that fits; never changes a byte
	Offload       []string      `json:"offload"`                // to host memory: "inputs" of layers, "embedding"; never changes a byte
	LoRA          LoRA          `json:"lora"`
	EarlyStopping EarlyStopping `json:"early_stopping"`
}

// LoRA configures the adapter: W x + (alpha/rank) B A dropout(x).
type LoRA struct {
	Rank    int      `json:"rank"`
	Alpha   float64  `json:"alpha"`
	Dropout float64  `json:"dropout"`
	Targets []string `json:"targets"` // projection names such as "q_proj", in model order
	RSLoRA  bool     `json:"rslora"`  // scale alpha/sqrt(rank) instead of alpha/rank
	// Init is the adapter that training goes on from, with a new optimizer; without it
	// A is random and B zero. Rank, alpha, targets and rslora must be its own.
	Init AdapterRef `json:"init,omitzero"`
}

// EarlyStopping ends a run once Eval.Select has not improved by MinDelta for Patience epochs.
type EarlyStopping struct {
	Patience int     `json:"patience"` // epochs; 0 turns it off
	MinDelta float64 `json:"min_delta"`
}

// Eval says how base and adapters are judged. None of it enters the train key,
// except Select, which with EarlyStopping decides the epoch an adapter comes from.
type Eval struct {
	Select    string     `json:"select"` // metric on validation that picks the epoch, the same for all runs: "loss" or a Metric.Name
	Generate  Generate   `json:"generate"`
	Metrics   []Metric   `json:"metrics"`
	By        []string   `json:"by"` // record fields to break metrics down by
	Baselines []Baseline `json:"baselines"`
	BatchSize int        `json:"batch_size"` // records decoded together
}

// Generate holds the generation settings; decoding is greedy.
type Generate struct {
	MaxNewTokens int `json:"max_new_tokens"`
}

// Metric names a metric and its parameters. In a sweep file a plain string is
// short for {kind: string}.
type Metric struct {
	Kind   string          `json:"kind"`             // "loss", "perplexity", "token_accuracy", "exact_match", "json_valid", "schema_valid", "field_precision", "field_recall", "field_f1", "invented"
	List   string          `json:"list,omitempty"`   // key of the extracted list, such as "medications"
	Match  []string        `json:"match,omitempty"`  // keys that pair a predicted item with a gold one
	Schema json.RawMessage `json:"schema,omitempty"` // JSON Schema for schema_valid
}

// Baseline is a way to use the base without an adapter of this sweep. Zero-shot is
// always measured.
type Baseline struct {
	Kind    string     `json:"kind"`             // "zero_shot", "k_shot", "unquantized" or "adapter"
	Shots   int        `json:"shots,omitempty"`  // for k_shot: examples put before the question
	Seed    uint64     `json:"seed,omitempty"`   // for k_shot: draws the examples from the training pool
	Name    string     `json:"name,omitempty"`   // for adapter: what its row is called
	Adapter AdapterRef `json:"adapter,omitzero"` // for adapter: one that there is already, made anywhere
}
