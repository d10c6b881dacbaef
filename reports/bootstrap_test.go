package reports

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestMix(t *testing.T) {
	// The first outputs of SplitMix64 seeded with 0, as in its reference code.
	state := uint64(0)
	for i, want := range []uint64{0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f} {
		state += ratio64
		if got := mix(state); got != want {
			t.Errorf("output %d: %#x, want %#x", i, got, want)
		}
	}
}

func TestBelowIsUniform(t *testing.T) {
	const cells, draws = 7, 70_000
	counts := make([]float64, cells)
	for b := range draws / 100 {
		r := stream(1, streamName("records"), b)
		for range 100 {
			counts[r.below(cells)]++
		}
	}
	chi := 0.0
	for _, n := range counts {
		chi += (n - draws/cells) * (n - draws/cells) / (draws / cells)
	}
	if chi > 22.5 { // 6 degrees of freedom, p = .001
		t.Errorf("chi-square %.1f: %v", chi, counts)
	}
}

func TestStreamsDiffer(t *testing.T) {
	seen := map[uint64]string{}
	for seed := range uint64(3) {
		for _, name := range []string{"records", "seeds of a", "seeds of b"} {
			for b := range 200 {
				r := stream(seed, streamName(name), b)
				at := fmt.Sprint(seed, name, b)
				if other, ok := seen[r.state]; ok {
					t.Fatalf("%s starts as %s", at, other)
				}
				seen[r.state] = at
			}
		}
	}
}

// ones is a sample with denominators of one.
func ones(num ...float64) sample {
	s := sample{num: num, den: make([]float64, len(num))}
	for i := range s.den {
		s.den[i] = 1
	}
	return s
}

func TestResampleTwoRecords(t *testing.T) {
	const n = 20_000
	rows := []series{{name: "a", samples: []sample{ones(0, 1)}}, {name: "b", samples: []sample{ones(1, 0)}}}
	drawn := resample(rows, 2, n, 0, false)
	share := map[float64]float64{}
	for b := range n {
		share[drawn[0][b]] += 1. / n
		if drawn[0][b]+drawn[1][b] != 1 {
			t.Fatalf("resample %d: %v and %v: rows were not judged on the same draw", b, drawn[0][b], drawn[1][b])
		}
	}
	for v, want := range map[float64]float64{0: .25, .5: .5, 1: .25} {
		if math.Abs(share[v]-want) > .015 { // four standard errors
			t.Errorf("share of %g is %.3f, want %g", v, share[v], want)
		}
	}
}

func TestResampleSeeds(t *testing.T) {
	const n = 20_000
	rows := []series{{name: "a", samples: []sample{ones(0), ones(1)}}, {name: "b", samples: []sample{ones(0), ones(1)}}}
	drawn := resample(rows, 1, n, 0, false)
	both := map[[2]float64]float64{}
	for b := range n {
		both[[2]float64{drawn[0][b], drawn[1][b]}] += 1. / n
	}
	for x, p := range map[float64]float64{0: .25, .5: .5, 1: .25} {
		for y, q := range map[float64]float64{0: .25, .5: .5, 1: .25} { // rows draw their seeds apart
			if got := both[[2]float64{x, y}]; math.Abs(got-p*q) > .015 {
				t.Errorf("share of %g with %g is %.3f, want %g", x, y, got, p*q)
			}
		}
	}
}

func TestResampleRatio(t *testing.T) {
	// All records alike: every resample gives the ratio of the sums itself.
	rows := []series{
		{name: "a", samples: []sample{{[]float64{2, 2, 2}, []float64{4, 4, 4}}}},
		{name: "b", samples: []sample{{[]float64{0, 0, 0}, []float64{0, 0, 0}}}},
	}
	for b, v := range resample(rows, 3, 50, 0, false)[0] {
		if v != .5 {
			t.Fatalf("resample %d: %g", b, v)
		}
	}
	drawn := resample(rows, 3, 50, 0, true)
	for b, v := range drawn[0] {
		if v != math.Exp(.5) {
			t.Fatalf("resample %d: %g", b, v)
		}
	}
	if _, _, _, ok := interval(drawn[0], drawn[1]); ok {
		t.Error("nothing to score was compared")
	}
}

func TestWeigh(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records, width := rapid.IntRange(1, 9).Draw(t, "records"), rapid.IntRange(1, 5).Draw(t, "width")
		whole := rapid.Map(rapid.IntRange(0, 5), func(v int) float64 { return float64(v) })
		times := rapid.SliceOfN(whole, records, records).Draw(t, "times")
		scores := rapid.SliceOfN(whole, records*width, records*width).Draw(t, "scores")
		want, got := make([]float64, width), make([]float64, width)
		for i := range records {
			for j := range width {
				want[j] += times[i] * scores[i*width+j]
			}
		}
		got[0] = 99 // left from the resample before
		weigh(got, scores, times)
		if !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
	})
}

func TestIntervalKnown(t *testing.T) {
	// Differences -9 to 990 in steps of one: ranks are the values plus 9.
	a, b := make([]float64, 1000), make([]float64, 1000)
	for i := range a {
		a[i], b[i] = float64((i*7)%1000)-9+1e6, 1e6
	}
	low, high, p, ok := interval(a, b)
	if !ok || math.Abs(low-(.025*999-9)) > 1e-9 || math.Abs(high-(.975*999-9)) > 1e-9 {
		t.Errorf("interval [%g, %g]", low, high)
	}
	if want := 2. * (10 + 1) / 1001; math.Abs(p-want) > 1e-12 { // ten differences are at or below zero
		t.Errorf("p = %g, want %g", p, want)
	}
	if low, high, p, ok := interval(b, b); !ok || low != 0 || high != 0 || p != 1 {
		t.Errorf("of the same: [%g, %g], p = %g", low, high, p)
	}
}

