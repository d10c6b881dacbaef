package checkpoint

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"daybook/engine"
	"daybook/engine/fuzztest"
)

// FuzzReadFile reads safetensors from elsewhere, copied and mapped: both have the
// same tensors, of the size that the header says, all within the file.
func FuzzReadFile(f *testing.F) {
	for _, name := range []string{"half/model.safetensors", "sharded/model-00001-of-00003.safetensors"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	header := []byte(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[],"data_offsets":[8,9]}}`)
	f.Add(slices.Concat(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header, make([]byte, 9)))
	f.Add([]byte("version https://git-lfs.github.com/spec/v1\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "x.safetensors")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		var c Contents
		var err error
		fuzztest.Bounded(t, 1<<20+128*len(data), func() { c, err = ReadFile(path) }) // 50 bytes of header make 3 KB of a decoder
		if err != nil {
			return
		}
		file, err := OpenFile(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close() //nolint:errcheck // nothing was written
		total := 0
		for name, tensor := range c.Tensors {
			if err := tensor.check(); err != nil {
				t.Fatalf("%q: %v", name, err)
			}
			total += len(tensor.Data)
			mapped, err := file.view(name)
			if err != nil || !bytes.Equal(mapped.Data, tensor.Data) {
				t.Fatalf("%q: mapped, it has other bytes, %v", name, err)
			}
			if tensor.isFloat() {
				values := make([]float32, tensor.elements())
				mapped.decode(values, 0)
			}
		}
		if total > len(data) {
			t.Fatalf("%d bytes of tensors in a file of %d", total, len(data))
		}
	})
}

// FuzzLoad loads bases of any configuration and weights: what is accepted has the
// shape that it says, and takes no more memory than its file is worth.
func FuzzLoad(f *testing.F) {
	for _, name := range []string{"tiny", "half", "packed", "packed-plain"} {
		config, err := os.ReadFile(filepath.Join("testdata", name, configFile))
		if err != nil {
			f.Fatal(err)
		}
		data, err := os.ReadFile(filepath.Join("testdata", name, weightsFile))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(config, data, uint8(0))
		f.Add(config, data, uint8(1))
		f.Add(config, data, uint8(2))
	}
	kinds := []Quantization{{Kind: "none"}, {Kind: "nf4"}, {Kind: "nf4", DoubleQuant: true}}
	f.Fuzz(func(t *testing.T, config, data []byte, kind uint8) {
		dir := t.TempDir()
		for name, content := range map[string][]byte{configFile: config, weightsFile: data} {
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		var w *engine.HostWeights
		q := kinds[int(kind)%len(kinds)]
		fuzztest.Bounded(t, 16<<20+128*(len(config)+len(data)), func() { // each processor has a chunk of 1 MiB
			b, err := Open(dir)
			if err != nil {
				return
			}
			if b.Quantized() != nil {
				q = *b.Quantized()
			}
			if w, err = b.Load(t.Context(), q, nil); err != nil {
				w = nil
			}
		})
		if w == nil {
			return
		}
		if len(w.Layers) != w.Shape.Layers || w.Embedding.Rows != w.Shape.Vocab || len(w.Norm) != w.Shape.Hidden {
			t.Fatalf("%d layers, an embedding of %d rows and a norm of %d for %+v", len(w.Layers), w.Embedding.Rows, len(w.Norm), w.Shape)
		}
		for i := range w.Layers {
			for p := range engine.NumProjections {
				rows, cols := p.Dims(w.Shape)
				m := &w.Layers[i].Proj[p]
				if m.Rows != rows || m.Cols != cols || (m.NF4 != nil) != (q.Kind == "nf4") {
					t.Fatalf("layer %d: %s: %d x %d, as %s", i, p, m.Rows, m.Cols, q.Kind)
				}
			}
		}
	})
}

// FuzzIndex opens real shards through an index from elsewhere. What is accepted
// names every tensor of the shards, and nothing outside the folder.
func FuzzIndex(f *testing.F) {
	const sharded = "testdata/sharded"
	data, err := os.ReadFile(filepath.Join(sharded, indexFile))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"weight_map": {"a": "..", "b": "x.safetensors"}}`))
	f.Add([]byte(`{"weight_map": {"a": "/etc/x.safetensors", "a": "model-00001-of-00003.safetensors"}}`))
	f.Add([]byte(`{"weight_map": null, "metadata": {"total_size": -1}}`))
	shards, err := filepath.Glob(filepath.Join(sharded, "*.safetensors"))
	if err != nil || len(shards) == 0 {
		f.Fatalf("%d shards, %v", len(shards), err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		for _, shard := range shards {
			from, err := filepath.Abs(shard)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(from, filepath.Join(dir, filepath.Base(shard))); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, indexFile), data, 0o600); err != nil {
			t.Fatal(err)
		}
		var w *weights
		fuzztest.Bounded(t, 1<<20+128*len(data), func() { w, err = openWeights(dir) })
		if err != nil {
			return
		}
		defer w.close()
		for _, file := range w.open {
			if filepath.Dir(file.Path) != dir {
				t.Errorf("%s is not in the folder", file.Path)
			}
			for tensor := range file.Tensors {
				if w.files[tensor] != file {
					t.Errorf("%s of %s is found elsewhere", tensor, file.Path)
				}
			}
		}
	})
}

// FuzzCard reads the license from model cards of any making. It is shown on one
// line and written into other cards, so it may hold nothing that ends a line.
func FuzzCard(f *testing.F) {
	for _, seed := range []string{
		"---\nlicense: mit\n---\n# A base\n", "---\r\nlicense: \"other\"\r\nlicense_name: 'llama3'\r\n---\r\n",
		"---\nlicense: other\n", "license: mit\n", "---\nlicense:\n- mit\n- apache-2.0\n---\n", "---\n" + strings.Repeat("x", 1<<16) + "\nlicense: mit\n", "",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "README.md"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		license, err := readLicense(dir)
		if err != nil {
			t.Fatal(err) // a card is for people; what it says stops no run
		}
		if quoted := strconv.Quote(license); quoted[1:len(quoted)-1] != strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(license) {
			t.Errorf("the license is %q", license)
		}
	})
}
