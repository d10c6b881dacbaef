package checkpoint

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// spoiler changes the files of a folder for a test.
type spoiler struct {
	t   *testing.T
	dir string
}

func (s spoiler) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s spoiler) read(name string) string {
	s.t.Helper()
	data, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(data)
}

// edit replaces the first old in a file.
func (s spoiler) edit(name, old, text string) {
	s.t.Helper()
	data := s.read(name)
	if !strings.Contains(data, old) {
		s.t.Fatalf("%s has no %q", name, old)
	}
	s.write(name, strings.Replace(data, old, text, 1))
}

func (s spoiler) remove(name string) {
	s.t.Helper()
	if err := os.Remove(filepath.Join(s.dir, name)); err != nil {
		s.t.Fatal(err)
	}
}

func (s spoiler) truncate(name string, size int64) {
	s.t.Helper()
	if err := os.Truncate(filepath.Join(s.dir, name), size); err != nil {
		s.t.Fatal(err)
	}
}

// tensors rewrites a safetensors file.
func (s spoiler) tensors(name string, change func(map[string]Tensor)) {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	c, err := ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	change(c.Tensors)
	if err := WriteFile(path, c); err != nil {
		s.t.Fatal(err)
	}
}

// copyOf returns a copy of a fixture to spoil.
func copyOf(t *testing.T, fixture string) spoiler {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", fixture))); err != nil {
		t.Fatal(err)
	}
	return spoiler{t, dir}
}
