package checkpoint

import (
	"path/filepath"
	"testing"

	"daybook/engine"
)

// TestOutline holds what is said of a base before it is loaded to what is loaded.
func TestOutline(t *testing.T) {
	for _, c := range []struct {
		base string
		q    Quantization
	}{
		{"tiny", Quantization{Kind: "none"}},
		{"sharded", Quantization{Kind: "none"}},
		{"half", Quantization{Kind: "none"}},
		{"tiny", Quantization{Kind: "nf4"}},
		{"sharded", Quantization{Kind: "nf4", DoubleQuant: true}},
		{"packed", Quantization{Kind: "nf4", DoubleQuant: true}},
		{"packed-plain", Quantization{Kind: "nf4"}},
	} {
		b, err := Open(filepath.Join("testdata", c.base))
		if err != nil {
			t.Fatal(err)
		}
		got, err := b.Outline(c.q)
		if err != nil {
			t.Fatal(err)
		}
		want, err := b.Load(t.Context(), c.q, nil)
		if err != nil {
			t.Fatal(err)
		}
		matrix := func(name string, got, want engine.Matrix) {
			t.Helper()
			if got.Rows != want.Rows || got.Cols != want.Cols || (got.F32 == nil) != (want.F32 == nil) || (got.BF16 == nil) != (want.BF16 == nil) || (got.NF4 == nil) != (want.NF4 == nil) ||
				got.NF4 != nil && (got.NF4.Absmax == nil) != (want.NF4.Absmax == nil) {
				t.Errorf("%s %v: %s is %+v, want the format of %d x %d", c.base, c.q, name, got, want.Rows, want.Cols)
			}
		}
		matrix("embedding", got.Embedding, want.Embedding)
		matrix("head", got.Head, want.Head)
		if got.Shape != want.Shape || len(got.Norm) != len(want.Norm) || len(got.Layers) != len(want.Layers) {
			t.Errorf("%s: %+v", c.base, got)
		}
		for i, l := range want.Layers {
			g := got.Layers[i]
			for p := range engine.NumProjections {
				matrix(p.String(), g.Proj[p], l.Proj[p])
				if len(g.Bias[p]) != len(l.Bias[p]) {
					t.Errorf("%s: bias of %s has %d elements, want %d", c.base, p, len(g.Bias[p]), len(l.Bias[p]))
				}
			}
			if len(g.AttentionNorm) != len(l.AttentionNorm) || len(g.MLPNorm) != len(l.MLPNorm) || len(g.QNorm) != len(l.QNorm) || len(g.KNorm) != len(l.KNorm) {
				t.Errorf("%s: norms of layer %d: %+v", c.base, i, g)
			}
		}
	}
	b, err := Open("testdata/tiny")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Outline(Quantization{Kind: "int8"}); err == nil {
		t.Error("an outline of a base in int8")
	}
}
