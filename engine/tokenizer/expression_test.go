package tokenizer

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestSplitsSameAsTokenizersLibrary(t *testing.T) {
	var all texts
	readJSON(t, "texts.json", &all)
	var short []string
	for _, text := range all.Curated {
		if utf8.RuneCountInString(text) < 60 {
			short = append(short, text)
		}
	}
	var cases []struct {
		Expression string   `json:"expression"`
		Behavior   behavior `json:"behavior"`
		Invert     bool     `json:"invert"`
		Sum        string   `json:"sum"`
	}
	readJSON(t, "splits.json", &cases)
	for _, c := range cases {
		cut := split(mustCompile(c.Expression), c.Behavior, c.Invert)
		lines := make([]string, len(short))
		for i, text := range short {
			var parts []string
			cut(piece{text: text}, false, func(p piece) { parts = append(parts, p.text) })
			lines[i] = strings.Join(parts, "\x00")
		}
		sum := sha256.Sum256([]byte(strings.Join(lines, "\x01")))
		if hex.EncodeToString(sum[:])[:len(c.Sum)] != c.Sum {
			t.Errorf("%s, %s, invert %t: the texts are cut in other places", c.Expression, c.Behavior, c.Invert)
		}
	}
}

func TestExpressionsRefused(t *testing.T) {
	for expression, want := range map[string]string{
		`(a)\1`:                     `\1`,
		`a*?`:                       "lazy",
		`a++`:                       "possessive",
		`a{2}{3}`:                   "double repeat",
		`(?<=a)b`:                   `group "(?<="`,
		`a(?!bc)`:                   "more than one character",
		`a(?=b|c)`:                  "more than one character",
		`^a`:                        `"^" with nothing`,
		`*a`:                        `"*" with nothing`,
		`a{1000}`:                   "repeat {1000}",
		`a{3,2}`:                    "repeat {3,2}",
		`(a`:                        "without its )",
		`a)`:                        `unexpected ")"`,
		`[a`:                        "without its ]",
		`[a[b]]`:                    `"[" in a class`,
		`[a&&b]`:                    `"&" in a class`,
		`[z-a]`:                     "a range",
		`\p{Grek}`:                  `\p{Grek}`,
		`\pL`:                       `\p without`,
		`\`:                         "at the end",
		`(?i:é)`:                    "(?i:) around",
		`a|`:                        "nothing at all",
		`\s*`:                       "nothing at all",
		strings.Repeat("(", 100):    "groups in one another",
		strings.Repeat("a", 5000):   "longer than",
		"\xff":                      "not UTF-8",
		"((a{64}){64}){64}":         "places",
		"[ab]*a[ab]{20}":            "states",
		"a{0,64}b{0,64}c{0,64}(abc": "without its )",
	} {
		e, err := parseExpression(expression)
		if err == nil {
			_, err = compile(e)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: error %v, want one with %q", expression, err, want)
		}
	}
}

// What makes a backtracking matcher try every way to divide a text takes one pass.
func TestExpressionsTakeOnePass(t *testing.T) {
	text := strings.Repeat("a", 1<<20)
	begin := time.Now()
	if end := mustCompile(`(a+)+b|(a|aa)+$`).match(text, 0); end != len(text) {
		t.Errorf("matched %d bytes", end)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestRuneSets(t *testing.T) {
	letters, _ := property("L")
	upper, _ := property("Lu")
	for _, c := range []struct {
		set  runeSet
		r    rune
		want bool
	}{
		{letters, 'a', true},
		{letters, '1', false},
		{letters, 0x1C89, true},
		{letters, 0x2EE5D, true},
		{letters, 0x2EE5E, false},
		{upper, 'A', true},
		{upper, 'a', false},
		{letters.not(), 'a', false},
		{letters.not().not(), 'a', true},
		{union(runes('a', 'c'), runes('d', 'f')), 'e', true},
		{union(runes('a', 'c'), runes('e', 'f')), 'd', false},
		{union(upper, upper.not()), utf8.MaxRune, true},
		{runeSet{}.not(), 0, true},
	} {
		if c.set.has(c.r) != c.want {
			t.Errorf("%U: %t", c.r, !c.want)
		}
	}
	if got := union(runes('a', 'c'), runes('d', 'f')); len(got) != 2 {
		t.Errorf("neighbours do not join: %v", got)
	}
}
