package cuda

// headNorm computes y = weight * x / sqrt(mean(x^2) + eps) for each head of x and y
// (T, heads*HeadDim), weight (HeadDim) float32.
func (b *Backend) headNorm(y, x matrix, weight pointer) error {
	return b.eachHead("headnorm_forward", y, x, weight)
}

// headNormBackward turns d (T, heads*HeadDim) from the gradient of headNorm(x) into
// that of x.
func (b *Backend) headNormBackward(d, x matrix, weight pointer) error {
	return b.eachHead("headnorm_backward", d, x, weight)
}

const headsPerBlock = 4 // a warp each

func (b *Backend) eachHead(kernel string, y, x matrix, weight pointer) error {
	f, err := b.fn("headnorm", kernel)
	if err != nil {
		return err
	}
	heads := y.width / b.shape.HeadDim
	return b.launch(f, [3]int{y.rows, ceilDiv(heads, headsPerBlock), 1}, headsPerBlock*32, 0,
		y, x, weight, heads, b.shape.HeadDim, float32(b.shape.NormEps))
}
