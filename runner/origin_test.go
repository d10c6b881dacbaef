package runner_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"daybook/ledger"
	"daybook/runner"
)

// merge merges the ledger of another place.
func (p *place) merge(other *place, o runner.MergeLedgerOptions) (*runner.MergedLedger, error) {
	return runner.MergeLedger(context.Background(), p.root, p.ledger, other.dir, o)
}

// named returns the names of the origins that can be opened, and how many are missing.
func (p *place) named(t *testing.T) (names []string, gone int) {
	t.Helper()
	all, missing, err := runner.OpenOrigins(t.Context(), p.root, p.ledger)
	check(t, err)
	for _, o := range all {
		names = append(names, o.Name)
	}
	check(t, all.Close())
	return names, len(missing)
}

// problems returns what verifying the origins finds, and what it notes.
func (p *place) problems(t *testing.T) (problems []ledger.Problem, notes string) {
	t.Helper()
	found, err := runner.VerifyOrigins(t.Context(), p.root, p.ledger)
	check(t, err)
	for _, o := range found {
		problems = append(problems, o.Problems...)
		if o.Log != nil {
			notes += strings.Join(o.Log.Notes, "\n")
		}
	}
	return problems, notes
}

// TestMergeInterrupted ends merges at their last moment, when everything is in its
// place and the entry is not: the ledger's key is not there.
func TestMergeInterrupted(t *testing.T) {
	p, other := newPlace(t), newPlace(t)
	other.left(t)
	keyless, err := ledger.Open(t.Context(), p.root.Ledger(), ledger.Options{})
	check(t, err)
	defer func() { check(t, keyless.Close()) }()
	interrupted := func() {
		_, err := runner.MergeLedger(t.Context(), p.root, keyless, other.dir, runner.MergeLedgerOptions{Name: "laptop"})
		if !errors.Is(err, ledger.ErrNoKey) {
			t.Fatalf("got %v", err)
		}
	}
	interrupted()
	if names, gone := p.named(t); len(names) != 0 || gone != 0 {
		t.Errorf("%v are there, %d missing", names, gone)
	}
	stray := filepath.Join(p.root.Origin("laptop").Dir, "stray")
	check(t, os.WriteFile(stray, []byte("of a killed process"), 0o600))
	merged, err := p.merge(other, runner.MergeLedgerOptions{Name: "laptop"})
	check(t, err)
	if _, err := os.Stat(stray); err == nil || merged.Copied != 1 || merged.Already {
		t.Errorf("merged %+v; the stray file: %v", merged, err)
	}
	if problems, _ := p.problems(t); len(problems) > 0 {
		t.Error(problems)
	}

	check(t, other.ledger.RecordDataset(t.Context(), ledger.Dataset{Digest: strings.Repeat("d", 64), Root: strings.Repeat("e", 64)}))
	interrupted()
	if problems, notes := p.problems(t); len(problems) > 0 || !strings.Contains(notes, "1 entries are not merged yet") {
		t.Error(problems, notes)
	}
	merged, err = p.merge(other, runner.MergeLedgerOptions{})
	check(t, err)
	if merged.Entries != merged.Before+1 || merged.Name != "laptop" {
		t.Errorf("merged %+v", merged)
	}
	if problems, notes := p.problems(t); len(problems) > 0 || strings.Contains(notes, "not merged yet") {
		t.Error(problems, notes)
	}
	if left, err := filepath.Glob(filepath.Join(p.root.State(), "origins", ".new-*")); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

// TestMergeChangedAdapter refuses files that are not as the ledger says, and brings
// none of them.
func TestMergeChangedAdapter(t *testing.T) {
	p, other := newPlace(t), newPlace(t)
	other.left(t)
	weights := filepath.Join(other.dir, "adapters", "tiny", "v0001", "adapter_model.safetensors")
	check(t, os.WriteFile(weights, []byte("other weights"), 0o600))
	_, err := p.merge(other, runner.MergeLedgerOptions{})
	if refused := (*runner.RefusedError)(nil); !errors.As(err, &refused) || !errors.Is(err, ledger.ErrMismatch) ||
		len(refused.Problems) != 1 || refused.Problems[0].Where != "adapters/tiny/v0001, tiny@v1" {
		t.Errorf("got %v", err)
	}
	check(t, os.WriteFile(weights, []byte("weights"), 0o600))
	artifacts, err := filepath.Glob(filepath.Join(other.root.Store(), "sha256", "*", "*"))
	if check(t, err); len(artifacts) != 1 {
		t.Fatalf("artifacts %v", artifacts)
	}
	check(t, os.Chmod(artifacts[0], 0o600))
	check(t, os.WriteFile(artifacts[0], []byte("other source"), 0o600))
	if _, err := p.merge(other, runner.MergeLedgerOptions{}); !errors.Is(err, ledger.ErrMismatch) {
		t.Errorf("got %v", err)
	}
	if names, gone := p.named(t); len(names) != 0 || gone != 0 {
		t.Errorf("%v are there, %d missing", names, gone)
	}
}

// TestMergeHostileNames doesn't follow another machine's ledger out of the folders that
// adapters are in.
func TestMergeHostileNames(t *testing.T) {
	for name, a := range map[string]ledger.Adapter{
		"path":     {Path: "../../secret"},
		"absolute": {Path: "/etc"},
		"depth":    {Path: "adapters/../v0001"},
		"file":     {Path: "adapters/tiny/v0001", Files: map[string]ledger.Digest{"../../../secret": strings.Repeat("a", 64)}},
	} {
		t.Run(name, func(t *testing.T) {
			p, other := newPlace(t), newPlace(t)
			run := strings.Repeat("a1", 32)
			_, err := other.ledger.RecordSweep(t.Context(), ledger.Sweep{
				Name: "tiny", Digest: run, Planned: []ledger.PlannedRun{{Key: run, Kind: ledger.Train, Base: run, Spec: json.RawMessage(`{}`)}},
			})
			check(t, err)
			a.Digest, a.Run, a.Epoch, a.Sweep, a.Time = run, run, 1, "tiny", time.Now()
			a.Version, err = other.ledger.ReserveVersion(t.Context(), a)
			check(t, err)
			check(t, other.ledger.RecordAdapter(t.Context(), a))
			_, err = p.merge(other, runner.MergeLedgerOptions{})
			if err == nil || !strings.Contains(err.Error(), "is no place of an adapter") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestMergeNested names what another ledger has merged itself, which is merged from
// there under its own key.
func TestMergeNested(t *testing.T) {
	p, middle, far := newPlace(t), newPlace(t), newPlace(t)
	far.left(t)
	_, err := middle.merge(far, runner.MergeLedgerOptions{Name: "far"})
	check(t, err)
	merged, err := p.merge(middle, runner.MergeLedgerOptions{Name: "middle"})
	if check(t, err); !slices.Equal(merged.LeftOut, []string{"far"}) || merged.Adapters != 0 {
		t.Errorf("merged %+v", merged)
	}
	nested, err := runner.MergeLedger(t.Context(), p.root, p.ledger, middle.root.Origin("far").Dir, runner.MergeLedgerOptions{})
	if check(t, err); nested.Name != "far" || nested.Copied != 1 || len(nested.Missing) > 0 {
		t.Errorf("merged %+v", nested)
	}
	direct, err := p.merge(far, runner.MergeLedgerOptions{})
	if check(t, err); !direct.Already || direct.Name != "far" {
		t.Errorf("merged %+v", direct)
	}
	if names, _ := p.named(t); !slices.Equal(names, []string{"far", "middle"}) {
		t.Errorf("origins %v", names)
	}
	a, err := runner.FindAdapter(t.Context(), p.root, p.ledger, "far/tiny@v1")
	if check(t, err); a.Name != "far/tiny@v1" || a.Dir != filepath.Join(p.root.Origin("far").Dir, "adapters", "tiny", "v0001") {
		t.Errorf("adapter %+v", a)
	}
	byDigest, err := runner.FindAdapter(t.Context(), p.root, p.ledger, a.Digest[:12])
	if check(t, err); byDigest.Name != a.Name {
		t.Errorf("adapter %+v", byDigest)
	}
}
