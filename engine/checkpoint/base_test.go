package checkpoint

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"daybook/engine"
	"daybook/engine/nf4"
)

// readSums returns what testdata/make_fixtures.py says each tensor of a fixture
// holds: its shape, and the start of the SHA-256 over its values as float32.
func readSums(t *testing.T, fixture string) map[string]string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "sums.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]map[string]string
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	return all[fixture]
}

func sum(shape []int, values []float32) string {
	h := sha256.New()
	for _, v := range values {
		h.Write(binary.LittleEndian.AppendUint32(nil, math.Float32bits(v)))
	}
	return strings.ReplaceAll(fmt.Sprint(shape), " ", ", ") + " " + hex.EncodeToString(h.Sum(nil)[:8])
}

func values(t *testing.T, m engine.Matrix) []float32 {
	t.Helper()
	switch {
	case m.NF4 != nil:
		out := make([]float32, m.Rows*m.Cols)
		nf4.Dequantize(out, m.NF4)
		return out
	case m.BF16 != nil:
		out := make([]float32, len(m.BF16))
		for i, w := range m.BF16 {
			out[i] = math.Float32frombits(uint32(w) << 16)
		}
		return out
	}
	return m.F32
}

func open(t *testing.T, dir string) *Base {
	t.Helper()
	b, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestLoadSameAsTransformers(t *testing.T) {
	for _, fixture := range []string{"tiny", "sharded", "half"} {
		t.Run(fixture, func(t *testing.T) {
			b := open(t, filepath.Join("testdata", fixture))
			w, err := b.Load(t.Context(), Quantization{Kind: "none"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			put := func(name string, m engine.Matrix) { got[name] = sum([]int{m.Rows, m.Cols}, values(t, m)) }
			s := b.Shape()
			put(embeddingName, w.Embedding)
			if !s.TiedHead {
				put(headName, w.Head)
			}
			got[normName] = sum([]int{s.Hidden}, w.Norm)
			for i, l := range w.Layers {
				got[layerTensor(i, "input_layernorm")] = sum([]int{s.Hidden}, l.AttentionNorm)
				got[layerTensor(i, "post_attention_layernorm")] = sum([]int{s.Hidden}, l.MLPNorm)
				for p := range engine.NumProjections {
					put(projectionTensor(i, p), l.Proj[p])
					if (l.Proj[p].BF16 != nil) != (fixture == "sharded") {
						t.Errorf("%s is kept in another type than it was read", projectionTensor(i, p))
					}
				}
			}
			want := readSums(t, fixture)
			for _, name := range sortedKeys(want) {
				if got[name] != want[name] {
					t.Errorf("%s: %s, want %s", name, got[name], want[name])
				}
			}
			if len(got) != len(want) {
				t.Errorf("%d tensors, want %d", len(got), len(want))
			}
			var n int64
			for _, name := range sortedKeys(expected(s)) {
				size := int64(1)
				for _, d := range expected(s)[name] {
					size *= int64(d)
				}
				n += size
			}
			if b.Parameters().Total() != n {
				t.Errorf("%d parameters, want %d", b.Parameters().Total(), n)
			}
		})
	}
}

func TestShapes(t *testing.T) {
	want := engine.Shape{
		Vocab: 32, Hidden: 16, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 4, Intermediate: 24,
		RopeTheta: 10000, NormEps: 1e-5, MaxPositions: 64,
	}
	if got := open(t, "testdata/tiny").Shape(); got != want {
		t.Errorf("tiny: %+v, want %+v", got, want)
	}
	want.Layers, want.HeadDim, want.RopeTheta, want.TiedHead = 1, 8, 500000, true
	if got := open(t, "testdata/half").Shape(); got != want {
		t.Errorf("half: %+v, want %+v", got, want)
	}
}

func TestLoadQuantizes(t *testing.T) {
	b := open(t, "testdata/tiny")
	plain, err := b.Load(t.Context(), Quantization{Kind: "none"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, double := range []bool{false, true} {
		var calls, last int64
		w, err := b.Load(t.Context(), Quantization{Kind: "nf4", DoubleQuant: double}, func(done, total int64) {
			calls++
			if done <= last || total != b.Parameters().Total() {
				t.Errorf("progress %d of %d after %d", done, total, last)
			}
			last = done
		})
		if err != nil {
			t.Fatal(err)
		}
		if calls != 21 || last != b.Parameters().Total() {
			t.Errorf("%d calls, the last says %d", calls, last)
		}
		for i, l := range w.Layers {
			for p := range engine.NumProjections {
				want := nf4.Quantize(plain.Layers[i].Proj[p].F32, double)
				if got := l.Proj[p]; got.NF4 == nil || got.F32 != nil || !slices.Equal(got.NF4.Codes, want.Codes) ||
					!slices.Equal(got.NF4.Scales, want.Scales) || !slices.Equal(got.NF4.Absmax, want.Absmax) {
					t.Errorf("layer %d, %s: not what nf4.Quantize makes of it", i, p)
				}
			}
		}
		if w.Embedding.F32 == nil || w.Head.F32 == nil {
			t.Error("embedding or head is quantized")
		}
	}
}

func TestLoadStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := open(t, "testdata/tiny").Load(ctx, Quantization{Kind: "nf4"}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestLoadSettings(t *testing.T) {
	b := open(t, "testdata/tiny")
	for want, q := range map[string]Quantization{
		`quantization "int8": want nf4 or none`: {Kind: "int8"},
		`quantization "": want nf4 or none`:     {},
		"no scales to quantize twice":           {Kind: "none", DoubleQuant: true},
	} {
		if _, err := b.Load(t.Context(), q, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want %q", q, err, want)
		}
	}
	odd := *b
	odd.shape.Intermediate = 9
	_, err := odd.Load(t.Context(), Quantization{Kind: "nf4"}, nil)
	if want := "gate_proj: 9 x 16 weights are not a multiple of the NF4 block of 64"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %q", err, want)
	}
}

func TestDigests(t *testing.T) {
	b := open(t, "testdata/sharded")
	// cd testdata/sharded; sha256sum config.json model-*.safetensors | sha256sum
	files := b.Files()
	if len(files) != 4 || files[0].Path != "config.json" || files[3].Path != "model-00003-of-00003.safetensors" {
		t.Fatalf("files %v", files)
	}
	var lines string
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join("testdata/sharded", f.Path))
		if err != nil {
			t.Fatal(err)
		}
		if f.SHA256 != sha256.Sum256(data) || f.Bytes != int64(len(data)) {
			t.Errorf("%s: %d bytes, %x", f.Path, f.Bytes, f.SHA256)
		}
		lines += fmt.Sprintf("%x  %s\n", f.SHA256, f.Path)
	}
	if b.Digest() != sha256.Sum256([]byte(lines)) {
		t.Error("the digest is not that of the lines sha256sum prints")
	}
	if b.Digest() == open(t, "testdata/tiny").Digest() {
		t.Error("two bases, one digest")
	}
	s := copyOf(t, "tiny")
	s.write("tokenizer.json", "{}")
	s.write("README.md", "---\nlicense: apache-2.0\ntags:\n- a\n---\n# Card\nlicense: none\n")
	c := open(t, s.dir)
	if c.Digest() != open(t, "testdata/tiny").Digest() || len(c.Files()) != 3 || c.Files()[2].Path != "tokenizer.json" {
		t.Error("the tokenizer is part of the digest, or not among the files")
	}
	if c.License() != "apache-2.0" {
		t.Errorf("license %q", c.License())
	}
}

func TestLicense(t *testing.T) {
	for card, want := range map[string]string{
		"":                            "",
		"# Title\nlicense: mit\n":     "",
		"---\nlicense: mit\n---\n":    "mit",
		"---\r\nlicense: mit\r\n---":  "mit",
		"---\nlicense: \"mit\"\n---":  "mit",
		"---\ntags: x\n---\nlicense:": "",
		"---\nlicense: other\nlicense_name: own\n---": "own",
		"---\nlicense: other\n---":                    "other",
		"---\n" + strings.Repeat("x", 1<<17):          "",
	} {
		s := spoiler{t, t.TempDir()}
		s.write("README.md", card)
		if got, err := readLicense(s.dir); err != nil || got != want {
			t.Errorf("%.40q: %q, %v, want %q", card, got, err, want)
		}
	}
	if got, err := readLicense(t.TempDir()); err != nil || got != "" {
		t.Errorf("no card: %q, %v", got, err)
	}
}

func TestBadBases(t *testing.T) {
	const norm = "model.layers.1.input_layernorm.weight"
	for _, c := range []struct {
		name  string
		from  string // "tiny" if empty
		spoil func(s spoiler)
		want  string
		is    error
	}{
		{"no config", "", func(s spoiler) { s.remove(configFile) }, "config.json", fs.ErrNotExist},
		{"config pointer", "", func(s spoiler) { s.write(configFile, pointerPrefix+"v1\n") }, "config.json: a Git LFS pointer", ErrPointer},
		{"config no json", "", func(s spoiler) { s.write(configFile, "{") }, "config.json: unexpected end", nil},
		{"config null", "", func(s spoiler) { s.write(configFile, "null") }, "config.json: not a JSON object", nil},
		{"no weights", "", func(s spoiler) { s.remove(weightsFile) }, "neither model.safetensors nor", fs.ErrNotExist},
		{"pickle only", "", func(s spoiler) {
			s.remove(weightsFile)
			s.write("pytorch_model.bin", "x")
		}, "pytorch_model.bin: pickle weights are refused", ErrPickle},
		{"pt only", "", func(s spoiler) {
			s.remove(weightsFile)
			s.write("consolidated.00.pth", "x")
		}, "consolidated.00.pth: pickle weights are refused", ErrPickle},
		{"pickle inside", "", func(s spoiler) { s.write(weightsFile, "\x80\x02}q\x00(X\x05\x00\x00\x00") }, "model.safetensors: pickle weights are refused", ErrPickle},
		{"zipped pickle inside", "", func(s spoiler) { s.write(weightsFile, "PK\x03\x04\x00\x00\x08\x08\x00\x00") }, "pickle weights are refused", ErrPickle},
		{"weights pointer", "", func(s spoiler) { s.write(weightsFile, pointerPrefix+"v1\noid sha256:0\n") }, "model.safetensors: a Git LFS pointer", ErrPointer},
		{"GGUF only", "", func(s spoiler) {
			s.remove(weightsFile)
			s.write("model-Q4_K_M.gguf", "GGUF")
		}, "model-Q4_K_M.gguf: GGUF weights are refused", ErrGGUF},
		{"GGUF and no config", "", func(s spoiler) {
			s.remove(weightsFile)
			s.remove(configFile)
			s.write("model.GGUF", "GGUF")
		}, "model.GGUF: GGUF weights are refused", ErrGGUF},
		{"GGUF inside", "", func(s spoiler) { s.write(weightsFile, "GGUF\x03\x00\x00\x00\x00") }, "model.safetensors: GGUF weights are refused", ErrGGUF},
		{"remote code", "", func(s spoiler) {
			s.edit(configFile, `"use_cache": true`, `"auto_map": {"AutoModelForCausalLM": "modeling.Model"}`)
		}, "config.json: auto_map: its model is code", ErrRemoteCode},
		{"empty weights", "", func(s spoiler) { s.write(weightsFile, "") }, "truncated: 0 bytes", nil},
		{"truncated weights", "", func(s spoiler) { s.truncate(weightsFile, 9000) }, "truncated, or the header lies", nil},
		{"truncated header", "", func(s spoiler) { s.truncate(weightsFile, 100) }, "truncated: header of", nil},
		{"more bytes", "", func(s spoiler) {
			s.write(weightsFile, s.read(weightsFile)+"more")
		}, "header: tensors end at byte", nil},
		{"missing tensor", "", func(s spoiler) {
			s.tensors(weightsFile, func(m map[string]Tensor) { delete(m, norm) })
		}, `tensor "` + norm + `": missing, want shape [16]`, nil},
		{"unexpected tensor", "", func(s spoiler) {
			s.tensors(weightsFile, func(m map[string]Tensor) {
				m["model.layers.0.self_attn.q_proj.bias"] = NewF32([]int{16}, make([]float32, 16))
			})
		}, `tensor "model.layers.0.self_attn.q_proj.bias": unexpected, F32 of shape [16]`, nil},
		{"wrong shape", "", func(s spoiler) {
			s.tensors(weightsFile, func(m map[string]Tensor) { m[norm] = NewF32([]int{17}, make([]float32, 17)) })
		}, `tensor "` + norm + `": F32 of shape [17], want shape [16]`, nil},
		{"transposed", "", func(s spoiler) {
			s.tensors(weightsFile, func(m map[string]Tensor) {
				m["model.layers.0.mlp.up_proj.weight"] = NewF32([]int{16, 24}, make([]float32, 384))
			})
		}, `F32 of shape [16 24], want shape [24 16]`, nil},
		{"integer weights", "", func(s spoiler) {
			s.tensors(weightsFile, func(m map[string]Tensor) { m[norm] = Tensor{DType: U8, Shape: []int{16}, Data: make([]byte, 16)} })
		}, `U8 of shape [16], want shape [16] of F32, F16 or BF16`, nil},
		{"more layers than weights", "", func(s spoiler) {
			s.edit(configFile, `"num_hidden_layers": 2`, `"num_hidden_layers": 2000000000`)
		}, "num_hidden_layers 2000000000: the weights hold 21 tensors", nil},
		{"fewer layers than weights", "", func(s spoiler) {
			s.edit(configFile, `"num_hidden_layers": 2`, `"num_hidden_layers": 1`)
		}, `tensor "model.layers.1.input_layernorm.weight": unexpected`, nil},
		{"missing shard", "sharded", func(s spoiler) { s.remove("model-00002-of-00003.safetensors") }, "model-00002-of-00003.safetensors", fs.ErrNotExist},
		{"index pointer", "sharded", func(s spoiler) { s.write(indexFile, pointerPrefix) }, "index.json: a Git LFS pointer", ErrPointer},
		{"index without map", "sharded", func(s spoiler) { s.write(indexFile, "{}") }, "index.json: weight_map", nil},
		{"index out of the folder", "sharded", func(s spoiler) {
			s.write(indexFile, `{"weight_map": {"lm_head.weight": "../model.safetensors"}}`)
		}, `"../model.safetensors" is not a .safetensors file of the folder`, nil},
		{"index names a pickle", "sharded", func(s spoiler) {
			s.write(indexFile, `{"weight_map": {"lm_head.weight": "model.bin"}}`)
		}, `"model.bin" is not a .safetensors file`, nil},
		{"index lacks a tensor", "sharded", func(s spoiler) {
			s.edit(indexFile, `"model.norm.weight": `, `"model.norm.scale": `)
		}, `model.norm.`, nil},
		{"index lists a tensor twice", "sharded", func(s spoiler) {
			s.edit(indexFile, `"weight_map": {`, `"weight_map": {"model.norm.weight": "model-00001-of-00003.safetensors",`)
		}, `weight_map: tensor "model.norm.weight" is there twice`, nil},
		{"index lists too little", "sharded", func(s spoiler) {
			s.edit(indexFile, `,
    "model.norm.weight": "model-00003-of-00003.safetensors"`, "")
		}, `tensor "model.norm.weight" of model-00003-of-00003.safetensors is not listed`, nil},
		{"tensor in two shards", "sharded", func(s spoiler) {
			s.write("model-00002-of-00003.safetensors", s.read("model-00001-of-00003.safetensors"))
		}, "is in model-00001-of-00003.safetensors too", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			from := "tiny"
			if c.from != "" {
				from = c.from
			}
			s := copyOf(t, from)
			c.spoil(s)
			_, err := Open(s.dir)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want one with %q", err, c.want)
			}
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%v is not %v", err, c.is)
			}
			if strings.Contains(err.Error(), "weights") && strings.Count(err.Error(), "checkpoint:") != 1 {
				t.Errorf("%v: the layer is named twice", err)
			}
		})
	}
}

