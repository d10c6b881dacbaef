package optim

import (
	"fmt"
	"math"
)

// Schedules are the names that LearningRate knows.
var Schedules = []string{"linear", "cosine", "constant"}

// LearningRate returns the rate of optimizer step `step`, counting from 0, out
// of total, as transformers' get_scheduler does: it rises linearly from 0 over
// the warmup steps, then falls to 0 at step total linearly, or along half a
// cosine (Loshchilov & Hutter 2017, eq. 5), or stays. It panics on a name not
// in Schedules.
func LearningRate(schedule string, base float64, step, warmup, total int) float64 {
	if step < warmup {
		return base * (float64(step) / float64(max(1, warmup)))
	}
	rest := float64(max(1, total-warmup))
	switch schedule {
	case "constant":
		return base
	case "linear":
		return base * max(0, float64(total-step)/rest)
	case "cosine":
		return base * max(0, 0.5*(1+cosPi(min(1, float64(step-warmup)/rest))))
	}
	panic(fmt.Sprintf("optim: unknown schedule %q", schedule))
}

// WarmupSteps returns the length of the warmup: ratio of all steps, rounded up.
func WarmupSteps(ratio float64, total int) int { return int(math.Ceil(ratio * float64(total))) }

// cosPi returns cos(pi*x) for x in [0, 1] with every product rounded, so that
// all platforms agree on the last bit, which math.Cos doesn't promise.
func cosPi(x float64) float64 {
	sign := 1.0
	if x > 0.5 {
		x, sign = 1-x, -1
	}
	if x > 0.25 {
		return sign * series(float64(math.Pi*(0.5-x)), 1)
	}
	return sign * series(float64(math.Pi*x), 0)
}

// series sums the Taylor series of cos (first 0) or sin (first 1) at |x| <= pi/4,
// from the smallest term up.
func series(x float64, first int) float64 {
	sq := float64(x * x)
	s := 1.0
	for k := 20 + first; k > first; k -= 2 {
		s = 1 - float64(s*sq)/float64(k*(k-1))
	}
	if first == 1 {
		return float64(s * x)
	}
	return s
}
