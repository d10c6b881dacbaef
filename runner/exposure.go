package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"daybook/ledger"
	"daybook/ledger/evidence"
)

// Grades of what is said about a record and a run's set.
const (
	Proved   = "proved"   // against the set's commitment in the log
	Recorded = "recorded" // by the index, which 'daybook verify' compares with the log
	Unknown  = "unknown"
)

// Exposure is what the ledger says of one record.
type Exposure struct {
	Record  string              `json:"record"`          // what it calls itself
	Given   string              `json:"given,omitempty"` // where it was read: a file, or a line of one
	Trained []ExposedRun        `json:"trained"`         // runs that were trained on it
	Judged  []ExposedRun        `json:"judged"`          // runs that were judged on it: it chose epochs, or was scored
	Asked   []evidence.Identity `json:"asked"`           // that were known of the record, and looked for
	Limit   string              `json:"limit,omitempty"` // what this can't tell, because of how the record was given
	Near    []ExposedRun        `json:"near"`            // runs trained on something that differs in Unicode form, case or white space alone
	Absent  Absence             `json:"absent"`
}

// Absence counts the runs in whose committed training sets a record is not, by
// what that rests on.
type Absence struct {
	Proved    int `json:"proved"`
	Recorded  int `json:"recorded"`
	Unknown   int `json:"unknown"`   // nothing commits to their sets, or to those of an adapter that they go on from
	Forgotten int `json:"forgotten"` // a record was forgotten of their sets, maybe this one
}

// ExposedRun is a run and how a record is in one of its sets.
type ExposedRun struct {
	Run       ledger.Digest       `json:"run"`
	Sweep     string              `json:"sweep"`
	Axes      []ledger.Choice     `json:"axes"`
	State     ledger.State        `json:"state"`
	Split     string              `json:"split"`
	By        []evidence.Identity `json:"by"`
	Whole     bool                `json:"whole"`
	Truncated bool                `json:"truncated"` // cut to max_seq_len; with Whole, there are several
	Epochs    int                 `json:"epochs"`    // up to the chosen one, in each of which the adapter saw it; 0 if none is chosen
	Steps     int                 `json:"steps"`     // of the newest attempt
	Adapters  []string            `json:"adapters"`  // published
	Set       ledger.Digest       `json:"set"`
	Entry     int64               `json:"entry"` // that commits to the set, or says that there is one
	Grade     string              `json:"grade"`
	// Through is the adapter by which the run saw the record, if its own set doesn't
	// have it: one that it went on from, or that was merged into its base. What is said
	// of set and length is then of that adapter's run.
	Through ledger.Digest `json:"through,omitempty"`
}

// Exposures is what the ledger says of records.
type Exposures struct {
	Head    string     `json:"head"` // signed, of the log that lists all runs
	Runs    int        `json:"runs"` // that were begun to train
	Records []Exposure `json:"records"`
	Notes   []string   `json:"notes"`
}

// provedRecords bounds the members of sets, and the records of a dataset, whose trees
// are made again to answer a question that nobody wants a file of proofs for; about a
// second.
const provedRecords = 20_000

