package runner

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"daybook/engine/checkpoint"
	"daybook/ledger"
	"daybook/ledger/journal"
	"daybook/ledger/store"
)

// FilesVerified is what VerifyFiles looked at.
type FilesVerified struct {
	Artifacts  int              `json:"artifacts"` // in the store
	Adapters   int              `json:"adapters"`  // published folders
	Epochs     int              `json:"epochs"`    // adapters in attempts' folders
	Journals   int              `json:"journals"`
	Predicted  int              `json:"predicted"`  // files of predictions, of which the ledger has digests
	Gone       int              `json:"gone"`       // epochs and journals that were there once: what they said is in the ledger; of a merged ledger also what did not come along
	Unfinished []string         `json:"unfinished"` // adapters whose publication the next run ends: no problem
	Problems   []ledger.Problem `json:"problems"`
}

// VerifyFiles reads every file whose digest the ledger holds and that is kept
// beside it: artifacts, the adapters' folders, those of epochs, journals. It
// relies on no digest that was computed before. Of another machine's ledger, what did
// not come along is gone, not missing. Progress, if not nil, is told how
// many of them are done. The error is about not being able to read.
func VerifyFiles(ctx context.Context, root Root, l *ledger.Ledger, s *store.Store, progress func(done, total int)) (*FilesVerified, error) {
	v := &fileCheck{root: root, ledger: l, store: s, found: FilesVerified{Unfinished: []string{}, Problems: []ledger.Problem{}}}
	for _, plan := range []func(context.Context) error{v.artifacts, v.adapters, v.attempts, v.predictions, v.emptied} {
		if err := plan(ctx); err != nil {
			return nil, err
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	done := 0
	for _, look := range v.todo {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			err := look(ctx)
			v.mu.Lock()
			defer v.mu.Unlock()
			if done++; progress != nil {
				progress(done, len(v.todo))
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	slices.Sort(v.found.Unfinished)
	ledger.SortProblems(v.found.Problems)
	return &v.found, nil
}

// fileCheck is one call of VerifyFiles.
type fileCheck struct {
	root   Root
	ledger *ledger.Ledger
	store  *store.Store
	todo   []func(context.Context) error

	mu    sync.Mutex // guards found
	found FilesVerified
}

func (v *fileCheck) problem(where, format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.found.Problems = append(v.found.Problems, ledger.Problem{Where: where, What: fmt.Sprintf(format, args...)})
}

func (v *fileCheck) count(n *int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	*n++
}

// artifacts returns what the ledger says is in the store, and what it is.
func artifacts(ctx context.Context, l *ledger.Ledger) (map[ledger.Digest]string, error) {
	sweeps, err := l.Sweeps(ctx, ledger.SweepFilter{})
	if err != nil {
		return nil, err
	}
	wanted := map[ledger.Digest]string{}
	for _, s := range sweeps {
		for _, source := range s.Sources {
			wanted[source.Digest] = fmt.Sprintf("%s of sweep %s", source.Path, s.Name)
		}
		for _, digest := range s.Git.Changes.Artifacts() {
			wanted[digest] = fmt.Sprintf("what was not committed, of sweep %s", s.Name)
		}
	}
	published, err := l.Adapters(ctx, ledger.AdapterFilter{})
	if err != nil {
		return nil, err
	}
	for _, a := range published {
		for name, digest := range a.Files {
			wanted[digest] = fmt.Sprintf("%s of %s", name, a.Name())
		}
	}
	return wanted, nil
}

// artifacts plans to read everything in the store, and what sweeps say is in it.
func (v *fileCheck) artifacts(ctx context.Context) error {
	kept, strays, err := v.store.List()
	if err != nil {
		return err
	}
	for _, stray := range strays {
		v.problem("store, "+filepath.ToSlash(stray), "no artifact has such a name")
	}
	wanted, err := artifacts(ctx, v.ledger)
	if err != nil {
		return err
	}
	for _, digest := range kept {
		what := wanted[digest]
		delete(wanted, digest)
		if what == "" {
			what = "artifact"
		}
		v.todo = append(v.todo, func(ctx context.Context) error {
			v.count(&v.found.Artifacts)
			err := v.store.Verify(ctx, digest)
			if mismatch := (*store.MismatchError)(nil); errors.As(err, &mismatch) {
				v.problem(fmt.Sprintf("store, %s", digest), "%s: %v", what, mismatch)
				return nil
			}
			return err
		})
	}
	for digest, what := range wanted {
		if v.ledger.Copied() {
			v.found.Gone++
			continue
		}
		v.problem("store, "+digest, "%s: it is missing", what)
	}
	return nil
}

// adapters plans to digest every published folder.
func (v *fileCheck) adapters(ctx context.Context) error {
	// Before the others, as what is put in place meanwhile is no more among these.
	unplaced, err := v.ledger.Adapters(ctx, ledger.AdapterFilter{Unplaced: true})
	if err != nil {
		return err
	}
	open := map[string]bool{}
	for _, a := range unplaced {
		open[a.Name()] = true
	}
	all, err := v.ledger.Adapters(ctx, ledger.AdapterFilter{})
	if err != nil {
		return err
	}
	for _, a := range all {
		v.todo = append(v.todo, func(ctx context.Context) error {
			v.count(&v.found.Adapters)
			_, err := os.Stat(v.root.Abs(a.Path))
			absent := errors.Is(err, fs.ErrNotExist)
			if absent && v.ledger.Copied() {
				v.count(&v.found.Gone)
				return nil
			}
			if open[a.Name()] {
				if unfinished, err := v.unfinished(ctx, a); err != nil || unfinished {
					return err
				}
			}
			where := fmt.Sprintf("%s, %s@v%d", a.Path, a.Sweep, a.Version)
			if absent {
				v.problem(where, "the adapter's folder is missing")
				return nil
			}
			if err := v.adapter(v.root.Abs(a.Path), where, a.Digest, nil); err != nil {
				return err
			}
			if err := v.beside(a); err != nil {
				return err
			}
			if err := v.proof(ctx, a); err != nil {
				return err
			}
			return v.strangers(a)
		})
	}
	return v.unrecorded(ctx, all)
}

// unfinished reports whether an adapter that was never put in place is all that a
// run, which puts it there, needs for that: the weights are where the run left them,
// and the store has what goes beside them. Anything in its place is looked at as ever.
func (v *fileCheck) unfinished(ctx context.Context, a ledger.Adapter) (bool, error) {
	if _, err := os.Lstat(v.root.Abs(a.Path)); !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	runs, err := v.ledger.Runs(ctx, ledger.RunFilter{Key: a.Run})
	if err != nil || len(runs) == 0 || runs[0].State != ledger.Done || runs[0].Adapter != a.Digest || runs[0].ChosenEpoch != a.Epoch {
		return false, err
	}
	if _, err := keptAdapter(ctx, v.root, v.ledger, runs[0]); err != nil {
		return false, nil //nolint:nilerr // the adapter is gone from everywhere, which is the problem
	}
	for _, digest := range a.Files {
		if v.store.Verify(ctx, digest) != nil {
			return false, nil // the store's own check says what is wrong
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.found.Unfinished = append(v.found.Unfinished, fmt.Sprintf("adapter %s of run %.12s was not put in place when the process ended that published it; the next 'daybook run' of sweep %s finishes it",
		a.Name(), a.Run, a.Sweep))
	return true, nil
}

// beside compares the files beside an adapter's weights, such as its provenance.
func (v *fileCheck) beside(a ledger.Adapter) error {
	for _, name := range slices.Sorted(maps.Keys(a.Files)) {
		where := path.Join(a.Path, name)
		got, err := digestFile(v.root.Abs(where))
		switch {
		case errors.Is(err, fs.ErrNotExist) && v.ledger.Copied():
			v.count(&v.found.Gone)
		case errors.Is(err, fs.ErrNotExist):
			v.problem(where, "the file is missing")
		case err != nil:
			return err
		case got != a.Files[name]:
			v.problem(where, "it has digest %s, the ledger says %s", got, a.Files[name])
		}
	}
	return nil
}

// adapter compares the identity of an adapter's folder. If gone is not nil, the
// folder may be missing, which is counted there.
func (v *fileCheck) adapter(dir, where string, want ledger.Digest, gone *int) error {
	got, err := checkpoint.AdapterDigest(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && gone != nil:
		if _, statErr := os.Stat(dir); errors.Is(statErr, fs.ErrNotExist) {
			v.count(gone)
			return nil
		}
		v.problem(where, "files of the adapter are missing")
	case errors.Is(err, fs.ErrNotExist):
		v.problem(where, "the adapter is missing")
	case err != nil:
		return err
	case hexDigest(got) != want:
		v.problem(where, "the adapter has digest %s, the ledger says %s", hexDigest(got), want)
	}
	return nil
}

// attempts plans to look at what attempts left in their folders.
func (v *fileCheck) attempts(ctx context.Context) error {
	all, err := v.ledger.Attempts(ctx)
	if err != nil {
		return err
	}
	for _, a := range all {
		v.todo = append(v.todo, func(context.Context) error { return v.journal(a) })
	}
	epochs, err := v.ledger.EveryEpoch(ctx)
	if err != nil {
		return err
	}
	for _, e := range epochs {
		v.todo = append(v.todo, func(context.Context) error {
			v.count(&v.found.Epochs)
			where := path.Join(e.Dir, e.Path)
			return v.adapter(v.root.Abs(where), where, e.Adapter, &v.found.Gone)
		})
	}
	return nil
}

// journal compares the line of a journal up to which the ledger has it. As each
// line holds the digest of the one before, all lines up to there are compared.
func (v *fileCheck) journal(a ledger.AttemptInfo) error {
	if a.LastSeq == 0 {
		return nil
	}
	where := path.Join(a.Dir, JournalFile)
	if _, err := os.Stat(v.root.journal(a.Dir)); errors.Is(err, fs.ErrNotExist) {
		v.count(&v.found.Gone)
		return nil
	}
	v.count(&v.found.Journals)
	events, err := readJournal(v.root.journal(a.Dir))
	if pathError := (*fs.PathError)(nil); errors.As(err, &pathError) {
		return err
	}
	if len(events) < a.LastSeq {
		if err == nil {
			err = journal.ErrChain
		}
		v.problem(where, "it has %d sound lines, the ledger %d: %v", len(events), a.LastSeq, err)
		return nil
	}
	got, err := events[a.LastSeq-1].Digest()
	if err != nil {
		return err
	}
	if got != a.LastDigest {
		v.problem(where, "line %d has digest %s, the ledger says %s", a.LastSeq, got, a.LastDigest)
	}
	return nil
}
