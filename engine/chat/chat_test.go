package chat

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"daybook/engine"
	"daybook/engine/tokenizer"
)

// fixtures.json is what the transformers library makes of conversations; see
// testdata/make_fixtures.py.
type fixtures struct {
	Conversations [][]engine.Turn `json:"conversations"`
	Templates     map[string]struct {
		Source string `json:"source"`
		Cases  []struct {
			Text   string  `json:"text"`
			Prompt string  `json:"prompt"` // of all turns but the last
			IDs    []int32 `json:"ids"`
			Mask   string  `json:"mask"` // a digit a token, 1 where the assistant speaks
			Error  string  `json:"error"`
		} `json:"cases"`
	} `json:"templates"`
}

func readFixtures(t *testing.T) fixtures {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "fixtures.json"))
	if err != nil {
		t.Fatal(err)
	}
	var f fixtures
	if err := json.Unmarshal(data, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

func loadTokenizer(tb testing.TB, name string) *tokenizer.Tokenizer {
	tb.Helper()
	tok, err := tokenizer.Load(filepath.Join("testdata", name+".tokenizer.json"))
	if err != nil {
		tb.Fatal(err)
	}
	return tok
}

func newEncoder(tb testing.TB, name, source string) *Encoder {
	tb.Helper()
	tmpl, err := NewTemplate(source, map[string]string{"bos_token": "<s>", "eos_token": "</s>"})
	if err != nil {
		tb.Fatal(err)
	}
	e, err := New(loadTokenizer(tb, name), tmpl)
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

func turns(contents ...string) []engine.Turn {
	out := make([]engine.Turn, len(contents))
	for i, c := range contents {
		out[i] = engine.Turn{Role: []string{"user", "assistant"}[i%2], Content: c}
	}
	return out
}

func TestSameAsTransformers(t *testing.T) {
	f := readFixtures(t)
	for name, template := range f.Templates {
		t.Run(name, func(t *testing.T) {
			e := newEncoder(t, "special", template.Source)
			for i, want := range template.Cases {
				conversation := f.Conversations[i]
				text, err := e.tmpl.Render(conversation, false)
				if want.Error != "" {
					if err == nil || !strings.Contains(err.Error(), want.Error) {
						t.Errorf("%v: error %v, want %q", conversation, err, want.Error)
					}
					continue
				}
				if err != nil || text != want.Text {
					t.Errorf("%v: rendered %q, %v, want %q", conversation, text, err, want.Text)
					continue
				}
				prompt, err := e.tmpl.Render(conversation[:len(conversation)-1], true)
				if err != nil || prompt != want.Prompt {
					t.Errorf("%v: prompt %q, %v, want %q", conversation, prompt, err, want.Prompt)
				}
				ex, err := e.Example(conversation, Assistant, 0)
				if err != nil {
					t.Errorf("%v: %v", conversation, err)
					continue
				}
				if !slices.Equal(ex.Tokens, want.IDs) {
					t.Errorf("%v: tokens %v, want %v", conversation, ex.Tokens, want.IDs)
				}
				if name == "forced" && strings.Contains(text, "</think>") {
					continue // what the prompt already says is not learnt, though the library marks it
				}
				if got := mask(ex); got != want.Mask {
					t.Errorf("%v: mask of %q\n got %s\nwant %s", conversation, text, got, want.Mask)
				}
			}
		})
	}
}

// mask turns shifted targets back into a digit a token.
func mask(ex engine.Example) string {
	m := []byte("0")
	for t, target := range ex.Targets[:len(ex.Targets)-1] {
		switch target {
		case engine.Ignore:
			m = append(m, '0')
		case ex.Tokens[t+1]:
			m = append(m, '1')
		default:
			m = append(m, '?')
		}
	}
	return string(m)
}

// What an example teaches after a prompt is what Text makes of it: the content.
func TestTextInvertsExample(t *testing.T) {
	f := readFixtures(t)
	for name, template := range f.Templates {
		e := newEncoder(t, "special", template.Source)
		for i, c := range template.Cases {
			conversation := f.Conversations[i]
			last := conversation[len(conversation)-1].Content
			if c.Error != "" || strings.Contains(last, "</think>") || name == "thinking" || name == "forced" {
				continue // these templates write other text than the content
			}
			ex, err := e.Example(conversation, Assistant, 0)
			if err != nil {
				t.Fatal(err)
			}
			prompt, err := e.Prompt(conversation[:len(conversation)-1])
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(prompt, ex.Tokens[:len(prompt)]) {
				t.Errorf("%s %d: the prompt is not how the example begins", name, i)
				continue
			}
			var answer []int32
			for _, id := range ex.Tokens[len(prompt):] {
				answer = append(answer, id)
				if e.Ended(answer) {
					break
				}
			}
			if !e.Ended(answer) || ex.Targets[len(prompt)+len(answer)-2] != answer[len(answer)-1] {
				t.Errorf("%s %d: the token that ends %q is not learnt", name, i, e.tok.Decode(answer, false))
			}
			if got := e.Text(answer); strings.TrimSpace(got) != strings.TrimSpace(last) {
				t.Errorf("%s %d: Text = %q, want %q", name, i, got, last)
			}
		}
	}
}

// A base whose padding is its end-of-sequence token still learns where to stop.
func TestEndOfTurnThatIsPadding(t *testing.T) {
	e := newEncoder(t, "special", `{% for m in messages %}{{ m.content + eos_token }}{% endfor %}`)
	ex, err := e.Example(turns("hi", "yes"), Assistant, 0)
	if err != nil {
		t.Fatal(err)
	}
	eos, _ := e.tok.ID("</s>")
	if n := len(ex.Tokens); ex.Tokens[n-1] != eos || ex.Targets[n-2] != eos {
		t.Errorf("tokens %v, targets %v: the last </s> is not a target", ex.Tokens, ex.Targets)
	}
	if !slices.Equal(e.Stop(), []int32{eos}) || e.StopText() != "" {
		t.Errorf("stop %v, %q", e.Stop(), e.StopText())
	}
}

func TestNoSecondBOS(t *testing.T) {
	e := newEncoder(t, "special", `{{ bos_token }}{% for m in messages %}{{ m.content + eos_token }}{% endfor %}`)
	bos, _ := e.tok.ID("<s>")
	prompt, err := e.Prompt(turns("hi"))
	if err != nil {
		t.Fatal(err)
	}
	if prompt[0] != bos || slices.Contains(prompt[1:], bos) {
		t.Errorf("prompt %v, want one %d", prompt, bos)
	}
}

func TestLossOnAll(t *testing.T) {
	e := newEncoder(t, "special", DefaultTemplate)
	ex, err := e.Example(turns("hi", "yes"), All, 0)
	if err != nil {
		t.Fatal(err)
	}
	n := len(ex.Tokens)
	if !slices.Equal(ex.Targets[:n-1], ex.Tokens[1:]) || ex.Targets[n-1] != engine.Ignore {
		t.Errorf("targets %v of %v", ex.Targets, ex.Tokens)
	}
	for _, l := range []LossOn{Assistant, All} {
		if got, ok := ParseLossOn(l.String()); !ok || got != l {
			t.Errorf("ParseLossOn(%q) = %v, %t", l, got, ok)
		}
	}
	if _, ok := ParseLossOn("completion"); ok {
		t.Error("ParseLossOn takes anything")
	}
}

func TestTruncation(t *testing.T) {
	e := newEncoder(t, "special", DefaultTemplate)
	whole, err := e.Example(turns("hi", "metformin 500 mg"), Assistant, 0)
	if err != nil {
		t.Fatal(err)
	}
	n := len(whole.Tokens)
	for limit := 1; limit <= n+1; limit++ {
		ex, err := e.Example(turns("hi", "metformin 500 mg"), Assistant, limit)
		if err != nil {
			t.Fatal(err)
		}
		kept := min(limit, n)
		if ex.Truncated != n-kept || !slices.Equal(ex.Tokens, whole.Tokens[:kept]) ||
			!slices.Equal(ex.Targets[:kept-1], whole.Targets[:kept-1]) || ex.Targets[kept-1] != engine.Ignore {
			t.Errorf("limit %d: %d tokens, %d cut, targets %v", limit, len(ex.Tokens), ex.Truncated, ex.Targets)
		}
		if (ex.ID == whole.ID) != (kept == n) {
			t.Errorf("limit %d: the ID does not follow the tokens", limit)
		}
	}
}

func TestBadConversations(t *testing.T) {
	e := newEncoder(t, "special", DefaultTemplate)
	if _, err := e.Example(turns("only a question"), Assistant, 0); !errors.Is(err, ErrNoAssistant) {
		t.Errorf("no assistant: %v", err)
	}
	if _, err := e.Example(nil, All, 0); !errors.Is(err, ErrNoAssistant) {
		t.Errorf("empty: %v", err)
	}
	if _, err := e.Prompt(turns("q", "a")); !errors.Is(err, ErrPrompt) {
		t.Errorf("prompt that ends with an answer: %v", err)
	}
	if _, err := e.Prompt(nil); !errors.Is(err, ErrPrompt) {
		t.Errorf("empty prompt: %v", err)
	}
	// A template that writes short answers in another way, after their length.
	var span *SpanError
	e = newEncoder(t, "special", `{% for m in messages %}[{{ m.content|length }}]{{ m.content if m.content|length > 4 else m.content|upper }}{% endfor %}{% if add_generation_prompt %}{{ 'answer: ' }}{% endif %}`)
	if _, err := e.Example(turns("q", "abc"), Assistant, 0); !errors.As(err, &span) || span.Turn != 1 {
		t.Errorf("answer in another form: %v", err)
	}
	if ex, err := e.Example(turns("q", "abcde"), Assistant, 0); err != nil || ex.TargetCount() != len(e.tok.Encode("abcde")) {
		t.Errorf("answer found by its text: %v, %v", ex, err)
	}
}

func TestStops(t *testing.T) {
	id := func(e *Encoder, token string) int32 {
		id, ok := e.tok.ID(token)
		if !ok {
			t.Fatalf("no token %s", token)
		}
		return id
	}
	special := newEncoder(t, "special", DefaultTemplate)
	if want := []int32{id(special, "</s>"), id(special, "<|im_end|>")}; !slices.Equal(special.Stop(), want) || special.StopText() != "" {
		t.Errorf("stop %v, %q, want %v", special.Stop(), special.StopText(), want)
	}
	// A base that does not know ChatML: turns are text, and so is their end.
	bare := newEncoder(t, "bare", DefaultTemplate)
	if want := []int32{id(bare, "</s>")}; !slices.Equal(bare.Stop(), want) || bare.StopText() != "<|im_end|>" {
		t.Errorf("stop %v, %q, want %v", bare.Stop(), bare.StopText(), want)
	}
	ids := bare.tok.Encode("metformin<|im_end|>\n<|im_start|>user")
	ended := 0
	for n := range ids {
		if bare.Ended(ids[:n+1]) {
			ended = n + 1
			break
		}
	}
	if got := bare.tok.Decode(ids[:ended], false); !strings.HasPrefix(got, "metformin<|im_end|>") || strings.Contains(got, "<|im_start|>") {
		t.Errorf("generation ends after %q", got)
	}
	if got := bare.Text(ids[:ended]); got != "metformin" {
		t.Errorf("Text = %q", got)
	}
	if bare.Ended(nil) || bare.Ended(bare.tok.Encode("<|im_end|")) {
		t.Error("ended too early")
	}
	ex, err := bare.Example(turns("hi", "yes"), Assistant, 0)
	if err != nil {
		t.Fatal(err)
	}
	var learnt []int32
	for _, target := range ex.Targets {
		if target != engine.Ignore {
			learnt = append(learnt, target)
		}
	}
	if got := bare.tok.Decode(learnt, false); strings.TrimRight(got, "\n") != "yes<|im_end|>" {
		t.Errorf("learns %q", got)
	}
}

func TestExampleID(t *testing.T) {
	// printf 'daybook example 1\n\1\0\0\0\377\377\377\377\2\0\0\0\3\0\0\0' | sha256sum
	id := exampleID([]int32{1, 2}, []int32{engine.Ignore, 3})
	if got, want := hexOf(id), "5148d76a4f30a0d50647f92ab02b82470da409684fac923ab38926065b86227e"; got != want {
		t.Errorf("ID %s, want %s", got, want)
	}
}

func BenchmarkExample(b *testing.B) {
	e := newEncoder(b, "special", DefaultTemplate)
	note := strings.Repeat("Pt started on metformin 500 mg PO BID with meals, held lisinopril. ", 6)
	conversation := append([]engine.Turn{{Role: "system", Content: "List the medications of the note as JSON."}}, turns(note, `{"medications": [{"name": "metformin", "dose": "500 mg"}]}`)...)
	for b.Loop() {
		if _, err := e.Example(conversation, Assistant, 2048); err != nil {
			b.Fatal(err)
		}
	}
}

// Plain text is learnt whole, to its end, without a template.
func TestPlainText(t *testing.T) {
	e := newEncoder(t, "special", DefaultTemplate)
	ex, err := e.Example([]engine.Turn{{Role: engine.PlainText, Content: "metformin 500 mg"}}, Assistant, 0)
	if err != nil {
		t.Fatal(err)
	}
	eos, _ := e.tok.ID("</s>")
	n := len(ex.Tokens)
	if want := append(e.tok.Encode("metformin 500 mg"), eos); !slices.Equal(ex.Tokens, want) || !slices.Equal(ex.Targets[:n-1], want[1:]) || ex.Targets[n-1] != engine.Ignore {
		t.Errorf("tokens %v, targets %v", ex.Tokens, ex.Targets)
	}
	if cut, err := e.Example([]engine.Turn{{Role: engine.PlainText, Content: "metformin 500 mg"}}, Assistant, 3); err != nil || len(cut.Tokens) != 3 || cut.Truncated != n-3 {
		t.Errorf("cut to %v, %d tokens cut, %v", cut.Tokens, cut.Truncated, err)
	}
}
