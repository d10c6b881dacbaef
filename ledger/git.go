package ledger

// Git is the state of the repository a sweep was run from.
type Git struct {
	Commit string   `json:"commit"`         // "" outside a repository, and before its first commit
	None   bool     `json:"none,omitempty"` // there is no repository; older builds didn't say
	Branch string   `json:"branch"`
	Dirty  bool     `json:"dirty"`
	Files  []string `json:"files"`  // tracked ones that are changed, relative to the repository, at most 100
	Remote string   `json:"remote"` // without credentials

	// Untracked is how many files are not tracked and not ignored. A name may tell whom a
	// file is about, so that only those are named, among Changes, that the sweep read or
	// that are sources. Older builds named all among Files, and counted none.
	Untracked int `json:"untracked,omitempty"`

	Changes    *Changes    `json:"changes,omitempty"` // nil if there are none, or an older build recorded it
	Submodules []Submodule `json:"submodules,omitempty"`
	LFS        []LFSFile   `json:"lfs,omitempty"` // of the files that were read, those that the commit has a pointer to
}

// Changes are what a work tree has beside its commit, as far as the runs of a sweep
// could depend on it: tracked files that differ, and of the others those below the
// sweep's folder and those that were read.
type Changes struct {
	// Patch is the unified diff against the commit of what is kept of tracked files, in
	// the store; "" if nothing is.
	Patch Digest        `json:"patch,omitempty"`
	Files []ChangedFile `json:"files"`
	More  int           `json:"more,omitempty"` // that are not listed
}

// ChangedFile is a file that is not as the commit has it.
type ChangedFile struct {
	// Path is relative to the repository; "" where names are left out, and for untracked
	// files that the sweep did not read and that are no sources.
	Path    string `json:"path,omitempty"`
	Tracked bool   `json:"tracked,omitempty"`
	Deleted bool   `json:"deleted,omitempty"`
	Bytes   int64  `json:"bytes,omitempty"`
	// Digest is of the file's bytes, "" if they were not read or hold a secret, which the
	// digest would confirm to who guesses it.
	Digest Digest `json:"digest,omitempty"`
	Copy   Digest `json:"copy,omitempty"` // of what the store has of an untracked file; of a tracked one it is in the patch
	Kept   bool   `json:"kept,omitempty"` // the patch or the store restores it
	Why    string `json:"why,omitempty"`  // why not
}

// Submodule is another repository in the work tree.
type Submodule struct {
	Path   string `json:"path"`
	Commit string `json:"commit"`       // that belongs to the state
	At     string `json:"at,omitempty"` // that is checked out; "" if none is
}

// LFSFile is a file of whose content git has a pointer alone.
type LFSFile struct {
	Path   string `json:"path"`
	Digest Digest `json:"digest"` // that the pointer has, of the content
	Bytes  int64  `json:"bytes"`
}

// Nameless returns the state without names of changed files, which are nobody's
// business where it leaves the building.
func (g Git) Nameless() Git {
	g.Files = nil
	if g.Changes != nil {
		c := *g.Changes
		c.Files = append([]ChangedFile{}, c.Files...)
		for i := range c.Files {
			c.Files[i].Path = ""
		}
		g.Changes = &c
	}
	return g
}

// Lost returns the files that neither patch nor store restores.
func (c *Changes) Lost() []ChangedFile {
	var out []ChangedFile
	if c != nil {
		for _, f := range c.Files {
			if !f.Kept {
				out = append(out, f)
			}
		}
	}
	return out
}

// Artifacts returns the digests of what the store has of the changes.
func (c *Changes) Artifacts() []Digest {
	var out []Digest
	if c == nil {
		return nil
	}
	if c.Patch != "" {
		out = append(out, c.Patch)
	}
	for _, f := range c.Files {
		if f.Copy != "" {
			out = append(out, f.Copy)
		}
	}
	return out
}
