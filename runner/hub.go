package runner

import (
	"context"
	"errors"
	"fmt"

	"daybook/engine/hub"
	"daybook/sweeps"
)

// Hub makes a client of the model hub when a base is named by it, and not before:
// a mistake in its settings is nobody else's concern.
type Hub func() (*hub.Client, error)

var errNoHub = errors.New("bases of the Hub can't be fetched here")

// snapshot returns the model of the Hub called name.
func (h Hub) snapshot(ctx context.Context, name string) (hub.Snapshot, error) {
	ref, err := hub.Parse(name)
	if err != nil {
		return hub.Snapshot{}, err
	}
	if h == nil {
		return hub.Snapshot{}, fmt.Errorf("%s: %w", name, errNoHub)
	}
	c, err := h()
	if err != nil {
		return hub.Snapshot{}, err
	}
	return c.Model(ctx, ref)
}

// Find returns the model of the Hub called name: the name with its commit, and its folder.
func (h Hub) Find(ctx context.Context, name string) (pinned, dir string, err error) {
	s, err := h.snapshot(ctx, name)
	if err != nil {
		return "", "", err
	}
	return s.String(), s.Dir, nil
}

// FindBase returns the folder of a base as a job names it: a folder relative to the
// root, or a model of the Hub.
func (r Root) FindBase(ctx context.Context, h Hub, name string) (string, error) {
	if !hub.IsName(name) {
		return r.Abs(name), nil
	}
	s, err := h.snapshot(ctx, name)
	return s.Dir, err
}

// pin replaces a model of the Hub by the commit that it stands for, which is what
// the ledger and metadata then name.
func (p *planner) pin(ctx context.Context, b *sweeps.Base) error {
	if !hub.IsName(b.Model) {
		return nil
	}
	s, err := p.snapshots.get(b.Model, func() (hub.Snapshot, error) { return p.Hub.snapshot(ctx, b.Model) })
	if err != nil {
		return fmt.Errorf("base.model: %w", err)
	}
	b.Model = s.String()
	p.folders[b.Model] = s.Dir
	return nil
}

// folder is where a base lies.
func (p *planner) folder(model string) string {
	if dir, ok := p.folders[model]; ok {
		return dir
	}
	return p.resolve(model)
}

// reach is how a job names a base.
func (p *planner) reach(model string) string {
	if hub.IsName(model) {
		return model
	}
	return p.Root.Reach(p.resolve(model))
}

// repository returns the repository and the commit of a pinned model, "" of a folder.
func repository(model string) (repo, commit string) {
	if ref, err := hub.Parse(model); err == nil {
		return ref.Repo, ref.Revision
	}
	return "", ""
}
