package engine

// Training is everything about a run in training that is not data or weights.
type Training struct {
	Epochs        int
	BatchSize     int // rows in a micro-batch: packed rows if Packing, else examples
	GradAccum     int // micro-batches in an optimizer step
	LearningRate  float64
	Schedule      string  // "linear", "cosine" or "constant"
	WarmupRatio   float64 // of all optimizer steps
	MaxGradNorm   float64 // 0: no clipping
	MaxSeqLen     int     // tokens in a packed row
	Packing       bool
	Checkpointing bool // recompute each layer in the backward pass; never changes a bit
	LoRA          LoRA
	Optimizer     OptimizerConfig
	Seed          uint64
	Select        string // metric on validation that picks the epoch; "loss" is lower-is-better, see Evaluation
	Patience      int    // epochs without improvement before stopping early; 0: never
	MinDelta      float64
}
