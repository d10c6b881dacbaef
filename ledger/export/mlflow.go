package export

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"daybook/ledger"
	"daybook/ledger/evidence"
)

// writeMLflow writes the runs of the newest plan of each sweep as MLflow's
// store/tracking/file_store.py reads them.
func writeMLflow(ctx context.Context, l *ledger.Ledger, dir string) error {
	sweeps, err := l.Sweeps(ctx, ledger.SweepFilter{Newest: true})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, ".trash"), 0o755); err != nil {
		return err
	}
	for _, s := range sweeps {
		e := experiment{sweep: s, id: experimentID(s.Name), dir: dir}
		if err := e.write(ctx, l); err != nil {
			return fmt.Errorf("sweep %s: %w", s.Name, err)
		}
	}
	return nil
}

// experiment is a sweep in the store dir.
type experiment struct {
	sweep ledger.Sweep
	id    string
	dir   string
}

// experimentID is digits, as MLflow has them, from the sweep's name.
func experimentID(name string) string {
	sum := sha256.Sum256([]byte("experiment\x00" + name))
	return fmt.Sprintf("%018d", 1e17+binary.BigEndian.Uint64(sum[:])%uint64(9e17))
}

// runID is 32 hex digits. A run that two sweeps planned is in both experiments.
func runID(sweep string, key ledger.Digest) string {
	sum := sha256.Sum256([]byte("run\x00" + sweep + "\x00" + key))
	return hex.EncodeToString(sum[:16])
}

func (e *experiment) write(ctx context.Context, l *ledger.Ledger) error {
	runs, err := l.Runs(ctx, ledger.RunFilter{SweepID: e.sweep.ID})
	if err != nil {
		return err
	}
	planned := e.sweep.Time.UnixMilli()
	meta := []field{
		{"artifact_location", path.Join("mlruns", e.id)},
		{"creation_time", planned},
		{"experiment_id", e.id},
		{"last_update_time", planned},
		{"lifecycle_stage", "active"},
		{"name", e.sweep.Name},
	}
	if err := writeMeta(filepath.Join(e.dir, e.id), meta); err != nil {
		return err
	}
	for _, r := range runs {
		if r.Origin() == nil && len(r.Attempts) == 0 {
			continue
		}
		if err := e.run(ctx, l, r); err != nil {
			return fmt.Errorf("run %.12s: %w", r.Key, err)
		}
	}
	return nil
}

// status is a state in MLflow's numbers (protos/service.proto, RunStatus).
var status = map[ledger.State]int{ledger.Running: 1, ledger.New: 2, ledger.Resumable: 2, ledger.Done: 3, ledger.Failed: 4}

func (e *experiment) run(ctx context.Context, l *ledger.Ledger, r ledger.Run) error {
	made := r.Origin()
	if made == nil {
		made = &r.Attempts[len(r.Attempts)-1]
	}
	id := runID(e.sweep.Name, r.Key)
	dir := filepath.Join(e.dir, e.id, id)
	name := cmp.Or(ledger.Label(r.Axes), r.Name, r.Key[:12])
	var ended any
	if !made.Ended.IsZero() {
		ended = made.Ended.UnixMilli()
	}
	began := made.Started
	if began.IsZero() {
		began = made.Begun
	}
	meta := []field{
		{"artifact_uri", path.Join("mlruns", e.id, id, "artifacts")},
		{"end_time", ended},
		{"entry_point_name", ""},
		{"experiment_id", e.id},
		{"lifecycle_stage", "active"},
		{"run_id", id},
		{"run_name", name},
		{"run_uuid", id},
		{"source_name", ""},
		{"source_type", 4}, // local (protos/service.proto, SourceType)
		{"source_version", ""},
		{"start_time", began.UnixMilli()},
		{"status", status[r.State]},
		{"tags", []string{}},
		{"user_id", "daybook"},
	}
	if err := writeMeta(dir, meta); err != nil {
		return err
	}
	values := files{dir: dir, seen: map[string]bool{}}
	if err := e.describe(&values, r, made, name); err != nil {
		return err
	}
	if err := e.measured(ctx, l, &values, r); err != nil {
		return err
	}
	about, err := json.MarshalIndent(struct {
		Run     ledger.Digest   `json:"run"`
		Adapter ledger.Digest   `json:"adapter"`
		Path    string          `json:"adapter_path"` // relative to the ledger's root
		Spec    json.RawMessage `json:"spec"`
	}{r.Key, r.Adapter, r.AdapterPath, r.Spec}, "", "  ")
	if err != nil {
		return err
	}
	return values.put("artifacts", "spec.json", append(about, '\n'))
}

