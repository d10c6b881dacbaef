package runner_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"daybook/engine/checkpoint"
	"daybook/runner"
)

// TestGarbageSparesWhatRunsUse keeps the quantized base of the ledger's runs, unless all
// of the cache is to go, and waits for sweeps that run.
func TestGarbageSparesWhatRunsUse(t *testing.T) {
	p := newPlace(t)
	p.mustRun(t, p.plan(t, one))
	base, err := runner.OpenBase(filepath.Join(p.dir, "base"), "", nil)
	check(t, err)
	cache := checkpoint.Cache{Dir: filepath.Join(p.root.State(), "cache")}
	mine := cache.BaseFile(base.Digest(), checkpoint.Quantization{Kind: "nf4", DoubleQuant: true})
	other := cache.BaseFile(base.Digest(), checkpoint.Quantization{Kind: "nf4"})
	check(t, os.MkdirAll(filepath.Dir(mine), 0o700))
	check(t, os.WriteFile(mine, []byte("mine"), 0o600))
	check(t, os.WriteFile(other, []byte("another"), 0o600))
	find := func(o runner.GarbageOptions) []runner.Garbage {
		t.Helper()
		o.Since = time.Now().Add(time.Minute)
		found, err := runner.FindGarbage(t.Context(), p.root, p.ledger, o)
		check(t, err)
		return found
	}
	if found := find(runner.GarbageOptions{}); len(found) != 1 || found[0].Path != p.root.Rel(other) || found[0].Bytes != 7 {
		t.Fatalf("found %+v, want %s", found, other)
	}
	if found := find(runner.GarbageOptions{Cache: true}); len(found) != 2 {
		t.Errorf("of the whole cache: %+v", found)
	}
	for _, g := range find(runner.GarbageOptions{}) {
		check(t, g.Collect())
	}
	if _, err := os.Stat(other); err == nil {
		t.Error("it is still there")
	}
	if _, err := os.Stat(mine); err != nil {
		t.Error(err)
	}
	holder, err := runner.NewHolder(p.root)
	check(t, err)
	if _, err := runner.FindGarbage(t.Context(), p.root, p.ledger, runner.GarbageOptions{}); err == nil || runner.HintOf(err) == "" {
		t.Errorf("while a sweep runs: %v", err)
	}
	check(t, holder.Close(false))
	find(runner.GarbageOptions{})
}
