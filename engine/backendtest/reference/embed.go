package reference

import "daybook/engine"

// Embed returns x (T, Hidden), the rows of table for the tokens of b.
func Embed(s engine.Shape, b *engine.Batch, table []float64) []float64 {
	x := make([]float64, 0, len(b.Tokens)*s.Hidden)
	for _, token := range b.Tokens {
		x = append(x, table[int(token)*s.Hidden:][:s.Hidden]...)
	}
	return x
}
