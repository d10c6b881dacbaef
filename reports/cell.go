package reports

import (
	"fmt"
	"strconv"
	"strings"
)

// label is text.
type labelCell string

func (c labelCell) Text() string     { return string(c) }
func (c labelCell) Brief() string    { return string(c) }
func (c labelCell) Fields() []string { return []string{string(c)} }

// subjectCell names what a row is: a baseline or a fine-tune.
type subjectCell struct {
	text     string
	baseline string
	best     bool
}

func (c subjectCell) Text() string     { return c.text }
func (c subjectCell) Brief() string    { return c.text }
func (c subjectCell) Fields() []string { return []string{c.baseline, strconv.FormatBool(c.best)} }

// seedsCell is how many seeds are finished of those planned.
type seedsCell struct{ finished, planned int }

func (c seedsCell) Text() string  { return fmt.Sprintf("%d/%d", c.finished, c.planned) }
func (c seedsCell) Brief() string { return c.Text() }
func (c seedsCell) Fields() []string {
	return []string{strconv.Itoa(c.finished), strconv.Itoa(c.planned)}
}

// listCell is short texts, one a seed.
type listCell []string

// Text leaves out repetitions: where all seeds chose one epoch, it is said once.
func (c listCell) Text() string {
	for _, v := range c {
		if v != c[0] {
			return strings.Join(c, ",")
		}
	}
	return strings.Join(c[:min(1, len(c))], "")
}
func (c listCell) Brief() string    { return c.Text() }
func (c listCell) Fields() []string { return []string{strings.Join(c, " ")} }

// scoreCell is a mean, with its standard deviation over seeds if there is one.
type scoreCell struct{ mean, sd *float64 }

func (c scoreCell) Text() string {
	if c.mean != nil && c.sd != nil {
		return score(*c.mean) + " ± " + score(*c.sd)
	}
	return c.Brief()
}

func (c scoreCell) Brief() string {
	if c.mean == nil {
		return ""
	}
	return score(*c.mean)
}
func (c scoreCell) Fields() []string { return []string{exact(c.mean), exact(c.sd)} }

// valueCell is one score, marked where it is the best of its row.
type valueCell struct {
	value  *float64
	marked bool
	note   string // "" or why it compares badly
}

func (c valueCell) Text() string {
	switch {
	case c.value == nil:
		return ""
	case c.marked:
		return score(*c.value) + c.note + "*"
	}
	return score(*c.value) + c.note
}
func (c valueCell) Brief() string    { return c.Text() }
func (c valueCell) Fields() []string { return []string{exact(c.value)} }

// differenceCell is a difference with its interval.
type differenceCell struct {
	*Comparison
	instead string // text where there is no comparison
}

func (c differenceCell) Text() string {
	if c.Comparison == nil {
		return c.instead
	}
	return fmt.Sprintf("%s [%s, %s]", c.Brief(), bound(c.Low), bound(c.High))
}

func (c differenceCell) Brief() string {
	if c.Comparison == nil {
		return c.instead
	}
	if c.Tied() {
		return "~ " + signed(c.Difference)
	}
	return signed(c.Difference)
}

func (c differenceCell) Fields() []string {
	if c.Comparison == nil {
		return make([]string, 4)
	}
	return []string{exact(&c.Difference), exact(&c.Low), exact(&c.High), strconv.FormatBool(c.Tied())}
}

// pCell is the adjusted p-value of a comparison.
type pCell struct{ *Comparison }

func (c pCell) Text() string {
	switch {
	case c.Comparison == nil:
		return ""
	case c.Adjusted < .001:
		return "<.001"
	case c.Adjusted >= .9995:
		return "1"
	}
	return score(c.Adjusted)
}
func (c pCell) Brief() string { return c.Text() }

func (c pCell) Fields() []string {
	if c.Comparison == nil {
		return make([]string, 2)
	}
	return []string{exact(&c.P), exact(&c.Adjusted)}
}

// ratioCell is a count over a count.
type ratioCell struct{ *Ratio }

func (c ratioCell) Text() string {
	if c.Ratio == nil {
		return ""
	}
	return fmt.Sprintf("%.0f/%.0f", c.Num, c.Den)
}
func (c ratioCell) Brief() string { return c.Text() }

func (c ratioCell) Fields() []string {
	if c.Ratio == nil {
		return make([]string, 2)
	}
	return []string{digits(c.Num), digits(c.Den)}
}

// amountCell is a cost, written by its unit; nothing where it is zero.
type amountCell struct {
	amount float64
	write  func(float64) string
}

func (c amountCell) Text() string {
	if c.amount == 0 {
		return ""
	}
	return c.write(c.amount)
}
func (c amountCell) Brief() string    { return c.Text() }
func (c amountCell) Fields() []string { return []string{digits(c.amount)} }
