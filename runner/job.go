package runner

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"daybook/ledger/folder"

	"daybook/ledger"
	"daybook/sweeps"
)

// Names of the files in an attempt's folder.
const (
	JobFile     = "spec.json"
	JournalFile = "journal.jsonl"
	Checkpoints = "checkpoints"
)

// Job is everything a worker needs to make one attempt at one run. It is the
// content of spec.json in the attempt's folder. Paths are relative to the root,
// so that a folder can be worked on by another machine that shares it; they
// lead out of it (Root.Reach) where a base or a dataset lies elsewhere.
type Job struct {
	Kind    ledger.Kind   `json:"kind"`
	Key     ledger.Digest `json:"key"`
	Attempt int           `json:"attempt"`
	Name    string        `json:"name"` // for people: the axes, or the baseline
	Spec    sweeps.Spec   `json:"spec"`

	Base     string     `json:"base"`     // folder, or a commit of the Hub
	Template string     `json:"template"` // chat template that replaces the base's own; "" if none
	Inputs   Inputs     `json:"inputs"`
	Dataset  string     `json:"dataset"`         // file, the first if there are several
	Files    []DataFile `json:"files,omitempty"` // all of them, where Dataset alone doesn't say it
	Train    []int      `json:"train"`           // record indexes, in dataset order
	Shots    []int      `json:"shots,omitempty"`
	Judged   []Judged   `json:"judged"`

	Initial  *JobAdapter `json:"initial,omitempty"`  // go on from this adapter
	Baseline string      `json:"baseline,omitempty"` // judge the base in this way
	Adapter  *JobAdapter `json:"adapter,omitempty"`  // judge this adapter: as a baseline, or one of a finished run
	Resume   *Resume     `json:"resume,omitempty"`
	Threads  int         `json:"threads"`
	Device   string      `json:"device"`
	Memory   int64       `json:"memory,omitempty"` // bytes that the process may take of a GPU; 0: all that is free
}

// JobAdapter is a finished adapter.
type JobAdapter struct {
	Path   string        `json:"path"` // folder
	Digest ledger.Digest `json:"digest"`
	Epoch  int           `json:"epoch"` // of the run that made it; 0 if that doesn't matter
}

// Inputs are the digests of what a job reads. A worker refuses to work on
// anything else.
type Inputs struct {
	Base      ledger.Digest `json:"base"`
	Tokenizer ledger.Digest `json:"tokenizer"`
	Template  ledger.Digest `json:"template"`
	Dataset   ledger.Digest `json:"dataset"`
	Train     ledger.Digest `json:"train"` // root over example IDs, in order
	Numerics  string        `json:"numerics"`
}

// Changed explains that a job's inputs are not what was planned.
func Changed(planned, found Inputs) error {
	return WithHint(fmt.Errorf("inputs changed since the run was planned: %s", strings.Join(planned.differences(found), ", ")), "run the sweep again: it plans again with what is there now")
}

// Foreign explains that an adapter was trained on something else than this base,
// or returns nil. Only base weights, tokenizer and template are compared.
func Foreign(trained, found Inputs) error {
	found.Dataset, found.Train, found.Numerics = trained.Dataset, trained.Train, trained.Numerics
	what := trained.differences(found)
	if len(what) == 0 {
		return nil
	}
	return WithHint(fmt.Errorf("the adapter was trained on something else: %s", strings.Join(what, ", ")), "restore what it was trained on, or name its folder with --base")
}

// differences says what is not the same.
func (in Inputs) differences(found Inputs) (what []string) {
	for _, c := range []struct{ name, before, found string }{
		{"base weights", in.Base, found.Base},
		{"tokenizer", in.Tokenizer, found.Tokenizer},
		{"chat template", in.Template, found.Template},
		{"dataset", in.Dataset, found.Dataset},
		{"training examples", in.Train, found.Train},
		{"numerics class", in.Numerics, found.Numerics},
	} {
		if c.before != c.found {
			what = append(what, fmt.Sprintf("%s (%.12s, now %.12s)", c.name, c.before, c.found))
		}
	}
	return what
}

// Judged is a set of records that a job is evaluated on.
type Judged struct {
	Split   string        `json:"split"` // "validation" or "test"
	Set     ledger.Digest `json:"set"`   // root over example IDs, in order
	Records []int         `json:"records"`
	IDs     []string      `json:"ids"` // keyed record IDs, for the journal
}

// Resume says where an earlier attempt left off.
type Resume struct {
	Checkpoint string `json:"checkpoint"` // folder
	Step       int    `json:"step"`
	Attempt    string `json:"attempt"` // folder of the earlier attempt, whose journal tells the losses of steps that are now repeated
}

// Write puts the job into its attempt's folder, which it creates.
func (j *Job) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("attempt: %w", err)
	}
	data, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		return fmt.Errorf("attempt: %w", err)
	}
	if err := folder.WriteFile(filepath.Join(dir, JobFile), append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("attempt: %w", err)
	}
	return nil
}

// pathless takes the path out of an error of the file system, for messages that
// name the file in their own way.
func pathless(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}

// ReadJob reads the job in an attempt's folder, which the error doesn't name and
// which may come from another machine. What it returns is whole; whether the
// records that it names exist, Fits can tell once the dataset is there.
func ReadJob(dir string) (*Job, error) {
	data, err := os.ReadFile(filepath.Join(dir, JobFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("attempt: no %s", JobFile)
	}
	if err != nil {
		return nil, fmt.Errorf("attempt: %s: %w", JobFile, pathless(err))
	}
	var j Job
	if err := json.Unmarshal(data, &j); err != nil {
		return nil, fmt.Errorf("attempt: %s: %w", JobFile, err)
	}
	if err := j.check(); err != nil {
		return nil, WithHint(fmt.Errorf("attempt: %s: %w", JobFile, err), "delete the attempt's folder and run the sweep again")
	}
	return &j, nil
}

// check finds what is missing from a job, as from a file that was cut or edited.
func (j *Job) check() error {
	switch {
	case j.Kind != ledger.Train && j.Kind != ledger.Evaluate:
		return fmt.Errorf("kind: %q is neither %s nor %s", j.Kind, ledger.Train, ledger.Evaluate)
	case !isDigest(j.Key):
		return fmt.Errorf("key: %q is not a digest", j.Key)
	case j.Attempt < 1:
		return fmt.Errorf("attempt: %d is not positive", j.Attempt)
	case j.Kind == ledger.Evaluate && j.Baseline == "" && j.Adapter == nil:
		return errors.New("baseline, adapter: one of them is to be judged")
	}
	for i, s := range j.Judged {
		if len(s.IDs) != len(s.Records) {
			return fmt.Errorf("judged[%d]: %d ids of %d records", i, len(s.IDs), len(s.Records))
		}
	}
	return nil
}

// Fits returns an error if the job names a record that a dataset of so many
// doesn't have.
func (j *Job) Fits(records int) error {
	lists := map[string][]int{"train": j.Train, "shots": j.Shots}
	for _, s := range j.Judged {
		lists["judged on "+s.Split] = s.Records
	}
	for name, list := range lists {
		for _, i := range list {
			if i < 0 || i >= records {
				return fmt.Errorf("attempt: %s: %s: there is no record %d among %d", JobFile, name, i, records)
			}
		}
	}
	return nil
}

// isDigest reports whether s is a SHA-256 in hex.
func isDigest(s ledger.Digest) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == sha256.Size
}
