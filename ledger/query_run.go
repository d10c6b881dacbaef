package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Run is a planned run with where it stands and what came of it. Results are
// those of the newest attempt that finished; if none did, they are zero and
// Error tells how the newest attempt failed.
type Run struct {
	PlannedRun
	SweepID  int64         `json:"sweep_id"` // the sweep that the plan is from
	Sweep    string        `json:"sweep"`    // its name
	State    State         `json:"state"`
	Holder   string        `json:"holder"` // of the lease; "" if nobody has it
	Attempts []AttemptInfo `json:"attempts"`

	Result      int     `json:"result"` // number of the attempt that what follows is from; 0 if there is none
	ChosenEpoch int     `json:"chosen_epoch"`
	Adapter     Digest  `json:"adapter"`      // identity of the chosen adapter
	AdapterPath string  `json:"adapter_path"` // its folder in the attempt's, relative to the root
	Steps       int     `json:"steps"`
	Tokens      int     `json:"tokens"`  // trained on, all epochs
	Seconds     float64 `json:"seconds"` // of all attempts that led to the result
	Stopped     string  `json:"stopped"` // "early" if early stopping ended it
	Parameters  int     `json:"parameters"`
	EightBit    int     `json:"eight_bit"` // trainable parameters with 8-bit optimizer state
	Error       string  `json:"error"`
	Hint        string  `json:"hint"`
}

// Origin returns the attempt that the run's results are from, and with them what
// they were made by: git state, environment and engine. A sweep that is planned
// again later, from another commit, has no part in a result that was there
// before. It returns nil if nobody has begun the run.
func (r *Run) Origin() *AttemptInfo {
	for i := range r.Attempts {
		if r.Attempts[i].Number == r.Result {
			return &r.Attempts[i]
		}
	}
	return nil
}

// Lineage returns the attempts that the results were trained in, the first one
// first: that of Origin, the one whose checkpoint it resumed from, and so on.
// Attempts that failed before a checkpoint of theirs was used are not among them.
func (r *Run) Lineage() []AttemptInfo {
	var out []AttemptInfo
	for a := r.Origin(); a != nil; {
		out = append(out, *a)
		from := a.ResumedFrom
		a = nil
		for i := range r.Attempts {
			earlier := &r.Attempts[i]
			if earlier.Number < out[len(out)-1].Number && strings.HasPrefix(from, earlier.Dir+"/") {
				a = earlier
			}
		}
	}
	slices.Reverse(out)
	return out
}

// AttemptInfo is an attempt with what its journal said.
type AttemptInfo struct {
	Attempt
	Outcome        string            `json:"outcome"` // "started", "interrupted", "failed" or "finished"
	Begun          time.Time         `json:"begun"`
	Started        time.Time         `json:"started"` // by the worker's clock; zero if it never did
	Ended          time.Time         `json:"ended"`
	LastSeq        int               `json:"last_seq"`    // of the journal
	LastDigest     Digest            `json:"last_digest"` // of its line, and by its chain of all before; "" if there is none
	Numerics       string            `json:"numerics"`
	Device         map[string]string `json:"device"`
	Engine         map[string]string `json:"engine"`
	ResumedFrom    string            `json:"resumed_from"`
	ResumedStep    int               `json:"resumed_step"`
	PlannedSteps   int               `json:"planned_steps"`
	Parameters     int               `json:"parameters"`
	EightBit       int               `json:"eight_bit"`
	Step           int               `json:"step"` // last one reported
	CheckpointStep int               `json:"checkpoint_step"`
	CheckpointPath string            `json:"checkpoint_path"` // relative to Dir; "" if there is none
	ChosenEpoch    int               `json:"chosen_epoch"`
	Adapter        Digest            `json:"adapter"`
	AdapterPath    string            `json:"adapter_path"` // relative to Dir
	Tokens         int               `json:"tokens"`
	Seconds        float64           `json:"seconds"`
	Stopped        string            `json:"stopped"`
	Error          string            `json:"error"`
	Hint           string            `json:"hint"`

	Entry int64 `json:"-"` // in which the history says that it was begun
}

// RunStatus is what a plan needs to know of a run.
type RunStatus struct {
	State    State  `json:"state"`
	Holder   string `json:"holder"` // of the lease; "" if nobody has it
	Attempts int    `json:"attempts"`

	// The newest attempt's last checkpoint, or if it has none an earlier
	// attempt's. A run that finished or failed may have one too.
	Checkpoint     string `json:"checkpoint"`     // relative to the root; "" if there is none
	CheckpointDir  string `json:"checkpoint_dir"` // its attempt's folder
	CheckpointStep int    `json:"checkpoint_step"`
}

// RunFilter selects runs; its zero value selects all, each as the newest sweep
// planned it.
type RunFilter struct {
	SweepID int64  // runs that this sweep planned
	Sweep   string // runs that the newest sweep of this name planned
	Key     Digest
	Kind    Kind
	State   State
	Limit   int // 0 means no limit
}

