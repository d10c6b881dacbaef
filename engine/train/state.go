package train

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"

	"daybook/engine"
)

// formatVersion is that of state.json and of the digest in it.
const formatVersion = 1

// state is where a run stands between two optimizer steps, beside its adapter
// and its optimizer. It is the body of state.json.
type state struct {
	Step   int `json:"step"`   // optimizer steps done
	Epoch  int `json:"epoch"`  // under way, from 1
	Window int `json:"window"` // windows of it done; all of them: its evaluation is next
	Tokens int `json:"tokens"` // trained on so far

	EpochNLL     float64 `json:"epoch_nll"` // sums over the present epoch
	EpochTargets int     `json:"epoch_targets"`
	EpochSeconds float64 `json:"epoch_seconds"`

	History []epochState `json:"history"` // epochs done
	Best    int          `json:"best"`    // epoch; 0 before the first
	Stale   int          `json:"stale"`   // epochs since the last improvement

	Seconds float64 `json:"seconds"` // by Job.Now, of this call of Run and of those it goes on from

	Position int64 `json:"position"` // Job.Position
}

// epochState is what is kept of an epoch.
type epochState struct {
	Epoch     int                 `json:"epoch"`
	Path      string              `json:"path"`
	TrainLoss float64             `json:"train_loss"`
	Seconds   float64             `json:"seconds"`
	Metrics   map[string]*float64 `json:"metrics"` // nil where a metric could not be computed
}

// digest identifies everything that decides what a run computes: Training
// without its memory settings, the examples in order, the base, its shape, the
// adapter started from, and the numerics class.
func (r *run) digest() ([32]byte, error) {
	t := r.Training
	t.Checkpointing, t.HostInputs, t.Optimizer.Paged = "", false, false
	head, err := json.Marshal(map[string]any{
		"version":  formatVersion,
		"training": t,
		"numerics": r.Backend.Numerics(),
		"base":     hex.EncodeToString(r.Base[:]),
		"shape":    r.model.Shape(),
		"examples": len(r.Examples),
	})
	if err != nil {
		return [32]byte{}, fmt.Errorf("digest: %w", err)
	}
	h := sha256.New()
	h.Write(head) // a hash never fails
	for i := range r.Examples {
		h.Write(r.Examples[i].ID[:])
	}
	var word [4]byte
	for _, l := range r.Initial.Layers {
		for p := range engine.NumProjections {
			for _, half := range [][]float32{l.A[p], l.B[p]} {
				for _, v := range half {
					binary.LittleEndian.PutUint32(word[:], math.Float32bits(v))
					h.Write(word[:])
				}
			}
		}
	}
	return [32]byte(h.Sum(nil)), nil
}
