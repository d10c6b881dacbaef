package runner

import (
	"os"
	"path/filepath"

	"daybook/ledger/folder"
	"daybook/sweeps"
)

// Evaluations is what is remembered of large sweep files, nil before there is a state
// folder to keep it in.
func (r Root) Evaluations() sweeps.Memory {
	if _, err := os.Stat(r.State()); err != nil {
		return nil
	}
	return evaluations(r.evaluations())
}

func (r Root) evaluations() string { return filepath.Join(r.State(), "cache", "sweeps") }

// evaluations is a folder of what sweep files evaluated to.
type evaluations string

func (e evaluations) Recall(name string) []byte {
	data, err := os.ReadFile(filepath.Join(string(e), name))
	if err != nil { // it is evaluated instead
		return nil
	}
	return data
}

func (e evaluations) Keep(name string, data []byte) {
	if err := os.MkdirAll(string(e), 0o700); err == nil {
		_ = folder.WriteFile(filepath.Join(string(e), name), data, 0o600) // a full disk costs the time to evaluate it again
	}
}
