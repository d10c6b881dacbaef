package tokenizer

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// bpe is byte-pair encoding (Sennrich et al. 2016): of all adjacent pairs that
// the merge list has, the one listed first is merged, leftmost first. What it
// begins with are bytes where the vocabulary is byte-level, else characters.
type bpe struct {
	byteLevel bool
	first     [256]int32           // id of each byte; of the fallback token of each where not byteLevel
	ascii     [utf8.RuneSelf]int32 // id of each character, where not byteLevel, or absent
	chars     map[rune]int32       // the same for all
	merges    rules
	whole     map[string]int32 // where a word that is a token is not cut up, else nil
	unknown   int32            // id for what has none, or absent: it is dropped
	fuse      bool             // one unknown for several in a row
	joints    *joints          // inside tokens; nil where words may not be cut
	cache     cache
}

// symbol is a token of a word with the bytes of the word it came from.
type symbol struct{ id, start, end int32 }

const (
	absent int32 = -1

	// mark is what SentencePiece vocabularies write for a space.
	mark = "\u2581"

	heapLength = 64 // symbols from which a heap beats looking at all pairs
)

// encode calls emit with the tokens of each part of a word and where the part
// begins. The tokens are shared: they must not be changed.
//
// Where no merge can reach over it, a word is cut; see joints. A cut may not part
// unknown characters, which become one.
func (m *bpe) encode(word string, emit func(start int, tokens []symbol)) {
	start := 0
	if m.joints != nil {
		before := utf8.RuneError
		for i, r := range word {
			if i > 0 && !m.joints.has(before, r) && (m.known(before) || m.known(r)) {
				emit(start, m.part(word[start:i]))
				start = i
			}
			before = r
		}
	}
	emit(start, m.part(word[start:]))
}

// known reports whether r is a token; what may stand for a byte that is no UTF-8
// counts as unknown.
func (m *bpe) known(r rune) bool {
	if r < utf8.RuneSelf {
		return m.ascii[r] != absent
	}
	_, ok := m.chars[r]
	return ok && r != utf8.RuneError
}

func (m *bpe) part(word string) []symbol {
	if len(word) > cacheLength {
		return m.merge(word)
	}
	slot := m.cache.slot(word)
	if e := slot.Load(); e != nil && e.word == word {
		return e.symbols
	}
	p := m.merge(word)
	slot.Store(&cached{strings.Clone(word), p})
	return p
}

func (m *bpe) merge(word string) []symbol {
	if id, ok := m.whole[word]; ok {
		return []symbol{{id, 0, int32(len(word))}}
	}
	var p []symbol
	if m.byteLevel {
		p = m.bytes(word)
	} else {
		p = m.characters(word)
	}
	if len(p) >= heapLength {
		return m.mergeLong(p)
	}
	return m.mergeShort(p)
}

// bytes returns the bytes of word as symbols.
func (m *bpe) bytes(word string) []symbol {
	p := make([]symbol, 0, len(word))
	for i := range len(word) {
		id := m.first[word[i]]
		if id == absent {
			id = m.unknown
			if id == absent {
				continue
			}
			if n := len(p); m.fuse && n > 0 && p[n-1].id == id {
				p[n-1].end = int32(i + 1)
				continue
			}
		}
		p = append(p, symbol{id, int32(i), int32(i + 1)})
	}
	return p
}

// characters returns the characters of word as symbols; one without a token
// becomes those of its bytes, if all have one, else the unknown token. Like the
// library, it writes an unknown down when the next known character comes, so
// that tokens of bytes between the two go before it.
func (m *bpe) characters(word string) []symbol {
	p := make([]symbol, 0, len(word))
	var unknown []symbol // none or one
	for i := 0; i < len(word); {
		r, n := utf8.DecodeRuneInString(word[i:])
		start, end := int32(i), int32(i+n)
		i += n
		id, known := absent, false
		if r < utf8.RuneSelf {
			id = m.ascii[r]
			known = id != absent
		} else if r != utf8.RuneError || n > 1 { // a byte that is no UTF-8 is not the character U+FFFD
			id, known = m.chars[r]
		}
		switch {
		case known:
			p = append(append(p, unknown...), symbol{id, start, end})
			unknown = unknown[:0]
		case m.fallback(word[start:end]):
			for at := start; at < end; at++ {
				p = append(p, symbol{m.first[word[at]], at, at + 1})
			}
		case m.unknown == absent:
		case m.fuse && len(unknown) > 0:
			unknown[0].end = end
		default:
			p = append(p, unknown...)
			unknown = append(unknown[:0], symbol{m.unknown, start, end})
		}
	}
	return append(p, unknown...)
}

