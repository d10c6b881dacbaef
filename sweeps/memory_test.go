package sweeps

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// memory keeps in memory.
type memory map[string][]byte

func (m memory) Recall(name string) []byte     { return m[name] }
func (m memory) Keep(name string, data []byte) { m[name] = data }

// TestMemory changes all that a large evaluation depends on, one after the other: what
// is loaded with a memory is what is loaded without.
func TestMemory(t *testing.T) {
	defer func(bytes int) { worthKeeping = bytes }(worthKeeping)
	worthKeeping = 2 << 10
	dir := t.TempDir()
	t.Chdir(dir)
	put := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("a/sweep.jsonnet", `local d = import 'daybook.libsonnet';
		d.sweep('s', (import 'base.libsonnet') + { seed: std.length(std.extVar('x')) }, [d.axis('lr', 'train.learning_rate', [i / 10000 for i in std.range(1, 20)])])`)
	const base = `{ base: { model: importstr 'model.txt' }, data: { source: 'd' } }`
	put("a/base.libsonnet", base)
	put("lib/model.txt", "m")
	put("b/sweep.jsonnet", `local d = import 'daybook.libsonnet'; d.sweep('s', std.trace('said', (import '../a/base.libsonnet') + { base: { model: 'm' } }), [d.seed(std.range(0, 20))])`)

	m := memory{}
	o := Options{Path: "a/sweep.jsonnet", LibraryPaths: []string{"lib"}, Args: []Arg{{Kind: "ext-str", Name: "x", Value: "1"}}, Memory: m}
	// load loads with and without, and says whether the memory was of use.
	load := func(o Options) (recalled bool) {
		t.Helper()
		before := fmt.Sprint(m)
		got, err1 := Load(t.Context(), o)
		recalled = len(m) > 0 && fmt.Sprint(m) == before
		o.Memory = nil
		want, err2 := Load(t.Context(), o)
		if fmt.Sprint(err1) != fmt.Sprint(err2) || !reflect.DeepEqual(got, want) {
			t.Fatalf("with a memory %v, without %v", err1, err2)
		}
		return recalled && err1 == nil
	}
	if load(o) {
		t.Fatal("nothing can be recalled yet")
	}
	if len(m) != 1 || !load(o) {
		t.Fatalf("%d evaluations are kept, and that is not recalled", len(m))
	}
	for _, change := range []struct {
		what string
		do   func()
	}{
		{"the sweep", func() { put("a/sweep.jsonnet", read(t, "a/sweep.jsonnet")+"\n") }},
		{"an import", func() { put("a/base.libsonnet", strings.Replace(read(t, "a/base.libsonnet"), "'d'", "'e'", 1)) }},
		{"an imported text", func() { put("lib/model.txt", "n") }},
		{"a file that comes first now", func() { put("a/model.txt", "o") }},
		{"a file that is gone", func() {
			if err := os.Remove("a/model.txt"); err != nil {
				t.Fatal(err)
			}
		}},
		{"what is kept", func() {
			for name, data := range m {
				m[name] = append(data[:len(data)-9:len(data)-9], 0, 1, 2)
			}
		}},
		{"all that is kept", func() {
			for name := range m {
				m[name] = []byte("{}\n")
			}
		}},
		{"an argument", func() { o.Args[0].Value = "22" }},
		{"the folders to look in", func() { put("more/none", ""); o.LibraryPaths = []string{"lib", "more"} }},
	} {
		change.do()
		if load(o) {
			t.Errorf("%s has changed, and nothing was evaluated", change.what)
		}
		if !load(o) {
			t.Errorf("after a change of %s nothing is kept", change.what)
		}
	}
	put("a/base.libsonnet", "{")
	load(o) // the error is the same

	// What is not to be kept.
	clear(m)
	put("a/base.libsonnet", strings.Replace(base, "importstr 'model.txt'", "'m'", 1))
	secret := o
	secret.Args = []Arg{{Kind: "ext-str", Name: "x", Value: "secret", Environment: true}}
	load(secret)
	load(Options{Path: "b/sweep.jsonnet", Memory: m}) // it prints
	put("c/sweep.jsonnet", `local d = import 'daybook.libsonnet'; d.sweep('s', { base: { model: 'm' }, data: { source: 'd' } }, [d.seed([0, 1])])`)
	load(Options{Path: "c/sweep.jsonnet", Memory: m}) // it is small
	if len(m) > 0 {
		t.Errorf("%d evaluations are kept", len(m))
	}
	absolute := o
	absolute.Path, absolute.LibraryPaths = filepath.Join(dir, o.Path), nil
	load(absolute)
	if len(m) != 1 || !load(absolute) || strings.Contains(fmt.Sprintf("%s", m), dir) {
		t.Errorf("of a sweep by its whole path %d evaluations are kept: %.400s", len(m), m)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
