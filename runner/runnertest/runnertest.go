// Package runnertest makes what tests of runs need and nobody wants to keep in
// a repository: a tiny random base in Hugging Face layout and a file of
// synthetic notes, on which a run takes a fraction of a second. Both are the
// same on every machine, byte for byte.
package runnertest

import (
	"fmt"
	"os"
	"path/filepath"
)

// Write puts the base into dir/base, the notes into dir/notes.jsonl, and the
// spec that sweeps start from into dir/tiny.libsonnet.
func Write(dir string) error {
	if err := WriteBase(filepath.Join(dir, "base")); err != nil {
		return err
	}
	for name, data := range map[string][]byte{"notes.jsonl": Notes(48), "tiny.libsonnet": []byte(tiny)} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return fmt.Errorf("runnertest: %w", err)
		}
	}
	return nil
}

// tiny is the spec of a run of about 20 optimizer steps.
const tiny = `{
  base: { model: 'base' },
  data: {
    source: 'notes.jsonl',
    group_by: 'patient',
    validation: { count: 6, seed: 1, where: { quality: 'clean' } },
    test: { count: 8, seed: 1, where: { quality: 'clean' } },
  },
  train: {
    epochs: 2, batch_size: 2, grad_accum: 1, learning_rate: 0.01, max_seq_len: 256,
    lora: { rank: 4 },
  },
  eval: {
    metrics: ['token_accuracy', 'json_valid'],
    generate: { max_new_tokens: 4 },
  },
}
`