// Expose looks records up in the sets of all runs. Proofs are checked against the
// log for small sets or, if all is set, for every one, and returned. The error wraps
// ledger.ErrMismatch if the index is not what the log commits to.
func Expose(ctx context.Context, l *ledger.Ledger, key []byte, subjects []Subject, all bool) (*Exposures, *evidence.MembershipProofs, error) {
	x, err := newExposer(ctx, l)
	if err != nil {
		return nil, nil, err
	}
	proofs, err := x.prove(ctx, l, key, subjects, all)
	if err != nil {
		return nil, nil, err
	}
	out := &Exposures{Runs: len(x.runs), Records: []Exposure{}, Notes: []string{}}
	head, _, err := l.Head(ctx)
	if err != nil {
		return nil, nil, err
	}
	out.Head = string(head)
	for _, s := range subjects {
		found, err := l.Search(ctx, s.sought(key))
		if err != nil {
			return nil, nil, err
		}
		e := x.expose(s.Name, slices.Concat(found...))
		e.Given, e.Asked, e.Limit = s.Given, s.asked(), s.Limit
		out.Records = append(out.Records, e)
	}
	if slices.ContainsFunc(out.Records, func(e Exposure) bool { return !slices.Contains(e.Asked, evidence.ExampleIdentity) }) {
		out.Notes = append(out.Notes, "of some records no example was looked for, which is their tokens as a run trained on them: they say nothing in the keys that a run reads, or no tokenizer and chat template of a run are at hand")
	}
	if slices.ContainsFunc(x.runs, func(r ledger.Run) bool { return x.obscure(r.Key) }) {
		out.Notes = append(out.Notes, "a run goes on from an adapter that no run here made, itself or by its base: what that was trained on is unknown")
	}
	if len(x.sets) > len(x.proved) && !all {
		out.Notes = append(out.Notes, "large sets were looked up in the index alone, and older ones nothing commits to: --proof FILE proves what can be")
	}
	return out, proofs, nil
}

// exposer knows what all records are compared with.
type exposer struct {
	runs     []ledger.Run // begun to train
	sets     []ledger.SetEntry
	byDigest map[ledger.Digest][]ledger.SetEntry // training sets
	adapters map[ledger.Digest][]string          // by run
	proved   map[int64]bool                      // entries
	lineage  *lineage
}

func newExposer(ctx context.Context, l *ledger.Ledger) (*exposer, error) {
	x := &exposer{byDigest: map[ledger.Digest][]ledger.SetEntry{}, adapters: map[ledger.Digest][]string{}, proved: map[int64]bool{}}
	runs, err := l.Runs(ctx, ledger.RunFilter{Kind: ledger.Train})
	if err != nil {
		return nil, err
	}
	for _, r := range runs {
		if slices.ContainsFunc(r.Attempts, func(a ledger.AttemptInfo) bool { return a.Kind == ledger.Train }) {
			x.runs = append(x.runs, r)
		}
	}
	if x.sets, err = l.Sets(ctx); err != nil {
		return nil, err
	}
	for _, s := range x.sets {
		if s.Role == "train" {
			x.byDigest[s.Digest] = append(x.byDigest[s.Digest], s)
		}
	}
	published, err := l.Adapters(ctx, ledger.AdapterFilter{})
	for _, a := range published {
		x.adapters[a.Run] = append(x.adapters[a.Run], a.Name())
	}
	if err == nil {
		x.lineage, err = newLineage(ctx, l, x.runs, published)
	}
	return x, err
}

// prove compares sets with what the log commits to.
func (x *exposer) prove(ctx context.Context, l *ledger.Ledger, key []byte, subjects []Subject, all bool) (*evidence.MembershipProofs, error) {
	var entries []int64
	left := provedRecords
	for _, s := range x.sets {
		if s.Membership == 0 || !all && (s.Records > left || s.OutOf > provedRecords) {
			continue
		}
		left -= s.Records
		entries = append(entries, s.Membership)
	}
	var readings []map[evidence.Identity][32]byte
	for _, s := range subjects {
		readings = append(readings, s.Readings...)
	}
	proofs, err := l.ProveMembers(ctx, evidence.RootKey(key), readings, entries)
	if errors.Is(err, ledger.ErrMismatch) {
		err = WithHint(err, "'daybook verify' looks at everything")
	}
	for _, entry := range entries {
		x.proved[entry] = true
	}
	return proofs, err
}

