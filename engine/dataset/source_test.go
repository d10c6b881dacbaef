package dataset

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func write(tb testing.TB, name, text string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// What each shape says, as role and content in turn.
func TestShapes(t *testing.T) {
	for _, c := range []struct {
		name, line string
		fields     Fields
		want       string
	}{
		{"messages", `{"messages":[{"role":"user","content":"Q"},{"role":"assistant","content":"A"}]}`, Fields{}, "user Q|assistant A"},
		{"ShareGPT", `{"conversations":[{"from":"system","value":"S"},{"from":"human","value":"Q"},{"from":"gpt","value":"A"}]}`, Fields{}, "system S|user Q|assistant A"},
		{"prompt", `{"prompt":"Q","completion":"A","n":1}`, Fields{}, "user Q|assistant A"},
		{"prompt of messages", `{"prompt":[{"role":"system","content":"S"},{"role":"user","content":"Q"}],"completion":[{"role":"assistant","content":"A"}]}`, Fields{}, "system S|user Q|assistant A"},
		{"instruction", `{"instruction":"Q","input":"I","output":"A"}`, Fields{}, "user Q\n\nI|assistant A"},
		{"instruction without input", `{"instruction":"Q","input":"","output":"A","system":"S"}`, Fields{}, "system S|user Q|assistant A"},
		{"instruction and no input", `{"instruction":"Q","output":"A","system":null}`, Fields{}, "user Q|assistant A"},
		{"text", `{"text":"T"}`, Fields{}, "text T"},
		{"messages before text", `{"text":"T","messages":[{"role":"user","content":"Q"},{"role":"assistant","content":"A"}]}`, Fields{}, "user Q|assistant A"},
		{"named", `{"question":"Q","answer":"A","context":"I","prompt":"x","completion":"y"}`, Fields{Prompt: "question", Completion: "answer", Input: "context"}, "user Q\n\nI|assistant A"},
		{"named messages", `{"chat":[{"who":"human","says":"Q"},{"who":"gpt","says":"A"}]}`, Fields{Messages: "chat", Role: "who", Content: "says"}, "user Q|assistant A"},
		{"named text", `{"body":"T"}`, Fields{Text: "body"}, "text T"},
		{"no answer", `{"prompt":"Q","completion":" "}`, Fields{}, `nothing to train on: "completion" is empty`},
		{"no text", `{"text":" "}`, Fields{}, `nothing to train on: "text" is empty`},
		{"named and absent", `{"prompt":"Q","completion":"A"}`, Fields{Prompt: "question", Completion: "answer"}, `bad messages: the record has no "question"`},
		{"not a string", `{"prompt":7,"completion":"A"}`, Fields{}, `bad messages: "prompt" is a number, not a string`},
		{"completion of a user", `{"prompt":"Q","completion":[{"role":"user","content":"A"}]}`, Fields{}, "nothing to train on: there is no assistant message"},
		{"half a shape", `{"prompt":"Q"}`, Fields{}, `bad messages: the keys "prompt" make no known shape`},
		{"too many fields", `{}`, Fields{Messages: "a", Text: "b"}, "impossible rule: fields name messages, or prompt and completion, or text"},
		{"prompt alone", `{}`, Fields{Prompt: "a"}, "impossible rule: fields name messages, or prompt and completion, or text"},
		{"completion alone", `{}`, Fields{Completion: "a"}, "impossible rule: prompt and completion come together"},
		{"text and input", `{}`, Fields{Text: "a", Input: "b"}, "impossible rule: input and system go with prompt and completion"},
		{"text and role", `{}`, Fields{Text: "a", Role: "b"}, "impossible rule: role and content are fields of messages"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := OpenAll([]Source{{Path: write(t, "a.jsonl", c.line), Fields: c.fields}})
			if err != nil {
				if !strings.HasSuffix(err.Error(), c.want) {
					t.Fatalf("error %v, want %s", err, c.want)
				}
				return
			}
			var got []string
			for _, turn := range turnsOf(t, &d.Records[0]) {
				got = append(got, turn.Role+" "+turn.Content)
			}
			if s := strings.Join(got, "|"); s != c.want {
				t.Errorf("says %s, want %s", s, c.want)
			}
		})
	}
}

