package reports

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	"daybook/ledger"
)

var (
	agreeFlag = flag.String("agree", "", "two ledgers of one sweep, separated by a comma, whose findings TestAgree compares")
	looseFlag = flag.Bool("loose", false, "let -agree pass where only one ledger's difference is significant, and fail on contrary ones alone")
	sweepFlag = flag.String("sweep", "clinical", "the sweep that -agree compares")
)

// TestAgree compares what a sweep found on two machines or devices:
//
//	go test ./reports -run TestAgree -v -agree cpu/.daybook/ledger.db,gpu/.daybook/ledger.db
//
// It lists every pair of rows that differ in one axis, and every row beside the
// zero-shot baseline, and fails unless both ledgers found the same differences: of
// the same sign where they are significant, and significant in both or in neither.
// -loose leaves those out that only one of them found, which are listed all the same.
func TestAgree(t *testing.T) {
	if *agreeFlag == "" {
		t.Skip("no ledgers to compare; -agree names them")
	}
	var found [2][]finding
	paths := strings.Split(*agreeFlag, ",")
	if len(paths) != len(found) {
		t.Fatalf("-agree %s: want two ledgers", *agreeFlag)
	}
	for i, path := range paths {
		l := must(ledger.OpenReadOnly(t.Context(), path, ledger.Options{}))(t)
		sweep := must(l.Sweep(t.Context(), *sweepFlag))(t)
		results := must(l.Results(t.Context(), sweep.ID))(t)
		found[i] = findings(must(New(results, Options{}))(t))
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	if len(found[0]) == 0 {
		t.Fatalf("%s: sweep %s: nothing to compare", paths[0], *sweepFlag)
	}
	for _, a := range found[0] {
		t.Logf("%-60s %s | %s", a.pair, &a, in(found[1], a.pair))
	}
	list, contrary := disagreements(found[0], found[1])
	for _, line := range list {
		t.Log("differs: ", line)
	}
	t.Logf("%d of %d findings differ, %d of them contrary", len(list), len(found[0]), contrary)
	if contrary > 0 || len(list) > 0 && !*looseFlag {
		t.Errorf("%s found something else than %s", paths[1], paths[0])
	}
}

// in returns the finding of a pair, nil if there is none.
func in(all []finding, pair string) *finding {
	if at := slices.IndexFunc(all, func(f finding) bool { return f.pair == pair }); at >= 0 {
		return &all[at]
	}
	return nil
}

// finding is the difference of two rows' means.
type finding struct {
	pair string
	Comparison
}

func (f *finding) String() string {
	if f == nil {
		return "not compared"
	}
	verdict := fmt.Sprintf("%+.3f [%+.3f, %+.3f]", f.Difference, f.Low, f.High)
	if f.Tied() {
		return "~ " + verdict
	}
	return "  " + verdict
}

// findings compares the rows that differ in one axis, and all with the zero-shot
// baseline, by the intervals that the report prints.
func findings(r *Report) (all []finding) {
	var rows []Row
	var drawn []series
	for _, w := range r.Rows {
		if len(w.series.samples) > 0 && (w.Baseline == "" || w.Baseline == zeroShot) {
			rows, drawn = append(rows, w), append(drawn, w.series)
		}
	}
	if len(rows) == 0 {
		return nil
	}
	values := resample(drawn, len(drawn[0].samples[0].num), r.Footer.Resamples, r.Footer.Seed, kindOf(r.Metric) == "perplexity")
	for i, a := range rows {
		for j, b := range rows[:i] {
			pair := rowName(a) + " - " + rowName(b)
			if b.Baseline == "" && axesApart(a, b) != 1 {
				continue
			}
			c := Comparison{Difference: *a.Mean - *b.Mean}
			c.Low, c.High, c.P, _ = interval(values[i], values[j])
			all = append(all, finding{pair, c})
		}
	}
	return all
}

func rowName(w Row) string {
	if w.Baseline != "" {
		return w.Baseline
	}
	var parts []string
	for _, c := range w.Axes {
		parts = append(parts, c.Axis+"="+c.Label)
	}
	return strings.Join(parts, " ")
}

// axesApart counts the axes in which two rows differ.
func axesApart(a, b Row) (n int) {
	for i := range min(len(a.Axes), len(b.Axes)) {
		if a.Axes[i] != b.Axes[i] {
			n++
		}
	}
	return n
}

// disagreements lists the findings that are not the same in a and b, and counts
// those that are contrary to each other.
func disagreements(a, b []finding) (list []string, contrary int) {
	for _, x := range a {
		y := in(b, x.pair)
		if y == nil {
			list = append(list, x.pair+" was compared in the first only")
			continue
		}
		same := x.Difference > 0 == (y.Difference > 0)
		switch {
		case x.Tied() && y.Tied(), same && x.Tied() == y.Tied():
			continue
		case !same && !x.Tied() && !y.Tied():
			contrary++
		}
		list = append(list, fmt.Sprintf("%s: %s, %s", x.pair, &x, y))
	}
	for _, y := range b {
		if in(a, y.pair) == nil {
			list = append(list, y.pair+" was compared in the second only")
		}
	}
	return list, contrary
}

// TestDisagreements finds nothing between a report and itself, and what was
// changed between two.
func TestDisagreements(t *testing.T) {
	same := findings(quick(t, small.results()))
	// Two ranks of two sets: four pairs, and four rows beside the baseline.
	if list, contrary := disagreements(same, same); len(same) != 8 || len(list) != 0 || contrary != 0 {
		t.Errorf("%d findings, %q, %d contrary", len(same), list, contrary)
	}
	between := func(low, high float64) finding {
		return finding{"a - b", Comparison{Difference: (low + high) / 2, Low: low, High: high}}
	}
	for _, c := range []struct {
		a, b           finding
		lines, opposed int
	}{
		{between(.1, .2), between(.3, .4), 0, 0},
		{between(.1, .2), between(-.01, .1), 1, 0},
		{between(-.1, .01), between(-.01, .1), 0, 0},
		{between(.1, .2), between(-.2, -.1), 1, 1},
	} {
		list, contrary := disagreements([]finding{c.a}, []finding{c.b})
		if len(list) != c.lines || contrary != c.opposed {
			t.Errorf("%s and %s: %q, %d contrary", &c.a, &c.b, list, contrary)
		}
	}
	for _, pair := range [][2][]finding{{same, same[1:]}, {same[1:], same}} {
		if list, _ := disagreements(pair[0], pair[1]); len(list) != 1 {
			t.Errorf("one was left out: %q", list)
		}
	}
}