func (x *exposer) expose(name string, found []ledger.Seen) Exposure {
	out := Exposure{Record: name, Trained: []ExposedRun{}, Judged: []ExposedRun{}, Near: []ExposedRun{}}
	bySet := map[string]ledger.Seen{}
	for _, s := range found {
		at := s.Role + s.Digest
		known, ok := bySet[at]
		by := slices.Concat(s.By, known.By) // by one reading or another
		if ok && rank(known.By[0]) <= rank(s.By[0]) {
			s = known
		}
		slices.SortFunc(by, func(a, b evidence.Identity) int { return rank(a) - rank(b) })
		s.By = slices.Compact(by)
		bySet[at] = s
	}
	var missing []ledger.Run
	for _, r := range x.runs {
		for _, in := range []struct {
			role string
			set  ledger.Digest
		}{{"train", r.TrainSet}, {"validation", r.ValidationSet}, {"test", r.TestSet}} {
			s, ok := bySet[in.role+in.set]
			near := ok && s.By[0] == evidence.NearIdentity
			switch {
			case ok && in.role == "train" && near:
				out.Near = append(out.Near, x.run(r, s))
			case ok && in.role == "train":
				out.Trained = append(out.Trained, x.run(r, s))
			case ok && !near:
				out.Judged = append(out.Judged, x.run(r, s))
			}
			if in.role == "train" && (!ok || near) {
				missing = append(missing, r)
			}
		}
	}
	missing = x.inherit(&out.Trained, missing)
	_ = x.inherit(&out.Near, slices.Clone(missing)) // near is no more than that: they are absent, too
	for _, r := range missing {
		x.absent(&out.Absent, r)
	}
	return out
}

func rank(identity evidence.Identity) int { return slices.Index(evidence.Identities(), identity) }

// absent counts a run in whose training set a record is not.
func (x *exposer) absent(a *Absence, r ledger.Run) {
	grade := Proved
	if x.obscure(r.Key) {
		a.Unknown++
		return
	}
	for _, s := range x.byDigest[r.TrainSet] {
		switch {
		case s.Membership == 0:
			a.Unknown++
			return
		case s.Committed < s.Records:
			a.Forgotten++
			return
		case !x.proved[s.Membership]:
			grade = Recorded
		}
	}
	switch {
	case len(x.byDigest[r.TrainSet]) == 0:
		a.Unknown++
	case grade == Proved:
		a.Proved++
	default:
		a.Recorded++
	}
}

func (x *exposer) run(r ledger.Run, s ledger.Seen) ExposedRun {
	out := ExposedRun{
		Run: r.Key, Sweep: r.Sweep, Axes: r.Axes, State: r.State, Split: s.Role, By: s.By, Whole: s.Whole, Truncated: s.Truncated,
		Epochs: r.ChosenEpoch, Steps: r.Steps, Adapters: append([]string{}, x.adapters[r.Key]...), Set: s.Digest, Entry: s.Membership, Grade: Recorded,
	}
	switch {
	case x.proved[s.Membership]:
		out.Grade = Proved
	case s.Membership == 0:
		out.Entry = s.Entry
	}
	return out
}

// By says by what alone the record was looked for, "" if by all that tells records apart.
func (e *Exposure) By() string {
	switch has := func(i evidence.Identity) bool { return slices.Contains(e.Asked, i) }; {
	case !has(evidence.ContentIdentity):
		return ", by its record ID alone"
	case !has(evidence.RecordIdentity):
		return ", by what it says as a whole"
	}
	return ""
}

// Verdict says of a record in a few words what it comes to. It speaks of committed
// sets alone: what the base was trained on, nobody here knows.
func (e *Exposure) Verdict(runs int) string {
	near := e.By()
	if n := len(e.Near); n > 0 {
		near += fmt.Sprintf(" as it stands; what is near it is in those of %d", n)
	}
	switch n := len(e.Trained); {
	case n > 0:
		return fmt.Sprintf("in the committed sets of %d of %d runs", n, runs)
	case e.Absent.Unknown+e.Absent.Forgotten > 0:
		return fmt.Sprintf("not in the committed sets; unknown of %d of %d runs", e.Absent.Unknown+e.Absent.Forgotten, runs) + near
	}
	return fmt.Sprintf("not in the committed sets of any of %d runs", runs) + near
}
