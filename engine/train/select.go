package train

import (
	"math"

	"daybook/engine/metric"
)

// Better says whether value a of a metric is better than b. NaN, a metric that
// could not be computed, is never better, and anything else is better than it.
func Better(name string, a, b float64) bool { return gain(name, a, b) > 0 }

// gain returns by how much a is better than b; negative if worse.
func gain(name string, a, b float64) float64 {
	switch {
	case math.IsNaN(a):
		return math.Inf(-1)
	case math.IsNaN(b):
		return math.Inf(1)
	case a == b: // also infinities, whose difference is NaN
		return 0
	case metric.LowerIsBetter(name):
		return b - a
	}
	return a - b
}