func TestTensorErrorIsTyped(t *testing.T) {
	s := copyOf(t, "tiny")
	s.tensors(weightsFile, func(m map[string]Tensor) { delete(m, normName) })
	var e *TensorError
	if _, err := Open(s.dir); !errors.As(err, &e) || e.Tensor != normName || e.Want != "shape [16]" || e.Got != "" {
		t.Errorf("error %v", err)
	}
}

func TestBadValues(t *testing.T) {
	s := copyOf(t, "tiny")
	b := open(t, s.dir)
	s.tensors(weightsFile, func(m map[string]Tensor) {
		bad := make([]float32, 16)
		bad[3] = float32(math.Inf(1))
		m[normName] = NewF32([]int{16}, bad)
	})
	_, err := b.Load(t.Context(), Quantization{Kind: "nf4"}, nil)
	if !errors.Is(err, engine.ErrNonFinite) || !strings.Contains(err.Error(), `tensor "model.norm.weight": element 3 is +Inf`) {
		t.Errorf("error %v", err)
	}
	var bad *ValueError
	if !errors.As(err, &bad) || bad.Element != 3 || !strings.Contains(bad.Hint(), "damaged") {
		t.Errorf("error %v has no hint of its own", err)
	}
}

func TestTiedHeads(t *testing.T) {
	s := copyOf(t, "tiny")
	s.edit(configFile, `"tie_word_embeddings": false`, `"tie_word_embeddings": true`)
	if _, err := open(t, s.dir).Load(t.Context(), Quantization{Kind: "none"}, nil); err == nil || !strings.Contains(err.Error(), `tensor "lm_head.weight": differs from "model.embed_tokens.weight"`) {
		t.Errorf("another head: error %v", err)
	}
	s.tensors(weightsFile, func(m map[string]Tensor) { m[headName] = m[embeddingName] })
	w, err := open(t, s.dir).Load(t.Context(), Quantization{Kind: "none"}, nil)
	if err != nil || w.Head.F32 != nil {
		t.Errorf("the same head: %v, %v", w, err)
	}
	// Rotary angles, which old files hold, are computed, not read.
	s.tensors(weightsFile, func(m map[string]Tensor) {
		m["model.layers.0.self_attn.rotary_emb.inv_freq"] = NewF32([]int{2}, []float32{1, 2})
	})
	open(t, s.dir)
}
