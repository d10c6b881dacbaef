package runner_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"daybook/runner"
	"daybook/runner/runnertest"
)

// patched is the sweep of a single run whose spec is changed. Training and
// validation are named by patients, so that a rule for the test set moves neither.
func patched(patch string) string {
	return fmt.Sprintf(`(import 'daybook.libsonnet').sweep('tiny', (import 'tiny.libsonnet') + {
  data+: {
    validation+: { where: { patient: ['p01', 'p02', 'p03'] } },
    test+: { where: { patient: ['p%%02d' %% i for i in std.range(4, 8)] } },
    subset: { op: 'where', where: { patient: ['p%%02d' %% i for i in std.range(9, 16)] } },
  },
} + %s)`, patch)
}

// TestKeyIgnores changes everything that doesn't decide an adapter's bytes.
func TestKeyIgnores(t *testing.T) {
	p := newPlace(t)
	want := trained(p.plan(t, patched("{}")))
	for name, patch := range map[string]string{
		"gradient checkpointing": `{ train+: { gradient_checkpointing: 'full' } }`,
		"optimizer in memory":    `{ train+: { optimizer: 'adamw_8bit' } }`,
		"metrics":                `{ eval+: { metrics: ['exact_match'] } }`,
		"tags":                   `{ eval+: { by: ['quality'] } }`,
		"baselines":              `{ eval+: { baselines: [{ kind: 'unquantized' }] } }`,
		"evaluation batch":       `{ eval+: { batch_size: 3 } }`,
		"answers' length":        `{ eval+: { generate: { max_new_tokens: 9 } } }`,
		"test count":             `{ data+: { test+: { count: 3 } } }`,
		"test seed":              `{ data+: { test+: { seed: 9, count: 3 } } }`,
		"overlong":               `{ train+: { overlong: 'error' } }`,
		"subset by other words":  `{ data+: { subset: { op: 'except', of: [{ op: 'all' }, { op: 'where', where: { patient: ['p%02d' % i for i in std.range(1, 8)] } }] } } }`,
	} {
		if got := trained(p.plan(t, patched(patch))); !slices.Equal(got, want) {
			t.Errorf("%s: the key is %.12s, want %.12s", name, got[0], want[0])
		}
	}
}

// TestKeyHolds changes everything that does decide an adapter's bytes.
func TestKeyHolds(t *testing.T) {
	p := newPlace(t)
	seen := map[string]string{trained(p.plan(t, patched("{}")))[0]: "nothing"}
	differs := func(name string, plan *runner.Plan) {
		key := trained(plan)[0]
		if other, ok := seen[key]; ok {
			t.Errorf("%s gives the key that %s gives", name, other)
		}
		seen[key] = name
	}
	for name, patch := range map[string]string{
		"seed":             `{ seed: 1 }`,
		"rank":             `{ train+: { lora+: { rank: 5, alpha: 8 } } }`,
		"alpha":            `{ train+: { lora+: { alpha: 9 } } }`,
		"scale":            `{ train+: { lora+: { rslora: true } } }`,
		"dropout":          `{ train+: { lora+: { dropout: 0.1 } } }`,
		"targets":          `{ train+: { lora+: { targets: ['q_proj'] } } }`,
		"epochs":           `{ train+: { epochs: 1 } }`,
		"learning rate":    `{ train+: { learning_rate: 0.02 } }`,
		"schedule":         `{ train+: { schedule: 'cosine' } }`,
		"warmup":           `{ train+: { warmup_ratio: 0.5 } }`,
		"clipping":         `{ train+: { max_grad_norm: 2 } }`,
		"batch":            `{ train+: { batch_size: 1 } }`,
		"accumulation":     `{ train+: { grad_accum: 2 } }`,
		"packing":          `{ train+: { packing: false } }`,
		"loss on":          `{ train+: { loss_on: 'all' } }`,
		"8-bit state":      `{ train+: { optimizer: 'adamw' } }`,
		"quantization":     `{ base+: { double_quant: false } }`,
		"no quantization":  `{ base+: { quantization: 'none', double_quant: false } }`,
		"fewer records":    `{ data+: { subset: { op: 'where', where: { patient: ['p%02d' % i for i in std.range(9, 15)] } } } }`,
		"other validation": `{ data+: { validation+: { count: 3 } } }`,
		"selection":        `{ eval+: { select: 'token_accuracy' } }`,
	} {
		differs(name, p.plan(t, patched(patch)))
	}
	differs("numerics", p.plan(t, patched("{}"), func(o *runner.PlanOptions) { o.Numerics = otherNumerics }))
	for _, change := range []struct{ file, old, text string }{
		{"notes.jsonl", "48: ", "48; "}, // in the last patient's note
		{"base/tokenizer_config.json", "message['role']", "message.role"},
		{"base/config.json", "0.00001", "0.00002"},
		{"base/tokenizer.json", `"version": "1.0"`, `"version": "1.1"`},
	} {
		path := filepath.Join(p.dir, filepath.FromSlash(change.file))
		before, err := os.ReadFile(path)
		check(t, err)
		if !bytes.Contains(before, []byte(change.old)) {
			t.Fatalf("%s has no %q", change.file, change.old)
		}
		check(t, os.WriteFile(path, bytes.Replace(before, []byte(change.old), []byte(change.text), 1), 0o600))
		differs(change.file, p.plan(t, patched("{}")))
		check(t, os.WriteFile(path, before, 0o600))
	}
}

