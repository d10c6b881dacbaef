package cli_test

import (
	"path/filepath"
	"strings"
)

// callsVariable names, in the environment, the descriptor of a socket on which a
// daybook hands over the right to decide on its calls that change files.
const callsVariable = "DAYBOOK_TEST_CALLS"

// call is one system call with which a daybook is about to change a file.
type call struct {
	pid  int
	name string // "write", "sync", "truncate", "rename" or "mkdir"
	path string // of the file; of a rename, the new name
}

// phase says what a call is part of, "" if it is nothing that a test asks for.
func (c call) phase() string {
	switch base := filepath.Base(c.path); {
	case base == "journal.jsonl":
		return step
	case strings.Contains(c.path, "/checkpoints/"):
		return checkpointWrite
	case strings.HasPrefix(base, "ledger.db"):
		return commit
	case strings.Contains(c.path, "/keys/"):
		return headKept
	case strings.Contains(c.path, "/adapters/"):
		return adapterRename
	case strings.Contains(c.path, "/store/"):
		return storeWrite
	}
	return ""
}

// What a daybook does to files.
const (
	step            = "step"
	checkpointWrite = "checkpoint write"
	commit          = "ledger commit"
	headKept        = "head kept" // beside the key, after the commit
	adapterRename   = "adapter rename"
	storeWrite      = "store write"
)
