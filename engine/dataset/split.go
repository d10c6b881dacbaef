package dataset

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// SplitConfig says how Split divides a dataset.
type SplitConfig struct {
	// GroupBy is a field whose equal values stay on one side, such as
	// "patient"; "" for none. A record without the field, or with null, is a
	// group of its own.
	GroupBy    string
	Validation Rule
	Test       Rule
	// HuggingFace divides as train_test_split of the datasets library does, for
	// those who have to match an earlier split.
	HuggingFace bool
}

// Rule says which records one held-out side gets. At most one of Count and
// Fraction is positive; with neither the side stays empty.
type Rule struct {
	Count    int            // records
	Fraction float64        // of the dataset's records that match Where, rounded to the nearest count
	Seed     uint64         // decides which
	Where    map[string]any // field -> required value, or list of accepted ones
}

// Partition is a dataset divided. Each slice holds record indexes in dataset
// order; together they hold every index once.
type Partition struct {
	Train      []int
	Validation []int
	Test       []int
	// Withheld are on no side: they are bound to a held-out record by equal
	// content or by group, but don't match that side's rule or exceed its count.
	Withheld []int

	Surplus    int // Withheld records that did match and were more than the count
	Duplicates int // records whose content an earlier record has
	Groups     int // sets of records that could not be divided
	Ungrouped  int // records without the GroupBy field
	Leaked     int // held-out records whose content is in training; 0 unless HuggingFace
}

// Split draws test and then validation from the whole dataset. Records with
// equal content, or with an equal GroupBy value, form one indivisible component
// (transitively), so that nothing held out has a twin in training.
//
// Components are tried in the order of
//
//	SHA-256("daybook split 1\n" || side || 0 || seed || anchor)
//
// where anchor is the smallest, over the component, of SHA-256 of the group
// value or, without one, the prompt ID. Components with one anchor follow the
// same hash of their smallest blank ID, and of their smallest record ID only if
// nothing but the answers tells them apart. So correcting an answer moves no
// record, as long as it makes or parts no twins. The order of the records in the
// file doesn't matter, and appending records leaves others mostly where they are.
//
// Each component that has a matching record goes to the side whole: its
// matching records until the count is reached, the rest to Withheld. Which of
// them come first is decided likewise, with "member" for "split" and each
// record's prompt ID as its anchor. Test is drawn first, so that no change to the
// validation rule changes the test set.
//
// A rule that can't be satisfied is a *RuleError whose Place is "group_by" or
// begins with "test" or "validation".
func Split(d *Dataset, cfg SplitConfig) (*Partition, error) {
	if cfg.HuggingFace {
		return splitLikeHuggingFace(d, cfg)
	}
	p := &Partition{}
	comps, err := components(d, cfg.GroupBy, p)
	if err != nil {
		return nil, err
	}
	p.Groups = len(comps)
	taken := make([]bool, len(comps))
	for _, side := range []struct {
		name string
		rule Rule
		to   *[]int
	}{{"test", cfg.Test, &p.Test}, {"validation", cfg.Validation, &p.Validation}} {
		if err := p.draw(d, side.name, side.rule, comps, taken, side.to); err != nil {
			return nil, err
		}
	}
	for i, c := range comps {
		if !taken[i] {
			p.Train = append(p.Train, c.members...)
		}
	}
	for _, side := range []*[]int{&p.Train, &p.Validation, &p.Test, &p.Withheld} {
		slices.Sort(*side)
	}
	return p, nil
}

// component is a set of records that have to stay on one side.
type component struct {
	anchor    [32]byte // the three identities of Split, each the smallest of the members'
	blank, id [32]byte
	members   []int // ascending
}

// components joins records by equal content and equal group value.
func components(d *Dataset, groupBy string, p *Partition) ([]component, error) {
	if groupBy != "" {
		if err := d.RequireField("group_by", groupBy); err != nil {
			return nil, err
		}
	}
	sets := newDisjoint(len(d.Records))
	anchors := make([][32]byte, len(d.Records))
	byContent := make(map[[32]byte]int, len(d.Records))
	byGroup := map[[32]byte]int{}
	for i := range d.Records {
		r := &d.Records[i]
		anchors[i] = r.PromptID
		if first, ok := byContent[r.ContentID]; ok {
			p.Duplicates++
			sets.join(first, i)
		} else {
			byContent[r.ContentID] = i
		}
		if groupBy == "" {
			continue
		}
		v, ok := r.Field(groupBy)
		if !ok || v == nil {
			p.Ungrouped++
			continue
		}
		s, ok := scalar(v)
		if !ok {
			return nil, &RuleError{
				Place:  "group_by",
				Err:    fmt.Errorf("%w: %s is %s in line %d", ErrBadRule, quote(groupBy), kind(v), r.Line),
				Advice: "group by a field that holds a string, a number or a boolean",
			}
		}
		anchors[i] = sha256.Sum256(appendCanonical([]byte("daybook group 1\n"), s))
		if first, ok := byGroup[anchors[i]]; ok {
			sets.join(first, i)
		} else {
			byGroup[anchors[i]] = i
		}
	}
	var comps []component
	index := make(map[int]int, len(d.Records)) // root -> component
	for i := range d.Records {
		root := sets.find(i)
		c, ok := index[root]
		if !ok {
			c = len(comps)
			index[root] = c
			comps = append(comps, component{anchor: anchors[i], blank: d.Records[i].BlankID, id: d.Records[i].ID})
		}
		comps[c].members = append(comps[c].members, i)
		comps[c].anchor = smaller(comps[c].anchor, anchors[i])
		comps[c].blank = smaller(comps[c].blank, d.Records[i].BlankID)
		comps[c].id = smaller(comps[c].id, d.Records[i].ID)
	}
	return comps, nil
}

