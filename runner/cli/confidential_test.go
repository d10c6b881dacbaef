package cli_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"daybook/ledger"
	"daybook/runner/runnertest"
)

// TestConfidential plants canaries in notes, the environment, a git remote and the
// names of folders, uses every verb that writes, and searches whatever was written,
// but for .daybook/predictions.
//
// Two places hold more by design. The sources of a sweep go to the store as their
// author wrote them: what is written into a .jsonnet is the author's to keep out of
// it, and this sweep says nothing. spec.json, which goes nowhere, tells a worker on
// the same disk where to read, so that it names folders outside the root.
func TestConfidential(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("needs git to make a repository")
	}
	dir := t.TempDir()
	home := filepath.Join(dir, "home-canary")
	root := filepath.Join(home, "project")
	private := filepath.Join(home, "patient-canary")
	for _, d := range []string{root, private, filepath.Join(dir, "tmp"), filepath.Join(dir, "out"), filepath.Join(dir, "reader")} {
		must(t, os.MkdirAll(d, 0o700))
	}
	must(t, runnertest.Write(root))
	must(t, os.Rename(filepath.Join(root, "notes.jsonl"), filepath.Join(private, "notes.jsonl")))
	must(t, os.WriteFile(filepath.Join(root, "sweep.jsonnet"), []byte(`local d = import 'daybook.libsonnet';
d.sweep('tiny', (import 'tiny.libsonnet') + {
  data+: { source: std.extVar('NOTES') },
  train+: { epochs: 1 },
  eval+: { generate: { max_new_tokens: 12 } },
  seed: std.length(std.extVar('EXTRA')),
}, d.rank([4]))
`), 0o600))
	// Nothing reads these, so that their names are nobody's business either.
	for _, name := range []string{"name-canary.txt", "name-canary.png", filepath.Join("name-canary", "more.jsonl"), filepath.Join("scans", "name-canary.csv")} {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o700))
		must(t, os.WriteFile(filepath.Join(root, name), []byte(name), 0o600))
	}
	note, _, _ := bytes.Cut(runnertest.Notes(1), []byte("\n"))
	must(t, os.WriteFile(filepath.Join(private, "n01.json"), note, 0o600))
	environment := append(os.Environ(), "HOME="+home, configHome+"="+filepath.Join(dir, "config"), "TMPDIR="+filepath.Join(dir, "tmp"),
		"GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a@example.org",
		"SERVICE_API_KEY=environment-canary", "EXTRA=argument-canary", "NOTES="+filepath.Join(private, "notes.jsonl"))
	program, err := os.Executable()
	must(t, err)
	// run keeps what a command prints, as somebody who passes it on does.
	run := func(out, program string, args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), program, args...)
		cmd.Args[0], cmd.Dir, cmd.Env = filepath.Base(program), root, environment
		if program != git {
			cmd.Args[0] = "daybook"
		}
		var problems bytes.Buffer
		cmd.Stderr = &problems
		printed, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, problems.Bytes())
		}
		if out != "" {
			must(t, os.WriteFile(filepath.Join(dir, "out", out), printed, 0o600))
		}
	}
	run("", git, "init", "-q")
	run("", git, "remote", "add", "origin", "https://somebody:remote-canary@example.org/project.git")
	run("", git, "add", "sweep.jsonnet", "base")
	run("", git, "commit", "-q", "-m", "first")

	run("table", program, "run", "sweep.jsonnet", "--ext-str", "EXTRA", "--ext-str", "NOTES")
	// While it is open, nobody clears away the write-ahead log.
	l, err := ledger.OpenReadOnly(t.Context(), filepath.Join(root, ".daybook", "ledger.db"), ledger.Options{})
	must(t, err)
	defer func() { must(t, l.Close()) }()
	run("", program, "audit", "tiny@v1", "--sign-off", "approved", "--by", "R. Viewer", "--reason", "checked")
	run("", program, "generate", "tiny@v1", "--max-new-tokens", "4", runnertest.Marker+" 7: warfarin 10 mg PO")
	for _, format := range []string{"text", "markdown", "html", "json"} {
		run("audit."+format, program, "audit", "tiny@v1", "--format", format)
	}
	run("", program, "audit", "tiny@v1", "--bundle", filepath.Join(dir, "out", "audit.zip"))
	for _, format := range []string{"table", "markdown", "json", "csv"} {
		run("report."+format, program, "report", "tiny", "--format", format)
	}
	run("runs.json", program, "runs", "--json")
	run("", program, "ledger", "export", filepath.Join(dir, "out", "export"))
	run("", program, "verify", "--bundle", filepath.Join(dir, "out", "log.zip"))
	run("trained-on.json", program, "trained-on", filepath.Join(private, "n01.json"), "--json", "--proof", filepath.Join(dir, "out", "proof.zip"))
	// Whoever merges the ledger gets no more than is in it.
	run("merged", program, "--root", filepath.Join(dir, "reader"), "ledger", "merge", root)
	texts := generated(t, root)
	look := func() {
		t.Helper()
		for _, d := range []string{filepath.Join(root, ".daybook"), filepath.Join(root, "adapters"), filepath.Join(dir, "config"), filepath.Join(dir, "tmp"), filepath.Join(dir, "out"), filepath.Join(dir, "reader")} {
			searchTree(t, d, texts)
		}
	}
	if info, err := os.Stat(filepath.Join(root, ".daybook", "ledger.db-wal")); err != nil || info.Size() == 0 {
		t.Errorf("there is no write-ahead log to look at: %v", err)
	}
	look()
	run("forgotten", program, "forget", filepath.Join(private, "n01.json"), "--yes")
	look()
}

