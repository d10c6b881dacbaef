package ledger

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Digest is a hex SHA-256.
type Digest = string

// Kind says what a run does.
type Kind string

// Kinds of run.
const (
	Train    Kind = "train"
	Evaluate Kind = "evaluate" // measures a baseline; an attempt at a training run: its finished adapter
)

// State is where a run stands.
type State string

// States of a run, in the words of every table, flag, view and JSON. How its
// attempts ended is another matter, with words of its own (AttemptInfo.Outcome).
const (
	New       State = "new"       // never started
	Running   State = "running"   // leased by a live process
	Resumable State = "resumable" // started, not ended, not leased
	Failed    State = "failed"
	Done      State = "done"
)

// States lists the states that there are.
func States() []State { return []State{New, Running, Resumable, Failed, Done} }

// Choice is one axis's choice in a run.
type Choice struct {
	Axis  string `json:"axis"`
	Label string `json:"label"`
}

// Label returns choices as "rank=4 data=clean", "" if there are none.
func Label(choices []Choice) string {
	parts := make([]string, len(choices))
	for i, c := range choices {
		parts[i] = c.Axis + "=" + c.Label
	}
	return strings.Join(parts, " ")
}

// Axis is a column of a sweep's table.
type Axis struct {
	Name string `json:"name"`
	Path string `json:"path,omitempty"` // place in the spec that its choices set, such as "train.lora.rank"; "" if unknown
}

// UnmarshalJSON also reads a name alone, which is what sweeps have that were
// recorded before paths were.
func (a *Axis) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, &a.Name) == nil {
		return nil
	}
	type plain Axis
	return json.Unmarshal(data, (*plain)(a))
}

// Seed reports whether the axis's choices are seeds, so that runs which differ
// on it alone are repetitions of one experiment. An axis that nobody gave a path
// is known by its name.
func (a Axis) Seed() bool {
	if a.Path == "" {
		return a.Name == seedPath
	}
	return strings.TrimSuffix(a.Path, "+") == seedPath
}

// seedPath is where a spec has its seed.
const seedPath = "seed"

// Sweep is the fact that a sweep was planned in order to be run.
type Sweep struct {
	ID          int64             `json:"id,omitempty"` // assigned by the ledger
	Name        string            `json:"name"`
	Path        string            `json:"path"` // relative to the root
	Digest      Digest            `json:"digest"`
	Sources     []Source          `json:"sources"`
	Args        json.RawMessage   `json:"args"`     // Jsonnet flags
	Axes        []Axis            `json:"axes"`     // in column order
	Data        Data              `json:"data"`     // of the first run
	Settings    json.RawMessage   `json:"settings"` // evaluation settings: metrics, generation, select
	Planned     []PlannedRun      `json:"planned"`  // baselines first, then training runs in sweep order
	Git         Git               `json:"git"`
	Environment map[string]string `json:"environment"`
	Time        time.Time         `json:"time"`
}

// SeedAxis returns the name of the sweep's seed axis, "" if it has none.
func (s *Sweep) SeedAxis() string {
	if i := slices.IndexFunc(s.Axes, Axis.Seed); i >= 0 {
		return s.Axes[i].Name
	}
	return ""
}

// Data is what a split made of the records.
type Data struct {
	Source     string `json:"source"` // relative to the root
	Digest     Digest `json:"digest"`
	Records    int    `json:"records"`
	Pool       int    `json:"pool"` // left for training
	Validation int    `json:"validation"`
	Test       int    `json:"test"`
	Withheld   int    `json:"withheld"`         // neither trained on nor judged: bound to a held-out record by content or group
	Duplicates int    `json:"duplicates"`       // records whose content an earlier one has; they stay on its side
	Leaked     int    `json:"leaked,omitempty"` // held-out records whose content is in training, as split 'huggingface' allows
	GroupBy    string `json:"group_by"`
	Groups     int    `json:"groups"` // sets of records that the split kept together

	Sources []DataSource `json:"sources,omitempty"` // the files, where there are several or something was declared of them
}

// DataSource is one file of records with what the sweep declares of it: for each
// license, basis of consent and origin how many records there are, "" for none.
type DataSource struct {
	Path    string         `json:"path"` // relative to the root
	Digest  Digest         `json:"digest"`
	Bytes   int64          `json:"bytes"`
	Records int            `json:"records"`
	License map[string]int `json:"license,omitempty"`
	Consent map[string]int `json:"consent,omitempty"`
	Origin  map[string]int `json:"origin,omitempty"`
}

// Source is a file that a sweep was made from; its bytes are in the store.
type Source struct {
	Path   string `json:"path"`
	Digest Digest `json:"digest"`
}

