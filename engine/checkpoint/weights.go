package checkpoint

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"daybook/engine"
	"daybook/engine/nf4"
)

// Names of the files of a checkpoint.
const (
	configFile    = "config.json"
	weightsFile   = "model.safetensors"
	indexFile     = "model.safetensors.index.json"
	tokenizerFile = "tokenizer.json"
)

// TensorError reports a tensor that does not fit the configuration.
type TensorError struct {
	File   string // "" if the tensor is in none
	Tensor string
	Got    string // "" if missing
	Want   string // "" if unexpected
}

func (e *TensorError) Error() string {
	place := fmt.Sprintf("tensor %q", e.Tensor)
	if e.File != "" {
		place = e.File + ": " + place
	}
	switch {
	case e.Got == "":
		return fmt.Sprintf("%s: missing, want %s", place, e.Want)
	case e.Want == "":
		return fmt.Sprintf("%s: unexpected, %s", place, e.Got)
	}
	return fmt.Sprintf("%s: %s, want %s", place, e.Got, e.Want)
}

// weights finds tensors in the one file or the shards of a checkpoint.
type weights struct {
	names []string         // of the files, sorted
	files map[string]*File // by tensor
	open  []*File
	// packed says how projections are quantized, nil if they are not. See check.
	packed *Quantization
}

// view returns a tensor as File.view does.
func (w *weights) view(name string) (Tensor, error) {
	f := w.files[name]
	if f == nil {
		return Tensor{}, &TensorError{Tensor: name, Want: "it"}
	}
	return f.view(name)
}

func (w *weights) close() {
	for _, f := range w.open {
		f.Close() //nolint:errcheck // nothing was written
	}
}

// openWeights opens model.safetensors, or the shards that
// model.safetensors.index.json lists.
func openWeights(dir string) (_ *weights, err error) {
	w := &weights{files: map[string]*File{}}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	if _, err := os.Stat(filepath.Join(dir, weightsFile)); err == nil {
		return w, w.add(dir, weightsFile)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	data, err := os.ReadFile(filepath.Join(dir, indexFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, noWeights(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	path := filepath.Join(dir, indexFile)
	index, err := parseIndex(data)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %s: %w", path, err)
	}
	for _, name := range index {
		if !slices.Contains(w.names, name) {
			w.names = append(w.names, name)
		}
	}
	slices.Sort(w.names)
	names := w.names
	w.names = nil
	for _, name := range names {
		if err := w.add(dir, name); err != nil {
			return nil, err
		}
	}
	for tensor, name := range index {
		if f := w.files[tensor]; f == nil || f.Path != filepath.Join(dir, name) {
			return nil, fmt.Errorf("checkpoint: %s: tensor %q is not in %s", path, tensor, name)
		}
	}
	for tensor, f := range w.files {
		if _, ok := index[tensor]; !ok {
			return nil, fmt.Errorf("checkpoint: %s: tensor %q of %s is not listed", path, tensor, filepath.Base(f.Path))
		}
	}
	return w, nil
}

func parseIndex(data []byte) (map[string]string, error) {
	c, err := parseConfig(data)
	if err != nil {
		return nil, err
	}
	index := map[string]string{}
	if json.Unmarshal(c.members["weight_map"], &index) != nil || len(index) == 0 {
		return nil, errors.New("weight_map: missing, empty or not a map from tensors to files")
	}
	clear(index)
	err = eachMember(c.members["weight_map"], func(tensor string, value json.RawMessage) error {
		var name string
		if err := json.Unmarshal(value, &name); err != nil {
			return fmt.Errorf("weight_map: tensor %q: %w", tensor, err)
		}
		switch {
		case name != filepath.Base(name) || !strings.HasSuffix(name, ".safetensors"):
			return fmt.Errorf("weight_map: tensor %q: %q is not a .safetensors file of the folder", tensor, name)
		case index[tensor] != "":
			return fmt.Errorf("weight_map: tensor %q is there twice", tensor)
		}
		index[tensor] = name
		return nil
	})
	return index, err
}

func (w *weights) add(dir, name string) error {
	f, err := OpenFile(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	w.open = append(w.open, f)
	w.names = append(w.names, name)
	for tensor := range f.Tensors {
		if other := w.files[tensor]; other != nil {
			return fmt.Errorf("checkpoint: %s: tensor %q is in %s too", f.Path, tensor, filepath.Base(other.Path))
		}
		w.files[tensor] = f
	}
	return nil
}

// noWeights says why a folder without safetensors weights cannot be used.
func noWeights(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	for _, e := range entries {
		if err := refused(e.Name()); err != nil {
			return fmt.Errorf("checkpoint: %s: %w", filepath.Join(dir, e.Name()), err)
		}
	}
	return fmt.Errorf("checkpoint: %s: neither %s nor %s: %w", dir, weightsFile, indexFile, fs.ErrNotExist)
}

// TypeCount is how much of a base's weights is of one type.
type TypeCount struct {
	Type    DType `json:"type"`
	Tensors int   `json:"tensors"`
	Bytes   int64 `json:"bytes"`
}

func (w *weights) types() []TypeCount {
	counts := map[DType]TypeCount{}
	for name, f := range w.files {
		info := f.Tensors[name]
		c := counts[info.DType]
		counts[info.DType] = TypeCount{info.DType, c.Tensors + 1, c.Bytes + info.End - info.Start}
	}
	all := slices.Collect(maps.Values(counts))
	slices.SortFunc(all, func(a, b TypeCount) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Type, b.Type))
	})
	return all
}

// refused returns why weights in a file of that name are not read, nil if they are.
func refused(name string) error {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".bin", ".pt", ".pth", ".pkl", ".ckpt":
		return ErrPickle
	case ".gguf", ".ggml":
		return ErrGGUF
	}
	return nil
}

