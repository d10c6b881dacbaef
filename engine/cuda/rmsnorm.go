package cuda

import "daybook/engine"

// rmsnorm computes y = weight * x / sqrt(mean(x^2) + eps) for each row; y and x
// (T, width), weight (width) float32.
func (b *Backend) rmsnorm(y, x matrix, weight pointer) error {
	return b.normalise(&batch{}, dropping{}, y, x, weight)
}

// rmsnormDropped is rmsnorm for an input of adapters a. It leaves their dropout mask
// too, which takes no time beside it, if there is none yet.
func (b *Backend) rmsnormDropped(d *batch, bl *engine.Block, a *adapted, y, x matrix, weight pointer) error {
	if a.width() == 0 {
		return b.rmsnorm(y, x, weight)
	}
	drop, err := b.dropout(d, bl, a.in, y.width)
	if err != nil {
		return err
	}
	if drop.ready {
		return b.rmsnorm(y, x, weight)
	}
	if err := b.normalise(d, drop, y, x, weight); err != nil {
		return err
	}
	b.filled(d, &drop, a.in)
	return nil
}

func (b *Backend) normalise(d *batch, drop dropping, y, x matrix, weight pointer) error {
	f, err := b.fn("rmsnorm", "rmsnorm_forward")
	if err != nil {
		return err
	}
	return b.launch(f, [3]int{y.rows, 1, 1}, normThreads(y.width), 0, y, drop.mask, x, weight,
		d.positions, d.owner, d.keys, y.width, float32(b.shape.NormEps), drop.key, drop.threshold)
}

// rmsnormBackward adds to d (T, width) the gradient with respect to x, dy being
// that of rmsnorm(x).
func (b *Backend) rmsnormBackward(d, x matrix, weight pointer, dy matrix) error {
	f, err := b.fn("rmsnorm", "rmsnorm_backward")
	if err != nil {
		return err
	}
	return b.launch(f, [3]int{d.rows, 1, 1}, normThreads(d.width), 0, d, x, weight, dy, d.width, float32(b.shape.NormEps))
}

// normThreads gives a thread two groups of a row, if they are not too many. The
// order of a row's sum depends on it.
func normThreads(width int) int { return threads(ceilDiv(groups(width), 2), 512) }