// PlannedRun is a run as one sweep asked for it. The same key may be planned by
// several sweeps.
type PlannedRun struct {
	Key           Digest          `json:"key"` // train key, or the baseline's key
	Kind          Kind            `json:"kind"`
	Name          string          `json:"name"` // baseline's name; "" for a training run
	Position      int             `json:"position"`
	Axes          []Choice        `json:"axes"`
	Spec          json.RawMessage `json:"spec"` // canonical JSON
	Base          Digest          `json:"base"`
	Numerics      string          `json:"numerics"`
	TrainSet      Digest          `json:"train_set"` // sets recorded with RecordSet; "" if none
	ValidationSet Digest          `json:"validation_set"`
	TestSet       Digest          `json:"test_set"`
	// Against is the key of the zero-shot baseline that a training run is
	// compared with; "" for a baseline.
	Against Digest `json:"against"`
	// Evaluation is the digest of the settings (generation) under which this
	// sweep judges the run; evaluations under other settings are not mixed in.
	Evaluation Digest `json:"evaluation"`
	Truncated  int    `json:"truncated"` // training examples that max_seq_len cut
}

// Dataset is a file of records as read.
type Dataset struct {
	Digest  Digest `json:"digest"` // of the file's bytes
	Path    string `json:"path"`   // relative to the root
	Bytes   int64  `json:"bytes"`
	Records int    `json:"records"`
	Root    Digest `json:"root"` // Merkle root over record IDs in file order
}

// Set is an ordered set of records that was trained on or judged with.
type Set struct {
	Digest  Digest `json:"digest"` // Merkle root over example IDs in order
	Dataset Digest `json:"dataset"`
	Role    string `json:"role"` // "train", "validation" or "test"
	// Encoding is the digest of what makes examples of the dataset's records: base,
	// template, settings. Sets of one dataset and encoding share their index.
	Encoding Digest   `json:"encoding"`
	Members  []Member `json:"members"`
	// RootKey is the key of the members' IDs (evidence.RootKey), to which the ledger
	// commits and which it doesn't keep.
	RootKey [32]byte `json:"-"`

	// Totals of a set that the ledger returns, which has no Members.
	Records   int `json:"records"`
	Tokens    int `json:"tokens"`
	Truncated int `json:"truncated"` // records
}

// Member is one record of a set. The IDs are keyed (HMAC) so that a guessable
// record is not confirmed by the ledger.
type Member struct {
	Position  int    `json:"position"` // in the dataset
	Record    string `json:"record"`
	Content   string `json:"content"`
	Example   string `json:"example"`
	Near      string `json:"near"`
	Tokens    int    `json:"tokens"`    // 0 in what the ledger returns
	Truncated int    `json:"truncated"` // tokens cut; 1 for any number in what the ledger returns
}

// Attempt is one execution of a run.
type Attempt struct {
	Run         Digest            `json:"run"`
	Number      int               `json:"number"` // from 1; assigned by the ledger
	Kind        Kind              `json:"kind"`
	Sweep       int64             `json:"sweep"` // ID of the sweep it was begun for; 0 if none
	Dir         string            `json:"dir"`   // relative to the root
	Worker      string            `json:"worker"`
	Git         Git               `json:"git"`
	Environment map[string]string `json:"environment"`
	// Unauthenticated says that the attempt's journal came from another machine, and
	// that no signed log has it from there: what it says is its own claim.
	Unauthenticated bool `json:"unauthenticated,omitempty"`

	// Place, if set, makes Dir from the number that the ledger assigns.
	Place func(number int) string `json:"-"`
}

// Adapter is a published version.
type Adapter struct {
	Digest  Digest    `json:"digest"` // identity: adapter_model.safetensors and adapter_config.json
	Run     Digest    `json:"run"`
	Epoch   int       `json:"epoch"`
	Sweep   string    `json:"sweep"` // name
	Version int       `json:"version"`
	Path    string    `json:"path"` // relative to the root
	Bytes   int64     `json:"bytes"`
	Time    time.Time `json:"time"`

	// Files are digests of what is beside the weights and makes no part of the
	// identity, by name; a copy of each is in the store.
	Files map[string]Digest `json:"files,omitempty"`

	Entry int64 `json:"-"` // in which the history says so; 0 if it doesn't yet
}

// Name is how people name the version: clinical@v7.
func (a Adapter) Name() string { return fmt.Sprintf("%s@v%d", a.Sweep, a.Version) }

// Alias points a name at a version; moving it is a new fact.
type Alias struct {
	Sweep   string    `json:"sweep"`
	Alias   string    `json:"alias"`
	Version int       `json:"version"`
	Time    time.Time `json:"time"`
}
