package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"daybook/engine/hub"
	"daybook/ledger"
	"daybook/runner"
	"daybook/runner/talk"
	"daybook/sweeps"
)

// sessionFlags say what chat and serve talk with.
type sessionFlags struct {
	hostFlags
	sweepFlags sweepFlags
	adapters   []string
	context    int
}

func (f *sessionFlags) register(cmd *cobra.Command) {
	f.hostFlags.register(cmd, "the sweep's, else that of the adapters")
	f.sweepFlags.jsonnet(cmd)
	flags := cmd.Flags()
	flags.StringArrayVar(&f.adapters, "adapter", nil, "an `adapter`: name@version, digest or folder; NAME=folder names it (repeatable)")
	flags.IntVar(&f.context, "context", 8192, "`tokens` that a conversation may have with its answer, at most what the base has")
}

func (f *sessionFlags) check(args []string) error {
	if f.context < 2 {
		return usageError{runner.WithHint(fmt.Errorf("--context: %d", f.context), "it is a number of tokens")}
	}
	if len(args) > 0 && f.base != "" {
		return usageError{runner.WithHint(errors.New("--base: the sweep names a base, too"), "give one of the two")}
	}
	return f.hostFlags.check()
}

// session is a loaded base with the adapters that can answer with it.
type session struct {
	*catalog
	first []*runner.NamedAdapter // of --adapter, in order
}

// openSession loads the base that the flags or a sweep name, or that the adapters
// belong to.
func openSession(ctx context.Context, e *env, f sessionFlags, args []string, o talk.Options) (_ *session, err error) {
	dir := "."
	if len(args) > 0 {
		dir = filepath.Dir(args[0])
	}
	s := &session{catalog: &catalog{began: e.now()}}
	if s.root, s.ledger, err = e.openLedgerIfAny(ctx, dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	for _, arg := range f.adapters {
		a, err := s.name(ctx, arg)
		if err != nil {
			return nil, err
		}
		s.first = append(s.first, a)
	}
	b, err := s.base(ctx, e, f, args)
	if err != nil {
		return nil, err
	}
	o.Context = f.context
	s.host, err = loadHost(ctx, e, s.root, b, o, f.hostFlags, s.first...)
	return s, err
}

func (s *session) close() (err error) {
	if s.host != nil {
		err = s.host.Close()
	}
	if s.ledger != nil {
		err = errors.Join(err, s.ledger.Close())
	}
	return err
}

// base finds the base to load.
func (s *session) base(ctx context.Context, e *env, f sessionFlags, args []string) (runner.AdapterBase, error) {
	switch {
	case len(args) > 0:
		return s.baseOfSweep(ctx, e, f, args[0])
	case len(s.first) > 0:
		return s.first[0].Base(ctx, s.root, e.hub, s.ledger, f.base)
	case f.base != "":
		b := runner.AdapterBase{Dir: f.base}
		if hub.IsName(f.base) {
			var err error
			if b.Dir, err = s.root.FindBase(ctx, e.hub, f.base); err != nil {
				return b, fmt.Errorf("base: %w", err)
			}
		}
		return b, nil
	}
	return s.baseOfAll(ctx, e)
}

// baseOfSweep is the base of a sweep's runs.
func (s *session) baseOfSweep(ctx context.Context, e *env, f sessionFlags, path string) (b runner.AdapterBase, err error) {
	opts, err := f.sweepFlags.options(path)
	if err != nil {
		return b, err
	}
	sweep, err := sweeps.Load(ctx, opts)
	if err != nil {
		return b, err
	}
	b.Spec = sweep.Runs[0].Spec
	for _, r := range sweep.Runs {
		if r.Spec.Base != b.Spec.Base {
			return b, runner.WithHint(fmt.Errorf("%s: its runs have several bases", path), "name one with --base, or an adapter with --adapter")
		}
	}
	resolve := func(path string) string {
		if filepath.IsAbs(path) {
			return path
		}
		return filepath.Join(sweep.Dir, filepath.FromSlash(path))
	}
	if b.Spec.Base.ChatTemplate != "" {
		b.Template = resolve(b.Spec.Base.ChatTemplate)
	}
	if b.Dir = b.Spec.Base.Model; !hub.IsName(b.Dir) {
		b.Dir = resolve(b.Dir)
		return b, nil
	}
	if b.Dir, err = s.root.FindBase(ctx, e.hub, b.Dir); err != nil {
		err = fmt.Errorf("base.model: %w", err)
	}
	return b, err
}

// baseOfAll is the base of every adapter in the ledger, if they have one.
func (s *session) baseOfAll(ctx context.Context, e *env) (b runner.AdapterBase, err error) {
	const advice = "name a sweep, a --base or an --adapter"
	if s.ledger == nil {
		return b, usageError{runner.WithHint(fmt.Errorf("which base: there is no ledger in %s", s.root.Dir), advice)}
	}
	versions, err := s.ledger.Adapters(ctx, ledger.AdapterFilter{})
	if err != nil {
		return b, err
	}
	var newest *runner.NamedAdapter
	var held []string
	for _, v := range versions {
		a, err := s.version(v)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return b, err
		}
		of := a.About.Base
		if newest != nil && (of.Digest != newest.About.Base.Digest || of.Template != newest.About.Base.Template || of.Quantization != newest.About.Base.Quantization) {
			held = append(held, a.Name)
		}
		if newest == nil || v.Time.After(newest.Version.Time) {
			newest = a
		}
	}
	switch {
	case newest == nil:
		return b, usageError{runner.WithHint(errors.New("which base: the ledger has no adapters"), advice)}
	case len(held) > 0:
		return b, usageError{runner.WithHint(fmt.Errorf("which base: adapters have several, as those of %s", strings.Join([]string{held[0], newest.Name}, " and ")), advice)}
	}
	return newest.Base(ctx, s.root, e.hub, s.ledger, "")
}