// describe writes the run's parameters, one for each leaf of its spec and each
// choice, and tags.
func (e *experiment) describe(f *files, r ledger.Run, made *ledger.AttemptInfo, name string) error {
	params := map[string]string{}
	var spec any
	d := json.NewDecoder(bytes.NewReader(r.Spec))
	d.UseNumber()
	if err := d.Decode(&spec); err != nil {
		return fmt.Errorf("spec: %w", err)
	}
	if err := flatten(params, "", spec); err != nil {
		return err
	}
	for _, c := range r.Axes {
		params["axis."+c.Axis] = c.Label
	}
	for _, name := range sorted(params) {
		if err := f.put("params", name, []byte(params[name])); err != nil {
			return err
		}
	}
	tags := map[string]string{
		"mlflow.runName": name, "mlflow.user": "daybook", "mlflow.source.type": "LOCAL", "mlflow.source.name": e.sweep.Path,
		"mlflow.source.git.commit": made.Git.Commit, "mlflow.source.git.branch": made.Git.Branch, "mlflow.source.git.repoURL": made.Git.Remote,
		"daybook.run": r.Key, "daybook.kind": string(r.Kind), "daybook.state": string(r.State), "daybook.adapter": r.Adapter, "daybook.base": r.Base,
		"daybook.numerics": r.Numerics, "daybook.train_set": r.TrainSet, "daybook.validation_set": r.ValidationSet, "daybook.test_set": r.TestSet,
		"daybook.error": r.Error,
	}
	for _, name := range sorted(tags) {
		if tags[name] == "" {
			continue
		}
		if err := f.put("tags", name, []byte(tags[name])); err != nil {
			return err
		}
	}
	return nil
}

// flatten puts the leaves of a JSON value under their places, lists as JSON.
func flatten(out map[string]string, place string, v any) error {
	object, ok := v.(map[string]any)
	if !ok {
		if text, ok := v.(string); ok && !strings.ContainsAny(text, "\r\n") { // a parameter is one line
			out[place] = text
			return nil
		}
		data, err := evidence.Canonical(v)
		out[place] = string(data)
		return err
	}
	for key, v := range object {
		if err := flatten(out, strings.TrimPrefix(place+"."+key, "."), v); err != nil {
			return err
		}
	}
	return nil
}

// measured writes the run's metrics.
func (e *experiment) measured(ctx context.Context, l *ledger.Ledger, f *files, r ledger.Run) error {
	series := map[string][]byte{}
	add := func(name string, at time.Time, step int, value float64) {
		series[name] = fmt.Appendf(series[name], "%d %s %d\n", at.UnixMilli(), strconv.FormatFloat(value, 'g', -1, 64), step)
	}
	steps, err := l.Steps(ctx, r.Key)
	if err != nil {
		return err
	}
	at := map[int]time.Time{} // a step's clock is its attempt's, and how long its steps took
	for _, a := range r.Attempts {
		at[a.Number] = a.Started
	}
	for _, s := range steps {
		now := at[s.Attempt].Add(time.Duration(s.Seconds * float64(time.Second)))
		at[s.Attempt] = now
		for name, v := range map[string]float64{"loss": s.Loss, "learning_rate": s.Rate, "grad_norm": s.GradNorm, "tokens": float64(s.Tokens)} {
			add("train/"+name, now, s.Step.Step, v)
		}
	}
	evaluations, err := l.Evaluations(ctx, ledger.EvaluationFilter{Run: r.Key, Evaluation: r.Evaluation})
	if err != nil {
		return err
	}
	for _, v := range evaluations {
		if v.Set != r.ValidationSet && v.Set != r.TestSet {
			continue
		}
		for _, m := range v.Metrics {
			if m.Value == nil {
				continue
			}
			name := v.Split + "/" + m.Metric
			if m.By != "" {
				name += "." + m.By + "." + m.Tag
			}
			add(name, v.Time, v.Epoch, *m.Value)
		}
	}
	for _, name := range sorted(series) {
		if err := f.put("metrics", name, series[name]); err != nil {
			return err
		}
	}
	return nil
}

// files are what a run has, one value each.
type files struct {
	dir  string
	seen map[string]bool
}

// refused are the characters that are in no name: those that MLflow refuses
// (utils/validation.py), and its separator of folders.
var refused = regexp.MustCompile(`[^\w.\- ]+`)

// longestName is below what file systems and MLflow (250) take, with room for a number.
const longestName = 200

// put writes a value under the name that MLflow has for it. Metrics are in folders
// by what comes before a first slash.
func (f *files) put(kind, name string, data []byte) error {
	dir := filepath.Join(f.dir, kind)
	if kind == "metrics" {
		split, rest, _ := strings.Cut(name, "/")
		dir, name = filepath.Join(dir, split), rest
	}
	name = strings.Trim(refused.ReplaceAllString(name, "_"), "_ ")
	name = name[:min(len(name), longestName)]
	if strings.Trim(name, ".") == "" {
		name = "_"
	}
	at := filepath.Join(dir, name)
	for n := 2; f.seen[strings.ToLower(at)]; n++ { // some file systems make no difference
		at = filepath.Join(dir, fmt.Sprintf("%s_%d", name, n))
	}
	f.seen[strings.ToLower(at)] = true
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(at, data, 0o644)
}
