package runner

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"daybook/ledger"
)

// Origin is another machine's ledger as it was merged last: a root of its own, in the
// state folder of the one that it was merged into, with a copy of the ledger, its
// artifacts and its published adapters. Nothing is ever added to it but by merging.
type Origin struct {
	ledger.Origin
	Root   Root
	Ledger *ledger.Ledger // opened for queries
}

// Origins are the ledgers that were merged into a root, by name.
type Origins []*Origin

// origins is the folder of the ledgers that were merged.
func (r Root) origins() string { return filepath.Join(r.State(), "origins") }

// Origin is the root that a merged ledger is kept in.
func (r Root) Origin(name string) Root { return Root{Dir: filepath.Join(r.origins(), name)} }

// OriginRef returns the reference to what is in a folder of a merged ledger, such as
// laptop/adapters/clinical/v0007, or "" for any other folder.
func (r Root) OriginRef(dir string) string {
	rel, err := filepath.Rel(r.origins(), dir)
	if err != nil || !filepath.IsLocal(rel) || !strings.Contains(filepath.ToSlash(rel), "/") {
		return ""
	}
	return filepath.ToSlash(rel)
}

// IsOrigin reports whether the root is that of a ledger that was merged into another.
func (r Root) IsOrigin() bool {
	state := filepath.Dir(filepath.Dir(r.Dir))
	return filepath.Dir(r.Dir) == Root{Dir: filepath.Dir(state)}.origins()
}

// OpenOrigins opens the ledgers that were merged into a root whose ledger is l, nil if
// there is none. Those that can't be opened are left out, and missing says why. Close
// them after use.
func OpenOrigins(ctx context.Context, root Root, l *ledger.Ledger) (all Origins, missing []error, err error) {
	if l == nil {
		return nil, nil, nil
	}
	known, err := l.Origins(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, o := range known {
		at := root.Origin(o.Name)
		opened, err := ledger.OpenReadOnly(ctx, at.Ledger(), ledger.Options{})
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				err = errors.New("its copy is gone")
			}
			missing = append(missing, WithHint(fmt.Errorf("origin %s: %w", o.Name, err), "merge it again: 'daybook ledger merge OTHER' brings back what is missing"))
			continue
		}
		all = append(all, &Origin{Origin: o, Root: at, Ledger: opened})
	}
	return all, missing, nil
}

// Close closes the ledgers.
func (all Origins) Close() error {
	var errs []error
	for _, o := range all {
		errs = append(errs, o.Ledger.Close())
	}
	return errors.Join(errs...)
}

// Split returns the origin that a reference such as laptop/clinical@v7 names and what
// it names there, or nil if it names none.
func (all Origins) Split(ref string) (o *Origin, rest string) {
	name, rest, found := strings.Cut(ref, "/")
	if !found {
		return nil, ref
	}
	for _, o := range all {
		if o.Name == name {
			return o, rest
		}
	}
	return nil, ref
}

// Qualified is what something of the origin is called here.
func (o *Origin) Qualified(name string) string { return o.Name + "/" + name }

// originAdapter finds a version that was published elsewhere: by its name there after
// the origin's, or by its digest. It is nil if ref is neither.
func originAdapter(ctx context.Context, root Root, l *ledger.Ledger, ref string) (_ *NamedAdapter, err error) {
	all, missing, err := OpenOrigins(ctx, root, l)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, all.Close()) }()
	name, _, qualified := strings.Cut(ref, "/")
	if o, rest := all.Split(ref); o != nil {
		return o.adapter(ctx, rest)
	}
	for _, m := range missing {
		if qualified && strings.HasPrefix(m.Error(), "origin "+name+":") {
			return nil, m
		}
	}
	if qualified || strings.Contains(ref, "@") {
		return nil, nil
	}
	for _, o := range all {
		a, err := o.adapter(ctx, ref)
		if err == nil || !errors.Is(err, ledger.ErrNotFound) && !errors.Is(err, ledger.ErrTooShort) {
			return a, err
		}
	}
	return nil, nil
}

// adapter returns a version by its name in the origin's own ledger.
func (o *Origin) adapter(ctx context.Context, ref string) (*NamedAdapter, error) {
	version, err := o.Ledger.Adapter(ctx, ref)
	if err != nil {
		return nil, WithHint(fmt.Errorf("origin %s: %w", o.Name, err), "'daybook adapters' lists the versions")
	}
	return &NamedAdapter{Name: o.Qualified(version.Name()), Dir: o.Root.Abs(version.Path), Digest: version.Digest, Version: &version, Origin: o.Name}, nil
}
