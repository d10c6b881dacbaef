package reference

import "math"

// RMSNorm returns y = x / sqrt(mean(x^2) + eps) * w, by rows of len(w)
// (Zhang & Sennrich 2019, eq. 4).
func RMSNorm(x, w []float64, eps float64) []float64 {
	n := len(w)
	y := make([]float64, len(x))
	for from := 0; from < len(x); from += n {
		r := inverseRMS(x[from:from+n], eps)
		for i := range n {
			y[from+i] = x[from+i] * r * w[i]
		}
	}
	return y
}

// RMSNormBackward returns the gradient of x, given that of y: with r =
// 1/sqrt(mean(x^2)+eps) and u = w*dy,
//
//	dx = r*u - x * r^3/n * sum(u*x)
func RMSNormBackward(x, w []float64, eps float64, dy []float64) []float64 {
	n := len(w)
	dx := make([]float64, len(x))
	for from := 0; from < len(x); from += n {
		r := inverseRMS(x[from:from+n], eps)
		sum := 0.0
		for i := range n {
			sum += w[i] * dy[from+i] * x[from+i]
		}
		for i := range n {
			dx[from+i] = r*w[i]*dy[from+i] - x[from+i]*r*r*r/float64(n)*sum
		}
	}
	return dx
}

func inverseRMS(x []float64, eps float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	return 1 / math.Sqrt(sum/float64(len(x))+eps)
}