// An example in another shape, or in another format, has the same content; and
// what its answer is does not show in what orders a split.
func TestIdentitiesAcrossShapes(t *testing.T) {
	messages := read(t, `{"messages":[{"role":"user","content":"Q"},{"role":"assistant","content":"A"}]}`).Records[0]
	for _, c := range []struct{ name, text, other string }{
		{"a.jsonl", `{"prompt":"Q","completion":"A"}`, `{"prompt":"Q","completion":"B"}`},
		{"a.jsonl", `{"instruction":"Q","output":"A"}`, `{"instruction":"Q","output":"B"}`},
		{"a.jsonl", `{"conversations":[{"from":"human","value":"Q"},{"from":"gpt","value":"A"}]}`, `{"conversations":[{"from":"human","value":"Q"},{"from":"gpt","value":"B"}]}`},
		{"a.json", "[\n  {\"prompt\": \"Q\", \"completion\": \"A\"}\n]\n", `[{"prompt":"Q","completion":"B"}]`},
		{"a.csv", "prompt,completion\nQ,A\n", "prompt,completion\nQ,B\n"},
		{"a.tsv", "\xef\xbb\xbfcompletion\tprompt\r\nA\tQ\r\n", "completion\tprompt\nB\tQ"},
	} {
		d, err := Open(write(t, c.name, c.text))
		if err != nil {
			t.Fatal(err)
		}
		e, err := Open(write(t, c.name, c.other))
		if err != nil {
			t.Fatal(err)
		}
		r, s := d.Records[0], e.Records[0]
		if r.ContentID != messages.ContentID || r.PromptID != messages.PromptID || r.ID == messages.ID && c.name != "a.jsonl" {
			t.Errorf("%s has another content", c.text)
		}
		if s.ContentID == r.ContentID || s.ID == r.ID || s.PromptID != r.PromptID || s.BlankID != r.BlankID {
			t.Errorf("%s and %s differ in more than the answer", c.text, c.other)
		}
	}
}

func TestFormatErrors(t *testing.T) {
	for _, c := range []struct {
		name, text string
		is         error
		says       string
	}{
		{"a.csv", "", ErrEmpty, "a.csv: holds no records"},
		{"a.csv", "prompt,completion\n", ErrEmpty, "holds no records"},
		{"a.csv", "prompt,prompt\nQ,A\n", ErrDuplicateKey, `a.csv:1: duplicate key "prompt"`},
		{"a.csv", "prompt,completion\nQ,A\nQ\n", ErrNotCSV, "a.csv:3:1: not CSV: wrong number of fields"},
		{"a.csv", "prompt,completion\nQ,A\"B\n", ErrNotCSV, "a.csv:2:4: not CSV: bare"},
		{"a.csv", "prompt,completion\n\"Q\n\nQ\",A\nQ,\xff\n", ErrEncoding, `a.csv:5: not valid UTF-8 in column "completion"`},
		{"a.csv", "prompt,completion\nQ,\n", ErrMessages, `a.csv:2: bad messages: "completion" is null`},
		{"a.csv", "a,b\n1,2\n", ErrMessages, `a.csv:2: bad messages: the keys "a", "b" make no known shape`},
		{"a.csv", "question;answer\nWhat?;This.\n", ErrNotCSV, `a.csv:1: not CSV: its columns are separated by ';', not by ','`},
		{"a.csv", "question;answer\nWhat, then?;This.\n", ErrNotCSV, `a.csv:1: not CSV: its columns are separated by ';', not by ','`},
		{"a.parquet", "<html>", ErrNotParquet, "a.parquet: not Parquet: it does not begin with PAR1"},
		{"a.json", "[]", ErrEmpty, "holds no records"},
		{"a.json", "[{}]", ErrMessages, "a.json:1:2: bad messages"},
		{"a.json", "[\n" + good + ",\n  {\"a\":\n   oops}]", ErrNotJSON, "a.json:4:4: not JSON: 'o' where a value should be"},
		{"a.json", "[" + good + " " + good + "]", ErrNotJSON, "'{' where ',' or ']' should be"},
		{"a.json", "[" + good + ",]", ErrNotJSON, "']' where a value should be"},
		{"a.json", "[" + good + "] x", ErrNotJSON, "'x' after the array"},
		{"a.json", "[" + good, ErrNotJSON, "the array never ends"},
		{"a.json", "[" + good + ",\n7]", ErrNotObject, "a.json:2:1: record is not an object but a number"},
		{"a.parquet", "PAR1PAR1", ErrNotParquet, "a.parquet: not Parquet"},
	} {
		_, err := Open(write(t, c.name, c.text))
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: error %v, want %q", c.text, err, c.says)
		}
	}
	for name, says := range map[string]string{
		"decimal": `column can't be read: "decimal": values of type DECIMAL`,
		"large":   `1: column can't be read: "large": number can't be kept exactly: integer beyond 2^53`,
		"binary":  `1: column can't be read: "binary": not valid UTF-8`,
	} {
		if _, err := Open("testdata/" + name + ".parquet"); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: error %v, want %q", name, err, says)
		}
	}
}

