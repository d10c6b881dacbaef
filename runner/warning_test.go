package runner_test

import (
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
