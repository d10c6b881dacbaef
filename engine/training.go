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
	Checkpointing Checkpointing // never changes a bit
	HostInputs    bool          // keep each layer's input in host memory; never changes a bit
	LoRA          LoRA
	Optimizer     OptimizerConfig
	Seed          uint64
	Select        string // metric on validation that picks the epoch; "loss" is lower-is-better, see Evaluation
	Patience      int    // epochs without improvement before stopping early; 0: never
	MinDelta      float64
}

// Checkpointing says what a training step keeps of every layer for the backward
// pass, which computes the rest again (Chen et al. 2016). The less is kept, the
// less memory and the more arithmetic a step takes; no bit of a result depends on it.
type Checkpointing string

// Kinds of gradient checkpointing, the fastest first.
const (
	CheckpointNone      Checkpointing = "none"      // keeps everything
	CheckpointSelective Checkpointing = "selective" // keeps what attention read and made; norms and MLP are computed again
	CheckpointFull      Checkpointing = "full"      // keeps each layer's input only
	CheckpointAuto      Checkpointing = "auto"      // the first of the above that the device has memory for
)