// canaries are what was planted, and words of the notes.
var canaries = []string{
	runnertest.Marker, "lisinopril", "metformin", "warfarin", "naproxen",
	"environment-canary", "argument-canary", "remote-canary", "home-canary", "patient-canary", "name-canary",
}

// generated returns texts that models answered with, long enough to be no accident.
func generated(tb testing.TB, root string) (texts []string) {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join(root, ".daybook", "predictions", "*.jsonl"))
	must(tb, err)
	for _, path := range files {
		data, err := os.ReadFile(path)
		must(tb, err)
		for line := range bytes.Lines(data) {
			var p struct{ Text *string }
			must(tb, json.Unmarshal(line, &p))
			if p.Text != nil && len(*p.Text) >= 8 && len(strings.Fields(*p.Text)) > 0 {
				texts = append(texts, *p.Text)
			}
		}
	}
	if len(texts) == 0 {
		tb.Fatal("no predictions to look for")
	}
	return texts
}

// searchTree looks for canaries and texts in the names and contents below a folder.
func searchTree(tb testing.TB, top string, texts []string) {
	tb.Helper()
	looked := 0
	must(tb, filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(filepath.Dir(top), path) // both are absolute
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "predictions":
			return fs.SkipDir
		case d.IsDir():
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		looked++
		look := func(name string, data []byte) {
			for _, found := range findings(data, texts) {
				if d.Name() != "spec.json" || found != "home-canary" && found != "patient-canary" {
					tb.Errorf("%s holds %q", name, found)
				}
			}
		}
		look("a name", []byte(rel))
		return layers(rel, data, look)
	}))
	if looked == 0 && filepath.Base(top) != "tmp" {
		tb.Errorf("%s: nothing to look at", top)
	}
}

func findings(data []byte, texts []string) (found []string) {
	for _, want := range [][]string{canaries, texts} {
		for _, c := range want {
			if bytes.Contains(data, []byte(c)) {
				found = append(found, c)
			}
		}
	}
	return found
}

// TestLayers shows that a canary is found wherever it is packed.
func TestLayers(t *testing.T) {
	plain := []byte("something about remote-canary in it")
	var gz, zipFile, table bytes.Buffer
	g := gzip.NewWriter(&gz)
	_, err := g.Write(plain)
	must(t, err)
	must(t, g.Close())
	z := zip.NewWriter(&zipFile)
	w, err := z.Create("inner.gz")
	must(t, err)
	_, err = w.Write(gz.Bytes())
	must(t, err)
	must(t, z.Close())
	p := parquet.NewGenericWriter[struct{ Cell string }](&table, parquet.Compression(&parquet.Zstd))
	_, err = p.Write([]struct{ Cell string }{{strings.Repeat("-", 500)}, {string(plain)}})
	must(t, err)
	must(t, p.Close())
	for name, data := range map[string][]byte{
		"plain": plain, "gzip": gz.Bytes(), "zip": zipFile.Bytes(), "parquet": table.Bytes(),
		"base64": []byte(`{"payload":"` + base64.StdEncoding.EncodeToString(plain) + `"}`),
	} {
		found := 0
		must(t, layers(name, data, func(_ string, data []byte) { found += len(findings(data, nil)) }))
		if found == 0 {
			t.Errorf("%s: not found", name)
		}
	}
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
