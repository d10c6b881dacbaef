package runner

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"text/template"

	"daybook/ledger/folder"

	"daybook/engine/train"
	"daybook/ledger"
	"daybook/sweeps"
)

// better compares values of a selection metric.
func better(metric string, a, b float64) bool { return train.Better(metric, a, b) }

// Metadata is metadata.json in an adapter's folder: what made it, in one place,
// for people and tools that have no ledger. It holds no record text.
type Metadata struct {
	Adapter  ledger.Digest     `json:"adapter"` // identity: digest of the weights and adapter_config.json
	Name     string            `json:"name"`    // such as clinical@v3
	Run      ledger.Digest     `json:"run"`     // train key
	Epoch    int               `json:"epoch"`
	Sweep    string            `json:"sweep"`
	Axes     []ledger.Choice   `json:"axes"`
	Base     MetadataBase      `json:"base"`
	Data     MetadataData      `json:"data"`
	Train    sweeps.Train      `json:"train"`
	Seed     uint64            `json:"seed"`
	Metrics  MetadataMetrics   `json:"metrics"`
	Git      ledger.Git        `json:"git"`    // of the attempt that finished
	Engine   map[string]string `json:"engine"` // of the same
	Numerics string            `json:"numerics"`
	Attempts []MetadataAttempt `json:"attempts"` // in which it was trained, in order; the last finished
}

// MetadataAttempt is a part of the training: from a step, which is 0 unless it
// resumed from the attempt before, to where the next resumed.
type MetadataAttempt struct {
	Number   int               `json:"number"`
	FromStep int               `json:"from_step"`
	Git      ledger.Git        `json:"git"`
	Engine   map[string]string `json:"engine"`
}

// Commits returns the states of the code that the adapter was trained with, in
// order, each once.
func (m *Metadata) Commits() []ledger.Git {
	var commits []ledger.Git
	for _, a := range m.Attempts {
		if n := len(commits); n == 0 || commits[n-1].Commit != a.Git.Commit || commits[n-1].Dirty != a.Git.Dirty {
			commits = append(commits, a.Git)
		}
	}
	return commits
}

// MetadataBase identifies the frozen model.
type MetadataBase struct {
	Model        string        `json:"model"`
	Repository   string        `json:"repository,omitempty"` // of the Hub, such as org/name
	Commit       string        `json:"commit,omitempty"`     // of the repository
	Digest       ledger.Digest `json:"digest"`
	Tokenizer    ledger.Digest `json:"tokenizer"`
	Template     ledger.Digest `json:"template"`
	Quantization string        `json:"quantization"`
	License      string        `json:"license,omitempty"`
}

// MetadataData identifies what the adapter was trained and judged on.
type MetadataData struct {
	Source     string        `json:"source"`
	Digest     ledger.Digest `json:"digest"`
	Subset     sweeps.Subset `json:"subset"` // without the names of records, see conceal
	Train      MetadataSet   `json:"train"`
	Validation MetadataSet   `json:"validation"`
	Test       MetadataSet   `json:"test"`
	GroupBy    string        `json:"group_by,omitempty"`
	Truncated  int           `json:"truncated"`

	Sources []ledger.DataSource `json:"sources,omitempty"` // where there are several, or something was declared of them
}

// MetadataSet is an ordered set of records by its Merkle root.
type MetadataSet struct {
	Digest  ledger.Digest `json:"digest,omitempty"`
	Records int           `json:"records"`
}

// MetadataMetrics are the results; the baseline is the base without adapter.
type MetadataMetrics struct {
	Select   string                `json:"select"`
	Baseline map[string]Measured   `json:"baseline"` // by the metric's name
	Test     map[string]Measured   `json:"test"`
	Epochs   []map[string]Measured `json:"epochs"` // on validation
}

// metadataFile is its name.
const (
	metadataFile = "metadata.json"
	cardFile     = "README.md"
)

// ReadMetadata reads the metadata in an adapter's folder.
func ReadMetadata(dir string) (*Metadata, error) {
	data, err := os.ReadFile(filepath.Join(dir, metadataFile))
	if err != nil {
		return nil, err
	}
	var m Metadata
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, metadataFile), err)
	}
	for name, digest := range map[string]ledger.Digest{"adapter": m.Adapter, "run": m.Run, "base.digest": m.Base.Digest} {
		if !isDigest(digest) {
			return nil, fmt.Errorf("%s: %s: %q is not a digest", filepath.Join(dir, metadataFile), name, digest)
		}
	}
	return &m, nil
}

