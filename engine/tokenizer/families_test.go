package tokenizer

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"
)

// families are the tokenizers that testdata/make_families.py makes, in the
// arrangements of published models.
var families = []string{"gpt2", "smollm", "llama3", "qwen2", "qwen35", "tekken", "o200k", "deepseek", "llama2", "mistral", "gemma"}

func readFamily(tb testing.TB, name string) []byte {
	tb.Helper()
	f, err := os.Open(filepath.Join("testdata", "families", name+".json.gz"))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

func loadFamily(tb testing.TB, name string) *Tokenizer {
	tb.Helper()
	tok, err := Parse(readFamily(tb, name))
	if err != nil {
		tb.Fatal(err)
	}
	return tok
}

// splitmix is the generator of Steele et al. 2014, as in make_families.py.
type splitmix uint64

func (s *splitmix) below(n int) int {
	*s += 0x9E3779B97F4A7C15
	z := uint64(*s)
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return int((z ^ z>>31) % uint64(n))
}

const textBlock = 100

// drawTexts draws the texts of make_families.py.
func drawTexts(tb testing.TB, n int) []string {
	tb.Helper()
	var pools [][]string
	readJSON(tb, "pools.json", &pools)
	draw := splitmix(1)
	out := make([]string, n)
	for i := range out {
		some := make([]int, 1+draw.below(4))
		for j := range some {
			some[j] = draw.below(len(pools) + 1)
		}
		longest := 40
		if i%textBlock == 0 {
			longest = 400
		}
		var b strings.Builder
		for range 1 + draw.below(longest) {
			if pool := some[draw.below(len(some))]; pool < len(pools) {
				b.WriteString(pools[pool][draw.below(len(pools[pool]))])
				continue
			}
			c := rune(draw.below(utf8.MaxRune + 1 - 0x800))
			if c >= 0xD800 {
				c += 0x800 // past the surrogates
			}
			b.WriteRune(c)
		}
		out[i] = b.String()
	}
	return out
}

// describe adds to h what make_families.py does for one text.
func describe(h hash.Hash, tok *Tokenizer, text string) []int32 {
	ids := tok.Encode(text)
	h.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(ids))))
	for _, id := range ids {
		h.Write(binary.LittleEndian.AppendUint32(nil, uint32(id)))
	}
	_, _ = io.WriteString(h, tok.Decode(ids, false)+"\x00"+tok.Decode(ids, true)+"\x00")
	return ids
}

// library is what the tokenizers library makes of ten thousand texts: a digest for
// each block of ids, and the text they decode to with and without special tokens.
type library struct {
	Framed []int32  `json:"framed"`
	Blocks []string `json:"blocks"`
}

// compare has the script that prints a block in its errors.
func (l library) compare(t *testing.T, tok *Tokenizer, script string) {
	t.Helper()
	texts := drawTexts(t, 10_000)
	if len(l.Blocks)*textBlock != len(texts) {
		t.Fatalf("%d blocks of %d, want %d texts", len(l.Blocks), textBlock, len(texts))
	}
	for i, sum := range l.Blocks {
		h := sha256.New()
		for _, text := range texts[i*textBlock : (i+1)*textBlock] {
			describe(h, tok, text)
		}
		if got := hex.EncodeToString(h.Sum(nil))[:len(sum)]; got != sum {
			t.Errorf("block %d differs: compare with python testdata/%s %d", i, script, i)
		}
	}
	if got := tok.Frame(tok.Encode("the patient")); !slices.Equal(got, l.Framed) {
		t.Errorf("framed %v, want %v", got, l.Framed)
	}
}

func TestFamiliesSameAsTokenizersLibrary(t *testing.T) {
	var want map[string]library
	readJSON(t, "families.json", &want)
	if len(want) != len(families) {
		t.Fatalf("%d families in the fixture, %d here", len(want), len(families))
	}
	for _, name := range families {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want[name].compare(t, loadFamily(t, name), "make_families.py "+name)
		})
	}
}