// Runs returns runs in the order of their sweeps, newest sweep first, and of
// their positions.
func (l *Ledger) Runs(ctx context.Context, f RunFilter) ([]Run, error) {
	planned, args, err := l.plannedRuns(ctx, &f)
	if err != nil {
		return nil, err
	}
	of := ""
	var ofArgs []any
	if f.SweepID != 0 {
		of, ofArgs = " WHERE a.run IN (SELECT run FROM planned_runs WHERE sweep = ?)", []any{f.SweepID}
	}
	if f.Key != "" {
		of, ofArgs = " WHERE r.key = ?", []any{f.Key}
	}
	out, err := gather(ctx, l, func(r *Run) []any {
		return append([]any{&r.Result, &r.SweepID, &r.Sweep, &r.State, &r.Holder}, r.columns()...)
	}, `SELECT coalesce(r.result, r.attempts), s.id, s.name, `+stateColumn+`, coalesce(x.holder, ''), `+plannedColumns+planned, args...)
	if err != nil || len(out) == 0 {
		return nil, err
	}
	slices.SortFunc(out, func(a, b Run) int {
		return cmp.Or(cmp.Compare(b.SweepID, a.SweepID), cmp.Compare(a.Position, b.Position))
	})
	attempts, err := l.attempts(ctx, of, ofArgs...)
	if err != nil {
		return nil, err
	}
	byRun := make(map[Digest][]AttemptInfo, len(out))
	for len(attempts) > 0 {
		key, n := attempts[0].Run, 1
		for n < len(attempts) && attempts[n].Run == key {
			n++
		}
		byRun[key], attempts = attempts[:n:n], attempts[n:]
	}
	for i := range out {
		r := &out[i]
		r.Attempts = byRun[r.Key]
		if a := r.Origin(); a != nil {
			r.setResult(a)
		}
	}
	return out, nil
}

// plannedRuns returns what a query for the filter's runs goes on with after its columns:
// runs r, planned_runs p, sweeps s and leases x, and its first arguments. The filter's
// SweepID is filled in if it names a sweep. Without a limit the runs are in the order in
// which they are kept, oldest sweep first: SQLite would sort them with their columns.
func (l *Ledger) plannedRuns(ctx context.Context, f *RunFilter, more ...string) (query string, args []any, err error) {
	w := where{args: []any{l.now().UnixMilli()}}
	join := "p.sweep = r.sweep AND p.position = r.position"
	if f.SweepID == 0 && f.Sweep != "" {
		if _, err := none(l.read.QueryRowContext(ctx, "SELECT id FROM sweeps WHERE name = ? ORDER BY id DESC LIMIT 1", f.Sweep).Scan(&f.SweepID)); err != nil {
			return "", nil, l.explain(err)
		}
		if f.SweepID == 0 {
			return "", nil, fmt.Errorf("sweep %s: %w", f.Sweep, ErrNotFound)
		}
	}
	if f.SweepID != 0 {
		join = "p.sweep = " + strconv.FormatInt(f.SweepID, 10)
	}
	if f.Key != "" {
		w.add("r.key = ?", f.Key)
	}
	if f.Kind != "" {
		w.add("r.kind = ?", string(f.Kind))
	}
	if f.State != "" {
		w.add(stateColumn+" = ?", string(f.State))
	}
	query = `
		FROM runs r JOIN planned_runs p ON p.run = r.id AND ` + join + `
		JOIN sweeps s ON s.id = p.sweep
		LEFT JOIN leases x ON x.run = r.key AND x.until > ?1 ` + strings.Join(more, " ") + w.sql()
	if f.Limit > 0 {
		query += " ORDER BY p.sweep DESC, p.position LIMIT " + strconv.Itoa(f.Limit)
	} else {
		query += " ORDER BY p.sweep, p.position"
	}
	return query, w.args, nil
}

// stateColumn is a run's state; the statement's first parameter is the time in
// Unix milliseconds.
const stateColumn = `CASE WHEN r.outcome = 'finished' THEN 'done'
	WHEN EXISTS (SELECT 1 FROM leases l WHERE l.run = r.key AND l.until > ?1) THEN 'running'
	WHEN r.outcome = 'started' THEN 'resumable' ELSE r.outcome END`

func (r *Run) setResult(a *AttemptInfo) {
	r.ChosenEpoch, r.Adapter, r.Steps, r.Tokens, r.Seconds, r.Stopped = a.ChosenEpoch, a.Adapter, a.Step, a.Tokens, a.Seconds, a.Stopped
	r.Parameters, r.EightBit, r.Error, r.Hint = a.Parameters, a.EightBit, a.Error, a.Hint
	if a.AdapterPath != "" {
		r.AdapterPath = path.Join(a.Dir, a.AdapterPath)
	}
}