// TestKeyIgnoresTestLabels changes the answers of the test records: the runs are
// the same, and measured again.
func TestKeyIgnoresTestLabels(t *testing.T) {
	p := newPlace(t)
	before := p.plan(t, patched("{}"))
	path := filepath.Join(p.dir, "notes.jsonl")
	data, err := os.ReadFile(path)
	check(t, err)
	lines := bytes.SplitAfter(data, []byte("\n"))
	for i, line := range lines {
		if bytes.Contains(line, []byte(`"p04"`)) || bytes.Contains(line, []byte(`"p05"`)) {
			lines[i] = bytes.Replace(line, []byte(`meds`), []byte(`none`), 1)
		}
	}
	check(t, os.WriteFile(path, bytes.Join(lines, nil), 0o600))
	after := p.plan(t, patched("{}"))
	if after.Data.Digest == before.Data.Digest {
		t.Fatal("the data did not change")
	}
	if !slices.Equal(trained(after), trained(before)) {
		t.Error("test labels changed the key of a run")
	}
	if after.Items[0].Job.Key == before.Items[0].Job.Key {
		t.Error("the baseline is not measured on the new test set")
	}
}

// TestKeyIgnoresPlaces moves and renames everything.
func TestKeyIgnoresPlaces(t *testing.T) {
	p := newPlace(t)
	want := trained(p.plan(t, one))
	away := t.TempDir()
	check(t, runnertest.Write(away))
	check(t, os.Rename(filepath.Join(away, "base"), filepath.Join(away, "model")))
	check(t, os.Rename(filepath.Join(away, "notes.jsonl"), filepath.Join(away, "records.jsonl")))
	deep := filepath.Join(p.dir, "some", "where")
	check(t, os.MkdirAll(deep, 0o700))
	path := filepath.Join(deep, "other.jsonnet")
	text := strings.NewReplacer("AWAY", away, "'tiny'", "'other'").Replace(
		`(import 'daybook.libsonnet').sweep('tiny', (import '../../tiny.libsonnet') + { base: { model: 'AWAY/model' }, data+: { source: 'AWAY/records.jsonl' } })`)
	check(t, os.WriteFile(path, []byte(text), 0o600))
	if got := trained(p.planFile(t, path)); !slices.Equal(got, want) {
		t.Errorf("the key is %.12s, want %.12s", got[0], want[0])
	}
}

// TestKeyIgnoresOrder writes the same axes in every order.
func TestKeyIgnoresOrder(t *testing.T) {
	p := newPlace(t)
	axes := []string{
		"d.rank([2, 4])", "d.seed([0, 1])",
		"d.data([['clean', d.where({ quality: 'clean' })], ['all', d.all]])",
	}
	keys := func(t tb, order []string) []string {
		t.Helper()
		plan := p.plan(t, "local d = import 'daybook.libsonnet';\nd.sweep('tiny', import 'tiny.libsonnet', d.grid([\n  "+strings.Join(order, ",\n  ")+",\n]))")
		found := trained(plan)
		slices.Sort(found)
		return found
	}
	want := keys(t, axes)
	if n := len(slices.Compact(slices.Clone(want))); n != 8 {
		t.Fatalf("%d different keys, want 8", n)
	}
	rapid.Check(t, func(t *rapid.T) {
		if got := keys(t, rapid.Permutation(axes).Draw(t, "order")); !slices.Equal(got, want) {
			t.Fatalf("keys are %v, want %v", got, want)
		}
	})
}

// TestBaselineKeyIgnoresTraining has runs that differ in how they train on the
// records that are a k-shot baseline's examples.
func TestBaselineKeyIgnoresTraining(t *testing.T) {
	p := newPlace(t)
	shots := func(patch string) []string {
		var keys []string
		for _, item := range p.plan(t, patched("{ eval+: { baselines: [{ kind: 'k_shot', shots: 2 }] } } + "+patch)).Items {
			if item.Job.Baseline != "" {
				keys = append(keys, item.Job.Baseline+" "+item.Job.Key)
			}
		}
		return keys
	}
	want := shots("{}")
	if len(want) != 2 {
		t.Fatalf("baselines are %q", want)
	}
	for _, patch := range []string{
		"{ train+: { max_seq_len: 12 } }", "{ train+: { loss_on: 'all' } }", "{ train+: { epochs: 1, lora+: { rank: 3 } } }",
		"{ data+: { subset: { op: 'where', where: { patient: ['p09', 'p10'] } } } }",
	} {
		if got := shots(patch); !slices.Equal(got, want) {
			t.Errorf("%s: baselines are %q, want %q", patch, got, want)
		}
	}
	if got := shots("{ eval+: { baselines: [{ kind: 'k_shot', shots: 2, seed: 5 }] } }"); slices.Equal(got, want) {
		t.Error("other shots make the same baseline")
	}
}
