package nf4_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"daybook/engine"
	"daybook/engine/backendtest/fixture"
	"daybook/engine/nf4"
)

var cases = []string{"normal", "outliers", "zeros", "ties", "denormal", "one_block", "nested"}

func input(t *testing.T, f fixture.File, name string) []float32 {
	t.Helper()
	if name != "nested" {
		return f.F32(t, name+".input")
	}
	steps, factor := f.I8(t, "nested.steps"), f.F32(t, "nested.factor")
	x := make([]float32, len(steps))
	for i, s := range steps {
		x[i] = float32(s) / 8 * factor[i/nf4.BlockSize]
	}
	return x
}

// bitEqual compares floats by value and sign, so that -0 and 0 differ.
func bitEqual(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Fatalf("%s[%d] = %g, want %g", what, i, got[i], want[i])
		}
	}
}

func TestTablesAreBitsandbytes(t *testing.T) {
	f := fixture.Read(t, "testdata/nf4.safetensors")
	bitEqual(t, "Codes", nf4.Codes[:], f.F32(t, "quant_map"))
	bitEqual(t, "DynamicSigned", nf4.DynamicSigned[:], f.F32(t, "nested_quant_map"))
	bitEqual(t, "DynamicUnsigned", nf4.DynamicUnsigned[:], f.F32(t, "optimizer_map"))
	if !slices.IsSorted(nf4.DynamicSigned[:]) || !slices.IsSorted(nf4.DynamicUnsigned[:]) {
		t.Error("a map is not ascending")
	}
}

