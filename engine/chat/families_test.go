package chat

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"daybook/engine"
)

// families.json.gz is what transformers makes of conversations with the templates
// of published models; see testdata/make_families.py.
type families struct {
	Conversations [][]engine.Turn `json:"conversations"`
	Templates     map[string]struct {
		SHA256 string `json:"sha256"`
		Cases  []struct {
			Text   string `json:"text"` // digests, as are the next two
			Prompt string `json:"prompt"`
			IDs    string `json:"ids"`
			Mask   string `json:"mask"` // "" where the library has no marked template
			Error  string `json:"error"`
		} `json:"cases"`
	} `json:"templates"`
}

func TestFamiliesSameAsTransformers(t *testing.T) {
	f, err := os.Open(filepath.Join("testdata", "families.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var want families
	if err := json.NewDecoder(z).Decode(&want); err != nil {
		t.Fatal(err)
	}
	for name, family := range want.Templates {
		t.Run(name, func(t *testing.T) {
			source, err := os.ReadFile(filepath.Join("testdata", "families", name+".jinja"))
			if errors.Is(err, fs.ErrNotExist) {
				t.Skip("the model's template is not here: python testdata/make_families.py fetches it")
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprintf("%x", sha256.Sum256(source)); got != family.SHA256 {
				t.Fatalf("the template has the digest %s, want %s", got, family.SHA256)
			}
			tmpl, err := NewTemplate(string(source), map[string]string{"bos_token": "<s>", "eos_token": "</s>"})
			if err != nil {
				t.Fatal(err)
			}
			e, err := New(loadTokenizer(t, "families"), tmpl)
			if name == "gptoss" { // it writes today's date into every prompt
				if err == nil || !strings.Contains(err.Error(), "today's date") {
					t.Errorf("a template with a clock: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for i, c := range family.Cases {
				conversation := want.Conversations[i]
				text, err := tmpl.Render(conversation, false)
				if c.Error != "" {
					if err == nil || !strings.Contains(err.Error(), c.Error) {
						t.Errorf("%d: error %v, want %q", i, err, c.Error)
					}
					continue
				}
				if err != nil || digest(text) != c.Text {
					t.Errorf("%d: rendered %q, %v, not the same", i, text, err)
					continue
				}
				prompt, err := tmpl.Render(conversation[:len(conversation)-1], true)
				if err != nil || digest(prompt) != c.Prompt {
					t.Errorf("%d: prompt %q, %v, not the same", i, prompt, err)
				}
				ex, err := e.Example(conversation, Assistant, 0)
				if err != nil {
					t.Errorf("%d: %v", i, err)
					continue
				}
				if n := strings.Count(text, "<s>"); n > 1 {
					t.Errorf("%d: %d beginning-of-sequence tokens in %q", i, n, text)
				}
				checkAnswers(t, e, conversation, ex)
				if c.Mask == "" {
					continue
				}
				var ids []byte
				for _, id := range ex.Tokens {
					ids = binary.LittleEndian.AppendUint32(ids, uint32(id))
				}
				if digest(string(ids)) != c.IDs {
					t.Errorf("%d: tokens %v, not the same", i, ex.Tokens)
				} else {
					compareMasks(t, e, conversation, ex, c.Mask)
				}
			}
		})
	}
}

// compareMasks makes sure that what is learnt is what the library marks, but for
// what its templates mark beyond the answers: the end of the header before one,
// which the prompt has said, and after its end white space and the token that
// closes the whole conversation.
func compareMasks(t *testing.T, e *Encoder, conversation []engine.Turn, ex engine.Example, want string) {
	t.Helper()
	asked := conversation[:len(conversation)-1]
	before, err := e.tmpl.Render(asked, false)
	if err != nil {
		t.Fatal(err)
	}
	prompt, err := e.tmpl.Render(asked, true)
	if err != nil {
		t.Fatal(err)
	}
	header := strings.TrimPrefix(prompt, strings.TrimRight(before, "\n"))
	if header == prompt {
		header = prompt[strings.LastIndex(prompt, asked[len(asked)-1].Content):]
	}
	got := mask(ex)
	for i := range got {
		token := strings.TrimSpace(e.tok.Bytes(ex.Tokens[i]))
		closing := token == "</s>" && i == len(got)-1
		if got[i] != want[i] && (got[i] == '1' || !closing && !strings.Contains(header, token)) {
			t.Errorf("token %d, %q: learnt %c, marked %c, in\n%s\n%s", i, e.tok.Bytes(ex.Tokens[i]), got[i], want[i], got, want)
		}
	}
}

// checkAnswers makes sure that each answer and a token that ends it are learnt, and
// what others said is not.
func checkAnswers(t *testing.T, e *Encoder, conversation []engine.Turn, ex engine.Example) {
	t.Helper()
	var learnt []int32
	for _, target := range ex.Targets {
		if target != engine.Ignore {
			learnt = append(learnt, target)
		}
	}
	text := e.tok.Decode(learnt, false)
	for _, turn := range conversation {
		if turn.Role == assistant && !strings.Contains(text, strings.TrimSpace(turn.Content)) {
			t.Errorf("of %v only %q is learnt", conversation, text)
		}
	}
	if e.Text(learnt) == text {
		t.Errorf("nothing in %q ends an answer", text)
	}
}

func digest(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text)))[:16] }
