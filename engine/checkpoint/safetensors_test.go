package checkpoint

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestHeaders(t *testing.T) {
	const a = `"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}`
	for _, c := range []struct {
		name, header string
		size         int64
		want         string // "" means fine
	}{
		{"one", `{` + a + `}`, 8, ""},
		{"padded", `{` + a + `}   `, 8, ""},
		{"metadata", `{"__metadata__":{"format":"pt"},` + a + `}`, 8, ""},
		{"empty tensor", `{"z":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},` + a + `}`, 8, ""},
		{"scalar", `{"z":{"dtype":"I64","shape":[],"data_offsets":[0,8]}}`, 8, ""},
		{"nothing", `{}`, 0, ""},
		{"list", `[]`, 0, "header: not a JSON object"},
		{"cut", `{` + a, 8, "header: "},
		{"tail", `{` + a + `}x`, 8, "header: text after the JSON object"},
		{"not UTF-8", "{\"\xff\":1}", 8, "header: not UTF-8"},
		{"twice", `{` + a + `,` + a + `}`, 8, `header: tensor "a" is there twice`},
		{"metadata twice", `{"__metadata__":{},"__metadata__":{}}`, 0, "__metadata__ is there twice"},
		{"metadata no text", `{"__metadata__":{"a":1}}`, 0, "header: __metadata__"},
		{"unknown dtype", `{"a":{"dtype":"F4","shape":[2],"data_offsets":[0,8]}}`, 8, `header: tensor "a": unknown dtype "F4"`},
		{"unknown key", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}}`, 8, `unknown field "x"`},
		{"no shape", `{"a":{"dtype":"F32","data_offsets":[0,8]}}`, 8, "needs dtype, shape and two data_offsets"},
		{"no dtype", `{"a":{"shape":[2],"data_offsets":[0,8]}}`, 8, "needs dtype, shape and two data_offsets"},
		{"three offsets", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,9]}}`, 8, "needs dtype, shape and two data_offsets"},
		{"wrong size", `{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,8]}}`, 8, `header: tensor "a": F16 of shape [2] takes 4 bytes, data_offsets give it 8`},
		{"negative", `{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}`, 8, "dimension out of range"},
		{"negative offset", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}`, 8, "truncated, or the header lies"},
		{"backwards", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}`, 8, "truncated, or the header lies"},
		{"beyond", `{` + a + `}`, 7, "bytes 0 to 8 of 7: truncated, or the header lies"},
		{"overflow", `{"a":{"dtype":"F32","shape":[1099511627776,1099511627776],"data_offsets":[0,8]}}`, 8, "too large"},
		{"huge dimension", `{"a":{"dtype":"F32","shape":[9223372036854775807],"data_offsets":[0,8]}}`, 8, "dimension out of range"},
		{"fraction", `{"a":{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}}`, 8, `header: tensor "a"`},
		{"overlap", `{` + a + `,"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}`, 8, `header: tensor "b": starts at byte 4, the one before ends at 8`},
		{"gap", `{` + a + `,"b":{"dtype":"U8","shape":[4],"data_offsets":[9,13]}}`, 13, `header: tensor "b": starts at byte 9`},
		{"gap at the start", `{"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}`, 8, `starts at byte 4, the one before ends at 0`},
		{"not covered", `{` + a + `}`, 9, "header: tensors end at byte 8 of 9"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := parseHeader([]byte(c.header), c.size)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestHeaderLength(t *testing.T) {
	for _, c := range []struct {
		first string
		size  int64
		want  string
	}{
		{"\x08\x00\x00\x00\x00\x00\x00\x00", 16, ""},
		{"\x80\x02\x01\x00\x00\x00\x00\x00", 1 << 20, ""}, // a length, though a pickle may begin so
		{"\x09\x00\x00\x00\x00\x00\x00\x00", 16, "truncated: header of 9 bytes in a file of 16"},
		{"\x01\xe1\xf5\x05\x00\x00\x00\x00", 1 << 40, "header of 100000001 bytes, the format allows 100000000"},
		{"\xff\xff\xff\xff\xff\xff\xff\xff", 1 << 40, "not a safetensors file"},
		{"GGML\x03\x00\x00\x00", 1 << 40, "not a safetensors file"},
		{"\x80\x04\x95\x10\x00\x00\x00\x01", 1 << 40, "pickle"},
		{"version ", 130, "Git LFS pointer"},
		{"abc", 3, "truncated: 3 bytes"},
	} {
		_, err := headerLength([]byte(c.first), c.size)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%q: error %v, want %q", c.first, err, c.want)
		}
	}
}