//go:embed card.md.tmpl
var cardText string

var card = template.Must(template.New("card").Funcs(template.FuncMap{
	"short": func(d string) string { return fmt.Sprintf("%.12s", d) },
	"value": func(in map[string]Measured, metric string) string {
		if m, ok := in[metric]; ok {
			return m.Text(metric, 4)
		}
		return "–"
	},
	"inc": func(i int) int { return i + 1 },
}).Parse(cardText))

// describeAdapter writes metadata.json and the model card.
func (e *execution) describeAdapter(ctx context.Context, dir string, item *Item, run ledger.Run, a ledger.Adapter) error {
	m, err := e.metadata(ctx, item, run, a)
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("%s: %w", metadataFile, err)
	}
	if err := folder.WriteFile(filepath.Join(dir, metadataFile), append(data, '\n'), 0o644); err != nil {
		return err
	}
	var text bytes.Buffer
	if err := card.Execute(&text, m); err != nil {
		return fmt.Errorf("model card: %w", err)
	}
	return folder.WriteFile(filepath.Join(dir, cardFile), text.Bytes(), 0o644)
}

func (e *execution) metadata(ctx context.Context, item *Item, run ledger.Run, a ledger.Adapter) (*Metadata, error) {
	job := &item.Job
	repo, commit := repository(job.Spec.Base.Model)
	m := &Metadata{
		Adapter: a.Digest, Name: a.Name(), Run: run.Key, Epoch: a.Epoch, Sweep: a.Sweep, Axes: item.Axes,
		Base: MetadataBase{
			Model: e.plan.Root.named(job.Spec.Base.Model), Repository: repo, Commit: commit, Digest: job.Inputs.Base, Tokenizer: job.Inputs.Tokenizer, Template: job.Inputs.Template,
			Quantization: quantization(job.Spec.Base), License: item.license,
		},
		Data: MetadataData{
			Source: e.plan.Root.files(item.data), Sources: e.plan.Root.sources(item.data), Digest: job.Inputs.Dataset, Subset: job.Spec.Data.Subset, GroupBy: job.Spec.Data.GroupBy,
			Train: MetadataSet{job.Inputs.Train, len(job.Train)}, Truncated: len(item.Truncated),
		},
		Train: e.plan.Root.asNamed(job.Spec).Train, Seed: job.Spec.Seed, Numerics: job.Inputs.Numerics,
	}
	if made := run.Origin(); made != nil { // not this command, which may only copy what an earlier one trained
		m.Git, m.Engine = made.Git, made.Engine
	}
	m.Git = m.Git.Nameless()
	for _, a := range run.Lineage() {
		a.Git = a.Git.Nameless()
		m.Attempts = append(m.Attempts, MetadataAttempt{a.Number, a.ResumedStep, a.Git, a.Engine})
	}
	for _, j := range job.Judged {
		set := MetadataSet{j.Set, len(j.Records)}
		if j.Split == "test" {
			m.Data.Test = set
		} else {
			m.Data.Validation = set
		}
	}
	m.Metrics.Select = job.Spec.Eval.Select
	var err error
	if m.Metrics.Baseline, err = e.metrics(ctx, item.against, item, "test", 0); err != nil {
		return nil, err
	}
	if m.Metrics.Test, err = e.metrics(ctx, run.Key, item, "test", a.Epoch); err != nil {
		return nil, err
	}
	epochs, err := e.Ledger.Epochs(ctx, run.Key)
	if err != nil {
		return nil, err
	}
	for _, ep := range epochs {
		values, err := e.metrics(ctx, run.Key, item, "validation", ep.Epoch.Epoch)
		if err != nil {
			return nil, err
		}
		m.Metrics.Epochs = append(m.Metrics.Epochs, values)
	}
	return m, nil
}

// metrics returns the aggregates of one evaluation on this job's records; empty
// if there is none.
func (e *execution) metrics(ctx context.Context, run ledger.Digest, item *Item, split string, epoch int) (map[string]Measured, error) {
	out := map[string]Measured{}
	for _, j := range item.Job.Judged {
		if j.Split != split {
			continue
		}
		found, err := e.Ledger.Evaluations(ctx, ledger.EvaluationFilter{Run: run, Split: split, Epoch: epoch, Set: j.Set, Evaluation: item.evaluation})
		if err != nil {
			return nil, err
		}
		for _, ev := range found {
			for _, v := range ev.Metrics {
				if v.By == "" {
					out[v.Metric] = MeasuredOf(v)
				}
			}
		}
	}
	return out, nil
}
