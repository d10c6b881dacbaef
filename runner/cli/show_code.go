package cli

import (
	"cmp"
	"slices"
	"strings"

	"daybook/ledger"
)

func printGit(p *page, g ledger.Git) {
	if g.Commit == "" {
		why := ""
		if g.None {
			why = ": this was in no git repository"
		}
		p.line("commit", "none%s", why)
		return
	}
	state := "clean"
	if g.Dirty {
		changed := g.Files
		if g.Untracked > 0 {
			changed = append(slices.Clone(changed), count(g.Untracked, "untracked file"))
		}
		state = "changed: " + strings.Join(changed, ", ")
	}
	p.line("commit", "%s on %s, %s", short(g.Commit), orDash(g.Branch), state)
	if g.Remote != "" {
		p.line("remote", "%s", g.Remote)
	}
	if c := g.Changes; c != nil {
		printChanges(p, c)
	}
	for _, s := range g.Submodules {
		text := short(s.Commit)
		if s.At != s.Commit {
			text += ", checked out: " + cmp.Or(short(s.At), "none")
		}
		p.line("submodule", "%s at %s", s.Path, text)
	}
	for _, f := range g.LFS {
		p.line("LFS", "%s, %d bytes, %s", f.Path, f.Bytes, short(f.Digest))
	}
}

// printChanges tells what the ledger has of what was not committed.
func printChanges(p *page, c *ledger.Changes) {
	var tracked, untracked []string
	for _, f := range c.Files {
		switch {
		case !f.Kept || f.Deleted:
		case f.Tracked:
			tracked = append(tracked, f.Path)
		default:
			untracked = append(untracked, f.Path)
		}
	}
	if c.Patch != "" {
		p.line("diff", "%s, of %s", short(c.Patch), cmp.Or(strings.Join(tracked, ", "), "what can't be restored"))
	}
	if len(untracked) > 0 {
		p.line("untracked", "kept: %s", strings.Join(untracked, ", "))
	}
	for _, f := range c.Lost() {
		p.line("unrestorable", "%s: %s", cmp.Or(f.Path, "an untracked file"), f.Why)
	}
	if c.More > 0 {
		p.line("unrestorable", "%s more, beyond the first %d", count(c.More, "file"), len(c.Files))
	}
}

// printMachine prints the build and the machine of an attempt.
func printMachine(p *page, a *ledger.AttemptInfo) {
	if e := a.Engine; len(e) > 0 {
		p.line("engine", "daybook %s, %s, %s", e["daybook"], e["go"], e["platform"])
	}
	if cpu := a.Environment["cpu"]; cpu != "" {
		p.line("machine", "%s, %s processors", cpu, a.Environment["cpus"])
	}
}

// commitText names a commit, and whether files had changed since.
func commitText(g ledger.Git) string {
	switch {
	case g.Commit == "":
		return "none"
	case g.Dirty:
		return short(g.Commit) + " with changes"
	}
	return short(g.Commit)
}

func deviceText(d map[string]string) string {
	if name := d["gpu"]; name != "" {
		return name
	}
	return orDash(d["cpu"])
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}