func TestQuantizeMatchesBitsandbytes(t *testing.T) {
	f := fixture.Read(t, "testdata/nf4.safetensors")
	for _, name := range cases {
		t.Run(name, func(t *testing.T) {
			q := nf4.Quantize(input(t, f, name), false)
			bitEqual(t, "absmax", q.Absmax, f.F32(t, name+".absmax"))
			want := f.U8(t, name+".codes")
			for i := range want {
				if q.Codes[i] != want[i] {
					t.Fatalf("codes[%d] = %#02x, want %#02x", i, q.Codes[i], want[i])
				}
			}
			if err := nf4.Check(q, 2*len(want)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestDoubleQuantizationMatchesBitsandbytes(t *testing.T) {
	f := fixture.Read(t, "testdata/nf4.safetensors")
	for _, name := range cases {
		t.Run(name, func(t *testing.T) {
			absmax := f.F32(t, name+".absmax")
			q := nf4.Quantize(input(t, f, name), true)
			if !bytes.Equal(q.Codes, f.U8(t, name+".codes")) {
				t.Error("codes differ from those without double quantization")
			}
			// The reference sums the mean in float32 in an order of its own;
			// n float32 additions of values up to the largest err by no more
			// than n half-units of it, in practice one or two.
			offset := f.F32(t, name+".offset")[0]
			if diff := math.Abs(float64(q.Offset - offset)); diff > 4*epsilon32*math.Abs(float64(offset)) {
				t.Errorf("offset %g, want %g", q.Offset, offset)
			}
			scales2 := f.F32(t, name+".scales2")
			for g, want := range scales2 {
				// A difference of offsets appears unchanged in absmax-offset.
				if diff := math.Abs(float64(q.Scales2[g] - want)); diff > 4*epsilon32*float64(offset)+epsilon32*float64(want) {
					t.Errorf("scales2[%d] = %g, want %g", g, q.Scales2[g], want)
				}
			}
			// A code may differ only where the offset's last bits push a value
			// over a threshold: then both codes are as near.
			scales := f.U8(t, name+".scales")
			moved := 0
			for b, want := range scales {
				if q.Scales[b] == want {
					continue
				}
				moved++
				x := float64(absmax[b]-offset) / float64(scales2[b/nf4.ScaleGroupSize])
				dg := math.Abs(float64(nf4.DynamicSigned[q.Scales[b]]) - x)
				dw := math.Abs(float64(nf4.DynamicSigned[want]) - x)
				if math.Abs(dg-dw) > 1e-5 {
					t.Errorf("scales[%d] = %d, want %d", b, q.Scales[b], want)
				}
			}
			if moved > len(scales)/100 {
				t.Errorf("%d of %d scale codes differ", moved, len(scales))
			}
			// The compiled CPU library's codes come from a table of 65,536
			// cells over [-1, 1], so its choice is off by up to half a cell
			// more than the nearest code's distance.
			for b, native := range f.U8(t, name+".native_scales") {
				g := b / nf4.ScaleGroupSize
				if scales2[g] <= 1e-38 { // no spread: the reference clamps, the library writes code 0
					continue
				}
				x := float64(absmax[b]-offset) / float64(scales2[g])
				dn := math.Abs(float64(nf4.DynamicSigned[native]) - x)
				do := math.Abs(float64(nf4.DynamicSigned[q.Scales[b]]) - x)
				if do > dn+1e-6 {
					t.Errorf("scales[%d] = %d is farther than the compiled library's %d", b, q.Scales[b], native)
				}
				if dn > do+2.0/65536+1e-6 {
					t.Errorf("scales[%d] = %d, the compiled library says %d", b, q.Scales[b], native)
				}
			}
		})
	}
}

const epsilon32 = 1.0 / (1 << 23)

func TestDequantizeIsBitEqualToBitsandbytes(t *testing.T) {
	f := fixture.Read(t, "testdata/nf4.safetensors")
	for _, name := range cases[:len(cases)-1] {
		plain := &engine.NF4{Codes: f.U8(t, name+".codes"), Absmax: f.F32(t, name+".absmax")}
		double := &engine.NF4{
			Codes: plain.Codes, Scales: f.U8(t, name+".scales"), Scales2: f.F32(t, name+".scales2"),
			Offset: f.F32(t, name+".offset")[0],
		}
		got := make([]float32, 2*len(plain.Codes))
		nf4.Dequantize(got, plain)
		bitEqual(t, name+".dequantized", got, f.F32(t, name+".dequantized"))
		nf4.Dequantize(got, double)
		bitEqual(t, name+".double", got, f.F32(t, name+".double"))
	}
}

func TestDequantizeRange(t *testing.T) {
	w := make([]float32, 64*520)
	r := rand.New(rand.NewPCG(1, rand.Uint64()))
	for i := range w {
		w[i] = float32(r.NormFloat64())
	}
	for _, double := range []bool{false, true} {
		q := nf4.Quantize(w, double)
		all := make([]float32, len(w))
		nf4.Dequantize(all, q)
		rapid.Check(t, func(t *rapid.T) {
			from := rapid.IntRange(0, len(w)-1).Draw(t, "from")
			n := rapid.IntRange(0, min(300, len(w)-from)).Draw(t, "n")
			got := make([]float32, n)
			nf4.DequantizeRange(got, q, from)
			if !slices.Equal(got, all[from:from+n]) {
				t.Fatalf("range %d+%d differs from the whole", from, n)
			}
		})
	}
}

// Property: no other code is nearer to the normalised weight than the chosen one.
func TestQuantizeIsNearest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := rapid.SliceOfN(rapid.Float32Range(-3e4, 3e4), 64, 64).Draw(t, "w")
		q := nf4.Quantize(w, false)
		inv := 1 / max(q.Absmax[0], 1e-38)
		for i, v := range w {
			c := q.Codes[i/2] >> 4
			if i%2 == 1 {
				c = q.Codes[i/2] & 15
			}
			x := float64(v * inv)
			got := math.Abs(float64(nf4.Codes[c]) - x)
			for _, other := range nf4.Codes {
				// The midpoints are rounded to float32.
				if d := math.Abs(float64(other) - x); d < got-1e-7 {
					t.Fatalf("w[%d] = %g (%g of absmax) has code %d, but %g is nearer", i, v, x, c, other)
				}
			}
		}
	})
}

func TestQuantizeDynamicIsNearest(t *testing.T) {
	for _, m := range []*[256]float32{&nf4.DynamicSigned, &nf4.DynamicUnsigned} {
		rapid.Check(t, func(t *rapid.T) {
			low := float32(-1)
			if m == &nf4.DynamicUnsigned {
				low = 0
			}
			x := rapid.SliceOfN(rapid.Float32Range(low, 1), 1, 40).Draw(t, "x")
			codes := make([]byte, len(x))
			scale := nf4.QuantizeDynamic(m, codes, x)
			if scale == 0 {
				return
			}
			inv := 1 / max(scale, 1e-38)
			for i, v := range x {
				y := float64(v * inv)
				got := math.Abs(float64(m[codes[i]]) - y)
				for c, other := range m {
					if d := math.Abs(float64(other) - y); d < got-1e-7 {
						t.Fatalf("%g has code %d, but %d is nearer", y, codes[i], c)
					}
				}
			}
		})
	}
}

func TestQuantizeDynamicZeros(t *testing.T) {
	codes := make([]byte, 3)
	if s := nf4.QuantizeDynamic(&nf4.DynamicSigned, codes, []float32{0, 0, 0}); s != 0 || nf4.DynamicSigned[codes[1]] != 0 {
		t.Errorf("scale %g, code %d", s, codes[1])
	}
	if s := nf4.QuantizeDynamic(&nf4.DynamicUnsigned, codes, []float32{0, 0, 0}); s != 0 || codes[2] != 0 {
		t.Errorf("scale %g, code %d", s, codes[2])
	}
}

// Splitting over goroutines must give what Quantize gives.
func TestQuantizeBlocksInParts(t *testing.T) {
	w := make([]float32, 64*9)
	for i := range w {
		w[i] = float32(rand.NormFloat64())
	}
	whole := nf4.Quantize(w, true)
	part := &engine.NF4{Codes: make([]byte, len(w)/2), Absmax: make([]float32, len(w)/64)}
	for b := 0; b < 9; b += 4 {
		e := min(b+4, 9)
		nf4.QuantizeBlocks(part.Codes[b*32:e*32], part.Absmax[b:e], w[b*64:e*64])
	}
	got := nf4.Compress(part)
	if !bytes.Equal(got.Codes, whole.Codes) || !bytes.Equal(got.Scales, whole.Scales) || got.Offset != whole.Offset {
		t.Error("parts differ from the whole")
	}
	if part.Absmax == nil {
		t.Error("Compress changed its argument")
	}
}

func TestBytesPerParameter(t *testing.T) {
	w := make([]float32, 64*4096)
	for i := range w {
		w[i] = float32(i%7) - 3
	}
	got := float64(nf4.Quantize(w, true).Bytes()) / float64(len(w))
	// 4 bits a code, 8 bits a block of 64, 32 bits a group of 256 blocks.
	if want := 0.5 + 1.0/64 + 4.0/(64*256); math.Abs(got-want) > 1e-4 {
		t.Errorf("%g bytes a parameter, want %g", got, want)
	}
}

func TestQuantizePanics(t *testing.T) {
	for _, n := range []int{0, 1, 63, 65} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			nf4.Quantize(make([]float32, n), false)
		})
	}
}