func smaller(a, b [32]byte) [32]byte {
	if bytes.Compare(b[:], a[:]) < 0 {
		return b
	}
	return a
}

// draw moves components to one side until its rule is satisfied.
func (p *Partition) draw(d *Dataset, side string, rule Rule, comps []component, taken []bool, to *[]int) error {
	f, err := newFilter(d, side, rule.Where)
	if err != nil {
		return err
	}
	total, free := 0, 0 // matching records: in the dataset, not yet taken
	var order []drawn
	for i, c := range comps {
		n := 0
		for _, m := range c.members {
			if f.match(&d.Records[m]) {
				n++
			}
		}
		total += n
		if n > 0 && !taken[i] {
			free += n
			order = append(order, drawn{i, priority("split", side, rule.Seed, c.anchor, c.blank, c.id)})
		}
	}
	want, err := rule.size(side, total)
	if err != nil {
		return err
	}
	if want > free {
		why := fmt.Errorf("%w: %d wanted, %d match", ErrTooFew, want, total)
		if free < total {
			why = fmt.Errorf("%w: %d wanted, %d match, and %d of those are bound to the test set", ErrTooFew, want, total, total-free)
		}
		return &RuleError{Place: side, Err: why, Advice: "lower the count, or widen where"}
	}
	sortDrawn(order)
	got := 0
	for _, o := range order {
		if got == want {
			break
		}
		taken[o.index] = true
		got += p.take(d, side, rule.Seed, f, comps[o.index], want-got, to)
	}
	return nil
}

// take gives up to most matching members of c to a side and withholds the others.
func (p *Partition) take(d *Dataset, side string, seed uint64, f filter, c component, most int, to *[]int) int {
	var match []drawn
	for _, m := range c.members {
		if f.match(&d.Records[m]) {
			r := &d.Records[m]
			match = append(match, drawn{m, priority("member", side, seed, r.PromptID, r.BlankID, r.ID)})
		} else {
			p.Withheld = append(p.Withheld, m)
		}
	}
	sortDrawn(match)
	for i, m := range match {
		if i < most {
			*to = append(*to, m.index)
		} else {
			p.Withheld = append(p.Withheld, m.index)
			p.Surplus++
		}
	}
	return min(len(match), most)
}

// size returns how many records the rule asks for of total matching ones.
func (r Rule) size(place string, total int) (int, error) {
	bad := func(why string) error {
		return &RuleError{Place: place, Err: fmt.Errorf("%w: %s", ErrBadRule, why), Advice: "give a count, or a fraction between 0 and 1"}
	}
	switch {
	case r.Count < 0:
		return 0, bad(fmt.Sprintf("count is %d", r.Count))
	case !(r.Fraction >= 0 && r.Fraction <= 1): // also NaN
		return 0, bad(fmt.Sprintf("fraction is %v", r.Fraction))
	case r.Count > 0 && r.Fraction > 0:
		return 0, bad("both count and fraction are given")
	case r.Fraction > 0:
		n := int(math.Round(r.Fraction * float64(total)))
		if n == 0 {
			return 0, &RuleError{
				Place: place, Err: fmt.Errorf("%w: %v of the %d that match is none", ErrTooFew, r.Fraction, total),
				Advice: "raise the fraction, or widen where",
			}
		}
		return n, nil
	case r.Count == 0 && len(r.Where) > 0:
		return 0, bad("where without a count or a fraction")
	}
	return r.Count, nil
}

// drawn is a choice and its place in a seeded order.
type drawn struct {
	index    int
	priority [][32]byte // the first that differs decides
}

func sortDrawn(list []drawn) {
	slices.SortFunc(list, func(a, b drawn) int {
		c := slices.CompareFunc(a.priority, b.priority, func(x, y [32]byte) int { return bytes.Compare(x[:], y[:]) })
		if c != 0 {
			return c
		}
		return a.index - b.index
	})
}

// priority orders choices by hashes of their identities, so that an order
// depends on the seed and on what each choice is, never on where it stands or on
// what else there is.
func priority(use, side string, seed uint64, ids ...[32]byte) [][32]byte {
	buf := make([]byte, 0, 96)
	buf = append(buf, "daybook "...)
	buf = append(buf, use...)
	buf = append(buf, " 1\n"...)
	buf = append(buf, side...)
	buf = append(buf, 0)
	buf = binary.BigEndian.AppendUint64(buf, seed)
	hashes := make([][32]byte, len(ids))
	for i, id := range ids {
		hashes[i] = sha256.Sum256(append(buf, id[:]...))
	}
	return hashes
}

// disjoint is a union-find forest (Tarjan 1975) with path halving.
type disjoint []int

func newDisjoint(n int) disjoint {
	s := make(disjoint, n)
	for i := range s {
		s[i] = i
	}
	return s
}

func (s disjoint) find(i int) int {
	for s[i] != i {
		s[i] = s[s[i]]
		i = s[i]
	}
	return i
}

func (s disjoint) join(a, b int) { s[s.find(b)] = s.find(a) }
