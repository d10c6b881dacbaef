package sweeps

import (
	"slices"
	"strconv"
	"strings"
)

// nearest returns the candidate most like word, or "" if none is alike: one
// edit in three letters is, two in up to eight, then a third of the word. The
// first of equally near candidates wins.
func nearest(word string, candidates []string) string {
	word = strings.ToLower(word)
	if _, err := strconv.ParseFloat(word, 64); err == nil {
		return "" // 17 is no misspelt 1
	}
	best, distance := "", len(word)/3+1 // first distance that is too far
	if len(word) > 3 {
		distance = max(distance, 3)
	}
	for _, c := range candidates {
		d := editDistance(word, strings.ToLower(c))
		if len(word) > 0 && strings.HasPrefix(strings.ToLower(c), word) {
			d = min(d, 1)
		}
		if d < distance && d < max(len(word), len(c)) {
			best, distance = c, d
		}
	}
	return best
}

// oneOf is the hint for a word that is not among the candidates.
func oneOf(word string, candidates []string) string {
	if n := nearest(word, candidates); n != "" {
		return "did you mean " + n + "?"
	}
	switch len(candidates) {
	case 0:
		return ""
	case 1:
		return "the only valid value is " + candidates[0]
	}
	return "valid are " + strings.Join(candidates, ", ")
}

// editDistance counts the insertions, deletions, substitutions and swaps of
// neighbours that turn a into b (optimal string alignment), in bytes.
func editDistance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

// foreign maps names that other trainers use to the paths of ours.
var foreign = map[string]string{
	"lr":                          "train.learning_rate",
	"num_train_epochs":            "train.epochs",
	"per_device_train_batch_size": "train.batch_size",
	"gradient_accumulation_steps": "train.grad_accum",
	"lr_scheduler_type":           "train.schedule",
	"optim":                       "train.optimizer",
	"max_length":                  "train.max_seq_len",
	"max_seq_length":              "train.max_seq_len",
	"r":                           "train.lora.rank",
	"lora_r":                      "train.lora.rank",
	"lora_alpha":                  "train.lora.alpha",
	"lora_dropout":                "train.lora.dropout",
	"target_modules":              "train.lora.targets",
	"use_rslora":                  "train.lora.rslora",
	"load_in_4bit":                "base.quantization",
	"bnb_4bit_use_double_quant":   "base.double_quant",
}

// unknownKey is the hint for a key that is not valid at prefix, a path within
// a spec ("" for its top). A near miss beats a key that belongs elsewhere.
func unknownKey(key, prefix string, valid, everywhere []string) string {
	n := nearest(key, valid)
	if n != "" && editDistance(key, n) == 1 {
		return "did you mean " + n + "?"
	}
	place := foreign[key]
	if place == "" {
		matches := slices.DeleteFunc(slices.Clone(everywhere), func(p string) bool {
			return p[strings.LastIndexByte(p, '.')+1:] != key
		})
		if len(matches) == 1 {
			place = matches[0]
		}
	}
	if place != "" {
		if parent, name := cutLast(place); parent == prefix {
			return "did you mean " + name + "?"
		}
		return "did you mean " + place + "?"
	}
	return oneOf(key, valid)
}

func cutLast(path string) (parent, name string) {
	i := strings.LastIndexByte(path, '.')
	if i < 0 {
		return "", path
	}
	return path[:i], path[i+1:]
}