// Parquet files hold what PyArrow put into them.
func TestParquetSameAsPyArrow(t *testing.T) {
	want, err := Open("testdata/rows.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"snappy", "zstd", "plain"} {
		got, err := Open("testdata/" + name + ".parquet")
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Records) != len(want.Records) {
			t.Fatalf("%s: %d records, want %d", name, len(got.Records), len(want.Records))
		}
		for i := range got.Records {
			g, w := &got.Records[i], &want.Records[i]
			if diff := cmp.Diff(fieldsOf(w), fieldsOf(g)); diff != "" {
				t.Fatalf("%s: row %d:\n%s", name, i+1, diff)
			}
			if g.ID != w.ID || g.ContentID != w.ContentID || g.Line != i+1 {
				t.Fatalf("%s: row %d has another identity", name, i+1)
			}
		}
	}
}

// A shard without rows is no fault of a pattern, and nothing to train on by itself.
func TestParquetWithoutRows(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"empty", "snappy"} {
		data, err := os.ReadFile("testdata/" + name + ".parquet")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".parquet"), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d, err := Open(filepath.Join(dir, "*.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Files) != 2 || d.Files[0].Records != 0 || d.Files[1].Records != 150 || d.Files[0].Digest == [32]byte{} {
		t.Errorf("files %+v", d.Files)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	empty := filepath.Join(dir, "empty.parquet")
	if _, err := Open(empty); !errors.Is(err, ErrEmpty) || errors.Is(err, ErrNotParquet) {
		t.Errorf("by itself: %v", err)
	}
	data, err := os.ReadFile(empty)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Read("empty.parquet", bytes.NewReader(data)); !errors.Is(err, ErrEmpty) {
		t.Errorf("as a stream: %v", err)
	}
}

// Records of large files are read again from disk, and are the same.
func TestRecordsReadAgain(t *testing.T) {
	long := strings.Repeat("x", longField+1)
	files := map[string]string{
		"a.jsonl": "\xef\xbb\xbf" + good + "\n\n" + `{"id":"é","long":"` + long + `","prompt":"Q2","completion":"A2"}` + "\r\n" + good,
		"a.json":  "[" + good + ",\n {\"id\":\"é\",\"long\":\"" + long + "\",\"prompt\":\"Q2\",\"completion\":\"A2\"} , " + good + "]",
		"a.csv":   "id,long,prompt,completion\n1,2,Q,A\n\n\"é\"," + long + ",Q2,\"A2\"\n3,4,Q,A\n",
	}
	paths := []string{"testdata/snappy.parquet"}
	for name, text := range files {
		paths = append(paths, write(t, name, text))
	}
	for _, path := range paths {
		whole, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		before := inMemory
		inMemory = 0
		d, err := Open(path)
		inMemory = before
		if err != nil {
			t.Fatal(err)
		}
		order := []int{len(d.Records) - 1, 0, 1, 2}
		order = append(order, d.All()...)
		for _, i := range order {
			r, w := &d.Records[i], &whole.Records[i]
			if r.turns != nil {
				t.Fatalf("%s: record %d is in memory", path, i)
			}
			if diff := cmp.Diff(turnsOf(t, w), turnsOf(t, r)); diff != "" {
				t.Errorf("%s: record %d: %s", path, i, diff)
			}
			if diff := cmp.Diff(fieldsOf(w), fieldsOf(r)); diff != "" {
				t.Errorf("%s: record %d: %s", path, i, diff)
			}
		}
		if v, ok := d.Records[1].Field("long"); filepath.Base(path)[0] == 'a' && (v != long || !ok) {
			t.Errorf("%s: the long field is %v", path, v)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestChangedFile(t *testing.T) {
	path := write(t, "a.jsonl", good+"\n"+good)
	inMemory = 0
	defer func() { inMemory = 64 << 20 }()
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close() //nolint:errcheck // nothing was written
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(good, `"A"`, `"B"`)), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range d.Records {
		if _, err := d.Records[i].Turns(); !errors.Is(err, ErrChanged) || !strings.Contains(err.Error(), fmt.Sprintf("a.jsonl:%d: ", i+1)) {
			t.Errorf("record %d of a changed file: %v", i, err)
		}
	}
}

func TestSources(t *testing.T) {
	dir := t.TempDir()
	line := func(i int, license string) string {
		return fmt.Sprintf(`{"prompt":"Q%d","completion":"A","license":%s}`+"\n", i, license)
	}
	for name, text := range map[string]string{"b.jsonl": line(1, `"MIT"`) + line(2, `null`), "a.jsonl": line(3, `"MIT"`), "c.csv": "prompt,completion\nQ4,A\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pattern := Source{Path: filepath.Join(dir, "*.jsonl"), Terms: map[string]Term{"license": {Field: "license"}, "consent": {Text: "broad"}}}
	d, err := OpenAll([]Source{pattern, {Path: filepath.Join(dir, "c.csv")}})
	if err != nil {
		t.Fatal(err)
	}
	var places []string
	for i := range d.Records {
		places = append(places, filepath.Base(d.Records[i].Place()))
	}
	if diff := cmp.Diff([]string{"a.jsonl:1", "b.jsonl:1", "b.jsonl:2", "c.csv:2"}, places); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]map[string]int{"license": {"MIT": 1, "": 1}, "consent": {"broad": 2}}, d.Files[1].Terms); diff != "" {
		t.Error(diff)
	}
	alone, err := Open(filepath.Join(dir, "a.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if d.Files[0].Digest != alone.Digest || d.Digest == alone.Digest || d.Bytes != d.Files[0].Bytes+d.Files[1].Bytes+d.Files[2].Bytes {
		t.Error("digests or sizes do not add up")
	}
	swapped, err := OpenAll([]Source{{Path: filepath.Join(dir, "c.csv")}, pattern})
	if err != nil || swapped.Digest == d.Digest {
		t.Errorf("the order of files does not show, %v", err)
	}
	for says, sources := range map[string][]Source{
		"no file matches":              {{Path: filepath.Join(dir, "*.parquet")}},
		"file is named twice":          {pattern, {Path: filepath.Join(dir, "b.jsonl")}},
		"no such file":                 {{Path: filepath.Join(dir, "d.jsonl")}},
		"the field \"license\" of the": {{Path: write(t, "x.jsonl", `{"text":"t","license":7}`), Terms: map[string]Term{"license": {Field: "license"}}}},
		"holds no records":             nil,
		"syntax error in pattern":      {{Path: "[a-"}},
	} {
		if sources == nil && says != "holds no records" {
			continue
		}
		if _, err := OpenAll(sources); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v, want one with %q", err, says)
		}
	}
}

func TestSplitSameAsHuggingFace(t *testing.T) {
	data, err := os.ReadFile("testdata/splits.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Permutation []int `json:"permutation"`
		Splits      []struct {
			N                             int
			Count                         int
			Fraction                      float64
			Seed                          uint64
			Test, Train, Validation, Rest string
		} `json:"splits"`
	}
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.Permutation, newPCG64(42).permutation(20)); diff != "" {
		t.Error(diff)
	}
	for _, c := range want.Splits {
		pool := make([]int, c.N)
		for i := range pool {
			pool[i] = i
		}
		test, train := trainTestSplit(pool, Rule{Count: c.Count, Fraction: c.Fraction, Seed: c.Seed})
		if short(t, test) != c.Test || short(t, train) != c.Train {
			t.Errorf("%d rows, %d or %v, seed %d: other sides", c.N, c.Count, c.Fraction, c.Seed)
		}
		if c.Validation == "" {
			continue
		}
		validation, rest := trainTestSplit(train, Rule{Fraction: 0.2, Seed: c.Seed + 1})
		if short(t, validation) != c.Validation || short(t, rest) != c.Rest {
			t.Errorf("%d rows, %d or %v, seed %d: other sides the second time", c.N, c.Count, c.Fraction, c.Seed)
		}
	}
}

// short is the digest that make_fixtures.py writes.
func short(tb testing.TB, rows []int) string {
	tb.Helper()
	data, err := json.Marshal(rows)
	if err != nil {
		tb.Fatal(err)
	}
	return hexOf(data)[:16]
}

func TestHuggingFacePartition(t *testing.T) {
	var text bytes.Buffer
	for i := range 40 {
		fmt.Fprintf(&text, `{"prompt":"Q%d","completion":"A","n":%d}`+"\n", i%30, i)
	}
	d := read(t, text.String())
	p, err := Split(d, SplitConfig{HuggingFace: true, Test: Rule{Fraction: 0.21, Seed: 3}, Validation: Rule{Count: 5, Seed: 4}})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Test) != 9 || len(p.Validation) != 5 || len(p.Train) != 26 || p.Duplicates != 10 || p.Leaked == 0 || p.Groups != 40 {
		t.Errorf("%+v", p)
	}
	for says, cfg := range map[string]SplitConfig{
		"group_by: ":                {GroupBy: "n"},
		"test.where: ":              {Test: Rule{Count: 1, Where: map[string]any{"n": 1.0}}},
		"none would be left of 40":  {Test: Rule{Count: 40}},
		"validation: impossible":    {Validation: Rule{Count: 1, Fraction: 0.5}},
		"41 wanted, 40 match":       {Test: Rule{Count: 41}},
		"5 wanted, and none would ": {Test: Rule{Count: 35}, Validation: Rule{Count: 5}},
	} {
		cfg.HuggingFace = true
		if _, err := Split(d, cfg); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v, want one with %q", err, says)
		}
	}
}

