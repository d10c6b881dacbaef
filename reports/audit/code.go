package audit

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"daybook/ledger"
)

func (b *builder) code() {
	b.begin("code", "The code that was around it")
	for _, a := range b.Trace.Attempts {
		prefix, key := b.attempt(a.Fact)
		g := a.Fact.Git
		b.recorded(a.Entry, key+"commit", prefix+"git", commitText(g))
		b.claimed(a.Entry, byGit, key+"remote", prefix+"remote", g.Remote)
		if g.Changes != nil {
			b.changes(a.Entry, key, prefix, g.Changes)
		}
		for i, s := range g.Submodules {
			text := s.Path + " at commit " + s.Commit
			if s.At != s.Commit {
				text += ", of which none was checked out"
				if s.At != "" {
					text = s.Path + " at commit " + s.At + ", where " + s.Commit + " belongs"
				}
			}
			b.recorded(a.Entry, fmt.Sprintf("%ssubmodule%d", key, i+1), prefix+"submodule", text)
		}
		for i, f := range g.LFS {
			b.digested(a.Entry, fmt.Sprintf("%slfs%d", key, i+1), prefix+"LFS pointer", fmt.Sprintf("%s, %d bytes", f.Path, f.Bytes), f.Digest)
		}
	}
}

func commitText(g ledger.Git) string {
	switch {
	case g.None:
		return "none: it was in no git repository"
	case g.Commit == "":
		return ""
	}
	text := "commit " + g.Commit
	if g.Branch != "" {
		text += " on " + g.Branch
	}
	if g.Dirty {
		return text + ", with files changed or untracked"
	}
	return text + ", clean"
}

// changes tells what is kept of what was not committed.
func (b *builder) changes(entry int64, key, prefix string, c *ledger.Changes) {
	if c.Patch != "" {
		b.digested(entry, key+"diff", prefix+"  diff of tracked files", "", c.Patch)
	}
	n := 0
	for _, f := range c.Files {
		if f.Copy != "" {
			n++
			b.digested(entry, fmt.Sprintf("%suntracked%d", key, n), prefix+"  untracked file", fmt.Sprintf("%d bytes", f.Bytes), f.Copy)
		}
	}
	lost := map[string]int{}
	for _, f := range c.Lost() {
		lost[f.Why]++
	}
	if c.More > 0 {
		lost["there were too many"] = c.More
	}
	var why []string
	for _, reason := range slices.Sorted(maps.Keys(lost)) {
		why = append(why, fmt.Sprintf("%d because %s", lost[reason], reason))
	}
	text := "all of it, of what a run could depend on"
	if len(why) > 0 {
		text = "not all of it: files can't be restored, " + strings.Join(why, ", ")
	}
	b.recorded(entry, key+"restorable", prefix+"  restorable", text)
}
