package tokenizer

// scanner returns the end of the match at s[i:], i < len(s). The expressions
// below match at every position, so matches are laid end to end. They are
// written by hand because \s+(?!\S) looks ahead, which package regexp cannot.
type scanner func(s string, i int) int

// Expressions that tokenizer.json files carry, by their text. The comments of
// the scanners number the alternatives.
const (
	patternGPT2   = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
	patternGPT2b  = `'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
	patternLlama3 = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	patternQwen2  = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
)

// scanners holds the known expressions. patternGPT2b differs from patternGPT2
// in spelling only.
var scanners = map[string]scanner{
	patternGPT2:   scanGPT2,
	patternGPT2b:  scanGPT2,
	patternLlama3: func(s string, i int) int { return scanTiktoken(s, i, 3) },
	patternQwen2:  func(s string, i int) int { return scanTiktoken(s, i, 1) },
}

// scanGPT2 matches patternGPT2.
func scanGPT2(s string, i int) int {
	if n := contraction(s[i:], false); n > 0 { // 's|'t|'re|'ve|'m|'ll|'d
		return i + n
	}
	j := i
	if s[i] == ' ' {
		j++
	}
	if c, n := classAt(s, j); c != space && c != none { //  ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+
		return run(s, j+n, c)
	}
	return spaces(s, i)
}

// scanTiktoken matches patternLlama3 with digits = 3 and patternQwen2 with digits = 1.
func scanTiktoken(s string, i, digits int) int {
	if n := contraction(s[i:], true); n > 0 { // (?i:'s|'t|'re|'ve|'m|'ll|'d)
		return i + n
	}
	c, n := classAt(s, i)
	newline := s[i] == '\r' || s[i] == '\n'
	switch { // [^\r\n\p{L}\p{N}]?\p{L}+
	case c == letter:
		return run(s, i+n, letter)
	case c != number && !newline:
		if end := run(s, i+n, letter); end > i+n {
			return end
		}
	}
	if c == number { // \p{N}{1,3}
		end := i + n
		for range digits - 1 {
			k, m := classAt(s, end)
			if k != number {
				break
			}
			end += m
		}
		return end
	}
	j := i
	if s[i] == ' ' {
		j++
	}
	if k, m := classAt(s, j); k == other { //  ?[^\s\p{L}\p{N}]+[\r\n]*
		end := run(s, j+m, other)
		for end < len(s) && (s[end] == '\r' || s[end] == '\n') {
			end++
		}
		return end
	}
	end := run(s, i, space)
	for k := end; k > i; k-- { // \s*[\r\n]+: up to the last line break of the run
		if s[k-1] == '\r' || s[k-1] == '\n' {
			return k
		}
	}
	return spaces(s, i)
}

// spaces matches \s+(?!\S)|\s+: white space up to the end of the text, or all
// but its last character, or the one character.
func spaces(s string, i int) int {
	end, last := i, i
	for {
		c, n := classAt(s, end)
		if c != space {
			break
		}
		last = end
		end += n
	}
	if end == len(s) || last == i {
		return end
	}
	return last
}

// contraction returns the length of the English contraction that s begins with,
// 0 if none. Without case it folds as Unicode does, so that ſ (U+017F) is an s.
func contraction(s string, fold bool) int {
	if len(s) < 2 || s[0] != '\'' {
		return 0
	}
	a, b := s[1], byte(0)
	if len(s) > 2 {
		b = s[2]
	}
	if fold {
		a, b = lower(a), lower(b)
		if s[1:] >= "\u017F" && s[1:] < "\u0180" {
			return 3
		}
	}
	switch a {
	case 's', 't', 'm', 'd':
		return 2
	case 'r', 'v':
		if b == 'e' {
			return 3
		}
	case 'l':
		if b == 'l' {
			return 3
		}
	}
	return 0
}

func lower(b byte) byte {
	if b >= 'A' && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}
