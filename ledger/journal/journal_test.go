package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// one of each body, with values that are hard to encode.
func bodies() []Body {
	return []Body{
		Started{Kind: "train", Worker: "w<1>&\u2028", Device: map[string]string{"name": "cpu"}, Engine: map[string]string{}, Parameters: 7, EightBit: 5},
		Step{Step: 1, Epoch: 1, Loss: 0.1 + 0.2, Rate: 1e-320, GradNorm: math.MaxFloat64, Tokens: 10, Targets: 3},
		Checkpoint{Step: 1, Path: "checkpoints/0001"},
		Evaluated{
			Subject: "adapter", Epoch: 1, Split: "test", Set: "s", Metrics: []MetricValue{{Metric: "loss", Version: 1, Num: 1, Value: new(.5)}, {Metric: "f1"}},
			Records: []string{"a"}, Scores: []ScoreColumn{{Metric: "loss", Num: []float64{1}, Den: []float64{2}}},
		},
		Epoch{Epoch: 1, Best: true, Selected: new(0.25)},
		Finished{ChosenEpoch: 1, Tokens: 3},
		Failed{Error: "loss is NaN at step 3", Hint: "lower the learning rate"},
		Interrupted{Step: 2},
	}
}

func create(tb testing.TB) (*Writer, string) {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "journal.jsonl")
	w, err := Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = w.Close() })
	at := noon
	w.Now = func() time.Time { at = at.Add(time.Millisecond); return at }
	return w, path
}

// readAll returns the events of a journal up to its end, and the error there if
// it is not io.EOF.
func readAll(tb testing.TB, path string) (events []Event, torn bool, err error) {
	tb.Helper()
	r, err := Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	return drain(r)
}

func drain(r *Reader) (events []Event, torn bool, err error) {
	defer func() { _ = r.Close() }()
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return events, r.Torn(), nil
		}
		if err != nil {
			return events, r.Torn(), err
		}
		events = append(events, e)
	}
}