// An index is about as large for long records as for short ones.
func TestIndexMemory(t *testing.T) {
	before := inMemory
	inMemory = 0
	defer func() { inMemory = before }()
	const records, most = 4000, 600 // bytes a record
	for _, length := range []int{100, 4000} {
		path := filepath.Join(t.TempDir(), "data.jsonl")
		var text []byte
		for i := range records {
			text = fmt.Appendf(text, `{"id":"note-%d","quality":"clean","messages":[{"role":"user","content":"%d %s"},{"role":"assistant","content":"yes"}]}`+"\n", i, i, strings.Repeat("x", length))
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		d, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if got := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / records; got > most {
			t.Errorf("%d bytes for a record of %d, want %d at most", got, length, most)
		}
		if turns := turnsOf(t, &d.Records[records-1]); len(turns[0].Content) != length+len("3999 ") {
			t.Errorf("the last record is %v", turns)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkIndex indexes a million records and reports the memory of the index
// and the time of all threads, which a busy machine leaves alone.
func BenchmarkIndex(b *testing.B) {
	path := filepath.Join(b.TempDir(), "million.jsonl")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	const records = 1_000_000
	note := strings.Repeat(`Pt is a 67 y/o with \"CHF\" on lisinopril 10 mg PO daily.\n`, 5)
	var line []byte
	for i := range records {
		line = fmt.Appendf(line[:0], `{"id":"note-%d","patient":"p%d","quality":"clean","messages":[{"role":"user","content":"%d %s"},{"role":"assistant","content":"{\"medications\":[%d]}"}]}`+"\n", i, i/3, i, note, i)
		if _, err := f.Write(line); err != nil {
			b.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		begin := cpuTime()
		d, err := Open(path)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric((cpuTime() - begin).Seconds(), "cpu-s")
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/records, "B/record")
		b.SetBytes(d.Bytes)
		if err := d.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func hexOf(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }
