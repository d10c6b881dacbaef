// Package engine holds the vocabulary that the parts of the training engine
// share: the shape of a model, its frozen weights, batches of tokens, LoRA
// adapters, and the Backend that computes with them.
//
// The packages below it do the work: dataset and tokenizer turn files into
// tokens, checkpoint reads and writes weights, model runs the one Llama
// implementation over a Backend, train is the training loop. None of them knows
// about sweeps, runs or the ledger: the engine takes numbers and emits events.
package engine

import "fmt"

// Shape describes a decoder of the Llama family.
type Shape struct {
	Vocab        int     `json:"vocab"`
	Hidden       int     `json:"hidden"`
	Layers       int     `json:"layers"`
	Heads        int     `json:"heads"`
	KVHeads      int     `json:"kv_heads"` // divides Heads
	HeadDim      int     `json:"head_dim"` // even
	Intermediate int     `json:"intermediate"`
	RopeTheta    float64 `json:"rope_theta"`
	NormEps      float64 `json:"norm_eps"`
	MaxPositions int     `json:"max_positions"`
	TiedHead     bool    `json:"tied_head"` // the head is the embedding

	RopeScaling RopeScaling `json:"rope_scaling,omitzero"`

	// What some families do besides; without it they are Llama.

	QKVBias  bool `json:"qkv_bias,omitempty"`  // queries, keys and values have a bias
	HeadNorm bool `json:"head_norm,omitempty"` // RMSNorm of each head of queries and keys, before RoPE
	// Window is how many tokens a query attends to, its own included, the last
	// ones of its document; 0 means all before it.
	Window int `json:"window,omitempty"`
}

// QDim is the width of the queries and of the attention output.
func (s Shape) QDim() int { return s.Heads * s.HeadDim }

// KVDim is the width of the keys and of the values.
func (s Shape) KVDim() int { return s.KVHeads * s.HeadDim }

// Validate returns an error that names the first dimension that no model can have.
func (s Shape) Validate() error {
	for _, d := range []struct {
		name string
		n    int
	}{
		{"vocab", s.Vocab},
		{"hidden", s.Hidden},
		{"layers", s.Layers},
		{"heads", s.Heads},
		{"kv_heads", s.KVHeads},
		{"head_dim", s.HeadDim},
		{"intermediate", s.Intermediate},
		{"max_positions", s.MaxPositions},
	} {
		if d.n < 1 {
			return fmt.Errorf("shape: %s is %d: must be positive", d.name, d.n)
		}
	}
	if s.Heads%s.KVHeads != 0 {
		return fmt.Errorf("shape: %d key-value heads do not divide %d heads", s.KVHeads, s.Heads)
	}
	if s.HeadDim%2 != 0 {
		return fmt.Errorf("shape: head_dim %d is odd", s.HeadDim)
	}
	if err := s.RopeScaling.Validate(); err != nil {
		return fmt.Errorf("shape: rope_scaling: %w", err)
	}
	if s.Window < 0 {
		return fmt.Errorf("shape: window is %d: must not be negative", s.Window)
	}
	return nil
}

// Projection is one of the linear maps inside a decoder layer.
type Projection int

// The projections, in the order the forward pass uses them.
const (
	Q Projection = iota
	K
	V
	O
	Gate
	Up
	Down
	NumProjections
)

var projectionNames = [NumProjections]string{"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}

// String returns the name used by Hugging Face modules, such as "q_proj".
func (p Projection) String() string { return projectionNames[p] }

// ParseProjection is the inverse of String.
func ParseProjection(name string) (Projection, bool) {
	for p, n := range projectionNames {
		if n == name {
			return Projection(p), true
		}
	}
	return 0, false
}

// Dims returns the rows (output width) and columns (input width) of p's weight.
func (p Projection) Dims(s Shape) (rows, cols int) {
	switch p {
	case Q:
		return s.QDim(), s.Hidden
	case K, V:
		return s.KVDim(), s.Hidden
	case O:
		return s.Hidden, s.QDim()
	case Gate, Up:
		return s.Intermediate, s.Hidden
	case Down:
		return s.Hidden, s.Intermediate
	case NumProjections:
	}
	panic(fmt.Sprintf("engine: no projection %d", int(p)))
}

// HasBias reports whether p adds a bias to its output in a model of shape s.
func (p Projection) HasBias(s Shape) bool { return s.QKVBias && p <= V }

// Module returns the submodule that holds p: "self_attn" or "mlp".
func (p Projection) Module() string {
	if p <= O {
		return "self_attn"
	}
	return "mlp"
}

// Input is one of the four activations that projections read. Projections that
// share an input share its dropout mask.
type Input int

// The inputs, in the order the forward pass meets them.
const (
	AttentionInput Input = iota // read by q, k and v
	OutputInput                 // read by o
	MLPInput                    // read by gate and up
	DownInput                   // read by down
	NumInputs
)

// Projections returns what reads in, in order.
func (in Input) Projections() []Projection {
	return [NumInputs][]Projection{{Q, K, V}, {O}, {Gate, Up}, {Down}}[in]
}

// Input returns the activation that p reads.
func (p Projection) Input() Input {
	switch p {
	case Q, K, V:
		return AttentionInput
	case O:
		return OutputInput
	case Gate, Up:
		return MLPInput
	case Down:
		return DownInput
	case NumProjections:
	}
	panic(fmt.Sprintf("engine: no projection %d", int(p)))
}

// LoRA configures the adapters of a model: each target projection computes
// W x + Scale * B A dropout(x), with A (Rank, in) and B (out, Rank).
// Hu et al. 2021, eq. 3.
type LoRA struct {
	Rank    int
	Alpha   float64
	Dropout float64 // probability, in [0, 1)
	Targets []Projection
	RSLoRA  bool // scale by Alpha/sqrt(Rank) instead of Alpha/Rank
}

// Example is one tokenized training or evaluation example.
type Example struct {
	ID      [32]byte // example ID: SHA-256 over tokens and targets as trained
	Record  int      // index of the record in its dataset
	Tokens  []int32
	Targets []int32 // Targets[t] is the token to predict at position t, or Ignore; same length as Tokens
	// Truncated counts the tokens that max_seq_len cut off the end.
	Truncated int
}

// Ignore marks a position without a target.
const Ignore int32 = -1

// TargetCount returns how many positions of e have a target.
func (e Example) TargetCount() int {
	n := 0
	for _, t := range e.Targets {
		if t != Ignore {
			n++
		}
	}
	return n
}