func TestNonFinite(t *testing.T) {
	w := make([]float32, 128)
	if i := nf4.FirstNonFinite(w); i != -1 {
		t.Errorf("FirstNonFinite of zeros is %d", i)
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		w[70] = float32(bad)
		if i := nf4.FirstNonFinite(w); i != 70 {
			t.Errorf("FirstNonFinite with %g is %d", bad, i)
		}
		if s := nf4.Quantize(w, false).Absmax[1]; nf4.FirstNonFinite([]float32{s}) != 0 {
			t.Errorf("scale of a block with %g is %g", bad, s)
		}
	}
}

func TestCheck(t *testing.T) {
	good := func(double bool) *engine.NF4 { return nf4.Quantize(make([]float32, 64*300), double) }
	for name, spoil := range map[string]func() (*engine.NF4, int){
		"size":    func() (*engine.NF4, int) { return good(true), 64*300 - 1 },
		"codes":   func() (*engine.NF4, int) { q := good(true); q.Codes = q.Codes[1:]; return q, 64 * 300 },
		"absmax":  func() (*engine.NF4, int) { q := good(false); q.Absmax = q.Absmax[1:]; return q, 64 * 300 },
		"scales":  func() (*engine.NF4, int) { q := good(true); q.Scales = q.Scales[1:]; return q, 64 * 300 },
		"scales2": func() (*engine.NF4, int) { q := good(true); q.Scales2 = q.Scales2[1:]; return q, 64 * 300 },
		"both":    func() (*engine.NF4, int) { q := good(true); q.Absmax = make([]float32, 300); return q, 64 * 300 },
	} {
		q, n := spoil()
		if err := nf4.Check(q, n); !errors.Is(err, nf4.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, double := range []bool{false, true} {
		if err := nf4.Check(good(double), 64*300); err != nil {
			t.Error(err)
		}
	}
}

func BenchmarkQuantize(b *testing.B) {
	w := make([]float32, 1<<20)
	for i := range w {
		w[i] = float32(rand.NormFloat64())
	}
	b.SetBytes(int64(4 * len(w)))
	for b.Loop() {
		nf4.Quantize(w, true)
	}
}

func BenchmarkDequantize(b *testing.B) {
	w := make([]float32, 1<<20)
	for i := range w {
		w[i] = float32(rand.NormFloat64())
	}
	q := nf4.Quantize(w, true)
	b.SetBytes(int64(4 * len(w)))
	for b.Loop() {
		nf4.Dequantize(w, q)
	}
}

// Every code of both maps is found at its value, at the midpoints around it and
// just beside them.
func TestQuantizeDynamicAtMidpoints(t *testing.T) {
	for name, m := range map[string]*[256]float32{"signed": &nf4.DynamicSigned, "unsigned": &nf4.DynamicUnsigned} {
		x := []float32{1} // makes the scale 1
		want := []byte{255}
		for c := range 256 {
			x, want = append(x, m[c]), append(want, byte(c))
			if c == 255 {
				break
			}
			mid := (m[c] + m[c+1]) / 2
			x = append(x, mid, math.Nextafter32(mid, 2), math.Nextafter32(mid, -2))
			want = append(want, byte(c), byte(c+1), byte(c))
		}
		got := make([]byte, len(x))
		if scale := nf4.QuantizeDynamic(m, got, x); scale != 1 {
			t.Fatalf("%s: scale %v", name, scale)
		}
		for i := range x {
			if got[i] != want[i] {
				t.Errorf("%s: code of %v is %d, want %d", name, x[i], got[i], want[i])
			}
		}
	}
}
