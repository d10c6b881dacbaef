package metric

import "slices"

// inventedScore counts the extracted values that the source doesn't hold.
//
// Extracted values are all strings and numbers inside the elements of the list,
// as often as they were extracted; values with neither letter nor digit are
// left out. A value occurs if its words, normalised by the table in
// normalise.txt, stand in the equally normalised source one after another. It
// is reported as a count over a count, because an answer that extracts nothing
// invents nothing.
func inventedScore(list string) func(Case) Score {
	return func(c Case) Score {
		elems, err := elements(c.Prediction, list)
		if err != nil {
			return Score{}
		}
		var s Score
		source := newPhrases(c.Source)
		for _, v := range leaves(nil, elems) {
			words := normalise(v)
			if len(words) == 0 {
				continue
			}
			s.Den++
			if !source.contain(words) {
				s.Num++
			}
		}
		return s
	}
}

// phrases finds runs of words in a text.
type phrases struct {
	words []string
	at    map[string][]int // where each word stands
}

func newPhrases(text string) phrases {
	p := phrases{words: normalise(text), at: map[string][]int{}}
	for i, w := range p.words {
		p.at[w] = append(p.at[w], i)
	}
	return p
}

func (p phrases) contain(words []string) bool {
	for _, i := range p.at[words[0]] {
		if i+len(words) <= len(p.words) && slices.Equal(p.words[i:i+len(words)], words) {
			return true
		}
	}
	return false
}
