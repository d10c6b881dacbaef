package cli_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"daybook/ledger"
	"daybook/runner"
	"daybook/runner/runnertest"
)

// sandbox is where a test runs daybook on a base, notes and a sweep of its own.
type sandbox struct {
	testing.TB
	dir, program string
}

const sandboxSweep = `local d = import 'daybook.libsonnet';
d.sweep('tiny', (import 'tiny.libsonnet') + { train+: { epochs: 2 } }, d.rank([4]))
`

func newSandbox(tb testing.TB) *sandbox {
	tb.Helper()
	program, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	s := &sandbox{tb, tb.TempDir(), program}
	if err := runnertest.Write(s.dir); err != nil {
		tb.Fatal(err)
	}
	s.write("sweep.jsonnet", sandboxSweep)
	return s
}

func (s *sandbox) write(name, text string) {
	s.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
}

func (s *sandbox) path(parts ...string) string {
	return filepath.Join(append([]string{s.dir}, parts...)...)
}

// daybook returns a command on a root below the sandbox, with keys of its own.
func (s *sandbox) daybook(root string, args ...string) *exec.Cmd {
	s.Helper()
	for _, dir := range []string{s.path(root), s.path("tmp")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			s.Fatal(err)
		}
	}
	cmd := exec.CommandContext(s.Context(), s.program, append(args, "--root", root)...)
	cmd.Args[0], cmd.Dir = "daybook", s.dir
	cmd.Env = append(os.Environ(), configHome+"="+s.path("config", root), "TMPDIR="+s.path("tmp"))
	return cmd
}

// want runs a daybook that is to end with an exit code.
func (s *sandbox) want(code int, root string, args ...string) {
	s.Helper()
	cmd := s.daybook(root, args...)
	out, err := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != code {
		s.Fatalf("daybook %s: exit code %d, want %d (%v)\n%s", strings.Join(args, " "), got, code, err, out)
	}
}

// published returns the files of weights of a root's adapters, by their folders.
func (s *sandbox) published(root string) map[string][]byte {
	s.Helper()
	folders, err := filepath.Glob(s.path(root, "adapters", "*", "v*"))
	if err != nil {
		s.Fatal(err)
	}
	out := map[string][]byte{}
	for _, dir := range folders {
		for _, name := range []string{"adapter_model.safetensors", "adapter_config.json"} {
			path := filepath.Join(dir, name)
			data, err := os.ReadFile(path)
			if err != nil {
				s.Fatal(err) // a folder is complete or absent
			}
			out[strings.TrimPrefix(path, s.path(root))] = data
		}
	}
	return out
}

// remove removes a root, its keys and temporary files.
func (s *sandbox) remove(root string) {
	s.Helper()
	for _, dir := range []string{s.path(root), s.path("config", root), s.path("tmp")} {
		if err := os.RemoveAll(dir); err != nil {
			s.Fatal(err)
		}
	}
}

func sameFiles(a, b map[string][]byte) bool {
	for path, data := range a {
		if !bytes.Equal(data, b[path]) {
			return false
		}
	}
	return len(a) == len(b) && len(a) > 0
}

// journaled returns the bytes of a root's journals, by their paths.
func (s *sandbox) journaled(root string) map[string][]byte {
	s.Helper()
	paths, err := filepath.Glob(s.path(root, ".daybook", "runs", "*", "*", "journal.jsonl"))
	if err != nil {
		s.Fatal(err)
	}
	out := map[string][]byte{}
	for _, path := range paths {
		if out[path], err = os.ReadFile(path); err != nil {
			s.Fatal(err)
		}
	}
	return out
}

// opened opens a root's ledger for queries.
func (s *sandbox) opened(ctx context.Context, root string) *ledger.Ledger {
	s.Helper()
	l, err := ledger.OpenReadOnly(ctx, s.path(root, ".daybook", "ledger.db"), ledger.Options{})
	if err != nil {
		s.Fatal(err)
	}
	return l
}

// point is the nth call of a phase.
type point struct {
	phase string
	call  string // only calls of this name; "" for all
	n     int
}

