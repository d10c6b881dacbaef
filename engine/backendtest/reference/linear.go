package reference

// Forward returns y (T, Rows) of x (T, Cols), and low (T, Rank) = A (mask * x),
// nil without an adapter. Hu et al. 2021, eq. 3.
func (l *Linear) Forward(x, mask []float64) (y, low []float64) {
	y = multiply(x, l.W, l.Rows, l.Cols)
	for i := range l.Bias {
		for from := 0; from < len(y); from += l.Rows {
			y[from+i] += l.Bias[i]
		}
	}
	if l.LoRA == nil {
		return y, nil
	}
	low = multiply(masked(x, mask), l.LoRA.A, l.LoRA.Rank, l.Cols)
	for i, v := range multiply(low, l.LoRA.B, l.Rows, l.LoRA.Rank) {
		y[i] += l.LoRA.Scale * v
	}
	return y, low
}

// Backward adds the gradient of x to dx and the adapter's to GradA and GradB,
// given dy (T, Rows).
func (l *Linear) Backward(x, mask, low, dy, dx []float64) {
	for i, v := range multiplyTransposed(dy, l.W, l.Rows, l.Cols) {
		dx[i] += v
	}
	if l.LoRA == nil {
		return
	}
	a := l.LoRA
	dlow := multiplyTransposed(dy, a.B, l.Rows, a.Rank)
	for i := range dlow {
		dlow[i] *= a.Scale
	}
	for i, v := range masked(multiplyTransposed(dlow, a.A, a.Rank, l.Cols), mask) {
		dx[i] += v
	}
	addOuter(a.GradB, dy, low, l.Rows, a.Rank, a.Scale)
	addOuter(a.GradA, dlow, masked(x, mask), a.Rank, l.Cols, 1)
}

// multiply returns x (T, cols) times the transpose of w (rows, cols).
func multiply(x, w []float64, rows, cols int) []float64 {
	y := make([]float64, 0, len(x)/cols*rows)
	for from := 0; from < len(x); from += cols {
		for r := range rows {
			sum := 0.0
			for c := range cols {
				sum += x[from+c] * w[r*cols+c]
			}
			y = append(y, sum)
		}
	}
	return y
}

// multiplyTransposed returns y (T, rows) times w (rows, cols).
func multiplyTransposed(y, w []float64, rows, cols int) []float64 {
	x := make([]float64, len(y)/rows*cols)
	for t := range len(y) / rows {
		for r := range rows {
			for c := range cols {
				x[t*cols+c] += y[t*rows+r] * w[r*cols+c]
			}
		}
	}
	return x
}

// addOuter adds scale * the transpose of y (T, rows) times x (T, cols) to g (rows, cols).
func addOuter(g, y, x []float64, rows, cols int, scale float64) {
	for t := range len(y) / rows {
		for r := range rows {
			for c := range cols {
				g[r*cols+c] += scale * y[t*rows+r] * x[t*cols+c]
			}
		}
	}
}

func masked(x, mask []float64) []float64 {
	if mask == nil {
		return x
	}
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = v * mask[i]
	}
	return y
}
