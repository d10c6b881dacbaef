package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"daybook/engine/checkpoint"
	"daybook/ledger"
	"daybook/ledger/folder"
)

// adapterFiles are the files whose digest is an adapter's identity.
var adapterFiles = []string{"adapter_model.safetensors", "adapter_config.json"}

// complete publishes the adapter of every finished run of the plan that has no
// version under this sweep's name yet (a run may have been finished by another
// sweep, or just before a crash), and moves the best alias.
func (e *execution) complete(ctx context.Context) error {
	var all []published
	for _, item := range e.plan.Items {
		if item.Job.Kind != ledger.Train {
			continue
		}
		run, ok, err := e.finished(ctx, item)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		a, err := e.publish(ctx, item, run)
		if err != nil {
			return fmt.Errorf("publish %s: %w", item.Job.Key[:12], err)
		}
		all = append(all, published{item, a})
	}
	if err := e.placed(ctx); err != nil {
		return err
	}
	return e.markBest(ctx, all)
}

// placed tells the ledger which of the sweep's versions are in place that were not
// when it last heard of them.
func (e *execution) placed(ctx context.Context) error {
	unplaced, err := e.Ledger.Adapters(ctx, ledger.AdapterFilter{Sweep: e.plan.Sweep.Name, Unplaced: true})
	if err != nil {
		return err
	}
	return e.Ledger.Placed(ctx, slices.DeleteFunc(unplaced, func(a ledger.Adapter) bool {
		return !inPlace(e.plan.Root.Abs(a.Path), a.Bytes)
	}))
}

// publish copies a finished run's adapter to the next version's folder, which
// appears complete or not at all, after the ledger has it. If there is one already,
// that is it; if the ledger has it and its folder is gone, it is made again.
func (e *execution) publish(ctx context.Context, item *Item, run ledger.Run) (a ledger.Adapter, err error) {
	sweep := e.plan.Sweep.Name
	have, err := e.Ledger.Adapters(ctx, ledger.AdapterFilter{Sweep: sweep, Digest: run.Adapter})
	if err != nil {
		return a, err
	}
	for _, old := range have {
		if old.Run == run.Key && old.Epoch == run.ChosenEpoch && inPlace(e.plan.Root.Abs(old.Path), old.Bytes) {
			return old, nil
		}
	}
	source, err := e.adapterSource(ctx, run)
	if err != nil {
		return a, err
	}
	a = ledger.Adapter{Digest: run.Adapter, Run: run.Key, Epoch: run.ChosenEpoch, Sweep: sweep, Time: e.Now().UTC()}
	if a.Version, err = e.Ledger.ReserveVersion(ctx, a); err != nil {
		return a, err
	}
	a.Path = filepath.ToSlash(filepath.Join("adapters", sweep, versionFolder(a.Version)))
	final := e.plan.Root.Abs(a.Path)
	if err := os.MkdirAll(filepath.Dir(final), 0o755); err != nil {
		return a, WithHint(err, "adapters are written below the root; choose a writable one with --root")
	}
	if err := sweepUp(filepath.Dir(final)); err != nil {
		return a, err
	}
	temp, err := os.MkdirTemp(filepath.Dir(final), unfinished)
	if err != nil {
		return a, WithHint(err, "adapters are written below the root; choose a writable one with --root")
	}
	defer func() { _ = os.RemoveAll(temp) }() // gone already after the rename
	if err := os.Chmod(temp, 0o755); err != nil {
		return a, err
	}
	for _, name := range adapterFiles {
		n, err := copyFile(filepath.Join(temp, name), filepath.Join(source, name))
		if err != nil {
			return a, err
		}
		a.Bytes += n
	}
	if err := e.describeAdapter(ctx, temp, item, run, a); err != nil {
		return a, err
	}
	if err := e.record(ctx, temp, a); err != nil {
		return a, err
	}
	if err := folder.Sync(temp); err != nil {
		return a, err
	}
	switch err := settle(temp, final, a.Digest); {
	case errors.Is(err, fs.ErrExist), errors.Is(err, syscall.ENOTDIR):
		return a, WithHint(err, "move "+a.Path+" away: it is in the place of a new version")
	case err != nil:
		return a, err
	}
	for dir := final; ; dir = filepath.Dir(dir) {
		if err := folder.Sync(dir); err != nil {
			return a, err
		}
		if dir == e.plan.Root.Dir {
			break
		}
	}
	e.tell(func() { e.Progress.Published(item, a) })
	return a, nil
}

func versionFolder(version int) string { return fmt.Sprintf("v%04d", version) }

// inPlace reports whether dir has an adapter's files, of together the given
// size. It reads none of them: large ones would make every run wait.
func inPlace(dir string, bytes int64) bool {
	for _, name := range adapterFiles {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			return false
		}
		bytes -= info.Size()
	}
	return bytes == 0
}

// holds reports whether dir has an adapter complete: it was put there by another
// process, or by one that ended before it could record the fact.
func holds(dir string, adapter ledger.Digest) bool {
	d, err := checkpoint.AdapterDigest(dir)
	return err == nil && hexDigest(d) == adapter
}

// adapterSource finds a folder that still holds the run's adapter.
func (e *execution) adapterSource(ctx context.Context, run ledger.Run) (string, error) {
	dir, err := keptAdapter(ctx, e.plan.Root, e.Ledger, run)
	if err != nil {
		return "", WithHint(err, "train the run once more with --again")
	}
	return dir, nil
}

// keptAdapter finds a folder that still holds a run's adapter, byte for byte: the
// attempt's own, or a version published under any sweep.
func keptAdapter(ctx context.Context, root Root, l *ledger.Ledger, run ledger.Run) (string, error) {
	folders := []string{}
	if run.AdapterPath != "" {
		folders = append(folders, run.AdapterPath)
	}
	others, err := l.Adapters(ctx, ledger.AdapterFilter{Digest: run.Adapter})
	if err != nil {
		return "", err
	}
	for _, a := range others {
		folders = append(folders, a.Path)
	}
	for _, f := range folders {
		if dir := root.Abs(f); holds(dir, run.Adapter) {
			return dir, nil
		}
	}
	return "", fmt.Errorf("adapter %.12s is gone from %v", run.Adapter, folders)
}

// copyFile copies and syncs, and returns the size.
func copyFile(dst, src string) (n int64, err error) {
	in, err := os.Open(src)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := folder.Create(dst, 0o644)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, out.Cleanup()) }()
	if n, err = io.Copy(out, in); err != nil {
		return 0, err
	}
	return n, out.CloseAtomicallyReplace()
}
