package tokenizer

import (
	"unicode"
	"unicode/utf8"
)

// added is one entry of added_tokens.
type added struct {
	id                         int32
	singleWord, lstrip, rstrip bool
}

// trie finds the longest added token at a position. The zero node is the root.
type trie struct {
	first [256]bool // bytes that some token begins with
	nodes []trieNode
}

type trieNode struct {
	next  map[byte]int32
	token *added // nil where no token ends
}

func newTrie() *trie { return &trie{nodes: []trieNode{{}}} }

func (t *trie) add(text string, a added) {
	if text == "" {
		return
	}
	t.first[text[0]] = true
	at := int32(0)
	for i := range len(text) {
		next, ok := t.nodes[at].next[text[i]]
		if !ok {
			next = int32(len(t.nodes))
			t.nodes = append(t.nodes, trieNode{})
			if t.nodes[at].next == nil {
				t.nodes[at].next = map[byte]int32{}
			}
			t.nodes[at].next[text[i]] = next
		}
		at = next
	}
	if t.nodes[at].token == nil { // of equal texts the first listed wins
		t.nodes[at].token = &a
	}
}

// longest returns the longest token that text begins with and its length, or nil and 0.
func (t *trie) longest(text string) (*added, int) {
	var found *added
	length := 0
	at := int32(0)
	for i := range len(text) {
		next, ok := t.nodes[at].next[text[i]]
		if !ok {
			break
		}
		at = next
		if a := t.nodes[at].token; a != nil {
			found, length = a, i+1
		}
	}
	return found, length
}

// split calls token for each added token in s and text for what lies between,
// in order. Matches are leftmost-longest; white space that a token strips
// belongs to its range, and a match that single_word rejects still uses up its
// characters, all as in AddedVocabulary.find_matches of the tokenizers library.
func (t *trie) split(s string, text func(start, end int), token func(id int32, start, end int)) {
	done := 0 // end of what has been handed out
	for at := 0; at < len(s); {
		if !t.first[s[at]] {
			at++
			continue
		}
		a, n := t.longest(s[at:])
		if a == nil {
			at++
			continue
		}
		start, end := at, at+n
		at = end
		if a.singleWord && (wordBefore(s[:start]) || wordAfter(s[end:])) {
			continue
		}
		if a.lstrip {
			start = max(trimRight(s[:start]), done)
		}
		if a.rstrip {
			end = len(s) - trimLeft(s[end:])
		}
		if done < start {
			text(done, start)
		}
		token(a.id, start, end)
		done = end
	}
	if done < len(s) {
		text(done, len(s))
	}
}

// trimRight returns the length of s without its trailing white space.
func trimRight(s string) int {
	for len(s) > 0 {
		r, n := utf8.DecodeLastRuneInString(s)
		if !unicode.IsSpace(r) {
			break
		}
		s = s[:len(s)-n]
	}
	return len(s)
}

// trimLeft returns the length of s without its leading white space.
func trimLeft(s string) int {
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if !unicode.IsSpace(r) {
			break
		}
		s = s[n:]
	}
	return len(s)
}

func wordBefore(s string) bool {
	r, n := utf8.DecodeLastRuneInString(s)
	return n > 0 && isWord(r)
}

func wordAfter(s string) bool {
	r, n := utf8.DecodeRuneInString(s)
	return n > 0 && isWord(r)
}

// isWord is \w of Unicode Technical Standard 18, annex C.
func isWord(r rune) bool {
	return unicode.In(r, unicode.L, unicode.M, unicode.Nd, unicode.Nl, unicode.Pc, unicode.Other_Alphabetic, unicode.Join_Control)
}