// Spans lie in order and where the tokens' bytes are.
func TestFamiliesSpans(t *testing.T) {
	texts := drawTexts(t, 500)
	for _, name := range families {
		t.Run(name, func(t *testing.T) {
			tok := loadFamily(t, name)
			for _, text := range texts {
				ids, spans := tok.EncodeSpans(text)
				if !slices.Equal(ids, tok.Encode(text)) {
					t.Fatalf("%+q: EncodeSpans gives other ids than Encode", text)
				}
				at := 0
				for i, s := range spans {
					if s.Start < at || s.End < s.Start || s.End > len(text) {
						t.Fatalf("%+q: span %d is %v", text, i, s)
					}
					written := strings.ReplaceAll(text[s.Start:s.End], mark, " ") // which vocabularies don't tell apart
					if len(tok.normalizers) == 0 && name != "mistral" && tok.Bytes(ids[i]) != text[s.Start:s.End] {
						t.Fatalf("%+q: span %d is %+q, the token %+q", text, i, written, tok.Bytes(ids[i]))
					}
					at = s.Start
				}
			}
		})
	}
}

func TestNotUTF8(t *testing.T) {
	text := "a\xffb \xe2\x82 \xf0\x9f\x98\x80\x80 caf\xc3"
	for _, name := range families {
		tok := loadFamily(t, name)
		var b strings.Builder
		for _, id := range tok.Encode(text) {
			b.WriteString(tok.Bytes(id))
		}
		if got := strings.TrimPrefix(b.String(), " "); got != text {
			t.Errorf("%s: bytes %+q, want %+q", name, got, text)
		}
		fallback := "a\uFFFDb \uFFFD\uFFFD \uFFFD\uFFFD\uFFFD\uFFFD\uFFFD caf\uFFFD"
		want := "a\uFFFDb \uFFFD \U0001F600\uFFFD caf\uFFFD"
		if !tok.model.byteLevel {
			want = fallback // one for each byte of a run that is not UTF-8
		}
		if got := tok.Decode(tok.Encode(text), false); got != want {
			t.Errorf("%s: text %+q, want %+q", name, got, want)
		}
	}
}

// BenchmarkFamilies encodes clinical notes, code and prose in other languages
// ("text"), the texts of the fixture ("random") and long words: one of two letters
// ("run"), one of any ("letters"), and blanks. The cache is emptied each time. MB/cpu-s counts the time of all threads, which a
// busy machine leaves alone.
func BenchmarkFamilies(b *testing.B) {
	notes, err := os.ReadFile("../../experiments/clinical/data/notes.jsonl")
	if err != nil {
		b.Fatal(err)
	}
	source, err := os.ReadFile("added.go")
	if err != nil {
		b.Fatal(err)
	}
	kinds := []struct{ name, text string }{
		{"text", string(notes[:min(len(notes), 1<<20)]) + strings.Repeat(string(source), 16) +
			strings.Repeat("Пациент принимает лекарство. 患者は薬を飲みます。 Der Patient nimmt täglich 20 mg.\n", 500)},
		{"random", strings.Join(drawTexts(b, 5000), "\n")},
		{"run", strings.Repeat("ab", 1<<16)},
		{"letters", letters(1 << 17)},
		{"blanks", strings.Repeat(" ", 1<<17)},
	}
	load := func(b *testing.B, name string) *Tokenizer {
		b.Helper()
		if family, ok := strings.CutPrefix(name, "published/"); ok {
			tok, err := Parse(readPublished(b, family))
			if err != nil {
				b.Fatal(err)
			}
			return tok
		}
		return loadFamily(b, name)
	}
	names := slices.Clone(families)
	for _, name := range published {
		names = append(names, "published/"+name)
	}
	for _, name := range names {
		for _, kind := range kinds {
			b.Run(name+"/"+kind.name, func(b *testing.B) {
				tok := load(b, name)
				runtime.GC() // of what loading left, which would count
				b.ResetTimer()
				b.SetBytes(int64(len(kind.text)))
				begin := cpuTime()
				for b.Loop() {
					clear(tok.model.cache.slots)
					tok.Encode(kind.text)
				}
				b.ReportMetric(float64(b.N*len(kind.text))/1e6/(cpuTime()-begin).Seconds(), "MB/cpu-s")
			})
		}
	}
}

// letters draws a word.
func letters(n int) string {
	draw := splitmix(1)
	word := make([]byte, n)
	for i := range word {
		word[i] = byte('a' + draw.below(26))
	}
	return string(word)
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