// The reference library writes the same bytes for the same tensors.
func TestWriteSameAsReference(t *testing.T) {
	for _, name := range []string{"tiny/model.safetensors", "half/model.safetensors", "adapter/adapter_model.safetensors", "sharded/model-00002-of-00003.safetensors"} {
		from := filepath.Join("testdata", name)
		c, err := ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(t.TempDir(), "x.safetensors")
		if err := WriteFile(to, c); err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(to)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: written anew, the bytes differ:\n%.300q\n%.300q", name, got, want)
		}
	}
}

func TestReadInvertsWrite(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		c := Contents{Metadata: map[string]string{"format": "pt"}, Tensors: map[string]Tensor{}}
		for _, name := range rapid.SliceOfNDistinct(rapid.StringN(0, 8, -1), 0, 5, rapid.ID).Draw(t, "names") {
			dtype := rapid.SampledFrom([]DType{F32, F16, BF16, U8, "I64"}).Draw(t, "dtype")
			shape := rapid.SliceOfN(rapid.IntRange(0, 4), 0, 3).Draw(t, "shape")
			n := dtypeSize[dtype]
			for _, d := range shape {
				n *= d
			}
			c.Tensors[name] = Tensor{DType: dtype, Shape: shape, Data: rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, "data")}
		}
		path := filepath.Join(dir, "x.safetensors")
		if err := WriteFile(path, c); err != nil {
			t.Fatal(err)
		}
		got, err := ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Tensors) != len(c.Tensors) || got.Metadata["format"] != "pt" {
			t.Fatalf("%d tensors, want %d", len(got.Tensors), len(c.Tensors))
		}
		for name, want := range c.Tensors {
			g := got.Tensors[name]
			if g.DType != want.DType || !slices.Equal(g.Shape, want.Shape) || !bytes.Equal(g.Data, want.Data) {
				t.Fatalf("%q: %v, want %v", name, g, want)
			}
		}
	})
}

func TestWriteRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.safetensors")
	for want, c := range map[string]Contents{
		`tensor "a": F32 of shape [3] takes 12 bytes, not 8`: {Tensors: map[string]Tensor{"a": {DType: F32, Shape: []int{3}, Data: make([]byte, 8)}}},
		`tensor "a": unknown dtype "X"`:                      {Tensors: map[string]Tensor{"a": {DType: "X"}}},
		"cannot be called __metadata__":                      {Tensors: map[string]Tensor{"__metadata__": NewF32(nil, []float32{1})}},
	} {
		if err := WriteFile(path, c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file was written all the same")
	}
	if _, err := (Tensor{DType: U8, Data: []byte{1}}).Float32(); err == nil {
		t.Error("U8 became float32")
	}
}

func TestHalfToFloat(t *testing.T) {
	for bits, want := range map[uint16]float32{
		0x0000: 0, 0x3C00: 1, 0xC000: -2, 0x7BFF: 65504, 0x0001: 1.0 / (1 << 24), 0x03FF: 1023.0 / (1 << 24), 0x0400: 1.0 / (1 << 14),
		0x3555: 0.333251953125, 0x7C00: float32(math.Inf(1)), 0xFC00: float32(math.Inf(-1)),
	} {
		if got := halfToFloat(bits); got != want {
			t.Errorf("%#04x: %g, want %g", bits, got, want)
		}
	}
	if f := halfToFloat(0x8000); f != 0 || !math.Signbit(float64(f)) {
		t.Errorf("-0 became %g", f)
	}
	if f := halfToFloat(0x7E01); !math.IsNaN(float64(f)) {
		t.Errorf("NaN became %g", f)
	}
}
