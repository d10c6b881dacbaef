package train

import (
	"math"
	"strings"
)

// LowerIsBetter says whether a smaller value of a metric is the better one: so
// for "loss", "perplexity" and "invented", also with parameters behind the name
// as in "invented(medications)". Of every other metric a larger value is better.
func LowerIsBetter(metric string) bool {
	name, _, _ := strings.Cut(metric, "(")
	name, _, _ = strings.Cut(name, ".")
	switch name {
	case "loss", "perplexity", "invented":
		return true
	}
	return false
}

// Better says whether value a of a metric is better than b. NaN, a metric that
// could not be computed, is never better, and anything else is better than it.
func Better(metric string, a, b float64) bool { return gain(metric, a, b) > 0 }

// gain returns by how much a is better than b; negative if worse.
func gain(metric string, a, b float64) float64 {
	switch {
	case math.IsNaN(a):
		return math.Inf(-1)
	case math.IsNaN(b):
		return math.Inf(1)
	case a == b: // also infinities, whose difference is NaN
		return 0
	case LowerIsBetter(metric):
		return b - a
	}
	return a - b
}