// attempts returns attempts by run and number.
func (l *Ledger) attempts(ctx context.Context, of string, args ...any) ([]AttemptInfo, error) {
	gits, machines := map[string]Git{}, map[string]map[string]string{}
	return gather(ctx, l, func(a *AttemptInfo) []any {
		return []any{
			&a.Run, &a.Number, &a.Kind, &a.Sweep, &a.Dir, &a.Worker,
			repeated[Git]{&a.Git, gits},
			repeated[map[string]string]{&a.Environment, machines},
			&a.Unauthenticated,
			instant{&a.Begun},
			&a.LastSeq, &a.LastDigest,
			instant{&a.Started},
			instant{&a.Ended},
			&a.Outcome,
			&a.Numerics,
			repeated[map[string]string]{&a.Device, machines},
			repeated[map[string]string]{&a.Engine, machines},
			&a.ResumedFrom, &a.ResumedStep, &a.PlannedSteps, &a.Parameters, &a.EightBit, &a.Step, &a.CheckpointStep, &a.CheckpointPath,
			&a.ChosenEpoch, &a.Adapter, &a.AdapterPath, &a.Tokens, &a.Seconds, &a.Stopped, &a.Error, &a.Hint, &a.Entry,
		}
	}, `SELECT r.key, a.number, a.kind, a.sweep, a.dir, a.worker, a.git, a.environment, a.unauthenticated, a.begun,
		a.last_seq, a.last_digest, a.started, a.ended, a.outcome, a.numerics, a.device, a.engine,
		a.resumed_from, a.resumed_step, a.planned_steps, a.parameters, a.eight_bit, a.step, a.checkpoint_step, a.checkpoint_path,
		a.chosen_epoch, a.adapter, a.adapter_path, a.tokens, a.seconds, a.stopped, a.error, a.hint, a.entry
		FROM attempts a JOIN runs r ON r.id = a.run`+of+` ORDER BY a.run, a.number`, args...)
}

// Attempts returns every attempt, by run.
func (l *Ledger) Attempts(ctx context.Context) ([]AttemptInfo, error) {
	return l.attempts(ctx, "")
}

// OpenAttempts returns attempts that did not end as far as the ledger knows, of
// one run or, if run is "", of all: those at unfinished runs, and the newest at a
// finished one, of which something may still be missing.
func (l *Ledger) OpenAttempts(ctx context.Context, run Digest) ([]AttemptInfo, error) {
	return l.attempts(ctx, ` WHERE a.outcome = 'started' AND (r.outcome <> 'finished' OR a.number = r.attempts) AND (r.key = ?1 OR ?1 = '')`, run)
}

// Run returns a run by its key or the start of one. The error wraps ErrNotFound
// or ErrTooShort, or is an *AmbiguousError that lists the keys it could be.
func (l *Ledger) Run(ctx context.Context, prefix string) (Run, error) {
	key, err := l.complete(ctx, "run", "SELECT key FROM runs WHERE key >= ? AND key < ? ORDER BY key", prefix)
	if err != nil {
		return Run{}, err
	}
	found, err := l.Runs(ctx, RunFilter{Key: key})
	if err != nil {
		return Run{}, err
	}
	if len(found) == 0 {
		return Run{}, fmt.Errorf("run %s: %w: no sweep here planned it", prefix, ErrNotFound)
	}
	return found[0], nil
}

// keysPerQuery keeps a statement's parameters well under SQLite's limit.
const keysPerQuery = 5000

// States returns where runs stand. Keys that the ledger doesn't know are missing.
func (l *Ledger) States(ctx context.Context, keys []Digest) (map[Digest]RunStatus, error) {
	out := make(map[Digest]RunStatus, len(keys))
	for len(keys) > 0 {
		n := min(len(keys), keysPerQuery)
		args := []any{l.now().UnixMilli()}
		for _, k := range keys[:n] {
			args = append(args, k)
		}
		keys = keys[n:]
		type row struct {
			key        Digest
			status     RunStatus
			checkpoint string
		}
		found, err := collect(ctx, l, func(rows *sql.Rows, v *row) error {
			return rows.Scan(&v.key, &v.status.State, &v.status.Holder, &v.status.Attempts, &v.status.CheckpointDir, &v.checkpoint, &v.status.CheckpointStep)
		}, `SELECT r.key, `+stateColumn+`, coalesce(x.holder, ''), r.attempts, coalesce(c.dir, ''), coalesce(c.checkpoint_path, ''), coalesce(c.checkpoint_step, 0)
			FROM runs r
			LEFT JOIN leases x ON x.run = r.key AND x.until > ?1
			LEFT JOIN attempts c ON c.run = r.id AND c.number = (SELECT max(number) FROM attempts m WHERE m.run = r.id AND m.checkpoint_path <> '')
			WHERE r.key IN (?`+strings.Repeat(", ?", n-1)+`)`, args...)
		if err != nil {
			return nil, err
		}
		for _, v := range found {
			if v.checkpoint != "" {
				v.status.Checkpoint = path.Join(v.status.CheckpointDir, v.checkpoint)
			}
			out[v.key] = v.status
		}
	}
	return out, nil
}
