package attest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// pythonVariable names a Python that has the packages of testdata/peers.py.
const pythonVariable = "DAYBOOK_TEST_PYTHON"

// TestPeers has other people's readers accept what Daybook writes, and refuse it
// changed.
func TestPeers(t *testing.T) {
	python := os.Getenv(pythonVariable)
	if python == "" {
		t.Skipf("%s names no Python with the packages of testdata/peers.py", pythonVariable)
	}
	dir, _ := folder(t)
	bom, err := BOM(trace())
	check(t, err)
	check(t, os.WriteFile(filepath.Join(dir, BOMFile), bom, 0o600))
	out, err := exec.CommandContext(t.Context(), python, "testdata/peers.py", dir).CombinedOutput()
	const absent = 77 // by the script
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == absent {
		t.Skipf("%s: %s", python, out)
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
