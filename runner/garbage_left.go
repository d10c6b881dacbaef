package runner

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
)

// leftovers are the names under which files and folders are written before they are
// whole, and where, relative to the root. A process that is killed leaves them; whoever
// does its work again uses another name, or the same one anew. What the store and the
// cache of bases have of that kind, their own checks find.
var leftovers = []struct {
	what, glob string
	name       *regexp.Regexp
}{
	{"half written specification", ".daybook/runs/*/*/.*", asCreated(regexp.QuoteMeta(JobFile))},
	{"half written checkpoint", ".daybook/runs/*/*/" + Checkpoints + "/.*", regexp.MustCompile(`^\.tmp-`)},
	{"half written predictions", ".daybook/predictions/.*", asCreated(`[0-9a-f]{64}\.jsonl`)},
	{"half written digest", ".daybook/cache/digests/.*", asCreated(`[0-9a-f]{32}`)},
	{"half written evaluation", ".daybook/cache/sweeps/.*", asCreated(`[0-9a-f]{64}`)},
	{"half written settings", ".daybook/.*", asCreated(`\.gitignore`)},
	{"trial of the disk", ".daybook/.*", regexp.MustCompile(`^\.doctor-[0-9]+$`)},
	{"half written key", ".daybook/keys/*", regexp.MustCompile(`^records-[0-9]+$`)},
	{"half merged ledger", ".daybook/origins/.*", regexp.MustCompile(`^` + regexp.QuoteMeta(unfinished) + `[0-9]+$`)},
	{"half written adapter", "adapters/*/.*", regexp.MustCompile(`^` + regexp.QuoteMeta(unfinished) + `[0-9]+$`)},
}

// asCreated matches what folder.Create calls a file with such a name until it is whole.
func asCreated(name string) *regexp.Regexp { return regexp.MustCompile(`^\.` + name + `[0-9]+$`) }

// left finds what processes were writing when they ended. That nobody writes it still
// is known from its age, and from no sweep running.
func (c *collection) left(context.Context) error {
	below := os.DirFS(c.root.Dir)
	for _, l := range leftovers {
		found, err := fs.Glob(below, l.glob)
		if err != nil {
			return err
		}
		for _, path := range slices.DeleteFunc(found, func(path string) bool { return !l.name.MatchString(filepath.Base(path)) }) {
			if err := c.add(c.root.Abs(path), l.what); err != nil {
				return err
			}
		}
	}
	return nil
}
