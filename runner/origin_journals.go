package runner

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"daybook/ledger"
	"daybook/ledger/folder"
	"daybook/ledger/journal"
)

// MergedJournals is what came of taking in the journals of another machine that keeps
// no ledger.
type MergedJournals struct {
	Attempts  int      `json:"attempts"`  // whose journals are there
	New       int      `json:"new"`       // of these, attempts that were not here
	Events    int      `json:"events"`    // that were added
	Finished  int      `json:"finished"`  // attempts that say so
	Passed    int      `json:"passed"`    // attempts at runs that are finished here, of which nothing is taken in
	Unplanned []string `json:"unplanned"` // keys that no sweep here has planned: they show once one has
	Damaged   []string `json:"damaged"`   // what could not be read, and why; the rest was
}

// JournalsIn returns the folder of attempts of another machine that keeps no ledger,
// below its root or its state folder, or "" if there is none.
func JournalsIn(other string) string {
	for _, dir := range []string{filepath.Join(Root{Dir: other}.State(), "runs"), filepath.Join(other, "runs"), other} {
		if _, err := os.Stat(filepath.Join(filepath.Dir(dir), filepath.Base(Root{}.Ledger()))); err == nil {
			return ""
		}
		if found, err := filepath.Glob(filepath.Join(dir, "*", "*", JournalFile)); err == nil && len(found) > 0 {
			return dir
		}
	}
	return ""
}

// MergeJournals takes in what journals in a folder of attempts say, each of which is
// <key>/<number>/ as a worker left it, and the adapters of its epochs. Nobody has signed
// them: the attempts are marked unauthenticated, under the next numbers here. What is
// here already is known by its first line, here or in a ledger that was merged; a
// journal that has gone on is read on.
func MergeJournals(ctx context.Context, root Root, l *ledger.Ledger, all Origins, dir string) (_ *MergedJournals, err error) {
	holder, err := NewHolder(root)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, holder.Close(false)) }()
	paths, err := filepath.Glob(filepath.Join(dir, "*", "*", JournalFile))
	if err != nil {
		return nil, fmt.Errorf("merge: %w", err)
	}
	slices.Sort(paths)
	m := &journalMerge{root: root, ledger: l, origins: all, holder: holder.Name}
	for _, path := range paths {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		place := filepath.ToSlash(filepath.Join(filepath.Base(filepath.Dir(filepath.Dir(path))), filepath.Base(filepath.Dir(path))))
		err := m.attempt(ctx, filepath.Dir(path))
		if damage := (damagedError{}); errors.As(err, &damage) {
			m.found.Damaged = append(m.found.Damaged, fmt.Sprintf("%s: %v", place, damage.error))
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("merge: %s: %w", place, err)
		}
	}
	return &m.found, nil
}

// damagedError is about one attempt's folder alone.
type damagedError struct{ error }

func (e damagedError) Unwrap() error { return e.error }

// journalMerge is one call of MergeJournals.
type journalMerge struct {
	root    Root
	ledger  *ledger.Ledger
	origins Origins
	holder  string
	found   MergedJournals
}

// attempt takes in one attempt's folder.
func (m *journalMerge) attempt(ctx context.Context, dir string) (err error) {
	job, err := ReadJob(dir)
	if err != nil {
		return damagedError{err}
	}
	if key := filepath.Base(filepath.Dir(dir)); key != job.Key {
		return damagedError{fmt.Errorf("%s: it is of run %.12s", JobFile, job.Key)}
	}
	events, damage := readJournal(filepath.Join(dir, JournalFile))
	if len(events) == 0 {
		if damage == nil {
			return nil // its worker never began
		}
		return damagedError{pathless(damage)}
	}
	m.found.Attempts++
	first, err := events[0].Digest()
	if err != nil {
		return damagedError{err}
	}
	for _, o := range m.origins { // with a signature, which says more
		if known, _, err := o.Ledger.AttemptWith(ctx, job.Key, first); err != nil || known > 0 {
			return err
		}
	}
	if err := m.ledger.Lease(ctx, job.Key, m.holder, leaseTTL); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.ledger.Release(context.WithoutCancel(ctx), job.Key, m.holder)) }()
	number, lines, err := m.begin(ctx, job, first)
	if err != nil {
		return err
	}
	if number == 0 {
		m.found.Passed++
		return nil
	}
	if err := m.carry(dir, m.root.Abs(m.root.Attempt(job.Key, number)), events); err != nil {
		return err
	}
	if err := m.ingest(ctx, job.Key, number, lines, events); err != nil {
		return err
	}
	if damage != nil {
		return damagedError{fmt.Errorf("after line %d: %w", len(events), pathless(damage))}
	}
	return nil
}

