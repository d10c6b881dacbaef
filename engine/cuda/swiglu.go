package cuda

// swigluUnroll is how many groups a thread of the kernels takes.
const swigluUnroll = 2

// swiglu computes y = silu(gate)*up; all (T, width).
func (b *Backend) swiglu(y, gate, up matrix) error {
	f, err := b.fn("swiglu", "swiglu_forward")
	if err != nil {
		return err
	}
	grid, block := swigluGrid(y)
	return b.launch(f, grid, block, 0, y, gate, up, y.width)
}

// swigluBackward writes the gradients of gate and up, dy being that of
// silu(gate)*up; all (T, width). They may lie where gate and up do.
func (b *Backend) swigluBackward(dgate, dup, gate, up, dy matrix) error {
	f, err := b.fn("swiglu", "swiglu_backward")
	if err != nil {
		return err
	}
	grid, block := swigluGrid(dy)
	return b.launch(f, grid, block, 0, dgate, dup, gate, up, dy, dy.width)
}

func swigluGrid(m matrix) (grid [3]int, block int) {
	block = threads(ceilDiv(groups(m.width), swigluUnroll), 256)
	return [3]int{m.rows, ceilDiv(groups(m.width), block*swigluUnroll), 1}, block
}
