package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"daybook/engine"
)

const good = `{"messages":[{"role":"user","content":"Q"},{"role":"assistant","content":"A"}]}`

func read(tb testing.TB, text string) *Dataset {
	tb.Helper()
	d, err := Read("notes.jsonl", strings.NewReader(text))
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

func turnsOf(tb testing.TB, r *Record) []engine.Turn {
	tb.Helper()
	turns, err := r.Turns()
	if err != nil {
		tb.Fatal(err)
	}
	return turns
}

func fieldsOf(r *Record) map[string]any {
	m := map[string]any{}
	for _, f := range r.fields {
		m[*f.name], _ = r.key(*f.name)
	}
	return m
}

func TestOpen(t *testing.T) {
	text := "\xef\xbb\xbf" + `{"id":"n1","tags":{"quality":"clean"},"n":2.50,"messages":[{"role":"system","content":"S"},{"role":"user","content":"Q"},{"role":"assistant","content":"A","name":null}]}` +
		"\r\n\n  \n" + good // no line feed at the end
	path := filepath.Join(t.TempDir(), "notes.jsonl")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if d.Path != path || d.Bytes != int64(len(text)) || d.Digest != sha256.Sum256([]byte(text)) {
		t.Errorf("got %s, %d bytes, digest %x", d.Path, d.Bytes, d.Digest)
	}
	if len(d.Records) != 2 {
		t.Fatalf("got %d records, want 2", len(d.Records))
	}
	r := d.Records[0]
	wantTurns := []engine.Turn{{Role: "system", Content: "S"}, {Role: "user", Content: "Q"}, {Role: "assistant", Content: "A"}}
	if diff := cmp.Diff(wantTurns, turnsOf(t, &r)); diff != "" {
		t.Error(diff)
	}
	wantFields := map[string]any{"id": "n1", "tags": map[string]any{"quality": "clean"}, "n": 2.5}
	if diff := cmp.Diff(wantFields, fieldsOf(&r)); diff != "" {
		t.Error(diff)
	}
	if v, ok := r.Field("tags.quality"); v != "clean" || !ok {
		t.Errorf("tags.quality is %v, %v", v, ok)
	}
	if r.Name() != "n1" || r.Line != 1 || r.Index != 0 {
		t.Errorf("got name %s, line %d, index %d", r.Name(), r.Line, r.Index)
	}
	last := d.Records[1]
	if last.Line != 4 || last.Index != 1 || last.Name() != hex.EncodeToString(last.ID[:6]) {
		t.Errorf("got name %s, line %d, index %d", last.Name(), last.Line, last.Index)
	}
	if want := sha256.Sum256([]byte(`{"messages":[{"content":"Q","role":"user"},{"content":"A","role":"assistant"}]}`)); last.ID != want {
		t.Error("record ID is not SHA-256 of the canonical JSON")
	}
}

func TestReadErrors(t *testing.T) {
	long := `{"messages":"` + strings.Repeat("x", maxLine) + `"}`
	tests := []struct {
		name, text string
		is         error
		place      string // line:column
		says       string
	}{
		{"empty", "", ErrEmpty, "0:0", "holds no records"},
		{"blank", "\n \n", ErrEmpty, "0:0", "holds no records"},
		{"not JSON", good + "\n" + `{"a": oops}`, ErrNotJSON, "2:7", "'o' where a value should be"},
		{"after a BOM", "\xef\xbb\xbf{x", ErrNotJSON, "1:5", "'x' where a quoted key"},
		{"cut off", good + "\n" + `{"messages":[{"role":"us`, ErrNotJSON, "2:22", "never ends"},
		{"cut off between tokens", `{"a":[1,`, ErrNotJSON, "1:9", "line ends where a value should be"},
		{"two on a line", good + " " + good, ErrNotJSON, "1:81", "after the record"},
		{"NaN", `{"a":NaN}`, ErrNotJSON, "1:6", "where a value should be"},
		{"trailing comma", `{"a":1,}`, ErrNotJSON, "1:8", "a quoted key"},
		{"single quotes", `{'a':1}`, ErrNotJSON, "1:2", "a quoted key"},
		{"missing colon", `{"a" 1}`, ErrNotJSON, "1:6", "':'"},
		{"raw control character", "{\"a\":\"x\ty\"}", ErrNotJSON, "1:8", "byte 0x9 inside a string"},
		{"bad escape", `{"a":"\x"}`, ErrNotJSON, "1:7", `unknown escape \x`},
		{"half escape", `{"a":"\`, ErrNotJSON, "1:7", "inside an escape"},
		{"short unicode escape", `{"a":"\u12"}`, ErrNotJSON, "1:7", "four hex digits"},
		{"lone surrogate", `{"a":"\ud800x"}`, ErrEncoding, "1:7", "surrogate"},
		{"leading zero", `{"a":01}`, ErrNotJSON, "1:6", "malformed number"},
		{"bare point", `{"a":1.}`, ErrNotJSON, "1:6", "malformed number"},
		{"bare exponent", `{"a":1e}`, ErrNotJSON, "1:6", "malformed number"},
		{"deep", strings.Repeat("[", 300) + strings.Repeat("]", 300), ErrNotJSON, "1:258", "deeper than 256"},
		{"array that never ends", strings.Repeat("[", 300), ErrNotJSON, "1:0", "never ends"},
		{"deep object", strings.Repeat(`{"a":`, 300), ErrNotJSON, "1:1281", "deeper than 256"},
		{"integer", `{"a":9007199254740993}`, ErrNumber, "1:6", "integer beyond 2^53"},
		{"negative integer", `{"a":-9007199254740993}`, ErrNumber, "1:6", "integer beyond 2^53"},
		{"long integer", `{"a":123456789012345678901234567890}`, ErrNumber, "1:6", "integer beyond 2^53"},
		{"integer as a float", `{"a":1e17}`, ErrNumber, "1:6", "integer beyond 2^53"},
		{"out of range", `{"a":1e400}`, ErrNumber, "1:6", "64-bit float"},
		{"duplicate key", `{"a":1,"b":2,"a":3}`, ErrDuplicateKey, "1:14", `duplicate key "a"`},
		{"duplicate key by escape", `{"b":{"a":1,"\u0061":3}}`, ErrDuplicateKey, "1:13", `duplicate key "a"`},
		{"invalid UTF-8", good + "\n{\"a\":\"x\xffy\"}", ErrEncoding, "2:8", "not valid UTF-8"},
		{"not an object", good + "\n 7", ErrNotObject, "2:1", "but a number"},
		{"an array", good + "\n[1]", ErrNotObject, "2:1", "but an array"},
		{"LFS pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", ErrNotData, "1:0", "Git LFS pointer"},
		{"gzip", "\x1f\x8b\x08\x00", ErrNotData, "1:0", "gzip"},
		{"UTF-16", "\xff\xfe{\x00", ErrNotData, "1:0", "UTF-16"},
		{"Parquet", "PAR1\x00", ErrNotParquet, "0:0", "not Parquet"},
		{"long line", good + "\n" + long, ErrLineTooLong, "2:0", "over 16 MiB"},
		{"no messages", `{"question":"p","answer":"c"}`, ErrMessages, "1:1", `the keys "answer", "question"`},
		{"empty object", `{}`, ErrMessages, "1:1", "there are none"},
		{"messages not a list", `{"messages":"hi"}`, ErrMessages, "1:2", "is a string, not an array"},
		{"message not an object", `{"messages":["hi"]}`, ErrMessages, "1:2", "messages[0] is a string"},
		{"no role", `{"messages":[{"content":"x"}]}`, ErrMessages, "1:15", `messages[0] has no "role"`},
		{"no content", `{"messages":[{"role":"user"}]}`, ErrMessages, "1:15", `messages[0] has no "content"`},
		{"content of parts", `{"messages":[{"role":"user","content":[]}]}`, ErrMessages, "1:29", "content is an array, not a string"},
		{"unknown role", `{"messages":[{"role":"human","content":"x"}]}`, ErrMessages, "1:15", `unknown role "human"`},
		{"more than content", `{"messages":[{"role":"assistant","content":"x","tool_calls":[1]}]}`, ErrMessages, "1:48", `key "tool_calls"`},
		{"no turns", `{"messages":[]}`, ErrNoAssistant, "1:2", "there are no messages"},
		{"no assistant", `{"messages":[{"role":"user","content":"x"}]}`, ErrNoAssistant, "1:2", "no assistant message"},
		{
			"assistant not last", `{"messages":[{"role":"assistant","content":"x"},{"role":"user","content":"x"}]}`,
			ErrNoAssistant, "1:2", "the last message is not the assistant's",
		},
		{"empty answer", `{"messages":[{"role":"assistant","content":" \n"}]}`, ErrNoAssistant, "1:34", "messages[0].content is empty"},
		{"empty answer, keys turned round", `{"messages":[{"content":"","role":"assistant"}]}`, ErrNoAssistant, "1:15", "messages[0].content is empty"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d, err := Read("notes.jsonl", strings.NewReader(test.text))
			if err == nil {
				t.Fatalf("no error, %d records", len(d.Records))
			}
			var e *Error
			if !errors.As(err, &e) || !errors.Is(err, test.is) {
				t.Fatalf("got %T %v, want *Error wrapping %v", err, err, test.is)
			}
			if place := fmt.Sprintf("%d:%d", e.Line, e.Column); place != test.place {
				t.Errorf("place is %s, want %s", place, test.place)
			}
			if !strings.Contains(err.Error(), test.says) || !strings.HasPrefix(err.Error(), "notes.jsonl:") {
				t.Errorf("says %q, want %q in it", err, test.says)
			}
			if e.Hint() == "" && !errors.Is(err, ErrNotJSON) {
				t.Error("no hint")
			}
		})
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	_, err := Open(filepath.Join(dir, "absent.jsonl"))
	var e *Error
	if !errors.As(err, &e) || !errors.Is(err, fs.ErrNotExist) || e.Hint() == "" {
		t.Errorf("missing file: got %v", err)
	}
	if strings.Count(err.Error(), "absent.jsonl") != 1 {
		t.Errorf("the path is not there once: %v", err)
	}
	for _, path := range []string{dir, os.DevNull} {
		if _, err = Open(path); !errors.As(err, &e) || !errors.Is(err, ErrNotFile) || e.Hint() == "" {
			t.Errorf("%s: got %v", path, err)
		}
	}
}

type brokenReader struct{ good io.Reader }

var errDisk = errors.New("input/output error")

func (b brokenReader) Read(p []byte) (int, error) {
	n, err := b.good.Read(p)
	if errors.Is(err, io.EOF) {
		err = errDisk
	}
	return n, err
}

func TestReadBroken(t *testing.T) {
	_, err := Read("notes.jsonl", brokenReader{strings.NewReader(good + "\n" + good[:20])})
	var e *Error
	if !errors.As(err, &e) || e.Path != "notes.jsonl" || !errors.Is(err, errDisk) {
		t.Errorf("got %v", err)
	}
}

func TestParseRecord(t *testing.T) {
	r, err := ParseRecord([]byte(good))
	if err != nil || r.ID != read(t, good).Records[0].ID {
		t.Errorf("got %x, %v", r.ID, err)
	}
	if _, err := ParseRecord([]byte(`{`)); err == nil || !strings.HasPrefix(err.Error(), "record: ") {
		t.Errorf("got %v", err)
	}
}

func TestContentID(t *testing.T) {
	id := func(turns ...string) [32]byte {
		var list []engine.Turn
		for i := 0; i < len(turns); i += 2 {
			list = append(list, engine.Turn{Role: turns[i], Content: turns[i+1]})
		}
		return ContentID(list)
	}
	base := id("user", "café\nau lait", "assistant", "A")
	for name, same := range map[string][32]byte{
		"decomposed": id("user", "cafe\u0301\nau lait", "assistant", "A"),
		"CR LF":      id("user", "café\r\nau lait", "assistant", "A"),
		"CR":         id("user", "café\rau lait", "assistant", "A"),
		"outer":      id("user", " café\nau lait\n", "assistant", "\tA\u00a0"),
	} {
		if same != base {
			t.Errorf("%s: another identity", name)
		}
	}
	for name, other := range map[string][32]byte{
		"case":       id("user", "Café\nau lait", "assistant", "A"),
		"inner":      id("user", "café\nau  lait", "assistant", "A"),
		"role":       id("system", "café\nau lait", "assistant", "A"),
		"moved text": id("user", "café\nau laitA", "assistant", ""),
		"one turn":   id("user", "café\nau lait"),
	} {
		if other == base {
			t.Errorf("%s: the same identity", name)
		}
	}
	// The format is a contract: IDs in ledgers and tombstones outlive this code.
	const want = "e590c3a817c58d07bf5853dcfdab177ca4daa780e6bf00ec281fea48962ad584"
	if got := hex.EncodeToString(base[:]); got != want {
		t.Errorf("content ID is %s, was %s", got, want)
	}
}
