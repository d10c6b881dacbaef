package export

import (
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	_ "github.com/mattn/go-sqlite3" // writes the fixture
	"github.com/parquet-go/parquet-go"

	"daybook/ledger"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fixture opens a copy of the ledger that the first release with a log has written.
func fixture(t *testing.T) *ledger.Ledger {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ledger.db")
	text, err := os.ReadFile("../testdata/v3.sql")
	check(t, err)
	db, err := sql.Open("sqlite3", path)
	check(t, err)
	_, err = db.Exec(string(text))
	check(t, errors.Join(err, db.Close()))
	l, err := ledger.Open(t.Context(), path, ledger.Options{})
	check(t, err)
	t.Cleanup(func() { check(t, l.Close()) })
	return l
}

// printed is a value as CSV has it.
func printed(v any) string {
	if v == nil {
		return ""
	}
	if f, ok := v.(float64); ok {
		data, _ := json.Marshal(f) // finite
		return string(data)
	}
	return fmt.Sprint(v)
}

// TestTables has a row and a column in Parquet and in CSV for each of the views.
func TestTables(t *testing.T) {
	l := fixture(t)
	dir := filepath.Join(t.TempDir(), "out")
	check(t, Write(t.Context(), l, dir, Formats(), nil))
	check(t, l.ReadViews(t.Context(), func(v ledger.View, rows iter.Seq2[[]any, error]) error {
		var names []string
		for _, c := range v.Columns {
			names = append(names, c.Name)
		}
		want := [][]string{names}
		for row, err := range rows {
			check(t, err)
			var line []string
			for _, value := range row {
				line = append(line, printed(value))
			}
			want = append(want, line)
		}
		base := filepath.Join(dir, strings.TrimPrefix(v.Name, "v_"))
		file, err := os.Open(base + ".csv")
		check(t, err)
		got, err := csv.NewReader(file).ReadAll()
		check(t, errors.Join(err, file.Close()))
		for _, line := range got[1:] { // one number, several ways to write it
			for i, c := range v.Columns {
				if c.Kind == ledger.Real && line[i] != "" {
					var f float64
					check(t, json.Unmarshal([]byte(line[i]), &f))
					line[i] = printed(f)
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || len(got) < 2 {
			t.Errorf("%s.csv: %s", v.Name, diff)
		}
		if diff := cmp.Diff(want, readParquet(t, base+".parquet")); diff != "" {
			t.Errorf("%s.parquet: %s", v.Name, diff)
		}
		return nil
	}))

	// What is there is left alone.
	if err := Write(t.Context(), l, dir, Formats(), nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second export: %v", err)
	}
	left, err := os.ReadDir(filepath.Dir(dir))
	check(t, err)
	if len(left) != 1 {
		t.Errorf("beside the export: %v", left)
	}
}

func readParquet(t *testing.T, path string) [][]string {
	t.Helper()
	file, err := os.Open(path)
	check(t, err)
	defer func() { _ = file.Close() }() // read only
	r := parquet.NewReader(file)
	var names []string
	for _, f := range r.Schema().Fields() {
		names = append(names, f.Name())
	}
	out := [][]string{names}
	rows := make([]parquet.Row, 1)
	for {
		n, err := r.ReadRows(rows)
		for _, row := range rows[:n] {
			var line []string
			for _, v := range row {
				switch {
				case v.IsNull():
					line = append(line, "")
				case v.Kind() == parquet.Double:
					line = append(line, printed(v.Double()))
				case v.Kind() == parquet.Int64:
					line = append(line, printed(v.Int64()))
				default:
					line = append(line, string(v.ByteArray()))
				}
			}
			out = append(out, line)
		}
		if errors.Is(err, io.EOF) {
			return out
		}
		check(t, err)
	}
}

// pythonVariable names a Python that has mlflow-skinny 3.4.0.
const pythonVariable = "DAYBOOK_TEST_PYTHON"

// TestMLflow has MLflow itself read what is written for it.
func TestMLflow(t *testing.T) {
	python := os.Getenv(pythonVariable)
	if python == "" {
		t.Skipf("%s names no Python with mlflow-skinny", pythonVariable)
	}
	l := fixture(t)
	dir := filepath.Join(t.TempDir(), "out")
	check(t, Write(t.Context(), l, dir, []Format{MLflow}, nil))
	out, err := exec.CommandContext(t.Context(), python, "testdata/mlflow_runs.py", dir).Output()
	const absent = 77 // by the script
	exit := (*exec.ExitError)(nil)
	if errors.As(err, &exit) && exit.ExitCode() == absent {
		t.Skipf("%s: %s", python, out)
	} else if exit != nil {
		t.Fatalf("%v\n%s", err, exit.Stderr)
	}
	check(t, err)
	var got []struct {
		Experiment, Name, Status string
		Tags, Params             map[string]string
		Metrics                  map[string]float64
		History                  map[string][][2]float64
		Artifacts                []string
	}
	check(t, json.Unmarshal(out, &got))
	runs, err := l.Runs(t.Context(), ledger.RunFilter{Sweep: "clinical"})
	check(t, err)
	if len(got) != len(runs) {
		t.Fatalf("MLflow finds %d runs, want %d", len(got), len(runs))
	}
	for _, g := range got {
		r, err := l.Run(t.Context(), g.Tags["daybook.run"])
		check(t, err)
		if g.Experiment != "clinical" || g.Status != "FINISHED" || len(g.Artifacts) != 1 || r.Kind == ledger.Train && len(g.Params) == 0 || g.Tags["mlflow.source.git.commit"] == "" {
			t.Errorf("run %s: %+v", r.Key, g)
		}
		for _, c := range r.Axes {
			if g.Params["axis."+c.Axis] != c.Label {
				t.Errorf("run %s: axis %s is %q, want %q", r.Key, c.Axis, g.Params["axis."+c.Axis], c.Label)
			}
		}
		steps, err := l.Steps(t.Context(), r.Key)
		check(t, err)
		var want [][2]float64
		for _, s := range steps {
			want = append(want, [2]float64{float64(s.Step.Step), s.Loss})
		}
		if diff := cmp.Diff(want, g.History["train/loss"]); diff != "" {
			t.Errorf("run %s: loss: %s", r.Key, diff)
		}
		evaluations, err := l.Evaluations(t.Context(), ledger.EvaluationFilter{Run: r.Key, Evaluation: r.Evaluation})
		check(t, err)
		if len(evaluations) == 0 {
			t.Errorf("run %s: no evaluations", r.Key)
		}
		for _, e := range evaluations {
			for _, m := range e.Metrics {
				name := e.Split + "/" + m.Metric
				if m.By != "" || m.Value == nil {
					continue
				}
				found := false
				for _, point := range g.History[name] {
					found = found || point == [2]float64{float64(e.Epoch), *m.Value}
				}
				if !found {
					t.Errorf("run %s: %s: %v lacks %g at epoch %d", r.Key, name, g.History[name], *m.Value, e.Epoch)
				}
			}
		}
	}
}
