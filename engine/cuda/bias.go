package cuda

// addBias adds bias (width) float32 to every row of x (T, width).
func (b *Backend) addBias(x matrix, bias pointer) error {
	f, err := b.fn("bias", "bias_add")
	if err != nil {
		return err
	}
	return b.launch(f, [3]int{x.rows, 1, 1}, threads(x.width, 512), 0, x, bias, x.width)
}
