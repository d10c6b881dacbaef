package reference

import "daybook/engine"

// Mask returns what the LoRA path multiplies an input (T, width) by: 0 for
// dropped elements, 1/(1-P) for others; nil without dropout.
func Mask(b *engine.Batch, d engine.Dropout, layer int, in engine.Input, width int) []float64 {
	if d.P == 0 {
		return nil
	}
	key, threshold := d.Key(layer, in), d.Threshold()
	mask := make([]float64, 0, len(b.Tokens)*width)
	for doc := range b.Documents() {
		record := b.Keys[doc]
		for t := b.Starts[doc]; t < b.Starts[doc+1]; t++ {
			for c := range width {
				counter := [4]uint32{uint32(c / 4), uint32(b.Positions[t]), uint32(record), uint32(record >> 32)}
				keep := 0.0
				if engine.Philox4x32(counter, key)[c%4] >= threshold {
					keep = 1 / (1 - float64(d.P))
				}
				mask = append(mask, keep)
			}
		}
	}
	return mask
}