// begin returns the number under which the attempt is here, and how many of its lines
// are: the one that it has, or that a killed call has begun, or else the next. It is 0
// where the run is finished: a claim has no part in a result that is there.
func (m *journalMerge) begin(ctx context.Context, job *Job, first ledger.Digest) (number, lines int, err error) {
	number, lines, err = m.ledger.AttemptWith(ctx, job.Key, first)
	if err != nil || number > 0 {
		return number, lines, err
	}
	states, err := m.ledger.States(ctx, []ledger.Digest{job.Key})
	if err != nil || states[job.Key].State == ledger.Done {
		return 0, 0, err
	}
	m.found.New++
	open, err := m.ledger.OpenAttempts(ctx, job.Key)
	if err != nil {
		return 0, 0, err
	}
	for _, a := range open {
		if a.Unauthenticated && a.LastSeq == 0 {
			return a.Number, 0, nil
		}
	}
	var sweep int64
	switch run, err := m.ledger.Run(ctx, job.Key); {
	case err == nil:
		sweep = run.SweepID
	case !errors.Is(err, ledger.ErrNotFound):
		return 0, 0, err
	case !slices.Contains(m.found.Unplanned, job.Key):
		m.found.Unplanned = append(m.found.Unplanned, job.Key)
	}
	number, err = m.ledger.BeginAttempt(ctx, ledger.Attempt{
		Run: job.Key, Kind: job.Kind, Sweep: sweep, Unauthenticated: true, Environment: map[string]string{},
		Place: func(n int) string { return filepath.ToSlash(m.root.Attempt(job.Key, n)) },
	})
	return number, 0, err
}

// ingest adds the events that are not here yet.
func (m *journalMerge) ingest(ctx context.Context, key ledger.Digest, number, before int, events []journal.Event) error {
	if err := m.ledger.Ingest(ctx, key, number, events); refused(err) {
		return damagedError{err}
	} else if err != nil {
		return err
	}
	m.found.Events += max(0, len(events)-before)
	if events[len(events)-1].Type == (journal.Finished{}).EventType() {
		m.found.Finished++
	}
	return nil
}

// carry copies what an attempt's folder is asked for later: its job, its journal, and
// the adapters that the journal names, where they are as it says.
func (m *journalMerge) carry(from, to string, events []journal.Event) error {
	if same, err := sameFolder(from, to); err != nil || same {
		return err
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	for _, e := range events {
		body, err := journal.Decode(e)
		if err != nil {
			return damagedError{err}
		}
		epoch, ok := body.(journal.Epoch)
		if !ok || !filepath.IsLocal(epoch.Path) || holds(filepath.Join(to, epoch.Path), epoch.Adapter) || !holds(filepath.Join(from, epoch.Path), epoch.Adapter) {
			continue
		}
		if err := os.MkdirAll(filepath.Join(to, epoch.Path), 0o700); err != nil {
			return err
		}
		for _, name := range adapterFiles {
			if _, err := copyFile(filepath.Join(to, epoch.Path, name), filepath.Join(from, epoch.Path, name)); err != nil {
				return err
			}
		}
	}
	for _, name := range []string{JobFile, JournalFile} {
		if _, err := copyFile(filepath.Join(to, name), filepath.Join(from, name)); err != nil {
			return err
		}
	}
	return folder.Sync(to)
}

// sameFolder reports whether two paths lead to one folder.
func sameFolder(a, b string) (bool, error) {
	x, err := os.Stat(a)
	if err != nil {
		return false, err
	}
	y, err := os.Stat(b)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(x, y), err
}
