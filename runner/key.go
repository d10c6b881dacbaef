package runner

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"daybook/ledger"
	"daybook/sweeps"
)

// keyVersion is part of every key; it is raised when the meaning of a key's parts changes.
const keyVersion = 1

// digestOf returns the SHA-256 of v's canonical JSON (RFC 8785).
func digestOf(v any) (ledger.Digest, error) {
	data, err := sweeps.Canonical(v)
	if err != nil {
		return "", fmt.Errorf("key: %w", err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}

// trainKey identifies everything that decides an adapter's bytes. The
// validation set is part of it because it picks the epoch, and so is the version
// of the selecting metric, which by other maths could pick another; the test set
// is not, because it decides nothing.
func trainKey(spec sweeps.Spec, in Inputs, validation ledger.Digest, selecting int) (ledger.Digest, error) {
	part, err := spec.TrainPart()
	if err != nil {
		return "", err
	}
	if !spec.Chooses() {
		validation, selecting = "", 0
	}
	return digestOf(struct {
		Key        string          `json:"key"`
		Version    int             `json:"version"`
		Spec       json.RawMessage `json:"spec"`
		Inputs     deciding        `json:"inputs"`
		Validation ledger.Digest   `json:"validation"`
		Selecting  int             `json:"selecting"`
	}{"train", keyVersion, part, in.deciding(), validation, selecting})
}

// deciding is the part of a key that digests the inputs that decide results.
type deciding struct {
	Base      ledger.Digest `json:"base"`
	Tokenizer ledger.Digest `json:"tokenizer"`
	Template  ledger.Digest `json:"template"`
	Train     ledger.Digest `json:"train"`
	Numerics  string        `json:"numerics"`
}

// deciding returns the digests that decide results. The dataset's own is left
// out: the ordered examples say which of its records count, and in what shape.
func (in Inputs) deciding() deciding {
	return deciding{Base: in.Base, Tokenizer: in.Tokenizer, Template: in.Template, Train: in.Train, Numerics: in.Numerics}
}

// baselineKey identifies the measurement of a base without an adapter, or with
// one that was there before.
func baselineKey(j *Job, evaluation ledger.Digest) (ledger.Digest, error) {
	sets := map[string]ledger.Digest{}
	for _, s := range j.Judged {
		sets[s.Split] = s.Set
	}
	parts := map[string]any{
		"key":          "baseline",
		"version":      keyVersion,
		"baseline":     j.Baseline,
		"quantization": quantization(j.Spec.Base),
		"inputs":       j.Inputs.deciding(), // for a k-shot baseline, Train digests the shots
		"sets":         sets,
		"evaluation":   evaluation,
	}
	if j.Adapter != nil { // whatever its row is called
		parts["baseline"], parts["adapter"] = adapterKind, j.Adapter.Digest
	}
	return digestOf(parts)
}

// EvaluationDigest identifies the settings under which predictions are made.
func EvaluationDigest(e sweeps.Eval) (ledger.Digest, error) {
	return digestOf(map[string]any{"key": "evaluation", "version": keyVersion, "decoding": "greedy", "max_new_tokens": e.Generate.MaxNewTokens})
}

// PredictionKey identifies the predictions of one subject on one set of
// records: an adapter by its identity, or a base by its baseline's key.
// New metrics score old predictions with the same key.
func PredictionKey(subject, set, evaluation ledger.Digest) (ledger.Digest, error) {
	return digestOf(map[string]any{"key": "predictions", "version": keyVersion, "subject": subject, "set": set, "evaluation": evaluation})
}

func quantization(b sweeps.Base) string {
	if b.Quantization == "nf4" && b.DoubleQuant {
		return "nf4-double"
	}
	return b.Quantization
}
