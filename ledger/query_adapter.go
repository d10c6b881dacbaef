package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// AdapterFilter selects published versions; its zero value selects all.
type AdapterFilter struct {
	Sweep   string // name
	Version int
	Run     Digest
	Digest  Digest
	Path    string
	// Unplaced selects those of which nobody has said that their folder is in place.
	Unplaced bool
}

// Adapters returns published versions by sweep and version.
func (l *Ledger) Adapters(ctx context.Context, f AdapterFilter) ([]Adapter, error) {
	var w where
	if f.Sweep != "" {
		w.add("sweep = ?", f.Sweep)
	}
	if f.Version != 0 {
		w.add("version = ?", f.Version)
	}
	if f.Run != "" {
		w.add("run = ?", f.Run)
	}
	if f.Digest != "" {
		w.add("digest = ?", f.Digest)
	}
	if f.Path != "" {
		w.add("path = ?", f.Path)
	}
	if f.Unplaced {
		w.add("(sweep, version) IN (SELECT sweep, version FROM reservations)")
	}
	return collect(ctx, l, func(row *sql.Rows, a *Adapter) error {
		return row.Scan(&a.Digest, &a.Run, &a.Epoch, &a.Sweep, &a.Version, &a.Path, &a.Bytes, instant{&a.Time}, column{&a.Files}, &a.Entry)
	}, "SELECT digest, run, epoch, sweep, version, path, bytes, time, files, entry FROM adapters"+w.sql()+" ORDER BY sweep, version", w.args...)
}

// Adapter returns the published version that a reference names: "clinical@v7",
// "clinical@best" by an alias, the adapter's digest or the start of it, or the
// folder, relative to the root. An adapter that several sweeps published is
// returned as its oldest version. The error wraps ErrNotFound or is an
// *AmbiguousError.
func (l *Ledger) Adapter(ctx context.Context, ref string) (Adapter, error) {
	f, err := l.adapterFilter(ctx, ref)
	if err != nil {
		return Adapter{}, err
	}
	found, err := l.Adapters(ctx, f)
	if err != nil {
		return Adapter{}, err
	}
	if len(found) == 0 {
		return Adapter{}, fmt.Errorf("adapter %s: %w", ref, ErrNotFound)
	}
	oldest := found[0]
	for _, a := range found {
		if a.Time.Before(oldest.Time) {
			oldest = a
		}
	}
	return oldest, nil
}

func (l *Ledger) adapterFilter(ctx context.Context, ref string) (AdapterFilter, error) {
	if isPrefix(ref) {
		digest, err := l.complete(ctx, "adapter", "SELECT DISTINCT digest FROM adapters WHERE digest >= ? AND digest < ? ORDER BY digest", ref)
		return AdapterFilter{Digest: digest}, err
	}
	if i := strings.LastIndexByte(ref, '@'); i > 0 && !strings.ContainsAny(ref[i:], "/\\") {
		sweep, name := ref[:i], ref[i+1:]
		if versionForm.MatchString(name) {
			version, err := strconv.Atoi(name[1:])
			if err != nil || version == 0 {
				return AdapterFilter{}, fmt.Errorf("adapter %s: %w", ref, ErrNotFound)
			}
			return AdapterFilter{Sweep: sweep, Version: version}, nil
		}
		var version int
		found, err := none(l.read.QueryRowContext(ctx, "SELECT version FROM aliases WHERE sweep = ? AND alias = ?", sweep, name).Scan(&version))
		if err != nil {
			return AdapterFilter{}, l.explain(err)
		}
		if !found {
			return AdapterFilter{}, fmt.Errorf("adapter %s: %w", ref, ErrNotFound)
		}
		return AdapterFilter{Sweep: sweep, Version: version}, nil
	}
	if ref == "" {
		return AdapterFilter{}, fmt.Errorf("adapter: %w: no name given", ErrNotFound)
	}
	return AdapterFilter{Path: path.Clean(filepath.ToSlash(ref))}, nil
}

// Aliases returns a sweep's aliases and where they point now, by name; those of
// all sweeps if sweep is "".
func (l *Ledger) Aliases(ctx context.Context, sweep string) ([]Alias, error) {
	return collect(ctx, l, func(row *sql.Rows, a *Alias) error {
		return row.Scan(&a.Sweep, &a.Alias, &a.Version, instant{&a.Time})
	}, "SELECT sweep, alias, version, time FROM aliases WHERE sweep = ?1 OR ?1 = '' ORDER BY sweep, alias", sweep)
}