// Tensor names, the same in all architectures.
const (
	embeddingName = "model.embed_tokens.weight"
	normName      = "model.norm.weight"
	headName      = "lm_head.weight"
)

func layerTensor(layer int, part string) string {
	return fmt.Sprintf("model.layers.%d.%s.weight", layer, part)
}

func projectionTensor(layer int, p engine.Projection) string {
	return layerTensor(layer, p.Module()+"."+p.String())
}

func biasTensor(layer int, p engine.Projection) string {
	return fmt.Sprintf("model.layers.%d.%s.%s.bias", layer, p.Module(), p)
}

// layerNorms are the norms of a layer: before attention and before the MLP.
var layerNorms = [2]string{"input_layernorm", "post_attention_layernorm"}

// headNorms are the norms of the heads of queries and keys.
var headNorms = [2]string{"self_attn.q_norm", "self_attn.k_norm"}

// expected returns the shape of every tensor that a model of shape s has.
func expected(s engine.Shape) map[string][]int {
	want := map[string][]int{embeddingName: {s.Vocab, s.Hidden}, normName: {s.Hidden}}
	if !s.TiedHead {
		want[headName] = []int{s.Vocab, s.Hidden}
	}
	for i := range s.Layers {
		for _, norm := range layerNorms {
			want[layerTensor(i, norm)] = []int{s.Hidden}
		}
		if s.HeadNorm {
			for _, norm := range headNorms {
				want[layerTensor(i, norm)] = []int{s.HeadDim}
			}
		}
		for p := range engine.NumProjections {
			rows, cols := p.Dims(s)
			want[projectionTensor(i, p)] = []int{rows, cols}
			if p.HasBias(s) {
				want[biasTensor(i, p)] = []int{rows}
			}
		}
	}
	return want
}

// check compares the tensors found with those that s calls for, of which the
// projections may be quantized as packed says.
func (w *weights) check(s engine.Shape, packed *Quantization) error {
	w.packed = packed
	const perLayer = int(engine.NumProjections) + len(layerNorms)
	if s.Layers > len(w.files)/perLayer {
		return fmt.Errorf("checkpoint: num_hidden_layers %d: the weights hold %d tensors, %d a layer", s.Layers, len(w.files), perLayer)
	}
	want := expected(s)
	for _, name := range sortedKeys(want) {
		f := w.files[name]
		if f == nil {
			return fmt.Errorf("checkpoint: %w", &TensorError{Tensor: name, Want: describe("", want[name])})
		}
		info := f.Tensors[name]
		if packed != nil && info.DType == U8 && quantizable(name) {
			if err := w.checkPacked(name, want[name], want); err != nil {
				return fmt.Errorf("checkpoint: %w", err)
			}
			continue
		}
		float := info.DType == F32 || info.DType == F16 || info.DType == BF16
		if !float || !slices.Equal(info.Shape, want[name]) {
			e := &TensorError{File: f.Path, Tensor: name, Got: describe(info.DType, info.Shape), Want: describe("", want[name])}
			if !float {
				e.Want += " of F32, F16 or BF16"
			}
			return fmt.Errorf("checkpoint: %w", e)
		}
	}
	for _, name := range sortedKeys(w.files) {
		if _, ok := want[name]; ok || strings.HasSuffix(name, ".rotary_emb.inv_freq") || s.TiedHead && name == headName {
			continue // old files hold the rotary angles; a tied head is compared in Load
		}
		f := w.files[name]
		info := f.Tensors[name]
		return fmt.Errorf("checkpoint: %w", &TensorError{File: f.Path, Tensor: name, Got: describe(info.DType, info.Shape)})
	}
	return nil
}

// quantizable tells whether a tensor is a projection's weight.
func quantizable(name string) bool {
	return strings.HasSuffix(name, "_proj.weight")
}

// checkPacked checks the parts of a quantized weight, and notes them in want.
func (w *weights) checkPacked(name string, shape []int, want map[string][]int) error {
	n := shape[0] * shape[1]
	if n%nf4.BlockSize != 0 {
		return fmt.Errorf("tensor %q: %d weights are not a multiple of the NF4 block of %d", name, n, nf4.BlockSize)
	}
	parts := packedParts(n, w.packed.DoubleQuant)
	for _, suffix := range sortedKeys(parts) {
		part := parts[suffix]
		f := w.files[name+suffix]
		if f == nil {
			return &TensorError{Tensor: name + suffix, Want: describe(part.DType, part.Shape)}
		}
		info := f.Tensors[name+suffix]
		if info.DType != part.DType || part.Shape != nil && !slices.Equal(info.Shape, part.Shape) {
			return &TensorError{File: f.Path, Tensor: name + suffix, Got: describe(info.DType, info.Shape), Want: describe(part.DType, part.Shape)}
		}
		want[name+suffix] = info.Shape
	}
	return nil
}

func describe(d DType, shape []int) string {
	s := fmt.Sprintf("shape %v", shape)
	if d != "" {
		s = string(d) + " of " + s
	}
	return s
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
