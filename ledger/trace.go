package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Cited is a fact with the number of the entry that says it.
type Cited[T any] struct {
	Entry int64 `json:"entry"`
	Fact  T     `json:"fact"`
}

// Trace is how an adapter came about, as far as the ledger knows: each fact with
// its entry. It is meant to leave the building with the adapter, so it lacks what
// the ledger has of processes, folders of attempts, names of changed files and
// values of arguments.
type Trace struct {
	Adapter  Cited[Adapter]         `json:"adapter"`
	Sweep    Cited[Sweep]           `json:"sweep"` // that published it, as planned last before that
	Run      PlannedRun             `json:"run"`   // in that sweep
	Base     *Cited[Base]           `json:"base"`  // nil in ledgers that didn't record it
	Datasets []Cited[Dataset]       `json:"datasets"`
	Sets     []Cited[TracedSet]     `json:"sets"`
	Attempts []Cited[TracedAttempt] `json:"attempts"` // in which it was trained, in order
	Others   int                    `json:"others"`   // attempts that had no part in it
	Epochs   []TracedEpoch          `json:"epochs"`
	// Measured are the evaluations by which the sweep judges the run and its
	// baselines, in the order of their entries; of one subject and set a later one
	// may have other metrics.
	Measured []Cited[Evaluation] `json:"measured"`
}

// TracedSet is a set of records without its members.
type TracedSet struct {
	Digest    Digest `json:"digest"`
	Dataset   Digest `json:"dataset"`
	Role      string `json:"role"`
	Records   int    `json:"records"`
	Tokens    int    `json:"tokens"`
	Truncated int    `json:"truncated"` // records
}

// TracedAttempt is an execution of a run, and what made it.
type TracedAttempt struct {
	Number      int               `json:"number"`
	FromStep    int               `json:"from_step"` // 0 unless it resumed
	ToStep      int               `json:"to_step"`   // last one reported
	Outcome     string            `json:"outcome"`
	Started     time.Time         `json:"started"`
	Ended       time.Time         `json:"ended"`
	Git         Git               `json:"git"`
	Engine      map[string]string `json:"engine"`
	Device      map[string]string `json:"device"`
	Environment map[string]string `json:"environment"`
	Numerics    string            `json:"numerics"`
	// Unauthenticated says that all of this, and what the attempt measured, is from a
	// journal that nobody signed.
	Unauthenticated bool `json:"unauthenticated,omitempty"`
}

// TracedEpoch is one epoch of the run that made the adapter.
type TracedEpoch struct {
	Epoch     int      `json:"epoch"`
	TrainLoss float64  `json:"train_loss"`
	Selected  *float64 `json:"selected"` // value of the selection metric
	Adapter   Digest   `json:"adapter"`
}

// Trace returns how a published version came about.
func (l *Ledger) Trace(ctx context.Context, a Adapter) (*Trace, error) {
	t, err := l.trace(ctx, a)
	if err != nil {
		return nil, fmt.Errorf("trace %s: %w", a.Name(), err)
	}
	return t, nil
}

