package tokenizer

// joints is a set of pairs of characters, with false positives (Bloom 1970, with
// one hash): those that stand next to each other inside some token. Where two
// characters do not, no merge ever reaches from one to the other, and what is on
// either side is tokenized the same alone. So a text that no pre-tokenizer cuts
// up need not be merged as one long word.
type joints [jointWords]uint64

const jointWords = 1 << 14 // a million bits; the largest vocabularies have some ten thousand pairs

func (j *joints) place(a, b rune) (word, bit uint64) {
	h := (uint64(a)<<32 | uint64(b)) * 0x9E3779B97F4A7C15 // Fibonacci hashing, Knuth 6.4
	return h >> 50, h >> 44 & 63
}

func (j *joints) add(a, b rune) {
	w, bit := j.place(a, b)
	j[w] |= 1 << bit
}

func (j *joints) has(a, b rune) bool {
	w, bit := j.place(a, b)
	return j[w]>>bit&1 == 1
}
