//go:build cuda

package cuda

import "testing"

// TestGradientSlices holds slices to what loragrad_product takes for granted: they
// cover all tokens, none is empty, and their number follows from the shapes alone.
func TestGradientSlices(t *testing.T) {
	for _, blocks := range []int{1, 2, 7, 32, 48, 112, 224, 1000} {
		for _, atOnce := range []int{132, 264, 396} {
			most, _ := gradientSlices(blocks, atOnce, 1<<20)
			for _, tokens := range []int{1, 2, 63, 64, 65, 100, 2048, 2049, 8192, 100_000} {
				n, each := gradientSlices(blocks, atOnce, tokens)
				if n < 1 || n > most || most > gradSlices {
					t.Errorf("%d blocks, %d at once: %d slices of %d tokens, want 1 to %d", blocks, atOnce, n, tokens, most)
				}
				if each%sliceUnit != 0 || n*each < tokens || (n-1)*each >= tokens {
					t.Errorf("%d blocks, %d at once: %d slices of %d do not cut %d tokens", blocks, atOnce, n, each, tokens)
				}
			}
		}
	}
}

// TestBeside checks which gradients take one product together.
func TestBeside(t *testing.T) {
	q := matrix{ptr: 256, rows: 3, width: 64, stride: 128}
	for _, c := range []struct {
		name  string
		m     matrix
		first int
		ok    bool
	}{
		{"itself", q, 0, true},
		{"behind it", matrix{ptr: 256 + 2*64, rows: 3, width: 32, stride: 128}, 64, true},
		{"another stride", matrix{ptr: 256 + 2*64, rows: 3, width: 32, stride: 64}, 0, false},
		{"before it", matrix{ptr: 128, rows: 3, width: 32, stride: 128}, 0, false},
		{"off a group", matrix{ptr: 256 + 2*60, rows: 3, width: 32, stride: 128}, 0, false},
		{"over the end of a row", matrix{ptr: 256 + 2*112, rows: 3, width: 32, stride: 128}, 0, false},
	} {
		if first, ok := q.beside(c.m, 2); first != c.first || ok != c.ok {
			t.Errorf("%s: got %d, %v, want %d, %v", c.name, first, ok, c.first, c.ok)
		}
	}
}