func (l *Ledger) trace(ctx context.Context, a Adapter) (*Trace, error) {
	t := &Trace{Adapter: Cited[Adapter]{a.Entry, a}, Datasets: []Cited[Dataset]{}, Sets: []Cited[TracedSet]{}, Attempts: []Cited[TracedAttempt]{}, Epochs: []TracedEpoch{}, Measured: []Cited[Evaluation]{}}
	for _, step := range []func(context.Context, *Trace) error{l.traceSweep, l.traceBase, l.traceSets, l.traceRun, l.traceMeasured} {
		if err := step(ctx, t); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// before is the entry that ends a trace: that of the adapter, or if it is not
// published yet, the future.
func (t *Trace) before() int64 {
	if t.Adapter.Entry == 0 {
		return 1 << 62
	}
	return t.Adapter.Entry
}

// Declared reports whether what the sweep says of its data is about the data of
// this run: a sweep keeps that of its first.
func (t *Trace) Declared() bool {
	return len(t.Datasets) == 1 && t.Datasets[0].Fact.Digest == t.Sweep.Fact.Data.Digest
}

// Files returns the files of records, with what was declared of them if anything was.
func (t *Trace) Files() []DataSource {
	if t.Declared() && len(t.Sweep.Fact.Data.Sources) > 0 {
		return t.Sweep.Fact.Data.Sources
	}
	var out []DataSource
	for _, d := range t.Datasets {
		out = append(out, DataSource{Path: d.Fact.Path, Digest: d.Fact.Digest, Bytes: d.Fact.Bytes, Records: d.Fact.Records})
	}
	return out
}

// baseSpec is what a trace reads of a spec, which is another package's.
type baseSpec struct {
	Base struct {
		Model        string `json:"model"`
		ChatTemplate string `json:"chat_template"`
	} `json:"base"`
}

// Model returns what the spec calls the base.
func (t *Trace) Model() string {
	var spec baseSpec
	if json.Unmarshal(t.Run.Spec, &spec) != nil || spec.Base.Model == "" {
		return "base"
	}
	return spec.Base.Model
}

// Initial returns the adapter that the run went on from: its name in the sweep and
// its identity, both "" if it began with an adapter that does nothing.
func (t *Trace) Initial() (ref string, digest Digest) {
	var spec struct {
		Train struct {
			LoRA struct {
				Init struct {
					Ref    string `json:"ref"`
					Digest Digest `json:"digest"`
				} `json:"init"`
			} `json:"lora"`
		} `json:"train"`
	}
	if json.Unmarshal(t.Run.Spec, &spec) != nil {
		return "", ""
	}
	init := spec.Train.LoRA.Init
	return init.Ref, init.Digest
}

func (l *Ledger) traceSweep(ctx context.Context, t *Trace) error {
	var id int64
	a := t.Adapter.Fact
	found, err := none(l.read.QueryRowContext(ctx, `SELECT s.id, s.entry FROM sweeps s JOIN planned_runs p ON p.sweep = s.id JOIN runs r ON r.id = p.run
		WHERE s.name = ? AND r.key = ? AND s.entry < ? ORDER BY s.id DESC LIMIT 1`, a.Sweep, a.Run, t.before()).Scan(&id, &t.Sweep.Entry))
	if err != nil {
		return l.explain(err)
	}
	if !found {
		return fmt.Errorf("sweep %s with run %s: %w", a.Sweep, short(a.Run), ErrNotFound)
	}
	sweeps, err := l.Sweeps(ctx, SweepFilter{ID: id})
	if err != nil {
		return err
	}
	s := sweeps[0]
	s.Args, s.Git = nil, s.Git.Nameless()
	t.Sweep.Fact = s
	planned, err := collect(ctx, l, func(row *sql.Rows, p *PlannedRun) error { return row.Scan(p.columns()...) },
		"SELECT "+plannedColumns+" FROM planned_runs p JOIN runs r ON r.id = p.run WHERE p.sweep = ? AND r.key = ? ORDER BY p.position LIMIT 1", id, a.Run)
	if err != nil {
		return err
	}
	t.Run = planned[0]
	return nil
}

func (l *Ledger) traceBase(ctx context.Context, t *Trace) error {
	var spec baseSpec
	if err := json.Unmarshal(t.Run.Spec, &spec); err != nil {
		return fmt.Errorf("spec: %w", err)
	}
	found, err := l.bases(ctx, t.Run.Base, spec.Base.Model, spec.Base.ChatTemplate, t.before())
	if err != nil || len(found) == 0 {
		return err
	}
	t.Base = &found[0]
	return nil
}

func (l *Ledger) traceSets(ctx context.Context, t *Trace) error {
	seen := map[Digest]bool{}
	for _, of := range []struct {
		role   string
		digest Digest
	}{{"train", t.Run.TrainSet}, {"validation", t.Run.ValidationSet}, {"test", t.Run.TestSet}} {
		if of.digest == "" {
			continue
		}
		sets, err := collect(ctx, l, func(row *sql.Rows, v *Cited[TracedSet]) error {
			s := &v.Fact
			return row.Scan(&v.Entry, &s.Digest, &s.Dataset, &s.Role, &s.Records, &s.Tokens, &s.Truncated)
		}, "SELECT entry, digest, dataset, role, records, tokens, truncated FROM sets WHERE digest = ? AND role = ? AND entry < ? ORDER BY id DESC LIMIT 1",
			of.digest, of.role, t.before())
		if err != nil {
			return err
		}
		for _, s := range sets {
			t.Sets = append(t.Sets, s)
			if seen[s.Fact.Dataset] {
				continue
			}
			seen[s.Fact.Dataset] = true
			datasets, err := collect(ctx, l, func(row *sql.Rows, v *Cited[Dataset]) error {
				d := &v.Fact
				return row.Scan(&v.Entry, &d.Digest, &d.Path, &d.Bytes, &d.Records, &d.Root)
			}, "SELECT entry, digest, path, bytes, records, root FROM datasets WHERE digest = ?", s.Fact.Dataset)
			if err != nil {
				return err
			}
			t.Datasets = append(t.Datasets, datasets...)
		}
	}
	return nil
}

func (l *Ledger) traceRun(ctx context.Context, t *Trace) error {
	run, err := l.Run(ctx, t.Run.Key)
	if err != nil {
		return err
	}
	for _, a := range run.Lineage() {
		a.Git = a.Git.Nameless()
		t.Attempts = append(t.Attempts, Cited[TracedAttempt]{a.Entry, TracedAttempt{
			Number: a.Number, FromStep: a.ResumedStep, ToStep: a.Step, Outcome: a.Outcome, Started: a.Started, Ended: a.Ended,
			Git: a.Git, Engine: a.Engine, Device: a.Device, Environment: a.Environment, Numerics: a.Numerics, Unauthenticated: a.Unauthenticated,
		}})
	}
	t.Others = len(run.Attempts) - len(t.Attempts)
	epochs, err := l.Epochs(ctx, t.Run.Key)
	if err != nil {
		return err
	}
	for _, e := range epochs {
		t.Epochs = append(t.Epochs, TracedEpoch{e.Epoch.Epoch, e.TrainLoss, e.Selected, e.Adapter})
	}
	return nil
}

func (l *Ledger) traceMeasured(ctx context.Context, t *Trace) error {
	for _, run := range []Digest{t.Run.Against, t.Run.Key} {
		if run == "" {
			continue
		}
		found, err := l.Evaluations(ctx, EvaluationFilter{Run: run, Evaluation: t.Run.Evaluation})
		if err != nil {
			return err
		}
		for _, e := range found {
			if e.Entry < t.before() && (e.Set == t.Run.ValidationSet || e.Set == t.Run.TestSet) {
				t.Measured = append(t.Measured, Cited[Evaluation]{e.Entry, e})
			}
		}
	}
	slices.SortStableFunc(t.Measured, func(a, b Cited[Evaluation]) int { return int(a.Entry - b.Entry) })
	return nil
}
