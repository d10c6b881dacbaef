package dataset

import (
	"encoding/hex"
	"fmt"
	"math"
	"strings"
)

// Selector chooses training records from a pool. Op decides which other fields
// matter:
//
//	all       everything
//	take      Count records matching Where, drawn with Seed
//	fraction  Fraction of the records matching Where, rounded to the nearest count, drawn with Seed
//	where     every record matching Where
//	union     records in any of Of
//	except    records in Of[0] and in none of Of[1:]
//	ids       records named by IDs: an "id" field, or 12 or more hex digits of a record ID
type Selector struct {
	Op       string
	Count    int
	Fraction float64
	Seed     uint64
	Where    map[string]any
	Of       []Selector
	IDs      []string
}

// Select returns the records of pool that sel chooses, as indexes in dataset
// order. Nested selectors choose from the same pool.
//
// Draws take records in the order of SHA-256("daybook draw 1\n" || 0 || seed ||
// record ID), so that with one seed a smaller draw is part of a larger one.
//
// A choice that can't be made, or an empty result, is a *RuleError whose Place
// begins with "subset". An ID that exists outside the pool (held out, say) is an
// error too, which says so.
func Select(d *Dataset, pool []int, sel Selector) ([]int, error) {
	s := selection{d: d, pool: pool}
	chosen, err := s.choose("subset", sel)
	if err != nil {
		return nil, err
	}
	var result []int
	for i, in := range chosen {
		if in {
			result = append(result, i)
		}
	}
	if len(result) == 0 {
		return nil, &RuleError{
			Place: "subset", Err: fmt.Errorf("%w of the %d there are", ErrEmptySelection, len(pool)),
			Advice: "widen the subset, or hold out fewer records",
		}
	}
	return result, nil
}

type selection struct {
	d    *Dataset
	pool []int
	ids  map[string][]int // names and hex prefixes -> records; made on first use
}

// choose returns a flag for every record of the dataset.
func (s *selection) choose(place string, sel Selector) ([]bool, error) {
	chosen := make([]bool, len(s.d.Records))
	switch sel.Op {
	case "all":
		for _, i := range s.pool {
			chosen[i] = true
		}
		return chosen, nil
	case "where", "take", "fraction":
		return chosen, s.draw(place, sel, chosen)
	case "union", "except":
		if len(sel.Of) == 0 {
			return nil, &RuleError{Place: place, Err: fmt.Errorf("%w: %s of nothing", ErrBadRule, sel.Op), Advice: "give it subsets"}
		}
		for n, o := range sel.Of {
			part, err := s.choose(fmt.Sprintf("%s.of[%d]", place, n), o)
			if err != nil {
				return nil, err
			}
			for i, in := range part {
				if in {
					chosen[i] = n == 0 || sel.Op == "union"
				}
			}
		}
		return chosen, nil
	case "ids":
		return chosen, s.named(place, sel.IDs, chosen)
	}
	return nil, &RuleError{
		Place: place, Err: fmt.Errorf("%w: unknown op %s", ErrBadRule, quote(sel.Op)),
		Advice: "use all, take, fraction, where, union, except or ids",
	}
}

// draw marks the records matching sel.Where, or as many of them as sel asks for.
func (s *selection) draw(place string, sel Selector, chosen []bool) error {
	f, err := newFilter(s.d, place, sel.Where)
	if err != nil {
		return err
	}
	var match []drawn
	for _, i := range s.pool {
		if r := &s.d.Records[i]; f.match(r) {
			match = append(match, drawn{i, priority("draw", "", sel.Seed, r.ID)})
		}
	}
	n := len(match)
	switch sel.Op {
	case "take":
		if sel.Count <= 0 {
			return &RuleError{Place: place, Err: fmt.Errorf("%w: count is %d", ErrBadRule, sel.Count), Advice: "take at least one record"}
		}
		if sel.Count > n {
			return &RuleError{
				Place: place, Err: fmt.Errorf("%w: %d wanted, %d match of the %d left for training", ErrTooFew, sel.Count, n, len(s.pool)),
				Advice: fmt.Sprintf("take at most %d, widen where, or hold out fewer", n),
			}
		}
		n = sel.Count
	case "fraction":
		if !(sel.Fraction > 0 && sel.Fraction <= 1) {
			return &RuleError{Place: place, Err: fmt.Errorf("%w: fraction is %v", ErrBadRule, sel.Fraction), Advice: "give a fraction above 0, at most 1"}
		}
		n = int(math.Round(sel.Fraction * float64(n)))
	}
	sortDrawn(match)
	for _, m := range match[:n] {
		chosen[m.index] = true
	}
	return nil
}

// named marks the records that ids name. A name that several records share
// means all of them; a hex prefix has to be unambiguous.
func (s *selection) named(place string, ids []string, chosen []bool) error {
	if s.ids == nil {
		s.ids = make(map[string][]int, 2*len(s.d.Records))
		for i := range s.d.Records {
			r := &s.d.Records[i]
			prefix := hex.EncodeToString(r.ID[:shortID/2])
			s.ids[prefix] = append(s.ids[prefix], i)
			if name := r.Name(); name != prefix {
				s.ids[name] = append(s.ids[name], i)
			}
		}
	}
	in := make([]bool, len(s.d.Records))
	for _, i := range s.pool {
		in[i] = true
	}
	for n, id := range ids {
		at := fmt.Sprintf("%s.ids[%d]", place, n)
		found, err := s.find(at, id)
		if err != nil {
			return err
		}
		left := false
		for _, i := range found {
			if in[i] {
				chosen[i], left = true, true
			}
		}
		if !left {
			return &RuleError{
				Place: at, Err: fmt.Errorf("%w among those left for training: %s is held out", ErrUnknownID, quote(id)),
				Advice: "leave it out of the list, or hold out other records",
			}
		}
	}
	return nil
}

func (s *selection) find(place, id string) ([]int, error) {
	if found := s.ids[id]; len(found) > 0 {
		return found, nil
	}
	var found []int
	if lower := strings.ToLower(id); len(lower) >= shortID {
		for _, i := range s.ids[lower[:shortID]] {
			if strings.HasPrefix(hex.EncodeToString(s.d.Records[i].ID[:]), lower) {
				found = append(found, i)
			}
		}
	}
	if len(found) == 0 {
		return nil, &RuleError{
			Place: place, Err: fmt.Errorf("%w: %s", ErrUnknownID, quote(id)),
			Advice: `IDs are values of the "id" field, or 12 or more hex digits of a record ID`,
		}
	}
	for _, i := range found[1:] {
		if s.d.Records[i].ID != s.d.Records[found[0]].ID {
			return nil, &RuleError{Place: place, Err: fmt.Errorf("%w: %s is the start of several", ErrUnknownID, quote(id)), Advice: "give more digits"}
		}
	}
	return found, nil
}
