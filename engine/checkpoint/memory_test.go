package checkpoint

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"

	"daybook/engine"
)

// writeShards writes a bfloat16 base of random weights, one file a layer, and
// returns the bytes of the largest.
func writeShards(t *testing.T, dir string, s engine.Shape) int64 {
	t.Helper()
	r := engine.NewRandom(1)
	files, index := map[string]map[string]Tensor{}, map[string]string{}
	for name, shape := range expected(s) {
		var layer int
		if n, _ := fmt.Sscanf(name, "model.layers.%d.", &layer); n == 0 {
			layer = s.Layers
		}
		n := 1
		for _, d := range shape {
			n *= d
		}
		data := make([]byte, 2*n)
		for i := range n {
			w := engine.BFloat16(float32(r.Float64() - 0.5))
			data[2*i], data[2*i+1] = byte(w), byte(w>>8)
		}
		file := fmt.Sprintf("model-%05d-of-%05d.safetensors", layer+1, s.Layers+1)
		if files[file] == nil {
			files[file] = map[string]Tensor{}
		}
		files[file][name], index[name] = Tensor{DType: BF16, Shape: shape, Data: data}, file
	}
	var largest int64
	for name, tensors := range files {
		if err := WriteFile(filepath.Join(dir, name), Contents{Tensors: tensors}); err != nil {
			t.Fatal(err)
		}
		if fi, err := os.Stat(filepath.Join(dir, name)); err == nil {
			largest = max(largest, fi.Size())
		}
	}
	for name, content := range map[string]any{
		indexFile: map[string]any{"weight_map": index},
		configFile: map[string]any{
			"architectures": []string{"LlamaForCausalLM"}, "vocab_size": s.Vocab, "hidden_size": s.Hidden, "num_hidden_layers": s.Layers,
			"num_attention_heads": s.Heads, "num_key_value_heads": s.KVHeads, "head_dim": s.HeadDim, "intermediate_size": s.Intermediate,
			"rms_norm_eps": s.NormEps, "max_position_embeddings": s.MaxPositions, "tie_word_embeddings": s.TiedHead,
		},
	} {
		data, err := json.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return largest
}

// TestLoadInBoundedMemory: quantizing holds the result and less than one and a
// half shards beside it, on one processor and on several side by side. What is
// counted is the heap and, where the system tells, all that is resident, so with
// the parts of the shards that are mapped.
func TestLoadInBoundedMemory(t *testing.T) {
	s := engine.Shape{
		Vocab: 512, Hidden: 512, Layers: 3, Heads: 8, KVHeads: 8, HeadDim: 64, Intermediate: 4608,
		NormEps: 1e-5, MaxPositions: 64, TiedHead: true,
	}
	dir := t.TempDir()
	shard := writeShards(t, dir, s)
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	for _, processors := range []int{1, 4} { // each has its own chunk
		t.Run(fmt.Sprintf("%d processors", processors), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
			b := open(t, dir)
			debug.FreeOSMemory()
			heap, resident := heapBytes(), residentBytes(t)
			var heapPeak, residentPeak int64
			w, err := b.Load(t.Context(), Quantization{Kind: "nf4", DoubleQuant: true}, func(_, _ int64) {
				heapPeak, residentPeak = max(heapPeak, heapBytes()-heap), max(residentPeak, residentBytes(t)-resident)
			})
			if err != nil {
				t.Fatal(err)
			}
			result := int64(2 * len(w.Embedding.BF16))
			for _, l := range w.Layers {
				for _, m := range l.Proj {
					result += m.NF4.Bytes()
				}
			}
			t.Logf("shards of %.1f MiB, result of %.1f MiB, at most %.1f MiB of the heap in use and %.1f MiB resident", mib(shard), mib(result), mib(heapPeak), mib(residentPeak))
			if most := result + shard*3/2; heapPeak > most || residentPeak > most {
				t.Errorf("%.1f MiB of the heap and %.1f MiB resident, want below %.1f MiB and one and a half shards of %.1f MiB", mib(heapPeak), mib(residentPeak), mib(result), mib(shard))
			}
		})
	}
}

// TestMergeInBoundedMemory: beside chunks, merging holds one matrix in NF4, whatever
// the size of the base and of the files written.
func TestMergeInBoundedMemory(t *testing.T) {
	s := engine.Shape{
		Vocab: 512, Hidden: 512, Layers: 6, Heads: 8, KVHeads: 8, HeadDim: 64, Intermediate: 4608,
		NormEps: 1e-5, MaxPositions: 64, TiedHead: true,
	}
	dir := t.TempDir()
	shard := writeShards(t, dir, s)
	a := engine.NewHostAdapter(s, engine.LoRA{Rank: 4, Alpha: 8, Targets: []engine.Projection{engine.Q, engine.Down}}, 1)
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	b := open(t, dir)
	debug.FreeOSMemory()
	heap, resident := heapBytes(), residentBytes(t)
	var heapPeak, residentPeak int64
	m, err := b.Merge(t.Context(), t.TempDir(), a, MergeOptions{
		Quantization: Quantization{Kind: "nf4", DoubleQuant: true}, Dequantized: true, MaxShard: 1 << 40,
		Progress: func(_, _ int64) {
			heapPeak, residentPeak = max(heapPeak, heapBytes()-heap), max(residentPeak, residentBytes(t)-resident)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("a base of %.1f MiB, shards of %.1f MiB, at most %.1f MiB of the heap in use and %.1f MiB resident", mib(m.Bytes), mib(shard), mib(heapPeak), mib(residentPeak))
	if most := 2 * shard; m.Bytes < 3*most || heapPeak > most || residentPeak > most {
		t.Errorf("%.1f MiB of the heap and %.1f MiB resident, want below two shards of %.1f MiB", mib(heapPeak), mib(residentPeak), mib(shard))
	}
}

func heapBytes() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// residentBytes is the memory of the process that is in use, files that it has mapped
// included; 0 where only Linux tells.
func residentBytes(t *testing.T) int64 {
	t.Helper()
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, resident int64
	if _, err := fmt.Sscan(string(data), &size, &resident); err != nil {
		t.Error(err)
	}
	return resident * int64(os.Getpagesize())
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }
