package tokenizer

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestStreamIsDecode feeds tokens one by one: random ones, which cut characters
// anywhere, among those of a text.
func TestStreamIsDecode(t *testing.T) {
	toks := map[string]*Tokenizer{"tiny": replacing(t)}
	for _, name := range arrangements {
		toks[name] = load(t, name)
	}
	for name, tok := range toks {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				var ids []int32
				for range rapid.IntRange(0, 6).Draw(t, "parts") {
					ids = append(ids, tok.Encode(anyText().Draw(t, "text"))...)
					ids = append(ids, rapid.SliceOfN(rapid.Int32Range(-1, int32(tok.Size())), 0, 12).Draw(t, "ids")...)
				}
				s := tok.NewStream()
				var text strings.Builder
				for i, id := range ids {
					text.WriteString(s.Add(id))
					if got := text.String(); strings.HasSuffix(got, "\uFFFD") {
						t.Fatalf("after %d of %v: %+q ends in what could be the beginning of a character", i+1, ids, got)
					}
				}
				text.WriteString(s.Rest())
				if got, want := text.String(), tok.Decode(ids, true); got != want {
					t.Fatalf("%v: streamed %+q, decoded %+q", ids, got, want)
				}
			})
		})
	}
}

// replacing returns a tokenizer whose decoder looks across tokens.
func replacing(t *testing.T) *Tokenizer {
	t.Helper()
	const decoder = `"decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true}`
	text := strings.Replace(tiny, decoder, `"decoder": {"type": "Sequence", "decoders": [{"type": "Fuse"}, {"type": "Replace", "pattern": {"String": "ba"}, "content": "c"}]}`, 1)
	tok, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// TestStreamForgets reads a long text, of which the stream keeps a few tokens.
func TestStreamForgets(t *testing.T) {
	tok := load(t, "llama3")
	s := tok.NewStream()
	text := strings.Repeat("Täglich 10 mg, 日本語 🙂 ", 200)
	got := ""
	for _, id := range tok.Encode(text) {
		got += s.Add(id)
		if len(s.ids) > 2*streamWindow {
			t.Fatalf("%d tokens are kept", len(s.ids))
		}
	}
	if got += s.Rest(); got != text {
		t.Errorf("streamed %q", got)
	}
}

func TestStreamHoldsBackCharacters(t *testing.T) {
	for _, name := range []string{"gpt2", "llama2"} { // bytes, and bytes as a fallback
		tok := loadFamily(t, name)
		s := tok.NewStream()
		ids := tok.Encode("x🩺y")
		var parts []string
		for _, id := range ids {
			parts = append(parts, s.Add(id))
		}
		parts = append(parts, s.Rest())
		if got := strings.Join(parts, ""); got != "x🩺y" {
			t.Errorf("%s: %+q", name, parts)
		}
		for _, p := range parts {
			if strings.Contains(p, "\uFFFD") {
				t.Errorf("%s: a part of a character: %+q", name, parts)
			}
		}
	}
}
