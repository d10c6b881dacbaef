package tokenizer

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// decoder turns tokens as the vocabulary writes them into text, one of several
// in a chain; what the last returns is joined.
type decoder struct {
	kind  string
	apply func(tokens []string) []string
}

// decodeByteLevel reads each token as bytes, and what they make as UTF-8.
func decodeByteLevel(tokens []string) []string {
	var buf []byte
	for _, t := range tokens {
		buf = append(buf, tokenBytes(t)...)
	}
	return []string{lossyUTF8(buf)}
}

// tokenBytes is what a token of a byte-level vocabulary stands for. The library
// decodes added tokens like the others, so that even one that is plain text is
// read as bytes if each of its characters stands for one.
func tokenBytes(token string) string {
	if s, ok := decodeBytes(token); ok {
		return s
	}
	return token
}

// decodeByteFallback reads runs of tokens such as <0xE2> as UTF-8. A run that is
// none becomes one U+FFFD for each of its bytes.
func decodeByteFallback(tokens []string) []string {
	out := make([]string, 0, len(tokens))
	var run []byte
	flush := func() {
		switch {
		case len(run) == 0:
		case utf8.Valid(run):
			out = append(out, string(run))
		default:
			out = append(out, strings.Repeat("\uFFFD", len(run)))
		}
		run = run[:0]
	}
	for _, t := range tokens {
		if b, ok := fallbackByte(t); ok {
			run = append(run, b)
			continue
		}
		flush()
		out = append(out, t)
	}
	flush()
	return out
}

// fallbackByte reads a token such as <0xE2>.
func fallbackByte(token string) (byte, bool) {
	if len(token) != 6 || !strings.HasPrefix(token, "<0x") || token[5] != '>' {
		return 0, false
	}
	b, err := strconv.ParseUint(token[3:5], 16, 8)
	return byte(b), err == nil
}

func decodeFuse(tokens []string) []string { return []string{strings.Join(tokens, "")} }

func decodeReplace(pattern *automaton, content string) func(tokens []string) []string {
	write := replace(pattern, content)
	return each(func(t string) string { return write(piece{text: t}, false).text })
}

// decodeStrip takes up to start of content off the beginning of each token, and
// up to stop off its end.
func decodeStrip(content string, start, stop int) func(tokens []string) []string {
	return each(func(t string) string {
		for range start {
			t = strings.TrimPrefix(t, content)
		}
		for range stop {
			t = strings.TrimSuffix(t, content)
		}
		return t
	})
}

// decodeMetaspace writes spaces for marks, but none in the first token, whose
// mark Metaspace has put there.
func decodeMetaspace(mark string, where scheme) func(tokens []string) []string {
	return func(tokens []string) []string {
		out := make([]string, len(tokens))
		for i, t := range tokens {
			space := " "
			if i == 0 && where != schemeNever {
				space = ""
			}
			out[i] = strings.ReplaceAll(t, mark, space)
		}
		return out
	}
}

func each(f func(string) string) func(tokens []string) []string {
	return func(tokens []string) []string {
		out := make([]string, len(tokens))
		for i, t := range tokens {
			out[i] = f(t)
		}
		return out
	}
}

// Decode returns the text of ids, without special tokens if skipSpecial. Ids
// outside the vocabulary are left out. Bytes that are not UTF-8 become U+FFFD:
// with a byte-level vocabulary one for each maximal ill-formed part, with byte
// fallback one for each byte of the run of byte tokens. So decoding a prefix of
// a sequence can end in U+FFFD where a character is incomplete.
func (t *Tokenizer) Decode(ids []int32, skipSpecial bool) string {
	tokens := make([]string, 0, len(ids))
	for _, id := range ids {
		if id < 0 || int(id) >= len(t.written) || skipSpecial && t.special[id] {
			continue
		}
		tokens = append(tokens, t.written[id])
	}
	for _, d := range t.decoders {
		tokens = d.apply(tokens)
	}
	return strings.Join(tokens, "")
}

// Bytes returns the bytes that id stands for in the middle of a text, "" outside
// the vocabulary.
func (t *Tokenizer) Bytes(id int32) string {
	if id < 0 || int(id) >= len(t.written) {
		return ""
	}
	token := t.written[id]
	if t.model.byteLevel {
		return tokenBytes(token)
	}
	if b, ok := fallbackByte(token); ok {
		return string([]byte{b})
	}
	return strings.ReplaceAll(token, mark, " ")
}
