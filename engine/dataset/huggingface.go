package dataset

import (
	"fmt"
	"math"
	"slices"
)

// splitLikeHuggingFace divides as train_test_split(test_size, seed) of the
// datasets library does: first the whole, then, for validation, what that left
// for training. It looks at no content, so twins can end up on both sides.
func splitLikeHuggingFace(d *Dataset, cfg SplitConfig) (*Partition, error) {
	if cfg.GroupBy != "" {
		return nil, &RuleError{Place: "group_by", Err: fmt.Errorf("%w: split 'huggingface' divides single records", ErrBadRule), Advice: "leave one of the two out"}
	}
	p := &Partition{Groups: len(d.Records), Train: d.All()}
	for _, side := range []struct {
		name string
		rule Rule
		to   *[]int
	}{{"test", cfg.Test, &p.Test}, {"validation", cfg.Validation, &p.Validation}} {
		if len(side.rule.Where) > 0 {
			return nil, &RuleError{Place: side.name + ".where", Err: fmt.Errorf("%w: split 'huggingface' draws from all records", ErrBadRule), Advice: "leave one of the two out"}
		}
		if side.rule.Count == 0 && side.rule.Fraction == 0 {
			continue
		}
		if want, err := side.rule.size(side.name, len(p.Train)); err != nil {
			return nil, err
		} else if want > len(p.Train) {
			return nil, &RuleError{Place: side.name, Err: fmt.Errorf("%w: %d wanted, %d match", ErrTooFew, want, len(p.Train)), Advice: "lower the count"}
		}
		held, rest := trainTestSplit(p.Train, side.rule)
		if len(rest) == 0 {
			return nil, &RuleError{Place: side.name, Err: fmt.Errorf("%w: %d wanted, and none would be left of %d", ErrTooFew, len(held), len(p.Train)), Advice: "lower the count"}
		}
		*side.to, p.Train = held, rest
	}
	p.twins(d)
	for _, side := range []*[]int{&p.Train, &p.Validation, &p.Test} {
		slices.Sort(*side)
	}
	return p, nil
}

// trainTestSplit returns the two sides in the library's order.
func trainTestSplit(pool []int, rule Rule) (test, train []int) {
	n := rule.Count
	if rule.Fraction > 0 {
		n = int(math.Ceil(rule.Fraction * float64(len(pool))))
	}
	n = min(n, len(pool))
	order := newPCG64(rule.Seed).permutation(len(pool))
	for i, at := range order {
		order[i] = pool[at]
	}
	return order[:n], order[n:]
}

// twins counts records whose content an earlier one has, and held-out ones whose
// content is in training.
func (p *Partition) twins(d *Dataset) {
	seen := make(map[[32]byte]bool, len(d.Records))
	for i := range d.Records {
		if seen[d.Records[i].ContentID] {
			p.Duplicates++
		}
		seen[d.Records[i].ContentID] = true
	}
	clear(seen)
	for _, i := range p.Train {
		seen[d.Records[i].ContentID] = true
	}
	for _, side := range [][]int{p.Validation, p.Test} {
		for _, i := range side {
			if seen[d.Records[i].ContentID] {
				p.Leaked++
			}
		}
	}
}
