package runner_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"daybook/engine/checkpoint"
	"daybook/ledger"
	"daybook/ledger/journal"
	"daybook/ledger/store"
	"daybook/runner"
)

// left fills a place with what a run leaves: an artifact, an adapter of an epoch
// and a published one, a journal.
func (p *place) left(t *testing.T) *store.Store {
	t.Helper()
	ctx := t.Context()
	artifacts := store.New(p.root.Store())
	source, err := artifacts.Put(ctx, strings.NewReader("local d = import 'daybook.libsonnet';\n"))
	check(t, err)
	run := strings.Repeat("a1", 32)
	_, err = p.ledger.RecordSweep(ctx, ledger.Sweep{
		Name: "tiny", Digest: source, Sources: []ledger.Source{{Path: "sweep.jsonnet", Digest: source}},
		Planned: []ledger.PlannedRun{{Key: run, Kind: ledger.Train, Base: run, Spec: json.RawMessage(`{}`)}},
	})
	check(t, err)
	dir := filepath.ToSlash(p.root.Attempt(run, 1))
	adapter := func(dir string) ledger.Digest {
		check(t, os.MkdirAll(p.root.Abs(dir), 0o755))
		for name, content := range map[string]string{"adapter_model.safetensors": "weights", "adapter_config.json": "{}"} {
			check(t, os.WriteFile(filepath.Join(p.root.Abs(dir), name), []byte(content), 0o600))
		}
		d, err := checkpoint.AdapterDigest(p.root.Abs(dir))
		check(t, err)
		return hex.EncodeToString(d[:])
	}
	digest := adapter(dir + "/epochs/1")
	n, err := p.ledger.BeginAttempt(ctx, ledger.Attempt{Run: run, Kind: ledger.Train, Dir: dir})
	check(t, err)
	w, err := journal.Create(filepath.Join(p.root.Abs(dir), runner.JournalFile))
	check(t, err)
	for _, body := range []journal.Body{
		journal.Started{Kind: "train"},
		journal.Step{Step: 1, Epoch: 1, Loss: 1.5},
		journal.Epoch{Epoch: 1, TrainLoss: 1.5, Best: true, Adapter: digest, Path: "epochs/1"},
		journal.Finished{ChosenEpoch: 1, Adapter: digest, Path: "epochs/1", Steps: 1},
	} {
		check(t, w.Append(body))
	}
	check(t, w.Close())
	damaged, err := runner.CatchUp(ctx, p.root, p.ledger)
	if check(t, err); len(damaged) > 0 || n != 1 {
		t.Fatal(damaged, n)
	}
	a := ledger.Adapter{Digest: digest, Run: run, Epoch: 1, Sweep: "tiny", Path: "adapters/tiny/v0001", Time: time.Now()}
	adapter(a.Path)
	a.Version, err = p.ledger.ReserveVersion(ctx, a)
	check(t, err)
	check(t, p.ledger.RecordAdapter(ctx, a))
	return artifacts
}

// TestVerifyFiles changes every file that the ledger knows at random places.
func TestVerifyFiles(t *testing.T) {
	p := newPlace(t)
	artifacts := p.left(t)
	verify := func() *runner.FilesVerified {
		found, err := runner.VerifyFiles(context.Background(), p.root, p.ledger, artifacts, nil)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	found := verify()
	if len(found.Problems) > 0 || found.Artifacts != 1 || found.Adapters != 1 || found.Epochs != 1 || found.Journals != 1 || found.Gone != 0 {
		t.Fatalf("%+v", found)
	}
	var files []string
	for _, dir := range []string{p.root.State(), filepath.Join(p.root.Dir, "adapters")} {
		check(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && !strings.Contains(path, "ledger.db") && !strings.Contains(path, "keys") && d.Name() != ".gitignore" {
				files = append(files, path)
			}
			return err
		}))
	}
	if len(files) != 6 {
		t.Fatalf("files %v", files)
	}
	mayGo := func(path string) bool { return strings.HasSuffix(path, runner.JournalFile) }
	rapid.Check(t, func(rt *rapid.T) {
		path := rapid.SampledFrom(files).Draw(rt, "file")
		data, err := os.ReadFile(path)
		check(rt, err)
		check(rt, os.Chmod(path, 0o600))
		defer func() { check(rt, os.WriteFile(path, data, 0o600)) }()
		at := rapid.IntRange(0, len(data)-1).Draw(rt, "byte")
		switch how := rapid.SampledFrom([]string{"change", "cut", "lengthen", "remove"}).Draw(rt, "how"); how {
		case "change":
			changed := slices.Clone(data)
			changed[at] ^= byte(rapid.IntRange(1, 255).Draw(rt, "by"))
			check(rt, os.WriteFile(path, changed, 0o600))
		case "cut":
			check(rt, os.WriteFile(path, data[:at], 0o600))
		case "lengthen":
			if mayGo(path) {
				rt.Skip("a journal may have more than was taken from it so far")
			}
			check(rt, os.WriteFile(path, append(slices.Clone(data), 'x'), 0o600))
		case "remove":
			check(rt, os.Remove(path))
			if found := verify(); mayGo(path) {
				if len(found.Problems) > 0 || found.Gone != 1 {
					rt.Fatalf("%s: %+v", path, found)
				}
				return
			}
		}
		if len(verify().Problems) == 0 {
			rt.Fatalf("%s: nobody noticed", path)
		}
	})
	if found := verify(); len(found.Problems) > 0 {
		t.Fatalf("the test left traces: %v", found.Problems)
	}
	check(t, os.RemoveAll(filepath.Join(p.root.State(), "runs"))) // as gc does
	if found := verify(); len(found.Problems) > 0 || found.Gone != 2 {
		t.Errorf("%+v", found)
	}
	check(t, os.WriteFile(filepath.Join(p.root.Store(), "sha256", "stray"), nil, 0o600))
	if found := verify(); len(found.Problems) != 1 {
		t.Errorf("a stray file: %+v", found)
	}
}
