package chat

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// leading writes a line before every answer that its prompt does not ask for.
const leading = `{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}{% if m.role == 'assistant' %}{{ '\n\n' }}{% endif %}{{ m.content + '<|im_end|>\n' }}{% endfor %}` +
	`{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}`

// TestStreamIsText compares what comes token by token with the whole answer's text.
func TestStreamIsText(t *testing.T) {
	for _, tt := range []struct{ name, tokenizer, template string }{
		{"a token ends turns", "special", DefaultTemplate},
		{"a text ends turns", "bare", DefaultTemplate},
		{"a lead", "special", leading},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newEncoder(t, tt.tokenizer, tt.template)
			part := rapid.OneOf(
				rapid.StringN(0, 4, -1),
				rapid.SampledFrom([]string{"\n", "\n\n", "<|im_", "<|im_end|>", "</s>", "metformin", "STOP", "STO", "TO", "ab", "🩺"}),
			)
			stop := rapid.SampledFrom([]string{"", "STOP", "TO", "\n", "ab", "b\n", "🩺"})
			rapid.Check(t, func(t *rapid.T) {
				answer := e.tok.Encode(strings.Join(rapid.SliceOfN(part, 0, 10).Draw(t, "text"), ""))
				stops := rapid.SliceOfN(stop, 0, 3).Draw(t, "stops")
				s := e.NewStream(stops...)
				var got strings.Builder
				n, ended := 0, false
				for ; n < len(answer) && !ended; n++ {
					var text string
					text, ended = s.Add(answer[n])
					got.WriteString(text)
				}
				got.WriteString(s.Rest())
				want := e.Text(answer)
				var given []string
				for _, stop := range stops {
					if stop != "" {
						given = append(given, stop)
					}
				}
				if at := firstStop(want, given); at >= 0 {
					want = want[:at]
				}
				if got.String() != want {
					t.Fatalf("%q with stops %q: streamed %q, want %q", e.tok.Decode(answer, false), stops, got.String(), want)
				}
				for i := range answer[:n] {
					if e.Ended(answer[:i+1]) && i+1 < n {
						t.Fatalf("%q goes on behind the end of the turn", e.tok.Decode(answer, false))
					}
				}
			})
		})
	}
}

func TestStreamHoldsBackStops(t *testing.T) {
	e := newEncoder(t, "special", DefaultTemplate)
	s := e.NewStream("STOP")
	got := ""
	for _, id := range e.tok.Encode("a STO") {
		text, ended := s.Add(id)
		if got += text; ended {
			t.Fatalf("ended after %q", got)
		}
	}
	if got != "a " {
		t.Errorf("%q is given out, want what can't be part of the stop", got)
	}
	if rest := s.Rest(); rest != "STO" {
		t.Errorf("the rest is %q", rest)
	}
}
