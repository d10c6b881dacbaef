package runner_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/engine/checkpoint"
	"daybook/ledger/folder"
	"daybook/ledger/store"
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

// TestGarbageLeft leaves a file or folder of every kind half written, as a kill does,
// beside others that have names much like theirs.
func TestGarbageLeft(t *testing.T) {
	p := newPlace(t)
	p.mustRun(t, p.plan(t, one))
	attempts, err := filepath.Glob(filepath.Join(p.root.State(), "runs", "*", "0001"))
	check(t, err)
	attempt := attempts[0]
	digest := strings.Repeat("0a", 32)
	var want []string
	leave := func(file string) {
		t.Helper()
		check(t, os.MkdirAll(filepath.Dir(file), 0o700))
		f, err := folder.Create(file, 0o600) // and never whole
		check(t, err)
		want = append(want, p.root.Rel(f.Name()))
		check(t, f.Close())
	}
	leave(filepath.Join(attempt, runner.JobFile))
	leave(filepath.Join(p.root.Predictions(), digest+".jsonl"))
	leave(filepath.Join(p.root.State(), ".gitignore"))
	leave(filepath.Join(p.root.State(), "cache", "digests", digest[:32]))
	for _, temporary := range []string{filepath.Join(p.root.State(), ".doctor-*"), filepath.Join(p.root.State(), "keys", "records-*")} {
		f, err := os.CreateTemp(filepath.Dir(temporary), filepath.Base(temporary))
		check(t, err)
		want = append(want, p.root.Rel(f.Name()))
		check(t, f.Close())
	}
	for _, dir := range []string{filepath.Join(attempt, runner.Checkpoints, ".tmp-step-000004"), filepath.Join(p.root.Adapters("tiny"), ".new-123"), filepath.Join(p.root.State(), "origins", ".new-456")} {
		check(t, os.MkdirAll(dir, 0o700))
		check(t, os.WriteFile(filepath.Join(dir, "adapter_model.safetensors"), []byte("half"), 0o600))
		want = append(want, p.root.Rel(dir))
	}
	for _, other := range []string{filepath.Join(attempt, ".notes"), filepath.Join(p.root.Adapters("tiny"), ".newest-1"), filepath.Join(p.root.State(), "keys", "records-old.key")} {
		check(t, os.WriteFile(other, nil, 0o600))
	}
	find := func(since time.Time) (found []runner.Garbage, paths []string) {
		t.Helper()
		found, err := runner.FindGarbage(t.Context(), p.root, p.ledger, runner.GarbageOptions{Since: since})
		check(t, err)
		for _, g := range found {
			paths = append(paths, g.Path)
		}
		slices.Sort(paths)
		return found, paths
	}
	slices.Sort(want)
	if _, paths := find(time.Now().Add(-time.Hour)); len(paths) > 0 {
		t.Errorf("somebody may still write %v", paths)
	}
	found, paths := find(time.Now().Add(time.Minute))
	if diff := cmp.Diff(want, paths); diff != "" {
		t.Fatal(diff)
	}
	for _, g := range found {
		check(t, g.Collect())
	}
	if _, paths := find(time.Now().Add(time.Minute)); len(paths) > 0 {
		t.Errorf("%v are still there", paths)
	}
	p.mustRun(t, p.plan(t, one)) // nothing that it needs is gone
	verified, err := runner.VerifyFiles(t.Context(), p.root, p.ledger, store.New(p.root.Store()), nil)
	check(t, err)
	if len(verified.Problems)+len(verified.Unfinished) > 0 {
		t.Errorf("%+v", verified)
	}
}
