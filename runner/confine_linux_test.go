package runner_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"daybook/runner"
)

// confined names the folder that TestConfined hides from itself.
const confined = "DAYBOOK_TEST_CONFINED"

// TestConfine has a process of its own try to read what is hidden from it, by its
// path and through a link, and what is beside that.
func TestConfine(t *testing.T) {
	if !runner.CanConfine() {
		t.Skip("this kernel has no Landlock")
	}
	dir := t.TempDir()
	hidden := filepath.Join(dir, "hidden", "deep")
	check(t, os.MkdirAll(hidden, 0o700))
	for _, path := range []string{filepath.Join(hidden, "secret"), filepath.Join(dir, "open"), filepath.Join(dir, "hidden", "beside")} {
		check(t, os.WriteFile(path, []byte("text"), 0o600))
	}
	check(t, os.Symlink(filepath.Join(hidden, "secret"), filepath.Join(dir, "link")))
	cmd := exec.Command(os.Args[0], "-test.run=^TestConfined$", "-test.v")
	cmd.Env = append(os.Environ(), confined+"="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "read 2, refused 2") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestConfined is the process.
func TestConfined(t *testing.T) {
	dir := os.Getenv(confined)
	if dir == "" {
		t.Skip("TestConfine runs it")
	}
	check(t, runner.Confine([]string{filepath.Join(dir, "hidden", "deep"), filepath.Join(dir, "none")}))
	read, refused := 0, 0
	for _, name := range []string{"open", "hidden/beside", "link", "hidden/deep/secret"} {
		if _, err := os.ReadFile(filepath.Join(dir, name)); os.IsPermission(err) {
			refused++
		} else {
			check(t, err)
			read++
		}
	}
	t.Logf("read %d, refused %d", read, refused)
}
