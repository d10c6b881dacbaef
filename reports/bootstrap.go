package reports

import (
	"math"
	"slices"
)

// sample is what one run scored on the test records, as numerators and
// denominators of the metric in the order of the list.
type sample struct{ num, den []float64 }

// series is a row's part in the bootstrap.
type series struct {
	name    string // of its stream of random numbers
	samples []sample
}

// resample returns each row's value in each resample (Efron & Tibshirani 1993,
// ch. 6 and 8). A resample draws the test records with replacement, once for all
// rows, since all were judged on the same records: what makes a record hard then
// cancels in a difference. It also draws each row's seeds with replacement. A
// value is the mean over the drawn seeds of sum(num)/sum(den), or of its
// exponential for a perplexity; NaN where a denominator is zero.
//
// Drawing both ways counts chance that belongs to one record under one seed more
// than once, so intervals are somewhat too wide where seeds agree (Owen 2007,
// the pigeonhole bootstrap); two seeds that differ a lot make them too narrow.
func resample(rows []series, records, resamples int, seed uint64, exponential bool) [][]float64 {
	width := 0
	for _, row := range rows {
		width += 2 * len(row.samples)
	}
	scores := interleave(rows, records, width)
	out := make([][]float64, len(rows))
	names := make([]uint64, len(rows))
	for i, row := range rows {
		out[i] = make([]float64, resamples)
		names[i] = streamName("seeds of " + row.name)
	}
	times := make([]float64, records) // how often each record was drawn
	sums := make([]float64, width)
	shared := streamName("records")
	for b := range resamples {
		clear(times)
		draw := stream(seed, shared, b)
		for range records {
			times[draw.below(records)]++
		}
		weigh(sums, scores, times)
		at := 0
		for i, row := range rows {
			n := len(row.samples)
			out[i][b] = value(sums[at:at+2*n], stream(seed, names[i], b), exponential)
			at += 2 * n
		}
	}
	return out
}

// interleave lays scores out record by record: (records, width), where width
// counts numerator and denominator of every sample of every row.
func interleave(rows []series, records, width int) []float64 {
	out := make([]float64, records*width)
	at := 0
	for _, row := range rows {
		for _, s := range row.samples {
			for i := range records {
				out[i*width+at], out[i*width+at+1] = s.num[i], s.den[i]
			}
			at += 2
		}
	}
	return out
}

// weigh sums scores (records, len(sums)) with record i counted times[i] times.
// Records are taken two at a time, which halves the traffic on sums.
func weigh(sums, scores, times []float64) {
	clear(sums)
	width := len(sums)
	held := -1
	for i, t := range times {
		if t == 0 {
			continue // a third of the records
		}
		if held < 0 {
			held = i
			continue
		}
		u, a, b := times[held], scores[held*width:][:width], scores[i*width:][:width]
		for j := range sums {
			sums[j] += float64(u*a[j]) + float64(t*b[j]) // converted, so that no machine fuses them
		}
		held = -1
	}
	if held >= 0 {
		for j, x := range scores[held*width:][:width] {
			sums[j] += float64(times[held] * x)
		}
	}
}

// value is a row's value from the sums of its samples.
func value(sums []float64, draw random, exponential bool) float64 {
	n := len(sums) / 2
	total := 0.0
	for range n {
		at := 2 * draw.below(n)
		ratio := sums[at] / sums[at+1] // 0/0 is NaN
		if exponential {
			ratio = math.Exp(ratio)
		}
		total += ratio
	}
	return total / float64(n)
}

// interval compares two rows by their values in the same resamples. It returns
// the 2.5th and the 97.5th percentile of the differences and a two-sided
// p-value: twice the smaller share of differences at or beyond zero, with one
// added to both counts so that it is never zero (Davison & Hinkley 1997, 4.2.2).
// Resamples in which either has no value are left out; ok is false if these are
// more than half.
func interval(a, b []float64) (low, high, p float64, ok bool) {
	differences := make([]float64, 0, len(a))
	below, above := 0, 0
	for i := range a {
		d := a[i] - b[i]
		if math.IsNaN(d) || math.IsInf(d, 0) {
			continue
		}
		differences = append(differences, d)
		if d <= 0 {
			below++
		}
		if d >= 0 {
			above++
		}
	}
	if 2*len(differences) <= len(a) {
		return 0, 0, 0, false
	}
	slices.Sort(differences)
	p = min(1, 2*float64(min(below, above)+1)/float64(len(differences)+1))
	return quantile(differences, .025), quantile(differences, .975), p, true
}

// quantile interpolates between sorted values.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}
