package sweeps

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-jsonnet"
)

func ExampleLoad() {
	s, err := Load(context.Background(), Options{Path: "testdata/design.jsonnet"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range s.Runs {
		fmt.Println(r.Label(), "alpha", r.Spec.Train.LoRA.Alpha)
	}
	// Output:
	// rank=4 data=clean seed=0 alpha 8
	// rank=4 data=clean seed=1 alpha 8
	// rank=4 data=clean seed=2 alpha 8
	// rank=4 data=all seed=0 alpha 8
	// rank=4 data=all seed=1 alpha 8
	// rank=4 data=all seed=2 alpha 8
	// rank=16 data=clean seed=0 alpha 32
	// rank=16 data=clean seed=1 alpha 32
	// rank=16 data=clean seed=2 alpha 32
}

// Any Jsonnet tool evaluates a sweep to the same data with the library alone.
func TestLibraryIsPlainJsonnet(t *testing.T) {
	for _, path := range []string{"testdata/design.jsonnet", "testdata/random.jsonnet", "testdata/late.jsonnet"} {
		s, err := Load(t.Context(), Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		vm := jsonnet.MakeVM()
		vm.Importer(&jsonnet.FileImporter{JPaths: []string{"lib"}})
		data, err := vm.EvaluateFile(path)
		if err != nil {
			t.Fatal(err)
		}
		in, err := parseJSON([]byte(data))
		if err != nil {
			t.Fatal(err)
		}
		p, fault := expand(in)
		if fault != nil {
			t.Fatal(fault)
		}
		if diff := cmp.Diff(s.Runs, p.runs); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
}

func TestSources(t *testing.T) {
	home := t.TempDir() // a folder whose place must not be recorded
	for name, content := range map[string]string{
		"lib/shared/a.libsonnet": "(import 'b.libsonnet') + { data: { source: importstr 'source.txt' } }",
		"lib/shared/b.libsonnet": "{}",
		"lib/shared/source.txt":  "d",
		"abs/c.libsonnet":        "import 'd.libsonnet'",
		"abs/d.libsonnet":        "{ base: { model: 'm' } }",
		"lib/unused.libsonnet":   "error 'never read'",
	} {
		path := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(t, map[string]string{
		"exp/sweep.jsonnet": fmt.Sprintf(`local d = import 'daybook.libsonnet';
			local unused = import 'unused.libsonnet';
			d.sweep('s', (import 'shared/a.libsonnet') + (import %q) + (import '../common.libsonnet') + (import 'parts/p.libsonnet'), [])`,
			filepath.Join(home, "abs/c.libsonnet")),
		"exp/parts/p.libsonnet": "{}",
		"common.libsonnet":      "{}",
	})
	opts := Options{Path: "exp/sweep.jsonnet", LibraryPaths: []string{filepath.Join(home, "lib")}}
	s, err := Load(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, src := range s.Sources {
		paths = append(paths, src.Path)
		if src.Builtin != (src.Path == libraryName) {
			t.Errorf("%s: builtin %t", src.Path, src.Builtin)
		}
	}
	want := []string{
		"sweep.jsonnet", "../common.libsonnet", "c.libsonnet", "d.libsonnet", "daybook.libsonnet",
		"parts/p.libsonnet", "shared/a.libsonnet", "shared/b.libsonnet", "shared/source.txt",
	}
	if !slices.Equal(paths, want) {
		t.Errorf("sources %q, want %q", paths, want)
	}
	if got := s.Sources[8]; string(got.Content) != "d" || got.SHA256 != "18ac3e7343f016890c510e93f935261169d9e3f565436429830faf0934f4f8e4" {
		t.Errorf("%s: %q %s", got.Path, got.Content, got.SHA256)
	}
}

func TestDigest(t *testing.T) {
	text := "{ name: 's', runs: [{ spec: { base: { model: std.extVar('m') }, data: { source: importstr 'source.txt' } } }] }"
	write(t, map[string]string{"a/sweep.jsonnet": text, "a/source.txt": "d", "b/sweep.jsonnet": text, "b/source.txt": "d", "c/sweep.jsonnet": text, "c/source.txt": "e"})
	digestOf := func(path, model string) string {
		t.Helper()
		s, err := Load(t.Context(), Options{Path: path, Args: []Arg{{Kind: "ext-str", Name: "m", Value: model}}})
		if err != nil {
			t.Fatal(err)
		}
		return s.Digest
	}
	a := digestOf("a/sweep.jsonnet", "m")
	if b := digestOf("b/sweep.jsonnet", "m"); b != a {
		t.Error("the digest depends on the folder")
	}
	if digestOf("a/sweep.jsonnet", "n") == a {
		t.Error("the digest does not depend on arguments")
	}
	if digestOf("c/sweep.jsonnet", "m") == a {
		t.Error("the digest does not depend on imports")
	}
}

// -J folders are searched after the importing file's own, the last one first.
func TestLibraryPaths(t *testing.T) {
	write(t, map[string]string{
		"sweep.jsonnet": "local names = [import 'x.libsonnet', import 'y.libsonnet', import 'z.libsonnet'];\n{ name: std.join('-', names), runs: [{ spec: { base: { model: 'm' }, data: { source: 'd' } } }] }",
		"x.libsonnet":   "'here'", "one/x.libsonnet": "'one'", "two/x.libsonnet": "'two'",
		"one/y.libsonnet": "'one'", "two/y.libsonnet": "'two'",
		"one/z.libsonnet": "'one'",
	})
	s, err := Load(t.Context(), Options{Path: "sweep.jsonnet", LibraryPaths: []string{"one", "two"}})
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "here-two-one" {
		t.Errorf("found %s", s.Name)
	}
}

func TestLoadEndsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	write(t, map[string]string{"sweep.jsonnet": "local n = std.length([i for i in std.range(1, 300000)]);\nn"})
	_, err := Load(ctx, Options{Path: "sweep.jsonnet"})
	if !errors.Is(err, context.Canceled) || errors.Is(err, ErrInvalid) {
		t.Errorf("Load: %v", err)
	}
}

func TestOnly(t *testing.T) {
	s, err := Load(t.Context(), Options{Path: "testdata/zip.jsonnet"})
	if err != nil {
		t.Fatal(err)
	}
	runs, err := s.Only("lr=2e-4", "seed=0")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range runs {
		got = append(got, r.Label())
	}
	if want := []string{"rank=16 lr=0.0002 seed=0"}; !slices.Equal(got, want) {
		t.Errorf("Only: %q, want %q", got, want)
	}
	if all, err := s.Only(); err != nil || len(all) != len(s.Runs) {
		t.Errorf("Only(): %d runs, %v", len(all), err)
	}
	for text, want := range map[string][2]string{
		"rank":    {"rank: is not a choice", "write axis=label, such as rank=8"},
		"rnk=4":   {"rnk=4: the sweep has no axis rnk", "did you mean rank?"},
		"seed=17": {"seed=17: axis seed has no value 17", "valid are 0, 1, 7"},
	} {
		_, err := s.Only(text)
		var e *SpecError
		if !errors.As(err, &e) || err.Error() != want[0] || e.Hint() != want[1] {
			t.Errorf("Only(%s): %v", text, err)
		}
	}
}

func TestParseSpec(t *testing.T) {
	s, err := ParseSpec([]byte(`{"base":{"model":"m"},"data":{"source":"d"},"train":{"lora":{"rank":4,"alpha":5}}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := DefaultSpec()
	want.Base.Model, want.Data.Source, want.Train.LoRA.Rank, want.Train.LoRA.Alpha = "m", DataSources{{Path: "d"}}, 4, 5
	if diff := cmp.Diff(want, s); diff != "" {
		t.Error(diff)
	}
	for text, want := range map[string]string{
		`{"base":{"model":"m"},"data":{"source":"d"}} {}`: "not JSON: data after the end",
		`{"base":`: "not JSON: unexpected EOF",
		`7`:        "must be an object, not the number 7",
		`{"base":{"model":"m"},"data":{"source":"d"},"train":{"lora":{"rnk":4}}}`:     "train.lora.rnk: unknown key",
		`{"base":{"model":"m"},"data":{"source":"d"},"seed":9007199254740993}`:        "seed: 9007199254740992 is too large",
		`{"base":{"model":"m","double_quant":1},"data":{"source":"d"}}`:               "base.double_quant: must be true or false, not the number 1",
		`{"base":{"model":"m","quantization":"none","double_quant":true},"data":{}}`:  "base.double_quant: there is nothing to quantize twice: base.quantization is 'none'",
		`{"base":{"model":"m"},"data":{"source":"d","validation":{"where":{"":1}}}}`:  `data.validation.where[""]: a field needs a name`,
		`{"base":{"model":"m"},"data":{"source":"d"},"eval":{"metrics":[{"x":"y"}]}}`: "eval.metrics[0].x: unknown key",
	} {
		if _, err := ParseSpec([]byte(text)); err == nil || err.Error() != want || !errors.Is(err, ErrInvalid) {
			t.Errorf("ParseSpec(%s):\ngot  %v\nwant %s", text, err, want)
		}
	}
}

func TestWarnings(t *testing.T) {
	quiet, loud := DefaultSpec(), DefaultSpec()
	quiet.Data.Validation.Count, quiet.Data.Test.Count = 10, 10
	loud.Train.Epochs = 6
	silent := quiet
	silent.Eval.Metrics = []Metric{{Kind: "invented", List: "medications"}}
	silent.Eval.Select = "invented(medications)"
	var kinds []WarningKind
	for _, w := range warnings([]Run{{Spec: quiet}, {Spec: loud}, {Spec: silent}}) {
		kinds = append(kinds, w.Kind)
		want := []int{1}
		if w.Kind == SelectsSilence {
			want = []int{2}
		}
		if !slices.Equal(w.Runs, want) {
			t.Errorf("%s: runs %v, want %v", w.Kind, w.Runs, want)
		}
	}
	if want := []WarningKind{ManyEpochs, NoValidation, NoTest, SelectsSilence}; !slices.Equal(kinds, want) {
		t.Errorf("warnings %v, want %v", kinds, want)
	}
}

// TestSelectForms writes the selecting metric by name, by kind and as itself.
func TestSelectForms(t *testing.T) {
	const f1 = `{"kind": "field_f1", "list": "medications", "match": ["name", "dose"]}`
	for form, want := range map[string]string{
		`"field_recall(medications)"`:       "field_recall(medications)",
		`"json_valid"`:                      "json_valid",
		`"field_recall"`:                    "field_recall(medications)",
		`"loss"`:                            "loss",
		f1:                                  "field_f1(medications:name,dose)",
		`"field_f1(medications:name,dose)"`: "field_f1(medications:name,dose)",
	} {
		s, err := ParseSpec([]byte(`{"base": {"model": "b"}, "data": {"source": "d"}, "eval": {"select": ` + form + `,
			"metrics": ["json_valid", {"kind": "field_recall", "list": "medications"}, ` + f1 + `]}}`))
		if err != nil || s.Eval.Select != want {
			t.Errorf("%s: got %q, %v, want %q", form, s.Eval.Select, err, want)
		}
	}
}

// TestArgs: the last of several with one name counts, and a value from the
// environment, which may be a secret, is not in the digest.
func TestArgs(t *testing.T) {
	load := func(args ...Arg) *Sweep {
		t.Helper()
		s, err := Load(t.Context(), Options{Path: "testdata/args.jsonnet", Args: append([]Arg{
			{Kind: "tla-str", Name: "name", Value: "args"},
			{Kind: "tla-code", Name: "ranks", Value: "[4, 8]"},
			{Kind: "ext-str", Name: "model", Value: "first"},
			{Kind: "ext-code", Name: "seed", Value: "3"},
		}, args...)})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	model := func(value string, environment bool) Arg {
		return Arg{Kind: "ext-str", Name: "model", Value: value, Environment: environment}
	}
	s := load(model("last", false))
	if got := s.Runs[0].Spec.Base.Model; got != "last" || len(s.Args) != 4 {
		t.Errorf("model is %q, arguments are %v", got, s.Args)
	}
	if load(model("other", false)).Digest == s.Digest {
		t.Error("the digest doesn't cover an argument")
	}
	secret := load(model("secret", true))
	if load(model("guess", true)).Digest != secret.Digest || secret.Digest == s.Digest {
		t.Error("the digest confirms a guess")
	}
}