func TestIntervalLeavesOutUndefined(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		a  []float64
		ok bool
	}{
		{[]float64{1, 1, 1, nan}, true},
		{[]float64{1, 1, nan, nan}, false},
		{[]float64{math.Inf(1), nan, nan, nan}, false},
		{nil, false},
	} {
		low, high, _, ok := interval(c.a, make([]float64, len(c.a)))
		if ok != c.ok || ok && (low != 1 || high != 1) {
			t.Errorf("%v: [%g, %g], %t", c.a, low, high, ok)
		}
	}
}

// experiment makes up two rows judged on the same records.
type experiment struct {
	records, seeds int
	truth          [2]float64 // mean scores
	hard           float64    // sd of what a record adds for everyone
	seed           float64    // sd of what a seed adds on every record
	noise          float64    // sd of what a record adds under one seed
}

func (e experiment) draw(random *rand.Rand) []series {
	rows := []series{{name: "a"}, {name: "b"}}
	hard := make([]float64, e.records)
	for i := range hard {
		hard[i] = e.hard * random.NormFloat64()
	}
	for j := range rows {
		for range e.seeds {
			of := e.seed * random.NormFloat64()
			num := make([]float64, e.records)
			for i := range num {
				num[i] = e.truth[j] + hard[i] + of + e.noise*random.NormFloat64()
			}
			rows[j].samples = append(rows[j].samples, ones(num...))
		}
	}
	return rows
}

// coverage is how often the interval holds the true difference, and how often zero.
func (e experiment) coverage() (truth, zero float64) {
	const trials = 400 // a share of .95 has a standard error of .011
	random := rand.New(rand.NewPCG(3, 4))
	for trial := range trials {
		drawn := resample(e.draw(random), e.records, 400, uint64(trial), false)
		low, high, _, _ := interval(drawn[0], drawn[1])
		d := e.truth[0] - e.truth[1]
		if low <= d && d <= high {
			truth += 1. / trials
		}
		if low <= 0 && 0 <= high {
			zero += 1. / trials
		}
	}
	return truth, zero
}

// TestCoverage: with 4,000 sweeps of 1,000 resamples the shares were .945, .993
// and .899.
func TestCoverage(t *testing.T) {
	for _, c := range []struct {
		name      string
		e         experiment
		low, high float64 // of the share of intervals that hold the truth
	}{
		{"records only", experiment{records: 80, seeds: 1, truth: [2]float64{.6, .5}, hard: .3, noise: .2}, .91, .98},
		{"seeds that agree", experiment{records: 80, seeds: 3, truth: [2]float64{.6, .5}, hard: .3, seed: .01, noise: .2}, .96, 1},
		{"seeds that differ", experiment{records: 80, seeds: 5, truth: [2]float64{.6, .5}, hard: .3, seed: .1, noise: .2}, .85, .98},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, _ := c.e.coverage(); got < c.low || got > c.high {
				t.Errorf("%.1f%% of the intervals hold the true difference, want %g to %g%%", 100*got, 100*c.low, 100*c.high)
			}
		})
	}
}

func TestTies(t *testing.T) {
	same := experiment{records: 80, seeds: 1, truth: [2]float64{.5, .5}, hard: .3, noise: .2}
	if _, zero := same.coverage(); zero < .91 || zero > .98 {
		t.Errorf("equal rows are tied in %.1f%% of the sweeps, want about 95", 100*zero)
	}
	apart := experiment{records: 80, seeds: 1, truth: [2]float64{.7, .5}, hard: .3, noise: .2}
	if _, zero := apart.coverage(); zero > .01 {
		t.Errorf("rows far apart are tied in %.1f%% of the sweeps", 100*zero)
	}
}

// TestPaired: what makes a record hard for both cancels in their difference, so
// that the interval has the width of the differences' own spread.
func TestPaired(t *testing.T) {
	e := experiment{records: 200, seeds: 1, truth: [2]float64{.6, .55}, hard: .5, noise: .1}
	rows := e.draw(rand.New(rand.NewPCG(5, 6)))
	x, y := rows[0].samples[0].num, rows[1].samples[0].num
	differences := make([]float64, len(x))
	for i := range x {
		differences[i] = x[i] - y[i]
	}
	paired := resample(rows, e.records, 10_000, 0, false)
	low, high, _, _ := interval(paired[0], paired[1])
	n := float64(e.records)
	want := 2 * 1.96 * *sd(differences) / math.Sqrt(n)
	if got := high - low; math.Abs(got/want-1) > .05 {
		t.Errorf("interval is %.4f wide, by the normal theory %.4f", got, want)
	}
	if low <= 0 {
		t.Errorf("[%.3f, %.3f] holds zero", low, high)
	}
	other := resample(rows[1:], e.records, 10_000, 1, false) // draws of its own: unpaired
	low, high, _, _ = interval(paired[0], other[0])
	want = 2 * 1.96 * math.Sqrt((*sd(x)**sd(x)+*sd(y)**sd(y))/n)
	if got := high - low; math.Abs(got/want-1) > .05 {
		t.Errorf("unpaired, it is %.4f wide, by the normal theory %.4f", got, want)
	}
	if low > 0 {
		t.Errorf("unpaired, [%.3f, %.3f] does not hold zero: the case shows nothing", low, high)
	}
}

func TestQuantile(t *testing.T) {
	x := []float64{1, 2, 4, 8, 16}
	for q, want := range map[float64]float64{0: 1, .25: 2, .375: 3, .5: 4, .975: 15.2, 1: 16} {
		if got := quantile(x, q); math.Abs(got-want) > 1e-12 {
			t.Errorf("quantile %g is %g, want %g", q, got, want)
		}
	}
}
