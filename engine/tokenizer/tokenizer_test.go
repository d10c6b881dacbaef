package tokenizer

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// arrangements are the fixtures that testdata/make_fixtures.py makes with the
// tokenizers library, one a supported arrangement of tokenizer.json.
var arrangements = []string{
	"gpt2", "gpt2prefix", "llama3", "qwen2", "smollm", "digits", "unknown",
	"llama2", "mistral", "gemma", "marked", "forms", "partial",
}

type fixture struct {
	Curated []struct {
		IDs     []int32 `json:"ids"`
		Sum     string  `json:"sum"` // of the ids, where there are many
		Offsets string  `json:"offsets"`
		Text    *string `json:"text"`  // decoded, if not the text
		Plain   *string `json:"plain"` // decoded without special tokens, if not the text
		Cut     string  `json:"cut"`   // hash of the ids but the first and the last, decoded
	} `json:"curated"`
	Random []string `json:"random"`
	Size   int      `json:"size"`
}

type texts struct {
	Curated []string `json:"curated"`
	Random  []string `json:"random"`
}

func readJSON(tb testing.TB, name string, v any) {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		tb.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
}

func load(tb testing.TB, name string) *Tokenizer {
	tb.Helper()
	tok, err := Load(filepath.Join("testdata", name+".tokenizer.json"))
	if err != nil {
		tb.Fatal(err)
	}
	return tok
}

// short is the summary that make_fixtures.py writes for long lists.
func short(values []int32) string {
	h := sha256.New()
	for _, v := range values {
		h.Write(binary.LittleEndian.AppendUint32(nil, uint32(v)))
	}
	return fmt.Sprintf("%d:%x", len(values), h.Sum(nil)[:6])
}

func TestSameAsTokenizersLibrary(t *testing.T) {
	var all texts
	readJSON(t, "texts.json", &all)
	for _, name := range arrangements {
		t.Run(name, func(t *testing.T) {
			tok := load(t, name)
			var want fixture
			readJSON(t, name+".json", &want)
			if tok.Size() != want.Size {
				t.Errorf("size %d, want %d", tok.Size(), want.Size)
			}
			for i, text := range all.Curated {
				w := want.Curated[i]
				ids := tok.Encode(text)
				if w.Sum != "" && short(ids) != w.Sum || w.Sum == "" && !slices.Equal(ids, w.IDs) {
					t.Errorf("Encode(%+q) = %v %q, want %v %s", text, ids, tok.describe(ids), w.IDs, w.Sum)
					continue
				}
				full, plain := text, text
				if w.Text != nil {
					full = *w.Text
				}
				if w.Plain != nil {
					plain = *w.Plain
				}
				if got := tok.Decode(ids, false); got != full {
					t.Errorf("Decode of %+q = %+q, want %+q", text, got, full)
				}
				if got := tok.Decode(ids, true); got != plain {
					t.Errorf("Decode of %+q without special tokens = %+q, want %+q", text, got, plain)
				}
				if w.Cut != "" {
					cut := tok.Decode(ids[1:len(ids)-1], false)
					if got := fmt.Sprintf("%x", sha256.Sum256([]byte(cut)))[:12]; got != w.Cut {
						t.Errorf("Decode of the middle of %+q = %+q, not the same", text, cut)
					}
				}
			}
			for i, text := range all.Random {
				if ids := tok.Encode(text); short(ids) != want.Random[i] {
					t.Errorf("Encode(%+q) = %v %q, want %s", text, ids, tok.describe(ids), want.Random[i])
				}
			}
		})
	}
}

func (t *Tokenizer) describe(ids []int32) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = t.Token(id)
	}
	return out
}

// The library counts characters, and gives a token that holds part of one all
// of it. Where it drops bytes ("partial") its offsets slide; ours don't.
func TestSpansSameAsTokenizersLibrary(t *testing.T) {
	var all texts
	readJSON(t, "texts.json", &all)
	for _, name := range arrangements[:len(arrangements)-1] {
		t.Run(name, func(t *testing.T) {
			tok := load(t, name)
			var want fixture
			readJSON(t, name+".json", &want)
			for i, text := range all.Curated {
				if len(tok.normalizers) > 0 && !norm.NFC.IsNormalString(text) {
					continue // the library gives a composed character its first part only
				}
				ids, spans := tok.EncodeSpans(text)
				if !slices.Equal(ids, tok.Encode(text)) {
					t.Fatalf("EncodeSpans(%+q) gives other ids than Encode", text)
				}
				var offsets []int32
				for _, s := range spans {
					start, end := s.Start, s.End
					for start < len(text) && start > 0 && !utf8.RuneStart(text[start]) {
						start--
					}
					for end < len(text) && !utf8.RuneStart(text[end]) {
						end++
					}
					offsets = append(offsets, int32(utf8.RuneCountInString(text[:start])), int32(utf8.RuneCountInString(text[:end])))
				}
				if got := short(offsets); got != want.Curated[i].Offsets {
					t.Errorf("offsets of %+q = %v (%s), want %s", text, offsets, got, want.Curated[i].Offsets)
				}
			}
		})
	}
}
