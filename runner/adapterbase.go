package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"daybook/engine/hub"
	"daybook/ledger"
	"daybook/sweeps"
)

// AdapterBase is the base that an adapter is used with, and how.
type AdapterBase struct {
	Dir      string
	Template string      // chat template that replaces the base's own; "" if none
	Spec     sweeps.Spec // of the run that made the adapter; of another the defaults, with Base as far as it is known
	Trained  Inputs      // digests that the base must have; empty where nobody recorded them
	Alone    bool        // it is used without an adapter, held as its files have it
}

// Base finds the base that goes with a: the one called named, a folder or a model of
// the Hub, or if that is "" where the run that made a found it. How it was quantized
// is recorded for adapters made here; of others Spec.Base.Quantization is "".
func (a *NamedAdapter) Base(ctx context.Context, root Root, models Hub, l *ledger.Ledger, named string) (b AdapterBase, err error) {
	b.Dir, b.Spec = named, sweeps.DefaultSpec()
	b.Spec.Base.Quantization, b.Spec.Base.DoubleQuant = "", false
	if a.About != nil {
		b.Trained = Inputs{Base: a.About.Base.Digest, Tokenizer: a.About.Base.Tokenizer, Template: a.About.Base.Template}
		Quantized(&b.Spec.Base, a.About.Base.Quantization)
		if repo := a.About.Base.Repository; repo != "" && b.Dir == "" {
			b.Dir = hub.Ref{Repo: repo, Revision: a.About.Base.Commit}.String()
		}
	}
	switch {
	case a.Origin != "" && b.Dir == "":
		err = a.baseHere(ctx, root, l, &b)
	case a.Version != nil && a.Origin == "":
		err = a.baseOfRun(ctx, root, l, &b, named)
	}
	if err == nil && b.Dir == "" {
		err = WithHint(fmt.Errorf("adapter %s: which base it belongs to is not recorded", a.Name), "name the base's folder with --base")
	}
	if err != nil {
		return b, err
	}
	if hub.IsName(b.Dir) {
		if b.Dir, err = root.FindBase(ctx, models, b.Dir); err != nil {
			return b, fmt.Errorf("base: %w", err)
		}
	}
	return b, nil
}

// baseOfRun is Base for an adapter that the ledger has.
func (a *NamedAdapter) baseOfRun(ctx context.Context, root Root, l *ledger.Ledger, b *AdapterBase, named string) error {
	if a.About == nil {
		return WithHint(fmt.Errorf("adapter %s: no %s in %s", a.Name, metadataFile, filepath.Base(a.Dir)), "run the sweep again: an adapter that is missing is published again")
	}
	run, err := l.Run(ctx, a.Version.Run)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(run.Spec, &b.Spec); err != nil {
		return fmt.Errorf("run %.12s: spec: %w", run.Key, err)
	}
	if n := len(run.Attempts); n > 0 && (named == "" || b.Spec.Base.ChatTemplate != "") {
		dir := run.Attempts[n-1].Dir
		job, err := ReadJob(root.Abs(dir))
		if err != nil {
			return WithHint(fmt.Errorf("adapter %s: cannot tell which base its run used: %s: %w", a.Name, dir, err), "name the base's folder with --base")
		}
		if named == "" {
			b.Dir = job.Base
			if !hub.IsName(b.Dir) {
				b.Dir = root.Abs(b.Dir)
			}
		}
		if job.Template != "" {
			b.Template = root.Abs(job.Template)
		}
	}
	return nil
}

// baseHere is Base for an adapter that was made on another machine: where that had its
// base says nothing here, but a run here may have used the same.
func (a *NamedAdapter) baseHere(ctx context.Context, root Root, l *ledger.Ledger, b *AdapterBase) error {
	if b.Trained.Base == "" {
		return nil
	}
	runs, err := l.Runs(ctx, ledger.RunFilter{Kind: ledger.Train})
	if err != nil {
		return err
	}
	for _, r := range runs {
		for _, attempt := range r.Attempts {
			job, err := ReadJob(root.Abs(attempt.Dir))
			if r.Base != b.Trained.Base || err != nil {
				continue
			}
			if b.Dir = job.Base; !hub.IsName(b.Dir) {
				b.Dir = root.Abs(b.Dir)
			}
			if job.Template != "" {
				b.Template = root.Abs(job.Template)
			}
			return nil
		}
	}
	return nil
}

// IsBase reports whether a path is the folder of a base, and not of an adapter.
func IsBase(path string) bool {
	if _, err := os.Stat(filepath.Join(path, adapterFiles[1])); err == nil {
		return false
	}
	_, err := os.Stat(filepath.Join(path, "config.json"))
	return err == nil
}
