package sweeps

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestMain lowers rapid's usual 100 checks, since each here evaluates several
// sweeps; -rapid.checks still decides where it is given.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "25"); err != nil {
		panic(err)
	}
	os.Exit(m.Run()) // parses the flags
}

// axisTexts are axes that do not disturb one another, as they are written.
var axisTexts = []string{
	"d.rank([2, 4, 8])",
	"d.epochs([1, 2])",
	"d.seed([0, 1])",
	"d.axis('lr', 'train.learning_rate', [1e-4, 2e-4])",
	"d.data([['few', d.take(5)], ['half', d.fraction(0.5)], ['all', d.all]])",
	"d.axis('layers', 'train.lora.targets', [['two', ['q_proj', 'v_proj']], ['all', d.all_linear]])",
	"d.axis('packed', 'train.packing', [true, false])",
	"d.zip([d.axis('batch', 'train.batch_size', [1, 2]), d.axis('accum', 'train.grad_accum', [8, 4])])",
}

// loadText loads a sweep of axes over a fixed base from a file in dir.
func loadText(t *rapid.T, dir, axes, keep string) *Sweep {
	text := fmt.Sprintf(`local d = import 'daybook.libsonnet';
		d.sweep('p', { base: { model: 'm' }, data: { source: 'd' } }, %s, keep=function(p) %s)`, axes, keep)
	path := filepath.Join(dir, "sweep.jsonnet")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := Load(context.Background(), Options{Path: path})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return s
}

// specSet returns the canonical specs of a sweep, sorted.
func specSet(t *rapid.T, s *Sweep) []string {
	var all []string
	for i := range s.Runs {
		data, err := s.Runs[i].Spec.Canonical()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(data))
	}
	slices.Sort(all)
	return all
}

func someAxes(t *rapid.T) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(axisTexts), 1, 3, rapid.ID[string]).Draw(t, "axes")
}

func list(axes []string) string { return "[" + strings.Join(axes, ", ") + "]" }

func TestAxisOrderDoesNotChangeSpecs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		axes := someAxes(t)
		moved := rapid.Permutation(axes).Draw(t, "moved")
		n := rapid.IntRange(1, 2).Draw(t, "n")
		seed := rapid.IntRange(0, 1000).Draw(t, "seed")
		random := fmt.Sprintf("d.random(%d, %d, ", n, seed)
		for _, f := range []string{"d.grid(", random} {
			a := loadText(t, dir, f+list(axes)+")", "true")
			b := loadText(t, dir, f+list(moved)+")", "true")
			if !slices.Equal(specSet(t, a), specSet(t, b)) {
				t.Fatalf("%s: other specs for %v than for %v", f, moved, axes)
			}
		}
	})
}

func TestRandomIsAPartOfTheGrid(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		axes := someAxes(t)
		whole := loadText(t, dir, "d.grid("+list(axes)+")", "true")
		n := rapid.IntRange(1, len(whole.Runs)).Draw(t, "n")
		seed := rapid.IntRange(-5, 5).Draw(t, "seed")
		text := fmt.Sprintf("d.random(%d, %d, %s)", n, seed, list(axes))
		some := loadText(t, dir, text, "true")
		if len(some.Runs) != n {
			t.Fatalf("%s: %d runs", text, len(some.Runs))
		}
		all := specSet(t, whole)
		for _, spec := range specSet(t, some) { // Load has refused repetitions
			if _, ok := slices.BinarySearch(all, spec); !ok {
				t.Fatalf("%s: not in the grid: %s", text, spec)
			}
		}
		if n > 1 { // fewer draws are the first of more
			fewer := loadText(t, dir, fmt.Sprintf("d.random(%d, %d, %s)", n-1, seed, list(axes)), "true")
			for i := range fewer.Runs {
				if fewer.Runs[i].Label() != some.Runs[i].Label() {
					t.Fatalf("%s: run %d is %s, but %s of one fewer", text, i, some.Runs[i].Label(), fewer.Runs[i].Label())
				}
			}
		}
	})
}

func TestKeepDividesTheGrid(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		axes := append([]string{"d.rank([2, 4, 8])"}, rapid.SliceOfNDistinct(rapid.SampledFrom(axisTexts[1:]), 0, 2, rapid.ID[string]).Draw(t, "axes")...)
		bound := rapid.IntRange(3, 8).Draw(t, "bound")
		design := "d.grid(" + list(axes) + ")"
		low := loadText(t, dir, design, fmt.Sprintf("p.rank < %d", bound))
		high := loadText(t, dir, design, fmt.Sprintf("p.rank >= %d", bound))
		both := append(specSet(t, low), specSet(t, high)...)
		slices.Sort(both)
		if !slices.Equal(both, specSet(t, loadText(t, dir, design, "true"))) {
			t.Fatalf("%s split at rank %d", design, bound)
		}
	})
}

func TestPlainLoadsAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		s := loadText(t, dir, list(someAxes(t)), "true")
		data, err := s.Plain()
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "plain.json")
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		again, err := Load(context.Background(), Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(specSet(t, s), specSet(t, again)) {
			t.Fatal("the specs differ")
		}
		for i := range s.Runs {
			if s.Runs[i].Label() != again.Runs[i].Label() {
				t.Fatalf("run %d: %s became %s", i, s.Runs[i].Label(), again.Runs[i].Label())
			}
		}
	})
}

func TestNearestFindsTypos(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SampledFrom(slices.DeleteFunc(slices.Clone(specPaths), func(p string) bool { return len(p) < 5 })).Draw(t, "key")
		i := rapid.IntRange(0, len(key)-1).Draw(t, "at")
		typo := rapid.SampledFrom([]string{
			key[:i] + key[i+1:],
			key[:i] + "x" + key[i:],
			key[:i] + "x" + key[i+1:],
		}).Draw(t, "typo")
		if got := nearest(typo, specPaths); got == "" || editDistance(typo, got) > 1 {
			t.Fatalf("nearest(%q) = %q, want %q or as near", typo, got, key)
		}
	})
}
