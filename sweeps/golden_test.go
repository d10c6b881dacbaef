package sweeps

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

// TestGolden loads every sweep in testdata and compares what it expands to:
// sources, axes, warnings, and for each run its labels and what differs from
// the defaults.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.jsonnet")
	if err != nil || len(files) == 0 {
		t.Fatalf("testdata: %v, %v", files, err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			opts := Options{Path: path}
			if strings.HasSuffix(path, "args.jsonnet") {
				opts.Args = []Arg{
					{Kind: "tla-str", Name: "name", Value: "args"},
					{Kind: "tla-code", Name: "ranks", Value: "[4, 8]"},
					{Kind: "ext-str", Name: "model", Value: "other"},
					{Kind: "ext-code", Name: "seed", Value: "40 + 2"},
				}
			}
			s, err := Load(t.Context(), opts)
			if err != nil {
				t.Fatal(err)
			}
			golden := strings.TrimSuffix(path, ".jsonnet") + ".golden"
			got := summary(t, s)
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", golden, diff)
			}
		})
	}
}

func summary(t *testing.T, s *Sweep) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "name %s\n", s.Name)
	for _, src := range s.Sources {
		fmt.Fprintf(&b, "source %s builtin=%t\n", src.Path, src.Builtin)
	}
	for _, a := range s.Args {
		fmt.Fprintf(&b, "arg --%s %s=%s\n", a.Kind, a.Name, a.Value)
	}
	for _, a := range s.Axes {
		fmt.Fprintf(&b, "axis %s at %q: %s\n", a.Name, a.Path, strings.Join(a.Labels, ", "))
	}
	for _, w := range s.Warnings {
		fmt.Fprintf(&b, "warning %s %v: %s\n", w.Kind, w.Runs, w.Message)
	}
	defaults := DefaultSpec()
	usual := leaves(t, &defaults)
	runs := make([]map[string]string, len(s.Runs))
	for i := range s.Runs {
		runs[i] = leaves(t, &s.Runs[i].Spec)
	}
	common := maps.Clone(runs[0])
	for _, r := range runs {
		maps.DeleteFunc(common, func(path, value string) bool { return r[path] != value })
	}
	list := func(heading string, r, without map[string]string) {
		fmt.Fprintf(&b, "\n%s\n", heading)
		for _, path := range slices.Sorted(maps.Keys(r)) {
			if r[path] != without[path] {
				fmt.Fprintf(&b, "  %s = %s\n", path, r[path])
			}
		}
	}
	list("all runs, besides the defaults", common, usual)
	for i, r := range runs {
		maps.DeleteFunc(r, func(path, _ string) bool { _, ok := common[path]; return ok })
		list("run "+s.Runs[i].Label(), r, nil)
	}
	return b.String()
}

// leaves returns the canonical JSON of everything in a spec that is not an object.
func leaves(t *testing.T, s *Spec) map[string]string {
	t.Helper()
	data, err := s.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	var walk func(path string, raw json.RawMessage)
	walk = func(path string, raw json.RawMessage) {
		if raw[0] != '{' {
			all[path] = string(raw)
			return
		}
		var object map[string]json.RawMessage
		if err := json.Unmarshal(raw, &object); err != nil {
			t.Fatal(err)
		}
		for key, value := range object {
			walk(join(path, key), value)
		}
	}
	walk("", data)
	return all
}
