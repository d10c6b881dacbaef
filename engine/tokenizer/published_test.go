package tokenizer

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// published are whole tokenizers of published models; see testdata/make_published.py.
var published = []string{"gpt2", "llama2", "llama3", "llama3_1", "mistral", "mistral_nemo", "mistral_v3", "qwen2_5", "qwen3", "smollm2"}

// readPublished skips where the file has not been fetched.
func readPublished(tb testing.TB, name string) []byte {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "published", name+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		tb.Skip("the published vocabulary is not here: python testdata/make_published.py --fetch gets it")
	}
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

func TestPublishedSameAsTokenizersLibrary(t *testing.T) {
	var want map[string]struct {
		SHA256 string `json:"sha256"`
		library
	}
	readJSON(t, "published.json", &want)
	if len(want) != len(published) {
		t.Fatalf("%d tokenizers in the fixture, %d here", len(want), len(published))
	}
	for _, name := range published {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := readPublished(t, name)
			if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != want[name].SHA256 {
				t.Fatalf("the file has the digest %x, want %s", sum, want[name].SHA256)
			}
			tok, err := Parse(data)
			if err != nil {
				t.Fatal(err)
			}
			want[name].compare(t, tok, "make_published.py "+name)
		})
	}
}
