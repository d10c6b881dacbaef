package sweeps

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// write makes files in an empty working folder, from "name: content" pairs.
func write(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, content := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// spec returns a Jsonnet object with the required keys and more.
func spec(more string) string {
	return "{ base: { model: 'm' }, data: { source: 'd' } } + {\n" + more + "\n}"
}

// sweep wraps a base and axes; the base's extra text is on line 3, the axes on line 5.
func sweep(more, axes string) string {
	return "local d = import 'daybook.libsonnet';\nd.sweep('s', " + spec(more) + ",\n" + axes + ")"
}

type badCase struct {
	name string
	text string // sweep.jsonnet
	want string // exact message
	hint string
}

func refuses(t *testing.T, cases []badCase) {
	t.Helper()
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			write(t, map[string]string{"sweep.jsonnet": test.text})
			checkRefusal(t, Options{Path: "sweep.jsonnet"}, test.want, test.hint)
		})
	}
}

func checkRefusal(t *testing.T, opts Options, want, hint string) {
	t.Helper()
	_, err := Load(t.Context(), opts)
	var e *SpecError
	if !errors.As(err, &e) || !errors.Is(err, ErrInvalid) {
		t.Fatalf("Load: %v, want a *SpecError wrapping ErrInvalid", err)
	}
	if err.Error() != want || e.Hint() != hint {
		t.Errorf("got  %s\nhint %s\nwant %s\nhint %s", err, e.Hint(), want, hint)
	}
}

func TestBadImports(t *testing.T) {
	write(t, map[string]string{
		"syntax.jsonnet":       "(import 'lib/syntax.libsonnet') + {}",
		"lib/syntax.libsonnet": "{\n  a: 1,\n  b: = 2\n}",
		"missing.jsonnet":      "local x = 1;\n(import 'lib/deep.libsonnet') + x",
		"lib/deep.libsonnet":   "import '../none.libsonnet'",
		"folder.jsonnet":       "import 'lib'",
		"value.jsonnet":        "local d = import 'daybook.libsonnet';\nd.sweep('s', import 'lib/base.libsonnet')",
		"lib/base.libsonnet":   "{\n  base: { model: 'm' },\n  data: { source: 'd' },\n  train: {\n    epochs: 0,\n  },\n}",
	})
	opts := func(path string) Options { return Options{Path: path, LibraryPaths: []string{"vendor", "shared"}} }
	checkRefusal(t, opts("syntax.jsonnet"), "lib/syntax.libsonnet:3: syntax error: Not a unary operator: =", "")
	checkRefusal(t, opts("missing.jsonnet"), "lib/deep.libsonnet:1: import '../none.libsonnet': no such file",
		"looked for none.libsonnet; -J FOLDER adds a folder to look in")
	checkRefusal(t, opts("folder.jsonnet"), "folder.jsonnet:1: import 'lib': no such file",
		"looked for lib, shared/lib, vendor/lib; -J FOLDER adds a folder to look in")
	checkRefusal(t, opts("value.jsonnet"), "lib/base.libsonnet:5: runs[0].spec.train.epochs: must be at least 1, got 0", "")
}

func TestBadOptions(t *testing.T) {
	write(t, map[string]string{"folder/x": "", "f.jsonnet": "local x = 1;\nfunction(n) n", "e.jsonnet": "{\n  name: std.extVar('e'),\n}", "plain.jsonnet": "{}"})
	for _, test := range []struct {
		opts       Options
		want, hint string
	}{
		{Options{Path: "none.jsonnet"}, "none.jsonnet: no such file", ""},
		{Options{Path: "folder"}, "folder: is a folder", "name the file: folder/sweep.jsonnet"},
		{
			Options{Path: "f.jsonnet"},
			"f.jsonnet: Missing argument: n",
			"if the file is a function, give it with --tla-str n=VALUE",
		},
		{
			Options{Path: "f.jsonnet", Args: []Arg{{Kind: "tla-code", Name: "n", Value: "1"}, {Kind: "tla-str", Name: "n", Value: "x"}}},
			"n is given with --tla-code and with --tla-str", "",
		},
		{
			Options{Path: "f.jsonnet", Args: []Arg{{Kind: "tla-str", Name: "m", Value: "1"}}},
			"f.jsonnet: function has no parameter m", "the file is function(n)",
		},
		{
			Options{Path: "plain.jsonnet", Args: []Arg{{Kind: "tla-str", Name: "m", Value: "1"}}},
			"--tla-str m: the file is no function, so it takes no arguments",
			"make what it evaluates to a function(m), or give --ext-str and read std.extVar('m')",
		},
		{
			Options{Path: "f.jsonnet", Args: []Arg{{Kind: "tla-code", Name: "n", Value: "[1,"}}},
			"--tla-code n: syntax error: Unexpected end of file", "the value is Jsonnet code: a text is written with quotes, or given with --tla-str n",
		},
		{
			Options{Path: "f.jsonnet", Args: []Arg{{Kind: "tla-code", Name: "n", Value: "[][3]"}}},
			"--tla-code n: Index 3 out of bounds", "",
		},
		{
			Options{Path: "e.jsonnet", Args: []Arg{{Kind: "ext-code", Name: "e", Value: "1 +"}}},
			"--ext-code e: syntax error: Unexpected end of file", "the value is Jsonnet code: a text is written with quotes, or given with --ext-str e",
		},
		{
			Options{Path: "e.jsonnet", Args: []Arg{{Kind: "ext-code", Name: "e", Value: "error 'no'"}}},
			"--ext-code e: no", "",
		},
	} {
		_, err := Load(t.Context(), test.opts)
		var e *SpecError
		if !errors.As(err, &e) || !errors.Is(err, ErrInvalid) {
			t.Fatalf("%+v: %v", test.opts, err)
		}
		if !strings.HasPrefix(err.Error(), test.want) || e.Hint() != test.hint {
			t.Errorf("%+v:\ngot  %s\nhint %s", test.opts, err, e.Hint())
		}
	}
}