func (p point) is(c call) bool {
	return c.phase() == p.phase && (p.call == "" || p.call == c.name)
}

func (p point) String() string { return fmt.Sprintf("%s, %s %d", p.phase, cmp.Or(p.call, "call"), p.n) }

// finishes checks what was left and that the sweep goes on from it.
func (s *sandbox) finishes(root string, p point, want map[string][]byte) {
	s.Helper()
	ctx := s.Context()
	// Text and keys that a process was writing when it ended lie beside where they belong.
	left, err := filepath.Glob(s.path("tmp", ".*"))
	if err != nil || slices.ContainsFunc(left, func(path string) bool {
		return strings.Contains(path, ".jsonl") || strings.Contains(path, ".key") || strings.Contains(path, "/.head")
	}) {
		s.Errorf("%v: the folder of temporary files has %v (%v)", p, left, err)
	}
	journals := s.journaled(root)
	before := s.published(root)
	head := s.path("tmp", "head")
	verify := []string{"verify"}
	if _, err := os.Stat(s.path(root, ".daybook", "ledger.db")); err == nil {
		s.logVerifies(root, p)
		l := s.opened(ctx, root)
		note, _, err := l.Head(ctx)
		if err != nil {
			s.Fatalf("%v: %v", p, err)
		}
		if err := l.Close(); err != nil {
			s.Fatal(err)
		}
		if note != nil {
			s.write("tmp/head", string(note))
			verify = append(verify, "--anchor", head)
		}
	}
	s.want(0, root, "run", "sweep.jsonnet")
	s.want(0, root, verify...)
	if got := s.published(root); !sameFiles(got, want) {
		s.Errorf("%v: other adapters than undisturbed", p)
	}
	for path, data := range before {
		if !bytes.Equal(data, want[path]) {
			s.Errorf("%v: %s was there already, and is no adapter of the sweep", p, path)
		}
	}
	s.ingested(ctx, root, p, journals)
}

// logVerifies checks that the log is sound, and goes on from the head that is kept
// beside the key: every commit that has returned is in it. A version whose entry is
// there may lack its folder, which verify says, and that the next run puts it in place.
func (s *sandbox) logVerifies(root string, p point) {
	s.Helper()
	cmd := s.daybook(root, "verify", "--json")
	out, err := cmd.Output()
	var found struct {
		Log   *ledger.Verification  `json:"log"`
		Files *runner.FilesVerified `json:"files"`
	}
	if err := json.Unmarshal(out, &found); err != nil {
		s.Fatalf("%v: verify: %v", p, err)
	}
	if problems := slices.Concat(found.Log.Problems, found.Files.Problems); len(problems) > 0 || err != nil {
		s.Fatalf("%v: verify: %v: %v", p, err, problems)
	}
	_, err = os.Stat(s.path(root, "adapters", "tiny", "v0001"))
	if len(found.Files.Unfinished) > 0 && !errors.Is(err, fs.ErrNotExist) {
		s.Errorf("%v: verify: %v, and it is there (%v)", p, found.Files.Unfinished, err)
	}
}

// ingested checks that the ledger has every event that journals had.
func (s *sandbox) ingested(ctx context.Context, root string, p point, journals map[string][]byte) {
	s.Helper()
	l := s.opened(ctx, root)
	attempts, err := l.Attempts(ctx)
	if err != nil {
		s.Fatal(err)
	}
	last := map[string]int{}
	for _, a := range attempts {
		last[s.path(root, a.Dir, "journal.jsonl")] = a.LastSeq
	}
	if err := l.Close(); err != nil {
		s.Fatal(err)
	}
	for path, data := range journals {
		lines := bytes.Count(data, []byte("\n"))
		if now, err := os.ReadFile(path); err != nil || !bytes.HasPrefix(now, data) {
			s.Errorf("%v: %s is not what it was (%v)", p, path, err)
		}
		if last[path] < lines {
			s.Errorf("%v: the ledger has %d of %d events of %s", p, last[path], lines, path)
		}
	}
}
