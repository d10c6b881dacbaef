package runner

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"daybook/engine/hub"
	"daybook/sweeps"
)

// places are where a spec's files may lie: in a checkout, if there is one, else in
// the root; relative to where the sweep's file was or, as the ledger has what a
// sweep named by its whole path, to the root.
type places struct {
	root, checkout string // folders; checkout is "" without one
	sweep          string // folder of the sweep's file, relative to either
}

const outside = "…/" // begins the name of what the ledger knows to lie outside of the root

// names returns the names that files of a spec may have, relative to the root.
func (p places) names(spec sweeps.Spec) (all []string) {
	named := []string{spec.Base.Model, spec.Base.ChatTemplate}
	for _, s := range spec.Data.Source {
		named = append(named, s.Path)
	}
	for _, name := range named {
		if name != "" && !filepath.IsAbs(name) && !hub.IsName(name) {
			all = append(all, path.Join(filepath.ToSlash(p.sweep), name), path.Clean(name))
		}
	}
	return all
}

// find returns the path of a file, folder or pattern, and whether it is in the
// checkout. The flag is one by which a user can tell where it lies.
func (p places) find(what, name, flag string) (at string, inCheckout bool, err error) {
	if filepath.IsAbs(name) {
		return name, false, nil
	}
	if strings.HasPrefix(name, outside) {
		return "", false, WithHint(fmt.Errorf("%s: %s is outside of the root, and the ledger keeps its name alone", what, strings.TrimPrefix(name, outside)),
			"say where it is with "+flag+"; its digest shows whether it is the one")
	}
	for _, top := range []string{p.checkout, p.root} {
		if top == "" {
			continue
		}
		for _, at := range []string{filepath.Join(top, p.sweep, filepath.FromSlash(name)), filepath.Join(top, filepath.FromSlash(name))} {
			_, err := os.Stat(at)
			if err != nil {
				found, bad := filepath.Glob(at)
				if bad != nil || len(found) == 0 {
					continue
				}
			}
			return at, top == p.checkout, nil
		}
	}
	return "", false, WithHint(fmt.Errorf("%s: there is no %s any more", what, name),
		"say where it is now with "+flag+", or take it from the run's commit with --checkout")
}