// fallback reports whether all bytes of s have a token.
func (m *bpe) fallback(s string) bool {
	for i := range len(s) {
		if m.first[s[i]] == absent {
			return false
		}
	}
	return true
}

// mergeShort merges p in place by looking at all pairs for each merge.
func (m *bpe) mergeShort(p []symbol) []symbol {
	var buf [heapLength]rule
	rules := buf[:max(len(p)-1, 0)] // rules[i] is that of p[i] and p[i+1]
	for i := range rules {
		rules[i] = m.merges.of(p[i].id, p[i+1].id)
	}
	for {
		best, at := noRule, 0
		for i, r := range rules {
			if r.rank < best.rank {
				best, at = r, i
			}
		}
		if best == noRule {
			return p
		}
		p[at] = symbol{best.id, p[at].start, p[at+1].end}
		p = append(p[:at+1], p[at+2:]...)
		rules = append(rules[:at], rules[at+1:]...)
		if at > 0 {
			rules[at-1] = m.merges.of(p[at-1].id, p[at].id)
		}
		if at < len(rules) {
			rules[at] = m.merges.of(p[at].id, p[at+1].id)
		}
	}
}

// newBPE builds the model from its part of tokenizer.json.
func newBPE(c modelConfig, byteLevel bool) (*bpe, error) {
	merges, err := parseMerges(c.Merges)
	if err != nil {
		return nil, err
	}
	if byteLevel && c.ByteFallback {
		return nil, &FeatureError{Place: "model.byte_fallback", What: "true with ByteLevel", Hint: "a vocabulary has bytes in one form"}
	}
	m := &bpe{
		byteLevel: byteLevel, merges: newRules(len(merges)),
		unknown: absent, fuse: c.FuseUnk, cache: newCache(),
	}
	for b := range m.first {
		m.first[b] = absent
		if token := m.byteToken(byte(b), c.ByteFallback); token != "" {
			if id, ok := c.Vocab[token]; ok {
				m.first[b] = id
			}
		}
	}
	if !byteLevel {
		m.chars = make(map[rune]int32)
		for i := range m.ascii {
			m.ascii[i] = absent
		}
		for token, id := range c.Vocab {
			if r, n := utf8.DecodeRuneInString(token); n > 0 && n == len(token) {
				m.chars[r] = id
				if r < utf8.RuneSelf {
					m.ascii[r] = id
				}
			}
		}
	}
	if c.UnkToken != nil {
		id, ok := c.Vocab[*c.UnkToken]
		if !ok {
			return nil, fmt.Errorf("model.unk_token: %q is not in the vocabulary", *c.UnkToken)
		}
		m.unknown = id
	}
	if c.IgnoreMerges {
		m.whole = make(map[string]int32, len(c.Vocab))
		for token, id := range c.Vocab {
			if s, ok := decodeBytes(token); ok && byteLevel {
				m.whole[s] = id
			} else if !byteLevel {
				m.whole[token] = id
			}
		}
	}
	if !byteLevel && !c.IgnoreMerges {
		m.joints = new(joints)
	}
	for i, two := range merges {
		a, okA := c.Vocab[two[0]]
		b, okB := c.Vocab[two[1]]
		id, ok := c.Vocab[two[0]+two[1]]
		if !okA || !okB || !ok {
			return nil, fmt.Errorf("model.merges[%d]: %q + %q: a part or the whole is not in the vocabulary", i, two[0], two[1])
		}
		m.merges.set(a, b, rule{int32(i), id})
		if m.joints != nil {
			last, _ := utf8.DecodeLastRuneInString(two[0])
			next, _ := utf8.DecodeRuneInString(two[1])
			m.joints.add(last, next)
		}
	}
	return m, nil
}

// byteToken returns what the vocabulary writes for a byte by itself, "" if it
// has no such tokens.
func (m *bpe) byteToken(b byte, fallback bool) string {
	switch {
	case m.byteLevel:
		return string(byteChar[b])
	case fallback:
		return fmt.Sprintf("<0x%02X>", b)
	}
	return ""
}
