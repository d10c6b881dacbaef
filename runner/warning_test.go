package runner_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestWarnsByPath has axes whose names say nothing.
func TestWarnsByPath(t *testing.T) {
	p := newPlace(t)
	subsets := `d.axis('notes', 'data.subset', [['clean', d.where({ quality: 'clean' })], ['all', d.all]])`
	warned := func(axes, text string) bool {
		plan := p.plan(t, "local d = import 'daybook.libsonnet'; d.sweep('tiny', import 'tiny.libsonnet', "+axes+")")
		return slices.ContainsFunc(plan.Warnings, func(w string) bool { return strings.Contains(w, text) })
	}
	if !warned(subsets, "notes=clean: ") {
		t.Error("the subset is not named by its choice")
	}
	if warned(`d.axis('data', 'train.lora.rank', [2, 4])`, "data=2: ") {
		t.Error("a rank names a subset")
	}
}

// TestWarnsOfRank has a rank that no layer of the base can have, twice, and the
// highest that one can.
func TestWarnsOfRank(t *testing.T) {
	p := newPlace(t)
	plan := p.plan(t, "local d = import 'daybook.libsonnet'; d.sweep('tiny', import 'tiny.libsonnet', d.grid([d.rank([64, 65]), d.seed([0, 1])]))")
	got := slices.DeleteFunc(slices.Clone(plan.Warnings), func(w string) bool { return !strings.Contains(w, "train.lora.rank") })
	if len(got) != 1 || !strings.HasPrefix(got[0], "train.lora.rank 65 is above 64, ") {
		t.Errorf("got %q", got)
	}
}

// TestWarnsOfFewRecords has training sets on both sides of what rarely helps and
// of what varies between seeds.
func TestWarnsOfFewRecords(t *testing.T) {
	p := newPlace(t)
	var notes strings.Builder
	for i := range 520 {
		fmt.Fprintf(&notes, `{"id": "m%d", "messages": [{"role": "user", "content": "note %d"}, {"role": "assistant", "content": "{}"}]}`+"\n", i, i)
	}
	check(t, os.WriteFile(filepath.Join(p.dir, "many.jsonl"), []byte(notes.String()), 0o600))
	few := func(axes string) []string {
		plan := p.plan(t, `local d = import 'daybook.libsonnet';
d.sweep('tiny', (import 'tiny.libsonnet') + { data: { source: 'many.jsonl', validation: { count: 5 }, test: { count: 5 } } }, `+axes+`)`)
		return slices.DeleteFunc(slices.Clone(plan.Warnings), func(w string) bool { return !strings.Contains(w, "training records") })
	}
	subsets := "d.data([[std.toString(n), d.take(n)] for n in [99, 100, 499, 500]])"
	rarely, varies := "99 training records; under 100 rarely helps", " training records; under 500 varies between seeds"
	want := []string{"data=99: " + rarely, "data=100: 100" + varies + ", so run several", "data=499: 499" + varies + ", so run several"}
	if got := few(subsets); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for i := range want {
		want[i] = strings.TrimSuffix(want[i], ", so run several") // it does
	}
	if got := few("d.grid([" + subsets + ", d.seed([0, 1])])"); !slices.Equal(got, want) {
		t.Errorf("over seeds: got %q, want %q", got, want)
	}
}
