package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"daybook/ledger"
	"daybook/runner"
	"daybook/runner/serve"
	"daybook/runner/talk"
)

// catalog finds adapters for a base that stays loaded: those of the ledger, as it is at
// the moment, and those that were named on the command line.
type catalog struct {
	root   runner.Root
	ledger *ledger.Ledger // nil where there is none
	named  []serve.Model  // --adapter
	host   *talk.Host
	began  time.Time
}

// name adds an adapter of the command line: a reference, or NAME=reference for a name of
// its own.
func (c *catalog) name(ctx context.Context, arg string) (*runner.NamedAdapter, error) {
	name, ref, own := strings.Cut(arg, "=")
	if !own {
		ref = arg
	}
	a, err := runner.FindAdapter(ctx, c.root, c.ledger, ref)
	if err != nil {
		return nil, err
	}
	if !own {
		name = a.Name
	}
	if name == "" || name == serve.BaseName || slices.ContainsFunc(c.named, func(m serve.Model) bool { return m.Name == name && m.Adapter.Digest != a.Digest }) {
		return nil, usageError{runner.WithHint(fmt.Errorf("--adapter %s: %q is no name for it", arg, name), "give each a name of its own, as in --adapter mine=folder")}
	}
	if own || a.Version == nil || a.Origin != "" {
		if err := c.shadows(ctx, arg, name, a); err != nil {
			return nil, err
		}
		c.named = append(c.named, serve.Model{Name: name, Created: c.began, Adapter: a})
	}
	return a, nil
}

// shadows returns an error if the ledger knows another adapter by the name of a: a
// client that asks for a version gets that version.
func (c *catalog) shadows(ctx context.Context, arg, name string, a *runner.NamedAdapter) error {
	if c.ledger == nil || !strings.Contains(name, "@") {
		return nil
	}
	v, err := c.ledger.Adapter(ctx, name)
	switch {
	case err == nil && v.Digest == a.Digest, errors.Is(err, ledger.ErrNotFound) && name == a.Name:
		return nil
	case errors.Is(err, ledger.ErrNotFound): // so far: a sweep may publish it
		return usageError{runner.WithHint(fmt.Errorf("--adapter %s: %q reads as a version in the ledger", arg, name), "give it a name without @, as in --adapter mine=folder")}
	case err != nil:
		return err
	}
	return usageError{runner.WithHint(fmt.Errorf("--adapter %s: %q is another adapter in the ledger", arg, name), "give it a name of its own, as in --adapter mine=folder")}
}

// List implements serve.Models.
func (c *catalog) List(ctx context.Context) ([]serve.Model, error) {
	list := append([]serve.Model{{Name: serve.BaseName, Created: c.began}}, c.named...)
	if c.ledger == nil {
		return list, nil
	}
	versions, err := c.ledger.Adapters(ctx, ledger.AdapterFilter{})
	if err != nil {
		return nil, err
	}
	aliases, err := c.ledger.Aliases(ctx, "")
	if err != nil {
		return nil, err
	}
	for _, v := range versions {
		a, err := c.version(v)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if err != nil || c.host.Check(a) != nil { // deleted, or another base's
			continue
		}
		list = append(list, serve.Model{Name: a.Name, Created: v.Time, Adapter: a})
		for _, alias := range aliases {
			if alias.Sweep == v.Sweep && alias.Version == v.Version {
				list = append(list, serve.Model{Name: alias.Sweep + "@" + alias.Alias, Of: a.Name, Created: alias.Time, Adapter: a})
			}
		}
	}
	return list, nil
}

// Find implements serve.Models. It takes names and digests, but no folders: who may ask
// may not look around.
func (c *catalog) Find(ctx context.Context, name string) (serve.Model, error) {
	if name == serve.BaseName {
		return serve.Model{Name: name, Created: c.began}, nil
	}
	for _, m := range c.named {
		if m.Name == name {
			return m, nil
		}
	}
	if c.ledger == nil || strings.ContainsAny(name, `/\`) {
		return serve.Model{}, fmt.Errorf("%s: %w", name, serve.ErrUnknown)
	}
	v, err := c.ledger.Adapter(ctx, name)
	if errors.Is(err, ledger.ErrNotFound) || errors.Is(err, ledger.ErrAmbiguous) {
		return serve.Model{}, fmt.Errorf("%s: %w", name, serve.ErrUnknown)
	}
	if err != nil {
		return serve.Model{}, err
	}
	a, err := c.version(v)
	if err != nil {
		return serve.Model{}, err
	}
	m := serve.Model{Name: a.Name, Created: v.Time, Adapter: a}
	if m.Name != name {
		m.Name, m.Of = name, a.Name
	}
	return m, nil
}

// version returns a published adapter with what is written beside it.
func (c *catalog) version(v ledger.Adapter) (*runner.NamedAdapter, error) {
	a := &runner.NamedAdapter{Name: v.Name(), Dir: c.root.Abs(v.Path), Digest: v.Digest, Version: &v}
	var err error
	if a.About, err = runner.ReadMetadata(a.Dir); err != nil {
		return nil, runner.WithHint(fmt.Errorf("adapter %s: %w", a.Name, err), "run the sweep again: an adapter that is missing is published again")
	}
	return a, nil
}