func TestRoundTrip(t *testing.T) {
	w, path := create(t)
	for _, b := range bodies() {
		if err := w.Append(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Sync(); err != nil {
		t.Fatal(err)
	}
	events, torn, err := readAll(t, path)
	if err != nil || torn {
		t.Fatal(err, torn)
	}
	var got []Body
	for i, e := range events {
		if e.Seq != i+1 || !e.Time.Equal(noon.Add(time.Duration(i+1)*time.Millisecond)) {
			t.Errorf("event %d: seq %d, time %s", i, e.Seq, e.Time)
		}
		b, err := Decode(e)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, b)
	}
	if diff := cmp.Diff(bodies(), got); diff != "" {
		t.Error(diff)
	}
	if w.Seq() != len(got) {
		t.Errorf("writer is at %d", w.Seq())
	}
}

func TestCreateTwice(t *testing.T) {
	_, path := create(t)
	if _, err := Create(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v", err)
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestAppendRefusesNaN(t *testing.T) {
	w, path := create(t)
	if err := w.Append(Step{Loss: math.NaN()}); err == nil {
		t.Error("NaN was written")
	}
	if err := w.Append(Step{Step: 1}); err != nil {
		t.Errorf("a refused body broke the journal: %v", err)
	}
	if events, _, err := readAll(t, path); len(events) != 1 || err != nil {
		t.Errorf("%d events, %v", len(events), err)
	}
}

func TestAppendAfterClose(t *testing.T) {
	w, _ := create(t)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Append(Interrupted{}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestWritersShare(t *testing.T) {
	w, path := create(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				if err := w.Append(Step{Step: 1}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if events, _, err := readAll(t, path); len(events) != 200 || err != nil {
		t.Errorf("%d events, %v", len(events), err)
	}
}

// TestFollow hands a reader the file byte by byte: it must return each event as
// soon as its line is whole, and io.EOF until then.
func TestFollow(t *testing.T) {
	w, path := create(t)
	for _, b := range bodies() {
		if err := w.Append(b); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	growing := filepath.Join(t.TempDir(), "journal.jsonl")
	file, err := os.Create(growing)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	r, err := Open(growing)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	lines := 0
	for _, c := range data {
		if _, err := file.Write([]byte{c}); err != nil {
			t.Fatal(err)
		}
		_, err := r.Next()
		switch {
		case c == '\n' && err != nil:
			t.Fatalf("line %d: %v", lines+1, err)
		case c == '\n':
			lines++
			if r.Torn() || r.Seq() != lines {
				t.Fatalf("after line %d: torn %t, seq %d", lines, r.Torn(), r.Seq())
			}
		case !errors.Is(err, io.EOF):
			t.Fatalf("in line %d: %v", lines+1, err)
		case !r.Torn():
			t.Fatalf("in line %d: half a line is not reported", lines+1)
		}
	}
	if lines != len(bodies()) {
		t.Errorf("%d lines", lines)
	}
	if err := file.Truncate(10); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); !errors.Is(err, ErrChain) {
		t.Errorf("a file that shrank: %v", err)
	}
}

func TestLongLines(t *testing.T) {
	w, path := create(t)
	v := Evaluated{Subject: "base", Records: make([]string, 5000)}
	for i := range v.Records {
		v.Records[i] = strings.Repeat("a", 64)
	}
	for range 3 {
		if err := errors.Join(w.Append(v), w.Append(Step{Step: 1})); err != nil {
			t.Fatal(err)
		}
	}
	events, _, err := readAll(t, path)
	if len(events) != 6 || err != nil {
		t.Fatalf("%d events, %v", len(events), err)
	}
	for i, e := range events { // the reader's buffer is not the events'
		if _, err := Decode(e); err != nil {
			t.Errorf("event %d: %v", i, err)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	tests := []struct {
		name  string
		event Event
		is    error
	}{
		{"type", Event{Type: "danced", Version: 1, Body: json.RawMessage(`{}`)}, ErrUnknown},
		{"version", Event{Type: "step", Version: 2, Body: json.RawMessage(`{}`)}, ErrUnknown},
		{"field", Event{Type: "step", Version: 1, Body: json.RawMessage(`{"mood":1}`)}, nil},
		{"kind of value", Event{Type: "step", Version: 1, Body: json.RawMessage(`{"loss":"low"}`)}, nil},
		{"number too large", Event{Type: "step", Version: 1, Body: json.RawMessage(`{"loss":1e999}`)}, nil},
		{"two values", Event{Type: "step", Version: 1, Body: json.RawMessage(`{} {}`)}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, err := Decode(tt.event)
			if err == nil || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("got %v, %v", b, err)
			}
		})
	}
}

func TestLineRefuses(t *testing.T) {
	good := Event{Seq: 1, Time: noon, Type: "step", Version: 1, Body: json.RawMessage(`{}`)}
	if _, err := good.Line(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Event){
		"sequence zero":    func(e *Event) { e.Seq = 0 },
		"version zero":     func(e *Event) { e.Version = 0 },
		"first with prev":  func(e *Event) { e.Prev = strings.Repeat("a", 64) },
		"second without":   func(e *Event) { e.Seq = 2 },
		"prev not a hash":  func(e *Event) { e.Seq, e.Prev = 2, `"` },
		"type":             func(e *Event) { e.Type = `a"b` },
		"no type":          func(e *Event) { e.Type = "" },
		"body not JSON":    func(e *Event) { e.Body = json.RawMessage(`{`) },
		"body on 2 lines":  func(e *Event) { e.Body = json.RawMessage("{\n}") },
		"body not UTF-8":   func(e *Event) { e.Body = json.RawMessage("\"\xff\"") },
		"no body":          func(e *Event) { e.Body = nil },
		"year of 5 digits": func(e *Event) { e.Time = time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		t.Run(name, func(t *testing.T) {
			e := good
			change(&e)
			if line, err := e.Line(); err == nil {
				t.Errorf("wrote %s", line)
			}
		})
	}
}

// TestTampering drops, doubles, swaps and edits lines. Each line vouches for the
// one before, so whatever the reader returns, all of it but the last event must
// be what was written; and only an edited or missing last line can go unnoticed,
// which the ledger then knows.
func TestTampering(t *testing.T) {
	w, path := create(t)
	for i := range 6 {
		if err := w.Append(Step{Step: i + 1, Loss: float64(i)}); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	original, _, err := readAll(t, path)
	if err != nil {
		t.Fatal(err)
	}
	forged := filepath.Join(t.TempDir(), "journal.jsonl")
	rapid.Check(t, func(rt *rapid.T) {
		lines := bytes.SplitAfter(bytes.TrimSuffix(bytes.Clone(data), []byte("\n")), []byte("\n"))
		i := rapid.IntRange(0, len(lines)-1).Draw(rt, "line")
		switch rapid.SampledFrom([]string{"drop", "double", "swap", "byte"}).Draw(rt, "change") {
		case "drop":
			lines = append(lines[:i:i], lines[i+1:]...)
		case "double":
			lines = append(lines[:i+1:i+1], lines[i:]...)
		case "swap":
			j := (i + 1) % len(lines)
			lines[i], lines[j] = lines[j], lines[i]
		case "byte":
			k := rapid.IntRange(0, len(lines[i])-1).Draw(rt, "byte")
			lines[i] = bytes.Clone(lines[i])
			lines[i][k] = rapid.Byte().Draw(rt, "value")
		}
		if err := os.WriteFile(forged, append(bytes.Join(lines, nil), '\n'), 0o600); err != nil {
			rt.Fatal(err)
		}
		got, _, err := readAll(t, forged)
		vouched := max(len(got)-1, 0)
		if vouched > 0 && !reflect.DeepEqual(got[:vouched], original[:vouched]) {
			rt.Fatal("an event was returned that is not the one written")
		}
		if err == nil && len(got) < len(original)-1 {
			rt.Fatalf("%d of %d events and no error", len(got), len(original))
		}
		if err != nil && !errors.Is(err, ErrChain) && !strings.Contains(err.Error(), "line") {
			rt.Fatalf("an error without its place: %v", err)
		}
	})
}

func FuzzReader(f *testing.F) {
	var seed bytes.Buffer
	prev := ""
	for i, b := range bodies() {
		data, err := encode(b)
		if err != nil {
			f.Fatal(err)
		}
		line, err := Event{Seq: i + 1, Prev: prev, Time: noon, Type: b.EventType(), Version: 1, Body: data}.Line()
		if err != nil {
			f.Fatal(err)
		}
		prev = digest(line)
		seed.Write(line)
		seed.WriteByte('\n')
		f.Add(bytes.Clone(seed.Bytes()))
	}
	f.Add([]byte("\n"))
	f.Add([]byte(`{"seq":1}`))
	f.Add([]byte(`{"seq":1,"prev":"","time":"2026-03-01T12:00:00Z","type":"step","version":1,"body":{}}` + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := fstest.MapFS{"journal": {Data: data}}.Open("journal")
		if err != nil {
			t.Fatal(err)
		}
		memory, ok := file.(readable)
		if !ok {
			t.Fatalf("%T can't be read at an offset", file)
		}
		events, torn, err := drain(&Reader{file: memory})
		var again []byte
		for _, e := range events { // what is accepted is exactly what is written
			line, err := e.Line()
			if err != nil {
				t.Fatal(err)
			}
			again = append(append(again, line...), '\n')
			_, _ = Decode(e) // it must only not panic
		}
		if !bytes.HasPrefix(data, again) {
			t.Fatalf("read %q from %q", again, data)
		}
		if err == nil && !torn && len(again) != len(data) {
			t.Fatalf("%d of %d bytes read, and nothing said of the rest", len(again), len(data))
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	w, _ := create(b)
	for b.Loop() {
		if err := w.Append(Step{Step: 1, Epoch: 1, Loss: 1.234567, Rate: 1e-4, GradNorm: .5, Tokens: 512, Targets: 100, Seconds: .1}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNext(b *testing.B) {
	w, path := create(b)
	const lines = 2000
	for i := range lines {
		if err := w.Append(Step{Step: i + 1, Epoch: 1, Loss: 1.234567, Rate: 1e-4, GradNorm: .5, Tokens: 512, Targets: 100, Seconds: .1}); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if events, _, err := readAll(b, path); len(events) != lines || err != nil {
			b.Fatal(len(events), err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*lines), "ns/line")
}
