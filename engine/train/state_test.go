package train

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"daybook/engine"
)

// FuzzParseState holds that no state.json makes a run go on from a place that
// its order doesn't have, and that what is accepted is written back as it was.
func FuzzParseState(f *testing.F) {
	half := 0.5
	good := file{Format: formatVersion, Numerics: "cpu/float32/1", Files: map[string]string{"a": "b"}, State: state{
		Step: 3, Epoch: 2, Window: 1, Tokens: 12, EpochNLL: 1.25, EpochTargets: 4, Best: 1,
		History: []epochState{{Epoch: 1, Path: "epoch-001", TrainLoss: 2.5, Metrics: map[string]*float64{"loss": &half, "f1": nil}}},
	}}
	data, err := json.Marshal(good)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(strings.Replace(string(data), `"epoch":2`, `"epoch":-1`, 1)))
	f.Add([]byte(strings.Replace(string(data), `"window":1`, `"window":99`, 1)))
	f.Add([]byte(strings.Replace(string(data), "epoch-001", "../../etc", 1)))
	f.Add([]byte(`{"format":2}`))
	f.Add([]byte(`{`))
	order, err := NewOrder(context.Background(), engine.Training{Epochs: 3, BatchSize: 1, GradAccum: 2, MaxSeqLen: 9}, lengths(1, 2, 3, 4))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := parseState(data)
		if err != nil {
			return
		}
		again, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		back, err := parseState(again)
		if err != nil || !reflect.DeepEqual(back, got) {
			t.Fatalf("%s came back as %+v, %v", again, back, err)
		}
		s := got.State
		if s.check(order) != nil {
			return
		}
		done := s.Window
		for i, h := range s.History {
			done += len(order.Epochs[i])
			if filepath.Base(h.Path) != h.Path || !strings.HasPrefix(h.Path, "epoch-") {
				t.Errorf("path %q accepted", h.Path)
			}
		}
		if s.Step != done || s.Step > order.Steps || s.Best > len(s.History) {
			t.Errorf("%+v accepted", s)
		}
	})
}

func TestWriteFolderIsWholeOrAbsent(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	write := func(content string, fail error) error {
		return writeFolder(path, func(tmp string) error {
			if err := os.WriteFile(filepath.Join(tmp, content), []byte(content), 0o600); err != nil {
				return err
			}
			if _, err := os.Stat(filepath.Join(path, content)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s is visible before it is complete", content)
			}
			return fail
		})
	}
	full := errors.New("disk full")
	if err := write("first", full); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
	if names, err := list(dir); err != nil || len(names) != 0 {
		t.Errorf("a failed write left %v, %v", names, err)
	}
	for _, name := range []string{"first", "second"} {
		if err := write(name, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := write("third", full); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
	entries, err := os.ReadDir(path)
	if err != nil || len(entries) != 1 || entries[0].Name() != "second" {
		t.Errorf("folder holds %v, %v; want second alone", entries, err)
	}
}
